//! `let` and `select`: columns computed from rows.

use super::bind::{Bind, Bound};
use super::shape::{BoundColumn, Shape};
use super::{Effect, Exec, Graph, Op, Operator, Rest, RunError};
use crate::batch::Rows;
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind, Level, NodeId};
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
        let constant = is_constant(&arg.expr, &shape);
        let column = BoundColumn::new(name.as_str(), arg.expr.ty.clone())
            .constant(constant)
            .facts(shape.facts(b.schema(), &arg.expr));
        let place = shape.bind(column);
        columns.push((name, place, arg.expr));
    }
    let keep = only.then(|| {
        columns
            .iter()
            .map(|(_, place, _)| *place)
            .collect::<Vec<_>>()
    });
    if let Some(keep) = &keep {
        shape.columns = keep
            .iter()
            .map(|&place| shape.columns[place].clone())
            .collect();
    }
    Some(Bound {
        op: Arc::new(Bindings { columns, keep }),
        inputs: vec![input],
        shape,
    })
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
            (name.to_owned(), place, Expr::error())
        })
        .collect();
    Bound {
        op: Arc::new(Bindings {
            columns,
            keep: None,
        }),
        inputs: vec![input],
        shape,
    }
}

/// Whether an expression has one value per request over rows of this shape.
pub fn is_constant(expr: &Expr, shape: &Shape) -> bool {
    if expr.level < Level::Row || shape.bound == Some(1) {
        return true;
    }
    let mut constant = true;
    expr.walk_row(&mut |part| match part.kind {
        Kind::Bound(i) => constant &= shape.columns.get(i as usize).is_some_and(|c| c.constant),
        Kind::It | Kind::Score | Kind::Position => constant = false,
        _ => {}
    });
    constant
}

/// Computes columns, each at its place; then, for `select`, drops all others.
#[derive(Debug)]
struct Bindings {
    columns: Vec<(String, usize, Expr)>,
    keep: Option<Vec<usize>>,
}

impl Op for Bindings {
    fn name(&self) -> &'static str {
        if self.keep.is_some() { "select" } else { "let" }
    }

    fn details(&self, schema: &Schema) -> String {
        let parts = self
            .columns
            .iter()
            .map(|(name, _, e)| format!("{name}={}", show(e, schema)));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        self.columns.iter().map(|(_, _, e)| e).collect()
    }

    fn effect(&self) -> Effect {
        Effect::Keeps
    }

    fn binds(&self) -> Vec<&str> {
        self.columns
            .iter()
            .map(|(name, _, _)| name.as_str())
            .collect()
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let mut rows = inputs[0].clone();
        let owners = rows.owners();
        for (_, place, expr) in &self.columns {
            let column = Frame::rows(exec.run, &rows, &owners).column(expr);
            if *place == rows.columns.len() {
                rows.columns.push(column)
            } else {
                rows.columns[*place] = column
            }
        }
        if let Some(keep) = &self.keep {
            rows.columns = keep
                .iter()
                .map(|&place| rows.columns[place].clone())
                .collect();
        }
        Ok(rows)
    }

    fn lets_filters_pass(&self) -> bool {
        self.keep.is_none()
    }
}
