//! Where chance comes from: `hash(seed, name, purpose, counter)`.

use crate::random::Random;
use xxhash_rust::xxh3::xxh3_64;

/// The chance of one artifact: its seed and its name.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// That of the artifact `name` under a seed.
    pub fn new(seed: u64, name: &str) -> Chance {
        Chance(xxh3_64(&[&seed.to_le_bytes(), name.as_bytes()].concat()))
    }

    /// That of one purpose of it.
    pub fn of(self, purpose: &str) -> Chance {
        Chance(xxh3_64(&[&self.0.to_le_bytes(), purpose.as_bytes()].concat()))
    }

    /// That of number `n` of a purpose: of an epoch, say.
    pub fn at(self, n: u64) -> Chance {
        Chance(self.hash(n))
    }

    /// 64 random bits for a counter.
    pub fn hash(self, counter: u64) -> u64 {
        Random::from_state(self.0 ^ counter.wrapping_mul(0xd6e8_feb8_6659_fd93)).bits()
    }

    /// A stream of random numbers for a counter.
    pub fn stream(self, counter: u64) -> Random {
        Random::from_state(self.hash(counter))
    }
}
