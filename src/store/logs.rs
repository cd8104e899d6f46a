//! Where logs of requests and candidates are: a folder with a folder of files for each of two tables.

use super::{Columns, DataError};
use crate::catalog::schema::Schema;
use crate::types::Type;
use std::fs;
use std::path::{Path, PathBuf};

/// The table of requests: a folder of a log.
pub const REQUESTS: &str = "requests.parquet";
/// The table of what was looked at for them.
pub const CANDIDATES: &str = "candidates.parquet";
/// The stage of rows that are the answer.
pub const RESULT: &str = "result";

/// The type of a column of values of a type: keys are ints or texts, vectors lists of floats.
pub fn type_of(schema: &Schema, ty: &Type) -> Type {
    match ty {
        Type::Vector(_) => Type::List(Box::new(Type::Float)),
        other => schema.plain(other),
    }
}

/// Fails where a table of a log lacks a column.
pub fn has_columns(file: &Path, table: &Columns, names: &[&str]) -> Result<(), DataError> {
    let Some(missing) = names.iter().find(|name| table.get(name).is_none()) else { return Ok(()) };
    let help = format!("its columns are `{}`", table.names().join("`, `"));
    Err(DataError::new(file, format!("has no column `{missing}`, which a log has")).help(help))
}

/// The files of a table of a log: the log is a folder, that of the table, or a file.
pub fn files(path: &Path, table: &str) -> Result<Vec<PathBuf>, DataError> {
    let inside = path.join(table);
    let path = if inside.exists() { inside } else { path.to_owned() };
    if !path.is_dir() {
        return Ok(vec![path]);
    }
    let unreadable = |e: std::io::Error| DataError::new(&path, format!("cannot be read: {e}"));
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // what is being written is hidden
        let is_hidden = name.to_string_lossy().starts_with(['.', '_']);
        if !is_hidden && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    if found.is_empty() {
        let help = format!("a log of `igql run --log DIR` is a folder with `{REQUESTS}` in it");
        return Err(DataError::new(path, "has no requests").help(help));
    }
    Ok(found)
}
