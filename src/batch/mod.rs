//! Columns in memory, borrowed or owned, and the batches that operators pass on.
mod column;
mod rows;
pub use column::{Column, ColumnView, Slot, pick};
pub use rows::{Rows, arrange, by_score, descending, place_of, sort_key};
