//! Progress of long work, told to a callable of Python.

use crate::waiting::{self, Stop};
use igql::Progress;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a callable is called.
const EVERY: Duration = Duration::from_millis(100);

/// What work panics with where it is to end and has no other way: nobody sees it.
struct Stopped;

/// Tells a callable `(stage, done, total)`, and ends the work when it is asked to.
pub struct Told {
    stop: Stop,
    callable: Option<Py<PyAny>>,
    begun: Instant,
    /// When it was called last, in milliseconds since then.
    last: AtomicU64,
}

impl Told {
    pub fn new(stop: Stop, callable: Option<Py<PyAny>>) -> Told {
        Told { stop, callable, begun: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Whether it is time to call again, for one of the threads that ask.
    fn is_time(&self) -> bool {
        let now = self.begun.elapsed().as_millis() as u64;
        let last = self.last.load(Ordering::Relaxed);
        let is_time = now >= last + EVERY.as_millis() as u64;
        let order = Ordering::Relaxed;
        is_time && self.last.compare_exchange(last, now, order, order).is_ok()
    }
}

impl Progress for Told {
    fn report(&self, stage: &str, done: u64, total: u64) {
        if self.stop.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new(Stopped));
        }
        if let Some(callable) = self.callable.as_ref().filter(|_| self.is_time()) {
            // at the exit of the interpreter there is nobody to tell
            let told = waiting::call(|py| {
                if let Err(error) = callable.call1(py, (stage, done, total)) {
                    error.write_unraisable(py, None);
                }
            });
            let _ = told;
        }
    }
}
