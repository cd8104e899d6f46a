//! Columns of numbers to inputs: z-scores, ranks among quantiles, and what stands for null. Many values at a time, with the
//! bits that each would have alone.

use super::inputs::Dense;
use super::quantiles::{QUANTILES, plain};
use super::table::{Missing, Normalise};
use crate::cpu::{Level, for_each_level};

/// Z-scores are clipped to this.
const CLIP: f64 = 5.0;
/// Rows whose numbers are encoded together: so many that they stay near.
const ENCODED: usize = 64;
/// Quantiles and what is at their ends, in a room of which no index leads out.
const ROOM: usize = (QUANTILES + 2).next_power_of_two();

/// A dense feature, ready to be applied.
pub(super) struct Numbers {
    normalise: Normalise,
    mean: f64,
    deviation: f64,
    quantiles: Vec<f64>,
    ramp: Option<Box<Ramp>>,
    /// How many inputs it makes; none: it is not read.
    pub inputs: usize,
    indicator: bool,
    of_null: (f32, f32),
}

impl Numbers {
    pub fn new(dense: &Dense) -> Numbers {
        let mut numbers = Numbers {
            normalise: dense.normalise,
            mean: dense.mean,
            deviation: dense.deviation,
            quantiles: dense.quantiles.clone(),
            ramp: Ramp::new(&dense.quantiles).map(Box::new),
            inputs: dense.inputs(),
            indicator: dense.indicator,
            of_null: (0.0, 0.0),
        };
        if dense.kept {
            let stand_in = if dense.missing == Missing::Zero { 0.0 } else { dense.mean };
            numbers.of_null = numbers.pair(stand_in);
        }
        numbers
    }

    /// Z-scores, or the numbers as they are.
    #[inline(always)]
    fn firsts(&self, values: &[f32], firsts: &mut [f32]) {
        let (mean, deviation, of_null) = (self.mean, self.deviation, self.of_null.0);
        if self.normalise == Normalise::None {
            for (first, &value) in firsts.iter_mut().zip(values) {
                *first = if value.is_nan() { of_null } else { value };
            }
            return;
        }
        for (first, &value) in firsts.iter_mut().zip(values) {
            let zscore = zscore(f64::from(value), mean, deviation);
            *first = if value.is_nan() { of_null } else { zscore };
        }
    }

    /// Ranks.
    #[inline(always)]
    fn seconds(&self, values: &[f32], seconds: &mut [f32]) {
        let mut ranks = [0.0; ENCODED];
        let ranks = &mut ranks[..values.len()];
        match &self.ramp {
            Some(ramp) => ramp.ranks(values, ranks),
            None => {
                for (rank_of, &value) in ranks.iter_mut().zip(values) {
                    *rank_of = rank(&self.quantiles, f64::from(value));
                }
            }
        }
        for ((second, &rank), &value) in seconds.iter_mut().zip(&*ranks).zip(values) {
            *second = if value.is_nan() { self.of_null.1 } else { scaled(rank) };
        }
    }

    /// The inputs of one value.
    fn pair(&self, value: f64) -> (f32, f32) {
        match self.normalise {
            Normalise::None => (value as f32, 0.0),
            Normalise::Zscore => (zscore(value, self.mean, self.deviation), 0.0),
            Normalise::Both => {
                let second = scaled(rank(&self.quantiles, value));
                (zscore(value, self.mean, self.deviation), second)
            }
        }
    }
}

#[inline(always)]
fn zscore(value: f64, mean: f64, deviation: f64) -> f32 {
    ((value - mean) / deviation).clamp(-CLIP, CLIP) as f32
}

/// A rank among the quantiles, on the scale of a deviation of 1.
#[inline(always)]
fn scaled(rank: f64) -> f32 {
    const ROOT: f64 = 1.732_050_807_568_877_2;
    ((2.0 * (rank / (QUANTILES - 1) as f64) - 1.0) * ROOT) as f32
}

