//! What the fields of a text column are, seen over the whole file: int, float, bool, ISO time, a
//! list in JSON's or Python's notation, else string.

use super::list_text::{Item, items};
use super::number;
use crate::catalog::time;
use crate::types::Type;
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Int,
    Float,
    Bool,
    Time,
    List,
    Other,
}

/// Words that people write where there is no value.
const NULL_WORDS: [&str; 14] = [
    "NULL", "null", "None", "none", "N/A", "n/a", "NA", "#N/A", "\\N", "NaN", "nan", "-", "?",
    "NaT",
];

/// Whether a text is a word for no value.
pub fn null_word(text: &str) -> Option<&'static str> {
    NULL_WORDS.iter().find(|word| **word == text).copied()
}

/// What a column can be after the fields seen so far.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    class: Option<Class>,
    /// The largest magnitude of its numbers.
    pub magnitude: u64,
    items: Option<Box<Guess>>,
    /// The first word for no value, and how many there were, where all else was of one class.
    words: Option<(&'static str, u64)>,
}

impl Guess {
    /// Takes another field into account; null texts must not come here. `decimal` is the sign
    /// before the fraction of numbers, if the catalog names it.
    pub fn see(&mut self, text: &str, decimal: Option<char>) {
        if self.class == Some(Class::Other) {
            return;
        }
        let text = text.trim_ascii();
        let plain = decimal.and_then(|sign| number::plain(text, sign));
        let number = plain.map_or(Cow::Borrowed(text), Cow::Owned);
        let class = match classify(&number) {
            Class::Other => match (null_word(text), self.list(text)) {
                (Some(word), _) => return self.word(word),
                (None, true) => Class::List,
                (None, false) => Class::Other,
            },
            class => class,
        };
        self.measure(&number, class);
        self.class = Some(match self.class {
            None => class,
            Some(before) => before.with(class),
        });
    }

    fn word(&mut self, word: &'static str) {
        let (first, count) = self.words.unwrap_or((word, 0));
        self.words = Some((first, count + 1));
    }

    fn measure(&mut self, text: &str, class: Class) {
        let size = match class {
            Class::Int => text.parse::<i64>().map_or(0, i64::unsigned_abs),
            // shorter ones are no counts of any unit of our age
            Class::Float if text.len() >= 10 => text.parse::<f64>().map_or(0, |x| x.abs() as u64),
            _ => return,
        };
        self.magnitude = self.magnitude.max(size);
    }

    /// Whether a text is a list; if so, its elements are taken into account.
    fn list(&mut self, text: &str) -> bool {
        let Some(found) = text.starts_with('[').then(|| items(text, false)).flatten() else {
            return false;
        };
        let of_items = self.items.get_or_insert_default();
        for item in &found {
            match item {
                Item::Null => {}
                Item::Bare(text) => of_items.see(text, None),
                Item::Quoted(text) => of_items.see_text(text),
            }
        }
        true
    }

    /// A text that is marked as one: it may be a time, digits stay a string.
    pub fn see_text(&mut self, text: &str) {
        let time = time::parse(text).is_some();
        self.class = Some(match (self.class, time) {
            (None | Some(Class::Time), true) => Class::Time,
            _ => Class::Other,
        });
    }

    /// A truth value.
    pub fn see_bool(&mut self) {
        let before = self.class.unwrap_or(Class::Bool);
        self.class = Some(before.with(Class::Bool));
    }

    /// `null` if no field had a value.
    pub fn ty(&self) -> Type {
        match self.class {
            _ if self.words.is_some() => Type::String,
            Some(Class::Int) => Type::Int,
            Some(Class::Float) => Type::Float,
            Some(Class::Bool) => Type::Bool,
            Some(Class::Time) => Type::Time,
            Some(Class::List) => {
                let item = self.items.as_ref().map_or(Type::Null, |items| items.ty());
                Type::List(Box::new(item))
            }
            Some(Class::Other) => Type::String,
            None => Type::Null,
        }
    }

    /// The word for no value that alone makes strings of the column, how often such words stand
    /// there, and what it would be without.
    pub fn odd_words(&self) -> Option<(&'static str, u64, &'static str)> {
        let (word, count) = self.words?;
        let without = match self.class? {
            Class::Int => "int",
            Class::Float => "float",
            Class::Bool => "bool",
            Class::Time => "time",
            Class::List => "list",
            Class::Other => return None,
        };
        Some((word, count, without))
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
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    match () {
        () if padded && plain => Class::Other,
        () if plain => text.parse::<i64>().map_or(Class::Other, |_| Class::Int),
        () if digits.len() >= 10 && digits[4] == b'-' && time::parse(text).is_some() => Class::Time,
        () if !padded && text.parse::<f64>().is_ok() => Class::Float,
        () => Class::Other,
    }
}
