//! 8-bit codes of vectors: a quarter of the bytes, and products that are integers.
//!
//! A code is `round(x * scale)` of the normalised vector (cosine) or of the vector, less the mean of all
//! vectors where that matters. There are two kinds of scale:
//!
//! - one for all rows ([`Quantizer::fit`]), fitted so that one value in ten thousand is cut off: a few huge
//!   values must not flatten all others;
//! - one for each row ([`Quantizer::fit_each`]), so that vectors of very different lengths are all resolved
//!   and nothing is cut off. Unit vectors round the origin need neither, and are spared the extra reads.
//!
//! Codes only guide the search; what is found is re-scored from the vectors.

use super::metric::dot;
use super::simd::{CodedQuery, LINE, Level};
use super::{Metric, Vectors};
use crate::types::Floats;

/// Rows looked at to fit a quantizer.
const SAMPLE: usize = 65_536;
/// Share of the values that may be cut off.
const CUT_OFF: f64 = 1e-4;
/// Unit vectors whose mean has a squared length below this lie round the origin.
const CENTRAL: f64 = 0.1;

/// How vectors become codes.
#[derive(Clone, Debug)]
pub(super) struct Quantizer<'a> {
    pub metric: Metric,
    /// What a normalised or centred value is multiplied with, unless each row has a scale of its own.
    pub scale: f32,
    /// Whether each row has a scale of its own.
    pub each: bool,
    /// `dim` values that are subtracted first; empty if nothing is.
    pub mean: std::borrow::Cow<'a, [f32]>,
    /// Values per vector.
    pub dim: usize,
    /// By how much errors of the codes are larger than if they were independent (measured; at least 1).
    pub error: f32,
}

/// What a row's codes stand for: values are codes times `step`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(super) struct Meaning {
    /// The value of one code.
    pub step: f32,
    /// Squared length of the values.
    pub square: f32,
}

impl Meaning {
    /// That of a row of codes with padding.
    pub fn of(code: &[u8], step: f32) -> Meaning {
        let square: i64 = code.iter().map(|&c| (i64::from(c) - 128).pow(2)).sum();
        Meaning { step, square: (square as f64 * f64::from(step).powi(2)) as f32 }
    }
}

/// Variance of the error of a squared distance between vectors that codes of some steps stand for.
///
/// Rounding errors are even within a step, of variance 1/12, and count twice the distance; what they add
/// by themselves matters where distances are next to nothing.
pub(super) fn distance_variance(distance: f32, steps: [f32; 2], dim: usize) -> f32 {
    let (steps, dim) = (steps.map(|step| step * step).iter().sum::<f32>(), dim as f32);
    (distance.max(0.0) + dim * steps / 12.0) * steps / 3.0 + dim * steps.powi(2) / 72.0
}

/// The same of a product of two vectors.
pub(super) fn product_variance(a: Meaning, b: Meaning) -> f32 {
    (a.square * b.step.powi(2) + b.square * a.step.powi(2)) / 12.0
}

