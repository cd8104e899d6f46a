//! Which operators of a program name experiments, and which of them every request reaches.

use super::{Graph, Node};
use crate::expr::{Expr, NodeId};

/// A program as written, to tell which experiments a request was exposed to: those that an operator names which
/// it reached.
#[derive(Debug)]
pub struct Exposure {
    pub graph: Graph,
    /// Those that run, for other viewers too.
    nodes: Vec<NodeId>,
    /// By node, the slots of the arms that are read wherever it is reached.
    named: Vec<Vec<u32>>,
    /// The arms that every request reads.
    always: Vec<u32>,
    /// Whether it depends on the run which others are.
    open: bool,
}

impl Exposure {
    /// None if the program reads none of the arms in these slots.
    pub fn new(graph: &Graph, results: &[NodeId], arms: &[u32]) -> Option<Exposure> {
        if arms.is_empty() {
            return None;
        }
        let nodes = graph.running(results);
        let mut own = vec![Vec::new(); graph.len()];
        for &id in &nodes {
            own[id.0 as usize] = arms_of(graph.get(id), arms);
        }
        let mut named = own.clone();
        for &id in &nodes {
            if let Some(root) = graph.get(id).op.nested() {
                named[id.0 as usize] =
                    union([&own[id.0 as usize][..], &reached_by(graph, &[root], &own)]);
            }
        }
        let always = reached_by(graph, results, &own);
        let open = own.iter().flatten().any(|slot| !always.contains(slot));
        Some(Exposure { graph: graph.to_rewrite(), nodes, named, always, open })
    }

    /// The arms that a node names.
    pub fn named(&self, id: NodeId) -> &[u32] {
        &self.named[id.0 as usize]
    }

    /// The arms that every request reads.
    pub fn always(&self) -> &[u32] {
        &self.always
    }

    /// Whether more than these depends on which operators a request reaches.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The operators whose rows, or those of the sets they read, decide whether an operator that names an
    /// arm is reached.
    pub fn deciding(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().copied().filter(|&id| {
            let node = self.graph.get(id);
            let gates = (0..node.inputs.len()).map(|number| node.op.gate(number));
            let gated: Vec<(NodeId, usize)> = node
                .inputs
                .iter()
                .zip(gates)
                .filter_map(|(&input, gate)| Some((input, gate?)))
                .collect();
            let by_rows = !node.reads().is_empty() || gated.iter().any(|(_, before)| *before > 0);
            let sides: Vec<NodeId> = gated.iter().map(|(side, _)| *side).collect();
            by_rows && self.graph.running(&sides).iter().any(|&id| !self.named(id).is_empty())
        })
    }
}

/// The arms that the expressions of an operator read.
fn arms_of(node: &Node, arms: &[u32]) -> Vec<u32> {
    let params = node.op.exprs().into_iter().flat_map(Expr::params);
    union([params.map(|(slot, _)| slot).filter(|slot| arms.contains(slot)).collect::<Vec<_>>()])
}

/// The arms that are read wherever these nodes are reached.
fn reached_by(graph: &Graph, roots: &[NodeId], own: &[Vec<u32>]) -> Vec<u32> {
    let mut reached = vec![false; graph.len()];
    let mut open = roots.to_vec();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut reached[id.0 as usize], true) {
            let node = graph.get(id);
            found.extend(&own[id.0 as usize]);
            open.extend(node.certain());
            open.extend(node.op.nested());
        }
    }
    union([found])
}

/// Each once, in order.
fn union<const N: usize>(slots: [impl AsRef<[u32]>; N]) -> Vec<u32> {
    let mut all: Vec<u32> = slots.iter().flat_map(|slots| slots.as_ref()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}
