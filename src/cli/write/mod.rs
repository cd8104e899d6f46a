//! Answers on their way out, a few at a time: the formats, and where they go.

mod columnar;
mod csv;
mod flat;
mod json;

use super::out::{self, Packing, Pending, Place, Sink};
use super::table::{self, Room};
use super::{Failure, why};
use crate::answer::Answer;
use crate::engine::{Engine, Program};
use arrow_array::RecordBatch;
use clap::ValueEnum;
use columnar::Batches;
use flat::Flat;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One object, or an array for several users
    Json,
    /// One object per line
    Ndjson,
    /// One row per line; first columns `user` and, for pages, `list`
    Csv,
    /// Tab-separated
    Tsv,
    /// The rows as a Parquet table
    Parquet,
    /// The rows as an Arrow IPC file
    Arrow,
}

/// The endings of files that say what to write.
const ENDINGS: &str = "`.json`, `.ndjson`, `.csv`, `.tsv` (optionally compressed, as `.csv.gz` or `.csv.zst`), \
                       `.parquet` and `.arrow`";

impl Format {
    /// What a file's ending asks for, the one before it in a packed file.
    fn of(path: &Path, packing: Packing) -> Option<Format> {
        let name = match packing {
            Packing::Plain => path.file_name(),
            Packing::Gzip | Packing::Zstd => path.file_stem(),
        };
        let ending = Path::new(name?).extension().and_then(OsStr::to_str)?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "json" => Format::Json,
            "ndjson" | "jsonl" => Format::Ndjson,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "parquet" => Format::Parquet,
            "arrow" => Format::Arrow,
            _ => return None,
        })
    }

    /// Bytes that are no text, with a packing of their own.
    fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow)
    }

    /// A table with a row per result: a user without results has none.
    fn is_flat(self) -> bool {
        self.is_binary() || matches!(self, Format::Csv | Format::Tsv)
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |v| v.get_name().to_owned())
    }
}

/// What some answers are in a format.
enum Part {
    Text(Vec<u8>),
    Rows(RecordBatch),
}

/// Makes the parts: many threads at once.
type Encode = Box<dyn Fn(&[Answer]) -> io::Result<Part> + Send + Sync>;

/// What the parts are written to.
enum Writer {
    Text {
        sink: Box<dyn Sink>,
        /// Takes the place of the first byte that comes.
        first: Option<u8>,
        /// Written at the end: behind what came, and where nothing did.
        last: [&'static str; 2],
    },
    Table(Box<dyn Batches + Send>),
}

/// What is asked of the output.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub path: Option<&'a Path>,
    pub format: Option<Format>,
    /// Reasons come with the rows, which a flat table has no column for.
    pub why: bool,
    /// Users without rows get a row of nulls.
    pub keep_empty: bool,
}

/// Format and place, decided before anything runs.
pub struct Output {
    format: Format,
    packing: Packing,
    place: Place,
    keep_empty: bool,
}

impl Output {
    pub fn new(asked: &Asked) -> Result<Output, Failure> {
        let place = Place::of(asked.path);
        let named = place.file();
        let packing = named.map_or(Packing::Plain, Packing::of);
        let usual = match place.is_terminal() {
            true => Format::Table,
            false => Format::Json,
        };
        let format = match (asked.format, named) {
            (Some(format), _) => format,
            (None, None) => usual,
            (None, Some(path)) => Format::of(path, packing).ok_or_else(|| {
                let path = path.display();
                Failure::Usage(format!(
                    "-o {path}: unknown extension\nhelp: extensions are {ENDINGS}; with `--format` any name will do"
                ))
            })?,
        };
        let output = Output {
            format,
            packing,
            place,
            keep_empty: asked.keep_empty,
        };
        match output.objection(asked) {
            Some(message) => Err(Failure::Usage(message)),
            None => Ok(output),
        }
    }

