//! Columns in memory, borrowed or owned, and the batches that operators pass on.
mod column;
mod memory;
mod rows;
mod sort;
mod stop;
pub mod stretch;
pub use column::{Column, ColumnView, Slot, pick};
pub use memory::{Held, Memory};
pub use rows::{RowBatch, by_score, descending, extend_passing, place_of, sort_key};
pub use sort::{arrange, places, sorting};
pub use stop::{BLOCK, Failed, Looks, Pace, Stop, blocks, discard};
