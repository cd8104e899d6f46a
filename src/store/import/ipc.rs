//! Arrow IPC: files (`ARROW1`, also called Feather 2) and bare streams. Format:
//! <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>
//!
//! A file is a stream between two magic words, with a table of contents at the end; both are read
//! as the stream. Lengths that the file claims are checked before memory is taken for them.

use super::arrow::{Sink, as_text, has_unsigned, too_large, type_of};
use super::format::{Format, Settings};
use super::guard::{guarded, reason};
use super::reader::{Decoded, Faults, FileRows, Found, Reader, Wanted};
use super::values::Values;
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::SchemaRef;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"ARROW1";
/// Magic word and least padding before the stream of a file; more padding is zeros.
const HEAD: usize = 8;
const CONTINUES: [u8; 4] = [0xff; 4];
/// No codec packs better than this, so a length beyond it is a lie.
const BEST_PACKING: usize = 1 << 15;

pub(super) static ARROW: Format = Format {
    endings: &["arrow", "feather"],
    settings: Settings::None,
    separator: None,
    packed: false,
    vectors: true,
    open: |files| Ok(Box::new(ArrowTable::open(files.paths)?)),
};

/// Arrow files, as one table.
pub struct ArrowTable {
    files: Vec<FileRows>,
    batches: Vec<Vec<RecordBatch>>,
    found: Vec<Found>,
    warnings: Vec<DataWarning>,
}

impl ArrowTable {
    /// Decodes the files.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let read: Vec<(SchemaRef, Vec<RecordBatch>)> =
            paths.par_iter().map(|p| batches(p)).collect::<Result<_, _>>()?;
        let columns: Vec<Vec<Found>> = read.iter().map(|(s, b)| columns_of(s, b)).collect();
        let parts = paths.iter().zip(&columns);
        let parts: Vec<_> = parts.map(|(p, c)| (p.as_path(), &c[..])).collect();
        let (found, warnings) = super::union::union(&parts);
        let rows = |b: &[RecordBatch]| b.iter().map(|b| b.num_rows() as u64).sum();
        let files = paths
            .iter()
            .zip(&read)
            .map(|(path, (_, b))| FileRows { path: path.clone(), rows: rows(b) });
        Ok(ArrowTable {
            files: files.collect(),
            batches: read.into_iter().map(|(_, b)| b).collect(),
            found,
            warnings,
        })
    }

    /// Batches of one schema that are in memory; messages say where they are from.
    pub fn of_batches(name: &Path, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Self {
        let rows = batches.iter().map(|b| b.num_rows() as u64).sum();
        ArrowTable {
            files: vec![FileRows { path: name.to_owned(), rows }],
            found: columns_of(schema, &batches),
            batches: vec![batches],
            warnings: Vec::new(),
        }
    }

    fn column(&self, wanted: &Wanted) -> Result<(Values, Faults), DataError> {
        let name = self.found[wanted.column].name.as_str();
        let mut values = Values::new(&wanted.how.ty);
        let mut faults = Faults::default();
        for (file, batches) in self.files.iter().zip(&self.batches) {
            for batch in batches {
                let start = values.len();
                let Some(column) = batch.column_by_name(name) else {
                    (0..batch.num_rows()).for_each(|_| values.push_null());
                    continue;
                };
                let found = guarded(|| {
                    let mut sink =
                        Sink { values: &mut values, how: &wanted.how, faults: Vec::new() };
                    sink.array(column.as_ref());
                    Ok(sink.faults)
                });
                let found = found.map_err(|e| broken(&file.path, &e).column(name))?;
                let noted = found.into_iter();
                noted.for_each(|(row, fault)| faults.push(start + row, Some(name), fault));
            }
            super::limits::fits(&file.path, &values, name)?;
        }
        Ok((values, faults))
    }
}

