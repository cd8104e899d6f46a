//! Eigenvalues and eigenvectors of symmetric matrices: Householder's tridiagonal form, then QL with implicit shifts
//! (Golub and Van Loan, chapter 8).

use super::dense::{add_row, dot};
use crate::cpu::{Level, for_each_level};

/// Eigenvalues in descending order, and the eigenvectors as rows in the same order, each with its largest entry (by
/// size, the first of equal ones) positive. The matrix is overwritten.
pub fn eigen(matrix: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let level = Level::detect();
    let (mut values, mut next) = (vec![0.0; n], vec![0.0; n]);
    let mut vectors = vec![0.0; n * n];
    tridiagonal(level, matrix, n, &mut values, &mut next, &mut vectors);
    implicit(level, n, &mut values, &mut next, &mut vectors);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut sorted = Vec::with_capacity(n * n);
    for &at in &order {
        let vector = &vectors[at * n..][..n];
        let largest =
            vector.iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
        sorted.extend(vector.iter().map(|&x| if largest < 0.0 { -x } else { x }));
    }
    (order.into_iter().map(|at| values[at]).collect(), sorted)
}

/// QᵀAQ is tridiagonal, with `diagonal` and, from place 1 on, `beside`; Qᵀ goes to `vectors`.
#[inline(always)]
fn tridiagonal_body(
    a: &mut [f64],
    n: usize,
    diagonal: &mut [f64],
    beside: &mut [f64],
    vectors: &mut [f64],
) {
    let (mut v, mut p) = (vec![0.0; n], vec![0.0; n]);
    // row k of A takes the k-th reflector's vector, once it is done with
    let mut scales = vec![0.0; n];
    for k in 0..n {
        diagonal[k] = a[k * n + k];
        if k + 1 == n {
            break;
        }
        let (upper, below) = a.split_at_mut((k + 1) * n);
        let x = &mut upper[k * n..][k + 1..n];
        let norm = dot(x, x).sqrt();
        let head = if x[0] > 0.0 { -norm } else { norm };
        beside[k + 1] = head;
        x[0] -= head;
        let square = dot(x, x);
        if square == 0.0 || k + 2 == n && x[0] == 0.0 {
            continue;
        }
        let scale = 2.0 / square;
        scales[k] = scale;
        let m = n - k - 1;
        let (v, p) = (&mut v[..m], &mut p[..m]);
        v.copy_from_slice(x);
        p.fill(0.0);
        for (row, &factor) in below.chunks_exact(n).zip(v.iter()) {
            add_row(p, scale * factor, &row[k + 1..]);
        }
        let half = scale / 2.0 * dot(p, v);
        add_row(p, -half, v);
        for ((row, &of_v), &of_p) in below.chunks_exact_mut(n).zip(v.iter()).zip(p.iter()) {
            add_row(&mut row[k + 1..], -of_v, p);
            add_row(&mut row[k + 1..], -of_p, v);
        }
    }
    vectors.fill(0.0);
    (0..n).for_each(|k| vectors[k * n + k] = 1.0);
    // Qᵀ = … H₁·H₀, built from the last reflector so that the trailing part alone is touched
    for k in (0..n).rev().filter(|&k| scales[k] != 0.0) {
        let v = &a[k * n..][k + 1..n];
        for row in vectors[(k + 1) * n..].chunks_exact_mut(n) {
            let row = &mut row[k + 1..];
            let sum = dot(row, v);
            add_row(row, -scales[k] * sum, v);
        }
    }
}

for_each_level!(
    fn tridiagonal(a: &mut [f64], n: usize, diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64]),
    tridiagonal_body
);

/// Eigenvalues of a tridiagonal matrix in the place of its diagonal; the rotations are done to the rows of `vectors`.
#[inline(always)]
fn implicit_body(n: usize, d: &mut [f64], e: &mut [f64], vectors: &mut [f64]) {
    e.rotate_left(usize::from(n > 0));
    for l in 0..n {
        // each value takes two or three rounds; numbers that are not finite would take for ever
        for _ in 0..60 {
            let small = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs());
            let m = (l..n - 1).find(|&m| small(m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = g.hypot(1.0);
            g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut whole = true;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    whole = false;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                let (upper, lower) = vectors[i * n..].split_at_mut(n);
                for (x, y) in upper.iter_mut().zip(&mut lower[..n]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
            if whole {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
}

for_each_level!(
    fn implicit(n: usize, d: &mut [f64], e: &mut [f64], vectors: &mut [f64]),
    implicit_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn vectors_are_orthonormal_and_make_the_matrix_again() {
        let mut random = Random::new(1, 0);
        for n in [0, 1, 2, 3, 5, 8, 30, 64] {
            for rank in [0, 1, n / 2, n, 2 * n] {
                let factor: Vec<f64> = (0..rank * n).map(|_| random.normal()).collect();
                let entry = |i: usize, j: usize| -> f64 {
                    (0..rank).map(|k| factor[k * n + i] * factor[k * n + j]).sum()
                };
                let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
                let (values, vectors) = eigen(&mut matrix.clone(), n);
                assert!(values.is_sorted_by(|a, b| a >= b));
                for i in 0..n {
                    for j in 0..n {
                        let made: f64 = (0..n)
                            .map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j])
                            .sum();
                        assert!((made - matrix[i * n + j]).abs() < 1e-10 * (1 + rank) as f64);
                        let product: f64 =
                            (0..n).map(|k| vectors[i * n + k] * vectors[j * n + k]).sum();
                        let expected = if i == j { 1.0 } else { 0.0 };
                        assert!((product - expected).abs() < 1e-12);
                    }
                    let largest = vectors[i * n..][..n].iter().map(|x| x.abs()).fold(0.0, f64::max);
                    assert!(vectors[i * n..][..n].contains(&largest));
                }
            }
        }
    }
}
