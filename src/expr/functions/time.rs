//! Functions of times. `age` and `decay` read `now`, which the checker passes in as the last
//! argument.

use super::kit::{map1, map2};
use super::ranges::Range::Fixed;
use super::ranges::{SHARE_OR_NULL, UNKNOWN};
use super::{Call, Form, Function, PLAIN, overload};
use crate::expr::facts::Facts;
use crate::expr::value::{Arg, Val, widen};
use crate::types::{NULL_FLOAT, NULL_INT, time};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::HashMap;

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "hour",
        usage: "hour(t, tz=\"UTC\")",
        doc: "Hour of the day, 0 to 23.",
        form: Form::Zone,
        overloads: &[
            overload!(Time, Str => Int, Strict, Fixed(Facts::between(0.0, 23.0).or_null()), |c, a| local(c, a, |t, _| {
                i64::from(t.hour())
            })),
        ],
        ..PLAIN
    },
    Function {
        name: "weekday",
        usage: "weekday(t, tz=\"UTC\")",
        doc: "Day of the week, Monday 0 to Sunday 6.",
        form: Form::Zone,
        overloads: &[
            overload!(Time, Str => Int, Strict, Fixed(Facts::between(0.0, 6.0).or_null()), |c, a| {
                local(c, a, |t, _| i64::from(t.weekday().to_monday_zero_offset()))
            }),
        ],
        ..PLAIN
    },
    Function {
        name: "date",
        usage: "date(t, tz=\"UTC\")",
        doc: "The first instant of the calendar day: midnight, or 01:00 where that was skipped.",
        form: Form::Zone,
        overloads: &[overload!(Time, Str => Time, Strict, UNKNOWN, |c, a| local(c, a, day))],
        ..PLAIN
    },
    Function {
        name: "age",
        usage: "age(t)",
        doc: "Time since then: `now - t`.",
        form: Form::Now,
        overloads: &[overload!(Time, Time => Duration, Strict, Fixed(Facts::PRESENT), age)],
        ..PLAIN
    },
    Function {
        name: "decay",
        usage: "decay(t, half_life)",
        doc: "`0.5 ** (max(age(t), 0s) / half_life)`: 1 now and for future times, 0.5 one half-life ago.",
        form: Form::Now,
        overloads: &[overload!(Time, Duration, Time => Float, Strict, SHARE_OR_NULL, decay)],
        ..PLAIN
    },
];

/// `age(time)`: the arguments are the time and `now`.
fn age(_: &Call, args: &[Val]) -> Val<'static> {
    Val::I64(map2(&args[0].view().ints(), &args[1].view().ints(), age_of))
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
    let age = map2(&args[0].view().ints(), &args[2].view().ints(), age_of);
    Val::F64(map2(&age, &args[1].view().ints(), |age, half_life| {
        let (age, half_life) = (widen(age), widen(half_life));
        // null is not above 0 either
        if age.is_nan() || half_life.is_nan() || half_life <= 0.0 {
            return NULL_FLOAT;
        }
        0.5f64.powf(age.max(0.0) / half_life)
    }))
}

/// The zone of that name; names are those of the IANA database, whatever the case of their letters.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// Every name of a time zone.
pub fn zone_names() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.to_string()).collect()
}

/// The first instant of a calendar day, in microseconds.
fn day(at: DateTime, zone: &TimeZone) -> i64 {
    time::of_local(at.start_of_day(), zone).unwrap_or(NULL_INT)
}

/// Reads the clock of a time zone; an unknown zone gives null.
fn local(call: &Call, args: &[Val], f: impl Fn(DateTime, &TimeZone) -> i64) -> Val<'static> {
    let times = args[0].view().ints();
    let named = |code: u32| call.texts.get(code).and_then(|name| zone(&name));
    let read = |time: i64, zone: Option<&TimeZone>| {
        let local = zone.and_then(|zone| Some((time::local(time, zone)?, zone)));
        local.map_or(NULL_INT, |(at, zone)| f(at, zone))
    };
    Val::I64(match args[1].view().codes() {
        Arg::One(code) => {
            let zone = named(code);
            map1(&times, |time| read(time, zone.as_ref()))
        }
        zones => {
            let mut known: HashMap<u32, Option<TimeZone>> = HashMap::new();
            let mut at = |i| {
                let zone = known.entry(zones.get(i)).or_insert_with_key(|&code| named(code));
                read(times.get(i), zone.as_ref())
            };
            Arg::Many((0..call.n).map(&mut at).collect())
        }
    })
}
