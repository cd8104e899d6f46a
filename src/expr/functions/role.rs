//! What functions are to those who look into expressions: the checker, advice, rewrites, plans.

use crate::expr::facts::Facts;

/// The part that a function plays in rules about expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// None.
    Plain,
    And,
    Or,
    Not,
    IsNull,
    /// The first of two that is not null.
    Coalesce,
    Compare(Comparison),
    /// `x in list`.
    In,
    /// Null where its second argument is 0.
    Divide,
    /// A number, bool or text as a float.
    Float,
}

/// What a comparison asks of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    /// The same question with its sides exchanged.
    pub fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            Comparison::Equal | Comparison::NotEqual => self,
        }
    }

    /// What is certain of `a` where `a op b` is true.
    pub fn bounds(self, b: Facts) -> Option<Facts> {
        match self {
            Comparison::Less | Comparison::LessOrEqual => {
                Some(Facts::between(f64::NEG_INFINITY, b.high))
            }
            Comparison::Greater | Comparison::GreaterOrEqual => {
                Some(Facts::between(b.low, f64::INFINITY))
            }
            Comparison::Equal => Some(Facts::between(b.low, b.high)),
            Comparison::NotEqual => None,
        }
    }
}

/// What a function of a score measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A quantity of its own.
    Value,
    Similarity,
    Probability,
    /// What its arguments measure, if they measure the same; constants measure nothing.
    OfArguments,
    /// The product of what its arguments measure.
    Product,
}

/// What the checker makes of the arguments that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// They are those of the overloads.
    Plain,
    /// `now` comes last.
    Now,
    /// The last is the name of a time zone, which is UTC if it is left out.
    Zone,
    /// A key and a salt become a hash.
    Bucket,
    /// A number that is drawn for the row takes the place of the salt.
    Drawn,
    /// An expression of its own, without overloads.
    Hash,
    Uniform,
    Extract,
}

impl Form {
    /// How many arguments come last that are not written.
    pub fn hidden(self) -> usize {
        usize::from(matches!(self, Form::Now | Form::Drawn))
    }

    /// Whether the first argument is a time.
    pub fn is_of_time(self) -> bool {
        matches!(self, Form::Now | Form::Zone)
    }
}
