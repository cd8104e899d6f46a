//! What the tests of this room share: seeded data and the naive oracle.

use super::{Hit, Metric, Query, Vectors, bit};
use crate::types::to_halves;
use half::f16;

/// SplitMix64, so that test data does not depend on a crate's version.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve uniforms.
    pub fn normal(&mut self) -> f32 {
        ((0..12).map(|_| self.unit()).sum::<f64>() - 6.0) as f32
    }

    pub fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.normal()).collect()
    }

    /// `n` rows round `topics` unit centres, as catalogs of accounts look.
    pub fn clustered(&mut self, n: usize, dim: usize, topics: usize) -> Vec<f32> {
        self.topical(n, dim, topics).0
    }

    /// The same, and the topic of each row.
    pub fn topical(&mut self, n: usize, dim: usize, topics: usize) -> (Vec<f32>, Vec<usize>) {
        let spread = 1.0 / (dim as f32).sqrt();
        let centres = self.vector(topics * dim);
        let mut data = Vec::with_capacity(n * dim);
        let mut of_rows = Vec::with_capacity(n);
        for _ in 0..n {
            let topic = self.below(topics);
            let centre = &centres[topic * dim..][..dim];
            data.extend(centre.iter().map(|x| spread * (x + 0.6 * self.normal())));
            of_rows.push(topic);
        }
        (data, of_rows)
    }
}

/// Halves, and the same numbers as 32-bit floats.
pub fn rounded(data: &[f32]) -> (Vec<f16>, Vec<f32>) {
    let halves = to_halves(data);
    let wide = halves.iter().map(|half| half.to_f32()).collect();
    (halves, wide)
}

/// Similarity by a plain sequential 64-bit sum.
pub fn plain_similarity(metric: Metric, a: &[f32], b: &[f32]) -> Option<f64> {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot: f64 = pairs().map(|(x, y)| x * y).sum();
    let value = match metric {
        Metric::Dot => dot,
        Metric::L2 => 1.0 / (1.0 + pairs().map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()),
        Metric::Cosine => {
            let aa: f64 = pairs().map(|(x, _)| x * x).sum();
            let bb: f64 = pairs().map(|(_, y)| y * y).sum();
            dot / (aa * bb).sqrt()
        }
    };
    (value as f32).is_finite().then_some(f64::from(value as f32) + 0.0)
}

/// The true top `k`: every row scored by `score`, sorted, cut.
pub fn oracle(
    vectors: &Vectors,
    query: &Query,
    allow: Option<&[u64]>,
    score: fn(Metric, &[f32], &[f32]) -> Option<f64>,
) -> Vec<Hit> {
    let mut hits: Vec<Hit> = (0..vectors.len() as u32)
        .filter(|&row| bit(allow, row as usize) && !query.exclude.contains(&row))
        .filter_map(|row| {
            let similarity = score(vectors.metric, query.vector, &vectors.get(row)?)?;
            let wanted = query.min_similarity.is_none_or(|least| similarity >= least);
            wanted.then_some(Hit { row, similarity })
        })
        .collect();
    hits.sort_by(Hit::order);
    hits.truncate(query.k);
    hits
}

/// The share of `truth` that `found` holds.
pub fn recall(truth: &[Hit], found: &[Hit]) -> f64 {
    let both = truth.iter().filter(|t| found.iter().any(|f| f.row == t.row));
    both.count() as f64 / truth.len().max(1) as f64
}
