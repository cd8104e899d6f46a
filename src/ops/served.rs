//! What logs are told of the models that rows are scored with.

use crate::batch::{Column, RowBatch};
use crate::expr::Expr;
use crate::types::Type;

/// A trained version, as logs name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Served {
    /// `final@3`.
    pub label: String,
    /// Of its inputs: 32 hex digits; empty for a model whose inputs are not logged.
    pub feature_hash: String,
    /// The columns that its inputs have in logs, in the order in which it is given them.
    pub inputs: Vec<String>,
    /// What its declaration calls them.
    pub names: Vec<String>,
    /// Of inputs that are hashes: below which number they are brought.
    pub buckets: Vec<Option<u32>>,
    /// The versions that it was trained with: `embedding ig2vec@3`.
    pub upstream: Vec<String>,
}

/// An operator that scores rows with a model.
pub struct Ranking<'a> {
    /// The version, if it was trained.
    pub served: Option<&'a Served>,
    /// What it is given of each row.
    pub inputs: &'a [Expr],
    /// What it gives.
    pub heads: Vec<(&'a str, &'a Type)>,
}

impl<'a> Ranking<'a> {
    /// What the declaration of the model calls one of its inputs.
    pub fn name_of(&self, input: &Expr) -> Option<&'a str> {
        let place = self.inputs.iter().position(|own| own == input)?;
        Some(self.served?.names.get(place)?.as_str())
    }
}

/// What an operator did with its candidates: those of each request in the order in which they came.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// The requests that it ran for.
    pub requests: Vec<u32>,
    /// Where the candidates of each begin, and behind the last one.
    pub offsets: Vec<u32>,
    pub ids: Vec<u32>,
    /// The scores with which they came.
    pub before: Vec<f64>,
    /// The scores that they were given.
    pub scores: Vec<f64>,
    /// The place of each among those that its request keeps, from 1; 0: it was cut.
    pub positions: Vec<u32>,
    /// What the model was given of each.
    pub inputs: Vec<Column>,
    pub heads: Vec<Column>,
}

impl Ranked {
    /// Of candidates, of which those at `places` are kept, grouped by request as `offsets` says.
    pub fn new(
        rows: &RowBatch,
        scores: Vec<f64>,
        (offsets, places): (&[u32], &[u32]),
        inputs: Vec<Column>,
        heads: Vec<Column>,
    ) -> Ranked {
        let mut positions = vec![0; rows.len()];
        for own in offsets.windows(2) {
            for (position, &place) in (1..).zip(&places[own[0] as usize..own[1] as usize]) {
                positions[place as usize] = position;
            }
        }
        Ranked {
            requests: (0..rows.requests() as u32).collect(),
            offsets: rows.offsets.clone(),
            ids: rows.ids.clone(),
            before: rows.scores.clone(),
            scores,
            positions,
            inputs,
            heads,
        }
    }
}
