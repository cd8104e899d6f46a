//! What a run holds in memory, counted.
//!
//! What grows is charged before it grows, by its capacity, once per block of rows; what is given up is given
//! back. A charge that does not fit is refused and ends the run, as a deadline does: see [`Stop`].

use super::{Column, RowBatch, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that may be held. Shared by the threads of a run, and where it lies `within` another, by all that
/// lie within that.
#[derive(Debug)]
pub struct Memory<'a> {
    limit: u64,
    held: AtomicU64,
    most: AtomicU64,
    /// What was refused would have come to so much; 0 if nothing was.
    wanted: AtomicU64,
    within: Option<&'a Memory<'a>>,
}

impl<'a> Memory<'a> {
    pub fn new(limit: u64) -> Memory<'a> {
        Memory::of(limit, None)
    }

    /// The same, counted by another as well.
    pub fn within(limit: u64, all: &'a Memory<'a>) -> Memory<'a> {
        Memory::of(limit, Some(all))
    }

    fn of(limit: u64, within: Option<&'a Memory<'a>>) -> Memory<'a> {
        Memory {
            limit,
            held: AtomicU64::new(0),
            most: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            within,
        }
    }

    /// Charges bytes that will be held; false if they are too many. From then on the run is over.
    pub fn charge(&self, bytes: u64) -> bool {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.limit {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            self.wanted.fetch_max(held, Ordering::Relaxed);
            return false;
        }
        if self.within.is_some_and(|all| !all.charge(bytes)) {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            self.wanted.fetch_max(1, Ordering::Relaxed);
            return false;
        }
        self.most.fetch_max(held, Ordering::Relaxed);
        true
    }

    /// Gives back bytes that were charged.
    pub fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(all) = self.within {
            all.give_back(bytes);
        }
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What is held now.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The most that was held at one time.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Whether a charge was refused.
    pub fn is_over(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    /// Whether a charge was refused that its own limit forbids, not that of what it lies within: alone the
    /// run would end as well.
    pub fn is_over_alone(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > self.limit
    }

    /// Forgets that a charge was refused, to try again.
    pub fn retry(&self) {
        self.wanted.store(0, Ordering::Relaxed);
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        if let Some(all) = self.within {
            all.give_back(self.held());
        }
    }
}

/// Bytes that are charged as long as this lives.
#[derive(Debug, Default)]
pub struct Held<'a> {
    memory: Option<&'a Memory<'a>>,
    bytes: u64,
}

impl<'a> Held<'a> {
    pub(super) fn new(memory: Option<&'a Memory<'a>>) -> Held<'a> {
        Held { memory, bytes: 0 }
    }

    /// Charges more; false if that is too much, and the run has to end.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Some(memory) = self.memory else {
            return true;
        };
        let granted = memory.charge(bytes as u64);
        self.bytes += if granted { bytes as u64 } else { 0 };
        granted
    }

    /// Makes room for more elements, charged first: what is there is copied, so both are held for a moment.
    /// False if that is too much.
    #[must_use]
    pub fn reserve<T>(&mut self, values: &mut Vec<T>, more: usize) -> bool {
        let wanted = values.len() + more;
        if wanted <= values.capacity() {
            return true;
        }
        let (room, before) = (wanted.max(2 * values.capacity()), values.capacity());
        if !self.grow(room * size_of::<T>()) {
            return false;
        }
        values.reserve_exact(room - values.len());
        self.shrink_to((self.bytes as usize).saturating_sub(before * size_of::<T>()));
        true
    }

    /// Charges no more than that.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes as u64);
        self.bytes -= less;
        if let Some(memory) = self.memory {
            memory.give_back(less);
        }
    }

    /// Stays charged until someone gives the bytes back.
    pub fn keep(mut self) -> u64 {
        self.memory = None;
        self.bytes
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.memory {
            memory.give_back(self.bytes);
        }
    }
}

impl<'a> Stop<'a> {
    /// Charges bytes for as long as the result lives. If they are too many, it holds none and the run is due.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Held<'a> {
        let mut held = Held::new(self.memory);
        // whoever looks at the clock sees that it was refused
        let _ = held.grow(bytes);
        held
    }
}

