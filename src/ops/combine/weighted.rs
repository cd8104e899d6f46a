//! Sums over branches: weighted scores, and reciprocal ranks (Cormack, Clarke, Büttcher 2009:
//! "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods").

use super::super::bind::Case;
use super::{Branch, Placed};
use crate::batch::{Pace, Stop, arrange, place_of};
use crate::types::NULL_FLOAT;

/// What makes scores of different branches comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalize {
    Minmax,
    Zscore,
    Rank,
    Softmax,
    None,
}

impl Normalize {
    /// In the order of the variants.
    pub const CASES: [Case; 5] = [
        Case::plain("minmax"),
        Case::plain("zscore"),
        Case::plain("rank"),
        Case::plain("softmax"),
        Case::plain("none"),
    ];

    pub fn from_case(case: usize) -> Normalize {
        [Normalize::Minmax, Normalize::Zscore, Normalize::Rank, Normalize::Softmax, Normalize::None]
            [case]
    }

    pub fn name(self) -> &'static str {
        Normalize::CASES[self as usize].name
    }
}

/// A row of a branch and what it adds.
struct Share {
    id: u32,
    branch: u32,
    row: u32,
    value: f64,
}

/// Σ weight × normalised score; a branch that lacks the row, or has no score for it, adds its
/// lowest value. The rows are in no order.
pub fn weighted(branches: &[Branch], normalize: Normalize, pace: &Pace, stop: Stop) -> Vec<Placed> {
    let mut shares = Vec::with_capacity(branches.iter().map(|b| b.ids.len()).sum());
    let mut absent = Vec::with_capacity(branches.len());
    for (number, branch) in branches.iter().enumerate() {
        let (values, lowest) = normalized(branch.scores, normalize, pace);
        absent.push(branch.weight * lowest);
        push(&mut shares, number, branch, pace, |row| branch.weight * values[row]);
    }
    summed(&shares, &absent, pace, stop)
}

/// Σ weight / (k + position) over the branches that have the row. The rows are in no order.
pub fn reciprocal(branches: &[Branch], k: f64, pace: &Pace, stop: Stop) -> Vec<Placed> {
    let mut shares = Vec::with_capacity(branches.iter().map(|b| b.ids.len()).sum());
    for (number, branch) in branches.iter().enumerate() {
        push(&mut shares, number, branch, pace, |row| branch.weight / (k + (row + 1) as f64));
    }
    summed(&shares, &vec![0.0; branches.len()], pace, stop)
}

fn push(
    shares: &mut Vec<Share>,
    number: usize,
    branch: &Branch,
    pace: &Pace,
    value: impl Fn(usize) -> f64,
) {
    let rows = branch.ids.iter().enumerate();
    let rows = rows.take_while(|_| !pace.is_due_before(10));
    shares.extend(rows.map(|(row, &id)| Share {
        id,
        branch: number as u32,
        row: row as u32,
        value: value(row),
    }));
}

/// One row per entity: the sum over all branches, in their order, and the largest share.
fn summed(shares: &[Share], absent: &[f64], pace: &Pace, stop: Stop) -> Vec<Placed> {
    let key = |(place, share): (usize, &Share)| {
        u128::from(share.id) << 64 | u128::from(share.branch) << 32 | place as u128
    };
    let mut keys = Vec::new();
    arrange(shares.iter().enumerate().map(key), None, &mut keys, stop);
    let one = |group: &[u128]| {
        let group = || group.iter().map(|&key| &shares[place_of(key) as usize]);
        let mut rest = group().peekable();
        let mut sum = 0.0;
        for (branch, &absent) in absent.iter().enumerate() {
            let here = rest.next_if(|share| share.branch as usize == branch);
            sum += here.map_or(absent, |share| share.value);
        }
        let most =
            group().reduce(|best, share| if share.value > best.value { share } else { best })?;
        Some(Placed {
            id: most.id,
            score: if sum.is_finite() { sum } else { NULL_FLOAT },
            branch: most.branch,
            row: most.row,
        })
    };
    let groups = keys.chunk_by(|a, b| a >> 64 == b >> 64);
    let groups = groups.take_while(|_| !pace.is_due_before(30));
    groups.filter_map(one).collect()
}

/// The normalised scores, null ones as the lowest value, and that value.
fn normalized(scores: &[f64], how: Normalize, pace: &Pace) -> (Vec<f64>, f64) {
    let looked = || scores.iter().copied().take_while(|_| !pace.is_due_before(5));
    let known = || looked().filter(|s| !s.is_nan());
    let n = scores.len() as f64;
    let count = known().count() as f64;
    let (low, high) = known()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
    let all = |value: &dyn Fn(usize, f64) -> f64, lowest: f64| {
        let of = |(row, &s): (usize, &f64)| match s.is_nan() || pace.is_due_before(10) {
            true => lowest,
            false => value(row, s),
        };
        (scores.iter().enumerate().map(of).collect(), lowest)
    };
    match how {
        Normalize::Minmax if low == high => all(&|_, _| 1.0, 0.0),
        Normalize::Minmax => all(&|_, s| (s - low) / (high - low), 0.0),
        Normalize::Zscore => {
            let mean = known().sum::<f64>() / count;
            let variance = known().map(|s| (s - mean) * (s - mean)).sum::<f64>() / count;
            let deviation = variance.sqrt();
            let z = |s: f64| {
                if deviation > 0.0 { (s - mean) / deviation } else { 0.0 }
            };
            let lowest = if count > 0.0 { z(low) } else { 0.0 };
            all(&|_, s| z(s), lowest)
        }
        Normalize::Rank => all(&|row, _| (n - row as f64) / n, 0.0),
        Normalize::Softmax => {
            let sum: f64 = known().map(|s| (s - high).exp()).sum();
            all(&|_, s| (s - high).exp() / sum, 0.0)
        }
        Normalize::None => all(&|_, s| s, 0.0),
    }
}
