//! Graph filters: neighbours in one step, and the smoothest part of the graph (GF-CF: Shen et al. 2021).

use std::ops::Range;

use super::item_knn::{roots, through};
use super::matrix::Both;
use super::product::{Product, Sums};
use super::sources::{self, Block, each_block};
use super::strongest::{Strongest, key};
use super::svd::Scaled;
use super::{Edges, Links, Size, Stopped, Watch};
use crate::cpu::{Level, for_each_level};

/// Parameters of [`gf_cf`].
#[derive(Clone, Debug)]
pub struct GfCf {
    /// Links kept per source.
    pub k: usize,
    /// Singular vectors that span the smooth part.
    pub rank: usize,
    /// What the smooth part counts.
    pub alpha: f64,
    /// Seed of the random columns that the decomposition starts from.
    pub seed: u64,
}

impl Default for GfCf {
    fn default() -> GfCf {
        GfCf { k: 1_000, rank: 256, alpha: 0.3, seed: 0 }
    }
}

impl GfCf {
    /// Bytes that [`gf_cf`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let targets = size.targets as u64;
        let rank = self.rank.min(size.targets) as u64;
        let scratch = (16 + 4 * group(size.targets) as u64) * targets;
        let scratch = rayon::current_num_threads() as u64 * scratch;
        let later = scratch + 12 * rank * targets + size.edges(self.k);
        Both::bytes(size, false) + later.max(Scaled::bytes(size, self.rank))
    }
}

/// S = D_A^−½·R·D_B^−½ has the leading right singular vectors V; the value of i → j is
/// (SᵀS)_ij + `alpha`·(D_B^−½·V·Vᵀ·D_B^½)_ij. The second part is computed in 32 bits.
///
/// # Errors
/// If the watch stops it.
pub fn gf_cf(links: &Links, p: &GfCf, watch: &dyn Watch) -> Result<Edges, Stopped> {
    let matrices = Both::of(links, false);
    let product = through(&matrices, 1.0);
    let roots = roots(&matrices);
    let smooth = Smooth::of(&matrices, &roots, p, watch)?;
    let targets = links.targets;
    let height = group(targets);
    let sources = |group: usize| group * height..((group + 1) * height).min(targets);
    let steps = |group| {
        let near: u64 = sources(group).map(|source| product.steps(source)).sum();
        near + (height * smooth.rank * targets / 16) as u64
    };
    let scratch = || Scratch {
        level: Level::detect(),
        sums: Sums::new(targets, false),
        best: Strongest::new(p.k),
        values: vec![0.0; height * smooth.width()],
    };
    let work = |scratch: &mut Scratch, block: Range<usize>| {
        let mut made = Block::default();
        for group in block {
            smooth.values(scratch.level, group * height, &mut scratch.values);
            for (row, source) in sources(group).enumerate() {
                let values = row * smooth.width()..(row + 1) * smooth.width();
                scratch.near(&product, &roots, source, values);
                made.push(scratch.best.take());
            }
        }
        made
    };
    let blocks = sources::blocks(targets.div_ceil(height), steps);
    Ok(sources::edges(each_block(&blocks, scratch, work, ("filters", watch))?))
}

/// Sources that are worked on together, so that what is read of the smooth part serves all of them: as many as have 16 MB
/// of values.
fn group(targets: usize) -> usize {
    ((1 << 22) / targets.max(1)).clamp(HEIGHT, 64) / HEIGHT * HEIGHT
}

struct Scratch {
    level: Level,
    sums: Sums,
    best: Strongest,
    /// The smooth values of some sources to all targets.
    values: Vec<f32>,
}

impl Scratch {
    /// Offers all values of a source, whose smooth values are in a range.
    fn near(&mut self, product: &Product, roots: &[f64], source: usize, values: Range<usize>) {
        let values = &mut self.values[values];
        product.row(source, &mut self.sums);
        self.sums.take(|target, sum, _| {
            let value = &mut values[target as usize];
            let near = sum / (roots[source] * roots[target as usize]);
            *value = (f64::from(*value) + near) as f32;
        });
        values[source] = 0.0;
        for (chunk, values) in values.as_chunks::<WIDTH>().0.iter().enumerate() {
            let mut passing = passing(values, self.best.least());
            while passing != 0 {
                let lane = passing.trailing_zeros() as usize;
                passing &= passing - 1;
                if let Some(key) = key(values[lane].into(), (chunk * WIDTH + lane) as u32) {
                    self.best.offer(key);
                }
            }
        }
    }
}

