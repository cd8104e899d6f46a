//! Vectors of texts: the weights of their terms (Spärck Jones 1972; Salton and Buckley 1988), projected on the leading
//! right singular vectors of all of them (latent semantic analysis: Deerwester et al. 1990).

mod vocabulary;
mod words;

use std::ops::Range;

use rayon::prelude::*;

use self::vocabulary::{Counted, Index, ROW, count};
use self::words::each_word;
use super::matrix::{Both, Matrix};
use super::sources::{blocks, each_block};
use super::svd::Scaled;
use super::{Size, Stopped, Vectors, Watch};
use crate::cpu::{Level, for_each_level};

/// Parameters of [`tfidf`].
#[derive(Clone, Debug)]
pub struct TfIdfSettings {
    /// Numbers of a vector.
    pub dim: usize,
    /// Rows that have a term, at least; others are left out.
    pub min_df: usize,
    /// Terms that are kept, at most: those that most rows have, ties by term, bytewise.
    pub max_terms: usize,
    /// Seed of the random columns that the decomposition starts from.
    pub seed: u64,
}

impl Default for TfIdfSettings {
    fn default() -> TfIdfSettings {
        TfIdfSettings { dim: 128, min_df: 2, max_terms: 200_000, seed: 0 }
    }
}

/// How much text there is, for estimates of memory.
#[derive(Clone, Copy, Debug)]
pub struct TextSize {
    /// Rows.
    pub rows: usize,
    /// Bytes of all texts.
    pub bytes: u64,
}

/// Bytes of text for each word that a row has: texts of most languages have longer words and repeat some.
const PER_WORD: u64 = 6;

impl TfIdfSettings {
    /// Bytes that [`tfidf`] holds at most, where a row has a term for six bytes of its text, or fewer.
    pub fn bytes(&self, size: &TextSize) -> u64 {
        let words = size.bytes / PER_WORD;
        let terms = self.max_terms.min(usize::try_from(words).unwrap_or(usize::MAX));
        let links = usize::try_from(words).unwrap_or(usize::MAX);
        let size = Size { sources: size.rows, targets: terms, links };
        let vectors = (size.sources + terms) as u64 * self.dim as u64 * 4;
        let vocabulary = 48 * terms as u64;
        Both::bytes(&size, true) + vocabulary + vectors.max(Scaled::bytes(&size, self.dim))
    }
}

/// Texts of rows, each in pieces: of several columns, or the strings of a list. No word reaches from one piece into the
/// next.
pub trait Texts: Sync {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Calls `each` with every piece of a row, the same at every call.
    fn pieces(&self, row: usize, each: &mut dyn FnMut(&str));
}

/// One piece a row, or none.
impl<T: AsRef<str> + Sync> Texts for &[Option<T>] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn pieces(&self, row: usize, each: &mut dyn FnMut(&str)) {
        if let Some(text) = &self[row] {
            each(text.as_ref());
        }
    }
}

/// What is learned from texts, as numbers to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TfIdfParts {
    /// Numbers of a vector.
    pub dim: usize,
    /// The kept terms in bytewise order, one behind the other, in UTF-8.
    pub terms: Vec<u8>,
    /// Where each term begins, and where the last one ends.
    pub offsets: Vec<u64>,
    /// The inverse document frequency of each term: positive.
    pub idf: Vec<f64>,
    /// For each term `dim` numbers, row-major: the right singular vectors, zeros behind the last. Empty if there are no
    /// more terms than `dim`: the weight of each term is a number of the vector then.
    pub projection: Vec<f32>,
}

impl TfIdfParts {
    /// How many terms are kept.
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// Whether no term is kept.
    pub fn is_empty(&self) -> bool {
        self.idf.is_empty()
    }

    /// The bytes of a term.
    pub fn term(&self, number: usize) -> &[u8] {
        &self.terms[self.offsets[number] as usize..self.offsets[number + 1] as usize]
    }

    fn of(counted: &Counted, dim: usize) -> TfIdfParts {
        let mut parts =
            TfIdfParts { dim, idf: counted.idf(), offsets: vec![0], ..TfIdfParts::default() };
        for (term, _) in &counted.terms {
            parts.terms.extend(term.as_bytes());
            parts.offsets.push(parts.terms.len() as u64);
        }
        parts
    }

