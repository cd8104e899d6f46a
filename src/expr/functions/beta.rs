//! The quantiles of the beta distribution.
//!
//! The distribution function is the regularised incomplete beta function `I_x(a, b)`, computed by
//! its continued fraction (DLMF 8.17.22) with Lentz's algorithm as modified by Thompson and
//! Barnett (1986). It is inverted by Newton's method inside a shrinking bracket; a step that
//! leaves the bracket is replaced by a bisection of the floats in it, so that tiny quantiles are
//! found as fast as large ones.

use crate::batch::Pace;
use libm::lgamma;

/// The `x` at which the distribution function of `Beta(a, b)` is `u`; none unless `a` and `b` are
/// positive and `u` lies between 0 and 1, or if the run has to end.
pub fn quantile(a: f64, b: f64, u: f64, pace: &Pace) -> Option<f64> {
    if !(a > 0.0 && b > 0.0 && (0.0..=1.0).contains(&u)) {
        return None;
    }
    // the gamma functions cancel out; the distribution is a point by then
    if a + b > 1e12 {
        return Some(a / (a + b)).filter(|x| x.is_finite());
    }
    let log_beta = lgamma(a) + lgamma(b) - lgamma(a + b);
    let (mut low, mut high) = (0.0f64, 1.0f64);
    let mut x = a / (a + b);
    for _ in 0..200 {
        let off = distribution(a, b, log_beta, x, pace)? - u;
        if off == 0.0 {
            break;
        }
        if off < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let density = ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - log_beta).exp();
        let step = x - off / density;
        let next = if step > low && step < high { step } else { between(low, high) };
        if next == low || next == high || (next - x).abs() <= f64::EPSILON * x {
            x = next;
            break;
        }
        x = next;
    }
    Some(x)
}

/// The float in the middle of those between two positive ones: their bits are in their order.
fn between(low: f64, high: f64) -> f64 {
    let (low, high) = (low.to_bits(), high.to_bits());
    f64::from_bits(low + (high - low) / 2)
}

/// `I_x(a, b)`; none if the run has to end.
fn distribution(a: f64, b: f64, log_beta: f64, x: f64, pace: &Pace) -> Option<f64> {
    if x <= 0.0 {
        return Some(0.0);
    }
    if x >= 1.0 {
        return Some(1.0);
    }
    let front = (a * x.ln() + b * (-x).ln_1p() - log_beta).exp();
    // the fraction converges fast on this side of the mean; the other side is its mirror
    Some(if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x, pace)? / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x, pace)? / b
    })
}

/// The continued fraction of `I_x(a, b)`, without the factor before it; none if the run has to end.
fn fraction(a: f64, b: f64, x: f64, pace: &Pace) -> Option<f64> {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    // convergence takes about the square root of the larger parameter
    let most = 200 + 10 * a.max(b).sqrt().min(1e4) as u32;
    for m in 1..most {
        if pace.is_due_before(20) {
            return None;
        }
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            factor = c * d;
            result *= factor;
        }
        if (factor - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Stop;

    fn quantile(a: f64, b: f64, u: f64) -> Option<f64> {
        super::quantile(a, b, u, &Pace::new(Stop::default()))
    }

    fn near(found: Option<f64>, want: f64) {
        let found = found.unwrap();
        assert!((found - want).abs() <= 1e-12 * want, "{found} {want}");
    }

    #[test]
    fn quantiles_with_a_closed_form() {
        for u in [1e-12, 0.01, 0.25, 0.5, 0.9, 0.999_999] {
            near(quantile(1.0, 1.0, u), u);
            // F(x) = x^3
            near(quantile(3.0, 1.0, u), u.cbrt());
            // F(x) = 1 - (1 - x)^2
            near(quantile(1.0, 2.0, u), u / (1.0 + (1.0 - u).sqrt()));
            // the arcsine distribution
            let half = (std::f64::consts::PI * u / 2.0).sin();
            near(quantile(0.5, 0.5, u), half * half);
            // F(x) = x^2 (3 - 2 x) at its own value
            let x = quantile(2.0, 2.0, u).unwrap();
            assert!((x * x * (3.0 - 2.0 * x) - u).abs() < 1e-14);
        }
    }

    #[test]
    fn quantiles_of_far_parameters() {
        near(quantile(0.001, 1.0, 0.5), 0.5f64.powf(1000.0));
        let x = quantile(1e6, 1e6, 0.5).unwrap();
        assert!((x - 0.5).abs() < 1e-9, "{x}");
        let x = quantile(1e9, 1.0, 0.5).unwrap();
        assert!((x - 0.5f64.powf(1e-9)).abs() < 1e-14, "{x}");
        assert!(quantile(1e-300, 1e-300, 0.3).is_some());
        assert_eq!(quantile(1e300, 1e300, 0.3), Some(0.5));
    }

    #[test]
    fn outside_of_its_domain_there_is_none() {
        assert_eq!(quantile(0.0, 1.0, 0.5), None);
        assert_eq!(quantile(1.0, -1.0, 0.5), None);
        assert_eq!(quantile(1.0, f64::NAN, 0.5), None);
        assert_eq!(quantile(1.0, 1.0, 1.5), None);
    }
}
