//! Matrix factors of implicit feedback by alternating least squares (Hu, Koren and Volinsky 2008), the penalty scaled by
//! the number of links (Zhou et al. 2008).
//!
//! Every row is the exact solution of its system. What makes that fast: before one side is solved, the vectors of the
//! other are turned to the principal axes of their Gram matrix, which changes no product, so that the part of a system
//! that all rows share is diagonal. What remains is a system of a row's links, or of the dimensions where those are
//! fewer.

use std::ops::Range;

use rayon::prelude::*;

use super::cholesky::solve_body;
use super::dense::{add_gram, dot, gram, product};
use super::eigen::eigen;
use super::matrix::{Both, Matrix};
use super::sources::{blocks, each_block};
use super::{Links, Part, Size, Stopped, Vectors, Watch};
use crate::cpu::{LINE, Level, for_each_level, prefetch};
use crate::random::Random;

/// What the penalty of a row is scaled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegScale {
    /// The number of linked partners.
    Count,
    /// 1.
    None,
}

/// Parameters of [`als`].
#[derive(Clone, Debug)]
pub struct AlsSettings {
    /// Numbers of a vector.
    pub dim: usize,
    /// Penalty of squared lengths.
    pub reg: f64,
    /// What the penalty of a row is scaled by.
    pub reg_scale: RegScale,
    /// How much more a link counts than a missing one, by unit of weight.
    pub alpha: f64,
    /// Whether weights are read, parallel links summed; else each linked pair has weight 1.
    pub weighted: bool,
    /// Times that both sides are solved.
    pub iterations: usize,
    /// Seed of the vectors that the first iteration starts from.
    pub seed: u64,
}

impl Default for AlsSettings {
    fn default() -> AlsSettings {
        AlsSettings {
            dim: 64,
            reg: 0.3,
            reg_scale: RegScale::Count,
            alpha: 10.0,
            weighted: false,
            iterations: 15,
            seed: 0,
        }
    }
}

impl AlsSettings {
    /// Bytes that [`als`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let (dim, rows) = (self.dim as u64, (size.sources + size.targets) as u64);
        let scratch = (rayon::current_num_threads() as u64 * 2 + 20) * 8 * dim * dim;
        Both::bytes(size, self.weighted) + 2 * rows * dim * 4 + scratch
    }

    /// α·w, within what 64-bit systems can bear.
    fn confidence(&self, weight: f64) -> f64 {
        (self.alpha * weight).clamp(1e-12, 1e12)
    }
}

/// Vectors of both ends of an edge, whose products are large where there are links.
#[derive(Clone, Debug, PartialEq)]
pub struct Als {
    /// Of A; a row without links has none.
    pub a: Vectors,
    /// Of B; a row without links has none.
    pub b: Vectors,
    /// BᵀB, of which there is the diagonal only: both sides lie along the principal axes of B.
    pub gram: Vec<f64>,
}

/// Minimises Σ c·(r − x·y)² + `reg`·(Σ n_u·|x_u|² + Σ n_i·|y_i|²) over all pairs: r is 1 where there is a link, else 0;
/// c is 1 + `alpha`·w there, else 1; n is the number of linked partners or 1. Each iteration solves B, then A, so that
/// each vector of A is what [`fold_in`](FoldIn::vector) makes of its links.
///
/// # Errors
/// If the watch stops it.
pub fn als(links: &Links, p: &AlsSettings, watch: &dyn Watch) -> Result<Als, Stopped> {
    let matrices = Both::of(links, p.weighted);
    let Both { by_source, by_target } = &matrices;
    let rows = (by_source.rows() + by_target.rows()) as u64;
    let iterations = p.iterations.max(1);
    let mut a = start(by_source, p);
    let mut done = 0;
    loop {
        let watch = |before| Part { watch, before, of: iterations as u64 * rows };
        let before = done * rows;
        let axes = principal(&mut a, p.dim);
        let mut b = solve_all(by_target, &a, &axes, p, &watch(before))?;
        let axes = principal(&mut b, p.dim);
        a = solve_all(by_source, &b, &axes, p, &watch(before + by_target.rows() as u64))?;
        done += 1;
        if done == iterations as u64 {
            let vectors = |rows, matrix: &Matrix| Vectors {
                dim: p.dim,
                rows,
                has: (0..matrix.rows()).map(|row| !matrix.row(row).is_empty()).collect(),
            };
            return Ok(Als { a: vectors(a, by_source), b: vectors(b, by_target), gram: axes });
        }
    }
}

