//! Learning: what programs declare to be learnt is trained where it is stale, as versions that programs then read.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::engine::Unit;
//! use igql::train::Train;
//! use igql::{Engine, Request};
//! let engine = Engine::open("examples/explore")?;
//! let page = "edge similar = itemknn(likes, k=50)\nuser.liked_media().walk(similar, merge=sum).take(10)";
//! let report = engine.train(&Unit::new("page", page), &Train::default())?;
//! for done in &report.items {
//!     println!("{}: {:?}", done.name, done.outcome);
//! }
//! // programs see versions that were there when their engine was opened
//! let engine = engine.reload()?;
//! let answer = engine.run(&engine.compile(page)?, &Request::user(5))?;
//! # Ok(())
//! # }
//! ```

mod courses;
mod edges;
pub mod examples;
mod headline;
mod job;
mod logs;
mod models;
mod nearness;
mod run;
mod seen;
mod slices;
mod spaces;
mod spool;
mod state;
mod students;
mod texts;
mod topics;
mod towers;

pub use crate::store::learned::{Course, Kind, Manifest, Role};
pub use headline::{duration, headline, told};
pub use state::State;

use crate::check::upstream;
use crate::engine::CompileError;
use crate::ops::{Limits, RunError};
use crate::store::{DataError, Progress, Silent};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What is trained, and how.
#[derive(Clone)]
pub struct Train {
    /// Only declarations of these names; none: all.
    pub only: Vec<String>,
    /// Links before this time are seen (microseconds since 1970), by versions for replays of the past. They belong in a
    /// folder of their own, with which the engine is opened (`Options::learned`): programs of engines that are opened
    /// with that of the catalog do not read them.
    pub until: Option<i64>,
    /// A log of `igql run --log`, whose rows are the examples of models in the place of the links that their declarations
    /// name, with the inputs as they were when the rows were scored.
    pub from: Option<PathBuf>,
    /// Also what is not stale.
    pub again: bool,
    /// Says what would be trained, and trains nothing.
    pub dry_run: bool,
    /// Memory and threads; a deadline ends the whole.
    pub limits: Limits,
    /// Told of each stage.
    pub progress: Arc<dyn Progress>,
}

impl Default for Train {
    fn default() -> Train {
        Train {
            only: Vec::new(),
            until: None,
            from: None,
            again: false,
            dry_run: false,
            limits: Limits::default(),
            progress: Arc::new(Silent),
        }
    }
}

impl fmt::Debug for Train {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Train").field("only", &self.only).finish_non_exhaustive()
    }
}

/// What became of the declarations, in the order in which they were trained.
#[derive(Clone, Debug, Default)]
pub struct TrainReport {
    /// Each declaration once.
    pub items: Vec<Item>,
}

/// A declaration, and what became of it.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is learnt.
    pub kind: Kind,
    /// As programs have it.
    pub name: String,
    /// The entities that it is about.
    pub entities: Vec<String>,
    /// The declaration with every parameter.
    pub declaration: String,
    /// What there was before.
    pub state: State,
    /// What came of it.
    pub outcome: Outcome,
    /// What is doubtful about the new version, a sentence each.
    pub notes: Vec<String>,
}

/// What became of a declaration.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// There is a new version.
    Trained(Arc<Manifest>),
    /// It was up to date.
    Kept(Arc<Manifest>),
    /// It would be trained, in about so many bytes of memory.
    Due {
        /// At most.
        bytes: u64,
    },
    /// It could not be: why. Versions of before are as they were.
    Failed(String),
}

/// Why nothing was trained.
#[derive(Debug)]
pub enum TrainError {
    /// The files have errors.
    Program(CompileError),
    /// A name that nothing has; and what there is.
    Unknown {
        /// As it was given.
        name: String,
        /// What the files declare.
        known: Vec<String>,
    },
    /// The folder of versions, or the catalog.
    Data(DataError),
    /// It would take more memory than it may.
    Memory(String),
    /// A model cannot be trained: why.
    Model(String),
    /// A limit was hit, or the training was stopped.
    Run(RunError),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Program(error) => error.fmt(f),
            TrainError::Unknown { name, known } if known.is_empty() => {
                write!(f, "nothing to learn is called `{name}`: the files declare nothing")
            }
            TrainError::Unknown { name, known } => {
                write!(f, "nothing to learn is called `{name}`: there are {}", known.join(", "))
            }
            TrainError::Data(error) => error.fmt(f),
            TrainError::Memory(message) | TrainError::Model(message) => f.write_str(message),
            TrainError::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<CompileError> for TrainError {
    fn from(error: CompileError) -> TrainError {
        TrainError::Program(error)
    }
}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> TrainError {
        TrainError::Data(error)
    }
}

impl From<RunError> for TrainError {
    fn from(error: RunError) -> TrainError {
        TrainError::Run(error)
    }
}
