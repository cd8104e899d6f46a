//! The terms that are kept, and how many rows have each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::words::each_word;
use super::{Texts, TfIdfSettings};
use crate::learn::sources::{blocks, each_block};
use crate::learn::{Stopped, Watch};

/// Steps of a row that are counted as work, so that blocks are of 256 rows.
pub const ROW: u64 = 1 << 14;
/// Parts of the table of all terms, so that threads seldom wait for each other.
const SHARDS: usize = 64;

/// Terms in bytewise order, with the rows that have each.
pub struct Counted {
    /// Rows with a word.
    pub rows: u64,
    pub terms: Vec<(Box<str>, u32)>,
}

impl Counted {
    /// The inverse document frequency of each term, as if one more row had every term.
    pub fn idf(&self) -> Vec<f64> {
        let all = 1.0 + self.rows as f64;
        let of = |rows: u32| libm::log(all / (1.0 + f64::from(rows))) + 1.0;
        self.terms.iter().map(|&(_, rows)| of(rows)).collect()
    }
}

/// Counts the rows of all terms, and keeps those of most rows.
pub fn count(texts: &dyn Texts, p: &TfIdfSettings, watch: &dyn Watch) -> Result<Counted, Stopped> {
    let shards: Vec<Mutex<HashMap<Box<str>, u32>>> =
        (0..SHARDS).map(|_| Mutex::default()).collect();
    let rows = AtomicU64::new(0);
    let work = |own: &mut Own, block: std::ops::Range<usize>| {
        let found = block.filter(|&row| own.count(texts, row)).count();
        rows.fetch_add(found as u64, Ordering::Relaxed);
        own.pour(&shards);
    };
    each_block(&blocks(texts.rows(), |_| ROW), Own::default, work, ("terms", watch))?;
    let all = shards.into_iter().flat_map(|shard| shard.into_inner().unwrap_or_default());
    let least = p.min_df.min(u32::MAX as usize) as u32;
    let mut terms: Vec<(Box<str>, u32)> = all.filter(|&(_, rows)| rows >= least).collect();
    if p.max_terms < terms.len() {
        if p.max_terms > 0 {
            let by_rows = |a: &(Box<str>, u32), b: &(Box<str>, u32)| (b.1, &a.0).cmp(&(a.1, &b.0));
            terms.select_nth_unstable_by(p.max_terms - 1, by_rows);
        }
        terms.truncate(p.max_terms);
    }
    terms.sort_unstable();
    Ok(Counted { rows: rows.into_inner(), terms })
}

/// What a thread counts in a block: rows of each term, and the last of them.
#[derive(Default)]
struct Own {
    terms: HashMap<Box<str>, (u32, usize)>,
    word: String,
}

impl Own {
    /// Counts the terms of a row; whether it has any.
    fn count(&mut self, texts: &dyn Texts, row: usize) -> bool {
        let mut any = false;
        let Own { terms, word } = self;
        texts.pieces(row, &mut |piece| {
            each_word(piece, word, |word| {
                any = true;
                match terms.get_mut(word) {
                    Some((_, last)) if *last == row => {}
                    Some(count) => *count = (count.0 + 1, row),
                    None => _ = terms.insert(word.into(), (1, row)),
                }
            });
        });
        any
    }

    /// Adds the counts to those of all blocks: sums of whole numbers are the same in any order.
    fn pour(&mut self, shards: &[Mutex<HashMap<Box<str>, u32>>]) {
        for (term, (rows, _)) in self.terms.drain() {
            let shard = &shards[xxh3_64(term.as_bytes()) as usize % SHARDS];
            // a thread that panics ends the training
            let mut shard = shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *shard.entry(term).or_insert(0) += rows;
        }
    }
}

/// Finds terms by their bytes: an open table of their numbers.
#[derive(Clone, Debug)]
pub struct Index(Vec<u32>);

const FREE: u32 = u32::MAX;

impl Index {
    /// Of terms by their numbers.
    pub fn new<'a>(terms: usize, term: impl Fn(usize) -> &'a [u8]) -> Index {
        let mut index = Index(vec![FREE; (2 * terms).next_power_of_two()]);
        for number in 0..terms {
            let mut slot = index.slot(term(number));
            while index.0[slot] != FREE {
                slot = index.next(slot);
            }
            index.0[slot] = number as u32;
        }
        index
    }

    /// The number of a term.
    pub fn find<'a>(&self, wanted: &[u8], term: impl Fn(usize) -> &'a [u8]) -> Option<u32> {
        let mut slot = self.slot(wanted);
        loop {
            match self.0[slot] {
                FREE => return None,
                number if term(number as usize) == wanted => return Some(number),
                _ => slot = self.next(slot),
            }
        }
    }

    fn slot(&self, term: &[u8]) -> usize {
        xxh3_64(term) as usize & (self.0.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.0.len() - 1)
    }
}
