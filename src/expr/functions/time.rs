//! Functions of times. `age` and `decay` read `now`, which the checker passes in as the last
//! argument.

use super::{Call, Function, map2, overload};
use crate::expr::functions::arith::finite;
use crate::expr::value::{Val, widen};
use crate::types::{NULL_CODE, NULL_FLOAT, NULL_INT};

pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "hour",
        usage: "hour(time, tz=\"UTC\")",
        doc: "Hour of the day, 0 to 23.",
        overloads: &[
            overload!(Time, Str => Int, "hour", |c, a| local(c, a, |t| i64::from(t.hour()))),
        ],
    },
    Function {
        name: "weekday",
        usage: "weekday(time, tz=\"UTC\")",
        doc: "Day of the week, Monday 0 to Sunday 6.",
        overloads: &[overload!(Time, Str => Int, "weekday", |c, a| {
            local(c, a, |t| i64::from(t.weekday().to_monday_zero_offset()))
        })],
    },
    Function {
        name: "age",
        usage: "age(time)",
        doc: "Time since then: `now - time`.",
        overloads: &[overload!(Time, Time => Duration, "age", age)],
    },
    Function {
        name: "decay",
        usage: "decay(time, half_life)",
        doc: "`0.5 ** (age(time) / half_life)`: 1 now, 0.5 one half-life ago.",
        overloads: &[overload!(Time, Duration, Time => Float, "decay", decay)],
    },
];

/// `age(time)`: the arguments are the time and `now`.
fn age(_: &Call, args: &[Val]) -> Val<'static> {
    Val::I64(map2(
        &args[0].clone().ints(),
        &args[1].clone().ints(),
        age_of,
    ))
}

#[inline]
fn age_of(time: i64, now: i64) -> i64 {
    if time == NULL_INT || now == NULL_INT {
        NULL_INT
    } else {
        now.checked_sub(time).unwrap_or(NULL_INT)
    }
}

/// `decay(time, half_life)`: the arguments are these and `now`.
fn decay(_: &Call, args: &[Val]) -> Val<'static> {
    let age = map2(&args[0].clone().ints(), &args[2].clone().ints(), age_of);
    Val::F64(map2(&age, &args[1].clone().ints(), |age, half_life| {
        let (age, half_life) = (widen(age), widen(half_life));
        if age.is_nan() || half_life.is_nan() || half_life == 0.0 {
            return NULL_FLOAT;
        }
        finite(0.5f64.powf(age / half_life))
    }))
}

/// Reads the clock of a time zone; an unknown zone gives null.
fn local(call: &Call, args: &[Val], f: impl Fn(&jiff::Zoned) -> i64) -> Val<'static> {
    let mut last: Option<(u32, Option<jiff::tz::TimeZone>)> = None;
    let cell = std::cell::RefCell::new(&mut last);
    Val::I64(map2(
        &args[0].clone().ints(),
        &args[1].clone().codes(),
        |time, zone| {
            if time == NULL_INT || zone == NULL_CODE {
                return NULL_INT;
            }
            let mut last = cell.borrow_mut();
            if last.as_ref().is_none_or(|(code, _)| *code != zone) {
                let found = call
                    .texts
                    .get(zone)
                    .and_then(|name| jiff::tz::TimeZone::get(&name).ok());
                **last = Some((zone, found));
            }
            let zone = last.as_ref().and_then(|(_, zone)| zone.clone());
            let time = jiff::Timestamp::from_microsecond(time).ok();
            time.zip(zone)
                .map_or(NULL_INT, |(time, zone)| f(&time.to_zoned(zone)))
        },
    ))
}
