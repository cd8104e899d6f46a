//! What trees of other libraries take to score the rows of a request, on one thread, beside the libraries themselves.
//!
//! ```text
//! cargo bench --bench trees -- --peer PYTHON FOLDER
//! ```
//!
//! 500 rows with 64 features, 200 trees of 31 leaves. `benches/peers/trees.py`, which PYTHON runs, trains the models, writes
//! them and their scores to FOLDER, and is measured in turns. Scores that differ end the benchmark. Times are medians of runs.

#[path = "peers/asked.rs"]
mod asked;

use asked::{Peer, RUNS};
use igql::learn::trees::{Forest, Scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns, of [`RUNS`] runs each.
const TURNS: usize = 60;

fn main() -> Result<(), String> {
    let Some((python, folder)) = arguments()? else {
        println!("nothing to measure without `--peer PYTHON FOLDER`");
        return Ok(());
    };
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    for library in ["lightgbm", "xgboost"] {
        measure(&python, &folder, library)?;
    }
    Ok(())
}

fn arguments() -> Result<Option<(String, PathBuf)>, String> {
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &given[..] {
        [] => Ok(None),
        [peer, python, folder] if peer == "--peer" => Ok(Some((python.clone(), folder.into()))),
        _ => Err("the options are `--peer PYTHON FOLDER`".to_owned()),
    }
}

fn measure(python: &str, folder: &Path, library: &str) -> Result<(), String> {
    let mut peer = Peer::start(python, "trees.py", folder, library)?;
    let request = Request::read(folder, library)?;
    request.check()?;
    let (mut scratch, mut scores) = (Scratch::default(), Vec::new());
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own.push(request.seconds(&mut scratch, &mut scores));
        others.push(peer.seconds()?);
    }
    let ratios = own.iter().zip(&others).map(|(own, other)| own / other).collect();
    let (own, other, ratio) = (median(own) * 1e3, median(others) * 1e3, median(ratios));
    println!("{library}: {own:.3} ms, the library {other:.3} ms, {ratio:.3} times");
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// What is scored, and what the library says of it.
struct Request {
    forest: Forest,
    columns: Vec<Vec<f64>>,
    scores: Vec<f64>,
    is_exact: bool,
}

impl Request {
    fn read(folder: &Path, library: &str) -> Result<Request, String> {
        let read = |name: &str| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
        let numbers = |name: &str| {
            let bytes = read(name)?;
            let numbers = bytes.chunks_exact(8).map(|x| x.try_into().map(f64::from_le_bytes));
            numbers.collect::<Result<Vec<f64>, _>>().map_err(|e| e.to_string())
        };
        let is_exact = library == "lightgbm";
        let forest = match is_exact {
            true => Forest::lightgbm(&read("model")?),
            false => Forest::xgboost(&read("model.json")?),
        };
        let forest = forest.map_err(|wrong| wrong.to_string())?;
        let (rows, scores) = (numbers("rows.f64")?, numbers("scores.f64")?);
        let column = |c: usize| rows.iter().skip(c).step_by(forest.features()).copied().collect();
        let columns = (0..forest.features()).map(column).collect();
        Ok(Request { forest, columns, scores, is_exact })
    }

    fn score(&self, scratch: &mut Scratch, scores: &mut Vec<f64>) {
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        self.forest.score(&columns, self.scores.len(), true, scratch, scores);
    }

    /// Fails where the scores are not those of the library.
    fn check(&self) -> Result<(), String> {
        let mut scores = Vec::new();
        self.score(&mut Scratch::default(), &mut scores);
        let apart = scores.iter().zip(&self.scores).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f64::max);
        let most = if self.is_exact { 0.0 } else { 2e-6 };
        match apart <= most {
            true => Ok(()),
            false => Err(format!("scores differ by {apart}")),
        }
    }

    fn seconds(&self, scratch: &mut Scratch, scores: &mut Vec<f64>) -> f64 {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            self.score(scratch, scores);
            times.push(start.elapsed().as_secs_f64());
        }
        median(times)
    }
}
