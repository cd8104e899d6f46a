//! What there is when a limit ends the run of a request: for each of its lists the rows of the last
//! operator that had finished, as far as they may stand for it.
//!
//! Rows may stand for a list if nothing that is left on the way to it would keep any of them out:
//! operators that reorder, score and cut ([`Explaining::passes`](crate::ops::Explaining::passes)), never a fan-out.
//! What leaves rows out by a condition is applied first, or there are no rows.

use super::Results;
use crate::batch::{Column, RowBatch, Stop};
use crate::expr::run::{Members, Sets};
use crate::expr::value::Val;
use crate::expr::{Expr, Kind, NodeId, Run};
use crate::ops::{BoundColumn, Effect, Exec, Graph, Limits, Node, Quantity, RunError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows that a condition is still applied to, the first ones.
const ROWS: usize = 10_000;
/// Rows of a set that others are still compared with.
const MEMBERS: usize = 100_000;
/// How long conditions may take.
const TIME: Duration = Duration::from_millis(5);

/// A list that was not finished: its node, and the operator whose rows it has.
pub type Ended = (NodeId, Option<NodeId>);

/// Gives every list of the only request that has not been made the rows that may stand for it, with
/// the columns that are known by then; none if there are none. Says which operator they are of.
pub fn salvage(graph: &Graph, wanted: &[NodeId], exec: &Exec, results: &Results) -> Vec<Ended> {
    let end = Instant::now() + TIME;
    let stop = Stop { deadline: Some(end), ..Stop::default() };
    let run =
        Run { stop, members: Members::new(stop), ..exec.run.of_requests(&[0], None, results) };
    let exec = Exec::new(&run, exec.vectors, Limits::default().until(end));
    let mut salvage = Salvage { graph, exec: &exec, results, ended: Vec::new() };
    let unfinished = wanted.iter().filter(|&&id| !results.has(id));
    unfinished.for_each(|&id| salvage.list(id));
    salvage.ended
}

struct Salvage<'a> {
    graph: &'a Graph,
    exec: &'a Exec<'a>,
    results: &'a Results,
    ended: Vec<Ended>,
}

/// The way from an operator that has finished to a list.
struct Way {
    stage: NodeId,
    /// What is left, the list's own operator first.
    left: Vec<NodeId>,
}

