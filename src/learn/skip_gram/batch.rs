//! One step: the gradients of some thousand pairs that share their negative samples, at the weights as they are.

use rayon::prelude::*;

use super::super::lists::Lists;
use super::kernels::{Shape, add, add_products, attract, sigmoids};
use super::{LANES, Table, Tables};
use crate::cpu::Level;
use crate::random::Random;

/// Pairs of a batch.
pub const BATCH: usize = 4_096;
/// Negative samples of a batch.
pub const NEGATIVES: usize = 128;
/// Centres that are worked on together: a part of a batch that is the same whatever the threads.
pub const SHARD: usize = 64;
/// Targets with the chance to be drawn as a negative sample.
pub struct Chances {
    targets: Vec<u32>,
    /// The chance of each target and all before it.
    sums: Vec<f64>,
}

impl Chances {
    pub fn of(lists: &Lists, power: f64) -> Chances {
        let mut chances = Chances { targets: Vec::new(), sums: Vec::new() };
        let mut sum = 0.0;
        for (target, &count) in lists.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            sum += (count as f64).powf(power);
            chances.targets.push(target as u32);
            chances.sums.push(sum);
        }
        chances
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let at = random.unit() * self.sums.last().copied().unwrap_or(0.0);
        let place = self.sums.partition_point(|sum| *sum <= at);
        self.targets[place.min(self.targets.len() - 1)]
    }
}

/// The pairs of a step, and what is computed of them.
pub struct Batch {
    level: Level,
    dim: usize,
    width: usize,
    /// Centre and context of each pair as one number, in ascending order.
    pairs: Vec<u64>,
    /// Places in `pairs` where the pairs of each centre begin, and where the last ones end.
    centres: Vec<usize>,
    pub samples: Samples,
    /// Slope of each pair's loss by its product.
    slopes: Vec<f32>,
    /// Contexts with the places of their pairs as one number, in ascending order.
    by_context: Vec<u64>,
    shards: Vec<Shard>,
    gradient: Vec<f32>,
}

/// The negative samples of a batch.
pub struct Samples {
    targets: Vec<u32>,
    /// For each target, 1 + the last place where it is; 0: it was not drawn.
    last: Vec<u32>,
    /// For each place, the same for the place before of its target.
    before: Vec<u32>,
    /// Their vectors, as rows and as columns.
    rows: Vec<f32>,
    columns: Vec<f32>,
    gradients: Vec<f32>,
}

/// What is computed of some centres.
struct Shard {
    vectors: Vec<f32>,
    /// Slopes of the loss by the products with the samples.
    scores: Vec<f32>,
    gradients: Vec<f32>,
    /// Slopes of the pairs.
    slopes: Vec<f32>,
    of_samples: Vec<f32>,
}

impl Batch {
    pub fn new(targets: usize, dim: usize) -> Batch {
        let width = dim.next_multiple_of(LANES);
        let shard = || Shard {
            vectors: vec![0.0; SHARD * width],
            scores: vec![0.0; SHARD * NEGATIVES],
            gradients: vec![0.0; SHARD * width],
            slopes: Vec::new(),
            of_samples: vec![0.0; NEGATIVES * width],
        };
        Batch {
            level: Level::detect(),
            dim,
            width,
            pairs: Vec::new(),
            centres: Vec::new(),
            samples: Samples {
                targets: Vec::new(),
                last: vec![0; targets],
                before: Vec::new(),
                rows: vec![0.0; NEGATIVES * width],
                columns: vec![0.0; NEGATIVES * width],
                gradients: vec![0.0; NEGATIVES * width],
            },
            slopes: Vec::new(),
            by_context: Vec::new(),
            shards: (0..BATCH.div_ceil(SHARD)).map(|_| shard()).collect(),
            gradient: vec![0.0; width],
        }
    }

    /// Takes the pairs of a step; `None` is a pair that says nothing.
    pub fn fill(&mut self, drawn: &[Option<(u32, u32)>]) {
        let key = |&(centre, context): &(u32, u32)| u64::from(centre) << 32 | u64::from(context);
        self.pairs.clear();
        self.pairs.extend(drawn.iter().flatten().map(key));
        self.pairs.sort_unstable();
        self.centres.clear();
        let pairs = &self.pairs;
        let begins = |at: &usize| *at == 0 || pairs[*at] >> 32 != pairs[at - 1] >> 32;
        self.centres.extend((0..pairs.len()).filter(begins));
        self.centres.push(pairs.len());
        let key = |(place, pair): (usize, &u64)| pair << 32 | place as u64;
        self.by_context.clear();
        self.by_context.extend(pairs.iter().enumerate().map(key));
        self.by_context.sort_unstable();
    }

