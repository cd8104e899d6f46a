//! What a binding to another language shares with the command: the same options, parsed by the same definitions, and
//! the same reports, as values. Nothing here writes to standard output or standard error, reads standard input, touches
//! signals or ends the process; only [`main_from`] is the command itself.
//!
//! Options are words as on the command line, without what the caller has brought itself: programs, the engine, a file
//! for the result. A mistake in one is [`EmbeddedError::Usage`], which names the option.

mod catalogs;
mod programs;
mod replays;
mod trainings;
mod tunings;
mod words;

pub use super::main_from;
pub use super::progress::Within;
pub use catalogs::{Guessed, describe, first_program, init};
pub use programs::{Checked, answer_json, check, explain, explained, reasons, table};
pub use replays::{Replayed, replay};
pub use trainings::{Training, train};
pub use tunings::{Tuning, tune};

use super::{Failure, options, out};
use crate::engine::CompileError;
use crate::ops::RunError;
use crate::store::DataError;
use std::fmt;

/// Why there is no result.
#[derive(Debug)]
pub enum EmbeddedError {
    /// An option is wrong, or does not fit the programs or the data: what, and what to do.
    Usage(String),
    /// The catalog or a file of data is broken.
    Data(Box<DataError>),
    /// A program does not compile, or not with values that an option gives its tunables.
    Compile(Box<CompileError>),
    /// A request failed, or hit a limit.
    Run(Box<RunError>),
    /// The flag of [`Within`] was set.
    Stopped,
}

impl fmt::Display for EmbeddedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmbeddedError::Usage(message) => f.write_str(message),
            EmbeddedError::Data(error) => f.write_str(&options::of_data(error)),
            EmbeddedError::Compile(error) => error.fmt(f),
            EmbeddedError::Run(error) => f.write_str(&options::of_run(error)),
            EmbeddedError::Stopped => RunError::Stopped.fmt(f),
        }
    }
}

impl std::error::Error for EmbeddedError {}

/// Does some work of a command, and gives the warnings that the command would say.
fn heard<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Vec<String>), EmbeddedError> {
    let (done, said) = out::caught(work);
    match done {
        Ok(done) => Ok((done, said.iter().map(|line| without(line, "warning: ")).collect())),
        Err(Failure::Usage(message)) => Err(EmbeddedError::Usage(message)),
        Err(Failure::Data(error)) => Err(EmbeddedError::Data(error)),
        Err(Failure::Compile(error)) => Err(EmbeddedError::Compile(error)),
        Err(Failure::Run(error)) if *error == RunError::Stopped => Err(EmbeddedError::Stopped),
        Err(Failure::Run(error)) => Err(EmbeddedError::Run(error)),
        // what has been said instead is the message
        Err(Failure::Program | Failure::Said(_)) => {
            let lines: Vec<String> = said.iter().map(|line| without(line, "error: ")).collect();
            Err(EmbeddedError::Usage(lines.join("\n")))
        }
    }
}

/// A line without the word in front that says what it is.
fn without(line: &str, word: &str) -> String {
    line.strip_prefix(word).unwrap_or(line).to_owned()
}
