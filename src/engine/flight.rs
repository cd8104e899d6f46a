//! Passes that run at the same time.

use crate::ops::Limits;
use std::sync::{OnceLock, PoisonError, RwLock};

/// Passes on several threads, which share the memory that a request may take
/// ([`Limits::max_memory`]): each has its part, and a request that needs more waits until it is alone.
///
/// Each thread must have a pool of its own, as those of [`in_order`](crate::stream::in_order) do: one that
/// took over the pass of another would wait for itself.
pub struct Flight {
    passes: u64,
    /// The time of requests that do not say one.
    now: OnceLock<i64>,
    alone: RwLock<()>,
}

impl Flight {
    /// For so many passes, as many at a time as rayon has threads.
    pub fn of(passes: usize) -> Flight {
        let threads = rayon::current_num_threads().min(passes).max(1);
        Flight { passes: threads as u64, now: OnceLock::new(), alone: RwLock::new(()) }
    }

    /// The same time for all passes: the clock is read once.
    pub(super) fn now(&self, clock: impl FnOnce() -> i64) -> i64 {
        *self.now.get_or_init(clock)
    }

    /// Whether a pass has less than its limits say, because of others.
    pub(super) fn shares(&self, limits: Limits) -> bool {
        self.passes > 1 && limits.max_memory.is_some()
    }

    /// The limits of a pass beside others.
    pub(super) fn share(&self, limits: Limits) -> Limits {
        Limits { max_memory: limits.max_memory.map(|bytes| bytes / self.passes), ..limits }
    }

    /// Runs something beside other passes.
    pub(super) fn among_others<R>(&self, run: impl FnOnce() -> R) -> R {
        let _others = self.alone.read().unwrap_or_else(PoisonError::into_inner);
        run()
    }

    /// Runs something when no other pass runs.
    pub(super) fn alone<R>(&self, run: impl FnOnce() -> R) -> R {
        let _alone = self.alone.write().unwrap_or_else(PoisonError::into_inner);
        run()
    }
}
