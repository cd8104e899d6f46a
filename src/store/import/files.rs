//! The files of a table: a path, a folder with all that is in it, or a glob.

use super::format::format_of;
use crate::catalog::config::Table;
use std::collections::HashSet;
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// The files that a table names, in the order of their paths; what is wrong if it names none.
/// `folder` is that of the catalog.
pub fn files_of(table: &Table, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let whole = folder.join(&table.pattern);
    if whole.is_dir() {
        return in_folder(&whole, table);
    }
    if whole.is_file() || !table.pattern.contains(['*', '?', '[']) {
        return Ok(vec![whole]);
    }
    let folder = glob::Pattern::escape(&folder.to_string_lossy());
    let pattern = Path::new(&folder).join(&table.pattern);
    let paths = glob::glob(&pattern.to_string_lossy()).map_err(|e| e.msg.to_owned())?;
    let found = paths.map(|path| path.map_err(|e| e.to_string()));
    let mut files: Vec<PathBuf> = found.collect::<Result<_, _>>()?;
    // what is no file, but not a folder either, is told of when it is read
    files.retain(|p| !p.is_dir());
    files.sort();
    match files.is_empty() {
        true => Err("no file matches it".to_owned()),
        false => Ok(files),
    }
}

/// Folders in folders: more is a circle of links.
const DEEPEST: usize = 32;

/// All tables below a folder, but for what `.` and `_` hide (`_SUCCESS`).
fn in_folder(folder: &Path, table: &Table) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    gather(folder, DEEPEST, &mut files, &mut HashSet::new())?;
    let readable = |f: &Path| format_of(f).is_some() || table.formatted;
    files.retain(|f| readable(f));
    files.sort();
    if files.is_empty() {
        let help = "a glob such as `FOLDER/**/*.csv` names them one by one";
        return Err(format!("it is a folder without a table in it; {help}"));
    }
    Ok(files)
}

/// No folder is followed twice, as links may lead back to it.
fn gather(
    folder: &Path,
    left: usize,
    files: &mut Vec<PathBuf>,
    seen: &mut HashSet<PathBuf>,
) -> Result<(), String> {
    if folder.canonicalize().is_ok_and(|whole| !seen.insert(whole)) {
        return Ok(());
    }
    let shown = crate::catalog::shown(folder);
    if left == 0 {
        return Err(format!("{shown} is nested more than {DEEPEST} folders deep"));
    }
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{shown}: {e}"))?;
    let entries = entries.collect::<Result<Vec<_>, _>>();
    let mut entries = entries.map_err(|e| format!("{shown}: {e}"))?;
    // a folder itself comes before links to it
    entries.sort_by_key(|e| (e.path().is_symlink(), e.path()));
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        match path.is_dir() {
            true => gather(&path, left - 1, files, seen)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// Why a path cannot be read as a data file, with what to do; None if it can.
pub fn unreadable(path: &Path) -> Option<(String, &'static str)> {
    let relative = "paths are relative to the catalog";
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(metadata) if metadata.is_dir() => Some((
            "it is a folder".to_owned(),
            "a glob such as `FOLDER/**/*.parquet` names the files in it",
        )),
        Ok(metadata) => Some((
            format!("it is a {}, not a file", kind(metadata.file_type())),
            "data is read more than once, so write it to a file",
        )),
        Err(error) => Some(match std::fs::read_link(path) {
            Ok(target) if error.kind() == std::io::ErrorKind::NotFound => (
                format!("it is a link to {}, which does not exist", target.display()),
                "put the file there, or fix the link",
            ),
            _ => match error.kind() {
                std::io::ErrorKind::NotFound => ("there is no such file".to_owned(), relative),
                std::io::ErrorKind::PermissionDenied => (
                    "permission denied".to_owned(),
                    "check the permissions of all folders on its path",
                ),
                _ => (error.to_string(), relative),
            },
        }),
    }
}

#[cfg(unix)]
fn kind(ty: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if ty.is_fifo() => "pipe",
        () if ty.is_socket() => "socket",
        () if ty.is_block_device() || ty.is_char_device() => "device",
        () => "special file",
    }
}

#[cfg(not(unix))]
fn kind(_: FileType) -> &'static str {
    "special file"
}