impl Quantizer<'_> {
    /// Fits one scale to the given rows of `vectors`, which must all be usable.
    pub fn fit(vectors: &Vectors, rows: &[u32]) -> Quantizer<'static> {
        let sample = sample(rows);
        let mut quantizer = Quantizer::plain(vectors);
        if vectors.metric == Metric::L2 {
            quantizer.mean = quantizer.mean_of(vectors, &sample).into();
        }
        let bound = quantizer.usual_bound(vectors, &sample);
        if bound > 0.0 {
            quantizer.scale = (f64::from(quantizer.limit()) / bound).min(1e38) as f32;
        }
        quantizer
    }

    /// The same where lengths vary or all vectors lie on one side of the origin: then each row has a scale
    /// of its own. Otherwise that of [`Quantizer::fit`].
    pub fn fit_each(vectors: &Vectors, rows: &[u32]) -> Quantizer<'static> {
        let sample = sample(rows);
        let mut quantizer = Quantizer::plain(vectors);
        let mean = quantizer.mean_of(vectors, &sample);
        let is_central = vectors.metric == Metric::Cosine && {
            let square: f64 = mean.iter().map(|&x| f64::from(x).powi(2)).sum();
            square < CENTRAL
        };
        if is_central {
            return Quantizer::fit(vectors, rows);
        }
        quantizer.mean = mean.into();
        quantizer.each = true;
        quantizer
    }

    fn plain(vectors: &Vectors) -> Quantizer<'static> {
        Quantizer {
            metric: vectors.metric,
            scale: 1.0,
            each: false,
            mean: Vec::new().into(),
            dim: vectors.dim,
            error: 1.0,
        }
    }

    /// Bytes of a row of codes.
    pub fn stride(&self) -> usize {
        self.dim.next_multiple_of(LINE)
    }

    /// The largest code. Smaller where sums over very many dimensions would leave 32 bits.
    fn limit(&self) -> i32 {
        let room = (f64::from(i32::MAX) / (4.0 * self.dim.max(1) as f64)).sqrt();
        127.min(room as i32).max(1)
    }

    /// Writes the codes of a vector, and the padding, into a row of `stride` bytes. What they stand for
    /// is given in the values of the quantizer; where all rows have one scale, in codes.
    pub fn encode(&self, vector: &[f32], out: &mut [u8]) -> Meaning {
        out.fill(128);
        let limit = f64::from(self.limit());
        let (factor, step) = match self.each {
            true => self.own_scale(self.values(vector)),
            false => (f64::from(self.scale), 1.0),
        };
        for (value, out) in self.values(vector).zip(&mut *out) {
            // 128.5: cutting off the fraction then rounds
            *out = ((value * factor).clamp(-limit, limit) + 128.5) as u8;
        }
        Meaning::of(out, step)
    }

    /// The factor that makes the largest of some values the largest code, and its inverse. Steps are
    /// rounded to eight bits, so that rows that are nearly alike have the same codes.
    fn own_scale(&self, values: impl Iterator<Item = f64>) -> (f64, f32) {
        let largest = values.fold(0f64, |most, x| most.max(x.abs())) as f32;
        if largest == 0.0 {
            return (1.0, 1.0);
        }
        let rounded = (largest.to_bits().saturating_add(0xFFFF) & !0xFFFF).min(0x7F7F_0000);
        let step = (f32::from_bits(rounded) / self.limit() as f32).max(f32::MIN_POSITIVE);
        (1.0 / f64::from(step), step)
    }

    /// The codes of a query, which has a scale of its own and uses all 8 bits; under l2 only if the rows
    /// do too.
    pub fn encode_query(&self, vector: &[f32], out: &mut CodedQuery) {
        let limit = f64::from(self.limit());
        let normalised = self.each && self.metric == Metric::Cosine;
        let normaliser = if normalised { self.normaliser(vector) } else { 1.0 };
        // a product with what is less the mean orders like one with the whole
        let centred = self.metric == Metric::L2 || normalised;
        let value = |d: usize| {
            let mean = if centred { self.mean_value(d) } else { 0.0 };
            vector.get(d).map(|&x| f64::from(x) * normaliser - mean)
        };
        let factor = match self.metric {
            Metric::L2 if !self.each => f64::from(self.scale),
            _ => self.own_scale((0..vector.len()).filter_map(value)).0,
        };
        let code = |d| value(d).map_or(0, |x| (x * factor).clamp(-limit, limit).round() as i8);
        out.set((0..self.stride()).map(code));
        out.weight = match self.metric {
            Metric::Dot => 0.0,
            Metric::Cosine | Metric::L2 => factor as f32,
        };
    }

    /// What is made into the codes of a row: the values, normalised (cosine), less the mean.
    pub fn values(&self, vector: &[f32]) -> impl Iterator<Item = f64> {
        let normaliser = self.normaliser(vector);
        let values = vector.iter().enumerate();
        values.map(move |(d, &x)| f64::from(x) * normaliser - self.mean_value(d))
    }

    /// The values of a vector, less the mean.
    pub fn centred_values(&self, vector: &[f32]) -> impl Iterator<Item = f64> {
        let values = vector.iter().enumerate();
        values.map(|(d, &x)| f64::from(x) - self.mean_value(d))
    }

    fn mean_value(&self, d: usize) -> f64 {
        self.mean.get(d).map_or(0.0, |&mean| f64::from(mean))
    }

    /// 1/length under cosine, else 1.
    fn normaliser(&self, vector: &[f32]) -> f64 {
        match self.metric {
            Metric::Cosine => 1.0 / dot(Level::detect(), vector, vector).sqrt(),
            Metric::Dot | Metric::L2 => 1.0,
        }
    }

    /// The magnitude that all but [`CUT_OFF`] of the values that are not zero keep within.
    fn usual_bound(&self, vectors: &Vectors, sample: &[u32]) -> f64 {
        // the upper half of the bits of a positive float: bins that are 1/128 of their value wide
        let mut bins = vec![0u64; 1 << 16];
        let mut room = Vec::new();
        for &row in sample {
            let vector = vectors.read(row, &mut room).unwrap_or(&[]);
            for value in self.values(vector) {
                let magnitude = value.abs() as f32;
                bins[(magnitude.to_bits() >> 16) as usize] += u64::from(magnitude > 0.0);
            }
        }
        let mut beyond = (bins.iter().sum::<u64>() as f64 * CUT_OFF) as u64;
        for (bin, count) in bins.iter().enumerate().rev().filter(|(_, count)| **count > 0) {
            if *count > beyond {
                let edge = f32::from_bits(((bin as u32 + 1) << 16) - 1);
                return f64::from(if edge.is_finite() { edge } else { f32::MAX });
            }
            beyond -= count;
        }
        0.0
    }

    /// The mean of what is coded, of rows that are not much longer than most.
    fn mean_of(&self, vectors: &Vectors, sample: &[u32]) -> Vec<f32> {
        let mut room = Vec::new();
        let mut squares: Vec<f64> = Vec::with_capacity(sample.len());
        for &row in sample {
            let vector = vectors.read(row, &mut room).unwrap_or(&[]);
            squares.push(self.values(vector).map(|x| x * x).sum());
        }
        let mut sorted = squares.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let most = sorted.get(sorted.len() / 2).map_or(0.0, |median| 16.0 * median);
        let (mut sums, mut count) = (vec![0.0; vectors.dim], 0.0);
        for (&row, _) in sample.iter().zip(&squares).filter(|(_, s)| **s <= most) {
            let vector = vectors.read(row, &mut room).unwrap_or(&[]);
            for (sum, x) in sums.iter_mut().zip(self.values(vector)) {
                *sum += x;
            }
            count += 1.0;
        }
        sums.iter().map(|sum| (sum / f64::max(count, 1.0)) as f32).collect()
    }
}

