//! What is said of an entity that is not in an answer.

use crate::expr::NodeId;
use crate::types::{Key, Value};
use crate::why::tracer::known;

/// Why an entity is not in a list of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyNot {
    /// The list of a page; none if the result is a single set.
    pub list: Option<String>,
    /// The entity asked about.
    pub entity: String,
    /// What its key column is called.
    pub key_name: String,
    /// Its key.
    pub key: Key,
    /// What became of it.
    pub outcome: Outcome,
    /// One where one thing keeps the entity away; several where it could have come on several ways.
    pub reasons: Vec<Reason>,
}

/// How far the entity came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the list.
    Present,
    /// No row of the catalog has the key.
    Unknown,
    /// It is not visible at `now`.
    Invisible,
    /// It was a candidate, and an operator dropped it.
    Dropped,
    /// No fan-out or source found it.
    NeverReached,
}

impl Outcome {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Present => "present",
            Outcome::Unknown => "unknown",
            Outcome::Invisible => "invisible",
            Outcome::Dropped => "dropped",
            Outcome::NeverReached => "never_reached",
        }
    }
}

/// What kept the entity away at one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The operator, as `filter` or `walk likes`; empty where no operator is to blame.
    pub op: String,
    /// The operator's number in the plan.
    pub node: Option<NodeId>,
    /// Whether the operator had the entity and dropped it.
    pub dropped: bool,
    /// A sentence for people.
    pub message: String,
    /// Values of what the failed condition reads.
    pub values: Vec<(String, Value)>,
}

pub(super) fn plain(message: String) -> Reason {
    Reason { op: String::new(), node: None, dropped: false, message, values: Vec::new() }
}

pub(super) fn scored(score: f64) -> String {
    known(score).map_or(String::new(), |s| format!(" with score {}", short(s)))
}

/// A number with at most four digits behind the point.
pub(super) fn short(number: f64) -> String {
    let rounded = (number * 1e4).round() / 1e4;
    match rounded == 0.0 && number != 0.0 {
        true => format!("{number:.1e}"),
        false => rounded.to_string(),
    }
}

/// A value in a sentence.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => short(*v),
        Value::Bool(v) => v.to_string(),
        Value::Str(v) => format!("{v:?}"),
        Value::Time(us) => crate::types::time::text(*us).unwrap_or_else(|| us.to_string()),
        Value::Duration(us) => crate::expr::show::duration(*us),
        Value::Id(key) => key.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Vector(v) => format!("a vector of {}", v.len()),
    }
}
