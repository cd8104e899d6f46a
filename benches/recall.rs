//! Recall of the graph index on data that is not evenly spread: tight clusters, copies, lines, one
//! dimension, lengths that differ much, outliers.
//!
//! ```text
//! cargo bench --bench recall -- [ROWS] [NAME]      # default 20000 and all worlds
//! ```
//!
//! Of 200 searches for 20 rows each: the mean and the worst recall (of equally similar rows any counts), at
//! the default width and wider, and the time of a search beside that of the exact scan (200 at once).

use std::time::Instant;

use igql::ann::{
    Graph, GraphParams, Hit, Metric, Query, Scratch, Vectors, build_graph, exact_search,
};

const K: usize = 20;
const SEARCHES: usize = 200;

fn main() -> Result<(), String> {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let rows: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let only = args.next();
    for (name, metric, dim, data) in worlds(rows) {
        if only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        let vectors = Vectors {
            data: data[..].into(),
            dim,
            metric,
            present: None,
        };
        let t = Instant::now();
        let image = build_graph(&vectors, GraphParams::default(), &|_, _| {})?;
        let build = t.elapsed().as_secs_f64();
        let graph = Graph::open(image.as_bytes())?;
        let n = vectors.len();
        let asked: Vec<[u32; 1]> = (0..SEARCHES)
            .map(|i| [(i * (n / SEARCHES)) as u32])
            .collect();
        let own: Vec<Vec<f32>> = asked
            .iter()
            .map(|r| vectors.get(r[0]).unwrap_or_default().into_owned())
            .collect();
        let queries: Vec<Query> = own
            .iter()
            .zip(&asked)
            .map(|(v, r)| Query {
                vector: v,
                exclude: r,
                k: K,
                min_similarity: None,
            })
            .collect();
        let t = Instant::now();
        let truth = exact_search(&vectors, &queries, None);
        let scan = t.elapsed().as_secs_f64() / SEARCHES as f64 * 1e6;
        print!("{name:<24} {n:>7} x {dim:<3} build {build:>5.1} s, scan {scan:>6.0} us |");
        let usual = Graph::default_ef(metric, K);
        for ef in [usual, usual * 4, usual * 16] {
            let mut scratch = Scratch::default();
            let t = Instant::now();
            let mut found = vec![Vec::new(); queries.len()];
            for (q, out) in queries.iter().zip(&mut found) {
                graph.search(&vectors, q, ef, &mut scratch, out);
            }
            let us = t.elapsed().as_secs_f64() / queries.len() as f64 * 1e6;
            let each: Vec<f64> = truth.iter().zip(&found).map(|(t, f)| share(t, f)).collect();
            let mean = each.iter().sum::<f64>() / each.len() as f64;
            let worst = each.iter().copied().fold(1.0, f64::min);
            print!(" ef {ef}: {mean:.4} worst {worst:.2} {us:>6.0} us;");
        }
        println!();
    }
    Ok(())
}

/// Share of the true neighbours that were found; ties count as hits.
fn share(truth: &[Hit], found: &[Hit]) -> f64 {
    let Some(last) = truth.last() else { return 1.0 };
    found
        .iter()
        .filter(|h| h.similarity >= last.similarity)
        .count() as f64
        / truth.len() as f64
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
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f32 {
        ((-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos())
            as f32
    }
    fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}
/// A name, the metric, dimensions, vectors.
type World = (String, Metric, usize, Vec<f32>);

fn worlds(n: usize) -> Vec<World> {
    let mut all = Vec::new();
    let clusters = |count: usize, dim: usize, noise: f32, seed: u64| {
        let mut r = Random(seed);
        let centres = r.normals(count * dim);
        let mut data = Vec::with_capacity(n * dim);
        for i in 0..n {
            let c = i * count / n * dim;
            data.extend((0..dim).map(|d| centres[c + d] + noise * r.normal()));
        }
        data
    };
    for metric in Metric::ALL {
        let m = metric.name();
        all.push((
            format!("tight 1e-3 {m}"),
            metric,
            16,
            clusters(30, 16, 1e-3, 1),
        ));
        all.push((
            format!("tight 1e-2 {m}"),
            metric,
            64,
            clusters(100, 64, 1e-2, 2),
        ));
        all.push((format!("even {m}"), metric, 32, Random(3).normals(n * 32)));
        all.push((
            format!("usual {m}"),
            metric,
            64,
            clusters(n / 50, 64, 0.6, 4),
        ));
    }
    let mut r = Random(5);
    let unique = r.normals(n / 1000 * 32);
    let dups: Vec<f32> = (0..n)
        .flat_map(|i| unique[i / 1000 % (n / 1000) * 32..][..32].to_vec())
        .collect();
    all.push(("duplicates cosine".into(), Metric::Cosine, 32, dups.clone()));
    all.push(("duplicates dot".into(), Metric::Dot, 32, dups));
    all.push((
        "line l2".into(),
        Metric::L2,
        4,
        (0..n).flat_map(|i| [i as f32; 4]).collect(),
    ));
    let dir = r.normals(32);
    let line: Vec<f32> = (0..n)
        .flat_map(|_| {
            let t = r.normal();
            dir.iter().map(|d| d * t).collect::<Vec<_>>()
        })
        .collect();
    all.push(("line 32 l2".into(), Metric::L2, 32, line.clone()));
    all.push(("line 32 dot".into(), Metric::Dot, 32, line));
    all.push(("one dimension l2".into(), Metric::L2, 1, r.normals(n)));
    all.push(("one dimension dot".into(), Metric::Dot, 1, r.normals(n)));
    for sigma in [0.5, 1.0, 2.0] {
        let mut data = clusters(200, 32, 0.5, 6);
        for row in data.chunks_mut(32) {
            let norm = (sigma * r.normal()).exp();
            row.iter_mut().for_each(|x| *x *= norm);
        }
        all.push((format!("norms {sigma} dot"), Metric::Dot, 32, data.clone()));
        if sigma == 1.0 {
            all.push((format!("norms {sigma} l2"), Metric::L2, 32, data));
        }
    }
    let mut data = r.normals(n * 32);
    data[7] = 1e30;
    all.push(("one huge l2".into(), Metric::L2, 32, data.clone()));
    data[7] = 1e6;
    all.push(("one large dot".into(), Metric::Dot, 32, data));
    let mut data = r.normals(n * 32);
    for (i, row) in data.chunks_mut(32).enumerate() {
        for (d, x) in row.iter_mut().enumerate() {
            *x *= 10f32.powi(-(d as i32) / 6);
            if i % 997 == 0 {
                *x *= 1e3;
            }
        }
    }
    all.push(("uneven scales l2".into(), Metric::L2, 32, data.clone()));
    all.push(("uneven scales cosine".into(), Metric::Cosine, 32, data));
    let mut data = r.normals(n * 32);
    data.iter_mut().for_each(|x| *x += 100.0);
    all.push((
        "far from origin cosine".into(),
        Metric::Cosine,
        32,
        data.clone(),
    ));
    all.push(("far from origin l2".into(), Metric::L2, 32, data));
    all
}
