//! Outcomes on a scale that a Gaussian process can model: near standard normal, whatever their unit and outliers.

/// How many interquartile ranges from the median a value may lie.
const FAR: f64 = 30.0;
/// Deviation of the prior of the power around 1, which leaves values as they are: a few values do not bend the scale.
const DOUBT: f64 = 0.5;

/// Values made near normal by a strictly increasing map (Yeo and Johnson 2000, its power the most likely one), mean 0
/// and deviation 1. Those that are not finite become the worst of the others. `None` if no value is finite.
pub fn normalised(values: &[f64]) -> Option<Vec<f64>> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let spread = Spread::of(&finite)?;
    let scaled: Vec<f64> = finite.iter().map(|&value| spread.scaled(value)).collect();
    let power = likeliest(&scaled);
    let mapped = scaled.into_iter().map(|z| powered(z, power)).collect();
    let mut mapped = standardised(mapped).into_iter();
    let worst = mapped.as_slice().iter().copied().fold(f64::INFINITY, f64::min);
    Some(
        values
            .iter()
            .map(|v| if v.is_finite() { mapped.next().unwrap_or(worst) } else { worst })
            .collect(),
    )
}

/// Slacks with outliers drawn in, mean 0 and deviation 1, and where the slack of zero is on that scale. Those that
/// are not finite become the worst of the others, and at best violated by one spread. `None` if no slack is finite.
pub fn slacks(values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let spread = Spread::of(&finite)?.width;
    let drawn = |value: f64| (value / spread).asinh();
    let worst = finite.iter().map(|&value| drawn(value)).fold(-1.0, f64::min);
    let all =
        values.iter().map(|&v| if v.is_finite() { drawn(v) } else { worst }).collect::<Vec<_>>();
    let (mean, deviation) = moments(&all);
    Some((all.into_iter().map(|value| (value - mean) / deviation).collect(), -mean / deviation))
}

struct Spread {
    median: f64,
    width: f64,
}

impl Spread {
    /// Median and interquartile range; if the half in the middle is one value, the largest distance from it; if
    /// all are, 1.
    fn of(finite: &[f64]) -> Option<Spread> {
        let mut sorted = finite.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            sorted.get((share * (sorted.len() as f64 - 1.0)).round() as usize).copied()
        };
        let median = at(0.5)?;
        // In halves, as the distance of two values may be above the largest number.
        let within = (at(0.75)? / 2.0 - at(0.25)? / 2.0) * 2.0;
        let over = (median / 2.0 - at(0.0)? / 2.0).max(at(1.0)? / 2.0 - median / 2.0) * 2.0;
        let width = [within, over].into_iter().find(|&w| w > 0.0).unwrap_or(1.0).min(f64::MAX);
        Some(Spread { median, width })
    }

    fn scaled(&self, value: f64) -> f64 {
        ((value / 2.0 - self.median / 2.0) / (self.width / 2.0)).clamp(-FAR, FAR)
    }
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 1e-20 { variance.sqrt() } else { 1.0 })
}

fn standardised(values: Vec<f64>) -> Vec<f64> {
    let (mean, deviation) = moments(&values);
    values.into_iter().map(|value| (value - mean) / deviation).collect()
}

fn powered(z: f64, power: f64) -> f64 {
    let (sign, length, power) = if z < 0.0 { (-1.0, -z, 2.0 - power) } else { (1.0, z, power) };
    sign * if power.abs() < 1e-9 {
        length.ln_1p()
    } else {
        (power * length.ln_1p()).exp_m1() / power
    }
}

/// The power under which the values are most likely normal, from a grid.
fn likeliest(scaled: &[f64]) -> f64 {
    let n = scaled.len() as f64;
    let jacobian: f64 = scaled.iter().map(|z| z.signum() * z.abs().ln_1p()).sum();
    let likelihood = |power: f64| {
        let mapped: Vec<f64> = scaled.iter().map(|&z| powered(z, power)).collect();
        (power - 1.0) * jacobian
            - n * moments(&mapped).1.ln()
            - (power - 1.0).powi(2) / (2.0 * DOUBT * DOUBT)
    };
    let grid = (2..=8).map(|i| f64::from(i) * 0.25);
    grid.max_by(|&a, &b| likelihood(a).total_cmp(&likelihood(b))).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_an_outlier_does_not_flatten_the_rest() {
        let mut values: Vec<f64> = (0..50).map(|i| (f64::from(i) * 0.77).sin()).collect();
        values.push(-1e300);
        let scaled = normalised(&values).unwrap();
        for (a, x) in values.iter().zip(&scaled) {
            for (b, y) in values.iter().zip(&scaled) {
                assert_eq!(a < b, x < y, "{a} {b}");
            }
        }
        let highest = scaled.iter().copied().fold(f64::MIN, f64::max);
        assert!(highest > 0.7, "{highest}");
    }

    #[test]
    fn odd_values() {
        assert_eq!(normalised(&[f64::NAN, f64::NEG_INFINITY]), None);
        assert_eq!(normalised(&[]), None);
        assert_eq!(normalised(&[3.0, 3.0, f64::NAN]), Some(vec![0.0; 3]));
        let wide = normalised(&[f64::MIN, 0.0, f64::MAX, f64::INFINITY]).unwrap();
        assert!(wide.iter().all(|z| z.is_finite()) && wide[0] < wide[1] && wide[1] < wide[2]);
        assert_eq!(wide[3], wide[0]);
    }

    #[test]
    fn the_sign_of_a_slack_is_its_side_of_the_threshold() {
        let values = [-5.0, 0.0, 0.2, 1e9, f64::NAN];
        let (scaled, threshold) = slacks(&values).unwrap();
        let holds: Vec<bool> = scaled.iter().map(|&z| z >= threshold).collect();
        assert_eq!(holds, [false, true, true, true, false]);
        let (constant, threshold) = slacks(&[2.0, 2.0]).unwrap();
        assert!(constant[0] > threshold);
    }
}