    /// Computes the slopes and gradients of the sum of all pairs' losses, at the weights as they are.
    pub fn differentiate(&mut self, tables: &Tables, counts: f32) {
        let Batch { pairs, centres, samples, shards, .. } = self;
        let (level, width) = (self.level, self.width);
        let bounds: Vec<&[usize]> = (0..centres.len() - 1)
            .step_by(SHARD)
            .map(|start| &centres[start..(start + SHARD + 1).min(centres.len())])
            .collect();
        let used = &mut shards[..bounds.len()];
        used.par_iter_mut().zip(bounds).for_each(|(shard, bounds)| {
            shard.differentiate(level, (pairs, bounds), samples, tables, counts);
        });
        self.slopes.clear();
        samples.gradients.fill(0.0);
        for shard in used {
            self.slopes.extend(&shard.slopes);
            add(level, &mut samples.gradients, 1.0, &shard.of_samples);
        }
        debug_assert!(self.slopes.len() == pairs.len() && samples.rows.len() == NEGATIVES * width);
    }

    /// The gradient of each output that has one, which is handed to `take`.
    fn outputs(&mut self, input: &Table, mut take: impl FnMut(u32, &[f32])) {
        let Batch { by_context, pairs, slopes, samples, gradient, level, .. } = self;
        let context = |key: &u64| (key >> 32) as u32;
        for same in by_context.chunk_by(|a, b| context(a) == context(b)) {
            gradient.fill(0.0);
            for &key in same {
                let place = key as u32 as usize;
                add(*level, gradient, slopes[place], input.row((pairs[place] >> 32) as u32));
            }
            // taken here, so that it is not met again below
            samples.add_to(*level, context(&same[0]), gradient);
            take(context(&same[0]), gradient);
        }
        for at in 0..samples.targets.len() {
            let target = samples.targets[at];
            if samples.last[target as usize] == at as u32 + 1 {
                gradient.fill(0.0);
                samples.add_to(*level, target, gradient);
                take(target, gradient);
            }
        }
    }

    /// The gradient of each input that has one, which is handed to `take`.
    fn inputs(&self, mut take: impl FnMut(u32, &[f32])) {
        let gradients = self.shards.iter().flat_map(|shard| shard.gradients.chunks(self.width));
        for (&start, gradient) in self.centres[..self.centres.len() - 1].iter().zip(gradients) {
            take((self.pairs[start] >> 32) as u32, gradient);
        }
    }

    /// A step against all gradients.
    pub fn apply(&mut self, tables: &mut Tables, lr: f32) {
        let Tables { input, output } = tables;
        let (level, dim) = (self.level, self.dim);
        self.outputs(input, |row, gradient| output.step(level, row, gradient, (dim, lr)));
        self.inputs(|row, gradient| input.step(level, row, gradient, (dim, lr)));
    }
}

impl Samples {
    pub fn draw(&mut self, chances: &Chances, output: &Table, random: &mut Random) {
        for target in self.targets.drain(..) {
            self.last[target as usize] = 0;
        }
        self.before.clear();
        let width = output.width;
        for at in 0..NEGATIVES {
            let target = chances.draw(random);
            self.targets.push(target);
            let last = &mut self.last[target as usize];
            self.before.push(std::mem::replace(last, at as u32 + 1));
            let row = output.row(target);
            self.rows[at * width..][..width].copy_from_slice(row);
            for (k, &value) in row.iter().enumerate() {
                self.columns[k * NEGATIVES + at] = value;
            }
        }
    }

    /// The places where a target is.
    fn places(&self, target: u32) -> impl Iterator<Item = usize> {
        let place = |last: u32| (last as usize).checked_sub(1);
        std::iter::successors(place(self.last[target as usize]), move |&at| place(self.before[at]))
    }

    /// Adds the gradients of a target as a sample, which is forgotten then.
    fn add_to(&mut self, level: Level, target: u32, gradient: &mut [f32]) {
        let width = gradient.len();
        for at in self.places(target) {
            add(level, gradient, 1.0, &self.gradients[at * width..][..width]);
        }
        self.last[target as usize] = 0;
    }
}

