//! `penalty`: every row that stands discounts those that share a key with it.
//!
//! Rows of the same groups are discounted alike, so they keep their order among each other: only the
//! first of each such *kind* is looked at.

use super::waiting::Waiting;
use crate::batch::{
    BLOCK, Column, Pace, RowBatch, Stop, arrange, blocks, descending, places, sort_key,
};
use crate::ops::kit::group::{Groups, Numbers};
use crate::ops::{Exec, RunError};
use std::collections::binary_heap::{BinaryHeap, PeekMut};

/// The rows in their new order, with their discounted scores.
pub fn penalty_rows(
    exec: &Exec,
    rows: &RowBatch,
    columns: &[Column],
    factor: f64,
    floor: f64,
) -> Result<RowBatch, RunError> {
    let (mut order, mut scores) = (Vec::new(), Vec::new());
    let stop = exec.run.stop;
    for request in 0..rows.requests() {
        let range = rows.range(request);
        // each key counts for itself: a row with several is discounted for each
        let groups = |column: &Column| {
            let column = std::slice::from_ref(column);
            Groups::new(exec, "diversify_by", column, range.clone())
        };
        let keys = columns.iter().map(groups).collect::<Result<Vec<_>, _>>()?;
        for (row, score) in penalty(&rows.scores[range.clone()], &keys, factor, floor, stop) {
            order.push(range.start as u32 + row);
            scores.push(score);
        }
        exec.check("diversify_by", 0)?;
    }
    let rows = rows.select_until(rows.offsets.clone(), &order, &rows.scores, stop);
    exec.check("diversify_by", 0)?;
    Ok(RowBatch { scores, ..rows })
}

/// Each step places the row of largest discounted score; ties go to the earlier row. A discount only
/// grows, so a kind on top of the heap whose value is still right has the largest. If the run has to end,
/// there are fewer rows.
fn penalty(
    scores: &[f64],
    keys: &[Groups],
    factor: f64,
    floor: f64,
    stop: Stop,
) -> Vec<(u32, f64)> {
    let mut kinds = Kinds::new(scores, keys, stop);
    let mut discounts = Discounts::new(keys, factor, floor);
    let mut heap: BinaryHeap<Waiting<u32>> =
        (0..kinds.count() as u32).filter_map(|kind| kinds.waiting(kind, scores, 1.0)).collect();
    let mut order = Vec::with_capacity(scores.len());
    let pace = Pace::new(stop);
    while !pace.is_due_before(100)
        && let Some(mut top) = heap.peek_mut()
    {
        let (kind, row) = (top.known, top.row);
        let mut next = kinds.waiting(kind, scores, discounts.of(row));
        if let Some(now) = next.take_if(|now| now.row == row && same(now.value, top.value)) {
            order.push((row, now.value));
            kinds.place(kind, row);
            discounts.grow(row);
            next = kinds.waiting(kind, scores, discounts.of(row));
        }
        match next {
            Some(next) => *top = next,
            None => drop(PeekMut::pop(top)),
        }
    }
    order
}

fn same(a: f64, b: f64) -> bool {
    descending(a, b).is_eq()
}

/// A discount never promotes: a negative score is divided by it.
fn discount_score(score: f64, discount: f64) -> f64 {
    if score >= 0.0 { score * discount } else { score / discount.max(1e-9) }
}

/// How much is left of the score of a row, by the rows placed so far.
struct Discounts<'a> {
    keys: &'a [Groups],
    factor: f64,
    floor: f64,
    /// Of each key and group: the rows placed.
    placed: Vec<Vec<u32>>,
    /// By how many rows of a group were placed.
    left: Vec<f64>,
}

impl<'a> Discounts<'a> {
    fn new(keys: &'a [Groups], factor: f64, floor: f64) -> Self {
        Discounts {
            keys,
            factor,
            floor,
            placed: keys.iter().map(|groups| vec![0; groups.count()]).collect(),
            left: vec![floor.max(1.0)],
        }
    }

    fn of(&self, row: u32) -> f64 {
        let mut left = 1.0;
        for (groups, placed) in self.keys.iter().zip(&self.placed) {
            for &group in groups.of(row as usize) {
                left *= self.left[placed[group as usize] as usize];
            }
        }
        left
    }

    /// A row was placed.
    fn grow(&mut self, row: u32) {
        for (groups, placed) in self.keys.iter().zip(&mut self.placed) {
            for &group in groups.of(row as usize) {
                let count = &mut placed[group as usize];
                *count += 1;
                if self.left.len() <= *count as usize {
                    let power = self.factor.powf(self.left.len() as f64);
                    self.left.push(self.floor.max(power));
                }
            }
        }
    }
}

/// The rows of each kind, those with larger scores first.
struct Kinds {
    rows: Vec<u32>,
    /// Of each kind, where the rows begin that are not placed, and where they end.
    ranges: Vec<(u32, u32)>,
    /// Whether its rows stand in the order that they came in.
    in_order: Vec<bool>,
}

