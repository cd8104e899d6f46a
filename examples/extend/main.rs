//! The command with a function, an operator, a kind of model and an embedding of its own, for the films of
//! `examples/movies`:
//!
//! ```sh
//! cargo run --release --example extend -- run examples/extend/dedupe.igql --catalog examples/movies --user 42
//! cargo run --release --example extend -- repl --catalog examples/movies   # :help levenshtein
//! ```

mod dedupe_by;
mod genres;
mod levenshtein;
mod logistic;

use dedupe_by::DedupeBy;
use genres::Genres;
use igql::extend::Registry;
use levenshtein::Levenshtein;
use logistic::Logistic;

/// The films of the catalog.
const FILMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/movies/movies.csv");

/// As a file of weights has them.
const WEIGHTS: &str = "bias -3.0\nlikes 0.02\nage -0.01";

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let registry = Registry::new()
        .function(Levenshtein::new())
        .operator(DedupeBy::new())
        .scorer("logistic", Logistic::parse(WEIGHTS)?)
        .embedding(Genres::parse(&std::fs::read_to_string(FILMS)?));
    Ok(igql::cli::main_with(registry))
}
