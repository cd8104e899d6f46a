//! Keys from a file that no catalog speaks of: one a line, or a column of a table.

use super::import::{self, How, Reader, Values, Wanted};
use crate::catalog::DataError;
use crate::catalog::config::OnError;
use crate::catalog::schema::KeyType;
use crate::types::{Key, NULL_CODE, NULL_INT, Type};
use std::path::Path;

/// The keys in a file, in its order. A table of any format has them in the column `column`; a text
/// without that column in its first line has one key a line.
pub fn read_keys(file: &Path, column: &str, ty: KeyType) -> Result<Vec<Key>, DataError> {
    if !import::is_text(file) {
        return from_table(import::open_alone(file)?.as_ref(), column, ty);
    }
    let text = import::plain_text(file)?;
    let head = text.lines().next().unwrap_or_default();
    let comma = if import::is_tabbed(file) { '\t' } else { ',' };
    let named = |separator: char| {
        let mut names = head.split(separator);
        names.any(|n| n.trim().trim_matches('"') == column)
    };
    match [comma, '\t', ';'].into_iter().find(|s| named(*s)) {
        Some(separator) => {
            let reader = import::open_text(file, &separator.to_string())?;
            from_table(reader.as_ref(), column, ty)
        }
        None => from_lines(file, &text, ty),
    }
}

fn from_lines(file: &Path, text: &str, ty: KeyType) -> Result<Vec<Key>, DataError> {
    let lines = text.lines().enumerate();
    lines
        .map(|(at, line)| (at, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| match ty {
            KeyType::String => Ok(Key::Str(line.to_owned())),
            KeyType::Int => line.parse().map(Key::Int).map_err(|_| {
                let message = format!("expected an int key a line, found `{line}`");
                DataError::new(file, message).line(at as u64 + 1)
            }),
        })
        .collect()
}

fn from_table(reader: &dyn Reader, column: &str, ty: KeyType) -> Result<Vec<Key>, DataError> {
    let found = reader.found();
    let Some(at) = found.iter().position(|f| f.name == column) else {
        let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
        let message = format!("has no column `{column}`, the viewer's key");
        let error = DataError::new(&reader.files()[0].path, message);
        return Err(error.help(format!("its columns are `{}`", names.join("`, `"))));
    };
    let how = How::plain(match ty {
        KeyType::Int => Type::Int,
        KeyType::String => Type::String,
    });
    let table = import::read(reader, &[Wanted { column: at, how }], OnError::Error)?;
    let key = |row: usize| match &table.columns[0] {
        Values::Int(v) if v[row] != NULL_INT => Ok(Key::Int(v[row])),
        Values::Word { codes, words } if codes[row] != NULL_CODE => {
            Ok(Key::Str(words.get(codes[row]).to_owned()))
        }
        _ => {
            let error = table.origin.error(reader, row, "the key is null");
            Err(error.column(column))
        }
    };
    (0..table.rows).map(key).collect()
}
