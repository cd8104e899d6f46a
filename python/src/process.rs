//! What belongs to one process: pools of threads, and handles of engines and programs.
//!
//! A process that was forked has no thread of its parent but one, and locks may be held by the others for ever.
//! So a child touches nothing that its parent made: neither does it use pools and handles, nor does it drop them.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that a process makes for itself when it first needs it.
pub struct OfProcess<T>(AtomicPtr<Made<T>>);

struct Made<T> {
    process: u32,
    it: T,
}

impl<T> OfProcess<T> {
    /// Of this process.
    pub fn new(it: T) -> OfProcess<T> {
        let made = Made { process: std::process::id(), it };
        OfProcess(AtomicPtr::new(Box::into_raw(Box::new(made))))
    }

    /// Nothing yet, in any process.
    pub const fn nothing() -> OfProcess<T> {
        OfProcess(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// What this process has.
    fn own(&self) -> Option<&T> {
        let made = self.0.load(Ordering::Acquire);
        // SAFETY: what was stored stays where it is until this is dropped
        let made = unsafe { made.as_ref() }?;
        (made.process == std::process::id()).then_some(&made.it)
    }

    /// What this process has, or makes now. What another process has made is left alone.
    pub fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(own) = self.own() {
            return Ok(own);
        }
        let inherited = self.0.load(Ordering::Acquire);
        let made = Box::into_raw(Box::new(Made { process: std::process::id(), it: make()? }));
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let kept = match self.0.compare_exchange(inherited, made, order.0, order.1) {
            Ok(_) => made,
            Err(others) => {
                // another thread was faster
                // SAFETY: nobody else has seen it
                drop(unsafe { Box::from_raw(made) });
                others
            }
        };
        // SAFETY: what was stored stays where it is until this is dropped
        Ok(unsafe { &(*kept).it })
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.own().is_some() {
            // SAFETY: it was made by `Box::into_raw`, and nobody borrows it any more
            drop(unsafe { Box::from_raw(*self.0.get_mut()) });
        }
    }
}

/// Pools with their number of threads, the newest last; 0: one thread a core.
type Pools = Mutex<Vec<(usize, Arc<ThreadPool>)>>;

/// Pools that are kept; threads of others end with the calls that use them.
const KEPT: usize = 4;

static POOLS: OfProcess<Pools> = OfProcess::nothing();

/// As many as the command takes.
const MOST_THREADS: usize = 1024;

/// Threads of this process: so many, or one a core.
pub fn pool(threads: Option<usize>) -> PyResult<Arc<ThreadPool>> {
    if threads.is_some_and(|n| n == 0 || n > MOST_THREADS) {
        return Err(PyValueError::new_err(format!("`threads` is from 1 to {MOST_THREADS}")));
    }
    let pools = POOLS.get(|| PyResult::Ok(Mutex::default()))?;
    let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
    let threads = threads.unwrap_or(0);
    if let Some(at) = pools.iter().position(|(n, _)| *n == threads) {
        let known = pools.remove(at);
        pools.push(known);
        return Ok(pools[pools.len() - 1].1.clone());
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    let built = builder.thread_name(|n| format!("igql-{n}")).build();
    let pool = Arc::new(built.map_err(|e| PyRuntimeError::new_err(format!("no threads: {e}")))?);
    pools.push((threads, pool.clone()));
    if pools.len() > KEPT {
        pools.remove(0);
    }
    Ok(pool)
}
