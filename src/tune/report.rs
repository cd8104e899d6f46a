//! What tuning found.

use super::{Constraint, Trial};
use crate::replay::Metric;
use crate::source::Span;

/// What tuning found.
#[derive(Clone, Debug)]
pub struct TuneReport {
    /// The query that was tuned.
    pub query: String,
    /// What was maximised.
    pub maximize: Metric,
    /// What had to hold.
    pub constraints: Vec<Constraint>,
    /// In the order of trials' values.
    pub tunables: Vec<Tuned>,
    /// Tunables that make no difference to the query, and kept their values.
    pub unread: Vec<String>,
    /// In the order in which they ran; the first is the program as it is.
    pub trials: Vec<Trial>,
    /// The requests that trials ran for.
    pub training: Part,
    /// The requests that decided among the best.
    pub validation: Part,
    /// How requests were divided: `time` or `users`.
    pub divided_by: String,
    /// The trials that were validated: the program as it is, then the best by training.
    pub validated: Vec<Validated>,
    /// The place among those of the one that won.
    pub winner: Option<usize>,
    /// Why nothing won, or in spite of what something did.
    pub reason: Option<String>,
    /// The gain that these users could have shown: half of the 95 % interval of the best one's difference.
    pub detectable: Option<f64>,
    /// Whether the search was ended before all trials had run.
    pub stopped: bool,
    /// What is doubtful, a sentence each.
    pub warnings: Vec<String>,
}

/// A tunable.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// As the program calls it.
    pub name: String,
    /// Ends of its range.
    pub low: f64,
    /// The other end.
    pub high: f64,
    /// Whether only whole numbers will do.
    pub whole: bool,
    /// What the program has.
    pub from: f64,
    /// What won; the same if nothing did.
    pub to: f64,
    /// How much the objective depends on it, as a share of all.
    pub importance: Option<f64>,
    /// Where its default stands.
    pub span: Span,
}

/// Some requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// How many there are.
    pub requests: u64,
    /// How many users have a value of the objective.
    pub users: u64,
}

/// A trial that was run for the requests that validate.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// The number of the trial.
    pub trial: usize,
    /// The objective over the training requests, with its 95 % interval where it was computed.
    pub training: (f64, Option<(f64, f64)>),
    /// The objective over the requests that validate, with its 95 % interval.
    pub validation: (f64, Option<(f64, f64)>),
    /// The gain over the program as it is, with its 95 % interval.
    pub gain: Option<(f64, Option<(f64, f64)>)>,
    /// How probable a gain as large is if there were none, adjusted for the number of those that were tried.
    pub p: Option<f64>,
    /// The metric of each constraint.
    pub constraints: Vec<f64>,
    /// Whether all constraints hold, as far as can be told.
    pub holds: bool,
}
