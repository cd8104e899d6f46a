//! What the tests of this room share: worlds of links, and comparison with values computed densely.

use super::{Edges, Links, Stopped, Watch};
use crate::random::Random;

/// Links from some sources to some targets.
pub struct World {
    pub targets: usize,
    pub offsets: Vec<u64>,
    pub ends: Vec<u32>,
    pub weights: Vec<f64>,
    pub times: Vec<i64>,
    pub baskets: Vec<u32>,
}

impl World {
    /// A small world with all that is odd: empty lists, parallel links, ends that do not exist, weights of every kind,
    /// equal times and missing ones.
    pub fn random(seed: u64) -> World {
        let mut random = Random::new(seed, 77);
        let sources = [0, 1, 2, 9, 17][random.below(5) as usize];
        let targets = [0, 1, 2, 7, 13][random.below(5) as usize];
        let odd = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-3];
        World::made(&mut random, (sources, targets), 9, |random| match random.below(5) {
            0 => odd[random.below(6) as usize],
            _ => f64::from(1 + random.below(3)),
        })
    }

    /// A world large enough for many blocks of work, with popular targets and a source that is linked to most.
    pub fn large(seed: u64) -> World {
        let mut random = Random::new(seed, 78);
        let mut world =
            World::made(&mut random, (3_000, 2_100), 30, |random| 0.5 + 3.0 * random.unit());
        let (ends, last) = (0..2_000, *world.offsets.last().unwrap() as usize);
        world.ends.extend(ends.clone());
        world.weights.extend(ends.clone().map(|_| 1.0));
        world.times.extend(ends.clone().map(|end| i64::from(end) * 1_000_000));
        world.baskets.extend(ends.map(|end| end / 10));
        world.offsets.push((last + 2_000) as u64);
        world
    }

    fn made(
        random: &mut Random,
        (sources, targets): (usize, usize),
        most: u32,
        weight: impl Fn(&mut Random) -> f64,
    ) -> World {
        let mut world = World {
            targets,
            offsets: vec![0],
            ends: Vec::new(),
            weights: Vec::new(),
            times: Vec::new(),
            baskets: Vec::new(),
        };
        for _ in 0..sources {
            let mut time = if random.below(3) == 0 { i64::MIN } else { 0 };
            for _ in 0..random.below(most) {
                // popular ones first
                let place = random.unit() * random.unit();
                world.ends.push((place * (targets as f64 + 0.3)) as u32);
                world.weights.push(weight(random));
                world.times.push(time);
                world.baskets.push(random.below(2));
                time = time.max(0) + [0, 0, 1, 1_000_000, 9_000_000_000][random.below(5) as usize];
            }
            world.offsets.push(world.ends.len() as u64);
        }
        world
    }

    /// The links, without times and baskets.
    pub fn links(&self) -> Links<'_> {
        Links {
            offsets: &self.offsets,
            ends: &self.ends,
            targets: self.targets,
            weights: Some(&self.weights),
            ..Links::default()
        }
    }

    /// The matrix of sources × targets.
    pub fn dense(&self, weighted: bool) -> Vec<Vec<f64>> {
        let links = self.links();
        let row = |source| {
            let mut row = vec![0.0; self.targets];
            for at in links.places(source) {
                let Some(sum) = row.get_mut(self.ends[at] as usize) else { continue };
                let weight = self.weights[at];
                match weighted {
                    true if weight > 0.0 && weight.is_finite() => *sum += weight,
                    true => {}
                    false => *sum = 1.0,
                }
            }
            row
        };
        (0..links.sources()).map(row).collect()
    }

    pub fn rows(matrix: &[Vec<f64>]) -> Vec<f64> {
        matrix.iter().map(|row| row.iter().sum()).collect()
    }

    pub fn columns(matrix: &[Vec<f64>], targets: usize) -> Vec<f64> {
        (0..targets).map(|column| matrix.iter().map(|row| row[column]).sum()).collect()
    }
}

/// A matrix of `n` × `n` from its entries.
pub fn each(n: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
}

/// Asserts that edges are the `k` largest positive values of each row without the diagonal, up to rounding.
pub fn assert_near(edges: &Edges, values: &[Vec<f64>], k: usize) {
    assert_eq!(edges.offsets.len(), values.len() + 1);
    for (source, values) in values.iter().enumerate() {
        let (ends, weights) = edges.of(source);
        let mut best: Vec<f64> = values.clone();
        best.remove(source);
        // what is 0 but for rounding may be there or not
        best.retain(|&value| value > 1e-9);
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(k);
        let sure = weights.iter().filter(|&&weight| weight > 1e-9).count();
        assert_eq!(sure, best.len(), "source {source}: {weights:?} for {best:?}");
        for ((&end, &weight), best) in ends.iter().zip(weights).zip(best) {
            let near = |a: f64| (a - f64::from(weight)).abs() <= 1e-5 * a.abs().max(1e-3);
            assert!(end as usize != source && near(values[end as usize]) && near(best));
        }
        let in_order = |at: usize| (-weights[at], ends[at]) < (-weights[at + 1], ends[at + 1]);
        assert!((1..ends.len()).all(|at| in_order(at - 1)), "{ends:?} {weights:?}");
    }
}

/// Stops after some questions.
pub struct Patience(pub std::sync::atomic::AtomicI64);

impl Watch for Patience {
    fn go_on(&self, _: &'static str, done: u64, of: u64) -> bool {
        assert!(done <= of, "{done} of {of}");
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 0
    }
}

/// Asserts that the same comes out on 1, 2 and 4 threads, and nothing when the watch says no.
pub fn same_bytes<R>(learn: impl Fn(&dyn Watch) -> Result<R, Stopped> + Sync) -> R
where
    R: Send + PartialEq + std::fmt::Debug,
{
    let on = |threads: usize, patience: i64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| learn(&Patience(patience.into())))
    };
    let [one, two, four] = [1, 2, 4].map(|threads| on(threads, i64::MAX).unwrap());
    assert!(one == two && two == four);
    for patience in [0, 1] {
        assert_eq!(on(2, patience).unwrap_err(), Stopped);
    }
    one
}
