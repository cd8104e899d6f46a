//! `fallback`: the next set where those before are short.

use super::bind::{Bind, Bound, Quantity};
use super::kit::join::{Join, Picked, bases};
use super::{
    Demand, Exec, Explaining, Guess, Instance, Op, Operator, Param, Planning, Rest, Rewriting,
    RunError, Used, mapped,
};
use crate::batch::{Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::Expr;
use std::collections::HashSet;
use std::sync::Arc;

pub const FALLBACK: Operator = Operator {
    name: "fallback",
    source: true,
    params: &[Param { name: "at_least", ty: "int", named: true }],
    keeps_shape: false,
    rest: Rest::Sets,
    page: include_str!("../../docs/operators/fallback.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let branches = b.branches(false);
    let at_least = b.count("at_least");
    let (branches, at_least) = (branches?, at_least?);
    let Some(at_least) = at_least else {
        let message = "`fallback` needs `at_least`: below how many rows the next set is appended";
        let help = "write `fallback(a, b, at_least=20)`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    if at_least == Quantity::Number(0) {
        let message = "`at_least` 0 is always satisfied: the other sets never run";
        let help = "ask for at least one row";
        b.report(Diagnostic::new(code::E0601, b.arg_span("at_least"), message).help(help));
        return None;
    }
    let shape = {
        let sets: Vec<_> = branches.iter().map(|branch| (branch.set, branch.span)).collect();
        b.joined(&sets)?
    };
    let inputs: Vec<_> = branches.iter().map(|branch| branch.set).collect();
    let shapes: Vec<_> = inputs.iter().map(|&set| b.graph().shape(set)).collect();
    let join = Join::new(&shape, &shapes);
    Some(Bound { op: Arc::new(Fallback { at_least, join }), inputs, shape })
}

#[derive(Clone, Debug, Hash)]
struct Fallback {
    at_least: Quantity,
    join: Join,
}

impl Op for Fallback {
    fn name(&self) -> &'static str {
        "fallback"
    }

    fn details(&self, schema: &Schema) -> String {
        format!("at_least={}", self.at_least.show(schema))
    }

    fn exprs(&self) -> Vec<&Expr> {
        match &self.at_least {
            Quantity::PerRequest(expr) => vec![expr],
            _ => Vec::new(),
        }
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let at_least = self.at_least.per_request(exec.run);
        let bases = bases(inputs);
        let mut picked = Picked::default();
        let _held = Picked::hold(exec, "fallback", inputs, 16)?;
        let pace = Pace::new(exec.run.stop);
        for (request, &least) in at_least.iter().enumerate() {
            let mut present = HashSet::new();
            for (number, (input, &base)) in inputs.iter().zip(&bases).enumerate() {
                // the first set is always there
                if number > 0 && present.len() as u64 >= least {
                    break;
                }
                append(input, base, request, &mut present, &mut picked, &pace);
            }
            picked.end_request();
        }
        picked.rows(exec, "fallback", &self.join, inputs)
    }

    fn gate(&self, input: usize) -> Option<usize> {
        (input > 0).then_some(input)
    }

    fn wants(&self, exec: &Exec, _: usize, earlier: &[&RowBatch]) -> Vec<bool> {
        let at_least = self.at_least.per_request(exec.run);
        let short = |(request, least): (usize, u64)| {
            let ids = earlier.iter().flat_map(|rows| &rows.ids[rows.range(request)]);
            (ids.collect::<HashSet<_>>().len() as u64) < least
        };
        at_least.into_iter().enumerate().map(short).collect()
    }
}

impl Planning for Fallback {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("at_least", &self.at_least)]
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let least = guess.number(&self.at_least).unwrap_or(f64::INFINITY);
        let (first, rest) = (inputs[0], &inputs[1..]);
        rest.iter().fold(first, |n, more| if n < least { n + more } else { n })
    }

    /// The first set should do alone, and so should each that stands in for it.
    fn demand(&self, guess: &dyn Guess, _: usize, wanted: Option<Demand>) -> Option<Demand> {
        let least = guess.number(&self.at_least).map(Demand::rows);
        match (least, wanted) {
            (Some(a), Some(b)) => Some(a.both(b)),
            (a, b) => a.or(b),
        }
    }
}

impl Rewriting for Fallback {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(Fallback { join: Join::default(), ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, |op: &mut Fallback| op.at_least.expr_mut().into_iter().collect(), f)
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        self.join.uses(input, own).in_order().of_all_rows()
    }
}

impl Explaining for Fallback {
    fn passes(&self, _: usize) -> bool {
        true
    }
}

/// Appends the rows of a request that are not there yet.
fn append(
    rows: &RowBatch,
    base: u32,
    request: usize,
    present: &mut HashSet<u32>,
    picked: &mut Picked,
    pace: &Pace,
) {
    for row in rows.range(request) {
        if pace.is_due_before(60) {
            break;
        }
        if present.insert(rows.ids[row]) {
            picked.push(rows, base, row);
        }
    }
}
