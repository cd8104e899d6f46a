//! Linear models of items by items (EASE: Steck 2019), solved for each item among its nearest.

use std::ops::Range;

use super::cholesky::solve;
use super::item_knn::{ItemKnn, roots, through};
use super::matrix::{Both, starts};
use super::product::{Product, Sums};
use super::sources::{self, Block, blocks, each_block};
use super::strongest::{Strongest, key, link};
use super::{Edges, Links, Size, Stopped, Watch};
use crate::cpu::Level;

/// Parameters of [`ease`].
#[derive(Clone, Debug)]
pub struct Ease {
    /// Links kept per source.
    pub k: usize,
    /// Ridge penalty.
    pub l2: f64,
    /// Sources that a target is explained by, at most.
    pub block: usize,
}

impl Default for Ease {
    fn default() -> Ease {
        Ease { k: 200, l2: 100.0, block: 200 }
    }
}

impl Ease {
    /// Bytes that [`ease`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let system = 8 * (self.block as u64).pow(2);
        let scratch = 16 * size.targets as u64 + 4 * size.sources as u64 + system;
        let scratch = rayon::current_num_threads() as u64 * scratch;
        Both::bytes(size, false) + scratch + size.edges(self.block) + size.edges(self.k)
    }
}

/// For each target j, N are the `block` sources of largest [`item_knn`](super::item_knn()) to j, G = RᵀR over N and j,
/// P = (G + l2·I)⁻¹; the value of i → j is −P_ij / P_jj for i in N.
///
/// # Errors
/// If the watch stops it.
pub fn ease(links: &Links, p: &Ease, watch: &dyn Watch) -> Result<Edges, Stopped> {
    let matrices = Both::of(links, false);
    let near = Near {
        product: through(&matrices, ItemKnn::default().user_norm),
        roots: roots(&matrices),
        l2: p.l2,
    };
    let size = p.block.min(links.targets) as u64;
    let steps = |target| near.product.steps(target) + size.pow(3) / 24;
    let scratch = || Scratch::new(&matrices, p.block);
    let work = |scratch: &mut Scratch, block: Range<usize>| {
        let mut made = Block::default();
        for target in block {
            near.explain(target, scratch);
            made.push(scratch.keys.drain(..));
        }
        made
    };
    let blocks = blocks(links.targets, steps);
    let to_targets = sources::edges(each_block(&blocks, scratch, work, ("models", watch))?);
    Ok(turned(&to_targets, p.k))
}

/// What the models of all targets have in common.
struct Near<'a> {
    product: Product<'a>,
    roots: Vec<f64>,
    l2: f64,
}

struct Scratch {
    level: Level,
    sums: Sums,
    best: Strongest,
    /// The nearest targets, in order of their numbers.
    near: Vec<u32>,
    /// Links of each source to the nearest and the target; all 0 between uses.
    counts: Vec<u32>,
    /// Sources with such links.
    met: Vec<u32>,
    /// For each of them, by `counts` places of the nearest that it is linked to.
    members: Vec<u32>,
    system: Vec<f64>,
    solution: Vec<f64>,
    keys: Vec<u64>,
}

