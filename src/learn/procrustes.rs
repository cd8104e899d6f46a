//! The rotation that brings one set of vectors nearest to another (Schönemann 1966).

use super::eigen::eigen;

/// Pairs of vectors, summed up.
pub struct Procrustes {
    dim: usize,
    /// Σ x·yᵀ.
    products: Vec<f64>,
    pairs: u64,
}

impl Procrustes {
    /// No pairs yet, of vectors of `dim` numbers.
    pub fn new(dim: usize) -> Procrustes {
        Procrustes { dim, products: vec![0.0; dim * dim], pairs: 0 }
    }

    /// Adds a vector and the one that it is to be turned to.
    ///
    /// # Panics
    /// If either has another length.
    pub fn add(&mut self, x: &[f32], y: &[f32]) {
        assert!(x.len() == self.dim && y.len() == self.dim);
        for (x, row) in x.iter().zip(self.products.chunks_exact_mut(self.dim)) {
            row.iter_mut().zip(y).for_each(|(sum, y)| *sum += f64::from(*x) * f64::from(*y));
        }
        self.pairs += 1;
    }

    /// The orthogonal matrix Q, row-major, that makes Σ |x·Q − y|² smallest; the identity without pairs. Directions that
    /// no pair has are completed by any that are left.
    pub fn rotation(&self) -> Vec<f64> {
        let dim = self.dim;
        let identity = |at: usize| f64::from(u8::from(at.is_multiple_of(dim + 1)));
        if self.pairs == 0 || self.products.iter().all(|x| *x == 0.0) {
            return (0..dim * dim).map(identity).collect();
        }
        // M = UΣVᵀ by the eigenvectors of MᵀM; Q = UVᵀ
        let m = |i: usize, j: usize| self.products[i * dim + j];
        let mut square = vec![0.0; dim * dim];
        for i in 0..dim {
            for j in 0..dim {
                square[i * dim + j] = (0..dim).map(|k| m(k, i) * m(k, j)).sum();
            }
        }
        let (_, right) = eigen(&mut square, dim);
        let mut left: Vec<Vec<f64>> = Vec::with_capacity(dim);
        for axis in right.chunks_exact(dim) {
            let image = (0..dim).map(|i| (0..dim).map(|j| m(i, j) * axis[j]).sum()).collect();
            left.push(next_axis(image, &left));
        }
        let mut rotation = vec![0.0; dim * dim];
        for (u, v) in left.iter().zip(right.chunks_exact(dim)) {
            for (u, row) in u.iter().zip(rotation.chunks_exact_mut(dim)) {
                row.iter_mut().zip(v).for_each(|(sum, v)| *sum += u * v);
            }
        }
        rotation
    }
}

/// What of a vector is orthogonal to others, brought to length 1; where nothing is, the first unit vector of which
/// something is.
fn next_axis(image: Vec<f64>, before: &[Vec<f64>]) -> Vec<f64> {
    let dim = image.len();
    let length = norm(&image);
    let units = (0..dim).map(|at| (0..dim).map(|i| f64::from(u8::from(i == at))).collect());
    let tries = std::iter::once(image).chain(units).enumerate();
    for (number, mut candidate) in tries {
        let whole = if number == 0 { length } else { 1.0 };
        // twice is enough
        for _ in 0..2 {
            for axis in before {
                let along: f64 = candidate.iter().zip(axis).map(|(a, b)| a * b).sum();
                candidate.iter_mut().zip(axis).for_each(|(x, a)| *x -= along * a);
            }
        }
        let left = norm(&candidate);
        if left > 1e-6 * whole && left > 0.0 {
            candidate.iter_mut().for_each(|x| *x /= left);
            return candidate;
        }
    }
    vec![0.0; dim]
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A vector turned by a matrix of [`Procrustes::rotation`].
///
/// # Panics
/// If they do not fit.
pub fn turned(vector: &[f32], rotation: &[f64], to: &mut [f32]) {
    let dim = vector.len();
    assert!(rotation.len() == dim * dim && to.len() == dim);
    let mut sums = vec![0.0; dim];
    for (x, row) in vector.iter().zip(rotation.chunks_exact(dim)) {
        sums.iter_mut().zip(row).for_each(|(sum, r)| *sum += f64::from(*x) * r);
    }
    to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn vectors(n: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = Random::new(seed, 0);
        (0..n).map(|_| (0..dim).map(|_| random.normal() as f32).collect()).collect()
    }

    fn is_orthogonal(q: &[f64], dim: usize) -> bool {
        (0..dim * dim).all(|at| {
            let (i, j) = (at / dim, at % dim);
            let product: f64 = (0..dim).map(|k| q[k * dim + i] * q[k * dim + j]).sum();
            (product - f64::from(u8::from(i == j))).abs() < 1e-9
        })
    }

    #[test]
    fn a_rotation_is_found_again() {
        let (dim, given) = (7, vectors(40, 7, 1));
        let mut first = Procrustes::new(dim);
        let others = vectors(40, 7, 2);
        given.iter().zip(&others).for_each(|(x, y)| first.add(x, y));
        let planted = first.rotation();
        assert!(is_orthogonal(&planted, dim));
        let mut again = Procrustes::new(dim);
        let mut to = vec![0.0; dim];
        for x in &given {
            turned(x, &planted, &mut to);
            again.add(x, &to);
        }
        let found = again.rotation();
        assert!(found.iter().zip(&planted).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn directions_without_pairs_are_completed() {
        let mut found = Procrustes::new(4);
        assert_eq!(found.rotation()[..6], [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        found.add(&[0.0, 3.0, 0.0, 0.0], &[0.0, 0.0, 2.0, 0.0]);
        let q = found.rotation();
        assert!(is_orthogonal(&q, 4));
        let mut to = vec![0.0; 4];
        turned(&[0.0, 1.0, 0.0, 0.0], &q, &mut to);
        assert!(to.iter().zip([0.0, 0.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{to:?}");
        let mut odd = Procrustes::new(2);
        odd.add(&[0.0, 0.0], &[1.0, 1.0]);
        assert!(is_orthogonal(&odd.rotation(), 2));
    }

    #[test]
    fn no_other_rotation_is_nearer() {
        let (given, others) = (vectors(30, 3, 5), vectors(30, 3, 6));
        let mut found = Procrustes::new(3);
        given.iter().zip(&others).for_each(|(x, y)| found.add(x, y));
        let distance = |q: &[f64]| -> f64 {
            let mut to = vec![0.0; 3];
            given
                .iter()
                .zip(&others)
                .map(|(x, y)| {
                    turned(x, q, &mut to);
                    to.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
                })
                .sum()
        };
        let best = found.rotation();
        let least = distance(&best);
        for (a, b, angle) in [(0, 1, 0.1f64), (0, 2, -0.2), (1, 2, 0.05), (0, 1, 2.0)] {
            let mut other = best.clone();
            for i in 0..3 {
                let (x, y) = (best[i * 3 + a], best[i * 3 + b]);
                other[i * 3 + a] = x * angle.cos() - y * angle.sin();
                other[i * 3 + b] = x * angle.sin() + y * angle.cos();
            }
            assert!(distance(&other) > least - 1e-6);
        }
    }
}
