//! What is said of a row that is in an answer.

use super::nulls::NullPart;
pub use crate::expr::functions::sums::Scale;
use crate::types::{Key, Value};

/// Why a row is in an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// From the source to the row: a step per source and fan-out on the way of its witness.
    pub path: Vec<Step>,
    /// The score after each operator that made a new one, in the order in which they ran.
    pub scores: Vec<Scoring>,
    /// Where sets were put together: those that hold the row.
    pub branches: Vec<Branch>,
    /// Where re-ranking changed its position or its score.
    pub moves: Vec<Move>,
}

/// An entity on the way to a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `user`, `walk likes`, `nn clip`.
    pub op: String,
    /// The entity there.
    pub entity: String,
    /// Name of the entity's key.
    pub key_name: String,
    /// Its key.
    pub key: Key,
    /// Its score behind the operator; none if it is null.
    pub score: Option<f64>,
    /// Of the link or neighbour that was followed: its weight or similarity; none for a source.
    pub weight: Option<f64>,
    /// How many links or neighbours led to the entity here, over all parents.
    pub links: usize,
    /// Of a fan-out whose score is null: what made it so, as the end of a sentence.
    pub null: Option<String>,
}

/// A new score.
#[derive(Clone, Debug, PartialEq)]
pub struct Scoring {
    /// The operator: `rank light`, `score`.
    pub op: String,
    /// The version of a trained model: `light@3`.
    pub model: Option<String>,
    /// Its score behind the operator; none if it is null.
    pub score: Option<f64>,
    /// Place after it, from 1.
    pub position: usize,
    /// Columns that the operator bound: the heads of a model.
    pub heads: Vec<(String, Value)>,
    /// What the score is made of, the largest effect first.
    pub features: Vec<Feature>,
    /// Heads of its model that are sums of what each input adds: those of trees, and of linear models.
    pub sums: Vec<Sum>,
    /// Of a score that is null: what made it so.
    pub null: Vec<NullPart>,
}

/// A part of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// What was read: a column, a count, an output of a model.
    pub name: String,
    /// What it was.
    pub value: Value,
    /// The score less the mean score with the values that other rows of the request have instead.
    /// For a sum this is the weight times the distance from the mean.
    pub effect: f64,
}

/// A head of a model as a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum {
    /// The head.
    pub head: String,
    /// What of it is a sum.
    pub scale: Scale,
    /// What its mean is over.
    pub over: Over,
    /// The mean, from which inputs move it.
    pub expected: f64,
    /// Where they move it: the mean and what all inputs add.
    pub sum: f64,
    /// What inputs add, as effects, the largest first; those that add nothing are left out.
    pub features: Vec<Feature>,
}

/// Rows over which a mean is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Those that the model was trained on.
    Training,
    /// Up to 64 that came to the operator in the same request.
    Rows,
}

/// A set that holds a row, where sets were put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What put them together: `|`.
    pub op: String,
    /// The name of the set, or `#1`, `#2`.
    pub branch: String,
    /// The last operator of the set.
    pub from: String,
    /// Its score behind the operator; none if it is null.
    pub score: Option<f64>,
    /// From 1.
    pub position: usize,
    /// Whether columns and path are from here.
    pub chosen: bool,
}

/// A change by re-ranking. Positions count from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The operator: `rank light`, `score`.
    pub op: String,
    /// Position before, from 1.
    pub from: usize,
    /// Position after, from 1.
    pub to: usize,
    /// Its score before.
    pub score_before: Option<f64>,
    /// Its score behind the operator; none if it is null.
    pub score: Option<f64>,
}
