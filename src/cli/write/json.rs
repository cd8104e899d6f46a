//! Answers as JSON: one object, an array, or an object a line.

use super::{Sink, Writer};
use crate::answer::Answer;
use crate::cli::output;
use std::io;

/// An object a line.
pub struct Lines(pub Sink);

impl Writer for Lines {
    fn answers(&mut self, answers: &[Answer]) -> io::Result<()> {
        let mut objects = answers.iter().map(output::answer);
        objects.try_for_each(|object| writeln!(self.0, "{object}"))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

/// One object for one request, else an array.
pub struct Whole {
    sink: Sink,
    requests: usize,
    written: usize,
}

impl Whole {
    pub fn new(sink: Sink, requests: usize) -> Self {
        Whole {
            sink,
            requests,
            written: 0,
        }
    }
}

impl Writer for Whole {
    fn answers(&mut self, answers: &[Answer]) -> io::Result<()> {
        for answer in answers {
            let object = format!("{:#}", output::answer(answer));
            if self.requests == 1 {
                writeln!(self.sink, "{object}")?;
            } else {
                let before = if self.written == 0 { "[" } else { "," };
                // a line end inside of a text is escaped, so these are all between lines
                let indented = object.replace('\n', "\n  ");
                write!(self.sink, "{before}\n  {indented}")?;
            }
            self.written += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        match (self.requests, self.written) {
            (1, _) => {}
            (_, 0) => writeln!(self.sink, "[]")?,
            _ => writeln!(self.sink, "\n]")?,
        }
        self.sink.flush()
    }
}
