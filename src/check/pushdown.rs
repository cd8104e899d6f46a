//! What narrows the rows of an open fan-out belongs to the search: filters, `- set` and `& set` behind a
//! `walk` or `nn` whose number is `auto` are conditions on what it finds.
//!
//! That is their meaning, not an optimisation. They do not pass what reads positions, nor what narrows
//! by a set that is drawn from the fan-out itself: `pool - pool.take(10)` is the rest of that pool. From
//! which fan-outs a set is drawn is told by the text: equal sub-pipelines are one node of the graph, but
//! each is a call of its own.

use super::Checker;
use super::env::Env;
use super::rows::conjuncts;
use super::state::SetKey;
use crate::deep::recurse;
use crate::expr::ir::Kind;
use crate::expr::{Expr, NodeId};
use crate::ops::{self, Bound, membership};
use crate::source::Span;
use crate::types::Type;
use foldhash::HashMap;
use std::rc::Rc;

/// Calls of `walk` and `nn`, as the bits of their numbers; the last word is never 0, so that equal sets are
/// equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Calls(Vec<u64>);

impl Calls {
    fn insert(&mut self, call: u32) {
        let word = call as usize / 64;
        self.0.resize(self.0.len().max(word + 1), 0);
        self.0[word] |= 1 << (call % 64);
    }

