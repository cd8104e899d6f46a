//! The tree-structured Parzen estimator (Bergstra et al. 2011) with kernels over all dimensions at once (Falkner et
//! al. 2018): draws points from the density of good trials and takes the one whose ratio to the density of the
//! others is largest. A trial costs time linear in their number.

use super::Random;
use super::Trial;
use super::space::Space;
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// How many points are drawn of which one is taken.
const CANDIDATES: usize = 48;
/// Good are a tenth of all trials, at most so many.
const GOOD: usize = 25;
/// Of the width by Scott's rule, which is for one cluster; the narrowest kernel, and that for the whole box.
const SHARE: f64 = 0.8;
const NARROWEST: f64 = 0.02;
const PRIOR: f64 = 1.0;

/// The next point that `asked` does not have, given that those pending turn out bad; `None` if it was not drawn.
pub fn next(
    space: &Space,
    trials: &[Trial],
    pending: &[Vec<f64>],
    asked: &dyn Fn(&[f64]) -> bool,
    random: &mut Random,
) -> Option<Vec<f64>> {
    let mut order: Vec<&Trial> = trials.iter().collect();
    order.sort_by(|a, b| a.outcome.compare(&b.outcome));
    let (good, bad) = order.split_at(trials.len().div_ceil(10).min(GOOD));
    let good = Density::new(space, good.iter().map(|trial| &trial.units));
    let bad = Density::new(space, bad.iter().map(|trial| &trial.units).chain(pending));
    let drawn = (0..CANDIDATES).map(|_| good.draw(space, random)).collect::<Vec<_>>();
    let ranked = drawn.into_iter().filter(|x| !asked(x)).map(|x| (good.log(&x) - bad.log(&x), x));
    ranked.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, x)| x)
}

/// A mixture of normal kernels cut off at the borders of the space, one for each point and a wide one.
struct Density {
    kernels: Vec<Kernel>,
}

struct Kernel {
    center: Vec<f64>,
    inverses: Vec<f64>,
    deviations: Vec<f64>,
    /// The logarithm of its density at its center.
    height: f64,
}

impl Density {
    fn new<'a>(space: &Space, points: impl Iterator<Item = &'a Vec<f64>>) -> Density {
        let points: Vec<&Vec<f64>> = points.collect();
        let widths: Vec<f64> = (0..space.width()).map(|axis| width(space, &points, axis)).collect();
        let wide = Kernel::new(vec![0.5; space.width()], &vec![PRIOR; space.width()]);
        let kernels = points.into_iter().map(|point| Kernel::new(point.clone(), &widths));
        Density { kernels: kernels.chain([wide]).collect() }
    }

    fn draw(&self, space: &Space, random: &mut Random) -> Vec<f64> {
        let place = random.below(self.kernels.len() as u32) as usize;
        if place + 1 == self.kernels.len() {
            return space.draw(random);
        }
        let kernel = &self.kernels[place];
        let axes = kernel.center.iter().zip(&kernel.deviations);
        let mut x: Vec<f64> =
            axes.map(|(&center, &width)| normal_within(center, width, random)).collect();
        space.snap(&mut x);
        x
    }

    /// The logarithm of the density at `x`, up to the number of kernels.
    fn log(&self, x: &[f64]) -> f64 {
        let logs: Vec<f64> = self.kernels.iter().map(|kernel| kernel.log(x)).collect();
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
        highest + sum.ln() - (self.kernels.len() as f64).ln()
    }
}

impl Kernel {
    fn new(center: Vec<f64>, deviations: &[f64]) -> Kernel {
        let height = |(center, &deviation): (&f64, &f64)| {
            let below = |z: f64| 0.5 * libm::erfc(-z / deviation * FRAC_1_SQRT_2);
            -(deviation * TAU.sqrt() * (below(1.0 - center) - below(-center))).ln()
        };
        let height = center.iter().zip(deviations).map(height).sum();
        let inverses = deviations.iter().map(|deviation| 1.0 / (deviation * deviation)).collect();
        Kernel { center, inverses, deviations: deviations.to_vec(), height }
    }

