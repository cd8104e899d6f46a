//! Vectors of targets by the company they keep in lists: skip-gram with negative samples (Mikolov et al. 2013) that all
//! pairs of a batch share, so that nearly all of the work is products of matrices.

mod batch;
mod kernels;
mod pairs;

use rayon::prelude::*;

use self::batch::{BATCH, Batch, Chances, NEGATIVES, SHARD};
use self::kernels::step;
use self::pairs::Pairs;
use super::lists::{Cut, Lists};
use super::{Links, Size, Stopped, Vectors, Watch};
use crate::cpu::Level;
use crate::random::Random;

/// Parameters of [`skip_gram`].
#[derive(Clone, Debug)]
pub struct SkipGramSettings {
    /// Microseconds without a link after which a list ends.
    pub session_gap: Option<i64>,
    /// Numbers of a vector.
    pub dim: usize,
    /// Steps between the two of a pair, at most; `None`: any number. Without times it is not read.
    pub window: Option<usize>,
    /// Pairs drawn of each place and epoch where lists have no order, or the window no end.
    pub contexts: usize,
    /// What the negative samples of a pair count, together.
    pub negatives: usize,
    /// Negative samples are drawn by the number of links to this power.
    pub power: f64,
    /// Times that all pairs are met.
    pub epochs: usize,
    /// Length of the steps.
    pub lr: f64,
    /// Links of a target, at least; others have no vector, and are left out first.
    pub min_count: usize,
    /// Whether equal neighbours in a list become one.
    pub collapse: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for SkipGramSettings {
    fn default() -> SkipGramSettings {
        SkipGramSettings {
            session_gap: Some(30 * 60 * 1_000_000),
            dim: 64,
            window: Some(5),
            contexts: 10,
            negatives: 5,
            power: 0.5,
            epochs: 10,
            lr: 0.15,
            min_count: 5,
            collapse: true,
            seed: 0,
        }
    }
}

impl SkipGramSettings {
    /// Bytes that [`skip_gram`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let (dim, targets) = (self.dim.next_multiple_of(LANES) as u64, size.targets as u64);
        let tables = 2 * targets * (4 * dim + 4) + 2 * targets * 4 * self.dim as u64;
        let batch = (2 * BATCH + (BATCH / SHARD + 1) * NEGATIVES) as u64 * 4 * dim;
        tables + batch + 12 * size.links as u64 + 24 * targets + 8 * size.sources as u64
    }
}

/// The vectors that skip-gram learns, of the same targets.
#[derive(Clone, Debug, PartialEq)]
pub struct SkipGram {
    /// As the centre of a pair.
    pub input: Vectors,
    /// As what stands around a centre.
    pub output: Vectors,
}

/// Numbers of a vector are padded to a multiple of this.
const LANES: usize = 16;

/// What is drawn for different purposes is told apart by these.
const START: u64 = 1;
const ORDER: u64 = 2;
const SAMPLES: u64 = 3;

/// Learns vectors of the targets. The lists are the links of each source, in order of time, cut into sessions. With times
/// and a window, the pairs are all of two places at most so many steps apart, in both directions; else each place
/// draws `contexts` others of its list in every epoch.
///
/// The pairs of an epoch come in random order, 4,096 at a time, and share 128 negative samples. The loss of a pair is
/// −ln σ(v·o) − (`negatives`/128)·Σ ln σ(−v·n), samples equal to o left out; gradients are taken at the weights of the
/// batch's start, and applied row by row with one adaptive rate for each row (Adagrad). A target has vectors if it has
/// at least `min_count` links and is in a list with another.
///
/// # Errors
/// If the watch stops it.
pub fn skip_gram(
    links: &Links,
    p: &SkipGramSettings,
    watch: &dyn Watch,
) -> Result<SkipGram, Stopped> {
    let cut = Cut {
        session_gap: p.session_gap.filter(|_| links.times.is_some()),
        min_links: p.min_count,
        collapse: p.collapse,
        most: usize::MAX,
    };
    let lists = Lists::of(&Links { baskets: None, ..*links }, &cut);
    let window = p.window.filter(|_| links.times.is_some());
    let pairs = Pairs::of(&lists, window, p.contexts);
    let mut tables = Tables::start(links.targets, p);
    let chances = Chances::of(&lists, p.power);
    let mut batch = Batch::new(links.targets, p.dim);
    let mut drawn = Vec::new();
    let (all, counts) = (pairs.len(), p.negatives as f32 / NEGATIVES as f32);
    for epoch in 0..p.epochs as u64 {
        let order = pairs.order(p.seed, ORDER << 32 | epoch);
        for start in (0..all).step_by(BATCH) {
            let done = epoch * all + start;
            if !watch.go_on("pairs", done, all.saturating_mul(p.epochs as u64)) {
                return Err(Stopped);
            }
            let count = (all - start).min(BATCH as u64) as usize;
            let places = (0..count).into_par_iter().with_min_len(512);
            places.map(|at| order.pair(start + at as u64)).collect_into_vec(&mut drawn);
            batch.fill(&drawn);
            let mut random = Random::new(p.seed ^ SAMPLES << 56, done);
            batch.samples.draw(&chances, &tables.output, &mut random);
            batch.differentiate(&tables, counts);
            batch.apply(&mut tables, p.lr as f32);
        }
    }
    let has = pairs.members(links.targets);
    Ok(SkipGram {
        input: tables.input.vectors(p.dim, has.clone()),
        output: tables.output.vectors(p.dim, has),
    })
}

