//! The scan of a small table: all rows as 8-bit codes, and still the true neighbours.
//!
//! A code differs from its value by less than half a step, so the product of two codes is the true one
//! within a known bound: with `x'` the row and `q'` the query as their codes have them,
//! `|q·x - q'·x'| <= |q| |x - x'| + |q - q'| |x'|` (Cauchy and Schwarz). A row whose upper bound lies
//! below the `k`-th largest lower bound cannot be among the best `k`; the few others are scored from the
//! vectors. The integers of all rows come from one pass that serves several queries; for some thousand rows
//! that beats a walk through a graph, needs no index, and loses nothing.

use super::codes::{Quantizer, is_usable};
use super::metric::Scorer;
use super::simd::{GROUP, Level, Line, MOST_VALUE, ROWS, block_dots, for_each_level};
use super::{Hit, Metric, Query, Vectors, bit, exact_search};

/// More values per row than this could leave 32 bits.
const MAX_DIM: usize = 32_768;
/// Relative error of 32-bit arithmetic on bounds, with room for the few steps.
const ROUNDING: f32 = 1e-6;
/// Largest magnitudes with which 32-bit bounds neither overflow nor lose their relative precision.
const REGULAR: std::ops::Range<f32> = 1e-12..1e12;
/// Queries that are scanned together.
const WIDTH: usize = 24;

/// The codes of a small table.
pub struct Flat {
    quantizer: Quantizer<'static>,
    /// Lines of a block.
    groups: usize,
    blocks: Vec<Line>,
    rows: Bounds,
    /// Whether 32-bit bounds hold for all rows.
    regular: bool,
}

/// What the codes of each row leave open; padded to whole blocks.
#[derive(Default)]
struct Bounds {
    /// `|x - x'|`.
    error: Vec<f32>,
    /// `|x'|`.
    length: Vec<f32>,
    /// What is added to the product: under l2 `-|x|²/2`, else 0; negative infinity for a row that can
    /// never be found.
    bias: Vec<f32>,
}

/// State of scans on one thread, reused so that they allocate little.
#[derive(Default)]
pub struct FlatScratch {
    sums: Vec<i32>,
    /// Of each block, the largest lower and upper bound.
    lowest: Vec<f32>,
    highest: Vec<f32>,
    lower: Vec<f32>,
    rows: Vec<u32>,
    decoded: Vec<f32>,
    scored: Vec<Hit>,
}

/// A query in codes.
struct Coded {
    values: Vec<[i8; GROUP]>,
    /// What the offset of the rows' bytes adds to every sum.
    offset: i32,
    /// What a sum is multiplied with to be a product.
    step: f32,
    /// `|q|` and `|q - q'|`.
    length: f32,
    error: f32,
}

impl Flat {
    /// The codes of all rows of a table.
    pub fn new(vectors: &Vectors) -> Flat {
        // not in parallel: a table is small, and who waits for it may be part of a parallel search
        let rows = 0..vectors.len() as u32;
        let usable: Vec<u32> = rows.filter(|&row| is_usable(vectors, row)).collect();
        let quantizer = Quantizer::fit(vectors, &usable);
        let groups = vectors.dim.div_ceil(GROUP).max(1);
        let padded = vectors.len().next_multiple_of(ROWS);
        let mut flat = Flat {
            groups,
            blocks: vec![Line([128; ROWS * GROUP]); padded / ROWS * groups],
            rows: Bounds {
                error: vec![0.0; padded],
                length: vec![0.0; padded],
                bias: vec![f32::NEG_INFINITY; padded],
            },
            quantizer,
            regular: true,
        };
        let (mut code, mut room) = (vec![0; flat.quantizer.stride()], Vec::new());
        for row in usable {
            if let Some(vector) = vectors.read(row, &mut room) {
                flat.regular &= is_regular(vector);
                flat.set(row as usize, vector, &mut code);
            }
        }
        flat
    }

    fn set(&mut self, row: usize, vector: &[f32], code: &mut [u8]) {
        self.quantizer.encode(vector, code);
        let block = &mut self.blocks[row / ROWS * self.groups..][..self.groups];
        for (line, code) in block.iter_mut().zip(code.as_chunks::<GROUP>().0) {
            line.0[row % ROWS * GROUP..][..GROUP].copy_from_slice(code);
        }
        let meant = self.quantizer.values(vector);
        let (mut error, mut length, mut square) = (0.0, 0.0, 0.0);
        for (meant, &code) in meant.zip(&*code) {
            let value = (f64::from(code) - 128.0) / f64::from(self.quantizer.scale);
            error += (meant - value).powi(2);
            length += value * value;
            square += meant * meant;
        }
        self.rows.error[row] = up(error.sqrt());
        self.rows.length[row] = up(length.sqrt());
        self.rows.bias[row] = match self.quantizer.metric {
            Metric::L2 => (-square / 2.0) as f32,
            Metric::Cosine | Metric::Dot => 0.0,
        };
    }