/// Writes the inputs of all features, row by row; numbers behind them are 0.
pub(super) fn encode(
    level: Level,
    all: &[Numbers],
    values: &[Vec<f32>],
    (out, stride): (&mut [f32], usize),
) {
    if stride == 0 {
        return;
    }
    let mut columns = vec![0.0; stride * ENCODED];
    for (chunk, out) in out.chunks_mut(ENCODED * stride).enumerate() {
        let mut place = 0;
        for (numbers, values) in all.iter().zip(values).filter(|(n, _)| n.inputs > 0) {
            let values = &values[chunk * ENCODED..values.len().min((chunk + 1) * ENCODED)];
            columns_of(level, numbers, values, &mut columns[place * ENCODED..]);
            place += numbers.inputs;
        }
        lay_out(level, &columns, out, stride);
    }
}

for_each_level!(
    /// The inputs of a feature, each as a column with room for [`ENCODED`] numbers.
    fn columns_of(numbers: &Numbers, values: &[f32], columns: &mut [f32]),
    columns_body
);

#[inline(always)]
fn columns_body(numbers: &Numbers, values: &[f32], columns: &mut [f32]) {
    let mut clean = [0.0; ENCODED];
    let clean = &mut clean[..values.len()];
    for (clean, &value) in clean.iter_mut().zip(values) {
        *clean = plain(value);
    }
    let mut columns = columns.chunks_exact_mut(ENCODED).take(numbers.inputs);
    let mut next = || columns.next().unwrap_or_default();
    numbers.firsts(clean, next());
    if numbers.normalise == Normalise::Both {
        numbers.seconds(clean, next());
    }
    if numbers.indicator {
        for (is_null, value) in next().iter_mut().zip(&*clean) {
            *is_null = if value.is_nan() { 1.0 } else { 0.0 };
        }
    }
}

for_each_level!(
    /// Columns to rows.
    fn lay_out(columns: &[f32], out: &mut [f32], stride: usize),
    lay_out_body
);

#[inline(always)]
fn lay_out_body(columns: &[f32], out: &mut [f32], stride: usize) {
    const SIDE: usize = 4;
    let rows = out.len() / stride;
    for first in (0..rows / SIDE * SIDE).step_by(SIDE) {
        for place in (0..stride).step_by(SIDE) {
            let mut block = [[0.0; SIDE]; SIDE];
            for (column, block) in block.iter_mut().enumerate() {
                block.copy_from_slice(&columns[(place + column) * ENCODED + first..][..SIDE]);
            }
            let [a, b, c, d] = block;
            for row in 0..SIDE {
                out[(first + row) * stride + place..][..SIDE]
                    .copy_from_slice(&[a[row], b[row], c[row], d[row]]);
            }
        }
    }
    for row in rows / SIDE * SIDE..rows {
        for place in 0..stride {
            out[row * stride + place] = columns[place * ENCODED + row];
        }
    }
}

/// Quantiles, laid out so that the rank of a value is found without a search.
struct Ramp {
    /// The quantiles, rounded down: a value is above the one iff it is above the other.
    bounds: [f32; QUANTILES],
    /// The quantiles, the first and the last twice: number `i` is the one below a value that `i` are below.
    ends: [f64; ROOM],
    /// The rank of a value that is equal to quantile `i`: the middle of all that are.
    middles: [f64; ROOM],
}

/// Bounds that values are compared with at a time.
const COMPARED: usize = 5;

impl Ramp {
    /// `None`: there are no quantiles, or another number of them.
    fn new(quantiles: &[f64]) -> Option<Ramp> {
        if quantiles.len() != QUANTILES {
            return None;
        }
        let mut ramp =
            Ramp { bounds: [0.0; QUANTILES], ends: [quantiles[0]; ROOM], middles: [0.0; ROOM] };
        for (place, &quantile) in quantiles.iter().enumerate() {
            let equal = before(&quantiles[place..], |x| x <= quantile);
            ramp.bounds[place] = down(quantile);
            ramp.middles[place] = (2 * place + equal.max(1) - 1) as f64 / 2.0;
            ramp.ends[place + 1..].fill(quantile);
        }
        Some(ramp)
    }

