//! Further rounds: a request that ends with fewer rows than it asked for, while an `auto` kept
//! candidates from it, is run again with more of them, and judged again.
//!
//! Nothing is judged but the rows and the numbers of the request itself, so that it has the same
//! answer alone and in a batch.

mod short;

pub use short::{is_short, warnings};

use crate::check::{Checked, Numbers};
use crate::exec::Results;
use crate::expr::run::Sets;
use crate::expr::{Expr, Level, NodeId};
use crate::ops::{Effect, Exec, Followed, Graph, Quantity, Role};
use crate::store::Snapshot;

/// By how much a number that was reached is multiplied.
const FACTOR: u64 = 4;
/// Rounds behind the first, at most.
pub const MOST: usize = 4;
/// Which part of `--max-rows` the contributions of a further round may come to: a page that cannot
/// be filled must not cost as much as many that can.
const SHARE: u64 = 40;

/// Of each request: the numbers of its next round, in the order of the program's `auto`s; none
/// for a request that has what it asked for, or can have no more.
pub type Again = Vec<Option<Vec<u64>>>;

/// The nodes whose rows are read after a run of the graph `ran`, beside how many they are: by the answers,
/// to judge whether there is another round, and to say what took most rows.
pub fn read_after(checked: &Checked, ran: &Graph) -> Vec<NodeId> {
    let mut read = checked.wanted();
    for id in (0..ran.len() as u32).map(NodeId) {
        let node = ran.get(id);
        // numbers and conditions of the request
        let exprs = node.op.exprs().into_iter();
        read.extend(exprs.filter(|e| e.level < Level::Row).flat_map(Expr::sets));
        if node.op.counts_entities() {
            read.extend(&node.inputs);
        }
    }
    read
}

/// Which requests need another round, after a run of the graph `ran`; `never` are the operators that give
/// no row whatever the data.
pub fn next(
    checked: &Checked,
    ran: &Graph,
    never: &[NodeId],
    exec: &Exec,
    results: &Results,
) -> Again {
    let mut again = vec![None; exec.run.requests()];
    if checked.autos.is_empty() {
        return again;
    }
    let round = Round { checked, ran, exec, results };
    for (_, result) in &checked.results {
        for (cut, asking) in last_cuts(&checked.graph, never, exec, *result) {
            let above = candidates(&checked.graph, cut);
            let short = round.short(*result, cut).into_iter();
            for request in short.filter(|&request| asking[request]) {
                round.raise(&above, request, &mut again[request]);
            }
        }
    }
    for (request, numbers) in again.iter_mut().enumerate() {
        *numbers = numbers.take().filter(|raised| round.may(request, raised));
    }
    again
}

/// The numbers of a round, and the requests that run with them.
pub type Group = (Vec<u64>, Vec<usize>);

/// The requests at `places` by the numbers that they want.
pub fn groups(again: Again, places: &[usize]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (&place, numbers) in places.iter().zip(again) {
        let Some(numbers) = numbers else { continue };
        match groups.iter_mut().find(|(known, _)| *known == numbers) {
            Some((_, places)) => places.push(place),
            None => groups.push((numbers, vec![place])),
        }
    }
    groups
}

/// The numbers by place.
pub fn by_place(checked: &Checked, numbers: &[u64]) -> Numbers {
    let places = checked.autos.iter().map(|auto| auto.place.clone());
    places.zip(numbers.iter().copied()).collect()
}

/// The last operators on the way to a result that say how many rows they want, each with whether it is
/// on the way of a request: a conditional leads on to the side that the request takes. Where an operator
/// on the way never returns a row, what others read may not have run: those that read sets are left out.
fn last_cuts(
    graph: &Graph,
    never: &[NodeId],
    exec: &Exec,
    result: NodeId,
) -> Vec<(NodeId, Vec<bool>)> {
    let mut cuts = Vec::new();
    let mut open = vec![(result, vec![true; exec.run.requests()], false)];
    while let Some((id, asking, dead)) = open.pop() {
        let node = graph.get(id);
        let dead = dead || never.contains(&id);
        let is_known = !dead || node.reads().is_empty();
        let asks = node.op.cut().is_some_and(|n| *n != Quantity::All);
        if asks || node.op.depth().is_some() {
            cuts.extend(is_known.then_some((id, asking)));
        } else if node.op.gate(0).is_some() {
            if !is_known {
                continue;
            }
            for (number, &input) in node.inputs.iter().enumerate() {
                let takes = node.op.wants(exec, number, &[]);
                let both = asking.iter().zip(takes).map(|(a, b)| *a && b);
                let both: Vec<bool> = both.collect();
                if both.contains(&true) {
                    open.push((input, both, dead));
                }
            }
        } else if node.op.effect() != Effect::Other || node.op.keeps_all() {
            open.extend(node.inputs.first().map(|&input| (input, asking, dead)));
        }
    }
    cuts
}

