//! Rows kept from run to run of programs that differ in a few numbers, as the trials of a tuner do.
//!
//! A node that an earlier program has, with the same operator over the same inputs, is *known*. The known nodes of a
//! graph are its [`Region`]: for requests that asked before, the rows that others read of it are there, and what was
//! noted while they were made. What is kept is found by its contents (operators with their numbers, requests with
//! their times, seeds and parameters), so whether it is there changes no answer.

use super::common::{exprs, is_stored, is_table};
use super::schedule::{deciding, lazy};
use super::{Results, Schedule, Share, Timing, run_waves};
use crate::batch::RowBatch;
use crate::expr::run::{Aggregates, Recent};
use crate::expr::{Expr, KeyWriter, NodeId, read};
use crate::ops::{Exec, Followed, Graph, Notes, RunError};
use crate::types::Type;
use foldhash::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of what programs have in common.
#[derive(Debug)]
pub struct Kept {
    /// By the key of a node, the program that had it first.
    first: Mutex<HashMap<u128, u32>>,
    /// By region and requests.
    made: Recent<(u128, u128), Arc<Made>>,
    aggregates: Aggregates,
}

/// What the nodes of a region came to for some requests.
#[derive(Debug)]
struct Made {
    /// In the order of the region's nodes: their rows where others read them, else how many there are; none of what
    /// did not run or costs nothing.
    rows: Vec<Option<Arc<RowBatch>>>,
    followed: Vec<Option<Vec<Followed>>>,
    notes: Vec<Notes>,
    bytes: u64,
}

impl Kept {
    /// With room for so many bytes: a quarter of them is for what aggregates come to in nodes that are not known.
    pub fn new(most: u64) -> Kept {
        let share = most / 4;
        Kept {
            first: Mutex::default(),
            made: Recent::new(most - share),
            aggregates: Recent::new(share),
        }
    }

    /// Another program comes: what it has in common with those before is kept from now on.
    pub fn next_program(&self) {
        self.made.next_program();
        self.aggregates.next_program();
    }

    /// What aggregates came to.
    pub fn aggregates(&self) -> &Aggregates {
        &self.aggregates
    }

    fn is_known(&self, key: u128) -> bool {
        let current = self.made.program();
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        *first.entry(key).or_insert(current) < current
    }
}

/// The nodes of a graph that earlier programs have, too, with all that they need.
#[derive(Clone, Debug)]
pub struct Region {
    kept: Arc<Kept>,
    key: u128,
    nodes: Vec<NodeId>,
    /// Of those, whose rows others read.
    is_read: Vec<bool>,
    /// By node.
    is_in: Vec<bool>,
    params: Vec<(u32, Type)>,
}

impl Region {
    /// Of a graph with these results, where the rows of `keep` are read after a run; none if nothing is known.
    pub fn of(
        graph: &Graph,
        results: &[NodeId],
        keep: &[NodeId],
        kept: &Arc<Kept>,
    ) -> Option<Region> {
        let Keyed { keys, order } = keyed(graph, results);
        let reachable = graph.reachable(results);
        let known = known(graph, &reachable, results, (&keys, &order), kept);
        let nodes: Vec<NodeId> =
            reachable.iter().copied().filter(|id| known[id.0 as usize]).collect();
        let read = read(graph, &reachable, keep, &known);
        let is_kept = |id: &NodeId| read[id.0 as usize] && !is_table(graph.get(*id));
        if !nodes.iter().any(is_kept) {
            return None;
        }
        let mut writer = KeyWriter::default();
        let parts = nodes.iter().map(|id| (id, keys[id.0 as usize], read[id.0 as usize]));
        parts.for_each(|part| part.hash(&mut writer));
        let mut params: Vec<(u32, Type)> = Vec::new();
        let exprs = nodes.iter().flat_map(|&id| exprs(graph.get(id)));
        for param in exprs.flat_map(Expr::params) {
            if !params.contains(&param) {
                params.push(param);
            }
        }
        let is_read = nodes.iter().map(|id| read[id.0 as usize]).collect();
        Some(Region {
            kept: kept.clone(),
            key: writer.take(),
            nodes,
            is_read,
            is_in: known,
            params,
        })
    }

    /// The nodes whose rows others read.
    pub fn read(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().zip(&self.is_read).filter_map(|(&id, is_read)| is_read.then_some(id))
    }

    pub fn has(&self, node: NodeId) -> bool {
        self.is_in[node.0 as usize]
    }

    pub fn is_read(&self, node: NodeId) -> bool {
        self.has(node) && self.nodes.binary_search(&node).is_ok_and(|place| self.is_read[place])
    }

