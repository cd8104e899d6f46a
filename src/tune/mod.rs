//! Tuning: values for the tunables of a program that replay finds better than the defaults.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::Engine;
//! use igql::replay::{Every, Metric, Replay, When};
//! use igql::tune::Tuning;
//! let engine = Engine::open("examples/movies")?;
//! let text = "tunable w in 0.0..5.0 = 1.0\n\
//!     all(movie).score(log1p(count(~likes)) + w * exp(-(age(released) / 365d))).unseen().take(20)";
//! let program = engine.compile(text)?;
//! let replay = Replay::new(["likes"], When::Times { from: 0, to: i64::MAX, every: Every::Day });
//! let maximize = Metric::parse("ndcg@10", &[])?.remove(0);
//! let report = engine.tune(&program, &Tuning::new(replay, maximize))?;
//! for tuned in &report.tunables {
//!     println!("{} {} -> {}", tuned.name, tuned.from, tuned.to);
//! }
//! # Ok(())
//! # }
//! ```

mod constraint;
mod edit;
mod report;
mod run;
pub mod sampler;
mod split;
mod values;

pub use constraint::{Bound, Constraint};
pub use edit::{number, rewritten};
pub use report::{Part, TuneReport, Tuned, Validated};
pub use run::Step;
pub use sampler::Kind;

use crate::replay::{Metric, Replay, ReplayError};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What is tuned, and how.
#[derive(Clone)]
pub struct Tuning {
    /// Requests and truth. Metrics, baseline and stages are the tuner's.
    pub replay: Replay,
    /// What is to be as large as possible.
    pub maximize: Metric,
    /// What has to hold all the same.
    pub constraints: Vec<Constraint>,
    /// Tunables by name, those of imports and of the prelude among them; empty: those that the program itself declares.
    pub only: Vec<String>,
    /// Trials, that of the program as it is among them.
    pub trials: usize,
    /// Points that are chosen before the outcome of the first of them is known.
    pub parallel: usize,
    /// How points are chosen.
    pub sampler: Kind,
    /// Times of the requests that train and of those that validate, instead of the first and the last ones.
    pub parts: Option<(Range<i64>, Range<i64>)>,
    /// Of the sampler.
    pub seed: u64,
    /// Bytes of rows that are kept from trial to trial.
    pub memory: u64,
    /// Whether values win that are not shown to be better.
    pub allow_worse: bool,
    /// No trial begins after this.
    pub until: Option<Instant>,
    /// Ends the search when it becomes true; what is running is given up.
    pub stop: Arc<AtomicBool>,
}

/// Trials, unless more or fewer are asked for.
pub const TRIALS: usize = 100;
/// Bytes of rows that are kept, unless said otherwise.
const MEMORY: u64 = 2 << 30;

impl Tuning {
    /// Of all tunables of a program, by a Gaussian process.
    pub fn new(replay: Replay, maximize: Metric) -> Tuning {
        Tuning {
            replay,
            maximize,
            constraints: Vec::new(),
            only: Vec::new(),
            trials: TRIALS,
            parallel: 1,
            sampler: Kind::Gp,
            parts: None,
            seed: 1,
            memory: MEMORY,
            allow_worse: false,
            until: None,
            stop: Arc::default(),
        }
    }
}

/// What values came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// From 1, which has the values of the program.
    pub number: usize,
    /// By tunable.
    pub values: Vec<f64>,
    /// What is maximised, over the training requests; NaN if there is no value.
    pub value: f64,
    /// The metric of each constraint.
    pub constraints: Vec<f64>,
    /// Why there is no value.
    pub error: Option<String>,
}

/// Why there is no report.
#[derive(Clone, Debug)]
pub enum TuneError {
    /// There is nothing to tune: what to do about it.
    Nothing(String),
    /// What is asked makes no sense.
    Usage(String),
    /// The program cannot be replayed, or fails with the values that it has.
    Replay(ReplayError),
}

impl fmt::Display for TuneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TuneError::Nothing(message) | TuneError::Usage(message) => f.write_str(message),
            TuneError::Replay(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TuneError {}

impl From<ReplayError> for TuneError {
    fn from(error: ReplayError) -> Self {
        TuneError::Replay(error)
    }
}
