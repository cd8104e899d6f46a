//! Fits along the penalties, and which of them to take.

use super::fit::{Example, Problem, Scaling};
use super::metrics::{ClassMetrics, Predicted};
use super::{
    ClassScratch, Classified, Classifier, ClassifierWrong, FOLDS, FoldMetrics, Labelled, best,
};
use crate::learn::lbfgs::STEPS;
use crate::learn::{Part, Watch};

/// A cross-validation.
pub struct Search<'a> {
    labelled: &'a Labelled<'a>,
    examples: Vec<Example>,
    penalties: &'a [f64],
    watch: &'a dyn Watch,
    /// Those that have rows.
    folds: Vec<u8>,
    /// Fits made.
    done: u64,
}

impl<'a> Search<'a> {
    pub fn new(
        labelled: &'a Labelled<'a>,
        examples: Vec<Example>,
        penalties: &'a [f64],
        watch: &'a dyn Watch,
    ) -> Result<Search<'a>, ClassifierWrong> {
        let has_rows = |fold: &u8| examples.iter().any(|example| example.fold == *fold);
        let folds: Vec<u8> = (0..FOLDS as u8).filter(has_rows).collect();
        check_classes(&examples, labelled.class_count)?;
        let least = if penalties.len() > 1 { 3 } else { 2 };
        if folds.len() < least {
            return Err(ClassifierWrong::FewFolds { found: folds.len(), least });
        }
        Ok(Search { labelled, examples, penalties, watch, folds, done: 0 })
    }

    pub fn run(mut self) -> Result<Classified, ClassifierWrong> {
        let mut outer = Vec::new();
        for &fold in &self.folds {
            let path = self.path(|other| other != fold);
            if path.scaling.is_constant() {
                return Err(ClassifierWrong::Constant { without: Some(fold) });
            }
            outer.push(path);
        }
        let mut folds = Vec::new();
        for (place, fold) in self.folds.clone().into_iter().enumerate() {
            let step = self.choose_without(place)?;
            self.extend(&mut outer[place], step)?;
            let metrics = self.metrics(&outer[place], step, fold);
            folds.push(FoldMetrics { fold, l2: self.penalties[step], metrics });
        }
        let step = self.choose(&mut outer)?;
        let mut all = self.path(|_| true);
        if all.scaling.is_constant() {
            return Err(ClassifierWrong::Constant { without: None });
        }
        self.extend(&mut all, step)?;
        let mean: Vec<ClassMetrics> = folds.iter().map(|fold| fold.metrics).collect();
        let fit = all.fits.swap_remove(step);
        Ok(Classified {
            classifier: fit.classifier,
            l2: self.penalties[step],
            steps: fit.steps,
            converged: fit.converged,
            folds,
            mean: ClassMetrics::mean(&mean),
        })
    }

    /// The rows of some folds, without fits yet.
    fn path(&self, takes: impl Fn(u8) -> bool) -> Path {
        let rows = self.examples.iter().copied().filter(|example| takes(example.fold));
        let rows: Vec<Example> = rows.collect();
        Path { scaling: Scaling::of(self.labelled, &rows), rows, fits: Vec::new(), at: None }
    }

    /// The penalty for rows of a fold, by its place among those that have rows: that of the least loss on the next
    /// fold, fitted to the rest.
    fn choose_without(&mut self, place: usize) -> Result<usize, ClassifierWrong> {
        if self.penalties.len() == 1 {
            return Ok(0);
        }
        let (fold, next) = (self.folds[place], self.folds[(place + 1) % self.folds.len()]);
        let mut path = [self.path(|other| other != fold && other != next)];
        self.least(&mut path, &[next])
    }

    /// The penalty of the least mean loss on all folds.
    fn choose(&mut self, outer: &mut [Path]) -> Result<usize, ClassifierWrong> {
        let folds = self.folds.clone();
        self.least(outer, &folds)
    }

    /// The penalty whose mean loss on left out folds is least, of one path each.
    fn least(&mut self, paths: &mut [Path], folds: &[u8]) -> Result<usize, ClassifierWrong> {
        let (mut best, mut least) = (0, f64::INFINITY);
        for step in 0..self.penalties.len() {
            let mut loss = 0.0;
            for (path, &fold) in paths.iter_mut().zip(folds) {
                self.extend(path, step)?;
                loss += self.metrics(path, step, fold).log_loss;
            }
            if loss > least {
                break;
            }
            if loss < least {
                (best, least) = (step, loss);
            }
        }
        Ok(best)
    }

    /// Makes the fits of a path up to a penalty, each from where the one before ended.
    fn extend(&mut self, path: &mut Path, step: usize) -> Result<(), ClassifierWrong> {
        while path.fits.len() <= step {
            let fits = (2 * self.folds.len() + 1) * self.penalties.len();
            let (before, of) = (self.done * STEPS as u64, (fits * STEPS) as u64);
            let watch = Part { watch: self.watch, before, of };
            let l2 = self.penalties[path.fits.len()];
            let problem = Problem::new(self.labelled, &path.rows, &path.scaling, l2);
            let found = problem.solve(path.at.as_deref(), &watch)?;
            let classifier = problem.classifier(&found.at);
            path.fits.push(Fit { classifier, steps: found.steps, converged: found.converged });
            path.at = Some(found.at);
            self.done += 1;
        }
        Ok(())
    }

    /// What a fit reaches on the rows of a fold.
    fn metrics(&self, path: &Path, step: usize, fold: u8) -> ClassMetrics {
        let (classifier, mut scratch) = (&path.fits[step].classifier, ClassScratch::default());
        let rows = self.examples.iter().filter(|example| example.fold == fold);
        let predicted = rows.map(|example| {
            let logits = classifier.logits(self.labelled.vector(example.row), &mut scratch);
            predicted(logits, example.class)
        });
        let predicted: Vec<Predicted> = predicted.collect();
        ClassMetrics::of(&predicted, classifier.classes, path.majority(classifier.classes))
    }
}

