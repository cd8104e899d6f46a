//! Recall against queries per second of the graph index, its build time and size, searches among some of
//! the rows, and the exact scan.
//!
//! ```text
//! cargo bench --bench ann -- [ROWS] [DIM] [K] [QUERIES] [--half] [--write FOLDER]
//!                            [--exact [--peer PYTHON]]         # default 100000 64 50 1000
//! ```
//!
//! The vectors are clustered like those of a catalog: unit centres, fifty rows round each, noise of 0.6
//! of a unit. Searches run on one thread, the build on rayon's. Rates are medians of five runs, by the time that the
//! thread had a processor where the system tells it, so that other work on the machine counts less. The folder
//! takes vectors, queries and true neighbours for `benches/peers/ann.py`, which measures other libraries.
//! With `--half` the vectors are stored as halves; recall is still that of the neighbours by the numbers before.
//!
//! With `--exact`, nothing is built: it measures exact searches of one query at a time, under each metric. With
//! a Python that has `faiss`, FAISS searches the same vectors in turns with them, so that both see the same
//! machine; that needs `--write`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use igql::ann::{
    Among, Graph, GraphParams, Hit, Metric, Query, RowSet, Scratch, Vectors, build_graph,
    exact_search,
};
use igql::batch::stretch::thread_time;
use igql::types::to_halves;

const RUNS: usize = 5;
/// Turns that exact searches and those of the peer take.
const TURNS: usize = 9;

fn main() -> Result<(), String> {
    let given = Arguments::read()?;
    let ([rows, dim, k, queries], half) = (given.numbers, given.half);
    let stored = if half { "halves" } else { "floats" };
    println!("{rows} rows, {dim} dimensions as {stored}, k = {k}, {queries} queries, cosine");
    let data = clustered(rows, dim, rows.div_ceil(50));
    let halves = to_halves(if half { &data } else { &[] });
    let whole = Vectors { data: data[..].into(), dim, metric: Metric::Cosine, present: None };
    let vectors = Vectors { data: if half { halves[..].into() } else { whole.data }, ..whole };
    let asked: Vec<[u32; 1]> =
        (0..queries).map(|i| [(i * (rows / queries).max(1) % rows) as u32]).collect();
    let [of_whole, of_stored] = [&whole, &vectors].map(|vectors| {
        let vector = |row: &[u32; 1]| vectors.get(row[0]).unwrap_or_default().into_owned();
        asked.iter().map(vector).collect::<Vec<_>>()
    });
    let truth = exact_search(&whole, &searches(&of_whole, &asked, k), None);
    if let Some(folder) = &given.folder {
        let error = |e: std::io::Error| format!("{folder}: {e}");
        write(Path::new(folder), (&data, dim), &asked, &truth).map_err(error)?;
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(|e| e.to_string())?;
    if given.exact {
        let peer = given.peer.as_deref().zip(given.folder.as_deref());
        let peer = peer.map(Peer::start).transpose();
        let mut peer = peer.map_err(|e| format!("the peer: {e}"))?;
        return one.install(|| singly(&vectors, &of_stored, &mut peer));
    }
    let queries = searches(&of_stored, &asked, k);
    if half {
        let found = exact_search(&vectors, &queries, None);
        println!("exact scan: recall {:.4}", recall(&truth, &found));
    }
    let image = build(&vectors)?;
    let graph = Graph::open(image.as_bytes())?;
    one.install(|| {
        scan(&vectors, &queries);
        walk(&graph, &vectors, &queries, &truth);
        among(&graph, &vectors, &queries);
    });
    Ok(())
}

/// A search from each vector, which does not find its row.
fn searches<'a>(vectors: &'a [Vec<f32>], rows: &'a [[u32; 1]], k: usize) -> Vec<Query<'a>> {
    let search = |(vector, row): (&'a Vec<f32>, &'a [u32; 1])| Query {
        vector,
        exclude: row,
        k,
        min_similarity: None,
    };
    vectors.iter().zip(rows).map(search).collect()
}

/// What the command line says.
struct Arguments {
    /// Rows, dimensions, neighbours, queries.
    numbers: [usize; 4],
    half: bool,
    exact: bool,
    folder: Option<String>,
    peer: Option<String>,
}

impl Arguments {
    /// `cargo bench` adds flags, which are skipped.
    fn read() -> Result<Arguments, String> {
        let mut read = Arguments {
            numbers: [100_000, 64, 50, 1_000],
            half: false,
            exact: false,
            folder: None,
            peer: None,
        };
        let mut places = read.numbers.iter_mut();
        let mut given = std::env::args().skip(1);
        while let Some(arg) = given.next() {
            match arg.as_str() {
                "--write" => read.folder = Some(given.next().ok_or("`--write` needs a folder")?),
                "--peer" => read.peer = Some(given.next().ok_or("`--peer` needs a Python")?),
                "--half" => read.half = true,
                "--exact" => read.exact = true,
                other if other.starts_with("--") => {}
                other => {
                    let number = other.parse().ok().filter(|number| *number > 0);
                    let place = places.next().ok_or("expected 4 numbers at most")?;
                    *place = number
                        .ok_or_else(|| format!("expected a number of at least 1, found `{arg}`"))?;
                }
            }
        }
        match &read {
            Arguments { peer: Some(_), folder: None, .. } => {
                Err("`--peer` reads what `--write FOLDER` wrote: give both".to_owned())
            }
            _ => Ok(read),
        }
    }
}

/// FAISS in a process of its own, which searches when it is asked to.
struct Peer {
    process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start((python, folder): (&str, &str)) -> std::io::Result<Peer> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/ann.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder).arg("answer");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let piped = "pipes were asked for";
        Ok(Peer {
            asks: process.stdin.take().expect(piped),
            answers: BufReader::new(process.stdout.take().expect(piped)).lines(),
            process,
        })
    }

    /// Seconds that a search takes.
    fn seconds(&mut self, metric: Metric, k: usize) -> Result<f64, String> {
        writeln!(self.asks, "{metric} {k}").map_err(|e| e.to_string())?;
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

/// Exact searches, one query at a time.
fn singly(vectors: &Vectors, asked: &[Vec<f32>], peer: &mut Option<Peer>) -> Result<(), String> {
    for metric in Metric::ALL {
        let vectors = Vectors { metric, ..*vectors };
        for k in [10, 20, 100] {
            let mut queries = asked.iter().cycle();
            let mut search = || {
                let vector = queries.next().map_or(&[][..], |vector| vector);
                let query = Query { vector, exclude: &[], k, min_similarity: None };
                exact_search(&vectors, &[query], None)
            };
            let (mut own, mut others) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                own.push(time(&mut search).as_secs_f64() * 1e3);
                if let Some(peer) = peer {
                    others.push(peer.seconds(metric, k)? * 1e3);
                }
            }
            let median = |times: &mut Vec<f64>| {
                times.sort_unstable_by(f64::total_cmp);
                times.get(times.len() / 2).copied()
            };
            let own = median(&mut own).unwrap_or_default();
            print!("exact, one at a time, {metric}, k = {k:>3}: {own:>7.3} ms");
            match median(&mut others) {
                Some(other) => println!(", FAISS flat {other:>7.3} ms, {:.2} times", own / other),
                None => println!(),
            }
        }
    }
    Ok(())
}

