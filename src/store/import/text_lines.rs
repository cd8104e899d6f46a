//! Cutting a text into records: CSV with quotes, or plain fields between separators of any
//! length.

use crate::catalog::config::TextFormat;
use csv::StringRecord;

/// How the records of a text are written.
#[derive(Clone, Debug)]
pub struct Layout {
    pub separator: String,
    pub quotes: bool,
    pub escape: Option<u8>,
}

/// How the quotes of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    Sound,
    /// The field that begins at this byte goes on behind the quote at that one.
    Stray(usize, usize),
    /// The last field has no end.
    Unclosed,
}

impl Layout {
    /// Quotes group where people expect it: between commas and semicolons. Tab-separated files
    /// have them as letters like any other.
    pub fn new(separator: &str, format: &TextFormat) -> Self {
        let usual = matches!(separator, "," | ";") || format.escape.is_some();
        Layout {
            separator: separator.to_owned(),
            quotes: separator.len() == 1 && format.quotes.unwrap_or(usual),
            escape: format.escape,
        }
    }

    /// Looks at the quotes of a record, which may have line ends before it. Blanks between a closing
    /// quote and the separator are let be.
    pub fn quotes_of(&self, record: &str) -> Quotes {
        let bytes = record.as_bytes();
        if !self.quotes || !record.contains('"') {
            return Quotes::Sound;
        }
        let separator = self.separator.as_bytes()[0];
        let ends = |byte: u8| byte == separator || byte == b'\n' || byte == b'\r';
        let line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let mut at = bytes.iter().take_while(|b| line_end(b)).count();
        loop {
            let start = at;
            if bytes.get(at) == Some(&b'"') {
                let Some(closing) = self.closing(bytes, at + 1) else {
                    return Quotes::Unclosed;
                };
                at = closing + 1;
                let blank = |byte: u8| byte != separator && matches!(byte, b' ' | b'\t');
                at += bytes[at..].iter().take_while(|b| blank(**b)).count();
                if bytes.get(at).is_some_and(|byte| !ends(*byte)) {
                    return Quotes::Stray(start, closing);
                }
            }
            at += bytes[at..].iter().take_while(|b| !ends(**b)).count();
            match bytes.get(at) {
                Some(byte) if *byte == separator => at += 1,
                _ => return Quotes::Sound,
            }
        }
    }

    /// The quote that ends a field.
    fn closing(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            match *bytes.get(at)? {
                byte if self.escape == Some(byte) => at += 2,
                b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
                b'"' => return Some(at),
                _ => at += 1,
            }
        }
    }
}

/// The records of a text, one after the other. Empty lines are none.
pub enum Records<'t> {
    Csv(Box<csv::Reader<&'t [u8]>>),
    Plain {
        text: &'t str,
        at: usize,
        separator: &'t str,
        /// Any number of separators part two fields: so with blanks, in columns that are aligned.
        runs: bool,
    },
}

impl<'t> Records<'t> {
    pub fn new(text: &'t str, layout: &'t Layout) -> Self {
        match layout.separator.as_bytes() {
            [one] if *one != b' ' || layout.quotes => {
                let mut builder = csv::ReaderBuilder::new();
                builder
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(*one)
                    .quoting(layout.quotes)
                    .escape(layout.escape);
                Records::Csv(Box::new(builder.from_reader(text.as_bytes())))
            }
            _ => Records::Plain {
                text,
                at: 0,
                separator: &layout.separator,
                runs: layout.separator == " ",
            },
        }
    }

    /// Reads the next record; false at the end.
    pub fn next(&mut self, record: &mut StringRecord) -> bool {
        match self {
            // A text in memory has neither I/O errors nor bytes that are not UTF-8.
            Records::Csv(reader) => reader.read_record(record).unwrap_or(false),
            Records::Plain { text, at, separator, runs } => {
                record.clear();
                while record.is_empty() {
                    let Some((start, line)) = next_line(text, *at) else {
                        return false;
                    };
                    *at = start + line.len();
                    line.split(*separator)
                        .filter(|field| !*runs || !field.is_empty())
                        .for_each(|field| record.push_field(field));
                }
                true
            }
        }
    }

    /// Byte at which the record that [`next`](Self::next) will read begins, blank lines aside.
    pub fn byte(&self) -> usize {
        match self {
            Records::Csv(reader) => reader.position().byte() as usize,
            Records::Plain { at, .. } => *at,
        }
    }
}

/// The next line that is not empty, without its end.
fn next_line(text: &str, at: usize) -> Option<(usize, &str)> {
    let ends = ['\n', '\r'];
    let start = at + text[at..].find(|c| !ends.contains(&c))?;
    let length = text[start..].find(ends).unwrap_or(text.len() - start);
    Some((start, &text[start..start + length]))
}

/// How many lines end in a text: with a line feed, a carriage return, or both.
pub fn line_ends(text: &[u8]) -> u64 {
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    text.iter().enumerate().filter(|end| ends(*end)).count() as u64
}

/// The line, from 1, of the first byte from `at` on that is not a line end.
pub fn line_at(text: &str, at: usize) -> u64 {
    let rest = text.as_bytes()[at.min(text.len())..].iter();
    let at = at + rest.take_while(|b| matches!(b, b'\n' | b'\r')).count();
    line_ends(&text.as_bytes()[..at.min(text.len())]) + 1
}