/// Rows to fit a quantizer to.
fn sample(rows: &[u32]) -> Vec<u32> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    rows.iter().copied().step_by(step).collect()
}

/// Whether a row can be searched: it has a vector, it is finite and, under cosine, not zero.
pub(super) fn is_usable(vectors: &Vectors, row: u32) -> bool {
    let cosine = vectors.metric == Metric::Cosine;
    let usable = |v: Floats| v.are_finite() && !(cosine && v.are_zero());
    vectors.stored(row).is_some_and(usable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::simd::{Codes, dots};
    use crate::ann::testing::Random;

    #[test]
    fn products_of_codes_approximate_cosines() {
        let mut random = Random::new(5);
        let data = random.vector(100 * 70);
        let vectors =
            Vectors { data: data[..].into(), dim: 70, metric: Metric::Cosine, present: None };
        let rows: Vec<u32> = (0..100).collect();
        let quantizer = Quantizer::fit(&vectors, &rows);
        let mut bytes = vec![0; 100 * quantizer.stride()];
        for (row, out) in rows.iter().zip(bytes.chunks_mut(quantizer.stride())) {
            quantizer.encode(&vectors.get(*row).unwrap(), out);
        }
        let codes = Codes::new(&bytes, quantizer.stride());
        let mut query = CodedQuery::default();
        query.set_row(codes.row(0));
        let mut products = Vec::new();
        dots(Level::Portable, &query, codes, &rows, &mut products);
        for (row, product) in rows.iter().zip(products) {
            let found = f64::from(product) / f64::from(quantizer.scale).powi(2);
            let row = vectors.get(*row).unwrap();
            let truth = crate::ann::similarity(Metric::Cosine, &data[..70], &row).unwrap();
            assert!((found - truth).abs() < 0.02, "{found} for {truth}");
        }
    }

    #[test]
    fn one_huge_value_does_not_flatten_the_others() {
        let mut random = Random::new(6);
        let mut data = random.vector(1_000 * 16);
        data[7] = 1e30;
        let vectors =
            Vectors { data: data[..].into(), dim: 16, metric: Metric::Dot, present: None };
        let quantizer = Quantizer::fit(&vectors, &(0..1_000).collect::<Vec<_>>());
        assert!(quantizer.scale > 10.0, "{}", quantizer.scale);
    }
}