/// Random vectors of the rows that have links.
fn start(matrix: &Matrix, p: &AlsSettings) -> Vec<f32> {
    let mut vectors = vec![0.0; matrix.rows() * p.dim];
    for (row, vector) in vectors.chunks_exact_mut(p.dim.max(1)).enumerate() {
        let mut random = Random::new(p.seed, row as u64);
        if !matrix.row(row).is_empty() {
            vector.fill_with(|| 0.01 * random.normal() as f32);
        }
    }
    vectors
}

/// Rows of a thread's step.
const STEP: usize = 64;

/// Turns vectors to the principal axes of their Gram matrix; returns what is its diagonal then.
fn principal(vectors: &mut [f32], dim: usize) -> Vec<f64> {
    let rows = vectors.len().checked_div(dim).unwrap_or(0);
    let mut square = gram(rows, dim, |range, to| {
        to.extend(vectors[range.start * dim..range.end * dim].iter().map(|&x| f64::from(x)));
    });
    let (values, axes) = eigen(&mut square, dim);
    let right: Vec<f64> = (0..dim * dim).map(|at| axes[at % dim * dim + at / dim]).collect();
    let level = Level::detect();
    vectors.par_chunks_mut((STEP * dim).max(1)).for_each(|vectors| {
        let left: Vec<f64> = vectors.iter().map(|&x| f64::from(x)).collect();
        let mut turned = vec![0.0; left.len()];
        product(level, &left, dim, &right, dim, &mut turned);
        vectors.iter_mut().zip(turned).for_each(|(to, value)| *to = value as f32);
    });
    values.into_iter().map(|value| value.max(0.0)).collect()
}

/// The vectors of all rows of a matrix, from those of its columns.
fn solve_all(
    matrix: &Matrix,
    others: &[f32],
    gram: &[f64],
    p: &AlsSettings,
    watch: &dyn Watch,
) -> Result<Vec<f32>, Stopped> {
    let dim = p.dim;
    let work = |fold: &mut FoldIn, rows: Range<usize>| {
        let mut made = vec![0.0; rows.len() * dim];
        let mut partners: Vec<&[f32]> = Vec::new();
        for (row, to) in rows.zip(made.chunks_exact_mut(dim.max(1))) {
            let vector = |at: &u32| &others[*at as usize * dim..][..dim];
            partners.clear();
            partners.extend(matrix.row(row).iter().map(vector));
            // those of the next row are asked for while this one is solved
            if row + 1 < matrix.rows() {
                matrix.row(row + 1).iter().take(FETCHED).for_each(|at| fetch(vector(at)));
            }
            fold.weights.clear();
            fold.weights.extend(matrix.entries(row).map(|(_, weight)| weight));
            fold.solve(&partners, to);
        }
        made
    };
    let steps = |row: usize| {
        let links = matrix.row(row).len() as u64 + 8;
        links.min(dim as u64 + 8) * links * (dim as u64 + 8) / 8
    };
    let blocks = blocks(matrix.rows(), steps);
    let made = each_block(&blocks, || FoldIn::new(p, gram), work, ("factors", watch))?;
    Ok(made.concat())
}

/// Vectors that are asked for ahead, at most.
const FETCHED: usize = 128;

fn fetch(vector: &[f32]) {
    (0..vector.len()).step_by(LINE / size_of::<f32>()).for_each(|at| prefetch(vector, at));
}

/// Finds vectors of rows of A from their links, with what it reuses from one to the next.
pub struct FoldIn<'a> {
    settings: &'a AlsSettings,
    gram: &'a [f64],
    level: Level,
    links: Vec<(u32, f64)>,
    weights: Vec<f64>,
    scratch: Scratch,
}