impl Shard {
    fn differentiate(
        &mut self,
        level: Level,
        (pairs, bounds): (&[u64], &[usize]),
        samples: &Samples,
        tables: &Tables,
        counts: f32,
    ) {
        let (centres, width) = (bounds.len() - 1, tables.input.width);
        for (&start, to) in bounds.iter().zip(self.vectors.chunks_exact_mut(width)) {
            if start < bounds[centres] {
                to.copy_from_slice(tables.input.row((pairs[start] >> 32) as u32));
            }
        }
        self.scores.fill(0.0);
        let shape = Shape { rows: centres, depth: width, width: NEGATIVES };
        add_products(level, &self.vectors, (width, 1), &samples.columns, shape, &mut self.scores);
        sigmoids(level, &mut self.scores);
        for (bounds, scores) in bounds.windows(2).zip(self.scores.chunks_exact_mut(NEGATIVES)) {
            let all = counts * (bounds[1] - bounds[0]) as f32;
            let mut factors = [all; NEGATIVES];
            for &pair in &pairs[bounds[0]..bounds[1]] {
                samples.places(pair as u32).for_each(|at| factors[at] -= counts);
            }
            scores.iter_mut().zip(&factors).for_each(|(score, factor)| *score *= factor);
        }
        self.gradients.fill(0.0);
        let shape = Shape { rows: centres, depth: NEGATIVES, width };
        let (scores, gradients) = (&self.scores, &mut self.gradients);
        add_products(level, scores, (NEGATIVES, 1), &samples.rows, shape, gradients);
        self.of_samples.fill(0.0);
        let shape = Shape { rows: NEGATIVES, depth: centres, width };
        let of_samples = &mut self.of_samples;
        add_products(level, scores, (1, NEGATIVES), &self.vectors, shape, of_samples);
        self.slopes.clear();
        let rows = self.vectors.chunks_exact(width).zip(self.gradients.chunks_exact_mut(width));
        for (bounds, (vector, gradient)) in bounds.windows(2).zip(rows) {
            for &pair in &pairs[bounds[0]..bounds[1]] {
                let slope = attract(level, vector, tables.output.row(pair as u32), gradient);
                self.slopes.push(slope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SkipGramSettings;
    use super::*;

    /// The loss of a batch, by the definition.
    fn loss(batch: &Batch, tables: &Tables, negatives: f64) -> f64 {
        let product = |v: u32, o: u32| -> f64 {
            let (v, o) = (tables.input.row(v), tables.output.row(o));
            v.iter().zip(o).map(|(v, o)| f64::from(*v) * f64::from(*o)).sum()
        };
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let of_pair = |&pair: &u64| {
            let (centre, context) = ((pair >> 32) as u32, pair as u32);
            let samples = batch.samples.targets.iter().filter(|sample| **sample != context);
            let pushed: f64 = samples.map(|&sample| softplus(product(centre, sample))).sum();
            softplus(-product(centre, context)) + negatives / NEGATIVES as f64 * pushed
        };
        batch.pairs.iter().map(of_pair).sum()
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let (targets, dim) = (80, 3);
        let p = SkipGramSettings { dim, ..SkipGramSettings::default() };
        let mut random = Random::new(3, 3);
        let mut tables = Tables::start(targets, &p);
        for table in [&mut tables.input, &mut tables.output] {
            let rows = table.rows.chunks_mut(LANES);
            rows.for_each(|row| row[..dim].fill_with(|| random.normal() as f32));
        }
        // targets 60 and above are in no pair, samples are drawn from 50 on: some are contexts as well
        let pair = |random: &mut Random| (random.below(60), random.below(60));
        let mut drawn: Vec<_> = (0..150).map(|_| Some(pair(&mut random))).collect();
        drawn.extend([None, Some((7, 7)), drawn[0], drawn[0]]);
        let mut batch = Batch::new(targets, dim);
        batch.fill(&drawn);
        let chances = Chances {
            targets: (50..targets as u32).collect(),
            sums: (1..=30).map(f64::from).collect(),
        };
        batch.samples.draw(&chances, &tables.output, &mut random);
        batch.differentiate(&tables, 5.0 / NEGATIVES as f32);
        let (mut of_inputs, mut of_outputs) = (vec![0.0; targets * dim], vec![0.0; targets * dim]);
        batch.inputs(|row, g| of_inputs[row as usize * dim..][..dim].copy_from_slice(&g[..dim]));
        batch.outputs(&tables.input, |row, g| {
            let to = &mut of_outputs[row as usize * dim..][..dim];
            assert!(to.iter().all(|x| *x == 0.0), "row {row} twice");
            to.copy_from_slice(&g[..dim]);
        });
        assert!(of_outputs[70 * dim..].iter().any(|x| *x != 0.0));
        for (side, gradients) in [of_inputs, of_outputs].into_iter().enumerate() {
            for (at, gradient) in gradients.into_iter().enumerate() {
                let mut shifted = |by: f32| {
                    let table = if side == 0 { &mut tables.input } else { &mut tables.output };
                    let value = &mut table.rows[at / dim * LANES + at % dim];
                    let before = std::mem::replace(value, *value + by);
                    let step = f64::from(*value) - f64::from(before);
                    let loss = loss(&batch, &tables, 5.0);
                    let table = if side == 0 { &mut tables.input } else { &mut tables.output };
                    table.rows[at / dim * LANES + at % dim] = before;
                    (loss, step)
                };
                let (up, down) = (shifted(1e-2), shifted(-1e-2));
                let slope = (up.0 - down.0) / (up.1 - down.1);
                let error = (slope - f64::from(gradient)).abs();
                assert!(error < 2e-3 * (1.0 + slope.abs()), "{side} {at}: {gradient} {slope}");
            }
        }
    }
}
