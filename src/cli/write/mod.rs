//! Answers on their way out, a few at a time: the formats, and where they go.

mod columnar;
mod csv;
mod flat;
mod json;

use super::{Failure, table, why};
use crate::answer::Answer;
use crate::engine::{Engine, Program};
use clap::ValueEnum;
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

/// One format at work.
trait Writer {
    fn answers(&mut self, answers: &[Answer]) -> io::Result<()>;
    /// Writes what stands after the last answer, and gives the sink everything.
    fn finish(self: Box<Self>) -> io::Result<()>;
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
        let flat = || flat::Flat::new(engine, program);
        let path = self.path;
        let failed = |e: io::Error| cannot(path.as_deref(), &e);
        let writer: Box<dyn Writer> = match self.format {
            Format::Table => Box::new(Tables {
                sink,
                headings: requests > 1,
            }),
            Format::Json => Box::new(json::Whole::new(sink, requests)),
            Format::Ndjson => Box::new(json::Lines(sink)),
            Format::Csv => Box::new(csv::Csv::new(sink, flat()).map_err(failed)?),
            Format::Parquet => Box::new(columnar::parquet(sink, flat()).map_err(failed)?),
            Format::Arrow => Box::new(columnar::arrow(sink, flat()).map_err(failed)?),
        };
        Ok(Started {
            writer,
            warns: !matches!(self.format, Format::Json | Format::Ndjson),
            path,
            aside,
        })
    }
}

/// An output that takes answers.
pub struct Started {
    writer: Box<dyn Writer>,
    /// The format has no place for warnings: they go to standard error.
    warns: bool,
    path: Option<PathBuf>,
    aside: Option<Aside>,
}

impl Started {
    pub fn answers(&mut self, answers: &[Answer]) -> Result<(), Failure> {
        if self.warns {
            let warnings = answers.iter().flat_map(|a| &a.warnings);
            warnings.for_each(|w| eprintln!("warning: {w}"));
        }
        let written = self.writer.answers(answers);
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

struct Tables {
    sink: Sink,
    headings: bool,
}

impl Writer for Tables {
    fn answers(&mut self, answers: &[Answer]) -> io::Result<()> {
        let mut texts = answers
            .iter()
            .map(|a| table::answer(a, self.headings) + &why::text(a));
        texts.try_for_each(|text| self.sink.write_all(text.as_bytes()))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.sink.flush()
    }
}
