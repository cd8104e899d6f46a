//! Encoded blocks of a table, kept in memory as far as they fit.

use super::inputs::{Encoded, Encoder, first_of};
use super::labels::Among;
use super::table::{Block, Examples, Part};
use super::wrong::Wrong;
use std::sync::{Arc, Mutex, PoisonError};

/// A block, encoded.
pub(super) struct Ready {
    /// The number of its first example in the table.
    pub first: u64,
    pub encoded: Encoded,
    /// Per example the label for each head.
    pub labels: Vec<f32>,
    pub weights: Vec<f32>,
    pub parts: Vec<Part>,
    pub viewers: Vec<u32>,
    heads: usize,
}

impl Ready {
    fn new(block: &Block, number: usize, encoder: &Encoder) -> Result<Ready, Wrong> {
        let mut encoded = Encoded::default();
        let first = first_of(number);
        encoder.encode(&block.columns(), &mut encoded).map_err(|wrong| match wrong {
            Wrong::Null { feature, row } => Wrong::Null { feature, row: first + row },
            other => other,
        })?;
        let heads = block.labels.len();
        let mut labels = vec![0.0; block.len() * heads];
        for (head, column) in block.labels.iter().enumerate() {
            for (row, &label) in column.iter().enumerate() {
                labels[row * heads + head] = label;
            }
        }
        Ok(Ready {
            first,
            encoded,
            labels,
            weights: (0..block.len()).map(|row| block.weight(row)).collect(),
            parts: block.parts.clone(),
            viewers: block.viewers.clone(),
            heads,
        })
    }

    /// The labels of an example.
    pub fn labels(&self, row: usize) -> &[f32] {
        &self.labels[row * self.heads..][..self.heads]
    }

    /// Rows that are among some.
    pub fn rows(&self, among: Among) -> impl Iterator<Item = usize> {
        (0..self.parts.len()).filter(move |&row| among.has(self.parts[row]))
    }

    fn bytes(&self) -> usize {
        self.encoded.bytes() + 4 * self.labels.len() + 9 * self.parts.len()
    }
}

fn bit(part: Part) -> u8 {
    1 << part as u8
}

/// Reads a table through an encoder.
pub(super) struct Reader<'a> {
    examples: &'a dyn Examples,
    pub encoder: &'a Encoder,
    kept: Mutex<Kept>,
}

struct Kept {
    blocks: Vec<Option<Arc<Ready>>>,
    /// Of each block the parts that it has, as bits, once it was read.
    parts: Vec<Option<u8>>,
    left: usize,
}

impl<'a> Reader<'a> {
    /// One that keeps blocks of up to `memory` bytes.
    pub fn new(examples: &'a dyn Examples, encoder: &'a Encoder, memory: usize) -> Reader<'a> {
        let left = if examples.varies() { 0 } else { memory };
        let count = examples.blocks();
        let kept = Kept { blocks: vec![None; count], parts: vec![None; count], left };
        Reader { examples, encoder, kept: Mutex::new(kept) }
    }

    pub fn blocks(&self) -> usize {
        self.examples.blocks()
    }

    /// How many labels an example has.
    pub fn labels(&self) -> usize {
        self.examples.layout().heads.len()
    }

    /// Whether a block is known to have no example of a part.
    pub fn lacks(&self, number: usize, part: Part) -> bool {
        self.lock().parts[number].is_some_and(|parts| parts & bit(part) == 0)
    }

    /// Block `number`, as of an epoch.
    pub fn block(&self, number: usize, epoch: u64) -> Result<Arc<Ready>, Wrong> {
        if let Some(ready) = &self.lock().blocks[number] {
            return Ok(ready.clone());
        }
        let block = self.examples.block(number, epoch)?;
        block.check(self.examples.layout())?;
        let ready = Arc::new(Ready::new(&block, number, self.encoder)?);
        let mut kept = self.lock();
        if epoch == 0 {
            kept.parts[number] = Some(ready.parts.iter().fold(0, |all, &part| all | bit(part)));
        }
        if ready.bytes() <= kept.left {
            kept.left -= ready.bytes();
            kept.blocks[number] = Some(ready.clone());
        }
        Ok(ready)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
