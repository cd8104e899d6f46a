//! What is constant in an expression is its value, as evaluation gives it.

use super::Rewriting;
use crate::batch::Stop;
use crate::batch::{Column, RowBatch};
use crate::expr::functions::Role;
use crate::expr::ir::Mapped;
use crate::expr::run::{Ends, Members, Memo, Sets};
use crate::expr::texts::{Keys, Texts};
use crate::expr::{Expr, Frame, Kind, Level, NodeId, Run, Scalar};
use crate::store::Snapshot;
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type};

/// `x and true` is `x`, of `a if 1 < 2 else b` there is only `a`, and what is read of one row of the
/// catalog is read once. A definition that is used with constants leaves such parts behind; calls of
/// constants alone are values before that, when they are checked.
pub fn constants(rewriting: &mut Rewriting) {
    let none = Nothing(RowBatch::empty(1));
    let folding = Folding::new(rewriting.snapshot, &none);
    let mut known = Mapped::default();
    let folded = |&id: &NodeId| {
        let node = rewriting.graph.get(id);
        if !node.op.exprs().into_iter().any(|expr| folding.may_fold(expr)) {
            return None;
        }
        let fold = &mut |part: Expr| folding.folded(&part).unwrap_or(part);
        let op = node.op.mapped(&mut |expr| expr.map_among(&mut known, fold))?;
        (op.exprs() != node.op.exprs()).then(|| (id, op, node.inputs.clone()))
    };
    let others = rewriting.running.iter().filter_map(folded).collect();
    rewriting.replace(others);
}

/// Constants read no sets.
struct Nothing(RowBatch);

impl Sets for Nothing {
    fn rows(&self, _: NodeId) -> &RowBatch {
        &self.0
    }
}

/// Evaluation without a request.
struct Folding<'a> {
    snapshot: &'a Snapshot,
    none: &'a Nothing,
}

impl<'a> Folding<'a> {
    fn new(snapshot: &'a Snapshot, none: &'a Nothing) -> Self {
        Folding { snapshot, none }
    }

    /// Whether an operator can be another with the expression folded, as a filter that is always true.
    fn may_fold(&self, expr: &Expr) -> bool {
        let mut folds = expr.as_const().is_some();
        expr.walk(&mut |part| folds = folds || self.folded(part).is_some());
        folds
    }

    /// What an expression is whose parts are folded, if it is anything else.
    fn folded(&self, expr: &Expr) -> Option<Expr> {
        if expr.level == Level::Constant {
            let value = self.value(expr)?;
            return Some(Expr::constant(value, expr.ty.clone()));
        }
        match &expr.kind {
            Kind::Call { kernel, args } => match (kernel.role(), &args[..]) {
                (Role::And, [a, b]) => either(a, b, true),
                (Role::Or, [a, b]) => either(a, b, false),
                (Role::Coalesce, [a, b]) => match a.as_const() {
                    Some(Scalar::Null) => of_type(b, &expr.ty),
                    Some(_) => of_type(a, &expr.ty),
                    None => None,
                },
                _ => None,
            },
            Kind::If { condition, then, otherwise } => match condition.as_const() {
                Some(Scalar::Bool(true)) => of_type(then, &expr.ty),
                Some(_) => of_type(otherwise, &expr.ty),
                None => None,
            },
            _ => None,
        }
    }

    /// The value of an expression that reads nothing of a request; none for lists and vectors.
    fn value(&self, expr: &Expr) -> Option<Scalar> {
        if expr.as_const().is_some() || expr.ty.is_open() {
            return None;
        }
        let (texts, keys) = (Texts::new(self.snapshot), Keys::new(self.snapshot));
        let run = Run {
            snapshot: self.snapshot,
            texts: &texts,
            keys: &keys,
            now: vec![0],
            viewers: vec![NULL_CODE],
            params: Vec::new(),
            seeds: vec![0],
            sets: self.none,
            stop: Stop::default(),
            members: Members::default(),
            memo: Memo::default(),
            ends: Ends::default(),
            kept: None,
            past: None,
        };
        scalar(&run, &Frame::requests(&run).column(expr), &expr.ty)
    }
}

/// `a and b` (`a or b`, if `neutral` is false) where one of them is a constant that decides. With a
/// null neither does.
fn either(a: &Expr, b: &Expr, neutral: bool) -> Option<Expr> {
    let one = |constant: &Expr, other: &Expr| match constant.as_const() {
        Some(Scalar::Bool(value)) if *value == neutral => of_type(other, &Type::Bool),
        Some(Scalar::Bool(_)) => of_type(constant, &Type::Bool),
        _ => None,
    };
    one(a, b).or_else(|| one(b, a))
}

/// A part in the place of the whole, if it is of its type.
fn of_type(part: &Expr, ty: &Type) -> Option<Expr> {
    match part.as_const() {
        Some(Scalar::Null) => Some(Expr::constant(Scalar::Null, ty.clone())),
        _ => (part.ty == *ty).then(|| part.clone()),
    }
}

/// The first value of a column as a constant.
fn scalar(run: &Run, column: &Column, ty: &Type) -> Option<Scalar> {
    Some(match (ty, column) {
        (Type::Int | Type::Time | Type::Duration, Column::I64(v)) => match v[0] {
            NULL_INT => Scalar::Null,
            v => Scalar::I64(v),
        },
        (Type::Float, Column::F64(v)) if v[0].is_nan() => Scalar::Null,
        (Type::Float, Column::F64(v)) => Scalar::F64(v[0]),
        (Type::Bool, Column::Bool(v)) => match v[0] {
            NULL_BOOL => Scalar::Null,
            v => Scalar::Bool(v == 1),
        },
        (Type::String, Column::Code(v)) => match v[0] {
            NULL_CODE => Scalar::Null,
            code if code < run.snapshot.strings() => Scalar::Code(code),
            code => Scalar::Text(run.texts.get(code)?.as_ref().into()),
        },
        (Type::Id(entity), Column::Code(v)) => match v[0] {
            NULL_CODE => Scalar::Null,
            id if id < run.snapshot.schema().entity(*entity).rows => Scalar::Code(id),
            id => Scalar::Key(*entity, run.keys.key(*entity, id)?),
        },
        _ => return None,
    })
}
