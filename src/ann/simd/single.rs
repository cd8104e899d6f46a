//! The rejecting scan of one query: rows stream past it once, in 32 bits.
//!
//! One query needs no more than two multiplications for each value that it reads, so that memory bounds it:
//! products and squared lengths come from one read, and rows come in four streams far from each other, which
//! memory serves faster than one (and than four that lie together), each asked for ahead. The body is written
//! once over [`Lanes`]; levels differ in how many values they take at a time.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::ops::Range;

use super::{LINE, Level, Measure, prefetch_at};

/// Streams of rows, which are read in turns.
pub const STREAMS: usize = 4;
/// Most rows of a stream that a call looks at.
pub const DEPTH: usize = MOST_ROWS / STREAMS;
/// Most rows of a call: the bits of its answer.
const MOST_ROWS: usize = 64;
/// Values of a cache line.
const LINE_VALUES: usize = LINE / size_of::<f32>();
/// Bytes by which rows are asked for ahead of their use.
const AHEAD: usize = 4 << 10;

/// One query. Row `v` is rejected if its measure is below `slope * |v| + base`; where `|v|²` is not within
/// `regular`, products say nothing, and it is not.
pub struct Single {
    query: Vec<f32>,
    measure: Measure,
    regular: Range<f32>,
    pub slope: f32,
    pub base: f32,
}

impl Single {
    pub fn new(query: Vec<f32>, measure: Measure, regular: Range<f32>) -> Single {
        Single { query, measure, regular, slope: 0.0, base: f32::NEG_INFINITY }
    }

