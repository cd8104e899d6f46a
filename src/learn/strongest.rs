//! The strongest links of a source: the largest weights as they are stored, ties by number.

/// A weight and an end as one number that is smaller the stronger the link is. `None` for what is not kept: what is
/// stored as 0, negative, or not a number.
#[inline(always)]
pub fn key(value: f64, end: u32) -> Option<u64> {
    let weight = value as f32;
    (weight > 0.0).then(|| u64::from(!weight.min(f32::MAX).to_bits()) << 32 | u64::from(end))
}

/// The end and the weight of a key.
pub fn link(key: u64) -> (u32, f32) {
    (key as u32, f32::from_bits(!(key >> 32) as u32))
}

/// Keeps the `k` smallest of the keys that are offered.
pub struct Strongest {
    k: usize,
    keys: Vec<u64>,
    /// Keys from here on are among the `k` smallest no more.
    beyond: u64,
}

impl Strongest {
    pub fn new(k: usize) -> Strongest {
        Strongest { k, keys: Vec::new(), beyond: if k == 0 { 0 } else { u64::MAX } }
    }

    #[inline(always)]
    pub fn offer(&mut self, key: u64) {
        if key < self.beyond {
            self.keys.push(key);
            if self.keys.len() >= 2 * self.k + 64 {
                self.cut();
            }
        }
    }

    /// Weights below this one need not be offered.
    pub fn least(&self) -> f32 {
        if self.beyond == u64::MAX { 0.0 } else { link(self.beyond).1 }
    }

    fn cut(&mut self) {
        let (_, &mut last, _) = self.keys.select_nth_unstable(self.k - 1);
        self.keys.truncate(self.k);
        self.beyond = last;
    }

    /// Takes the strongest, in order; it is as new afterwards.
    pub fn take(&mut self) -> std::vec::Drain<'_, u64> {
        if self.keys.len() > self.k {
            self.cut();
        }
        self.keys.sort_unstable();
        self.beyond = if self.k == 0 { 0 } else { u64::MAX };
        self.keys.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_largest_by_weight_then_number() {
        let mut random = Random::new(1, 0);
        for k in [0, 1, 7, 100, 5_000] {
            let mut all: Vec<(u32, f32)> =
                (0..3_000).map(|end| (end, random.below(50) as f32)).collect();
            let mut best = Strongest::new(k);
            for round in 0..2 {
                all.rotate_left(1_000 * round);
                all.iter().filter_map(|&(end, w)| key(w.into(), end)).for_each(|k| best.offer(k));
                let got: Vec<_> = best.take().map(link).collect();
                let mut expected = all.clone();
                expected.retain(|link| link.1 > 0.0);
                expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                expected.truncate(k);
                assert_eq!(got, expected);
            }
        }
    }

    #[test]
    fn odd_values_are_not_kept_or_finite() {
        let odd = [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY, 1e-60];
        assert!(odd.iter().all(|&value| key(value, 3).is_none()));
        assert_eq!(link(key(f64::INFINITY, 3).unwrap()), (3, f32::MAX));
        assert_eq!(link(key(1e300, u32::MAX).unwrap()), (u32::MAX, f32::MAX));
    }
}
