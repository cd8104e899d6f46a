//! Nearest neighbours over plain slices: an exact scan and a graph index. Knows nothing of the language.
//!
//! The hard part is to be fast *and* reproducible. Candidates may be found by any arithmetic (32-bit
//! fused sums, 8-bit codes), but what is returned is always re-scored by [`similarity`], one fixed
//! 64-bit sum rounded once to 32 bits, and ordered by similarity descending, then row ascending.
//!
//! - [`exact_search`] returns the true top `k`: its 32-bit scan only *rejects* rows, with a sound error
//!   bound, and every row that survives is re-scored.
//! - [`Flat`] does the same for small tables, several times faster: it rejects by 8-bit codes.
//! - [`build_graph`] makes a [`GraphImage`], a byte image that can be written to a file and mapped back;
//!   [`Graph::open`] checks it and [`Graph::search`] walks it. Approximate, but a pure function of
//!   vectors, parameters, query, `k` and `ef`: integer arithmetic, no clock, no thread order.
//!
//! ```
//! use igql::ann::{exact_search, Metric, Query, Vectors};
//! let data = [1.0, 0.0, 0.8, 0.6, 0.0, 1.0];
//! let vectors = Vectors { data: data[..].into(), dim: 2, metric: Metric::Cosine, present: None };
//! let query = Query { vector: &[1.0, 0.0], exclude: &[0], k: 1, min_similarity: None };
//! let hits = exact_search(&vectors, &[query], None);
//! assert_eq!(hits[0][0].row, 1);
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `metric` | the similarity that results carry |
//! | `simd` | CPU levels and the kernels: dot products of codes, the rejecting scans of many queries and of one |
//! | `exact` | the scan: panels of queries or a few singly, bounds, exact re-scoring |
//! | `flat` | the scan of the codes of a small table |
//! | `codes` | 8-bit codes of vectors and queries |
//! | `rows` | sets of rows, for searches among some |
//! | `graph` | build, image, search, insertion and removal |
//! | `lists` | the neighbours of every row, found ahead |

use crate::types::Floats;
use std::borrow::Cow;

mod codes;
mod exact;
mod flat;
mod graph;
mod lists;
mod metric;
mod rows;
mod simd;
#[cfg(test)]
mod testing;

pub use exact::{exact_search, exact_search_until};
pub use flat::{Flat, FlatScratch};
pub use graph::VERSION as GRAPH_VERSION;
pub use graph::{Among, Graph, GraphImage, GraphParams, LiveGraph, Scratch, build_graph};
pub use lists::{Lists, Near, build_lists};
pub use metric::{Metric, Pairs, similarity};
pub use rows::RowSet;

/// Rows of vectors, row-major, borrowed (usually from a mapped file). Halves are decoded where a row is
/// looked at; what is found is what the same numbers as 32-bit floats would give.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    /// `rows * dim` values; a rest shorter than a row is ignored.
    pub data: Floats<'a>,
    /// Values per row.
    pub dim: usize,
    /// How two vectors are compared.
    pub metric: Metric,
    /// Bit `row % 64` of word `row / 64` is 1 if the row has a vector; `None`: all have.
    pub present: Option<&'a [u64]>,
}

impl<'a> Vectors<'a> {
    /// Number of rows, with or without a vector.
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vector of `row`, if the row exists and has one (a zero vector under cosine is not looked for).
    pub fn get(&self, row: u32) -> Option<Cow<'a, [f32]>> {
        self.stored(row).map(Cow::from)
    }

    /// The same; halves are decoded into `room`.
    #[inline]
    fn read<'b>(&self, row: u32, room: &'b mut Vec<f32>) -> Option<&'b [f32]>
    where
        'a: 'b,
    {
        self.stored(row).map(|stored| stored.decode(room))
    }

    /// The same, as it is stored.
    #[inline]
    fn stored(&self, row: u32) -> Option<Floats<'a>> {
        let has = bit(self.present, row as usize);
        self.place(row).filter(|_| has)
    }

    /// The values of a row of the table, which are no vector where it has none.
    #[inline]
    fn place(&self, row: u32) -> Option<Floats<'a>> {
        let start = (row as usize).checked_mul(self.dim)?;
        self.data.get(start..start.checked_add(self.dim)?)
    }

    /// Asks for a row ahead of its use.
    #[inline]
    fn prefetch(&self, row: u32) {
        let start = row as usize * self.dim;
        match self.data {
            Floats::Single(values) => lines(values, start, self.dim),
            Floats::Half(values) => lines(values, start, self.dim),
        }
    }
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `dim` values. A vector of another length, one that is not finite, and under cosine a zero vector find nothing.
    pub vector: &'a [f32],
    /// Rows that are never returned, ascending.
    pub exclude: &'a [u32],
    /// How many rows to return, counted after `exclude`, the filter and `min_similarity`.
    pub k: usize,
    /// The least similarity of a returned row.
    pub min_similarity: Option<f64>,
}

impl Query<'_> {
    fn excludes(&self, row: u32) -> bool {
        !self.exclude.is_empty() && self.exclude.binary_search(&row).is_ok()
    }

    fn fits(&self, vectors: &Vectors) -> bool {
        self.vector.len() == vectors.dim && self.vector.iter().all(|x| x.is_finite())
    }
}

/// A found row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Row number in [`Vectors`].
    pub row: u32,
    /// [`similarity`] of the query and the row.
    pub similarity: f64,
}

impl Hit {
    /// The order of results: similarity descending, then row ascending.
    pub fn order(&self, other: &Hit) -> std::cmp::Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.row.cmp(&other.row))
    }
}

/// Whether a table of `rows` vectors is better scanned ([`Flat`]) than searched by a graph: the scan of
/// some thousand rows costs less than the walks of a request, is exact, and needs no index.
pub fn prefers_flat(rows: usize) -> bool {
    rows <= 16_384
}

/// Asks for the cache lines of `count` values.
#[inline]
fn lines<T>(values: &[T], start: usize, count: usize) {
    for value in (0..count).step_by(simd::LINE / size_of::<T>()) {
        simd::prefetch(values, start + value);
    }
}

/// Whether bit `index` is set; no bitset means all are, beyond its end none is.
fn bit(bits: Option<&[u64]>, index: usize) -> bool {
    bits.is_none_or(|words| words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1))
}
