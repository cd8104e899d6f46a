//! What a replay found.

use super::counterfactual::Estimate;
use super::foreknown::Foreknown;
use super::metric::Metric;

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many requests were made of each program.
    pub requests: u64,
    /// Those for which there is something to find.
    pub with_truth: u64,
    /// Targets of the truth that no request could see, over all requests.
    pub unreachable: u64,
    /// Users who made requests.
    pub users: u64,
    /// By program, in the order in which they are given.
    pub programs: Vec<ProgramReport>,
    /// The place of the program that the others are compared with.
    pub baseline: Option<usize>,
    /// Of users apart by arm: whether each arm has as many as its share says.
    pub ratios: Vec<SampleRatio>,
    /// Trained versions that have seen what some of the requests look for.
    pub foreknown: Vec<Foreknown>,
    /// What is doubtful, a sentence each.
    pub warnings: Vec<String>,
}

/// What a replay found of one program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramReport {
    /// As it is given, mostly its file.
    pub name: String,
    /// The query that ran.
    pub query: String,
    /// In the order in which they are asked for.
    pub metrics: Vec<(Metric, Value)>,
    /// The operators whose rows can be in the truth, in the order in which they run.
    pub stages: Vec<StageReport>,
    /// The median number of rows of an answer.
    pub rows_median: u64,
    /// Median time of a request in microseconds: the time of its pass, shared by those that ran together.
    pub p50_us: f64,
    /// The time that one of a hundred requests exceeds.
    pub p99_us: f64,
    /// The metrics for users apart, by the value of a column of theirs, or the arm they were in.
    pub groups: Vec<Group>,
    /// What users would have done, by number of positions, where that is asked.
    pub estimates: Vec<Estimate>,
}

/// The users of the arms of an experiment, tested against its shares.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRatio {
    /// The name of the experiment.
    pub experiment: String,
    /// Each arm with its users and the share of users that it should have, of those in any.
    pub arms: Vec<(String, u64, f64)>,
    /// The sum over arms of (users − expected)² / expected.
    pub chi_square: f64,
    /// How probable as large a sum is if users were divided by the shares.
    pub p: f64,
}

impl SampleRatio {
    /// Below this p something is wrong with who is in which arm.
    pub const DOUBTFUL: f64 = 0.001;
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// NaN where no request has a value.
    pub mean: f64,
    /// The 95 % interval of the mean, where there are enough users.
    pub interval: Option<(f64, f64)>,
    /// The comparison with the baseline, for the other programs.
    pub against: Option<Difference>,
}

/// How a program differs from the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Of the program less that of the baseline, over the users that have a value under both.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// How probable a difference as large is if neither program were better.
    pub p: Option<f64>,
    /// Whether `p` is adjusted for the number of comparisons: for primary metrics.
    pub adjusted: bool,
}

/// What a replay found of one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    /// The binding that it is the value of.
    pub name: Option<String>,
    /// The operator with its arguments.
    pub op: String,
    /// The median number of its rows.
    pub rows: u64,
    /// Share of the truth that is among all its rows.
    pub recall: f64,
    /// Share of the truth that comes in and does not go out; NaN for an operator without such inputs.
    pub lost: f64,
    /// Of its first rows.
    pub ndcg: f64,
}

/// The metrics of some users.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The value that they have in common.
    pub value: String,
    /// How many there are.
    pub users: u64,
    /// In the order in which they are asked for, without those of a whole run.
    pub metrics: Vec<(Metric, Value)>,
}

impl ProgramReport {
    /// The value of a metric by its name, such as `ndcg@10`.
    pub fn metric(&self, name: &str) -> Option<&Value> {
        let found = self.metrics.iter().find(|(metric, _)| metric.to_string() == name);
        found.map(|(_, value)| value)
    }
}
