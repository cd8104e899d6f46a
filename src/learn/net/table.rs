//! What training reads: columns of examples, in blocks.

use super::wrong::Wrong;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Examples in a block; only the last one has fewer.
pub const BLOCK: usize = 65_536;

/// The key that stands for null.
pub const NULL: u64 = u64::MAX;

/// What examples are used for. In the order of time within what is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Weights and statistics are fitted to them.
    Train,
    /// They decide when to stop, and calibrate.
    Validation,
    /// They decide nothing.
    Test,
}

impl Part {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// How the numbers of a dense feature become inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// Two inputs: the z-score, and the rank among the values of the training part.
    Both,
    /// The z-score alone.
    Zscore,
    /// The number itself.
    None,
}

/// What stands for a null of a dense feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The mean, and a further input that is 1 (if there were nulls in the training part).
    Indicator,
    /// The mean.
    Mean,
    /// Zero.
    Zero,
    /// Nothing: a null is an error.
    Error,
}

/// What a head learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Labels are 0 or 1.
    Binary,
    /// Labels are probabilities.
    Soft,
    /// Labels are any numbers: squared loss, on the scale of their deviation.
    Value,
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenseColumn {
    /// Its name.
    pub name: String,
    /// How its numbers become inputs.
    pub normalise: Normalise,
    /// What stands for nulls.
    pub missing: Missing,
}

/// A column of keys, or of lists of keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SparseColumn {
    /// Its name.
    pub name: String,
    /// If given, keys are numbers below this one and need no vocabulary.
    pub buckets: Option<u32>,
    /// Numbers per key; `None`: as many as suit the size of the vocabulary.
    pub dim: Option<usize>,
}

/// A column that shifts the labels, and says nothing about what is liked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// The value that is assumed in serving; `None`: the most frequent one.
    pub served: Option<u64>,
}

/// One thing to learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// What its labels are.
    pub target: Target,
    /// Its weight in the loss.
    pub weight: f32,
    /// Whether it may have fewer than 20 positives or negatives; it then predicts the base rate.
    pub allow_rare: bool,
}

/// The columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Columns of numbers.
    pub dense: Vec<DenseColumn>,
    /// Columns of keys.
    pub sparse: Vec<SparseColumn>,
    /// Columns that shift the labels.
    pub shown: Vec<ShownColumn>,
    /// What is learned; one column of labels for each.
    pub heads: Vec<Head>,
}

/// Keys of examples, [`NULL`] where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys {
    /// One key per example; with `offsets` those of all examples, one after the other.
    pub keys: Vec<u64>,
    /// Example `i` has the keys `offsets[i]..offsets[i + 1]`.
    pub offsets: Option<Vec<u32>>,
}

impl Keys {
    /// Those of the first rows.
    pub fn first(&self, rows: usize) -> Keys {
        match &self.offsets {
            None => Keys { keys: self.keys[..rows].to_vec(), offsets: None },
            Some(offsets) => Keys {
                keys: self.keys[..offsets[rows] as usize].to_vec(),
                offsets: Some(offsets[..=rows].to_vec()),
            },
        }
    }

    /// Those of some rows, in that order.
    pub fn picked(&self, rows: &[u32]) -> Keys {
        let mut picked = Keys::default();
        let mut ends = vec![0];
        for &row in rows {
            picked.keys.extend_from_slice(self.of(row as usize));
            ends.push(picked.keys.len() as u32);
        }
        Keys { offsets: self.offsets.is_some().then_some(ends), ..picked }
    }
}

/// Successive examples, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Per dense column the numbers, NaN for null.
    pub dense: Vec<Vec<f32>>,
    /// Per sparse column the keys.
    pub sparse: Vec<Keys>,
    /// Per shown column the values.
    pub shown: Vec<Vec<u64>>,
    /// Per head the labels, NaN where the example does not count for it.
    pub labels: Vec<Vec<f32>>,
    /// Weights of the examples; empty: 1 each.
    pub weights: Vec<f32>,
    /// The part of each example.
    pub parts: Vec<Part>,
    /// The number of each example's viewer.
    pub viewers: Vec<u32>,
}

/// The inputs of examples, or of rows to score.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// How many rows.
    pub rows: usize,
    /// Per dense column the numbers, NaN for null.
    pub dense: &'a [Vec<f32>],
    /// Per sparse column the keys.
    pub sparse: &'a [Keys],
    /// Per shown column the values; empty: those assumed in serving.
    pub shown: &'a [Vec<u64>],
}

impl Block {
    /// Examples.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The weight of an example: what is null, negative or infinite has none.
    pub fn weight(&self, row: usize) -> f32 {
        match self.weights.get(row) {
            None => 1.0,
            Some(&weight) if weight > 0.0 && weight.is_finite() => weight,
            Some(_) => 0.0,
        }
    }

