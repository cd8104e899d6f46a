//! Typed scalar expressions: their form, their functions, and their evaluation over columns.

mod blocks;
mod draw;
pub mod ends;
pub mod eval;
pub mod facts;
pub mod functions;
pub mod ir;
pub mod known;
pub mod links;
pub mod random;
pub mod read;
pub mod reads;
pub mod show;
pub mod texts;
pub mod value;

pub use eval::{Frame, Run};
pub use facts::Facts;
pub use ir::{EdgeExpr, Expr, Kind, Level, NodeId, Scalar};