impl Reader for ArrowTable {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        &self.files
    }

    fn magnitude(&self, column: usize) -> u64 {
        let how = super::How::plain(Type::Float);
        let read = self.column(&Wanted { column, how });
        read.map_or(0, |(values, _)| super::limits::largest(&values))
    }

    fn warnings(&self) -> &[DataWarning] {
        &self.warnings
    }

    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError> {
        Decoded::by_column(wanted, |wanted| self.column(wanted))
    }
}

fn columns_of(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<Found> {
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(at, f)| {
            let mut arrays = batches.iter().map(|b| b.column(at));
            let large = has_unsigned(f.data_type()) && arrays.any(|a| too_large(a.as_ref()));
            let ty = type_of(f.data_type());
            Found {
                name: f.name().clone(),
                ty: if large { ty.map(as_text) } else { ty },
                text: false,
            }
        })
        .collect()
}

fn batches(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>), DataError> {
    let bytes = std::fs::read(path).map_err(|e| DataError::io(path, &e))?;
    if bytes.is_empty() {
        return Err(DataError::new(path, "the file is empty"));
    }
    guarded(|| decode(bytes)).map_err(|e| broken(path, &e))
}

fn decode(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>), String> {
    let whole = !bytes.starts_with(MAGIC) || bytes.ends_with(MAGIC);
    let mut start = if bytes.starts_with(MAGIC) { HEAD } else { 0 };
    while start > 0 && bytes.get(start..start + 8) == Some(&[0; 8]) {
        start += 8;
    }
    let end = match whole {
        true => stream_end(&bytes, start)?,
        false => return Err("unexpected end of file".to_owned()),
    };
    let mut stream = Buffer::from_vec(bytes).slice_with_length(start, end - start);
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut stream).map_err(|e| e.to_string())? {
        batches.push(batch);
    }
    decoder.finish().map_err(|e| e.to_string())?;
    let schema = decoder.schema().ok_or("it has no schema")?;
    Ok((schema, batches))
}

/// Goes from message to message; the place after the mark that ends the stream.
fn stream_end(bytes: &[u8], start: usize) -> Result<usize, String> {
    let mut at = start;
    loop {
        let mut length = word(bytes, at)?;
        at += 4;
        if length == CONTINUES {
            length = word(bytes, at)?;
            at += 4;
        }
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return Ok(at);
        }
        let head = bytes.get(at..at + length).ok_or("unexpected end of file")?;
        let message = arrow_ipc::root_as_message(head).map_err(|e| e.to_string())?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| "a length is negative")?;
        at += length;
        let end = at.checked_add(body).filter(|e| *e <= bytes.len());
        honest(&message, &bytes[at..end.ok_or("unexpected end of file")?])?;
        at += body;
        if at == bytes.len() {
            // a stream may also end with its file
            return Ok(at);
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Result<[u8; 4], String> {
    let four = bytes.get(at..at + 4).and_then(|w| w.try_into().ok());
    four.ok_or_else(|| "unexpected end of file".to_owned())
}

/// A packed buffer says first how long it is unpacked: that must be possible.
fn honest(message: &arrow_ipc::Message<'_>, body: &[u8]) -> Result<(), String> {
    let dictionary = message.header_as_dictionary_batch().and_then(|d| d.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else {
        return Ok(());
    };
    if batch.compression().is_none() {
        return Ok(());
    }
    for buffer in batch.buffers().iter().flatten() {
        let (from, length) = (buffer.offset() as usize, buffer.length() as usize);
        if length == 0 {
            continue;
        }
        let packed = from.checked_add(length).and_then(|end| body.get(from..end));
        let packed = packed.ok_or("a buffer lies outside of the file")?;
        let size = packed.first_chunk::<8>().ok_or("a buffer is too short")?;
        let size = i64::from_le_bytes(*size);
        if size > 0 && size as usize / BEST_PACKING > length {
            return Err("a buffer claims an impossible length".to_owned());
        }
    }
    Ok(())
}

fn broken(path: &Path, why: &str) -> DataError {
    let message = format!("not a readable Arrow file: {}", reason(why));
    let help = "the file is truncated, damaged or of another format; write it again";
    DataError::new(path, message).help(help)
}
