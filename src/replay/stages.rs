//! The stages of a program: where what should be found is lost.

use crate::engine::Program;
use crate::expr::NodeId;
use crate::types::EntityId;

/// An operator whose rows are of the entity that is looked for.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The binding that it is the value of, if it has a name.
    pub name: Option<String>,
    /// The operator with its arguments.
    pub op: String,
    pub node: NodeId,
    /// The stages that its rows come from, by their place.
    pub inputs: Vec<usize>,
}

/// The operators that the rows of a result come from, as far as they are rows of `entity`, in the order in which they
/// run. A whole table is none: everything is in it.
pub fn stages(program: &Program, result: NodeId, entity: EntityId) -> Vec<Stage> {
    let graph = &program.checked().graph;
    let is_stage = |id: &NodeId| {
        let node = graph.get(*id);
        node.shape.entity == entity && !(node.inputs.is_empty() && node.op.exprs().is_empty())
    };
    let mut nodes: Vec<NodeId> = Vec::new();
    let mut open = vec![result];
    while let Some(id) = open.pop() {
        if !nodes.contains(&id) {
            nodes.push(id);
            open.extend(graph.get(id).sources());
        }
    }
    nodes.retain(is_stage);
    nodes.sort_unstable();
    let place = |id: NodeId| nodes.iter().position(|&node| node == id);
    let stage = |&id: &NodeId| {
        let node = graph.get(id);
        Stage {
            name: program.checked().names.get(&id).cloned(),
            op: node.text(program.schema()),
            node: id,
            inputs: node.sources().filter_map(place).collect(),
        }
    };
    nodes.iter().map(stage).collect()
}
