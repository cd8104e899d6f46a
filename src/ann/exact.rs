//! The exact scan: a 32-bit tile rejects, the 64-bit similarity decides.
//!
//! Up to 64 queries are laid side by side in a panel and all rows stream past it once. A row that a query
//! cannot reject is remembered; when enough wait, they are scored by [`similarity`](super::similarity) and
//! the best `k` kept, which raises the bound that rejects. The bound is sound: it is the similarity of the
//! `k`-th best so far, lowered by the rounding of results to 32 bits and by the worst error of a 32-bit
//! sum of `n` products in any order, `n u |q||v|` with `u = 2^-24` (Higham, Accuracy and Stability of
//! Numerical Algorithms, 3.1). So no row of the true answer is ever rejected, whatever the instruction
//! set, and splitting rows or queries among threads cannot change the answer.

use rayon::prelude::*;

use super::metric::{Scorer, dot};
use super::simd::{BLOCK, Level, MAX_BLOCKS, Measure, Panel, TILE, Tile, square};
use super::{Hit, Metric, Query, Vectors, bit};

/// Queries of a panel.
const WIDTH: usize = BLOCK * MAX_BLOCKS;
/// Rows whose eligibility is decided at once.
const CHUNK: usize = 4_096;
/// Fewest multiplications worth a task of their own.
const TASK: usize = 1 << 22;
/// Squared lengths for which 32-bit sums neither overflow nor lose their relative precision.
const REGULAR: std::ops::Range<f32> = 1e-30..1e30;

/// The true top `k` of each query, among the rows that have a vector, whose bit in `allow` is set (if
/// given) and that the query does not exclude: by similarity descending, ties to the lower row.
///
/// Runs on the current rayon pool when there is enough work; the answer does not depend on it.
pub fn exact_search(vectors: &Vectors, queries: &[Query], allow: Option<&[u64]>) -> Vec<Vec<Hit>> {
    search_at(Level::detect(), vectors, queries, allow)
}

fn search_at(
    level: Level,
    vectors: &Vectors,
    queries: &[Query],
    allow: Option<&[u64]>,
) -> Vec<Vec<Hit>> {
    let panels: Vec<&[Query]> = queries.chunks(WIDTH).collect();
    let ranges = row_ranges(vectors, queries.len(), panels.len());
    let tasks: Vec<_> = panels
        .iter()
        .flat_map(|panel| ranges.iter().map(move |range| (*panel, range.clone())))
        .collect();
    let scan = |(panel, rows): &(&[Query], std::ops::Range<usize>)| {
        Scan::new(level, vectors, panel).run(rows.clone(), allow)
    };
    let parts: Vec<Vec<Vec<Hit>>> = if tasks.len() == 1 {
        tasks.iter().map(scan).collect()
    } else {
        tasks.par_iter().map(scan).collect()
    };
    parts
        .chunks(ranges.len())
        .zip(&panels)
        .flat_map(|(parts, panel)| merge(parts, panel))
        .collect()
}

/// Parts of the rows, so that every thread has work even for one panel.
fn row_ranges(vectors: &Vectors, queries: usize, panels: usize) -> Vec<std::ops::Range<usize>> {
    let rows = vectors.len();
    let work = rows.saturating_mul(vectors.dim).saturating_mul(queries.min(WIDTH));
    let threads = rayon::current_num_threads();
    let wanted = if threads == 1 { 1 } else { (threads * 4).div_ceil(panels.max(1)) };
    let parts = wanted.min(work / TASK).clamp(1, rows.max(1));
    let size = rows.div_ceil(parts).max(1);
    (0..parts)
        .map(|part| (part * size).min(rows)..((part + 1) * size).min(rows))
        .collect()
}

/// The best of what the parts of the rows gave.
fn merge(parts: &[Vec<Vec<Hit>>], panel: &[Query]) -> Vec<Vec<Hit>> {
    (0..panel.len())
        .map(|j| {
            let mut hits: Vec<Hit> = parts.iter().flat_map(|part| &part[j]).copied().collect();
            hits.sort_unstable_by(Hit::order);
            hits.truncate(panel[j].k);
            hits
        })
        .collect()
}

/// One panel of queries going over rows.
struct Scan<'a> {
    level: Level,
    vectors: Vectors<'a>,
    panel: Panel,
    bests: Vec<Best<'a>>,
}