impl Column {
    /// Bytes that it takes, the elements of its lists or vectors included.
    pub fn bytes(&self) -> usize {
        self.own_bytes() + self.elements().map_or(0, |(_, bytes)| bytes)
    }

    /// Bytes that it takes alone: elements of lists and vectors may be shared.
    pub fn own_bytes(&self) -> usize {
        match self {
            Column::I64(v) => v.capacity() * 8,
            Column::F64(v) => v.capacity() * 8,
            Column::Bool(v) => v.capacity(),
            Column::Code(v) => v.capacity() * 4,
            Column::List { slots, .. } | Column::Vector { slots, .. } => slots.capacity() * 8,
        }
    }

    /// Bytes that it takes with elements that no other column shares.
    pub fn fresh_bytes(&self) -> usize {
        let alone = match self {
            Column::List { items, .. } => Arc::strong_count(items) == 1,
            Column::Vector { items, .. } => Arc::strong_count(items) == 1,
            _ => false,
        };
        match alone {
            true => self.bytes(),
            false => self.own_bytes(),
        }
    }

    /// Where the elements of its lists or vectors are, and how many bytes they take.
    pub fn elements(&self) -> Option<(usize, usize)> {
        match self {
            Column::List { items, .. } => Some((Arc::as_ptr(items) as usize, items.bytes())),
            Column::Vector { items, .. } => {
                Some((Arc::as_ptr(items) as usize, items.capacity() * 4))
            }
            _ => None,
        }
    }

    /// Bytes of a row, without the elements of its list or vector.
    pub fn width(&self) -> usize {
        match self {
            Column::I64(_) | Column::F64(_) | Column::List { .. } | Column::Vector { .. } => 8,
            Column::Code(_) => 4,
            Column::Bool(_) => 1,
        }
    }
}

impl RowBatch {
    /// Bytes that they take, without elements of lists and vectors, which may be shared.
    pub fn own_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Column::own_bytes).sum();
        self.offsets.capacity() * 4 + self.ids.capacity() * 4 + self.scores.capacity() * 8 + columns
    }

    /// Of each column of lists or vectors, where the elements are and how many bytes they take.
    pub fn elements(&self) -> impl Iterator<Item = (usize, usize)> {
        self.columns.iter().filter_map(Column::elements)
    }

    /// Bytes of a row with its columns, as far as they are not shared.
    pub fn width(&self) -> usize {
        let columns = self.columns.iter().filter(|column| !column.is_empty());
        12 + columns.map(Column::width).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let all = Memory::new(150);
        {
            let (one, two) = (Memory::within(100, &all), Memory::within(100, &all));
            let stop = |memory| Stop { memory: Some(memory), ..Stop::default() };
            let mut held = stop(&one).hold(60);
            assert!(held.grow(40) && !held.grow(1));
            assert!(one.is_over_alone() && stop(&one).is_due());
            assert!(stop(&two).hold(51).bytes() == 0 && two.is_over() && !two.is_over_alone());
            two.retry();
            held.shrink_to(10);
            let other = stop(&two).hold(51);
            assert!(!two.is_over());
            assert_eq!((one.held(), one.most(), all.held()), (10, 100, 61));
            assert_eq!(other.keep(), 51);
        }
        assert_eq!((all.held(), all.most()), (0, 100));
    }

    #[test]
    fn room_is_charged_before_it_is_there() {
        let memory = Memory::new(1000);
        let stop = Stop { memory: Some(&memory), ..Stop::default() };
        let mut held = stop.hold(0);
        let mut values: Vec<u64> = Vec::new();
        for i in 0..100 {
            if !held.reserve(&mut values, 1) {
                break;
            }
            values.push(i);
        }
        assert_eq!(held.bytes(), 8 * values.capacity() as u64);
        // 64 are there, and 128 would be beside them while they are copied
        assert!(memory.is_over() && values.len() == 64, "{}", values.len());
    }
}
