//! Dot products of a few queries with all rows: integers, so that every level gives the same.
//!
//! Rows lie in blocks of sixteen. A cache line of a block holds four values of each of its rows, so that
//! one instruction adds four products to each of sixteen sums, and no sum is ever added across lanes.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{LINE, Level};

/// Rows of a block.
pub const ROWS: usize = 16;
/// Values of a row in a line.
pub const GROUP: usize = LINE / ROWS;

/// A line of codes: byte `4 * row + d` stands for the integer `byte - 128`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [u8; LINE]);

/// Largest magnitude of a query's values: the byte instruction of AVX2 adds two products in 16 bits.
pub const MOST_VALUE: i8 = 64;

/// A query as the kernels want it: groups of four signed values, none beyond [`MOST_VALUE`].
pub type Groups = [[i8; GROUP]];

/// Queries that share one pass over the rows.
const SHARED: usize = 6;

/// `out[q][row]` = the sum of `byte * value` over the row's bytes. Each query has as many groups as a
/// block has lines, each `out` a place for every row of every block.
///
/// # Panics
/// If the lengths do not agree.
pub fn block_dots(level: Level, queries: &[&Groups], blocks: &[Line], out: &mut [&mut [i32]]) {
    assert!(queries.len() == out.len());
    for (queries, out) in queries.chunks(SHARED).zip(out.chunks_mut(SHARED)) {
        for (query, out) in queries.iter().zip(&*out) {
            let count = blocks.len().checked_div(query.len()).unwrap_or(0);
            assert!(query.len() * count == blocks.len() && out.len() == count * ROWS);
            assert!(query.len() == queries[0].len());
        }
        match (level, queries, out) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, &[a, b, c, d, e, f], [u, v, w, x, y, z]) => {
                // SAFETY: the level says that the CPU has the features, lengths were checked above
                unsafe { avx512([a, b, c, d, e, f], blocks, [u, v, w, x, y, z]) }
            }
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, queries, out) => {
                for (query, out) in queries.iter().zip(out) {
                    // SAFETY: as above
                    unsafe { avx512([query], blocks, [out]) }
                }
            }
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, &[a, b, c, d, e, f], [u, v, w, x, y, z]) => {
                // SAFETY: as above
                unsafe { avx2([a, b, c, d, e, f], blocks, [u, v, w, x, y, z]) }
            }
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, queries, out) => {
                for (query, out) in queries.iter().zip(out) {
                    // SAFETY: as above
                    unsafe { avx2([query], blocks, [out]) }
                }
            }
            (_, queries, out) => {
                for (query, out) in queries.iter().zip(out) {
                    portable(query, blocks, out);
                }
            }
        }
    }
}

fn portable(query: &Groups, blocks: &[Line], out: &mut [i32]) {
    for (lines, out) in blocks.chunks(query.len()).zip(out.as_chunks_mut::<ROWS>().0) {
        *out = [0; ROWS];
        for (line, values) in lines.iter().zip(query) {
            for (codes, out) in line.0.as_chunks::<GROUP>().0.iter().zip(&mut *out) {
                for (&code, &value) in codes.iter().zip(values) {
                    *out += i32::from(code) * i32::from(value);
                }
            }
        }
    }
}

/// The sums of all queries stay in registers while a block streams past once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2<const N: usize>(queries: [&Groups; N], blocks: &[Line], out: [&mut [i32]; N]) {
    let groups = queries[0].len();
    let ones = _mm256_set1_epi16(1);
    for (block, lines) in blocks.chunks(groups).enumerate() {
        let mut sums = [[_mm256_setzero_si256(); 2]; N];
        for (g, line) in lines.iter().enumerate() {
            let halves = line.0.as_chunks::<32>().0;
            // SAFETY: a half is 32 bytes long; all queries have `groups` groups
            unsafe {
                let codes = [0, 1].map(|half| _mm256_loadu_si256(halves[half].as_ptr().cast()));
                for q in 0..N {
                    let values = queries[q].as_ptr().add(g).cast::<i32>().read_unaligned();
                    let values = _mm256_set1_epi32(values);
                    for half in 0..2 {
                        // two products of at most 255 * 64 fit into 16 bits
                        let pairs = _mm256_maddubs_epi16(codes[half], values);
                        let fours = _mm256_madd_epi16(pairs, ones);
                        sums[q][half] = _mm256_add_epi32(sums[q][half], fours);
                    }
                }
            }
        }
        for q in 0..N {
            let [low, high] = sums[q];
            // SAFETY: every `out` has a place for each row of each block
            unsafe {
                let at = out[q].as_mut_ptr().add(block * ROWS);
                _mm256_storeu_si256(at.cast(), low);
                _mm256_storeu_si256(at.add(ROWS / 2).cast(), high);
            }
        }
    }
}

/// The sums of all queries stay in registers while a block streams past once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn avx512<const N: usize>(queries: [&Groups; N], blocks: &[Line], out: [&mut [i32]; N]) {
    let groups = queries[0].len();
    for (block, lines) in blocks.chunks(groups).enumerate() {
        let mut sums = [_mm512_setzero_si512(); N];
        for (g, line) in lines.iter().enumerate() {
            // SAFETY: a line is 64 bytes at a multiple of 64; all queries have `groups` groups
            unsafe {
                let codes = _mm512_load_si512(line.0.as_ptr().cast());
                for q in 0..N {
                    let values = queries[q].as_ptr().add(g).cast::<i32>().read_unaligned();
                    sums[q] = _mm512_dpbusd_epi32(sums[q], codes, _mm512_set1_epi32(values));
                }
            }
        }
        for q in 0..N {
            // SAFETY: every `out` has a place for each row of each block
            unsafe { _mm512_storeu_si512(out[q].as_mut_ptr().add(block * ROWS).cast(), sums[q]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::testing::Random;

    #[test]
    fn sums_are_the_same_integers_at_every_level() {
        let mut random = Random::new(9);
        let value = |random: &mut Random| (random.below(129) as i64 - 64) as i8;
        for (groups, blocks, count) in [(1, 1, 1), (16, 3, 7), (5, 2, 13), (64, 1, 6)] {
            let lines: Vec<Line> = (0..groups * blocks)
                .map(|_| Line(std::array::from_fn(|_| random.next() as u8)))
                .collect();
            let queries: Vec<Vec<[i8; GROUP]>> = (0..count)
                .map(|_| (0..groups).map(|_| std::array::from_fn(|_| value(&mut random))).collect())
                .collect();
            let queries: Vec<&Groups> = queries.iter().map(|q| &q[..]).collect();
            let at = |level| {
                let mut out = vec![vec![7; blocks * ROWS]; count];
                let mut places: Vec<&mut [i32]> = out.iter_mut().map(|o| &mut o[..]).collect();
                block_dots(level, &queries, &lines, &mut places);
                out
            };
            let plain: i32 = (0..groups * GROUP)
                .map(|d| {
                    i32::from(lines[d / GROUP].0[GROUP * 3 + d % GROUP])
                        * i32::from(queries[count - 1][d / GROUP][d % GROUP])
                })
                .sum();
            assert_eq!(at(Level::Portable)[count - 1][3], plain);
            for level in Level::supported() {
                assert_eq!(at(level), at(Level::Portable), "{level:?}");
            }
        }
    }
}
