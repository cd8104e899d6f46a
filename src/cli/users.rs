//! Which users a command is for.

use super::Failure;
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::Engine;
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
fn parse(schema: &Schema, text: &str) -> Result<Key, String> {
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

/// One key a line, or a text table with the viewer's key column.
fn from_file(schema: &Schema, path: &Path) -> Result<Vec<Key>, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::Usage(format!("{shown}: {e}")))?;
    let key = &schema.entity(schema.viewer).key;
    let separator = if path.extension().is_some_and(|e| e == "tsv") {
        '\t'
    } else {
        ','
    };
    let header: Vec<&str> = text
        .lines()
        .next()
        .unwrap_or("")
        .split(separator)
        .map(str::trim)
        .collect();
    let column = header.iter().position(|name| name == key);
    let lines = text.lines().enumerate().skip(usize::from(column.is_some()));
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| {
            let field = line
                .split(separator)
                .nth(column.unwrap_or(0))
                .unwrap_or("")
                .trim();
            parse(schema, field)
                .map_err(|m| Failure::Usage(format!("{shown}, line {}: {m}", i + 1)))
        })
        .collect()
}
