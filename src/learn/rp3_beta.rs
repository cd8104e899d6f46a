//! Random walks of three steps, with popular ends damped (RP3β: Paudel et al. 2016).

use super::matrix::Both;
use super::product::{Product, edges};
use super::strongest::{key, link};
use super::{Edges, Links, Size, Stopped, Watch};

/// Parameters of [`rp3_beta`].
#[derive(Clone, Debug)]
pub struct Rp3Beta {
    /// Links kept per source.
    pub k: usize,
    /// The exponent of the degrees that a walk leaves.
    pub alpha: f64,
    /// The exponent of the degree of the end.
    pub beta: f64,
    /// Whether the kept values of each source are divided by their sum.
    pub normalise: bool,
    /// Whether weights are read, parallel links summed.
    pub weighted: bool,
}

impl Default for Rp3Beta {
    fn default() -> Rp3Beta {
        Rp3Beta { k: 200, alpha: 0.6, beta: 0.4, normalise: true, weighted: false }
    }
}

impl Rp3Beta {
    /// Bytes that [`rp3_beta`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let scratch = rayon::current_num_threads() as u64 * 16 * size.targets as u64;
        Both::bytes(size, self.weighted) + scratch + size.edges(self.k)
    }
}

/// The value of i → j is Σ r_ui·r_uj·d_i^−`alpha`·d_u^−`alpha`·d_j^−`beta`, d the sums of rows and columns.
///
/// # Errors
/// If the watch stops it.
pub fn rp3_beta(links: &Links, p: &Rp3Beta, watch: &dyn Watch) -> Result<Edges, Stopped> {
    let matrices = Both::of(links, p.weighted);
    let powers = |sums: Vec<f64>, exponent: f64| -> Vec<f64> {
        sums.into_iter().map(|d| d.powf(-exponent)).collect()
    };
    let product = Product { through: powers(matrices.by_source.sums(), p.alpha), links: &matrices };
    let (from, to) =
        (powers(matrices.by_target.sums(), p.alpha), powers(matrices.by_target.sums(), p.beta));
    let value = |source: usize, target: u32, sum: f64, _| sum * from[source] * to[target as usize];
    let shape = |keys: &mut Vec<u64>| {
        if p.normalise {
            normalise(keys);
        }
    };
    edges(&product, (p.k, false), value, shape, ("walks", watch))
}

/// Divides weights by their sum.
fn normalise(keys: &mut Vec<u64>) {
    let sum: f64 = keys.iter().map(|&key| f64::from(link(key).1)).sum();
    for at in keys.iter_mut() {
        let (end, weight) = link(*at);
        // the weakest may vanish beside the others
        *at = key(f64::from(weight) / sum, end).unwrap_or(u64::MAX);
    }
    keys.retain(|&key| key != u64::MAX);
    // weights that differed may be equal now
    keys.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::testing::{World, assert_near, each, same_bytes};

    fn brute(world: &World, p: &Rp3Beta) -> Vec<Vec<f64>> {
        let r = world.dense(p.weighted);
        let (rows, columns) = (World::rows(&r), World::columns(&r, world.targets));
        each(world.targets, |i, j| {
            let ways = (0..r.len()).filter(|&u| r[u][i] * r[u][j] > 0.0);
            let sum: f64 = ways.map(|u| r[u][i] * r[u][j] * rows[u].powf(-p.alpha)).sum();
            if sum == 0.0 {
                return 0.0;
            }
            sum * columns[i].powf(-p.alpha) * columns[j].powf(-p.beta)
        })
    }

    #[test]
    fn it_is_the_formula() {
        for seed in 0..30 {
            let world = World::random(seed);
            let k = [0, 1, 3, 200][seed as usize % 4];
            let p = Rp3Beta { k, normalise: false, weighted: seed % 2 == 1, ..Rp3Beta::default() };
            let got = rp3_beta(&world.links(), &p, &Unwatched).unwrap();
            assert_near(&got, &brute(&world, &p), k);
            let scaled = Rp3Beta { normalise: true, ..p };
            let scaled = rp3_beta(&world.links(), &scaled, &Unwatched).unwrap();
            assert_eq!(scaled.offsets, got.offsets);
            for source in 0..world.targets {
                let sum: f32 = got.of(source).1.iter().sum();
                let weights = scaled.of(source).1.iter().zip(got.of(source).1);
                assert!(weights.into_iter().all(|(a, b)| (a - b / sum).abs() < 1e-6));
            }
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(7);
        same_bytes(|watch| rp3_beta(&world.links(), &Rp3Beta::default(), watch));
    }
}
