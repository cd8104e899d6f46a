//! Uniform and normal draws.

use super::Random;

/// A number in 0..1, of 53 bits.
pub fn uniform(random: &mut Random) -> f64 {
    (random.bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number (Box and Muller 1958; of the pair only one is taken).
pub fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(random)).cos()
}

/// A normal number within 0..1. After 16 draws outside it is uniform: then hardly any of the mass is inside.
pub fn normal_within(mean: f64, deviation: f64, random: &mut Random) -> f64 {
    (0..16)
        .map(|_| mean + deviation * normal(random))
        .find(|x| (0.0..=1.0).contains(x))
        .unwrap_or_else(|| uniform(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let mut random = Random::new(1, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(&mut random)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let square = draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((square - 1.0).abs() < 0.05, "{square}");
        let inside = (0..1000).all(|_| (0.0..=1.0).contains(&normal_within(0.0, 0.5, &mut random)));
        assert!(inside);
        assert!((0.0..=1.0).contains(&normal_within(40.0, 0.5, &mut random)));
    }
}