fn write(
    folder: &Path,
    (data, dim): (&[f32], usize),
    asked: &[[u32; 1]],
    truth: &[Vec<Hit>],
) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let values = data.iter().flat_map(|x| x.to_le_bytes());
    std::fs::write(folder.join("vectors.f32"), values.collect::<Vec<u8>>())?;
    let rows = asked.iter().flat_map(|[row]| row.to_le_bytes());
    std::fs::write(folder.join("queries.u32"), rows.collect::<Vec<u8>>())?;
    let hits = truth.iter().flatten();
    let rows = hits.flat_map(|hit| hit.row.to_le_bytes());
    std::fs::write(folder.join("truth.u32"), rows.collect::<Vec<u8>>())?;
    let k = truth[0].len();
    let about = format!("{{\"dim\": {dim}, \"k\": {k}}}\n");
    std::fs::write(folder.join("about.json"), about)
}

fn scan(vectors: &Vectors, queries: &[Query]) {
    for batch in [1, 16, 64] {
        let batch = &queries[..batch.min(queries.len())];
        let time = median(|| exact_search(vectors, batch, None));
        println!(
            "exact scan, {:>2} at once, 1 thread: {:>8.0} queries/s",
            batch.len(),
            rate(batch.len(), time)
        );
    }
}

fn build(vectors: &Vectors) -> Result<igql::ann::GraphImage, String> {
    let (start, before) = (Instant::now(), process_time());
    let image = build_graph(vectors, GraphParams::default(), &|_, _| {})?;
    println!(
        "graph: built in {:.1} s ({:.1} s of processors) on {} threads, {} MB, {} MB with the vectors",
        start.elapsed().as_secs_f64(),
        process_time() - before,
        rayon::current_num_threads(),
        image.as_bytes().len() / 1_000_000,
        (image.as_bytes().len() + vectors.data.size()) / 1_000_000,
    );
    Ok(image)
}

