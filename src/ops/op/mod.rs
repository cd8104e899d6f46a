//! What an operator does once it is bound: [`Op`] runs it, and three more traits say what others may
//! know of it: the planner ([`Planning`]), the rewrites ([`Rewriting`]), explanations and lints
//! ([`Explaining`]). Their methods have defaults that are right for an operator that nothing is known of.

mod explaining;
mod planning;
mod rewriting;

pub use explaining::{Condition, Explaining, Relaxed};
pub use planning::Planning;
pub use rewriting::{Becomes, Rewriting, mapped};

use super::{Exec, Part, RunError};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::expr::{Expr, KeyWriter, NodeId};
use std::any::TypeId;
use std::fmt;
use std::hash::Hash;

/// A bound operator: its arguments, and how to run it.
pub trait Op: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The arguments as `explain` shows them.
    fn details(&self, schema: &Schema) -> String;

    /// The expressions that it evaluates.
    fn exprs(&self) -> Vec<&Expr>;

    /// The rows of every request of the run.
    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError>;

    /// What becomes of rows, scores and order.
    fn effect(&self) -> Effect {
        Effect::Other
    }

    /// An input that only some requests need: how many of the inputs before it, beside the sets
    /// that its expressions read, decide for which. None: it is needed anyway.
    fn gate(&self, _input: usize) -> Option<usize> {
        None
    }

    /// The requests that need a gated input, given the inputs that decide. There may be only the
    /// first of these: then it is yes wherever no is not certain.
    fn wants(&self, exec: &Exec, _input: usize, _earlier: &[&RowBatch]) -> Vec<bool> {
        vec![true; exec.run.requests()]
    }

    /// Whether the viewer or the seed make a difference to its rows, beside what its expressions read.
    fn is_personal(&self) -> bool {
        false
    }

    /// A set that is evaluated once for each row of the first input, with that row as the viewer.
    /// Its rows, one request per row, come as a further input of `run`.
    fn nested(&self) -> Option<NodeId> {
        None
    }

    /// The part of its rows that it makes.
    fn part(&self) -> &Part {
        &Part::ALL
    }
}

/// An operator of a graph, with all that is known of it.
pub trait Instance: Planning + Rewriting + Explaining {
    /// Takes down what it is: which operator, with which arguments.
    fn write_key(&self, to: &mut KeyWriter);
}

impl<T: Planning + Rewriting + Explaining + Hash + 'static> Instance for T {
    fn write_key(&self, to: &mut KeyWriter) {
        (TypeId::of::<T>(), self).hash(to);
    }
}

/// What an operator does to its first input, as far as advice has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Anything: it may read the scores and the order.
    Other,
    /// Rows, scores and order stay (`let`).
    Keeps,
    /// Some rows go; scores and order stay (`filter`, `a - b`).
    Narrows,
    /// The order changes, and the scores perhaps (`diversify_by`).
    Reorders,
    /// The first rows stay (`take`).
    Cuts,
    /// Every row has a new score, and stands by it: nothing of the old ones is left, but what the
    /// operator's expressions read (`score`, `rank`).
    Scores,
}
