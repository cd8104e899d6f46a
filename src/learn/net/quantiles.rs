//! Moments and exact quantiles of a column in three passes, in memory that does not depend on its length: a radix
//! selection, which counts the leading digits of all values and then the following ones where a quantile lies.

/// Quantiles of a column: the least value, the greatest, and those between in equal steps of rank.
pub(super) const QUANTILES: usize = 65;

/// Bits of each digit.
const BITS: [u32; 3] = [11, 11, 10];

/// Values whose first digits are told apart.
const NONE: u16 = u16::MAX;

/// What is known of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summary {
    /// Values that are no null.
    pub values: u64,
    /// Nulls.
    pub nulls: u64,
    /// Mean of the values.
    pub mean: f64,
    /// Their deviation (of a population).
    pub deviation: f64,
    /// The quantiles.
    pub quantiles: Vec<f64>,
}

/// A summary in the making. It reads all values once for each of [`Summing::PASSES`].
pub(super) struct Summing {
    pass: usize,
    values: u64,
    nulls: u64,
    sum: f64,
    squares: f64,
    /// The ranks looked for, ascending, with the digits known so far.
    wanted: Vec<Wanted>,
    /// For every prefix that matters, how often each next digit follows it.
    counts: Vec<u64>,
    /// The number of the prefix in `counts`, by first digit, and then by number of that and second digit.
    slots: [Vec<u16>; 2],
}

struct Wanted {
    rank: u64,
    /// Rank among the values with the same prefix.
    within: u64,
    slot: usize,
    bits: u32,
}

impl Summing {
    pub const PASSES: usize = 3;

    pub fn new() -> Summing {
        let counts = vec![0; 1 << BITS[0]];
        let slots = [Vec::new(), Vec::new()];
        Summing {
            pass: 0,
            values: 0,
            nulls: 0,
            sum: 0.0,
            squares: 0.0,
            wanted: Vec::new(),
            counts,
            slots,
        }
    }

    /// The next values of this pass; what is not finite is null.
    pub fn read(&mut self, values: impl Iterator<Item = f32>) {
        let values = values.map(plain);
        match self.pass {
            0 => values.for_each(|value| self.first(value)),
            1 => values.for_each(|value| self.second(value)),
            _ => values.for_each(|value| self.third(value)),
        }
    }

    fn first(&mut self, value: f32) {
        if value.is_nan() {
            self.nulls += 1;
            return;
        }
        self.values += 1;
        self.sum += f64::from(value);
        self.counts[(ordered(value) >> 21) as usize] += 1;
    }

    fn second(&mut self, value: f32) {
        if value.is_nan() {
            return;
        }
        let apart = f64::from(value) - self.mean();
        self.squares += apart * apart;
        let bits = ordered(value);
        let slot = self.slots[0][(bits >> 21) as usize];
        if slot != NONE {
            self.counts[(usize::from(slot) << 11) + (bits >> 10 & 0x7ff) as usize] += 1;
        }
    }

