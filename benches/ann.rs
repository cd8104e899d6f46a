//! Recall against queries per second of the graph index, its build time and size, and the exact scan.
//!
//! ```text
//! cargo bench --bench ann -- [ROWS] [DIM] [K] [QUERIES]      # default 100000 64 50 1000
//! ```
//!
//! The vectors are clustered like those of a catalog: unit centres, fifty rows round each, noise of 0.6
//! of a unit. Searches run on one thread, the build on rayon's. Times are medians of five runs.

use std::time::{Duration, Instant};

use igql::ann::{
    Graph, GraphParams, Hit, Metric, Query, Scratch, Vectors, build_graph, exact_search,
};

const RUNS: usize = 5;

fn main() -> Result<(), String> {
    let [rows, dim, k, queries] = arguments([100_000, 64, 50, 1_000])?;
    println!("{rows} rows, {dim} dimensions, k = {k}, {queries} queries, cosine");
    let data = clustered(rows, dim, rows.div_ceil(50));
    let vectors = Vectors {
        data: &data,
        dim,
        metric: Metric::Cosine,
        present: None,
    };
    let asked: Vec<[u32; 1]> = (0..queries)
        .map(|i| [(i * (rows / queries).max(1) % rows) as u32])
        .collect();
    let queries: Vec<Query> = asked
        .iter()
        .map(|row| Query {
            vector: vectors.get(row[0]).unwrap_or(&[]),
            exclude: row,
            k,
            min_similarity: None,
        })
        .collect();
    let truth = exact_search(&vectors, &queries, None);
    scan(&vectors, &queries)?;
    walk(&vectors, &queries, &truth)
}

/// Numbers from the command line; `cargo bench` adds flags, which are skipped.
fn arguments<const N: usize>(mut values: [usize; N]) -> Result<[usize; N], String> {
    let given = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    for (value, arg) in values.iter_mut().zip(given) {
        *value = arg
            .parse()
            .map_err(|_| format!("expected a number, found `{arg}`"))?;
        if *value == 0 {
            return Err("expected numbers of at least 1, found 0".into());
        }
    }
    Ok(values)
}

fn scan(vectors: &Vectors, queries: &[Query]) -> Result<(), String> {
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|e| e.to_string())?;
    for batch in [1, 16, 64] {
        let batch = &queries[..batch.min(queries.len())];
        let time = one.install(|| median(|| exact_search(vectors, batch, None)));
        println!(
            "exact scan, {:>2} at once, 1 thread: {:>8.0} queries/s",
            batch.len(),
            rate(batch.len(), time)
        );
    }
    Ok(())
}

fn walk(vectors: &Vectors, queries: &[Query], truth: &[Vec<Hit>]) -> Result<(), String> {
    let start = Instant::now();
    let image = build_graph(vectors, GraphParams::default(), &|_, _| {})?;
    println!(
        "graph: built in {:.1} s on {} threads, {} bytes",
        start.elapsed().as_secs_f64(),
        rayon::current_num_threads(),
        image.as_bytes().len()
    );
    let start = Instant::now();
    let graph = Graph::open(image.as_bytes())?;
    println!(
        "graph: opened in {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let k = queries[0].k;
    for ef in [k / 5, k / 2, k, Graph::default_ef(k), k * 2, k * 4, k * 8] {
        let mut scratch = Scratch::default();
        let mut found = vec![Vec::new(); queries.len()];
        let time = median(|| {
            for (query, found) in queries.iter().zip(&mut found) {
                graph.search(vectors, query, ef, &mut scratch, found);
            }
        });
        let mark = if ef == Graph::default_ef(k) {
            " (default)"
        } else {
            ""
        };
        println!(
            "graph, ef {ef:>4}: recall {:.4}, {:>7.0} queries/s{mark}",
            recall(truth, &found),
            rate(queries.len(), time)
        );
    }
    Ok(())
}

fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn rate(queries: usize, time: Duration) -> f64 {
    queries as f64 / time.as_secs_f64()
}

fn recall(truth: &[Vec<Hit>], found: &[Vec<Hit>]) -> f64 {
    let both = |(truth, found): (&Vec<Hit>, &Vec<Hit>)| {
        truth
            .iter()
            .filter(|t| found.iter().any(|f| f.row == t.row))
            .count()
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
        data.extend(
            centres[topic..topic + dim]
                .iter()
                .map(|x| x + 0.6 * random.normal()),
        );
    }
    data
}
