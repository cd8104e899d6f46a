//! `propensity`: how probable it was that a row came to be where it is, where that was drawn.
//!
//! Every node notes whether chance enters on the way to it ([`Chance`]). What it comes to is an expression that is
//! made when somebody reads it: until then it costs nothing.

use super::Checker;
use crate::expr::ir::{Kind, OfSet, Scalar, Stat};
use crate::expr::{Expr, NodeId};
use crate::ops::{Chance, Drawing, Instance, Quantity};
use crate::source::Span;
use crate::types::Type;
use std::collections::HashSet;

impl Checker<'_> {
    /// Notes of a new node whether its rows, or those that lead to them, are drawn.
    pub(super) fn note_chance(&mut self, node: NodeId) {
        let chance = self.chance_at(node);
        if chance != Chance::Certain {
            self.graph.set_chance(node, chance);
        }
    }

    /// The probabilities of the rows of results.
    pub(super) fn propensities(&mut self, results: &[(Option<String>, NodeId)]) -> Vec<Expr> {
        let of = |(_, node): &(Option<String>, NodeId)| self.chance_of_set(*node, Span::default());
        results.iter().map(of).collect()
    }

    fn chance_at(&self, id: NodeId) -> Chance {
        let node = self.graph.get(id);
        let chance = |input: NodeId| self.graph.shape(input).chance;
        let drawing = node.op.drawing();
        let inputs: Vec<Chance> = node.inputs.iter().copied().map(chance).collect();
        let all_certain = |inputs: &[Chance]| inputs.iter().all(|c| *c == Chance::Certain);
        let nested = node.op.nested().map_or(Chance::Certain, chance);
        if node.op.exprs().into_iter().any(Expr::draws) || self.reads_drawn(id) {
            return Chance::Unknown;
        }
        let first = inputs.first().copied().unwrap_or_default();
        match drawing {
            _ if inputs.contains(&Chance::Unknown) || nested != Chance::Certain => Chance::Unknown,
            Drawing::Weighted => Chance::Unknown,
            Drawing::Sample(_) | Drawing::Links { drawn: true } => Chance::Drawn(id),
            _ if all_certain(&inputs) => Chance::Certain,
            Drawing::Kept if all_certain(&inputs[1..]) => first,
            Drawing::Links { .. } | Drawing::Either(_) => Chance::Drawn(id),
            // of two sets that are drawn, a row in one may have been drawn for the other as well
            Drawing::Any if inputs.iter().filter(|c| **c != Chance::Certain).count() == 1 => {
                Chance::Drawn(id)
            }
            Drawing::Any | Drawing::Kept | Drawing::Made => Chance::Unknown,
        }
    }

    /// Whether a node's expressions read a set that is drawn, beside what `propensity` of its input reads.
    fn reads_drawn(&self, id: NodeId) -> bool {
        let node = self.graph.get(id);
        let drawn: HashSet<NodeId> = (node.reads().iter().copied())
            .filter(|&set| self.graph.shape(set).chance != Chance::Certain)
            .collect();
        if drawn.is_empty() {
            return false;
        }
        let own = node.inputs.first().and_then(|&input| match self.graph.shape(input).chance {
            Chance::Drawn(at) => self.readings.chances.get(&at),
            _ => None,
        });
        let own: Vec<NodeId> = own.map(Expr::sets).unwrap_or_default();
        drawn.iter().any(|set| !own.contains(set))
    }

    /// The probability of a row, as an expression over the rows: null where there is no formula.
    pub(super) fn chance_of(&mut self, chance: Chance, span: Span) -> Expr {
        match chance {
            Chance::Certain => Expr::constant(Scalar::F64(1.0), Type::Float),
            Chance::Unknown => Expr::constant(Scalar::Null, Type::Float),
            Chance::Drawn(at) => {
                if let Some(known) = self.readings.chances.get(&at) {
                    return known.clone();
                }
                let found = crate::deep::recurse(|| self.drawn_at(at, span));
                self.readings.chances.insert(at, found.clone());
                found
            }
        }
    }

    /// The probability of a row of a node where chance enters.
    fn drawn_at(&mut self, id: NodeId, span: Span) -> Expr {
        let node = self.graph.get(id);
        let (op, inputs) = (node.op.clone(), node.inputs.clone());
        let first = inputs[0];
        match op.drawing() {
            Drawing::Sample(n) => {
                let drawn = self.share(n, first, span);
                self.times_input(first, drawn, span)
            }
            Drawing::Links { .. } => self.reached(&*op, first, span),
            Drawing::Either(condition) => {
                let sides = [inputs[0], inputs[1]].map(|side| self.chance_of_set(side, span));
                let [then, otherwise] = sides;
                let condition = condition.clone();
                Expr::new(Kind::If { condition, then, otherwise }, Type::Float)
            }
            _ => self.in_any(&inputs, span),
        }
    }

    fn chance_of_set(&mut self, set: NodeId, span: Span) -> Expr {
        self.chance_of(self.graph.shape(set).chance, span)
    }

    /// The share of the rows of a set that so many are.
    fn share(&mut self, n: &Quantity, set: NodeId, span: Span) -> Expr {
        let n = match n {
            Quantity::PerRequest(n) => n.clone(),
            known => match known.known().and_then(|n| i64::try_from(n).ok()) {
                Some(n) => Expr::constant(Scalar::I64(n), Type::Int),
                None => return Expr::constant(Scalar::F64(1.0), Type::Float),
            },
        };
        let rows = Expr::new(Kind::OverSet { stat: Stat::Count, set, value: None }, Type::Int);
        let share = self.apply("/", vec![n, rows], span);
        self.apply("min", vec![Expr::constant(Scalar::F64(1.0), Type::Float), share], span)
    }

    /// A probability, times that of the rows of a set.
    fn times_input(&mut self, set: NodeId, chance: Expr, span: Span) -> Expr {
        match self.graph.shape(set).chance {
            Chance::Certain => chance,
            other => {
                let before = self.chance_of(other, span);
                self.apply("*", vec![before, chance], span)
            }
        }
    }

    /// What a walk reaches is as probable as its links, and the rows that they start from.
    fn reached(&mut self, op: &dyn Instance, input: NodeId, span: Span) -> Expr {
        let of_input = match self.graph.shape(input).chance {
            Chance::Certain => None,
            chance => Some(self.chance_of(chance, span)),
        };
        match op.chances(self.snapshot, &self.graph, input, of_input) {
            Some(bound) => {
                let set = self.graph.add(bound.op, bound.inputs, bound.shape, span);
                self.of_row(OfSet::Chance, set)
            }
            None => Expr::constant(Scalar::Null, Type::Float),
        }
    }

    /// What a set says of a row.
    fn of_row(&self, what: OfSet, set: NodeId) -> Expr {
        let id = Expr::new(Kind::It, Type::Id(self.graph.shape(set).entity));
        Expr::new(Kind::OfSet { what, id, set }, Type::Float)
    }

    /// A row of several sets, of which one is drawn, is certain where another has it.
    fn in_any(&mut self, sets: &[NodeId], span: Span) -> Expr {
        let is_certain = |set: &&NodeId| self.graph.shape(**set).chance == Chance::Certain;
        let (certain, drawn): (Vec<&NodeId>, Vec<&NodeId>) = sets.iter().partition(is_certain);
        let mut chance = self.chance_of_set(*drawn[0], span);
        for &set in certain {
            let is_certain = self.of_row(OfSet::Certain, set);
            chance = self.apply("coalesce", vec![is_certain, chance], span);
        }
        chance
    }
}