    /// What tells the requests of a run from others; none where it has something of its own that others cannot read.
    fn requests(&self, exec: &Exec) -> Option<u128> {
        let run = exec.run;
        let viewers = run.snapshot.schema().entity(run.snapshot.schema().viewer).rows;
        if run.viewers.iter().any(|&viewer| viewer >= viewers) {
            return None;
        }
        let mut writer = KeyWriter::default();
        (&run.viewers, &run.now, &run.seeds, exec.limits.max_rows).hash(&mut writer);
        for (slot, ty) in &self.params {
            for request in 0..run.requests() {
                let value = read::value(run, &run.params[*slot as usize], ty, request);
                format!("{value:?}").hash(&mut writer);
            }
        }
        Some(writer.take())
    }

    /// Runs the nodes of the region, unless their rows are there.
    pub fn run(
        &self,
        graph: &Graph,
        schedule: &Schedule,
        exec: &Exec,
        results: &Results,
        keep: Option<&[NodeId]>,
    ) -> Result<Vec<Timing>, RunError> {
        let requests = self.requests(exec);
        let key = requests.map(|requests| (self.key, requests));
        if let Some(made) = key.and_then(|key| self.kept.made.get(&key)) {
            self.restore(graph, exec, results, &made)?;
            return Ok(Vec::new());
        }
        let inner = exec.within(exec.run);
        let runs = |id| self.has(id);
        let frees = |id| self.has(id) && !self.is_read(id);
        let share = Share { runs: &runs, frees: &frees };
        let timings = run_waves(graph, schedule, &inner, results, keep, Some(&share))?;
        let notes = inner.notes();
        if let Some(key) = key
            && let Some(made) = self.made(graph, &inner, results)
        {
            exec.check("answer", 0)?;
            // where a fan-out is, differs from program to program: what it followed is kept by node
            let notes = notes.iter().map(Notes::without_followed).collect();
            let bytes = made.bytes;
            self.kept.made.put(key, Arc::new(Made { notes, ..made }), bytes);
        }
        let everyone: Vec<Option<usize>> = (0..notes.len()).map(Some).collect();
        exec.note(&notes.iter().collect::<Vec<_>>(), &everyone);
        Ok(timings)
    }

    /// What is to be kept of a run; none if it is of that run alone.
    fn made(&self, graph: &Graph, exec: &Exec, results: &Results) -> Option<Made> {
        let mut made = Made { rows: vec![], followed: vec![], notes: vec![], bytes: 0 };
        for (&id, &is_read) in self.nodes.iter().zip(&self.is_read) {
            let node = graph.get(id);
            let rows = match results.shared(id) {
                None => None,
                // it costs nothing to run
                Some(_) if is_read && is_table(node) => None,
                Some(rows) if is_read => {
                    if !is_stored(exec.run, &node.shape, &rows) {
                        return None;
                    }
                    let elements: usize = rows.elements().map(|(_, bytes)| bytes).sum();
                    made.bytes += (rows.own_bytes() + elements) as u64;
                    Some(rows)
                }
                Some(rows) => {
                    let counts = RowBatch { offsets: rows.offsets.clone(), ..RowBatch::default() };
                    made.bytes += counts.own_bytes() as u64;
                    Some(Arc::new(counts))
                }
            };
            made.rows.push(rows);
            made.followed.push(exec.all_followed(&*node.op));
        }
        Some(made)
    }

    fn restore(
        &self,
        graph: &Graph,
        exec: &Exec,
        results: &Results,
        made: &Made,
    ) -> Result<(), RunError> {
        for (place, &id) in self.nodes.iter().enumerate() {
            let op = &graph.get(id).op;
            if let Some(followed) = &made.followed[place] {
                exec.follow(&**op, followed.clone());
            }
            let Some(rows) = &made.rows[place] else { continue };
            if !self.is_read[place] {
                results.note(id, (**rows).clone());
            } else if !results.put(id, rows.clone(), exec.run.stop) {
                exec.check(op.name(), 0)?;
            }
        }
        let everyone: Vec<Option<usize>> = (0..made.notes.len()).map(Some).collect();
        exec.note(&made.notes.iter().collect::<Vec<_>>(), &everyone);
        Ok(())
    }
}

/// What the results of a graph depend on beside requests, as a number.
pub fn key_of(graph: &Graph, results: &[NodeId]) -> u128 {
    let Keyed { keys, .. } = keyed(graph, results);
    let results: Vec<Option<u128>> = results.iter().map(|id| keys[id.0 as usize]).collect();
    KeyWriter::key_of(&results)
}

