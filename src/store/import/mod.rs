//! Reading data files. A format is one file of this room: it says what columns a file has
//! ([`Reader::found`]) and reads them as wanted ([`Reader::read`]).
#![cfg_attr(
    not(feature = "arrow"),
    expect(
        dead_code,
        reason = "typed cells come from Arrow and Parquet files alone"
    )
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
use format::{Format, form, format_of, not_read, unsupported};
pub use format::{is_tabbed, is_text, takes_format};
pub use json::object as json_object;
pub use npy::{Npy, npy_keys};
pub use number::{is_grouped, plain as plain_number};
pub use reader::{BYTES, Faults, Found, Group, Reader, Wanted};
use std::path::{Path, PathBuf};
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

fn open_files(
    files: &[PathBuf],
    format: Option<Format>,
    text: &TextFormat,
    named: &[&str],
) -> Result<Box<dyn Reader>, DataError> {
    Ok(match format {
        #[cfg(feature = "parquet")]
        Some(Format::Parquet) => Box::new(parquet::ParquetTable::open(files)?),
        #[cfg(not(feature = "parquet"))]
        Some(Format::Parquet) => return Err(format::not_built(&files[0], "parquet")),
        #[cfg(feature = "arrow")]
        Some(Format::Arrow) => Box::new(ipc::ArrowTable::open(files)?),
        #[cfg(not(feature = "arrow"))]
        Some(Format::Arrow) => return Err(format::not_built(&files[0], "arrow")),
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