fn walk(graph: &Graph, vectors: &Vectors, queries: &[Query], truth: &[Vec<Hit>]) {
    let usual = Graph::default_ef(vectors.metric, queries[0].k);
    for ef in [1, 2, 3, 4, 6, 8, 10, 14, 20, 30, usual, usual * 2, usual * 4] {
        let mut scratch = Scratch::default();
        let mut found = vec![Vec::new(); queries.len()];
        let time = median(|| {
            for (query, found) in queries.iter().zip(&mut found) {
                graph.search(vectors, query, ef, &mut scratch, found);
            }
        });
        let mut scratches = Vec::new();
        let together = median(|| {
            std::hint::black_box(graph.search_many(
                vectors,
                queries,
                |_| ef,
                &mut scratches,
                &|| false,
            ));
        });
        println!(
            "graph, ef {ef:>4}: recall {:.4}, {:>7.0} queries/s, {:>7.0} in turns{}",
            recall(truth, &found),
            rate(queries.len(), time),
            rate(queries.len(), together),
            if ef == usual { " (default)" } else { "" }
        );
    }
}

/// Searches among a share of the rows, taken at random: a walk, or the scan where that is better.
fn among(graph: &Graph, vectors: &Vectors, queries: &[Query]) {
    let queries = &queries[..queries.len().min(100)];
    for share in [0.5, 0.05, 0.005, 0.0005] {
        let mut random = Random(3);
        let mut passes = |_: &u32| ((random.next() >> 11) as f64) < share * (1u64 << 53) as f64;
        let rows = (0..vectors.len() as u32).filter(&mut passes);
        let set = RowSet::new(vectors.len(), rows);
        let truth = exact_search(vectors, queries, Some(set.words()));
        let among = Among {
            most: set.len(),
            known: Some(&set),
            passes: &|rows, out| {
                out.clear();
                out.extend(rows.iter().map(|&row| set.has(row)));
            },
        };
        let mut scratch = Scratch::default();
        let mut found = vec![Vec::new(); queries.len()];
        let mut walks = 0;
        let time = median(|| {
            walks = 0;
            for (query, found) in queries.iter().zip(&mut found) {
                let ef = Graph::default_ef(vectors.metric, query.k);
                if graph.search_among(vectors, query, ef, &among, &mut scratch, found) {
                    walks += 1;
                } else {
                    *found = exact_search(vectors, &[*query], Some(set.words())).remove(0);
                }
            }
        });
        println!(
            "among {:>6}: recall {:.4}, {:>7.0} queries/s, {walks} of {} walk",
            set.len(),
            recall(&truth, &found),
            rate(queries.len(), time),
            queries.len()
        );
    }
}

/// Seconds that all threads of this process have been running, where the system tells it.
fn process_time() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = told.rsplit(')').next().unwrap_or_default().split(' ');
    let ticks = fields.skip(12).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Time of a run, of enough of them to be measured.
fn time<T>(run: &mut impl FnMut() -> T) -> Duration {
    let (start, mut runs) = (thread_time(), 0);
    loop {
        std::hint::black_box(run());
        runs += 1;
        let time = thread_time() - start;
        if time >= Duration::from_millis(50) {
            return time / runs;
        }
    }
}

/// Time of a run, the median of some.
fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| time(&mut run)).collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn rate(queries: usize, time: Duration) -> f64 {
    queries as f64 / time.as_secs_f64()
}

fn recall(truth: &[Vec<Hit>], found: &[Vec<Hit>]) -> f64 {
    let both = |(truth, found): (&Vec<Hit>, &Vec<Hit>)| {
        truth.iter().filter(|t| found.iter().any(|f| f.row == t.row)).count()
    };
    let total: usize = truth.iter().map(Vec::len).sum();
    truth.iter().zip(found).map(both).sum::<usize>() as f64 / total.max(1) as f64
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Nearly normal: eight bytes summed, of variance (256² - 1) / 12 each.
    fn normal(&mut self) -> f32 {
        let sum: u32 = self.next().to_le_bytes().into_iter().map(u32::from).sum();
        (sum as f32 - 1_020.0) / (8.0f32 * 65_535.0 / 12.0).sqrt()
    }
}

fn clustered(rows: usize, dim: usize, topics: usize) -> Vec<f32> {
    let mut random = Random(1);
    let centres: Vec<f32> = (0..topics * dim).map(|_| random.normal()).collect();
    let mut data = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let topic = (random.next() % topics as u64) as usize * dim;
        data.extend(centres[topic..topic + dim].iter().map(|x| x + 0.6 * random.normal()));
    }
    data
}
