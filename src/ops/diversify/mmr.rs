//! `mmr`: each step places the row that is relevant and unlike what stands already
//! (Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking, 1998).
//!
//! The largest similarity of a row to the placed ones only grows, so the value of a row only falls.
//! Rows wait in a heap with the value that they had when they were last looked at: the top is
//! brought up to date, and placed if it is still on top. Most rows are compared with few others.

use super::waiting::Waiting;
use crate::ann::Pairs;
use crate::batch::{Pace, Stop, arrange, places, sort_key};
use std::collections::BinaryHeap;

/// Placed rows that a row is compared with between two looks at the clock.
const ANCHORS: usize = 64;

/// The order of the rows, as places: each of the first `first` maximises
/// `relevance * score - (1 - relevance) * similarity`, where the similarity is the largest to a
/// placed row (0 without a vector); ties go to the earlier row. The rest keep their order.
///
/// `scores` are from 0 to 1; `pairs` has a place for every row, or none. If the run has to end, the rest
/// keep their order.
pub fn mmr(scores: &[f64], pairs: &Pairs, relevance: f64, first: usize, stop: Stop) -> Vec<u32> {
    let value = |row: u32, similarity: f64| {
        relevance * scores[row as usize] - (1.0 - relevance) * similarity
    };
    let mut steps = Steps {
        order: Vec::with_capacity(scores.len()),
        placed: vec![false; scores.len()],
        anchors: Vec::new(),
    };
    // until a row with a vector stands, nothing is like anything
    let key = |row: u32| sort_key(value(row, 0.0), row, row);
    let mut keys = Vec::new();
    arrange((0..scores.len()).map(|row| key(row as u32)), None, &mut keys, stop);
    let mut waiting: Vec<u32> = places(&keys, stop).collect();
    for &row in &waiting {
        if steps.order.len() >= first || !steps.anchors.is_empty() {
            break;
        }
        steps.place(row, pairs);
    }
    // no value is higher than that of a row unlike everything
    let bound = |row: u32| value(row, if pairs.has(row) { -1.0 } else { 0.0 });
    waiting.retain(|&row| !steps.placed[row as usize]);
    let mut heap: BinaryHeap<Waiting<Compared>> =
        waiting.iter().map(|&row| Waiting::new(row, bound(row))).collect();
    let pace = Pace::new(stop);
    while steps.order.len() < first
        && !pace.is_due_before(100)
        && let Some(mut top) = heap.pop()
    {
        let known = &mut top.known;
        for anchors in steps.anchors[known.count..].chunks(ANCHORS) {
            if pace.is_due_before(150 * anchors.len()) {
                break;
            }
            let nearest = pairs.nearest(top.row, anchors);
            known.nearest = known.nearest.into_iter().chain(nearest).reduce(f64::max);
        }
        known.count = steps.anchors.len();
        let now = value(top.row, known.nearest.unwrap_or(0.0));
        if now < top.value {
            top.value = now;
            heap.push(top);
        } else {
            steps.place(top.row, pairs);
        }
    }
    let rest = (0..scores.len() as u32).filter(|&row| !steps.placed[row as usize]);
    steps.order.extend(rest);
    steps.order
}

struct Steps {
    order: Vec<u32>,
    placed: Vec<bool>,
    /// The placed rows that have a vector.
    anchors: Vec<u32>,
}

impl Steps {
    fn place(&mut self, row: u32, pairs: &Pairs) {
        self.order.push(row);
        self.placed[row as usize] = true;
        if pairs.has(row) {
            self.anchors.push(row);
        }
    }
}

/// What is known of a row that waits.
#[derive(Default)]
struct Compared {
    /// Anchors that it was compared with.
    count: usize,
    /// The largest similarity to one of them.
    nearest: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::{Metric, Vectors};

    /// The definition, step by step.
    fn plain(scores: &[f64], pairs: &Pairs, relevance: f64, first: usize) -> Vec<u32> {
        let mut left: Vec<u32> = (0..scores.len() as u32).collect();
        let mut placed: Vec<u32> = Vec::new();
        while placed.len() < first && !left.is_empty() {
            let value = |row: u32| {
                let near = placed.iter().filter_map(|&p| pairs.similarity(row, p));
                let near = near.reduce(f64::max).unwrap_or(0.0);
                relevance * scores[row as usize] - (1.0 - relevance) * near
            };
            let best = (0..left.len())
                .reduce(|best, i| if value(left[i]) > value(left[best]) { i } else { best })
                .unwrap();
            placed.push(left.remove(best));
        }
        placed.extend(left);
        placed
    }

    #[test]
    fn the_heap_finds_what_the_definition_finds() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        for (n, dim) in [(1usize, 2), (40, 2), (150, 5)] {
            for relevance in [0.0, 0.3, 0.7, 1.0] {
                // coarse numbers, so that there are ties
                let data: Vec<f32> =
                    (0..n * dim).map(|_| (random() * 5.0).floor() as f32 - 2.0).collect();
                let scores: Vec<f64> = (0..n).map(|_| (random() * 8.0).floor() / 7.0).collect();
                let present: Vec<u64> =
                    (0..n.div_ceil(64)).map(|_| (random() * 1e15) as u64 | 1 << 63).collect();
                let vectors = Vectors {
                    data: data[..].into(),
                    dim,
                    metric: Metric::Dot,
                    present: Some(&present),
                };
                let rows: Vec<u32> = (0..n as u32).collect();
                let pairs = Pairs::new(&vectors, Metric::Cosine, &rows);
                for first in [1, 20, usize::MAX] {
                    assert_eq!(
                        mmr(&scores, &pairs, relevance, first, Stop::default()),
                        plain(&scores, &pairs, relevance, first),
                        "{n} {relevance} {first}"
                    );
                }
            }
        }
    }
}
