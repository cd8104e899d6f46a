//! The best rows of one query so far, and the bound that follows from them.

use crate::ann::metric::{Scorer, dot};
use crate::ann::simd::Level;
use crate::ann::{Hit, Metric, Query, Vectors};

/// Squared lengths for which 32-bit sums neither overflow nor lose their relative precision.
pub const REGULAR: std::ops::Range<f32> = 1e-30..1e30;

/// The best rows of one query so far.
pub struct Best<'a> {
    pub query: &'a Query<'a>,
    scorer: Scorer<'a>,
    metric: Metric,
    /// Can find anything at all.
    pub alive: bool,
    /// What the query's values are multiplied with in the filter: 1, or 1/length under cosine.
    factor: f64,
    /// Length of the query as it stands in the filter.
    length: f64,
    /// Relative error of a 32-bit sum over the dimensions, with room for the few steps around it.
    error: f64,
    /// Whether 32-bit sums with this query can be trusted.
    regular: bool,
    /// Exactly scored, at most `k` after [`Best::settle`].
    pub hits: Vec<Hit>,
    /// Rows not yet scored.
    waiting: Vec<u32>,
    decoded: Vec<f32>,
    /// Similarity below which no row can enter, if any.
    least: Option<f64>,
}

impl<'a> Best<'a> {
    pub fn new(level: Level, vectors: &Vectors, query: &'a Query<'a>) -> Best<'a> {
        let square = dot(level, query.vector, query.vector);
        let cosine = vectors.metric == Metric::Cosine;
        let empty = vectors.dim == 0 || query.k == 0 || (cosine && square == 0.0);
        Best {
            query,
            scorer: Scorer::new(vectors.metric, query.vector),
            metric: vectors.metric,
            alive: query.fits(vectors) && !empty,
            factor: if cosine { 1.0 / square.sqrt() } else { 1.0 },
            length: if cosine { 1.0 } else { square.sqrt() },
            error: (2 * vectors.dim + 32) as f64 * f64::from(f32::EPSILON) / 2.0,
            regular: REGULAR.contains(&(square as f32)),
            hits: Vec::new(),
            waiting: Vec::new(),
            decoded: Vec::new(),
            least: query.min_similarity,
        }
    }

    /// The query as it stands in a filter.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        let values = self.query.vector.iter();
        values.map(|&x| (f64::from(x) * self.factor) as f32)
    }

    /// Remembers a row for scoring; whether it is time to score.
    pub fn remember(&mut self, row: u32) -> bool {
        if !self.query.excludes(row) {
            self.waiting.push(row);
        }
        self.waiting.len() >= 32.max(self.query.k / 2)
    }

    /// Scores the rows that wait, and keeps the best `k`.
    pub fn settle(&mut self, vectors: &Vectors) {
        for row in self.waiting.drain(..) {
            let vector = vectors.read(row, &mut self.decoded);
            let similarity = vector.and_then(|v| self.scorer.score(v));
            let enough = |s: &f64| self.least.is_none_or(|least| *s >= least);
            if let Some(similarity) = similarity.filter(enough) {
                self.hits.push(Hit { row, similarity });
            }
        }
        let k = self.query.k;
        if k > 0 && self.hits.len() >= k {
            self.hits.select_nth_unstable_by(k - 1, Hit::order);
            self.hits.truncate(k);
            self.least = Some(self.hits[k - 1].similarity);
        }
    }

    /// `(slope, base)`: a row `v` whose 32-bit measure is below `slope * |v| + base` cannot enter.
    pub fn bound(&self) -> (f32, f32) {
        let Some(least) = self.least else {
            return (0.0, f32::NEG_INFINITY);
        };
        // results are rounded to 32 bits: a row a little below may round to the same similarity
        let least = least - least.abs() * f64::from(f32::EPSILON) * 2.0 - 1e-44;
        let reject_nothing = (0.0, f32::NEG_INFINITY);
        match self.metric {
            Metric::L2 => (0.0, self.least_negative_square(least)),
            _ if !self.regular => reject_nothing,
            Metric::Cosine => (below(least - self.error), 0.0),
            Metric::Dot => {
                (below(-self.error * self.length), below(least - least.abs() * 1e-6 - 1e-36))
            }
        }
    }

    /// The squared distance, negated, beyond which the similarity `1 / (1 + distance)` is below `least`.
    fn least_negative_square(&self, least: f64) -> f32 {
        if least <= 0.0 {
            return f32::NEG_INFINITY;
        }
        let distance = (1.0 / least - 1.0).max(0.0);
        let square = distance * distance * (1.0 + 2.0 * self.error) + 1e-36;
        if square > 1e37 { f32::NEG_INFINITY } else { below(-square) }
    }
}

/// A 32-bit number below `value`.
fn below(value: f64) -> f32 {
    (value as f32).next_down()
}
