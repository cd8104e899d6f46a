//! Searches that stand for many rows: one for their mean, a few for clusters of them, or one for a
//! vector that is given.

use super::own::Own;
use crate::ann::{Pairs, Vectors};
use crate::batch::{Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::value::Val;
use crate::expr::{Expr, Frame, Run};
use std::borrow::Cow;

/// What the searches of a request start from.
#[derive(Clone, Debug, Hash)]
pub enum Pool {
    /// Every row.
    None,
    /// The mean of the rows, weighted by their scores.
    Mean,
    /// So many rows that stand for the others.
    Clusters(usize),
    /// A vector of the request.
    Query(Expr),
}

impl Pool {
    /// Whether the searched vector is no row's own.
    pub fn makes_a_query(&self) -> bool {
        matches!(self, Pool::Mean | Pool::Query(_))
    }

    /// As explained.
    pub fn details(&self, schema: &Schema) -> Option<String> {
        match self {
            Pool::None => None,
            Pool::Mean => Some("pool=mean".to_owned()),
            Pool::Clusters(n) => Some(format!("pool=clusters({n})")),
            Pool::Query(query) => Some(format!("query={}", show(query, schema))),
        }
    }
}

/// The searches of a run.
#[derive(Default)]
pub struct Starts<'a> {
    /// Of each row of the input: which search it asks for, if any.
    pub search_of: Vec<Option<u32>>,
    pub searches: Vec<Start<'a>>,
    /// Of each request: rows that no search may find, ascending. Empty if a search says so itself.
    left_out: Vec<Vec<u32>>,
}

/// One search.
pub struct Start<'a> {
    pub vector: Cow<'a, [f32]>,
    pub request: u32,
    /// The row that it starts from, if it may not find it.
    pub itself: Option<u32>,
}

impl Start<'_> {
    /// The rows that the search may not find, ascending.
    pub fn exclude<'s>(&'s self, starts: &'s Starts) -> &'s [u32] {
        match starts.left_out.get(self.request as usize) {
            Some(rows) => rows,
            None => self.itself.as_slice(),
        }
    }
}

/// The searches of pooled rows; `leave_out` says whether they may not find any of the rows. `own` are
/// the vectors of the rows.
pub fn starts<'a>(
    run: &Run,
    pool: &Pool,
    input: &RowBatch,
    own: &Own<'_, 'a>,
    leave_out: bool,
) -> Starts<'a> {
    let mut starts = Starts { search_of: vec![None; input.len()], ..Starts::default() };
    let given = match pool {
        Pool::Query(query) => Some(Frame::requests(run).column(query)),
        _ => None,
    };
    let pace = Pace::new(run.stop);
    let pooling = Pooling { run, own: own.stored, pace: &pace };
    for request in 0..input.requests() {
        let rows = input.range(request);
        let (ids, scores) = (&input.ids[rows.clone()], &input.scores[rows.clone()]);
        let found = match (given.as_ref().map(Val::borrow), own.with_viewer(request, ids)) {
            _ if ids.is_empty() => Vec::new(),
            (Some(Val::Vector(slots, numbers)), _) => {
                let vector = numbers.at(slots.get(request));
                vector.map(|v| (0, v.to_vec().into())).into_iter().collect()
            }
            (_, None) => pooling.pooled(pool, ids, scores),
            (_, Some(own)) => {
                let places: Vec<u32> = (0..ids.len() as u32).collect();
                let found = Pooling { run, own: &own.vectors(), pace: &pace };
                let found = found.pooled(pool, &places, scores).into_iter();
                found.map(|(place, vector)| (place, vector.into_owned().into())).collect()
            }
        };
        for (place, vector) in found {
            starts.search_of[rows.start + place] = Some(starts.searches.len() as u32);
            starts.searches.push(Start { vector, request: request as u32, itself: None });
        }
        let mut left_out = if leave_out { ids.to_vec() } else { Vec::new() };
        left_out.sort_unstable();
        starts.left_out.push(left_out);
    }
    starts
}

/// Finds the vectors that stand for the rows of a request, each with the row that it is for.
struct Pooling<'r, 'a> {
    run: &'r Run<'r>,
    own: &'r Vectors<'a>,
    pace: &'r Pace<'r>,
}

impl<'a> Pooling<'_, 'a> {
    fn pooled(&self, pool: &Pool, ids: &[u32], scores: &[f64]) -> Vec<(usize, Cow<'a, [f32]>)> {
        match pool {
            Pool::Clusters(n) => self.clusters(ids, scores, *n),
            _ => self.mean(ids, scores).into_iter().collect(),
        }
    }

    fn clusters(&self, ids: &[u32], scores: &[f64], n: usize) -> Vec<(usize, Cow<'a, [f32]>)> {
        let bytes = ids.len() * ROW_BYTES + Distances::bytes(ids.len());
        let _held = self.run.stop.hold(bytes);
        if self.run.stop.is_over() {
            return Vec::new();
        }
        let own = self.own;
        let pairs = Pairs::until(own, own.metric, ids, self.pace);
        let places = medoids(&pairs, own.dim, scores, n, self.pace).into_iter();
        let start = |place: usize| (place, own.get(ids[place]).unwrap_or_default());
        places.map(start).collect()
    }

    fn mean(&self, ids: &[u32], scores: &[f64]) -> Option<(usize, Cow<'a, [f32]>)> {
        let _held = self.run.stop.hold(ids.len() * ROW_BYTES);
        if self.run.stop.is_over() {
            return None;
        }
        let own = self.own;
        let usable = Pairs::until(own, own.metric, ids, self.pace);
        let mean = mean(own, ids, &weights(&usable, scores), self.pace)?;
        Some((0, mean.into()))
    }
}

