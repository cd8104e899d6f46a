//! What comes at once at an empty prompt: a program that was typed ahead while a query ran, or pasted
//! into a terminal that does not mark what is pasted. The editor would take it line by line, and run
//! each as it comes; here it is one text. Single keys are left to the editor.

use super::PROMPT;
use crate::cli::out;
use nix::libc::{FIONREAD, c_int};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Read, stdin, stdout};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Fewer bytes than this are keys: no key sends more.
const BURST: usize = 8;
/// What comes within these milliseconds comes at once.
const GAP: u16 = 40;
/// What a terminal puts around a paste, and how it is asked to do so.
const PASTE: (&str, &str) = ("\u{1b}[200~", "\u{1b}[201~");
const MARK_PASTE: (&str, &str) = ("\u{1b}[?2004h", "\u{1b}[?2004l");
/// A paste whose end does not come is waited for so long.
const PATIENCE: u16 = 2_000;

/// What there is at the prompt.
#[derive(Debug, Default, PartialEq)]
pub struct Typed {
    /// Nothing: the editor reads the keys.
    pub text: String,
    /// It ends with Enter.
    pub entered: bool,
    /// Ctrl-D stands at its end.
    pub ends: bool,
    /// Bytes that are left to the editor.
    pub keys: usize,
}

nix::ioctl_read_bad!(
    /// Bytes that can be read at once.
    pending,
    FIONREAD,
    c_int
);

/// A terminal that gives bytes as they come, until it is dropped.
struct Raw(Termios);

impl Raw {
    fn new() -> Option<Raw> {
        let usual = tcgetattr(stdin()).ok()?;
        let mut raw = usual.clone();
        cfmakeraw(&mut raw);
        // lines are still written as lines
        raw.output_flags = usual.output_flags;
        tcsetattr(stdin(), SetArg::TCSADRAIN, &raw).ok()?;
        Some(Raw(usual))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // what cannot be set back stays
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Shows the prompt and waits for something to be there.
pub fn wait() -> Typed {
    let nothing = Typed::default();
    if !stdout().is_terminal() {
        return nothing;
    }
    let Some(_raw) = Raw::new() else {
        return nothing;
    };
    show(&format!("{}{PROMPT}", MARK_PASTE.0));
    while !ready(PollTimeout::NONE) {}
    std::thread::sleep(Duration::from_millis(5));
    let mut count: c_int = 0;
    // SAFETY: the descriptor is standard input, and the number outlives the call
    let counted = unsafe { pending(stdin().as_raw_fd(), &mut count) };
    let keys = counted.map_or(0, |_| count as usize);
    let typed = match keys >= BURST {
        true => understood(&String::from_utf8_lossy(&burst())),
        false => Typed { keys, ..nothing },
    };
    show(MARK_PASTE.1);
    typed
}

/// A terminal that cannot be written ends the session with what comes next.
fn show(text: &str) {
    let _ = out::print(text);
}

/// Whether bytes come in time; a signal is no reason to stop waiting.
fn ready(timeout: PollTimeout) -> bool {
    let input = stdin();
    let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(count) => count > 0,
        Err(nix::errno::Errno::EINTR) => false,
        Err(_) => true,
    }
}

/// All that comes at once; of a paste that is marked all up to its end.
fn burst() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    // not through the buffer of the standard library, which would keep what comes after
    let Ok(copy) = stdin().as_fd().try_clone_to_owned() else {
        return bytes;
    };
    let mut input = std::fs::File::from(copy);
    loop {
        match input.read(&mut buffer) {
            Ok(0) | Err(_) => return bytes,
            Ok(n) => bytes.extend(&buffer[..n]),
        }
        let ended = |mark: &str| bytes.windows(mark.len()).any(|w| w == mark.as_bytes());
        let open = bytes.starts_with(PASTE.0.as_bytes()) && !ended(PASTE.1);
        if !ready(PollTimeout::from(if open { PATIENCE } else { GAP })) {
            return bytes;
        }
    }
}

/// The text that some keys make.
fn understood(keys: &str) -> Typed {
    let mut typed = Typed::default();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        if let Some(pasted) = rest.strip_prefix(PASTE.0) {
            let (text, after) = pasted.split_once(PASTE.1).unwrap_or((pasted, ""));
            typed.text.push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
            // it is run when Enter is pressed, not because it ends a line
            typed.entered = false;
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        typed.entered = matches!(c, '\r' | '\n');
        match c {
            '\r' | '\n' => typed.text.push('\n'),
            '\t' => typed.text.push('\t'),
            // Backspace
            '\u{8}' | '\u{7f}' => drop(typed.text.pop()),
            // Ctrl-C begins anew
            '\u{3}' => typed.text.clear(),
            '\u{4}' if typed.text.is_empty() || typed.text.ends_with('\n') => {
                typed.entered = true;
                typed.ends = true;
                return typed;
            }
            // keys without a letter: the arrows and such
            '\u{1b}' => {
                let number = |c: char| c.is_ascii_digit() || c == ';';
                let key = rest.trim_start_matches(['[', 'O']).trim_start_matches(number);
                rest = key.get(1..).unwrap_or_default();
            }
            c if c.is_control() => {}
            c => typed.text.push(c),
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::understood;

    #[test]
    fn keys_make_a_text() {
        let typed = understood("a = uuser\u{7f}\u{7f}\u{7f}\u{7f}ser\r\n\t.x()\r");
        assert_eq!(typed.text, "a = user\n\n\t.x()\n");
        assert!(typed.entered && !typed.ends);
        let typed = understood("user\r\u{4}more");
        assert_eq!((&*typed.text, typed.ends), ("user\n", true));
        assert!(!understood("user").entered);
        assert_eq!(understood("a\u{1b}[A\u{1b}[1;5Cb").text, "ab");
    }

    #[test]
    fn what_is_pasted_waits_for_enter() {
        let typed = understood("\u{1b}[200~a\rb\r\u{1b}[201~");
        assert_eq!((&*typed.text, typed.entered), ("a\nb\n", false));
        assert!(understood("\u{1b}[200~a\rb\u{1b}[201~\r").entered);
    }
}
