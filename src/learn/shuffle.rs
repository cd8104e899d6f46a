//! Orders of many numbers that nobody has to store: permutations by a keyed network of Feistel, walked until the number
//! is in range (Black and Rogaway 2002).

use crate::random::Random;

/// A permutation of the numbers below `len`.
pub struct Shuffle {
    len: u64,
    /// Bits of a half.
    bits: u32,
    keys: [u64; 4],
}

impl Shuffle {
    /// Permutation number `stream` of a seed.
    pub fn new(len: u64, seed: u64, stream: u64) -> Shuffle {
        let mut random = Random::new(seed, stream);
        let bits = (u64::BITS - len.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
        Shuffle { len, bits, keys: std::array::from_fn(|_| random.bits()) }
    }

    /// What stands at a place.
    pub fn at(&self, place: u64) -> u64 {
        debug_assert!(place < self.len);
        let mask = (1 << self.bits) - 1;
        let mut number = place;
        loop {
            let (mut left, mut right) = (number >> self.bits, number & mask);
            for &key in &self.keys {
                let mixed = Random::from_state(key ^ right).bits();
                (left, right) = (right, left ^ mixed & mask);
            }
            number = left << self.bits | right;
            if number < self.len {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_once_and_in_no_order() {
        for len in [1, 2, 3, 5, 64, 65, 1_000, 4_097] {
            let orders = [0, 1].map(|stream| {
                let shuffle = Shuffle::new(len, 7, stream);
                (0..len).map(|place| shuffle.at(place)).collect::<Vec<_>>()
            });
            for order in &orders {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().copied().eq(0..len));
            }
            // of a random order, half of the neighbours rise
            let rises = orders[0].windows(2).filter(|pair| pair[0] < pair[1]).count() as f64;
            assert!(len < 1_000 || (rises / len as f64 - 0.5).abs() < 0.05);
            assert!(len < 64 || orders[0] != orders[1]);
        }
    }
}
