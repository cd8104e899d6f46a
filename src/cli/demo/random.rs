//! The few distributions that a world is made of.

use crate::random;

pub struct Random(random::Random);

impl Random {
    /// A stream of its own for every name, so that one table's size changes no other table.
    pub fn new(seed: u64, name: &str) -> Random {
        let state = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), seed);
        Random(random::Random::from_state(state))
    }

    /// From 0 up to 1, without it.
    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// From 0 up to `n`, without it; 0 if `n` is.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        self.0.normal()
    }

    /// A power law over the numbers from 0 (Lomax).
    pub fn pareto(&mut self, shape: f64) -> f64 {
        (1.0 - self.unit()).powf(-1.0 / shape) - 1.0
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// Draws places by weight.
pub struct Weighted(Vec<f64>);

impl Weighted {
    pub fn new(weights: &[f64]) -> Weighted {
        let sums = weights.iter().scan(0.0, |sum, w| {
            *sum += w;
            Some(*sum)
        });
        Weighted(sums.collect())
    }

    pub fn draw(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(0.0);
        let at = random.unit() * total;
        let place = self.0.partition_point(|sum| *sum <= at);
        place.min(self.0.len().saturating_sub(1))
    }
}