    fn fit_together(&self) -> bool {
        let projected =
            if self.len() > self.dim { self.len().checked_mul(self.dim) } else { Some(0) };
        self.len() < u32::MAX as usize
            && self.offsets.len() == self.len() + 1
            && self.offsets[0] == 0
            && self.offsets.is_sorted()
            && self.offsets[self.len()] == self.terms.len() as u64
            && (1..self.len()).all(|at| self.term(at - 1) < self.term(at))
            && self.idf.iter().all(|idf| *idf > 0.0 && idf.is_finite())
            && Some(self.projection.len()) == projected
            && self.projection.iter().all(|x| x.is_finite())
    }
}

/// Makes vectors of texts, those of rows that training did not see among them.
#[derive(Clone, Debug)]
pub struct TfIdf {
    parts: TfIdfParts,
    index: Index,
    level: Level,
}

/// What [`TfIdf::fold`] reuses from one text to the next.
#[derive(Clone, Debug, Default)]
pub struct TextScratch {
    word: String,
    terms: Vec<u32>,
    weights: Vec<(u32, f64)>,
    sums: Vec<f64>,
}

/// A vector whose squared length is smaller is rounding: nothing of its terms is in what is kept of all texts. That of
/// the weights is 1.
const NOTHING: f64 = 1e-12;

impl TfIdf {
    /// From what was stored; `None` if it does not fit together.
    pub fn new(parts: TfIdfParts) -> Option<TfIdf> {
        parts.fit_together().then(|| TfIdf::of(parts))
    }

    fn of(parts: TfIdfParts) -> TfIdf {
        let index = Index::new(parts.len(), |number| parts.term(number));
        TfIdf { parts, index, level: Level::detect() }
    }

    /// What is to be stored.
    pub fn parts(&self) -> &TfIdfParts {
        &self.parts
    }

    /// Writes the vector of a text, bit by bit that which training found for a row of the same text. `pieces` calls
    /// what it is given with every piece of the text. Returns false, and writes zeros, if no term of it is kept, or if
    /// the kept ones have no part in the singular vectors.
    ///
    /// # Panics
    /// If the place for the result has not `dim` numbers.
    pub fn fold(
        &self,
        pieces: impl FnOnce(&mut dyn FnMut(&str)),
        scratch: &mut TextScratch,
        to: &mut [f32],
    ) -> bool {
        self.weigh(pieces, scratch);
        let TextScratch { weights, sums, .. } = scratch;
        self.project(weights.iter().copied(), sums, to)
    }

    /// Finds the weights of a text's terms, of length 1, in ascending order of terms.
    fn weigh(&self, pieces: impl FnOnce(&mut dyn FnMut(&str)), scratch: &mut TextScratch) {
        let TextScratch { word, terms, weights, .. } = scratch;
        terms.clear();
        pieces(&mut |piece| {
            each_word(piece, word, |word| {
                terms.extend(self.index.find(word.as_bytes(), |number| self.parts.term(number)));
            });
        });
        terms.sort_unstable();
        weights.clear();
        weights.extend(terms.chunk_by(|a, b| a == b).map(|same| {
            let times = 1.0 + libm::log(same.len() as f64);
            (same[0], times * self.parts.idf[same[0] as usize])
        }));
        let length = weights.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        weights.iter_mut().for_each(|(_, weight)| *weight /= length);
    }

    /// Writes the vector of some weights; false, and zeros, if there is none.
    fn project(
        &self,
        weights: impl Iterator<Item = (u32, f64)>,
        sums: &mut Vec<f64>,
        to: &mut [f32],
    ) -> bool {
        let dim = self.parts.dim;
        assert!(to.len() == dim);
        sums.clear();
        sums.resize(dim, 0.0);
        if self.parts.len() <= dim {
            weights.for_each(|(term, weight)| sums[term as usize] = weight);
        } else {
            for (term, weight) in weights {
                let row = &self.parts.projection[term as usize * dim..][..dim];
                add(self.level, sums, weight, row);
            }
        }
        let any = sums.iter().map(|sum| sum * sum).sum::<f64>() > NOTHING;
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = if any { *sum as f32 } else { 0.0 });
        any
    }
}

#[inline(always)]
fn add_body(sums: &mut [f64], factor: f64, row: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum = factor.mul_add(f64::from(value), *sum);
    }
}

for_each_level!(fn add(sums: &mut [f64], factor: f64, row: &[f32]), add_body);