impl<'a> Scan<'a> {
    fn new(level: Level, vectors: &Vectors<'a>, queries: &'a [Query<'a>]) -> Scan<'a> {
        let bests: Vec<Best> = queries.iter().map(|q| Best::new(level, vectors, q)).collect();
        let width = queries.len().next_multiple_of(BLOCK);
        let mut panel = Panel {
            values: vec![0.0; width * vectors.dim],
            dim: vectors.dim,
            measure: match vectors.metric {
                Metric::L2 => Measure::NegativeSquare,
                Metric::Cosine | Metric::Dot => Measure::Product,
            },
            slope: vec![0.0; width],
            base: vec![f32::INFINITY; width],
        };
        for (j, best) in bests.iter().enumerate().filter(|(_, best)| best.alive) {
            let start = j / BLOCK * vectors.dim * BLOCK + j % BLOCK;
            for (d, &value) in best.query.vector.iter().enumerate() {
                panel.values[start + d * BLOCK] = (f64::from(value) * best.factor) as f32;
            }
            (panel.slope[j], panel.base[j]) = best.bound();
        }
        Scan {
            level,
            vectors: *vectors,
            panel,
            bests,
        }
    }

    fn run(mut self, rows: std::ops::Range<usize>, allow: Option<&[u64]>) -> Vec<Vec<Hit>> {
        let mut eligible = Vec::with_capacity(CHUNK);
        if self.bests.iter().any(|best| best.alive) {
            for start in rows.clone().step_by(CHUNK) {
                let chunk = start..(start + CHUNK).min(rows.end);
                eligible.clear();
                eligible.extend(chunk.map(|row| row as u32).filter(|&row| {
                    bit(self.vectors.present, row as usize) && bit(allow, row as usize)
                }));
                self.scan(&eligible);
            }
        }
        let finish = |mut best: Best<'a>| {
            best.settle(&self.vectors);
            best.hits.sort_unstable_by(Hit::order);
            best.hits
        };
        self.bests.into_iter().map(finish).collect()
    }

    fn scan(&mut self, eligible: &[u32]) {
        for rows in eligible.chunks(TILE) {
            let row = |i: usize| {
                let start = rows[i.min(rows.len() - 1)] as usize * self.vectors.dim;
                &self.vectors.data[start..start + self.vectors.dim]
            };
            let mut tile = Tile {
                rows: std::array::from_fn(row),
                lengths: [0.0; TILE],
            };
            let irregular = self.measure_lengths(&mut tile);
            let survivors = tile.survivors(self.level, &self.panel);
            for (i, &row) in rows.iter().enumerate() {
                let forced = irregular >> i & 1 == 1;
                self.note(row, survivors[i], forced);
            }
        }
    }

    /// Fills in the lengths, and returns the bits of the rows that only exact scoring can judge.
    fn measure_lengths(&self, tile: &mut Tile) -> u32 {
        if self.panel.measure == Measure::NegativeSquare {
            return 0; // the error of a squared distance is relative to itself
        }
        let mut irregular = 0;
        for i in 0..TILE {
            let square = square(self.level, tile.rows[i]);
            irregular |= u32::from(!REGULAR.contains(&square)) << i;
            tile.lengths[i] = square.sqrt();
        }
        irregular
    }

    /// Lets the queries that did not reject `row` remember it.
    #[inline]
    fn note(&mut self, row: u32, survivors: [u16; MAX_BLOCKS], forced: bool) {
        for block in 0..self.panel.blocks() {
            let mut mask = if forced { u16::MAX } else { survivors[block] };
            while mask != 0 {
                let j = block * BLOCK + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let Some(best) = self.bests.get_mut(j).filter(|best| best.alive) else {
                    continue;
                };
                if best.remember(row) {
                    best.settle(&self.vectors);
                    (self.panel.slope[j], self.panel.base[j]) = best.bound();
                }
            }
        }
    }
}

/// The best rows of one query so far.
struct Best<'a> {
    query: &'a Query<'a>,
    scorer: Scorer<'a>,
    metric: Metric,
    /// Can find anything at all.
    alive: bool,
    /// What the query's values are multiplied with in the panel: 1, or 1/length under cosine.
    factor: f64,
    /// Length of the query as it stands in the panel.
    length: f64,
    /// Relative error of a 32-bit sum over the dimensions, with room for the few steps around it.
    error: f64,
    /// Whether 32-bit sums with this query can be trusted.
    regular: bool,
    /// Exactly scored, at most `k` after [`Best::settle`].
    hits: Vec<Hit>,
    /// Rows not yet scored.
    waiting: Vec<u32>,
    /// Similarity below which no row can enter, if any.
    least: Option<f64>,
}

