//! Reading data files. A format is one file of this room: it says what columns a file has
//! ([`Reader::found`]) and reads them as wanted ([`Reader::read`]).

mod arrow;
mod cell;
mod decode;
mod files;
mod folders;
mod guard;
mod ipc;
mod json;
mod list_text;
mod npy;
mod number;
mod packed;
mod parquet;
mod tensors;
mod text;
mod text_infer;
mod text_lines;
mod values;
mod words;

pub use arrow::BYTES;
pub use cell::{Advice, Cell, Fault, How, Kind, int_text};
pub use decode::is_mostly_utf8;
pub use files::{files_of, unreadable};
pub use json::object as json_object;
pub use npy::{Npy, npy_keys};
pub use number::{is_grouped, plain as plain_number};
pub use tensors::Tensors;
pub use values::Values;
pub use words::Words;

use crate::catalog::config::{OnError, Table as TableConfig, TextFormat};
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
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
    /// What is doubtful about the files as a whole.
    fn warnings(&self) -> &[DataWarning] {
        &[]
    }
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

/// What is broken, a group for each kind of fault in each column.
#[derive(Clone, Debug, Default)]
pub struct Faults(pub Vec<Group>);

/// Rows with faults of one kind in one column.
#[derive(Clone, Debug)]
pub struct Group {
    /// None where it is about the row as a whole.
    pub column: Option<String>,
    /// Counted from 0 over all files of the table.
    pub rows: Vec<u32>,
    /// Of the first row.
    pub first: Fault,
}

impl Faults {
    /// Notes a fault in a row, counted from 0 over all files of the table.
    pub fn push(&mut self, row: usize, column: Option<&str>, fault: Fault) {
        let like = |g: &&mut Group| g.first.kind == fault.kind && g.column.as_deref() == column;
        match self.0.iter_mut().find(like) {
            Some(group) => group.rows.push(row as u32),
            None => self.0.push(Group {
                column: column.map(str::to_owned),
                rows: vec![row as u32],
                first: fault,
            }),
        }
    }

    pub fn merge(&mut self, other: Faults) {
        self.0.extend(other.0);
    }

    /// The groups by their first rows.
    pub fn in_order(mut self) -> Vec<Group> {
        self.0.sort_by_key(|group| group.rows.first().copied());
        self.0
    }
}

/// Looks through the files of a table. `folder` is that of the catalog, `named` are the columns that
/// the catalog speaks of.
pub fn open(
    table: &TableConfig,
    folder: &Path,
    catalog: &Path,
    named: &[&str],
) -> Result<Box<dyn Reader>, DataError> {
    let wrong = |why: String| {
        let message = format!("`table = \"{}\"`: {why}", table.pattern);
        DataError::new(catalog, message).line(table.line)
    };
    let files = files_of(table, folder).map_err(wrong)?;
    let format = form(&files, table).map_err(wrong)?;
    let reader = open_files(&files, format, &table.text, named)?;
    Ok(folders::with_folders(reader, folder, table))
}

