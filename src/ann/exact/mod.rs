//! The exact scan: a 32-bit tile rejects, the 64-bit similarity decides.
//!
//! Up to 64 queries are laid side by side in a panel and all rows stream past it once; a few queries are
//! compared one after another, which takes no longer than reading the rows. A row that a query cannot
//! reject is remembered; when enough wait, they are scored by [`similarity`](super::similarity) and
//! the best `k` kept, which raises the bound that rejects. The bound is sound: it is the similarity of the
//! `k`-th best so far, lowered by the rounding of results to 32 bits and by the worst error of a 32-bit
//! sum of `n` products in any order, `n u |q||v|` with `u = 2^-24` (Higham, Accuracy and Stability of
//! Numerical Algorithms, 3.1). So no row of the true answer is ever rejected, whatever the instruction
//! set, and splitting rows or queries among threads cannot change the answer.

use rayon::prelude::*;

mod best;
mod filter;
#[cfg(test)]
mod tests;

use super::rows::ones;
use super::simd::{BLOCK, Level, MAX_BLOCKS};
use super::{Hit, Query, Vectors};
use best::Best;
use filter::Filter;

/// Queries of a panel.
const WIDTH: usize = BLOCK * MAX_BLOCKS;
/// Rows whose eligibility is decided at once.
const CHUNK: usize = 1_024;
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
    let part = |(panel, rows): &(&[Query], std::ops::Range<usize>)| match is_due() {
        true => vec![Vec::new(); panel.len()],
        false => scan(level, vectors, panel, rows.clone(), allow, is_due),
    };
    let parts: Vec<Vec<Vec<Hit>>> = if tasks.len() == 1 {
        tasks.iter().map(part).collect()
    } else {
        tasks.par_iter().map(part).collect()
    };
    parts.chunks(ranges.len()).zip(&panels).flat_map(|(parts, panel)| merge(parts, panel)).collect()
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
    let work =
        allow.map_or(rows, count).saturating_mul(vectors.dim).saturating_mul(queries.min(WIDTH));
    let threads = rayon::current_num_threads();
    let wanted = if threads == 1 { 1 } else { (threads * 4).div_ceil(panels.max(1)) };
    let parts = wanted.min(work / TASK).clamp(1, rows.max(1));
    let size = rows.div_ceil(parts).max(1);
    (0..parts).map(|part| (part * size).min(rows)..((part + 1) * size).min(rows)).collect()
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

/// The best of the rows of a range, of each query.
fn scan(
    level: Level,
    vectors: &Vectors,
    queries: &[Query],
    rows: std::ops::Range<usize>,
    allow: Option<&[u64]>,
    is_due: &(dyn Fn() -> bool + Sync),
) -> Vec<Vec<Hit>> {
    let best = |query| Best::new(level, vectors, query);
    let bests: Vec<Best> = queries.iter().map(best).collect();
    let mut filter = Filter::new(level, vectors, bests);
    if filter.can_find() {
        let of = |bits: Option<&[u64]>, word: usize| {
            bits.map_or(u64::MAX, |words| words.get(word).copied().unwrap_or(0))
        };
        let mut eligible = Vec::with_capacity(CHUNK + 64);
        for word in rows.start / 64..rows.end.div_ceil(64) {
            let bits = inside(&rows, word) & of(vectors.present, word) & of(allow, word);
            let first = (word * 64) as u32;
            match bits {
                u64::MAX => eligible.extend(first..first + 64),
                _ => eligible.extend(ones(bits).map(|bit| first + bit)),
            }
            if eligible.len() >= CHUNK {
                filter.scan(&eligible, allow.is_some());
                eligible.clear();
                if is_due() {
                    break;
                }
            }
        }
        filter.scan(&eligible, allow.is_some());
    }
    filter.into_hits()
}