    /// Why this cannot be done.
    fn objection(&self, asked: &Asked) -> Option<String> {
        let (format, name) = (self.format, self.format.name());
        if self.place.is_terminal() && format.is_binary() {
            return Some("binary output needs a file: `-o FILE`".to_owned());
        }
        if self.packing != Packing::Plain && format.is_binary() {
            let message = format!("a file in the format {name} is already compressed");
            return Some(format!("{message}\nhelp: remove the last extension"));
        }
        if asked.why && format.is_flat() {
            let message = format!("{name} cannot hold explanations");
            return Some(format!(
                "{message}\nhelp: `--format json` and `--format table` can"
            ));
        }
        if asked.keep_empty && !format.is_flat() {
            let message = format!("`--keep-empty` has no effect with the format {name}");
            let help = "it is for csv, tsv, parquet and arrow; the other formats have every user";
            return Some(format!("{message}\nhelp: {help}"));
        }
        None
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Opens the place for the answers to a number of requests.
    pub fn start(
        self,
        engine: &Engine,
        program: &Program,
        requests: usize,
    ) -> Result<Started, Failure> {
        let flat = Flat::new(engine, program, self.keep_empty);
        let room = match &self.place {
            Place::Stdout => Room::of_output(),
            Place::Special(_) | Place::File(_) => Room::unlimited(),
        };
        let (sink, pending) = self.place.open(self.packing)?;
        match self.format.writer(sink, flat, requests, room) {
            Ok((encode, writer)) => Ok(Started {
                encode,
                format: self.format,
                several: requests > 1,
                target: Target {
                    writer,
                    pending,
                    users: self.format.is_flat().then_some(requests),
                    empty: 0,
                    warnings: 0,
                },
            }),
            Err(error) => Err(pending.failed(&error)),
        }
    }
}

impl Format {
    fn writer(
        self,
        sink: Box<dyn Sink>,
        flat: Flat,
        requests: usize,
        room: Room,
    ) -> io::Result<(Encode, Writer)> {
        fn text(encode: impl Fn(&[Answer]) -> Vec<u8> + Send + Sync + 'static) -> Encode {
            Box::new(move |answers| Ok(Part::Text(encode(answers))))
        }
        let plain = |mut sink: Box<dyn Sink>, head: &[u8]| {
            sink.write_all(head)?;
            Ok::<_, io::Error>(Writer::Text {
                sink,
                first: None,
                last: ["", ""],
            })
        };
        Ok(match self {
            Format::Table => (
                text(move |a| tables(a, requests > 1, room)),
                plain(sink, b"")?,
            ),
            Format::Json if requests == 1 => (text(json::only), plain(sink, b"")?),
            Format::Json => {
                let writer = Writer::Text {
                    sink,
                    first: Some(b'['),
                    last: ["\n]\n", "[]\n"],
                };
                (text(json::elements), writer)
            }
            Format::Ndjson => (text(json::lines), plain(sink, b"")?),
            Format::Csv | Format::Tsv => {
                let separator = if self == Format::Csv { b',' } else { b'\t' };
                let writer = plain(sink, &csv::head(&flat, separator)?)?;
                let rows = move |a: &[Answer]| csv::rows(&flat, separator, a).map(Part::Text);
                (Box::new(rows), writer)
            }
            Format::Parquet => {
                let writer = Writer::Table(Box::new(columnar::parquet(sink, &flat)?));
                (batches(flat), writer)
            }
            Format::Arrow => {
                let writer = Writer::Table(Box::new(columnar::arrow(sink, &flat)?));
                (batches(flat), writer)
            }
        })
    }
}

fn batches(flat: Flat) -> Encode {
    let schema = columnar::schema(&flat);
    Box::new(move |answers| columnar::batch(&flat, schema.clone(), answers).map(Part::Rows))
}

fn tables(answers: &[Answer], headings: bool, room: Room) -> Vec<u8> {
    let texts = answers
        .iter()
        .map(|a| table::answer(a, headings, room) + &why::text(a));
    texts.collect::<String>().into_bytes()
}

impl Writer {
    fn write(&mut self, part: Part) -> io::Result<()> {
        match (self, part) {
            (Writer::Text { sink, first, .. }, Part::Text(mut text)) => {
                if let Some(byte) = text.first_mut() {
                    *byte = first.take().unwrap_or(*byte);
                }
                sink.write_all(&text)
            }
            (Writer::Table(batches), Part::Rows(rows)) if rows.num_rows() > 0 => {
                batches.write(&rows)
            }
            _ => Ok(()),
        }
    }

