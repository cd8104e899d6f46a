//! Reading data files. A format is a file of this module with a declaration ([`Format`]): its reader says what
//! columns files have ([`Reader::found`]) and reads them as wanted ([`Reader::read`]).
#![cfg_attr(
    not(feature = "arrow"),
    expect(dead_code, reason = "typed cells come from Arrow and Parquet files alone")
)]

#[cfg(feature = "arrow")]
mod arrow;
mod cell;
mod decode;
mod files;
mod folders;
mod format;
#[cfg(feature = "arrow")]
mod guard;
#[cfg(feature = "arrow")]
mod ipc;
mod json;
mod limits;
mod list_text;
mod npy;
mod number;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
mod reader;
mod table;
mod tensors;
mod text;
mod text_infer;
mod text_lines;
mod union;
mod values;
mod words;

use crate::catalog::DataError;
use crate::catalog::config::{Table as TableConfig, TextFormat};
pub use cell::{Advice, Cell, Fault, How, Kind, int_text};
pub use decode::is_mostly_utf8;
pub use files::{files_of, unreadable};
use format::{Files, Format, format_of, format_of_all, unsupported, without_vectors};
pub use format::{is_table, is_text, separator, separator_of, takes_format};
pub use json::object as json_object;
pub use npy::{Npy, npy_keys};
pub use number::{is_grouped, plain as plain_number};
pub use reader::{BYTES, Faults, Found, Group, Reader, Wanted};
use std::path::Path;
pub use table::{Origin, Table, brief, read, read_all};
pub use tensors::Tensors;
pub use values::Values;
pub use words::Words;

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
    let format = format_of_all(&files, table).map_err(wrong)?;
    let (paths, settings) = (&files[..], &table.text);
    let files = Files { paths, settings, named };
    let reader = open_files(format, &files)?;
    Ok(folders::with_folders(reader, folder, table))
}

/// A table that no catalog speaks of: it is what it seems to be.
pub fn open_alone(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    let files = Files { paths: &[file.to_owned()], settings: &TextFormat::default(), named: &[] };
    open_files(format_of(file), &files)
}

/// Batches of Arrow arrays that are in memory, as a table.
#[cfg(feature = "arrow")]
pub fn of_batches(
    name: &Path,
    schema: &arrow_schema::SchemaRef,
    batches: Vec<arrow_array::RecordBatch>,
) -> Box<dyn Reader> {
    Box::new(ipc::ArrowTable::of_batches(name, schema, batches))
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

fn open_files(format: Option<&Format>, files: &Files) -> Result<Box<dyn Reader>, DataError> {
    let format = format.ok_or_else(|| unsupported(&files.paths[0]))?;
    (format.open)(files)
}

/// A file with vectors by key, or tensors.
pub fn open_vectors(file: &Path) -> Result<Box<dyn Reader>, DataError> {
    match file.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(Box::new(Tensors::open(file)?)),
        _ if !format_of(file).is_some_and(|format| format.vectors) => Err(without_vectors(file)),
        _ => open_alone(file),
    }
}
