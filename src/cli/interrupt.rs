//! Signals that end a command: what it was writing is removed first.

use std::sync::atomic::AtomicBool;

/// Ends the process on Ctrl-C and when it is told to terminate, with 128 and the signal's number as
/// its exit code. With a flag, Ctrl-C sets that instead. A file beyond the size that is allowed
/// (`ulimit -f`) is no more than an error of whoever writes it.
#[cfg(unix)]
pub fn watch(stop: Option<&'static AtomicBool>) {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
    use std::sync::atomic::Ordering;
    // without a handler a signal ends the process all the same, and leaves temporary files
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGXFSZ]) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            match stop {
                _ if signal == SIGXFSZ => {}
                Some(stop) if signal == SIGINT => stop.store(true, Ordering::Relaxed),
                _ => crate::files::exit(128 + signal),
            }
        }
    });
}

#[cfg(not(unix))]
pub fn watch(_stop: Option<&'static AtomicBool>) {}
