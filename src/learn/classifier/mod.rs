//! The class of a row from its vector alone: multinomial logistic regression (Hastie, Tibshirani and Friedman, section
//! 4.4), with what it reaches on rows that it was not fitted to.

mod fit;
mod metrics;
mod search;
mod wrong;

pub use self::metrics::ClassMetrics;
pub use self::wrong::ClassifierWrong;

use self::fit::{Example, scale, width};
use self::search::Search;
use super::Watch;
use crate::cpu::{Level, for_each_level};
use crate::learn::dense::dot;

/// Folds of a cross-validation.
pub const FOLDS: usize = 5;

/// The penalties that are tried, the strongest first.
pub const PENALTIES: [f64; 5] = [10.0, 1.0, 0.1, 0.01, 0.001];

/// Rows with a class, and vectors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labelled<'a> {
    /// A vector for each row, row-major.
    pub vectors: &'a [f32],
    /// Numbers of a vector.
    pub dim: usize,
    /// Whether each row has a vector.
    pub has: &'a [bool],
    /// Numbers of the rows that have a class; those without a vector are left out.
    pub rows: &'a [u32],
    /// The class of each of these rows, from 0.
    pub classes: &'a [u32],
    /// The fold of each of these rows, below [`FOLDS`].
    pub folds: &'a [u8],
    /// How many classes there are.
    pub class_count: usize,
}

impl Labelled<'_> {
    fn vector(&self, row: u32) -> &[f32] {
        &self.vectors[row as usize * self.dim..][..self.dim]
    }
}

/// Parameters of [`classifier`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ClassifierSettings {
    /// Half of it times the squared weights, without the biases, is added to the mean log loss of the rows: it is 1 /
    /// (C·rows) with the C of scikit-learn. `None`: that of [`PENALTIES`] with the least log loss on rows that were
    /// left out.
    pub l2: Option<f64>,
}

impl ClassifierSettings {
    /// Bytes that [`classifier`] holds at most beside what it is given, from the number of rows with a class.
    pub fn bytes(&self, rows: usize, dim: usize, classes: usize) -> u64 {
        let weights = (dim as u64 + 1) * width(classes) as u64;
        let fits = self.l2.map_or(PENALTIES.len() as u64, |_| 1) * (FOLDS as u64 + 2);
        // examples of all parts; sums of shards, the optimiser's memory, and the fits
        (FOLDS as u64 + 3) * 12 * rows as u64 + (16 + 32) * 8 * weights + 12 * fits * weights
    }
}

/// Predicts classes from vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classifier {
    /// Numbers of a vector.
    pub dim: usize,
    /// How many classes there are.
    pub classes: usize,
    /// For each class a weight of each number, row-major.
    pub weights: Vec<f32>,
    /// For each class one number; their mean is 0.
    pub bias: Vec<f32>,
    /// The mean of each number of a vector; it is subtracted first.
    pub mean: Vec<f32>,
    /// The standard deviation of each number, which it is divided by then; 0: it did not vary, and is not read.
    pub deviation: Vec<f32>,
}

/// What [`Classifier::predict`] reuses from one vector to the next.
#[derive(Clone, Debug, Default)]
pub struct ClassScratch {
    scaled: Vec<f64>,
    logits: Vec<f64>,
}

impl Classifier {
    /// Whether the numbers are as many as they must be, and finite.
    pub fn fits_together(&self) -> bool {
        let finite = |numbers: &[f32]| numbers.iter().all(|x| x.is_finite());
        self.classes > 0
            && Some(self.weights.len()) == self.classes.checked_mul(self.dim)
            && self.bias.len() == self.classes
            && self.mean.len() == self.dim
            && self.deviation.len() == self.dim
            && [&self.weights, &self.bias, &self.mean, &self.deviation].iter().all(|x| finite(x))
    }

    /// The most probable class of a vector, ties to the lower one, and its probability; `None` if a number of the
    /// vector is not finite.
    ///
    /// # Panics
    /// If the vector has not `dim` numbers.
    pub fn predict(&self, vector: &[f32], scratch: &mut ClassScratch) -> Option<(u32, f32)> {
        assert!(vector.len() == self.dim);
        if !vector.iter().all(|x| x.is_finite()) {
            return None;
        }
        let logits = self.logits(vector, scratch);
        let best = best(logits);
        let sum: f64 = logits.iter().map(|logit| libm::exp(logit - logits[best])).sum();
        Some((best as u32, (1.0 / sum) as f32))
    }