/// Of every node that runs, all that its rows depend on beside requests.
struct Keyed {
    /// By node.
    keys: Vec<Option<u128>>,
    /// Each node after those that it needs.
    order: Vec<NodeId>,
}

fn keyed(graph: &Graph, results: &[NodeId]) -> Keyed {
    let mut found = Keyed { keys: vec![None; graph.len()], order: Vec::new() };
    let mut open = graph.running(results);
    let mut writer = KeyWriter::default();
    // numbers follow needs, but for sets that rewrites make a node read
    loop {
        let before = open.len();
        open.retain(|&id| {
            let node = graph.get(id);
            let nested = node.op.nested();
            let needs = node.needs().iter().chain(&nested);
            let needed: Option<Vec<u128>> = needs.map(|need| found.keys[need.0 as usize]).collect();
            let Some(needed) = needed else { return true };
            node.op.write_key(&mut writer);
            needed.hash(&mut writer);
            found.keys[id.0 as usize] = Some(writer.take());
            found.order.push(id);
            false
        });
        if open.is_empty() || open.len() == before {
            return found;
        }
    }
}

/// By node, whether earlier programs have it with all that it needs, and decide alike who needs it.
fn known(
    graph: &Graph,
    reachable: &[NodeId],
    results: &[NodeId],
    (keys, order): (&[Option<u128>], &[NodeId]),
    kept: &Kept,
) -> Vec<bool> {
    let lazy = lazy(graph, reachable, results);
    let deciders = Deciders::of(graph, order, &lazy, keys);
    let mut known = vec![false; graph.len()];
    for &id in reachable {
        let place = id.0 as usize;
        let whole = |key: u128| KeyWriter::key_of(&(key, deciders.keys[place]));
        known[place] = keys[place].is_some_and(|key| kept.is_known(whole(key)));
    }
    loop {
        let mut same = true;
        for &id in reachable {
            let mut needs = graph.get(id).needs().iter().chain(&deciders.nodes[id.0 as usize]);
            if known[id.0 as usize] && !needs.all(|need| known[need.0 as usize]) {
                (known[id.0 as usize], same) = (false, false);
            }
        }
        if same {
            return known;
        }
    }
}

/// Of every node that not all requests need, what decides who does.
struct Deciders {
    nodes: Vec<Vec<NodeId>>,
    /// Of the operators that ask for it, and what they look at.
    keys: Vec<u128>,
}

impl Deciders {
    fn of(graph: &Graph, order: &[NodeId], lazy: &[bool], keys: &[Option<u128>]) -> Deciders {
        let mut all = Deciders { nodes: vec![Vec::new(); graph.len()], keys: vec![0; graph.len()] };
        if lazy.is_empty() {
            return all;
        }
        let mut writer = KeyWriter::default();
        // readers before what they read
        for &id in order.iter().rev() {
            let node = graph.get(id);
            for (input, &need) in node.needs().iter().enumerate() {
                if !lazy[need.0 as usize] {
                    continue;
                }
                let gated = (input < node.inputs.len()).then(|| deciding(graph, id, input));
                let gated = gated.flatten().unwrap_or_default();
                let looked: Vec<Option<u128>> =
                    gated.iter().map(|node| keys[node.0 as usize]).collect();
                (all.keys[need.0 as usize], all.keys[id.0 as usize], input).hash(&mut writer);
                if !gated.is_empty() || input < node.inputs.len() && node.op.gate(input).is_some() {
                    node.op.write_key(&mut writer);
                }
                looked.hash(&mut writer);
                all.keys[need.0 as usize] = writer.take();
                let above = all.nodes[id.0 as usize].clone();
                let own = &mut all.nodes[need.0 as usize];
                own.extend(above.into_iter().chain(gated));
                own.sort_unstable();
                own.dedup();
            }
        }
        all
    }
}

/// By node, whether something outside of the region reads it, or decides by it.
fn read(graph: &Graph, reachable: &[NodeId], keep: &[NodeId], known: &[bool]) -> Vec<bool> {
    let mut read = vec![false; graph.len()];
    keep.iter().for_each(|id| read[id.0 as usize] = true);
    for &id in reachable {
        let node = graph.get(id);
        let is_gated = (0..node.inputs.len()).any(|input| node.op.gate(input).is_some());
        if !known[id.0 as usize] || is_gated {
            node.needs().iter().for_each(|need| read[need.0 as usize] = true);
        }
    }
    read
}
