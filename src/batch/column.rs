//! One column of values. The static type of an expression or schema column says how to read it:
//! `int`, `time` and `duration` are `I64`, `string` and ids are `Code`. Null is a bit pattern
//! (see [`crate::types`]).

use crate::types::{Floats, NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT};
use std::sync::Arc;

/// Of a list: start and length in its items. Of a vector: its number among the vectors, and its
/// dimension. A first part of [`NULL_CODE`] is null.
pub type Slot = [u32; 2];

/// A column that borrows from a snapshot (or from anywhere).
#[derive(Clone, Copy, Debug)]
pub enum ColumnView<'a> {
    I64(&'a [i64]),
    F64(&'a [f64]),
    Bool(&'a [u8]),
    Code(&'a [u32]),
    /// A slot per row into the elements.
    List {
        slots: &'a [Slot],
        items: &'a ColumnView<'a>,
    },
    /// `dim` numbers a row, row after row; `present` has a bit per row that has a vector.
    Vector {
        dim: usize,
        data: Floats<'a>,
        present: Option<&'a [u64]>,
    },
}

/// A column made while a program runs.
#[derive(Clone, Debug)]
pub enum Column {
    I64(Vec<i64>),
    F64(Vec<f64>),
    Bool(Vec<u8>),
    Code(Vec<u32>),
    List {
        slots: Vec<Slot>,
        items: Arc<Column>,
    },
    /// A slot per row into shared numbers.
    Vector {
        slots: Vec<Slot>,
        items: Arc<Vec<f32>>,
    },
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Column::I64(v) => v.len(),
            Column::F64(v) => v.len(),
            Column::Bool(v) => v.len(),
            Column::Code(v) => v.len(),
            Column::List { slots, .. } | Column::Vector { slots, .. } => slots.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of all columns, one after the other; they must be of one kind, as their common
    /// type ensures (lists and vectors are laid out anew).
    pub fn concat(columns: &[Column]) -> Column {
        let Some((first, others)) = columns.split_first() else {
            return Column::I64(Vec::new());
        };
        let mut all = first.clone();
        // elements that several columns share are there once
        let mut known = vec![(first.elements_at(), 0)];
        for more in others {
            let at = more.elements_at();
            match (known.iter().find(|(place, _)| *place == at), &mut all, more) {
                (
                    Some(&(_, moved)),
                    Column::List { slots, .. } | Column::Vector { slots, .. },
                    Column::List { slots: more, .. } | Column::Vector { slots: more, .. },
                ) => slots.extend(more.iter().map(|&slot| shift(slot, moved))),
                _ => {
                    known.push((at, all.next_slot(more)));
                    all.append(more);
                }
            }
        }
        all
    }

    /// Where the elements of lists and vectors are.
    fn elements_at(&self) -> Option<usize> {
        self.elements().map(|(place, _)| place)
    }

    /// Where the elements of a column begin that is appended, as slots count them.
    fn next_slot(&self, more: &Column) -> u32 {
        match (self, more) {
            (Column::List { items, .. }, _) => items.len() as u32,
            (Column::Vector { slots, items }, Column::Vector { slots: more, .. }) => {
                let dims = slots.iter().chain(more).map(|slot| slot[1]);
                items.len() as u32 / dims.max().unwrap_or(1).max(1)
            }
            _ => 0,
        }
    }

    /// As many zeros, in a column of this kind of scalars.
    pub fn zeros(&self, rows: usize) -> Column {
        match self {
            Column::I64(_) => Column::I64(vec![0; rows]),
            Column::F64(_) => Column::F64(vec![0.0; rows]),
            Column::Bool(_) => Column::Bool(vec![0; rows]),
            Column::Code(_) => Column::Code(vec![0; rows]),
            lists => lists.gather(&vec![NULL_CODE; rows]),
        }
    }

    /// Makes room for so many rows in all.
    pub fn reserve(&mut self, rows: usize) {
        let more = rows.saturating_sub(self.len());
        match self {
            Column::I64(v) => v.reserve(more),
            Column::F64(v) => v.reserve(more),
            Column::Bool(v) => v.reserve(more),
            Column::Code(v) => v.reserve(more),
            Column::List { slots, .. } | Column::Vector { slots, .. } => slots.reserve(more),
        }
    }

    /// The rows of another column behind these; of one kind, as [`Column::concat`] says, or without rows.
    pub fn append(&mut self, more: &Column) {
        let moved = self.next_slot(more);
        match (self, more) {
            (Column::I64(a), Column::I64(b)) => a.extend(b),
            (Column::F64(a), Column::F64(b)) => a.extend(b),
            (Column::Bool(a), Column::Bool(b)) => a.extend(b),
            (Column::Code(a), Column::Code(b)) => a.extend(b),
            (Column::List { slots, items }, Column::List { slots: more, items: more_items }) => {
                slots.extend(more.iter().map(|&slot| shift(slot, moved)));
                Arc::make_mut(items).append(more_items);
            }
            (
                Column::Vector { slots, items },
                Column::Vector { slots: more, items: more_items },
            ) => {
                slots.extend(more.iter().map(|&slot| shift(slot, moved)));
                Arc::make_mut(items).extend_from_slice(more_items);
            }
            // the elements of `[]` are of any kind
            (a, b) if a.is_empty() => *a = b.clone(),
            (a, b) => debug_assert!(b.is_empty(), "columns of two kinds: {a:?}"),
        }
    }

    /// Rows that stand together.
    pub fn slice(&self, rows: std::ops::Range<usize>) -> Column {
        let mut part = self.gather(&[]);
        part.extend_part(self, rows);
        part
    }

    /// Appends rows that stand together in another column, which shares its lists and vectors with this one.
    pub fn extend_part(&mut self, other: &Column, rows: std::ops::Range<usize>) {
        match (self, other) {
            (Column::I64(a), Column::I64(b)) => a.extend_from_slice(&b[rows]),
            (Column::F64(a), Column::F64(b)) => a.extend_from_slice(&b[rows]),
            (Column::Bool(a), Column::Bool(b)) => a.extend_from_slice(&b[rows]),
            (Column::Code(a), Column::Code(b)) => a.extend_from_slice(&b[rows]),
            (Column::List { slots: a, .. }, Column::List { slots: b, .. })
            | (Column::Vector { slots: a, .. }, Column::Vector { slots: b, .. }) => {
                a.extend_from_slice(&b[rows]);
            }
            (a, _) => debug_assert!(rows.is_empty(), "columns of two kinds: {a:?}"),
        }
    }

    /// Appends rows of another column, which shares its lists and vectors with this one.
    pub fn extend_from(&mut self, other: &Column, rows: &[u32]) {
        fn add<T: Copy>(into: &mut Vec<T>, values: &[T], rows: &[u32], null: T) {
            let value = |&row: &u32| values.get(row as usize).copied().unwrap_or(null);
            into.extend(rows.iter().map(value));
        }
        match (self, other) {
            (Column::I64(a), Column::I64(b)) => add(a, b, rows, NULL_INT),
            (Column::F64(a), Column::F64(b)) => add(a, b, rows, NULL_FLOAT),
            (Column::Bool(a), Column::Bool(b)) => add(a, b, rows, NULL_BOOL),
            (Column::Code(a), Column::Code(b)) => add(a, b, rows, NULL_CODE),
            (Column::List { slots: a, .. }, Column::List { slots: b, .. })
            | (Column::Vector { slots: a, .. }, Column::Vector { slots: b, .. }) => {
                add(a, b, rows, [NULL_CODE, 0]);
            }
            (a, b) => debug_assert!(b.is_empty(), "columns of two kinds: {a:?}"),
        }
    }

    /// The rows `rows`, in that order; [`NULL_CODE`] gives null.
    pub fn gather(&self, rows: &[u32]) -> Column {
        let mut all = match self {
            Column::I64(_) => Column::I64(Vec::new()),
            Column::F64(_) => Column::F64(Vec::new()),
            Column::Bool(_) => Column::Bool(Vec::new()),
            Column::Code(_) => Column::Code(Vec::new()),
            Column::List { items, .. } => Column::List { slots: Vec::new(), items: items.clone() },
            Column::Vector { items, .. } => {
                Column::Vector { slots: Vec::new(), items: items.clone() }
            }
        };
        all.extend_from(self, rows);
        all
    }
}

fn shift(slot: Slot, by: u32) -> Slot {
    if slot[0] == NULL_CODE { slot } else { [slot[0] + by, slot[1]] }
}

/// Values at `rows`; rows past the end, [`NULL_CODE`] among them, give `null`.
pub fn pick<T: Copy>(values: &[T], rows: &[u32], null: T) -> Vec<T> {
    rows.iter().map(|&r| values.get(r as usize).copied().unwrap_or(null)).collect()
}
