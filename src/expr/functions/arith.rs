//! Arithmetic. A null, an overflow, a division by zero and whatever is not finite give null.

use super::{Call, Function, map1, map2, overload};
use crate::expr::value::{Val, widen};
use crate::types::time::in_range;
use crate::types::{NULL_FLOAT, NULL_INT};

pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "+",
        usage: "a + b",
        doc: "Sum; joins strings; moves a time by a duration.",
        overloads: &[
            overload!(Int, Int => Int, "add_int", |_, a| ints(a, i64::checked_add)),
            overload!(Float, Float => Float, "add_float", |_, a| floats(a, |x, y| x + y)),
            overload!(Time, Duration => Time, "add_time", |_, a| ints(a, later)),
            overload!(Duration, Time => Time, "add_time", |_, a| ints(a, later)),
            overload!(Duration, Duration => Duration, "add_int", |_, a| ints(a, i64::checked_add)),
            overload!(Str, Str => Str, "concat", super::text::concat),
        ],
    },
    Function {
        name: "-",
        usage: "a - b",
        doc: "Difference; two times give a duration.",
        overloads: &[
            overload!(Int, Int => Int, "sub_int", |_, a| ints(a, i64::checked_sub)),
            overload!(Float, Float => Float, "sub_float", |_, a| floats(a, |x, y| x - y)),
            overload!(Time, Time => Duration, "sub_int", |_, a| ints(a, i64::checked_sub)),
            overload!(Time, Duration => Time, "sub_time", |_, a| ints(a, earlier)),
            overload!(Duration, Duration => Duration, "sub_int", |_, a| ints(a, i64::checked_sub)),
            overload!(Int => Int, "neg_int", neg_int),
            overload!(Duration => Duration, "neg_int", neg_int),
            overload!(Float => Float, "neg_float", |_, a| Val::F64(map1(&a[0].view().floats(), |x| -x))),
        ],
    },
    Function {
        name: "*",
        usage: "a * b",
        doc: "Product; scales a duration.",
        overloads: &[
            overload!(Int, Int => Int, "mul_int", |_, a| ints(a, i64::checked_mul)),
            overload!(Float, Float => Float, "mul_float", |_, a| floats(a, |x, y| x * y)),
            overload!(Duration, Int => Duration, "mul_int", |_, a| ints(a, i64::checked_mul)),
            overload!(Int, Duration => Duration, "mul_int", |_, a| ints(a, i64::checked_mul)),
            overload!(Duration, Float => Duration, "scale", scale),
            overload!(Float, Duration => Duration, "scale_by", |c, a| scale(c, &[a[1].view(), a[0].view()])),
        ],
    },
    Function {
        name: "/",
        usage: "a / b",
        doc: "Quotient as a float; of two durations, their ratio.",
        overloads: &[
            overload!(Float, Float => Float, "div_float", |_, a| floats(a, |x, y| x / y)),
            overload!(Duration, Duration => Float, "div_float", |_, a| floats(a, |x, y| x / y)),
            overload!(Duration, Float => Duration, "div_duration", div_duration),
        ],
    },
    Function {
        name: "//",
        usage: "a // b",
        doc: "Quotient rounded down.",
        overloads: &[
            overload!(Int, Int => Int, "floordiv_int", |_, a| ints(a, floor_div)),
            overload!(Duration, Duration => Int, "floordiv_int", |_, a| ints(a, floor_div)),
            overload!(Float, Float => Float, "floordiv_float", |_, a| floats(a, float_floor_div)),
        ],
    },
    Function {
        name: "%",
        usage: "a % b",
        doc: "Remainder with the divisor's sign.",
        overloads: &[
            overload!(Int, Int => Int, "mod_int", |_, a| ints(a, floor_mod)),
            overload!(Duration, Duration => Duration, "mod_int", |_, a| ints(a, floor_mod)),
            overload!(Float, Float => Float, "mod_float", |_, a| floats(a, float_mod)),
        ],
    },
    Function {
        name: "**",
        usage: "a ** b",
        doc: "Power, as a float.",
        overloads: &[overload!(Float, Float => Float, "pow", |_, a| floats(a, f64::powf))],
    },
    Function {
        name: "float",
        usage: "float(x)",
        doc: "An int or bool as a float; text is read, null if it is not a number.",
        overloads: &[
            overload!(Float => Float, "to_float", |_, a| Val::F64(map1(&a[0].view().floats(), |x| x))),
            overload!(Bool => Float, "bool_to_float", |_, a| {
                Val::F64(map1(&a[0].view().bools(), |b| if b == 2 { NULL_FLOAT } else { f64::from(b) }))
            }),
            overload!(Str => Float, "text_to_float", super::text::to_float),
        ],
    },
    Function {
        name: "int",
        usage: "int(x)",
        doc: "A float cut towards zero, a bool as 0 or 1; text is read, null if it is not an int.",
        overloads: &[
            overload!(Int => Int, "int_to_int", |_, a| Val::I64(map1(&a[0].view().ints(), |x| x))),
            overload!(Float => Int, "float_to_int", |_, a| Val::I64(map1(&a[0].view().floats(), truncate))),
            overload!(Bool => Int, "bool_to_int", |_, a| {
                Val::I64(map1(&a[0].view().bools(), |b| if b == 2 { NULL_INT } else { i64::from(b) }))
            }),
            overload!(Str => Int, "text_to_int", super::text::to_int),
        ],
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
    if x > -9.223_372_036_854_775e18 && x < 9.223_372_036_854_775e18 {
        x as i64
    } else {
        NULL_INT
    }
}

#[inline]
fn ints(args: &[Val], f: impl Fn(i64, i64) -> Option<i64>) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().ints());
    Val::I64(map2(&a, &b, |x, y| {
        if x == NULL_INT || y == NULL_INT {
            NULL_INT
        } else {
            f(x, y).unwrap_or(NULL_INT)
        }
    }))
}

#[inline]
fn floats(args: &[Val], f: impl Fn(f64, f64) -> f64) -> Val<'static> {
    let (a, b) = (args[0].view().floats(), args[1].view().floats());
    Val::F64(map2(&a, &b, |x, y| {
        if x.is_nan() || y.is_nan() {
            NULL_FLOAT
        } else {
            finite(f(x, y))
        }
    }))
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
    Val::I64(map1(&args[0].view().ints(), |x| {
        if x == NULL_INT { x } else { -x }
    }))
}

fn scale(_: &Call, args: &[Val]) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().floats());
    Val::I64(map2(&a, &b, |x, y| {
        truncate((widen(x) * y).round_ties_even())
    }))
}

fn div_duration(_: &Call, args: &[Val]) -> Val<'static> {
    let (a, b) = (args[0].view().ints(), args[1].view().floats());
    Val::I64(map2(&a, &b, |x, y| {
        truncate((widen(x) / y).round_ties_even())
    }))
}

fn floor_div(x: i64, y: i64) -> Option<i64> {
    let quotient = x.checked_div(y)?;
    Some(if x % y != 0 && (x < 0) != (y < 0) {
        quotient - 1
    } else {
        quotient
    })
}

fn floor_mod(x: i64, y: i64) -> Option<i64> {
    let rest = x.checked_rem(y)?;
    Some(if rest != 0 && (rest < 0) != (y < 0) {
        rest + y
    } else {
        rest
    })
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
    if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}
