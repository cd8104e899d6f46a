//! How many links rows have, before they are gathered.

use crate::batch::{ColumnView, Held, Pace, Stop};
use crate::expr::ir::{EdgeExpr, EdgeKind};
use crate::expr::run::Run;
use crate::store::Adjacency;
use std::ops::Range;

/// Links that are gathered together, unless a single row has more.
const LINKS: usize = 1 << 14;
/// Bytes that a gathered link takes with what is made of it: its ends, time, weight and place, sorted and
/// filtered once, and a value.
const LINK_BYTES: usize = 96;

/// How many links rows have, before they are gathered.
pub enum Degrees<'a> {
    Stored(Adjacency<'a>),
    /// The rows that a reference leads to.
    Referred(&'a [u32]),
    Sum(Vec<Degrees<'a>>),
    Chain(Box<Degrees<'a>>, Box<Degrees<'a>>),
}

impl<'a> Degrees<'a> {
    /// Of an edge. Links that a condition leaves out count.
    pub fn of(run: &'a Run, edge: &EdgeExpr) -> Degrees<'a> {
        match &edge.kind {
            EdgeKind::Table { edge, reverse } => {
                Degrees::Stored(run.snapshot.adjacency(*edge, *reverse))
            }
            EdgeKind::Reference { entity, reference, reverse: true } => {
                Degrees::Stored(run.snapshot.referrers(*entity, *reference as usize))
            }
            EdgeKind::Reference { entity, reference, .. } => {
                let column =
                    run.snapshot.schema().entity(*entity).references[*reference as usize].column;
                match run.snapshot.column(*entity, column) {
                    ColumnView::Code(ids) => Degrees::Referred(ids),
                    _ => Degrees::Referred(&[]),
                }
            }
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
                Degrees::of(run, inner)
            }
            EdgeKind::Union { branches, .. } => {
                Degrees::Sum(branches.iter().map(|b| Degrees::of(run, b)).collect())
            }
            EdgeKind::Chain { first, second, .. } => Degrees::Chain(
                Box::new(Degrees::of(run, first)),
                Box::new(Degrees::of(run, second)),
            ),
        }
    }

    /// How many links a row has, those on the way included. If the run has to end, any number.
    pub fn count(&self, id: u32, pace: &Pace) -> usize {
        match self {
            Degrees::Stored(adjacency) => adjacency.range(id).len(),
            Degrees::Referred(_) => 1,
            Degrees::Sum(parts) => parts.iter().map(|part| part.count(id, pace)).sum(),
            Degrees::Chain(first, second) => {
                let mut sum = first.count(id, pace);
                first.each(id, pace, &mut |to| sum += second.count(to, pace));
                sum
            }
        }
    }

    /// Calls `f` with every row that a link leads to.
    fn each(&self, id: u32, pace: &Pace, f: &mut dyn FnMut(u32)) {
        match self {
            Degrees::Stored(adjacency) => {
                let targets = adjacency.target[adjacency.range(id)].iter();
                targets.take_while(|_| !pace.is_due_before(5)).for_each(|&to| f(to));
            }
            Degrees::Referred(ids) => ids.get(id as usize).into_iter().for_each(|&to| f(to)),
            Degrees::Sum(parts) => parts.iter().for_each(|part| part.each(id, pace, f)),
            Degrees::Chain(first, second) => {
                first.each(id, pace, &mut |to| second.each(to, pace, f));
            }
        }
    }

    /// Rows in parts with few links each, or of a single row: their places, and how many links they have.
    /// No more parts come when the run has to end.
    pub fn parts<'s>(
        &'s self,
        stop: Stop<'s>,
        ids: &'s [u32],
        most_rows: usize,
    ) -> impl Iterator<Item = (Range<usize>, usize)> + 's {
        let pace = Pace::new(stop);
        let (mut next, mut ahead) = (0, None);
        std::iter::from_fn(move || {
            let start = next;
            let mut links = 0;
            while next < ids.len().min(start + most_rows) {
                let more = ahead.take().unwrap_or_else(|| self.count(ids[next], &pace));
                if next > start && links + more > LINKS {
                    ahead = Some(more);
                    break;
                }
                links += more;
                next += 1;
            }
            let ends = next == start || pace.is_due_before(10 * links);
            (!ends).then_some((start..next, links))
        })
    }
}

/// Charges what gathered links take.
pub fn hold_links<'a>(run: &Run<'a>, links: usize) -> Held<'a> {
    run.stop.hold(links * LINK_BYTES)
}
