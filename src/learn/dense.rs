//! Small dense matrices: products whose sums have one order at every level of the CPU and on any number of threads.
//!
//! Everything is made of one step, which adds multiples of several rows to another row: element by element, so that
//! wider registers change nothing.

use rayon::prelude::*;

use crate::cpu::{Level, for_each_level};

/// Rows that are added at once.
pub const DEPTH: usize = 8;
/// Parts that a sum over many rows is cut into, whatever the threads.
const SHARDS: usize = 16;

/// `to[at] += Σ factors[i]·rows[i][at]`, the terms one after the other. Rows begin at `start` of `from` and are `stride`
/// apart.
#[inline(always)]
pub fn add_rows(
    to: &mut [f64],
    factors: &[f64; DEPTH],
    from: &[f64],
    (start, stride): (usize, usize),
) {
    let width = to.len();
    let (mut in_chunks, mut rests): ([&[[f64; 8]]; DEPTH], [&[f64]; DEPTH]) = Default::default();
    for i in 0..DEPTH {
        (in_chunks[i], rests[i]) = from[start + i * stride..][..width].as_chunks();
        // what the loop below may rely on
        in_chunks[i] = &in_chunks[i][..width / 8];
    }
    let (chunks, rest) = to.as_chunks_mut::<8>();
    for (chunk, to) in chunks.iter_mut().enumerate() {
        // a copy stays in registers until all rows are added
        let mut sums = *to;
        for i in 0..DEPTH {
            add_eight(&mut sums, factors[i], &in_chunks[i][chunk]);
        }
        *to = sums;
    }
    if !rest.is_empty() {
        let padded = |from: &[f64]| {
            let mut eight = [0.0; 8];
            eight[..from.len()].copy_from_slice(from);
            eight
        };
        let mut sums = padded(rest);
        for i in 0..DEPTH {
            add_eight(&mut sums, factors[i], &padded(rests[i]));
        }
        rest.copy_from_slice(&sums[..rest.len()]);
    }
}

#[inline(always)]
fn add_eight(sums: &mut [f64; 8], factor: f64, row: &[f64; 8]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum = factor.mul_add(*value, *sum);
    }
}

/// `to[at] += factor·row[at]`.
#[inline(always)]
pub fn add_row(to: &mut [f64], factor: f64, row: &[f64]) {
    for (to, &value) in to.iter_mut().zip(row) {
        *to = factor.mul_add(value, *to);
    }
}

