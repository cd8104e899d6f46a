//! What networks in files of ONNX take to score the rows of a request, on one thread, beside ONNX Runtime.
//!
//! ```text
//! cargo bench --features onnx --bench onnx -- --peer PYTHON FOLDER
//! ```
//!
//! 500 rows. `benches/peers/networks.py`, which PYTHON runs, writes the networks and their scores to FOLDER, and is measured in turns.
//! Scores that differ end the benchmark. Times are medians of runs; those of `igql` have the copies of what goes in and out.

#[path = "peers/asked.rs"]
mod asked;

use asked::{Peer, RUNS};
use igql::learn::onnx::{Given, Onnx};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns, of [`RUNS`] runs each.
const TURNS: usize = 60;

/// Rows at a time, all of them and as many as a declaration has unless it says otherwise.
const BATCHES: [usize; 2] = [500, 256];

fn main() -> Result<(), String> {
    let Some((python, folder)) = arguments()? else {
        println!("nothing to measure without `--peer PYTHON FOLDER`");
        return Ok(());
    };
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|e| e.to_string())?;
    for network in ["ranking", "wide"] {
        alone.install(|| measure(&python, &folder, network))?;
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

fn measure(python: &str, folder: &Path, network: &str) -> Result<(), String> {
    let mut peer = Peer::start(python, "networks.py", folder, network)?;
    let request = Request::read(folder)?;
    for batch in BATCHES {
        request.check(batch)?;
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            own.push(request.seconds(batch)?);
            others.push(peer.seconds()?);
        }
        let ratios = own.iter().zip(&others).map(|(own, other)| own / other).collect();
        let (own, other, ratio) = (median(own) * 1e3, median(others) * 1e3, median(ratios));
        println!(
            "{network}, {batch} rows at a time: {own:.3} ms, ONNX Runtime {other:.3} ms, {ratio:.3} times"
        );
    }
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// What is scored, and what ONNX Runtime says of it.
struct Request {
    network: Onnx,
    width: usize,
    rows: Vec<f32>,
    scores: Vec<f32>,
}

impl Request {
    fn read(folder: &Path) -> Result<Request, String> {
        let read = |name: &str| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
        let numbers = |name: &str| {
            let bytes = read(name)?;
            let numbers = bytes.chunks_exact(4).map(|x| x.try_into().map(f32::from_le_bytes));
            numbers.collect::<Result<Vec<f32>, _>>().map_err(|e| e.to_string())
        };
        let network = Onnx::read(&read("network.onnx")?).map_err(|wrong| wrong.to_string())?;
        let width = network.inputs[0].width.ok_or("the file has no width")?;
        Ok(Request { network, width, rows: numbers("rows.f32")?, scores: numbers("scores.f32")? })
    }

    fn score(&self, batch: usize) -> Result<Vec<f64>, String> {
        let batches = self.rows.chunks(batch * self.width);
        let given = |rows: &[f32]| (vec![Given::Floats(rows.to_vec())], rows.len() / self.width);
        let batches: Vec<(Vec<Given>, usize)> = batches.map(given).collect();
        let held = self.network.run_all(&batches, &[self.width], &[0]);
        let held = held.map_err(|wrong| wrong.to_string())?;
        Ok(held.into_iter().flatten().flat_map(|held| held.numbers).collect())
    }

    /// Fails where the scores are not those of ONNX Runtime.
    fn check(&self, batch: usize) -> Result<(), String> {
        let scores = self.score(batch)?;
        let apart = scores.iter().zip(&self.scores).map(|(a, b)| (a - f64::from(*b)).abs());
        let apart = apart.fold(0.0, f64::max);
        match apart < 1e-5 && scores.len() == self.scores.len() {
            true => Ok(()),
            false => Err(format!("scores differ by {apart}")),
        }
    }

    fn seconds(&self, batch: usize) -> Result<f64, String> {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            std::hint::black_box(self.score(batch)?);
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(median(times))
    }
}