/// A bit for each value that is positive and not below another one.
#[inline(always)]
fn passing(values: &[f32; WIDTH], least: f32) -> u32 {
    let mut bits = 0;
    for (lane, &value) in values.iter().enumerate() {
        bits |= u32::from((value > 0.0) & (value >= least)) << lane;
    }
    bits
}

/// Sources and targets of a tile of values.
const HEIGHT: usize = 8;
const WIDTH: usize = 32;

/// The smooth part: the product of a matrix with a row for each source, and one with a column for each target.
struct Smooth {
    rank: usize,
    targets: usize,
    /// Panels of [`HEIGHT`] sources, the factors of one rank after those of the other.
    left: Vec<f32>,
    /// Panels of [`WIDTH`] targets, in the same order.
    right: Vec<f32>,
}

impl Smooth {
    fn of(matrices: &Both, roots: &[f64], p: &GfCf, watch: &dyn Watch) -> Result<Smooth, Stopped> {
        let inverse = |d: &f64| if *d > 0.0 { 1.0 / d } else { 0.0 };
        let rows = matrices.by_source.sums().iter().map(|d| inverse(&d.sqrt())).collect();
        let columns: Vec<f64> = roots.iter().map(inverse).collect();
        let scaled = Scaled { entries: matrices, rows, columns };
        let leading = scaled.leading(p.rank, p.seed, watch)?;
        let rank = leading.values.len();
        let entry = |target: usize, k: usize| leading.vectors[target * rank + k];
        let left = |target: usize, k: usize| p.alpha * scaled.columns[target] * entry(target, k);
        let right = |target: usize, k: usize| roots[target] * entry(target, k);
        let targets = roots.len();
        Ok(Smooth {
            rank,
            targets,
            left: panels(targets, rank, HEIGHT, left),
            right: panels(targets, rank, WIDTH, right),
        })
    }

    /// Targets, with those that fill the last panel.
    fn width(&self) -> usize {
        self.targets.next_multiple_of(WIDTH)
    }

    /// Writes the values of sources from `start` on, a multiple of [`HEIGHT`], to all targets: as many as there is room
    /// for. Beyond the last source they are what they were.
    fn values(&self, level: Level, start: usize, to: &mut [f32]) {
        let left = &self.left[start * self.rank..];
        tiles(level, left, &self.right, (self.rank, self.width()), to);
    }
}

/// Rows as panels of `height` of them, each with its columns one after the other; missing rows are 0.
fn panels(
    rows: usize,
    rank: usize,
    height: usize,
    entry: impl Fn(usize, usize) -> f64,
) -> Vec<f32> {
    let mut panels = vec![0.0; rows.next_multiple_of(height) * rank];
    for row in 0..rows {
        let panel = &mut panels[row / height * height * rank..][..height * rank];
        for k in 0..rank {
            panel[k * height + row % height] = entry(row, k) as f32;
        }
    }
    panels
}

/// Products of panels of sources with all panels of targets, so many rows at a time as the CPU has registers for. Every
/// value is a sum over ranks in their order.
#[inline(always)]
fn tiles_by<const ROWS: usize>(
    left: &[f32],
    right: &[f32],
    (rank, width): (usize, usize),
    to: &mut [f32],
) {
    let size = HEIGHT * rank;
    for panel in 0..width / WIDTH {
        let right = &right[panel * WIDTH * rank..][..WIDTH * rank];
        for (left, to) in left.chunks_exact(size).zip(to.chunks_exact_mut(HEIGHT * width)) {
            for first in (0..HEIGHT).step_by(ROWS) {
                let mut sums = [[0.0f32; WIDTH]; ROWS];
                let steps = left.as_chunks::<HEIGHT>().0.iter().zip(right.as_chunks::<WIDTH>().0);
                for (left, right) in steps {
                    for (sums, factor) in sums.iter_mut().zip(&left[first..]) {
                        for (sum, value) in sums.iter_mut().zip(right) {
                            *sum = factor.mul_add(*value, *sum);
                        }
                    }
                }
                for (row, sums) in (first..).zip(&sums) {
                    to[row * width + panel * WIDTH..][..WIDTH].copy_from_slice(sums);
                }
            }
        }
    }
}

