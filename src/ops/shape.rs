//! What is known of a candidate set before it is computed.

use crate::types::{EntityId, Type};

/// A column bound by `let` or by a model.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundColumn {
    pub name: String,
    pub ty: Type,
    /// It has one value per request: nothing that tells rows apart went into it.
    pub constant: bool,
}

/// Entity, columns and upper bound of a candidate set.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub entity: EntityId,
    pub columns: Vec<BoundColumn>,
    /// Most rows that a request can get here, where known.
    pub bound: Option<u64>,
}

impl Shape {
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// With the bound lowered to at most `n`.
    pub fn at_most(mut self, n: Option<u64>) -> Shape {
        self.bound = min_bound(self.bound, n);
        self
    }
}

/// The smaller of two bounds, either of which may be unknown.
pub fn min_bound(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