    /// The logits of all classes.
    fn logits<'s>(&self, vector: &[f32], scratch: &'s mut ClassScratch) -> &'s [f64] {
        let ClassScratch { scaled, logits } = scratch;
        scaled.resize(self.dim, 0.0);
        scale(vector, &self.mean, &self.deviation, scaled);
        logits.clear();
        logits.extend(self.bias.iter().map(|&bias| f64::from(bias)));
        add_dots(Level::detect(), scaled, &self.weights, logits);
        logits
    }
}

/// The first of the largest.
fn best(logits: &[f64]) -> usize {
    let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    (1..logits.len()).fold(0, better)
}

#[inline(always)]
fn add_dots_body(vector: &[f64], rows: &[f32], to: &mut [f64]) {
    let mut wide = vec![0.0; vector.len()];
    for (to, row) in to.iter_mut().zip(rows.chunks_exact(vector.len().max(1))) {
        for (wide, &weight) in wide.iter_mut().zip(row) {
            *wide = f64::from(weight);
        }
        *to += dot(vector, &wide);
    }
}

for_each_level!(fn add_dots(vector: &[f64], rows: &[f32], to: &mut [f64]), add_dots_body);

/// What a classifier reaches on the rows of a fold, fitted to the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldMetrics {
    /// The fold.
    pub fold: u8,
    /// The penalty, chosen without the rows of the fold.
    pub l2: f64,
    /// On the rows of the fold.
    pub metrics: ClassMetrics,
}

/// A classifier, and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// Fitted to all rows.
    pub classifier: Classifier,
    /// Its penalty.
    pub l2: f64,
    /// Steps of the optimiser.
    pub steps: usize,
    /// Whether the optimiser came to the minimum before it gave up.
    pub converged: bool,
    /// Of each fold that has rows.
    pub folds: Vec<FoldMetrics>,
    /// The mean over these folds.
    pub mean: ClassMetrics,
}

/// Fits the class of a row to its vector: minimises the mean log loss plus l2/2·|w|², with numbers scaled to mean 0 and
/// deviation 1 over the rows it is fitted to, until no entry of the gradient is above 1e-6 or 500 steps are made.
///
/// Each fold with rows is predicted by a classifier that was fitted to the other ones. Its l2 is found without the fold
/// as well: the one with the least log loss on the next fold with rows, fitted to the rest. The classifier that serves
/// is fitted to all rows; its l2 has the least mean log loss over the folds, each fitted to the others. Penalties are
/// tried from the strongest on, until the loss rises; of equal ones the stronger one is taken.
///
/// # Errors
/// If the watch stops it, if lists do not fit together, a vector has a number that is not finite, or there is too little
/// to learn from: no or one class, a class without rows or with rows in one fold alone, rows in fewer than two folds
/// (three where l2 is to be found), equal vectors.
pub fn classifier(
    labelled: &Labelled,
    p: &ClassifierSettings,
    watch: &dyn Watch,
) -> Result<Classified, ClassifierWrong> {
    let penalties = match p.l2 {
        Some(l2) if l2 >= 0.0 && l2.is_finite() => vec![l2],
        Some(_) => return Err(ClassifierWrong::Parameter { name: "l2", expected: "0 or more" }),
        None => PENALTIES.to_vec(),
    };
    let examples = examples(labelled)?;
    let search = Search::new(labelled, examples, &penalties, watch)?;
    search.run()
}

/// The rows with a class and a vector.
fn examples(labelled: &Labelled) -> Result<Vec<Example>, ClassifierWrong> {
    let Labelled { vectors, dim, has, rows, classes, folds, class_count } = *labelled;
    let lengths = [
        ("vectors", has.len().saturating_mul(dim), vectors.len()),
        ("classes", rows.len(), classes.len()),
        ("folds", rows.len(), folds.len()),
    ];
    if let Some((list, expected, found)) = lengths.into_iter().find(|(_, a, b)| a != b) {
        return Err(ClassifierWrong::Malformed { list, expected, found });
    }
    let mut examples = Vec::with_capacity(rows.len());
    for ((&row, &class), &fold) in rows.iter().zip(classes).zip(folds) {
        let numbers = [
            ("row", u64::from(row), has.len()),
            ("class", u64::from(class), class_count),
            ("fold", u64::from(fold), FOLDS),
        ];
        if let Some((what, number, of)) =
            numbers.into_iter().find(|(_, number, of)| *number >= *of as u64)
        {
            return Err(ClassifierWrong::Beyond { what, number, of: of as u64 });
        }
        if !has[row as usize] {
            continue;
        }
        if let Some(place) = labelled.vector(row).iter().position(|x| !x.is_finite()) {
            return Err(ClassifierWrong::NotFinite { row, place });
        }
        examples.push(Example { row, class, fold });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests;
