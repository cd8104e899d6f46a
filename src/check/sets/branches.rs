//! Sets put together: signs between them, and the branches of an operator.

use crate::check::env::{Env, Scope};
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::Scalar;
use crate::expr::{Expr, NodeId};
use crate::ops::bind::SetArg;
use crate::ops::shape::{min_bound, sum_bound};
use crate::ops::{self, Role, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, ExprKind, Name};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    pub(super) fn set_binary(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        role: Role,
    ) -> Option<NodeId> {
        let right_role = match op {
            BinaryOp::Union => role,
            BinaryOp::Sub | BinaryOp::Intersect => Role::Fact,
            _ => return self.no_sign_of_sets(op, left, right, span, env),
        };
        let (a, of_a) = self.drawing(|this| this.set(left, env, role));
        let (b, of_b) = self.drawing(|this| this.set(right, env, right_role));
        let (Some(a), Some(b)) = (a, b) else {
            // the rows are like those of the other side
            return a.or(b);
        };
        let parts = [(a, left.span), (b, right.span)];
        if op == BinaryOp::Union {
            let shape = self.joined(&parts, span)?;
            let bound = ops::union(&self.graph, a, b, shape);
            return Some(self.add(bound, span));
        }
        self.one_entity(&parts, span)?;
        let wanted = op == BinaryOp::Intersect;
        Some(self.add_narrowed((a, &of_a), (b, &of_b), wanted, span))
    }

    /// A sign that does not combine sets.
    fn no_sign_of_sets<T>(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
    ) -> Option<T> {
        let (message, help) = match op {
            BinaryOp::Add => (
                "candidate sets cannot be added",
                "write `a | b` for the rows of both, or `combine(a, b)`",
            ),
            BinaryOp::Or => (
                "candidate sets cannot be combined with `and`, `or`",
                "write `a | b` for the rows of both",
            ),
            _ => (
                "candidate sets cannot be combined with `and`, `or`",
                "write `a & b` for the rows that are in both",
            ),
        };
        let logical = matches!(op, BinaryOp::Or | BinaryOp::And) && self.is_set(right, env);
        if !(op == BinaryOp::Add || logical) || !self.is_set(left, env) {
            self.not_a_set(span);
        } else if !logical || !self.refine_sign(left.span, right.span, help) {
            self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        None
    }

    /// Reports sets of different entities.
    fn one_entity(&mut self, sets: &[(NodeId, Span)], span: Span) -> Option<()> {
        let entity = |this: &Self, set: NodeId| this.graph.shape(set).entity;
        let (first, first_span) = *sets.first()?;
        let x = entity(self, first);
        let Some((other, other_span)) = sets.iter().find(|(set, _)| entity(self, *set) != x) else {
            return Some(());
        };
        let (x, y) = (self.entity_name(x), self.entity_name(entity(self, *other)));
        let message = format!("a set of `{x}` and a set of `{y}` cannot be combined");
        self.refuse(
            Diagnostic::new(code::E0308, span, message)
                .label(first_span, format!("this is a set of `{x}`"))
                .label(*other_span, format!("this is a set of `{y}`"))
                .help("walk from one entity to the other first"),
        )
    }

    /// The shape of rows that come from any of the sets; reports sets of different entities, and
    /// a column that two of them bind with different types.
    pub(in crate::check) fn joined(
        &mut self,
        sets: &[(NodeId, Span)],
        span: Span,
    ) -> Option<Shape> {
        self.one_entity(sets, span)?;
        let shapes: Vec<&Shape> = sets.iter().map(|(set, _)| self.graph.shape(*set)).collect();
        match Shape::joined(&shapes) {
            Ok(mut shape) => {
                shape.bound = min_bound(shape.bound, self.most_rows(shape.entity));
                Some(shape)
            }
            Err(columns) => {
                let (x, y) = *columns;
                let (tx, ty) = (self.type_name(&x.ty), self.type_name(&y.ty));
                let message =
                    format!("column `{}` is {tx} in one branch and {ty} in the other", x.name);
                let help = "give the two columns different names";
                self.refuse(Diagnostic::new(code::E0311, span, message).help(help))
            }
        }
    }

    /// Most rows of an entity that a set can have: those of its table, and those that are asked for by
    /// keys that the table may not have.
    fn most_rows(&self, entity: EntityId) -> Option<u64> {
        let stored = u64::from(self.schema.entity(entity).rows);
        let by_key = self.by_key.iter().map(|&node| self.graph.shape(node));
        let mut by_key = by_key.filter(|shape| shape.entity == entity);
        by_key.try_fold(stored, |most, shape| sum_bound(Some(most), shape.bound))
    }

    /// The arguments of an operator that combines sets. `first` is what it follows.
    pub(in crate::check) fn branches(
        &mut self,
        first: Option<(&'a ast::Expr, NodeId)>,
        args: &[&'a Arg],
        weighted: bool,
        env: &Env<'a>,
        role: Role,
    ) -> Vec<Option<SetArg>> {
        let mut found: Vec<Option<SetArg>> = Vec::new();
        if let Some((expr, set)) = first {
            found.push(Some(SetArg {
                name: branch_name(None, expr, 1),
                set,
                span: expr.span,
                weight: Expr::constant(Scalar::F64(1.0), Type::Float),
                weight_span: expr.span,
            }));
        }
        for arg in args {
            let number = found.len() + 1;
            found.push(self.branch(arg, number, weighted, env, role));
        }
        found
    }

    pub(super) fn branch(
        &mut self,
        arg: &'a Arg,
        number: usize,
        weighted: bool,
        env: &Env<'a>,
        role: Role,
    ) -> Option<SetArg> {
        let (weight, set) = self.weight_and_set(&arg.value, weighted, env)?;
        let node = self.set(set, env, role);
        let weight_span = weight.map_or(set.span, |w| w.span);
        let weight = match weight {
            Some(weight) => self.typed(weight, env, &Scope::request(), &Type::Float),
            None => Expr::constant(Scalar::F64(1.0), Type::Float),
        };
        Some(SetArg {
            name: branch_name(arg.name.as_ref(), set, number),
            set: node?,
            span: set.span,
            weight: (!weight.is_error()).then_some(weight)?,
            weight_span,
        })
    }

    /// `0.7 * a`: the weight of a branch, if it is written, and its set.
    fn weight_and_set(
        &mut self,
        branch: &'a ast::Expr,
        weighted: bool,
        env: &Env<'a>,
    ) -> Option<(Option<&'a ast::Expr>, &'a ast::Expr)> {
        match &branch.kind {
            ExprKind::List(_) | ExprKind::Record(_) => {
                let Some(sets) = self.sets_within(branch, env) else {
                    return Some((None, branch));
                };
                let sets = sets.join(", ");
                let shown = if sets.len() > 80 { "a, b" } else { &sets };
                let message = "sets are arguments of their own";
                let help = format!("leave the brackets out: `{shown}`");
                self.refuse(Diagnostic::new(code::E0313, branch.span, message).help(help))
            }
            ExprKind::Binary { op: BinaryOp::Mul, left, right } if weighted => {
                if self.is_set(right, env) {
                    return Some((Some(left), right));
                }
                if !self.is_set(left, env) {
                    return Some((None, branch));
                }
                let message = "the weight of a branch stands before it";
                let help = "write `0.7 * a`";
                self.refuse(Diagnostic::new(code::E0312, branch.span, message).help(help))
            }
            _ => Some((None, branch)),
        }
    }

    /// The sets of a list or record, as they would be given as arguments.
    fn sets_within(&self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<Vec<String>> {
        let printed = crate::syntax::print_expression;
        let sets: Option<Vec<String>> = match &expr.kind {
            ExprKind::List(items) => {
                let sets = items.iter();
                sets.map(|item| self.is_set(item, env).then(|| printed(item))).collect()
            }
            ExprKind::Record(fields) => {
                let sets = fields.iter();
                sets.map(|(name, set)| {
                    let given = || format!("{}={}", name.text, printed(set));
                    self.is_set(set, env).then(given)
                })
                .collect()
            }
            _ => None,
        };
        sets.filter(|sets| !sets.is_empty())
    }
}

pub(super) fn is_literal(expr: &ast::Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) | ExprKind::Duration(_)
    )
}

/// The name it was given, else that of its binding, else its number.
fn branch_name(given: Option<&Name>, set: &ast::Expr, number: usize) -> String {
    match (given, bare_name(set)) {
        (Some(name), _) => name.text.clone(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => format!("#{number}"),
    }
}
