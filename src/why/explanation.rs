//! What is said of a row that is in an answer.

use super::nulls::NullPart;
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
    pub entity: String,
    /// Name of the entity's key.
    pub key_name: String,
    pub key: Key,
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
    pub op: String,
    pub score: Option<f64>,
    /// Place after it, from 1.
    pub position: usize,
    /// Columns that the operator bound: the heads of a model.
    pub heads: Vec<(String, Value)>,
    /// What the score is made of, the largest effect first.
    pub features: Vec<Feature>,
    /// Of a score that is null: what made it so.
    pub null: Vec<NullPart>,
}

/// A part of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub name: String,
    pub value: Value,
    /// The score less the mean score with the values that other rows of the request have instead.
    /// For a sum this is the weight times the distance from the mean.
    pub effect: f64,
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
    pub score: Option<f64>,
    pub position: usize,
    /// Whether columns and path are from here.
    pub chosen: bool,
}

/// A change by re-ranking. Positions count from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub op: String,
    pub from: usize,
    pub to: usize,
    pub score_before: Option<f64>,
    pub score: Option<f64>,
}