    /// The true top `k` of each query, as [`exact_search`] gives them.
    pub fn search(
        &self,
        vectors: &Vectors,
        queries: &[Query],
        allow: Option<&[u64]>,
        scratch: &mut FlatScratch,
    ) -> Vec<Vec<Hit>> {
        let fits = self.regular
            && queries.iter().all(|query| is_regular(query.vector))
            && self.rows.error.len() == vectors.len().next_multiple_of(ROWS)
            && self.quantizer.dim == vectors.dim
            && self.quantizer.metric == vectors.metric
            && vectors.dim <= MAX_DIM;
        if !fits {
            return exact_search(vectors, queries, allow);
        }
        let mut hits = Vec::with_capacity(queries.len());
        for queries in queries.chunks(WIDTH) {
            self.scan(vectors, queries, allow, scratch, &mut hits);
        }
        hits
    }

    fn scan(
        &self,
        vectors: &Vectors,
        queries: &[Query],
        allow: Option<&[u64]>,
        scratch: &mut FlatScratch,
        hits: &mut Vec<Vec<Hit>>,
    ) {
        let level = Level::detect();
        let coded: Vec<Option<Coded>> = queries.iter().map(|q| self.coded(vectors, q)).collect();
        let live: Vec<&Coded> = coded.iter().flatten().collect();
        let padded = self.rows.error.len();
        scratch.sums.resize(live.len() * padded, 0);
        let mut out: Vec<&mut [i32]> = scratch.sums.chunks_mut(padded.max(1)).collect();
        let groups: Vec<_> = live.iter().map(|coded| &coded.values[..]).collect();
        block_dots(level, &groups, &self.blocks, &mut out);
        let sums = std::mem::take(&mut scratch.sums);
        let mut scanned = sums.chunks(padded.max(1));
        for (query, coded) in queries.iter().zip(&coded) {
            let sums = coded.as_ref().and_then(|coded| Some((coded, scanned.next()?)));
            hits.push(match sums {
                Some((coded, sums)) => self.best(vectors, query, coded, sums, allow, scratch),
                None => Vec::new(),
            });
        }
        scratch.sums = sums;
    }

    /// The query in codes; none if it can find nothing.
    fn coded(&self, vectors: &Vectors, query: &Query) -> Option<Coded> {
        if query.k == 0 || !query.fits(vectors) || self.rows.error.is_empty() {
            return None;
        }
        let values: Vec<f64> = self.quantizer.centred_values(query.vector).collect();
        let largest = values.iter().fold(0f64, |most, x| most.max(x.abs()));
        if largest == 0.0 && vectors.metric == Metric::Cosine {
            return None;
        }
        let most = f64::from(MOST_VALUE);
        let factor = if largest > 0.0 { most / largest } else { 0.0 };
        let mut coded = Coded {
            values: vec![[0; GROUP]; self.groups],
            offset: 0,
            step: 0.0,
            length: up(values.iter().map(|x| x * x).sum::<f64>().sqrt()),
            error: 0.0,
        };
        let mut error = 0.0;
        for (d, &value) in values.iter().enumerate() {
            let code = (value * factor).round();
            coded.values[d / GROUP][d % GROUP] = code as i8;
            coded.offset += 128 * code as i32;
            let back = if factor > 0.0 { code / factor } else { 0.0 };
            error += (value - back).powi(2);
        }
        coded.error = up(error.sqrt());
        if factor > 0.0 {
            coded.step = (1.0 / (factor * f64::from(self.quantizer.scale))) as f32;
        }
        Some(coded)
    }

    fn best(
        &self,
        vectors: &Vectors,
        query: &Query,
        coded: &Coded,
        sums: &[i32],
        allow: Option<&[u64]>,
        scratch: &mut FlatScratch,
    ) -> Vec<Hit> {
        let enough = query.k.saturating_add(query.exclude.len());
        let level = Level::detect();
        candidates(level, &self.rows, coded, sums, enough, allow, scratch);
        scratch.rows.retain(|&row| !query.excludes(row));
        score(vectors, query, scratch)
    }
}

fn is_regular(vector: &[f32]) -> bool {
    let largest = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
    largest == 0.0 || REGULAR.contains(&largest)
}

