//! Which users a command is for.

use super::Failure;
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::Engine;
use crate::store;
use crate::types::Key;
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
        Some(path) => keys.extend(from_file(schema, Path::new(path))?),
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

/// One key a line, or a table of any format with the viewer's key column.
fn from_file(schema: &Schema, path: &Path) -> Result<Vec<Key>, Failure> {
    if let Err(error) = std::fs::File::open(path) {
        return Err(Failure::Usage(format!(
            "--users {}: {error}",
            path.display()
        )));
    }
    let table = schema.entity(schema.viewer);
    Ok(store::read_keys(path, &table.key, table.key_type)?)
}
