//! Answers on their way out, a few at a time: the formats, and where they go.

mod columnar;
mod csv;
mod flat;
mod json;

use super::{Failure, table, why};
use crate::answer::Answer;
use crate::engine::{Engine, Program};
use arrow_array::RecordBatch;
use clap::ValueEnum;
use columnar::Batches;
use flat::Flat;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One object, or an array for several users
    Json,
    /// An object a line
    Ndjson,
    /// A row a line; first columns `user` and, for pages, `list`
    Csv,
    /// The rows as a Parquet table
    Parquet,
    /// The rows as an Arrow IPC file
    Arrow,
}

impl Format {
    /// What a file's ending asks for.
    fn of(path: &Path) -> Option<Format> {
        Some(match path.extension()?.to_str()? {
            "json" => Format::Json,
            "ndjson" | "jsonl" => Format::Ndjson,
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            "arrow" => Format::Arrow,
            _ => return None,
        })
    }
}

/// Where answers go.
type Sink = Box<dyn Write + Send>;

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
        sink: Sink,
        /// Takes the place of the first byte that comes.
        first: Option<u8>,
        /// Written at the end: behind what came, and where nothing did.
        last: [&'static str; 2],
    },
    Table(Box<dyn Batches + Send>),
}

/// Format and place, decided before anything runs.
pub struct Output {
    format: Format,
    path: Option<PathBuf>,
}

impl Output {
    pub fn new(path: Option<&Path>, format: Option<Format>) -> Result<Output, Failure> {
        let terminal = path.is_none() && io::stdout().is_terminal();
        let usual = if terminal {
            Format::Table
        } else {
            Format::Json
        };
        let format = format.or(path.and_then(Format::of)).unwrap_or(usual);
        if terminal && matches!(format, Format::Parquet | Format::Arrow) {
            let message = "binary output needs a file: `-o FILE`".to_owned();
            return Err(Failure::Usage(message));
        }
        Ok(Output {
            format,
            path: path.map(Path::to_owned),
        })
    }

    /// Opens the place for the answers to a number of requests.
    pub fn start(
        self,
        engine: &Engine,
        program: &Program,
        requests: usize,
    ) -> Result<Started, Failure> {
        let (sink, aside): (Sink, _) = match &self.path {
            None => (Box::new(BufWriter::new(io::stdout())), None),
            Some(path) => {
                let aside = Aside::of(path);
                let target = aside.as_ref().map_or(path, |a| &a.part);
                let file = File::create(target).map_err(|e| cannot(Some(path), &e))?;
                (Box::new(BufWriter::new(file)), aside)
            }
        };
        let flat = Flat::new(engine, program);
        let (encode, writer) = self
            .format
            .writer(sink, flat, requests)
            .map_err(|e| cannot(self.path.as_deref(), &e))?;
        Ok(Started {
            encode,
            warns: !matches!(self.format, Format::Json | Format::Ndjson),
            target: Target {
                writer,
                path: self.path,
                aside,
            },
        })
    }
}

impl Format {
    fn writer(self, sink: Sink, flat: Flat, requests: usize) -> io::Result<(Encode, Writer)> {
        fn text(encode: impl Fn(&[Answer]) -> Vec<u8> + Send + Sync + 'static) -> Encode {
            Box::new(move |answers| Ok(Part::Text(encode(answers))))
        }
        let plain = |mut sink: Sink, head: &[u8]| {
            sink.write_all(head)?;
            Ok::<_, io::Error>(Writer::Text {
                sink,
                first: None,
                last: ["", ""],
            })
        };
        Ok(match self {
            Format::Table => (text(move |a| tables(a, requests > 1)), plain(sink, b"")?),
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
            Format::Csv => {
                let writer = plain(sink, &csv::head(&flat)?)?;
                let rows = move |a: &[Answer]| csv::rows(&flat, a).map(Part::Text);
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

fn tables(answers: &[Answer], headings: bool) -> Vec<u8> {
    let texts = answers
        .iter()
        .map(|a| table::answer(a, headings) + &why::text(a));
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

    /// Writes what stands after the last answer, and gives the sink everything.
    fn finish(self) -> io::Result<()> {
        match self {
            Writer::Table(batches) => batches.close(),
            Writer::Text {
                mut sink,
                first,
                last,
            } => {
                sink.write_all(last[usize::from(first.is_some())].as_bytes())?;
                sink.flush()
            }
        }
    }
}

/// An output that takes answers: in parts, which many threads make, and which are written in order.
pub struct Started {
    encode: Encode,
    /// The format has no place for warnings: they go to standard error.
    warns: bool,
    target: Target,
}

/// Some answers as they will be written.
pub struct Encoded {
    part: io::Result<Part>,
    warnings: Vec<String>,
}

/// Where parts go.
pub struct Target {
    writer: Writer,
    path: Option<PathBuf>,
    aside: Option<Aside>,
}

impl Started {
    /// The two halves: what many threads use, and what writes.
    pub fn split(self) -> (impl Fn(&[Answer]) -> Encoded + Sync, Target) {
        let (encode, warns) = (self.encode, self.warns);
        let encode = move |answers: &[Answer]| {
            let warnings = answers.iter().filter(|_| warns).flat_map(|a| &a.warnings);
            Encoded {
                warnings: warnings.cloned().collect(),
                part: encode(answers),
            }
        };
        (encode, self.target)
    }
}

impl Target {
    pub fn write(&mut self, encoded: Encoded) -> Result<(), Failure> {
        let warnings = encoded.warnings.iter();
        warnings.for_each(|w| eprintln!("warning: {w}"));
        let written = encoded.part.and_then(|part| self.writer.write(part));
        written.map_err(|e| cannot(self.path.as_deref(), &e))
    }

    pub fn finish(self) -> Result<(), Failure> {
        let failed = |e: io::Error| cannot(self.path.as_deref(), &e);
        self.writer.finish().map_err(failed)?;
        match self.aside {
            Some(aside) => aside.finish().map_err(failed),
            None => Ok(()),
        }
    }
}

/// A reader of standard output that goes away ends the program in silence.
fn cannot(path: Option<&Path>, error: &io::Error) -> Failure {
    match path {
        None if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        None => Failure::Usage(format!("standard output: {error}")),
        Some(path) => Failure::Usage(format!("{}: {error}", path.display())),
    }
}

/// A file that takes its name when it is whole: a run that fails leaves the one of before.
struct Aside {
    part: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Aside {
    /// None for what is no plain file, like a pipe: that is written to directly.
    fn of(target: &Path) -> Option<Aside> {
        let special = target.metadata().is_ok_and(|m| !m.is_file());
        let name = target.file_name().filter(|_| !special)?.to_string_lossy();
        Some(Aside {
            part: target.with_file_name(format!(".{name}.part")),
            target: target.to_owned(),
            done: false,
        })
    }

    fn finish(mut self) -> io::Result<()> {
        std::fs::rename(&self.part, &self.target)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.done {
            // nothing can be done about a part that stays
            let _ = std::fs::remove_file(&self.part);
        }
    }
}
