//! Running a plan: the nodes of a program in waves, each wave in parallel, for many requests.

mod part;
mod salvage;
mod schedule;
#[cfg(debug_assertions)]
mod verify;

pub use part::{for_requests, in_viewers, run_as_viewers};
pub use salvage::{Ended, salvage};
pub use schedule::Schedule;

use crate::batch::{Rows, stretch};
use crate::expr::NodeId;
use crate::expr::eval::Sets;
use crate::ops::{Exec, Graph, Limit, RunError};
use rayon::prelude::*;
use schedule::Masks;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The rows of the nodes that have run.
pub struct Results {
    rows: Vec<OnceLock<Rows>>,
    nothing: Rows,
}

impl Results {
    pub fn new(nodes: usize) -> Results {
        Results {
            rows: (0..nodes).map(|_| OnceLock::new()).collect(),
            nothing: Rows::empty(0),
        }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the node has run.
    pub fn has(&self, node: NodeId) -> bool {
        self.rows[node.0 as usize].get().is_some()
    }

    fn take(&mut self, node: NodeId) -> Rows {
        self.rows[node.0 as usize].take().unwrap_or_default()
    }
}

impl Sets for Results {
    fn rows(&self, node: NodeId) -> &Rows {
        self.rows[node.0 as usize].get().unwrap_or(&self.nothing)
    }
}

/// What one operator did.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub node: NodeId,
    pub time: Duration,
    /// Over all requests of the run.
    pub rows: usize,
}

/// Runs every node of the schedule; the rows are in `results` afterwards.
pub fn run(
    graph: &Graph,
    schedule: &Schedule,
    exec: &Exec,
    results: &Results,
) -> Result<Vec<Timing>, RunError> {
    let mut timings = Vec::new();
    let mut memory = 0;
    let mut masks = Masks::new(graph, schedule);
    for wave in &schedule.waves {
        let wanted = masks.of_wave(wave, exec, results);
        let one = |(&id, mask): (&NodeId, &Option<Vec<bool>>)| {
            run_node(graph, schedule, id, exec, results, mask.as_deref())
        };
        let ran: Vec<Result<Timing, RunError>> = match &wave[..] {
            [single] => vec![one((single, &wanted[0]))],
            many => many.par_iter().zip(&wanted).map(one).collect(),
        };
        for timing in ran {
            let timing = timing?;
            memory += bytes(results.rows(timing.node));
            timings.push(timing);
        }
        check_memory(exec, memory)?;
    }
    Ok(timings)
}

fn run_node(
    graph: &Graph,
    schedule: &Schedule,
    id: NodeId,
    exec: &Exec,
    results: &Results,
    mask: Option<&[bool]>,
) -> Result<Timing, RunError> {
    let node = graph.get(id);
    let started = Instant::now();
    let _watched = stretch::within(node.op.name());
    let rows = match mask {
        None => run_op(graph, schedule, id, exec, results)?,
        Some(mask) => part::run_masked(node, exec, results, mask, |exec, sets| {
            run_op(graph, schedule, id, exec, sets)
        })?,
    };
    #[cfg(debug_assertions)]
    verify::verify(node, &rows, exec.run.snapshot.schema());
    let most = (0..rows.requests())
        .map(|r| rows.range(r).len() as u64)
        .max()
        .unwrap_or(0);
    exec.check(node.op.name(), most)?;
    let timing = Timing {
        node: id,
        time: started.elapsed(),
        rows: rows.len(),
    };
    // a node runs once, so the place is free
    let _ = results.rows[id.0 as usize].set(rows);
    Ok(timing)
}

/// The rows of a node over the rows of its inputs.
fn run_op(
    graph: &Graph,
    schedule: &Schedule,
    id: NodeId,
    exec: &Exec,
    sets: &dyn Sets,
) -> Result<Rows, RunError> {
    let node = graph.get(id);
    exec.warn_of_numbers(&*node.op);
    let mut inputs: Vec<&Rows> = node.inputs.iter().map(|&input| sets.rows(input)).collect();
    let (Some(root), Some(inner)) = (node.op.nested(), schedule.nested(id)) else {
        return node.op.run(exec, &inputs);
    };
    let nested = part::run_as_viewers(graph, inner, root, exec, inputs[0])?;
    inputs.push(&nested);
    node.op.run(exec, &inputs)
}

fn check_memory(exec: &Exec, bytes: u64) -> Result<(), RunError> {
    match exec.limits.max_memory {
        Some(max) if bytes > max => Err(RunError::limit(
            Limit::Memory,
            format!("the rows of the run take {bytes} bytes; the limit is {max} (`--max-memory`)"),
        )),
        _ => Ok(()),
    }
}

/// What a batch of rows holds, roughly: ids, scores and scalar columns.
fn bytes(rows: &Rows) -> u64 {
    (rows.len() * (12 + 8 * rows.columns.len()) + rows.offsets.len() * 4) as u64
}
