//! The next point of a Gaussian process: where the logarithm of the expected improvement (Ament et al. 2023) plus
//! that of the probability that all constraints hold (Gardner et al. 2014) is largest.

use super::Random;
use super::Trial;
use super::descent::{Bounds, Limits, minimise};
use super::gp::{Hyperparameters, Process};
use super::scale;
use super::sobol::Sobol;
use super::space::Space;
use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// Spaces with at most so many points are searched through.
const LISTED: u64 = 2048;
/// Candidates anywhere, candidates around each of the best points (around the best one three times as many), these
/// best points, and candidates of both groups that are refined.
const ANYWHERE: u32 = 400;
const AROUND: usize = 30;
const BEST: usize = 5;
const REFINED: usize = 4;
/// A search stands still when so many trials in a row were that near the best one, in shares of each range, and made
/// it better by no more than that share of its distance to the median.
const LAST: usize = 3;
const NEAR: f64 = 0.1;
const GAIN: f64 = 0.05;
/// What is looked at to learn something new lies at an end of a range, if it is that near to it: models know least of the ends,
/// and programs often are best there, where a weight is 0.
const EDGE: f64 = 0.1;

/// What was told, modelled: hyperparameters are fitted once for a round.
pub struct Model {
    points: Vec<Vec<f64>>,
    /// `None` while no trial is feasible: then only constraints are looked at.
    objective: Option<Fitted>,
    constraints: Vec<Fitted>,
    /// Points around which it is worth to look, the best one first.
    best: Vec<Vec<f64>>,
    /// Whether the search stands still.
    still: bool,
}

struct Fitted {
    hyperparameters: Hyperparameters,
    values: Vec<f64>,
    /// The best value of a feasible trial; of a constraint where it begins to hold.
    threshold: f64,
}

impl Fitted {
    fn new(points: &[Vec<f64>], values: Vec<f64>, threshold: f64) -> Fitted {
        Fitted { hyperparameters: Hyperparameters::fit(points, &values), values, threshold }
    }

    /// The process, with the median as the value at each of the lies.
    fn process(&self, points: &[Vec<f64>], lies: usize) -> Process {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let mut values = self.values.clone();
        values.resize(values.len() + lies, sorted[sorted.len() / 2]);
        Process::new(&self.hyperparameters, points, &values)
    }
}

impl Model {
    /// The model of these trials; `None` if none of them has a value.
    pub fn fit(trials: &[Trial]) -> Option<Model> {
        let points: Vec<Vec<f64>> = trials.iter().map(|trial| trial.units.clone()).collect();
        let values: Vec<f64> = trials.iter().map(|trial| trial.outcome.value).collect();
        let values = scale::normalised(&values)?;
        let feasible = (0..trials.len()).filter(|&i| trials[i].outcome.feasible());
        let threshold = feasible.map(|i| values[i]).max_by(f64::total_cmp);
        let mut order: Vec<usize> = (0..trials.len()).collect();
        order.sort_by(|&a, &b| trials[a].outcome.compare(&trials[b].outcome));
        let best = order.into_iter().take(BEST).map(|i| points[i].clone()).collect();
        let objective = threshold.map(|threshold| Fitted::new(&points, values, threshold));
        let count = trials.first().map_or(0, |trial| trial.outcome.slack.len());
        let constraint = |k: usize| {
            let slacks: Vec<f64> = trials.iter().map(|trial| trial.outcome.slack[k]).collect();
            scale::slacks(&slacks)
                .map(|(values, threshold)| Fitted::new(&points, values, threshold))
        };
        let constraints = (0..count).filter_map(constraint).collect();
        Some(Model { points, objective, constraints, best, still: stands_still(trials) })
    }

    /// The best point that `asked` does not have, given that those pending turn out average; `None` if none is left
    /// among the candidates.
    pub fn next(
        &self,
        space: &Space,
        pending: &[Vec<f64>],
        asked: &dyn Fn(&[f64]) -> bool,
        random: &mut Random,
    ) -> Option<Vec<f64>> {
        let points = [&self.points[..], pending].concat();
        let process = |fitted: &Fitted| (fitted.process(&points, pending.len()), fitted.threshold);
        let acquisition = Acquisition {
            objective: self.objective.as_ref().map(process),
            constraints: self.constraints.iter().map(process).collect(),
        };
        if let Some(size) = space.size().filter(|&size| size <= LISTED) {
            let levels = space.levels();
            let points = (0..size).map(|index| space.grid_point(&levels, index));
            return first_of(acquisition.rank(points.filter(|point| !asked(point)).collect()));
        }
        if let Some((process, _)) = acquisition.objective.as_ref().filter(|_| self.still)
            && pending.is_empty()
        {
            return least_known(space, process, asked, random);
        }
        let mut candidates = Vec::new();
        for group in [anywhere(space, random), self.around(space, random)] {
            let ranked = acquisition.rank(group);
            let climb = |(_, x): &(f64, Vec<f64>)| acquisition.climb(space, x.clone(), asked);
            candidates.extend(ranked.iter().take(REFINED).map(climb).collect::<Vec<_>>());
            candidates.extend(ranked);
        }
        candidates.retain(|(_, x)| !asked(x));
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        first_of(candidates)
    }

