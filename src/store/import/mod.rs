//! Reading data files. A format is one file of this room: it says what columns a file has
//! ([`Reader::found`]) and reads them as wanted ([`Reader::read`]).

mod arrow;
mod cell;
mod decode;
mod guard;
mod ipc;
mod json;
mod npy;
mod packed;
mod parquet;
mod tensors;
mod text;
mod text_infer;
mod text_lines;
mod values;
mod words;

pub use cell::{Fault, How};
pub use npy::Npy;
pub use tensors::Tensors;
pub use values::Values;
pub use words::Words;

use crate::catalog::DataError;
use crate::catalog::config::{OnError, Table as TableConfig, TextFormat};
use crate::types::Type;
use rayon::prelude::*;
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
    /// The line of a row of a text file, both from the start of the file; other files have none.
    fn line(&self, _file: usize, _row: u64) -> Option<u64> {
        None
    }
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

impl Decoded {
    /// No rows yet.
    fn empty(wanted: &[Wanted]) -> Decoded {
        Decoded {
            columns: wanted.iter().map(|w| Values::new(&w.how.ty)).collect(),
            faults: Faults::default(),
        }
    }

    /// Columns that can be read each by itself, in parallel.
    fn by_column(
        wanted: &[Wanted],
        column: impl Fn(&Wanted) -> Result<(Values, Faults), DataError> + Sync + Send,
    ) -> Result<Decoded, DataError> {
        let read: Vec<_> = wanted.par_iter().map(column).collect();
        let mut decoded = Decoded {
            columns: Vec::with_capacity(read.len()),
            faults: Faults::default(),
        };
        for column in read {
            let (values, found) = column?;
            decoded.columns.push(values);
            decoded.faults.merge(found);
        }
        Ok(decoded)
    }
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
    let format = form(&files, &table.text).map_err(|why| {
        let message = format!("`table = \"{}\"`: {why}", table.pattern);
        DataError::new(catalog, message).line(table.line)
    })?;
    open_files(&files, format, &table.text)
}

/// A table that no catalog speaks of: it is what it seems to be.
pub fn open_alone(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    let plain = TextFormat::default();
    open_files(&[file.to_owned()], format_of(file), &plain)
}

/// A table that no catalog speaks of, with how its text is written.
pub fn open_as(file: &Path, text: &TextFormat) -> Result<Box<dyn Reader>, DataError> {
    open_files(&[file.to_owned()], format_of(file), text)
}

/// The bytes of a file, unpacked.
pub fn bytes(file: &Path) -> Result<Vec<u8>, DataError> {
    packed::read(file)
}

/// A text table that no catalog speaks of.
pub fn open_text(file: &Path, separator: &str) -> Result<Box<dyn Reader>, DataError> {
    let format = TextFormat::default();
    let table = text::TextTable::open(&[file.to_owned()], &format, separator)?;
    Ok(Box::new(table))
}

/// The text of a file in UTF-8.
pub fn plain_text(file: &Path) -> Result<String, DataError> {
    decode::text(file, &TextFormat::default())
}

/// Whether a file is text with separators, or has no ending that says otherwise.
pub fn is_text(file: &Path) -> bool {
    matches!(format_of(file), None | Some(Format::Text(_)))
}

/// Whether a file's ending says that tabs stand between fields.
pub fn is_tabbed(file: &Path) -> bool {
    format_of(file) == Some(Format::Text("\t"))
}

/// The form of some files, which must be the same, and one that the format fits.
fn form(files: &[PathBuf], text: &TextFormat) -> Result<Option<Format>, String> {
    let format = format_of(&files[0]);
    if let Some(other) = files.iter().find(|f| format_of(f) != format) {
        let (first, other) = (
            crate::catalog::shown(&files[0]),
            crate::catalog::shown(other),
        );
        return Err(format!("{first} and {other} are of different formats"));
    }
    let plain = TextFormat::default();
    let fits = match format {
        Some(Format::Text(_)) | None => true,
        Some(Format::Json) => {
            let (null, encoding) = (text.null.clone(), text.encoding);
            *text
                == TextFormat {
                    null,
                    encoding,
                    ..plain
                }
        }
        Some(Format::Parquet | Format::Arrow) => *text == plain,
    };
    match fits {
        true => Ok(format),
        false => {
            Err("`format` is about text with separators, which these files are not".to_owned())
        }
    }
}

