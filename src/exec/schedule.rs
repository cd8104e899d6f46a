//! In which order nodes run, and for which requests.
//!
//! `a if cond else b` needs one of its sides, `fallback(a, b)` needs `b` only where `a` is short:
//! their inputs are *gated* ([`Op::gate`](crate::ops::Op::gate)). A node that can be reached only
//! through gates is lazy: it runs after what decides about it, for the requests that need it. A
//! decision that is not known when a node has to run (because it needs the node itself) counts as
//! yes, or as what is known so far says; so a node may run for more requests than need it, never
//! for fewer.

use super::Results;
use super::common::{self, Cache, Common};
use super::kept::{Kept, Region};
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Exec, Graph};
use std::collections::HashMap;
use std::sync::Arc;

/// Nodes in the order in which they run: those of one wave need only earlier waves.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub waves: Vec<Vec<NodeId>>,
    results: Vec<NodeId>,
    /// By node; empty if no node is lazy.
    lazy: Vec<bool>,
    /// What runs once for each row of a node, with that row as the viewer.
    nested: Vec<(NodeId, Arc<Schedule>)>,
    /// What runs once for all who ask alike: of these the roots are in the waves.
    common: Vec<Arc<Common>>,
    /// What other programs have, too, and need not run again.
    pub(super) region: Option<Region>,
}

impl Schedule {
    /// The waves of the nodes that the results need.
    pub fn new(graph: &Graph, results: &[NodeId]) -> Schedule {
        Schedule::knowing(graph, results, None, &mut HashMap::new())
    }

    /// The same where requests that ask alike share what they may; of nodes that are not in `keep` they
    /// may not leave the rows.
    pub fn sharing(
        graph: &Graph,
        results: &[NodeId],
        keep: &[NodeId],
        cache: &Arc<Cache>,
    ) -> Schedule {
        Schedule::knowing(graph, results, Some((keep, cache)), &mut HashMap::new())
    }

    /// The same with what it has in common with other programs, if that is kept.
    pub fn keeping(
        graph: &Graph,
        results: &[NodeId],
        keep: &[NodeId],
        cache: &Arc<Cache>,
        kept: &Arc<Kept>,
    ) -> Schedule {
        let region = Region::of(graph, results, keep, kept);
        let mut keep = keep.to_vec();
        keep.extend(region.iter().flat_map(Region::read));
        Schedule { region, ..Schedule::sharing(graph, results, &keep, cache) }
    }

    /// Some nodes, which are needed by every request, before the last of them.
    pub(super) fn of_nodes(graph: &Graph, nodes: &[NodeId], last: NodeId) -> Schedule {
        Schedule {
            waves: waves(graph, nodes, &vec![Vec::new(); graph.len()]),
            results: vec![last],
            ..Schedule::default()
        }
    }

    /// With the schedules of nested nodes that are known: those within each other have the same ones.
    fn knowing(
        graph: &Graph,
        results: &[NodeId],
        sharing: Option<(&[NodeId], &Arc<Cache>)>,
        known: &mut HashMap<NodeId, Arc<Schedule>>,
    ) -> Schedule {
        let reachable = graph.reachable(results);
        let mut schedule = Schedule {
            results: results.to_vec(),
            lazy: lazy(graph, &reachable, results),
            ..Schedule::default()
        };
        let after = schedule.after(graph, &reachable);
        schedule.waves = waves(graph, &reachable, &after);
        for &id in &reachable {
            if let Some(root) = graph.get(id).op.nested() {
                let nested = known.get(&root).cloned().unwrap_or_else(|| {
                    let root = &[root];
                    let sharing = sharing.map(|(_, cache)| (&root[..], cache));
                    let nested = Arc::new(Schedule::knowing(graph, root, sharing, known));
                    known.insert(root[0], nested.clone());
                    nested
                });
                schedule.nested.push((id, nested));
            }
        }
        if let Some((keep, cache)) = sharing {
            schedule.share(common::find(graph, &reachable, keep, cache));
        }
        schedule
    }

