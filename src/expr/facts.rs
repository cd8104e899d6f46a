//! What is certain about a value before anything runs: whether it can be null, and between which
//! numbers it lies.
//!
//! Intervals are worked out from the smallest and largest values that the snapshot has measured.
//! They are of use twice: a result that cannot overflow cannot become null, and advice about
//! negative scores speaks only where there is something to say. `nullable` and the interval must
//! hold for every request; `lack` is weaker and says why nulls are to be expected.

use crate::types::{EntityId, Type};
use std::hash::{Hash, Hasher};

/// What can be said of a value in every row. Durations and times count in microseconds; of lists,
/// strings, ids and vectors only nulls are known.
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

impl Hash for Facts {
    fn hash<H: Hasher>(&self, to: &mut H) {
        (self.nullable, self.low.to_bits(), self.high.to_bits(), self.lack).hash(to);
    }
}

/// Data that is missing for some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// A column that holds nulls.
    Column { entity: EntityId, column: u32 },
    /// Rows without a vector.
    Vector { embedding: u32, entity: EntityId },
}

impl Facts {
    /// Nothing is known.
    pub const UNKNOWN: Facts =
        Facts { nullable: true, low: f64::NEG_INFINITY, high: f64::INFINITY, lack: None };

    /// Never null; as a number not known.
    pub const PRESENT: Facts = Facts::between(f64::NEG_INFINITY, f64::INFINITY);

    /// Never null, between two numbers.
    pub const fn between(low: f64, high: f64) -> Facts {
        Facts { nullable: false, low, high, lack: None }
    }

    /// The same, but perhaps null.
    pub const fn or_null(mut self) -> Facts {
        self.nullable = true;
        self
    }

    /// The same where it is known not to be null.
    pub const fn present(mut self) -> Facts {
        self.nullable = false;
        self.lack = None;
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

    /// What holds for a value of which both hold.
    pub fn both(self, other: Facts) -> Facts {
        let nullable = self.nullable && other.nullable;
        Facts {
            nullable,
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            lack: self.lack.or(other.lack).filter(|_| nullable),
        }
    }

    /// Made of two values: null if one is.
    pub fn made_of(self, others: &[Facts]) -> Facts {
        others.iter().fold(self, |made, other| Facts {
            nullable: made.nullable || other.nullable,
            lack: made.lack.or(other.lack),
            ..made
        })
    }

    /// A number that was worked out with rounding, a little wider.
    pub fn widened(self) -> Facts {
        let by = |x: f64| x.abs() * 1e-9 + f64::MIN_POSITIVE;
        Facts { low: self.low - by(self.low), high: self.high + by(self.high), ..self }
    }

    /// A float result between two numbers: null where it leaves the range of floats.
    pub fn float(low: f64, high: f64) -> Facts {
        if low.is_nan() || high.is_nan() {
            return Facts::UNKNOWN;
        }
        Facts { nullable: !(low.is_finite() && high.is_finite()), low, high, lack: None }
    }

    /// An int result: null where it leaves the range of ints.
    pub fn int(low: f64, high: f64) -> Facts {
        const LARGEST: f64 = 9.2e18;
        let facts = Facts::float(low, high);
        let fits = low > -LARGEST && high < LARGEST;
        // ints beyond 2^53 are no exact floats
        let exact = low.abs() < 9e15 && high.abs() < 9e15;
        let facts = if exact { facts } else { facts.widened() };
        Facts { nullable: facts.nullable || !fits, ..facts }
    }

    /// A result of that type between two numbers.
    pub fn number(ty: &Type, low: f64, high: f64) -> Facts {
        match ty {
            Type::Float => Facts::float(low, high),
            Type::Time => Facts::time(low, high),
            _ => Facts::int(low, high),
        }
    }

    /// A time that was worked out: null where it leaves the calendar, whose ends are taken a little
    /// too near, as they are no exact floats.
    pub fn time(low: f64, high: f64) -> Facts {
        let facts = Facts::int(low, high);
        let within = low > -3.777e17 && high < 2.533e17;
        Facts { nullable: facts.nullable || !within, ..facts }
    }

    /// The same, and not below a number.
    pub fn at_least(self, low: f64) -> Facts {
        Facts { low: self.low.max(low), ..self }
    }
}
