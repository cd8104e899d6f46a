//! Answers as CSV. Null is empty; lists and vectors are JSON arrays.

use super::flat::Flat;
use super::{Sink, Writer};
use crate::answer::Answer;
use crate::cli::output;
use crate::types::Value;
use std::io;

pub struct Csv {
    out: csv::Writer<Sink>,
    flat: Flat,
}

impl Csv {
    pub fn new(sink: Sink, flat: Flat) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(sink);
        out.write_record(flat.columns.iter().map(|c| &c.name))?;
        Ok(Csv { out, flat })
    }
}

impl Writer for Csv {
    fn answers(&mut self, answers: &[Answer]) -> io::Result<()> {
        for row in self.flat.rows(answers) {
            self.out.write_record(row.iter().map(field))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => output::text(other),
    }
}
