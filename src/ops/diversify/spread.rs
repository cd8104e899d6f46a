//! `round_robin` and `penalty`: rows of one key keep apart.

use super::waiting::Waiting;
use crate::batch::{Column, Rows, Stop, arrange, descending, place_of};
use crate::ops::group::Groups;
use crate::ops::{Exec, RunError};
use std::collections::BinaryHeap;

/// Steps between two looks at the clock.
const STEPS: usize = 1 << 12;

pub fn round_robin_rows(exec: &Exec, rows: &Rows, columns: &[Column]) -> Result<Rows, RunError> {
    let mut places = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let groups = Groups::new(exec, "diversify_by", columns, range.clone())?;
        let order = round_robin(&groups, exec.run.stop);
        exec.check("diversify_by", 0)?;
        places.extend(order.into_iter().map(|p| range.start as u32 + p));
    }
    let (offsets, stop) = (rows.offsets.clone(), exec.run.stop);
    Ok(rows.select_until(offsets, &places, &rows.scores, stop))
}

/// Pass `p` places the `p`-th row of each group, unless it stands already; groups come in the
/// order of their first row. If the run has to end, there may be fewer rows.
fn round_robin(groups: &Groups, stop: Stop) -> Vec<u32> {
    let mut passes = vec![0u32; groups.count()];
    // where a row is placed first: the pass, then the group
    let turn = |row: usize| {
        let of = groups.of(row).iter().map(|&group| {
            let pass = &mut passes[group as usize];
            *pass += 1;
            u64::from(*pass) << 32 | u64::from(group)
        });
        u128::from(of.min().unwrap_or(0)) << 32 | row as u128
    };
    let mut turns = Vec::new();
    arrange((0..groups.rows()).map(turn), None, &mut turns, stop);
    let mut order = Vec::with_capacity(turns.len());
    for turns in turns.chunks(STEPS) {
        if stop.is_due() {
            break;
        }
        order.extend(turns.iter().map(|&turn| place_of(turn)));
    }
    order
}

pub fn penalty_rows(
    exec: &Exec,
    rows: &Rows,
    columns: &[Column],
    factor: f64,
    floor: f64,
) -> Result<Rows, RunError> {
    let mut places = Vec::with_capacity(rows.len());
    let mut scores = Vec::with_capacity(rows.len());
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
            places.push(range.start as u32 + row);
            scores.push(score);
        }
        exec.check("diversify_by", 0)?;
    }
    let rows = rows.select_until(rows.offsets.clone(), &places, &rows.scores, stop);
    exec.check("diversify_by", 0)?;
    Ok(Rows { scores, ..rows })
}

/// Each step places the row of largest discounted score. A discount only grows, so a row on top of
/// the heap whose score is still right is the largest. If the run has to end, there are fewer rows.
fn penalty(
    scores: &[f64],
    keys: &[Groups],
    factor: f64,
    floor: f64,
    stop: Stop,
) -> Vec<(u32, f64)> {
    let mut placed: Vec<Vec<u32>> = keys.iter().map(|groups| vec![0; groups.count()]).collect();
    // of a row with so many others before it in a group
    let discount_of = |before: usize| floor.max(factor.powf(before as f64));
    let mut discounts = vec![discount_of(0)];
    let discounted = |row: u32, placed: &[Vec<u32>], discounts: &[f64]| {
        let mut discount = 1.0;
        for (groups, placed) in keys.iter().zip(placed) {
            for &group in groups.of(row as usize) {
                discount *= discounts[placed[group as usize] as usize];
            }
        }
        discount_score(scores[row as usize], discount)
    };
    let mut heap: BinaryHeap<Waiting<()>> = scores
        .iter()
        .enumerate()
        .map(|(row, &score)| Waiting::new(row as u32, score))
        .collect();
    let mut order = Vec::with_capacity(scores.len());
    for step in 0.. {
        if step % STEPS == 0 && stop.is_due() {
            break;
        }
        let Some(top) = heap.pop() else { break };
        let score = discounted(top.row, &placed, &discounts);
        if descending(score, top.value).is_ne() {
            heap.push(Waiting::new(top.row, score));
            continue;
        }
        for (groups, placed) in keys.iter().zip(&mut placed) {
            for &group in groups.of(top.row as usize) {
                let before = &mut placed[group as usize];
                *before += 1;
                if discounts.len() <= *before as usize {
                    discounts.push(discount_of(discounts.len()));
                }
            }
        }
        order.push((top.row, score));
    }
    order
}

/// A discount never promotes: a negative score is divided by it.
fn discount_score(score: f64, discount: f64) -> f64 {
    if score >= 0.0 {
        score * discount
    } else {
        score / discount.max(1e-9)
    }
}