    /// Bit `4 * i + s` is 1 if the query does not reject row `streams[s][i]` of `data`, of the first
    /// [`DEPTH`] rows of each stream; those beyond are asked for ahead. NaN never rejects.
    ///
    /// # Panics
    /// If a row is not in `data`, or the streams are not equally long.
    pub fn survivors(&self, level: Level, data: &[f32], streams: [&[u32]; STREAMS]) -> u64 {
        match level {
            Level::Portable => self.with::<Plain>(data, streams),
            // SAFETY: the level says that the CPU has the features
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { self.avx2(data, streams) },
            // SAFETY: the same
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { self.avx512(data, streams) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2(&self, data: &[f32], streams: [&[u32]; STREAMS]) -> u64 {
        self.with::<__m256>(data, streams)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn avx512(&self, data: &[f32], streams: [&[u32]; STREAMS]) -> u64 {
        self.with::<__m512>(data, streams)
    }

    #[inline(always)]
    fn with<L: Lanes>(&self, data: &[f32], streams: [&[u32]; STREAMS]) -> u64 {
        match self.measure {
            Measure::Product => self.sweep::<L, false>(data, streams),
            Measure::NegativeSquare => self.sweep::<L, true>(data, streams),
        }
    }

    #[inline(always)]
    fn sweep<L: Lanes, const SQUARE: bool>(&self, data: &[f32], streams: [&[u32]; STREAMS]) -> u64 {
        let dim = self.query.len();
        let depth = streams[0].len().min(DEPTH);
        let [a, b, c, d] = streams;
        let blocks = [&a[..depth], &b[..depth], &c[..depth], &d[..depth]];
        let most = blocks.iter().copied().flatten().max();
        let fits = most.is_none_or(|&most| (most as usize) < data.len() / dim.max(1));
        assert!(fits && streams.iter().all(|rows| rows.len() == streams[0].len()));
        let at = |place: u32| data.as_ptr().wrapping_add(place as usize * dim);
        let ahead = (AHEAD / (4 * dim.max(1))).max(1);
        let (mut measures, mut squares) = ([0.0; MOST_ROWS], [0.0; MOST_ROWS]);
        let sums = measures.as_chunks_mut::<STREAMS>().0.iter_mut();
        let sums = sums.zip(squares.as_chunks_mut::<STREAMS>().0);
        let [a, b, c, d] = blocks;
        let rows = a.iter().zip(b).zip(c.iter().zip(d));
        for (i, (((&a, &b), (&c, &d)), (measures, squares))) in rows.zip(sums).enumerate() {
            let far = |s: usize, now: u32| {
                let next = streams[s].get(i + ahead).copied();
                next.map_or(0, |next| next.wrapping_sub(now) as usize)
            };
            let distance = match [far(0, a), far(1, b), far(2, c), far(3, d)] == [ahead; STREAMS] {
                true => ahead * dim,
                false => {
                    let next = streams.iter().filter_map(|rows| rows.get(i + ahead));
                    next.for_each(|&row| prefetch_row(at(row), dim));
                    0
                }
            };
            let rows = [at(a), at(b), at(c), at(d)];
            // SAFETY: each of the rows was found to lie in `data`, and has as many values as the query
            (*measures, *squares) = unsafe { sums_of::<L, SQUARE>(&self.query, rows, distance) };
        }
        let asked = u64::MAX.unbounded_shr((MOST_ROWS - STREAMS * depth) as u32);
        self.kept::<SQUARE>(&measures, &squares) & asked
    }

    /// The bits of the rows that are not rejected. There seldom are any, which is known sooner than which.
    #[inline(always)]
    fn kept<const SQUARE: bool>(
        &self,
        measures: &[f32; MOST_ROWS],
        squares: &[f32; MOST_ROWS],
    ) -> u64 {
        let (from, to) = (self.regular.start, self.regular.end);
        let mut keeps = [0u32; MOST_ROWS];
        let mut any = 0;
        for i in 0..MOST_ROWS {
            let (slope, regular) = if SQUARE {
                (0.0, true) // the error of a squared distance is relative to itself
            } else {
                let regular = (squares[i] >= from) & (squares[i] < to);
                (self.slope * squares[i].sqrt(), regular)
            };
            keeps[i] = u32::from(!(regular & (measures[i] < slope + self.base)));
            any |= keeps[i];
        }
        if any == 0 {
            return 0;
        }
        let bits = keeps.iter().enumerate();
        bits.fold(0, |kept, (i, &keeps)| kept | u64::from(keeps) << i)
    }
}

#[inline(always)]
fn prefetch_row(row: *const f32, dim: usize) {
    for value in (0..dim).step_by(LINE_VALUES) {
        prefetch_at(row.wrapping_add(value));
    }
}

/// The measures of a row of each stream, and their squared lengths if these are needed; asks for what lies
/// `ahead` values behind what it reads.
///
/// # Safety
/// Every row has as many values as the query.
#[inline(always)]
unsafe fn sums_of<L: Lanes, const SQUARE: bool>(
    query: &[f32],
    rows: [*const f32; STREAMS],
    ahead: usize,
) -> ([f32; STREAMS], [f32; STREAMS]) {
    let mut sums = ([L::ZERO; STREAMS], [L::ZERO; STREAMS]);
    let (dim, query) = (query.len(), query.as_ptr());
    let [a, b, c, d] = rows;
    let mut at = 0;
    while at < dim {
        prefetch_at(a.wrapping_add(ahead + at));
        prefetch_at(b.wrapping_add(ahead + at));
        prefetch_at(c.wrapping_add(ahead + at));
        prefetch_at(d.wrapping_add(ahead + at));
        let end = at + LINE_VALUES;
        // SAFETY: only values of the rows and the query are read
        unsafe {
            if end <= dim {
                for part in 0..LINE_VALUES / L::COUNT {
                    add::<L, SQUARE>(query, rows, at + part * L::COUNT, L::COUNT, &mut sums);
                }
            } else {
                for part in 0..LINE_VALUES / L::COUNT {
                    let at = at + part * L::COUNT;
                    if at < dim {
                        add::<L, SQUARE>(query, rows, at, dim - at, &mut sums);
                    }
                }
            }
        }
        at = end;
    }
    (L::totals(sums.0), L::totals(sums.1))
}

/// Adds what the values from `at` give: as many as there are lanes, or `count` if that is fewer.
///
/// # Safety
/// The query and every row have these values.
#[inline(always)]
unsafe fn add<L: Lanes, const SQUARE: bool>(
    query: *const f32,
    [a, b, c, d]: [*const f32; STREAMS],
    at: usize,
    count: usize,
    (measures, squares): &mut ([L; STREAMS], [L; STREAMS]),
) {
    // SAFETY: as promised
    let load = |row: *const f32| unsafe {
        if count >= L::COUNT { L::load(row.add(at)) } else { L::load_some(row.add(at), count) }
    };
    let (q, rows) = (load(query), [load(a), load(b), load(c), load(d)]);
    for i in 0..STREAMS {
        if SQUARE {
            let gap = q.minus(rows[i]);
            measures[i] = measures[i].minus_product(gap, gap);
        } else {
            measures[i] = measures[i].plus_product(q, rows[i]);
            squares[i] = squares[i].plus_product(rows[i], rows[i]);
        }
    }
}

/// Values that are computed with at once. What is `unsafe` reads from a place that has to be readable; on
/// special types everything is sound only where the CPU has their instructions.
trait Lanes: Copy {
    const COUNT: usize;
    const ZERO: Self;
    unsafe fn load(at: *const f32) -> Self;
    /// The first `count` values, fewer than [`Lanes::COUNT`]; the others are 0.
    unsafe fn load_some(at: *const f32, count: usize) -> Self;
    fn minus(self, other: Self) -> Self;
    fn plus_product(self, a: Self, b: Self) -> Self;
    fn minus_product(self, a: Self, b: Self) -> Self;
    /// The sums over all lanes.
    fn totals(sums: [Self; STREAMS]) -> [f32; STREAMS];
}

/// Plain Rust, which compilers turn into what the CPU has.
#[derive(Clone, Copy)]
struct Plain([f32; 8]);

impl Plain {
    #[inline(always)]
    fn of(value: impl Fn(usize) -> f32) -> Plain {
        Plain(std::array::from_fn(value))
    }
}

impl Lanes for Plain {
    const COUNT: usize = 8;
    const ZERO: Plain = Plain([0.0; 8]);

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Plain {
        // SAFETY: eight values can be read
        Plain(unsafe { at.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_some(at: *const f32, count: usize) -> Plain {
        Plain::of(|i| {
            if i < count {
                // SAFETY: `count` values can be read
                unsafe { *at.add(i) }
            } else {
                0.0
            }
        })
    }

    #[inline(always)]
    fn minus(self, other: Plain) -> Plain {
        Plain::of(|i| self.0[i] - other.0[i])
    }

    #[inline(always)]
    fn plus_product(self, a: Plain, b: Plain) -> Plain {
        Plain::of(|i| self.0[i] + a.0[i] * b.0[i])
    }

    #[inline(always)]
    fn minus_product(self, a: Plain, b: Plain) -> Plain {
        Plain::of(|i| self.0[i] - a.0[i] * b.0[i])
    }

    #[inline(always)]
    fn totals(sums: [Plain; STREAMS]) -> [f32; STREAMS] {
        sums.map(|Plain([a, b, c, d, e, f, g, h])| ((a + e) + (c + g)) + ((b + f) + (d + h)))
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const COUNT: usize = 8;
    // SAFETY: eight floats of any bits
    const ZERO: __m256 = unsafe { std::mem::zeroed() };

    #[inline(always)]
    unsafe fn load(at: *const f32) -> __m256 {
        // SAFETY: eight values can be read
        unsafe { _mm256_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn load_some(at: *const f32, count: usize) -> __m256 {
        // SAFETY: the mask lets `count` values be read
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes);
            _mm256_maskload_ps(at, mask)
        }
    }

    #[inline(always)]
    fn minus(self, other: __m256) -> __m256 {
        // SAFETY: only used where the CPU has the instructions, here and below
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    fn plus_product(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn minus_product(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above
        unsafe { _mm256_fnmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn totals([a, b, c, d]: [__m256; STREAMS]) -> [f32; STREAMS] {
        // SAFETY: as above; both are 16 bytes
        unsafe {
            let pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
            let high = _mm256_extractf128_ps::<1>(pairs);
            std::mem::transmute(_mm_add_ps(_mm256_castps256_ps128(pairs), high))
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const COUNT: usize = 16;
    // SAFETY: sixteen floats of any bits
    const ZERO: __m512 = unsafe { std::mem::zeroed() };

    #[inline(always)]
    unsafe fn load(at: *const f32) -> __m512 {
        // SAFETY: sixteen values can be read
        unsafe { _mm512_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn load_some(at: *const f32, count: usize) -> __m512 {
        // SAFETY: the mask lets `count` values be read
        unsafe { _mm512_maskz_loadu_ps(((1u32 << count) - 1) as u16, at) }
    }

    #[inline(always)]
    fn minus(self, other: __m512) -> __m512 {
        // SAFETY: only used where the CPU has the instructions, here and below
        unsafe { _mm512_sub_ps(self, other) }
    }

    #[inline(always)]
    fn plus_product(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn minus_product(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above
        unsafe { _mm512_fnmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn totals(sums: [__m512; STREAMS]) -> [f32; STREAMS] {
        // SAFETY: as above
        __m256::totals(sums.map(|sum| unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sum));
            _mm256_add_ps(_mm512_castps512_ps256(sum), _mm256_castpd_ps(high))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::testing::Random;

    fn plain(measure: Measure, q: &[f32], v: &[f32]) -> f32 {
        let pairs = q.iter().zip(v);
        match measure {
            Measure::Product => pairs.map(|(q, v)| q * v).sum(),
            Measure::NegativeSquare => -pairs.map(|(q, v)| (q - v).powi(2)).sum::<f32>(),
        }
    }

    #[test]
    fn every_level_keeps_what_reaches_the_bound() {
        let mut random = Random::new(21);
        for dim in (1..70).chain([100, 256]) {
            let data = random.vector(200 * dim);
            for measure in [Measure::Product, Measure::NegativeSquare] {
                let query = random.vector(dim);
                let mut single = Single::new(query.clone(), measure, 0.0..f32::INFINITY);
                let depth = random.below(20);
                let count = STREAMS * depth;
                let rows: Vec<u32> = (0..count).map(|_| random.below(200) as u32).collect();
                let of = |row: u32| &data[row as usize * dim..][..dim];
                let values: Vec<f32> =
                    rows.iter().map(|&row| plain(measure, &query, of(row))).collect();
                single.base = values.get(depth).map_or(0.0, |value| value + 0.01);
                single.slope = match measure {
                    Measure::Product => random.normal() * 0.1,
                    Measure::NegativeSquare => 0.0,
                };
                for level in Level::supported() {
                    let streams = [0, 1, 2, 3].map(|s| &rows[s * depth..][..depth]);
                    let kept = single.survivors(level, &data, streams);
                    assert_eq!(kept.checked_shr(count as u32).unwrap_or(0), 0);
                    for (place, (&row, value)) in rows.iter().zip(&values).enumerate() {
                        let (s, i) = (place / depth, place % depth);
                        if i >= DEPTH {
                            continue;
                        }
                        let length = plain(Measure::Product, of(row), of(row)).sqrt();
                        let over = value - (single.slope * length + single.base);
                        if over.abs() > 1e-4 * length {
                            assert_eq!(
                                kept >> (STREAMS * i + s) & 1 == 1,
                                over > 0.0,
                                "{level:?} {dim} {over}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_says_nothing_is_kept() {
        let data = [1e20, 1e20, f32::NAN, 0.0, 1e-25, 0.0, 1.0, 1.0];
        let mut single = Single::new(vec![-1.0, -1.0], Measure::Product, 1e-30..1e30);
        single.base = 5.0;
        for level in Level::supported() {
            let found = single.survivors(level, &data, [&[0], &[1], &[2], &[3]]);
            assert_eq!(found, 0b0111, "{level:?}");
            assert_eq!(single.survivors(level, &data, [&[]; STREAMS]), 0);
        }
    }
}
