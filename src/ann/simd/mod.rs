//! The kernels that are written for each level of the CPU.
//!
//! Four kernels only: [`dots`], dot products of an 8-bit query with 8-bit rows, and [`block_dots`], those
//! of several queries with all rows (integers, so every level gives the same numbers); [`Tile::survivors`] and
//! [`Single::survivors`], the part of the exact scan that rejects rows by a 32-bit product or distance, for many
//! queries and for one (levels may differ in the last bits, which the error bound of `exact` covers).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

pub(super) use crate::cpu::{Level, for_each_level};

mod blocks;
mod products;
mod single;
mod tile;

pub(super) use blocks::{GROUP, Line, MOST_VALUE, ROWS, block_dots};
pub(super) use products::{CodedQuery, Codes, LINE, dots};
pub(super) use single::{DEPTH, STREAMS, Single};
pub(super) use tile::{BLOCK, MAX_BLOCKS, Measure, Panel, TILE, Tile, square};

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