    /// Leaves the members of common parts to these.
    fn share(&mut self, common: Vec<Arc<Common>>) {
        let is_member = |id: NodeId| common.iter().any(|common| common.has(id));
        for wave in &mut self.waves {
            wave.retain(|&id| !is_member(id));
        }
        self.waves.retain(|wave| !wave.is_empty());
        self.common = common;
    }

    /// All nodes, in an order that can be run.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let all = self.waves.iter().flatten();
        all.flat_map(|&id| self.computing(id))
    }

    /// The common part that a node is the root of.
    pub(super) fn common(&self, root: NodeId) -> Option<&Common> {
        let found = self.common.iter().find(|common| common.root == root);
        found.map(|common| &**common)
    }

    /// A node with those that run only for it, before it.
    pub(super) fn computing(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let members = self.common(id).map(|common| &common.members[..]);
        members.unwrap_or_default().iter().copied().chain([id])
    }

    /// The nodes whose rows are made once for all who ask alike, and handed to nobody else.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        let all = self.common.iter();
        all.flat_map(|common| common.members.iter().copied())
    }

    /// What runs once for each row of the node's input.
    pub fn nested(&self, node: NodeId) -> Option<&Schedule> {
        let found = self.nested.iter().find(|(id, _)| *id == node);
        found.map(|(_, schedule)| &**schedule)
    }

    /// Every nested schedule with the node that it belongs to.
    pub fn all_nested(&self) -> impl Iterator<Item = (NodeId, &Schedule)> {
        self.nested.iter().map(|(id, schedule)| (*id, &**schedule))
    }

    /// What it runs for.
    pub(super) fn results(&self) -> &[NodeId] {
        &self.results
    }

    /// Whether a node runs, for whichever viewers.
    pub fn runs(&self, node: NodeId) -> bool {
        self.nodes().any(|id| id == node) || self.nested.iter().any(|(_, inner)| inner.runs(node))
    }

    /// Whether the node runs only for requests that need it.
    pub fn is_lazy(&self, node: NodeId) -> bool {
        self.lazy.get(node.0 as usize).copied().unwrap_or(false)
    }

    /// Of each node, the nodes that decide whether it is needed, as far as they can run first.
    fn after(&self, graph: &Graph, reachable: &[NodeId]) -> Vec<Vec<NodeId>> {
        let mut after = vec![Vec::new(); graph.len()];
        if self.lazy.is_empty() {
            return after;
        }
        for &id in reachable {
            for (i, &input) in graph.get(id).inputs.iter().enumerate() {
                let Some(deciding) = deciding(graph, id, i) else {
                    continue;
                };
                let before = reach(graph, &deciding, &after);
                for gated in graph.reachable(&[input]) {
                    if self.is_lazy(gated) && !before[gated.0 as usize] {
                        after[gated.0 as usize].extend(&deciding);
                    }
                }
            }
        }
        after
    }
}

/// Which nodes are reached only through gates; empty if none is.
pub(super) fn lazy(graph: &Graph, reachable: &[NodeId], results: &[NodeId]) -> Vec<bool> {
    let mut eager = vec![false; graph.len()];
    let mut open = results.to_vec();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut eager[id.0 as usize], true) {
            open.extend(graph.get(id).certain());
        }
    }
    if reachable.iter().all(|id| eager[id.0 as usize]) {
        return Vec::new();
    }
    let mut lazy = vec![false; graph.len()];
    for id in reachable {
        lazy[id.0 as usize] = !eager[id.0 as usize];
    }
    lazy
}

/// The nodes that decide about an input; none if it is needed anyway.
pub(super) fn deciding(graph: &Graph, id: NodeId, input: usize) -> Option<Vec<NodeId>> {
    let node = graph.get(id);
    let mut deciding = node.inputs[..node.op.gate(input)?].to_vec();
    deciding.extend(node.reads());
    Some(deciding)
}

/// Everything that has to run before the nodes, and themselves.
fn reach(graph: &Graph, nodes: &[NodeId], after: &[Vec<NodeId>]) -> Vec<bool> {
    let mut reached = vec![false; graph.len()];
    let mut open = nodes.to_vec();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut reached[id.0 as usize], true) {
            open.extend(graph.get(id).needs());
            open.extend(&after[id.0 as usize]);
        }
    }
    reached
}