    /// Writes what stands after the last answer, and everything that was held back.
    fn finish(self) -> io::Result<()> {
        match self {
            Writer::Table(batches) => batches.close(),
            Writer::Text {
                mut sink,
                first,
                last,
            } => {
                sink.write_all(last[usize::from(first.is_some())].as_bytes())?;
                sink.finish()
            }
        }
    }
}

/// An output that takes answers: in parts, which many threads make, and which are written in order.
pub struct Started {
    encode: Encode,
    format: Format,
    /// Whether there are several requests, so that a warning says whose it is.
    several: bool,
    target: Target,
}

/// Some answers as they will be written.
pub struct Encoded {
    part: io::Result<Part>,
    warnings: Vec<String>,
    /// How many of them have no rows.
    empty: usize,
}

/// Where parts go.
pub struct Target {
    writer: Writer,
    pending: Pending,
    /// How many users there are, where those without rows are not seen in the output.
    users: Option<usize>,
    empty: usize,
    /// How many warnings there were.
    warnings: usize,
}

/// Warnings of many answers that are shown; of the others only how many there are.
const WARNINGS: usize = 20;

impl Started {
    /// The two halves: what many threads use, and what writes.
    pub fn split(self) -> (impl Fn(&[Answer]) -> Encoded + Sync, Target) {
        let (encode, several) = (self.encode, self.several);
        // the format has no place for warnings: they go to standard error
        let warns = !matches!(self.format, Format::Json | Format::Ndjson);
        let encode = move |answers: &[Answer]| {
            let of = |answer: &Answer| {
                let user = answer.user.as_ref().filter(|_| several);
                user.map_or(String::new(), |user| format!("user {user}: "))
            };
            let warned = answers.iter().filter(|_| warns);
            let warnings = warned.flat_map(|a| a.warnings.iter().map(move |w| of(a) + w));
            Encoded {
                warnings: warnings.collect(),
                empty: answers.iter().filter(|a| flat::is_empty(a)).count(),
                part: encode(answers),
            }
        };
        (encode, self.target)
    }
}

impl Target {
    pub fn write(&mut self, encoded: Encoded) -> Result<(), Failure> {
        let room = WARNINGS.saturating_sub(self.warnings);
        for warning in encoded.warnings.iter().take(room) {
            out::say(format_args!("warning: {warning}"));
        }
        self.warnings += encoded.warnings.len();
        self.empty += encoded.empty;
        let written = encoded.part.and_then(|part| self.writer.write(part));
        written.map_err(|e| self.pending.failed(&e))
    }

    pub fn finish(self) -> Result<(), Failure> {
        self.pending.finish(self.writer.finish())?;
        if let Some(more) = self.warnings.checked_sub(WARNINGS).filter(|&n| n > 0) {
            out::say(format_args!(
                "warning: {more} more warnings; `--format ndjson` has them with their answers"
            ));
        }
        match self.users {
            Some(users) if self.empty > 0 => out::say(without_rows(self.empty, users)),
            _ => {}
        }
        Ok(())
    }
}

fn without_rows(empty: usize, users: usize) -> String {
    match users {
        1 => "the answer has no rows".to_owned(),
        _ => format!("{empty} of {users} users have no rows"),
    }
}
