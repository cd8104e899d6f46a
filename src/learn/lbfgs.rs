//! The minimum of a convex function, by L-BFGS (Nocedal 1980) in 64 bits.

use super::{Stopped, Watch};
use std::collections::VecDeque;

/// Steps that the optimiser remembers.
const MEMORY: usize = 10;
/// Steps after which it gives up.
pub const STEPS: usize = 500;

/// Where an optimisation ended.
pub struct Minimum {
    pub at: Vec<f64>,
    pub steps: usize,
    /// The largest entry of its gradient.
    pub gradient: f64,
    pub converged: bool,
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |most, g| g.abs().max(most))
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Minimises a convex function from a start, until no entry of its gradient is above `small`. `curvature` is about the
/// second derivative by each variable.
pub fn minimise<E: From<Stopped>>(
    start: Vec<f64>,
    curvature: &[f64],
    small: f64,
    (stage, watch): (&'static str, &dyn Watch),
    function: impl Fn(&[f64]) -> Result<(f64, Vec<f64>), E>,
) -> Result<Minimum, E> {
    let mut at = start;
    let (mut value, mut gradient) = function(&at)?;
    let mut past: VecDeque<Change> = VecDeque::new();
    let mut steps = 0;
    while steps < STEPS && largest(&gradient) > small {
        if !watch.go_on(stage, steps as u64, STEPS as u64) {
            return Err(Stopped.into());
        }
        let direction = direction(&past, &gradient, curvature);
        let slope = inner(&direction, &gradient);
        let mut share = 1.0;
        let next = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(x, d)| x + share * d).collect();
            let (new_value, new_gradient) = function(&next)?;
            // close to the minimum the values are equal up to rounding, and the slope decides
            let falls = new_value <= value + 1e-4 * share * slope;
            let flat = (new_value - value).abs() <= 1e-12 * value.abs()
                && inner(&direction, &new_gradient).abs() <= slope.abs();
            if falls || flat {
                break Some((next, new_value, new_gradient));
            }
            share /= 2.0;
            if share < 1e-12 {
                break None;
            }
        };
        let Some((next, new_value, new_gradient)) = next else {
            if past.is_empty() {
                break;
            }
            past.clear();
            continue;
        };
        remember(&mut past, Change::between(&at, &next, &gradient, &new_gradient));
        (at, value, gradient) = (next, new_value, new_gradient);
        steps += 1;
    }
    let gradient = largest(&gradient);
    Ok(Minimum { at, steps, gradient, converged: gradient <= small })
}

/// A step, and how it changed the gradient.
struct Change {
    step: Vec<f64>,
    gradient: Vec<f64>,
    product: f64,
}

impl Change {
    fn between(at: &[f64], next: &[f64], old: &[f64], new: &[f64]) -> Change {
        let step: Vec<f64> = next.iter().zip(at).map(|(a, b)| a - b).collect();
        let gradient: Vec<f64> = new.iter().zip(old).map(|(a, b)| a - b).collect();
        let product = inner(&step, &gradient);
        Change { step, gradient, product }
    }
}

fn remember(past: &mut VecDeque<Change>, change: Change) {
    if change.product > 0.0 && change.product.is_normal() {
        if past.len() == MEMORY {
            past.pop_front();
        }
        past.push_back(change);
    }
}

/// The way down, with the curvature of the past steps (the two-loop recursion).
fn direction(past: &VecDeque<Change>, gradient: &[f64], curvature: &[f64]) -> Vec<f64> {
    let mut way: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(past.len());
    for change in past.iter().rev() {
        let share = inner(&change.step, &way) / change.product;
        way.iter_mut().zip(&change.gradient).for_each(|(w, g)| *w -= share * g);
        shares.push(share);
    }
    let scale = past.back().map_or(1.0, |last| {
        let squares = last.gradient.iter().zip(curvature).map(|(g, c)| g * g / c).sum::<f64>();
        last.product / squares
    });
    way.iter_mut().zip(curvature).for_each(|(w, c)| *w *= scale / c);
    for (change, share) in past.iter().zip(shares.into_iter().rev()) {
        let back = share - inner(&change.gradient, &way) / change.product;
        way.iter_mut().zip(&change.step).for_each(|(w, s)| *w += back * s);
    }
    way
}
