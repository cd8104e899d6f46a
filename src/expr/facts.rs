//! What is certain about a value before anything runs: whether it can be null, and between which
//! numbers it lies.

use crate::types::EntityId;

/// What can be said of a value in every row. Durations and times count in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// It can be null: what is not nullable is never null, whatever the request.
    pub nullable: bool,
    /// Smallest and largest value of a number that is not null; infinite where not known.
    pub low: f64,
    pub high: f64,
    /// Why nulls are to be expected, not only possible.
    pub lack: Option<Lack>,
}

/// Data that is missing for some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A column that holds nulls.
    Column { entity: EntityId, column: u32 },
    /// Rows without a vector.
    Vector { embedding: u32, entity: EntityId },
}

impl Facts {
    /// Nothing is known.
    pub const UNKNOWN: Facts = Facts {
        nullable: true,
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        lack: None,
    };

    /// Never null, between two numbers.
    pub const fn between(low: f64, high: f64) -> Facts {
        Facts {
            nullable: false,
            low,
            high,
            lack: None,
        }
    }

    /// The same, but perhaps null.
    pub const fn or_null(mut self) -> Facts {
        self.nullable = true;
        self
    }

    /// Whether it can be below zero.
    pub fn negative(&self) -> bool {
        self.low < 0.0
    }

    /// What holds for a value that is one or the other.
    pub fn either(self, other: Facts) -> Facts {
        Facts {
            nullable: self.nullable || other.nullable,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            lack: self.lack.or(other.lack),
        }
    }
}
