//! The box that is searched. Inside the sampler a point is a vector of *units*: only dimensions with more than one
//! value, each scaled linearly to 0..1, whole ones on the lattice of their values (0, 1/(n-1) .. 1).

use super::Dimension;
use super::Random;

/// Dimensions and their scaling.
pub struct Space {
    dimensions: Vec<Dimension>,
    /// Places in `dimensions` of those with more than one value.
    free: Vec<usize>,
}

impl Space {
    /// A box. Bounds are finite and in order; those of whole dimensions are moved inwards to whole numbers.
    pub fn new(dimensions: Vec<Dimension>) -> Space {
        let dimensions: Vec<Dimension> = dimensions.into_iter().map(inwards).collect();
        let free =
            (0..dimensions.len()).filter(|&k| dimensions[k].low < dimensions[k].high).collect();
        Space { dimensions, free }
    }

    /// How many dimensions a point in units has.
    pub fn width(&self) -> usize {
        self.free.len()
    }

    /// Places of these among all dimensions.
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// How many dimensions there are, with those of one value.
    pub fn dimensions(&self) -> usize {
        self.dimensions.len()
    }

    /// The distance between neighbours of a whole dimension, in units.
    pub fn step(&self, axis: usize) -> Option<f64> {
        let dimension = &self.dimensions[self.free[axis]];
        dimension.whole.then(|| 1.0 / (dimension.high - dimension.low))
    }

    /// How many values an axis has; infinite if it is not whole.
    pub fn values(&self, axis: usize) -> f64 {
        let dimension = &self.dimensions[self.free[axis]];
        if dimension.whole { dimension.high - dimension.low + 1.0 } else { f64::INFINITY }
    }

    /// How many points there are, if all dimensions are whole and these can be counted.
    pub fn size(&self) -> Option<u64> {
        let size: f64 = (0..self.width()).map(|axis| self.values(axis)).product();
        (size < (1_u64 << 53) as f64).then_some(size as u64)
    }

    /// The values of a point, as the caller sees them.
    pub fn point(&self, units: &[f64]) -> Vec<f64> {
        let mut point: Vec<f64> = self.dimensions.iter().map(|dimension| dimension.low).collect();
        for (&unit, &k) in units.iter().zip(&self.free) {
            let Dimension { low, high, whole } = self.dimensions[k];
            // Not low + unit * (high - low), which overflows for the widest ranges.
            let value = low * (1.0 - unit) + high * unit;
            point[k] = if whole { value.round() } else { value }.clamp(low, high) + 0.0;
        }
        point
    }

    /// A point in units; values outside are moved to the nearest bound.
    pub fn units(&self, point: &[f64]) -> Vec<f64> {
        let scaled = self.free.iter().map(|&k| {
            let Dimension { low, high, .. } = self.dimensions[k];
            let value =
                point.get(k).copied().filter(|x| !x.is_nan()).unwrap_or(low).clamp(low, high);
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        });
        let mut units: Vec<f64> = scaled.collect();
        self.snap(&mut units);
        units
    }

    /// Moves whole dimensions to their nearest value.
    pub fn snap(&self, units: &mut [f64]) {
        for (axis, unit) in units.iter_mut().enumerate() {
            *unit = match self.step(axis) {
                Some(_) => lattice(*unit * (self.values(axis) - 1.0), self.values(axis)),
                None => unit.clamp(0.0, 1.0),
            };
        }
    }

    /// A uniform point of 0..1 per dimension as a point where every value of a whole dimension is equally likely.
    pub fn spread(&self, mut uniform: Vec<f64>) -> Vec<f64> {
        for (axis, unit) in uniform.iter_mut().enumerate() {
            if self.step(axis).is_some() {
                *unit = lattice((*unit * self.values(axis)).floor(), self.values(axis));
            }
        }
        uniform
    }

    /// A uniform point.
    pub fn draw(&self, random: &mut Random) -> Vec<f64> {
        self.spread((0..self.width()).map(|_| random.unit()).collect())
    }

    /// Point number `index` of a grid with so many levels per dimension, from bound to bound (the middle for one).
    pub fn grid_point(&self, levels: &[u64], mut index: u64) -> Vec<f64> {
        let mut units = Vec::with_capacity(levels.len());
        for &count in levels {
            let level = index % count;
            index /= count;
            units.push(if count == 1 { 0.5 } else { level as f64 / (count - 1) as f64 });
        }
        self.snap(&mut units);
        units
    }

    /// All values of all dimensions as levels of a grid; only where `size` is known.
    pub fn levels(&self) -> Vec<u64> {
        (0..self.width()).map(|axis| self.values(axis) as u64).collect()
    }
}

fn inwards(dimension: Dimension) -> Dimension {
    let Dimension { low, high, whole } = dimension;
    if !whole {
        return dimension;
    }
    if low.ceil() > high.floor() {
        return Dimension { low, high: low, whole };
    }
    Dimension { low: low.ceil(), high: high.floor(), whole }
}

/// The unit of value number `k` of `n`.
fn lattice(k: f64, n: f64) -> f64 {
    k.round().clamp(0.0, n - 1.0) / (n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(dimensions: &[(f64, f64, bool)]) -> Space {
        let dimension = |&(low, high, whole)| Dimension { low, high, whole };
        Space::new(dimensions.iter().map(dimension).collect())
    }

    #[test]
    fn whole_values_come_back_and_have_equal_shares() {
        let space = space(&[(-3.0, 4.0, true)]);
        for value in -3..=4 {
            let value = f64::from(value);
            assert_eq!(space.point(&space.units(&[value])), [value]);
        }
        let mut counts = [0; 8];
        for i in 0..800 {
            let value = space.point(&space.spread(vec![(f64::from(i) + 0.5) / 800.0]))[0];
            counts[(value + 3.0) as usize] += 1;
        }
        assert_eq!(counts, [100; 8]);
    }

    #[test]
    fn dimensions_of_one_value_are_left_out() {
        let space =
            space(&[(2.0, 2.0, false), (0.0, 1.0, false), (0.2, 0.8, true), (0.5, 1.5, true)]);
        assert_eq!(space.width(), 1);
        assert_eq!(space.point(&[0.25]), [2.0, 0.25, 0.2, 1.0]);
        assert_eq!(space.units(&[2.0, 0.25, 0.2, 1.0]), [0.25]);
    }

    #[test]
    fn the_widest_range_does_not_overflow() {
        let space = space(&[(f64::MIN, f64::MAX, false), (-1e300, 1e300, true)]);
        assert_eq!(space.point(&[0.5, 1.0]), [0.0, 1e300]);
        assert_eq!(space.units(&[f64::MAX, f64::NAN]), [1.0, 0.0]);
        assert_eq!(space.size(), None);
    }

    #[test]
    fn points_of_a_grid_are_all_there() {
        let space = space(&[(0.0, 2.0, true), (5.0, 6.0, true)]);
        assert_eq!(space.size(), Some(6));
        let levels = space.levels();
        let mut points: Vec<Vec<f64>> =
            (0..6).map(|i| space.point(&space.grid_point(&levels, i))).collect();
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(points, [[0., 5.], [0., 6.], [1., 5.], [1., 6.], [2., 5.], [2., 6.]]);
    }
}