fn open_files(
    files: &[PathBuf],
    format: Option<Format>,
    text: &TextFormat,
) -> Result<Box<dyn Reader>, DataError> {
    Ok(match format {
        Some(Format::Parquet) => Box::new(parquet::ParquetTable::open(files)?),
        Some(Format::Arrow) => Box::new(ipc::ArrowTable::open(files)?),
        Some(Format::Json) => Box::new(json::JsonTable::open(files, text)?),
        Some(Format::Text(separator)) => Box::new(text::TextTable::open(files, text, separator)?),
        None => return Err(unsupported(&files[0])),
    })
}

/// A file with vectors by key, or tensors.
pub fn open_vectors(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    match file.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(Box::new(Tensors::open(file)?)),
        _ if matches!(format_of(file), None | Some(Format::Text(_))) => {
            let help =
                "vectors are read from .npy, .safetensors, .parquet, .arrow and .jsonl files";
            Err(not_read(file, help))
        }
        _ => open_alone(file),
    }
}

fn unsupported(file: &Path) -> DataError {
    let help = "tables are read from .parquet, .csv, .tsv, .txt, .dat, .jsonl, .ndjson and .arrow \
                files, and from .gz and .zst of the text formats";
    not_read(file, help)
}

fn not_read(file: &Path, help: &str) -> DataError {
    let ending = match (packed::is_packed(file), packed::ending(file)) {
        (true, Some(inner)) => format!("packed .{inner}"),
        _ => file.extension().map_or_else(
            || "no ending".to_owned(),
            |e| format!(".{}", e.to_string_lossy()),
        ),
    };
    DataError::new(file, format!("unsupported format ({ending})")).help(help)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Parquet,
    Arrow,
    Json,
    /// Text with this separator unless the catalog says otherwise.
    Text(&'static str),
}

fn format_of(file: &Path) -> Option<Format> {
    let format = match packed::ending(file)?.as_str() {
        "parquet" => Format::Parquet,
        "arrow" | "feather" => Format::Arrow,
        "jsonl" | "ndjson" => Format::Json,
        "csv" | "txt" | "dat" => Format::Text(","),
        "tsv" => Format::Text("\t"),
        _ => return None,
    };
    // Parquet and Arrow are packed inside.
    let text = !matches!(format, Format::Parquet | Format::Arrow);
    (text || !packed::is_packed(file)).then_some(format)
}

/// Whether a file's name says that it is a table.
pub fn is_table(file: &Path) -> bool {
    format_of(file).is_some()
}

/// The columns of all files of a table must be those of the first.
fn same_columns(
    found: &[Found],
    first: &Path,
    path: &Path,
    here: &[Found],
) -> Result<(), DataError> {
    let first = crate::catalog::shown(first);
    for column in found {
        let Some(other) = here.iter().find(|c| c.name == column.name) else {
            let message = format!("lacks the column `{}` of {first}", column.name);
            return Err(DataError::new(path, message));
        };
        if other.ty != column.ty {
            let error = DataError::new(path, format!("has another type than in {first}"));
            return Err(error.column(&column.name));
        }
    }
    match here.iter().find(|c| found.iter().all(|f| f.name != c.name)) {
        Some(extra) => {
            let message = format!("has a column `{}` that {first} lacks", extra.name);
            Err(DataError::new(path, message))
        }
        None => Ok(()),
    }
}

/// Elements of lists are numbered with 32 bits.
fn fits(path: &Path, values: &Values, column: &str) -> Result<(), DataError> {
    match values {
        Values::List { items, .. } if items.len() >= u32::MAX as usize => {
            Err(DataError::new(path, "more than 4 billion list elements").column(column))
        }
        _ => Ok(()),
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
