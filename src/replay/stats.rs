//! Intervals and tests: users are drawn, not requests, because requests of one user resemble each other.
//!
//! Intervals are percentiles of the bootstrap (Efron 1979); differences are tested by flipping the signs of the users'
//! differences at random (Fisher 1935; Smucker, Allan, Carterette, CIKM 2007), and p values of several comparisons are
//! adjusted by Holm's method (1979). All draws come from fixed seeds, so that two runs agree to the bit.

use crate::random::Random;
use rayon::prelude::*;

/// How often users are drawn anew, and signs are flipped.
pub const DRAWS: usize = 10_000;
/// Fewest users for which an interval or a test is given.
pub const FEWEST: usize = 30;
/// Draws that are made one after the other by one thread.
const PART: usize = 50;

/// What users contribute to a metric: a weighted sum and the weight, which is 0 where a user has no value. The metric is
/// the sum of the first divided by that of the second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// The value times the weight.
    pub sum: f64,
    /// 1 where every user counts alike, else the number of requests.
    pub weight: f64,
}

/// Of every user (a row) the share in every metric (a column).
pub struct Table<'a> {
    /// Row by row.
    pub shares: &'a [Share],
    /// Columns.
    pub metrics: usize,
}

impl Table<'_> {
    fn users(&self) -> usize {
        self.shares.len().checked_div(self.metrics).unwrap_or(0)
    }

    /// The metrics over some users, who may occur several times.
    fn means(&self, users: impl Iterator<Item = usize>, totals: &mut [Share]) {
        totals.fill(Share::default());
        for user in users {
            let own = &self.shares[user * self.metrics..][..self.metrics];
            for (total, share) in totals.iter_mut().zip(own) {
                total.sum += share.sum;
                total.weight += share.weight;
            }
        }
    }

    /// The metrics over all users; null (NaN) where nobody has a value.
    pub fn all(&self) -> Vec<f64> {
        let mut totals = vec![Share::default(); self.metrics];
        self.means(0..self.users(), &mut totals);
        totals.iter().map(|total| total.sum / total.weight).collect()
    }

    /// How many users have a value, by metric.
    pub fn counts(&self) -> Vec<usize> {
        let with_value = |metric| {
            let own = self.shares.iter().skip(metric).step_by(self.metrics);
            own.filter(|share| share.weight > 0.0).count()
        };
        (0..self.metrics).map(with_value).collect()
    }

    /// The 95 % interval of every metric; none where fewer than [`FEWEST`] users have a value.
    pub fn intervals(&self) -> Vec<Option<(f64, f64)>> {
        let users = self.users();
        if users < FEWEST || self.metrics == 0 {
            return vec![None; self.metrics];
        }
        let mut draws = vec![0.0; DRAWS * self.metrics];
        let parts = draws.par_chunks_mut(PART * self.metrics).enumerate();
        parts.for_each(|(part, draws)| {
            let mut totals = vec![Share::default(); self.metrics];
            for (place, draw) in draws.chunks_mut(self.metrics).enumerate() {
                let mut random = Random::new(1, (part * PART + place) as u64);
                let drawn = (0..users).map(|_| random.below(users as u32) as usize);
                self.means(drawn, &mut totals);
                for (value, total) in draw.iter_mut().zip(&totals) {
                    *value = total.sum / total.weight;
                }
            }
        });
        let counts = self.counts();
        let interval = |metric: usize| {
            let mut values: Vec<f64> =
                draws.iter().skip(metric).step_by(self.metrics).copied().collect();
            values.retain(|value| !value.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            let enough = counts[metric] >= FEWEST && !values.is_empty();
            enough.then(|| (percentile(&values, 0.025), percentile(&values, 0.975)))
        };
        (0..self.metrics).into_par_iter().map(interval).collect()
    }

    /// Of differences: how probable one as large, in either direction, is if neither side were better, by metric; none
    /// where fewer than [`FEWEST`] users have a value.
    pub fn sign_flips(&self) -> Vec<Option<f64>> {
        self.flips(|value| value.abs())
    }

    /// The same of one as large in the same direction: that a gain is more than chance.
    pub fn gains(&self) -> Vec<Option<f64>> {
        self.flips(|value| value)
    }

    /// How often differences with other signs come to no less than the one that was found.
    fn flips(&self, size: impl Fn(f64) -> f64 + Sync) -> Vec<Option<f64>> {
        let users = self.users();
        if users < FEWEST || self.metrics == 0 {
            return vec![None; self.metrics];
        }
        let mut totals = vec![Share::default(); self.metrics];
        self.means(0..users, &mut totals);
        let found: Vec<f64> = totals.iter().map(|total| size(total.sum / total.weight)).collect();
        let parts = (0..DRAWS.div_ceil(PART)).into_par_iter();
        let as_large = parts.map(|part| {
            let mut as_large = vec![0usize; self.metrics];
            for draw in part * PART..((part + 1) * PART).min(DRAWS) {
                for (metric, sum) in self.flipped(draw).into_iter().enumerate() {
                    let value = size(sum / totals[metric].weight);
                    as_large[metric] += usize::from(value >= found[metric] - 1e-12);
                }
            }
            as_large
        });
        let none = || vec![0usize; self.metrics];
        let as_large = as_large.reduce(none, |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        });
        let p = |count: usize| (1 + count) as f64 / (1 + DRAWS) as f64;
        let enough = self.counts().into_iter().map(|count| count >= FEWEST);
        as_large.into_iter().zip(enough).map(|(n, enough)| enough.then(|| p(n))).collect()
    }

    /// Sums of all metrics where the sign of every user is drawn.
    fn flipped(&self, draw: usize) -> Vec<f64> {
        let mut random = Random::new(2, draw as u64);
        let mut sums = vec![0.0; self.metrics];
        let mut bits = 0;
        for (user, own) in self.shares.chunks(self.metrics).enumerate() {
            if user % 64 == 0 {
                bits = random.bits();
            }
            let sign = [1.0, -1.0][(bits >> (user % 64) & 1) as usize];
            for (sum, share) in sums.iter_mut().zip(own) {
                *sum += sign * share.sum;
            }
        }
        sums
    }
}

