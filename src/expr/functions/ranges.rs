//! Between which numbers the results of functions lie, from what is certain of their arguments.

use crate::expr::facts::Facts;

/// What is certain of a result where no argument is null; `nullable`, if it can be null even so.
pub enum Range {
    /// Whatever the arguments.
    Fixed(Facts),
    /// It follows from them.
    Of(fn(&[Facts]) -> Facts),
}

impl Range {
    pub fn of(&self, args: &[Facts]) -> Facts {
        match self {
            Range::Fixed(facts) => *facts,
            Range::Of(of) => of(args),
        }
    }
}

/// Nothing is certain.
pub const UNKNOWN: Range = Range::Fixed(Facts::UNKNOWN);
/// True or false.
pub const BOOL: Range = Range::Fixed(Facts::between(0.0, 1.0));
/// True or false, or null for reasons of its own.
pub const BOOL_OR_NULL: Range = Range::Fixed(Facts::between(0.0, 1.0).or_null());
/// Not below zero.
pub const COUNT: Range = Range::Fixed(Facts::between(0.0, f64::INFINITY));
/// Not below zero, or null for reasons of its own.
pub const COUNT_OR_NULL: Range = Range::Fixed(Facts::between(0.0, f64::INFINITY).or_null());
/// From 0 to 1, or null for reasons of its own.
pub const SHARE_OR_NULL: Range = BOOL_OR_NULL;

/// The argument as it is.
pub fn same(args: &[Facts]) -> Facts {
    Facts::between(args[0].low, args[0].high)
}

pub fn sum_int(args: &[Facts]) -> Facts {
    Facts::int(args[0].low + args[1].low, args[0].high + args[1].high)
}

pub fn sum_float(args: &[Facts]) -> Facts {
    Facts::float(args[0].low + args[1].low, args[0].high + args[1].high)
}

pub fn sum_time(args: &[Facts]) -> Facts {
    Facts::time(args[0].low + args[1].low, args[0].high + args[1].high)
}

pub fn difference_int(args: &[Facts]) -> Facts {
    Facts::int(args[0].low - args[1].high, args[0].high - args[1].low)
}

pub fn difference_float(args: &[Facts]) -> Facts {
    Facts::float(args[0].low - args[1].high, args[0].high - args[1].low)
}

pub fn difference_time(args: &[Facts]) -> Facts {
    Facts::time(args[0].low - args[1].high, args[0].high - args[1].low)
}

pub fn negative_int(args: &[Facts]) -> Facts {
    Facts::int(-args[0].high, -args[0].low)
}

pub fn negative_float(args: &[Facts]) -> Facts {
    Facts::float(-args[0].high, -args[0].low)
}

pub fn product_int(args: &[Facts]) -> Facts {
    let (low, high) = products(args);
    Facts::int(low, high)
}

pub fn product_float(args: &[Facts]) -> Facts {
    let (low, high) = products(args);
    Facts::float(low, high)
}

/// A product of floats as an int.
pub fn product_rounded(args: &[Facts]) -> Facts {
    rounded(product_float(args))
}

fn products(args: &[Facts]) -> (f64, f64) {
    corners(args[0], args[1], |x, y| match x == 0.0 || y == 0.0 {
        true => 0.0,
        false => x * y,
    })
}

pub fn quotient(args: &[Facts]) -> Facts {
    let (a, b) = (args[0], args[1]);
    if b.low > 0.0 || b.high < 0.0 {
        let (low, high) = corners(a, b, |x, y| if x == 0.0 { 0.0 } else { x / y });
        return Facts::float(low, high);
    }
    match a.low >= 0.0 && b.low >= 0.0 {
        true => Facts::between(0.0, f64::INFINITY).or_null(),
        false => Facts::UNKNOWN,
    }
}

/// A quotient as an int: the nearest, or the one below.
pub fn quotient_rounded(args: &[Facts]) -> Facts {
    let exact = quotient(args);
    let wide = rounded(exact.widened());
    match exact.low >= 0.0 {
        true => wide.at_least(0.0),
        false => wide,
    }
}

/// A quotient of floats rounded down.
pub fn quotient_floor(args: &[Facts]) -> Facts {
    let facts = quotient_rounded(args);
    Facts { nullable: quotient(args).nullable, ..facts }
}

