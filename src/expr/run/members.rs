//! Where the rows of candidate sets are that expressions look into.

use super::Run;
use crate::batch::{Stop, arrange};
use crate::expr::ir::NodeId;
use crate::types::NULL_CODE;
use foldhash::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The rows of sets by their ids, made when they are first looked up.
#[derive(Default)]
pub struct Members<'a> {
    stop: Stop<'a>,
    known: Mutex<HashMap<NodeId, Arc<ById>>>,
    /// Bytes that are charged for them.
    held: AtomicU64,
}

impl<'a> Members<'a> {
    pub fn new(stop: Stop<'a>) -> Members<'a> {
        Members { stop, known: Mutex::default(), held: AtomicU64::new(0) }
    }
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.stop.memory {
            memory.give_back(*self.held.get_mut());
        }
    }
}

/// Of each request, in its place: ids, ascending, each with the number of its row.
pub type ById = Vec<(u32, u32)>;

impl Run<'_> {
    /// The rows of a set by their ids; none if the run has to end.
    pub fn members(&self, set: NodeId) -> Arc<ById> {
        let mut known = self.members.known.lock().unwrap_or_else(|e| e.into_inner());
        let made = known.entry(set).or_insert_with(|| {
            let rows = self.sets.rows(set);
            let mut by_id = vec![(NULL_CODE, 0); rows.len()];
            let held = self.stop.hold(rows.len() * size_of::<(u32, u32)>());
            let mut keys = Vec::new();
            for request in 0..rows.requests() {
                let range = rows.range(request);
                let key = |i: usize| u128::from(rows.ids[i]) << 32 | i as u128;
                arrange(range.clone().map(key), None, &mut keys, self.stop);
                // fewer if the run has to end
                for (by_id, key) in by_id[range].iter_mut().zip(&keys) {
                    *by_id = ((key >> 32) as u32, *key as u32);
                }
            }
            self.members.held.fetch_add(held.keep(), Ordering::Relaxed);
            Arc::new(by_id)
        });
        made.clone()
    }
}
