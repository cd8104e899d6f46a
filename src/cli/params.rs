//! `--param NAME=VALUE`: values of parameters from text, by their types.

use super::Failure;
use crate::catalog;
use crate::catalog::schema::{KeyType, Schema};
use crate::check::{Parameter, Tunables};
use crate::diag::Sink;
use crate::engine::{Engine, Program};
use crate::request::Request;
use crate::source::SourceId;
use crate::syntax::ast::ExprKind;
use crate::syntax::parse_expression;
use crate::types::{Type, Value};

/// The name and the value; the run says which parameters there are, if it has none of that name.
pub fn parse(engine: &Engine, program: &Program, text: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = text.split_once('=') else {
        let message = format!("--param {text}: expected NAME=VALUE");
        return Err(Failure::Usage(message));
    };
    let params = &program.checked().params;
    let Some(param) = params.iter().find(|p| p.name == name) else {
        return Ok((name.to_owned(), Value::Str(value.to_owned())));
    };
    let schema = engine.schema();
    let parsed = of_text(value, &param.ty, schema).ok_or_else(|| {
        let (want, form) = (schema.type_name(&param.ty), form(&param.ty));
        Failure::Usage(format!(
            "--param {name}: expected {want}{form}, found `{value}`"
        ))
    })?;
    Ok((name.to_owned(), parsed))
}

/// Of `NAME=VALUE`, the values of tunables of a program, and the others as they are.
pub fn tunables(program: &Program, given: &[String]) -> Result<(Tunables, Vec<String>), Failure> {
    let checked = program.checked();
    let (mut tunables, mut rest) = (Tunables::new(), Vec::new());
    for text in given {
        let named = text.split_once('=').and_then(|(name, value)| {
            let is_param = checked.params.iter().any(|p| p.name == name);
            let tunable = checked.tunables.iter().find(|t| t.name == name)?;
            (!is_param).then_some((tunable, value.trim()))
        });
        let Some((tunable, value)) = named else {
            rest.push(text.clone());
            continue;
        };
        let name = &tunable.name;
        let number = value.parse::<f64>().ok().filter(|x| x.is_finite());
        let Some(number) = number else {
            let message = format!("--param {name}: a tunable is a number, found `{value}`");
            return Err(Failure::Usage(message));
        };
        if let Some(wrong) = tunable.wrong(number) {
            return Err(Failure::Usage(format!("--param {name}: {wrong}")));
        }
        tunables = tunables.set(name.as_str(), number);
    }
    Ok((tunables, rest))
}

/// A request of nobody with the time and the parameters of a command.
pub fn base(
    engine: &Engine,
    program: &Program,
    at: Option<&str>,
    given: &[String],
) -> Result<Request, Failure> {
    let mut base = Request::anonymous();
    base.at = at.map(time).transpose()?;
    for param in given {
        let (name, value) = parse(engine, program, param)?;
        if base.params.iter().any(|(known, _)| *known == name) {
            return Err(Failure::Usage(format!("--param {name}: it is given twice")));
        }
        base = base.param(name, value);
    }
    Ok(base)
}

/// How a column that holds values of a parameter is read: what tables do not hold stands there as text.
pub fn as_stored(ty: &Type, schema: &Schema) -> Type {
    match ty {
        Type::Id(entity) if schema.entity(*entity).key_type == KeyType::Int => Type::Int,
        Type::Int | Type::Float | Type::Bool | Type::Time => ty.clone(),
        Type::List(item) => Type::List(Box::new(as_stored(item, schema))),
        _ => Type::String,
    }
}

/// A value of a column as that of the parameter of its name.
pub fn of_stored(
    value: Value,
    name: &str,
    params: &[Parameter],
    schema: &Schema,
) -> Result<Value, String> {
    let ty = params.iter().find(|p| p.name == name).map(|p| &p.ty);
    match (value, ty) {
        (Value::Str(text), Some(ty)) => of_text(&text, ty, schema).ok_or_else(|| {
            let (want, form) = (schema.type_name(ty), form(ty));
            format!("`{name}`: expected {want}{form}, found `{text}`")
        }),
        (value, _) => Ok(value),
    }
}

/// The time of `--at`.
pub fn time(text: &str) -> Result<i64, Failure> {
    catalog::time::parse(text).ok_or_else(|| {
        Failure::Usage(format!(
            "--at {text}: expected a time as 2024-05-01 or 2024-05-01T12:30:00Z"
        ))
    })
}

/// How values of a type are written.
fn form(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => " (true or false)",
        Type::Time => " (2024-05-01 or 2024-05-01T12:30:00Z)",
        Type::Duration => " (7d, 12h, 90s)",
        Type::List(_) | Type::Vector(_) => " ([1, 2] as JSON, or 1,2)",
        _ => "",
    }
}

/// A value of a type. `null` is null, but for strings and keys that are strings, which are as written.
fn of_text(text: &str, ty: &Type, schema: &Schema) -> Option<Value> {
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
        Type::List(item) => values(trimmed, item, schema),
        Type::Vector(_) => values(trimmed, &Type::Float, schema),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
    number.map(Value::Float)
}

fn duration(text: &str) -> Option<Value> {
    if let Some(Value::Duration(us)) = text.strip_prefix('-').and_then(duration) {
        return us.checked_neg().map(Value::Duration);
    }
    match parse_expression(text, SourceId::default(), &mut Sink::default()).kind {
        ExprKind::Duration(us) => Some(Value::Duration(us)),
        _ => None,
    }
}

/// Values between commas; nothing is no value.
fn values(text: &str, item: &Type, schema: &Schema) -> Option<Value> {
    let parts = text.split(',').map(str::trim).filter(|_| !text.is_empty());
    let values = parts.map(|part| of_text(part, item, schema));
    values.collect::<Option<Vec<_>>>().map(Value::List)
}

/// A JSON value of a type: numbers, strings, booleans and null; times and durations as strings.
fn of_json(json: &serde_json::Value, ty: &Type, schema: &Schema) -> Option<Value> {
    use serde_json::Value as Json;
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
