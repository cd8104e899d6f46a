//! Answers on their way out, a few at a time: formats as options name them, and places.

use super::out::{self, Pending, Place};
use super::table::{self, Room};
use super::{Failure, why};
use crate::answer::Answer;
use crate::engine::Program;
use crate::wire::{self, EXTENSIONS, Encoded, Encoder, Packing, Sink};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::io;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    Data(wire::Format),
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Format; 7] = [
            Format::Table,
            Format::Data(wire::Format::Json),
            Format::Data(wire::Format::Ndjson),
            Format::Data(wire::Format::Csv),
            Format::Data(wire::Format::Tsv),
            Format::Data(wire::Format::Parquet),
            Format::Data(wire::Format::Arrow),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Format::Table => "For people",
            Format::Data(wire::Format::Json) => "One object, or an array for several users",
            Format::Data(wire::Format::Ndjson) => "One object per line",
            Format::Data(wire::Format::Csv) => {
                "One row per line; first columns `user` and, for pages, `list`"
            }
            Format::Data(wire::Format::Tsv) => "Tab-separated",
            Format::Data(wire::Format::Parquet) => "The rows as a Parquet table",
            Format::Data(wire::Format::Arrow) => "The rows as an Arrow IPC file",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Data(format) => format.name(),
        }
    }

    fn is_binary(self) -> bool {
        matches!(self, Format::Data(format) if format.is_binary())
    }

    /// A table with a row per result: a user without results has none.
    fn is_flat(self) -> bool {
        matches!(self, Format::Data(format) if format.is_flat())
    }
}

/// Makes parts of the output: many threads at once.
type Encode = Box<dyn Fn(&[Answer]) -> io::Result<Encoded> + Send + Sync>;

/// What they are written to.
type Writer = wire::Writer<Box<dyn Sink>>;

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
            false => Format::Data(wire::Format::Json),
        };
        let format = match (asked.format, named) {
            (Some(format), _) => format,
            (None, None) => usual,
            (None, Some(path)) => wire::Format::of(path).map(Format::Data).ok_or_else(|| {
                let path = path.display();
                Failure::Usage(format!(
                    "-o {path}: unknown extension\nhelp: extensions are {EXTENSIONS}; with `--format` any name will do"
                ))
            })?,
        };
        let output = Output { format, packing, place, keep_empty: asked.keep_empty };
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
        if let Format::Data(format) = format
            && let Some(message) = format.refuses(self.packing)
        {
            return Some(format!("{message}\nhelp: remove the last extension"));
        }
        if asked.why && format.is_flat() {
            let message = format!("{name} cannot hold explanations");
            return Some(format!("{message}\nhelp: `--format json` and `--format table` can"));
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
    pub fn start(self, program: &Program, requests: usize) -> Result<Started, Failure> {
        let room = match &self.place {
            Place::Stdout => Room::of_output(),
            Place::Special(_) | Place::File(_) => Room::unlimited(),
        };
        let (sink, pending) = self.place.open(self.packing)?;
        let begun: io::Result<(Encode, Writer)> = match self.format {
            Format::Table => {
                let encode = move |answers: &[Answer]| Ok(tables(answers, requests > 1, room));
                Ok((Box::new(encode), Writer::text(sink)))
            }
            Format::Data(format) => {
                let encoder = Encoder::new(program, format, requests);
                let encoder = match self.keep_empty {
                    true => encoder.keep_empty(),
                    false => encoder,
                };
                let writer = encoder.writer(sink);
                let encode = move |answers: &[Answer]| encoder.encode(answers);
                writer.map(|writer| (Box::new(encode) as Encode, writer))
            }
        };
        match begun {
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

fn tables(answers: &[Answer], headings: bool, room: Room) -> Encoded {
    let texts = answers.iter().map(|a| table::answer(a, headings, room) + &why::text(a));
    Encoded::text(texts.collect())
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
pub struct Done {
    part: io::Result<Encoded>,
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
    pub fn split(self) -> (impl Fn(&[Answer]) -> Done + Sync, Target) {
        let (encode, several) = (self.encode, self.several);
        // the format has no place for warnings: they go to standard error
        let warns = self.format == Format::Table || self.format.is_flat();
        let encode = move |answers: &[Answer]| {
            let of = |answer: &Answer| {
                let user = answer.user.as_ref().filter(|_| several);
                user.map_or(String::new(), |user| format!("user {user}: "))
            };
            let warned = answers.iter().filter(|_| warns);
            let warnings = warned.flat_map(|a| a.warnings.iter().map(move |w| of(a) + w));
            Done {
                warnings: warnings.collect(),
                empty: answers.iter().filter(|a| a.is_empty()).count(),
                part: encode(answers),
            }
        };
        (encode, self.target)
    }
}

impl Target {
    pub fn write(&mut self, done: Done) -> Result<(), Failure> {
        let room = WARNINGS.saturating_sub(self.warnings);
        for warning in done.warnings.iter().take(room) {
            out::say(format_args!("warning: {warning}"));
        }
        self.warnings += done.warnings.len();
        self.empty += done.empty;
        let written = done.part.and_then(|part| self.writer.write(part));
        written.map_err(|e| self.pending.failed(&e))
    }

    pub fn finish(self) -> Result<(), Failure> {
        let written = self.writer.finish().and_then(|sink| sink.finish());
        self.pending.finish(written)?;
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
