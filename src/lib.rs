//! IGQL: a language for candidate retrieval and ranking, and the engine that runs it.
//!
//! ```text
//! text ─syntax→ tree ─check→ graph of typed operators ─optimize→ graph ─exec→ rows ─answer→ values
//!                       ↑ catalog, ops, expr                           ↑ store, ann
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | [`source`], [`visible`], [`types`], [`diag`] | texts and places, text for terminals, types and values, diagnostics as data |
//! | [`files`] | files that are read whole, and files that take their names when they are whole |
//! | [`batch`] | columns and candidate sets of many requests |
//! | [`syntax`], [`catalog`] | program text to tree; catalog file to schema |
//! | [`store`], [`ann`] | the snapshot of the data; vector search |
//! | [`describe`] | what a snapshot holds, as data |
//! | [`expr`] | typed row expressions, functions, evaluation over columns |
//! | [`ops`] | the operators, one file each, and the graph that they make |
//! | [`check`] | names, types, limits: tree and schema to graph |
//! | [`optimize`] | rewrites of the graph that never change an answer, one rule a file |
//! | [`exec`] | running a graph in parallel |
//! | [`why`] | why a row is in an answer, and another is not |
//! | [`engine`] | open, compile, run: the whole life of a query |
//! | [`cli`] | the command line |

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod ann;
pub mod answer;
pub mod batch;
pub mod catalog;
pub mod check;
pub mod cli;
mod deep;
pub mod describe;
pub mod diag;
pub mod engine;
pub mod exec;
pub mod expr;
pub mod extend;
pub mod files;
mod library;
pub mod ops;
pub mod optimize;
pub mod plan;
pub mod request;
mod rounds;
pub mod source;
pub mod store;
mod stream;
pub mod syntax;
pub mod types;
pub mod visible;
pub mod why;

pub use answer::{Answer, Ask, Ended, List, Row, Rows};
pub use check::Tunables;
pub use engine::{CompileError, Engine, Program, RunOptions, Unit};
pub use ops::{Hit, Limit, Limits, RunError};
pub use request::Request;
pub use store::DataError;
pub use types::{Key, Type, Value};
