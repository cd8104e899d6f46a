//! What the fields of a text column are, seen over the whole file: int, float, bool, ISO time,
//! else string.

use crate::catalog::time;
use crate::types::Type;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Int,
    Float,
    Bool,
    Time,
    Other,
}

/// What a column can be after the fields seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guess {
    class: Option<Class>,
    /// The largest magnitude of its ints.
    pub magnitude: u64,
}

impl Guess {
    /// Takes another field into account; null texts must not come here.
    pub fn see(&mut self, text: &str) {
        if self.class == Some(Class::Other) {
            return;
        }
        let class = classify(text.trim_ascii());
        if class == Class::Int {
            let size = text
                .trim_ascii()
                .parse::<i64>()
                .map_or(0, i64::unsigned_abs);
            self.magnitude = self.magnitude.max(size);
        }
        self.class = Some(match self.class {
            None => class,
            Some(before) => before.with(class),
        });
    }

    /// `null` if no field had a value.
    pub fn ty(&self) -> Type {
        match self.class {
            Some(Class::Int) => Type::Int,
            Some(Class::Float) => Type::Float,
            Some(Class::Bool) => Type::Bool,
            Some(Class::Time) => Type::Time,
            Some(Class::Other) => Type::String,
            None => Type::Null,
        }
    }
}

impl Class {
    fn with(self, other: Class) -> Class {
        match (self, other) {
            (a, b) if a == b => a,
            (Class::Int, Class::Float) | (Class::Float, Class::Int) => Class::Float,
            _ => Class::Other,
        }
    }
}

fn classify(text: &str) -> Class {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'0'..=b'9' | b'-' | b'.') => number(text),
        Some(b't' | b'f' | b'T' | b'F') if is_bool(text) => Class::Bool,
        Some(b'n' | b'N' | b'i' | b'I') if text.parse::<f64>().is_ok() => Class::Float,
        _ => Class::Other,
    }
}

fn is_bool(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Numbers are only what reads back the same: `007` and ids of twenty digits stay strings.
fn number(text: &str) -> Class {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let padded = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    let plain = digits.iter().all(u8::is_ascii_digit);
    match () {
        () if padded && plain => Class::Other,
        () if plain => text.parse::<i64>().map_or(Class::Other, |_| Class::Int),
        () if digits.len() >= 10 && digits[4] == b'-' && time::parse(text).is_some() => Class::Time,
        () if !padded && text.parse::<f64>().is_ok() => Class::Float,
        () => Class::Other,
    }
}
