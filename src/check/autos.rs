//! Numbers that the program leaves to the planner.

use super::Checker;
use super::env::Env;
use crate::expr::NodeId;
use crate::ops::Role;
use crate::source::Span;
use foldhash::HashMap;

/// Where an `auto` stands: the fan-out, the calls that lead to it (the innermost first), and what
/// its set is for. Every reading of a program finds the same places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub fanout: Span,
    pub calls: Vec<Span>,
    pub role: Role,
}

/// An `auto` that is a number.
#[derive(Clone, Debug)]
pub struct Auto {
    pub place: Place,
    /// 30 of `auto(30)`, or the operator's own.
    pub constant: u64,
    pub number: u64,
    /// The fan-outs that have it: where a binding is used in several ways, there can be several.
    pub nodes: Vec<NodeId>,
}

/// What the planner has said so far, by place.
pub type Numbers = HashMap<Place, u64>;

/// The `auto`s of one reading of a program.
pub(super) struct Autos {
    /// What the planner said of each; its constant where it said nothing.
    pub(super) numbers: Numbers,
    pub(super) found: Vec<Auto>,
}

impl Autos {
    pub(super) fn new(numbers: &Numbers) -> Autos {
        Autos { numbers: numbers.clone(), found: Vec::new() }
    }
}

impl<'a> Checker<'a> {
    /// The number of an `auto` of the fan-out at `fanout`.
    pub(super) fn auto(
        &mut self,
        constant: u64,
        fanout: Span,
        env: &Env<'a>,
        role: Role,
    ) -> (u64, usize) {
        let place = Place { fanout, calls: env.sites().collect(), role };
        let number = self.autos.numbers.get(&place).copied().unwrap_or(constant);
        self.note_auto(&place, number);
        let known = self.autos.found.iter().position(|auto| auto.place == place);
        let index = known.unwrap_or(self.autos.found.len());
        if known.is_none() {
            let nodes = Vec::new();
            self.autos.found.push(Auto { place, constant, number, nodes });
        }
        (number, index)
    }

    /// Notes that a node has the number of an `auto`.
    pub(super) fn has_auto(&mut self, node: NodeId, auto: usize) {
        let nodes = &mut self.autos.found[auto].nodes;
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }

    /// Notes that a node took over the numbers of another.
    pub(super) fn takes_over(&mut self, from: NodeId, to: NodeId) {
        for auto in &mut self.autos.found {
            if auto.nodes.contains(&from) && !auto.nodes.contains(&to) {
                auto.nodes.push(to);
            }
        }
    }
}
