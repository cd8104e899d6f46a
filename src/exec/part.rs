//! Runs within a run: a node for some of the requests, or a whole graph for other viewers.
//!
//! Both are the same thing, a batch of other requests: an operator never knows that it runs for a
//! part, so its rows are those that it would give in any batch.

use super::{Results, Schedule, expose, run};
use crate::batch::{RowBatch, Stop};
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Exec, Graph, Node, RunError, no_rows};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Some requests of a run, and the rows of its nodes for them.
pub(super) struct Part<'a> {
    results: &'a Results,
    /// Ascending.
    requests: &'a [u32],
    rows: Vec<OnceLock<RowBatch>>,
    stop: Stop<'a>,
    /// Bytes that are charged for the rows.
    charged: AtomicU64,
}

impl<'a> Part<'a> {
    pub fn new(results: &'a Results, requests: &'a [u32], stop: Stop<'a>) -> Part<'a> {
        Part {
            results,
            requests,
            rows: (0..results.len()).map(|_| OnceLock::new()).collect(),
            stop,
            charged: AtomicU64::new(0),
        }
    }
}

impl Sets for Part<'_> {
    fn rows(&self, node: NodeId) -> &RowBatch {
        let part = || {
            let rows = self.results.rows(node);
            let rows = rows.of_requests(self.requests, self.stop);
            let held = self.stop.hold(rows.own_bytes());
            self.charged.fetch_add(held.keep(), Ordering::Relaxed);
            rows
        };
        self.rows[node.0 as usize].get_or_init(part)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.stop.memory {
            memory.give_back(*self.charged.get_mut());
        }
    }
}

/// The rows of nodes that run for a part, and of others that ran for all.
pub(super) struct Layer<'a> {
    own: &'a Results,
    part: &'a Part<'a>,
}

impl<'a> Layer<'a> {
    pub fn new(own: &'a Results, part: &'a Part<'a>) -> Layer<'a> {
        Layer { own, part }
    }
}

impl Sets for Layer<'_> {
    fn rows(&self, node: NodeId) -> &RowBatch {
        match self.own.has(node) {
            true => self.own.rows(node),
            false => self.part.rows(node),
        }
    }
}

/// Runs a node for the requests of `mask`; the others get no rows.
pub fn run_masked(
    node: &Node,
    exec: &Exec,
    results: &Results,
    mask: &[bool],
    run_node: impl FnOnce(&Exec) -> Result<RowBatch, RunError>,
) -> Result<RowBatch, RunError> {
    let requests: Vec<u32> = (0..mask.len() as u32).filter(|&r| mask[r as usize]).collect();
    if requests.is_empty() {
        return Ok(no_rows(&node.shape, mask.len()));
    }
    let part = Part::new(results, &requests, exec.run.stop);
    let run = exec.run.of_requests(&requests, None, &part);
    let inner = exec.within(&run).logging(exec.logs());
    let rows = run_node(&inner)?;
    exec.take_ranked(&inner, &requests);
    let notes = inner.notes();
    let mut next = 0..notes.len();
    let place = |&wanted: &bool| if wanted { next.next() } else { None };
    let of: Vec<Option<usize>> = mask.iter().map(place).collect();
    exec.note(&notes.iter().collect::<Vec<_>>(), &of);
    Ok(spread(rows, mask))
}

/// Runs the graph of `schedule` once for each row of `viewers`, with that row as the viewer, and
/// gives the rows of `root`: one "request" per row.
pub fn run_as_viewers(
    graph: &Graph,
    schedule: &Schedule,
    root: NodeId,
    exec: &Exec,
    viewers: &RowBatch,
) -> Result<RowBatch, RunError> {
    if viewers.is_empty() {
        return Ok(no_rows(graph.shape(root), 0));
    }
    let keep = Some(&[root][..]);
    let (mut results, ()) = as_viewers(graph, schedule, exec, viewers, keep, |_, _| Ok(()))?;
    // the rows belong to the operator that asked for them
    results.give_back(exec.run.stop);
    Ok(Arc::unwrap_or_clone(results.take(root)))
}

/// The same, giving all rows of the inner run, and what `then` makes of it.
pub fn in_viewers<R>(
    graph: &Graph,
    schedule: &Schedule,
    exec: &Exec,
    viewers: &RowBatch,
    then: impl FnOnce(&Exec, &Results) -> Result<R, RunError>,
) -> Result<(Results, R), RunError> {
    as_viewers(graph, schedule, exec, viewers, None, then)
}

fn as_viewers<R>(
    graph: &Graph,
    schedule: &Schedule,
    exec: &Exec,
    viewers: &RowBatch,
    keep: Option<&[NodeId]>,
    then: impl FnOnce(&Exec, &Results) -> Result<R, RunError>,
) -> Result<(Results, R), RunError> {
    let owners = viewers.owners();
    let results = Results::new(graph.len());
    let made = {
        let run_as = exec.run.of_requests(&owners, Some(viewers.ids.clone()), &results);
        let inner = exec.within(&run_as);
        let ran = run(graph, schedule, &inner, &results, keep);
        if ran.is_err() {
            results.give_back(exec.run.stop);
        }
        ran?;
        if let Some(exposure) = inner.exposure {
            expose(exposure, graph, schedule.results(), &inner, &results);
        }
        let made = then(&inner, &results)?;
        exec.take_notes(inner, &owners);
        made
    };
    Ok((results, made))
}

/// The rows of some requests as those of all.
fn spread(rows: RowBatch, mask: &[bool]) -> RowBatch {
    let mut offsets = Vec::with_capacity(mask.len() + 1);
    let mut part = 0;
    offsets.push(0);
    for &wanted in mask {
        part += usize::from(wanted);
        offsets.push(rows.offsets[part]);
    }
    RowBatch { offsets, ..rows }
}
