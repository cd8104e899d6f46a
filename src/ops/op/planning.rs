//! What planning asks of an operator: how many rows there will be, and how many are needed.

use super::{Effect, Op};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::ops::{Demand, Exec, Guess, Quantity, Shape};
use crate::store::Snapshot;

/// Numbers of rows, before and while an operator runs.
pub trait Planning: Op {
    /// Most contributions that a request can make here, over inputs of these bounds: what a
    /// fan-out merges into its rows. None for operators that merge nothing.
    fn contributions(&self, _snapshot: &Snapshot, _inputs: &[&Shape]) -> Option<u64> {
        None
    }

    /// How many rows to expect, given how many of each input (and, last, of the nested set).
    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let most = self.cut().and_then(|cut| guess.number(cut));
        let rows = inputs.first().copied().unwrap_or(1.0);
        rows.min(most.unwrap_or(f64::INFINITY))
    }

    /// What is asked of an input, given what is asked of the rows here; none if nothing is.
    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        if input > 0 {
            return None;
        }
        let cut = self.cut().and_then(|cut| guess.number(cut));
        let asked = cut.map(Demand::rows).or(wanted);
        match self.effect() {
            Effect::Other => None,
            Effect::Scores => asked.map(|demand| Demand { scored: true, ..demand }),
            Effect::Keeps | Effect::Narrows | Effect::Reorders | Effect::Cuts => asked,
        }
    }

    /// The number of a fan-out, where the program leaves it open.
    fn auto(&self) -> Option<u64> {
        None
    }

    /// The largest such number that can make a difference.
    fn most(&self, _schema: &Schema) -> u64 {
        u64::MAX
    }

    /// How many rows the program asks for here, where it says a number (`take(25)`, `keep=100`).
    fn asks(&self) -> Option<u64> {
        None
    }

    /// How many rows stay here at most, where the program or the request says a number.
    fn cut(&self) -> Option<&Quantity> {
        None
    }

    /// Where pages are cut out of one list: how many rows it should have. They have to come in,
    /// whichever page is asked for.
    fn depth(&self) -> Option<u64> {
        None
    }

    /// How many rows come before the page, where it is cut out of a list.
    fn offset(&self) -> Option<&Quantity> {
        None
    }

    /// How many rows a request would have here, where no more than are used may have been made: see
    /// [`Rewriting::narrowed`](super::Rewriting::narrowed). None if the rows themselves tell. What fan-outs make is noted
    /// ([`Exec::followed`]).
    fn whole(&self, _exec: &Exec, _inputs: &[&RowBatch], _request: usize) -> Option<u64> {
        None
    }

    /// Whether [`Planning::whole`] looks at the entities of the inputs, and not only at how many rows they have.
    fn counts_entities(&self) -> bool {
        false
    }

    /// Its numbers of rows, by the names of their parameters.
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        Vec::new()
    }

    /// Whether all rows of the first input stay, whatever comes to them.
    fn keeps_all(&self) -> bool {
        matches!(self.effect(), Effect::Keeps | Effect::Reorders)
    }
}
