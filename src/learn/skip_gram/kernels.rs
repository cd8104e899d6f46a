//! Products of small matrices and logistic functions in 32 bits. Every number is computed by the same operations in the
//! same order at every level of the CPU.

use crate::cpu::for_each_level;

/// Rows, terms of each sum and columns of a product; the columns are a multiple of 16.
#[derive(Clone, Copy)]
pub struct Shape {
    pub rows: usize,
    pub depth: usize,
    pub width: usize,
}

/// Rows of a tile.
const HEIGHT: usize = 4;
/// Terms that are gathered at once.
const DEPTH: usize = 128;

/// Adds the product of two matrices. Entry (i, k) of the left one is `left[i·strides.0 + k·strides.1]`.
#[inline(always)]
fn add_products_body(
    left: &[f32],
    strides: (usize, usize),
    right: &[f32],
    shape: Shape,
    to: &mut [f32],
) {
    let Shape { rows, depth, width } = shape;
    for first in (0..rows).step_by(HEIGHT) {
        let height = HEIGHT.min(rows - first);
        let to = &mut to[first * width..][..height * width];
        for start in (0..depth).step_by(DEPTH) {
            let terms = DEPTH.min(depth - start);
            let mut factors = [[0.0; HEIGHT]; DEPTH];
            for (k, factors) in factors[..terms].iter_mut().enumerate() {
                for (row, factor) in factors[..height].iter_mut().enumerate() {
                    *factor = left[(first + row) * strides.0 + (start + k) * strides.1];
                }
            }
            let right = &right[start * width..][..terms * width];
            let wide = width / 32 * 32;
            for at in (0..wide).step_by(32) {
                tile::<32>(&factors[..terms], right, width, at, to);
            }
            if wide < width {
                tile::<16>(&factors[..terms], right, width, wide, to);
            }
        }
    }
}

#[inline(always)]
fn tile<const WIDTH: usize>(
    factors: &[[f32; HEIGHT]],
    right: &[f32],
    width: usize,
    at: usize,
    to: &mut [f32],
) {
    let mut sums = [[0.0f32; WIDTH]; HEIGHT];
    for (sums, to) in sums.iter_mut().zip(to.chunks_exact(width)) {
        sums.copy_from_slice(&to[at..][..WIDTH]);
    }
    for (factors, right) in factors.iter().zip(right.chunks_exact(width)) {
        let Some(right) = right[at..].first_chunk::<WIDTH>() else { return };
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, value) in sums.iter_mut().zip(right) {
                *sum = factor.mul_add(*value, *sum);
            }
        }
    }
    for (sums, to) in sums.iter().zip(to.chunks_exact_mut(width)) {
        to[at..][..WIDTH].copy_from_slice(sums);
    }
}

for_each_level!(
    pub fn add_products(
        left: &[f32],
        strides: (usize, usize),
        right: &[f32],
        shape: Shape,
        to: &mut [f32],
    ),
    add_products_body
);

/// 1 / (1 + e^−x), within 2e-7.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // e^−x = 2^n·e^r with n a whole number: adding and taking away 1.5·2^23 rounds to one
    let x = -x.clamp(-80.0, 80.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, 12_582_912.0);
    let n = shifted - 12_582_912.0;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut e = 1.0f32 / 720.0;
    for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        e = e.mul_add(r, term);
    }
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    1.0 / (1.0 + e * scale)
}

#[inline(always)]
fn sigmoids_body(values: &mut [f32]) {
    for value in values {
        *value = sigmoid(*value);
    }
}

for_each_level!(pub fn sigmoids(values: &mut [f32]), sigmoids_body);

/// The sum of products, in 16 lanes that are folded in one order. The lengths are a multiple of 16.
#[inline(always)]
fn dot_body(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
        }
    }
    let mut half = 8;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Slope of −ln σ(v·o) by the product, whose gradient by v is added to `to`.
#[inline(always)]
fn attract_body(v: &[f32], o: &[f32], to: &mut [f32]) -> f32 {
    let slope = sigmoid(dot_body(v, o)) - 1.0;
    add_body(to, slope, o);
    slope
}

for_each_level!(pub fn attract(v: &[f32], o: &[f32], to: &mut [f32]) -> f32, attract_body);

#[inline(always)]
fn add_body(to: &mut [f32], factor: f32, row: &[f32]) {
    for (to, value) in to.iter_mut().zip(row) {
        *to = factor.mul_add(*value, *to);
    }
}

for_each_level!(
    /// Adds a multiple of a row.
    pub fn add(to: &mut [f32], factor: f32, row: &[f32]),
    add_body
);

/// One step of row-wise Adagrad: the rate is one for the row, by the mean squares of the gradients so far.
#[inline(always)]
fn step_body(row: &mut [f32], squares: &mut f32, gradient: &[f32], dim: usize, lr: f32) {
    *squares += dot_body(gradient, gradient) / dim as f32;
    let rate = -lr / (squares.sqrt() + 1e-8);
    add_body(row, rate, gradient);
}

for_each_level!(
    pub fn step(row: &mut [f32], squares: &mut f32, gradient: &[f32], dim: usize, lr: f32),
    step_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Level;

    #[test]
    fn sigmoids_are_near_at_every_level_with_the_same_bits() {
        let values: Vec<f32> = (-4_000..4_000).map(|i| i as f32 / 40.0).collect();
        let odd = [f32::INFINITY, f32::NEG_INFINITY, 1e-30, f32::MAX];
        let values: Vec<f32> = values.into_iter().chain(odd).collect();
        let mut found = Vec::new();
        for level in Level::supported() {
            let mut to = values.clone();
            sigmoids(level, &mut to);
            for (x, got) in values.iter().zip(&to) {
                let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                assert!((f64::from(*got) - exact).abs() < 2e-7, "{x}: {got}, {exact}");
            }
            found.push(to);
        }
        assert!(found.iter().all(|to| *to == found[0]));
    }

    #[test]
    fn products_are_those_of_the_definition_at_every_level_with_the_same_bits() {
        let number = |i: usize| ((i * 37 % 101) as f32).sin();
        for (rows, depth, width) in [(1, 1, 16), (4, 64, 128), (7, 130, 48), (64, 128, 64)] {
            let shape = Shape { rows, depth, width };
            let left: Vec<f32> = (0..rows * depth).map(number).collect();
            let right: Vec<f32> = (0..depth * width).map(|i| number(i + 5)).collect();
            for strides in [(depth, 1), (1, rows)] {
                let mut found = Vec::new();
                for level in Level::supported() {
                    let mut to = vec![1.0; rows * width];
                    add_products(level, &left, strides, &right, shape, &mut to);
                    found.push(to);
                }
                assert!(found.iter().all(|to| *to == found[0]));
                for (at, got) in found[0].iter().enumerate() {
                    let (i, j) = (at / width, at % width);
                    let entry =
                        |k: usize| left[i * strides.0 + k * strides.1] * right[k * width + j];
                    let sum: f32 = 1.0 + (0..depth).map(entry).sum::<f32>();
                    assert!((got - sum).abs() < 1e-4);
                }
            }
        }
    }
}
