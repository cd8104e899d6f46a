//! IGQL: a language for candidate retrieval and ranking.
pub mod ann;
pub mod batch;
pub mod catalog;
pub mod diag;
pub mod source;
pub mod store;
pub mod syntax;
pub mod types;