impl<'a> FoldIn<'a> {
    /// Under the settings of a training and what it found as [`Als::gram`].
    ///
    /// # Panics
    /// If there are not `dim` numbers of it.
    pub fn new(settings: &'a AlsSettings, gram: &'a [f64]) -> FoldIn<'a> {
        assert!(gram.len() == settings.dim);
        let (links, weights) = (Vec::new(), Vec::new());
        FoldIn {
            settings,
            gram,
            level: Level::detect(),
            links,
            weights,
            scratch: Scratch::default(),
        }
    }

    /// Writes the vector of a row of A with these links, as training would have found it beside the same vectors of B,
    /// which `vector_of` gives: `None` for an end without one, whose links are skipped. Returns false, and writes zeros, if
    /// no link is left.
    ///
    /// # Panics
    /// If a vector, or the place for the result, has not the dimension of the settings.
    pub fn vector<'v>(
        &mut self,
        ends: &[u32],
        weights: Option<&[f64]>,
        vector_of: impl Fn(u32) -> Option<&'v [f32]>,
        to: &mut [f32],
    ) -> bool {
        let weights = weights.filter(|_| self.settings.weighted);
        let weight = |at: usize| weights.map_or(1.0, |weights| weights[at]);
        self.links.clear();
        self.links.extend(ends.iter().enumerate().map(|(at, &end)| (end, weight(at))));
        self.links.retain(|&(_, weight)| weight > 0.0 && weight.is_finite());
        // stable: the weights of parallel links are summed in their order
        self.links.sort_by_key(|link| link.0);
        let add = weights.is_some();
        self.links.dedup_by(|link, kept| {
            let parallel = link.0 == kept.0;
            kept.1 += if parallel && add { link.1 } else { 0.0 };
            parallel
        });
        let mut partners: Vec<&[f32]> = Vec::with_capacity(self.links.len());
        self.weights.clear();
        for &(end, weight) in &self.links {
            if let Some(vector) = vector_of(end) {
                partners.push(vector);
                self.weights.push(weight.min(f64::MAX));
            }
        }
        self.solve(&partners, to);
        !partners.is_empty()
    }

    /// The solution for some partners, whose weights are in `weights`.
    fn solve(&mut self, partners: &[&[f32]], to: &mut [f32]) {
        let (p, scratch) = (self.settings, &mut self.scratch);
        assert!(to.len() == p.dim && partners.iter().all(|vector| vector.len() == p.dim));
        if partners.is_empty() {
            return to.fill(0.0);
        }
        let count = match p.reg_scale {
            RegScale::Count => partners.len() as f64,
            RegScale::None => 1.0,
        };
        scratch.factors.clear();
        scratch.factors.extend(self.weights.iter().map(|&weight| {
            let more = p.confidence(weight);
            (more.sqrt(), (1.0 + more) / more.sqrt())
        }));
        solve_row(self.level, (self.gram, p.reg * count), partners, scratch, to);
    }
}

/// A system with M the part that rows share (diagonal) is (M + YᵀDY)·x = Yᵀc over the partners' vectors Y, D what they
/// count more and c what they count. With W = D^½·Y·M^−½ it is (I + WᵀW)·M^½x = Wᵀ·D^−½c, or, by partner,
/// M^½x = Wᵀ·(I + WWᵀ)⁻¹·D^−½c; both are well conditioned.
#[derive(Default)]
struct Scratch {
    /// M^−½.
    inverse: Vec<f64>,
    /// D^½ and D^−½c of each partner.
    factors: Vec<(f64, f64)>,
    rows: Vec<f64>,
    system: Vec<f64>,
    solution: Vec<f64>,
    /// The solution of a system of partners.
    by_link: Vec<f64>,
}

#[inline(always)]
fn solve_row_body(
    (gram, penalty): (&[f64], f64),
    partners: &[&[f32]],
    scratch: &mut Scratch,
    to: &mut [f32],
) {
    // at least what rounding leaves of the largest, so that directions without any length are no trouble
    let most = gram.first().copied().unwrap_or(0.0) + penalty;
    let least = (most * 1e-12).max(1e-30);
    scratch.inverse.resize(gram.len(), 0.0);
    for (to, square) in scratch.inverse.iter_mut().zip(gram) {
        let shared = square + penalty;
        *to = 1.0 / if shared > least { shared } else { least }.sqrt();
    }
    if partners.len() < to.len() {
        by_partner(partners, scratch, to);
    } else {
        by_dimension(partners, scratch, to);
    }
    for (to, (value, inverse)) in to.iter_mut().zip(scratch.solution.iter().zip(&scratch.inverse)) {
        *to = (value * inverse) as f32;
    }
}

for_each_level!(
    fn solve_row(
        shared: (&[f64], f64),
        partners: &[&[f32]],
        scratch: &mut Scratch,
        to: &mut [f32],
    ),
    solve_row_body
);

