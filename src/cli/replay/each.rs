//! What is written of every request: a table of its metrics, a TREC run, qrels.

use super::super::Failure;
use super::super::out::{Pending, Place};
use super::{Format, ReplayArgs};
use crate::engine::{Engine, Program};
use crate::replay::{Judgement, Replay};
use crate::types::{Type, Value};
use crate::wire::{self, EXTENSIONS, Encoder, FlatColumn, Packing, Sink};
use std::fmt;
use std::io;
use std::path::Path;

/// Rows that are written together.
const ROWS: usize = 4_096;

/// What is written while requests are judged.
pub struct Each<'a> {
    names: Vec<&'a str>,
    table: Option<Table>,
    /// The TREC run, if it is asked for, and qrels.
    run: Option<Lines>,
    qrels: Option<Lines>,
}

/// Lines that are being written.
struct Lines {
    sink: Box<dyn Sink>,
    pending: Pending,
}

impl Lines {
    fn new(place: Place) -> Result<Lines, Failure> {
        let (sink, pending) = place.open(Packing::Plain)?;
        Ok(Lines { sink, pending })
    }

    fn add(&mut self, line: fmt::Arguments) -> Result<(), Failure> {
        self.sink.write_fmt(line).map_err(|e| self.pending.failed(&e))
    }

    fn finish(self) -> Result<(), Failure> {
        self.pending.finish(self.sink.finish())
    }
}

/// A table that is being written.
struct Table {
    encoder: Encoder,
    writer: wire::Writer<Box<dyn Sink>>,
    pending: Pending,
    rows: Vec<Vec<Value>>,
}

impl<'a> Each<'a> {
    pub fn new(
        args: &'a ReplayArgs,
        format: Format,
        engine: &Engine,
        programs: &[(&'a str, &Program)],
        replay: &Replay,
    ) -> Result<Each<'a>, Failure> {
        let table = args.per_request.as_deref().map(|path| Table::new(path, engine, replay));
        Ok(Each {
            names: programs.iter().map(|(name, _)| *name).collect(),
            table: table.transpose()?,
            run: match format {
                Format::Trec => Some(Lines::new(Place::of(args.output.as_deref()))?),
                _ => None,
            },
            qrels: match &args.qrels {
                Some(path) => Some(Lines::new(Place::of(Some(path)))?),
                None => None,
            },
        })
    }

    pub fn add(&mut self, found: &Judgement) -> Result<(), Failure> {
        let name = self.names[found.program];
        let topic = format!("{}@{}", field(&found.user.to_string()), found.time);
        if let Some(run) = &mut self.run {
            let name = field(name);
            for (position, key) in (1..).zip(found.keys()) {
                let key = field(&key.to_string());
                run.add(format_args!("{topic} Q0 {key} {position} -{position} {name}\n"))?;
            }
        }
        if let Some(qrels) = self.qrels.as_mut().filter(|_| found.program == 0) {
            for (key, gain) in found.gains() {
                let key = field(&key.to_string());
                qrels.add(format_args!("{topic} 0 {key} {gain}\n"))?;
            }
        }
        match &mut self.table {
            Some(table) => table.add(name, found),
            None => Ok(()),
        }
    }

    /// Finishes the files.
    pub fn finish(self) -> Result<(), Failure> {
        self.table.map_or(Ok(()), Table::finish)?;
        self.run.map_or(Ok(()), Lines::finish)?;
        self.qrels.map_or(Ok(()), Lines::finish)
    }
}

/// A text without blanks, which separate fields.
fn field(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("_")
}

impl Table {
    fn new(path: &Path, engine: &Engine, replay: &Replay) -> Result<Table, Failure> {
        let wrong =
            |what: String| Failure::Usage(format!("--per-request {}: {what}", path.display()));
        let format = wire::Format::of(path).ok_or_else(|| {
            wrong(format!("unknown extension\nhelp: extensions are {EXTENSIONS}"))
        })?;
        let packing = Packing::of(path);
        if let Some(message) = format.refuses(packing) {
            return Err(wrong(message));
        }
        let column = |name: &str, ty| FlatColumn { name: name.to_owned(), ty };
        let schema = engine.schema();
        let mut columns = vec![
            column("user", schema.entity(schema.viewer).key_type.ty()),
            column("t", Type::Time),
            column("program", Type::String),
            column("truth", Type::Int),
            column("length", Type::Int),
        ];
        let judged = replay.metrics.iter().filter(|metric| !metric.measure.is_of_run());
        columns.extend(judged.map(|metric| column(&metric.to_string(), Type::Float)));
        let encoder = Encoder::of_table(format, columns);
        let (sink, pending) = Place::of(Some(path)).open(packing)?;
        let writer = encoder.writer(sink).map_err(|e| pending.failed(&e))?;
        Ok(Table { encoder, writer, pending, rows: Vec::new() })
    }

    fn add(&mut self, name: &str, found: &Judgement) -> Result<(), Failure> {
        let number = |value: &f64| match value.is_nan() {
            true => Value::Null,
            false => Value::Float(*value),
        };
        let mut row = vec![
            found.user.clone().plain(),
            Value::Time(found.time),
            Value::Str(name.to_owned()),
            Value::Int(found.truth as i64),
            Value::Int(found.rows as i64),
        ];
        row.extend(found.values.iter().map(number));
        self.rows.push(row);
        match self.rows.len() < ROWS {
            true => Ok(()),
            false => self.flush().map_err(|e| self.pending.failed(&e)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.writer.write(self.encoder.encode_rows(&rows)?)
    }

    fn finish(mut self) -> Result<(), Failure> {
        let written = self.flush();
        let done = written.and_then(|()| self.writer.finish()).and_then(Sink::finish);
        self.pending.finish(done)
    }
}
