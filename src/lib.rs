//! IGQL: a language for candidate retrieval and ranking.
pub mod ann;
