//! Which users a command is for.

use super::{Failure, out, params};
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::{Engine, Program};
use crate::files::{self, Scratch};
use crate::request::Request;
use crate::store::{self, Users};
use crate::types::{Key, NULL_INT, Type, Value};
use std::io::{ErrorKind, Read};
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
        Some(name) => keys.extend(from_file(schema, name, &|_| None)?.keys),
        None => {}
    }
    Ok(keys)
}

/// A key as text, of the viewer's type.
pub fn parse(schema: &Schema, text: &str) -> Result<Key, String> {
    let table = schema.entity(schema.viewer);
    if text.trim().is_empty() {
        return Err("the key is empty".to_owned());
    }
    match table.key_type {
        KeyType::String => Ok(Key::Str(text.to_owned())),
        KeyType::Int => match text.trim().parse() {
            Ok(number) if number != NULL_INT => Ok(Key::Int(number)),
            _ => Err(format!("keys of `{}` are ints, found `{text}`", table.name)),
        },
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
    let users = from_file(engine.schema(), path, &wanted)?;
    let times = users
        .columns
        .iter()
        .filter(|(name, _)| matches!(&**name, "at" | "now"));
    if times.count() > 1 {
        return Err(Failure::Usage(format!(
            "--users {path}: both `at` and `now` are the time of a request: remove one of the columns"
        )));
    }
    if users.keys.is_empty() {
        out::say(format_args!("warning: --users {path}: there are no users"));
    }
    for name in &users.others {
        out::say(format_args!(
            "warning: --users {path}: the column `{name}` is not a parameter of the program and is ignored"
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

/// One key a line, or a table of any format with the viewer's key column; `-` is standard input.
fn from_file(
    schema: &Schema,
    name: &str,
    wanted: &dyn Fn(&str) -> Option<Type>,
) -> Result<Users, Failure> {
    let table = schema.entity(schema.viewer);
    let read = |path: &Path| store::read_users(path, &table.key, table.key_type, wanted);
    if name != "-" {
        let path = Path::new(name);
        files::is_regular(path).map_err(|e| {
            let help = match e.kind() {
                ErrorKind::InvalidInput => "\nhelp: `--users -` reads standard input",
                _ => "",
            };
            Failure::Usage(format!("--users {name}: {e}{help}"))
        })?;
        return Ok(read(path)?);
    }
    let mut bytes = Vec::new();
    let taken = std::io::stdin().read_to_end(&mut bytes);
    taken.map_err(|e| out::failed("standard input", &e))?;
    let copy = Scratch::new(kind(&bytes), &bytes);
    let copy = copy.map_err(|e| out::failed("a copy of standard input", &e))?;
    read(copy.path()).map_err(|mut error| {
        error.file = Path::new("standard input").into();
        error.into()
    })
}

/// The ending of a file with these bytes.
fn kind(bytes: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 5] = [
        (b"PAR1", "parquet"),
        (b"ARROW1", "arrow"),
        (b"\x1f\x8b", "csv.gz"),
        (b"\x28\xb5\x2f\xfd", "csv.zst"),
        (b"{", "jsonl"),
    ];
    let known = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic));
    known.map_or("csv", |(_, ending)| ending)
}

/// Fails where the program and the users would both be read from standard input.
pub fn one_reader(program: &Path, users: Option<&str>) -> Result<(), Failure> {
    if users == Some("-") && program == Path::new("-") {
        let message = "standard input is either the program or the users";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(())
}
