//! Limits of a run, and why it ends without an answer.

use crate::batch::Stop;
use crate::types::Key;
use std::fmt;
use std::time::{Duration, Instant};

/// Hard limits of a run; none where there is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows or contributions that a request may make, over all operators.
    pub max_rows: u64,
    pub stop: Stop<'static>,
    /// Bytes that it may hold at one time: rows, and all that is made on the way to them.
    pub max_memory: Option<u64>,
    /// Whether a run that a limit ends gives what there is by then.
    pub partial: bool,
    /// How long a request may take, from when it begins to run.
    pub time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_rows: 10_000_000,
            stop: Stop::default(),
            max_memory: None,
            partial: false,
            time: None,
        }
    }
}

impl Limits {
    /// The usual limits: 10,000,000 rows, and no other.
    pub fn new() -> Limits {
        Limits::default()
    }

    /// The same with a time that a request may take.
    pub fn deadline(mut self, time: Duration) -> Limits {
        self.time = Some(time);
        self
    }

    /// The same for a run that begins now.
    pub fn from_now(mut self) -> Limits {
        let end = self.time.and_then(|time| Instant::now().checked_add(time));
        let ends = self.stop.deadline.into_iter().chain(end);
        self.stop.deadline = ends.min();
        self
    }

    /// The same with a time at which a run has to end.
    pub fn until(mut self, deadline: Instant) -> Limits {
        self.stop.deadline = Some(deadline);
        self
    }
}

/// A limit that a request hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub limit: Limit,
    /// Whose request it was; none if it has no user.
    pub user: Option<Key>,
    /// Where it was hit.
    pub message: String,
}

/// What is limited ([`Limits`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Rows,
    Time,
    Memory,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "user {user}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a run ended without an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// A limit was hit.
    Limit(Hit),
    /// The request does not fit the program: a parameter is unknown, or of another type.
    Request(String),
    /// The program needs a user, and the request has none.
    NoUser {
        /// The entity that users are.
        entity: String,
    },
    /// A parameter has no default, and the request gives it no value.
    NoValue {
        /// Its name.
        param: String,
    },
    /// A function or an operator of the registry failed.
    Failed {
        /// Its name.
        by: String,
        /// Whose request it was; none if it has no user, or if it is not known.
        user: Option<Key>,
        message: String,
    },
    /// The program was compiled on other data than the engine has: its row numbers mean other entities.
    OtherWorld,
    /// It was stopped ([`Limits::stop`]).
    Stopped,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Limit(hit) => write!(f, "{hit}"),
            RunError::Request(message) => f.write_str(message),
            RunError::NoUser { entity } => {
                write!(f, "the program needs a user: the key of a `{entity}`")
            }
            RunError::NoValue { param } => {
                write!(f, "parameter `{param}` has no default: the request has to give it a value")
            }
            RunError::Failed { by, user, message } => match user {
                Some(user) => write!(f, "`{by}` failed for user {user}: {message}"),
                None => write!(f, "`{by}` failed: {message}"),
            },
            RunError::OtherWorld => f.write_str(
                "the program was compiled on another snapshot than the one of this engine; \
                 compile it here (`program.on(&engine)`), or run it on the engine that compiled it",
            ),
            RunError::Stopped => f.write_str("the run was cancelled"),
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    /// A limit was hit, by a request whose user is said later.
    pub fn limit(limit: Limit, message: String) -> RunError {
        RunError::Limit(Hit { limit, user: None, message })
    }

    /// A function or an operator of the registry failed, for a user who is said later.
    pub fn failed(by: &str, message: String) -> RunError {
        RunError::Failed { by: by.to_owned(), user: None, message }
    }

    /// The same, of the request of a user.
    pub fn of(self, user: Option<&Key>) -> RunError {
        match self {
            RunError::Limit(hit) => RunError::Limit(Hit { user: user.cloned(), ..hit }),
            RunError::Failed { by, message, .. } => {
                RunError::Failed { by, user: user.cloned(), message }
            }
            other => other,
        }
    }
}
