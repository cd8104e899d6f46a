//! CPU levels, and the kernels that are written for each.
//!
//! Two kernels only: [`dots`], dot products of an 8-bit query with 8-bit rows (integers, so every level
//! gives the same numbers), and [`Tile::survivors`], the part of the exact scan that rejects rows by a
//! 32-bit product or distance (levels may differ in the last bits, which the error bound of `exact` covers).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// What the CPU can do. Only [`Level::detect`] and [`Level::supported`] make the levels beyond portable,
/// which is what makes the calls of the special kernels sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Plain Rust.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this CPU (the standard library caches the answer).
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Portable
    }

    /// All levels that this CPU can run.
    #[cfg(test)]
    pub fn supported() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        match Level::detect() {
            Level::Avx512 => return vec![Level::Portable, Level::Avx2, Level::Avx512],
            Level::Avx2 => return vec![Level::Portable, Level::Avx2],
            Level::Portable => {}
        }
        vec![Level::Portable]
    }
}

/// Asks for the cache line of `slice[index]` ahead of its use; does nothing beyond the end.
#[inline(always)]
pub(super) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(item) = slice.get(index) {
        // SAFETY: a prefetch of a valid reference has no effect but on the cache
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}

/// Bytes of a cache line; rows of codes are padded to a multiple.
pub(super) const LINE: usize = 64;

/// Rows of 8-bit codes: byte `c` stands for the integer `c - 128`, padding is 128.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a> {
    bytes: &'a [u8],
    stride: usize,
}

impl<'a> Codes<'a> {
    /// `stride` is the length of a row, a positive multiple of [`LINE`].
    pub fn new(bytes: &'a [u8], stride: usize) -> Codes<'a> {
        assert!(stride > 0 && stride.is_multiple_of(LINE));
        Codes { bytes, stride }
    }

    pub fn len(&self) -> usize {
        self.bytes.len() / self.stride
    }

    pub fn row(&self, id: u32) -> &'a [u8] {
        &self.bytes[id as usize * self.stride..][..self.stride]
    }

    #[inline(always)]
    pub fn prefetch(&self, id: u32) {
        for line in 0..self.stride / LINE {
            prefetch(self.bytes, id as usize * self.stride + line * LINE);
        }
    }
}

/// A query in codes: signed values padded with zeros, and what the offset of the rows adds to a product.
#[derive(Clone, Default)]
pub(super) struct CodedQuery {
    values: Vec<i8>,
    offset: i32,
}

impl CodedQuery {
    /// Replaces the values by those that `row` stands for.
    pub fn set_row(&mut self, row: &[u8]) {
        self.set(row.iter().map(|&byte| (byte ^ 128) as i8));
    }

    /// Replaces the values; their number is a stride.
    pub fn set(&mut self, values: impl Iterator<Item = i8>) {
        self.values.clear();
        self.values.extend(values);
        self.offset = 128 * self.values.iter().map(|&v| i32::from(v)).sum::<i32>();
    }
}

