//! Where logs of requests and candidates are: a folder with a folder of files for each of two tables.

use super::DataError;
use std::fs;
use std::path::{Path, PathBuf};

/// The table of requests: a folder of a log.
pub const REQUESTS: &str = "requests.parquet";
/// The table of what was looked at for them.
pub const CANDIDATES: &str = "candidates.parquet";
/// The stage of rows that are the answer.
pub const RESULT: &str = "result";

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
