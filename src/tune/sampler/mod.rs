//! Which values to try next: samplers of a box for an expensive function of it, with constraints.
//!
//! A sampler is asked for points and told their outcomes. What it asks depends on its arguments and on what it was
//! told, in order, and on which points are still open; never on time. A sampler that is told a journal goes on as
//! the one that wrote it would have.

mod acquire;
mod descent;
mod gp;
mod grid;
mod matrix;
mod scale;
mod sobol;
mod space;
mod tpe;

use crate::random::Random;
use acquire::Model;
use grid::Grid;
use sobol::Sobol;
use space::Space;
use std::cmp::Ordering;
use std::collections::HashSet;

/// How points are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bayesian optimisation with a Gaussian process; above 20 dimensions or 500 trials as `Tpe`.
    Gp,
    /// The tree-structured Parzen estimator.
    Tpe,
    /// Uniform points.
    Random,
    /// A grid as fine as the number of trials allows.
    Grid,
}

/// A range with both ends, which are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dimension {
    /// The smallest value.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether only whole numbers are tried.
    pub whole: bool,
}

/// What a point came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is maximised; not finite if there was no value.
    pub value: f64,
    /// By how much each constraint holds; it does from 0 on.
    pub slack: Vec<f64>,
}

impl Outcome {
    /// Whether there is a value and all constraints hold.
    pub fn feasible(&self) -> bool {
        self.value.is_finite() && self.slack.iter().all(|&slack| slack >= 0.0)
    }

    /// The better one first: feasible ones by value, then the others by how much they miss constraints, then those
    /// without a value.
    fn compare(&self, other: &Outcome) -> Ordering {
        let class = |outcome: &Outcome| (!outcome.value.is_finite(), !outcome.feasible());
        let missed = |outcome: &Outcome| -> f64 {
            let miss =
                |&slack: &f64| if slack.is_nan() { f64::INFINITY } else { (-slack).max(0.0) };
            outcome.slack.iter().map(miss).sum()
        };
        let classes = class(self).cmp(&class(other));
        classes
            .then(missed(self).total_cmp(&missed(other)))
            .then(other.value.total_cmp(&self.value))
    }
}

/// A point with its outcome.
pub(crate) struct Trial {
    units: Vec<f64>,
    outcome: Outcome,
}

/// The most dimensions and trials that a Gaussian process is used for.
const DIMENSIONS: usize = 20;
/// The most trials that a Gaussian process is used for.
pub const TRIALS: usize = 500;
/// The most points of the first phase of `Tpe`.
const OPENING: usize = 20;

/// Streams of random numbers apart from those of trials, which are numbered from zero.
const OF_SOBOL: u64 = u64::MAX;
const OF_GRID: u64 = u64::MAX - 1;

/// Chooses points one after the other.
pub struct Sampler {
    kind: Kind,
    space: Space,
    start: Vec<f64>,
    constraints: usize,
    seed: u64,
    told: Vec<Trial>,
    /// Points asked and not told, as the caller has them.
    pending: Vec<Vec<f64>>,
    asked: HashSet<Vec<u64>>,
    grid: Option<Grid>,
}

impl Sampler {
    /// A sampler of a box that begins with `start`. `trials` is how many are planned; more may be asked for, of a
    /// grid only as many as it has points.
    pub fn new(
        kind: Kind,
        space: Vec<Dimension>,
        start: Vec<f64>,
        constraints: usize,
        trials: usize,
        seed: u64,
    ) -> Sampler {
        let space = Space::new(space);
        let start = space.units(&start);
        let many = space.width() > DIMENSIONS || trials > TRIALS;
        let kind = if kind == Kind::Gp && many { Kind::Tpe } else { kind };
        // One trial is the start's.
        let grid = || Grid::new(&space, trials.saturating_sub(1), &mut Random::new(seed, OF_GRID));
        let grid = (kind == Kind::Grid).then(grid);
        let (told, pending, asked) = (Vec::new(), Vec::new(), HashSet::new());
        Sampler { kind, space, start, constraints, seed, told, pending, asked, grid }
    }

    /// The next `n` points, to be tried at once: each is chosen as if those before it, and earlier ones that are not
    /// told yet, had turned out average (to `Tpe` bad). Fewer when all points of the box or grid have been asked or
    /// told.
    pub fn ask(&mut self, n: usize) -> Vec<Vec<f64>> {
        let mut model = None;
        let next = std::iter::from_fn(|| {
            let units = self.next(&mut model)?;
            let point = self.space.point(&units);
            self.asked.insert(key(&point));
            self.pending.push(point.clone());
            Some(point)
        });
        next.take(n).collect()
    }