/// `out[i] = query · rows[ids[i]]`, as integers, the same at every level.
///
/// # Panics
/// If an id is no row, or the query's length is not the stride.
pub(super) fn dots(
    level: Level,
    query: &CodedQuery,
    rows: Codes,
    ids: &[u32],
    out: &mut Vec<i32>,
) {
    out.resize(ids.len(), 0);
    assert!(query.values.len() == rows.stride);
    match level {
        Level::Portable => dots_portable(query, rows, ids, out),
        // SAFETY: the level says that the CPU has the features, the query has the length of a row
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { dots_avx2(query, rows, ids, out) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { dots_avx512(query, rows, ids, out) },
    }
}

fn dots_portable(query: &CodedQuery, rows: Codes, ids: &[u32], out: &mut [i32]) {
    for (&id, out) in ids.iter().zip(out) {
        let pairs = rows.row(id).iter().zip(&query.values);
        let sum: i32 = pairs.map(|(&c, &q)| i32::from(c) * i32::from(q)).sum();
        *out = sum - query.offset;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn dots_avx2(query: &CodedQuery, rows: Codes, ids: &[u32], out: &mut [i32]) {
    for (&id, out) in ids.iter().zip(out) {
        let row = rows.row(id);
        let mut sum = _mm256_setzero_si256();
        for (c, q) in row.as_chunks::<16>().0.iter().zip(query.values.as_chunks::<16>().0) {
            // SAFETY: both chunks are 16 bytes long
            let (c, q) = unsafe {
                (
                    _mm_loadu_si128(c.as_ptr().cast()),
                    _mm_loadu_si128(q.as_ptr().cast()),
                )
            };
            // widened to 16 bits: the byte instruction would saturate
            let product = _mm256_madd_epi16(_mm256_cvtepu8_epi16(c), _mm256_cvtepi8_epi16(q));
            sum = _mm256_add_epi32(sum, product);
        }
        let half = _mm_add_epi32(
            _mm256_castsi256_si128(sum),
            _mm256_extracti128_si256::<1>(sum),
        );
        let pair = _mm_add_epi32(half, _mm_unpackhi_epi64(half, half));
        let one = _mm_add_epi32(pair, _mm_shuffle_epi32::<1>(pair));
        *out = _mm_cvtsi128_si32(one) - query.offset;
    }
}

/// Four rows at a time: their sums share the steps of the horizontal addition.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn dots_avx512(query: &CodedQuery, rows: Codes, ids: &[u32], out: &mut [i32]) {
    let last = ids.iter().fold(0, |last, &id| last.max(id));
    assert!(ids.is_empty() || (last as usize) < rows.len());
    let offset = _mm_set1_epi32(query.offset);
    let (fours, rest) = ids.as_chunks::<4>();
    let (out_fours, out_rest) = out.as_chunks_mut::<4>();
    for (ids, out) in fours.iter().zip(out_fours) {
        // SAFETY: the ids are rows, checked above; `out` has room for four
        unsafe {
            let sums = _mm_sub_epi32(four_dots(query, rows, ids), offset);
            _mm_storeu_si128(out.as_mut_ptr().cast(), sums);
        }
    }
    if let Some(&first) = rest.first() {
        let mut ids = [first; 4];
        ids[..rest.len()].copy_from_slice(rest);
        let mut sums = [0i32; 4];
        // SAFETY: as above; missing ids repeat the first
        unsafe {
            let found = _mm_sub_epi32(four_dots(query, rows, &ids), offset);
            _mm_storeu_si128(sums.as_mut_ptr().cast(), found);
        }
        out_rest.copy_from_slice(&sums[..rest.len()]);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn four_dots(query: &CodedQuery, rows: Codes, ids: &[u32; 4]) -> __m128i {
    let mut sums = [_mm512_setzero_si512(); 4];
    for (chunk, values) in query.values.as_chunks::<LINE>().0.iter().enumerate() {
        // SAFETY: every id is a row, a row has as many chunks as the query
        unsafe {
            let q = _mm512_loadu_si512(values.as_ptr().cast());
            for i in 0..4 {
                let at = ids[i] as usize * rows.stride + chunk * LINE;
                let c = _mm512_loadu_si512(rows.bytes.as_ptr().add(at).cast());
                sums[i] = _mm512_dpbusd_epi32(sums[i], c, q);
            }
        }
    }
    let [a, b, c, d] = sums;
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(
        _mm512_castsi512_si256(abcd),
        _mm512_extracti64x4_epi64::<1>(abcd),
    );
    _mm_add_epi32(
        _mm256_castsi256_si128(half),
        _mm256_extracti128_si256::<1>(half),
    )
}

/// Queries side by side in a block of a [`Panel`].
pub(super) const BLOCK: usize = 16;
/// Most blocks in a panel.
pub(super) const MAX_BLOCKS: usize = 4;
/// Rows that a tile compares at once.
pub(super) const TILE: usize = 6;

/// Which number is compared with the bound of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// `q · v`
    Product,
    /// `-|q - v|²`
    NegativeSquare,
}

/// Up to 64 queries, transposed in blocks of 16: value `d` of query `j` of block `b` is at
/// `(b * dim + d) * 16 + j`. Row `v` is rejected for a query if its measure is below `slope * |v| + base`.
pub(super) struct Panel {
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
pub(super) struct Tile<'a> {
    pub rows: [&'a [f32]; TILE],
    pub lengths: [f32; TILE],
}

/// Bit `j` of `[row][block]`: query `j` of the block does not reject the row. NaN never rejects.
pub(super) type Survivors = [[u16; MAX_BLOCKS]; TILE];

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
            for b in 0..panel.blocks() {
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
                    out[r][b] |= u16::from(!(sum < bound)) << j;
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
                    for r in 0..TILE {
                        let v = _mm256_set1_ps(*self.rows[r].get_unchecked(d));
                        sums[r] = match panel.measure {
                            Measure::Product => _mm256_fmadd_ps(q, v, sums[r]),
                            Measure::NegativeSquare => {
                                let gap = _mm256_sub_ps(q, v);
                                _mm256_fnmadd_ps(gap, gap, sums[r])
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
                for r in 0..TILE {
                    let v = _mm512_set1_ps(*self.rows[r].get_unchecked(d));
                    for b in 0..BLOCKS {
                        sums[r][b] = if SQUARE {
                            let gap = _mm512_sub_ps(q[b], v);
                            _mm512_fnmadd_ps(gap, gap, sums[r][b])
                        } else {
                            _mm512_fmadd_ps(q[b], v, sums[r][b])
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
pub(super) fn square(level: Level, v: &[f32]) -> f32 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::testing::Random;

    #[test]
    fn products_of_codes_are_the_same_integers_at_every_level() {
        let mut random = Random::new(3);
        for stride in [64, 128, 320] {
            let bytes: Vec<u8> = (0..40 * stride).map(|_| random.next() as u8).collect();
            let rows = Codes::new(&bytes, stride);
            let mut query = CodedQuery::default();
            query.set((0..stride).map(|i| if i < 5 { -128 } else { random.next() as i8 }));
            for count in 0..9 {
                let ids: Vec<u32> = (0..count).map(|_| random.below(40) as u32).collect();
                let expected: Vec<i32> = ids
                    .iter()
                    .map(|&id| {
                        let pairs = rows.row(id).iter().zip(&query.values);
                        pairs.map(|(&c, &q)| (i32::from(c) - 128) * i32::from(q)).sum()
                    })
                    .collect();
                for level in Level::supported() {
                    let mut out = Vec::new();
                    dots(level, &query, rows, &ids, &mut out);
                    assert_eq!(out, expected, "{level:?}, stride {stride}");
                }
            }
        }
    }
}
