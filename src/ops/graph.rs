//! The graph of a program: one node per operator instance. Equal sub-pipelines are one node,
//! because adding a node that is there already gives the one that is there.

use super::{Chance, Effect, Instance, Shape};
use crate::catalog::schema::Schema;
use crate::expr::{Expr, KeyWriter, NodeId};
use crate::source::Span;
use crate::store::Snapshot;
use foldhash::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// An operator with its inputs.
#[derive(Clone, Debug)]
pub struct Node {
    pub op: Arc<dyn Instance>,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
    /// Where the program says so.
    pub span: Span,
    /// The inputs, then the sets that are read.
    needs: Vec<NodeId>,
    is_alike: bool,
}

impl Node {
    fn new(op: Arc<dyn Instance>, inputs: Vec<NodeId>, shape: Shape, span: Span) -> Node {
        let gated = (0..inputs.len()).any(|input| op.gate(input).is_some());
        let mut is_alike = !op.is_personal() && op.nested().is_none() && !gated;
        let mut needs = inputs.clone();
        for expr in op.exprs() {
            is_alike &= !expr.is_personal();
            expr.each_set(&mut |set| needs.push(set));
        }
        is_alike &= !op.part().exprs().any(Expr::is_personal);
        needs.extend(op.part().sets());
        Node { op, inputs, shape, span, needs, is_alike }
    }

    /// Whether who asks makes no difference to the operator over the same inputs. One that needs some of its
    /// inputs for some requests only is left to each.
    pub fn is_alike(&self) -> bool {
        self.is_alike
    }

    /// All nodes that have to run before: inputs, and sets that expressions read.
    pub fn needs(&self) -> &[NodeId] {
        &self.needs
    }

    /// Those of them that are needed whatever the data.
    pub fn certain(&self) -> Vec<NodeId> {
        let ungated = |(i, &input): (usize, &NodeId)| self.op.gate(i).is_none().then_some(input);
        let mut needs: Vec<NodeId> = self.inputs.iter().enumerate().filter_map(ungated).collect();
        needs.extend(self.reads());
        needs
    }

    /// The operator with its arguments, as people know it: `take(2, per=author)`. Long ones are
    /// shortened.
    pub fn text(&self, schema: &Schema) -> String {
        const MOST: usize = 60;
        let (name, details) = (self.op.name(), self.op.brief(schema));
        if details.is_empty() {
            return name.to_owned();
        }
        match details.chars().count() <= MOST {
            true => format!("{name}({details})"),
            false => format!("{name}({}...)", details.chars().take(MOST).collect::<String>()),
        }
    }

    /// The inputs that its rows come from.
    pub fn sources(&self) -> impl Iterator<Item = NodeId> {
        let inputs = self.inputs.iter().copied().enumerate();
        inputs.filter_map(|(number, input)| (!self.is_fact(number)).then_some(input))
    }

    /// Whether an input is no source of rows: the right side of `-` and `&`, a history.
    pub fn is_fact(&self, input: usize) -> bool {
        matches!(self.op.effect(), Effect::Narrows | Effect::Reorders) && input > 0
    }

    /// The sets that its expressions read, and those that tell how many rows it makes.
    pub fn reads(&self) -> &[NodeId] {
        &self.needs[self.inputs.len()..]
    }
}

/// Nodes in an order in which each comes after those it needs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Arc<Node>>,
    /// By the key of all that an operator and its inputs are.
    known: HashMap<u128, NodeId>,
    writer: KeyWriter,
}

impl Graph {
    pub fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.get(id).shape
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an operator over inputs, new if there is none that is equal.
    pub fn add(
        &mut self,
        op: Arc<dyn Instance>,
        inputs: Vec<NodeId>,
        shape: Shape,
        span: Span,
    ) -> NodeId {
        op.write_key(&mut self.writer);
        inputs.hash(&mut self.writer);
        let key = self.writer.take();
        if let Some(&id) = self.known.get(&key) {
            self.refine(id, &shape);
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Arc::new(Node::new(op, inputs, shape, span)));
        self.known.insert(key, id);
        id
    }

    /// Most contributions that a request can make at a node; none if it merges nothing.
    pub fn contributions(&self, id: NodeId, snapshot: &Snapshot) -> Option<u64> {
        let node = self.get(id);
        let inputs: Vec<&Shape> = node.inputs.iter().map(|&i| self.shape(i)).collect();
        node.op.contributions(snapshot, &inputs)
    }

    /// Puts another operator in the place of a node's, one that gives the same rows as far as they are
    /// used. The node keeps its number.
    pub fn replace(&mut self, id: NodeId, op: Arc<dyn Instance>, inputs: Vec<NodeId>) {
        let node = self.get(id);
        let other = Node::new(op, inputs, node.shape.clone(), node.span);
        self.nodes[id.0 as usize] = Arc::new(other);
        self.known.clear();
    }

    /// The same nodes, to put other operators in their places.
    pub fn to_rewrite(&self) -> Graph {
        Graph { nodes: self.nodes.clone(), ..Graph::default() }
    }

    /// Notes how probable it was that rows came to be among those of a node.
    pub fn set_chance(&mut self, id: NodeId, chance: Chance) {
        Arc::make_mut(&mut self.nodes[id.0 as usize]).shape.chance = chance;
    }

    /// Notes what else is known of the rows of a node.
    pub fn refine(&mut self, id: NodeId, shape: &Shape) {
        Arc::make_mut(&mut self.nodes[id.0 as usize]).shape.refine(shape);
    }

    /// The nodes that run for these, for other viewers too, each after those it needs.
    pub fn running(&self, results: &[NodeId]) -> Vec<NodeId> {
        let mut wanted = results.to_vec();
        loop {
            let found = self.reachable(&wanted);
            let nested = found.iter().filter_map(|&id| self.get(id).op.nested());
            let more: Vec<NodeId> = nested.filter(|id| !found.contains(id)).collect();
            if more.is_empty() {
                return found;
            }
            wanted.extend(more);
        }
    }

    /// The nodes that the results need, in an order that can be run.
    pub fn reachable(&self, results: &[NodeId]) -> Vec<NodeId> {
        let mut wanted = vec![false; self.nodes.len()];
        let mut open: Vec<NodeId> = results.to_vec();
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut wanted[id.0 as usize], true) {
                open.extend(self.get(id).needs());
            }
        }
        (0..self.nodes.len() as u32).map(NodeId).filter(|id| wanted[id.0 as usize]).collect()
    }
}
