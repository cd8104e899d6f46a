//! `filter`: the rows for which everything given is true.

use super::bind::{Bind, Bound};
use super::{
    Becomes, Demand, Effect, Exec, Guess, Op, Operator, Rest, RunError, Used, reads_position,
};
use crate::batch::Rows;
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, NodeId, Scalar};
use crate::types::EntityId;
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
        op: filter(shape.entity, conditions),
        inputs: vec![input],
        shape,
    })
}

/// A filter of rows of an entity on conditions that are known already.
pub fn filter(entity: EntityId, conditions: Vec<Expr>) -> Arc<dyn Op> {
    Arc::new(Filter { entity, conditions })
}

/// An estimated share is a guess: more rows are asked for than it says.
const MARGIN: f64 = 1.5;
/// A sample tells no smaller share from none.
const LEAST_SHARE: f64 = 0.002;

#[derive(Clone, Debug)]
struct Filter {
    entity: EntityId,
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

    /// A condition that is always true is none.
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Op>> {
        let conditions = self.conditions.iter().cloned().map(f);
        let conditions = conditions.filter(|c| c.as_const() != Some(&Scalar::Bool(true)));
        Some(filter(self.entity, conditions.collect()))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |c: &Expr| matches!(c.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        if empty[0] || self.conditions.iter().any(never) {
            return Some(Becomes::Nothing);
        }
        self.conditions.is_empty().then_some(Becomes::Input(0))
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let rows = inputs[0];
        let _held = exec.hold("filter", rows.len() * (4 + 4 + 2))?;
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let mut keep = vec![1u8; rows.len()];
        for condition in &self.conditions {
            exec.check("filter", 0)?;
            for (keep, ok) in keep.iter_mut().zip(frame.condition(condition)) {
                *keep &= u8::from(ok == 1);
            }
        }
        Ok(rows.retain_until(&keep, exec.run.stop))
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        inputs[0] * guess.share_of_all(self.entity, &self.conditions)
    }

    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let wanted = wanted.filter(|_| input == 0)?;
        let share = guess.share_of_all(self.entity, &self.conditions);
        Some(wanted.times(MARGIN / share.max(LEAST_SHARE)))
    }

    fn as_filter(&self) -> Option<&[Expr]> {
        Some(&self.conditions)
    }

    fn lets_filters_pass(&self) -> bool {
        !reads_position(&self.conditions)
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        own.clone().of_all_rows().reading(self.exprs())
    }
}