#[inline(always)]
fn by_partner(partners: &[&[f32]], scratch: &mut Scratch, to: &[f32]) {
    let Scratch { inverse, factors, rows, system, solution, by_link } = scratch;
    let (n, dim) = (partners.len(), to.len());
    let stride = (n + 1).next_multiple_of(8);
    // Wᵀ, with zeros behind the last partner
    rows.resize(dim * stride, 0.0);
    for first in (0..stride).step_by(8) {
        let (mut vectors, mut roots): ([&[f32]; 8], [f64; 8]) = Default::default();
        for i in 0..8 {
            vectors[i] = &partners[(first + i).min(n - 1)][..dim];
            roots[i] = factors.get(first + i).map_or(0.0, |factors| factors.0);
        }
        for (k, row) in rows.chunks_exact_mut(stride).enumerate() {
            for i in 0..8 {
                row[first + i] = f64::from(vectors[i][k]) * roots[i] * inverse[k];
            }
        }
    }
    system.clear();
    system.resize(stride * stride, 0.0);
    add_gram(system, rows, stride);
    for (at, (row, (_, side))) in system.chunks_exact_mut(stride).zip(factors.iter()).enumerate() {
        row[at] += 1.0;
        row[n] = *side;
    }
    solve_body(system, n, stride, by_link);
    solution.clear();
    for row in rows.chunks_exact(stride) {
        solution.push(dot(&row[..n], by_link));
    }
}

/// Partners whose vectors are gathered at once.
const GATHERED: usize = 64;

