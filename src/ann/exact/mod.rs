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

mod best;
#[cfg(test)]
mod tests;

use super::rows::ones;
use super::simd::{BLOCK, Level, MAX_BLOCKS, Measure, Panel, TILE, Tile, square};
use super::{Hit, Metric, Query, Vectors};
use best::{Best, REGULAR};

/// Queries of a panel.
const WIDTH: usize = BLOCK * MAX_BLOCKS;
/// Rows whose eligibility is decided at once.
const CHUNK: usize = 1_024;
/// Tiles ahead of which scattered rows are asked for.
const AHEAD: usize = 2;
/// Fewest multiplications worth a task of their own.
const TASK: usize = 1 << 22;

/// The true top `k` of each query, among the rows that have a vector, whose bit in `allow` is set (if
/// given) and that the query does not exclude: by similarity descending, ties to the lower row.
///
/// Runs on the current rayon pool when there is enough work; the answer does not depend on it.
pub fn exact_search(vectors: &Vectors, queries: &[Query], allow: Option<&[u64]>) -> Vec<Vec<Hit>> {
    exact_search_until(vectors, queries, allow, &|| false)
}

/// The same, given up when `is_due` says so: then what is found is anything.
pub fn exact_search_until(
    vectors: &Vectors,
    queries: &[Query],
    allow: Option<&[u64]>,
    is_due: &(dyn Fn() -> bool + Sync),
) -> Vec<Vec<Hit>> {
    search_at(Level::detect(), vectors, queries, allow, is_due)
}

fn search_at(
    level: Level,
    vectors: &Vectors,
    queries: &[Query],
    allow: Option<&[u64]>,
    is_due: &(dyn Fn() -> bool + Sync),
) -> Vec<Vec<Hit>> {
    let panels: Vec<&[Query]> = queries.chunks(WIDTH).collect();
    let ranges = row_ranges(vectors, queries.len(), panels.len(), allow);
    let tasks: Vec<_> = panels
        .iter()
        .flat_map(|panel| ranges.iter().map(move |range| (*panel, range.clone())))
        .collect();
    let scan = |(panel, rows): &(&[Query], std::ops::Range<usize>)| match is_due() {
        true => vec![Vec::new(); panel.len()],
        false => Scan::new(level, vectors, panel).run(rows.clone(), allow, is_due),
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
fn row_ranges(
    vectors: &Vectors,
    queries: usize,
    panels: usize,
    allow: Option<&[u64]>,
) -> Vec<std::ops::Range<usize>> {
    let rows = vectors.len();
    let count = |words: &[u64]| words.iter().map(|word| word.count_ones() as usize).sum();
    let work = allow
        .map_or(rows, count)
        .saturating_mul(vectors.dim)
        .saturating_mul(queries.min(WIDTH));
    let threads = rayon::current_num_threads();
    let wanted = if threads == 1 {
        1
    } else {
        (threads * 4).div_ceil(panels.max(1))
    };
    let parts = wanted.min(work / TASK).clamp(1, rows.max(1));
    let size = rows.div_ceil(parts).max(1);
    (0..parts)
        .map(|part| (part * size).min(rows)..((part + 1) * size).min(rows))
        .collect()
}

/// The bits of a word that stand for rows of the range.
fn inside(rows: &std::ops::Range<usize>, word: usize) -> u64 {
    let first = word * 64;
    let from = rows.start.saturating_sub(first);
    let to = rows.end.saturating_sub(first).min(64);
    let below = |n: usize| if n < 64 { (1u64 << n) - 1 } else { u64::MAX };
    below(to) & !below(from)
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
        let bests: Vec<Best> = queries
            .iter()
            .map(|q| Best::new(level, vectors, q))
            .collect();
        let measure = match vectors.metric {
            Metric::L2 => Measure::NegativeSquare,
            Metric::Cosine | Metric::Dot => Measure::Product,
        };
        let mut panel = Panel::new(queries.len(), vectors.dim, measure);
        for (j, best) in bests.iter().enumerate().filter(|(_, best)| best.alive) {
            let values = best.query.vector.iter();
            panel.set(j, values.map(|&x| (f64::from(x) * best.factor) as f32));
            (panel.slope[j], panel.base[j]) = best.bound();
        }
        Scan {
            level,
            vectors: *vectors,
            panel,
            bests,
        }
    }

    fn run(
        mut self,
        rows: std::ops::Range<usize>,
        allow: Option<&[u64]>,
        is_due: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Vec<Hit>> {
        let mut eligible = Vec::with_capacity(CHUNK + 64);
        if self.bests.iter().any(|best| best.alive) {
            for word in rows.start / 64..rows.end.div_ceil(64) {
                let bits = inside(&rows, word) & self.eligible(word, allow);
                eligible.extend(ones(bits).map(|bit| (word * 64) as u32 + bit));
                if eligible.len() >= CHUNK {
                    self.scan(&eligible, allow.is_some());
                    eligible.clear();
                    if is_due() {
                        break;
                    }
                }
            }
            self.scan(&eligible, allow.is_some());
        }
        let finish = |mut best: Best<'a>| {
            best.settle(&self.vectors);
            best.hits.sort_unstable_by(Hit::order);
            best.hits.shrink_to_fit();
            best.hits
        };
        self.bests.into_iter().map(finish).collect()
    }

    /// The rows of a word that have a vector and may be found.
    fn eligible(&self, word: usize, allow: Option<&[u64]>) -> u64 {
        let of = |bits: Option<&[u64]>| {
            bits.map_or(u64::MAX, |words| words.get(word).copied().unwrap_or(0))
        };
        of(self.vectors.present) & of(allow)
    }

    /// Scans rows; `scattered` if they do not lie together.
    fn scan(&mut self, eligible: &[u32], scattered: bool) {
        let mut rooms: [Vec<f32>; TILE] = Default::default();
        for (tile, rows) in eligible.chunks(TILE).enumerate() {
            if scattered {
                let ahead = (tile + AHEAD) * TILE;
                for &row in eligible.iter().skip(ahead).take(TILE) {
                    self.vectors.prefetch(row);
                }
            }
            let mut next = rows.iter().chain(std::iter::repeat(&rows[rows.len() - 1]));
            let mut tile = Tile {
                rows: rooms.each_mut().map(|room| {
                    let row = next.next().and_then(|&row| self.vectors.place(row));
                    row.map_or(&[][..], |row| row.decode(room))
                }),
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
        let blocks = survivors.into_iter().take(self.panel.blocks()).enumerate();
        for (block, mask) in blocks {
            let mut mask = if forced { u16::MAX } else { mask };
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