/// Rows of vectors, padded, with the sum of mean squared gradients that each has had.
struct Table {
    width: usize,
    rows: Vec<f32>,
    squares: Vec<f32>,
}

impl Table {
    fn row(&self, row: u32) -> &[f32] {
        &self.rows[row as usize * self.width..][..self.width]
    }

    fn step(&mut self, level: Level, row: u32, gradient: &[f32], (dim, lr): (usize, f32)) {
        let squares = &mut self.squares[row as usize];
        let row = &mut self.rows[row as usize * self.width..][..self.width];
        step(level, row, squares, gradient, dim, lr);
    }

    fn vectors(&self, dim: usize, has: Vec<bool>) -> Vectors {
        let mut rows = vec![0.0; has.len() * dim];
        for (row, to) in rows.chunks_exact_mut(dim.max(1)).enumerate().filter(|(row, _)| has[*row])
        {
            to.copy_from_slice(&self.row(row as u32)[..dim]);
        }
        Vectors { dim, rows, has }
    }
}

struct Tables {
    input: Table,
    output: Table,
}

impl Tables {
    fn start(targets: usize, p: &SkipGramSettings) -> Tables {
        let width = p.dim.next_multiple_of(LANES);
        let empty =
            || Table { width, rows: vec![0.0; targets * width], squares: vec![0.0; targets] };
        let (mut input, output) = (empty(), empty());
        input.rows.par_chunks_mut(width.max(1)).enumerate().for_each(|(row, to)| {
            let mut random = Random::new(p.seed ^ START << 56, row as u64);
            to[..p.dim].fill_with(|| ((random.unit() - 0.5) / p.dim as f64) as f32);
        });
        Tables { input, output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::testing::{World, same_bytes};

    #[test]
    fn what_keeps_company_is_near() {
        // targets 0..20 are listed together, and so are 20..40
        let mut random = Random::new(1, 1);
        let (mut offsets, mut ends) = (vec![0], Vec::new());
        for list in 0..400 {
            ends.extend((0..8).map(|_| random.below(20) + 20 * (list % 2)));
            offsets.push(ends.len() as u64);
        }
        let links = Links { offsets: &offsets, ends: &ends, targets: 41, ..Links::default() };
        let times: Vec<i64> = (0..ends.len() as i64).collect();
        let p = SkipGramSettings { dim: 8, ..SkipGramSettings::default() };
        for times in [None, Some(&times[..])] {
            let got = skip_gram(&Links { times, ..links }, &p, &Unwatched).unwrap();
            let cosine = |a: usize, b: usize| {
                let dot = |a: usize, b: usize| -> f32 {
                    got.input.row(a).iter().zip(got.input.row(b)).map(|(a, b)| a * b).sum()
                };
                dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
            };
            assert!(cosine(0, 1) > 0.8 && cosine(25, 39) > 0.8 && cosine(3, 33) < 0.3);
            assert!(!got.input.has[40] && got.output.row(40).iter().all(|x| *x == 0.0));
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(6);
        // a fifth of the sources is enough for some batches of many centres
        let offsets = &world.offsets[..600];
        let links = Links { offsets, ..world.links() };
        let timed = Links { times: Some(&world.times), ..links };
        let p = SkipGramSettings { dim: 20, epochs: 2, contexts: 2, ..SkipGramSettings::default() };
        same_bytes(|watch| skip_gram(&links, &p, watch));
        same_bytes(|watch| {
            skip_gram(&timed, &SkipGramSettings { window: Some(1), ..p.clone() }, watch)
        });
    }

    #[test]
    fn odd_lists_give_numbers() {
        for seed in 0..40 {
            let world = World::random(seed);
            let pick = |of: usize| seed as usize / of % 2;
            let p = SkipGramSettings {
                dim: 1 + pick(1) * 30,
                lr: [0.15, 100.0][pick(2)],
                min_count: 1 + pick(4),
                window: [Some(2), None][pick(8)],
                epochs: 3,
                collapse: pick(1) == 1,
                ..SkipGramSettings::default()
            };
            let times = [None, Some(&world.times[..])][pick(2)];
            let got = skip_gram(&Links { times, ..world.links() }, &p, &Unwatched).unwrap();
            for vectors in [got.input, got.output] {
                assert_eq!(vectors.rows.len(), world.targets * p.dim);
                assert!(vectors.rows.iter().all(|x| x.is_finite()));
            }
        }
    }

    #[test]
    fn a_list_of_very_many_places() {
        let ends: Vec<u32> = (0..50_000).map(|i| i % 1_000).collect();
        let offsets = [0, ends.len() as u64];
        let links = Links { offsets: &offsets, ends: &ends, targets: 1_000, ..Links::default() };
        let p = SkipGramSettings { dim: 4, epochs: 1, contexts: 1, ..SkipGramSettings::default() };
        let got = skip_gram(&links, &p, &Unwatched).unwrap();
        assert!(got.input.has.iter().all(|has| *has) && got.output.rows.iter().any(|x| *x != 0.0));
    }
}
