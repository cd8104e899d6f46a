//! Running a plan: the nodes of a program in waves, each wave in parallel, for many requests.

mod common;
mod exposure;
mod kept;
mod part;
mod salvage;
mod schedule;
#[cfg(debug_assertions)]
mod verify;

pub use common::{Cache, shared};
pub use exposure::expose;
pub use kept::{Kept, key_of};
pub use part::{in_viewers, run_as_viewers};
pub use salvage::{Ended, salvage};
pub use schedule::Schedule;

use crate::batch::{RowBatch, Stop, stretch};
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Exec, Graph, RunError};
use rayon::prelude::*;
use schedule::Masks;
use std::borrow::Cow;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The rows of the nodes that have run.
pub struct Results {
    rows: Vec<OnceLock<Done>>,
    nothing: RowBatch,
    /// Elements of lists and vectors that columns share, by where they are: how many columns have them, and
    /// how many bytes are charged for them.
    elements: Mutex<HashMap<usize, (usize, u64)>>,
}

/// The rows of a node, until they are freed.
struct Done {
    rows: UnsafeCell<Arc<RowBatch>>,
    /// Bytes that are charged for them.
    charged: AtomicU64,
}

// SAFETY: the rows are changed by `Results::free` alone, which asks that nobody reads them.
unsafe impl Sync for Done {}