impl Salvage<'_> {
    fn list(&mut self, list: NodeId) {
        if self.ended.iter().any(|(known, _)| *known == list) {
            return;
        }
        let mut found = None;
        for way in self.ways(list) {
            let Some(rows) = self.rows(&way) else {
                continue;
            };
            let is_empty = rows.is_empty();
            if found.is_none() || !is_empty {
                found = Some((way.stage, rows));
            }
            if !is_empty {
                break;
            }
        }
        let (stage, rows) = match found {
            Some((stage, rows)) => (Some(stage), rows),
            None => (None, self.with_columns(&RowBatch::empty(1), list, list)),
        };
        // what is there is handed out, whatever it takes
        self.results.put(list, Arc::new(rows), Stop::default());
        self.ended.push((list, stage));
    }

    /// The ways to a list: those without conditions before those with, each the shortest first.
    fn ways(&self, list: NodeId) -> Vec<Way> {
        let mut ways = self.ways_through(list, false);
        let known: Vec<NodeId> = ways.iter().map(|way| way.stage).collect();
        let more = self.ways_through(list, true).into_iter();
        ways.extend(more.filter(|way| !known.contains(&way.stage)));
        ways
    }

    /// The ways from the last operators that have finished, through what has not.
    fn ways_through(&self, list: NodeId, conditions: bool) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        let mut seen = vec![list];
        let mut open = VecDeque::from([vec![list]]);
        while let Some(left) = open.pop_front() {
            let id = left[left.len() - 1];
            let node = self.graph.get(id);
            for (number, &input) in node.inputs.iter().enumerate() {
                let is_narrowed = conditions && number == 0 && node.op.effect() == Effect::Narrows;
                if !(node.op.passes(number) || is_narrowed) || !self.is_taken(node, number) {
                    continue;
                }
                if seen.contains(&input) {
                    continue;
                }
                seen.push(input);
                if self.results.has(input) {
                    let (stage, left) = (input, left.clone());
                    ways.push(Way { stage, left });
                } else {
                    open.push_back([&left[..], &[input]].concat());
                }
            }
        }
        ways
    }

    /// Whether an input can have a part in the rows, as far as it is decided.
    fn is_taken(&self, node: &Node, input: usize) -> bool {
        let Some(deciding) = node.op.gate(input) else {
            return true;
        };
        let decides = node.inputs[..deciding].iter().copied();
        let decides: Vec<NodeId> = decides.chain(node.reads().iter().copied()).collect();
        if !decides.iter().all(|&id| self.results.has(id)) {
            return true;
        }
        let earlier = node.inputs[..deciding].iter();
        let earlier: Vec<&RowBatch> = earlier.map(|&id| self.results.rows(id)).collect();
        node.op.wants(self.exec, input, &earlier)[0]
    }

    /// The rows of a way's operator that may stand for its list; none if a condition on it cannot be
    /// applied.
    fn rows(&self, way: &Way) -> Option<RowBatch> {
        let (from, most) = self.cut(way);
        let stage = self.results.rows(way.stage);
        let conditions = (0..way.left.len()).rev().filter(|&place| {
            let node = self.graph.get(way.left[place]);
            node.op.effect() == Effect::Narrows
        });
        let conditions: Vec<usize> = conditions.collect();
        let list = way.left[0];
        if conditions.is_empty() {
            let rows = window(stage, from, most);
            return Some(self.with_columns(&rows, way.stage, list));
        }
        let mut rows = window(stage, 0, ROWS);
        for place in conditions {
            if !self.applies(way, place) {
                return None;
            }
            let node = self.graph.get(way.left[place]);
            let before = self.with_columns(&rows, way.stage, node.inputs[0]);
            let others = node.inputs[1..].iter().map(|&id| self.results.rows(id));
            let inputs: Vec<&RowBatch> = std::iter::once(&before).chain(others).collect();
            let kept = node.op.run(self.exec, &inputs).ok()?;
            rows = among(&rows, &kept.ids);
        }
        // what was given up while a condition was applied is not to be believed
        let in_time: Result<(), RunError> = self.exec.check("partial", 0);
        in_time.ok()?;
        let rows = window(&rows, from, most);
        Some(self.with_columns(&rows, way.stage, list))
    }

    /// Whether the condition at a place of a way is about nothing but what the way's operator has.
    fn applies(&self, way: &Way, place: usize) -> bool {
        let node = self.graph.get(way.left[place]);
        let mut needs = node.needs()[1..].iter().copied();
        let is_small = |id: NodeId| self.results.has(id) && self.results.rows(id).len() <= MEMBERS;
        if !needs.all(is_small) {
            return false;
        }
        // what lies between
        let between = || way.left[place + 1..].iter().map(|&id| self.graph.get(id));
        let all = |effects: &[Effect]| between().all(|node| effects.contains(&node.op.effect()));
        let same_scores = all(&[Effect::Keeps, Effect::Narrows, Effect::Cuts]);
        let same_places = all(&[Effect::Keeps, Effect::Narrows]);
        let one_input = between().all(|node| node.op.effect() != Effect::Other);
        let (stage, here) = (self.graph.shape(way.stage), self.graph.shape(node.inputs[0]));
        let is_there = |part: &Expr| match part.kind {
            Kind::Score => same_scores,
            Kind::Position => same_places,
            Kind::Bound(column) => here.columns.get(column as usize).is_some_and(|wanted| {
                let is_new = between().any(|node| node.op.binds().contains(&&*wanted.name));
                let known = stage.find(&wanted.name).map(|place| &stage.columns[place]);
                one_input && !is_new && known.is_some_and(|known| known.ty == wanted.ty)
            }),
            _ => true,
        };
        let mut there = true;
        for expr in node.op.exprs() {
            expr.walk(&mut |part| there &= is_there(part));
        }
        there
    }

    /// How many rows the last `take` of a way skips, and how many it asks for.
    fn cut(&self, way: &Way) -> (usize, usize) {
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let bound = self.graph.shape(way.left[0]).bound.unwrap_or(u64::MAX);
        let nodes = way.left.iter().map(|&id| self.graph.get(id));
        let is_cut = |node: &&Node| node.op.cut().is_some_and(|n| *n != Quantity::All);
        let Some(node) = nodes.into_iter().find(is_cut) else {
            return (0, whole(bound));
        };
        // numbers that are made of sets which are not there are none
        if !node.reads().iter().all(|&set| self.results.has(set)) {
            return (0, 0);
        }
        let number = |n: &Quantity| n.per_request(self.exec.run)[0];
        let most = node.op.cut().map_or(u64::MAX, number).min(bound);
        (whole(node.op.offset().map_or(0, number)), whole(most))
    }

    /// Rows of an operator with the columns of another; those that are not known there are null.
    fn with_columns(&self, rows: &RowBatch, from: NodeId, to: NodeId) -> RowBatch {
        let before = self.graph.shape(from);
        let column = |wanted: &BoundColumn| -> Column {
            let known = before.find(&wanted.name);
            match known.filter(|&place| before.columns[place].ty == wanted.ty) {
                Some(place) if place < rows.columns.len() => rows.columns[place].clone(),
                _ => Val::null(&wanted.ty).into_column(rows.len()),
            }
        };
        RowBatch {
            offsets: rows.offsets.clone(),
            ids: rows.ids.clone(),
            scores: rows.scores.clone(),
            columns: self.graph.shape(to).columns.iter().map(column).collect(),
        }
    }
}

/// The `most` rows after the first `from`.
fn window(rows: &RowBatch, from: usize, most: usize) -> RowBatch {
    let from = from.min(rows.len());
    let end = from.saturating_add(most).min(rows.len());
    let places: Vec<u32> = (from as u32..end as u32).collect();
    rows.select(vec![0, places.len() as u32], &places)
}

/// The rows with these ids, which stand in the order of the rows.
fn among(rows: &RowBatch, ids: &[u32]) -> RowBatch {
    let mut left = ids.iter().peekable();
    let is_next = |id: &u32| left.next_if_eq(&id).is_some();
    let keep: Vec<u8> = rows.ids.iter().map(is_next).map(u8::from).collect();
    rows.retain(&keep)
}
