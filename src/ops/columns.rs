//! `let` and `select`: columns computed from rows.

use super::bind::{Bind, Bound};
use super::shape::BoundColumn;
use super::{
    Effect, Exec, Explaining, Graph, Instance, Op, Operator, Planning, Rest, Rewriting, RunError,
    Shape, Used, mapped,
};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::value::Val;
use crate::expr::{Expr, Frame, Kind, NodeId, Scalar};
use crate::types::Type;
use std::sync::Arc;

pub const LET: Operator = Operator {
    name: "let",
    source: false,
    params: &[],
    keeps_shape: false,
    rest: Rest::Any,
    page: include_str!("../../docs/operators/let.md"),
    bind: |b| bind(b, false),
};

pub const SELECT: Operator = Operator {
    name: "select",
    source: false,
    params: &[],
    keeps_shape: false,
    rest: Rest::Any,
    page: include_str!("../../docs/operators/select.md"),
    bind: |b| bind(b, true),
};

fn bind(b: &mut dyn Bind, only: bool) -> Option<Bound> {
    let input = b.input();
    let mut shape = b.graph().shape(input).clone();
    let args = b.bindings(&shape)?;
    let mut columns = Vec::new();
    for arg in args {
        let name = arg.name?;
        let constant = shape.is_constant(&arg.expr);
        let column = BoundColumn::new(name.as_str(), arg.expr.ty.clone())
            .constant(constant)
            .facts(shape.facts(b.schema(), &arg.expr));
        let place = shape.bind(column);
        columns.push(Binding { name, place, expr: arg.expr, read: true });
    }
    let keep = only.then(|| columns.iter().map(|c| c.place).collect::<Vec<_>>());
    if let Some(keep) = &keep {
        shape.columns = keep.iter().map(|&place| shape.columns[place].clone()).collect();
    }
    Some(Bound { op: Arc::new(Bindings { columns, keep }), inputs: vec![input], shape })
}

/// The rows of `input` in the columns of another shape: those that `input` does not have are null.
pub fn handed_on(shape: &Shape, input: &Shape) -> Arc<dyn Instance> {
    let mut columns = Vec::new();
    let mut place = |column: &BoundColumn| {
        input.find(&column.name).unwrap_or_else(|| {
            let place = input.columns.len() + columns.len();
            let expr = Expr::constant(Scalar::Null, column.ty.clone());
            columns.push(Binding { name: column.name.clone(), place, expr, read: true });
            place
        })
    };
    let keep = shape.columns.iter().map(&mut place).collect();
    Arc::new(Bindings { columns, keep: Some(keep) })
}

/// Columns of no type behind `input`, after a mistake.
pub fn unknown_columns<'n>(
    graph: &Graph,
    input: NodeId,
    names: impl Iterator<Item = &'n str>,
) -> Bound {
    let mut shape = graph.shape(input).clone();
    let columns = names
        .map(|name| {
            let place = shape.bind(BoundColumn::new(name, Type::Error));
            Binding { name: name.to_owned(), place, expr: Expr::error(), read: true }
        })
        .collect();
    Bound { op: Arc::new(Bindings { columns, keep: None }), inputs: vec![input], shape }
}

/// Computes columns, each at its place; then, for `select`, drops all others.
#[derive(Clone, Debug, Hash)]
struct Bindings {
    columns: Vec<Binding>,
    keep: Option<Vec<usize>>,
}

#[derive(Clone, Debug, Hash)]
struct Binding {
    name: String,
    place: usize,
    expr: Expr,
    /// Whether anyone reads the column.
    read: bool,
}

impl Bindings {
    /// The same with only the columns that are read computed, and what is read of the input then.
    fn reading(&self, own: &Used) -> (Bindings, Used) {
        let mut less = self.clone();
        let mut used = match &self.keep {
            Some(keep) => own.columns_from(keep.iter().copied().enumerate()),
            None => own.clone(),
        };
        for column in less.columns.iter_mut().rev() {
            column.read &= used.is_read(column.place);
            used.unread(column.place);
            if column.read {
                used = used.reading([&column.expr]);
            }
        }
        (less, used)
    }
}

impl Op for Bindings {
    fn name(&self) -> &'static str {
        if self.keep.is_some() { "select" } else { "let" }
    }

    fn details(&self, schema: &Schema) -> String {
        let parts = self.columns.iter().map(|c| format!("{}={}", c.name, show(&c.expr, schema)));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let read = self.columns.iter().filter(|column| column.read);
        read.map(|column| &column.expr).collect()
    }

    fn effect(&self) -> Effect {
        Effect::Keeps
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let width = inputs[0].width() + 4 + 8 * self.columns.len();
        let _held = exec.hold(self.name(), inputs[0].len() * width)?;
        let mut rows = inputs[0].clone();
        let owners = rows.owners();
        for Binding { place, expr, read, .. } in &self.columns {
            let column = match read {
                true => {
                    let frame = Frame::rows(exec.run, &rows, &owners);
                    exec.column(self.name(), &frame, expr)?
                }
                false => Val::null(&expr.ty).into_column(0),
            };
            if *place == rows.columns.len() {
                rows.columns.push(column);
            } else {
                rows.columns[*place] = column;
            }
        }
        if let Some(keep) = &self.keep {
            let kept = keep.iter().map(|&place| rows.columns[place].clone());
            rows.columns = kept.collect();
        }
        Ok(rows)
    }
}

impl Planning for Bindings {}

impl Rewriting for Bindings {
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, |op: &mut Bindings| op.columns.iter_mut().map(|c| &mut c.expr).collect(), f)
    }

    fn lets_filters_pass(&self) -> bool {
        self.keep.is_none() && !self.exprs().iter().any(|expr| expr.reads_position())
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        self.reading(own).1
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let (less, _) = self.reading(used);
        let fewer = less.columns.iter().zip(&self.columns).any(|(a, b)| a.read != b.read);
        fewer.then(|| Arc::new(less) as Arc<dyn Instance>)
    }
}

impl Explaining for Bindings {
    fn binds(&self) -> Vec<&str> {
        self.columns.iter().map(|c| c.name.as_str()).collect()
    }

    fn binding(&self, name: &str) -> Option<Expr> {
        // a column can read those bound before it
        let mut known: Vec<(u32, Expr)> = Vec::new();
        for column in &self.columns {
            let expr = column.expr.clone().map(&mut |part| match part.kind {
                Kind::Bound(place) => {
                    let before = known.iter().rev().find(|(known, _)| *known == place);
                    before.map_or(part, |(_, expr)| expr.clone())
                }
                _ => part,
            });
            if column.name == name {
                return Some(expr);
            }
            known.push((column.place as u32, expr));
        }
        None
    }
}
