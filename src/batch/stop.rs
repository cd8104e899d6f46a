//! When a run has to end before it is done.

use super::{Memory, stretch};
use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// When a run has to end: when its time is over, when someone asks for it, when it would hold too much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop<'a> {
    pub deadline: Option<Instant>,
    /// Ends it when it becomes true.
    pub flag: Option<&'static AtomicBool>,
    /// For tests: counts the looks at the clock, and can end the run at one of them.
    #[doc(hidden)]
    pub looks: Option<&'a Looks>,
    /// What the run holds.
    pub memory: Option<&'a Memory<'a>>,
    /// Where a registered function says that it failed, which ends the run.
    pub failed: Option<&'a Failed>,
}

/// The first registered function of a run that failed.
#[derive(Debug, Default)]
pub struct Failed(OnceLock<(String, String)>);

impl Failed {
    /// Its name, and what it says.
    pub fn said(&self) -> Option<&(String, String)> {
        self.0.get()
    }
}

/// Looks at the clock, counted. On one thread a program makes the same ones in every run, so a run can be
/// cut at the same place again.
///
/// ```
/// use igql::batch::Looks;
/// static LOOKS: Looks = Looks::new();
/// LOOKS.cut_at(3); // the run is late from its third look on
/// ```
#[derive(Debug)]
pub struct Looks {
    made: AtomicU64,
    cut: AtomicU64,
}

impl Looks {
    /// Counts, and cuts nothing.
    #[allow(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Looks {
        Looks { made: AtomicU64::new(0), cut: AtomicU64::new(u64::MAX) }
    }

    /// Begins to count anew; the run is late from its `n`th look on (the first is 1).
    pub fn cut_at(&self, n: u64) {
        self.made.store(0, Ordering::Relaxed);
        self.cut.store(n, Ordering::Relaxed);
    }

    /// How many there were since the count began.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    fn is_cut(&self) -> bool {
        self.made.fetch_add(1, Ordering::Relaxed) + 1 >= self.cut.load(Ordering::Relaxed)
    }
}

impl Stop<'_> {
    /// Whether it has to end now. What is computed after that may be anything: nobody looks at it.
    pub fn is_due(&self) -> bool {
        self.is_asked() || self.is_over() || self.has_failed() || self.is_late()
    }

    /// Notes that a function failed. The first that did is told.
    pub fn fail(&self, by: &str, message: impl ToString) {
        if let Some(failed) = self.failed {
            failed.0.get_or_init(|| (by.to_owned(), message.to_string()));
        }
    }

    /// Whether a registered function failed.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some_and(|failed| failed.said().is_some())
    }

    /// Whether it would hold more than it may.
    pub fn is_over(&self) -> bool {
        self.memory.is_some_and(Memory::is_over)
    }

    /// Whether someone asked for it.
    pub fn is_asked(&self) -> bool {
        self.flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Whether the time is over.
    pub fn is_late(&self) -> bool {
        stretch::look();
        self.deadline.is_some_and(|end| Instant::now() > end)
            || self.looks.is_some_and(Looks::is_cut)
    }
}

/// Looks at the clock whenever enough work was done: for loops whose steps may take much or little.
#[derive(Debug)]
pub struct Pace<'a> {
    stop: Stop<'a>,
    left: Cell<usize>,
    is_due: Cell<bool>,
}

/// Nanoseconds, about, between two looks.
const PACE: usize = 500_000;

impl<'a> Pace<'a> {
    pub fn new(stop: Stop<'a>) -> Pace<'a> {
        Pace { stop, left: Cell::new(PACE), is_due: Cell::new(false) }
    }

    /// Whether the run has to end, before a step that takes about so many nanoseconds.
    #[inline]
    pub fn is_due_before(&self, nanos: usize) -> bool {
        if nanos < self.left.get() {
            self.left.set(self.left.get() - nanos);
        } else {
            self.left.set(PACE);
            self.is_due.set(self.is_due.get() || self.stop.is_due());
        }
        self.is_due.get()
    }
}

/// Gives back memory on another thread: who has set a deadline does not wait for that.
pub fn discard(value: impl Send + 'static) {
    rayon::spawn(move || drop(value));
}

/// Rows that are looked at between two looks at the clock, unless each takes much or next to nothing.
pub const BLOCK: usize = 1 << 14;

/// A range in parts, between which one may look at the clock.
pub fn blocks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = range.clone().step_by(size);
    starts.map(move |start| start..range.end.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_when_asked_and_when_late() {
        static ASKED: AtomicBool = AtomicBool::new(false);
        assert!(!Stop::default().is_due());
        let stop = Stop { flag: Some(&ASKED), ..Stop::default() };
        assert!(!stop.is_due());
        ASKED.store(true, Ordering::Relaxed);
        assert!(stop.is_due() && stop.is_asked() && !stop.is_late());
        let late = Stop {
            deadline: Some(Instant::now() - std::time::Duration::from_millis(1)),
            ..Stop::default()
        };
        assert!(late.is_due() && !late.is_asked());
    }

    #[test]
    fn cut_at_a_look() {
        static LOOKS: Looks = Looks::new();
        let stop = Stop { looks: Some(&LOOKS), ..Stop::default() };
        assert!(!stop.is_due() && !stop.is_due());
        assert_eq!(LOOKS.made(), 2);
        LOOKS.cut_at(3);
        assert_eq!([0; 5].map(|_| stop.is_due()), [false, false, true, true, true]);
    }
}
