//! Sums over all ways of two links from a target B through a source A to other targets, target by target: rows of the
//! product Rᵀ·W·R with a diagonal W.

use std::ops::Range;

use super::matrix::{Both, Matrix};
use super::sources::{self, Block};
use super::strongest::{Strongest, key};
use super::{Edges, Stopped, Watch};

/// The sums from one target, and the targets that they lead to.
pub struct Sums {
    /// The sum of each target; 0 for those that were not reached.
    values: Vec<f64>,
    /// Ways to each target; empty unless they are counted.
    counts: Vec<u32>,
    /// The targets that were reached, in the first `reached` places.
    touched: Vec<u32>,
    reached: usize,
}

impl Sums {
    pub fn new(targets: usize, counted: bool) -> Sums {
        Sums {
            values: vec![0.0; targets],
            counts: vec![0; if counted { targets } else { 0 }],
            touched: vec![0; targets + 1],
            reached: 0,
        }
    }

    /// Adds to a target's sum. A sum that has underflowed to 0 is noted again: it is taken once all the same.
    #[inline(always)]
    pub fn add(&mut self, target: u32, value: f64) {
        let sum = &mut self.values[target as usize];
        // without a jump, which would often be predicted wrongly
        let full = self.touched.len() - 1;
        self.touched[self.reached.min(full)] = target;
        self.reached += usize::from(*sum == 0.0);
        *sum += value;
    }

    /// Takes all sums, each with its target and the number of ways (0 if they are not counted); all are 0 afterwards.
    #[inline(always)]
    pub fn take(&mut self, mut f: impl FnMut(u32, f64, u32)) {
        if self.reached >= self.touched.len() {
            // more was noted than there are targets, because sums underflowed
            self.reached = self.values.len();
            (0..).zip(&mut self.touched[..self.reached]).for_each(|(target, to)| *to = target);
        }
        for &target in &self.touched[..self.reached] {
            let sum = std::mem::take(&mut self.values[target as usize]);
            let count = self.counts.get_mut(target as usize).map_or(0, std::mem::take);
            if sum != 0.0 {
                f(target, sum, count);
            }
        }
        self.reached = 0;
    }
}

/// Rows of Rᵀ·W·R.
pub struct Product<'a> {
    pub links: &'a Both,
    /// The diagonal of W: what a way through each source A counts.
    pub through: Vec<f64>,
}

impl Product<'_> {
    /// The number of ways of two links from a target.
    pub fn steps(&self, target: usize) -> u64 {
        let offsets = &self.links.by_source.offsets;
        let links = self.links.by_target.row(target).iter();
        links.map(|&a| (offsets[a as usize + 1] - offsets[a as usize]) as u64).sum()
    }

    /// Adds up all ways from a target.
    pub fn row(&self, target: usize, sums: &mut Sums) {
        let Both { by_source, by_target } = self.links;
        let counted = !sums.counts.is_empty();
        for (a, value) in by_target.entries(target) {
            let value = value * self.through[a as usize];
            match &by_source.values {
                None => by_source.row(a as usize).iter().for_each(|&end| sums.add(end, value)),
                Some(_) => weighted(by_source, a as usize, value, sums),
            }
            if counted {
                let ends = by_source.row(a as usize);
                ends.iter().for_each(|&end| sums.counts[end as usize] += 1);
            }
        }
    }
}

fn weighted(matrix: &Matrix, row: usize, value: f64, sums: &mut Sums) {
    for (end, weight) in matrix.entries(row) {
        sums.add(end, value * weight);
    }
}

/// The learned links that are a product, with `k` per source: `value(source, target, sum, ways)` is the value of a link.
/// Those of a source are handed to `shape` before they are stored, which may change their keys.
pub fn edges(
    product: &Product,
    (k, counted): (usize, bool),
    value: impl Fn(usize, u32, f64, u32) -> f64 + Sync,
    shape: impl Fn(&mut Vec<u64>) + Sync,
    (stage, watch): (&'static str, &dyn Watch),
) -> Result<Edges, Stopped> {
    let targets = product.links.by_target.rows();
    let blocks = sources::blocks(targets, |target| product.steps(target));
    let scratch = || (Sums::new(targets, counted), Strongest::new(k), Vec::new());
    let work = |scratch: &mut (Sums, Strongest, Vec<u64>), block: Range<usize>| {
        let (sums, best, kept) = scratch;
        let mut made = Block::default();
        for source in block {
            product.row(source, sums);
            sums.take(|target, sum, ways| {
                if target as usize != source
                    && let Some(key) = key(value(source, target, sum, ways), target)
                {
                    best.offer(key);
                }
            });
            kept.extend(best.take());
            shape(kept);
            made.push(kept.drain(..));
        }
        made
    };
    Ok(sources::edges(sources::each_block(&blocks, scratch, work, (stage, watch))?))
}
