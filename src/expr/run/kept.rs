//! What is kept from run to run of programs that differ in a few numbers.

use crate::batch::Column;
use foldhash::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Values by all that they depend on, within a number of bytes.
#[derive(Debug)]
pub struct Recent<K, V> {
    /// Bytes that they may take.
    most: u64,
    /// Counts the programs.
    program: AtomicU32,
    made: Mutex<Store<K, V>>,
}

/// What aggregates came to for certain rows.
pub type Aggregates = Recent<u128, Column>;

#[derive(Debug)]
struct Store<K, V> {
    /// Each with its bytes and the last program that read it.
    made: HashMap<K, (V, u64, u32)>,
    bytes: u64,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// With room for so many bytes.
    pub fn new(most: u64) -> Recent<K, V> {
        let made = Store { made: HashMap::default(), bytes: 0 };
        Recent { most, program: AtomicU32::new(0), made: Mutex::new(made) }
    }

    /// Another program comes.
    pub fn next_program(&self) {
        self.program.fetch_add(1, Ordering::Relaxed);
    }

    /// How many programs came before.
    pub fn program(&self) -> u32 {
        self.program.load(Ordering::Relaxed)
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &K) -> Option<V> {
        let mut store = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, _, used) = store.made.get_mut(key)?;
        *used = self.program();
        Some(value.clone())
    }

    /// Keeps a value. Where there is no room, those go that neither this program nor the one before read; the rest
    /// stays, because programs read all of them in turn.
    pub fn put(&self, key: K, value: V, bytes: u64) {
        let current = self.program();
        let mut store = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if store.bytes + bytes > self.most {
            store.made.retain(|_, (_, _, used)| *used + 1 >= current);
            store.bytes = store.made.values().map(|(_, bytes, _)| bytes).sum();
        }
        if store.bytes + bytes <= self.most {
            store.bytes += bytes;
            store.made.insert(key, (value, bytes, current));
        }
    }
}
