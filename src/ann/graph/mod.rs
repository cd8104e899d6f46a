//! The graph index: every distinct vector is a node with a short list of diverse neighbours.
//!
//! A search scores a table of *landmarks* (about `2 * sqrt(n)` nodes, scanned from one contiguous block),
//! starts at the best of them and walks greedily with a pool of `ef` nodes (a flat graph as in Vamana:
//! Jayaram Subramanya et al., DiskANN, 2019; the landmarks stand in for the upper layers of HNSW). The
//! walk sees 8-bit codes only, one cache line per 64 dimensions; the best of the pool are re-scored from
//! the vectors.
//!
//! Four things make it reproducible and robust:
//! - nodes are *distinct codes*. Rows with equal codes share a node, so a thousand copies of a vector
//!   cannot fill each other's neighbour lists, and a search never lacks rows behind them;
//! - what codes do not tell apart is not guessed: rows whose scores lie within the error of codes of the
//!   `k`-th are re-scored, and where too many do, the walk is repeated wider, or the scan decides;
//! - nodes are inserted in batches that double (Manohar et al., ParlayANN, 2024): all of a batch search
//!   the frozen graph, then links back are grouped by target and pruned in order. No lock, no race, the
//!   same bytes for any number of threads;
//! - node numbers follow the landmarks, so that neighbours lie near each other in memory.
//!
//! A graph in memory can be changed row by row ([`LiveGraph`]).

mod among;
mod build;
mod header;
mod image;
mod live;
mod many;
mod nodes;
mod prune;
mod search;
mod walk;

#[cfg(test)]
mod tests;

pub use among::Among;
pub use build::{GraphParams, build_graph};
pub use header::VERSION;
pub use image::GraphImage;
pub use live::LiveGraph;
pub use search::{Graph, Scratch};

/// Ends a list of neighbours that is shorter than the degree.
const NONE: u32 = u32::MAX;
/// Numbers of nodes and rows stay below this: their top bit is used for marks.
const MAX_NODES: usize = 1 << 31;
