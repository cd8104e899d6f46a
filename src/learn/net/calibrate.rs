//! Scores to probabilities (Platt 1999): a line through the logits, fitted to the validation part.

use super::metrics::{Scored, log_loss, sigmoid};
use serde::{Deserialize, Serialize};

/// Newton's steps end when no entry of the gradient, per example, is larger.
const SMALL: f64 = 1e-9;
const STEPS: usize = 100;

/// A logit becomes `slope * logit + shift`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Positive.
    pub slope: f64,
    /// Any number.
    pub shift: f64,
}

impl Default for Calibration {
    fn default() -> Calibration {
        Calibration { slope: 1.0, shift: 0.0 }
    }
}

impl Calibration {
    /// A logit, calibrated.
    pub fn apply(&self, logit: f64) -> f64 {
        self.slope * logit + self.shift
    }
}

/// What came of a calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calibrated {
    /// It lowers the log loss.
    Better(Calibration),
    /// It does not lower the log loss of examples that it was not fitted to.
    NoBetter,
    /// Its slope is not positive: higher scores go with fewer positives.
    Reversed(f64),
    /// There are no labels of both kinds.
    Undecided,
}

/// Fits a calibration, and measures it on halves that it was not fitted to.
pub fn calibrate(scored: &Scored<'_>) -> Calibrated {
    let Some(whole) = fit(scored, |_| true) else { return Calibrated::Undecided };
    if whole.slope <= 0.0 {
        return Calibrated::Reversed(whole.slope);
    }
    let halves = [fit(scored, |row| row % 2 == 0), fit(scored, |row| row % 2 == 1)];
    let [Some(even), Some(odd)] = halves else { return Calibrated::NoBetter };
    let crossed = loss(scored, |row| if row % 2 == 0 { odd } else { even });
    let plain = loss(scored, |_| Calibration::default());
    if crossed < plain { Calibrated::Better(whole) } else { Calibrated::NoBetter }
}

fn loss(scored: &Scored<'_>, by: impl Fn(usize) -> Calibration) -> f64 {
    let rows = 0..scored.labels.len();
    rows.map(|row| {
        let logit = by(row).apply(scored.scores[row]);
        f64::from(scored.weights[row]) * log_loss(logit, f64::from(scored.labels[row]))
    })
    .sum()
}

/// Sums over the examples that are used.
#[derive(Default)]
struct Sums {
    weight: f64,
    gradient: [f64; 2],
    /// Second derivatives by slope, by both, by shift.
    curve: [f64; 3],
}

fn sums(scored: &Scored<'_>, at: Calibration, used: &impl Fn(usize) -> bool) -> Sums {
    let mut sums = Sums::default();
    for row in (0..scored.labels.len()).filter(|&row| used(row)) {
        let (logit, weight) = (scored.scores[row], f64::from(scored.weights[row]));
        let p = sigmoid(at.apply(logit));
        let (error, curve) = (weight * (p - f64::from(scored.labels[row])), weight * p * (1.0 - p));
        sums.weight += weight;
        sums.gradient[0] += error * logit;
        sums.gradient[1] += error;
        sums.curve[0] += curve * logit * logit;
        sums.curve[1] += curve * logit;
        sums.curve[2] += curve;
    }
    sums
}

/// The calibration of least log loss on some rows; `None` if they do not have both labels.
fn fit(scored: &Scored<'_>, used: impl Fn(usize) -> bool) -> Option<Calibration> {
    let rows = || (0..scored.labels.len()).filter(|&row| used(row) && scored.weights[row] > 0.0);
    if !rows().any(|row| scored.labels[row] > 0.0) || !rows().any(|row| scored.labels[row] < 1.0) {
        return None;
    }
    let total = |at: Calibration| -> f64 {
        rows()
            .map(|row| {
                let logit = at.apply(scored.scores[row]);
                f64::from(scored.weights[row]) * log_loss(logit, f64::from(scored.labels[row]))
            })
            .sum()
    };
    let mut at = Calibration::default();
    for _ in 0..STEPS {
        let sums = sums(scored, at, &used);
        if sums.gradient.iter().all(|g| g.abs() <= SMALL * sums.weight) {
            break;
        }
        let (slope, shift) = newton(&sums);
        let before = total(at);
        let mut share = 1.0;
        let step = |share: f64| Calibration {
            slope: at.slope - share * slope,
            shift: at.shift - share * shift,
        };
        let worse = |value: f64| value.is_nan() || value > before;
        while share > 1e-9 && worse(total(step(share))) {
            share /= 2.0;
        }
        at = step(share);
    }
    Some(at)
}

/// The step that solves for a gradient of zero; equal logits leave the slope alone.
fn newton(sums: &Sums) -> (f64, f64) {
    let [a, b, c] = sums.curve;
    let [g, h] = sums.gradient;
    let (a, c) = (a + 1e-12 * sums.weight, c + 1e-12 * sums.weight);
    let determinant = a * c - b * b;
    if determinant <= 1e-12 * a * c {
        return (0.0, h / c);
    }
    ((c * g - b * h) / determinant, (a * h - b * g) / determinant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn drawn(n: usize, slope: f64, shift: f64) -> (Vec<f64>, Vec<f32>) {
        let mut random = Random::new(11, 0);
        (0..n)
            .map(|_| {
                let logit = 2.0 * random.normal();
                let p = sigmoid(slope * logit + shift);
                (logit, if random.unit() < p { 1.0 } else { 0.0 })
            })
            .unzip()
    }

    fn found(scores: &[f64], labels: &[f32]) -> Calibrated {
        let (weights, viewers) = (vec![1.0; labels.len()], vec![0; labels.len()]);
        calibrate(&Scored { scores, labels, weights: &weights, viewers: &viewers })
    }

    #[test]
    fn the_line_that_made_the_labels_is_found() {
        let (scores, labels) = drawn(40_000, 0.5, -1.0);
        let Calibrated::Better(line) = found(&scores, &labels) else { panic!() };
        assert!((line.slope - 0.5).abs() < 0.03 && (line.shift + 1.0).abs() < 0.05, "{line:?}");
        let (weights, viewers) = (vec![1.0; labels.len()], vec![0; labels.len()]);
        let scored =
            Scored { scores: &scores, labels: &labels, weights: &weights, viewers: &viewers };
        let gradient = sums(&scored, line, &|_| true).gradient;
        assert!(gradient.iter().all(|g| g.abs() <= SMALL * 40_000.0));
    }

    #[test]
    fn what_does_not_help_is_dropped() {
        let (scores, labels) = drawn(300, 1.0, 0.0);
        assert_eq!(found(&scores, &labels), Calibrated::NoBetter);
        let (scores, labels) = drawn(300, -1.0, 0.0);
        assert!(matches!(found(&scores, &labels), Calibrated::Reversed(slope) if slope < 0.0));
        assert_eq!(found(&[1.0, 2.0], &[1.0, 1.0]), Calibrated::Undecided);
        assert_eq!(found(&[], &[]), Calibrated::Undecided);
    }

    #[test]
    fn odd_scores_end() {
        // separable, all equal, huge
        let labels: Vec<f32> = (0..40).map(|i| if i < 20 { 0.0 } else { 1.0 }).collect();
        for score in [|i: i32| f64::from(i) - 19.5, |_| 0.7, |i: i32| 1e30 * f64::from(i - 20)] {
            let scores: Vec<f64> = (0..40).map(score).collect();
            if let Calibrated::Better(line) = found(&scores, &labels) {
                assert!(line.slope.is_finite() && line.shift.is_finite());
            }
        }
    }
}
