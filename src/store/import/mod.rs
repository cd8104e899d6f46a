//! Reading data files. A format is one file of this room: it says what columns a file has
//! ([`Reader::found`]) and reads them as wanted ([`Reader::read`]).

mod arrow;
mod cell;
mod npy;
mod parquet;
mod text;
mod text_infer;
mod text_lines;
mod values;
mod words;

pub use cell::{Fault, How};
pub use npy::Npy;
pub use values::Values;
pub use words::Words;

use crate::catalog::DataError;
use crate::catalog::config::{OnError, Table as TableConfig};
use crate::types::Type;
use std::path::{Path, PathBuf};

/// A column as a file has it.
#[derive(Clone, Debug)]
pub struct Found {
    pub name: String,
    /// What it holds; else the name of a type that has no counterpart here.
    pub ty: Result<Type, String>,
    /// A text column: its fields can be read as any type.
    pub text: bool,
}

/// A column to be read: its number in [`Reader::found`] and what to make of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub column: usize,
    pub how: How,
}

/// One or more files of one form, looked through but not read.
pub trait Reader: Send + Sync {
    fn found(&self) -> &[Found];
    fn files(&self) -> &[FileRows];
    /// The largest magnitude among the first values of an int column: tells its unit.
    fn magnitude(&self, column: usize) -> u64;
    /// Reads columns, each over all files; faults are numbered over all files.
    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError>;
    /// The line of a row of a text file, both from the start of the file.
    fn line(&self, file: usize, row: u64) -> Option<u64>;
}

/// A file and how many rows it has.
#[derive(Clone, Debug)]
pub struct FileRows {
    pub path: PathBuf,
    pub rows: u64,
}

/// Columns as wanted, with what could not be read as null.
#[derive(Debug)]
pub struct Decoded {
    pub columns: Vec<Values>,
    pub faults: Faults,
}

/// Rows that are broken, and why the first of them is.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub rows: Vec<u32>,
    pub first: Option<(u32, Option<String>, Fault)>,
}

impl Faults {
    /// Notes a fault in a row, counted from 0 over all files of the table.
    pub fn push(&mut self, row: usize, column: Option<&str>, fault: Fault) {
        let row = row as u32;
        self.rows.push(row);
        if self.first.as_ref().is_none_or(|(first, ..)| row < *first) {
            self.first = Some((row, column.map(str::to_owned), fault));
        }
    }

    pub fn merge(&mut self, other: Faults) {
        self.rows.extend(other.rows);
        let earlier =
            |a: &(u32, Option<String>, Fault)| self.first.as_ref().is_none_or(|b| a.0 < b.0);
        if other.first.as_ref().is_some_and(earlier) {
            self.first = other.first;
        }
    }
}

/// Looks through the files of a table. `folder` is that of the catalog.
pub fn open(
    table: &TableConfig,
    folder: &Path,
    catalog: &Path,
) -> Result<Box<dyn Reader>, DataError> {
    let files = files_of(&table.pattern, folder)
        .map_err(|e| missing(catalog, table.line, &table.pattern, e))?;
    open_files(&files, table)
}

fn open_files(files: &[PathBuf], table: &TableConfig) -> Result<Box<dyn Reader>, DataError> {
    match format_of(&files[0]) {
        Some(Format::Parquet) => Ok(Box::new(parquet::ParquetTable::open(files)?)),
        Some(Format::Text(separator)) => Ok(Box::new(text::TextTable::open(
            files,
            &table.text,
            separator,
        )?)),
        None => Err(unsupported(
            &files[0],
            "tables are read from .parquet, .csv, .tsv, .txt and .dat files",
        )),
    }
}

/// A Parquet file with vectors.
pub fn open_vectors(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    match file.extension().and_then(|e| e.to_str()) {
        Some("parquet") => Ok(Box::new(parquet::ParquetTable::open(&[file.to_owned()])?)),
        _ => Err(unsupported(
            file,
            "vectors are read from .npy and .parquet files",
        )),
    }
}

fn unsupported(file: &Path, help: &str) -> DataError {
    let ending = file.extension().map_or_else(
        || "no ending".to_owned(),
        |e| format!(".{}", e.to_string_lossy()),
    );
    DataError::new(file, format!("unsupported format ({ending})")).help(help)
}

enum Format {
    Parquet,
    /// Text with this separator unless the catalog says otherwise.
    Text(&'static str),
}

fn format_of(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "parquet" => Some(Format::Parquet),
        "csv" | "txt" | "dat" => Some(Format::Text(",")),
        "tsv" => Some(Format::Text("\t")),
        _ => None,
    }
}

