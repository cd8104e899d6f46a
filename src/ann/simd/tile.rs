//! The rejecting tile of the exact scan: a few rows against a panel of queries, in 32 bits.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use std::cmp::Ordering;

use super::Level;

/// Queries side by side in a block of a [`Panel`].
pub const BLOCK: usize = 16;
/// Most blocks in a panel.
pub const MAX_BLOCKS: usize = 4;
/// Rows that a tile compares at once.
pub const TILE: usize = 6;

/// Which number is compared with the bound of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `q · v`
    Product,
    /// `-|q - v|²`
    NegativeSquare,
}

/// Up to 64 queries, transposed in blocks of 16: value `d` of query `j` of block `b` is at
/// `(b * dim + d) * 16 + j`. Row `v` is rejected for a query if its measure is below `slope * |v| + base`.
pub struct Panel {
    pub values: Vec<f32>,
    pub dim: usize,
    pub measure: Measure,
    pub slope: Vec<f32>,
    pub base: Vec<f32>,
}

impl Panel {
    pub fn blocks(&self) -> usize {
        self.slope.len() / BLOCK
    }
}

/// `TILE` rows of a panel's dimension, and their lengths `|v|`.
pub struct Tile<'a> {
    pub rows: [&'a [f32]; TILE],
    pub lengths: [f32; TILE],
}

/// Bit `j` of `[row][block]`: query `j` of the block does not reject the row. NaN never rejects.
pub type Survivors = [[u16; MAX_BLOCKS]; TILE];

