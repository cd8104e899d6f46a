//! The randomised singular value decomposition of a sparse matrix (Halko, Martinsson and Tropp 2011): subspace iteration
//! from random columns, then Rayleigh and Ritz within the subspace.

use rayon::prelude::*;

use super::dense::{add_row, gram, product};
use super::eigen::eigen;
use super::matrix::Both;
use super::{Stopped, Watch};
use crate::cpu::{Level, for_each_level};
use crate::random::Random;

/// Columns beyond the rank.
const MORE: usize = 16;
/// Times that the small singular values are damped.
const POWERS: u64 = 4;
/// Rows of a thread's step.
const STEP: usize = 64;

/// A matrix with factors of its rows and columns: entry (u, i) is `rows[u]·r_ui·columns[i]`.
pub struct Scaled<'a> {
    /// The entries.
    pub entries: &'a Both,
    /// A factor of each row.
    pub rows: Vec<f64>,
    /// A factor of each column.
    pub columns: Vec<f64>,
}

/// The leading singular values of a matrix, in descending order, and their right singular vectors.
pub struct Leading {
    /// As many as the rank that was asked for, or as there are values that rounding does not drown.
    pub values: Vec<f64>,
    /// A row for each column of the matrix, as long as `values`.
    pub vectors: Vec<f64>,
}

impl Scaled<'_> {
    /// Bytes of the work.
    pub fn bytes(size: &super::Size, rank: usize) -> u64 {
        let width = (rank + MORE).min(size.sources).min(size.targets);
        8 * width as u64 * (size.sources + 2 * size.targets + 24 * width) as u64
    }

    /// The `rank` leading right singular vectors. The largest entry of each (by size, the first of equal ones) is
    /// positive.
    pub fn leading(&self, rank: usize, seed: u64, watch: &dyn Watch) -> Result<Leading, Stopped> {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let width = rank.saturating_add(MORE).min(rows).min(columns);
        let mut basis = Basis::random(columns, width, seed);
        basis.orthonormalise();
        for round in 0..=POWERS {
            if !watch.go_on("singular vectors", round, POWERS + 1) {
                return Err(Stopped);
            }
            basis = self.transposed_times(&self.times(&basis));
            basis.orthonormalise();
        }
        let image = self.times(&basis);
        let (squares, axes) = eigen(&mut image.gram(), basis.width);
        let least = squares.first().map_or(0.0, |most| most * 1e-14);
        let kept = squares.iter().take(rank).take_while(|&&square| square > least).count();
        let mut vectors = basis.turned(&axes[..kept * basis.width], kept);
        vectors.sign();
        Ok(Leading {
            values: squares[..kept].iter().map(|square| square.sqrt()).collect(),
            vectors: vectors.values,
        })
    }

    fn times(&self, right: &Basis) -> Basis {
        sparse_times(&self.entries.by_source, (&self.rows, &self.columns), right)
    }

    fn transposed_times(&self, right: &Basis) -> Basis {
        sparse_times(&self.entries.by_target, (&self.columns, &self.rows), right)
    }
}

/// Columns of a subspace, row-major.
struct Basis {
    values: Vec<f64>,
    width: usize,
}

impl Basis {
    fn random(rows: usize, width: usize, seed: u64) -> Basis {
        let mut values = vec![0.0; rows * width];
        values.par_chunks_mut(width.max(1)).enumerate().for_each(|(row, values)| {
            let mut random = Random::new(seed, row as u64);
            values.fill_with(|| random.normal());
        });
        Basis { values, width }
    }

    fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    fn gram(&self) -> Vec<f64> {
        gram(self.rows(), self.width, |range, to| {
            to.extend_from_slice(&self.values[range.start * self.width..range.end * self.width]);
        })
    }

    /// The products with some vectors, which are rows of `axes`.
    fn turned(&self, axes: &[f64], width: usize) -> Basis {
        let (level, inner) = (Level::detect(), self.width);
        let mut right = vec![0.0; inner * width];
        for (at, value) in right.iter_mut().enumerate() {
            *value = axes[at % width * inner + at / width];
        }
        let mut values = vec![0.0; self.rows() * width];
        let to = values.par_chunks_mut((STEP * width).max(1));
        let left = self.values.par_chunks((STEP * inner).max(1));
        to.zip(left).for_each(|(to, left)| product(level, left, inner, &right, width, to));
        Basis { values, width }
    }

