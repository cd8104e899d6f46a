//! What explanations and lints ask of an operator.

use super::{Effect, Instance, Op};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::expr::{EdgeExpr, Expr, NodeId};
use crate::ops::{Bound, Contributions, Drawing, Exec, Graph, Ranking, RunError};
use crate::store::Snapshot;
use std::sync::Arc;

/// Where rows and scores come from, in words and as expressions.
pub trait Explaining: Op {
    /// Whether each row of that input may stand for a row here, whatever becomes of the others: an
    /// operator that orders, scores and cuts keeps none out for what it is.
    fn passes(&self, input: usize) -> bool {
        let passes = !matches!(self.effect(), Effect::Other | Effect::Narrows);
        passes && input == 0
    }

    /// Whether rows of several inputs are compared by their scores as they are (`a | b`).
    fn mixes_scores(&self) -> bool {
        false
    }

    /// How its rows come of those of its inputs, as far as that may be drawn.
    fn drawing(&self) -> Drawing<'_> {
        match self.effect() {
            Effect::Other => Drawing::Made,
            _ => Drawing::Kept,
        }
    }

    /// Of a fan-out along links: the set that says of each entity that can be reached from `input` how probable that is,
    /// where the rows of `input` were there with the probability `of_input`.
    fn chances(
        &self,
        _snapshot: &Snapshot,
        _graph: &Graph,
        _input: NodeId,
        _of_input: Option<Expr>,
    ) -> Option<Bound> {
        None
    }

    /// Whether scores of the input are added up.
    fn sums_scores(&self) -> bool {
        false
    }

    /// The names of the columns that it binds.
    fn binds(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The expression of a column that it binds, over the rows of its input.
    fn binding(&self, _name: &str) -> Option<Expr> {
        None
    }

    /// The edge that it goes along.
    fn edge(&self) -> Option<&EdgeExpr> {
        None
    }

    /// What an explanation calls it: `walk likes`.
    fn label(&self, _schema: &Schema) -> String {
        self.name().to_owned()
    }

    /// Its arguments for people: what a trained model is given is left out, as its name and version say it.
    fn brief(&self, schema: &Schema) -> String {
        self.details(schema)
    }

    /// What a fan-out merges into its rows, made again for an explanation. None for operators that
    /// merge nothing.
    fn links(
        &self,
        _exec: &Exec,
        _inputs: &[&RowBatch],
    ) -> Result<Option<Contributions>, RunError> {
        Ok(None)
    }

    /// The same fan-out with conditions taken away, the least first, to tell which of them an
    /// entity did not meet.
    fn relaxed(&self, _schema: &Schema) -> Vec<Relaxed> {
        Vec::new()
    }

    /// From the entities that a fan-out reaches to those that lead to them, if links do.
    fn backwards(&self) -> Option<Arc<dyn Instance>> {
        None
    }

    /// What logs are told of the model that it scores rows with, if it does.
    fn ranking(&self) -> Option<Ranking<'_>> {
        None
    }

    /// The new score, as an expression over the rows of the input.
    fn formula(&self) -> Option<Expr> {
        None
    }

    /// The names of the sets that it puts together, as its column `branch` has them.
    fn branches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Of which input the row of an entity is, where neither `branches` nor the order of the inputs
    /// says so.
    fn origin(
        &self,
        _exec: &Exec,
        _inputs: &[&RowBatch],
        _request: usize,
        _id: u32,
    ) -> Option<usize> {
        None
    }
}

/// A fan-out without some of its conditions.
pub struct Relaxed {
    pub op: Arc<dyn Instance>,
    pub without: Condition,
}

/// What keeps a fan-out from reaching an entity.
pub enum Condition {
    /// A number of links or neighbours, as written: `limit=10`.
    Number(String),
    /// On the entity that is reached.
    Entity(Expr),
    /// Another, as written: `within=7d`.
    Other(String),
}
