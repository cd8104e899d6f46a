//! The keys of an entity, and from a key to its row.

use crate::store::import::{Values, Words};
use crate::types::{NULL_CODE, NULL_INT};
use rayon::prelude::*;

/// A key that no row has, where rows are looked up.
pub const DANGLING: u32 = NULL_CODE - 1;

/// Keys by row.
pub enum Keys {
    Int { keys: Vec<i64>, index: IntIndex },
    Word { codes: Vec<u32>, words: Words, rows: Vec<u32> },
}

/// What is wrong with a key column.
pub struct BadKeys {
    pub nulls: Vec<u32>,
    /// Later rows with a key that an earlier one has, with that one.
    pub duplicates: Vec<(u32, u32)>,
}

impl Keys {
    /// From the key column, with the rows that cannot stay.
    pub fn new(values: Values) -> (Keys, BadKeys) {
        let nulls = (0..values.len()).filter(|&row| values.is_null(row));
        let nulls = nulls.map(|row| row as u32).collect();
        let mut duplicates = Vec::new();
        let keys = match values {
            Values::Word { codes, words } => {
                let mut rows = vec![NULL_CODE; words.len()];
                for (row, &code) in codes.iter().enumerate().filter(|(_, c)| **c != NULL_CODE) {
                    let first = &mut rows[code as usize];
                    if *first == NULL_CODE {
                        *first = row as u32;
                    } else {
                        duplicates.push((row as u32, *first));
                    }
                }
                Keys::Word { codes, words, rows }
            }
            Values::Int(keys) => {
                let index = IntIndex::new(&keys, &mut duplicates);
                Keys::Int { keys, index }
            }
            _ => Keys::Int { keys: Vec::new(), index: IntIndex::new(&[], &mut duplicates) },
        };
        (keys, BadKeys { nulls, duplicates })
    }

    pub fn len(&self) -> usize {
        match self {
            Keys::Int { keys, .. } => keys.len(),
            Keys::Word { codes, .. } => codes.len(),
        }
    }

    /// The rows of keys (of all elements, for a list); null stays null, others are [`DANGLING`].
    pub fn rows_of(&self, values: &Values) -> Vec<u32> {
        match (self, values) {
            (_, Values::List { items, .. }) => self.rows_of(items),
            (Keys::Int { index, .. }, Values::Int(wanted)) => wanted
                .par_iter()
                .map(|&k| if k == NULL_INT { NULL_CODE } else { index.row(k) })
                .collect(),
            (Keys::Word { words, rows, .. }, Values::Word { codes, words: wanted }) => {
                let row = |word: &str| words.find(word).map_or(NULL_CODE, |c| rows[c as usize]);
                let found: Vec<u32> = wanted
                    .iter()
                    .map(row)
                    .map(|r| if r == NULL_CODE { DANGLING } else { r })
                    .collect();
                let of = |&code: &u32| {
                    if code == NULL_CODE { NULL_CODE } else { found[code as usize] }
                };
                codes.par_iter().map(of).collect()
            }
            // Keys are read as the type of the entity that they belong to.
            _ => vec![DANGLING; values.len()],
        }
    }

    /// The rows in the order of their keys, unless they stand so already; `codes` are those of
    /// the snapshot for string keys.
    pub fn sorted(&self, codes: &[u32]) -> Option<Vec<u32>> {
        match self {
            Keys::Int { keys, .. } => order(keys),
            Keys::Word { .. } => order(codes),
        }
    }
}

fn order<T: Ord + Sync>(keys: &[T]) -> Option<Vec<u32>> {
    if keys.is_sorted() {
        return None;
    }
    let mut rows: Vec<u32> = (0..keys.len() as u32).collect();
    rows.par_sort_unstable_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    Some(rows)
}

/// From an int to its row.
pub enum IntIndex {
    /// A slot for every int of a range that is not much larger than the number of keys.
    Direct { least: i64, rows: Vec<u32> },
    /// Open addressing; a free slot has the row [`DANGLING`].
    Hashed { slots: Vec<(i64, u32)> },
}

impl IntIndex {
    fn new(keys: &[i64], duplicates: &mut Vec<(u32, u32)>) -> Self {
        let known = || keys.iter().copied().filter(|k| *k != NULL_INT);
        let (least, most) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
        let range = most.abs_diff(least);
        let mut index = if range < (keys.len() as u64) * 16 + 1024 {
            IntIndex::Direct { least, rows: vec![DANGLING; range as usize + 1] }
        } else {
            IntIndex::Hashed {
                slots: vec![(0, DANGLING); (keys.len() * 2).next_power_of_two().max(2)],
            }
        };
        for (row, &key) in keys.iter().enumerate().filter(|(_, k)| **k != NULL_INT) {
            let slot = index.slot(key);
            if *slot == DANGLING {
                *slot = row as u32;
            } else {
                duplicates.push((row as u32, *slot));
            }
        }
        index
    }

    /// The place for the row of a key; the key is within the range, or there is a free slot.
    fn slot(&mut self, key: i64) -> &mut u32 {
        match self {
            IntIndex::Direct { least, rows } => &mut rows[key.abs_diff(*least) as usize],
            IntIndex::Hashed { slots } => {
                let at = seek(slots, key);
                slots[at].0 = key;
                &mut slots[at].1
            }
        }
    }

    fn row(&self, key: i64) -> u32 {
        match self {
            IntIndex::Direct { least, rows } if key >= *least => {
                usize::try_from(key.abs_diff(*least))
                    .ok()
                    .and_then(|i| rows.get(i))
                    .copied()
                    .unwrap_or(DANGLING)
            }
            IntIndex::Direct { .. } => DANGLING,
            IntIndex::Hashed { slots } => slots[seek(slots, key)].1,
        }
    }
}

fn seek(slots: &[(i64, u32)], key: i64) -> usize {
    let mask = slots.len() - 1;
    // Fibonacci hashing: keys often differ only in some of their bits.
    let mut at = ((key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize & mask;
    while slots[at].1 != DANGLING && slots[at].0 != key {
        at = (at + 1) & mask;
    }
    at
}

/// Gathers the ids of an entity that has no table.
#[derive(Default)]
pub struct Collected {
    ints: Vec<i64>,
    words: Words,
}

impl Collected {
    pub fn add(&mut self, values: &Values) {
        match values {
            Values::Int(v) => self.ints.extend(v.iter().filter(|k| **k != NULL_INT)),
            Values::Word { codes, words } => {
                let mut seen = vec![false; words.len()];
                codes.iter().filter(|c| **c != NULL_CODE).for_each(|c| seen[*c as usize] = true);
                (0..words.len() as u32).filter(|c| seen[*c as usize]).for_each(|c| {
                    self.words.add(words.get(c));
                });
            }
            Values::List { slots, items } => {
                let used =
                    slots.iter().filter(|s| s[0] != NULL_CODE).flat_map(|s| s[0]..s[0] + s[1]);
                self.add(&(**items).clone().gather(&used.collect::<Vec<_>>()));
            }
            _ => {}
        }
    }

    /// The ids, ascending.
    pub fn finish(mut self, strings: bool) -> Values {
        if !strings {
            self.ints.par_sort_unstable();
            self.ints.dedup();
            return Values::Int(self.ints);
        }
        let mut sorted: Vec<&str> = self.words.iter().collect();
        sorted.sort_unstable();
        let mut words = Words::default();
        let codes = sorted.into_iter().map(|w| words.add(w)).collect();
        Values::Word { codes, words }
    }
}