    /// Ranks of at most [`ENCODED`] values.
    #[inline(always)]
    fn ranks(&self, values: &[f32], ranks: &mut [f64]) {
        let mut below = [0u32; ENCODED];
        let below = &mut below[..values.len()];
        let (bounds, _) = self.bounds.as_chunks::<COMPARED>();
        for &[a, b, c, d, e] in bounds {
            for (below, &value) in below.iter_mut().zip(values) {
                let first = u32::from(value > a) + u32::from(value > b);
                let then = u32::from(value > c) + u32::from(value > d) + u32::from(value > e);
                *below += first + then;
            }
        }
        let mut any_equal = false;
        for ((rank, &below), &value) in ranks.iter_mut().zip(&*below).zip(values) {
            let (index, value) = (below as usize & (ROOM - 1), f64::from(value));
            let (low, high) = (self.ends[index], self.ends[(index + 1) & (ROOM - 1)]);
            let between = f64::from(below.max(1) - 1) + (value - low) / (high - low);
            // what is below all has rank 0, what is above all the last
            let inside = if below == 0 { 0.0 } else { between };
            *rank = if below == QUANTILES as u32 { (QUANTILES - 1) as f64 } else { inside };
            any_equal |= value == high;
        }
        if any_equal {
            self.equal(values, below, ranks);
        }
    }

    /// Values that are equal to quantiles.
    #[inline(always)]
    fn equal(&self, values: &[f32], below: &[u32], ranks: &mut [f64]) {
        for ((rank, &below), &value) in ranks.iter_mut().zip(below).zip(values) {
            let index = below as usize & (ROOM - 1);
            if f64::from(value) == self.ends[(index + 1) & (ROOM - 1)] && index < QUANTILES {
                *rank = self.middles[index];
            }
        }
    }
}

/// The greatest number of 32 bits that is not above a number.
fn down(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) > x { near.next_down() } else { near }
}

/// Where a value lies among sorted ones, counted from 0: between two linearly, at several equal ones in the middle of them.
fn rank(sorted: &[f64], value: f64) -> f64 {
    let below = before(sorted, |x| x < value);
    if below == sorted.len() {
        return sorted.len().saturating_sub(1) as f64;
    }
    if sorted[below] == value {
        let last = before(sorted, |x| x <= value) - 1;
        return (below + last) as f64 / 2.0;
    }
    if below == 0 {
        return 0.0;
    }
    let (low, high) = (sorted[below - 1], sorted[below]);
    (below - 1) as f64 + (value - low) / (high - low)
}

/// How many come before, as `partition_point`, but without branches that depend on the values.
#[inline(always)]
fn before(sorted: &[f64], is_before: impl Fn(f64) -> bool) -> usize {
    let mut base = 0;
    let mut size = sorted.len();
    while size > 1 {
        let half = size / 2;
        base += if is_before(sorted[base + half - 1]) { half } else { 0 };
        size -= half;
    }
    base + usize::from(size == 1 && is_before(sorted[base]))
}

#[cfg(test)]
mod tests {
    use super::super::inputs::LANES;
    use super::*;
    use crate::random::Random;

