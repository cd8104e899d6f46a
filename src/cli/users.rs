//! Which users a command is for.

use super::{Failure, out, params};
use crate::Request;
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::{Engine, Program};
use crate::store::{self, Users};
use crate::types::{Key, Type, Value};
use std::path::Path;

/// Keys from `--user` and `--users`.
pub fn keys(
    engine: &Engine,
    one_by_one: &[String],
    many: Option<&str>,
) -> Result<Vec<Key>, Failure> {
    let schema = engine.schema();
    let mut keys = Vec::new();
    for text in one_by_one {
        keys.push(parse(schema, text).map_err(|m| Failure::Usage(format!("--user {text}: {m}")))?);
    }
    match many {
        Some("all") => {
            let rows = schema.entity(schema.viewer).rows;
            keys.extend((0..rows).map(|row| engine.snapshot().key(schema.viewer, row)));
        }
        Some(path) => keys.extend(from_file(schema, Path::new(path), &|_| None)?.keys),
        None => {}
    }
    Ok(keys)
}

/// A key as text, of the viewer's type.
pub fn parse(schema: &Schema, text: &str) -> Result<Key, String> {
    let table = schema.entity(schema.viewer);
    match table.key_type {
        KeyType::String => Ok(Key::Str(text.to_owned())),
        KeyType::Int => text
            .trim()
            .parse()
            .map(Key::Int)
            .map_err(|_| format!("keys of `{}` are ints, found `{text}`", table.name)),
    }
}

/// One who asks, with what is asked for this user alone.
pub struct Caller {
    key: Key,
    at: Option<i64>,
    params: Vec<(String, Value)>,
}

impl Caller {
    /// The request of this user, where `base` says what is the same for all.
    pub fn asks(self, base: &Request) -> Request {
        let mut request = Request {
            user: Some(self.key),
            at: self.at.or(base.at),
            ..base.clone()
        };
        request.params.extend(self.params);
        request
    }
}

/// Those who ask, from `--user` and `--users`. Of a table the column `at` or `now` is the time of each
/// request, and columns that are named as parameters of the program are these; a null says nothing.
pub fn callers(
    engine: &Engine,
    program: &Program,
    one_by_one: &[String],
    many: Option<&str>,
) -> Result<Vec<Caller>, Failure> {
    let alone = |key| Caller {
        key,
        at: None,
        params: Vec::new(),
    };
    let Some(path) = many.filter(|many| *many != "all") else {
        let keys = keys(engine, one_by_one, many)?;
        return Ok(keys.into_iter().map(alone).collect());
    };
    let mut callers: Vec<Caller> = keys(engine, one_by_one, None)?
        .into_iter()
        .map(alone)
        .collect();
    let params = &program.checked().params;
    let wanted = |name: &str| match name {
        "at" | "now" => Some(Type::Time),
        name => {
            let param = params.iter().find(|p| p.name == name)?;
            Some(params::as_stored(&param.ty, engine.schema()))
        }
    };
    let users = from_file(engine.schema(), Path::new(path), &wanted)?;
    for name in &users.others {
        out::say(format_args!(
            "warning: --users {path}: the column `{name}` is no parameter of the program"
        ));
    }
    let start = callers.len();
    callers.extend(users.keys.into_iter().map(alone));
    for (name, values) in users.columns {
        for (place, value) in values.into_iter().enumerate() {
            let (Some(value), caller) = (value, &mut callers[start + place]) else {
                continue;
            };
            match (name.as_str(), value) {
                ("at" | "now", Value::Time(at)) => caller.at = Some(at),
                (_, value) => {
                    let row = place + 1;
                    let value = params::of_stored(value, &name, params, engine.schema())
                        .map_err(|m| Failure::Usage(format!("--users {path}: row {row}: {m}")))?;
                    caller.params.push((name.clone(), value));
                }
            }
        }
    }
    Ok(callers)
}

/// One key a line, or a table of any format with the viewer's key column.
fn from_file(
    schema: &Schema,
    path: &Path,
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Users, Failure> {
    if let Err(error) = std::fs::File::open(path) {
        return Err(Failure::Usage(format!(
            "--users {}: {error}",
            path.display()
        )));
    }
    let table = schema.entity(schema.viewer);
    Ok(store::read_users(path, &table.key, table.key_type, wanted)?)
}