/// What each row weighs: its score, at least 0; all the same if no row with a vector has more. A row
/// without a vector has none.
fn weights(rows: &Pairs, scores: &[f64]) -> Vec<Option<f64>> {
    let has = |place: usize| rows.has(place as u32);
    let zero = scores.iter().enumerate().all(|(place, &s)| !has(place) || s.is_nan() || s <= 0.0);
    let weight = |s: f64| if zero { 1.0 } else { s.max(0.0) };
    let of = |(place, &s): (usize, &f64)| has(place).then(|| weight(s));
    scores.iter().enumerate().map(of).collect()
}

/// The weighted mean of the rows that have a weight, summed in 64-bit in their order; none without any.
fn mean(vectors: &Vectors, ids: &[u32], weights: &[Option<f64>], pace: &Pace) -> Option<Vec<f32>> {
    let mut sums = vec![0.0; vectors.dim];
    let mut total = 0.0;
    for (&id, weight) in ids.iter().zip(weights) {
        let (Some(weight), Some(vector)) = (weight, vectors.get(id)) else {
            continue;
        };
        if pace.is_due_before(50 + vectors.dim) {
            break;
        }
        total += weight;
        for (sum, &x) in sums.iter_mut().zip(&*vector) {
            *sum += weight * f64::from(x);
        }
    }
    (total > 0.0).then(|| sums.into_iter().map(|sum| (sum / total) as f32).collect())
}

/// The places of rows that stand for all, chosen greedily: each is the one that most lowers the
/// weighted sum of the rows' distances (`1 - similarity`) to the nearest chosen one; ties to the
/// earlier (the greedy start of k-medoids: Kaufman and Rousseeuw, BUILD of PAM, 1990).
/// If the run has to end, any.
fn medoids(rows: &Pairs, dim: usize, scores: &[f64], n: usize, pace: &Pace) -> Vec<usize> {
    let weights = weights(rows, scores);
    let members: Vec<usize> = (0..scores.len()).filter(|&i| weights[i].is_some()).collect();
    let mut open = members.clone();
    let known = Distances::new(rows, dim, scores.len(), pace);
    let distance = |i: usize, j: usize| known.get(rows, i, j);
    let row_nanos = if known.is_kept() { 2 } else { 20 + dim };
    let mut nearest: Vec<Option<f64>> = vec![None; scores.len()];
    let mut chosen = Vec::new();
    while chosen.len() < n && !open.is_empty() {
        let cost = |candidate: usize| {
            let members = members.iter();
            let members = members.take_while(|_| !pace.is_due_before(row_nanos));
            members.fold(0.0, |sum, &i| {
                let own = distance(i, candidate);
                let least = nearest[i].map_or(own, |best| if own < best { own } else { best });
                sum + weights[i].unwrap_or(0.0) * least
            })
        };
        let costs: Vec<f64> = open.iter().map(|&candidate| cost(candidate)).collect();
        let mut best = 0;
        for (place, cost) in costs.iter().enumerate() {
            if *cost < costs[best] {
                best = place;
            }
        }
        let medoid = open.remove(best);
        if pace.is_due_before(0) {
            break;
        }
        for &i in &members {
            let own = distance(i, medoid);
            nearest[i] = Some(nearest[i].map_or(own, |best| if own < best { own } else { best }));
        }
        chosen.push(medoid);
    }
    chosen.sort_unstable();
    chosen
}

/// Distances between rows, computed once each where there are not too many.
struct Distances {
    rows: usize,
    known: Vec<f64>,
}

/// Rows of which all distances are kept: 8 MB.
const KEPT: usize = 1_024;

/// Bytes that a row takes beside the distances: its vector, as it is compared, and its weight.
const ROW_BYTES: usize = 120;

impl Distances {
    /// Bytes that those of so many rows take.
    fn bytes(rows: usize) -> usize {
        if rows <= KEPT { rows * rows * 8 } else { 0 }
    }

    fn is_kept(&self) -> bool {
        !self.known.is_empty()
    }

    fn new(pairs: &Pairs, dim: usize, rows: usize, pace: &Pace) -> Distances {
        let mut known = Vec::new();
        if rows <= KEPT {
            known.resize(rows * rows, 0.0);
            for i in 0..rows {
                if pace.is_due_before((rows - i) * (20 + dim)) {
                    break;
                }
                for j in i..rows {
                    let between = between(pairs, i, j);
                    known[i * rows + j] = between;
                    known[j * rows + i] = between;
                }
            }
        }
        Distances { rows, known }
    }

    fn get(&self, pairs: &Pairs, i: usize, j: usize) -> f64 {
        match self.known.get(i * self.rows + j) {
            Some(known) => *known,
            None => between(pairs, i, j),
        }
    }
}

/// `1 - similarity`; very far where it has none.
fn between(pairs: &Pairs, i: usize, j: usize) -> f64 {
    let (low, high) = (i.min(j) as u32, i.max(j) as u32);
    pairs.similarity(low, high).map_or(f64::MAX / 1e6, |s| 1.0 - s)
}
