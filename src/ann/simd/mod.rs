//! CPU levels, and the kernels that are written for each.
//!
//! Four kernels only: [`dots`], dot products of an 8-bit query with 8-bit rows, and [`block_dots`], those
//! of several queries with all rows (integers, so every level gives the same numbers); [`Tile::survivors`] and
//! [`Single::survivors`], the part of the exact scan that rejects rows by a 32-bit product or distance, for many
//! queries and for one (levels may differ in the last bits, which the error bound of `exact` covers).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Compiles a plain function (`#[inline(always)]`) for each CPU level, and a function that takes the
/// level first and calls the right one. The arithmetic is the same, the registers are wider.
macro_rules! for_each_level {
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $result:ty)?, $body:ident) => {
        fn $name(level: Level, $($arg: $ty),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $ty),*) $(-> $result)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw")]
                fn avx512($($arg: $ty),*) $(-> $result)? {
                    $body($($arg),*)
                }
                match level {
                    // SAFETY: a level is only made when the CPU has its features
                    Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: the same
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            let _ = level;
            $body($($arg),*)
        }
    };
}
pub(super) use for_each_level;

mod blocks;
mod products;
mod single;
mod tile;

pub(super) use blocks::{GROUP, Line, MOST_VALUE, ROWS, block_dots};
pub(super) use products::{CodedQuery, Codes, LINE, dots};
pub(super) use single::{DEPTH, STREAMS, Single};
pub(super) use tile::{BLOCK, MAX_BLOCKS, Measure, Panel, TILE, Tile, square};

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
    if let Some(item) = slice.get(index) {
        prefetch_at(item);
    }
}

/// Asks for the cache line of a place, which need not be one that can be read.
#[inline(always)]
fn prefetch_at<T>(place: *const T) {
    // SAFETY: a prefetch has no effect but on the cache
    #[cfg(target_arch = "x86_64")]
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