/// A round that is done.
struct Round<'a> {
    checked: &'a Checked,
    ran: &'a Graph,
    exec: &'a Exec<'a>,
    results: &'a Results,
}

impl Round<'_> {
    fn count(&self, node: NodeId, request: usize) -> u64 {
        self.results.rows(node).range(request).len() as u64
    }

    /// The requests that end with fewer rows than their last cut asks for; where it cuts pages out
    /// of a list, those whose list is not long enough.
    fn short(&self, result: NodeId, cut: NodeId) -> Vec<usize> {
        let op = &self.checked.graph.get(cut).op;
        let requests = 0..self.exec.run.requests();
        if let Some(depth) = op.depth() {
            // a list that gives nothing whatever the data was not made, and will not be longer
            let list = self.ran.get(cut).inputs.first();
            let list = list.filter(|&&list| self.results.has(list));
            let is_short =
                |request: &usize| list.is_some_and(|&list| self.count(list, *request) < depth);
            return requests.filter(is_short).collect();
        }
        let asked = op.cut().map(|n| n.per_request(self.exec.run));
        let asked = asked.unwrap_or_default();
        let asked = requests.zip(asked);
        asked.filter_map(|(r, n)| (self.count(result, r) < n).then_some(r)).collect()
    }

    /// Raises the numbers that a request reached above its cut.
    fn raise(&self, above: &[NodeId], request: usize, numbers: &mut Option<Vec<u64>>) {
        // a fact may be the same node, but has a number of its own
        let autos = self.checked.autos.iter().enumerate();
        for (index, auto) in autos.filter(|(_, auto)| auto.place.role == Role::Source) {
            let reached =
                |node: &&NodeId| above.contains(node) && self.followed(**node, request).reached;
            if auto.nodes.iter().any(|node| reached(&node)) {
                let all = || self.checked.autos.iter().map(|a| a.number).collect();
                numbers.get_or_insert_with(all)[index] = auto.number.saturating_mul(FACTOR);
            }
        }
    }

    /// What a node followed; nothing where it did not run.
    fn followed(&self, node: NodeId, request: usize) -> Followed {
        let found = self.exec.followed(&*self.ran.get(node).op, request);
        found.unwrap_or_default()
    }

    /// Whether another round with these numbers can bring more, and cannot cost too much: the
    /// contributions of each fan-out, times the factor for every raised number on one way to it.
    fn may(&self, request: usize, raised: &[u64]) -> bool {
        let graph = &self.checked.graph;
        let is_raised = |node: NodeId| {
            let mut autos = self.checked.autos.iter().zip(raised);
            autos.any(|(auto, &n)| n > auto.number && auto.nodes.contains(&node))
        };
        let most = self.exec.limits.max_rows / SHARE;
        let mut ways = vec![0u32; graph.len()];
        let roots = self.checked.roots();
        let mut reached = vec![false; graph.len()];
        for &root in &roots {
            for node in candidates(graph, root) {
                reached[node.0 as usize] = true;
            }
        }
        let nodes = (0..graph.len() as u32).map(NodeId);
        // inputs stand before what they lead to
        for id in nodes.filter(|id| reached[id.0 as usize]) {
            let before = graph.get(id).sources().map(|i| ways[i.0 as usize]).max();
            let way = before.unwrap_or(0) + u32::from(is_raised(id));
            ways[id.0 as usize] = way;
            let factor = FACTOR.saturating_pow(way);
            let contributions = self.followed(id, request).contributions;
            if contributions.saturating_mul(factor) > most {
                return false;
            }
        }
        self.gains(raised)
    }

    /// Whether any number can still make a difference.
    fn gains(&self, raised: &[u64]) -> bool {
        let schema = self.schema();
        let mut autos = self.checked.autos.iter().zip(raised);
        autos.any(|(auto, &n)| {
            let most = auto.nodes.iter().map(|&node| self.checked.graph.get(node).op.most(schema));
            n > auto.number && most.max().is_none_or(|most| auto.number < most)
        })
    }

    fn schema(&self) -> &crate::catalog::schema::Schema {
        let snapshot: &Snapshot = self.exec.run.snapshot;
        snapshot.schema()
    }
}

/// The nodes that the rows of a node come from: neither what they are compared with, nor what
/// expressions read.
fn candidates(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let (mut found, mut open) = (Vec::new(), vec![id]);
    while let Some(id) = open.pop() {
        if !found.contains(&id) {
            found.push(id);
            open.extend(graph.get(id).sources());
        }
    }
    found
}
