//! IGQL: a language for candidate retrieval and ranking.
pub mod ann;
pub mod diag;
pub mod source;
pub mod syntax;
