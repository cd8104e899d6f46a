//! `calibrate`: the shares of a key in the list come near those in the history
//! (Steck, Calibrated Recommendations, 2018).
//!
//! Rows that are in the same groups differ in their score only, so each step looks at the best row
//! of every combination of groups, not at every row, and takes each logarithm once.

use crate::batch::{Pace, Stop, descending};
use crate::ops::kit::group::Groups;
use std::collections::HashMap;

/// The order of the rows, as places: each of the first `first` maximises
/// `(1 - strength) * sum of scores - strength * KL(p || 0.99 q + 0.01 p)`, `p` the shares of the
/// groups in the history, `q` those in the rows placed with it; ties go to the earlier row. The
/// rest keep their order, and without a history all do.
///
/// `groups` has the `history` rows first, then the rows of `scores`. If the run has to end, the rest
/// keep their order.
pub fn calibrate(
    scores: &[f64],
    groups: &Groups,
    history: usize,
    strength: f64,
    first: usize,
    stop: Stop,
) -> Vec<u32> {
    let pace = Pace::new(stop);
    let shares = shares(groups, history, &pace);
    if shares.is_empty() {
        return (0..scores.len() as u32).collect();
    }
    let mut kinds = kinds(scores, groups, history, strength, &pace);
    let mut placed = Placed { counts: vec![0; groups.count()], total: 0 };
    let mut order = Vec::with_capacity(scores.len());
    let mut is_placed = vec![false; scores.len()];
    let mut sum = 0.0;
    let mut terms = Terms::default();
    while order.len() < first.min(scores.len()) && !pace.is_due_before(100) {
        let mut best: Option<(f64, u32, usize)> = None;
        let mut counted = usize::MAX;
        for (number, kind) in kinds.iter().enumerate() {
            if pace.is_due_before(20 + 10 * kind.groups.len()) {
                break;
            }
            let Some(&row) = kind.rows.last() else {
                continue;
            };
            if kind.groups.len() != counted {
                if pace.is_due_before(200 * shares.len()) {
                    break;
                }
                counted = kind.groups.len();
                terms.compute(&shares, &placed, counted);
            }
            let divergence = terms.divergence(&kind.groups);
            let value = (1.0 - strength) * (sum + scores[row as usize]) - strength * divergence;
            let better = best.is_none_or(|(other, place, _)| {
                descending(value, other).then(row.cmp(&place)).is_lt()
            });
            if better {
                best = Some((value, row, number));
            }
        }
        let Some((_, row, number)) = best else { break };
        kinds[number].rows.pop();
        placed.add(&kinds[number].groups);
        sum += scores[row as usize];
        is_placed[row as usize] = true;
        order.push(row);
    }
    order.extend((0..scores.len() as u32).filter(|&row| !is_placed[row as usize]));
    order
}

/// The shares of the groups in the history. They are the first groups.
fn shares(groups: &Groups, history: usize, pace: &Pace) -> Vec<f64> {
    let mut counts: Vec<u32> = Vec::new();
    for row in 0..history {
        if pace.is_due_before(5 * groups.of(row).len()) {
            break;
        }
        for &group in groups.of(row) {
            counts.resize(counts.len().max(group as usize + 1), 0);
            counts[group as usize] += 1;
        }
    }
    let total: u32 = counts.iter().sum();
    counts.into_iter().map(|n| f64::from(n) / f64::from(total)).collect()
}

/// Rows that are in the same groups.
struct Kind {
    /// Ascending.
    groups: Vec<u32>,
    /// The next to place comes last.
    rows: Vec<u32>,
}

/// The kinds, those with equally many groups together.
fn kinds(scores: &[f64], groups: &Groups, history: usize, strength: f64, pace: &Pace) -> Vec<Kind> {
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for row in 0..scores.len() {
        if pace.is_due_before(300) {
            break;
        }
        let mut of = groups.of(history + row).to_vec();
        of.sort_unstable();
        let number = *known.entry(of).or_insert_with_key(|of| {
            kinds.push(Kind { groups: of.clone(), rows: Vec::new() });
            kinds.len() - 1
        });
        kinds[number].rows.push(row as u32);
    }
    let worth = |row: u32| (1.0 - strength) * scores[row as usize];
    for kind in &mut kinds {
        // n log n comparisons
        let comparisons = kind.rows.len() * kind.rows.len().max(2).ilog2() as usize;
        if pace.is_due_before(10 * comparisons) {
            break;
        }
        kind.rows.sort_by(|&a, &b| descending(worth(b), worth(a)).then(b.cmp(&a)));
    }
    kinds.sort_by_key(|kind| kind.groups.len());
    kinds
}

/// How many of the rows placed are in each group.
struct Placed {
    counts: Vec<u32>,
    total: usize,
}

impl Placed {
    fn add(&mut self, groups: &[u32]) {
        groups.iter().for_each(|&group| self.counts[group as usize] += 1);
        self.total += groups.len();
    }
}

/// The divergence after the next row.
///
/// Terms are added in ascending order, so that rounding breaks no tie between rows whose groups have
/// equal shares.
#[derive(Default)]
struct Terms {
    /// If the row is in none of the groups of the history.
    base: f64,
    /// By group of the history, how much less it is if the row is in it.
    less: Vec<f64>,
    sorted: Vec<f64>,
}

impl Terms {
    /// For a row that is in `more` groups.
    fn compute(&mut self, shares: &[f64], placed: &Placed, more: usize) {
        let total = (placed.total + more) as f64;
        let term = |p: f64, count: u32| {
            let q = f64::from(count) / total;
            p * (p / (0.99 * q + 0.01 * p)).ln()
        };
        self.less.clear();
        self.sorted.clear();
        for (&p, &count) in shares.iter().zip(&placed.counts) {
            let without = term(p, count);
            self.less.push(without - term(p, count + 1));
            self.sorted.push(without);
        }
        self.base = sum_ascending(&mut self.sorted);
    }

    fn divergence(&mut self, groups: &[u32]) -> f64 {
        let less = &self.less;
        let of_history = groups.iter().filter_map(|&g| less.get(g as usize));
        self.sorted.clear();
        self.sorted.extend(of_history);
        self.base - sum_ascending(&mut self.sorted)
    }
}

fn sum_ascending(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.iter().fold(0.0, |sum, value| sum + value)
}
