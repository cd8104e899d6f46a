//! What a trained network takes to score the rows of a request, on one thread.
//!
//! ```text
//! cargo bench --bench scoring -- [--write FOLDER [--peer PYTHON]]
//! ```
//!
//! 500 rows with 64 numbers and 8 ids, a body of 128 and 64 units, six heads with towers of 16, rows of ids of 16 numbers.
//! `--write` takes the network to `benches/peers/scoring.py`, and `--peer` starts that with a Python which has `onnx`
//! and `onnxruntime`, and measures both in turns. Times are medians of runs.
//!
//! Three ways to read the numbers: as they are, by z-scores, and by z-scores and ranks, which is the default. ONNX Runtime
//! makes the z-scores within its graph; of ranks it is given what it would have to find.

use igql::learn::Unwatched;
use igql::learn::net::{
    Block, Columns, Common, DenseColumn, Encoded, Fitted, Head, IdRows, InputParams, Keys, Layout,
    Missing, NetParams, Normalise, Part, Scorer, Scratch, SparseColumn, Table, Target,
    fit_networks,
};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 500;
const NUMBERS: usize = 64;
const IDS: usize = 8;
const KEYS: u64 = 10_000;
const HEADS: usize = 6;
/// Examples that it is trained on.
const EXAMPLES: usize = 20_000;
/// Turns, and runs in each.
const TURNS: usize = 60;
const RUNS: usize = 20;

fn main() -> Result<(), String> {
    let (folder, python) = arguments()?;
    for normalise in [Normalise::None, Normalise::Zscore, Normalise::Both] {
        measure(normalise, folder.as_deref(), python.as_deref())?;
    }
    Ok(())
}

fn arguments() -> Result<(Option<PathBuf>, Option<String>), String> {
    let (mut folder, mut python) = (None, None);
    let mut given = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = given.next() {
        match &*arg {
            "--write" => folder = Some(given.next().ok_or("`--write` needs a folder")?.into()),
            "--peer" => python = Some(given.next().ok_or("`--peer` needs a Python")?),
            other => return Err(format!("`{other}` is no option: `--write`, `--peer`")),
        }
    }
    match (&folder, &python) {
        (None, Some(_)) => Err("`--peer` reads what `--write FOLDER` wrote: give both".to_owned()),
        _ => Ok((folder, python)),
    }
}

fn measure(
    normalise: Normalise,
    folder: Option<&Path>,
    python: Option<&str>,
) -> Result<(), String> {
    let table = table(normalise);
    let fitted = fit(&table)?;
    let network = fitted.clone();
    let scorer = Scorer::new(fitted);
    let request = Request::new(&table.blocks[0], &scorer);
    let mut room = (Scratch::default(), Vec::new(), Vec::new());
    request.score(&scorer, &mut room)?;
    let mut peer = None;
    if let Some(folder) = folder {
        request.write(&network, &scorer, &room.1, folder).map_err(|e| e.to_string())?;
        peer = python.map(|python| Peer::start(python, folder)).transpose()?;
    }
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own.push(request.seconds(&scorer, &mut room)?);
        if let Some(peer) = &mut peer {
            others.push(peer.seconds()?);
        }
    }
    let ratios = own.iter().zip(&others).map(|(own, other)| own / other).collect();
    print!("{normalise:?}: {:.3} ms", median(own).unwrap_or_default() * 1e3);
    match (median(others), median(ratios)) {
        (Some(other), Some(ratio)) => {
            println!(", ONNX Runtime {:.3} ms, {ratio:.2} times", other * 1e3);
        }
        _ => println!(),
    }
    Ok(())
}

fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// SplitMix64.
struct Drawn(u64);

