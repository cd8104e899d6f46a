//! Arithmetic. A null, an overflow, a division by zero and whatever is not finite give null.

use super::kit::{map1, map2};
use super::ranges::Range::Of;
use super::ranges::{
    BOOL, UNKNOWN, difference_float, difference_int, difference_time, integer, negative_float,
    negative_int, power, product_float, product_int, product_rounded, quotient, quotient_floor,
    quotient_rounded, remainder, same, sum_float, sum_int, sum_time,
};
use super::{Call, Function, Measure, PLAIN, Role, overload};
use crate::expr::value::{Val, widen};
use crate::types::time::in_range;
use crate::types::{NULL_FLOAT, NULL_INT};

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "+",
        usage: "a + b",
        doc: "Sum; joins strings; moves a time by a duration.",
        measures: Measure::OfArguments,
        overloads: &[
            overload!(Int, Int => Int, Strict, Of(sum_int), |_, a| ints(a, i64::checked_add)),
            overload!(Float, Float => Float, Strict, Of(sum_float), |_, a| floats(a, |x, y| x + y)),
            overload!(Time, Duration => Time, Strict, Of(sum_time), |_, a| ints(a, later)),
            overload!(Duration, Time => Time, Strict, Of(sum_time), |_, a| ints(a, later)),
            overload!(Duration, Duration => Duration, Strict, Of(sum_int), |_, a| ints(a, i64::checked_add)),
            overload!(Str, Str => Str, Strict, UNKNOWN, super::text::concat),
        ],
        ..PLAIN
    },
    Function {
        name: "-",
        usage: "a - b",
        doc: "Difference; two times give a duration.",
        measures: Measure::OfArguments,
        overloads: &[
            overload!(Int, Int => Int, Strict, Of(difference_int), |_, a| ints(a, i64::checked_sub)),
            overload!(Float, Float => Float, Strict, Of(difference_float), |_, a| floats(a, |x, y| x - y)),
            overload!(Time, Time => Duration, Strict, Of(difference_int), |_, a| ints(a, i64::checked_sub)),
            overload!(Time, Duration => Time, Strict, Of(difference_time), |_, a| ints(a, earlier)),
            overload!(Duration, Duration => Duration, Strict, Of(difference_int), |_, a| ints(a, i64::checked_sub)),
            overload!(Int => Int, Strict, Of(negative_int), neg_int),
            overload!(Duration => Duration, Strict, Of(negative_int), neg_int),
            overload!(Float => Float, Strict, Of(negative_float), |_, a| Val::F64(map1(&a[0].view().floats(), |x| -x))),
        ],
        ..PLAIN
    },
    Function {
        name: "*",
        usage: "a * b",
        doc: "Product; scales a duration.",
        measures: Measure::Product,
        overloads: &[
            overload!(Int, Int => Int, Strict, Of(product_int), |_, a| ints(a, i64::checked_mul)),
            overload!(Float, Float => Float, Strict, Of(product_float), |_, a| floats(a, |x, y| x * y)),
            overload!(Duration, Int => Duration, Strict, Of(product_int), |_, a| ints(a, i64::checked_mul)),
            overload!(Int, Duration => Duration, Strict, Of(product_int), |_, a| ints(a, i64::checked_mul)),
            overload!(Duration, Float => Duration, Strict, Of(product_rounded), scale),
            overload!(Float, Duration => Duration, Strict, Of(product_rounded), |c, a| scale(c, &[a[1].view(), a[0].view()])),
        ],
        ..PLAIN
    },
    Function {
        name: "/",
        usage: "a / b",
        doc: "Quotient as a float; of two durations, their ratio.",
        role: Role::Divide,
        measures: Measure::OfArguments,
        overloads: &[
            overload!(Float, Float => Float, Strict, Of(quotient), |_, a| floats(a, |x, y| x / y)),
            overload!(Duration, Duration => Float, Strict, Of(quotient), |_, a| floats(a, |x, y| x / y)),
            overload!(Duration, Float => Duration, Strict, Of(quotient_rounded), div_duration),
        ],
        ..PLAIN
    },
    Function {
        name: "//",
        usage: "a // b",
        doc: "Quotient rounded down.",
        role: Role::Divide,
        overloads: &[
            overload!(Int, Int => Int, Strict, Of(quotient_rounded), |_, a| ints(a, floor_div)),
            overload!(Duration, Duration => Int, Strict, Of(quotient_rounded), |_, a| ints(a, floor_div)),
            overload!(Float, Float => Float, Strict, Of(quotient_floor), |_, a| floats(a, float_floor_div)),
        ],
        ..PLAIN
    },
    Function {
        name: "%",
        usage: "a % b",
        doc: "Remainder with the divisor's sign.",
        role: Role::Divide,
        overloads: &[
            overload!(Int, Int => Int, Strict, Of(remainder), |_, a| ints(a, floor_mod)),
            overload!(Duration, Duration => Duration, Strict, Of(remainder), |_, a| ints(a, floor_mod)),
            overload!(Float, Float => Float, Strict, Of(remainder), |_, a| floats(a, float_mod)),
        ],
        ..PLAIN
    },
    Function {
        name: "**",
        usage: "a ** b",
        doc: "Power, as a float.",
        overloads: &[
            overload!(Float, Float => Float, Strict, Of(power), |_, a| floats(a, f64::powf)),
        ],
        ..PLAIN
    },
    Function {
        name: "float",
        usage: "float(x)",
        doc: "An int or bool as a float; text is read, null if it is not a number.",
        role: Role::Float,
        measures: Measure::OfArguments,
        overloads: &[
            overload!(Float => Float, Strict, Of(same), |_, a| Val::F64(map1(&a[0].view().floats(), |x| x))),
            overload!(Bool => Float, Strict, BOOL, |_, a| {
                Val::F64(map1(&a[0].view().bools(), |b| if b == 2 { NULL_FLOAT } else { f64::from(b) }))
            }),
            overload!(Str => Float, Strict, UNKNOWN, super::text::to_float),
        ],
        ..PLAIN
    },
    Function {
        name: "int",
        usage: "int(x)",
        doc: "A float cut towards zero, a bool as 0 or 1; text is read, null if it is not an int.",
        overloads: &[
            overload!(Int => Int, Strict, Of(same), |_, a| Val::I64(map1(&a[0].view().ints(), |x| x))),
            overload!(Float => Int, Strict, Of(integer), |_, a| Val::I64(map1(&a[0].view().floats(), truncate))),
            overload!(Bool => Int, Strict, BOOL, |_, a| {
                Val::I64(map1(&a[0].view().bools(), |b| if b == 2 { NULL_INT } else { i64::from(b) }))
            }),
            overload!(Str => Int, Strict, UNKNOWN, super::text::to_int),
        ],
        ..PLAIN
    },
];

