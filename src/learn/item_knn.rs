//! Neighbours by links in common: the cosine of columns, where sources with many links count less.

use super::matrix::Both;
use super::product::{Product, edges};
use super::{Edges, Links, Size, Stopped, Watch};

/// Parameters of [`item_knn`].
#[derive(Clone, Debug)]
pub struct ItemKnn {
    /// Links kept per source.
    pub k: usize,
    /// How much less a source of A with many links counts: the exponent of its degree.
    pub user_norm: f64,
    /// Links in common that halve a value; 0: none.
    pub shrink: f64,
    /// Whether weights are read, parallel links summed.
    pub weighted: bool,
}

impl Default for ItemKnn {
    fn default() -> ItemKnn {
        ItemKnn { k: 200, user_norm: 0.5, shrink: 0.0, weighted: false }
    }
}

impl ItemKnn {
    /// Bytes that [`item_knn`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let scratch = rayon::current_num_threads() as u64 * 16 * size.targets as u64;
        Both::bytes(size, self.weighted) + scratch + size.edges(self.k)
    }
}

/// The value of i → j is Σ r_ui·r_uj·d_u^−`user_norm` / √(d_i·d_j) × n / (n + `shrink`), d the sums of rows and columns,
/// n the number of A linked to both.
///
/// # Errors
/// If the watch stops it.
pub fn item_knn(links: &Links, p: &ItemKnn, watch: &dyn Watch) -> Result<Edges, Stopped> {
    let matrices = Both::of(links, p.weighted);
    let roots = roots(&matrices);
    let product = through(&matrices, p.user_norm);
    let value = |source: usize, target: u32, sum: f64, ways: u32| {
        let ways = f64::from(ways);
        let shrunk = if p.shrink > 0.0 { ways / (ways + p.shrink) } else { 1.0 };
        sum / (roots[source] * roots[target as usize]) * shrunk
    };
    edges(&product, (p.k, p.shrink > 0.0), value, |_| {}, ("neighbours", watch))
}

/// √d of each target.
pub fn roots(matrices: &Both) -> Vec<f64> {
    matrices.by_target.sums().into_iter().map(f64::sqrt).collect()
}

/// The product in which a way through a source counts its degree to the power of −`user_norm`.
pub fn through(matrices: &Both, user_norm: f64) -> Product<'_> {
    let through = matrices.by_source.sums().into_iter().map(|d| d.powf(-user_norm)).collect();
    Product { links: matrices, through }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::testing::{World, assert_near, each, same_bytes};

    fn brute(world: &World, p: &ItemKnn) -> Vec<Vec<f64>> {
        let r = world.dense(p.weighted);
        let (rows, columns) = (World::rows(&r), World::columns(&r, world.targets));
        each(world.targets, |i, j| {
            let common: Vec<usize> =
                (0..r.len()).filter(|&u| r[u][i] > 0.0 && r[u][j] > 0.0).collect();
            let sum: f64 =
                common.iter().map(|&u| r[u][i] * r[u][j] * rows[u].powf(-p.user_norm)).sum();
            let n = common.len() as f64;
            if common.is_empty() {
                return 0.0;
            }
            sum / (columns[i] * columns[j]).sqrt() * n / (n + p.shrink)
        })
    }

    #[test]
    fn it_is_the_formula() {
        for seed in 0..30 {
            let world = World::random(seed);
            let weighted = seed % 2 == 1;
            let k = [0, 1, 3, 200][seed as usize % 4];
            let shrink = [0.0, 5.0][seed as usize / 2 % 2];
            let p = ItemKnn { k, shrink, weighted, user_norm: 0.25 * (seed % 5) as f64 };
            let got = item_knn(&world.links(), &p, &crate::learn::Unwatched).unwrap();
            assert_near(&got, &brute(&world, &p), k);
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(5);
        let p = ItemKnn { weighted: true, shrink: 2.0, ..ItemKnn::default() };
        same_bytes(|watch| item_knn(&world.links(), &p, watch));
    }

    #[test]
    fn sums_that_underflow_and_overflow() {
        let mut world = World::large(2);
        let tiny = [1e-300, 1e300, f64::MAX, 5e-324];
        let weights = world.weights.iter_mut().enumerate();
        weights.for_each(|(i, weight)| *weight = tiny[i % 4]);
        let p = ItemKnn { weighted: true, ..ItemKnn::default() };
        let got = item_knn(&world.links(), &p, &crate::learn::Unwatched).unwrap();
        assert!(got.weights.iter().all(|weight| weight.is_finite() && *weight > 0.0));
    }
}
