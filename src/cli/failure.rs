//! Why a command ends early, and with which exit code.

use super::{draw, options, out};
use crate::engine::CompileError;
use crate::ops::RunError;
use crate::store::DataError;

/// The program has errors.
pub const PROGRAM: u8 = 1;
/// Wrong usage of the command.
pub const USAGE: u8 = 2;
/// The catalog or a data file is broken.
pub const DATA: u8 = 3;
/// A limit was hit at run time.
pub const LIMIT: u8 = 4;

/// Why a command ends early.
pub enum Failure {
    /// With what has been drawn already.
    Program,
    /// With what is wrong with a program.
    Compile(Box<CompileError>),
    /// With this exit code, and what has been said already.
    Said(u8),
    Usage(String),
    Data(Box<DataError>),
    Run(Box<RunError>),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Failure::Data(Box::new(error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure::Run(Box::new(error))
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        Failure::Compile(Box::new(error))
    }
}

/// Says why a command ends early, and gives its exit code.
pub fn fail(failure: Failure) -> u8 {
    let (code, message) = match failure {
        Failure::Program => return PROGRAM,
        Failure::Compile(error) => {
            draw(&error.diagnostics, &error.sources);
            return PROGRAM;
        }
        Failure::Said(code) => return code,
        Failure::Usage(message) => (USAGE, format!("error: {message}")),
        Failure::Data(error) => (DATA, options::of_data(&error)),
        Failure::Run(error) => {
            let code = match *error {
                RunError::Limit(_) | RunError::Stopped => LIMIT,
                _ => USAGE,
            };
            (code, format!("error: {}", options::of_run(&error)))
        }
    };
    out::say(message);
    code
}

/// What came of several files so far, as an exit code: a file that could not be read or written
/// weighs more than one with errors.
#[derive(Default)]
pub struct Outcome(pub u8);

impl Outcome {
    pub fn note(&mut self, code: u8) {
        self.0 = self.0.max(code);
    }

    /// A result; why there is none is said at once, and the other files are not held up.
    pub fn take<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.note(fail(failure))).ok()
    }

    pub fn end(self) -> Result<(), Failure> {
        match self.0 {
            0 => Ok(()),
            code => Err(Failure::Said(code)),
        }
    }
}