/// The value below which a share of sorted ones lie, by linear interpolation.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

/// p values of several comparisons, adjusted for their number (Holm 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut least) = (vec![0.0; p.len()], 0f64);
    for (rank, &place) in order.iter().enumerate() {
        least = least.max(p[place] * (p.len() - rank) as f64).min(1.0);
        adjusted[place] = least;
    }
    adjusted
}

/// How a metric of some users differs from that of others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    pub mean: f64,
    /// Its 95 % interval; none where there are too few users, as `p`.
    pub interval: Option<(f64, f64)>,
    pub p: Option<f64>,
}

/// The metrics of some users less those of others: the difference, its 95 % interval by drawing both anew, and how
/// probable one as large is if nothing but chance had divided them (Fisher 1935).
pub fn two_samples(own: &[Share], other: &[Share], metrics: usize) -> Vec<Compared> {
    let (a, b) = (Table { shares: own, metrics }, Table { shares: other, metrics });
    let found: Vec<f64> = a.all().iter().zip(b.all()).map(|(a, b)| a - b).collect();
    let counts = a.counts().into_iter().zip(b.counts());
    let enough: Vec<bool> = counts.map(|(a, b)| a >= FEWEST && b >= FEWEST).collect();
    if !enough.contains(&true) {
        return found.into_iter().map(|mean| Compared { mean, interval: None, p: None }).collect();
    }
    let pooled: Vec<Share> = own.iter().chain(other).copied().collect();
    let pool = Table { shares: &pooled, metrics };
    let (n, m) = (a.users(), b.users());
    let difference = |(table, users): (&Table, &[usize]), (other, others): (&Table, &[usize])| {
        let mut totals = vec![Share::default(); 2 * metrics];
        let (left, right) = totals.split_at_mut(metrics);
        table.means(users.iter().copied(), left);
        other.means(others.iter().copied(), right);
        let value = |(a, b): (&Share, &Share)| a.sum / a.weight - b.sum / b.weight;
        left.iter().zip(right.iter()).map(value).collect::<Vec<f64>>()
    };
    let draws: Vec<(Vec<f64>, Vec<f64>)> = (0..DRAWS)
        .into_par_iter()
        .map(|draw| {
            let mut random = Random::new(3, draw as u64);
            let mut anew = |n: usize| -> Vec<usize> {
                (0..n).map(|_| random.below(n as u32) as usize).collect()
            };
            let drawn = difference((&a, &anew(n)), (&b, &anew(m)));
            let mut order: Vec<usize> = (0..n + m).collect();
            for place in 0..n {
                let with = place + random.below((n + m - place) as u32) as usize;
                order.swap(place, with);
            }
            (drawn, difference((&pool, &order[..n]), (&pool, &order[n..])))
        })
        .collect();
    let of_metric = |metric: usize| {
        let mean = found[metric];
        if !enough[metric] {
            return Compared { mean, interval: None, p: None };
        }
        let mut values: Vec<f64> = draws.iter().map(|(drawn, _)| drawn[metric]).collect();
        values.retain(|value| !value.is_nan());
        values.sort_unstable_by(f64::total_cmp);
        let as_large = draws.iter().filter(|(_, mixed)| mixed[metric].abs() >= mean.abs() - 1e-12);
        let p = (1 + as_large.count()) as f64 / (1 + DRAWS) as f64;
        let interval =
            (!values.is_empty()).then(|| (percentile(&values, 0.025), percentile(&values, 0.975)));
        Compared { mean, interval, p: Some(p) }
    };
    (0..metrics).map(of_metric).collect()
}

