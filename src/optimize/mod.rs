//! Rewrites of the checked graph that never change an answer.
//!
//! A rule is a function in a file of its own; [`RULES`] is the list, in the order in which they run.
//! Nodes keep their numbers: a rule puts another operator or other inputs in the place of a node, and
//! what nobody needs any more does not run. So whoever looks at a run (further rounds, the times of
//! `explain --analyze`) finds an operator of the program under its number.
//!
//! A rule names no operator. It asks what an operator comes to ([`Rewriting::becomes`]), what it uses of its
//! inputs ([`Rewriting::uses`]), for one that gives no more than is used ([`Rewriting::narrowed`]) or has other
//! expressions ([`Rewriting::mapped`]).
//!
//! What is asked about rows that a rewritten run does not have (explanations, the answer of a run that
//! a limit ends) is asked of the graph as it is written; `explain` shows that one, too.
//!
//! Some rewrites stand elsewhere, because they are no choice or belong to the run:
//! - equal sub-pipelines are one node: the graph does that while it is built (`ops::graph`);
//! - a filter moves into a fan-out or search whose number is `auto`, because that is its meaning
//!   ([`Rewriting::absorb`], the checker);
//! - one side of a conditional, and a `fallback` that is not needed, do not run (`exec::schedule`);
//! - searches of a batch that are the same are one (`ops::nn`).
//!
//! [`Rewriting::becomes`]: crate::ops::Rewriting::becomes
//! [`Rewriting::mapped`]: crate::ops::Rewriting::mapped
//! [`Rewriting::uses`]: crate::ops::Rewriting::uses
//! [`Rewriting::narrowed`]: crate::ops::Rewriting::narrowed
//! [`Rewriting::absorb`]: crate::ops::Rewriting::absorb

mod arms;
mod dead;
mod fold;
mod heap;
mod order;
mod used;

pub use arms::in_arms;

use crate::check::Checked;
use crate::exec::{Cache, Kept, Schedule};
use crate::expr::NodeId;
use crate::ops::{Graph, Instance, Used};
use crate::store::Snapshot;
use std::sync::Arc;

/// A rewrite.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    /// Why it is there, and where in the list.
    pub why: &'static str,
    apply: fn(&mut Rewriting),
}

/// In the order in which they run.
pub const RULES: &[Rule] = &[
    Rule {
        name: "constants",
        why: "first, because the others ask what is constant",
        apply: fold::constants,
    },
    Rule {
        name: "dead branches",
        why: "before the rules that ask what is used: what does not run uses nothing",
        apply: dead::branches,
    },
    Rule {
        name: "unread columns",
        why: "before the order is asked for: what is not computed does not read it",
        apply: dead::columns,
    },
    Rule {
        name: "best rows",
        why: "a page is a few of many candidates: the others need neither an order nor columns",
        apply: heap::best,
    },
    Rule {
        name: "unread order",
        why: "a model sorts anew what a fan-out has sorted; last, as it asks what is left",
        apply: order::unsorted,
    },
];

/// A graph as it is run.
#[derive(Debug)]
pub struct Rewritten {
    pub graph: Graph,
    pub schedule: Schedule,
}

impl Rewritten {
    /// The graph of a program after some rules, of which the results and the rows of the nodes that
    /// `read_after` names are read after a run, and which rows `watched` nodes have. Requests that ask alike share
    /// the rest, and programs with the same `kept` what they have in common. What `logged` nodes do is taken down
    /// for every request: where there are such, nothing is shared.
    pub fn new(
        checked: &Checked,
        snapshot: &Snapshot,
        rules: &[&Rule],
        (watched, logged): (&[NodeId], &[NodeId]),
        read_after: impl FnOnce(&Graph) -> Vec<NodeId>,
        cache: &Arc<Cache>,
        kept: Option<&Arc<Kept>>,
    ) -> Rewritten {
        let mut rewriting = Rewriting::new(checked, snapshot, (watched, logged));
        for rule in rules {
            (rule.apply)(&mut rewriting);
        }
        let (graph, results) = (rewriting.graph, rewriting.results);
        let read = read_after(&graph);
        let schedule = match kept {
            _ if !logged.is_empty() => Schedule::new(&graph, &results),
            Some(kept) => Schedule::keeping(&graph, &results, &read, cache, kept),
            None => Schedule::sharing(&graph, &results, &read, cache),
        };
        Rewritten { graph, schedule }
    }

    /// The operators that give no row whatever the data.
    pub fn nothings(&self) -> Vec<NodeId> {
        let all = (0..self.graph.len() as u32).map(NodeId);
        all.filter(|&id| self.graph.get(id).op.is_nothing()).collect()
    }
}

/// A graph while it is rewritten.
struct Rewriting<'a> {
    snapshot: &'a Snapshot,
    graph: Graph,
    results: Vec<NodeId>,
    watched: &'a [NodeId],
    logged: &'a [NodeId],
    /// The nodes that run, for other viewers too, each after those it needs.
    running: Vec<NodeId>,
}

impl<'a> Rewriting<'a> {
    fn new(
        checked: &Checked,
        snapshot: &'a Snapshot,
        (watched, logged): (&'a [NodeId], &'a [NodeId]),
    ) -> Self {
        let results = checked.wanted();
        let running = checked.graph.running(&results);
        let graph = checked.graph.to_rewrite();
        Rewriting { snapshot, graph, results, watched, logged, running }
    }

    /// What is used of every node, by its number.
    fn used(&self) -> Vec<Used> {
        used::used(&self.graph, &self.results, (self.watched, self.logged), &self.running)
    }

    /// Puts other operators and inputs in the place of nodes.
    fn replace(&mut self, others: Vec<(NodeId, Arc<dyn Instance>, Vec<NodeId>)>) {
        let same = others.is_empty();
        for (id, op, inputs) in others {
            self.graph.replace(id, op, inputs);
        }
        if !same {
            self.running = self.graph.running(&self.results);
        }
    }

    /// Puts operators that give no more than is used in the place of those that do; `part` says what
    /// of that counts.
    fn narrow(&mut self, part: impl Fn(&Used) -> Used) {
        let used = self.used();
        let mut same = true;
        for &id in &self.running {
            let node = self.graph.get(id);
            let Some(op) = node.op.narrowed(&part(&used[id.0 as usize])) else {
                continue;
            };
            // nothing waits for itself
            let sets: Vec<NodeId> = op.part().sets().collect();
            if sets.is_empty() || !self.graph.reachable(&sets).contains(&id) {
                let inputs = node.inputs.clone();
                self.graph.replace(id, op, inputs);
                same = false;
            }
        }
        if !same {
            self.running = self.graph.running(&self.results);
        }
    }
}
