//! Offline replay: programs run as of times in the past, and their answers are compared with what users did next.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::Engine;
//! use igql::replay::{Every, Replay, When};
//! let engine = Engine::open("examples/movies")?;
//! let popular = engine.compile("all(movie).rank().unseen().take(20)")?;
//! let similar = engine.compile("user.liked().similar().unseen().take(20)")?;
//! let mut replay = Replay::new(["likes"], When::Times { from: 0, to: i64::MAX, every: Every::Day });
//! replay.baseline = Some(0);
//! let report = engine.replay(&[("popular", &popular), ("similar", &similar)], &replay)?;
//! for program in &report.programs {
//!     println!("{} {:.3}", program.name, program.metric("ndcg@10").map_or(0.0, |v| v.mean));
//! }
//! # Ok(())
//! # }
//! ```

mod arms;
mod asked;
mod beside;
mod counterfactual;
mod foreknown;
mod judge;
mod links;
mod logged;
mod metric;
mod report;
mod run;
mod source;
mod stages;
mod stats;
mod summary;
mod tally;
mod trial;
mod truth;
mod users;
mod when;

pub use counterfactual::{Counterfactual, Estimate, Estimator, FEWEST_EFFECTIVE, MOST_UNKNOWN};
pub use foreknown::Foreknown;
pub use logged::{Logged, Shown};
pub use metric::{GainFunction, Measure, Metric, cut_of};
pub use report::{Difference, Group, ProgramReport, Report, SampleRatio, StageReport, Value};
pub use run::Judgement;
pub(crate) use stats::holm;
pub use tally::Weight;
pub(crate) use trial::{Compared, Ended, Measured, Trials};
pub(crate) use when::At;
pub use when::Every;

use crate::diag::Diagnostic;
use crate::engine::Program;
use crate::ops::{Limits, RunError};
use crate::request::Request;
use crate::store::{Progress, Silent};
use crate::types::Key;
use std::fmt;
use std::sync::Arc;

/// Which requests are made.
#[derive(Clone, Debug)]
pub enum When {
    /// Of every user, at times in [`from`, `to`) that have truth; microseconds since 1970, UTC.
    Times {
        /// The first time.
        from: i64,
        /// The time after the last.
        to: i64,
        /// How often.
        every: Every,
    },
    /// One of every user of a test set, at the catalog's `now`. The truth is that of the set: pairs of the key of a user
    /// and of what is to be found.
    TestSet(Vec<(Key, Key)>),
    /// These. Each has to have a user; those without a time are made at the catalog's `now`.
    Given(Vec<Request>),
    /// Those of a log. Arms that a program does not have are left out for it.
    Logged(Vec<Logged>),
}

impl When {
    /// The requests of a log.
    fn logged(&self) -> &[Logged] {
        match self {
            When::Logged(requests) => requests,
            _ => &[],
        }
    }
}

/// What tells users apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The value of a column of theirs.
    Column(String),
    /// The arm of each experiment that a log says they were exposed to.
    Arm,
}

/// Whose requests are made.
#[derive(Clone, Debug, Default)]
pub enum Who {
    /// Every user of the catalog.
    #[default]
    All,
    /// These.
    Keys(Vec<Key>),
    /// So many, chosen by a hash of their keys.
    Sample(usize),
}

