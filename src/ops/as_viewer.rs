//! `as_viewer`: a set evaluated with each row as the viewer, merged to one.

use super::bind::{Bind, Bound};
use super::estimate::UNKNOWN_SHARE;
use super::kit::fanout::{Contributions, Ties, merge};
use super::kit::fold::Merge;
use super::shape::{Score, Shape};
use super::{
    Demand, Exec, Explaining, Guess, Instance, Op, Operator, Param, Part, Planning, Rest,
    Rewriting, RunError,
};
use crate::batch::{Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::{Expr, NodeId};
use std::collections::HashMap;
use std::sync::Arc;

pub const AS_VIEWER: Operator = Operator {
    name: "as_viewer",
    source: false,
    params: &[
        Param { name: "expr", ty: "set", named: false },
        Param { name: "merge", ty: "min|max|sum|count|mean|noisy_or", named: false },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/as_viewer.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let (entity, viewer) = (b.graph().shape(input).entity, b.schema().viewer);
    if entity != viewer {
        let (found, wanted) =
            (b.schema().entity(entity).name.clone(), b.schema().entity(viewer).name.clone());
        let message =
            format!("`as_viewer` applies to a set of `{wanted}`, but this is a set of `{found}`");
        let help = format!("the viewer must be a `{wanted}`");
        b.report(Diagnostic::new(code::E0301, b.span(), message).help(help));
        return None;
    }
    let role = b.role();
    let set = b.set("expr", role);
    let how = b.choice("merge", &Merge::CASES);
    let (set, how) = (set?, how?);
    let Some(set) = set else {
        let message = "`as_viewer` needs the set to evaluate";
        let help = "write `members.as_viewer(user.liked_media())`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    let how = how.map_or(Merge::Min, |choice| Merge::from_case(choice.case));
    let shape = shape(b.graph().shape(input), b.graph().shape(set), how);
    Some(Bound { op: Arc::new(AsViewer { set, how }), inputs: vec![input], shape })
}

/// Rows of the set's shape, of which nothing is said that a viewer decides.
fn shape(members: &Shape, set: &Shape, how: Merge) -> Shape {
    let all = members.bound.zip(set.bound);
    let mut shape = set.clone().scored(Score::UNKNOWN);
    shape.bound = match how {
        Merge::Min => set.bound,
        _ => all.map(|(a, b)| a.saturating_mul(b)),
    };
    shape.asked = None;
    shape.known.clear();
    shape.columns.iter_mut().for_each(|c| c.constant = false);
    shape
}

#[derive(Debug, Hash)]
struct AsViewer {
    /// In the graph, but for other viewers.
    set: NodeId,
    how: Merge,
}

impl Op for AsViewer {
    fn name(&self) -> &'static str {
        "as_viewer"
    }

    fn details(&self, _: &Schema) -> String {
        format!("#{}, merge={}", self.set.0, self.how.name())
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn nested(&self) -> Option<NodeId> {
        Some(self.set)
    }

    /// The second input has the rows of every member: one request for each row of the first.
    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (members, found) = (inputs[0], inputs[1]);
        // the rows of all members, once more, what they contribute, and how many have each
        let _held = exec.hold("as_viewer", found.len() * (2 * found.width() + 60))?;
        let pace = Pace::new(exec.run.stop);
        let all = RowBatch {
            offsets: members.offsets.iter().map(|&member| found.offsets[member as usize]).collect(),
            ..found.clone()
        };
        let mut from = Contributions { offsets: vec![0], ..Contributions::default() };
        for request in 0..all.requests() {
            let range = all.range(request);
            let everyone = members.range(request).len();
            let missed = match self.how {
                Merge::Min => counts(&all.ids[range.clone()], &pace),
                _ => HashMap::new(),
            };
            for row in range {
                if pace.is_due_before(60) {
                    break;
                }
                let id = all.ids[row];
                if missed.get(&id).is_none_or(|&count| count == everyone) {
                    from.parents.push(row as u32);
                    from.ids.push(id);
                }
            }
            from.offsets.push(from.ids.len() as u32);
        }
        exec.check("as_viewer", 0)?;
        let how = (self.how, Ties::Table);
        merge(exec, self, &all, &from, how, &Part::ALL)
    }
}

impl Planning for AsViewer {
    fn estimate(&self, _: &dyn Guess, inputs: &[f64]) -> f64 {
        let each = inputs.last().copied().unwrap_or(0.0);
        match self.how {
            Merge::Min => each * UNKNOWN_SHARE,
            _ => each * inputs[0].max(1.0).sqrt(),
        }
    }

    /// Asked of the set that is evaluated for every member, which comes after the inputs.
    fn demand(&self, _: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        let shared = match self.how {
            Merge::Min => UNKNOWN_SHARE,
            _ => 1.0,
        };
        wanted.filter(|_| input == 1).map(|demand| demand.times(1.0 / shared))
    }
}

impl Rewriting for AsViewer {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(AsViewer { set: NodeId(0), how: self.how }))
    }
}

impl Explaining for AsViewer {}

/// How many members have each entity.
fn counts(ids: &[u32], pace: &Pace) -> HashMap<u32, usize> {
    let mut counts = HashMap::with_capacity(ids.len());
    ids.iter()
        .take_while(|_| !pace.is_due_before(60))
        .for_each(|&id| *counts.entry(id).or_insert(0) += 1);
    counts
}
