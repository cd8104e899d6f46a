//! `filter`: the rows for which everything given is true.

use super::bind::{Bind, Bound};
use super::{
    Becomes, Demand, Effect, Exec, Explaining, Guess, Instance, Op, Operator, Part, Planning, Rest,
    Rewriting, RunError, Used,
};
use crate::batch::RowBatch;
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
    Some(Bound { op: filter(shape.entity, conditions), inputs: vec![input], shape })
}

/// A filter of rows of an entity on conditions that are known already.
pub fn filter(entity: EntityId, conditions: Vec<Expr>) -> Arc<dyn Instance> {
    Arc::new(Filter { entity, conditions, part: Part::ALL })
}

/// Of each request so many rows are looked at first, or as many as are asked for, where few may be enough.
const FIRST: usize = 256;
/// How many more they are each time that they were not enough.
const GROWTH: usize = 4;

/// An estimated share is a guess: more rows are asked for than it says.
const MARGIN: f64 = 1.5;
/// A sample tells no smaller share from none.
const LEAST_SHARE: f64 = 0.002;

#[derive(Clone, Debug, Hash)]
struct Filter {
    entity: EntityId,
    conditions: Vec<Expr>,
    part: Part,
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

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let _held = exec.hold("filter", rows.len() * (4 + 4 + 2))?;
        match self.part.most(exec.run) {
            Some(most) => self.enough(exec, rows, &most),
            None => Ok(rows.retain_until(&self.keeps(exec, rows)?, exec.run.stop)),
        }
    }

    fn part(&self) -> &Part {
        &self.part
    }
}

impl Planning for Filter {
    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        inputs[0] * guess.share_of_all(self.entity, &self.conditions)
    }

    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let wanted = wanted.filter(|_| input == 0)?;
        let share = guess.share_of_all(self.entity, &self.conditions);
        Some(wanted.times(MARGIN / share.max(LEAST_SHARE)))
    }
}

impl Rewriting for Filter {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        let mut op = self.clone();
        op.conditions.sort_by_key(Expr::key);
        Some(Arc::new(op))
    }

    /// A condition that is always true is none.
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        let conditions = self.conditions.iter().cloned().map(f);
        let conditions = conditions.filter(|c| c.as_const() != Some(&Scalar::Bool(true)));
        Some(Arc::new(Filter { conditions: conditions.collect(), ..self.clone() }))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |c: &Expr| matches!(c.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        if empty[0] || self.conditions.iter().any(never) {
            return Some(Becomes::Nothing);
        }
        self.conditions.is_empty().then_some(Becomes::Input(0))
    }

    /// Rows are looked at until there are enough, unless it makes a difference which others there are.
    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.fewer(used)?;
        let alone = !self.conditions.iter().any(Expr::reads_position);
        alone.then(|| Arc::new(Filter { part, ..self.clone() }) as Arc<dyn Instance>)
    }

    fn as_filter(&self) -> Option<&[Expr]> {
        Some(&self.conditions)
    }

    fn lets_filters_pass(&self) -> bool {
        !self.conditions.iter().any(Expr::reads_position)
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        own.clone().of_all_rows().reading(self.exprs())
    }
}

impl Explaining for Filter {}

impl Filter {
    /// Of each row 1 if it stays.
    fn keeps(&self, exec: &Exec, rows: &RowBatch) -> Result<Vec<u8>, RunError> {
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let mut keep = vec![1u8; rows.len()];
        for condition in &self.conditions {
            exec.check("filter", 0)?;
            for (keep, ok) in keep.iter_mut().zip(frame.condition(condition)) {
                *keep &= u8::from(ok == 1);
            }
        }
        Ok(keep)
    }

    /// The first rows of each request that stay, as many as `most` says.
    fn enough(&self, exec: &Exec, rows: &RowBatch, most: &[u64]) -> Result<RowBatch, RunError> {
        let stop = exec.run.stop;
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); rows.requests()];
        let mut next: Vec<usize> = (0..rows.requests()).map(|r| rows.range(r).start).collect();
        let mut step = FIRST;
        loop {
            let (mut offsets, mut places) = (vec![0], Vec::new());
            for (request, next) in next.iter_mut().enumerate() {
                let left = *next..rows.range(request).end;
                let is_open = (found[request].len() as u64) < most[request];
                let asked = usize::try_from(most[request]).unwrap_or(usize::MAX);
                let size = step.max(asked).min(left.len());
                let looked = left.start..left.start + if is_open { size } else { 0 };
                *next = looked.end;
                places.extend(looked.map(|place| place as u32));
                offsets.push(places.len() as u32);
            }
            if places.is_empty() {
                break;
            }
            let part = rows.select_until(offsets, &places, &rows.scores, stop);
            exec.check("filter", 0)?;
            let keep = self.keeps(exec, &part)?;
            for (request, found) in found.iter_mut().enumerate() {
                let missing = most[request].saturating_sub(found.len() as u64) as usize;
                let stays = part.range(request).filter(|&i| keep[i] == 1);
                found.extend(stays.take(missing).map(|i| places[i]));
            }
            step *= GROWTH;
        }
        let lengths = found.iter().map(|found| found.len() as u32);
        let offsets = RowBatch::counting(lengths).offsets;
        Ok(rows.select_until(offsets, &found.concat(), &rows.scores, stop))
    }
}