fn waves(graph: &Graph, reachable: &[NodeId], after: &[Vec<NodeId>]) -> Vec<Vec<NodeId>> {
    let mut level = vec![0usize; graph.len()];
    let mut changed = true;
    // numbers follow needs, so one pass is enough where nothing is lazy
    while changed {
        changed = false;
        for &id in reachable {
            let needs = graph.get(id).needs();
            let before = needs.iter().chain(&after[id.0 as usize]);
            let wave = before.map(|n| level[n.0 as usize] + 1).max().unwrap_or(0);
            changed |= std::mem::replace(&mut level[id.0 as usize], wave) != wave;
        }
    }
    let mut waves: Vec<Vec<NodeId>> = Vec::new();
    for &id in reachable {
        let wave = level[id.0 as usize];
        waves.resize_with(waves.len().max(wave + 1), Vec::new);
        waves[wave].push(id);
    }
    waves
}

/// Which requests need which node, as far as it is known.
pub struct Masks<'a> {
    graph: &'a Graph,
    schedule: &'a Schedule,
    /// By node and input: the requests for which it is needed.
    decided: HashMap<(NodeId, usize), Vec<bool>>,
}

impl<'a> Masks<'a> {
    pub fn new(graph: &'a Graph, schedule: &'a Schedule) -> Self {
        Masks { graph, schedule, decided: HashMap::new() }
    }

    /// The requests of every lazy node of a wave; none for a node that all requests need.
    pub fn of_wave(
        &mut self,
        wave: &[NodeId],
        exec: &Exec,
        results: &Results,
    ) -> Vec<Option<Vec<bool>>> {
        if !wave.iter().any(|&id| self.schedule.is_lazy(id)) {
            return vec![None; wave.len()];
        }
        let mut masks = self.masks(exec, results);
        let mask = |&id: &NodeId| {
            let mask = std::mem::take(&mut masks[id.0 as usize]);
            (self.schedule.is_lazy(id) && mask.contains(&false)).then_some(mask)
        };
        wave.iter().map(mask).collect()
    }

    /// Top down: what a node's consumers need of it.
    fn masks(&mut self, exec: &Exec, results: &Results) -> Vec<Vec<bool>> {
        let requests = exec.run.requests();
        let mut masks = vec![vec![false; requests]; self.graph.len()];
        for id in &self.schedule.results {
            masks[id.0 as usize].fill(true);
        }
        for id in self.graph.reachable(&self.schedule.results).into_iter().rev() {
            let mask = masks[id.0 as usize].clone();
            let node = self.graph.get(id);
            for (i, input) in node.inputs.iter().enumerate() {
                let decision = self.decision(id, i, exec, results);
                for (r, into) in masks[input.0 as usize].iter_mut().enumerate() {
                    *into |= mask[r] && decision.as_ref().is_none_or(|wanted| wanted[r]);
                }
            }
            for set in node.reads() {
                for (r, into) in masks[set.0 as usize].iter_mut().enumerate() {
                    *into |= mask[r];
                }
            }
        }
        masks
    }

    /// For which requests the node needs the input, as far as it is known; none if for all.
    fn decision(
        &mut self,
        id: NodeId,
        input: usize,
        exec: &Exec,
        results: &Results,
    ) -> Option<Vec<bool>> {
        if let Some(decided) = self.decided.get(&(id, input)) {
            return Some(decided.clone());
        }
        let node = self.graph.get(id);
        let deciding = node.op.gate(input)?;
        if !node.reads().iter().all(|&set| results.has(set)) {
            return None;
        }
        let earlier = node.inputs[..deciding].iter().copied();
        let known = earlier.take_while(|&n| results.has(n));
        let known: Vec<_> = known.map(|n| results.rows(n)).collect();
        let wanted = node.op.wants(exec, input, &known);
        if known.len() == deciding {
            self.decided.insert((id, input), wanted.clone());
        }
        Some(wanted)
    }
}
