//! One column of values. The static type of an expression or schema column says how to read it:
//! `int`, `time` and `duration` are `I64`, `string` and ids are `Code`. Null is a bit pattern
//! (see [`crate::types`]).

use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT};
use std::sync::Arc;

/// Start and length of a list or vector in its child array; start [`NULL_CODE`] is null.
pub type Slot = [u32; 2];

/// A column that borrows from a snapshot (or from anywhere).
#[derive(Clone, Copy, Debug)]
pub enum ColumnView<'a> {
    I64(&'a [i64]),
    F64(&'a [f64]),
    Bool(&'a [u8]),
    Code(&'a [u32]),
    /// A slot per row into the elements.
    List { slots: &'a [Slot], items: &'a ColumnView<'a> },
    /// `dim` numbers a row, row after row; `present` has a bit per row that has a vector.
    Vector { dim: usize, data: &'a [f32], present: Option<&'a [u64]> },
}

/// A column made while a program runs.
#[derive(Clone, Debug)]
pub enum Column {
    I64(Vec<i64>),
    F64(Vec<f64>),
    Bool(Vec<u8>),
    Code(Vec<u32>),
    List { slots: Vec<Slot>, items: Arc<Column> },
    /// A slot per row into shared numbers.
    Vector { slots: Vec<Slot>, items: Arc<Vec<f32>> },
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

    /// The rows `rows`, in that order; [`NULL_CODE`] gives null.
    pub fn gather(&self, rows: &[u32]) -> Column {
        match self {
            Column::I64(v) => Column::I64(pick(v, rows, NULL_INT)),
            Column::F64(v) => Column::F64(pick(v, rows, NULL_FLOAT)),
            Column::Bool(v) => Column::Bool(pick(v, rows, NULL_BOOL)),
            Column::Code(v) => Column::Code(pick(v, rows, NULL_CODE)),
            Column::List { slots, items } => {
                Column::List { slots: pick(slots, rows, [NULL_CODE, 0]), items: items.clone() }
            }
            Column::Vector { slots, items } => {
                Column::Vector { slots: pick(slots, rows, [NULL_CODE, 0]), items: items.clone() }
            }
        }
    }
}

/// Values at `rows`; rows past the end, [`NULL_CODE`] among them, give `null`.
pub fn pick<T: Copy>(values: &[T], rows: &[u32], null: T) -> Vec<T> {
    rows.iter().map(|&r| values.get(r as usize).copied().unwrap_or(null)).collect()
}
