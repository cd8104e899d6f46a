//! One value of a row, and what arithmetic and comparison do with it.
//!
//! Null is a value of its own; whatever an operation cannot define is null. Everything here is
//! about values alone: ids are compared by their row, and keys are the interpreter's business.

use igql::syntax::ast::BinaryOp;
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// Entity and row of its table.
    Id(usize, u32),
    List(Vec<Value>),
    Vector(Vec<f32>),
}

use Value::{Bool, Duration, Float, Int, Null, Str, Time};

impl Value {
    /// A number as a float; anything else is none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Int(x) => Some(*x as f64),
            Float(x) => Some(*x),
            _ => None,
        }
    }

    /// What `score` makes of it: durations in seconds, times in seconds since 1970.
    pub fn as_score(&self) -> Option<f64> {
        match self {
            Time(x) | Duration(x) => Some(*x as f64 / 1e6),
            other => other.number(),
        }
    }

    /// Only true is true.
    pub fn is_true(&self) -> bool {
        *self == Bool(true)
    }

    pub fn is_null(&self) -> bool {
        *self == Null
    }
}

/// A float, or null where it is not finite.
pub fn float(x: f64) -> Value {
    if x.is_finite() { Float(x) } else { Null }
}

/// `float` of something that may be missing.
pub fn maybe_float(x: Option<f64>) -> Value {
    x.map_or(Null, float)
}

/// The 64-bit integers reach from -2^63 + 1; what lies outside is null.
fn whole(x: Option<i64>, make: fn(i64) -> Value) -> Value {
    match x {
        Some(x) if x != i64::MIN => make(x),
        _ => Null,
    }
}

/// An integer that may have overflowed.
pub fn int(x: Option<i64>) -> Value {
    whole(x, Int)
}

/// The nearest integer to a float, ties to even.
pub fn rounded(x: f64) -> Option<i64> {
    let r = x.round_ties_even();
    (r.abs() < 9.3e18 && r >= i64::MIN as f64 && r < i64::MAX as f64).then_some(r as i64)
}

/// `+ - * / // % **`.
pub fn arithmetic(op: BinaryOp, left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Null, _) | (_, Null) => Null,
        (Str(a), Str(b)) if op == BinaryOp::Add => Str(format!("{a}{b}")),
        (Int(a), Int(b)) => integers(op, *a, *b),
        (Time(_) | Duration(_), _) | (_, Time(_) | Duration(_)) => times(op, left, right),
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => float(floats(op, a, b)),
            _ => panic!("no {op:?} of {left:?} and {right:?}"),
        },
    }
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Value {
    match op {
        BinaryOp::Add => int(a.checked_add(b)),
        BinaryOp::Sub => int(a.checked_sub(b)),
        BinaryOp::Mul => int(a.checked_mul(b)),
        BinaryOp::FloorDiv => int(floor_divide(a, b)),
        BinaryOp::Mod => int(modulo(a, b)),
        _ => float(floats(op, a as f64, b as f64)),
    }
}

fn floor_divide(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let inexact = a.checked_rem(b)? != 0;
    Some(if inexact && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// The remainder with the sign of the divisor.
fn modulo(a: i64, b: i64) -> Option<i64> {
    let remainder = a.checked_rem(b)?;
    Some(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
}

fn floats(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::FloorDiv => float_floor_mod(a, b).0,
        BinaryOp::Mod => float_floor_mod(a, b).1,
        BinaryOp::Pow => a.powf(b),
        _ => panic!("{op:?} is not arithmetic"),
    }
}

/// Quotient and remainder as Python's `divmod` of floats: the remainder is exact, and the
/// quotient follows from it (so `1.0 // 0.1` is 9).
fn float_floor_mod(a: f64, b: f64) -> (f64, f64) {
    if b == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) {
        remainder += b;
        quotient -= 1.0;
    } else if remainder == 0.0 {
        remainder = 0f64.copysign(b);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, remainder)
}

/// What is beyond the years -9999 to 9999 is no time.
fn time(micros: Option<i64>) -> Value {
    let calendar = -377_705_116_800_000_000..=253_402_300_799_999_999;
    whole(micros.filter(|t| calendar.contains(t)), Time)
}

/// Arithmetic with a time or a duration on at least one side.
fn times(op: BinaryOp, left: &Value, right: &Value) -> Value {
    match (op, left, right) {
        (BinaryOp::Sub, Time(a), Time(b)) => whole(a.checked_sub(*b), Duration),
        (BinaryOp::Sub, Time(a), Duration(b)) => time(a.checked_sub(*b)),
        (BinaryOp::Add, Time(a), Duration(b)) | (BinaryOp::Add, Duration(a), Time(b)) => {
            time(a.checked_add(*b))
        }
        (_, Duration(a), Duration(b)) => durations(op, *a, *b),
        (BinaryOp::Mul, Duration(a), Int(b)) | (BinaryOp::Mul, Int(a), Duration(b)) => {
            whole(a.checked_mul(*b), Duration)
        }
        (BinaryOp::Mul, Duration(d), Float(x)) | (BinaryOp::Mul, Float(x), Duration(d)) => {
            whole(rounded(*d as f64 * x), Duration)
        }
        (BinaryOp::Div, Duration(d), Int(_) | Float(_)) => {
            let x = right.number().unwrap_or(0.0);
            whole(rounded(*d as f64 / x), Duration)
        }
        _ => panic!("no {op:?} of {left:?} and {right:?}"),
    }
}

fn durations(op: BinaryOp, a: i64, b: i64) -> Value {
    match op {
        BinaryOp::Add => whole(a.checked_add(b), Duration),
        BinaryOp::Sub => whole(a.checked_sub(b), Duration),
        BinaryOp::Mod => whole(modulo(a, b), Duration),
        BinaryOp::FloorDiv => int(floor_divide(a, b)),
        BinaryOp::Div => float(a as f64 / b as f64),
        _ => panic!("no {op:?} of durations"),
    }
}

/// `-x`.
pub fn negate(x: &Value) -> Value {
    match x {
        Null => Null,
        Int(x) => int(x.checked_neg()),
        Float(x) => Float(-x),
        Duration(x) => whole(x.checked_neg(), Duration),
        other => panic!("no - of {other:?}"),
    }
}

/// How two values of one type are ordered; numbers mix. Strings go by their bytes.
pub fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Int(a), Int(b)) | (Time(a), Time(b)) | (Duration(a), Duration(b)) => Some(a.cmp(b)),
        (Str(a), Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        _ => a.number()?.partial_cmp(&b.number()?),
    }
}

/// Three-valued `and`, `or`, `not`.
pub fn and(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Bool(false), _) | (_, Bool(false)) => Bool(false),
        (Bool(true), Bool(true)) => Bool(true),
        _ => Null,
    }
}

pub fn or(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Bool(true), _) | (_, Bool(true)) => Bool(true),
        (Bool(false), Bool(false)) => Bool(false),
        _ => Null,
    }
}

pub fn not(a: &Value) -> Value {
    match a {
        Bool(a) => Bool(!a),
        _ => Null,
    }
}
