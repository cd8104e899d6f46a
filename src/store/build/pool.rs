//! All distinct strings of a snapshot, sorted.

use super::keys::Keys;
use crate::store::import::{Values, Words};
use crate::types::NULL_CODE;
use rayon::prelude::*;

/// Sorted distinct strings; a string's code is its place.
pub struct Pool {
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

impl Pool {
    /// All strings of all columns.
    pub fn new<'v>(columns: impl Iterator<Item = Strings<'v>>) -> Pool {
        let mut words: Vec<&str> = columns.flat_map(|c| c.0.iter()).collect();
        words.par_sort_unstable();
        words.dedup();
        let mut pool = Pool {
            bytes: Vec::with_capacity(words.iter().map(|w| w.len()).sum()),
            ends: Vec::new(),
        };
        for word in words {
            pool.bytes.extend_from_slice(word.as_bytes());
            pool.ends.push(pool.bytes.len() as u64);
        }
        pool
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    fn get(&self, code: usize) -> &[u8] {
        let start = if code == 0 { 0 } else { self.ends[code - 1] };
        &self.bytes[start as usize..self.ends[code] as usize]
    }

    fn find(&self, word: &str) -> u32 {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle) < word.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low as u32
    }

    /// The codes of a column's values.
    pub fn codes(&self, codes: &[u32], words: &Words) -> Vec<u32> {
        let map: Vec<u32> =
            (0..words.len() as u32).into_par_iter().map(|c| self.find(words.get(c))).collect();
        codes.par_iter().map(|&c| map.get(c as usize).copied().unwrap_or(NULL_CODE)).collect()
    }
}

/// The strings of one column.
pub struct Strings<'v>(&'v Words);

impl<'v> Strings<'v> {
    /// Of a column, or of the elements of its lists; None if it has no strings.
    pub fn of(values: &'v Values) -> Option<Self> {
        match values {
            Values::Word { words, .. } => Some(Strings(words)),
            Values::List { items, .. } => Strings::of(items),
            _ => None,
        }
    }

    pub fn of_keys(keys: &'v Keys) -> Option<Self> {
        match keys {
            Keys::Word { words, .. } => Some(Strings(words)),
            Keys::Int { .. } => None,
        }
    }
}