#[inline(always)]
fn narrow_body(left: &[f32], right: &[f32], shape: (usize, usize), to: &mut [f32]) {
    tiles_by::<2>(left, right, shape, to);
}

#[inline(always)]
fn wide_body(left: &[f32], right: &[f32], shape: (usize, usize), to: &mut [f32]) {
    tiles_by::<4>(left, right, shape, to);
}

for_each_level!(
    fn narrow(left: &[f32], right: &[f32], shape: (usize, usize), to: &mut [f32]),
    narrow_body
);
for_each_level!(
    fn wide(left: &[f32], right: &[f32], shape: (usize, usize), to: &mut [f32]),
    wide_body
);

fn tiles(level: Level, left: &[f32], right: &[f32], shape: (usize, usize), to: &mut [f32]) {
    if shape.0 == 0 {
        return to.fill(0.0);
    }
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => wide(level, left, right, shape, to),
        _ => narrow(level, left, right, shape, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::eigen::eigen;
    use crate::learn::testing::{World, assert_near, each, same_bytes};

    /// The definition, with all singular vectors of the dense matrix.
    fn brute(world: &World, p: &GfCf) -> Option<Vec<Vec<f64>>> {
        let (r, n) = (world.dense(false), world.targets);
        let (rows, columns) = (World::rows(&r), World::columns(&r, n));
        let near = each(n, |i, j| {
            let ways = (0..r.len()).filter(|&u| r[u][i] * r[u][j] > 0.0);
            ways.map(|u| 1.0 / (rows[u] * (columns[i] * columns[j]).sqrt())).sum()
        });
        let mut square: Vec<f64> = near.iter().flatten().copied().collect();
        let (squares, vectors) = eigen(&mut square, n);
        let first = squares.iter().filter(|s| **s > 1e-10).count();
        let kept = first.min(p.rank);
        // between equal singular values there is no leading one
        if 0 < kept && kept < first && squares[kept - 1] - squares[kept] < 1e-4 {
            return None;
        }
        Some(each(n, |i, j| {
            let smooth: f64 = (0..kept).map(|k| vectors[k * n + i] * vectors[k * n + j]).sum();
            if columns[i] == 0.0 {
                return 0.0;
            }
            near[i][j] + p.alpha * smooth * (columns[j] / columns[i]).sqrt()
        }))
    }

    #[test]
    fn it_is_the_formula() {
        let mut compared = 0;
        for seed in 0..60 {
            let world = World::random(seed);
            let k = [0, 1, 3, 200][seed as usize % 4];
            let p = GfCf { k, rank: [2, 256, 0][seed as usize / 4 % 3], ..GfCf::default() };
            let got = gf_cf(&world.links(), &p, &Unwatched).unwrap();
            if let Some(values) = brute(&world, &p) {
                // what is 0 but for rounding in 32 bits is as well above as below
                let mut got = got;
                drop_tiny(&mut got);
                let clean: Vec<Vec<f64>> = values
                    .iter()
                    .map(|row| row.iter().map(|v| if *v < 1e-6 { 0.0 } else { *v }).collect())
                    .collect();
                assert_near(&got, &clean, k);
                compared += 1;
            }
        }
        assert!(compared > 40);
    }

    fn drop_tiny(edges: &mut Edges) {
        let mut kept = Edges { offsets: vec![0], ..Edges::default() };
        for source in 0..edges.offsets.len() - 1 {
            let (ends, weights) = edges.of(source);
            let count = weights.iter().filter(|weight| **weight >= 1e-6).count();
            kept.ends.extend(&ends[..count]);
            kept.weights.extend(&weights[..count]);
            kept.offsets.push(kept.ends.len() as u64);
        }
        *edges = kept;
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(9);
        let p = GfCf { rank: 20, k: 100, ..GfCf::default() };
        same_bytes(|watch| gf_cf(&world.links(), &p, watch));
    }

    #[test]
    fn tiles_have_the_same_bits_at_every_level() {
        let numbers: Vec<f32> = (0..40 * 64).map(|i| ((i * 37 % 101) as f32).sin()).collect();
        let mut made = Vec::new();
        for level in Level::supported() {
            let mut to = vec![0.0; HEIGHT * 64];
            tiles(level, &numbers[..HEIGHT * 40], &numbers, (40, 64), &mut to);
            made.push(to);
        }
        assert!(made.iter().all(|to| *to == made[0]));
    }
}
