//! A grid over the box, as fine as a number of trials allows, in an order that covers all of it from the start.

use super::Random;
use super::space::Space;

/// More points than anybody tries; keeps the list of a grid in memory.
const MOST: u64 = 1 << 24;

/// Points that are not asked yet.
pub struct Grid {
    levels: Vec<u64>,
    order: Vec<u32>,
    place: usize,
}

impl Grid {
    /// A grid of at most so many points: each dimension has as many levels as the others, or all its values.
    pub fn new(space: &Space, trials: usize, random: &mut Random) -> Grid {
        let most = (trials as u64).clamp(1, MOST);
        let mut levels = vec![1_u64; space.width()];
        let mut size = 1;
        let can = |levels: &[u64], size: u64, axis: usize| {
            size / levels[axis] * (levels[axis] + 1) <= most
                && (levels[axis] as f64) < space.values(axis)
        };
        while let Some(axis) = (0..levels.len())
            .filter(|&axis| can(&levels, size, axis))
            .min_by_key(|&axis| levels[axis])
        {
            size = size / levels[axis] * (levels[axis] + 1);
            levels[axis] += 1;
        }
        let mut order: Vec<u32> = (0..size as u32).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i as u32 + 1) as usize);
        }
        Grid { levels, order, place: 0 }
    }

    /// The next point that `asked` does not have.
    pub fn next(&mut self, space: &Space, asked: &dyn Fn(&[f64]) -> bool) -> Option<Vec<f64>> {
        while let Some(&index) = self.order.get(self.place) {
            self.place += 1;
            let point = space.grid_point(&self.levels, index.into());
            if !asked(&point) {
                return Some(point);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dimension;
    use super::*;

    fn grid(dimensions: &[(f64, f64, bool)], trials: usize) -> Vec<Vec<f64>> {
        let dimension = |&(low, high, whole)| Dimension { low, high, whole };
        let space = Space::new(dimensions.iter().map(dimension).collect());
        let mut grid = Grid::new(&space, trials, &mut Random::new(1, 0));
        let mut points: Vec<Vec<f64>> =
            std::iter::from_fn(|| grid.next(&space, &|_| false)).map(|x| space.point(&x)).collect();
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        points
    }

    #[test]
    fn levels_are_shared_out() {
        let cross = [[0., 0.], [0., 1.], [1., 0.], [1., 1.], [2., 0.], [2., 1.]];
        assert_eq!(grid(&[(0.0, 2.0, false), (0.0, 1.0, true)], 7), cross);
        assert_eq!(grid(&[(0.0, 2.0, false), (0.0, 1.0, true)], 1), [[1.0, 1.0]]);
        assert_eq!(grid(&[(0.0, 9.0, false), (4.0, 4.0, true)], 4).len(), 4);
        assert_eq!(grid(&[(0.0, 2.0, true), (1.0, 2.0, true)], 1000).len(), 6);
    }
}
