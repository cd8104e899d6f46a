//! 8-bit codes of vectors: a quarter of the bytes, and products that are integers.
//!
//! A code is `round(x * scale)` of the normalised vector (cosine), of the vector (dot) or of its
//! difference from the mean (l2), cut off at the largest code. The scale is fitted so that one value in
//! ten thousand is cut off: a few huge values must not flatten all others. Codes only guide the walk
//! through the graph; what is found is re-scored from the vectors.

use super::metric::dot;
use super::simd::{CodedQuery, LINE, Level};
use super::{Metric, Vectors};
use crate::types::Floats;

/// Rows looked at to fit a quantizer.
const SAMPLE: usize = 65_536;
/// Share of the values that may be cut off.
const CUT_OFF: f64 = 1e-4;

/// How vectors become codes.
#[derive(Clone, Debug)]
pub(super) struct Quantizer<'a> {
    pub metric: Metric,
    /// What a normalised or centred value is multiplied with.
    pub scale: f32,
    /// `dim` values that are subtracted first; only under l2, else empty.
    pub mean: std::borrow::Cow<'a, [f32]>,
    /// Values per vector.
    pub dim: usize,
}

impl Quantizer<'_> {
    /// Fits a quantizer to the given rows of `vectors`, which must all be usable.
    pub fn fit(vectors: &Vectors, rows: &[u32]) -> Quantizer<'static> {
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<u32> = rows.iter().copied().step_by(step).collect();
        let mut quantizer = Quantizer {
            metric: vectors.metric,
            scale: 1.0,
            mean: match vectors.metric {
                Metric::L2 => mean(vectors, &sample).into(),
                Metric::Cosine | Metric::Dot => Vec::new().into(),
            },
            dim: vectors.dim,
        };
        let bound = quantizer.usual_bound(vectors, &sample);
        if bound > 0.0 {
            quantizer.scale = (f64::from(quantizer.limit()) / bound).min(1e38) as f32;
        }
        quantizer
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

    /// Writes the codes of a vector, and the padding, into a row of `stride` bytes.
    pub fn encode(&self, vector: &[f32], out: &mut [u8]) {
        out.fill(128);
        let factor = f64::from(self.scale) * self.normaliser(vector);
        let limit = f64::from(self.limit());
        for (d, (&x, out)) in vector.iter().zip(out).enumerate() {
            // 128.5: cutting off the fraction then rounds
            *out = ((self.centred(d, x) * factor).clamp(-limit, limit) + 128.5) as u8;
        }
    }

    /// The codes of a query. Where only the order of the products counts, the query has a scale of its
    /// own and uses all 8 bits.
    pub fn encode_query(&self, vector: &[f32], out: &mut CodedQuery) {
        let limit = f64::from(self.limit());
        let largest = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        let factor = match self.metric {
            Metric::L2 => f64::from(self.scale),
            Metric::Cosine | Metric::Dot if largest > 0.0 => limit / f64::from(largest),
            Metric::Cosine | Metric::Dot => 0.0,
        };
        let code = |d: usize| match vector.get(d) {
            Some(&x) => (self.centred(d, x) * factor).clamp(-limit, limit).round() as i8,
            None => 0,
        };
        out.set((0..self.stride()).map(code));
    }

    /// What is made into the codes of a row: the values normalised (cosine) or centred (l2).
    pub fn values(&self, vector: &[f32]) -> impl Iterator<Item = f64> {
        let normaliser = self.normaliser(vector);
        self.centred_values(vector).map(move |x| x * normaliser)
    }

    /// The values of a vector, less the mean under l2.
    pub fn centred_values(&self, vector: &[f32]) -> impl Iterator<Item = f64> {
        vector.iter().enumerate().map(|(d, &x)| self.centred(d, x))
    }

    fn centred(&self, d: usize, x: f32) -> f64 {
        f64::from(x) - self.mean.get(d).map_or(0.0, |&mean| f64::from(mean))
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
            let factor = self.normaliser(vector);
            for (d, &x) in vector.iter().enumerate() {
                let magnitude = (self.centred(d, x) * factor).abs() as f32;
                bins[(magnitude.to_bits() >> 16) as usize] += u64::from(magnitude > 0.0);
            }
        }
        let mut beyond = (bins.iter().sum::<u64>() as f64 * CUT_OFF) as u64;
        for (bin, count) in bins
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, count)| **count > 0)
        {
            if *count > beyond {
                let edge = f32::from_bits(((bin as u32 + 1) << 16) - 1);
                return f64::from(if edge.is_finite() { edge } else { f32::MAX });
            }
            beyond -= count;
        }
        0.0
    }
}

fn mean(vectors: &Vectors, sample: &[u32]) -> Vec<f32> {
    let mut sums = vec![0.0; vectors.dim];
    let mut room = Vec::new();
    for &row in sample {
        let vector = vectors.read(row, &mut room).unwrap_or(&[]);
        for (sum, &x) in sums.iter_mut().zip(vector) {
            *sum += f64::from(x);
        }
    }
    let count = sample.len().max(1) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
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
        let vectors = Vectors {
            data: data[..].into(),
            dim: 70,
            metric: Metric::Cosine,
            present: None,
        };
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
        let vectors = Vectors {
            data: data[..].into(),
            dim: 16,
            metric: Metric::Dot,
            present: None,
        };
        let quantizer = Quantizer::fit(&vectors, &(0..1_000).collect::<Vec<_>>());
        assert!(quantizer.scale > 10.0, "{}", quantizer.scale);
    }
}
