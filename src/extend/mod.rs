//! What programs of Rust add to the language: functions, operators, scorers and embeddings of their own, by four
//! small traits. They are registered with [`Engine::builder`](crate::Engine::builder), checked like the built-in
//! ones, and named in errors and help.
//!
//! Whatever is registered is shared by all threads, and is asked for many rows at a time. A [`Failure`], or a
//! panic, ends the request with its message and the name of whose it is.

mod column;
mod embedding;
mod function;
mod operator;
mod registry;
mod scorer;

pub(crate) use column::{Built, Values};
pub use column::{Column, ColumnBuilder};
pub use embedding::{Embedding, EmbeddingSignature};
pub use function::{Function, Null, Signature};
pub(crate) use operator::Given;
pub use operator::{
    Args, Argument, OperatorSignature, RowOperator, RowValues, RowsView, Selection,
};
pub use registry::{Registry, Unusable};
pub(crate) use scorer::OutputOf;
pub use scorer::{Output, Scorer, ScorerSignature};

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a request cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// For people: what was found, what was expected.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<&str> for Failure {
    fn from(message: &str) -> Failure {
        Failure::new(message)
    }
}

/// Runs what is not ours: a panic is a failure like others.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Failure(format!("it panicked: {}", said(&*panic)))))
}

/// The message of a panic.
fn said(panic: &(dyn Any + Send)) -> Cow<'_, str> {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => Cow::Borrowed(text),
        (_, Some(text)) => Cow::Borrowed(text),
        _ => Cow::Borrowed("without a message"),
    }
}
