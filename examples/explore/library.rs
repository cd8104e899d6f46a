//! The library in a program of its own: open a catalog, compile once, answer many.
//!
//! ```sh
//! cargo run --release --example library
//! ```

use igql::{Engine, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Opening brings `.igql/` up to date and maps it; engines are cheap to clone and to share.
    let engine = Engine::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/explore"))?;

    // A program is checked against the catalog once. An error carries every diagnostic.
    let program = engine.compile(include_str!("seeded.igql"))?;
    if let Err(error) = engine.compile("user.likd()") {
        println!("{error}");
    }

    // One request.
    let answer = engine.run(&program, &Request::user(5))?;
    for row in answer.rows().iter().take(5) {
        println!("{} {:.3} from {:?}", row.key(), row.score(), row.get("seed_id"));
    }

    // Many requests in one vectorised pass: each gets the answer that it would get alone.
    let requests: Vec<Request> = (0..100).map(|i| Request::user(5 + 11 * i)).collect();
    let answers = engine.run_batch(&program, &requests)?;
    let rows: usize = answers.iter().map(|answer| answer.rows().len()).sum();
    println!("{} requests, {rows} rows", answers.len());
    Ok(())
}