fn predicted(logits: &[f64], class: u32) -> Predicted {
    let (best, own) = (best(logits), logits[class as usize]);
    let most = logits[best];
    let sum: f64 = logits.iter().map(|logit| libm::exp(logit - most)).sum();
    let comes_before =
        |&(at, &logit): &(usize, &f64)| logit > own || logit == own && at < class as usize;
    Predicted {
        class,
        best: best as u32,
        before: logits.iter().enumerate().filter(comes_before).count() as u32,
        loss: libm::log(sum) + (most - own),
    }
}

/// Fits to the same rows, a penalty after the other.
struct Path {
    rows: Vec<Example>,
    scaling: Scaling,
    fits: Vec<Fit>,
    /// The weights of the last one.
    at: Option<Vec<f64>>,
}

struct Fit {
    classifier: Classifier,
    steps: usize,
    converged: bool,
}

impl Path {
    /// The class of most rows, the first of equal ones.
    fn majority(&self, classes: usize) -> u32 {
        let mut counts = vec![0u64; classes];
        self.rows.iter().for_each(|row| counts[row.class as usize] += 1);
        let most =
            (1..classes).fold(0, |most, at| if counts[at] > counts[most] { at } else { most });
        most as u32
    }
}

/// Each class must have rows in two folds, so that there are always some to learn from.
fn check_classes(examples: &[Example], classes: usize) -> Result<(), ClassifierWrong> {
    let first = examples.first().ok_or(ClassifierWrong::NoRows)?;
    if examples.iter().all(|example| example.class == first.class) {
        return Err(ClassifierWrong::OneClass { class: first.class });
    }
    let mut folds = vec![0u32; classes];
    examples.iter().for_each(|row| folds[row.class as usize] |= 1 << row.fold);
    for (class, folds) in (0..).zip(folds) {
        match folds.count_ones() {
            0 => return Err(ClassifierWrong::Absent { class }),
            1 => {
                let fold = folds.trailing_zeros() as u8;
                return Err(ClassifierWrong::OneFold { class, fold });
            }
            _ => {}
        }
    }
    Ok(())
}