    fn around(&self, space: &Space, random: &mut Random) -> Vec<Vec<f64>> {
        let mut all = Vec::new();
        for (place, best) in self.best.iter().enumerate() {
            let count = if place == 0 { 3 * AROUND } else { AROUND };
            all.extend((0..count).map(|_| perturbed(space, best, random)));
        }
        all
    }
}

/// Whether the last trials were all near the best one and brought next to nothing: where the objective has many narrow
/// peaks, a model of it goes on around one of them for ever.
fn stands_still(trials: &[Trial]) -> bool {
    let best = |trials: &[Trial]| {
        let feasible = (0..trials.len()).filter(|&i| trials[i].outcome.feasible());
        feasible.max_by(|&a, &b| trials[a].outcome.value.total_cmp(&trials[b].outcome.value))
    };
    let before = trials.len().saturating_sub(LAST);
    let (Some(was), Some(is)) = (best(&trials[..before]), best(trials)) else { return false };
    let value = |place: usize| trials[place].outcome.value;
    let finite = trials.iter().map(|trial| trial.outcome.value).filter(|value| value.is_finite());
    let mut values: Vec<f64> = finite.collect();
    values.sort_by(f64::total_cmp);
    let spread = value(is) - values[values.len() / 2];
    let is_near = |trial: &Trial| {
        trial.units.iter().zip(&trials[is].units).all(|(a, b)| (a - b).abs() < NEAR)
    };
    trials[before..].iter().all(is_near) && value(is) - value(was) <= GAIN * spread
}

/// The point of which the model knows least.
fn least_known(
    space: &Space,
    process: &Process,
    asked: &dyn Fn(&[f64]) -> bool,
    random: &mut Random,
) -> Option<Vec<f64>> {
    let at_edge = |x: f64| match x {
        x if x < EDGE => 0.0,
        x if x > 1.0 - EDGE => 1.0,
        x => x,
    };
    let points = anywhere(space, random).into_iter().map(|mut point| {
        point.iter_mut().for_each(|x| *x = at_edge(*x));
        space.snap(&mut point);
        (process.at(&point).1, point)
    });
    let mut points: Vec<(f64, Vec<f64>)> = points.filter(|(_, point)| !asked(point)).collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    first_of(points)
}

fn anywhere(space: &Space, random: &mut Random) -> Vec<Vec<f64>> {
    let sobol = Sobol::new(space.width(), random);
    (0..ANYWHERE).map(|i| space.spread(sobol.point(i))).collect()
}

fn first_of(ranked: Vec<(f64, Vec<f64>)>) -> Option<Vec<f64>> {
    ranked.into_iter().next().map(|(_, x)| x)
}

/// A point nearby: some dimensions moved by a distance whose scale is itself drawn, whole ones by a step at least.
fn perturbed(space: &Space, point: &[f64], random: &mut Random) -> Vec<f64> {
    let width = point.len();
    let scale = 10_f64.powf(-0.5 - 3.5 * random.unit());
    let sure = random.below(width as u32) as usize;
    let mut moved = point.to_vec();
    for (axis, x) in moved.iter_mut().enumerate() {
        if axis == sure || random.unit() < 0.5 {
            let step = scale * random.normal();
            *x += step.abs().max(space.step(axis).unwrap_or(0.0)).copysign(step);
        }
    }
    space.snap(&mut moved);
    moved
}

struct Acquisition {
    objective: Option<(Process, f64)>,
    constraints: Vec<(Process, f64)>,
}

impl Acquisition {
    fn value(&self, x: &[f64]) -> f64 {
        let improvement = self.objective.iter().map(|(process, best)| {
            let (mean, deviation) = process.at(x);
            log_improvement((mean - best) / deviation).0 + deviation.ln()
        });
        let holds = self.constraints.iter().map(|(process, threshold)| {
            let (mean, deviation) = process.at(x);
            log_normal((mean - threshold) / deviation).0
        });
        improvement.chain(holds).sum()
    }