impl<'a> Best<'a> {
    fn new(level: Level, vectors: &Vectors, query: &'a Query<'a>) -> Best<'a> {
        let square = dot(level, query.vector, query.vector);
        let cosine = vectors.metric == Metric::Cosine;
        let empty = vectors.dim == 0 || query.k == 0 || (cosine && square == 0.0);
        Best {
            query,
            scorer: Scorer::new(vectors.metric, query.vector),
            metric: vectors.metric,
            alive: query.fits(vectors) && !empty,
            factor: if cosine { 1.0 / square.sqrt() } else { 1.0 },
            length: if cosine { 1.0 } else { square.sqrt() },
            error: (2 * vectors.dim + 32) as f64 * f64::from(f32::EPSILON) / 2.0,
            regular: REGULAR.contains(&(square as f32)),
            hits: Vec::new(),
            waiting: Vec::new(),
            least: query.min_similarity,
        }
    }

    /// Remembers a row for scoring; whether it is time to score.
    fn remember(&mut self, row: u32) -> bool {
        if !self.query.excludes(row) {
            self.waiting.push(row);
        }
        self.waiting.len() >= 32.max(self.query.k / 2)
    }

    /// Scores the rows that wait, and keeps the best `k`.
    fn settle(&mut self, vectors: &Vectors) {
        for row in self.waiting.drain(..) {
            let similarity = vectors.get(row).and_then(|v| self.scorer.score(v));
            let enough = |s: &f64| self.least.is_none_or(|least| *s >= least);
            if let Some(similarity) = similarity.filter(enough) {
                self.hits.push(Hit { row, similarity });
            }
        }
        let k = self.query.k;
        if k > 0 && self.hits.len() >= k {
            self.hits.select_nth_unstable_by(k - 1, Hit::order);
            self.hits.truncate(k);
            self.least = Some(self.hits[k - 1].similarity);
        }
    }

    /// `(slope, base)`: a row `v` whose 32-bit measure is below `slope * |v| + base` cannot enter.
    fn bound(&self) -> (f32, f32) {
        let Some(least) = self.least else {
            return (0.0, f32::NEG_INFINITY);
        };
        // results are rounded to 32 bits: a row a little below may round to the same similarity
        let least = least - least.abs() * f64::from(f32::EPSILON) * 2.0 - 1e-44;
        let reject_nothing = (0.0, f32::NEG_INFINITY);
        match self.metric {
            Metric::L2 => (0.0, self.least_negative_square(least)),
            _ if !self.regular => reject_nothing,
            Metric::Cosine => (below(least - self.error), 0.0),
            Metric::Dot => (
                below(-self.error * self.length),
                below(least - least.abs() * 1e-6 - 1e-36),
            ),
        }
    }

    /// The squared distance, negated, beyond which the similarity `1 / (1 + distance)` is below `least`.
    fn least_negative_square(&self, least: f64) -> f32 {
        if least <= 0.0 {
            return f32::NEG_INFINITY;
        }
        let distance = (1.0 / least - 1.0).max(0.0);
        let square = distance * distance * (1.0 + 2.0 * self.error) + 1e-36;
        if square > 1e37 { f32::NEG_INFINITY } else { below(-square) }
    }
}

