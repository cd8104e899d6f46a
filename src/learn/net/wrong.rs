//! What can be wrong with a table, and what is worth saying of it, as data.

use super::Stopped;
use super::table::Part;
use std::fmt;

/// Why nothing was trained.
#[derive(Debug)]
pub enum Wrong {
    /// The caller asked to stop.
    Stopped,
    /// The table could not be read.
    Read(std::io::Error),
    /// A part that is needed has no examples.
    Empty {
        /// The part.
        part: Part,
    },
    /// There is nothing to learn from: no input, or none that varies.
    NoInputs,
    /// There is nothing to learn.
    NoHeads,
    /// A head has too few of one kind of label in the training part.
    Rare {
        /// Name of the head.
        head: String,
        /// Examples that count for it.
        examples: u64,
        /// Those with a label of 0.5 or more.
        positives: u64,
        /// How many of each kind there must be.
        least: u64,
    },
    /// The weights of all examples of a head are 0.
    Weightless {
        /// Name of the head.
        head: String,
    },
    /// There are too few positives to tell from each other.
    FewPositives {
        /// How many there are.
        positives: u64,
        /// How many there must be.
        least: u64,
    },
    /// A label that its head cannot have: infinite, or outside of 0..1 for a probability.
    Label {
        /// Name of the head.
        head: String,
        /// Number of the example.
        example: u64,
        /// The label.
        value: f32,
    },
    /// A feature whose nulls are an error is null.
    Null {
        /// Name of the feature.
        feature: String,
        /// Number of the example in the table, or of the row in what is scored.
        row: u64,
    },
    /// A block does not have the columns of the layout, or columns differ in length.
    Malformed {
        /// Which column.
        column: String,
        /// Values expected.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// Weights that do not fit what they are loaded into.
    Tensor {
        /// Name of the tensor.
        name: String,
        /// Shape expected.
        expected: Vec<usize>,
        /// Shape found; `None`: there is no such tensor.
        found: Option<Vec<usize>>,
    },
    /// Numbers grew beyond all bounds before the first epoch ended.
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
    },
    /// A parameter outside of what is possible.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl From<Stopped> for Wrong {
    fn from(_: Stopped) -> Wrong {
        Wrong::Stopped
    }
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Wrong {
        Wrong::Read(error)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Stopped => write!(f, "stopped"),
            Wrong::Read(error) => write!(f, "the training table cannot be read: {error}"),
            Wrong::Empty { part } => write!(f, "there are no examples in the {} part", part.name()),
            Wrong::NoInputs => write!(f, "there is no input that varies in the training part"),
            Wrong::NoHeads => write!(f, "there is no head to train"),
            Wrong::Rare { head, examples, positives, least } => write!(
                f,
                "head `{head}` has {positives} positives and {} negatives in the training part: at least {least} of each are needed",
                examples - positives
            ),
            Wrong::Weightless { head } => write!(
                f,
                "all examples of head `{head}` in the training part have the weight 0: nothing is left to learn from \
                 (`example_weight`)"
            ),
            Wrong::FewPositives { positives, least } => {
                write!(
                    f,
                    "there are {positives} positives in the training part: at least {least} are needed"
                )
            }
            Wrong::Label { head, example, value } => {
                write!(f, "head `{head}` cannot have the label {value} (example {example})")
            }
            Wrong::Null { feature, row } => write!(f, "feature `{feature}` is null in row {row}"),
            Wrong::Malformed { column, expected, found } => {
                write!(f, "column `{column}` has {found} values, not {expected}")
            }
            Wrong::Tensor { name, expected, found: Some(found) } => {
                write!(f, "tensor `{name}` has the shape {found:?}, not {expected:?}")
            }
            Wrong::Tensor { name, expected, found: None } => {
                write!(f, "there is no tensor `{name}` (of shape {expected:?})")
            }
            Wrong::Diverged { epoch } => {
                write!(
                    f,
                    "the numbers grew beyond all bounds in epoch {epoch}: a smaller `lr` may help"
                )
            }
            Wrong::Parameter { name, expected } => write!(f, "`{name}` must be {expected}"),
        }
    }
}

impl std::error::Error for Wrong {}

/// What is worth a warning.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A dense feature has one value in the whole training part, and is left out.
    Constant {
        /// Its name.
        feature: String,
        /// The value.
        value: f32,
    },
    /// A dense feature is null in the whole training part, and is left out.
    AllNull {
        /// Its name.
        feature: String,
    },
    /// No key of a sparse feature occurs often enough to be known.
    NoKnownKeys {
        /// Its name.
        feature: String,
        /// How often a key must occur.
        min_count: u64,
        /// How many keys there are.
        keys: u64,
    },
    /// A head has too few labels of one kind, and predicts its base rate.
    Rare {
        /// Its name.
        head: String,
        /// Examples that count for it.
        examples: u64,
        /// Those with a label of 0.5 or more.
        positives: u64,
    },
    /// No head can be validated, so all epochs were trained and the last weights kept.
    NotValidated,
    /// A head is left out of the validation, because it has not both labels there.
    HeadNotValidated {
        /// Its name.
        head: String,
    },
    /// Numbers grew beyond all bounds; the weights of the best epoch before are kept.
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
    },
    /// The optimiser of a linear model ended before its gradient was small enough.
    NotConverged {
        /// Name of the head.
        head: String,
        /// Steps made.
        steps: usize,
        /// The largest entry of the gradient, per example.
        gradient: f64,
    },
    /// Higher scores went with fewer positives, so a head is not calibrated.
    NotCalibrated {
        /// Its name.
        head: String,
        /// The slope that was found.
        slope: f64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Constant { feature, value } => {
                write!(f, "`{feature}` is always {value} in the training part, and is left out")
            }
            Note::AllNull { feature } => {
                write!(f, "`{feature}` is always null in the training part, and is left out")
            }
            Note::NoKnownKeys { feature, min_count, keys } => write!(
                f,
                "none of the {keys} values of `{feature}` occurs {min_count} times in the training part, so all are unknown"
            ),
            Note::Rare { head, examples, positives } => write!(
                f,
                "`{head}` has {positives} positives in {examples} examples, and predicts its base rate"
            ),
            Note::NotValidated => write!(
                f,
                "nothing in the validation part tells when to stop: all epochs were trained"
            ),
            Note::HeadNotValidated { head } => {
                write!(f, "`{head}` has not both labels in the validation part")
            }
            Note::Diverged { epoch } => write!(
                f,
                "the numbers grew beyond all bounds in epoch {epoch}: the best weights before are kept; a smaller `lr` may help"
            ),
            Note::NotConverged { head, steps, gradient } => write!(
                f,
                "`{head}` had not converged after {steps} steps (gradient {gradient:.1e} per example)"
            ),
            Note::NotCalibrated { head, slope } => write!(
                f,
                "`{head}` is not calibrated: higher scores went with fewer positives (slope {slope:.3})"
            ),
        }
    }
}
