//! Dot products of codes: integers, so that every level gives the same.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{Level, prefetch};

/// Bytes of a cache line; rows of codes are padded to a multiple.
pub const LINE: usize = 64;

/// Rows of 8-bit codes: byte `c` stands for the integer `c - 128`, padding is 128.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
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
pub struct CodedQuery {
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
pub fn dots(level: Level, query: &CodedQuery, rows: Codes, ids: &[u32], out: &mut Vec<i32>) {
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
        for (c, q) in row
            .as_chunks::<16>()
            .0
            .iter()
            .zip(query.values.as_chunks::<16>().0)
        {
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
                        pairs
                            .map(|(&c, &q)| (i32::from(c) - 128) * i32::from(q))
                            .sum()
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
