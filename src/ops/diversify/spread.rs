//! `round_robin` and `penalty`: rows of one key keep apart.

use super::waiting::Waiting;
use crate::batch::{Column, Rows, Stop, descending};
use crate::ops::group::Groups;
use std::collections::BinaryHeap;

pub fn round_robin_rows(rows: &Rows, columns: &[Column], stop: Stop) -> Rows {
    let mut places = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let order = round_robin(&Groups::new(columns, range.clone(), stop));
        places.extend(order.into_iter().map(|p| range.start as u32 + p));
    }
    rows.select(rows.offsets.clone(), &places)
}

/// Pass `p` places the `p`-th row of each group, unless it stands already; groups come in the
/// order of their first row.
fn round_robin(groups: &Groups) -> Vec<u32> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups.count()];
    for row in 0..groups.rows() {
        groups
            .of(row)
            .iter()
            .for_each(|&g| members[g as usize].push(row as u32));
    }
    let mut order = Vec::with_capacity(groups.rows());
    let mut placed = vec![false; groups.rows()];
    let mut live: Vec<usize> = (0..groups.count()).collect();
    let mut pass = 0;
    while !live.is_empty() {
        live.retain(|&group| {
            let row = members[group][pass];
            if !std::mem::replace(&mut placed[row as usize], true) {
                order.push(row);
            }
            members[group].len() > pass + 1
        });
        pass += 1;
    }
    order
}

pub fn penalty_rows(rows: &Rows, columns: &[Column], factor: f64, floor: f64, stop: Stop) -> Rows {
    let mut places = Vec::with_capacity(rows.len());
    let mut scores = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        // each key counts for itself: a row with several is discounted for each
        let keys: Vec<Groups> = columns
            .iter()
            .map(|c| Groups::new(std::slice::from_ref(c), range.clone(), stop))
            .collect();
        for (row, score) in penalty(&rows.scores[range.clone()], &keys, factor, floor) {
            places.push(range.start as u32 + row);
            scores.push(score);
        }
    }
    Rows {
        scores,
        ..rows.select(rows.offsets.clone(), &places)
    }
}

/// Each step places the row of largest discounted score. A discount only grows, so a row on top of
/// the heap whose score is still right is the largest.
fn penalty(scores: &[f64], keys: &[Groups], factor: f64, floor: f64) -> Vec<(u32, f64)> {
    let mut placed: Vec<Vec<u32>> = keys.iter().map(|groups| vec![0; groups.count()]).collect();
    let discounted = |row: u32, placed: &[Vec<u32>]| {
        let mut discount = 1.0;
        for (groups, placed) in keys.iter().zip(placed) {
            for &group in groups.of(row as usize) {
                discount *= floor.max(factor.powf(f64::from(placed[group as usize])));
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
    while let Some(top) = heap.pop() {
        let score = discounted(top.row, &placed);
        if descending(score, top.value).is_ne() {
            heap.push(Waiting::new(top.row, score));
            continue;
        }
        for (groups, placed) in keys.iter().zip(&mut placed) {
            groups
                .of(top.row as usize)
                .iter()
                .for_each(|&g| placed[g as usize] += 1);
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
