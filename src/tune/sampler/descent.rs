//! Minimisation of a smooth function in a box: L-BFGS (Nocedal 1980) over the variables that are not held at a bound,
//! steps projected onto the box and halved until they descend (Armijo).

use std::collections::VecDeque;

/// Pairs of steps and changes of the gradient that stand for the curvature.
const MEMORY: usize = 8;

/// A box: lower and upper bounds. Variables whose bounds are equal stay where they are.
pub struct Bounds<'a> {
    pub low: &'a [f64],
    pub high: &'a [f64],
}

/// When to stop: after so many calls of the function, or when a step gains no more than this.
pub struct Limits {
    pub evaluations: usize,
    pub gain: f64,
}

/// Goes down from `x`. `function` returns its value and writes its gradient; a value that is not finite is a place not
/// to go to. Returns the value reached.
pub fn minimise(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    x: &mut Vec<f64>,
    bounds: &Bounds,
    limits: &Limits,
) -> f64 {
    let mut gradient = vec![0.0; x.len()];
    let mut value = function(x, &mut gradient);
    let mut memory = VecDeque::new();
    let mut left = limits.evaluations.saturating_sub(1);
    while left > 0 && value.is_finite() {
        let free = free_variables(x, &gradient, bounds);
        let direction = direction(&gradient, &free, &memory);
        if slope(&gradient, &direction) >= 0.0 {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        }
        let Some(step) = search(&mut function, x, value, &gradient, &direction, bounds, &mut left)
        else {
            break;
        };
        let gain = value - step.value;
        remember(&mut memory, x, &gradient, &step);
        (*x, value, gradient) = (step.x, step.value, step.gradient);
        if gain <= limits.gain {
            break;
        }
    }
    value
}

struct Step {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

type Pair = (Vec<f64>, Vec<f64>);

fn slope(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn free_variables(x: &[f64], gradient: &[f64], bounds: &Bounds) -> Vec<bool> {
    let held = |k: usize| {
        bounds.low[k] >= bounds.high[k]
            || x[k] <= bounds.low[k] && gradient[k] > 0.0
            || x[k] >= bounds.high[k] && gradient[k] < 0.0
    };
    (0..x.len()).map(|k| !held(k)).collect()
}

/// The two loops of L-BFGS; without memory a step of length at most a tenth down the gradient.
fn direction(gradient: &[f64], free: &[bool], memory: &VecDeque<Pair>) -> Vec<f64> {
    let masked = |v: &[f64]| -> Vec<f64> {
        v.iter().zip(free).map(|(&v, &free)| if free { v } else { 0.0 }).collect()
    };
    let mut q: Vec<f64> = masked(gradient).iter().map(|g| -g).collect();
    let Some((step, change)) = memory.back() else {
        let length = slope(&q, &q).sqrt();
        q.iter_mut().for_each(|q| *q *= 0.1 / length.max(0.1));
        return q;
    };
    let mut shares = Vec::with_capacity(memory.len());
    for (s, y) in memory.iter().rev() {
        let share = slope(s, &q) / slope(s, y);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    let scale = slope(step, change) / slope(change, change);
    q.iter_mut().for_each(|q| *q *= scale);
    for ((s, y), share) in memory.iter().zip(shares.iter().rev()) {
        let back = share - slope(y, &q) / slope(s, y);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += back * s);
    }
    masked(&q)
}

fn search(
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    x: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    bounds: &Bounds,
    left: &mut usize,
) -> Option<Step> {
    let mut length = 1.0;
    let mut step = Step { x: x.to_vec(), value, gradient: vec![0.0; x.len()] };
    while *left > 0 && length > 1e-6 {
        *left -= 1;
        for k in 0..x.len() {
            step.x[k] = (x[k] + length * direction[k]).clamp(bounds.low[k], bounds.high[k]);
        }
        let moved: f64 = (0..x.len()).map(|k| gradient[k] * (step.x[k] - x[k])).sum();
        step.value = function(&step.x, &mut step.gradient);
        if step.value.is_finite() && step.value <= value + 1e-4 * moved {
            return (step.x != x).then_some(step);
        }
        length *= if length == 1.0 { 0.3 } else { 0.2 };
    }
    None
}

fn remember(memory: &mut VecDeque<Pair>, x: &[f64], gradient: &[f64], step: &Step) {
    let moved: Vec<f64> = step.x.iter().zip(x).map(|(new, old)| new - old).collect();
    let change: Vec<f64> = step.gradient.iter().zip(gradient).map(|(new, old)| new - old).collect();
    // Only along an upward curvature is the memory's matrix positive definite.
    if slope(&moved, &change) > 1e-10 * slope(&change, &change) {
        memory.push_back((moved, change));
        if memory.len() > MEMORY {
            memory.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valley(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient.copy_from_slice(&[-2.0 * a - 400.0 * x[0] * b, 200.0 * b]);
        a * a + 100.0 * b * b
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let mut x = vec![-1.2, 1.0];
        let bounds = Bounds { low: &[-2.0, -2.0], high: &[2.0, 2.0] };
        let value = minimise(valley, &mut x, &bounds, &Limits { evaluations: 200, gain: 1e-12 });
        assert!(value < 1e-6, "{value} at {x:?}");
    }

    #[test]
    fn bounds_hold() {
        let mut x = vec![0.1, 0.7];
        let bounds = Bounds { low: &[-2.0, 0.7], high: &[0.5, 0.7] };
        minimise(valley, &mut x, &bounds, &Limits { evaluations: 200, gain: 1e-12 });
        assert_eq!(x, [0.5, 0.7]);
    }

    #[test]
    fn places_without_a_value_are_avoided() {
        let function = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -1.0 / x[0] + 1.0;
            if x[0] < 0.5 { f64::NAN } else { x[0] - x[0].ln() }
        };
        let mut x = vec![3.0];
        minimise(
            function,
            &mut x,
            &Bounds { low: &[0.0], high: &[9.0] },
            &Limits { evaluations: 60, gain: 1e-12 },
        );
        assert!((x[0] - 1.0).abs() < 1e-3, "{x:?}");
    }
}