/// Whether numbers are divided as shares say, which sum to 1: Pearson's χ² and its p. None where there is nothing to
/// compare.
pub fn chi_square(found: &[f64], shares: &[f64]) -> Option<(f64, f64)> {
    let all: f64 = found.iter().sum();
    if found.len() < 2 || all == 0.0 {
        return None;
    }
    let term = |(found, share): (&f64, &f64)| match share * all {
        // one in an arm that nobody should be in
        0.0 if *found > 0.0 => f64::INFINITY,
        0.0 => 0.0,
        expected => (found - expected) * (found - expected) / expected,
    };
    let sum: f64 = found.iter().zip(shares).map(term).sum();
    let free = shares.iter().filter(|share| **share > 0.0).count().max(2) - 1;
    Some((sum, upper_gamma(free as f64 / 2.0, sum / 2.0)))
}

/// The regularised upper incomplete gamma function Q(a, x): by its series below a + 1, else by the continued
/// fraction (Abramowitz, Stegun 6.5.29 and 6.5.31, by Lentz's method).
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let front = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - front * sum).max(0.0);
    }
    let (mut b, tiny) = (x + 1.0 - a, 1e-300);
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * fraction).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(values: &[f64]) -> Vec<Share> {
        values.iter().map(|&sum| Share { sum, weight: 1.0 }).collect()
    }

    #[test]
    fn holm_as_in_the_paper() {
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&holm(&[0.01, 0.04, 0.03]), &[0.03, 0.06, 0.06]));
        assert!(close(&holm(&[0.9, 0.8]), &[1.0, 1.0]));
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn an_interval_covers_and_narrows() {
        let width = |users: usize| {
            let values: Vec<f64> = (0..users).map(|i| (i % 10) as f64).collect();
            let shares = shares(&values);
            let table = Table { shares: &shares, metrics: 1 };
            let (low, high) = table.intervals()[0].unwrap();
            assert!(low < 4.5 && 4.5 < high, "{low} {high}");
            high - low
        };
        let ratio = width(100) / width(1600);
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_test_tells_a_shift_from_noise() {
        let noise: Vec<f64> = (0..200).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let shift: Vec<f64> = noise.iter().map(|x| x + 0.5).collect();
        let p = |values: &[f64]| {
            let shares = shares(values);
            Table { shares: &shares, metrics: 1 }.sign_flips()[0].unwrap()
        };
        assert_eq!(p(&noise), 1.0);
        assert_eq!(p(&[0.0; 40]), 1.0);
        assert!(p(&shift) < 0.001);
        let gain = |values: &[f64]| {
            let shares = shares(values);
            Table { shares: &shares, metrics: 1 }.gains()[0].unwrap()
        };
        let loss: Vec<f64> = shift.iter().map(|x| -x).collect();
        assert!(gain(&shift) < 0.001 && gain(&loss) > 0.999);
    }

    #[test]
    fn p_of_known_divisions() {
        // scipy.stats.chisquare
        for (found, shares, sum, p) in [
            (&[50.0, 50.0][..], &[0.5, 0.5][..], 0.0, 1.0),
            (&[60.0, 40.0], &[0.5, 0.5], 4.0, 0.04550026389635857),
            (&[10.0, 20.0, 30.0], &[0.2, 0.3, 0.5], 0.5555555555555556, 0.7574651283969664),
            (&[900.0, 100.0], &[0.8, 0.2], 62.5, 2.6644463892359247e-15),
        ] {
            let (found, own) = chi_square(found, shares).unwrap();
            assert!(
                (found - sum).abs() < 1e-12 && (own / p - 1.0).abs() < 1e-9,
                "{found} {own} {p}"
            );
        }
        assert_eq!(chi_square(&[3.0, 1.0], &[1.0, 0.0]).unwrap().1, 0.0);
        assert_eq!(chi_square(&[3.0], &[1.0]), None);
    }

    #[test]
    fn two_groups_differ_or_do_not() {
        let alike: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
        let more: Vec<f64> = alike[..100].iter().map(|x| x + 2.0).collect();
        let compared = |a: &[f64], b: &[f64]| two_samples(&shares(a), &shares(b), 1)[0];
        let Compared { mean, interval, p } = compared(&more, &alike);
        let (low, high) = interval.unwrap();
        assert!((mean - 2.0).abs() < 1e-12 && low < 2.0 && 2.0 < high && low > 1.0, "{low} {high}");
        assert!(p.unwrap() < 0.001);
        assert!(compared(&alike[..100], &alike).p.unwrap() > 0.5);
        assert_eq!(compared(&alike[..29], &alike).p, None);
    }

    #[test]
    fn few_users_have_no_interval() {
        let shares = shares(&[1.0; FEWEST - 1]);
        let table = Table { shares: &shares, metrics: 1 };
        assert_eq!((table.intervals()[0], table.sign_flips()[0]), (None, None));
        assert_eq!(table.all(), [1.0]);
    }
}
