//! Keys and values, as JSON, as text that reads back and for people.

use crate::types::{Key, Value};
use crate::visible::visible;
use serde_json::{Value as Json, json};

pub fn key(key: &Key) -> Json {
    match key {
        Key::Int(k) => (*k).into(),
        Key::Str(k) => k.clone().into(),
    }
}

/// A value: times as ISO text, durations in seconds.
pub fn value(v: &Value) -> Json {
    match v {
        Value::Null => Json::Null,
        Value::Int(v) => (*v).into(),
        Value::Float(v) => json!(v),
        Value::Bool(v) => (*v).into(),
        Value::Str(v) => v.clone().into(),
        Value::Time(v) => time(*v),
        Value::Duration(v) => json!(*v as f64 / 1e6),
        Value::Id(v) => key(v),
        Value::List(v) => v.iter().map(value).collect(),
        Value::Vector(v) => v.iter().map(|x| json!(x)).collect(),
    }
}

pub fn time(us: i64) -> Json {
    crate::types::time::text(us).map_or(Json::Null, Into::into)
}

/// A value as text that reads back: times in ISO form, lists as JSON arrays.
pub fn text(v: &Value) -> String {
    match value(v) {
        Json::String(text) => text,
        json => json.to_string(),
    }
}

/// A value for people: no quotes, few digits, nothing that acts on a terminal.
pub fn short(v: &Value) -> String {
    match v {
        Value::Null => "-".to_owned(),
        Value::Float(v) => float(*v),
        Value::List(items) => items.iter().map(short).collect::<Vec<_>>().join(" | "),
        Value::Vector(v) => format!("vector[{}]", v.len()),
        Value::Duration(us) => crate::expr::show::duration(*us),
        other => match value(other) {
            Json::String(text) => visible(&text).into_owned(),
            json => json.to_string(),
        },
    }
}

/// A key for people.
pub fn shown_key(key: &Key) -> String {
    visible(&key.to_string()).into_owned()
}

/// A float with about five digits.
pub fn float(v: f64) -> String {
    let size = v.abs();
    if v.is_nan() {
        "-".to_owned()
    } else if v == v.trunc() && size < 1e6 {
        format!("{v}")
    } else if (1e-3..1e6).contains(&size) {
        format!("{v:.4}")
    } else {
        format!("{v:.3e}")
    }
}