/// A float that is not finite is null.
#[inline]
pub fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { NULL_FLOAT }
}

/// A float cut towards zero; null if no int can hold it.
#[inline]
pub fn truncate(x: f64) -> i64 {
    let x = x.trunc();
    if x > -9.223_372_036_854_775e18 && x < 9.223_372_036_854_775e18 { x as i64 } else { NULL_INT }
}

#[inline]
fn ints(args: &[Val], f: impl Fn(i64, i64) -> Option<i64>) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().ints());
    Val::I64(map2(&a, &b, |x, y| {
        if x == NULL_INT || y == NULL_INT { NULL_INT } else { f(x, y).unwrap_or(NULL_INT) }
    }))
}

#[inline]
fn floats(args: &[Val], f: impl Fn(f64, f64) -> f64) -> Val<'static> {
    let (a, b) = (args[0].view().floats(), args[1].view().floats());
    Val::F64(map2(
        &a,
        &b,
        |x, y| {
            if x.is_nan() || y.is_nan() { NULL_FLOAT } else { finite(f(x, y)) }
        },
    ))
}

/// What is beyond the calendar is no time.
#[inline]
fn later(time: i64, by: i64) -> Option<i64> {
    time.checked_add(by).filter(|t| in_range(*t))
}

#[inline]
fn earlier(time: i64, by: i64) -> Option<i64> {
    time.checked_sub(by).filter(|t| in_range(*t))
}

fn neg_int(_: &Call, args: &[Val]) -> Val<'static> {
    Val::I64(map1(&args[0].view().ints(), |x| if x == NULL_INT { x } else { -x }))
}

fn scale(_: &Call, args: &[Val]) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().floats());
    Val::I64(map2(&a, &b, |x, y| truncate((widen(x) * y).round_ties_even())))
}

fn div_duration(_: &Call, args: &[Val]) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().floats());
    Val::I64(map2(&a, &b, |x, y| truncate((widen(x) / y).round_ties_even())))
}

fn floor_div(x: i64, y: i64) -> Option<i64> {
    let quotient = x.checked_div(y)?;
    Some(if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient })
}

fn floor_mod(x: i64, y: i64) -> Option<i64> {
    let rest = x.checked_rem(y)?;
    Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
}

/// The remainder with the divisor's sign, as Python has it.
fn float_mod(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest == 0.0 {
        0.0f64.copysign(y)
    } else if (rest < 0.0) != (y < 0.0) {
        rest + y
    } else {
        rest
    }
}

/// The quotient rounded down, as Python has it: exact where `x / y` would round up to an int.
fn float_floor_div(x: f64, y: f64) -> f64 {
    let rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest != 0.0 && (rest < 0.0) != (y < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0.0f64.copysign(x / y);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}
