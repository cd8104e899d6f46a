//! The similarity that results carry: 64-bit sums of 32-bit vectors in one fixed order, rounded once.
//!
//! The order is eight lanes (value `i` goes to lane `i % 8`) that are summed in pairs at the end. A
//! compiler can keep eight lanes in vector registers without changing a bit, so the plain loop below is
//! compiled three times, for three CPU levels, and all give the same answer.

use super::Vectors;
use super::simd::{Level, for_each_level};
use crate::batch::{Pace, Stop};
use std::borrow::Cow;

/// How two vectors are compared. All similarities grow with likeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// `a·b / sqrt(a·a * b·b)`; a zero vector is no vector.
    Cosine,
    /// `a·b`.
    Dot,
    /// `1 / (1 + |a - b|)`.
    L2,
}

impl Metric {
    /// The three metrics.
    pub const ALL: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::L2];

    /// The name in catalogs: `cosine`, `dot` or `l2`.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Cosine => "cosine",
            Metric::Dot => "dot",
            Metric::L2 => "l2",
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    /// The metric of that name; the error says which names there are.
    fn from_str(text: &str) -> Result<Metric, String> {
        Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| format!("unknown metric `{text}`: expected `cosine`, `dot` or `l2`"))
    }
}

/// The similarity of two vectors of equal length, rounded to 32 bits and widened. `None` if it is not
/// finite, and under cosine if either is a zero vector. The result is never `-0.0`.
///
/// The same bits on every CPU: the order of the sum is fixed (see the room page).
pub fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> Option<f64> {
    Scorer::new(metric, a).score(b)
}

/// [`similarity`] of one query with many rows.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    metric: Metric,
    query: &'a [f32],
    /// `query · query`, used by cosine.
    norm: f64,
    level: Level,
}

impl<'a> Scorer<'a> {
    pub fn new(metric: Metric, query: &'a [f32]) -> Scorer<'a> {
        let level = Level::detect();
        let norm = dot(level, query, query);
        Scorer { metric, query, norm, level }
    }

    pub fn score(&self, row: &[f32]) -> Option<f64> {
        let value = match self.metric {
            Metric::Dot => dot(self.level, self.query, row),
            Metric::L2 => 1.0 / (1.0 + distance_squared(self.level, self.query, row).sqrt()),
            Metric::Cosine => {
                let [product, norm] = dot_and_norm(self.level, self.query, row);
                product / (self.norm * norm).sqrt()
            }
        };
        rounded(value)
    }
}

/// [`similarity`] between rows of one table, for many pairs: the squared lengths are summed once.
#[derive(Default)]
pub struct Pairs<'a> {
    metric: Option<(Metric, Level)>,
    rows: Vec<Option<(Cow<'a, [f32]>, f64)>>,
}

impl<'a> Pairs<'a> {
    /// The rows, in their order, under a metric that need not be that of the table.
    pub fn new(vectors: &Vectors<'a>, metric: Metric, rows: &[u32]) -> Pairs<'a> {
        Pairs::until(vectors, metric, rows, &Pace::new(Stop::default()))
    }

    /// The same; rows that a run does not come to before it has to end have no vector.
    pub fn until(vectors: &Vectors<'a>, metric: Metric, rows: &[u32], pace: &Pace) -> Pairs<'a> {
        let level = Level::detect();
        let row = |&row: &u32| {
            if pace.is_due_before(50 + vectors.dim) {
                return None;
            }
            let vector = vectors.get(row)?;
            let norm = dot(level, &vector, &vector);
            (metric != Metric::Cosine || norm > 0.0).then_some((vector, norm))
        };
        Pairs { metric: Some((metric, level)), rows: rows.iter().map(row).collect() }
    }

    /// Whether the row at a place has a vector.
    pub fn has(&self, place: u32) -> bool {
        self.get(place).is_some()
    }

    /// The similarity of the rows at two places, if it has one.
    pub fn similarity(&self, a: u32, b: u32) -> Option<f64> {
        self.nearest(a, &[b])
    }

    /// The largest similarity of the row at a place to those at others, if it has one to any of them.
    pub fn nearest(&self, place: u32, others: &[u32]) -> Option<f64> {
        let (metric, level) = self.metric?;
        let (a, norm) = self.get(place)?;
        let similarity = |&other: &u32| {
            let (b, other) = self.get(other)?;
            let value = match metric {
                Metric::Dot => dot(level, a, b),
                Metric::L2 => 1.0 / (1.0 + distance_squared(level, a, b).sqrt()),
                Metric::Cosine => dot(level, a, b) / (norm * other).sqrt(),
            };
            rounded(value)
        };
        others.iter().filter_map(similarity).reduce(f64::max)
    }

    fn get(&self, place: u32) -> Option<(&[f32], f64)> {
        let (vector, norm) = self.rows.get(place as usize)?.as_ref()?;
        Some((vector, *norm))
    }
}

/// As results carry it. `+ 0.0` turns -0.0 into 0.0, so that equal similarities also compare equal
/// bit by bit.
fn rounded(value: f64) -> Option<f64> {
    let rounded = value as f32;
    rounded.is_finite().then_some(f64::from(rounded) + 0.0)
}

const LANES: usize = 8;

#[inline(always)]
fn sum(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// Folds pairs of values into `N` sums of eight lanes each.
#[inline(always)]
fn fold<const N: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f64, f64) -> [f64; N],
) -> [[f64; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    let (heads_a, tail_a) = a.as_chunks::<LANES>();
    let (heads_b, tail_b) = b.as_chunks::<LANES>();
    for (x, y) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            let term = terms(f64::from(x[lane]), f64::from(y[lane]));
            for n in 0..N {
                sums[n][lane] += term[n];
            }
        }
    }
    for (lane, (&x, &y)) in tail_a.iter().zip(tail_b).enumerate() {
        let term = terms(f64::from(x), f64::from(y));
        for n in 0..N {
            sums[n][lane] += term[n];
        }
    }
    sums
}

/// `[a·b]`
#[inline(always)]
fn dots_body(a: &[f32], b: &[f32]) -> [f64; 1] {
    fold(a, b, |x, y| [x * y]).map(sum)
}

/// `[a·b, b·b]`
#[inline(always)]
fn dot_and_norm_body(a: &[f32], b: &[f32]) -> [f64; 2] {
    fold(a, b, |x, y| [x * y, y * y]).map(sum)
}

/// `[|a - b|²]`
#[inline(always)]
fn distances_body(a: &[f32], b: &[f32]) -> [f64; 1] {
    fold(a, b, |x, y| [(x - y) * (x - y)]).map(sum)
}

for_each_level!(fn dots(a: &[f32], b: &[f32]) -> [f64; 1], dots_body);
for_each_level!(fn dot_and_norm(a: &[f32], b: &[f32]) -> [f64; 2], dot_and_norm_body);
for_each_level!(fn distances(a: &[f32], b: &[f32]) -> [f64; 1], distances_body);

/// `a·b` in the fixed order.
pub(super) fn dot(level: Level, a: &[f32], b: &[f32]) -> f64 {
    let [value] = dots(level, a, b);
    value
}

fn distance_squared(level: Level, a: &[f32], b: &[f32]) -> f64 {
    let [value] = distances(level, a, b);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::testing::Random;

    #[test]
    fn names_round_trip_and_unknown_ones_are_explained() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
        let error = "cosin".parse::<Metric>().unwrap_err();
        assert!(error.contains("`cosin`") && error.contains("`l2`"), "{error}");
    }

