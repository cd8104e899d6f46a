//! The command with a function and an operator of its own:
//!
//! ```sh
//! cargo run --release --example extend -- run examples/extend/dedupe.igql --catalog examples/movies --user 42
//! cargo run --release --example extend -- repl --catalog examples/movies   # :help levenshtein
//! ```

mod dedupe_by;
mod levenshtein;

use dedupe_by::DedupeBy;
use igql::extend::Registry;
use levenshtein::Levenshtein;

fn main() -> std::process::ExitCode {
    let registry = Registry::new()
        .function(Levenshtein::new())
        .operator(DedupeBy::new());
    igql::cli::main_with(registry)
}
