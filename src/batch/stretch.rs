//! How long a thread computes between two looks at the clock: what a run may take beyond its deadline.
//!
//! Debug builds keep the longest stretches, each with the operator that it was in and the function that was
//! last begun, so that tests find a loop that never looks. Other builds keep nothing. Time is what the thread
//! had of a processor: other work on the machine does not count.

use std::time::Duration;

/// Work between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub op: &'static str,
    /// The function that was begun last; empty if there was none.
    pub function: &'static str,
    pub time: Duration,
}

#[cfg(debug_assertions)]
mod kept {
    use super::{Stretch, thread_time};
    use std::cell::Cell;
    use std::sync::Mutex;
    use std::time::Duration;

    thread_local! {
        static OP: Cell<&'static str> = const { Cell::new("") };
        static FUNCTION: Cell<&'static str> = const { Cell::new("") };
        static LAST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// The longest of each operator and function.
    static LONGEST: Mutex<Vec<Stretch>> = Mutex::new(Vec::new());

    /// Shorter ones are of no interest.
    const SHORT: Duration = Duration::from_millis(1);

    /// Until it is dropped the thread is in an operator.
    pub struct Within {
        before: &'static str,
    }

    pub fn within(op: &'static str) -> Within {
        look();
        let before = OP.replace(op);
        Within { before }
    }

    impl Drop for Within {
        fn drop(&mut self) {
            look();
            OP.set(self.before);
        }
    }

    pub fn at(function: &'static str) {
        FUNCTION.set(function);
    }

    pub fn look() {
        let now = thread_time();
        let time = now.saturating_sub(LAST.replace(now));
        let (op, function) = (OP.get(), FUNCTION.replace(""));
        // what a thread did before it came to an operator is nobody's
        if time < SHORT || op.is_empty() {
            return;
        }
        let mut longest = LONGEST.lock().unwrap_or_else(|e| e.into_inner());
        let same = |s: &&mut Stretch| (s.op, s.function) == (op, function);
        match longest.iter_mut().find(same) {
            Some(known) => known.time = known.time.max(time),
            None => longest.push(Stretch { op, function, time }),
        }
    }

    pub fn longest() -> Vec<Stretch> {
        let mut longest = LONGEST.lock().unwrap_or_else(|e| e.into_inner());
        let mut longest = std::mem::take(&mut *longest);
        longest.sort_by_key(|s| std::cmp::Reverse(s.time));
        longest
    }
}

#[cfg(not(debug_assertions))]
mod kept {
    pub struct Within;

    #[inline(always)]
    pub fn within(_: &'static str) -> Within {
        Within
    }

    #[inline(always)]
    pub fn at(_: &'static str) {}

    #[inline(always)]
    pub fn look() {}

    pub fn longest() -> Vec<super::Stretch> {
        Vec::new()
    }
}

/// Time that the processor spent on this thread; where the system does not tell, time since the first call.
#[doc(hidden)]
pub fn thread_time() -> Duration {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes to a timespec that lives on
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
}

/// The thread is in an operator until what this gives is dropped.
#[must_use]
#[inline]
pub fn within(op: &'static str) -> impl Drop {
    Guard(kept::within(op))
}

struct Guard(#[allow(dead_code, reason = "dropped at the end")] kept::Within);

impl Drop for Guard {
    fn drop(&mut self) {}
}

/// A function begins.
#[inline]
pub fn at(function: &'static str) {
    kept::at(function);
}

/// A look at the clock.
#[inline]
pub(super) fn look() {
    kept::look();
}

/// Takes the longest stretches of all threads since they were taken last, the longest first.
pub fn longest() -> Vec<Stretch> {
    kept::longest()
}
