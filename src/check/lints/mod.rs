//! Advice on a program that is right: what it says may not be what is meant.
//!
//! Lints look at the finished graph and at the program's own tree, never at libraries, and say
//! nothing while there are errors. They judge by what the program says, not by how much data there
//! happens to be, except where the data is the point (nulls, the size of a table).

mod budget;
mod experiments;
mod hidden;
mod quantities;
mod results;
mod scores;
mod unused;

pub(super) use hidden::{Hidden, Shadow};

use super::modules::Kind as Names;
use super::{Checker, Tier};
use crate::diag::Diagnostic;
use crate::expr::{Kind, NodeId};
use crate::ops::{Effect, Node};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, ItemKind};
use foldhash::{HashMap, HashSet};

/// Who reads what in the part of the graph that the results need.
struct Flow {
    /// In an order in which each comes after those it needs.
    nodes: Vec<NodeId>,
    /// The nodes that have a node as input, with the number of the input.
    consumers: HashMap<NodeId, Vec<(NodeId, usize)>>,
    /// Sets of which an expression reads more than whether and how many.
    values_read: HashSet<NodeId>,
    results: HashSet<NodeId>,
}

impl Flow {
    fn consumers(&self, node: NodeId) -> &[(NodeId, usize)] {
        self.consumers.get(&node).map_or(&[], Vec::as_slice)
    }
}

/// Whether an operator's expressions read the score or place of its rows.
fn reads_order(node: &Node) -> bool {
    let mut reads = false;
    for expr in node.op.exprs() {
        expr.walk_bound(&mut |part| reads |= matches!(part.kind, Kind::Score | Kind::Position));
    }
    reads
}

impl<'a> Checker<'a> {
    /// Everything there is to say about the program; `ran` are the results of the query that runs.
    pub(super) fn advise(&mut self, ran: &[NodeId]) {
        if self.sink.has_errors() {
            return;
        }
        self.over_budget(ran);
        let flow = self.flow();
        self.unused_items();
        self.unused_columns(&flow);
        self.experiment_lints();
        self.hidden_items();
        self.hidden_columns();
        self.shadowed_columns();
        for &node in &flow.nodes {
            self.quantity_lints(node, &flow);
            if self.lies_in_program(node) {
                self.score_lints(node, &flow);
            }
            self.full_scan(node);
        }
        self.lost_tables(&flow.nodes);
        self.result_lints();
    }

    fn flow(&self) -> Flow {
        let roots: Vec<NodeId> = self.notes.results.iter().map(|(node, _)| *node).collect();
        let results: HashSet<NodeId> = roots.iter().copied().collect();
        let nodes = self.graph.reachable(&roots);
        let mut consumers: HashMap<NodeId, Vec<(NodeId, usize)>> = HashMap::default();
        let mut values_read = HashSet::default();
        for &id in &nodes {
            let node = self.graph.get(id);
            for (place, &input) in node.inputs.iter().enumerate() {
                consumers.entry(input).or_default().push((id, place));
            }
            for expr in node.op.exprs() {
                expr.walk(&mut |part| match &part.kind {
                    Kind::InSet { .. } | Kind::OverSet { value: None, .. } => {}
                    _ => values_read.extend(read_here(part)),
                });
            }
        }
        Flow { nodes, consumers, values_read, results }
    }

    /// Whether the operator stands in the program itself.
    fn lies_in_program(&self, node: NodeId) -> bool {
        self.graph.get(node).span.source == self.modules.all[0].source
    }

    /// Reports something about an operator, with the definitions through which it is used.
    fn report_at(&mut self, node: NodeId, diagnostic: Diagnostic) {
        let site = self.written.sites.get(&node).cloned().unwrap_or_default();
        let before = std::mem::replace(&mut self.here.uses, site);
        self.report(diagnostic);
        self.here.uses = before;
    }

    fn span_of(&self, node: NodeId) -> Span {
        self.graph.get(node).span
    }

    /// Whether the scores, or the order, that a node gives can be seen anywhere.
    fn order_is_read(&self, id: NodeId, flow: &Flow) -> bool {
        leads_to(id, |id, on| {
            let read = flow.results.contains(&id) || flow.values_read.contains(&id);
            read || flow.consumers(id).iter().any(|&(consumer, input)| {
                let node = self.graph.get(consumer);
                match node.op.effect() {
                    _ if node.is_fact(input) => false,
                    Effect::Keeps | Effect::Narrows => {
                        on.push(consumer);
                        reads_order(node)
                    }
                    Effect::Scores => reads_order(node),
                    Effect::Cuts | Effect::Reorders | Effect::Other => true,
                }
            })
        })
    }

    /// The nodes from which rows come, nearest first, as far as they stay the same rows.
    fn upstream(&self, id: NodeId) -> Vec<NodeId> {
        let mut chain = Vec::new();
        let mut here = id;
        while let Some(&input) = self.graph.get(here).inputs.first() {
            if self.graph.get(here).op.effect() == Effect::Other {
                break;
            }
            chain.push(input);
            here = input;
        }
        chain
    }

    /// Where each set of a result gets its last operator, in the order of the sets.
    pub(super) fn tails(&self, expr: &'a ast::Expr) -> Vec<Span> {
        match &expr.kind {
            ExprKind::Record(fields) => fields.iter().map(|(_, set)| self.tail(set, 64)).collect(),
            ExprKind::Block(block) => match &block.result {
                Some(result) => self.tails(result),
                None => Vec::new(),
            },
            _ => vec![self.tail(expr, 64)],
        }
    }

    /// The name of the last operator, through names of the file; the whole expression if it has
    /// none.
    fn tail(&self, expr: &'a ast::Expr, depth: u32) -> Span {
        match &expr.kind {
            _ if depth == 0 => expr.span,
            ExprKind::Method { name, .. } => name.span,
            ExprKind::Block(block) => {
                block.result.as_ref().map_or(expr.span, |result| self.tail(result, depth - 1))
            }
            ExprKind::Name(name) => {
                let modules = self.modules;
                let item = modules.all[0].find(Names::Rest, name).next();
                match item.map(|item| &item.kind) {
                    Some(ItemKind::Binding { value, .. }) => self.tail(value, depth - 1),
                    _ => expr.span,
                }
            }
            _ => expr.span,
        }
    }

    /// Whether the file has a query: otherwise its definitions are for other programs.
    fn has_query(&self) -> bool {
        !self.notes.results.is_empty()
    }

    fn is_tier(&self, module: usize, tier: Tier) -> bool {
        self.modules.all[module].tier == tier
    }
}

/// Whether one of the nodes to which a node leads is what is looked for. `is` says so of one, and
/// adds those to which it leads on; each is asked once, whatever number of ways there is to it.
fn leads_to(from: NodeId, mut is: impl FnMut(NodeId, &mut Vec<NodeId>) -> bool) -> bool {
    let (mut seen, mut open) = (HashSet::default(), vec![from]);
    while let Some(id) = open.pop() {
        if seen.insert(id) && is(id, &mut open) {
            return true;
        }
    }
    false
}

/// The set that a part of an expression reads itself.
fn read_here(part: &crate::expr::Expr) -> Option<NodeId> {
    match &part.kind {
        Kind::OverSet { set, value: Some(_), .. } => Some(*set),
        _ => None,
    }
}
