//! The snapshot and what is derived from it are mapped into memory. Where somebody shortens such a
//! file in place, reading it is a signal (SIGBUS) that ends the process: here, with a message.

/// Makes that signal an error with exit code 3.
#[cfg(unix)]
pub fn guard() {
    // SAFETY: the handler does nothing but what a signal handler may: it writes and exits.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = shortened as *const () as usize;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

#[cfg(not(unix))]
pub fn guard() {}

#[cfg(unix)]
extern "C" fn shortened(_: libc::c_int) {
    const TEXT: &[u8] = b"error: a file in `.igql` was truncated while in use\n  \
        help: run the command again; replace such files by renaming, never in place\n";
    // SAFETY: the bytes live forever, and both calls may be made in a signal handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(3)
    }
}
