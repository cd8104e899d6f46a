//! When a run has to end before it is done.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// When a run has to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    pub deadline: Option<Instant>,
    /// Ends it when it becomes true.
    pub flag: Option<&'static AtomicBool>,
}

impl Stop {
    /// Whether it has to end now. What is computed after that may be anything: nobody looks at it.
    pub fn is_due(&self) -> bool {
        self.is_asked() || self.is_late()
    }

    /// Whether someone asked for it.
    pub fn is_asked(&self) -> bool {
        self.flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Whether the time is over.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|end| Instant::now() > end)
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
        let stop = Stop {
            flag: Some(&ASKED),
            deadline: None,
        };
        assert!(!stop.is_due());
        ASKED.store(true, Ordering::Relaxed);
        assert!(stop.is_due() && stop.is_asked() && !stop.is_late());
        let late = Stop {
            deadline: Some(Instant::now() - std::time::Duration::from_millis(1)),
            flag: None,
        };
        assert!(late.is_due() && !late.is_asked());
    }
}
