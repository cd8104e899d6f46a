//! Signals that end a command: what it was writing is removed first.

use crate::files;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the process on Ctrl-C and when it is told to terminate, with 128 and the signal's number as
/// its exit code. With a flag, Ctrl-C sets that instead. A file beyond the size that is allowed
/// (`ulimit -f`) is no more than an error of whoever writes it.
pub fn watch(stop: Option<&'static AtomicBool>) {
    // without a handler a signal ends the process all the same, and leaves temporary files
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGXFSZ]) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            match stop {
                _ if signal == SIGXFSZ => {}
                Some(stop) if signal == SIGINT => stop.store(true, Ordering::Relaxed),
                _ => files::exit(128 + signal),
            }
        }
    });
}