    /// Makes the columns orthonormal; those that depend on others are dropped. Directions of very different length are
    /// made so twice, because the first time leaves the short ones inexact.
    fn orthonormalise(&mut self) {
        for _ in 0..2 {
            let (squares, mut axes) = eigen(&mut self.gram(), self.width);
            let most = squares.first().copied().unwrap_or(0.0);
            let kept = squares.iter().take_while(|&&square| square > most * 1e-13).count();
            for (axis, square) in axes.chunks_exact_mut(self.width.max(1)).zip(&squares[..kept]) {
                let length = square.sqrt();
                axis.iter_mut().for_each(|value| *value /= length);
            }
            *self = self.turned(&axes[..kept * self.width], kept);
            if squares[..kept].last().is_none_or(|least| least / most > 1e-6) {
                return;
            }
        }
    }

    /// Turns columns so that their largest entry is positive.
    fn sign(&mut self) {
        let mut largest = vec![0.0f64; self.width];
        for row in self.values.chunks_exact(self.width.max(1)) {
            for (most, &value) in largest.iter_mut().zip(row) {
                if value.abs() > most.abs() {
                    *most = value;
                }
            }
        }
        for row in self.values.chunks_exact_mut(self.width.max(1)) {
            let turned = row.iter_mut().zip(&largest).filter(|(_, most)| **most < 0.0);
            turned.for_each(|(value, _)| *value = -*value);
        }
    }
}

/// The product of a sparse matrix, with factors of its rows and columns, and a dense one.
fn sparse_times(matrix: &super::matrix::Matrix, factors: (&[f64], &[f64]), right: &Basis) -> Basis {
    let (level, width) = (Level::detect(), right.width);
    let mut values = vec![0.0; matrix.rows() * width];
    let steps = values.par_chunks_mut((STEP * width).max(1)).enumerate();
    steps.for_each(|(step, to)| {
        for (row, to) in (step * STEP..).zip(to.chunks_exact_mut(width.max(1))) {
            for (column, value) in matrix.entries(row) {
                let factor = factors.0[row] * value * factors.1[column as usize];
                add(level, to, factor, &right.values[column as usize * width..][..width]);
            }
        }
    });
    Basis { values, width }
}

for_each_level!(fn add(to: &mut [f64], factor: f64, row: &[f64]), add_row);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::testing::World;

    #[test]
    fn it_is_the_decomposition_of_the_dense_matrix() {
        for seed in 0..30 {
            let world = World::random(seed);
            let entries = Both::of(&world.links(), true);
            let dense = world.dense(true);
            let rows = (0..dense.len()).map(|u| 1.0 / (1.0 + u as f64)).collect();
            let columns = (0..world.targets).map(|i| 0.5 + (i % 3) as f64).collect();
            let scaled = Scaled { entries: &entries, rows, columns };
            let n = world.targets;
            let entry = |u: usize, i: usize| scaled.rows[u] * dense[u][i] * scaled.columns[i];
            let product = |i: usize, j: usize| -> f64 {
                (0..dense.len()).map(|u| entry(u, i) * entry(u, j)).sum()
            };
            let mut square: Vec<f64> = (0..n * n).map(|at| product(at / n, at % n)).collect();
            let (squares, axes) = eigen(&mut square, n);
            for rank in [0, 1, 3, 100] {
                let got = scaled.leading(rank, seed, &Unwatched).unwrap();
                let k = got.values.len();
                let sure = squares.iter().take(rank).filter(|s| **s > 1e-9 * squares[0]).count();
                assert!(k >= sure && k <= rank && got.vectors.len() == n * k);
                for at in 0..sure {
                    assert!((got.values[at] - squares[at].sqrt()).abs() < 1e-6 * squares[0].sqrt());
                    let apart =
                        |other: usize| (squares[other] - squares[at]).abs() > 1e-3 * squares[0];
                    if (0..n).all(|other| other == at || apart(other)) {
                        let near = |i: usize| got.vectors[i * k + at] - axes[at * n + i];
                        assert!((0..n).all(|i| near(i).abs() < 1e-4), "{seed} {rank} {at}");
                    }
                }
            }
        }
    }
}