impl Drawn {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Numbers of many scales, every fourth of few values; ids of which some are frequent.
fn table(normalise: Normalise) -> Table {
    let mut drawn = Drawn(1);
    let number = |column: usize, drawn: &mut Drawn| match column % 4 {
        0 => (drawn.unit() * 8.0).floor(),
        1 => drawn.unit() * 100.0,
        2 => (drawn.unit() + drawn.unit() + drawn.unit() - 1.5) * 2.0,
        _ => -drawn.unit().max(1e-6).ln() * 10.0,
    };
    let columns =
        (0..NUMBERS).map(|column| (0..EXAMPLES).map(|_| number(column, &mut drawn)).collect());
    let dense: Vec<Vec<f32>> = columns.collect();
    let key = |drawn: &mut Drawn| (drawn.unit().powi(2) * KEYS as f32) as u64;
    let ids = (0..IDS)
        .map(|_| Keys { keys: (0..EXAMPLES).map(|_| key(&mut drawn)).collect(), offsets: None });
    let sparse: Vec<Keys> = ids.collect();
    let label = |row: usize, head: usize, drawn: &mut Drawn| {
        let likely = 0.2 + 0.3 * (dense[4 * head + 1][row] / 100.0);
        f32::from(u8::from(drawn.unit() < likely))
    };
    let labels =
        (0..HEADS).map(|head| (0..EXAMPLES).map(|row| label(row, head, &mut drawn)).collect());
    let labels = labels.collect();
    let block = Block {
        dense,
        sparse,
        labels,
        parts: vec![Part::Train; EXAMPLES],
        viewers: vec![0; EXAMPLES],
        ..Block::default()
    };
    Table { layout: layout(normalise), blocks: vec![block] }
}

fn layout(normalise: Normalise) -> Layout {
    let dense = |n| DenseColumn { name: format!("x{n}"), normalise, missing: Missing::Mean };
    let sparse = |n| SparseColumn { name: format!("id{n}"), buckets: None, dim: Some(16) };
    let head =
        |n| Head { name: format!("p{n}"), target: Target::Binary, weight: 1.0, allow_rare: false };
    Layout {
        dense: (0..NUMBERS).map(dense).collect(),
        sparse: (0..IDS).map(sparse).collect(),
        shown: Vec::new(),
        heads: (0..HEADS).map(head).collect(),
    }
}

fn fit(table: &Table) -> Result<Fitted, String> {
    let common =
        Common { inputs: InputParams { min_count: 1 }, calibrate: false, ..Common::default() };
    let params = NetParams { epochs: 2, ..NetParams::default() };
    fit_networks(table, &common, &params, &Unwatched).map_err(|e| e.to_string())
}

/// What is scored: columns, and rows of the tables of ids, as a request has them.
struct Request {
    dense: Vec<Vec<f32>>,
    ids: Vec<IdRows>,
}

/// What scoring uses again: scores, and ids, which it takes.
type Room = (Scratch, Vec<f64>, Vec<IdRows>);

impl Request {
    fn new(block: &Block, scorer: &Scorer) -> Request {
        let rows = |(column, keys): (usize, &Keys)| IdRows {
            rows: keys.keys[..ROWS]
                .iter()
                .map(|&key| scorer.encoder().row_of(column, key))
                .collect(),
            offsets: None,
        };
        Request {
            dense: block.dense.iter().map(|column| column[..ROWS].to_vec()).collect(),
            ids: block.sparse.iter().enumerate().map(rows).collect(),
        }
    }

    fn score(&self, scorer: &Scorer, (scratch, scores, ids): &mut Room) -> Result<(), String> {
        let columns = Columns { rows: ROWS, dense: &self.dense, sparse: &[], shown: &[] };
        ids.clone_from(&self.ids);
        scorer.score_ids(&columns, ids, scratch, scores).map_err(|e| e.to_string())
    }

    fn seconds(&self, scorer: &Scorer, room: &mut Room) -> Result<f64, String> {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            self.score(scorer, room)?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(median(times).unwrap_or_default())
    }

    /// Writes the network, what it is asked and what it says.
    fn write(
        &self,
        network: &Fitted,
        scorer: &Scorer,
        scores: &[f64],
        folder: &Path,
    ) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut encoded = Encoded::default();
        let columns = Columns { rows: ROWS, dense: &self.dense, sparse: &[], shown: &[] };
        scorer
            .encoder()
            .encode_beside(&columns, &mut self.ids.clone(), &mut encoded)
            .map_err(std::io::Error::other)?;
        let inputs = &network.inputs;
        let is_plain = inputs.dense.iter().all(|dense| dense.normalise == Normalise::Zscore);
        let row = |row: usize| -> Vec<f32> {
            match is_plain {
                true => self.dense.iter().map(|column| column[row]).collect(),
                false => encoded.numbers(row)[..inputs.width()].to_vec(),
            }
        };
        let numbers: Vec<f32> = (0..ROWS).flat_map(row).collect();
        let ids: Vec<u32> = self.ids.iter().flat_map(|ids| &ids.rows).copied().collect();
        let tensors = network.model.tensors(&network.heads);
        let named = tensors.iter().map(|t| json!({ "name": t.name, "shape": t.shape }));
        let moment = |of: fn(&igql::learn::net::Dense) -> f64| -> Vec<f64> {
            if is_plain { inputs.dense.iter().map(of).collect() } else { Vec::new() }
        };
        let about = json!({
            "rows": ROWS, "heads": HEADS, "tensors": named.collect::<Vec<_>>(),
            "mean": moment(|dense| dense.mean), "deviation": moment(|dense| dense.deviation),
        });
        let bytes = |all: &[f32]| all.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let weights: Vec<f32> = tensors.iter().flat_map(|t| &t.data).copied().collect();
        let scores: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        fs::write(folder.join("about.json"), about.to_string())?;
        fs::write(folder.join("weights.f32"), bytes(&weights))?;
        fs::write(folder.join("numbers.f32"), bytes(&numbers))?;
        fs::write(folder.join("scores.f32"), bytes(&scores))?;
        let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        fs::write(folder.join("ids.u32"), ids)
    }
}

/// ONNX Runtime in a process of its own, which scores when it is asked to.
struct Peer {
    process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(python: &str, folder: &Path) -> Result<Peer, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/scoring.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|e| format!("the peer: {e}"))?;
        let piped = "pipes were asked for";
        Ok(Peer {
            asks: process.stdin.take().expect(piped),
            answers: BufReader::new(process.stdout.take().expect(piped)).lines(),
            process,
        })
    }

    /// Seconds that it takes.
    fn seconds(&mut self) -> Result<f64, String> {
        writeln!(self.asks, "{RUNS}").map_err(|e| e.to_string())?;
        let answer = self.answers.next().ok_or("the peer ended")?;
        let answer = answer.map_err(|e| e.to_string())?;
        answer.parse().map_err(|_| format!("the peer says `{answer}`"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
