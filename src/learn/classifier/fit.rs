//! The minimum of the penalised log loss on some rows.

use rayon::prelude::*;

use super::{Classifier, Labelled};
use crate::cpu::{Level, for_each_level};
use crate::learn::dense::{DEPTH, add_rows, product};
use crate::learn::lbfgs::{Minimum, minimise};
use crate::learn::{Stopped, Watch};

/// It ends when no entry of the gradient of the mean loss is larger.
const SMALL: f64 = 1e-6;
/// Parts that a sum over rows is cut into, at most, whatever the threads.
const SHARDS: usize = 16;
/// Rows that are worth a part.
const SHARD: usize = 256;
/// Rows whose logits are made at once.
const STEP: usize = 64;

/// A row with a class and a vector.
#[derive(Clone, Copy)]
pub struct Example {
    pub row: u32,
    pub class: u32,
    pub fold: u8,
}

/// The rows of each shard.
fn shards(rows: &[Example]) -> impl IndexedParallelIterator<Item = &[Example]> {
    let shards = rows.len().div_ceil(SHARD).clamp(1, SHARDS);
    let start = move |shard: usize| rows.len() * shard / shards;
    (0..shards).into_par_iter().map(move |shard| &rows[start(shard)..start(shard + 1)])
}

/// What each number of a vector is scaled by.
pub struct Scaling {
    pub mean: Vec<f32>,
    /// 0 where all rows have one number.
    pub deviation: Vec<f32>,
}

impl Scaling {
    pub fn of(labelled: &Labelled, rows: &[Example]) -> Scaling {
        let count = rows.len().max(1) as f64;
        let mean_of = |term: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let parts: Vec<Vec<f64>> = shards(rows)
                .map(|rows| {
                    let mut sums = vec![0.0; labelled.dim];
                    for row in rows {
                        let numbers = labelled.vector(row.row).iter().enumerate();
                        sums.iter_mut()
                            .zip(numbers)
                            .for_each(|(sum, (at, &x))| *sum += term(at, x.into()));
                    }
                    sums
                })
                .collect();
            let mut means = vec![0.0; labelled.dim];
            for part in parts {
                means.iter_mut().zip(part).for_each(|(mean, sum)| *mean += sum / count);
            }
            means
        };
        let mean = mean_of(&|_, x| x);
        let variance = mean_of(&|at, x| (x - mean[at]) * (x - mean[at]));
        let first = rows.first().map_or(&[][..], |row| labelled.vector(row.row));
        let varies = mean_of(&|at, x| f64::from(u8::from(x != f64::from(first[at]))));
        // equal numbers may differ from their mean by rounding
        let deviation = variance
            .iter()
            .zip(varies)
            .map(|(variance, share)| if share > 0.0 { variance.sqrt() as f32 } else { 0.0 });
        Scaling { deviation: deviation.collect(), mean: mean.iter().map(|&x| x as f32).collect() }
    }

    /// Whether no number varies.
    pub fn is_constant(&self) -> bool {
        self.deviation.iter().all(|&deviation| deviation == 0.0)
    }
}

/// A vector's numbers, scaled: those that do not vary are 0.
pub fn scale(vector: &[f32], mean: &[f32], deviation: &[f32], to: &mut [f64]) {
    for (to, (&x, (&mean, &deviation))) in
        to.iter_mut().zip(vector.iter().zip(mean.iter().zip(deviation)))
    {
        let apart = f64::from(x) - f64::from(mean);
        *to = if deviation > 0.0 { apart / f64::from(deviation) } else { 0.0 };
    }
}

/// The penalised loss on some rows, as a function of weights: for each number of a vector, and behind them for the
/// bias, one per class, with zeros up to `width`.
pub struct Problem<'a> {
    pub labelled: &'a Labelled<'a>,
    pub rows: &'a [Example],
    pub scaling: &'a Scaling,
    pub l2: f64,
    level: Level,
    width: usize,
}