    /// Its inputs.
    pub fn columns(&self) -> Columns<'_> {
        Columns { rows: self.len(), dense: &self.dense, sparse: &self.sparse, shown: &self.shown }
    }

    /// Whether it has the columns of a layout, all of one length.
    pub fn check(&self, layout: &Layout) -> Result<(), Wrong> {
        self.columns().check(
            layout.dense.iter().map(|column| &*column.name),
            layout.sparse.iter().map(|column| &*column.name),
            layout.shown.iter().map(|column| &*column.name),
        )?;
        self.check_outcomes(layout)
    }

    /// The same of all but the inputs.
    pub fn check_outcomes(&self, layout: &Layout) -> Result<(), Wrong> {
        let rows = self.len();
        count("labels", layout.heads.len(), self.labels.len())?;
        for (labels, head) in self.labels.iter().zip(&layout.heads) {
            count(&head.name, rows, labels.len())?;
        }
        if !self.weights.is_empty() {
            count("weights", rows, self.weights.len())?;
        }
        count("viewers", rows, self.viewers.len())
    }
}

impl Columns<'_> {
    /// Whether these are columns of the given names, all of `rows` rows.
    pub(super) fn check<'n>(
        &self,
        dense: impl ExactSizeIterator<Item = &'n str>,
        sparse: impl ExactSizeIterator<Item = &'n str>,
        shown: impl ExactSizeIterator<Item = &'n str>,
    ) -> Result<(), Wrong> {
        count("dense", dense.len(), self.dense.len())?;
        count("sparse", sparse.len(), self.sparse.len())?;
        for (column, name) in self.dense.iter().zip(dense) {
            count(name, self.rows, column.len())?;
        }
        for (column, name) in self.sparse.iter().zip(sparse) {
            column.check(name, self.rows)?;
        }
        if self.shown.is_empty() {
            return Ok(());
        }
        count("shown", shown.len(), self.shown.len())?;
        self.shown
            .iter()
            .zip(shown)
            .try_for_each(|(column, name)| count(name, self.rows, column.len()))
    }
}

impl Keys {
    /// The keys of an example.
    pub fn of(&self, row: usize) -> &[u64] {
        match &self.offsets {
            None => std::slice::from_ref(&self.keys[row]),
            Some(offsets) => &self.keys[offsets[row] as usize..offsets[row + 1] as usize],
        }
    }

    fn check(&self, name: &str, rows: usize) -> Result<(), Wrong> {
        let Some(offsets) = &self.offsets else {
            return count(name, rows, self.keys.len());
        };
        count(name, rows + 1, offsets.len())?;
        let rising = offsets.is_sorted() && offsets[0] == 0;
        let last = if rising { offsets[rows] as usize } else { usize::MAX };
        count(name, self.keys.len(), last)
    }
}

fn count(column: &str, expected: usize, found: usize) -> Result<(), Wrong> {
    match expected == found {
        true => Ok(()),
        false => Err(Wrong::Malformed { column: column.to_owned(), expected, found }),
    }
}

/// A table of examples, in memory or in files.
pub trait Examples: Sync {
    /// Its columns.
    fn layout(&self) -> &Layout;

    /// Examples in it.
    fn len(&self) -> u64;

    /// Block `number`, of [`BLOCK`] examples or the rest, as of an epoch of training.
    fn block(&self, number: usize, epoch: u64) -> std::io::Result<Cow<'_, Block>>;

    /// What block `number` has besides inputs, as of the first epoch: labels, weights, parts and viewers. Its inputs may be
    /// missing.
    fn outcomes(&self, number: usize) -> std::io::Result<Cow<'_, Block>> {
        self.block(number, 0)
    }

    /// One column of numbers of a block, as of the first epoch.
    fn numbers(&self, number: usize, dense: usize) -> std::io::Result<Cow<'_, [f32]>> {
        Ok(match self.block(number, 0)? {
            Cow::Borrowed(block) => Cow::Borrowed(&block.dense[dense]),
            Cow::Owned(mut block) => Cow::Owned(std::mem::take(&mut block.dense[dense])),
        })
    }

    /// One column of keys of a block, as of the first epoch.
    fn keys(&self, number: usize, sparse: usize) -> std::io::Result<Cow<'_, Keys>> {
        Ok(match self.block(number, 0)? {
            Cow::Borrowed(block) => Cow::Borrowed(&block.sparse[sparse]),
            Cow::Owned(mut block) => Cow::Owned(std::mem::take(&mut block.sparse[sparse])),
        })
    }

    /// Whether blocks differ between epochs (negatives that are drawn anew, say).
    fn varies(&self) -> bool {
        false
    }

    /// Whether it has no examples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many blocks it has.
    fn blocks(&self) -> usize {
        self.len().div_ceil(BLOCK as u64) as usize
    }
}

/// A table in memory.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its columns.
    pub layout: Layout,
    /// Blocks of [`BLOCK`] examples and one with the rest.
    pub blocks: Vec<Block>,
}

impl Examples for Table {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn len(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }

    fn block(&self, number: usize, _: u64) -> std::io::Result<Cow<'_, Block>> {
        Ok(Cow::Borrowed(&self.blocks[number]))
    }
}
