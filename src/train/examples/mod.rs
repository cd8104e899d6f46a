//! Training tables: the examples of a trained model, each with what was known strictly before it.
//!
//! Every link of the edge of examples is one example, at the time of the link. Its features are the model's own
//! expressions, evaluated as in serving, by requests that see nothing of that time or later. Labels are what followed.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::train::examples::{Table, until};
//! use igql::{Engine, Unit};
//! let engine = Engine::open("examples/explore")?;
//! let text = "model final on media = mlp(dense=[quality], heads={p_like: likes})";
//! let compiled = engine.compile_unit(&Unit::new("final", text));
//! let table = Table::new(&engine, &compiled.trained[0], until(&engine))?;
//! for number in 0..table.blocks() {
//!     let block = table.block(number, 0)?;
//!     println!("{:?} {:?}", block.numbers(0), block.labels(0));
//! }
//! # Ok(())
//! # }
//! ```

mod block;
mod credit;
mod features;
mod found;
mod leaks;
mod logged;
mod negatives;
mod parts;
mod rates;
mod slices;
mod table;
mod used;

pub use crate::learn::net::Part;
pub use block::Block;
pub use leaks::{Alarm, Suspects, alarms};
pub(in crate::train) use leaks::{Alone, sampled, studied};
pub(in crate::train) use rates::{Rates, rates};
pub(in crate::train) use slices::Slice;
pub use table::Table;

use crate::check::trained::Trained;
use crate::engine::Engine;
use crate::source::Span;
use std::fmt;

/// Why a model cannot be trained.
#[derive(Clone, Debug)]
pub struct TableError {
    /// The name of the model.
    pub model: String,
    /// Where its declaration, or the part that is at fault, stands.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl TableError {
    fn new(
        model: &Trained,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (message, help) = (message.into(), help.into());
        TableError { model: model.name.clone(), span, message, help }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model `{}`: {}\nhelp: {}", self.model, self.message, self.help)
    }
}

impl std::error::Error for TableError {}

/// The time before which links are seen in training, unless another is given: the catalog's `now`, or just after the
/// newest link, if that is earlier. So a link that is dated far ahead does not move it.
pub fn until(engine: &Engine) -> i64 {
    let newest = engine.snapshot().newest_link();
    let after = newest.map_or(i64::MAX, |time| time.saturating_add(1));
    engine.now().min(after)
}
