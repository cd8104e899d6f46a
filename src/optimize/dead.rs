//! What makes no difference does not run: branches that are never taken, operators that change
//! nothing or never give a row, columns that nobody reads.

use super::Rewriting;
use crate::expr::NodeId;
use crate::ops::{Becomes, Used, nothing};

/// `a if true else b` is `a` and `filter(true)` its input for those who follow it; of a filter that
/// nothing passes there is nothing, and so of what follows. What leads only there does not run (and
/// so says nothing in a warning, as everywhere).
pub fn branches(rewriting: &mut Rewriting) {
    let graph = &rewriting.graph;
    let mut others = Vec::new();
    // which node gives the rows of each, and whether it never has any
    let mut stands: Vec<NodeId> = (0..graph.len() as u32).map(NodeId).collect();
    let mut empty = vec![false; graph.len()];
    for &id in &rewriting.running {
        let node = graph.get(id);
        let inputs = node.inputs.iter().map(|input| stands[input.0 as usize]);
        let inputs: Vec<NodeId> = inputs.collect();
        let of_inputs: Vec<bool> = inputs.iter().map(|i| empty[i.0 as usize]).collect();
        match node.op.becomes(&of_inputs) {
            Some(Becomes::Nothing) => {
                empty[id.0 as usize] = true;
                others.push((id, nothing(&node.shape), Vec::new()));
                continue;
            }
            Some(Becomes::Input(input)) => {
                empty[id.0 as usize] = of_inputs[input];
                stands[id.0 as usize] = inputs[input];
            }
            Some(Becomes::Rows(_)) | None => {}
        }
        if node.inputs != inputs {
            others.push((id, node.op.clone(), inputs));
        }
    }
    rewriting.replace(others);
}

/// `let` and `rank` leave out what neither a later operator reads nor the result shows, and so what
/// only that reads.
pub fn columns(rewriting: &mut Rewriting) {
    rewriting.narrow(|used| Used { columns: used.columns.clone(), ..Used::ALL });
}