    fn third(&mut self, value: f32) {
        let bits = ordered(value);
        let slot = self.slots[0][(bits >> 21) as usize];
        if value.is_nan() || slot == NONE {
            return;
        }
        let slot = self.slots[1][(usize::from(slot) << 11) + (bits >> 10 & 0x7ff) as usize];
        if slot != NONE {
            self.counts[(usize::from(slot) << 10) + (bits & 0x3ff) as usize] += 1;
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
    }

    /// Ends a pass.
    pub fn next(&mut self) {
        if self.pass == 0 {
            self.wanted = ranks(self.values)
                .into_iter()
                .map(|rank| Wanted { rank, within: rank, slot: 0, bits: 0 })
                .collect();
        }
        self.narrow();
        self.pass += 1;
    }

    /// Finds the next digit of each value looked for, and prepares the counts of the digits after it.
    fn narrow(&mut self) {
        let bits = BITS[self.pass];
        let mut slots = vec![NONE; self.counts.len()];
        let mut used = 0;
        for wanted in &mut self.wanted {
            let mut place = wanted.slot << bits;
            while wanted.within >= self.counts[place] {
                wanted.within -= self.counts[place];
                place += 1;
            }
            wanted.bits = wanted.bits << bits | (place & ((1 << bits) - 1)) as u32;
            if slots[place] == NONE {
                slots[place] = used;
                used += 1;
            }
            wanted.slot = usize::from(slots[place]);
        }
        if let Some(&next) = BITS.get(self.pass + 1) {
            self.slots[self.pass] = slots;
            self.counts = vec![0; usize::from(used) << next];
        }
    }

    pub fn finish(self) -> Summary {
        let value = |rank: u64| {
            let place = self.wanted.partition_point(|wanted| wanted.rank < rank);
            f64::from(unordered(self.wanted[place].bits))
        };
        let quantile = |k: usize| {
            let (low, share) = place(k, self.values);
            let (low, high) = (value(low), value((low + 1).min(self.values - 1)));
            if share == 0.0 { low } else { low + (high - low) * share }
        };
        let count = if self.values == 0 { 0 } else { QUANTILES };
        Summary {
            values: self.values,
            nulls: self.nulls,
            mean: self.mean(),
            deviation: (self.squares / self.values.max(1) as f64).sqrt(),
            quantiles: (0..count).map(quantile).collect(),
        }
    }
}

/// A value as it is read: what is not finite is null, and there is one zero.
pub(super) fn plain(value: f32) -> f32 {
    if value.is_finite() { value + 0.0 } else { f32::NAN }
}

/// Where quantile `k` of `n` values lies: the rank below, and the share of the way to the next.
fn place(k: usize, n: u64) -> (u64, f64) {
    let scaled = u128::from(n - 1) * k as u128;
    let steps = (QUANTILES - 1) as u128;
    ((scaled / steps) as u64, (scaled % steps) as f64 / steps as f64)
}

fn ranks(n: u64) -> Vec<u64> {
    if n == 0 {
        return Vec::new();
    }
    let mut ranks: Vec<u64> = (0..QUANTILES)
        .map(|k| place(k, n).0)
        .flat_map(|rank| [rank, (rank + 1).min(n - 1)])
        .collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// Bits that compare as the numbers do.
fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn summary(values: &[f32]) -> Summary {
        let mut summing = Summing::new();
        for _ in 0..Summing::PASSES {
            for part in values.chunks(100) {
                summing.read(part.iter().copied());
            }
            summing.next();
        }
        summing.finish()
    }

    fn sorted_quantiles(values: &[f32]) -> Vec<f64> {
        let mut all: Vec<f64> =
            values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
        all.sort_by(f64::total_cmp);
        let at = |k: usize| {
            let place = (all.len() - 1) as f64 * k as f64 / 64.0;
            let (low, high) = (all[place.floor() as usize], all[place.ceil() as usize]);
            low + (high - low) * (place - place.floor())
        };
        (0..QUANTILES).map(at).collect()
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let mut random = Random::new(5, 0);
        let kinds: [&dyn Fn(&mut Random) -> f32; 5] = [
            &|r| r.normal() as f32,
            &|r| r.below(4) as f32 - 1.0,
            &|r| 1000.0 + r.unit() as f32 * 1e-3,
            &|r| f32::from_bits(r.bits() as u32),
            &|r| if r.below(3) == 0 { f32::NAN } else { r.normal().exp() as f32 },
        ];
        for (kind, draw) in kinds.iter().enumerate() {
            for n in [1, 2, 3, 64, 65, 66, 1000, 5000] {
                let values: Vec<f32> = (0..n).map(|_| draw(&mut random)).collect();
                if values.iter().all(|v| !v.is_finite()) {
                    continue;
                }
                let found = summary(&values);
                let expected = sorted_quantiles(&values);
                for (a, b) in found.quantiles.iter().zip(&expected) {
                    assert!((a - b).abs() <= 1e-9 * b.abs(), "{kind} {n}: {a} {b}");
                }
                assert_eq!(found.values + found.nulls, n as u64);
            }
        }
    }

    #[test]
    fn columns_without_values_have_no_quantiles() {
        let found = summary(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        assert_eq!((found.values, found.nulls, found.mean, found.deviation), (0, 3, 0.0, 0.0));
        assert!(found.quantiles.is_empty());
        assert!(summary(&[]).quantiles.is_empty());
    }

    #[test]
    fn moments_are_those_of_a_population() {
        let found = summary(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(found.mean, 3.0);
        assert!((found.deviation - 3.5f64.sqrt()).abs() < 1e-12);
    }
}