impl Kinds {
    fn new(scores: &[f64], keys: &[Groups], stop: Stop) -> Kinds {
        let (kind_of, count) = kinds(scores.len(), keys, stop);
        let mut sizes = vec![0u32; count];
        kind_of.iter().for_each(|&kind| sizes[kind as usize] += 1);
        let mut end = 0;
        let range = |size: u32| {
            end += size;
            (end - size, end - size)
        };
        let mut kinds = Kinds {
            rows: vec![0; scores.len()],
            ranges: sizes.into_iter().map(range).collect(),
            in_order: vec![true; count],
        };
        let by_score = |row: usize| sort_key(scores[row], row as u32, row as u32);
        let mut sorted = Vec::new();
        arrange((0..scores.len()).map(by_score), None, &mut sorted, stop);
        for row in places(&sorted, stop) {
            let kind = kind_of[row as usize] as usize;
            let (start, end) = &mut kinds.ranges[kind];
            let before = kinds.rows[*start as usize..*end as usize].last();
            kinds.in_order[kind] &= before.is_none_or(|&before| before < row);
            kinds.rows[*end as usize] = row;
            *end += 1;
        }
        kinds
    }

    fn count(&self) -> usize {
        self.ranges.len()
    }

    fn left(&self, kind: u32) -> &[u32] {
        let (start, end) = self.ranges[kind as usize];
        &self.rows[start as usize..end as usize]
    }

    /// The row of a kind that is placed next, with its score under a discount: the first, or one that
    /// came before it and whose discounted score is the same.
    fn waiting(&self, kind: u32, scores: &[f64], discount: f64) -> Option<Waiting<u32>> {
        let value = |row: u32| discount_score(scores[row as usize], discount);
        let rows = self.left(kind);
        let best = value(*rows.first()?);
        let alike = rows.iter().take_while(|&&row| same(value(row), best));
        let row = match self.in_order[kind as usize] {
            true => rows[0],
            false => *alike.min()?,
        };
        Some(Waiting { row, value: best, known: kind })
    }

    fn place(&mut self, kind: u32, row: u32) {
        let (start, end) = self.ranges[kind as usize];
        let rows = &mut self.rows[start as usize..end as usize];
        let at = rows.iter().position(|&other| other == row).unwrap_or(0);
        rows[..=at].rotate_right(1);
        self.ranges[kind as usize].0 += 1;
    }
}

/// The groups of a row, for one key.
#[derive(PartialEq, Eq, Hash)]
enum Of {
    One(u32),
    Several(Vec<u32>),
}

/// The kind of every row, and how many there are. If the run has to end, any will do.
fn kinds(rows: usize, keys: &[Groups], stop: Stop) -> (Vec<u32>, usize) {
    let (mut kinds, mut count) = (vec![0u32; rows], usize::from(rows > 0));
    for groups in keys {
        let mut numbers = Numbers::for_rows(rows);
        for block in blocks(0..rows, BLOCK) {
            if stop.is_due() {
                return (vec![0; rows], 1);
            }
            for row in block {
                let of = match groups.of(row) {
                    &[group] => Of::One(group),
                    several => Of::Several(several.to_vec()),
                };
                kinds[row] = numbers.of((kinds[row], of));
            }
        }
        count = numbers.count();
    }
    (kinds, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::kit::group::testing::groups;

    /// The definition, step by step.
    fn plain(scores: &[f64], keys: &[Groups], factor: f64, floor: f64) -> Vec<(u32, f64)> {
        let mut discounts = Discounts::new(keys, factor, floor);
        let mut waiting: Vec<u32> = (0..scores.len() as u32).collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let value = |row: u32| discount_score(scores[row as usize], discounts.of(row));
            let better =
                |best: usize, i: usize| match descending(value(waiting[i]), value(waiting[best]))
                    .is_lt()
                {
                    true => i,
                    false => best,
                };
            let best = (0..waiting.len()).reduce(better).unwrap();
            let row = waiting.remove(best);
            order.push((row, discount_score(scores[row as usize], discounts.of(row))));
            discounts.grow(row);
        }
        order
    }

    #[test]
    fn kinds_give_what_the_definition_gives() {
        let mut state = 5u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) % n
        };
        for case in 0..200 {
            let n = 1 + random(60) as usize;
            // few different scores, so that there are ties; some are negative, some are null
            let mut scores: Vec<f64> = (0..n)
                .map(|_| match random(10) {
                    0 => f64::NAN,
                    score => score as f64 - 4.0,
                })
                .collect();
            if case % 2 == 0 {
                scores.sort_by(|a, b| descending(*a, *b));
            }
            let mut key = |most: u64, several: bool| {
                let row = |_| {
                    let count = if several { 1 + random(3) } else { 1 };
                    let mut of: Vec<u32> = (0..count).map(|_| random(most) as u32).collect();
                    of.sort_unstable();
                    of.dedup();
                    of
                };
                groups((0..n).map(row).collect())
            };
            let keys = [key(1 + case % 7, false), key(4, true)];
            let keys = &keys[..1 + case as usize % 2];
            for (factor, floor) in [(0.8, 0.0), (0.5, 0.3), (0.0, 0.0), (1.0, 0.0)] {
                let bits = |order: Vec<(u32, f64)>| -> Vec<(u32, u64)> {
                    let bits = |(row, score): (u32, f64)| (row, (score + 0.0).to_bits());
                    order.into_iter().map(bits).collect()
                };
                let found = penalty(&scores, keys, factor, floor, Stop::default());
                let truth = plain(&scores, keys, factor, floor);
                assert_eq!(bits(found), bits(truth), "{case} {factor} {floor}");
            }
        }
    }
}