/// A table that no catalog speaks of: it is what it seems to be.
pub fn open_alone(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    let plain = TextFormat::default();
    open_files(&[file.to_owned()], format_of(file), &plain, &[])
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

/// Whether a `format` in the catalog is of use for a file: it is text or JSON.
pub fn takes_format(file: &Path) -> bool {
    !matches!(format_of(file), Some(Format::Parquet | Format::Arrow))
}

/// Whether a file's ending says that tabs stand between fields.
pub fn is_tabbed(file: &Path) -> bool {
    format_of(file) == Some(Format::Text("\t"))
}

/// The form of some files, which must be the same, and one that the format fits.
fn form(files: &[PathBuf], table: &TableConfig) -> Result<Option<Format>, String> {
    // an ending that says nothing is that of text, if the catalog says how it is written
    let of = |f: &Path| format_of(f).or(table.formatted.then_some(Format::Text(",")));
    let format = of(&files[0]);
    if let Some(other) = files.iter().find(|f| of(f) != format) {
        let (first, other) = (
            crate::catalog::shown(&files[0]),
            crate::catalog::shown(other),
        );
        return Err(format!(
            "{first} and {other} are of different formats; a glob such as `FOLDER/**/*.parquet` chooses"
        ));
    }
    let text = &table.text;
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
    named: &[&str],
) -> Result<Box<dyn Reader>, DataError> {
    Ok(match format {
        Some(Format::Parquet) => Box::new(parquet::ParquetTable::open(files)?),
        Some(Format::Arrow) => Box::new(ipc::ArrowTable::open(files)?),
        Some(Format::Json) => Box::new(json::JsonTable::open(files, text, named)?),
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
    let help = "tables are read from .parquet, .csv, .tsv, .txt, .dat, .jsonl, .ndjson, .json and .arrow \
                files, and from .gz and .zst of the text formats; text of any other ending with \
                `format = { separator = \",\" }`";
    let error = not_read(file, help);
    match packed::ending(file).as_deref() {
        Some("json") => error.or_help("write an object a line into a .jsonl file: `jq -c '.[]' FILE.json > FILE.jsonl` does it for a list of objects"),
        Some("xls" | "xlsx" | "ods") => error.or_help("save the sheet as CSV"),
        _ => error,
    }
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
        "jsonl" | "ndjson" | "json" => Format::Json,
        "csv" | "txt" | "dat" => Format::Text(","),
        "tsv" => Format::Text("\t"),
        _ => return None,
    };
    // Parquet and Arrow are packed inside.
    let text = !matches!(format, Format::Parquet | Format::Arrow);
    (text || !packed::is_packed(file)).then_some(format)
}

/// How deep lists may be nested.
pub const MOST_NESTED: usize = 16;

/// How deep the lists of a type are nested.
pub fn depth(ty: &Type) -> usize {
    match ty {
        Type::List(item) => 1 + depth(item),
        _ => 0,
    }
}

pub fn too_deep(depth: usize) -> String {
    format!("lists nested {depth} deep, where {MOST_NESTED} is the most")
}

/// The columns of some files as one table: a file may lack some, and have them in any order. Columns
/// of different types are of what holds both.
fn union<'f>(parts: &[(&'f Path, &'f [Found])]) -> (Vec<Found>, Vec<DataWarning>) {
    let mut all: Vec<Found> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut warnings = Vec::new();
    for (at, (path, found)) in parts.iter().enumerate() {
        let mut here = HashSet::new();
        for column in *found {
            if !here.insert(column.name.as_str()) {
                // the second of a name is another column, which nothing can name
                if at == 0 {
                    all.push(column.clone());
                }
                continue;
            }
            match places.get(column.name.as_str()) {
                Some(&place) => {
                    let before = std::mem::replace(&mut all[place].ty, Ok(Type::Null));
                    all[place].ty = joined(&before, &column.ty);
                    all[place].text |= column.text;
                    let odd = odd(&all[place].ty, &before, &column.ty);
                    warnings.extend(odd.map(|odd| {
                        DataWarning::new(
                            file_name(path),
                            format!("column `{}` {odd}", column.name),
                            0,
                        )
                    }));
                }
                None => {
                    places.insert(&column.name, all.len());
                    all.push(column.clone());
                }
            }
        }
    }
    if parts.len() > 1 {
        warnings.extend(all.iter().filter_map(|column| lacking(parts, &column.name)));
    }
    (all, warnings)
}

/// What to say of a column that some files do not have.
fn lacking(parts: &[(&Path, &[Found])], name: &str) -> Option<DataWarning> {
    let lacks = |(_, found): &&(&Path, &[Found])| found.iter().all(|f| f.name != name);
    let count = parts.iter().filter(lacks).count() as u64;
    let (first, _) = parts.iter().find(lacks)?;
    let others = match count {
        1 => String::new(),
        _ => format!(" and in {} other files of the table", count - 1),
    };
    let message = format!("column `{name}` is lacking{others}: it reads null there");
    Some(DataWarning::new(file_name(first), message, 0))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// What holds values of both types.
fn joined(a: &Result<Type, String>, b: &Result<Type, String>) -> Result<Type, String> {
    fn of(a: &Type, b: &Type) -> Option<Type> {
        Some(match (a, b) {
            (a, b) if a == b => a.clone(),
            (Type::Null, ty) | (ty, Type::Null) => ty.clone(),
            (Type::List(a), Type::List(b)) => Type::List(Box::new(of(a, b)?)),
            (Type::List(_) | Type::Vector(_), _) | (_, Type::List(_) | Type::Vector(_)) => {
                return None;
            }
            (a, b) if a.is_number() && b.is_number() => Type::Float,
            _ => Type::String,
        })
    }
    match (a, b) {
        (Ok(a), Ok(b)) => of(a, b).ok_or_else(|| "list or single value".to_owned()),
        (Err(a), _) => Err(a.clone()),
        (_, Err(b)) => Err(b.clone()),
    }
}

/// What to say of a column whose types in two files were joined, unless nothing is lost.
fn odd(
    joined: &Result<Type, String>,
    a: &Result<Type, String>,
    b: &Result<Type, String>,
) -> Option<String> {
    let text = |ty: &Result<Type, String>| {
        ty.as_ref()
            .map_or_else(Clone::clone, |ty| format!("{ty:?}").to_lowercase())
    };
    match (joined, a, b) {
        (Ok(Type::String), Ok(a), Ok(b)) if a != b && *a != Type::Null && *b != Type::Null => {
            let (a, b) = (text(&Ok(a.clone())), text(&Ok(b.clone())));
            Some(format!(
                "is {b} here and {a} in files before: it is read as string"
            ))
        }
        _ => None,
    }
}

/// The largest magnitude among some numbers.
fn largest(values: &Values) -> u64 {
    match values {
        Values::Float(numbers) => {
            let sizes = numbers.iter().filter(|x| !x.is_nan()).map(|x| x.abs());
            sizes.fold(0.0, f64::max) as u64
        }
        _ => 0,
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

/// A table in memory: columns of equal length, and where each row is from.
#[derive(Debug)]
pub struct Table {
    pub columns: Vec<Values>,
    pub rows: usize,
    pub origin: Origin,
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

    /// Says of an error at the first of some rows how many others there are.
    pub fn and_more(&self, error: DataError, rows: &[u32]) -> DataError {
        let others = rows.iter().skip(1).take(NAMED);
        let others: Vec<u64> = others.map(|&r| self.place(r as usize).1 + 1).collect();
        error.and_more(rows.len().saturating_sub(1) as u64, &others)
    }

    /// Leaves out all but `rows`.
    pub fn keep(&mut self, rows: &[u32]) {
        self.kept = Some(match &self.kept {
            Some(kept) => rows.iter().map(|&r| kept[r as usize]).collect(),
            None => rows.to_vec(),
        });
    }
}

/// Reads the wanted columns whole; what is broken is null, and told.
pub fn read_all(reader: &dyn Reader, wanted: &[Wanted]) -> Result<(Table, Vec<Group>), DataError> {
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
    let table = Table {
        columns,
        rows,
        origin,
    };
    Ok((table, faults.in_order()))
}

/// Reads the wanted columns of a table that no catalog speaks of; broken rows are an error or left
/// out.
pub fn read(reader: &dyn Reader, wanted: &[Wanted], on_error: OnError) -> Result<Table, DataError> {
    let (mut table, groups) = read_all(reader, wanted)?;
    if on_error == OnError::Error {
        let error = |g: &Group| table.origin.and_more(table.first(reader, g), &g.rows);
        let errors = groups.iter().map(error).collect();
        return DataError::all(errors).map_or(Ok(table), Err);
    }
    let rows: Vec<u32> = groups.into_iter().flat_map(|g| g.rows).collect();
    table.drop_rows(&rows);
    Ok(table)
}

/// How many rows of a kind an error names.
const NAMED: usize = 3;

impl Table {
    /// The error for the first row of a group of faults.
    pub fn first(&self, reader: &dyn Reader, group: &Group) -> DataError {
        let fault = &group.first;
        let row = group.rows.first().copied().unwrap_or(0) as usize;
        let error = self.origin.error(reader, row, fault.message.clone());
        let error = error.maybe_help(fault.help.clone());
        match &group.column {
            Some(column) => error.column(column),
            None => error,
        }
    }

    /// Leaves out rows, which need be neither sorted nor distinct; how many those were.
    pub fn drop_rows(&mut self, rows: &[u32]) -> u64 {
        if rows.is_empty() {
            return 0;
        }
        let mut keep = vec![true; self.rows];
        rows.iter().for_each(|&r| keep[r as usize] = false);
        let kept: Vec<u32> = (0..self.rows as u32)
            .filter(|&r| keep[r as usize])
            .collect();
        let left_out = (self.rows - kept.len()) as u64;
        self.columns = std::mem::take(&mut self.columns)
            .into_iter()
            .map(|c| c.gather(&kept))
            .collect();
        self.rows = kept.len();
        self.origin.keep(&kept);
        left_out
    }
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
