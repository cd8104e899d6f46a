//! Comparison. With a null the answer is null; strings compare by their bytes.

use super::kit::map2;
use super::ranges::BOOL;
use super::{Call, Comparison, Function, PLAIN, Role, overload};
use crate::expr::value::{Arg, Val};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT};
use std::cmp::Ordering;

macro_rules! ordered {
    ($sign:literal, $doc:literal, $asks:ident, $test:expr) => {
        Function {
            name: $sign,
            usage: concat!("a ", $sign, " b"),
            doc: $doc,
            role: Role::Compare(Comparison::$asks),
            overloads: &[
                overload!(Int, Int => Bool, Strict, BOOL, |_, a| ints(a, $test)),
                overload!(Float, Float => Bool, Strict, BOOL, |_, a| floats(a, $test)),
                overload!(Time, Time => Bool, Strict, BOOL, |_, a| ints(a, $test)),
                overload!(Duration, Duration => Bool, Strict, BOOL, |_, a| ints(a, $test)),
                overload!(Str, Str => Bool, Strict, BOOL, |c, a| texts(c, a, $test)),
            ],
            ..PLAIN
        }
    };
}

pub static FUNCTIONS: &[Function] = &[
    ordered!("<", "Less.", Less, Ordering::is_lt),
    ordered!("<=", "Less or equal.", LessOrEqual, Ordering::is_le),
    ordered!(">", "Greater.", Greater, Ordering::is_gt),
    ordered!(">=", "Greater or equal.", GreaterOrEqual, Ordering::is_ge),
    Function {
        name: "==",
        usage: "a == b",
        doc: "Equal.",
        role: Role::Compare(Comparison::Equal),
        overloads: &[overload!(A, A => Bool, Strict, BOOL, |_, a| equal(a, |e| e))],
        ..PLAIN
    },
    Function {
        name: "!=",
        usage: "a != b",
        doc: "Not equal.",
        role: Role::Compare(Comparison::NotEqual),
        overloads: &[overload!(A, A => Bool, Strict, BOOL, |_, a| equal(a, |e| !e))],
        ..PLAIN
    },
];

#[inline]
fn ints(args: &[Val], test: fn(Ordering) -> bool) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().ints());
    Val::Bool(map2(&a, &b, |x, y| {
        if x == NULL_INT || y == NULL_INT { NULL_BOOL } else { u8::from(test(x.cmp(&y))) }
    }))
}

#[inline]
fn floats(args: &[Val], test: fn(Ordering) -> bool) -> Val<'static> {
    let (a, b) = (args[0].view().floats(), args[1].view().floats());
    Val::Bool(map2(&a, &b, |x, y| x.partial_cmp(&y).map_or(NULL_BOOL, |o| u8::from(test(o)))))
}

fn texts(call: &Call, args: &[Val], test: fn(Ordering) -> bool) -> Val<'static> {
    let (a, b) = (args[0].view().codes(), args[1].view().codes());
    Val::Bool(map2(&a, &b, |x, y| {
        if x == NULL_CODE || y == NULL_CODE {
            NULL_BOOL
        } else {
            u8::from(test(call.texts.compare(x, y)))
        }
    }))
}

/// Equality of values of one type. Strings and ids are equal where their codes are.
fn equal(args: &[Val], say: fn(bool) -> bool) -> Val<'static> {
    let known = |null: bool, equal: bool| {
        if null { NULL_BOOL } else { u8::from(say(equal)) }
    };
    Val::Bool(match (&args[0], &args[1]) {
        (Val::I64(a), Val::I64(b)) => {
            map2(a, b, |x, y| known(x == NULL_INT || y == NULL_INT, x == y))
        }
        (Val::Bool(a), Val::Bool(b)) => {
            map2(a, b, |x, y| known(x == NULL_BOOL || y == NULL_BOOL, x == y))
        }
        (Val::Code(a), Val::Code(b)) => {
            map2(a, b, |x, y| known(x == NULL_CODE || y == NULL_CODE, x == y))
        }
        (Val::F64(_) | Val::I64(_), Val::F64(_) | Val::I64(_)) => {
            let (a, b) = (args[0].view().floats(), args[1].view().floats());
            map2(&a, &b, |x, y| known(x.is_nan() || y.is_nan(), x == y))
        }
        _ => Arg::One(NULL_BOOL),
    })
}
