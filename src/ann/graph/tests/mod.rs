mod changes;
mod exact;
mod images;
mod recall;
mod some_rows;

use super::*;
use crate::ann::testing::{Random, recall, rounded};
use crate::ann::{Hit, Metric, Query, RowSet, Vectors, exact_search, similarity};

fn vectors(data: &[f32], dim: usize, metric: Metric) -> Vectors<'_> {
    Vectors { data: data.into(), dim, metric, present: None }
}

fn query(vector: &[f32], k: usize) -> Query<'_> {
    Query { vector, exclude: &[], k, min_similarity: None }
}

fn build(vectors: &Vectors) -> GraphImage {
    build_graph(vectors, GraphParams::default(), &|_, _| {}).unwrap()
}

fn find(graph: &Graph, vectors: &Vectors, query: &Query, ef: usize) -> Vec<Hit> {
    let mut out = Vec::new();
    graph.search(vectors, query, ef, &mut Scratch::default(), &mut out);
    out
}

/// Says of rows whether a set has them.
fn passes(set: &RowSet) -> impl Fn(&[u32], &mut Vec<bool>) + Sync + '_ {
    |rows: &[u32], out: &mut Vec<bool>| {
        out.clear();
        out.extend(rows.iter().map(|&row| set.has(row)));
    }
}

/// Vectors that codes tell apart badly, or that graphs connect badly: a name, metric, dimension, vectors.
fn uneven_worlds(n: usize) -> Vec<(&'static str, Metric, usize, Vec<f32>)> {
    let mut random = Random::new(40);
    let mut worlds = Vec::new();
    let centres = random.vector(10 * 16);
    let tight: Vec<f32> =
        (0..n * 16).map(|i| centres[i / 16 % 10 * 16 + i % 16] + 1e-3 * random.normal()).collect();
    for metric in Metric::ALL {
        worlds.push(("tight clusters", metric, 16, tight.clone()));
    }
    let line = (0..n).flat_map(|i| [i as f32; 4]).collect();
    worlds.push(("a line", Metric::L2, 4, line));
    let values: Vec<f32> = (0..n).map(|_| random.normal()).collect();
    worlds.push(("one dimension", Metric::L2, 1, values.clone()));
    worlds.push(("one dimension", Metric::Dot, 1, values));
    let mut lengths = random.clustered(n, 16, 50);
    for row in lengths.chunks_mut(16) {
        let length = random.normal().exp();
        row.iter_mut().for_each(|x| *x *= length);
    }
    worlds.push(("lengths", Metric::Dot, 16, lengths));
    let far: Vec<f32> = random.vector(n * 16).iter().map(|x| x + 30.0).collect();
    worlds.push(("far from the origin", Metric::Cosine, 16, far.clone()));
    worlds.push(("far from the origin", Metric::L2, 16, far));
    let mut huge = random.vector(n * 16);
    huge[7] = 1e30;
    worlds.push(("one huge value", Metric::L2, 16, huge));
    let copies = (0..n).flat_map(|i| centres[i % 5 * 16..][..16].to_vec());
    worlds.push(("copies", Metric::Cosine, 16, copies.collect()));
    worlds
}

/// What a search among rows gives, as the engine makes it: the walk, or else the scan. And whether it walked.
fn find_among(
    graph: &Graph,
    vectors: &Vectors,
    query: &Query,
    set: &RowSet,
    known: bool,
) -> (Vec<Hit>, bool) {
    let among = Among {
        most: if known { set.len() } else { vectors.len() },
        known: known.then_some(set),
        passes: &passes(set),
    };
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let ef = Graph::default_ef(graph.metric(), query.k);
    if graph.search_among(vectors, query, ef, &among, &mut scratch, &mut out) {
        return (out, true);
    }
    let scanned = exact_search(vectors, &[*query], Some(set.words())).remove(0);
    (scanned, false)
}
