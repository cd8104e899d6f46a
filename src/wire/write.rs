//! Answers into bytes, in parts: many threads encode some answers each, one writes the parts in order.

use super::flat::Flat;
#[cfg(feature = "cli")]
use super::flat::FlatColumn;
use super::format::{EXTENSIONS, Format};
use super::packing::Packing;
use super::{csv, json};
use crate::answer::Answer;
use crate::engine::Program;
use crate::files::Replacement;
#[cfg(feature = "cli")]
use crate::types::Value;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

#[cfg(feature = "arrow")]
use super::columnar;
#[cfg(feature = "arrow")]
use arrow_array::RecordBatch;
#[cfg(feature = "arrow")]
use arrow_ipc::writer::FileWriter;
#[cfg(feature = "parquet")]
use parquet::arrow::ArrowWriter;

/// Writes answers of a program.
pub fn write_answers<W: Write + Send>(
    out: W,
    format: Format,
    program: &Program,
    answers: &[Answer],
) -> io::Result<()> {
    let encoder = Encoder::new(program, format, answers.len());
    let mut writer = encoder.writer(out)?;
    writer.write(encoder.encode(answers)?)?;
    writer.finish()?.flush()
}

/// Writes answers of a program into a file, whose extension says how: as for `igql run -o`. The file appears under
/// its name, or replaces the one that is there, when everything is written.
pub fn write_file(path: &Path, program: &Program, answers: &[Answer]) -> io::Result<()> {
    let Some(format) = Format::of(path) else {
        let message = format!("unknown extension: extensions are {EXTENSIONS}");
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    };
    let packing = Packing::of(path);
    if let Some(message) = format.refuses(packing) {
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    let file = Replacement::new(path)?;
    let mut sink = packing.sink(file.writer()?)?;
    write_answers(&mut sink, format, program, answers)?;
    sink.finish()?;
    file.commit()
}

/// Encodes the answers of one program. Threads share it.
pub struct Encoder {
    format: Format,
    /// How many answers there will be in all.
    answers: usize,
    flat: Flat,
}

impl Encoder {
    /// For this many answers in all: JSON of one is an object, of another number an array.
    pub fn new(program: &Program, format: Format, answers: usize) -> Encoder {
        Encoder { format, answers, flat: Flat::new(program) }
    }

    /// For a table whose rows are made by the caller.
    #[cfg(feature = "cli")]
    pub(crate) fn of_table(format: Format, columns: Vec<FlatColumn>) -> Encoder {
        Encoder { format, answers: 0, flat: Flat::of_columns(columns) }
    }

    /// Some rows of such a table: a value for every column.
    #[cfg(feature = "cli")]
    pub(crate) fn encode_rows(&self, rows: &[Vec<Value>]) -> io::Result<Encoded> {
        let columns = &self.flat.columns;
        Ok(Encoded(match self.format {
            Format::Json => Part::Text(json::row_elements(columns, rows)),
            Format::Ndjson => Part::Text(json::row_lines(columns, rows)),
            Format::Csv | Format::Tsv => {
                Part::Text(csv::rows(rows.iter().cloned(), separator(self.format))?)
            }
            Format::Parquet | Format::Arrow => Part::Rows(columnar::batch(columns, rows)?),
        }))
    }

    /// In tables, an answer without rows is a row of nulls with its user.
    pub fn keep_empty(mut self) -> Encoder {
        self.flat.keep_empty = true;
        self
    }

    /// Begins to write.
    pub fn writer<W: Write + Send>(&self, mut out: W) -> io::Result<Writer<W>> {
        Ok(Writer(match self.format {
            Format::Json if self.answers != 1 => {
                Target::Text { out, first: Some(b'['), last: ["\n]\n", "[]\n"] }
            }
            Format::Json | Format::Ndjson => Target::plain(out),
            Format::Csv | Format::Tsv => {
                out.write_all(&csv::head(&self.flat.columns, separator(self.format))?)?;
                Target::plain(out)
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                Target::Parquet(Box::new(columnar::parquet(out, &self.flat.columns)?))
            }
            #[cfg(feature = "arrow")]
            Format::Arrow => Target::Arrow(Box::new(columnar::arrow(out, &self.flat.columns)?)),
            #[cfg(not(all(feature = "parquet", feature = "arrow")))]
            format => return Err(not_built(format)),
        }))
    }

    /// Some answers as a table, as Arrow has it; without answers, its schema alone.
    #[cfg(feature = "arrow")]
    pub fn table(&self, answers: &[Answer]) -> io::Result<RecordBatch> {
        let rows: Vec<_> = self.flat.rows(answers).collect();
        columnar::batch(&self.flat.columns, &rows)
    }

    /// Some answers, in the order of their requests.
    pub fn encode(&self, answers: &[Answer]) -> io::Result<Encoded> {
        Ok(Encoded(match self.format {
            Format::Json if self.answers == 1 => Part::Text(json::only(answers)),
            Format::Json => Part::Text(json::elements(answers)),
            Format::Ndjson => Part::Text(json::lines(answers)),
            Format::Csv | Format::Tsv => {
                Part::Text(csv::rows(self.flat.rows(answers), separator(self.format))?)
            }
            #[cfg(feature = "arrow")]
            Format::Parquet | Format::Arrow => Part::Rows(self.table(answers)?),
            #[cfg(not(feature = "arrow"))]
            format => return Err(not_built(format)),
        }))
    }
}

fn separator(format: Format) -> u8 {
    match format {
        Format::Tsv => b'\t',
        _ => b',',
    }
}

#[cfg(not(all(feature = "parquet", feature = "arrow")))]
fn not_built(format: Format) -> io::Error {
    let name = format.name();
    let message = format!(
        "this build of igql does not include the format `{name}`: enable the feature `{name}`"
    );
    io::Error::new(ErrorKind::Unsupported, message)
}

/// Some answers as they will be written.
pub struct Encoded(Part);

enum Part {
    Text(Vec<u8>),
    #[cfg(feature = "arrow")]
    Rows(RecordBatch),
}

impl Encoded {
    /// Text of a format that is not one of these.
    #[cfg(feature = "cli")]
    pub(crate) fn text(text: String) -> Encoded {
        Encoded(Part::Text(text.into_bytes()))
    }
}

/// Writes what an [`Encoder`] made.
pub struct Writer<W: Write + Send>(Target<W>);

enum Target<W: Write + Send> {
    Text {
        out: W,
        /// Takes the place of the first byte that comes.
        first: Option<u8>,
        /// Written at the end: behind what came, and where nothing did.
        last: [&'static str; 2],
    },
    #[cfg(feature = "parquet")]
    Parquet(Box<ArrowWriter<W>>),
    #[cfg(feature = "arrow")]
    Arrow(Box<FileWriter<W>>),
}

impl<W: Write + Send> Target<W> {
    fn plain(out: W) -> Target<W> {
        Target::Text { out, first: None, last: ["", ""] }
    }
}

impl<W: Write + Send> Writer<W> {
    /// Of [`Encoded::text`].
    #[cfg(feature = "cli")]
    pub(crate) fn text(out: W) -> Writer<W> {
        Writer(Target::plain(out))
    }

    /// Writes some answers; those of the requests before them have been.
    pub fn write(&mut self, encoded: Encoded) -> io::Result<()> {
        match (&mut self.0, encoded.0) {
            (Target::Text { out, first, .. }, Part::Text(mut text)) => {
                if let Some(byte) = text.first_mut() {
                    *byte = first.take().unwrap_or(*byte);
                }
                out.write_all(&text)
            }
            #[cfg(feature = "arrow")]
            (_, Part::Rows(rows)) if rows.num_rows() == 0 => Ok(()),
            #[cfg(feature = "parquet")]
            (Target::Parquet(writer), Part::Rows(rows)) => Ok(writer.write(&rows)?),
            #[cfg(feature = "arrow")]
            (Target::Arrow(writer), Part::Rows(rows)) => {
                writer.write(&rows).map_err(columnar::failed)
            }
            #[cfg(feature = "arrow")]
            _ => Err(io::Error::new(
                ErrorKind::InvalidInput,
                "these answers were encoded in another format",
            )),
        }
    }

    /// Writes what stands after the last answer, and gives back what was written to, which is not flushed.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Target::Text { mut out, first, last } => {
                out.write_all(last[usize::from(first.is_some())].as_bytes())?;
                Ok(out)
            }
            #[cfg(feature = "parquet")]
            Target::Parquet(writer) => Ok(writer.into_inner()?),
            #[cfg(feature = "arrow")]
            Target::Arrow(writer) => writer.into_inner().map_err(columnar::failed),
        }
    }
}