    fn log(&self, x: &[f64]) -> f64 {
        let axes = x.iter().zip(&self.center).zip(&self.inverses);
        self.height
            - 0.5
                * axes
                    .map(|((x, center), inverse)| (x - center) * (x - center) * inverse)
                    .sum::<f64>()
    }
}

/// Scott's rule (1992) along an axis, where a lone point is spread as far as a uniform one.
fn width(space: &Space, points: &[&Vec<f64>], axis: usize) -> f64 {
    let n = points.len() as f64;
    let mean = points.iter().map(|point| point[axis]).sum::<f64>() / n.max(1.0);
    let square = points.iter().map(|point| (point[axis] - mean).powi(2)).sum::<f64>();
    // One uniform point more, so that few points that agree by chance do not end the search elsewhere.
    let spread = ((square + 1.0 / 12.0) / (n + 1.0)).sqrt();
    let width = SHARE * spread * n.max(1.0).powf(-1.0 / (space.width() as f64 + 4.0));
    width.max(NARROWEST).max(0.5 * space.step(axis).unwrap_or(0.0))
}

/// A normal number within 0..1. After 16 draws outside it is uniform: then hardly any of the mass is inside.
fn normal_within(mean: f64, deviation: f64, random: &mut Random) -> f64 {
    (0..16)
        .map(|_| mean + deviation * random.normal())
        .find(|x| (0.0..=1.0).contains(x))
        .unwrap_or_else(|| random.unit())
}

#[cfg(test)]
mod tests {
    use super::super::{Dimension, Outcome};
    use super::*;

    fn square(dimensions: usize) -> Space {
        Space::new(vec![Dimension { low: 0.0, high: 1.0, whole: false }; dimensions])
    }

    #[test]
    fn densities_integrate_to_one() {
        let space = square(1);
        let density = Density::new(&space, [vec![0.0], vec![0.3], vec![0.98]].iter());
        let cells = (0..10_000).map(|i| density.log(&[(f64::from(i) + 0.5) / 1e4]).exp() / 1e4);
        let integral: f64 = cells.sum();
        assert!((integral - 1.0).abs() < 1e-6, "{integral}");
    }

    #[test]
    fn points_come_from_where_trials_were_good_and_feasible() {
        let space = square(2);
        let mut random = Random::new(2, 0);
        let trials: Vec<Trial> = (0..100)
            .map(|_| space.draw(&mut random))
            .map(|x| (x[0] + x[1], 0.5 - x[0], x))
            .map(|(value, slack, units)| Trial {
                units,
                outcome: Outcome { value, slack: vec![slack] },
            })
            .collect();
        let points: Vec<Vec<f64>> =
            (0..50).filter_map(|_| next(&space, &trials, &[], &|_| false, &mut random)).collect();
        assert_eq!(points.len(), 50);
        let mean = |k: usize| points.iter().map(|x| x[k]).sum::<f64>() / 50.0;
        assert!((0.25..0.55).contains(&mean(0)) && mean(1) > 0.7, "{} {}", mean(0), mean(1));
    }

    #[test]
    fn points_asked_are_not_drawn_again() {
        let space = Space::new(vec![Dimension { low: 0.0, high: 1.0, whole: true }]);
        let trial = Trial { units: vec![1.0], outcome: Outcome { value: 1.0, slack: vec![] } };
        let next = |asked: &dyn Fn(&[f64]) -> bool| {
            next(&space, std::slice::from_ref(&trial), &[], asked, &mut Random::new(1, 0))
        };
        assert_eq!(next(&|x| x[0] == 1.0), Some(vec![0.0]));
        assert_eq!(next(&|_| true), None);
    }

    #[test]
    fn draws_stay_inside() {
        let mut random = Random::new(1, 0);
        let inside = (0..1000).all(|_| (0.0..=1.0).contains(&normal_within(0.0, 0.5, &mut random)));
        assert!(inside);
        assert!((0.0..=1.0).contains(&normal_within(40.0, 0.5, &mut random)));
    }
}
