//! Symmetric positive definite systems, by Cholesky's factors.

use super::dense::{DEPTH, add_row, add_rows, dot};
use crate::cpu::for_each_level;

/// Factors the matrix whose upper triangle is in the first `n` columns of `n` rows of `stride` numbers: A = UᵀU. Columns
/// behind `n` are right sides b, in whose place comes U⁻ᵀb. What is below the diagonal is overwritten.
///
/// A pivot that rounding has made too small is raised, so that nearly singular systems have a finite solution.
#[inline(always)]
fn factor(a: &mut [f64], n: usize, stride: usize, least: &mut Vec<f64>) {
    least.clear();
    least.extend((0..n).map(|k| (a[k * stride + k].abs() * 1e-13).max(f64::MIN_POSITIVE)));
    for start in (0..n).step_by(DEPTH) {
        let end = (start + DEPTH).min(n);
        for k in start..end {
            let (above, row) = a.split_at_mut(k * stride);
            // whole chunks, as everywhere here: from the start of the panel instead of the diagonal
            let row = &mut row[start..stride];
            for before in start..k {
                let other = &above[before * stride..][..stride];
                add_row(row, -other[k], &other[start..]);
            }
            let pivot = row[k - start];
            let root = if pivot > least[k] { pivot } else { least[k] }.sqrt();
            let inverse = 1.0 / root;
            row.iter_mut().for_each(|value| *value *= inverse);
            row[k - start] = root;
        }
        if end - start < DEPTH {
            return;
        }
        let (above, below) = a.split_at_mut(end * stride);
        let panel = &above[start * stride..];
        for (i, row) in (end..n).zip(below.chunks_exact_mut(stride)) {
            let mut factors = [0.0; DEPTH];
            for k in 0..DEPTH {
                factors[k] = -panel[k * stride + i];
            }
            let from = i / DEPTH * DEPTH;
            add_rows(&mut row[from..], &factors, panel, (from, stride));
        }
    }
}

/// Solves Ux = y for the factor of [`factor`], in the place of y.
#[inline(always)]
fn back(u: &[f64], n: usize, stride: usize, x: &mut [f64]) {
    for k in (0..n).rev() {
        let row = &u[k * stride..][..n];
        x[k] = (x[k] - dot(&row[k + 1..], &x[k + 1..])) / row[k];
    }
}

/// The body of [`solve`], for kernels that do more.
#[inline(always)]
pub fn solve_body(a: &mut [f64], n: usize, stride: usize, x: &mut Vec<f64>) {
    factor(a, n, stride, x);
    x.clear();
    x.extend((0..n).map(|k| a[k * stride + n]));
    back(a, n, stride, x);
}

for_each_level!(
    /// Solves Ax = b, where rows of `stride` numbers are the upper triangle of A, n numbers, followed by b. The matrix is
    /// overwritten. It is fastest where `stride` is a multiple of 8.
    pub fn solve(a: &mut [f64], n: usize, stride: usize, x: &mut Vec<f64>), solve_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Level;
    use crate::random::Random;

    /// A positive definite system with its right side.
    fn system(n: usize, ridge: f64) -> Vec<f64> {
        let mut random = Random::new(n as u64, 0);
        let rows: Vec<f64> = (0..n * n).map(|_| random.normal()).collect();
        let mut a = vec![0.0; n * (n + 1)];
        for i in 0..n {
            for j in 0..n {
                let dot: f64 = (0..n).map(|k| rows[k * n + i] * rows[k * n + j]).sum();
                a[i * (n + 1) + j] = dot + if i == j { ridge } else { 0.0 };
            }
            a[i * (n + 1) + n] = random.normal();
        }
        a
    }

    #[test]
    fn solutions_solve_at_every_level_with_the_same_bits() {
        for n in [0, 1, 2, 7, 8, 9, 31, 64, 101] {
            let a = system(n, 0.5);
            let mut solutions = Vec::new();
            for level in Level::supported() {
                let (mut factored, mut x) = (a.clone(), Vec::new());
                solve(level, &mut factored, n, n + 1, &mut x);
                for row in a.chunks_exact(n + 1) {
                    let sum: f64 = row[..n].iter().zip(&x).map(|(a, x)| a * x).sum();
                    assert!((sum - row[n]).abs() < 1e-8);
                }
                solutions.push(x);
            }
            assert!(solutions.iter().all(|x| *x == solutions[0]));
        }
    }

    #[test]
    fn singular_systems_have_finite_solutions() {
        let mut a = vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let mut x = Vec::new();
        solve(Level::detect(), &mut a, 2, 3, &mut x);
        assert!(x.iter().all(|x| x.is_finite()));
        solve(Level::detect(), &mut [0.0; 6], 2, 3, &mut x);
        assert!(x.iter().all(|x| x.is_finite()));
    }
}