pub fn remainder(args: &[Facts]) -> Facts {
    match args[1].low > 0.0 {
        true => Facts::between(0.0, args[1].high),
        false => Facts::UNKNOWN,
    }
}

pub fn power(args: &[Facts]) -> Facts {
    let (base, exponent) = (args[0], args[1]);
    if base.low < 0.0 {
        let even = exponent.low == exponent.high && exponent.low % 2.0 == 0.0;
        return match even {
            true => Facts::between(0.0, f64::INFINITY).or_null(),
            false => Facts::UNKNOWN,
        };
    }
    if base.low == 0.0 && exponent.low < 0.0 {
        return Facts::between(0.0, f64::INFINITY).or_null();
    }
    let (low, high) = corners(base, exponent, f64::powf);
    // between the corners the power passes through 1 at most
    let facts = Facts::float(low.min(1.0), high.max(1.0)).widened();
    let exact = exponent.low >= 0.0 && base.low >= 1.0;
    facts.at_least(if exact { 1.0 - 1e-9 } else { 0.0 })
}

/// An int near a float: above, below or towards zero; null where no int can hold it.
pub fn integer(args: &[Facts]) -> Facts {
    rounded(Facts::between(args[0].low, args[0].high))
}

fn rounded(number: Facts) -> Facts {
    let facts = Facts::int(number.low.floor(), number.high.ceil());
    Facts { nullable: facts.nullable || number.nullable, ..facts }
}

pub fn absolute(args: &[Facts]) -> Facts {
    let Facts { low, high, .. } = args[0];
    let least = match low <= 0.0 && high >= 0.0 {
        true => 0.0,
        false => low.abs().min(high.abs()),
    };
    Facts::between(least, low.abs().max(high.abs()))
}

pub fn least(args: &[Facts]) -> Facts {
    let (a, b) = (args[0], args[1]);
    Facts::between(a.low.min(b.low), a.high.min(b.high))
}

pub fn greatest(args: &[Facts]) -> Facts {
    let (a, b) = (args[0], args[1]);
    Facts::between(a.low.max(b.low), a.high.max(b.high))
}

pub fn clamped(args: &[Facts]) -> Facts {
    least(&[greatest(&args[..2]), args[2]])
}

pub fn root(args: &[Facts]) -> Facts {
    let x = args[0];
    domain(x.low < 0.0, x.low.max(0.0).sqrt(), x.high.max(0.0).sqrt())
}

pub fn exponential(args: &[Facts]) -> Facts {
    let (low, high) = (args[0].low.exp(), args[0].high.exp());
    Facts::float(low, high).widened().at_least(0.0)
}

/// The logarithm of what is above a number, null elsewhere.
pub fn logarithm(x: Facts, above: f64, f: fn(f64) -> f64) -> Facts {
    let low = match x.low > above {
        true => f(x.low),
        false => f64::NEG_INFINITY,
    };
    let high = match x.high > above {
        true => f(x.high),
        false => f64::INFINITY,
    };
    let facts = domain(x.low <= above, low, high);
    // the logarithm of what is at least 1 is not below 0, rounding or not
    match low >= 0.0 {
        true => facts.at_least(0.0),
        false => facts,
    }
}

/// The first of two that is not null.
pub fn first(args: &[Facts]) -> Facts {
    let (a, b) = (args[0], args[1]);
    let nullable = a.nullable && b.nullable;
    Facts { nullable, lack: b.lack.filter(|_| nullable), ..a.either(b) }
}

/// True or false, or null if an argument is.
pub fn bool_of(args: &[Facts]) -> Facts {
    Facts::between(0.0, 1.0).made_of(args)
}

/// A number below another, which is null unless that is above 0.
pub fn below(args: &[Facts]) -> Facts {
    Facts::between(0.0, (args[1].high - 1.0).max(0.0)).or_null()
}

/// A function that grows; null where the argument leaves its domain.
fn domain(leaves: bool, low: f64, high: f64) -> Facts {
    let facts = Facts::float(low, high).widened();
    Facts { nullable: facts.nullable || leaves, ..facts }
}

/// The least and the largest of `f` at the ends of two intervals, for functions that have their
/// extremes there.
fn corners(a: Facts, b: Facts, f: fn(f64, f64) -> f64) -> (f64, f64) {
    let ends = [f(a.low, b.low), f(a.low, b.high), f(a.high, b.low), f(a.high, b.high)];
    if ends.iter().any(|x| x.is_nan()) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}
