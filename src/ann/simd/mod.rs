//! The kernels that are written for each level of the CPU.
//!
//! Four kernels only: [`dots`], dot products of an 8-bit query with 8-bit rows, and [`block_dots`], those
//! of several queries with all rows (integers, so every level gives the same numbers); [`Tile::survivors`] and
//! [`Single::survivors`], the part of the exact scan that rejects rows by a 32-bit product or distance, for many
//! queries and for one (levels may differ in the last bits, which the error bound of `exact` covers).

use crate::cpu::prefetch_at;
pub(super) use crate::cpu::{LINE, Level, for_each_level, prefetch};

mod blocks;
mod products;
mod single;
mod tile;

pub(super) use blocks::{GROUP, Line, MOST_VALUE, ROWS, block_dots};
pub(super) use products::{CodedQuery, Codes, dots};
pub(super) use single::{DEPTH, STREAMS, Single};
pub(super) use tile::{BLOCK, MAX_BLOCKS, Measure, Panel, TILE, Tile, square};
