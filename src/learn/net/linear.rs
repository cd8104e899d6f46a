//! Logistic and linear regression over inputs and one-hot ids, by L-BFGS in 64 bits.

use super::Watch;
use super::blocks::{Reader, Ready};
use super::fitted::FittedHead;
use super::inputs::{Encoded, Inputs, UNSEEN};
use super::labels::Among;
use super::metrics::logistic;
use super::table::{Head, Target};
use super::wrong::{Note, Wrong};
use crate::learn::lbfgs::minimise;
use rayon::prelude::*;

/// It ends when no entry of the gradient, per example, is larger.
const SMALL: f64 = 1e-6;
/// Rows whose gradient is added up by itself.
const CHUNK: usize = 1024;

/// What a linear model is trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearParams {
    /// Half of it times the squared weights, without the bias, is added to the summed loss.
    pub l2: f64,
}

impl Default for LinearParams {
    fn default() -> LinearParams {
        LinearParams { l2: 1.0 }
    }
}

/// The weights of a linear model, of all heads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linear {
    /// How many heads.
    pub heads: usize,
    /// Per head, one number.
    pub bias: Vec<f32>,
    /// Per head, a weight for each dense input.
    pub dense: Vec<Vec<f32>>,
    /// Per sparse feature, for each row of its table one weight per head.
    pub ids: Vec<Vec<f32>>,
    /// Per shown column, for each of its values one weight per head.
    pub shown: Vec<Vec<f32>>,
}

impl Linear {
    /// The logits of rows `from..to`, for each row one per head.
    pub fn score(&self, encoded: &Encoded, from: usize, to: usize, out: &mut [f32]) {
        for (row, logits) in (from..to).zip(out.chunks_exact_mut(self.heads.max(1))) {
            for (head, logit) in logits.iter_mut().enumerate() {
                let weights = &self.dense[head];
                let dense = dot(&encoded.numbers(row)[..weights.len()], weights);
                *logit = (f64::from(self.bias[head]) + dense + self.looked_up(encoded, row, head))
                    as f32;
            }
        }
    }

