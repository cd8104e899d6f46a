//! Columns to the inputs of a model: what is fitted on the training part, and how it is applied, in training and serving alike.

mod encoded;
mod encoder;
mod fitting;
#[cfg(test)]
mod tests;

use super::Watch;
use super::labels::Among;
use super::table::{BLOCK, Examples, Missing, Normalise};
use super::wrong::{Note, Wrong};
pub use encoded::{Encoded, IdRows};
pub use encoder::Encoder;
use fitting::Fitting;
use serde::{Deserialize, Serialize};

/// The row of a table of ids that stands for all keys outside the vocabulary.
pub const UNKNOWN: u32 = 0;
/// The row that stands for null, and for an empty list.
pub const ABSENT: u32 = 1;
/// The row of the first key.
const FIRST: u32 = 2;
/// The code of a shown value that did not occur in training.
pub(super) const UNSEEN: u32 = u32::MAX;
/// Rows of encoded numbers are padded to a multiple of this.
pub(super) const LANES: usize = 16;

/// What is not in the layout of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputParams {
    /// How often a key must occur in the training part to be known.
    pub min_count: u64,
}

impl Default for InputParams {
    fn default() -> InputParams {
        InputParams { min_count: 3 }
    }
}

/// All that turns columns into inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Dense features.
    pub dense: Vec<Dense>,
    /// Sparse features.
    pub sparse: Vec<Sparse>,
    /// What shifts the labels.
    pub shown: Vec<Shown>,
}

/// A dense feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Its name.
    pub name: String,
    /// How its numbers become inputs.
    pub normalise: Normalise,
    /// What stands for nulls.
    pub missing: Missing,
    /// Whether it is read; one that is constant in the training part is not.
    pub kept: bool,
    /// Whether an input says that it is null.
    pub indicator: bool,
    /// Nulls in the training part.
    pub nulls: u64,
    /// Mean of the training part's values.
    pub mean: f64,
    /// Their deviation.
    pub deviation: f64,
    /// Their quantiles, if these are read: 65, or none if there are no values.
    pub quantiles: Vec<f64>,
}

/// A sparse feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    /// Its name.
    pub name: String,
    /// If given, keys are numbers below this one, and there is no vocabulary.
    pub buckets: Option<u32>,
    /// The vocabulary: key `i` reads row `i + 2` of the table; row 0 is for keys outside of it, row 1 for null.
    pub keys: Vec<u64>,
    /// Numbers per row.
    pub dim: usize,
}

/// A column that shifts the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its values in the training part, the most frequent first.
    pub values: Vec<u64>,
    /// The place in `values` of the one assumed in serving; `None`: it did not occur, and shifts nothing.
    pub served: Option<u32>,
}

/// Width of the rows for a vocabulary of `n` keys.
pub fn width_of(n: u64) -> usize {
    ((n as f64).sqrt().sqrt() / 2.0).round().clamp(4.0, 16.0) as usize
}

impl Sparse {
    /// Rows of its table.
    pub fn rows(&self) -> usize {
        FIRST as usize + self.buckets.map_or(self.keys.len(), |n| n as usize)
    }
}

impl Dense {
    /// How many inputs it makes.
    pub fn inputs(&self) -> usize {
        let numbers = if self.normalise == Normalise::Both { 2 } else { 1 };
        if self.kept { numbers + usize::from(self.indicator) } else { 0 }
    }
}

impl Inputs {
    /// How many inputs the dense features make.
    pub fn width(&self) -> usize {
        self.dense.iter().map(Dense::inputs).sum()
    }

    /// Fits them to the training part of a table. Memory: 2 MB per dense feature, and the keys.
    ///
    /// # Errors
    ///
    /// No such examples, a null where nulls are errors, columns that are not those of the layout, or the caller's wish
    /// to stop.
    pub fn fitted(
        examples: &dyn Examples,
        params: &InputParams,
        watch: &dyn Watch,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        Inputs::fit(examples, Among::Train, params, watch)
    }

    /// Fits them to the examples of a table that are `among` some. Memory: 2 MB per dense feature, and the keys.
    pub(super) fn fit(
        examples: &dyn Examples,
        among: Among,
        params: &InputParams,
        watch: &dyn Watch,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        let mut fitting = Fitting::new(examples);
        fitting.read(examples, among, watch)?;
        fitting.finish(examples, params)
    }
}

/// Where the examples of a block begin in the table.
pub(super) fn first_of(block: usize) -> u64 {
    block as u64 * BLOCK as u64
}
