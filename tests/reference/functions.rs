//! The functions of row expressions.

use super::Interp;
use super::aggregates::extreme;
use super::beta;
use super::env::Env;
use super::rows::At;
use super::shape::Called;
use super::similarity::{cosine, distance, dot};
use super::value::{self, Value, float, int, maybe_float, rounded};
use igql::types::Key;
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_64;

const HOUR: i64 = 3_600_000_000;

/// Arguments of a function, by position; named ones stand where their parameter does.
struct Given {
    values: Vec<Value>,
}

impl Given {
    fn get(&self, i: usize) -> &Value {
        self.values.get(i).unwrap_or(&Value::Null)
    }

    fn number(&self, i: usize) -> Option<f64> {
        self.get(i).number()
    }
}

/// Parameters of the functions that may be given by name.
fn parameters(name: &str) -> &'static [&'static str] {
    match name {
        "clamp" => &["x", "low", "high"],
        "age" => &["t"],
        "hour" | "weekday" | "date" => &["t", "tz"],
        "decay" => &["t", "half_life"],
        "uniform" => &["salt"],
        "beta" => &["a", "b", "salt"],
        "bucket" => &["key", "salt", "n"],
        "extract" => &["text", "pattern"],
        "starts_with" => &["text", "start"],
        "ends_with" => &["text", "end"],
        "contains" => &["text", "part"],
        "overlap" | "jaccard" | "dot" | "cosine" | "l2" => &["a", "b"],
        "len" => &["list"],
        "lower" | "upper" => &["text"],
        "norm" => &["a"],
        _ => &["x"],
    }
}

impl<'a> Interp<'a> {
    pub fn function(&self, call: &Called<'a>, env: &Env<'a>, at: &At) -> Value {
        let mut values: Vec<Value> = call.receiver.iter().map(|e| self.value(e, env, at)).collect();
        for arg in call.args {
            let value = self.value(&arg.value, env, at);
            let place =
                arg.name.as_ref().map(|n| parameters(call.name).iter().position(|p| *p == n.text));
            let place = place.map_or(values.len(), |p| p.expect("a parameter"));
            values.resize(values.len().max(place + 1), Value::Null);
            values[place] = value;
        }
        self.apply(call.name, &Given { values }, at)
    }

    fn apply(&self, name: &str, args: &Given, at: &At) -> Value {
        match name {
            "coalesce" => args.values.iter().find(|v| !v.is_null()).cloned().unwrap_or(Value::Null),
            "uniform" => self.uniform(args.values.first(), at),
            "contains" if matches!(args.get(0), Value::List(_)) => {
                self.has(args.get(0), args.get(1))
            }
            _ if args.values.iter().any(Value::is_null) => Value::Null,
            "min" => extreme(args.values.iter().collect(), Ordering::Less),
            "max" => extreme(args.values.iter().collect(), Ordering::Greater),
            "clamp" => clamp(args.get(0), args.get(1), args.get(2)),
            "hash" => self.hash(&args.values).map_or(Value::Null, Value::Int),
            "bucket" => self.bucket(args),
            "age" => value::arithmetic(
                igql::syntax::ast::BinaryOp::Sub,
                &Value::Time(self.now),
                args.get(0),
            ),
            "decay" => self.decay(args.get(0), args.get(1)),
            "beta" => beta::draw(
                args.number(0),
                args.number(1),
                self.uniform(args.values.get(2), at).number(),
            ),
            "extract" => extract(args.get(0), args.get(1)),
            "hour" | "weekday" | "date" => calendar(name, args.get(0), args.values.get(1)),
            "contains" | "overlap" | "jaccard" => self.lists(name, args.get(0), args.get(1)),
            "dot" | "cosine" | "l2" | "norm" => vectors(name, args.get(0), args.get(1)),
            "len" | "lower" | "upper" | "starts_with" | "ends_with" => {
                text(name, args.get(0), args.get(1))
            }
            "abs" | "ceil" | "floor" | "round" | "int" | "float" => convert(name, args.get(0)),
            _ => maybe_float(args.number(0).map(|x| math(name, x))),
        }
    }

    /// `0.5 ** (max(age, 0) / half_life)`; null for a half-life that is not above 0.
    fn decay(&self, time: &Value, half_life: &Value) -> Value {
        let (Value::Time(t), Value::Duration(h)) = (time, half_life) else {
            return Value::Null;
        };
        let Some(age) = self.now.checked_sub(*t) else {
            return Value::Null;
        };
        let age = age.max(0) as f64;
        if *h <= 0 { Value::Null } else { float(0.5f64.powf(age / *h as f64)) }
    }

