//! Tables for the tests.

use super::table::*;
use crate::learn::Watch;
use crate::random::Random;

/// Stops after some questions.
pub struct Impatient(pub std::sync::atomic::AtomicU64);

impl Watch for Impatient {
    fn go_on(&self, _: &'static str, _: u64, _: u64) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 0
    }
}

pub fn dense(name: &str) -> DenseColumn {
    DenseColumn { name: name.into(), normalise: Normalise::Both, missing: Missing::Indicator }
}

pub fn sparse(name: &str) -> SparseColumn {
    SparseColumn { name: name.into(), buckets: None, dim: None }
}

pub fn head(name: &str, target: Target) -> Head {
    Head { name: name.into(), target, weight: 1.0, allow_rare: false }
}

/// A world where three of the columns matter: numbers with nulls, an id, a list of ids, a shown position, and heads of
/// every kind, partly masked.
pub fn world(n: usize, seed: u64) -> Table {
    let mut random = Random::new(seed, 0);
    let mut block = Block {
        dense: vec![Vec::new(); 3],
        sparse: vec![Keys::default(), Keys { keys: Vec::new(), offsets: Some(vec![0]) }],
        shown: vec![Vec::new()],
        labels: vec![Vec::new(); 3],
        ..Block::default()
    };
    let of_item: Vec<f64> = (0..40).map(|_| random.normal()).collect();
    for row in 0..n {
        let (x, y) = (random.normal(), random.unit().powi(3) * 100.0);
        let item = random.below(40);
        let position = random.below(4);
        let list: Vec<u64> = (0..random.below(4)).map(|_| u64::from(random.below(10))).collect();
        block.dense[0].push(x as f32);
        block.dense[1].push(if random.below(5) == 0 { f32::NAN } else { y as f32 });
        block.dense[2].push(random.below(3) as f32);
        block.sparse[0].keys.push(if random.below(20) == 0 { NULL } else { u64::from(item) });
        let extra = list.contains(&3);
        block.sparse[1].keys.extend(list);
        let end = block.sparse[1].keys.len() as u32;
        block.sparse[1].offsets.as_mut().unwrap().push(end);
        block.shown[0].push(u64::from(position));
        let logit =
            x + of_item[item as usize] - f64::from(position) / 2.0 + if extra { 1.0 } else { 0.0 };
        let p = super::metrics::sigmoid(logit);
        block.labels[0].push(if random.unit() < p { 1.0 } else { 0.0 });
        block.labels[1].push(if random.below(3) == 0 { f32::NAN } else { p as f32 });
        block.labels[2].push((100.0 + 10.0 * logit + random.normal()) as f32);
        block.weights.push(0.5 + random.unit() as f32);
        let part = row * 10 / n.max(1);
        block.parts.push([Part::Train, Part::Validation, Part::Test][part.saturating_sub(7)]);
        block.viewers.push(random.below(20));
    }
    let layout = Layout {
        dense: vec![dense("x"), dense("y"), dense("z")],
        sparse: vec![sparse("item"), sparse("list")],
        shown: vec![ShownColumn { name: "position".into(), served: None }],
        heads: vec![
            head("click", Target::Binary),
            head("soft", Target::Soft),
            head("time", Target::Value),
        ],
    };
    Table { layout, blocks: vec![block] }
}
