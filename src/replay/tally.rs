//! What requests add up to, by user.

use super::metric::{Measure, Metric};
use super::stats::Share;
use foldhash::{HashMap, HashSet};
use std::time::Duration;

/// Whose votes are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// Users': the mean over users of the mean over their requests.
    #[default]
    Users,
    /// Requests': the mean over all of them.
    Requests,
}

/// What the requests of one program add up to.
pub struct Tally {
    /// Row by row, a user in each: sums and numbers of requests.
    sums: Vec<Share>,
    columns: usize,
    /// Of the metrics that count items: how often each row is among the first of a list.
    counts: Vec<(usize, Vec<u32>)>,
    /// Of the metrics that ask what users had before.
    before: Vec<Before>,
    /// How many requests had how many rows, of the result and of each stage.
    lengths: Vec<HashMap<usize, u64>>,
    /// Time per request of passes, and how many requests they had.
    times: Vec<(Duration, usize)>,
}

/// What users had before.
struct Before {
    /// The column of the metric.
    column: usize,
    cut: usize,
    /// Users with rows.
    rows: HashSet<(u32, u32)>,
}

impl Tally {
    /// For some users and columns of values, of which the first are those of the metrics `judged`.
    pub fn new(
        users: usize,
        columns: usize,
        metrics: &[Metric],
        judged: &[Metric],
        stages: usize,
        items: usize,
    ) -> Tally {
        let counts_items = |m: &&Metric| matches!(m.measure, Measure::Coverage | Measure::Gini);
        let mut cuts: Vec<usize> = metrics.iter().filter(counts_items).map(|m| m.cut).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let repeated = judged.iter().enumerate().filter(|(_, m)| m.measure == Measure::Repeated);
        Tally {
            sums: vec![Share::default(); users * columns],
            columns,
            counts: cuts.into_iter().map(|cut| (cut, vec![0; items])).collect(),
            before: repeated
                .map(|(column, m)| Before { column, cut: m.cut, rows: HashSet::default() })
                .collect(),
            lengths: vec![HashMap::default(); stages + 1],
            times: Vec::new(),
        }
    }

    /// Adds a request: its first rows, how many rows the result and each stage have, and the values of the columns.
    /// Those of a user come in the order of their times. Values that follow from earlier requests are
    /// filled in.
    pub fn add(&mut self, user: u32, rows: &[u32], lengths: &[usize], values: &mut [f64]) {
        for Before { column, cut, rows: before } in &mut self.before {
            let first = &rows[..(*cut).min(rows.len())];
            let again = first.iter().filter(|&&row| before.contains(&(user, row))).count();
            before.extend(first.iter().map(|&row| (user, row)));
            values[*column] = again as f64 / first.len() as f64;
        }
        for (cut, counts) in &mut self.counts {
            for &row in &rows[..(*cut).min(rows.len())] {
                if let Some(count) = counts.get_mut(row as usize) {
                    *count += 1;
                }
            }
        }
        for (all, &length) in self.lengths.iter_mut().zip(lengths) {
            *all.entry(length).or_default() += 1;
        }
        let own = &mut self.sums[user as usize * self.columns..][..self.columns];
        for (share, value) in own.iter_mut().zip(values) {
            if !value.is_nan() {
                share.sum += *value;
                share.weight += 1.0;
            }
        }
    }

    /// Adds the time that a pass took.
    pub fn took(&mut self, time: Duration, requests: usize) {
        self.times.push((time / requests.max(1) as u32, requests));
    }

    /// What users contribute, row by row.
    pub fn shares(&self, weight: Weight) -> Vec<Share> {
        let share = |share: &Share| match weight {
            Weight::Users if share.weight > 0.0 => {
                Share { sum: share.sum / share.weight, weight: 1.0 }
            }
            _ => *share,
        };
        self.sums.iter().map(share).collect()
    }

    /// The median number of rows, of the result (0) or of a stage (from 1).
    pub fn median_rows(&self, list: usize) -> usize {
        let mut lengths: Vec<(usize, u64)> =
            self.lengths[list].iter().map(|(length, n)| (*length, *n)).collect();
        lengths.sort_unstable();
        let all: u64 = lengths.iter().map(|(_, n)| n).sum();
        let mut passed = 0;
        let middle = lengths.iter().find(|(_, n)| {
            passed += n;
            2 * passed >= all
        });
        middle.map_or(0, |(length, _)| *length)
    }

    /// The time in microseconds that a share of the requests does not exceed.
    pub fn micros(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let all: usize = times.iter().map(|(_, n)| n).sum();
        let mut passed = 0;
        let found = times.iter().find(|(_, n)| {
            passed += n;
            passed as f64 >= share * all as f64
        });
        found.map_or(f64::NAN, |(time, _)| time.as_secs_f64() * 1e6)
    }

    /// The value of a metric of the whole run; `items` are the rows that can be seen.
    pub fn of_run(&self, metric: &Metric, items: &[bool]) -> f64 {
        let counts = || {
            let own = self.counts.iter().find(|(cut, _)| *cut == metric.cut);
            let all = own.map_or(&[][..], |(_, counts)| counts);
            all.iter().zip(items).filter(|(_, seen)| **seen).map(|(count, _)| *count)
        };
        match metric.measure {
            Measure::Coverage => {
                let all = counts().count() as f64;
                counts().filter(|count| *count > 0).count() as f64 / all
            }
            Measure::Gini => gini(counts().collect()),
            Measure::P50 => self.micros(0.5),
            Measure::P99 => self.micros(0.99),
            _ => f64::NAN,
        }
    }
}

/// The Gini coefficient of counts: 0 where all are equal, near 1 where one has everything; null where all are 0.
fn gini(mut counts: Vec<u32>) -> f64 {
    counts.sort_unstable();
    let n = counts.len() as f64;
    let sum: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let weighted: f64 = (1..).zip(&counts).map(|(i, &c)| f64::from(i) * f64::from(c)).sum();
    2.0 * weighted / (n * sum) - (n + 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gini_of_known_distributions() {
        assert_eq!(gini(vec![3, 3, 3]), 0.0);
        assert!((gini(vec![0, 0, 0, 8]) - 0.75).abs() < 1e-12);
        assert!((gini(vec![1, 3]) - 0.25).abs() < 1e-12);
        assert!(gini(vec![0, 0]).is_nan());
    }

    #[test]
    fn one_user_has_one_vote() {
        let metrics = [Metric::at(Measure::Rows, 0)];
        let mut tally = Tally::new(2, 1, &metrics, &metrics, 0, 10);
        for (user, value) in [(0, 1.0), (0, 3.0), (1, 10.0), (1, f64::NAN)] {
            tally.add(user, &[], &[], &mut [value]);
        }
        let mean = |weight| {
            let shares = tally.shares(weight);
            super::super::stats::Table { shares: &shares, metrics: 1 }.all()[0]
        };
        assert_eq!(mean(Weight::Users), 6.0);
        assert_eq!(mean(Weight::Requests), 14.0 / 3.0);
    }

    #[test]
    fn rows_that_come_again() {
        let metrics = [Metric::at(Measure::Repeated, 2)];
        let mut tally = Tally::new(2, 1, &metrics, &metrics, 0, 10);
        let mut add = |user, rows: &[u32]| {
            let mut values = [f64::NAN];
            tally.add(user, rows, &[], &mut values);
            values[0]
        };
        assert_eq!(add(0, &[1, 2, 3]), 0.0);
        assert_eq!(add(0, &[3, 2]), 0.5);
        assert_eq!(add(1, &[1, 2]), 0.0);
        assert!(add(1, &[]).is_nan());
    }
}
