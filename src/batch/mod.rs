//! Columns in memory, borrowed or owned, and the batches that operators pass on.
mod column;
pub use column::{Column, ColumnView, Slot, pick};
