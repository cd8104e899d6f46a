//! Keys and values as JSON and as text, in both directions.

use crate::catalog;
use crate::catalog::schema::{Entity, KeyType, Schema};
use crate::diag::Sink;
use crate::expr::show::duration as duration_text;
use crate::source::SourceId;
use crate::syntax::ast::ExprKind;
use crate::syntax::parse_expression;
use crate::types::{Key, NULL_INT, Type, Value};
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

/// A value of a parameter, as a request has it in JSON: durations as in programs.
pub fn param(v: &Value) -> Json {
    match v {
        Value::Duration(us) => duration_text(*us).into(),
        Value::List(items) => items.iter().map(param).collect(),
        other => value(other),
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

/// A key of an entity from text.
pub fn key_of_text(text: &str, entity: &Entity) -> Result<Key, String> {
    if text.trim().is_empty() {
        return Err("the key is empty".to_owned());
    }
    match entity.key_type {
        KeyType::String => Ok(Key::Str(text.to_owned())),
        KeyType::Int => match text.trim().parse() {
            Ok(number) if number != NULL_INT => Ok(Key::Int(number)),
            _ => Err(format!("keys of `{}` are ints, found `{text}`", entity.name)),
        },
    }
}

/// A key of an entity from JSON.
pub fn key_of_json(json: &Json, entity: &Entity) -> Result<Key, String> {
    let (found, kind) = match entity.key_type {
        KeyType::Int => (json.as_i64().filter(|&k| k != NULL_INT).map(Key::Int), "ints"),
        KeyType::String => (json.as_str().map(|k| Key::Str(k.to_owned())), "strings"),
    };
    found.ok_or_else(|| format!("keys of `{}` are {kind}, found `{json}`", entity.name))
}

/// A time from text, in microseconds.
pub fn time_of_text(text: &str) -> Result<i64, String> {
    let expected = || "expected a time as 2024-05-01 or 2024-05-01T12:30:00Z".to_owned();
    catalog::time::parse(text).ok_or_else(expected)
}

/// How values of a type are written in text, for messages: `float`, `bool (true or false)`.
pub fn form(ty: &Type, schema: &Schema) -> String {
    let form = match ty {
        Type::Bool => " (true or false)",
        Type::Time => " (2024-05-01 or 2024-05-01T12:30:00Z)",
        Type::Duration => " (7d, 12h, 90s)",
        Type::List(_) | Type::Vector(_) => " ([1, 2] as JSON, or 1,2)",
        _ => "",
    };
    format!("{}{form}", schema.type_name(ty))
}

/// A value of a type from text. `null` is null, but for strings and keys that are strings, which are as written.
pub fn of_text(text: &str, ty: &Type, schema: &Schema) -> Option<Value> {
    let trimmed = text.trim();
    match ty {
        Type::String => return Some(Value::Str(text.to_owned())),
        Type::Id(entity) if schema.entity(*entity).key_type == KeyType::String => {
            return Some(Value::Str(text.to_owned()));
        }
        _ if trimmed == "null" => return Some(Value::Null),
        _ => {}
    }
    match ty {
        Type::Int | Type::Id(_) => trimmed.parse().ok().map(Value::Int),
        Type::Float => number(trimmed),
        Type::Bool => trimmed.parse().ok().map(Value::Bool),
        Type::Time => catalog::time::parse(trimmed.trim_start_matches('@')).map(Value::Time),
        Type::Duration => duration(trimmed),
        Type::List(_) | Type::Vector(_) if trimmed.starts_with('[') => {
            of_json(&serde_json::from_str(trimmed).ok()?, ty, schema)
        }
        Type::List(item) => separated(trimmed, item, schema),
        Type::Vector(_) => separated(trimmed, &Type::Float, schema),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
    number.map(Value::Float)
}

pub fn duration(text: &str) -> Option<Value> {
    if let Some(Value::Duration(us)) = text.strip_prefix('-').and_then(duration) {
        return us.checked_neg().map(Value::Duration);
    }
    match parse_expression(text, SourceId::default(), &mut Sink::default()).kind {
        ExprKind::Duration(us) => Some(Value::Duration(us)),
        _ => None,
    }
}

/// Values between commas; nothing is no value.
fn separated(text: &str, item: &Type, schema: &Schema) -> Option<Value> {
    let parts = text.split(',').map(str::trim).filter(|_| !text.is_empty());
    let values = parts.map(|part| of_text(part, item, schema));
    values.collect::<Option<Vec<_>>>().map(Value::List)
}

/// A value of a type from JSON: numbers, strings, booleans and null; times and durations as strings.
pub fn of_json(json: &Json, ty: &Type, schema: &Schema) -> Option<Value> {
    match (json, ty) {
        (Json::Null, _) => Some(Value::Null),
        (Json::Array(items), Type::List(item)) => {
            let items = items.iter().map(|json| of_json(json, item, schema));
            items.collect::<Option<Vec<_>>>().map(Value::List)
        }
        (Json::Array(items), Type::Vector(_)) => {
            let items = items.iter().map(|json| json.as_f64().map(Value::Float));
            items.collect::<Option<Vec<_>>>().map(Value::List)
        }
        (Json::Bool(x), Type::Bool) => Some(Value::Bool(*x)),
        (Json::Number(x), Type::Float) => x.as_f64().map(Value::Float),
        (Json::Number(x), Type::Int) => x.as_i64().map(Value::Int),
        (Json::Number(x), Type::Id(entity)) => {
            let ints = schema.entity(*entity).key_type == KeyType::Int;
            x.as_i64().filter(|_| ints).map(Value::Int)
        }
        (Json::String(x), Type::String | Type::Time | Type::Duration) => of_text(x, ty, schema),
        (Json::String(x), Type::Id(entity)) => {
            let strings = schema.entity(*entity).key_type == KeyType::String;
            strings.then(|| Value::Str(x.clone()))
        }
        _ => None,
    }
}
