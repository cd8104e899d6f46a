//! Sobol points: fill a box more evenly than random ones, from the first few on. Direction numbers of Joe and Kuo
//! (2008), scrambled as by Owen with the hash of Laine and Karras (2011, constants of Burley 2020).

use super::Random;

/// The most dimensions that the table is for.
pub const MOST: usize = 21;

/// Per dimension after the first: degree of its primitive polynomial, its inner coefficients as bits, and as many
/// initial direction numbers.
const POLYNOMIALS: [(usize, u32, [u32; 7]); MOST - 1] = [
    (1, 0, [1, 0, 0, 0, 0, 0, 0]),
    (2, 1, [1, 3, 0, 0, 0, 0, 0]),
    (3, 1, [1, 3, 1, 0, 0, 0, 0]),
    (3, 2, [1, 1, 1, 0, 0, 0, 0]),
    (4, 1, [1, 1, 3, 3, 0, 0, 0]),
    (4, 4, [1, 3, 5, 13, 0, 0, 0]),
    (5, 2, [1, 1, 5, 5, 17, 0, 0]),
    (5, 4, [1, 1, 5, 5, 5, 0, 0]),
    (5, 7, [1, 1, 7, 11, 19, 0, 0]),
    (5, 11, [1, 1, 5, 1, 1, 0, 0]),
    (5, 13, [1, 1, 1, 3, 11, 0, 0]),
    (5, 14, [1, 3, 5, 5, 31, 0, 0]),
    (6, 1, [1, 3, 3, 9, 7, 49, 0]),
    (6, 13, [1, 1, 1, 15, 21, 21, 0]),
    (6, 16, [1, 3, 1, 13, 27, 49, 0]),
    (6, 19, [1, 1, 1, 15, 7, 5, 0]),
    (6, 22, [1, 3, 1, 15, 13, 25, 0]),
    (6, 25, [1, 1, 5, 5, 19, 61, 0]),
    (7, 1, [1, 3, 7, 11, 23, 15, 103]),
    (7, 4, [1, 3, 7, 13, 13, 15, 69]),
];

/// A scrambled sequence.
pub struct Sobol {
    directions: Vec<[u32; 32]>,
    scrambles: Vec<u32>,
}

impl Sobol {
    /// The sequence of so many dimensions, at most [`MOST`].
    pub fn new(dimensions: usize, random: &mut Random) -> Sobol {
        let directions = (0..dimensions).map(directions).collect();
        Sobol {
            directions,
            scrambles: (0..dimensions).map(|_| (random.bits() >> 32) as u32).collect(),
        }
    }

    /// Point number `index`, in the half-open unit cube.
    pub fn point(&self, index: u32) -> Vec<f64> {
        let scrambled =
            |(table, &seed): (&[u32; 32], &u32)| fraction(scramble(digits(table, index), seed));
        self.directions.iter().zip(&self.scrambles).map(scrambled).collect()
    }
}

fn fraction(bits: u32) -> f64 {
    f64::from(bits) / 4_294_967_296.0
}

fn digits(table: &[u32; 32], index: u32) -> u32 {
    (0..32).filter(|bit| index >> bit & 1 == 1).fold(0, |x, bit| x ^ table[bit])
}

fn directions(dimension: usize) -> [u32; 32] {
    let mut table = [0; 32];
    let Some(&(degree, coefficients, initial)) =
        dimension.checked_sub(1).and_then(|place| POLYNOMIALS.get(place))
    else {
        return std::array::from_fn(|bit| 1 << (31 - bit));
    };
    for bit in 0..32 {
        if bit < degree {
            table[bit] = initial[bit] << (31 - bit);
            continue;
        }
        table[bit] = table[bit - degree] ^ table[bit - degree] >> degree;
        for k in 1..degree {
            if coefficients >> (degree - 1 - k) & 1 == 1 {
                table[bit] ^= table[bit - k];
            }
        }
    }
    table
}

/// Flips each binary digit depending on the digits before it.
fn scramble(x: u32, seed: u32) -> u32 {
    let mut x = x.reverse_bits().wrapping_add(seed);
    for factor in [0x6c50_b47c, 0xb82f_1e52, 0xc7af_e638, 0x8d22_f6e6_u32] {
        x ^= x.wrapping_mul(factor);
    }
    x.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_points_are_those_of_the_published_sequence() {
        // In the order of digits, not of Gray codes; scipy.stats.qmc.Sobol(21, scramble=False) has the same 16.
        let point = |index| -> Vec<f64> {
            (0..MOST).map(|dimension| fraction(digits(&directions(dimension), index))).collect()
        };
        assert_eq!(point(0), [0.0; MOST]);
        assert_eq!(point(1), [0.5; MOST]);
        assert_eq!(point(2)[..5], [0.25, 0.75, 0.75, 0.75, 0.25]);
        assert_eq!(point(3)[..5], [0.75, 0.25, 0.25, 0.25, 0.75]);
        assert_eq!(point(4)[..5], [0.125, 0.625, 0.375, 0.125, 0.125]);
    }

    #[test]
    fn every_scrambled_dimension_is_stratified() {
        let sobol = Sobol::new(MOST, &mut Random::new(3, 0));
        for dimension in 0..MOST {
            let mut cells: Vec<usize> =
                (0..64).map(|i| (sobol.point(i)[dimension] * 64.0) as usize).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..64).collect::<Vec<_>>(), "dimension {dimension}");
        }
        assert_ne!(sobol.point(0), Sobol::new(MOST, &mut Random::new(4, 0)).point(0));
    }
}