    /// XXH3-64 of the parts joined by a zero byte; null if one is null.
    pub fn hash(&self, parts: &[Value]) -> Option<i64> {
        let bytes: Option<Vec<Vec<u8>>> = parts.iter().map(|p| self.bytes(p)).collect();
        Some(xxh3_64(&bytes?.join(&0u8)) as i64)
    }

    fn bytes(&self, part: &Value) -> Option<Vec<u8>> {
        let integer = |x: i64| Some(x.to_le_bytes().to_vec());
        match part {
            Value::Null => None,
            Value::Str(text) => Some(text.as_bytes().to_vec()),
            Value::Int(x) | Value::Time(x) | Value::Duration(x) => integer(*x),
            Value::Bool(x) => integer(i64::from(*x)),
            Value::Id(entity, row) => match self.key(*entity, *row) {
                Key::Int(key) => integer(key),
                Key::Str(key) => Some(key.into_bytes()),
            },
            other => panic!("no hash of {other:?}"),
        }
    }

    fn bucket(&self, args: &Given) -> Value {
        let hash = self.hash(&[args.get(1).clone(), args.get(0).clone()]);
        match (hash, args.get(2)) {
            (Some(hash), Value::Int(n)) if *n > 0 => int(Some((hash as u64 % *n as u64) as i64)),
            _ => Value::Null,
        }
    }

    /// A number in (0, 1) that belongs to seed, viewer, salt and row; in a link expression to the
    /// link, whose key is that of its start and that of its end.
    fn uniform(&self, salt: Option<&Value>, at: &At) -> Value {
        let key = match at {
            At::Request => return Value::Null,
            At::Row(row) => vec![Value::Id(row.entity, row.row.id)],
            At::Link(link) => {
                let (links, of) = (&link.links, &link.links.list[link.index]);
                vec![Value::Id(links.from, of.from), Value::Id(links.to, of.to)]
            }
        };
        maybe_float(self.uniform_of(salt, &key))
    }

    /// The same for any key.
    pub fn uniform_of(&self, salt: Option<&Value>, key: &[Value]) -> Option<f64> {
        let viewer =
            self.viewer.map_or(Value::Str(String::new()), |row| Value::Id(self.world.viewer, row));
        let salt = salt.cloned().unwrap_or(Value::Str(String::new()));
        let parts = [&[Value::Int(self.request.seed), viewer, salt], key].concat();
        let hash = self.hash(&parts)? as u64;
        Some(((hash >> 11) as f64 + 0.5) / 2f64.powi(53))
    }

    /// `x in list`.
    pub fn has(&self, list: &Value, x: &Value) -> Value {
        match list {
            Value::List(items) => items
                .iter()
                .fold(Value::Bool(false), |found, item| value::or(&found, &self.equal(x, item))),
            _ => Value::Null,
        }
    }

    fn lists(&self, name: &str, a: &Value, b: &Value) -> Value {
        if let (Value::Str(text), Value::Str(part)) = (a, b) {
            return Value::Bool(text.contains(part.as_str()));
        }
        let Value::List(list) = a else { panic!("not a list: {a:?}") };
        let has = |list: &[Value], x: &Value| list.iter().any(|y| self.equal(x, y).is_true());
        let Value::List(other) = b else { panic!("not a list: {b:?}") };
        let distinct = |list: &[Value]| {
            list.iter()
                .enumerate()
                .filter(|(i, x)| !x.is_null() && !has(&list[..*i], x))
                .map(|(_, x)| x.clone())
                .collect::<Vec<_>>()
        };
        let (a, b) = (distinct(list), distinct(other));
        let common = a.iter().filter(|x| has(&b, x)).count();
        match name {
            "overlap" => Value::Int(common as i64),
            _ => float(common as f64 / (a.len() + b.len() - common) as f64),
        }
    }
}

/// Where the bounds are the wrong way round, the upper one holds.
fn clamp(x: &Value, low: &Value, high: &Value) -> Value {
    let at_least = extreme(vec![x, low], Ordering::Greater);
    extreme(vec![&at_least, high], Ordering::Less)
}

/// What the clock of a zone shows; a zone that is not known shows nothing.
fn calendar(name: &str, t: &Value, zone: Option<&Value>) -> Value {
    let Value::Time(t) = t else { panic!("not a time: {t:?}") };
    let zone = match zone {
        None => "UTC",
        Some(Value::Str(zone)) => zone,
        other => panic!("not a zone: {other:?}"),
    };
    let Some(local) = offset(*t, zone).and_then(|offset| t.checked_add(offset)) else {
        return Value::Null;
    };
    // the years -9999 to 9999 have a calendar
    let calendar = -377_705_116_800_000_000..=253_402_300_799_999_999;
    if !calendar.contains(t) || !calendar.contains(&local) {
        return Value::Null;
    }
    let hours = local.div_euclid(HOUR);
    match name {
        "hour" => Value::Int(hours.rem_euclid(24)),
        "date" => {
            let midnight = local.div_euclid(24 * HOUR) * 24 * HOUR;
            let start = start_of_day(midnight, zone).filter(|t| calendar.contains(t));
            start.map_or(Value::Null, Value::Time)
        }
        // 1970-01-01 was a Thursday; Monday is 0.
        _ => Value::Int((hours.div_euclid(24) + 3).rem_euclid(7)),
    }
}

