//! Groups of rows that share a key.
//!
//! A scalar column puts a row into one group, null being a value of its own; a list puts it into
//! one for each distinct element (an empty or null list: that of null); several columns give all
//! combinations.

use crate::batch::{Column, Stop};
use crate::expr::functions::list::{bits, elements};
use crate::expr::value::Val;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

/// Rows that are looked at between two looks at the clock.
const BLOCK: usize = 1 << 14;

/// The groups of some rows, numbered in the order of their first row.
#[derive(Debug, Default)]
pub struct Groups {
    /// Start of each row's groups in `ids`, and the end of the last.
    starts: Vec<u32>,
    ids: Vec<u32>,
    count: usize,
}

impl Groups {
    /// The groups of the rows `range` by their values in all of the columns. If the run has to end, the
    /// rest are of the first.
    pub fn new(columns: &[Column], range: Range<usize>, stop: Stop) -> Groups {
        Groups::of_rows(columns, range, stop)
    }

    /// The groups of any rows, in their order.
    pub fn of_rows(
        columns: &[Column],
        rows: impl Iterator<Item = usize> + Clone,
        stop: Stop,
    ) -> Groups {
        let mut parts = columns
            .iter()
            .map(|column| Groups::of_column(column, rows.clone(), stop));
        let first = parts.next().unwrap_or_default();
        parts.fold(first, |groups, part| groups.combined(&part, stop))
    }

    /// The groups of a row, counted from the first.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.ids[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.count
    }

    fn of_column(column: &Column, rows: impl Iterator<Item = usize>, stop: Stop) -> Groups {
        let value = Val::borrow(column);
        match column {
            Column::List { .. } => {
                let distinct = |row| distinct(elements(&value, row).unwrap_or_default());
                Groups::numbered(rows.map(distinct), stop)
            }
            _ => Groups::numbered(rows.map(|row| [bits(&value, row)]), stop),
        }
    }

    /// Rows that share a group here and there.
    fn combined(&self, other: &Groups, stop: Stop) -> Groups {
        let pairs_of = |row: usize| {
            let pairs = |&a: &u32| other.of(row).iter().map(move |&b| (a, b));
            self.of(row).iter().flat_map(pairs).collect::<Vec<_>>()
        };
        Groups::numbered((0..self.rows()).map(pairs_of), stop)
    }

    /// Numbers the keys of each row in the order in which they come.
    fn numbered<K: Hash + Eq, R: IntoIterator<Item = K>>(
        mut rows: impl Iterator<Item = R>,
        stop: Stop,
    ) -> Groups {
        // only looked up, never listed: the hash decides nothing
        let mut known: HashMap<K, u32, FixedState> = HashMap::default();
        let mut groups = Groups {
            starts: vec![0],
            ..Groups::default()
        };
        while let Some(keys) = rows.next() {
            for key in keys {
                let next = known.len() as u32;
                groups.ids.push(*known.entry(key).or_insert(next));
            }
            groups.starts.push(groups.ids.len() as u32);
            if groups.starts.len().is_multiple_of(BLOCK) && stop.is_due() {
                let (here, left) = (groups.ids.len(), rows.size_hint().0);
                groups.ids.resize(here + left, 0);
                groups
                    .starts
                    .extend((1..=left).map(|row| (here + row) as u32));
                break;
            }
        }
        groups.count = known.len();
        groups
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
    if distinct.is_empty() {
        vec![None]
    } else {
        distinct
    }
}
