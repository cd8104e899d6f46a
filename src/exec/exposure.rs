//! Which experiments requests were exposed to, once their operators have run: of the program as written,
//! whatever has been rewritten.

use super::Results;
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Exec, Exposure, Graph};

/// Notes the arms that the operators name which each request of a run has reached. `run` is the graph that ran,
/// `roots` are what it ran for.
pub fn expose(exposure: &Exposure, run: &Graph, roots: &[NodeId], exec: &Exec, results: &Results) {
    let requests = exec.run.requests();
    let mut reached = vec![vec![false; requests]; run.len()];
    roots.iter().for_each(|root| reached[root.0 as usize].fill(true));
    for id in exposure.graph.reachable(roots).into_iter().rev() {
        let mask = std::mem::take(&mut reached[id.0 as usize]);
        for &slot in exposure.named(id) {
            let exposed = (0..requests).filter(|&request| mask[request]);
            exposed.for_each(|request| exec.expose(request, slot));
        }
        let node = exposure.graph.get(id);
        for (number, input) in node.inputs.iter().enumerate() {
            let chosen = node.op.gate(number).map(|_| chosen(run, id, number, exec, results));
            for (r, into) in reached[input.0 as usize].iter_mut().enumerate() {
                *into |= mask[r] && chosen.as_ref().is_none_or(|chosen| chosen[r]);
            }
        }
        for set in node.reads() {
            for (r, into) in reached[set.0 as usize].iter_mut().enumerate() {
                *into |= mask[r];
            }
        }
    }
}

/// For which requests an operator took a gated input; none of those where the run ended before that was known.
fn chosen(run: &Graph, id: NodeId, input: usize, exec: &Exec, results: &Results) -> Vec<bool> {
    let node = run.get(id);
    let deciding = node.op.gate(input).unwrap_or(0);
    let earlier = &node.inputs[..deciding];
    let is_known = node.reads().iter().chain(earlier).all(|&node| results.has(node));
    if !is_known {
        return vec![false; exec.run.requests()];
    }
    let earlier: Vec<_> = earlier.iter().map(|&node| results.rows(node)).collect();
    node.op.wants(exec, input, &earlier)
}
