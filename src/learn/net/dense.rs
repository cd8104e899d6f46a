//! Products of small matrices, with the same bits on every CPU: each number of a product is one chain of fused
//! multiply-adds in ascending order of the inner index. Tiles, lanes and threads only decide which chains run side by side.

use super::inputs::LANES;
use crate::cpu::Level;

/// Runs a loop with the registers of a level. Only what is inlined into it is compiled for them; without fused operations the
/// bits are the same.
#[inline(always)]
pub(super) fn wide(level: Level, run: impl FnOnce()) {
    match level {
        Level::Portable => run(),
        // SAFETY: a level is only made when the CPU has its features
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::in_avx2(run) },
        // SAFETY: the same
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::in_avx512(run) },
    }
}

/// The left side of a product, read at `row * rows + column * columns`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub data: &'a [f32],
    /// From one row to the next.
    pub rows: usize,
    /// From one column to the next.
    pub columns: usize,
}

impl<'a> Left<'a> {
    /// A matrix as it lies in memory, with rows `stride` apart.
    pub fn new(data: &'a [f32], stride: usize) -> Left<'a> {
        Left { data, rows: stride, columns: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    pub fn turned(self) -> Left<'a> {
        Left { rows: self.columns, columns: self.rows, ..self }
    }
}

/// `out += left * right`, of `rows` x `inner` by `inner` x `width` (a multiple of 16); `right` has rows `right_stride`
/// apart, `out` has rows `out_stride` apart.
pub(super) fn add_product(
    level: Level,
    left: Left<'_>,
    (right, right_stride): (&[f32], usize),
    (out, out_stride): (&mut [f32], usize),
    [rows, inner, width]: [usize; 3],
) {
    if rows == 0 || inner == 0 || width == 0 {
        return;
    }
    assert!(width.is_multiple_of(LANES));
    assert!((rows - 1) * left.rows + (inner - 1) * left.columns < left.data.len());
    assert!((inner - 1) * right_stride + width <= right.len());
    assert!((rows - 1) * out_stride + width <= out.len());
    let job = Job {
        left: left.data.as_ptr(),
        left_rows: left.rows,
        left_columns: left.columns,
        right: right.as_ptr(),
        right_lines: LANES,
        right_stride,
        start: None,
        positive: false,
        out: out.as_mut_ptr(),
        out_stride,
        rows,
        inner,
        width,
    };
    // SAFETY: all places of the job were checked to lie within the slices
    unsafe { job.at(level) }
}

/// Sixteen numbers of a row, where a line of the cache begins.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// The right side of many products, and what their sums start from, laid out in the order in which they are read: sixteen
/// columns, row by row, then the next sixteen.
pub(super) struct Packed {
    lines: Vec<Line>,
    start: Vec<Line>,
    inner: usize,
}

impl Packed {
    /// Of a matrix whose rows are as long as the sums are many, a multiple of 16.
    pub fn new(right: &[f32], start: &[f32]) -> Packed {
        let width = start.len();
        assert!(width > 0 && width.is_multiple_of(LANES) && right.len().is_multiple_of(width));
        let line = |from: &[f32]| Line(std::array::from_fn(|lane| from[lane]));
        let columns = (0..width).step_by(LANES);
        let rows = right.chunks_exact(width);
        Packed {
            lines: columns.flat_map(|at| rows.clone().map(move |row| line(&row[at..]))).collect(),
            start: start.chunks_exact(LANES).map(line).collect(),
            inner: right.len() / width,
        }
    }

    /// How many sums each row has.
    pub fn width(&self) -> usize {
        self.start.len() * LANES
    }

    /// `out = start + left * right`, and 0 for what is below if only what is `positive` counts.
    pub fn multiply(
        &self,
        level: Level,
        left: Left<'_>,
        (out, rows): (&mut [f32], usize),
        positive: bool,
    ) {
        let (inner, width) = (self.inner, self.width());
        if rows == 0 {
            return;
        }
        let last = (rows - 1) * left.rows + inner.saturating_sub(1) * left.columns;
        assert!(inner == 0 || last < left.data.len());
        assert!(rows * width <= out.len());
        let job = Job {
            left: left.data.as_ptr(),
            left_rows: left.rows,
            left_columns: left.columns,
            right: self.lines.as_ptr().cast(),
            right_lines: inner * LANES,
            right_stride: LANES,
            start: Some(self.start.as_ptr().cast()),
            positive,
            out: out.as_mut_ptr(),
            out_stride: width,
            rows,
            inner,
            width,
        };
        // SAFETY: all places of the job were checked to lie within the slices, and those of the lines follow from `new`
        unsafe { job.at(level) }
    }
}

/// A product to be added up.
struct Job {
    left: *const f32,
    left_rows: usize,
    left_columns: usize,
    right: *const f32,
    /// From sixteen columns to the next.
    right_lines: usize,
    /// From row to row.
    right_stride: usize,
    /// What the sums of each row start from; `None`: what `out` holds.
    start: Option<*const f32>,
    /// Whether sums below 0 are 0.
    positive: bool,
    out: *mut f32,
    out_stride: usize,
    rows: usize,
    inner: usize,
    width: usize,
}

/// Sixteen numbers.
trait Lanes: Copy {
    /// # Safety
    /// There are 16 numbers at `at`.
    unsafe fn load(at: *const f32) -> Self;
    /// # Safety
    /// There is room for 16 numbers at `at`.
    unsafe fn store(self, at: *mut f32);
    fn splat(value: f32) -> Self;
    /// `self + a * b`, rounded once.
    fn plus(self, a: Self, b: Self) -> Self;
    /// 0 for what is below; what is no number stays.
    fn positive(self) -> Self;
}

impl Job {
    /// # Safety
    /// All places lie within the memory that the pointers lead to.
    unsafe fn at(&self, level: Level) {
        // SAFETY: that of this function, and a level is only made when the CPU has it
        unsafe {
            match level {
                Level::Portable => self.run::<portable::Plain, 4, 2, 1>(),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::avx2(self),
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::avx512(self),
            }
        }
    }

    /// Tiles of `ROWS` rows and `LINES` times 16 columns; of the rows that are left, tiles of `SOME`.
    ///
    /// # Safety
    /// That of [`Job::at`].
    #[inline(always)]
    unsafe fn run<L: Lanes, const ROWS: usize, const SOME: usize, const LINES: usize>(&self) {
        let mut column = 0;
        while column + LINES * LANES <= self.width {
            // SAFETY: that of this function
            unsafe { self.strip::<L, ROWS, SOME, LINES>(column) };
            column += LINES * LANES;
        }
        while column < self.width {
            // SAFETY: the same
            unsafe { self.strip::<L, ROWS, SOME, 1>(column) };
            column += LANES;
        }
    }

    /// # Safety
    /// That of [`Job::at`].
    #[inline(always)]
    unsafe fn strip<L: Lanes, const ROWS: usize, const SOME: usize, const LINES: usize>(
        &self,
        column: usize,
    ) {
        let mut row = 0;
        while row + ROWS <= self.rows {
            // SAFETY: that of this function
            unsafe { self.tile::<L, ROWS, LINES>(row, column) };
            row += ROWS;
        }
        while row + SOME <= self.rows {
            // SAFETY: the same
            unsafe { self.tile::<L, SOME, LINES>(row, column) };
            row += SOME;
        }
        while row < self.rows {
            // SAFETY: the same
            unsafe { self.tile::<L, 1, LINES>(row, column) };
            row += 1;
        }
    }

    /// # Safety
    /// That of [`Job::at`].
    #[inline(always)]
    unsafe fn tile<L: Lanes, const ROWS: usize, const LINES: usize>(
        &self,
        row: usize,
        column: usize,
    ) {
        // SAFETY: rows, columns and the inner index are below those of the job
        unsafe {
            let out = self.out.add(row * self.out_stride + column);
            let mut sums = [[L::splat(0.0); LINES]; ROWS];
            for (r, sums) in sums.iter_mut().enumerate() {
                let start = match self.start {
                    Some(start) => start.add(column),
                    None => out.add(r * self.out_stride).cast_const(),
                };
                for (l, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(start.add(l * LANES));
                }
            }
            let mut left = self.left.add(row * self.left_rows);
            let mut right = self.right.add(column / LANES * self.right_lines);
            for _ in 0..self.inner {
                let mut line = [L::splat(0.0); LINES];
                for (l, line) in line.iter_mut().enumerate() {
                    *line = L::load(right.add(l * self.right_lines));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let value = L::splat(*left.add(r * self.left_rows));
                    for (sum, line) in sums.iter_mut().zip(line) {
                        *sum = sum.plus(value, line);
                    }
                }
                left = left.wrapping_add(self.left_columns);
                right = right.wrapping_add(self.right_stride);
            }
            for (r, sums) in sums.iter().enumerate() {
                for (l, sum) in sums.iter().enumerate() {
                    let sum = if self.positive { sum.positive() } else { *sum };
                    sum.store(out.add(r * self.out_stride + l * LANES));
                }
            }
        }
    }
}

mod portable {
    use super::{LANES, Lanes};

    #[derive(Clone, Copy)]
    pub struct Plain([f32; LANES]);

    impl Lanes for Plain {
        #[inline(always)]
        unsafe fn load(at: *const f32) -> Plain {
            // SAFETY: that of the trait; an array of numbers has their alignment
            Plain(unsafe { *at.cast() })
        }

        #[inline(always)]
        unsafe fn store(self, at: *mut f32) {
            // SAFETY: the same
            unsafe { *at.cast() = self.0 }
        }

        #[inline(always)]
        fn splat(value: f32) -> Plain {
            Plain([value; LANES])
        }

        #[inline(always)]
        fn plus(self, a: Plain, b: Plain) -> Plain {
            Plain(std::array::from_fn(|i| a.0[i].mul_add(b.0[i], self.0[i])))
        }

        #[inline(always)]
        fn positive(self) -> Plain {
            // a comparison, not `max`: NaN must not become 0 unseen
            Plain(self.0.map(|x| if x < 0.0 { 0.0 } else { x }))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Job, Lanes};
    use std::arch::x86_64::*;

    /// # Safety
    /// That of [`Job::at`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2(job: &Job) {
        // SAFETY: that of this function
        unsafe { job.run::<Two, 6, 2, 1>() }
    }

    /// # Safety
    /// That of [`Job::at`].
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512(job: &Job) {
        // SAFETY: that of this function
        unsafe { job.run::<One, 12, 4, 2>() }
    }

    #[target_feature(enable = "avx2")]
    pub fn in_avx2(run: impl FnOnce()) {
        run();
    }

    #[target_feature(enable = "avx512f")]
    pub fn in_avx512(run: impl FnOnce()) {
        run();
    }

    #[derive(Clone, Copy)]
    struct Two(__m256, __m256);

    // SAFETY of all: only `avx2` uses it, whose CPU has these instructions
    impl Lanes for Two {
        #[inline(always)]
        unsafe fn load(at: *const f32) -> Two {
            // SAFETY: that of the trait
            unsafe { Two(_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))) }
        }

        #[inline(always)]
        unsafe fn store(self, at: *mut f32) {
            // SAFETY: that of the trait
            unsafe {
                _mm256_storeu_ps(at, self.0);
                _mm256_storeu_ps(at.add(8), self.1);
            }
        }

        #[inline(always)]
        fn splat(value: f32) -> Two {
            // SAFETY: see above
            unsafe { Two(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
        }

        #[inline(always)]
        fn plus(self, a: Two, b: Two) -> Two {
            // SAFETY: see above
            unsafe { Two(_mm256_fmadd_ps(a.0, b.0, self.0), _mm256_fmadd_ps(a.1, b.1, self.1)) }
        }

        #[inline(always)]
        fn positive(self) -> Two {
            // SAFETY: see above. Of two zeros, and where one is no number, the second is taken
            unsafe {
                let zero = _mm256_setzero_ps();
                Two(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
            }
        }
    }

    #[derive(Clone, Copy)]
    struct One(__m512);

    // SAFETY of all: only `avx512` uses it, whose CPU has these instructions
    impl Lanes for One {
        #[inline(always)]
        unsafe fn load(at: *const f32) -> One {
            // SAFETY: that of the trait
            unsafe { One(_mm512_loadu_ps(at)) }
        }

        #[inline(always)]
        unsafe fn store(self, at: *mut f32) {
            // SAFETY: that of the trait
            unsafe { _mm512_storeu_ps(at, self.0) }
        }

        #[inline(always)]
        fn splat(value: f32) -> One {
            // SAFETY: see above
            unsafe { One(_mm512_set1_ps(value)) }
        }

        #[inline(always)]
        fn plus(self, a: One, b: One) -> One {
            // SAFETY: see above
            unsafe { One(_mm512_fmadd_ps(a.0, b.0, self.0)) }
        }

        #[inline(always)]
        fn positive(self) -> One {
            // SAFETY: see above. Of two zeros, and where one is no number, the second is taken
            unsafe { One(_mm512_max_ps(_mm512_setzero_ps(), self.0)) }
        }
    }
}

/// Writes a matrix of `rows` x `columns` with rows and columns exchanged.
pub(super) fn turn(matrix: &[f32], (rows, columns): (usize, usize), out: &mut [f32]) {
    const TILE: usize = 16;
    for first in (0..rows).step_by(TILE) {
        for column in 0..columns {
            for row in first..(first + TILE).min(rows) {
                out[column * rows + row] = matrix[row * columns + column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn drawn(n: usize, random: &mut Random) -> Vec<f32> {
        (0..n).map(|_| random.normal() as f32).collect()
    }

    #[test]
    fn products_have_the_bits_of_one_chain_at_every_level() {
        let mut random = Random::new(1, 0);
        for [rows, inner, width] in
            [[1, 1, 16], [64, 37, 48], [13, 64, 32], [7, 5, 80], [6, 3, 16], [0, 3, 16], [3, 0, 16]]
        {
            let (left, right) =
                (drawn(rows * inner, &mut random), drawn(inner * width, &mut random));
            let start = drawn(rows * width, &mut random);
            let mut expected = start.clone();
            for row in 0..rows {
                for column in 0..width {
                    let sum = &mut expected[row * width + column];
                    for k in 0..inner {
                        *sum = left[row * inner + k].mul_add(right[k * width + column], *sum);
                    }
                }
            }
            let mut turned = vec![0.0; left.len()];
            turn(&left, (rows, inner), &mut turned);
            for level in Level::supported() {
                for left in [Left::new(&left, inner), Left::new(&turned, rows).turned()] {
                    let mut out = start.clone();
                    add_product(
                        level,
                        left,
                        (&right, width),
                        (&mut out, width),
                        [rows, inner, width],
                    );
                    let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&out), bits(&expected), "{level:?} {rows} {inner} {width}");
                }
            }
        }
    }
    #[test]
    fn what_is_packed_gives_the_bits_of_a_product() {
        let mut random = Random::new(2, 0);
        for [rows, inner, width] in [[1, 1, 16], [64, 37, 48], [29, 64, 80], [5, 0, 16], [0, 3, 16]]
        {
            let mut left = drawn(rows * (inner + 3), &mut random);
            let (right, start) = (drawn(inner * width, &mut random), drawn(width, &mut random));
            if let Some(first) = left.first_mut() {
                *first = f32::NAN;
            }
            let packed = Packed::new(&right, &start);
            for level in Level::supported() {
                let mut expected: Vec<f32> = (0..rows).flat_map(|_| start.clone()).collect();
                let (left, right) = (Left::new(&left, inner + 3), (&*right, width));
                add_product(level, left, right, (&mut expected, width), [rows, inner, width]);
                for positive in [false, true] {
                    let mut out = vec![7.0; rows * width];
                    packed.multiply(level, left, (&mut out, rows), positive);
                    for (found, &expected) in out.iter().zip(&expected) {
                        let expected = if positive && expected < 0.0 { 0.0 } else { expected };
                        assert_eq!(found.to_bits(), expected.to_bits(), "{level:?}");
                    }
                }
            }
        }
    }
}
