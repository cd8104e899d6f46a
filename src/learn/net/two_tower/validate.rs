//! How good two towers are: NDCG@20 and recall@20 of what viewers did later.

use super::super::dense::{Left, add_product};
use super::super::inputs::LANES;
use super::super::train::{SHARD, each};
use super::Later;
use super::batch::Towers;

/// Places of a page that the validation looks at.
const PAGE: usize = 20;

/// What a page of all items but those seen finds of what a viewer did later.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    pub ndcg: f64,
    pub recall: f64,
}

impl Towers<'_> {
    /// The means over viewers who did something later; `None` if nobody did.
    pub fn validate(&self, later: &Later<'_>) -> Option<Found> {
        let viewers = later.offsets.len().saturating_sub(1);
        let users = self.user.tower.vectors(later.users);
        let items = self.item.tower.vectors(self.positives.all_items);
        let (dim, level) = (self.params.dim, self.user.tower.level);
        let count = self.positives.all_items.rows;
        let width = count.next_multiple_of(LANES);
        let mut by_item = vec![0.0; dim * width];
        for (column, vector) in items.chunks_exact(dim).enumerate() {
            vector.iter().enumerate().for_each(|(row, &x)| by_item[row * width + column] = x);
        }
        let mut shards = vec![(Found::default(), 0u64); viewers.div_ceil(SHARD)];
        each(&mut shards, |number, (sum, counted)| {
            let first = number * SHARD;
            let rows = SHARD.min(viewers - first);
            let mut scores = vec![0.0; rows * width];
            let left = Left::new(&users[first * dim..], dim);
            add_product(level, left, (&by_item, width), (&mut scores, width), [rows, dim, width]);
            for (row, scores) in scores.chunks_exact_mut(width).enumerate() {
                let viewer = first + row;
                let of = |all: &[u32], offsets: &[u64]| -> Vec<u32> {
                    all[offsets[viewer] as usize..offsets[viewer + 1] as usize].to_vec()
                };
                let truth = of(later.items, later.offsets);
                let seen = of(later.seen, later.seen_offsets);
                if !truth.is_empty() {
                    let page = found(&mut scores[..count], &truth, &seen);
                    *sum = Found { ndcg: sum.ndcg + page.ndcg, recall: sum.recall + page.recall };
                    *counted += 1;
                }
            }
        });
        let counted: u64 = shards.iter().map(|&(_, counted)| counted).sum();
        let mean = |of: fn(&Found) -> f64| {
            shards.iter().map(|(sum, _)| of(sum)).sum::<f64>() / counted as f64
        };
        (counted > 0).then(|| Found { ndcg: mean(|sum| sum.ndcg), recall: mean(|sum| sum.recall) })
    }
}

/// What the page of one viewer finds.
pub(super) fn found(scores: &mut [f32], truth: &[u32], seen: &[u32]) -> Found {
    seen.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let by_score =
        |&a: &u32, &b: &u32| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b));
    if order.len() > PAGE {
        order.select_nth_unstable_by(PAGE, by_score);
        order.truncate(PAGE);
    }
    order.sort_unstable_by(by_score);
    let discount = |place: usize| 1.0 / libm::log2(place as f64 + 2.0);
    let hits: Vec<usize> = (0..order.len()).filter(|&at| truth.contains(&order[at])).collect();
    let gained: f64 = hits.iter().map(|&place| discount(place)).sum();
    Found {
        ndcg: gained / (0..truth.len().min(PAGE)).map(discount).sum::<f64>(),
        recall: hits.len() as f64 / truth.len() as f64,
    }
}
