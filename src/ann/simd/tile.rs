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

/// Up to 64 queries. Row `v` is rejected for query `j` if its measure is below
/// `slope[j] * |v| + base[j]`; places without a query reject everything.
pub struct Panel {
    /// Value `d` of query `j` of block `b` is at `(b * dim + d) * 16 + j`.
    values: Vec<f32>,
    dim: usize,
    pub measure: Measure,
    pub slope: Vec<f32>,
    pub base: Vec<f32>,
}

impl Panel {
    /// A panel with room for `queries`.
    pub fn new(queries: usize, dim: usize, measure: Measure) -> Panel {
        let width = queries.next_multiple_of(BLOCK);
        assert!(width <= BLOCK * MAX_BLOCKS);
        Panel {
            values: vec![0.0; width * dim],
            dim,
            measure,
            slope: vec![0.0; width],
            base: vec![f32::INFINITY; width],
        }
    }

    /// Puts a query in place `j`.
    pub fn set(&mut self, j: usize, query: impl Iterator<Item = f32>) {
        let start = j / BLOCK * self.dim * BLOCK + j % BLOCK;
        for (d, value) in query.enumerate().take(self.dim) {
            self.values[start + d * BLOCK] = value;
        }
    }

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
            // SAFETY: the same
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
                    *out |= u16::from(!less(sum, bound)) << j;
                }
            }
        }
        out
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(&self, panel: &Panel) -> Survivors {
        let mut out = Survivors::default();
        for block in 0..panel.blocks() {
            // SAFETY: the caller's promises are passed on
            let kept = unsafe {
                match panel.measure {
                    Measure::Product => self.halves::<false>(panel, block),
                    Measure::NegativeSquare => self.halves::<true>(panel, block),
                }
            };
            for (out, kept) in out.iter_mut().zip(kept) {
                out[block] = kept;
            }
        }
        out
    }

    /// The survivors of a block: `TILE * 2` sums stay in registers over all dimensions.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn halves<const SQUARE: bool>(&self, panel: &Panel, block: usize) -> [u16; TILE] {
        let mut sums = [[_mm256_setzero_ps(); 2]; TILE];
        for d in 0..panel.dim {
            // SAFETY: the panel has `dim` values of 16 queries per block, the rows have `dim` values
            unsafe {
                let at = panel.values.as_ptr().add((block * panel.dim + d) * BLOCK);
                let q = [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))];
                for (row, sums) in self.rows.iter().zip(&mut sums) {
                    let v = _mm256_set1_ps(*row.get_unchecked(d));
                    for (sum, q) in sums.iter_mut().zip(q) {
                        *sum = if SQUARE {
                            let gap = _mm256_sub_ps(q, v);
                            _mm256_fnmadd_ps(gap, gap, *sum)
                        } else {
                            _mm256_fmadd_ps(q, v, *sum)
                        };
                    }
                }
            }
        }
        let mut kept = [0; TILE];
        for ((kept, sums), &length) in kept.iter_mut().zip(&sums).zip(&self.lengths) {
            for (half, &sum) in sums.iter().enumerate() {
                let at = block * BLOCK + half * 8;
                // SAFETY: slope and base have 16 values per block
                let (slope, base) = unsafe {
                    (
                        _mm256_loadu_ps(panel.slope.as_ptr().add(at)),
                        _mm256_loadu_ps(panel.base.as_ptr().add(at)),
                    )
                };
                let bound = _mm256_fmadd_ps(slope, _mm256_set1_ps(length), base);
                let survives = _mm256_cmp_ps::<_CMP_NLT_UQ>(sum, bound);
                *kept |= (_mm256_movemask_ps(survives) as u16) << (half * 8);
            }
        }
        kept
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

/// Whether both are numbers and `a` is the smaller.
fn less(a: f32, b: f32) -> bool {
    a.partial_cmp(&b) == Some(Ordering::Less)
}

/// `v·v` in 32 bits, any order.
pub fn square(level: Level, v: &[f32]) -> f32 {
    match level {
        Level::Portable => v.iter().map(|x| x * x).sum(),
        // SAFETY: the level says that the CPU has the features
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { square_avx2(v) },
        // SAFETY: the same
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { square_avx512(v) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn square_avx2(v: &[f32]) -> f32 {
    let (heads, tail) = v.as_chunks::<16>();
    // two sums, so that one addition need not wait for the one before
    let mut sums = [_mm256_setzero_ps(); 2];
    for head in heads {
        for (half, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the chunk is 16 values long
            let v = unsafe { _mm256_loadu_ps(head.as_ptr().add(half * 8)) };
            *sum = _mm256_fmadd_ps(v, v, *sum);
        }
    }
    let sum = _mm256_add_ps(sums[0], sums[1]);
    let half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
    let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    let one = _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
    one + square(Level::Portable, tail)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn square_avx512(v: &[f32]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); 2];
    for pair in v.chunks(2 * BLOCK) {
        for (part, sum) in pair.chunks(BLOCK).zip(&mut sums) {
            let mask = ((1u32 << part.len()) - 1) as u16;
            // SAFETY: only the values of the part are read
            let v = unsafe { _mm512_maskz_loadu_ps(mask, part.as_ptr()) };
            *sum = _mm512_fmadd_ps(v, v, *sum);
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}