    #[test]
    fn ends_clamp_and_ties_take_the_middle() {
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 0.0), 1.0);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 0.5), 2.5);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 2.0), 3.5);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], -9.0), 0.0);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 9.0), 4.0);
        assert_eq!(rank(&[0.0, 1.0, 1.0], 1.0), 1.5);
        let sorted: Vec<f64> = (0..65).map(|i| f64::from(i / 3)).collect();
        for value in -2..50 {
            let value = f64::from(value) / 2.0;
            let below = sorted.iter().filter(|&&x| x < value).count();
            assert_eq!(before(&sorted, |x| x < value), below);
        }
    }

    type Draw = dyn Fn(usize, &mut Random) -> f64;

    /// Quantiles of values that are all different, of few, at the ends of what there is, and between numbers of 32 bits.
    fn kinds() -> Vec<Vec<f64>> {
        let mut random = Random::new(3, 0);
        let kinds: [&Draw; 5] = [
            &|_, r| f64::from(r.normal() as f32),
            &|_, r| f64::from(r.below(5)) - 2.0,
            &|i, _| f64::from(i as u32) / 3.0 + 1e-9,
            &|i, _| [f64::from(f32::MIN), f64::from(f32::MAX), 0.0][i % 3],
            &|i, _| if i < 60 { 0.0 } else { 1e-40 * i as f64 },
        ];
        let sorted = kinds.iter().map(|draw| {
            let mut all: Vec<f64> = (0..QUANTILES).map(|i| draw(i, &mut random)).collect();
            all.sort_unstable_by(f64::total_cmp);
            all
        });
        sorted.collect()
    }

    #[test]
    fn ranks_of_many_are_those_of_each() {
        let mut random = Random::new(4, 0);
        for quantiles in kinds() {
            let ramp = Ramp::new(&quantiles).unwrap();
            let near = quantiles.iter().flat_map(|&q| {
                [q as f32, (q as f32).next_up(), (q as f32).next_down(), q as f32 / 2.0]
            });
            let mut values: Vec<f32> = near.filter(|x| x.is_finite()).collect();
            values.extend([0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE]);
            values.extend((0..200).map(|_| (3.0 * random.normal()) as f32));
            for lanes in values.chunks(ENCODED) {
                let mut ranks = vec![0.0; lanes.len()];
                ramp.ranks(lanes, &mut ranks);
                for (&lane, found) in lanes.iter().zip(ranks) {
                    let expected = rank(&quantiles, f64::from(lane));
                    assert_eq!(found.to_bits(), expected.to_bits(), "{lane:e} in {quantiles:?}");
                }
            }
        }
        assert!(Ramp::new(&[]).is_none() && Ramp::new(&[0.0; 3]).is_none());
    }

    #[test]
    fn columns_have_the_bits_of_single_values_at_every_level() {
        let mut random = Random::new(5, 0);
        let mut values: Vec<f32> = (0..77).map(|_| (2.0 * random.normal()) as f32).collect();
        (values[3], values[40], values[76]) = (f32::NAN, f32::INFINITY, -0.0);
        for normalise in [Normalise::Both, Normalise::Zscore, Normalise::None] {
            for (missing, quantiles) in kinds()
                .into_iter()
                .zip([Missing::Zero, Missing::Mean])
                .map(|(quantiles, missing)| (missing, quantiles))
            {
                let dense = Dense {
                    name: "x".into(),
                    normalise,
                    missing,
                    kept: true,
                    indicator: true,
                    nulls: 2,
                    mean: 0.3,
                    deviation: 0.7,
                    quantiles,
                };
                let numbers = Numbers::new(&dense);
                let before =
                    Dense { normalise: Normalise::None, indicator: false, ..dense.clone() };
                let stand_in = if missing == Missing::Zero { 0.0 } else { 0.3 };
                for level in Level::supported() {
                    let mut out = vec![9.0; 77 * LANES];
                    let all = [Numbers::new(&before), Numbers::new(&dense)];
                    let columns = [values.clone(), values.clone()];
                    encode(level, &all, &columns, (&mut out, LANES));
                    for (&value, row) in values.iter().zip(out.chunks_exact(LANES)) {
                        let is_null = !value.is_finite();
                        let read = if is_null { stand_in } else { f64::from(value + 0.0) };
                        let (first, second) = numbers.pair(read);
                        let mut expected = vec![first, f32::from(u8::from(is_null))];
                        if normalise == Normalise::Both {
                            expected.insert(1, second);
                        }
                        let found = row[1..1 + expected.len()].iter().map(|x| x.to_bits());
                        assert!(found.eq(expected.iter().map(|x| x.to_bits())), "{value}");
                        assert!(row[1 + expected.len()..].iter().all(|&x| x == 0.0));
                    }
                }
            }
        }
    }
}
