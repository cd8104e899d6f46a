//! Dot products of codes: integers, so that every level gives the same.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{LINE, Level, prefetch};

/// Rows of 8-bit codes: byte `c`, which is not 0, stands for the integer `c - 128`, padding is 128.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    bytes: &'a [u8],
    stride: usize,
}

impl<'a> Codes<'a> {
    /// `stride` is the length of a row, a positive multiple of [`LINE`]: rows of codes are padded to it.
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

/// A query in codes: signed values (not -128) padded with zeros, and what the offset of the rows adds to a
/// product.
#[derive(Clone, Default)]
pub struct CodedQuery {
    values: Vec<i8>,
    offset: i32,
    /// What the squared length of a row counts in its score (see `Terms`).
    pub weight: f32,
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

    /// Squared length of the values.
    pub fn square(&self) -> i64 {
        self.values.iter().map(|&v| i64::from(v).pow(2)).sum()
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
        // SAFETY: the same
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

/// Products of four rows at a time: their sums share the steps of the horizontal addition. A level's
/// function and its kernel.
#[cfg(target_arch = "x86_64")]
macro_rules! by_fours {
    ($name:ident, $features:literal, $kernel:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(query: &CodedQuery, rows: Codes, ids: &[u32], out: &mut [i32]) {
            let last = ids.iter().fold(0, |last, &id| last.max(id));
            assert!(ids.is_empty() || (last as usize) < rows.len());
            let (fours, rest) = ids.as_chunks::<4>();
            let (out_fours, out_rest) = out.as_chunks_mut::<4>();
            for (ids, out) in fours.iter().zip(out_fours) {
                // SAFETY: the ids are rows, checked above; `out` has room for four
                unsafe {
                    _mm_storeu_si128(out.as_mut_ptr().cast(), $kernel(query, rows, ids));
                }
            }
            if let Some(&first) = rest.first() {
                let mut ids = [first; 4];
                ids[..rest.len()].copy_from_slice(rest);
                let mut sums = [0i32; 4];
                // SAFETY: as above; missing ids repeat the first
                unsafe {
                    _mm_storeu_si128(sums.as_mut_ptr().cast(), $kernel(query, rows, &ids));
                }
                out_rest.copy_from_slice(&sums[..rest.len()]);
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
by_fours!(dots_avx2, "avx2", four_dots_avx2);
#[cfg(target_arch = "x86_64")]
by_fours!(dots_avx512, "avx512f,avx512bw,avx512vnni", four_dots_avx512);

/// The byte instruction multiplies unsigned with signed values and saturates beyond 16 bits. So the sign of
/// the query goes to the row: two products of at most `127 * 127` fit.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four_dots_avx2(query: &CodedQuery, rows: Codes, ids: &[u32; 4]) -> __m128i {
    let (offset, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    let mut sums = [_mm256_setzero_si256(); 4];
    for (chunk, values) in query.values.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: every id is a row, a row has as many chunks as the query
        unsafe {
            let q = _mm256_loadu_si256(values.as_ptr().cast());
            let size = _mm256_abs_epi8(q);
            for i in 0..4 {
                let at = ids[i] as usize * rows.stride + chunk * 32;
                let c = _mm256_loadu_si256(rows.bytes.as_ptr().add(at).cast());
                let signed = _mm256_sign_epi8(_mm256_xor_si256(c, offset), q);
                let pairs = _mm256_maddubs_epi16(size, signed);
                sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    let [a, b, c, d] = sums;
    let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all))
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn four_dots_avx512(query: &CodedQuery, rows: Codes, ids: &[u32; 4]) -> __m128i {
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
    let half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64::<1>(abcd));
    let sums = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    _mm_sub_epi32(sums, _mm_set1_epi32(query.offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::testing::Random;

    #[test]
    fn products_of_codes_are_the_same_integers_at_every_level() {
        let mut random = Random::new(3);
        for stride in [64, 128, 320] {
            let bytes: Vec<u8> = (0..40 * stride)
                .map(|i| match i % stride {
                    0..5 => 1,
                    5..9 => 255,
                    _ => (random.next() as u8).max(1),
                })
                .collect();
            let rows = Codes::new(&bytes, stride);
            let mut query = CodedQuery::default();
            query.set((0..stride).map(|i| match i {
                0..7 => -127,
                7..9 => 127,
                _ => (random.next() as i8).max(-127),
            }));
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
