//! Typed scalar expressions: their form, their functions, and their evaluation over columns.
//!
//! Each module imports only from those that stand before it here:
//!
//! - [`facts`], [`key`], [`random`], [`reads`], [`texts`], [`value`]: values, and what can be said of them;
//! - [`functions`]: the table of functions, each with all that is known of it;
//! - [`ir`]: the expressions;
//! - [`known`], [`show`], [`links`]: what is certain of them, how they read, links as columns;
//! - [`run`]: what expressions are evaluated in and over;
//! - [`gather`]: the links of rows, as `run` sees them; [`eval`]: the evaluation; [`read`]: single values.

pub mod eval;
pub mod facts;
pub mod functions;
pub mod gather;
pub mod ir;
pub mod key;
pub mod known;
pub mod links;
pub mod random;
pub mod read;
pub mod reads;
pub mod run;
pub mod show;
pub mod texts;
pub mod value;

pub use facts::Facts;
pub use ir::{EdgeExpr, Expr, Kind, Level, NodeId, Scalar};
pub use key::KeyWriter;
pub use run::{Frame, Run};