    /// The value negated, and its gradient.
    fn negated(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = 0.0;
        let improvement = self.objective.iter().map(|part| (part, true));
        for ((process, threshold), improves) in
            improvement.chain(self.constraints.iter().map(|part| (part, false)))
        {
            let expected = process.expect(x);
            let z = (expected.mean - threshold) / expected.deviation;
            let (log, slope) = if improves { log_improvement(z) } else { log_normal(z) };
            let own = f64::from(improves);
            value += log + own * expected.deviation.ln();
            for (k, g) in gradient.iter_mut().enumerate() {
                let spread = (own - slope * z) * expected.deviation_gradient[k];
                *g -= (slope * expected.mean_gradient[k] + spread) / expected.deviation;
            }
        }
        -value
    }

    fn rank(&self, points: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
        let mut ranked: Vec<(f64, Vec<f64>)> =
            points.into_iter().map(|x| (self.value(&x), x)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked
    }

    /// A local maximum from `x`: by gradient along dimensions that are not whole, by neighbours along whole ones.
    fn climb(
        &self,
        space: &Space,
        mut x: Vec<f64>,
        asked: &dyn Fn(&[f64]) -> bool,
    ) -> (f64, Vec<f64>) {
        let mut value = self.value(&x);
        let whole: Vec<usize> = (0..x.len()).filter(|&axis| space.step(axis).is_some()).collect();
        for _ in 0..8 {
            if whole.len() < x.len() {
                value = self.slide(&whole, &mut x);
            }
            let neighbours = whole.iter().flat_map(|&axis| neighbours(space, &x, axis));
            let better = neighbours.filter(|x| !asked(x)).map(|x| (self.value(&x), x));
            match better.max_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((higher, there)) if higher > value => (value, x) = (higher, there),
                _ => break,
            }
        }
        (value, x)
    }

    fn slide(&self, whole: &[usize], x: &mut Vec<f64>) -> f64 {
        let (mut low, mut high) = (vec![0.0; x.len()], vec![1.0; x.len()]);
        for &axis in whole {
            (low[axis], high[axis]) = (x[axis], x[axis]);
        }
        let (bounds, limits) =
            (Bounds { low: &low, high: &high }, Limits { evaluations: 30, gain: 1e-6 });
        -minimise(|x, gradient| self.negated(x, gradient), x, &bounds, &limits)
    }
}

/// The point with all other values of a dimension that has few, else with the next ones.
fn neighbours(space: &Space, x: &[f64], axis: usize) -> Vec<Vec<f64>> {
    let values = space.values(axis);
    let at = (x[axis] * (values - 1.0)).round();
    let others: Vec<f64> = if values <= 9.0 {
        (0..values as u32).map(f64::from).collect()
    } else {
        vec![at - 1.0, at + 1.0]
    };
    let others = others.into_iter().filter(|&k| k != at && (0.0..values).contains(&k));
    let there = |k| {
        let mut x = x.to_vec();
        x[axis] = k / (values - 1.0);
        x
    };
    others.map(there).collect()
}

/// ln(φ(z) + z Φ(z)) and its derivative, without loss far below zero.
fn log_improvement(z: f64) -> (f64, f64) {
    let density = -0.5 * z * z - 0.5 * TAU.ln();
    if z > -1.0 {
        let below = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
        let improvement = density.exp() + z * below;
        return (improvement.ln(), below / improvement);
    }
    let ratio = mills(-z);
    let part = if z > -35.0 {
        1.0 + z * ratio
    } else {
        let inverse = 1.0 / (z * z);
        inverse * (1.0 - inverse * (3.0 - inverse * (15.0 - 105.0 * inverse)))
    };
    (density + part.ln(), ratio / part)
}

/// ln Φ(z) and its derivative, without loss far below zero.
fn log_normal(z: f64) -> (f64, f64) {
    let density = -0.5 * z * z - 0.5 * TAU.ln();
    if z > -1.0 {
        let below = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
        return (below.ln(), density.exp() / below);
    }
    let ratio = mills(-z);
    (density + ratio.ln(), 1.0 / ratio)
}

/// Φ(-z) / φ(z) for z above zero.
fn mills(z: f64) -> f64 {
    if z < 35.0 {
        return (PI / 2.0).sqrt() * (0.5 * z * z).exp() * libm::erfc(z * FRAC_1_SQRT_2);
    }
    let inverse = 1.0 / (z * z);
    (1.0 - inverse * (1.0 - inverse * (3.0 - 15.0 * inverse))) / z
}