    fn looked_up(&self, encoded: &Encoded, row: usize, head: usize) -> f64 {
        let mut sum = 0.0;
        for (ids, weights) in encoded.ids.iter().zip(&self.ids) {
            let rows = ids.of(row);
            let all = rows.iter().map(|&id| f64::from(weights[id as usize * self.heads + head]));
            sum += all.sum::<f64>() / rows.len() as f64;
        }
        for (codes, weights) in encoded.shown.iter().zip(&self.shown) {
            if codes[row] != UNSEEN {
                sum += f64::from(weights[codes[row] as usize * self.heads + head]);
            }
        }
        sum
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Where the weights of one head lie among the variables of its problem.
#[derive(Clone)]
struct Places {
    dense: usize,
    ids: Vec<usize>,
    shown: Vec<usize>,
    /// The last one.
    bias: usize,
}

impl Places {
    fn new(inputs: &Inputs) -> Places {
        let dense = inputs.width();
        let mut next = dense;
        let mut take = |n: usize| {
            next += n;
            next - n
        };
        let ids = inputs.sparse.iter().map(|sparse| take(sparse.rows())).collect();
        let shown = inputs.shown.iter().map(|shown| take(shown.values.len())).collect();
        Places { dense, ids, shown, bias: next }
    }
}

/// Trains one model per head; those that are not trained give their base rate.
pub(super) fn fit(
    reader: &Reader<'_>,
    among: Among,
    heads: &[Head],
    fitted: &[FittedHead],
    params: &LinearParams,
    watch: &dyn Watch,
) -> Result<(Linear, Vec<Note>), Wrong> {
    if !(params.l2 >= 0.0 && params.l2.is_finite()) {
        return Err(Wrong::Parameter { name: "l2", expected: "0 or more" });
    }
    let places = Places::new(reader.encoder.inputs());
    let mut linear = empty(reader.encoder.inputs(), heads.len());
    let mut notes = Vec::new();
    for (number, head) in heads.iter().enumerate() {
        let facts = fitted[number].facts.among(among);
        if !fitted[number].trained {
            linear.bias[number] =
                if head.target == Target::Value { 0.0 } else { facts.base_logit() as f32 };
            continue;
        }
        let scale = Scale { mean: fitted[number].mean, deviation: fitted[number].deviation };
        let problem = Problem {
            reader,
            among,
            places: &places,
            head: number,
            target: head.target,
            scale,
            l2: params.l2,
        };
        let mut start = vec![0.0; places.bias + 1];
        if head.target != Target::Value {
            start[places.bias] = facts.base_logit();
        }
        let curvature = problem.curvature(facts.mean)?;
        let small = SMALL * facts.examples as f64;
        let found = minimise(start, &curvature, small, ("linear", watch), |at| problem.at(at))?;
        if !found.converged {
            let gradient = found.gradient / facts.examples as f64;
            notes.push(Note::NotConverged {
                head: head.name.clone(),
                steps: found.steps,
                gradient,
            });
        }
        linear.take(number, &found.at, &places);
    }
    Ok((linear, notes))
}

/// One whose weights are all 0.
pub(super) fn empty(inputs: &Inputs, heads: usize) -> Linear {
    Linear {
        heads,
        bias: vec![0.0; heads],
        dense: vec![vec![0.0; inputs.width()]; heads],
        ids: inputs.sparse.iter().map(|sparse| vec![0.0; sparse.rows() * heads]).collect(),
        shown: inputs.shown.iter().map(|shown| vec![0.0; shown.values.len() * heads]).collect(),
    }
}

impl Linear {
    fn take(&mut self, head: usize, at: &[f64], places: &Places) {
        self.bias[head] = at[places.bias] as f32;
        self.dense[head] = at[..places.dense].iter().map(|&w| w as f32).collect();
        let heads = self.heads;
        let tables =
            self.ids.iter_mut().zip(&places.ids).chain(self.shown.iter_mut().zip(&places.shown));
        for (table, &first) in tables {
            for (row, weights) in table.chunks_exact_mut(heads).enumerate() {
                weights[head] = at[first + row] as f32;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Scale {
    mean: f64,
    deviation: f64,
}

/// The loss of one head, as a function of its weights.
struct Problem<'a> {
    reader: &'a Reader<'a>,
    among: Among,
    places: &'a Places,
    head: usize,
    target: Target,
    scale: Scale,
    l2: f64,
}

impl Problem<'_> {
    /// Loss and gradient.
    fn at(&self, at: &[f64]) -> Result<(f64, Vec<f64>), Wrong> {
        let mut gradient: Vec<f64> = at.iter().map(|w| self.l2 * w).collect();
        gradient[self.places.bias] = 0.0;
        let squares: f64 = at[..self.places.bias].iter().map(|w| w * w).sum();
        let mut loss = self.l2 / 2.0 * squares;
        for number in 0..self.reader.blocks() {
            let block = self.reader.block(number, 0)?;
            let rows: Vec<u32> = block.rows(self.among).map(|row| row as u32).collect();
            let mut errors = vec![0.0; rows.len()];
            let chunks = rows.par_chunks(CHUNK).zip(errors.par_chunks_mut(CHUNK));
            let parts: Vec<(f64, Vec<f64>)> =
                chunks.map(|(rows, errors)| self.chunk(at, &block, rows, errors)).collect();
            for (part, dense) in parts {
                loss += part;
                gradient.iter_mut().zip(&dense).for_each(|(sum, part)| *sum += part);
            }
            gradient[self.places.bias] += errors.iter().sum::<f64>();
            self.scatter(&block, &rows, &errors, &mut gradient);
        }
        Ok((loss, gradient))
    }

    /// The second derivative by each weight alone, where all examples are predicted to have the mean label. Steps
    /// are measured by it: weights of rare ids and the bias differ by orders of magnitude.
    fn curvature(&self, mean: f64) -> Result<Vec<f64>, Wrong> {
        let each = if self.target == Target::Value { 1.0 } else { mean * (1.0 - mean) };
        let mut curvature = vec![0.0; self.places.bias + 1];
        for number in 0..self.reader.blocks() {
            let block = self.reader.block(number, 0)?;
            let labelled = |row: &usize| !block.labels(*row)[self.head].is_nan();
            for row in block.rows(self.among).filter(labelled) {
                let weight = f64::from(block.weights[row]);
                for (sum, &x) in
                    curvature[..self.places.dense].iter_mut().zip(block.encoded.numbers(row))
                {
                    *sum += weight * f64::from(x) * f64::from(x);
                }
                curvature[self.places.bias] += weight;
                self.count(&block.encoded, row, weight, &mut curvature);
            }
        }
        Ok(curvature.into_iter().map(|sum| (each * sum + self.l2).max(1e-9)).collect())
    }

    fn count(&self, encoded: &Encoded, row: usize, weight: f64, curvature: &mut [f64]) {
        for (ids, &first) in encoded.ids.iter().zip(&self.places.ids) {
            let rows = ids.of(row);
            let share = weight / (rows.len() * rows.len()) as f64;
            rows.iter().for_each(|&id| curvature[first + id as usize] += share);
        }
        for (codes, &first) in encoded.shown.iter().zip(&self.places.shown) {
            if codes[row] != UNSEEN {
                curvature[first + codes[row] as usize] += weight;
            }
        }
    }

    /// Loss, errors, and the gradient by the dense weights, of some rows.
    fn chunk(
        &self,
        at: &[f64],
        block: &Ready,
        rows: &[u32],
        errors: &mut [f64],
    ) -> (f64, Vec<f64>) {
        let dense = &at[..self.places.dense];
        let mut gradient = vec![0.0; dense.len()];
        let mut loss = 0.0;
        for (&row, error) in rows.iter().zip(errors) {
            let row = row as usize;
            let label = f64::from(block.labels(row)[self.head]);
            let weight = f64::from(block.weights[row]);
            if label.is_nan() || weight == 0.0 {
                continue;
            }
            let numbers = &block.encoded.numbers(row)[..dense.len()];
            let score = at[self.places.bias]
                + wide_dot(numbers, dense)
                + self.looked_up(at, &block.encoded, row);
            let (own, slope) = self.loss(score, label);
            loss += weight * own;
            *error = weight * slope;
            gradient.iter_mut().zip(numbers).for_each(|(sum, &x)| *sum += *error * f64::from(x));
        }
        (loss, gradient)
    }

    fn loss(&self, score: f64, label: f64) -> (f64, f64) {
        match self.target {
            Target::Value => {
                let apart = score - (label - self.scale.mean) / self.scale.deviation;
                (apart * apart / 2.0, apart)
            }
            _ => logistic(score, label),
        }
    }

    fn looked_up(&self, at: &[f64], encoded: &Encoded, row: usize) -> f64 {
        let mut sum = 0.0;
        for (ids, &first) in encoded.ids.iter().zip(&self.places.ids) {
            let rows = ids.of(row);
            sum += rows.iter().map(|&id| at[first + id as usize]).sum::<f64>() / rows.len() as f64;
        }
        for (codes, &first) in encoded.shown.iter().zip(&self.places.shown) {
            if codes[row] != UNSEEN {
                sum += at[first + codes[row] as usize];
            }
        }
        sum
    }

    /// Adds the errors to the gradient by what is looked up: each column by itself, its rows in order.
    fn scatter(&self, block: &Ready, rows: &[u32], errors: &[f64], gradient: &mut [f64]) {
        let encoded = &block.encoded;
        for (ids, &first) in encoded.ids.iter().zip(&self.places.ids) {
            for (&row, error) in rows.iter().zip(errors) {
                let ids = ids.of(row as usize);
                let share = error / ids.len() as f64;
                ids.iter().for_each(|&id| gradient[first + id as usize] += share);
            }
        }
        for (codes, &first) in encoded.shown.iter().zip(&self.places.shown) {
            for (&row, error) in rows.iter().zip(errors) {
                if codes[row as usize] != UNSEEN {
                    gradient[first + codes[row as usize] as usize] += error;
                }
            }
        }
    }
}

/// A dot product in eight lanes.
fn wide_dot(a: &[f32], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_whole, b_whole) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 =
        a_whole.remainder().iter().zip(b_whole.remainder()).map(|(&a, b)| f64::from(a) * b).sum();
    for (a, b) in a_whole.zip(b_whole) {
        for lane in 0..8 {
            lanes[lane] += f64::from(a[lane]) * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::super::inputs::{Encoder, InputParams};
    use super::super::labels::facts;
    use super::super::table::Table;
    use super::super::testing::world;
    use super::*;
    use crate::learn::Unwatched;

    fn fitted(table: &Table, l2: f64) -> (Linear, Vec<Note>) {
        let inputs =
            Inputs::fit(table, Among::Train, &InputParams::default(), &Unwatched).unwrap().0;
        let encoder = Encoder::new(inputs);
        let reader = Reader::new(table, &encoder, usize::MAX);
        let facts = facts(table, &Unwatched).unwrap();
        let heads = &table.layout.heads;
        let fitted = heads
            .iter()
            .zip(&facts)
            .map(|(head, facts)| FittedHead::new(head, facts, true, Among::Train));
        let fitted: Vec<FittedHead> = fitted.collect();
        fit(&reader, Among::Train, heads, &fitted, &LinearParams { l2 }, &Unwatched).unwrap()
    }

    #[test]
    fn gradients_are_finite_differences() {
        let table = world(200, 3);
        let inputs =
            Inputs::fit(&table, Among::Train, &InputParams::default(), &Unwatched).unwrap().0;
        let encoder = Encoder::new(inputs);
        let reader = Reader::new(&table, &encoder, 0);
        let places = Places::new(encoder.inputs());
        for (head, target) in [Target::Binary, Target::Soft, Target::Value].into_iter().enumerate()
        {
            let scale = Scale { mean: 90.0, deviation: 7.0 };
            let problem = Problem {
                reader: &reader,
                among: Among::Train,
                places: &places,
                head,
                target,
                scale,
                l2: 0.3,
            };
            let at: Vec<f64> =
                (0..=places.bias).map(|i| ((i * 37) % 11) as f64 / 20.0 - 0.2).collect();
            let gradient = problem.at(&at).unwrap().1;
            for place in 0..at.len() {
                let shifted = |by: f64| {
                    let mut at = at.clone();
                    at[place] += by;
                    problem.at(&at).unwrap().0
                };
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!(
                    (difference - gradient[place]).abs() < 1e-4,
                    "{head} {place}: {difference} {}",
                    gradient[place]
                );
            }
        }
    }

    #[test]
    fn the_minimum_is_found_whatever_the_threads() {
        let table = world(2_000, 4);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (first, notes) = one.install(|| fitted(&table, 1.0));
        assert!(notes.is_empty(), "{notes:?}");
        for threads in [2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| fitted(&table, 1.0)).0, first);
        }
    }

    #[test]
    fn strong_regularisation_leaves_the_base_rate() {
        let table = world(2_000, 5);
        let base = facts(&table, &Unwatched).unwrap()[0].train.base_logit();
        let (linear, _) = fitted(&table, 1e9);
        assert!((f64::from(linear.bias[0]) - base).abs() < 1e-3);
        assert!(linear.dense[0].iter().all(|w| w.abs() < 1e-4));
    }
}
