//! What operators are built of.

pub mod allowed;
pub mod counts;
pub mod fanout;
pub mod fold;
pub mod group;
pub mod join;
pub mod members;
pub mod reorder;
pub mod values;