#[cfg(test)]
mod tests {
    use super::super::{Dimension, Outcome};
    use super::*;

    fn trial(units: &[f64], value: f64, slack: &[f64]) -> Trial {
        Trial { units: units.to_vec(), outcome: Outcome { value, slack: slack.to_vec() } }
    }

    #[test]
    fn logarithms_are_those_of_the_plain_formulas_and_meet_where_formulas_change() {
        for z in [-4.0, -1.5, -1.0, -0.5, 0.0, 2.0, 9.0_f64] {
            let below = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
            let density = (-0.5 * z * z).exp() / TAU.sqrt();
            assert!((log_improvement(z).0 - (density + z * below).ln()).abs() < 1e-9, "{z}");
            assert!((log_normal(z).0 - below.ln()).abs() < 1e-9, "{z}");
        }
        for z in [-1.0, -35.0_f64] {
            for function in [log_improvement, log_normal] {
                let (under, over) = (function(z - 1e-9), function(z + 1e-9));
                assert!(
                    (under.0 - over.0).abs() < 1e-6 && (under.1 / over.1 - 1.0).abs() < 1e-6,
                    "{z}"
                );
            }
        }
        let (far, slope) = log_improvement(-1e6);
        assert!((far + 0.5e12).abs() < 100.0 && (slope / 1e6 - 1.0).abs() < 1e-6, "{far} {slope}");
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        for z in [-50.0, -7.0, -0.9, 0.4, 3.0] {
            for function in [log_improvement, log_normal] {
                let difference = (function(z + 1e-5).0 - function(z - 1e-5).0) / 2e-5;
                assert!(
                    (difference - function(z).1).abs() < 1e-6 * (1.0 + difference.abs()),
                    "{z}"
                );
            }
        }
    }

    #[test]
    fn gradient_of_the_whole_is_that_of_differences() {
        let at = |x: f64, y: f64| trial(&[x, y], (5.0 * x).sin() - y * y, &[x + y - 0.6]);
        let trials: Vec<Trial> =
            (0..12).map(|i| at(f64::from(i * 7 % 12) / 11.0, f64::from(i) / 11.0)).collect();
        let model = Model::fit(&trials).unwrap();
        let process = |fitted: &Fitted| (fitted.process(&model.points, 0), fitted.threshold);
        let acquisition = Acquisition {
            objective: model.objective.as_ref().map(process),
            constraints: model.constraints.iter().map(process).collect(),
        };
        let x = [0.33, 0.57];
        let mut gradient = [0.0; 2];
        let value = acquisition.negated(&x, &mut gradient);
        assert!((value + acquisition.value(&x)).abs() < 1e-9);
        for k in 0..2 {
            let moved = |by: f64| {
                let mut x = x;
                x[k] += by;
                -acquisition.value(&x)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (difference - gradient[k]).abs() < 1e-4 * (1.0 + difference.abs()),
                "{difference} {gradient:?}"
            );
        }
    }

    #[test]
    fn without_a_feasible_trial_it_goes_where_the_constraint_gets_better() {
        let space = Space::new(vec![Dimension { low: 0.0, high: 1.0, whole: false }]);
        let trials: Vec<Trial> =
            [0.0, 0.2, 0.4].iter().map(|&x| trial(&[x], 10.0 - x, &[x - 0.8])).collect();
        let next = Model::fit(&trials)
            .unwrap()
            .next(&space, &[], &|_| false, &mut Random::new(1, 0))
            .unwrap();
        assert!(next[0] > 0.7, "{next:?}");
    }

    #[test]
    fn a_lie_keeps_the_next_point_away() {
        let space = Space::new(vec![Dimension { low: 0.0, high: 1.0, whole: false }; 2]);
        let trials: Vec<Trial> = (0..8)
            .map(|i| (f64::from(i % 3) / 2.0, f64::from(i / 3) / 2.0))
            .map(|(x, y)| trial(&[x, y], -(x - 0.3) * (x - 0.3) - (y - 0.6) * (y - 0.6), &[]))
            .collect();
        let model = Model::fit(&trials).unwrap();
        let first = model.next(&space, &[], &|_| false, &mut Random::new(1, 0)).unwrap();
        let second = model
            .next(&space, std::slice::from_ref(&first), &|_| false, &mut Random::new(1, 1))
            .unwrap();
        let apart = (first[0] - second[0]).hypot(first[1] - second[1]);
        assert!(apart > 0.02, "{first:?} {second:?}");
    }
}
