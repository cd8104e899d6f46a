//! The little linear algebra that a Gaussian process needs, on square matrices of rows in one vector.

/// The inner product, in eight sums that the processor can keep at once.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (heads_a, rest_a) = a.as_chunks::<8>();
    let (heads_b, rest_b) = b[..a.len()].as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in heads_a.iter().zip(heads_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// The lower Cholesky factor in place of a symmetric matrix, of which only the lower half is read; what is above the
/// diagonal stays. `None` if the matrix is not positive definite.
pub fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for i in 0..n {
        let (above, row) = matrix.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..j * n + j + 1];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        if pivot.is_nan() || pivot <= 1e-12 * row[i] {
            return None;
        }
        row[i] = pivot.sqrt();
    }
    Some(matrix)
}

/// L⁻¹ b.
pub fn forward(lower: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = Vec::with_capacity(n);
    for i in 0..n {
        let row = &lower[i * n..i * n + i + 1];
        x.push((b[i] - dot(&x, &row[..i])) / row[i]);
    }
    x
}

/// L⁻ᵀ b.
pub fn backward(lower: &[f64], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in (0..n).rev() {
        let row = &lower[i * n..i * n + i + 1];
        let x = b[i] / row[i];
        b[i] = x;
        b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= l * x);
    }
    b
}

/// (L Lᵀ)⁻¹, its lower half.
pub fn inverse(lower: &[f64], n: usize) -> Vec<f64> {
    // Row j of `columns` is column j of L⁻¹, which is zero before its place j.
    let mut columns = vec![0.0; n * n];
    for j in 0..n {
        let column = &mut columns[j * n..(j + 1) * n];
        column[j] = 1.0 / lower[j * n + j];
        for i in j + 1..n {
            column[i] = -dot(&column[j..i], &lower[i * n + j..i * n + i]) / lower[i * n + i];
        }
    }
    let mut result = vec![0.0; n * n];
    for a in 0..n {
        for b in 0..=a {
            result[a * n + b] =
                dot(&columns[a * n + a..(a + 1) * n], &columns[b * n + a..(b + 1) * n]);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_solutions_and_inverse_agree() {
        let n = 11;
        let entry = |i: usize, j: usize| {
            (-(i as f64 - j as f64).powi(2) / 9.0).exp() + f64::from(i == j) * 0.1
        };
        let matrix: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
        let lower = cholesky(matrix.clone(), n).unwrap();
        let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let x = backward(&lower, forward(&lower, &b));
        let inverse = inverse(&lower, n);
        for i in 0..n {
            assert!((dot(&matrix[i * n..(i + 1) * n], &x) - b[i]).abs() < 1e-12);
            let row = (0..n).map(|j| inverse[i.max(j) * n + i.min(j)] * b[j]);
            assert!((row.sum::<f64>() - x[i]).abs() < 1e-10);
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        assert_eq!(cholesky(vec![1.0, 2.0, 2.0, 1.0], 2), None);
        assert_eq!(cholesky(vec![f64::NAN], 1), None);
    }
}