impl Tile<'_> {
    /// Compares every row of the tile with every query of the panel.
    pub fn survivors(&self, level: Level, panel: &Panel) -> Survivors {
        assert!(self.rows.iter().all(|row| row.len() == panel.dim));
        assert!(panel.blocks() <= MAX_BLOCKS && panel.base.len() == panel.slope.len());
        assert!(panel.values.len() == panel.slope.len() * panel.dim);
        match level {
            Level::Portable => self.portable(panel),
            // SAFETY: the level says that the CPU has the features; the lengths are checked above
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { self.avx2(panel) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { self.avx512(panel) },
        }
    }

    fn portable(&self, panel: &Panel) -> Survivors {
        let mut out = Survivors::default();
        for (r, row) in self.rows.iter().enumerate() {
            for (b, out) in out[r].iter_mut().enumerate().take(panel.blocks()) {
                let mut sums = [0f32; BLOCK];
                let block = &panel.values[b * panel.dim * BLOCK..][..panel.dim * BLOCK];
                for (&v, q) in row.iter().zip(block.as_chunks::<BLOCK>().0) {
                    for j in 0..BLOCK {
                        sums[j] += match panel.measure {
                            Measure::Product => q[j] * v,
                            Measure::NegativeSquare => -(q[j] - v) * (q[j] - v),
                        };
                    }
                }
                for (j, sum) in sums.into_iter().enumerate() {
                    let at = b * BLOCK + j;
                    let bound = panel.slope[at] * self.lengths[r] + panel.base[at];
                    *out |=
                        u16::from(!matches!(sum.partial_cmp(&bound), Some(Ordering::Less))) << j;
                }
            }
        }
        out
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(&self, panel: &Panel) -> Survivors {
        let mut out = Survivors::default();
        for half in 0..panel.blocks() * 2 {
            let (b, shift) = (half / 2, half % 2 * 8);
            let mut sums = [_mm256_setzero_ps(); TILE];
            for d in 0..panel.dim {
                // SAFETY: the panel has `dim` values of 16 queries per block, the rows have `dim` values
                unsafe {
                    let at = (b * panel.dim + d) * BLOCK + shift;
                    let q = _mm256_loadu_ps(panel.values.as_ptr().add(at));
                    for (row, sum) in self.rows.iter().zip(&mut sums) {
                        let v = _mm256_set1_ps(*row.get_unchecked(d));
                        *sum = match panel.measure {
                            Measure::Product => _mm256_fmadd_ps(q, v, *sum),
                            Measure::NegativeSquare => {
                                let gap = _mm256_sub_ps(q, v);
                                _mm256_fnmadd_ps(gap, gap, *sum)
                            }
                        };
                    }
                }
            }
            // SAFETY: slope and base have 16 values per block
            let (slope, base) = unsafe {
                let at = b * BLOCK + shift;
                (
                    _mm256_loadu_ps(panel.slope.as_ptr().add(at)),
                    _mm256_loadu_ps(panel.base.as_ptr().add(at)),
                )
            };
            for r in 0..TILE {
                let bound = _mm256_fmadd_ps(slope, _mm256_set1_ps(self.lengths[r]), base);
                let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(sums[r], bound);
                out[r][b] |= (_mm256_movemask_ps(kept) as u16) << shift;
            }
        }
        out
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512(&self, panel: &Panel) -> Survivors {
        // SAFETY: the caller's promises are passed on
        unsafe {
            match (panel.blocks(), panel.measure) {
                (1, Measure::Product) => self.wide::<1, false>(panel),
                (2, Measure::Product) => self.wide::<2, false>(panel),
                (3, Measure::Product) => self.wide::<3, false>(panel),
                (_, Measure::Product) => self.wide::<4, false>(panel),
                (1, Measure::NegativeSquare) => self.wide::<1, true>(panel),
                (2, Measure::NegativeSquare) => self.wide::<2, true>(panel),
                (3, Measure::NegativeSquare) => self.wide::<3, true>(panel),
                (_, Measure::NegativeSquare) => self.wide::<4, true>(panel),
            }
        }
    }

    /// `TILE * BLOCKS` sums (at most 24) stay in registers over all dimensions.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn wide<const BLOCKS: usize, const SQUARE: bool>(&self, panel: &Panel) -> Survivors {
        let mut sums = [[_mm512_setzero_ps(); BLOCKS]; TILE];
        for d in 0..panel.dim {
            // SAFETY: the panel has `dim` values of 16 queries per block, the rows have `dim` values
            unsafe {
                let q: [__m512; BLOCKS] = std::array::from_fn(|b| {
                    _mm512_loadu_ps(panel.values.as_ptr().add((b * panel.dim + d) * BLOCK))
                });
                for (row, sums) in self.rows.iter().zip(&mut sums) {
                    let v = _mm512_set1_ps(*row.get_unchecked(d));
                    for (sum, q) in sums.iter_mut().zip(q) {
                        *sum = if SQUARE {
                            let gap = _mm512_sub_ps(q, v);
                            _mm512_fnmadd_ps(gap, gap, *sum)
                        } else {
                            _mm512_fmadd_ps(q, v, *sum)
                        };
                    }
                }
            }
        }
        let mut out = Survivors::default();
        for b in 0..BLOCKS {
            // SAFETY: slope and base have 16 values per block
            let (slope, base) = unsafe {
                (
                    _mm512_loadu_ps(panel.slope.as_ptr().add(b * BLOCK)),
                    _mm512_loadu_ps(panel.base.as_ptr().add(b * BLOCK)),
                )
            };
            for r in 0..TILE {
                let bound = _mm512_fmadd_ps(slope, _mm512_set1_ps(self.lengths[r]), base);
                out[r][b] = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(sums[r][b], bound);
            }
        }
        out
    }
}

/// `v·v` in 32 bits, any order.
pub fn square(level: Level, v: &[f32]) -> f32 {
    #[inline(always)]
    fn fold(v: &[f32]) -> f32 {
        let (heads, tail) = v.as_chunks::<BLOCK>();
        let mut sums = [0f32; BLOCK];
        for head in heads {
            for j in 0..BLOCK {
                sums[j] += head[j] * head[j];
            }
        }
        let mut step = BLOCK / 2;
        while step > 0 {
            for j in 0..step {
                sums[j] += sums[j + step];
            }
            step /= 2;
        }
        sums[0] + tail.iter().map(|x| x * x).sum::<f32>()
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(v: &[f32]) -> f32 {
            fold(v)
        }
        #[target_feature(enable = "avx512f")]
        fn avx512(v: &[f32]) -> f32 {
            fold(v)
        }
        // SAFETY: the level says that the CPU has the features
        match level {
            Level::Avx512 => return unsafe { avx512(v) },
            Level::Avx2 => return unsafe { avx2(v) },
            Level::Portable => {}
        }
    }
    let _ = level;
    fold(v)
}
