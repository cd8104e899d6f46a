//! Signals that end a command: what it was writing is removed first.

use std::sync::atomic::AtomicBool;

/// Ends the process on Ctrl-C, when its terminal goes away and when it is told to terminate, with 128 and the signal's number as
/// its exit code. With a flag, Ctrl-C sets that instead. A file beyond the size that is allowed
/// (`ulimit -f`) is no more than an error of whoever writes it.
#[cfg(unix)]
pub fn watch(stop: Option<&'static AtomicBool>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use std::sync::atomic::Ordering;
    // without a handler a signal ends the process all the same, and leaves temporary files
    let ends = [SIGHUP, SIGINT, SIGTERM, SIGXFSZ];
    // `nohup` lets a command go on without its terminal
    let heard = ends.into_iter().filter(|&signal| signal != SIGHUP || !is_ignored(signal));
    let Ok(mut signals) = signal_hook::iterator::Signals::new(heard) else {
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

/// Whether the command was started with a signal ignored.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: the action is only asked for, into memory of its own
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(not(unix))]
pub fn watch(_stop: Option<&'static AtomicBool>) {}