/// The sum of products in 8 lanes, folded in one order.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] = a.mul_add(*b, lanes[lane]);
    }
    for half in [4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// Rows and columns of a tile of a Gram matrix.
const TILE: (usize, usize) = (8, 8);

/// Adds `rowsᵀ·rows` to the upper triangle of a square matrix, and something to a few numbers below the diagonal. Every
/// number is a sum over the rows in their order. It is fastest where `width` is a multiple of 8.
#[inline(always)]
pub fn add_gram(gram: &mut [f64], rows: &[f64], width: usize) {
    let whole = width / TILE.1 * TILE.1;
    for top in (0..whole).step_by(TILE.0) {
        for left in (top / TILE.1 * TILE.1..whole).step_by(TILE.1) {
            add_tile(gram, rows, width, (top, left));
        }
    }
    for row in rows.chunks_exact(width.max(1)) {
        for column in whole..width {
            for above in 0..=column {
                let to = &mut gram[above * width + column];
                *to = row[above].mul_add(row[column], *to);
            }
        }
    }
}

#[inline(always)]
fn add_tile(gram: &mut [f64], rows: &[f64], width: usize, (top, left): (usize, usize)) {
    let mut sums = [[0.0; TILE.1]; TILE.0];
    for i in 0..TILE.0 {
        sums[i].copy_from_slice(&gram[(top + i) * width + left..][..TILE.1]);
    }
    for row in rows.chunks_exact(width) {
        let (Some(factors), Some(values)) =
            (row[top..].first_chunk::<{ TILE.0 }>(), row[left..].first_chunk::<{ TILE.1 }>())
        else {
            return;
        };
        for i in 0..TILE.0 {
            for j in 0..TILE.1 {
                sums[i][j] = factors[i].mul_add(values[j], sums[i][j]);
            }
        }
    }
    for i in 0..TILE.0 {
        gram[(top + i) * width + left..][..TILE.1].copy_from_slice(&sums[i]);
    }
}

for_each_level!(fn gram_level(gram: &mut [f64], rows: &[f64], width: usize), add_gram);

/// `rowsᵀ·rows`, all of it. `read` writes some rows, of `f64`, to the end of a buffer.
pub fn gram<F: Fn(std::ops::Range<usize>, &mut Vec<f64>) + Sync>(
    rows: usize,
    width: usize,
    read: F,
) -> Vec<f64> {
    let level = Level::detect();
    let shard = |shard: usize| {
        let (start, end) = (rows * shard / SHARDS, rows * (shard + 1) / SHARDS);
        let (mut sum, mut buffer) = (vec![0.0; width * width], Vec::new());
        for at in (start..end).step_by(DEPTH * 8) {
            buffer.clear();
            read(at..(at + DEPTH * 8).min(end), &mut buffer);
            gram_level(level, &mut sum, &buffer, width);
        }
        sum
    };
    let sums: Vec<Vec<f64>> = (0..SHARDS).into_par_iter().map(shard).collect();
    let mut gram = vec![0.0; width * width];
    for sum in sums {
        gram.iter_mut().zip(sum).for_each(|(to, value)| *to += value);
    }
    mirror(&mut gram, width);
    gram
}

/// Copies the upper triangle to the lower one.
pub fn mirror(matrix: &mut [f64], width: usize) {
    for row in 0..width {
        for column in 0..row {
            matrix[row * width + column] = matrix[column * width + row];
        }
    }
}

/// Rows that [`product`] makes at once: they share what they read of the right matrix.
const TOGETHER: usize = 4;

#[inline(always)]
fn product_body(left: &[f64], inner: usize, right: &[f64], width: usize, to: &mut [f64]) {
    to.fill(0.0);
    for (left, to) in left.chunks(TOGETHER * inner).zip(to.chunks_mut(TOGETHER * width)) {
        for at in (0..inner / DEPTH * DEPTH).step_by(DEPTH) {
            for (left, to) in left.chunks_exact(inner).zip(to.chunks_exact_mut(width)) {
                let factors = left[at..].first_chunk().unwrap_or(&[0.0; DEPTH]);
                add_rows(to, factors, right, (at * width, width));
            }
        }
        for at in inner / DEPTH * DEPTH..inner {
            for (left, to) in left.chunks_exact(inner).zip(to.chunks_exact_mut(width)) {
                add_row(to, left[at], &right[at * width..][..width]);
            }
        }
    }
}

for_each_level!(
    pub fn product(left: &[f64], inner: usize, right: &[f64], width: usize, to: &mut [f64]),
    product_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn matrix(seed: u64, len: usize) -> Vec<f64> {
        let mut random = Random::new(seed, 0);
        (0..len).map(|_| random.normal()).collect()
    }

    #[test]
    fn products_and_grams_are_those_of_the_definition() {
        for (rows, inner, width) in [(0, 3, 2), (1, 1, 1), (7, 9, 17), (70, 33, 8), (301, 8, 40)] {
            let (a, b) = (matrix(1, rows * inner), matrix(2, inner * width));
            let mut to = vec![f64::NAN; rows * width];
            for level in Level::supported() {
                let before = to.clone();
                product(level, &a, inner, &b, width, &mut to);
                assert!(level == Level::Portable || before == to);
            }
            for (at, &got) in to.iter().enumerate() {
                let (row, column) = (at / width, at % width);
                let sum: f64 = (0..inner).map(|k| a[row * inner + k] * b[k * width + column]).sum();
                assert!((got - sum).abs() < 1e-12);
            }
            let gram = gram(rows, inner, |range, to| {
                to.extend_from_slice(&a[range.start * inner..range.end * inner]);
            });
            for (at, &got) in gram.iter().enumerate() {
                let (i, j) = (at / inner, at % inner);
                let sum: f64 = (0..rows).map(|k| a[k * inner + i] * a[k * inner + j]).sum();
                assert!((got - sum).abs() < 1e-11);
            }
        }
    }
}
