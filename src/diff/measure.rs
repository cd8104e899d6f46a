//! How far two lists differ.

use crate::types::Key;
use std::collections::HashSet;

/// How much a place counts less than the one before it.
const PERSISTENCE: f64 = 0.9;

/// The share of the first `k` that both lists have: of the longer one's. Two empty lists share all.
pub fn overlap(old: &[&Key], new: &[&Key], k: usize) -> f64 {
    let (old, new) = (&old[..old.len().min(k)], &new[..new.len().min(k)]);
    let longer = old.len().max(new.len());
    if longer == 0 {
        return 1.0;
    }
    let known: HashSet<&Key> = old.iter().copied().collect();
    let shared = new.iter().filter(|key| known.contains(**key)).count();
    shared as f64 / longer as f64
}

/// Rank-biased overlap with p = 0.9, extrapolated to the end of uneven lists: equation 32 of Webber, Moffat and Zobel, *A
/// similarity measure for indefinite rankings* (2010). 1 for equal lists, 0 for disjoint ones; two empty lists are equal.
pub fn rank_biased_overlap(old: &[&Key], new: &[&Key]) -> f64 {
    let p = PERSISTENCE;
    let (short, long) = if old.len() <= new.len() { (old, new) } else { (new, old) };
    let (s, l) = (short.len(), long.len());
    if s == 0 {
        return f64::from(u8::from(l == 0));
    }
    let (mut seen_short, mut seen_long) = (HashSet::new(), HashSet::new());
    let (mut shared, mut shared_at_short) = (0.0, 0.0);
    let (mut sum, mut weight) = (0.0, 1.0);
    for d in 1..=l {
        weight *= p;
        let b = long[d - 1];
        match short.get(d - 1) {
            Some(a) if *a == b => shared += 1.0,
            a => {
                let of_short = a.is_some_and(|a| seen_long.contains(a));
                shared +=
                    f64::from(u8::from(of_short)) + f64::from(u8::from(seen_short.contains(b)));
            }
        }
        seen_short.extend(short.get(d - 1).copied());
        seen_long.insert(b);
        if d == s {
            shared_at_short = shared;
        }
        sum += shared / d as f64 * weight;
        if d > s {
            sum += shared_at_short * (d - s) as f64 / (s * d) as f64 * weight;
        }
    }
    let rest = (shared - shared_at_short) / l as f64 + shared_at_short / s as f64;
    (1.0 - p) / p * sum + rest * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(numbers: &[i64]) -> Vec<Key> {
        numbers.iter().map(|n| Key::Int(*n)).collect()
    }

    fn both(a: &[i64], b: &[i64]) -> (f64, f64) {
        let (a, b) = (keys(a), keys(b));
        let (a, b): (Vec<&Key>, Vec<&Key>) = (a.iter().collect(), b.iter().collect());
        assert!((rank_biased_overlap(&a, &b) - rank_biased_overlap(&b, &a)).abs() < 1e-12);
        (overlap(&a, &b, 10), rank_biased_overlap(&a, &b))
    }

    #[test]
    fn the_ends_of_the_scales() {
        let close = |(a, b): (f64, f64), (c, d): (f64, f64)| {
            assert!((a - c).abs() < 1e-12 && (b - d).abs() < 1e-12, "{a} {b}, expected {c} {d}");
        };
        close(both(&[], &[]), (1.0, 1.0));
        close(both(&[1], &[]), (0.0, 0.0));
        close(both(&[1, 2, 3], &[1, 2, 3]), (1.0, 1.0));
        close(both(&[1, 2, 3], &[4, 5, 6]), (0.0, 0.0));
        // by hand: agreement 0 at depth 1, 1 at depth 2 and on: (1-p) * 0 + p
        close(both(&[1, 2], &[2, 1]), (1.0, 0.9));
        // the first of the two agrees at all depths, as far as is known
        close(both(&[1], &[1, 2]), (0.5, 1.0));
    }

    #[test]
    fn only_the_first_ten_overlap() {
        let long: Vec<i64> = (0..30).collect();
        let turned: Vec<i64> = (0..30).rev().collect();
        assert_eq!(both(&long, &turned).0, 0.0);
        assert_eq!(both(&long, &long[..5]).0, 0.5);
    }
}
