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
        right_stride,
        out: out.as_mut_ptr(),
        out_stride,
        rows,
        inner,
        width,
    };
    // SAFETY: all places of the job were checked to lie within the slices, and a level is only made when the CPU has it
    unsafe {
        match level {
            Level::Portable => job.run::<portable::Plain, 4, 1>(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => x86::avx2(&job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => x86::avx512(&job),
        }
    }
}

/// A product to be added up.
struct Job {
    left: *const f32,
    left_rows: usize,
    left_columns: usize,
    right: *const f32,
    right_stride: usize,
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
}

impl Job {
    /// Tiles of `ROWS` rows and `LINES` times 16 columns.
    ///
    /// # Safety
    /// All places lie within the memory that the pointers lead to.
    #[inline(always)]
    unsafe fn run<L: Lanes, const ROWS: usize, const LINES: usize>(&self) {
        let mut column = 0;
        while column + LINES * LANES <= self.width {
            // SAFETY: that of this function
            unsafe { self.strip::<L, ROWS, LINES>(column) };
            column += LINES * LANES;
        }
        while column < self.width {
            // SAFETY: the same
            unsafe { self.strip::<L, ROWS, 1>(column) };
            column += LANES;
        }
    }

    /// # Safety
    /// That of [`Job::run`].
    #[inline(always)]
    unsafe fn strip<L: Lanes, const ROWS: usize, const LINES: usize>(&self, column: usize) {
        let mut row = 0;
        while row + ROWS <= self.rows {
            // SAFETY: that of this function
            unsafe { self.tile::<L, ROWS, LINES>(row, column) };
            row += ROWS;
        }
        while row < self.rows {
            // SAFETY: the same
            unsafe { self.tile::<L, 1, LINES>(row, column) };
            row += 1;
        }
    }

    /// # Safety
    /// That of [`Job::run`].
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
                for (l, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(out.add(r * self.out_stride + l * LANES));
                }
            }
            let mut left = self.left.add(row * self.left_rows);
            let mut right = self.right.add(column);
            for _ in 0..self.inner {
                let mut line = [L::splat(0.0); LINES];
                for (l, line) in line.iter_mut().enumerate() {
                    *line = L::load(right.add(l * LANES));
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
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Job, Lanes};
    use std::arch::x86_64::*;

    /// # Safety
    /// That of [`Job::run`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2(job: &Job) {
        // SAFETY: that of this function
        unsafe { job.run::<Two, 6, 1>() }
    }

    /// # Safety
    /// That of [`Job::run`].
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512(job: &Job) {
        // SAFETY: that of this function
        unsafe { job.run::<One, 8, 2>() }
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
}
