//! Of rows of which only the first are used no others are made.

use super::Rewriting;
use crate::ops::{Part, Used};

/// `rows.score(x).take(20)` finds the best 20 and sorts these, and so do `rank`, fan-outs and `|`.
/// Columns are gathered, and heads that the score does not need computed, for these alone.
pub fn best(rewriting: &mut Rewriting) {
    rewriting.narrow(|used| {
        let rows = used.part.rows.clone();
        let part = Part { order: true, rows };
        Used { part, ..Used::ALL }
    });
}