impl Scratch {
    fn new(matrices: &Both, block: usize) -> Scratch {
        Scratch {
            level: Level::detect(),
            sums: Sums::new(matrices.by_target.rows(), false),
            best: Strongest::new(block),
            near: Vec::new(),
            counts: vec![0; matrices.by_source.rows()],
            met: Vec::new(),
            members: Vec::new(),
            system: Vec::new(),
            solution: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl Near<'_> {
    /// Leaves the keys of the model's weights, by source.
    fn explain(&self, target: usize, scratch: &mut Scratch) {
        self.nearest(target, scratch);
        let n = scratch.near.len();
        self.gram(target, scratch);
        // −P_ij / P_jj = (G_NN + l2·I)⁻¹·G_Nj: the block of an inverse
        solve(scratch.level, &mut scratch.system, n, stride(n), &mut scratch.solution);
        let weights = scratch.near.iter().zip(&scratch.solution);
        scratch.keys.extend(weights.filter_map(|(&source, &weight)| key(weight, source)));
    }

    fn nearest(&self, target: usize, scratch: &mut Scratch) {
        let Scratch { sums, best, near, .. } = scratch;
        self.product.row(target, sums);
        sums.take(|other, sum, _| {
            let value = sum / (self.roots[target] * self.roots[other as usize]);
            if other as usize != target
                && let Some(key) = key(value, other)
            {
                best.offer(key);
            }
        });
        near.clear();
        near.extend(best.take().map(|key| link(key).0));
        near.sort_unstable();
    }

    /// G + l2·I over the nearest, and G to the target as the right side.
    fn gram(&self, target: usize, scratch: &mut Scratch) {
        let Scratch { near, counts, met, members, system, .. } = scratch;
        let (n, by_target) = (near.len(), &self.product.links.by_target);
        let columns = || near.iter().map(|&i| i as usize).chain([target]).enumerate();
        met.clear();
        for (_, column) in columns() {
            for &source in by_target.row(column) {
                if counts[source as usize] == 0 {
                    met.push(source);
                }
                counts[source as usize] += 1;
            }
        }
        let mut all = 0;
        for &source in met.iter() {
            all += std::mem::replace(&mut counts[source as usize], all);
        }
        members.clear();
        members.resize(all as usize, 0);
        for (place, column) in columns() {
            for &source in by_target.row(column) {
                let next = &mut counts[source as usize];
                members[*next as usize] = place as u32;
                *next += 1;
            }
        }
        system.clear();
        let stride = stride(n);
        system.resize(n * stride, 0.0);
        let mut start = 0;
        for &source in met.iter() {
            let end = std::mem::take(&mut counts[source as usize]) as usize;
            let of_source = &members[start..end];
            for (at, &i) in of_source.iter().enumerate().filter(|(_, i)| **i < n as u32) {
                let row = &mut system[i as usize * stride..][..stride];
                of_source[at..].iter().for_each(|&j| row[j as usize] += 1.0);
            }
            start = end;
        }
        (0..n).for_each(|i| system[i * stride + i] += self.l2);
    }
}

/// Numbers from row to row of a system of `n`, its right side among them.
fn stride(n: usize) -> usize {
    (n + 1).next_multiple_of(8)
}

/// Edges in the other direction, the `k` strongest of each source.
fn turned(edges: &Edges, k: usize) -> Edges {
    let targets = edges.offsets.len() - 1;
    let mut next = starts(targets, edges.ends.iter().copied());
    let begins = next.clone();
    let mut keys = vec![0; edges.ends.len()];
    for target in 0..targets {
        let (ends, weights) = edges.of(target);
        for (&source, &weight) in ends.iter().zip(weights) {
            let place = &mut next[source as usize];
            keys[*place] = key(weight.into(), target as u32).unwrap_or(u64::MAX);
            *place += 1;
        }
    }
    let (mut best, mut made) = (Strongest::new(k), Block::default());
    for source in 0..targets {
        keys[begins[source]..begins[source + 1]].iter().for_each(|&key| best.offer(key));
        made.push(best.take());
    }
    sources::edges(vec![made])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::testing::{World, assert_near, each, same_bytes};
    use crate::learn::{Unwatched, item_knn};

    /// The inverse by Gauss and Jordan.
    fn inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = matrix.len();
        let mut a: Vec<Vec<f64>> = matrix.to_vec();
        for (i, row) in a.iter_mut().enumerate() {
            row.extend((0..n).map(|j| if i == j { 1.0 } else { 0.0 }));
        }
        for k in 0..n {
            let pivot = a[k][k];
            a[k].iter_mut().for_each(|value| *value /= pivot);
            let row = a[k].clone();
            for (_, other) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let factor = other[k];
                other.iter_mut().zip(&row).for_each(|(to, value)| *to -= factor * value);
            }
        }
        a.into_iter().map(|row| row[n..].to_vec()).collect()
    }

    fn brute(world: &World, p: &Ease) -> Vec<Vec<f64>> {
        let (r, n) = (world.dense(false), world.targets);
        let near = ItemKnn { k: p.block, ..ItemKnn::default() };
        // symmetric: the strongest from a target are the strongest to it
        let near = item_knn(&world.links(), &near, &Unwatched).unwrap();
        let mut to_targets = vec![vec![0.0; n]; n];
        for (j, values) in to_targets.iter_mut().enumerate() {
            let mut all = near.of(j).0.to_vec();
            all.push(j as u32);
            let entry = |&a: &u32, &b: &u32| -> f64 {
                let ways: f64 = r.iter().map(|row| row[a as usize] * row[b as usize]).sum();
                ways + if a == b { p.l2 } else { 0.0 }
            };
            let gram: Vec<Vec<f64>> =
                all.iter().map(|a| all.iter().map(|b| entry(a, b)).collect()).collect();
            let inverse = inverse(&gram);
            let last = all.len() - 1;
            for (at, &i) in all[..last].iter().enumerate() {
                values[i as usize] = -inverse[at][last] / inverse[last][last];
            }
        }
        each(n, |i, j| to_targets[j][i])
    }

    #[test]
    fn it_is_the_formula() {
        for seed in 0..40 {
            let world = World::random(seed);
            let k = [0, 1, 3, 200][seed as usize % 4];
            let block = [1, 2, 5, 200][seed as usize / 2 % 4];
            let p = Ease { k, block, l2: [100.0, 1.0][seed as usize % 2] };
            let got = ease(&world.links(), &p, &Unwatched).unwrap();
            assert_near(&got, &brute(&world, &p), k);
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(4);
        let p = Ease { block: 30, k: 10, ..Ease::default() };
        same_bytes(|watch| ease(&world.links(), &p, watch));
    }
}
