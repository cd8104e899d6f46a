//! AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019): bias-corrected moments, decoupled decay.

use super::dense;
use crate::cpu::Level;

const MEAN: f32 = 0.9;
const SQUARE: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// What one step multiplies with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Learning rate, corrected for the moments' start at zero.
    rate: f32,
    /// The same of the root of the squares.
    root: f32,
    /// What decay leaves of a weight.
    pub keep: f32,
}

impl Step {
    /// Step number `t`, from 1.
    pub fn new(rate: f64, decay: f64, t: u64) -> Step {
        let t = t.min(i32::MAX as u64) as i32;
        let mean = 1.0 - power(f64::from(MEAN), t as u32);
        let square = 1.0 - power(f64::from(SQUARE), t as u32);
        Step {
            rate: (rate / mean) as f32,
            root: (1.0 / square.sqrt()) as f32,
            keep: (1.0 - rate * decay).max(0.0) as f32,
        }
    }

    /// Moves one weight against its gradient.
    #[inline(always)]
    fn one(self, weight: &mut f32, gradient: f32, mean: &mut f32, square: &mut f32) {
        *mean = MEAN * *mean + (1.0 - MEAN) * gradient;
        *square = SQUARE * *square + (1.0 - SQUARE) * (gradient * gradient);
        let root = square.sqrt() * self.root + EPSILON;
        *weight = *weight * self.keep - self.rate * *mean / root;
    }

    /// Moves weights against their gradients.
    #[inline(always)]
    pub fn all(
        self,
        weights: &mut [f32],
        gradient: &[f32],
        means: &mut [f32],
        squares: &mut [f32],
    ) {
        let moments = means.iter_mut().zip(squares);
        for ((weight, &gradient), (mean, square)) in weights.iter_mut().zip(gradient).zip(moments) {
            self.one(weight, gradient, mean, square);
        }
    }

    /// The same, as wide as the CPU can.
    pub fn wide(
        self,
        level: Level,
        weights: &mut [f32],
        gradient: &[f32],
        means: &mut [f32],
        squares: &mut [f32],
    ) {
        dense::wide(level, || self.all(weights, gradient, means, squares));
    }
}

/// A power by squaring, in one order of multiplications.
pub(super) fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_definition() {
        let (mut w, mut m, mut v) = (1.0f64, 0.0, 0.0);
        let (mut weight, mut mean, mut square) = ([1.0f32], [0.0], [0.0]);
        for t in 1..200u64 {
            let g = 2.0 * w - 0.5 + (t % 7) as f64 / 10.0;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (mh, vh) = (m / (1.0 - 0.9f64.powi(t as i32)), v / (1.0 - 0.999f64.powi(t as i32)));
            w = w * (1.0 - 0.01 * 0.1) - 0.01 * mh / (vh.sqrt() + 1e-8);
            Step::new(0.01, 0.1, t).all(&mut weight, &[g as f32], &mut mean, &mut square);
            assert!((w - f64::from(weight[0])).abs() < 1e-4, "{t}: {w} {weight:?}");
        }
    }

    #[test]
    fn levels_have_the_same_bits() {
        let gradient: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) / 7.0).collect();
        let run = |level: Level| {
            let (mut w, mut m, mut s) = (vec![0.3; 37], vec![0.0; 37], vec![0.0; 37]);
            for t in 1..5 {
                Step::new(0.01, 0.1, t).wide(level, &mut w, &gradient, &mut m, &mut s);
            }
            w.iter().map(|x: &f32| x.to_bits()).collect::<Vec<_>>()
        };
        for level in Level::supported() {
            assert_eq!(run(level), run(Level::Portable));
        }
    }
}
