//! Branches that take turns.
//!
//! Each turn every branch that still has a row gains its weight as credit; the one with the most
//! places its best row that is not placed and pays the sum of the weights. So over a while each
//! places as often as its weight says, as evenly spread as can be ("smooth weighted round robin").

use super::{Branch, Placed};
use crate::batch::Pace;
use std::collections::HashSet;

/// Turns without a limit of its own for any branch.
pub fn interleave(branches: &[Branch], take: u64, pace: &Pace) -> Vec<Placed> {
    let mut turns = Turns::new(branches, pace);
    turns.go(&vec![u64::MAX; branches.len()], take);
    turns.placed
}

/// Turns in which a branch stops at its share of `take`. What is left when all have stopped or
/// are empty is shared anew among those that have rows, until nothing is left to share or place.
pub fn quota(branches: &[Branch], take: u64, pace: &Pace) -> Vec<Placed> {
    let mut turns = Turns::new(branches, pace);
    let mut weights: Vec<f64> = branches.iter().map(|b| b.weight).collect();
    loop {
        let left = take - turns.placed.len() as u64;
        let shares = shares(left, &weights);
        if shares.iter().all(|&share| share == 0) || pace.is_due_before(0) {
            return turns.placed;
        }
        let most: Vec<u64> = turns.taken.iter().zip(&shares).map(|(t, s)| t + s).collect();
        turns.go(&most, take);
        for (branch, weight) in weights.iter_mut().enumerate() {
            if turns.next(branch).is_none() {
                *weight = 0.0;
            }
        }
    }
}

/// `seats` by weight: the whole part of each share, then one each by the largest remainder (ties:
/// the earlier). A weight of 0 gets nothing.
fn shares(seats: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|w| seats as f64 * w / sum).collect();
    let mut shares: Vec<u64> = exact.iter().map(|x| x.floor() as u64).collect();
    let mut left = seats.saturating_sub(shares.iter().sum());
    let mut order: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
    let remainder = |i: usize| exact[i] - exact[i].floor();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    for i in order {
        if left == 0 {
            break;
        }
        shares[i] += 1;
        left -= 1;
    }
    shares
}

struct Turns<'a> {
    branches: &'a [Branch<'a>],
    /// Of each branch: the next row to look at, and how many rows it has placed.
    cursors: Vec<usize>,
    taken: Vec<u64>,
    seen: HashSet<u32>,
    placed: Vec<Placed>,
    pace: &'a Pace<'a>,
}

impl<'a> Turns<'a> {
    fn new(branches: &'a [Branch<'a>], pace: &'a Pace<'a>) -> Self {
        Turns {
            branches,
            cursors: vec![0; branches.len()],
            taken: vec![0; branches.len()],
            seen: HashSet::new(),
            placed: Vec::new(),
            pace,
        }
    }

    /// The best row of a branch that is not placed.
    fn next(&mut self, branch: usize) -> Option<usize> {
        let ids = self.branches[branch].ids;
        let cursor = &mut self.cursors[branch];
        while *cursor < ids.len() && self.seen.contains(&ids[*cursor]) {
            *cursor += 1;
            if self.pace.is_due_before(50) {
                return None;
            }
        }
        (*cursor < ids.len()).then_some(*cursor)
    }

    /// Turns until there are `take` rows, or every branch is empty or has placed `most`.
    fn go(&mut self, most: &[u64], take: u64) {
        let mut credits = vec![0.0; self.branches.len()];
        while (self.placed.len() as u64) < take && !self.pace.is_due_before(100) {
            let mut best: Option<(usize, usize)> = None;
            let mut sum = 0.0;
            for branch in 0..self.branches.len() {
                if self.taken[branch] >= most[branch] {
                    continue;
                }
                let Some(row) = self.next(branch) else {
                    continue;
                };
                let weight = self.branches[branch].weight;
                credits[branch] += weight;
                sum += weight;
                if best.is_none_or(|(b, _)| credits[branch] > credits[b]) {
                    best = Some((branch, row));
                }
            }
            let Some((branch, row)) = best else { return };
            credits[branch] -= sum;
            self.place(branch, row);
        }
    }

    fn place(&mut self, branch: usize, row: usize) {
        let id = self.branches[branch].ids[row];
        self.seen.insert(id);
        self.taken[branch] += 1;
        self.placed.push(Placed {
            id,
            score: 1.0 / (self.placed.len() + 1) as f64,
            branch: branch as u32,
            row: row as u32,
        });
    }
}
