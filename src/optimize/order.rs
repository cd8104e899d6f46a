//! Rows whose order nobody reads are not sorted.

use super::Rewriting;
use crate::ops::{Part, Used};

/// What makes an order (a fan-out, `score`, `rank`, `|`) leaves it out where every consumer makes
/// one of its own (`score` and `rank`: by score, then by entity) or has none (`-`, `in`, `count`),
/// with filters and columns between that do not read the position. A fan-out reads the order of its
/// input: it adds scores up in it.
pub fn unsorted(rewriting: &mut Rewriting) {
    rewriting.narrow(|used| {
        let order = used.part.order;
        let part = Part { order, rows: None };
        Used { part, ..Used::ALL }
    });
}
