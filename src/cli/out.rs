//! The one way in which commands write: results to standard output or to a file, everything else
//! to standard error.
//!
//! - A reader that goes away ends the command in silence, wherever it was.
//! - A file is written aside and takes its name when it is whole ([`crate::files`]); a device or a
//!   pipe is written to.
//! - Any other failure to write is an error. Where standard error fails, there is nobody left to
//!   tell, and the exit code does.

use super::{Failure, progress};
use crate::files::{self, Replacement};
use crate::visible::visible_lines;
use crate::wire::{Packing, Sink};
use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that was to go to standard error did not.
static LOST: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What is said on this thread while somebody else is told of it.
    static CAUGHT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Writes a result to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = Flow(io::stdout().lock());
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| failed("standard output", &e))
}

/// Writes a line to standard error; what data and programs bring into it cannot act on a terminal.
pub fn say(line: impl Display) {
    show(&format!("{}\n", visible_lines(&line.to_string())));
}

/// Does some work of a command for a program that has a way of its own to tell people things: what the work says on
/// this thread is returned, and nothing goes to standard error.
pub fn caught<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let before = CAUGHT.replace(Some(Vec::new()));
    let done = work();
    (done, CAUGHT.replace(before).unwrap_or_default())
}

/// Writes a text to standard error as it is.
pub fn show(text: &str) {
    let taken = CAUGHT.with_borrow_mut(|caught| {
        caught.as_mut().map(|caught| caught.push(text.trim_end_matches('\n').to_owned()))
    });
    if taken.is_some() {
        return;
    }
    match progress::paused(|| io::stderr().lock().write_all(text.as_bytes())) {
        // nobody reads the messages any more; what the command makes may still be wanted
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(_) => LOST.store(true, Ordering::Relaxed),
        Ok(()) => {}
    }
}

/// Whether messages could not be written.
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// A file that cannot be written.
pub fn failed(name: impl Display, error: &io::Error) -> Failure {
    Failure::Usage(format!("{name}: {error}"))
}

/// A stream whose reader may go away: that ends the process.
struct Flow<W>(W);

impl<W: Write> Flow<W> {
    fn checked<T>(result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => files::exit(0),
            other => other,
        }
    }
}

impl<W: Write> Write for Flow<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::checked(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::checked(self.0.flush())
    }
}

/// Where a result goes.
#[derive(Clone, Debug)]
pub enum Place {
    Stdout,
    /// A device or a pipe: it is written to as it is.
    Special(PathBuf),
    File(PathBuf),
}

impl Place {
    /// The place that a command names; standard output if it names none.
    pub fn of(path: Option<&Path>) -> Place {
        match path {
            None => Place::Stdout,
            Some(path) if ["-", "/dev/stdout"].iter().any(|p| path == Path::new(p)) => {
                Place::Stdout
            }
            Some(path) => match path.metadata() {
                Ok(found) if !found.is_file() && !found.is_dir() => Place::Special(path.to_owned()),
                _ => Place::File(path.to_owned()),
            },
        }
    }

    pub fn is_terminal(&self) -> bool {
        matches!(self, Place::Stdout) && io::stdout().is_terminal()
    }

    /// The file that the place is.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Place::File(path) => Some(path),
            Place::Stdout | Place::Special(_) => None,
        }
    }

    /// Fails if no file can be made there: that is said before the work whose result it is to hold.
    pub fn probe(&self) -> Result<(), Failure> {
        match self.file().map(Replacement::new) {
            Some(Err(error)) => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    /// Fails with what is wrong with the place.
    pub fn failed(&self, error: &io::Error) -> Failure {
        match self {
            Place::Stdout => failed("standard output", error),
            Place::Special(path) | Place::File(path) => failed(path.display(), error),
        }
    }

    /// Begins to write.
    pub fn open(self, packing: Packing) -> Result<(Box<dyn Sink>, Pending), Failure> {
        match self.begin(packing) {
            Ok((sink, file)) => Ok((sink, Pending { place: self, file })),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn begin(&self, packing: Packing) -> io::Result<(Box<dyn Sink>, Option<Replacement>)> {
        Ok(match self {
            Place::Stdout => (packing.sink(Flow(io::stdout()))?, None),
            Place::Special(path) => {
                let stream = std::fs::File::options().write(true).open(path)?;
                (packing.sink(Flow(stream))?, None)
            }
            Place::File(path) => {
                let file = Replacement::new(path)?;
                (packing.sink(file.writer()?)?, Some(file))
            }
        })
    }

    /// Writes a whole result.
    pub fn write(self, text: &str) -> Result<(), Failure> {
        let (mut sink, pending) = self.open(Packing::Plain)?;
        let written = sink.write_all(text.as_bytes());
        pending.finish(written.and_then(|()| sink.finish()))
    }
}

/// A place that is being written.
pub struct Pending {
    place: Place,
    file: Option<Replacement>,
}

impl Pending {
    pub fn failed(&self, error: &io::Error) -> Failure {
        self.place.failed(error)
    }

    /// Puts a file into its place, if everything was written.
    pub fn finish(self, written: io::Result<()>) -> Result<(), Failure> {
        let done = written.and_then(|()| self.file.map_or(Ok(()), Replacement::commit));
        done.map_err(|e| self.place.failed(&e))
    }
}
