//! How good two towers are: NDCG@20 of what viewers did later.

use super::super::dense::{Left, add_product};
use super::super::inputs::LANES;
use super::super::train::{SHARD, each};
use super::Later;
use super::batch::Towers;

/// Places of a page that the validation looks at.
const PAGE: usize = 20;

impl Towers<'_> {
    /// Mean NDCG@20 of what viewers did later, over all items but those seen; `None` if there is nothing.
    pub fn validate(&self, later: &Later<'_>) -> Option<f64> {
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
        let mut shards = vec![(0.0, 0u64); viewers.div_ceil(SHARD)];
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
                    *sum += page_gain(&mut scores[..count], &truth, &seen);
                    *counted += 1;
                }
            }
        });
        let counted: u64 = shards.iter().map(|&(_, counted)| counted).sum();
        let sum: f64 = shards.iter().map(|&(sum, _)| sum).sum();
        (counted > 0).then(|| sum / counted as f64)
    }
}

/// NDCG@20 of one viewer.
pub(super) fn page_gain(scores: &mut [f32], truth: &[u32], seen: &[u32]) -> f64 {
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
    let hits = order.iter().enumerate().filter(|(_, item)| truth.contains(item));
    let found: f64 = hits.map(|(place, _)| discount(place)).sum();
    found / (0..truth.len().min(PAGE)).map(discount).sum::<f64>()
}