/// The files that a path or glob names, in the order of their paths; None if it names none.
pub fn files_of(pattern: &str, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let whole = folder.join(pattern);
    if whole.is_file() || !pattern.contains(['*', '?', '[']) {
        return Ok(vec![whole]);
    }
    let folder = glob::Pattern::escape(&folder.to_string_lossy());
    let pattern = Path::new(&folder).join(pattern);
    let paths = glob::glob(&pattern.to_string_lossy()).map_err(|e| e.msg.to_owned())?;
    let mut files: Vec<_> = paths
        .filter_map(Result::ok)
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    if files.is_empty() {
        Err("no file matches it".to_owned())
    } else {
        Ok(files)
    }
}

fn missing(catalog: &Path, line: u64, pattern: &str, why: String) -> DataError {
    DataError::new(catalog, format!("`table = \"{pattern}\"`: {why}")).line(line)
}

/// A table in memory: columns of equal length, and where each row is from.
#[derive(Debug)]
pub struct Table {
    pub columns: Vec<Values>,
    pub rows: usize,
    pub origin: Origin,
    /// Why the first row that was left out was, and how many were.
    pub skipped: Option<(String, u64)>,
}

/// Where the rows of a table stand in its files.
#[derive(Clone, Debug)]
pub struct Origin {
    pub files: Vec<FileRows>,
    /// Numbers of the rows that were kept, if some were not.
    pub kept: Option<Vec<u32>>,
}

impl Origin {
    /// File and row, from 0 in that file.
    pub fn place(&self, row: usize) -> (usize, u64) {
        let mut row = self.kept.as_ref().map_or(row, |k| k[row] as usize) as u64;
        for (i, file) in self.files.iter().enumerate() {
            if row < file.rows {
                return (i, row);
            }
            row -= file.rows;
        }
        (self.files.len().saturating_sub(1), row)
    }

    /// Rows in the files, kept or not.
    pub fn all_rows(&self) -> u64 {
        self.files.iter().map(|f| f.rows).sum()
    }

    /// An error at a row.
    pub fn error(&self, reader: &dyn Reader, row: usize, message: impl Into<String>) -> DataError {
        let (file, row) = self.place(row);
        let error = DataError::new(&self.files[file].path, message).row(row + 1);
        match reader.line(file, row) {
            Some(line) => error.line(line),
            None => error,
        }
    }

    /// Leaves out all but `rows`.
    pub fn keep(&mut self, rows: &[u32]) {
        self.kept = Some(match &self.kept {
            Some(kept) => rows.iter().map(|&r| kept[r as usize]).collect(),
            None => rows.to_vec(),
        });
    }
}

/// Reads the wanted columns; broken rows are an error or left out.
pub fn read(reader: &dyn Reader, wanted: &[Wanted], on_error: OnError) -> Result<Table, DataError> {
    let Decoded { columns, faults } = reader.read(wanted)?;
    let origin = Origin {
        files: reader.files().to_vec(),
        kept: None,
    };
    let rows = usize::try_from(origin.all_rows()).unwrap_or(usize::MAX);
    if rows >= u32::MAX as usize {
        return Err(DataError::new(
            &origin.files[0].path,
            format!("{rows} rows are more than a table can have"),
        ));
    }
    let mut table = Table {
        columns,
        rows,
        origin,
        skipped: None,
    };
    if let Some((row, column, fault)) = &faults.first {
        let mut error = table
            .origin
            .error(reader, *row as usize, fault.message.clone());
        error.column = column.clone().map(Into::into);
        error = error.maybe_help(fault.help.clone());
        if on_error == OnError::Error {
            return Err(error);
        }
        table.skip(&faults.rows, brief(&error));
    }
    Ok(table)
}

/// A data error as the reason of a warning: without the file.
pub fn brief(error: &DataError) -> String {
    let column = error
        .column
        .as_ref()
        .map_or_else(String::new, |c| format!("column `{c}`: "));
    format!(
        "{column}{} (first: row {})",
        error.message,
        error.row.unwrap_or(0)
    )
}

impl Table {
    /// Leaves out rows, which need be neither sorted nor distinct.
    fn skip(&mut self, rows: &[u32], why: String) {
        let mut keep = vec![true; self.rows];
        rows.iter().for_each(|&r| keep[r as usize] = false);
        let kept: Vec<u32> = (0..self.rows as u32)
            .filter(|&r| keep[r as usize])
            .collect();
        let left_out = (self.rows - kept.len()) as u64;
        self.keep(&kept);
        let before = self.skipped.take();
        self.skipped = Some(before.map_or((why, left_out), |(why, n)| (why, n + left_out)));
    }

    /// Drops rows with a reason.
    pub fn drop_rows(&mut self, rows: &[u32], why: String) {
        if !rows.is_empty() {
            self.skip(rows, why);
        }
    }

    fn keep(&mut self, rows: &[u32]) {
        self.columns = std::mem::take(&mut self.columns)
            .into_iter()
            .map(|c| c.gather(rows))
            .collect();
        self.rows = rows.len();
        self.origin.keep(rows);
    }
}