impl<'a> Problem<'a> {
    pub fn new(
        labelled: &'a Labelled<'a>,
        rows: &'a [Example],
        scaling: &'a Scaling,
        l2: f64,
    ) -> Problem<'a> {
        let width = width(labelled.class_count);
        Problem { labelled, rows, scaling, l2, level: Level::detect(), width }
    }

    /// Where the minimum is, looked for from weights of another problem that differs in `l2` alone, or from those of
    /// the classes' shares.
    pub fn solve(&self, start: Option<&[f64]>, watch: &dyn Watch) -> Result<Minimum, Stopped> {
        let shares = self.shares();
        let start = match start {
            Some(start) => start.to_vec(),
            None => {
                let mut start = vec![0.0; self.biases() + self.width];
                let biases = start[self.biases()..].iter_mut().zip(&shares);
                biases.for_each(|(bias, share)| *bias = libm::log(*share));
                start
            }
        };
        let curvature = self.curvature(&shares);
        minimise(start, &curvature, SMALL, ("classes", watch), |at| Ok(self.at(at)))
    }

    /// Where the biases begin.
    fn biases(&self) -> usize {
        self.labelled.dim * self.width
    }

    /// The share of each class, as if each had half a row more.
    fn shares(&self) -> Vec<f64> {
        let mut counts = vec![0.5; self.labelled.class_count];
        self.rows.iter().for_each(|row| counts[row.class as usize] += 1.0);
        let all: f64 = counts.iter().sum();
        counts.iter().map(|count| count / all).collect()
    }

    /// The second derivative by each weight alone, where all rows are predicted to have the classes' shares: the
    /// square of a scaled number is 1 on average.
    fn curvature(&self, shares: &[f64]) -> Vec<f64> {
        let mut curvature = vec![1.0; self.biases() + self.width];
        for (number, of_number) in curvature.chunks_exact_mut(self.width).enumerate() {
            let l2 = if number < self.labelled.dim { self.l2 } else { 0.0 };
            for (to, share) in of_number.iter_mut().zip(shares) {
                *to = share * (1.0 - share) + l2;
            }
        }
        curvature
    }

    /// Loss and gradient.
    pub fn at(&self, at: &[f64]) -> (f64, Vec<f64>) {
        let count = self.rows.len() as f64;
        let parts: Vec<(f64, Vec<f64>)> =
            shards(self.rows).map(|rows| self.shard(at, rows)).collect();
        let (weights, biases) = (&at[..self.biases()], vec![0.0; self.width]);
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let mut loss = self.l2 / 2.0 * squares;
        let mut gradient: Vec<f64> = weights.iter().map(|weight| self.l2 * weight).collect();
        gradient.extend(biases);
        for (part, of_part) in parts {
            loss += part / count;
            gradient.iter_mut().zip(of_part).for_each(|(to, sum)| *to += sum / count);
        }
        (loss, gradient)
    }

    /// Summed loss and its gradient on some rows.
    fn shard(&self, at: &[f64], rows: &[Example]) -> (f64, Vec<f64>) {
        let (inputs, width) = (self.labelled.dim + 1, self.width);
        let (mut loss, mut gradient) = (0.0, vec![0.0; at.len()]);
        let (mut scaled, mut logits) = (vec![0.0; STEP * inputs], vec![0.0; STEP * width]);
        let Scaling { mean, deviation } = self.scaling;
        for rows in rows.chunks(STEP) {
            let padded = rows.len().next_multiple_of(DEPTH);
            let (scaled, logits) = (&mut scaled[..padded * inputs], &mut logits[..padded * width]);
            scaled.fill(0.0);
            for (row, to) in rows.iter().zip(scaled.chunks_exact_mut(inputs)) {
                scale(self.labelled.vector(row.row), mean, deviation, to);
                to[inputs - 1] = 1.0;
            }
            product(self.level, scaled, inputs, at, width, logits);
            let (errors, none) = logits.split_at_mut(rows.len() * width);
            for (row, logits) in rows.iter().zip(errors.chunks_exact_mut(width)) {
                loss += differentiate(logits, self.labelled.class_count, row.class as usize);
            }
            none.fill(0.0);
            add_products(self.level, scaled, logits, (inputs, width), &mut gradient);
        }
        (loss, gradient)
    }

    /// The classifier of some weights.
    pub fn classifier(&self, at: &[f64]) -> Classifier {
        let (dim, classes) = (self.labelled.dim, self.labelled.class_count);
        let weight = |class: usize, number: usize| at[number * self.width + class] as f32;
        let biases = &at[self.biases()..][..classes];
        // a number added to all of them changes nothing
        let middle = biases.iter().sum::<f64>() / classes as f64;
        Classifier {
            dim,
            classes,
            weights: (0..classes * dim).map(|at| weight(at / dim, at % dim)).collect(),
            bias: biases.iter().map(|bias| (bias - middle) as f32).collect(),
            mean: self.scaling.mean.clone(),
            deviation: self.scaling.deviation.clone(),
        }
    }
}

/// Classes, with those that fill whole registers.
pub fn width(classes: usize) -> usize {
    classes.next_multiple_of(8)
}

/// The log loss of logits, which become its derivatives; numbers behind the last class become 0.
fn differentiate(logits: &mut [f64], classes: usize, class: usize) -> f64 {
    let (logits, none) = logits.split_at_mut(classes);
    none.fill(0.0);
    let most = logits.iter().fold(f64::NEG_INFINITY, |most, &logit| most.max(logit));
    let own = logits[class] - most;
    logits.iter_mut().for_each(|logit| *logit = libm::exp(*logit - most));
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|logit| *logit /= sum);
    logits[class] -= 1.0;
    libm::log(sum) - own
}

/// `to += leftᵀ·right`, the rows of both in their order, which are a multiple of [`DEPTH`].
#[inline(always)]
fn add_products_body(left: &[f64], right: &[f64], (inputs, width): (usize, usize), to: &mut [f64]) {
    for (left, right) in left.chunks_exact(DEPTH * inputs).zip(right.chunks_exact(DEPTH * width)) {
        for (number, to) in to.chunks_exact_mut(width).enumerate() {
            let mut factors = [0.0; DEPTH];
            for row in 0..DEPTH {
                factors[row] = left[row * inputs + number];
            }
            add_rows(to, &factors, right, (0, width));
        }
    }
}

for_each_level!(
    fn add_products(left: &[f64], right: &[f64], shape: (usize, usize), to: &mut [f64]),
    add_products_body
);
