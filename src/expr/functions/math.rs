//! Functions of numbers. Outside their domain they are null.

use super::arith::{finite, truncate};
use super::kit::{map1, map2};
use super::ranges::Range::{Fixed, Of};
use super::ranges::{
    absolute, clamped, exponential, greatest, integer, least, logarithm, root, same,
};
use super::{Call, Function, Measure, PLAIN, overload};
use crate::expr::facts::Facts;
use crate::expr::value::{Arg, Val};
use crate::types::{NULL_FLOAT, NULL_INT};

macro_rules! float_function {
    ($name:literal, $doc:literal, $range:expr, $f:expr) => {
        Function {
            name: $name,
            usage: concat!($name, "(x)"),
            doc: $doc,
            overloads: &[overload!(Float => Float, Strict, $range, |_, a| {
                Val::F64(map1(&a[0].view().floats(), |x: f64| if x.is_nan() { NULL_FLOAT } else { finite($f(x)) }))
            })],
            ..PLAIN
        }
    };
}

/// A float rounded somehow becomes an int.
macro_rules! rounding {
    ($name:literal, $doc:literal, $f:expr) => {
        Function {
            name: $name,
            usage: concat!($name, "(x)"),
            doc: $doc,
            overloads: &[
                overload!(Int => Int, Strict, Of(same), |_, a| Val::I64(map1(&a[0].view().ints(), |x| x))),
                overload!(Float => Int, Strict, Of(integer), |_, a| {
                    Val::I64(map1(&a[0].view().floats(), |x: f64| truncate($f(x))))
                }),
            ],
            ..PLAIN
        }
    };
}

macro_rules! extreme {
    ($name:literal, $doc:literal, $range:ident, $int_pick:expr, $float_pick:expr) => {
        Function {
            name: $name,
            usage: concat!($name, "(a, b, ...)"),
            doc: $doc,
            measures: Measure::OfArguments,
            overloads: &[
                overload!(fold Int, Int => Int, Strict, Of($range), |_, a| ints(a, $int_pick)),
                overload!(fold Time, Time => Time, Strict, Of($range), |_, a| ints(a, $int_pick)),
                overload!(fold Duration, Duration => Duration, Strict, Of($range), |_, a| ints(a, $int_pick)),
                overload!(fold Float, Float => Float, Strict, Of($range), |_, a| floats(a, $float_pick)),
            ],
            ..PLAIN
        }
    };
}

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        usage: "abs(x)",
        doc: "The absolute value.",
        overloads: &[
            overload!(Int => Int, Strict, Of(absolute), abs_int),
            overload!(Duration => Duration, Strict, Of(absolute), abs_int),
            overload!(Float => Float, Strict, Of(absolute), |_, a| Val::F64(map1(&a[0].view().floats(), f64::abs))),
        ],
        ..PLAIN
    },
    rounding!("floor", "The largest int not above `x`.", f64::floor),
    rounding!("ceil", "The smallest int not below `x`.", f64::ceil),
    rounding!("round", "The nearest int, half to even.", f64::round_ties_even),
    float_function!("sqrt", "Square root; null below 0.", Of(root), f64::sqrt),
    float_function!("exp", "e to the power.", Of(exponential), f64::exp),
    float_function!(
        "log",
        "Natural logarithm; null at 0 and below.",
        Of(|a| logarithm(a[0], 0.0, f64::ln)),
        f64::ln
    ),
    float_function!(
        "log2",
        "Logarithm to base 2.",
        Of(|a| logarithm(a[0], 0.0, f64::log2)),
        f64::log2
    ),
    float_function!(
        "log10",
        "Logarithm to base 10.",
        Of(|a| logarithm(a[0], 0.0, f64::log10)),
        f64::log10
    ),
    float_function!(
        "log1p",
        "log(1 + x), accurate for small x.",
        Of(|a| logarithm(a[0], -1.0, f64::ln_1p)),
        f64::ln_1p
    ),
    Function {
        measures: Measure::Probability,
        ..float_function!("sigmoid", "1 / (1 + exp(-x)).", Fixed(Facts::between(0.0, 1.0)), sigmoid)
    },
    float_function!("tanh", "Hyperbolic tangent.", Fixed(Facts::between(-1.0, 1.0)), f64::tanh),
    extreme!("min", "The smallest; null if one is null.", least, i64::min, f64::min),
    extreme!("max", "The largest; null if one is null.", greatest, i64::max, f64::max),
    Function {
        name: "clamp",
        usage: "clamp(x, low, high)",
        doc: "x, but at least low and at most high.",
        measures: Measure::OfArguments,
        overloads: &[
            overload!(Int, Int, Int => Int, Strict, Of(clamped), |_, a| {
                ints(&[ints(&a[..2], i64::max), a[2].view()], i64::min)
            }),
            overload!(Float, Float, Float => Float, Strict, Of(clamped), |_, a| {
                floats(&[floats(&a[..2], f64::max), a[2].view()], f64::min)
            }),
        ],
        ..PLAIN
    },
];

/// The logistic function; far below 0 it is 0.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn abs_int(_: &Call, args: &[Val]) -> Val<'static> {
    Val::I64(map1(&args[0].view().ints(), |x| if x == NULL_INT { x } else { x.abs() }))
}

fn ints(args: &[Val], pick: fn(i64, i64) -> i64) -> Val<'static> {
    let pair = |x: i64, y: i64| {
        if x == NULL_INT || y == NULL_INT { NULL_INT } else { pick(x, y) }
    };
    Val::I64(map2(&args[0].view().ints(), &args[1].view().ints(), pair))
}

fn floats(args: &[Val], pick: fn(f64, f64) -> f64) -> Val<'static> {
    let pair = |x: f64, y: f64| {
        if x.is_nan() || y.is_nan() { NULL_FLOAT } else { pick(x, y) }
    };
    let (a, b): (Arg<f64>, Arg<f64>) = (args[0].view().floats(), args[1].view().floats());
    Val::F64(map2(&a, &b, pair))
}
