//! What aggregates came to for certain rows, kept from run to run of programs that differ in a few numbers.

use crate::batch::Column;
use foldhash::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Columns by all that they depend on.
#[derive(Debug)]
pub struct Aggregates {
    /// Bytes that they may take.
    most: usize,
    /// Counts the programs.
    program: AtomicU32,
    made: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    /// Each with the last program that read it.
    made: HashMap<u128, (Column, u32)>,
    bytes: usize,
}

impl Aggregates {
    /// With room for so many bytes.
    pub fn new(most: usize) -> Aggregates {
        Aggregates { most, program: AtomicU32::new(0), made: Mutex::default() }
    }

    /// Another program comes.
    pub fn next_program(&self) {
        self.program.fetch_add(1, Ordering::Relaxed);
    }

    /// The column of a key, if it is there.
    pub fn get(&self, key: u128) -> Option<Column> {
        let mut store = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (column, used) = store.made.get_mut(&key)?;
        *used = self.program.load(Ordering::Relaxed);
        Some(column.clone())
    }

    /// Keeps a column. Where there is no room, those go that neither this program nor the one before read; the rest
    /// stays, because programs read all of them in turn.
    pub fn put(&self, key: u128, column: &Column) {
        let current = self.program.load(Ordering::Relaxed);
        let bytes = column.own_bytes();
        let mut store = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if store.bytes + bytes > self.most {
            store.made.retain(|_, (_, used)| *used + 1 >= current);
            store.bytes = store.made.values().map(|(column, _)| column.own_bytes()).sum();
        }
        if store.bytes + bytes <= self.most {
            store.bytes += bytes;
            store.made.insert(key, (column.clone(), current));
        }
    }
}
