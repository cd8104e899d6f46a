//! Rows that wait in a heap to be placed, by a value that can only have fallen since it was computed.

use crate::batch::descending;
use std::cmp::Ordering;

/// A row, the value that it had when it was last looked at, and what else is known of it. The largest
/// value is on top of a heap; null is the least, ties go to the earlier row.
pub struct Waiting<T> {
    pub row: u32,
    pub value: f64,
    pub known: T,
}

impl<T: Default> Waiting<T> {
    pub fn new(row: u32, value: f64) -> Waiting<T> {
        Waiting { row, value, known: T::default() }
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        descending(other.value, self.value).then(other.row.cmp(&self.row))
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Waiting<T> {}
