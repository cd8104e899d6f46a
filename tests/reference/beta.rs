//! Numbers from the beta distribution, by plain bisection of its distribution function, which is
//! summed as a power series whose terms are all positive (Abramowitz and Stegun 26.5.4).

use super::value::{Value, float};

/// The number whose distribution function is `u`.
pub fn draw(a: Option<f64>, b: Option<f64>, u: Option<f64>) -> Value {
    let (Some(a), Some(b), Some(u)) = (a, b, u) else {
        return Value::Null;
    };
    if a <= 0.0 || b <= 0.0 {
        return Value::Null;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..1100 {
        let middle = low + (high - low) / 2.0;
        if below(a, b, middle) < u {
            low = middle;
        } else {
            high = middle;
        }
    }
    float(high)
}

/// How likely a number is below `x`.
fn below(a: f64, b: f64, x: f64) -> f64 {
    if x > a / (a + b) {
        return 1.0 - series(b, a, 1.0 - x);
    }
    series(a, b, x)
}

fn series(a: f64, b: f64, x: f64) -> f64 {
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = (a * x.ln() + b * (1.0 - x).ln() - log_beta).exp() / a;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while term > sum * 1e-18 && n < 1e5 {
        term *= (a + b + n) / (a + 1.0 + n) * x;
        sum += term;
        n += 1.0;
    }
    front * sum
}
