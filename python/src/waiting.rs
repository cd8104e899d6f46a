//! Work of the engine, during which Python goes on: without the GIL, and with Ctrl-C heard.

use crate::errors;
use crate::process::pool;
use pyo3::prelude::*;
use rayon::ThreadPool;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long work may take to end after it was asked to. What does not end by then is left to itself.
const ENDS: Duration = Duration::from_millis(20);
/// How long the thread that waits stays awake: most requests take less than it takes to wake up.
const AWAKE: Duration = Duration::from_micros(50);

/// Becomes true when work is to end.
pub type Stop = &'static AtomicBool;

/// What came of work, for the thread that waits for it.
struct Outcome<T> {
    is_there: AtomicBool,
    it: Mutex<Option<Result<T, Box<dyn Any + Send>>>>,
    came: Condvar,
}

impl<T> Outcome<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Result<T, Box<dyn Any + Send>>>> {
        self.it.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, it: Result<T, Box<dyn Any + Send>>) {
        *self.lock() = Some(it);
        self.is_there.store(true, Ordering::Release);
        self.came.notify_one();
    }

    /// Waits for it, but not for ever.
    fn wait(&self, most: Duration, awake: Duration) -> Option<Result<T, Box<dyn Any + Send>>> {
        let begun = Instant::now();
        while !self.is_there.load(Ordering::Acquire) && begun.elapsed() < awake {
            std::hint::spin_loop();
        }
        let waited = self.came.wait_timeout_while(self.lock(), most, |it| it.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

/// Calls into Python from threads of the engine that have not come back, and whether there may be more.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// How long the end of the interpreter waits for them.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// Calls into Python from a thread of the engine; none where the interpreter ends. Who came back to an interpreter that is
/// gone would end the process.
pub fn call<T>(f: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    CALLS.fetch_add(1, Ordering::SeqCst);
    let called = match IS_CLOSED.load(Ordering::SeqCst) {
        true => None,
        false => Python::try_attach(f),
    };
    CALLS.fetch_sub(1, Ordering::SeqCst);
    called
}

/// Waits until no thread of the engine is in Python any more, and lets none in: at the exit of the interpreter.
#[pyfunction]
pub fn _closing(py: Python<'_>) {
    IS_CLOSED.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    py.detach(|| {
        while CALLS.load(Ordering::SeqCst) > 0 && begun.elapsed() < LAST_CALLS {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Does work on threads of this process, without the GIL. On the main thread Python's handlers of signals run
/// meanwhile; what they raise ends the work.
pub fn work<T: Send + 'static>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(Stop) -> T + Send + 'static,
) -> PyResult<T> {
    let (stop, pool) = (stop(), pool(threads)?);
    let run = move || catch_unwind(AssertUnwindSafe(|| work(stop)));
    let done = if is_main_thread(py)? {
        watched(py, &pool, stop, run)?
    } else {
        let done = py.detach(|| pool.install(run));
        STOP.set(Some(stop));
        done
    };
    done.map_err(|panic| errors::internal(py, &*panic))
}

/// Does work that takes no time to speak of on the thread that asks, without the GIL.
pub fn here<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    done.map_err(|panic| errors::internal(py, &*panic))
}

static LOADED_BY: OnceLock<u32> = OnceLock::new();

/// Notes which process has loaded the module.
pub fn loaded() {
    LOADED_BY.get_or_init(std::process::id);
}

/// Whether this process has loaded the module: in its children the threads are missing that the engine shares
/// with all who call it from outside of a pool.
pub fn is_original() -> bool {
    LOADED_BY.get() == Some(&std::process::id())
}

fn watched<T: Send + 'static>(
    py: Python<'_>,
    pool: &ThreadPool,
    stop: Stop,
    run: impl FnOnce() -> Result<T, Box<dyn Any + Send>> + Send + 'static,
) -> PyResult<Result<T, Box<dyn Any + Send>>> {
    let outcome = Arc::new(Outcome {
        is_there: AtomicBool::new(false),
        it: Mutex::new(None),
        came: Condvar::new(),
    });
    let theirs = outcome.clone();
    py.detach(|| pool.spawn(move || theirs.put(run())));
    let mut awake = AWAKE;
    loop {
        if let Some(done) = py.detach(|| outcome.wait(LOOK, awake)) {
            STOP.set(Some(stop));
            return Ok(done);
        }
        awake = Duration::ZERO;
        if let Err(raised) = py.check_signals() {
            stop.store(true, Ordering::Relaxed);
            if py.detach(|| outcome.wait(ENDS, awake)).is_some() {
                STOP.set(Some(stop));
            }
            // what goes on still reads its flag
            return Err(raised);
        }
    }
}

thread_local! {
    /// A flag that no call of this thread uses now.
    static STOP: Cell<Option<Stop>> = const { Cell::new(None) };
}

/// A flag for one call, not raised. Handlers of signals may call again meanwhile.
fn stop() -> Stop {
    let stop = STOP.take().unwrap_or_else(|| Box::leak(Box::new(AtomicBool::new(false))));
    stop.store(false, Ordering::Relaxed);
    stop
}

/// Whether handlers of signals run on this thread.
#[cfg(target_os = "linux")]
fn is_main_thread(_: Python<'_>) -> PyResult<bool> {
    // SAFETY: neither call has a condition
    Ok(unsafe { libc::getpid() == libc::gettid() })
}

#[cfg(not(target_os = "linux"))]
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let current = threading.call_method0("current_thread")?;
    Ok(current.is(&threading.call_method0("main_thread")?))
}