/// A 32-bit number below `value`.
fn below(value: f64) -> f32 {
    (value as f32).next_down()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::similarity;
    use crate::ann::testing::{Random, oracle, plain_similarity};

    /// Rows with few different values, so that many tie, and many copies of other rows.
    fn coarse(random: &mut Random, n: usize, dim: usize) -> Vec<f32> {
        let mut data: Vec<f32> = (0..n * dim).map(|_| random.below(3) as f32 - 1.0).collect();
        for _ in 0..n / 3 {
            let (from, to) = (random.below(n) * dim, random.below(n) * dim);
            data.copy_within(from..from + dim, to);
        }
        data
    }

    fn bits(random: &mut Random, n: usize) -> Vec<u64> {
        (0..n.div_ceil(64)).map(|_| random.next()).collect()
    }

    fn sorted_rows(random: &mut Random, n: usize, count: usize) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..count).map(|_| random.below(n) as u32).collect();
        rows.sort_unstable();
        rows
    }

    fn check(vectors: &Vectors, queries: &[Query], allow: Option<&[u64]>) {
        for level in Level::supported() {
            let found = search_at(level, vectors, queries, allow);
            assert_eq!(found.len(), queries.len());
            for (query, found) in queries.iter().zip(found) {
                let (metric, dim) = (vectors.metric, vectors.dim);
                assert_eq!(found, oracle(vectors, query, allow, similarity), "{metric} {dim} {level:?}");
            }
        }
    }

    #[test]
    fn agrees_with_the_oracle_on_ties_copies_filters_and_odd_dimensions() {
        let mut random = Random::new(11);
        for dim in (1..131).step_by(3).chain([2, 16, 64, 128]) {
            for metric in Metric::ALL {
                let n = 1 + random.below(300);
                let data = match random.below(2) {
                    0 => coarse(&mut random, n, dim),
                    _ => random.vector(n * dim),
                };
                let present = bits(&mut random, n);
                let allow = bits(&mut random, n);
                let excluded: Vec<_> = (0..70).map(|_| sorted_rows(&mut random, n, 3)).collect();
                let count = 1 + random.below(70);
                let queries: Vec<Query> = excluded[..count]
                    .iter()
                    .map(|exclude| Query {
                        vector: &data[random.below(n) * dim..][..dim],
                        exclude,
                        k: random.below(60),
                        min_similarity: (random.below(3) == 0).then(|| random.unit()),
                    })
                    .collect();
                let all = Vectors { data: &data, dim, metric, present: None };
                let some = Vectors { present: Some(&present), ..all };
                check(&all, &queries, None);
                check(&some, &queries, Some(&allow));
            }
        }
    }

    #[test]
    fn similarities_are_those_of_a_plain_sum_but_for_the_last_bit() {
        let mut random = Random::new(12);
        for metric in Metric::ALL {
            let data = random.vector(500 * 33);
            let vectors = Vectors { data: &data, dim: 33, metric, present: None };
            let query = Query { vector: &data[..33], exclude: &[], k: 500, min_similarity: None };
            let found = exact_search(&vectors, &[query], None).remove(0);
            assert_eq!(found.len(), 500);
            for hit in found {
                let plain = plain_similarity(metric, query.vector, vectors.get(hit.row).unwrap());
                let gap = (hit.similarity - plain.unwrap()).abs();
                assert!(gap <= hit.similarity.abs() * 2e-7 + 1e-12, "{metric} {hit:?} {plain:?}");
            }
        }
    }

    #[test]
    fn nearly_equal_similarities_are_told_apart() {
        // cosines that differ by about one unit in the last place, in an order unlike that of the rows
        let mut random = Random::new(13);
        let data: Vec<f32> = (0..5_000)
            .flat_map(|_| [1.0, 0.001 + 3e-5 * random.unit() as f32])
            .collect();
        for metric in Metric::ALL {
            let vectors = Vectors { data: &data, dim: 2, metric, present: None };
            let query = Query { vector: &[1.0, 0.0011], exclude: &[], k: 40, min_similarity: None };
            check(&vectors, &[query; 3], None);
        }
    }

    #[test]
    fn extreme_magnitudes_do_not_hide_rows() {
        let mut random = Random::new(14);
        let scales = [1e-44, 1e-38, 1e-20, 1.0, 1e15, 1e25, 3e38];
        let mut data: Vec<f32> = Vec::new();
        for _ in 0..400 {
            let scale = scales[random.below(scales.len())];
            data.extend((0..5).map(|_| (random.unit() as f32 - 0.5) * scale));
        }
        data.extend([0.0; 5]);
        for metric in Metric::ALL {
            let vectors = Vectors { data: &data, dim: 5, metric, present: None };
            for row in 0..60 {
                let vector = &data[row * 5..][..5];
                let query = Query { vector, exclude: &[], k: 20, min_similarity: None };
                check(&vectors, &[query], None);
            }
        }
    }

    #[test]
    fn what_finds_nothing() {
        let data = [1.0, 2.0, 3.0, 4.0];
        let vectors = Vectors { data: &data, dim: 2, metric: Metric::Cosine, present: None };
        let query = |vector| Query { vector, exclude: &[], k: 2, min_similarity: None };
        let none = [query(&[0.0, 0.0]), query(&[f32::NAN, 1.0]), query(&[1.0]), Query { k: 0, ..query(&[1.0, 1.0]) }];
        assert!(exact_search(&vectors, &none, None).iter().all(Vec::is_empty));
        assert_eq!(exact_search(&vectors, &[query(&[1.0, 1.0])], None)[0].len(), 2);
        for dim in [0, 2] {
            let empty = Vectors { data: &[], dim, metric: Metric::L2, present: None };
            assert_eq!(exact_search(&empty, &[query(&[1.0, 1.0])], None), [vec![]]);
        }
    }

    #[test]
    fn threads_and_batches_do_not_matter() {
        let mut random = Random::new(15);
        let data = coarse(&mut random, 9_000, 24);
        let vectors = Vectors { data: &data, dim: 24, metric: Metric::Cosine, present: None };
        let queries: Vec<Query> = (0..150)
            .map(|i| Query { vector: &data[i * 24..][..24], exclude: &[], k: 30, min_similarity: None })
            .collect();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = pool(1).install(|| exact_search(&vectors, &queries, None));
        assert_eq!(one, pool(3).install(|| exact_search(&vectors, &queries, None)));
        for (query, found) in queries.iter().zip(one).step_by(7) {
            let alone = pool(2).install(|| exact_search(&vectors, &[*query], None));
            assert_eq!(alone, [found]);
        }
    }
}