#[inline(always)]
fn by_dimension(partners: &[&[f32]], scratch: &mut Scratch, to: &[f32]) {
    let Scratch { inverse, factors, rows, system, solution, .. } = scratch;
    let dim = to.len();
    let stride = (dim + 1).next_multiple_of(8);
    system.clear();
    system.resize(stride * stride, 0.0);
    for (partners, factors) in partners.chunks(GATHERED).zip(factors.chunks(GATHERED)) {
        // W with the right side as one more column
        rows.clear();
        rows.resize(partners.len() * stride, 0.0);
        for ((row, vector), (root, side)) in
            rows.chunks_exact_mut(stride).zip(partners).zip(factors)
        {
            for ((to, &value), inverse) in row.iter_mut().zip(*vector).zip(&*inverse) {
                *to = root * inverse * f64::from(value);
            }
            row[dim] = *side;
        }
        add_gram(system, rows, stride);
    }
    (0..dim).for_each(|k| system[k * stride + k] += 1.0);
    solve_body(system, dim, stride, solution);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::testing::{World, same_bytes};

    fn learned(world: &World, p: &AlsSettings) -> Als {
        als(&world.links(), p, &Unwatched).unwrap()
    }

    fn product_of(als: &Als, u: usize, i: usize) -> f64 {
        let (x, y) = (als.a.row(u).iter(), als.b.row(i));
        x.zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    }

    /// The loss, by the definition.
    fn loss(world: &World, p: &AlsSettings, als: &Als) -> f64 {
        let r = world.dense(p.weighted);
        let count = |links: usize| match p.reg_scale {
            RegScale::Count => links as f64,
            RegScale::None => 1.0,
        };
        let mut sum = 0.0;
        for (u, row) in r.iter().enumerate() {
            for (i, &weight) in row.iter().enumerate() {
                let linked = f64::from(u8::from(weight > 0.0));
                sum += (1.0 + p.alpha * weight) * (linked - product_of(als, u, i)).powi(2);
            }
        }
        let square = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        for (u, row) in r.iter().enumerate() {
            let links = row.iter().filter(|weight| **weight > 0.0).count();
            sum += p.reg * count(links) * square(als.a.row(u));
        }
        for i in 0..world.targets {
            let links = r.iter().filter(|row| row[i] > 0.0).count();
            sum += p.reg * count(links) * square(als.b.row(i));
        }
        sum
    }

    fn settings(seed: u64) -> AlsSettings {
        let pick = |of: usize| seed as usize / of;
        AlsSettings {
            dim: [1, 3, 8, 20][pick(1) % 4],
            reg_scale: [RegScale::Count, RegScale::None][pick(1) % 2],
            weighted: pick(2) % 2 == 1,
            alpha: [10.0, 1.0][pick(3) % 2],
            reg: [0.3, 0.05][pick(4) % 2],
            iterations: 4,
            seed,
        }
    }

    #[test]
    fn each_iteration_lowers_the_loss() {
        let mut lowered = 0;
        for seed in 0..40 {
            let (world, p) = (World::random(seed), settings(seed));
            let after = |iterations| {
                let p = AlsSettings { iterations, ..p.clone() };
                loss(&world, &p, &learned(&world, &p))
            };
            let losses: Vec<f64> = [1, 2, 3, 8].map(after).to_vec();
            for pair in losses.windows(2) {
                assert!(pair[1] <= pair[0] * (1.0 + 1e-5) + 1e-9, "{seed}: {losses:?}");
            }
            lowered += usize::from(losses[3] < losses[0]);
        }
        assert!(lowered > 10, "{lowered}");
    }

    #[test]
    fn each_vector_solves_its_system() {
        for seed in 0..40 {
            let (world, p) = (World::random(seed), settings(seed));
            let (als, r) = (learned(&world, &p), world.dense(p.weighted));
            for (u, row) in r.iter().enumerate() {
                let links = row.iter().filter(|weight| **weight > 0.0).count();
                assert_eq!(als.a.has[u], links > 0);
                let count = if p.reg_scale == RegScale::Count { links as f64 } else { 1.0 };
                for k in 0..p.dim {
                    // half of the derivative of the loss
                    let mut slope = p.reg * count * f64::from(als.a.row(u)[k]);
                    for (i, &weight) in row.iter().enumerate() {
                        let linked = f64::from(u8::from(weight > 0.0));
                        let error = product_of(&als, u, i) - linked;
                        slope += (1.0 + p.alpha * weight) * error * f64::from(als.b.row(i)[k]);
                    }
                    assert!(slope.abs() < 1e-3, "{seed} {u} {k}: {slope}");
                }
            }
        }
    }

    #[test]
    fn a_stored_vector_is_the_folded_one() {
        for seed in 0..40 {
            let (world, p) = (World::random(seed), settings(seed));
            let als = learned(&world, &p);
            let links = world.links();
            let mut fold = FoldIn::new(&p, &als.gram);
            let mut vector = vec![1.0; p.dim];
            let of_b = |end: u32| {
                let has = als.b.has.get(end as usize).is_some_and(|has| *has);
                has.then(|| als.b.row(end as usize))
            };
            for u in 0..links.sources() {
                let places = links.places(u);
                let weights = Some(&world.weights[places.clone()]);
                let has = fold.vector(&world.ends[places], weights, of_b, &mut vector);
                assert_eq!((has, &vector[..]), (als.a.has[u], als.a.row(u)));
            }
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(6);
        let p = AlsSettings { dim: 24, iterations: 2, weighted: true, ..AlsSettings::default() };
        same_bytes(|watch| als(&world.links(), &p, watch));
    }

    #[test]
    fn rows_have_the_same_bits_at_every_level() {
        let world = World::large(8);
        let p = AlsSettings { dim: 20, iterations: 1, ..AlsSettings::default() };
        let als = learned(&world, &p);
        for count in [1, 2, 19, 20, 100] {
            let partners: Vec<&[f32]> = (0..count).map(|i| als.b.row(i)).collect();
            let mut found = Vec::new();
            for level in Level::supported() {
                let mut fold = FoldIn::new(&p, &als.gram);
                fold.level = level;
                fold.weights = vec![1.0; count];
                let mut to = vec![0.0; p.dim];
                fold.solve(&partners, &mut to);
                found.push(to);
            }
            assert!(found.iter().all(|to| *to == found[0]));
        }
    }

    #[test]
    fn weights_and_penalties_at_the_edge_give_numbers() {
        let mut world = World::large(2);
        let odd = [1e-300, 1e300, f64::MAX, 5e-324];
        world.weights.iter_mut().enumerate().for_each(|(i, weight)| *weight = odd[i % 4]);
        for reg in [0.0, 1e-300, 1e300] {
            let p =
                AlsSettings { dim: 8, reg, weighted: true, iterations: 2, ..Default::default() };
            let als = learned(&world, &p);
            assert!(als.a.rows.iter().chain(&als.b.rows).all(|x| x.is_finite()), "{reg}");
        }
    }

    #[test]
    fn a_source_with_very_many_links() {
        let ends: Vec<u32> = (0..200_000).collect();
        let (offsets, targets) = ([0, ends.len() as u64], ends.len());
        let links = Links { offsets: &offsets, ends: &ends, targets, ..Links::default() };
        let p = AlsSettings { dim: 4, iterations: 2, ..AlsSettings::default() };
        let als = als(&links, &p, &Unwatched).unwrap();
        let product: f32 = als.a.row(0).iter().zip(als.b.row(77)).map(|(x, y)| x * y).sum();
        // everything is linked, so that only the penalty keeps the product from 1
        assert!(product > 0.5 && product < 1.0, "{product}");
    }
}
