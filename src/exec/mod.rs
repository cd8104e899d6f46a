//! Running a plan: the nodes of a program in waves, each wave in parallel, for many requests.

#[cfg(debug_assertions)]
mod verify;

use crate::batch::Rows;
use crate::expr::NodeId;
use crate::expr::eval::Sets;
use crate::ops::{Exec, Graph, RunError};
use rayon::prelude::*;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nodes in the order in which they run: those of one wave need only earlier waves.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub waves: Vec<Vec<NodeId>>,
}

impl Schedule {
    /// The waves of the nodes that the results need.
    pub fn new(graph: &Graph, results: &[NodeId]) -> Schedule {
        let mut level = vec![0usize; graph.len()];
        let mut waves: Vec<Vec<NodeId>> = Vec::new();
        for id in graph.reachable(results) {
            let node = graph.get(id);
            let wave = node
                .needs()
                .iter()
                .map(|n| level[n.0 as usize] + 1)
                .max()
                .unwrap_or(0);
            level[id.0 as usize] = wave;
            waves.resize_with(waves.len().max(wave + 1), Vec::new);
            waves[wave].push(id);
        }
        Schedule { waves }
    }

    /// All nodes, in an order that can be run.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.waves.iter().flatten().copied()
    }
}

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
    for wave in &schedule.waves {
        let one = |&id: &NodeId| run_node(graph, id, exec, results);
        let ran: Vec<Result<Timing, RunError>> = match &wave[..] {
            [single] => vec![one(single)],
            many => many.par_iter().map(one).collect(),
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

fn run_node(graph: &Graph, id: NodeId, exec: &Exec, results: &Results) -> Result<Timing, RunError> {
    let node = graph.get(id);
    let started = Instant::now();
    let inputs: Vec<&Rows> = node
        .inputs
        .iter()
        .map(|&input| results.rows(input))
        .collect();
    let rows = node.op.run(exec, &inputs)?;
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

fn check_memory(exec: &Exec, bytes: u64) -> Result<(), RunError> {
    match exec.limits.max_memory {
        Some(max) if bytes > max => Err(RunError::Limit(format!(
            "the rows of the run take {bytes} bytes; the limit is {max} (`--max-memory`)"
        ))),
        _ => Ok(()),
    }
}

/// What a batch of rows holds, roughly: ids, scores and scalar columns.
fn bytes(rows: &Rows) -> u64 {
    (rows.len() * (12 + 8 * rows.columns.len()) + rows.offsets.len() * 4) as u64
}
