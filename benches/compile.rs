//! How long programs take from their text to a plan: read, checked, planned and rewritten. The standard
//! library and the catalog's prelude have been read when the catalog was opened.
//!
//! ```text
//! cargo bench --bench compile -- [CATALOG [FILE ...]]   # default: examples/explore, four of its programs
//! ```
//!
//! The programs take turns, so that what else happens on the machine meets all of them. Nothing is kept
//! from one reading to the next.

use igql::{Engine, Unit};
use std::path::Path;
use std::time::{Duration, Instant};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 1_000;

const PROGRAMS: [&str; 4] =
    ["published.igql", "defaults.igql", "ranking/funnel.igql", "blends/weighted.igql"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1).filter(|a| a != "--bench");
    let folder = given.next().unwrap_or("examples/explore".to_owned());
    let mut files: Vec<String> = given.collect();
    if files.is_empty() {
        files = PROGRAMS.map(|file| format!("{folder}/{file}")).into();
    }
    let engine = Engine::open(&folder)?;
    let read = |file: &String| std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"));
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut times = vec![Vec::new(); texts.len()];
    for _ in 0..RUNS {
        for ((file, text), times) in files.iter().zip(&texts).zip(&mut times) {
            times.push(compile(&engine, file, text)?);
        }
    }
    for (file, times) in files.iter().zip(&mut times) {
        times.sort_unstable();
        let [median, late] = [50, 95].map(|p| times[RUNS * p / 100].as_secs_f64() * 1e6);
        println!("{file:<50} {median:>7.0} us, 95 % within {late:.0} us");
    }
    Ok(())
}

fn compile(engine: &Engine, file: &str, text: &str) -> Result<Duration, String> {
    let unit = Unit { folder: Path::new(file).parent(), ..Unit::new(file, text) };
    let start = Instant::now();
    let compiled = engine.compile_unit(&unit);
    let time = start.elapsed();
    match compiled.program {
        Some(_) => Ok(time),
        None => Err(format!("{file} does not compile: run `igql check {file}`")),
    }
}
