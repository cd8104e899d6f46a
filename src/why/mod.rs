//! Why a row is in an answer, and why another is not.
//!
//! Nothing is written down while a program runs. The rows of every operator are there when it is
//! done, and an entity stands in each of them once, so its way is found backwards: an operator that
//! keeps entities had it in its input; a fan-out is asked for its contributions again, and the
//! largest one to the entity is its witness. An explanation costs about one run more, and a run
//! without explanations nothing.

mod absent;
mod effects;
mod explanation;
mod nulls;
mod path;
mod tracer;

pub use absent::{Outcome, Reason, WhyNot, why_not};
pub use explanation::{Branch, Feature, Move, Over, Scale, Scoring, Step, Sum, Why};
pub use nulls::{NullPart, because};
pub use tracer::Tracer;
