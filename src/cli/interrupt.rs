//! Signals that end a command: what it was writing is removed first.

/// What a command does on Ctrl-C instead of ending: whether it does.
pub type Heard = fn() -> bool;

/// Ends the process on Ctrl-C, when its terminal goes away and when it is told to terminate, with 128 and the signal's number as
/// its exit code, unless the command hears Ctrl-C itself. A file beyond the size that is allowed
/// (`ulimit -f`) is no more than an error of whoever writes it.
#[cfg(unix)]
pub fn watch(heard: Heard) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    // without a handler a signal ends the process all the same, and leaves temporary files
    let ends = [SIGHUP, SIGINT, SIGTERM, SIGXFSZ];
    // `nohup` lets a command go on without its terminal
    let signals = ends.into_iter().filter(|&signal| signal != SIGHUP || !is_ignored(signal));
    let Ok(mut signals) = signal_hook::iterator::Signals::new(signals) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let is_taken = signal == SIGXFSZ || signal == SIGINT && heard();
            if !is_taken {
                crate::files::exit(128 + signal);
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
pub fn watch(_heard: Heard) {}