/// Learns vectors of texts. Words are those of UAX #29 with a letter or digit, in simple case folding, not normalised
/// otherwise. With N rows that have a word, n of which have the term, a term that a row has tf times weighs
/// (1 + ln tf)·(ln((1 + N)/(1 + n)) + 1); the weights of a row are divided by their length. Terms of fewer than
/// `min_df` rows are left out first, then all but the `max_terms` of most rows.
///
/// The vector of a row is the product of its weights and the `dim` leading right singular vectors of those of all rows;
/// zeros stand behind the last one that there is. If there are no more terms than `dim`, it is the weights themselves,
/// in bytewise order of the terms, with zeros behind them. A row whose text has no kept term has no vector; nor has one
/// of which the singular vectors have nothing.
///
/// # Errors
/// If the watch stops it.
pub fn tfidf(
    texts: &dyn Texts,
    p: &TfIdfSettings,
    watch: &dyn Watch,
) -> Result<(TfIdf, Vectors), Stopped> {
    let mut learned = TfIdf::of(TfIdfParts::of(&count(texts, p, watch)?, p.dim));
    let by_row = weights(&learned, texts, watch)?;
    let by_row = match learned.parts.len() > p.dim {
        true => {
            let entries = Both::of_sources(by_row);
            learned.parts.projection = projection(&entries, p, watch)?;
            entries.by_source
        }
        false => by_row,
    };
    let vectors = vectors(&learned, &by_row, watch)?;
    Ok((learned, vectors))
}

/// The weights of all rows.
fn weights(learned: &TfIdf, texts: &dyn Texts, watch: &dyn Watch) -> Result<Matrix, Stopped> {
    let work = |scratch: &mut TextScratch, block: Range<usize>| {
        let (mut ends, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for row in block {
            learned.weigh(|each| texts.pieces(row, each), scratch);
            columns.extend(scratch.weights.iter().map(|&(term, _)| term));
            values.extend(scratch.weights.iter().map(|&(_, weight)| weight));
            ends.push(columns.len());
        }
        (ends, columns, values)
    };
    let blocks = blocks(texts.rows(), |_| ROW);
    let made = each_block(&blocks, TextScratch::default, work, ("weights", watch))?;
    let entries = made.iter().map(|(_, columns, _)| columns.len()).sum();
    let mut offsets = Vec::with_capacity(texts.rows() + 1);
    offsets.push(0);
    let (mut columns, mut values) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
    for (own_ends, own_columns, own_values) in made {
        offsets.extend(own_ends.into_iter().map(|end| columns.len() + end));
        columns.extend(own_columns);
        values.extend(own_values);
    }
    Ok(Matrix { offsets, columns, values: Some(values), width: learned.parts.len() })
}

/// The leading right singular vectors: a row for each term, with zeros behind the last vector.
fn projection(entries: &Both, p: &TfIdfSettings, watch: &dyn Watch) -> Result<Vec<f32>, Stopped> {
    let (rows, columns) = (entries.by_source.rows(), entries.by_target.rows());
    let scaled = Scaled { entries, rows: vec![1.0; rows], columns: vec![1.0; columns] };
    let leading = scaled.leading(p.dim, p.seed, watch)?;
    let rank = leading.values.len();
    let mut projection = vec![0.0; columns * p.dim];
    let rows = projection.chunks_exact_mut(p.dim.max(1));
    for (to, vector) in rows.zip(leading.vectors.chunks_exact(rank.max(1))) {
        to.iter_mut().zip(vector).for_each(|(to, &value)| *to = value as f32);
    }
    Ok(projection)
}

/// Rows whose vectors are made between two questions to the watch.
const ROWS: usize = 1 << 14;

fn vectors(learned: &TfIdf, by_row: &Matrix, watch: &dyn Watch) -> Result<Vectors, Stopped> {
    let dim = learned.parts.dim;
    let (mut rows, mut has) = (vec![0.0; by_row.rows() * dim], vec![false; by_row.rows()]);
    if dim == 0 {
        return Ok(Vectors { dim, rows, has });
    }
    let chunks = rows.chunks_mut(ROWS * dim).zip(has.chunks_mut(ROWS)).enumerate();
    for (chunk, (rows, has)) in chunks {
        if !watch.go_on("vectors", (chunk * ROWS) as u64, by_row.rows() as u64) {
            return Err(Stopped);
        }
        let each = rows.par_chunks_exact_mut(dim).zip(has).enumerate();
        each.for_each_init(Vec::new, |sums, (at, (to, has))| {
            *has = learned.project(by_row.entries(chunk * ROWS + at), sums, to);
        });
    }
    Ok(Vectors { dim, rows, has })
}

#[cfg(test)]
mod tests;