/// What is replayed.
#[derive(Clone)]
pub struct Replay {
    /// Which requests.
    pub when: When,
    /// Whose.
    pub who: Who,
    /// Edges from the viewer to what programs return, each with the gain of its targets.
    pub truth: Vec<(String, f64)>,
    /// How far the truth of a request reaches, in microseconds.
    pub horizon: i64,
    /// Whether what a truth edge links before the request is left out of its truth.
    pub exclude_seen: bool,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The metrics that decide: their p values are adjusted for the number of comparisons.
    pub primary: Vec<Metric>,
    /// How gains count in `ndcg`.
    pub gain_function: GainFunction,
    /// Whose votes are equal.
    pub weight: Weight,
    /// The place of the program that the others are compared with.
    pub baseline: Option<usize>,
    /// The list that counts, of programs that return a page of lists.
    pub list: Option<String>,
    /// Whether stages are reported.
    pub stages: bool,
    /// By what users are reported apart.
    pub by: Option<By>,
    /// The arm of an experiment that its others are compared with, where users are apart by arm.
    pub baseline_arm: Option<(String, String)>,
    /// What is estimated from what a log says was shown.
    pub counterfactual: Option<Counterfactual>,
    /// What all requests have in common, beside user and time: parameters and the seed.
    pub base: Request,
    /// Limits of each request.
    pub limits: Limits,
    /// Is told how far it is.
    pub progress: Arc<dyn Progress>,
}

/// The metrics that are reported if nothing is said.
const METRICS: [&str; 6] = ["hit", "recall", "ndcg", "map", "mrr", "rows"];
/// The cuts of metrics that do not say one.
pub const CUTS: [usize; 3] = [5, 10, 25];
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

impl Replay {
    /// With edges of gain 1, a horizon of a day and the usual metrics.
    pub fn new<'a>(truth: impl IntoIterator<Item = &'a str>, when: When) -> Replay {
        let metrics = Replay::usual_metrics(&CUTS);
        Replay {
            when,
            who: Who::All,
            truth: truth.into_iter().map(|edge| (edge.to_owned(), 1.0)).collect(),
            horizon: DAY,
            exclude_seen: false,
            primary: vec![Metric::at(Measure::Ndcg, CUTS[CUTS.len() - 1])],
            metrics,
            gain_function: GainFunction::Linear,
            weight: Weight::Users,
            baseline: None,
            list: None,
            stages: true,
            by: None,
            baseline_arm: None,
            counterfactual: None,
            base: Request::anonymous(),
            limits: Limits::default(),
            progress: Arc::new(Silent),
        }
    }

    /// The metrics that are reported if nothing is said, at these cuts.
    pub fn usual_metrics(cuts: &[usize]) -> Vec<Metric> {
        let metrics = METRICS.iter().filter_map(|name| Metric::parse(name, cuts).ok());
        metrics.flatten().collect()
    }
}

/// Where something is wrong with what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The edge of this name.
    Edge(String),
    /// The program of this name.
    Program(String),
    /// The metric of this name.
    Metric(String),
    /// The requests.
    Requests,
    /// The users.
    Users,
    /// The test set.
    TestSet,
    /// What users are reported apart by.
    By,
    /// The arm that others are compared with.
    BaselineArm,
    /// The estimates from a log.
    Counterfactual,
}

/// Why there is no report.
#[derive(Clone, Debug)]
pub enum ReplayError {
    /// What is asked makes no sense: where, and what is wrong; a line that begins with `help:` says what to do.
    Usage(Spot, String),
    /// Something in the program of this name makes it impossible: what and where, in its texts.
    Program(String, Box<Diagnostic>),
    /// A request failed, or hit a limit.
    Run(RunError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Usage(spot, message) => match spot {
                Spot::Edge(name) => write!(f, "edge `{name}`: {message}"),
                Spot::Program(name) => write!(f, "{name}: {message}"),
                Spot::Metric(name) => write!(f, "metric `{name}`: {message}"),
                Spot::Requests => write!(f, "requests: {message}"),
                Spot::Users => write!(f, "users: {message}"),
                Spot::TestSet => write!(f, "test set: {message}"),
                Spot::By => write!(f, "column: {message}"),
                Spot::BaselineArm => write!(f, "arm: {message}"),
                Spot::Counterfactual => f.write_str(message),
            },
            ReplayError::Program(name, diagnostic) => write!(f, "{name}: {}", diagnostic.message),
            ReplayError::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<RunError> for ReplayError {
    fn from(error: RunError) -> Self {
        ReplayError::Run(error)
    }
}

/// A program that is replayed, and what it is called.
pub type Named<'a> = (&'a str, &'a Program);
