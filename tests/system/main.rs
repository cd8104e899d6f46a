//! What is around the language: catalogs and their data, snapshots, formats, the commands; and the source
//! itself.

mod arms;
mod boosted;
mod builds;
mod catalog_errors;
mod cli;
mod data_errors;
mod diff;
mod embedded;
mod estimates;
mod examples;
mod factors;
mod formats;
mod fuzz;
mod growth;
mod imports;
mod init;
mod log_training;
mod logs;
mod messy;
mod mistakes;
mod models;
#[cfg(feature = "onnx")]
mod onnx;
mod order;
mod output;
mod pinned;
mod random;
mod repl;
mod replay;
mod slices;
mod snapshot;
mod students;
mod suites;
mod tables;
mod texts;
mod topics;
mod towers;
mod train;
mod training;
mod tune;
mod why;
mod wire;
mod worlds;
mod writing;

#[path = "../data/mod.rs"]
mod data;