/// Rounded up, and somewhat more: a bound that must not be too small.
fn up(value: f64) -> f32 {
    (value * (1.0 + 1e-6)) as f32 * (1.0 + f32::EPSILON)
}

/// A value for each row of a block.
type Block = [f32; ROWS];

/// The product (with its bias) that the codes give for the rows of a block, and how far off it can be.
#[inline(always)]
fn estimate(rows: &Bounds, coded: &Coded, sums: &[i32], block: usize) -> (Block, Block) {
    let at = |values: &[f32]| *values[block * ROWS..].first_chunk::<ROWS>().expect(PADDED);
    let sums = sums[block * ROWS..].first_chunk::<ROWS>().expect(PADDED);
    let (errors, lengths, biases) = (at(&rows.error), at(&rows.length), at(&rows.bias));
    let (mut values, mut offs) = ([0.0; ROWS], [0.0; ROWS]);
    for i in 0..ROWS {
        let product = (sums[i] - coded.offset) as f32 * coded.step;
        let off = coded.length * errors[i] + coded.error * lengths[i];
        // the bias of a row that can never be found is no number's size
        let bias = biases[i].abs().min(f32::MAX);
        let scale = product.abs() + coded.length * lengths[i] + bias;
        values[i] = product + biases[i];
        offs[i] = off + ROUNDING * scale;
    }
    (values, offs)
}

const PADDED: &str = "padded to whole blocks";

for_each_level!(
    fn candidates(
        rows: &Bounds,
        coded: &Coded,
        sums: &[i32],
        k: usize,
        allow: Option<&[u64]>,
        scratch: &mut FlatScratch,
    ),
    candidates_body
);

/// Leaves the largest lower and upper bound of each block, of the allowed rows.
#[inline(always)]
fn survey(
    rows: &Bounds,
    coded: &Coded,
    sums: &[i32],
    allow: Option<&[u64]>,
    scratch: &mut FlatScratch,
) {
    let blocks = sums.len() / ROWS;
    scratch.lowest.resize(blocks, 0.0);
    scratch.highest.resize(blocks, 0.0);
    for block in 0..blocks {
        let (values, offs) = estimate(rows, coded, sums, block);
        let (mut lower, mut upper) = ([0.0; ROWS], [0.0; ROWS]);
        for i in 0..ROWS {
            lower[i] = values[i] - offs[i];
            upper[i] = values[i] + offs[i];
        }
        if let Some(allow) = allow {
            let bits = allow.get(block / 4).map_or(0, |word| word >> (block % 4 * ROWS));
            for i in 0..ROWS {
                if bits >> i & 1 == 0 {
                    (lower[i], upper[i]) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
                }
            }
        }
        scratch.lowest[block] = largest(&lower);
        scratch.highest[block] = largest(&upper);
    }
}

/// The largest of a block, in halves.
#[inline(always)]
fn largest(values: &Block) -> f32 {
    let mut best = *values;
    let mut half = ROWS / 2;
    while half > 0 {
        for i in 0..half {
            best[i] = if best[i] > best[i + half] { best[i] } else { best[i + half] };
        }
        half /= 2;
    }
    best[0]
}

/// The rows that can be among the best `k`. The `k`-th largest of the blocks' largest lower bounds is
/// no more than the `k`-th largest of all, which is then found among the few rows that reach it.
#[inline(always)]
fn candidates_body(
    rows: &Bounds,
    coded: &Coded,
    sums: &[i32],
    k: usize,
    allow: Option<&[u64]>,
    scratch: &mut FlatScratch,
) {
    survey(rows, coded, sums, allow, scratch);
    let FlatScratch { lowest, highest, lower, rows: found, .. } = scratch;
    let bound = kth(lowest, k);
    lower.clear();
    for block in (0..highest.len()).filter(|&b| highest[b] >= bound) {
        let (values, offs) = estimate(rows, coded, sums, block);
        let reaching = (0..ROWS).map(|i| values[i] - offs[i]).zip(block * ROWS..);
        let reaching = reaching.filter(|&(value, row)| value >= bound && bit(allow, row));
        lower.extend(reaching.map(|(value, _)| value));
    }
    let bound = kth(lower, k).max(bound);
    found.clear();
    for block in (0..highest.len()).filter(|&b| highest[b] >= bound) {
        let (values, offs) = estimate(rows, coded, sums, block);
        let reaching = (0..ROWS).map(|i| values[i] + offs[i]).zip(block * ROWS..);
        let reaching = reaching.filter(|&(value, row)| value >= bound && bit(allow, row));
        found.extend(reaching.map(|(_, row)| row as u32));
    }
}

