//! Scalar types and values: what a column, a parameter or an expression can be.
//!
//! In columns every type has one bit pattern that means null, so that a column is one plain
//! array: `i64::MIN` for `int`, `time` and `duration`, NaN for `float` (which is never infinite
//! or NaN otherwise), 2 for `bool`, [`NULL_CODE`] for strings and ids.

mod floats;
pub mod time;

pub use floats::{Floats, fits_half, to_halves};

/// Number of an entity in the catalog's schema.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct EntityId(pub u16);

/// Number of an edge in the catalog's schema.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct EdgeId(pub u16);

/// Null in columns of `int`, `time` and `duration`.
pub const NULL_INT: i64 = i64::MIN;
/// Null in columns of strings and ids.
pub const NULL_CODE: u32 = u32::MAX;
/// Null in columns of `bool` (false is 0, true 1).
pub const NULL_BOOL: u8 = 2;
/// Null in columns of `float`.
pub const NULL_FLOAT: f64 = f64::NAN;

/// The type of a value in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Type {
    /// 64-bit signed integer.
    Int,
    /// 64-bit float.
    Float,
    /// True or false.
    Bool,
    /// UTF-8 text.
    String,
    /// Microseconds since 1970, UTC.
    Time,
    /// Microseconds.
    Duration,
    /// A row of an entity, shown as its key.
    Id(EntityId),
    /// A list of values of one type.
    List(Box<Type>),
    /// 32-bit floats; the number is the dimension.
    Vector(u32),
    /// The literal `null`, which fits everywhere.
    Null,
    /// Stands for an expression already reported; fits everywhere in silence.
    Error,
}

impl Type {
    /// `int` or `float`.
    pub fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Float)
    }

    /// `null` or broken: says nothing about what is meant.
    pub fn is_open(&self) -> bool {
        matches!(self, Type::Null | Type::Error)
    }

    /// How many numbers a value of it is.
    pub fn numbers(&self) -> usize {
        match self {
            Type::Vector(dim) => *dim as usize,
            _ => 1,
        }
    }
}

/// One value; null is its own case.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// No value.
    Null,
    /// An int.
    Int(i64),
    /// A float.
    Float(f64),
    /// A bool.
    Bool(bool),
    /// A string.
    Str(String),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// A key of an entity, as it stands in the data.
    Id(Key),
    /// The elements of a list.
    List(Vec<Value>),
    /// The numbers of a vector.
    Vector(Vec<f32>),
}

/// The key of an entity as it stands in the data.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(untagged)]
pub enum Key {
    /// An int.
    Int(i64),
    /// A string.
    Str(String),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Int(k) => k.fmt(f),
            Key::Str(k) => k.fmt(f),
        }
    }
}

impl Key {
    /// The value of a column that has keys as what they are, ints or strings.
    pub(crate) fn plain(self) -> Value {
        match self {
            Key::Int(key) => Value::Int(key),
            Key::Str(key) => Value::Str(key),
        }
    }
}

impl From<i64> for Key {
    fn from(k: i64) -> Self {
        Key::Int(k)
    }
}

impl From<&str> for Key {
    fn from(k: &str) -> Self {
        Key::Str(k.to_owned())
    }
}

impl From<String> for Key {
    fn from(k: String) -> Self {
        Key::Str(k)
    }
}
