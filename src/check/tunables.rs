//! Tunables: what files declare, and the values that they are given from outside. A program is compiled
//! with those as if they were written.

use crate::source::Span;

/// A constant that a tuner may change, within both ends of its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunable {
    pub name: String,
    pub low: f64,
    pub high: f64,
    pub default: f64,
    /// Whether only whole numbers will do.
    pub whole: bool,
    /// Of its name.
    pub span: Span,
    /// Of its default.
    pub default_span: Span,
}

/// Values for the tunables of a program, by name.
///
/// ```
/// let tunables = igql::Tunables::new().set("w_like", 0.5);
/// assert_eq!(tunables.get("w_like"), Some(0.5));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tunables(Vec<(String, f64)>);

impl Tunables {
    /// None: each tunable has its default.
    pub fn new() -> Tunables {
        Tunables::default()
    }

    /// Gives a tunable a value; the last one counts.
    pub fn set(mut self, name: impl Into<String>, value: f64) -> Tunables {
        self.0.push((name.into(), value));
        self
    }

    /// The value that was given.
    pub fn get(&self, name: &str) -> Option<f64> {
        let given = self.0.iter().rev().find(|(given, _)| given == name);
        given.map(|(_, value)| *value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl Tunable {
    /// What is wrong with a value for it; none if it can have it.
    pub fn wrong(&self, value: f64) -> Option<String> {
        let name = &self.name;
        let number = |x: f64| match self.whole {
            true => format!("{x}"),
            false => format!("{x:?}"),
        };
        if self.whole && value.fract() != 0.0 {
            return Some(format!("tunable `{name}` is a whole number, found {value:?}"));
        }
        if !(self.low..=self.high).contains(&value) {
            let (low, high, found) = (number(self.low), number(self.high), number(value));
            return Some(format!("tunable `{name}` must lie in {low}..{high}, found {found}"));
        }
        None
    }
}
