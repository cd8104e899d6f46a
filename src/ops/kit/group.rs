//! Groups of rows that share a key.
//!
//! A scalar column puts a row into one group, null being a value of its own; a list puts it into
//! one for each distinct element (an empty or null list: that of null); several columns give all
//! combinations.

use crate::batch::{BLOCK, Column, Pace};
use crate::expr::functions::list::{bits, elements};
use crate::expr::value::Val;
use crate::ops::{Exec, RunError};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::ops::Range;

/// Maps for the keys of very many rows.
const MAPS: usize = 64;

/// The groups of some rows, numbered in the order of their first row.
#[derive(Debug, Default)]
pub struct Groups {
    /// Start of each row's groups in `ids`, and the end of the last.
    starts: Vec<u32>,
    ids: Vec<u32>,
    count: usize,
}

impl Groups {
    /// The groups of the rows, in their order, by their values in all of the columns, for the operator
    /// `op`; fails if the run has to end.
    pub fn new(
        exec: &Exec,
        op: &str,
        columns: &[Column],
        rows: impl Iterator<Item = usize> + Clone,
    ) -> Result<Groups, RunError> {
        let mut parts =
            columns.iter().map(|column| Groups::of_column(exec, op, column, rows.clone()));
        let first = parts.next().unwrap_or_else(|| Ok(Groups::default()))?;
        parts.try_fold(first, |groups, part| groups.combined(exec, op, &part?))
    }

    /// One group, of those rows where a condition is true.
    pub fn where_true(condition: &Column, rows: Range<usize>) -> Groups {
        let is_true = |row| matches!(condition, Column::Bool(values) if values[row] == 1);
        let mut groups = Groups { starts: vec![0], ids: Vec::new(), count: 1 };
        for row in rows {
            groups.ids.extend(is_true(row).then_some(0));
            groups.starts.push(groups.ids.len() as u32);
        }
        groups
    }

    /// The groups of a row, counted from the first.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.ids[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// The groups of all rows, one after the other.
    pub fn of_all(&self) -> &[u32] {
        &self.ids
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.count
    }

    fn of_column(
        exec: &Exec,
        op: &str,
        column: &Column,
        rows: impl Iterator<Item = usize>,
    ) -> Result<Groups, RunError> {
        let value = Val::borrow(column);
        match column {
            Column::List { .. } => {
                let distinct = |row| distinct(elements(&value, row).unwrap_or_default());
                Groups::numbered(exec, op, rows.map(distinct))
            }
            _ => Groups::of_single_keys(exec, op, rows.map(|row| bits(&value, row))),
        }
    }

    /// Rows that share a group here and there.
    fn combined(&self, exec: &Exec, op: &str, other: &Groups) -> Result<Groups, RunError> {
        let pairs_of = |row: usize| {
            let pairs = |&a: &u32| other.of(row).iter().map(move |&b| (a, b));
            self.of(row).iter().flat_map(pairs).collect::<Vec<_>>()
        };
        Groups::numbered(exec, op, (0..self.rows()).map(pairs_of))
    }

    /// Numbers the keys of rows that have one each, in the order in which they come.
    fn of_single_keys(
        exec: &Exec,
        op: &str,
        mut keys: impl Iterator<Item = Option<u64>>,
    ) -> Result<Groups, RunError> {
        let most = keys.size_hint().0;
        let (mut numbers, mut ids) = (Numbers::for_rows(most), Vec::with_capacity(most));
        let mut end = 0;
        // until a block is not full
        while ids.len() == end {
            end += BLOCK;
            ids.extend(keys.by_ref().take(BLOCK).map(|key| numbers.of(key)));
            exec.check(op, 0)?;
        }
        Ok(Groups { starts: (0..=ids.len() as u32).collect(), ids, count: numbers.count() })
    }

    /// Numbers the keys of each row in the order in which they come.
    fn numbered<K: Hash + Eq, R: IntoIterator<Item = K>>(
        exec: &Exec,
        op: &str,
        rows: impl Iterator<Item = R>,
    ) -> Result<Groups, RunError> {
        let most = rows.size_hint().0;
        let mut numbers = Numbers::for_rows(most);
        let mut groups = Groups {
            starts: Vec::with_capacity(most + 1),
            ids: Vec::with_capacity(most),
            count: 0,
        };
        groups.starts.push(0);
        let pace = Pace::new(exec.run.stop);
        for keys in rows {
            let before = groups.ids.len();
            groups.ids.extend(keys.into_iter().map(|key| numbers.of(key)));
            groups.starts.push(groups.ids.len() as u32);
            if pace.is_due_before(40 + 40 * (groups.ids.len() - before)) {
                exec.check(op, 0)?;
            }
        }
        groups.count = numbers.count();
        Ok(groups)
    }
}

/// Keys with the numbers that they got. Many are in many maps: one that is full is copied to a larger
/// one, for which nobody waits who looks at the clock.
pub struct Numbers<K> {
    // only looked up, never listed: the hash decides nothing
    maps: Vec<HashMap<K, u32, FixedState>>,
    count: u32,
}

impl<K: Hash + Eq> Numbers<K> {
    /// For the keys of so many rows.
    pub fn for_rows(rows: usize) -> Numbers<K> {
        let maps = if rows > 4 * BLOCK { MAPS } else { 1 };
        Numbers { maps: (0..maps).map(|_| HashMap::default()).collect(), count: 0 }
    }

    /// How many keys have one.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// That of a key: the next, if it is new.
    pub fn of(&mut self, key: K) -> u32 {
        let place = match self.maps.len() {
            1 => 0,
            // the maps look at other bits of theirs
            maps => (FixedState::with_seed(1).hash_one(&key) >> 32) as usize % maps,
        };
        *self.maps[place].entry(key).or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

/// Each element once, in order; null alone for a list without elements.
fn distinct(list: Vec<Option<u64>>) -> Vec<Option<u64>> {
    let mut distinct = Vec::with_capacity(list.len().max(1));
    for element in list {
        if !distinct.contains(&element) {
            distinct.push(element);
        }
    }
    if distinct.is_empty() { vec![None] } else { distinct }
}

#[cfg(test)]
pub mod testing {
    use super::Groups;

    /// The groups that rows are in.
    pub fn groups(of: Vec<Vec<u32>>) -> Groups {
        let mut groups = Groups { starts: vec![0], ..Groups::default() };
        for of in of {
            let most = of.iter().map(|&group| group as usize + 1).max();
            groups.count = groups.count.max(most.unwrap_or(0));
            groups.ids.extend(of);
            groups.starts.push(groups.ids.len() as u32);
        }
        groups
    }
}
