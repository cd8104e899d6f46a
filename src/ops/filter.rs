//! `filter`: the rows for which everything given is true.

use super::bind::{Bind, Bound};
use super::{Effect, Exec, Op, Operator, Rest, RunError};
use crate::batch::Rows;
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, NodeId};
use std::sync::Arc;

pub const FILTER: Operator = Operator {
    name: "filter",
    source: false,
    params: &[],
    keeps_shape: true,
    rest: Rest::Any,
    page: include_str!("../../docs/operators/filter.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let conditions = b.conditions(&shape)?;
    let rows_of = |set: NodeId| b.graph().shape(set).bound;
    let mut shape = shape.satisfying(b.schema(), &conditions, &rows_of);
    shape.passed.extend(b.passed());
    Some(Bound {
        op: Arc::new(Filter { conditions }),
        inputs: vec![input],
        shape,
    })
}

/// A filter on conditions that are known already.
pub fn filter(conditions: Vec<Expr>) -> Arc<dyn Op> {
    Arc::new(Filter { conditions })
}

#[derive(Debug)]
struct Filter {
    conditions: Vec<Expr>,
}

impl Op for Filter {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn details(&self, schema: &Schema) -> String {
        let parts = self.conditions.iter().map(|e| show(e, schema).to_string());
        parts.collect::<Vec<_>>().join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        self.conditions.iter().collect()
    }

    fn effect(&self) -> Effect {
        Effect::Narrows
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let rows = inputs[0];
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let mut keep = vec![1u8; rows.len()];
        for condition in &self.conditions {
            for (keep, ok) in keep.iter_mut().zip(frame.condition(condition)) {
                *keep &= u8::from(ok == 1);
            }
        }
        Ok(rows.retain(&keep))
    }

    fn as_filter(&self) -> Option<&[Expr]> {
        Some(&self.conditions)
    }

    fn lets_filters_pass(&self) -> bool {
        true
    }
}