/// The `k`-th largest; negative infinity if there are fewer.
fn kth(values: &mut [f32], k: usize) -> f32 {
    if values.len() < k {
        return f32::NEG_INFINITY;
    }
    *values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a)).1
}

/// How many rows ahead their vectors are asked for.
const AHEAD: usize = 6;

/// The best `k` of the rows, exactly scored.
fn score(vectors: &Vectors, query: &Query, scratch: &mut FlatScratch) -> Vec<Hit> {
    let FlatScratch { rows, decoded, scored, .. } = scratch;
    let scorer = Scorer::new(vectors.metric, query.vector);
    scored.clear();
    for (i, &row) in rows.iter().enumerate() {
        if let Some(&next) = rows.get(i + AHEAD) {
            vectors.prefetch(next);
        }
        let vector = vectors.read(row, decoded);
        let similarity = vector.and_then(|vector| scorer.score(vector));
        let wanted = |s: &f64| query.min_similarity.is_none_or(|least| *s >= least);
        scored.extend(similarity.filter(wanted).map(|similarity| Hit { row, similarity }));
    }
    scored.sort_unstable_by(Hit::order);
    // many more are scored than kept, and the answers of many searches are kept
    scored[..query.k.min(scored.len())].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::similarity;
    use crate::ann::testing::{Random, oracle, rounded};

    fn check(vectors: &Vectors, queries: &[Query], allow: Option<&[u64]>) {
        let found = Flat::new(vectors).search(vectors, queries, allow, &mut FlatScratch::default());
        for (query, found) in queries.iter().zip(found) {
            assert_eq!(found, oracle(vectors, query, allow, similarity), "{:?}", vectors.metric);
        }
    }

    #[test]
    fn finds_the_true_neighbours() {
        let mut random = Random::new(4);
        for (n, dim) in [(1, 3), (15, 1), (700, 64), (333, 70), (2_000, 5)] {
            for metric in Metric::ALL {
                let mut data = random.clustered(n, dim, 9);
                data[0] = 40.0;
                data[(n / 2) * dim..(n / 2 + 1) * dim].fill(0.0);
                let present: Vec<u64> =
                    (0..n.div_ceil(64)).map(|_| random.next() | random.next()).collect();
                let allow: Vec<u64> = (0..n.div_ceil(64)).map(|_| random.next()).collect();
                for present in [None, Some(&present[..])] {
                    let vectors = Vectors { data: data[..].into(), dim, metric, present };
                    let own: Vec<Vec<f32>> = (0..9).map(|_| random.vector(dim)).collect();
                    let exclude = [0, n as u32 / 3, n as u32 - 1];
                    let queries: Vec<Query> = own
                        .iter()
                        .enumerate()
                        .map(|(i, vector)| Query {
                            vector,
                            exclude: if i % 2 == 0 { &exclude } else { &[] },
                            k: [0, 1, 10, 50, n + 1][i % 5],
                            min_similarity: (i % 3 == 2).then_some(0.1),
                        })
                        .collect();
                    check(&vectors, &queries, None);
                    check(&vectors, &queries, Some(&allow));
                }
            }
        }
    }

    #[test]
    fn halves_have_the_codes_of_the_same_numbers_as_floats() {
        let mut random = Random::new(8);
        for metric in Metric::ALL {
            let (halves, wide) = rounded(&random.clustered(1_000, 20, 9));
            let of = |data| Vectors { data, dim: 20, metric, present: None };
            let (half, single) = (of(halves[..].into()), of(wide[..].into()));
            let codes =
                |flat: &Flat| flat.blocks.iter().flat_map(|line| line.0).collect::<Vec<u8>>();
            assert_eq!(codes(&Flat::new(&half)), codes(&Flat::new(&single)));
            let own = random.vector(20);
            let query = Query { vector: &own, exclude: &[5], k: 30, min_similarity: None };
            check(&half, &[query, query], None);
        }
    }

    #[test]
    fn equal_vectors_and_useless_queries() {
        let data: Vec<f32> = [1.0, 2.0, -1.0].repeat(100);
        for metric in Metric::ALL {
            let vectors = Vectors { data: data[..].into(), dim: 3, metric, present: None };
            let query = |vector| Query { vector, exclude: &[], k: 7, min_similarity: None };
            let queries = [
                query(&[1.0, 0.0, 0.5][..]),
                query(&[0.0, 0.0, 0.0]),
                query(&[f32::NAN, 0.0, 0.0]),
                query(&[1e-30, 1e-30, 0.0]),
                query(&[1e-42, 3e-42, 0.0]),
                query(&[1e30, 0.0, 0.0]),
            ];
            check(&vectors, &queries, None);
        }
    }
}