    /// The outcome of a point, asked or not (of an earlier run).
    pub fn tell(&mut self, point: &[f64], mut outcome: Outcome) {
        outcome.slack.resize(self.constraints, f64::NAN);
        let units = self.space.units(point);
        // A value that was printed and read can be another in its last digit: then a point left open would be taken
        // for average ever after, against what was told.
        let same = |open: &Vec<f64>| {
            self.space.units(open).iter().zip(&units).all(|(a, b)| (a - b).abs() < 1e-9)
        };
        if let Some(place) = self.pending.iter().position(same) {
            self.pending.remove(place);
        }
        self.asked.insert(key(&self.space.point(&units)));
        self.told.push(Trial { units, outcome });
    }

    /// How much the value depends on each dimension: the inverse of its lengthscale in a Gaussian process of all that
    /// was told, in shares of their sum. `None` without two different values.
    pub fn importance(&self) -> Option<Vec<f64>> {
        let values: Vec<f64> = self.told.iter().map(|trial| trial.outcome.value).collect();
        let mut finite = values.iter().filter(|value| value.is_finite());
        let first = finite.next()?;
        finite.find(|&value| value != first)?;
        let points: Vec<Vec<f64>> = self.told.iter().map(|trial| trial.units.clone()).collect();
        let fitted = gp::Hyperparameters::fit(&points, &scale::normalised(&values)?);
        let inverses: Vec<f64> = fitted.lengthscales().map(|scale| 1.0 / scale).collect();
        let mut shares = vec![0.0; self.space.dimensions()];
        for (inverse, &k) in inverses.iter().zip(self.space.free()) {
            shares[k] = inverse / inverses.iter().sum::<f64>();
        }
        (!inverses.is_empty()).then_some(shares)
    }

    fn next(&mut self, model: &mut Option<Model>) -> Option<Vec<f64>> {
        let (space, asked) = (&self.space, &self.asked);
        let asked = |units: &[f64]| asked.contains(&key(&space.point(units)));
        if !asked(&self.start) {
            return Some(self.start.clone());
        }
        if let Some(grid) = &mut self.grid {
            return grid.next(space, &asked);
        }
        if space.size().is_some_and(|size| self.asked.len() as u64 >= size) {
            return None;
        }
        let trial = self.told.len() + self.pending.len();
        let random = &mut Random::new(self.seed, trial as u64);
        self.chosen(trial, model, &asked, random).or_else(|| self.any(&asked, random))
    }

    fn chosen(
        &self,
        trial: usize,
        model: &mut Option<Model>,
        asked: &dyn Fn(&[f64]) -> bool,
        random: &mut Random,
    ) -> Option<Vec<f64>> {
        let nothing = !self.told.iter().any(|trial| trial.outcome.value.is_finite());
        let (tpe, opening) =
            (self.kind == Kind::Tpe || self.told.len() > TRIALS, 2 * (self.space.width() + 1));
        if self.kind == Kind::Random {
            return None;
        }
        if nothing || trial < if tpe { opening.min(OPENING) } else { opening } {
            return self.opening(trial, asked);
        }
        let pending: Vec<Vec<f64>> =
            self.pending.iter().map(|point| self.space.units(point)).collect();
        if tpe {
            return tpe::next(&self.space, &self.told, &pending, asked, random);
        }
        if model.is_none() {
            *model = Model::fit(&self.told);
        }
        model.as_ref()?.next(&self.space, &pending, asked, random)
    }

    /// A Sobol point, the first that was not asked.
    fn opening(&self, trial: usize, asked: &dyn Fn(&[f64]) -> bool) -> Option<Vec<f64>> {
        if self.space.width() > sobol::MOST {
            return None;
        }
        let sobol = Sobol::new(self.space.width(), &mut Random::new(self.seed, OF_SOBOL));
        let last = u32::try_from(2 * trial + 64).unwrap_or(u32::MAX);
        (0..last).map(|index| self.space.spread(sobol.point(index))).find(|x| !asked(x))
    }

    /// A uniform point that was not asked.
    fn any(&self, asked: &dyn Fn(&[f64]) -> bool, random: &mut Random) -> Option<Vec<f64>> {
        let drawn = (0..64).map(|_| self.space.draw(random)).find(|x| !asked(x));
        drawn.or_else(|| {
            let (size, levels) = (self.space.size()?, self.space.levels());
            let first = random.bits() % size;
            let from = (0..size).map(|i| self.space.grid_point(&levels, (first + i) % size));
            from.into_iter().find(|x| !asked(x))
        })
    }
}

/// A point in a set: equal numbers have equal bits there, as a `Space` has no negative zero.
fn key(point: &[f64]) -> Vec<u64> {
    point.iter().map(|x| x.to_bits()).collect()
}

#[cfg(test)]
mod tests;