    fn extend(&mut self, others: &Calls) {
        self.0.resize(self.0.len().max(others.0.len()), 0);
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    /// Those that are among others, too.
    fn and(mut self, others: &Calls) -> Calls {
        self.0.truncate(others.0.len());
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word &= other;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn contains(&self, call: u32) -> bool {
        let word = self.0.get(call as usize / 64);
        word.is_some_and(|word| word >> (call % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let all = 0..64 * self.0.len() as u32;
        all.filter(|&call| self.contains(call))
    }
}

/// Which calls of fan-outs sets are drawn from.
#[derive(Default)]
pub(super) struct Drawn {
    /// A call in the text and the calls of definitions that lead to it, with its number.
    numbers: HashMap<(Span, Vec<Span>), u32>,
    /// The same by number.
    places: Vec<(Span, Vec<Span>)>,
    /// Of each set that was read: all calls that were read for it.
    texts: HashMap<SetKey, Rc<Calls>>,
    nodes: HashMap<NodeId, Calls>,
    /// The calls that a fan-out is.
    fanouts: HashMap<NodeId, Calls>,
    /// Of an operator that narrows rows by sets: the calls that these are drawn from.
    narrows: HashMap<NodeId, Calls>,
    /// Of the sets that are being read, innermost last.
    open: Vec<Calls>,
}

/// What a condition made of nodes, by the calls that it was drawn from by then.
type Known = HashMap<(NodeId, Calls), Option<Taken>>;

/// A pipeline whose fan-outs took over a condition.
#[derive(Clone, Copy)]
struct Taken {
    node: NodeId,
    /// Whether every row satisfies it now.
    whole: bool,
}

impl<'a> Checker<'a> {
    /// What `read` gives, and the calls that it reads sets from.
    pub(super) fn drawing<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> (R, Calls) {
        self.drawn.open.push(Calls::default());
        let result = read(self);
        let calls = self.drawn.open.pop().unwrap_or_default();
        self.draws(&calls);
        (result, calls)
    }

    /// The set that is being read is drawn from these as well.
    fn draws(&mut self, calls: &Calls) {
        if let Some(open) = self.drawn.open.last_mut() {
            open.extend(calls);
        }
    }

    /// A definition that was read under other calls is read again: its sets are drawn from the same.
    pub(super) fn draws_same(&mut self, calls: &Calls) {
        self.draws(calls);
    }

    /// How many calls stand behind the calls of definitions `path`: they are others where the path is.
    pub(super) fn behind(&self, calls: &Calls, path: &[Span]) -> usize {
        let place = |call: &u32| self.drawn.places.get(*call as usize);
        let leads = |call: &u32| place(call).is_some_and(|(_, sites)| sites.ends_with(path));
        match path.is_empty() {
            true => 0,
            false => calls.iter().filter(leads).count(),
        }
    }

    /// What was read so far for the set that is being read.
    pub(super) fn drawn_so_far(&self) -> Calls {
        self.drawn.open.last().cloned().unwrap_or_default()
    }

    /// Notes what a set is drawn from.
    pub(super) fn note_drawn(&mut self, key: SetKey, node: Option<NodeId>, calls: Calls) {
        if let Some(node) = node {
            let known = self.drawn.nodes.entry(node).or_default();
            known.extend(&calls);
        }
        self.drawn.texts.insert(key, Rc::new(calls));
    }

    /// A set that was read before is read again.
    pub(super) fn draws_again(&mut self, key: &SetKey) {
        if let Some(calls) = self.drawn.texts.get(key).cloned() {
            self.draws(&calls);
        }
    }

    /// Notes that a node is the fan-out that is called at `span`.
    pub(super) fn note_fan_out(&mut self, node: NodeId, span: Span, env: &Env<'a>) {
        if self.graph.contributions(node, self.snapshot).is_none() {
            return;
        }
        let next = self.drawn.numbers.len() as u32;
        let place = (span, env.sites().collect());
        let call = *self.drawn.numbers.entry(place.clone()).or_insert(next);
        if call == next {
            self.drawn.places.push(place);
        }
        self.drawn.fanouts.entry(node).or_default().insert(call);
        if let Some(open) = self.drawn.open.last_mut() {
            open.insert(call);
        }
    }

    /// The calls that the sets which a condition reads are drawn from, among those that were read for
    /// its operator.
    fn drawn_for(&self, condition: &Expr, read: &Calls) -> Calls {
        let mut calls = Calls::default();
        for set in condition.sets() {
            if let Some(drawn) = self.drawn.nodes.get(&set) {
                calls.extend(drawn);
            }
        }
        calls.and(read)
    }

    /// Adds a filter behind rows that were read from `left`; `read` is what its conditions read. What
    /// it asks goes into the fan-outs before it, as far as it can.
    pub(super) fn add_filter(
        &mut self,
        bound: Bound,
        span: Span,
        left: &Calls,
        read: &Calls,
    ) -> NodeId {
        let mut all = Vec::new();
        for condition in bound.op.as_filter().unwrap_or_default() {
            conjuncts(condition, &mut all);
        }
        let mut input = bound.inputs[0];
        let mut rest = Vec::new();
        for condition in all {
            let drawn = self.drawn_for(&condition, read);
            let taken = self.taken_once(input, &condition, left, &drawn);
            let whole = taken.as_ref().is_some_and(|taken| taken.whole);
            input = taken.map_or(input, |taken| taken.node);
            if !whole {
                rest.push(condition);
            }
        }
        if rest.is_empty() {
            self.graph.refine(input, &bound.shape);
            return input;
        }
        let filter = ops::filter(bound.shape.entity, rest);
        let node = self.add_node(filter, vec![input], bound.shape, span);
        self.drawn.narrows.entry(node).or_default().extend(read);
        node
    }

    /// Adds `a - b` or `a & b`, each with the calls that it is drawn from; `wanted` tells them apart.
    pub(super) fn add_narrowed(
        &mut self,
        (a, left): (NodeId, &Calls),
        (b, read): (NodeId, &Calls),
        wanted: bool,
        span: Span,
    ) -> NodeId {
        let bind = |this: &Self, a| match wanted {
            true => ops::intersection(&this.graph, a, b),
            false => ops::difference(&this.graph, a, b),
        };
        let id = Expr::new(Kind::It, Type::Id(self.graph.shape(a).entity));
        let mut condition = Expr::new(Kind::InSet { id, set: b }, Type::Bool);
        if !wanted {
            condition = self.apply("not", vec![condition], span);
        }
        let taken = self.taken_once(a, &condition, left, read);
        if let Some(Taken { node, whole: true }) = taken {
            let shape = bind(self, node).shape;
            self.graph.refine(node, &shape);
            return node;
        }
        let bound = bind(self, taken.map_or(a, |taken| taken.node));
        let node = self.add(bound, span);
        self.drawn.narrows.entry(node).or_default().extend(read);
        node
    }

    fn taken_once(
        &mut self,
        node: NodeId,
        condition: &Expr,
        left: &Calls,
        drawn: &Calls,
    ) -> Option<Taken> {
        self.taken(node, condition, left, drawn, &mut HashMap::default())
    }

    /// The pipeline `node`, read from the calls `left`, with a condition taken over by its fan-outs; none
    /// if none does. `known` has what was found of a node so far: many ways may lead to it. `drawn` are the calls that the sets in the condition, or in what stands between,
    /// are drawn from.
    fn taken(
        &mut self,
        node: NodeId,
        condition: &Expr,
        left: &Calls,
        drawn: &Calls,
        known: &mut Known,
    ) -> Option<Taken> {
        if !condition.reads_only_the_entity() {
            return None;
        }
        let key = (node, drawn.clone());
        if let Some(known) = known.get(&key) {
            return *known;
        }
        let taken = recurse(|| self.taken_new(node, condition, left, drawn, known));
        known.insert(key, taken);
        taken
    }

    fn taken_new(
        &mut self,
        node: NodeId,
        condition: &Expr,
        left: &Calls,
        drawn: &Calls,
        known: &mut Known,
    ) -> Option<Taken> {
        let this = self.graph.get(node).clone();
        if let Some(op) = this.op.absorb(condition) {
            let own = self.drawn.fanouts.get(&node).cloned().unwrap_or_default();
            let itself = own.iter().any(|call| left.contains(call) && drawn.contains(call));
            // where all links are followed, leaving out rows later is the same and cheaper
            let follows_all = this.op.auto().is_none() && membership(condition).is_some();
            if itself || follows_all {
                return None;
            }
            let with = self.add_node(op, this.inputs, this.shape, this.span);
            self.takes_over(node, with);
            self.drawn.fanouts.entry(with).or_default().extend(&own);
            return Some(Taken { node: with, whole: true });
        }
        let mut drawn = drawn.clone();
        if let Some(narrows) = self.drawn.narrows.get(&node) {
            drawn.extend(narrows);
        }
        let passes = match (this.op.hands_filters_on(), this.op.lets_filters_pass()) {
            (true, _) => this.inputs.len(),
            (false, true) => 1,
            (false, false) => return None,
        };
        let mut inputs = this.inputs.clone();
        let (mut any, mut whole) = (false, true);
        for input in &mut inputs[..passes] {
            match self.taken(*input, condition, left, &drawn, known) {
                Some(taken) => {
                    any = true;
                    whole &= taken.whole;
                    *input = taken.node;
                }
                None => whole = false,
            }
        }
        if !any {
            return None;
        }
        let with = self.add_node(this.op, inputs, this.shape, this.span);
        if let Some(narrows) = self.drawn.narrows.get(&node).cloned() {
            self.drawn.narrows.entry(with).or_default().extend(&narrows);
        }
        Some(Taken { node: with, whole })
    }
}