    #[test]
    fn known_values() {
        let (a, b) = ([3.0, 4.0], [4.0, 3.0]);
        assert_eq!(similarity(Metric::Cosine, &a, &b), Some(f64::from(0.96f32)));
        assert_eq!(similarity(Metric::Dot, &a, &b), Some(24.0));
        let l2 = (1.0 / (1.0 + 2f64.sqrt())) as f32;
        assert_eq!(similarity(Metric::L2, &a, &b), Some(f64::from(l2)));
    }

    #[test]
    fn what_has_no_similarity() {
        assert_eq!(similarity(Metric::Cosine, &[0.0, -0.0], &[1.0, 2.0]), None);
        assert_eq!(similarity(Metric::Cosine, &[1.0, 2.0], &[0.0, 0.0]), None);
        assert_eq!(similarity(Metric::Dot, &[3e38, 3e38], &[3e38, 0.0]), None);
        assert_eq!(similarity(Metric::Dot, &[f32::NAN], &[1.0]), None);
        let zero = similarity(Metric::Dot, &[-0.0], &[1.0]).unwrap();
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let mut random = Random::new(1);
        for dim in 1..200 {
            let a = random.vector(dim);
            let b = random.vector(dim);
            for level in Level::supported() {
                let bits = |[x]: [f64; 1]| x.to_bits();
                assert_eq!(bits(dots(level, &a, &b)), bits(dots(Level::Portable, &a, &b)));
                assert_eq!(
                    bits(distances(level, &a, &b)),
                    bits(distances(Level::Portable, &a, &b))
                );
                assert_eq!(
                    dot_and_norm(level, &a, &b).map(f64::to_bits),
                    dot_and_norm(Level::Portable, &a, &b).map(f64::to_bits)
                );
            }
        }
    }
}