/// When the clock of a zone first shows a day that begins at `midnight`; where the clock skips it, when it
/// was skipped.
fn start_of_day(midnight: i64, zone: &str) -> Option<i64> {
    let before = offset(midnight.checked_sub(24 * HOUR)?, zone)?;
    let early = midnight - before;
    let then = offset(early, zone)?;
    let late = midnight - then;
    Some(if offset(late, zone)? == then { late } else { early })
}

/// How far the clock of a zone is ahead of UTC, in microseconds.
fn offset(t: i64, zone: &str) -> Option<i64> {
    let ends = [jiff::Timestamp::MIN, jiff::Timestamp::MAX].map(|t| t.as_second());
    let second = t.div_euclid(1_000_000).clamp(ends[0], ends[1]);
    let at = jiff::Timestamp::from_second(second).ok()?;
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    Some(i64::from(zone.to_offset(at).seconds()) * 1_000_000)
}

fn extract(text: &Value, pattern: &Value) -> Value {
    let (Value::Str(text), Value::Str(pattern)) = (text, pattern) else {
        panic!("not texts: {text:?}, {pattern:?}")
    };
    let pattern = regex::Regex::new(pattern).expect("a pattern");
    let group = pattern.captures(text).and_then(|found| found.get(1));
    group.map_or(Value::Null, |group| Value::Str(group.as_str().to_owned()))
}

/// Dot and cosine are similarities, rounded as those are; lengths are not.
fn vectors(name: &str, a: &Value, b: &Value) -> Value {
    let (Value::Vector(a), Value::Vector(b)) = (a, if name == "norm" { a } else { b }) else {
        panic!("not vectors: {a:?}, {b:?}")
    };
    float(match name {
        "dot" => f64::from(dot(a, b) as f32),
        "cosine" => f64::from(cosine(a, b) as f32),
        "l2" => distance(a, b),
        _ => dot(a, a).sqrt(),
    })
}

fn text(name: &str, a: &Value, b: &Value) -> Value {
    match (name, a, b) {
        ("len", Value::List(items), _) => Value::Int(items.len() as i64),
        ("len", Value::Str(text), _) => Value::Int(text.chars().count() as i64),
        ("lower", Value::Str(text), _) => Value::Str(text.to_lowercase()),
        ("upper", Value::Str(text), _) => Value::Str(text.to_uppercase()),
        ("starts_with", Value::Str(text), Value::Str(part)) => {
            Value::Bool(text.starts_with(part.as_str()))
        }
        ("ends_with", Value::Str(text), Value::Str(part)) => {
            Value::Bool(text.ends_with(part.as_str()))
        }
        _ => panic!("no {name} of {a:?} and {b:?}"),
    }
}

/// Functions whose result is of another or of the same type as the argument.
fn convert(name: &str, x: &Value) -> Value {
    match (name, x) {
        ("int", Value::Str(text)) => int(text.trim().parse().ok()),
        ("float", Value::Str(text)) => maybe_float(text.trim().parse().ok()),
        ("float", Value::Bool(x)) => Value::Float(f64::from(u8::from(*x))),
        ("abs", Value::Int(x)) => int(x.checked_abs()),
        ("abs", Value::Duration(x)) => Value::Duration(x.abs()),
        ("abs", Value::Float(x)) => Value::Float(x.abs()),
        ("float", _) => maybe_float(x.number()),
        (_, Value::Int(x)) => Value::Int(*x),
        ("int", Value::Bool(x)) => Value::Int(i64::from(*x)),
        (_, Value::Float(x)) => {
            let whole = match name {
                "ceil" => x.ceil(),
                "floor" => x.floor(),
                "round" => x.round_ties_even(),
                _ => x.trunc(),
            };
            int(rounded(whole))
        }
        _ => panic!("no {name} of {x:?}"),
    }
}

fn math(name: &str, x: f64) -> f64 {
    match name {
        "sqrt" => x.sqrt(),
        "exp" => x.exp(),
        "log" => x.ln(),
        "log2" => x.log2(),
        "log10" => x.log10(),
        "log1p" => x.ln_1p(),
        "sigmoid" => 1.0 / (1.0 + (-x).exp()),
        "tanh" => x.tanh(),
        _ => panic!("unknown function `{name}`"),
    }
}
