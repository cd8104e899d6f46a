//! Folders called `key=value`: every one on the way to a file is a column of its rows, as Hive and
//! Spark write tables.

use super::Values;
use super::cell::Cell;
use super::reader::{Decoded, FileRows, Found, Reader, Wanted};
use super::text_infer::Guess;
use super::union::file_name;
use crate::catalog::config::Table;
use crate::catalog::{DataError, DataWarning};
use std::path::{Component, Path};

/// What Hive calls the folder of rows without a value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Files with columns from the names of their folders behind their own.
struct InFolders {
    inner: Box<dyn Reader>,
    found: Vec<Found>,
    /// Columns of folders: a value for each file.
    values: Vec<Vec<Option<String>>>,
    guesses: Vec<Guess>,
    warnings: Vec<DataWarning>,
}

/// Adds the columns that folders below that of the catalog are called after, if any is.
pub fn with_folders(inner: Box<dyn Reader>, folder: &Path, table: &Table) -> Box<dyn Reader> {
    let files = inner.files().iter();
    let pairs: Vec<Vec<(String, Option<String>)>> = files.map(|f| pairs(&f.path, folder)).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in pairs.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return inner;
    }
    let (mut found, mut warnings) = (inner.found().to_vec(), inner.warnings().to_vec());
    let (mut values, mut guesses) = (Vec::new(), Vec::new());
    for name in names {
        if found.iter().any(|f| f.name == *name) {
            warnings.push(in_files_too(&inner.files()[0].path, name));
            continue;
        }
        let of = |pairs: &Vec<(String, Option<String>)>| {
            pairs.iter().find(|(n, _)| n == name)?.1.clone()
        };
        let column: Vec<Option<String>> = pairs.iter().map(of).collect();
        let mut guess = Guess::default();
        for value in column.iter().flatten() {
            guess.see(value, table.text.decimal);
        }
        found.push(Found { name: name.clone(), ty: Ok(guess.ty()), text: true });
        values.push(column);
        guesses.push(guess);
    }
    Box::new(InFolders { inner, found, values, guesses, warnings })
}

fn in_files_too(file: &Path, column: &str) -> DataWarning {
    let message = format!(
        "column `{column}` is in the files and in the names of their folders: that of the files is read"
    );
    DataWarning::new(file_name(file), message, 0)
}

/// The `key=value` folders on the way to a file.
fn pairs(file: &Path, folder: &Path) -> Vec<(String, Option<String>)> {
    let below = file.strip_prefix(folder).unwrap_or(file);
    let folders = below.parent().into_iter().flat_map(Path::components);
    let pair = |component: Component| {
        let name = component.as_os_str().to_str()?;
        let (key, value) = name.split_once('=')?;
        let value = (value != NULL && !value.is_empty()).then(|| unescaped(value));
        (!key.is_empty()).then(|| (unescaped(key), value))
    };
    folders.filter_map(pair).collect()
}

/// `%3A` is `:`; such writers escape what file systems do not like.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        let code = hex.and_then(|h| u8::from_str_radix(h, 16).ok());
        match code.filter(|_| first == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

impl InFolders {
    fn own(&self, column: usize) -> Option<usize> {
        column.checked_sub(self.inner.found().len())
    }

    fn column(&self, at: usize, wanted: &Wanted, decoded: &mut Decoded) {
        let mut values = Values::new(&wanted.how.ty);
        let mut first = 0;
        for (value, file) in self.values[at].iter().zip(self.inner.files()) {
            let rows = file.rows as usize;
            if rows > 0 {
                let cell = value.as_ref().map_or(Cell::Null, |text| Cell::Str(text));
                if let Err(fault) = values.push(cell, &wanted.how) {
                    values.push_null();
                    let name = self.found[wanted.column].name.as_str();
                    let fault = fault
                        .help(format!("it is the name of a folder of {}", file_name(&file.path)));
                    for row in first..first + rows {
                        decoded.faults.push(row, Some(name), fault.clone());
                    }
                }
                values.repeat_last(rows - 1);
            }
            first += rows;
        }
        decoded.columns.push(values);
    }
}

impl Reader for InFolders {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        self.inner.files()
    }

    fn magnitude(&self, column: usize) -> u64 {
        match self.own(column) {
            Some(own) => self.guesses[own].magnitude,
            None => self.inner.magnitude(column),
        }
    }

    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError> {
        let inner: Vec<Wanted> =
            wanted.iter().filter(|w| self.own(w.column).is_none()).cloned().collect();
        let read = self.inner.read(&inner)?;
        let mut columns = read.columns.into_iter();
        let mut decoded =
            Decoded { columns: Vec::with_capacity(wanted.len()), faults: read.faults };
        for want in wanted {
            match self.own(want.column) {
                Some(own) => self.column(own, want, &mut decoded),
                None => decoded.columns.extend(columns.next()),
            }
        }
        Ok(decoded)
    }

    fn warnings(&self) -> &[DataWarning] {
        &self.warnings
    }

    fn line(&self, file: usize, row: u64) -> Option<u64> {
        self.inner.line(file, row)
    }
}