impl Results {
    pub fn new(nodes: usize) -> Results {
        Results {
            rows: (0..nodes).map(|_| OnceLock::new()).collect(),
            nothing: RowBatch::empty(0),
            elements: Mutex::default(),
        }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the node has run.
    pub fn has(&self, node: NodeId) -> bool {
        self.rows[node.0 as usize].get().is_some()
    }

    /// The rows of a node that has run.
    fn shared(&self, node: NodeId) -> Option<Arc<RowBatch>> {
        let done = self.rows[node.0 as usize].get()?;
        // SAFETY: they are changed only where nobody holds a reference
        Some(unsafe { &*done.rows.get() }.clone())
    }

    fn take(&mut self, node: NodeId) -> Arc<RowBatch> {
        let done = self.rows[node.0 as usize].take();
        done.map(|done| done.rows.into_inner()).unwrap_or_default()
    }

    /// Puts the rows of a node, which has none yet, and charges them; false if they are too many.
    fn put(&self, node: NodeId, rows: Arc<RowBatch>, stop: Stop) -> bool {
        let own = rows.own_bytes();
        let mut elements = self.elements.lock().unwrap_or_else(|e| e.into_inner());
        let is_new = |(place, _): &(usize, usize)| !elements.contains_key(place);
        let new: usize = rows.elements().filter(is_new).map(|(_, bytes)| bytes).sum();
        let mut held = stop.hold(0);
        if !held.grow(own + new) {
            return false;
        }
        held.keep();
        for (place, bytes) in rows.elements() {
            elements.entry(place).or_insert((0, bytes as u64)).0 += 1;
        }
        drop(elements);
        let done = Done { rows: UnsafeCell::new(rows), charged: AtomicU64::new(own as u64) };
        // a node runs once, so the place is free
        let _ = self.rows[node.0 as usize].set(done);
        true
    }

    /// Notes how many rows the requests had at a node whose rows nobody reads.
    fn note(&self, node: NodeId, counts: RowBatch) {
        let done = Done { rows: UnsafeCell::new(Arc::new(counts)), charged: AtomicU64::new(0) };
        let _ = self.rows[node.0 as usize].set(done);
    }

    /// Frees the rows of a node; how many each request had stays.
    ///
    /// # Safety
    /// Nobody may hold a reference to them, nor read them while they are freed.
    unsafe fn free(&self, node: NodeId, stop: Stop) {
        let Some(done) = self.rows[node.0 as usize].get() else {
            return;
        };
        // SAFETY: as said above
        let rows = unsafe { &mut *done.rows.get() };
        // how many there were is still asked
        let counts = RowBatch { offsets: rows.offsets.clone(), ..RowBatch::default() };
        let rows = std::mem::replace(rows, Arc::new(counts));
        let mut bytes = done.charged.swap(0, Ordering::Relaxed);
        let mut elements = self.elements.lock().unwrap_or_else(|e| e.into_inner());
        for (place, _) in rows.elements() {
            if let Some((columns, charged)) = elements.get_mut(&place) {
                *columns -= 1;
                if *columns == 0 {
                    bytes += *charged;
                    elements.remove(&place);
                }
            }
        }
        // on this thread: what is given back has to be free
        drop(rows);
        if let Some(memory) = stop.memory {
            memory.give_back(bytes);
        }
    }

    /// Gives back what is charged for all rows.
    fn give_back(&self, stop: Stop) {
        let Some(memory) = stop.memory else { return };
        let done = self.rows.iter().filter_map(OnceLock::get);
        let own: u64 = done.map(|done| done.charged.swap(0, Ordering::Relaxed)).sum();
        let mut elements = self.elements.lock().unwrap_or_else(|e| e.into_inner());
        let shared: u64 = elements.drain().map(|(_, (_, bytes))| bytes).sum();
        memory.give_back(own + shared);
    }
}

impl Sets for Results {
    fn rows(&self, node: NodeId) -> &RowBatch {
        match self.rows[node.0 as usize].get() {
            // SAFETY: they are changed only where nobody holds a reference
            Some(done) => unsafe { &*done.rows.get() },
            None => &self.nothing,
        }
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

/// Runs every node of the schedule; the rows of those that `keep` names, or of all, are in `results`
/// afterwards, which are where `exec` finds sets. Nobody may hold a reference to rows of `results` meanwhile.
pub fn run(
    graph: &Graph,
    schedule: &Schedule,
    exec: &Exec,
    results: &Results,
    keep: Option<&[NodeId]>,
) -> Result<Vec<Timing>, RunError> {
    let Some(region) = &schedule.region else {
        return run_waves(graph, schedule, exec, results, keep, None);
    };
    let mut timings = region.run(graph, schedule, exec, results, keep)?;
    let is_outer = |id| !region.has(id) || region.is_read(id);
    let rest = Share { runs: &|id| !results.has(id) && is_outer(id), frees: &is_outer };
    timings.extend(run_waves(graph, schedule, exec, results, keep, Some(&rest))?);
    Ok(timings)
}

/// Some of the nodes: which run, and of which the rows are freed when nobody reads them any more.
struct Share<'a> {
    runs: &'a dyn Fn(NodeId) -> bool,
    frees: &'a dyn Fn(NodeId) -> bool,
}

/// Runs the nodes of a share, or all.
fn run_waves(
    graph: &Graph,
    schedule: &Schedule,
    exec: &Exec,
    results: &Results,
    keep: Option<&[NodeId]>,
    share: Option<&Share>,
) -> Result<Vec<Timing>, RunError> {
    let mut timings = Vec::new();
    let mut masks = Masks::new(graph, schedule);
    let unread = keep.map(|keep| unread(graph, schedule, keep));
    // where others run beside this run, which needed too much cannot be told: one at a time
    let shares = !exec.is_within() || exec.run.stop.memory.is_none();
    for (number, wave) in schedule.waves.iter().enumerate() {
        let wave = match share {
            Some(share) => wave.iter().copied().filter(|&id| (share.runs)(id)).collect(),
            None => Cow::Borrowed(&wave[..]),
        };
        let wanted = masks.of_wave(&wave, exec, results);
        let one = |(&id, mask): (&NodeId, &Option<Vec<bool>>)| match schedule.common(id) {
            Some(common) => common.run(graph, exec, results, mask.as_deref()),
            None => run_node(graph, schedule, id, exec, results, mask.as_deref()),
        };
        let mut ran: Vec<Result<Vec<Timing>, RunError>> = match &wave[..] {
            many if many.len() > 1 && shares => many.par_iter().zip(&wanted).map(one).collect(),
            few => few.iter().zip(&wanted).map(one).collect(),
        };
        if wave.len() > 1
            && shares
            && let Some(memory) = exec.run.stop.memory.filter(|memory| memory.is_over())
        {
            // together they were too much: whether the limit is hit does not depend on threads
            memory.retry();
            for (place, ran) in ran.iter_mut().enumerate().filter(|(_, ran)| ran.is_err()) {
                *ran = one((&wave[place], &wanted[place]));
            }
        }
        for ran in ran {
            timings.extend(ran?);
        }
        let done = unread.iter().flat_map(|unread| &unread[number]);
        for &node in done.filter(|&&node| share.is_none_or(|share| (share.frees)(node))) {
            // SAFETY: the operators that read it are done, and nobody else has a reference
            unsafe { results.free(node, exec.run.stop) };
        }
    }
    Ok(timings)
}

/// Of each wave, the nodes that nobody reads after it. What decides whether an input is wanted may be
/// asked again at any time, and stays.
fn unread(graph: &Graph, schedule: &Schedule, keep: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut last = vec![None; graph.len()];
    let mut decides = vec![false; graph.len()];
    for (number, wave) in schedule.waves.iter().enumerate() {
        for id in wave.iter().flat_map(|&id| schedule.computing(id)) {
            let node = graph.get(id);
            last[id.0 as usize].get_or_insert(number);
            let is_gated = (0..node.inputs.len()).any(|input| node.op.gate(input).is_some());
            for &read in node.needs() {
                last[read.0 as usize] = Some(number);
                decides[read.0 as usize] |= is_gated;
            }
        }
    }
    let mut unread = vec![Vec::new(); schedule.waves.len()];
    for (node, number) in last.into_iter().enumerate() {
        let stays = decides[node];
        let node = NodeId(node as u32);
        if let Some(number) = number.filter(|_| !stays && !keep.contains(&node)) {
            unread[number].push(node);
        }
    }
    unread
}

fn run_node(
    graph: &Graph,
    schedule: &Schedule,
    id: NodeId,
    exec: &Exec,
    results: &Results,
    mask: Option<&[bool]>,
) -> Result<Vec<Timing>, RunError> {
    let node = graph.get(id);
    let started = Instant::now();
    let _watched = stretch::within(node.op.name());
    let rows = match mask {
        None => run_op(graph, schedule, id, exec)?,
        Some(mask) => {
            part::run_masked(node, exec, results, mask, |exec| run_op(graph, schedule, id, exec))?
        }
    };
    #[cfg(debug_assertions)]
    verify::verify(node, &rows, exec.run.snapshot.schema());
    let lengths = (0..rows.requests()).map(|r| rows.range(r).len() as u64);
    exec.check(node.op.name(), lengths.max().unwrap_or(0))?;
    let timing = Timing { node: id, time: started.elapsed(), rows: rows.len() };
    if !results.put(id, Arc::new(rows), exec.run.stop) {
        exec.check(node.op.name(), 0)?;
    }
    Ok(vec![timing])
}

/// The rows of a node over the rows of its inputs.
fn run_op(
    graph: &Graph,
    schedule: &Schedule,
    id: NodeId,
    exec: &Exec,
) -> Result<RowBatch, RunError> {
    let node = graph.get(id);
    exec.warn_of_numbers(&*node.op);
    let rows = |&input: &NodeId| exec.run.sets.rows(input);
    let mut inputs: Vec<&RowBatch> = node.inputs.iter().map(rows).collect();
    let (Some(root), Some(inner)) = (node.op.nested(), schedule.nested(id)) else {
        return node.op.run(exec, &inputs);
    };
    let nested = part::run_as_viewers(graph, inner, root, exec, inputs[0])?;
    inputs.push(&nested);
    node.op.run(exec, &inputs)
}
