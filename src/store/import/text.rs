//! CSV, TSV and their relatives. A text is read whole: once to infer its types, once to make
//! columns of it.

use super::cell::{Advice, Cell, Fault, Kind};
use super::decode::{self, Text};
use super::format::{Files, Format, Settings, separator_of};
use super::reader::{Decoded, FileRows, Found, Reader, Wanted};
use super::text_infer::Guess;
use super::text_lines::{Layout, Quotes, Records, line_at, line_ends};
use super::values::Values;
use crate::catalog::config::TextFormat;
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use csv::StringRecord;
use std::path::{Path, PathBuf};

pub(super) static CSV: Format = Format {
    endings: &["csv", "txt", "dat"],
    settings: Settings::All,
    separator: Some(","),
    packed: true,
    vectors: false,
    open: separated,
};

pub(super) static TSV: Format = Format { endings: &["tsv"], separator: Some("\t"), ..CSV };

/// Files with the separator of their ending, unless the catalog names another.
fn separated(files: &Files) -> Result<Box<dyn Reader>, DataError> {
    let separator = separator_of(&files.paths[0]);
    let table = TextTable::open(files.paths, files.settings, separator)?;
    Ok(Box::new(table))
}

/// Text files, as one table.
pub struct TextTable {
    format: TextFormat,
    layout: Layout,
    files: Vec<FileRows>,
    parts: Vec<Part>,
    found: Vec<Found>,
    guesses: Vec<Guess>,
    warnings: Vec<DataWarning>,
}

/// The text of a file, and the column of the table that each of its fields is.
struct Part {
    text: Text,
    columns: Vec<usize>,
}

impl TextTable {
    /// Reads the files and infers the types; `separator` is what the file's ending implies.
    pub fn open(
        paths: &[PathBuf],
        format: &TextFormat,
        separator: &str,
    ) -> Result<Self, DataError> {
        let layout = Layout::new(format.separator.as_deref().unwrap_or(separator), format);
        let mut texts = Vec::new();
        let mut names: Vec<Vec<Found>> = Vec::new();
        for path in paths {
            let text = decode::mended(path, format)?;
            let columns = names_of(path, &text, &layout, format)?;
            names.push(columns.into_iter().map(unseen).collect());
            texts.push(text);
        }
        let parts = paths.iter().zip(&names);
        let parts: Vec<(&Path, &[Found])> = parts.map(|(p, n)| (p.as_path(), &n[..])).collect();
        let (found, warnings) = super::union::union(&parts);
        let mut table = TextTable {
            format: format.clone(),
            layout,
            files: Vec::new(),
            parts: Vec::new(),
            guesses: vec![Guess::default(); found.len()],
            found,
            warnings,
        };
        for ((path, text), names) in paths.iter().zip(texts).zip(&names) {
            table.add(path, text, names);
        }
        table.set_types(&paths[0]);
        Ok(table)
    }

    /// Adds a file, whose values say more of the types.
    fn add(&mut self, path: &Path, text: Text, names: &[Found]) {
        let found = &self.found;
        let alike = names.len() == found.len() && same(names, found);
        let columns = places(names, found, alike);
        let part = Part { text, columns };
        let mut guesses = std::mem::take(&mut self.guesses);
        let (rows, again) = self.infer(&part, &mut guesses);
        self.guesses = guesses;
        self.warnings.extend(header_again(path, again));
        self.files.push(FileRows { path: path.to_owned(), rows });
        self.parts.push(part);
    }

    /// Gives the columns the types of their values.
    fn set_types(&mut self, first: &Path) {
        let last = self.found.len() - 1;
        for (at, (column, guess)) in self.found.iter_mut().zip(&self.guesses).enumerate() {
            column.ty = Ok(match guess.ty() {
                item if self.format.rest && at == last => Type::List(Box::new(item)),
                ty => ty,
            });
            self.warnings.extend(odd_words(first, &column.name, guess));
        }
    }

    /// Looks at every field of a file; returns the number of its rows, and how often the header comes again.
    fn infer(&self, part: &Part, guesses: &mut [Guess]) -> (u64, u64) {
        let mut records = records(&part.text, &self.layout, &self.format);
        let mut record = StringRecord::new();
        let last = part.columns.len() - 1;
        let mut rows = 0;
        while records.next(&mut record) {
            rows += 1;
            for (i, field) in record.iter().enumerate() {
                let place = if self.format.rest { i.min(last) } else { i };
                let null = field.trim_ascii().is_empty() || is_null(field, &self.format);
                if let Some(&column) = part.columns.get(place).filter(|_| !null) {
                    guesses[column].see(field, self.format.decimal);
                }
            }
        }
        (rows, records.again)
    }

    fn fill(&self, part: &Part, wanted: &[Wanted], decoded: &mut Decoded, first: usize) {
        let text: &str = &part.text;
        let place = |w: &Wanted| part.columns.iter().position(|&c| c == w.column);
        let places: Vec<Option<usize>> = wanted.iter().map(place).collect();
        let mut records = records(text, &self.layout, &self.format);
        let mut record = StringRecord::new();
        let mut row = first;
        let mut start = records.byte();
        while records.next(&mut record) {
            let range = start..records.byte();
            let broken = part.text.broken_in(range.clone());
            match self.wrong(&record, &text[range], part.columns.len()) {
                None => self.row(&record, &places, wanted, decoded, row, broken),
                Some(fault) => {
                    decoded.columns.iter_mut().for_each(Values::push_null);
                    decoded.faults.push(row, None, fault);
                }
            }
            row += 1;
            start = records.byte();
        }
    }

    /// What is wrong with a row as a whole; `raw` is its text.
    fn wrong(&self, record: &StringRecord, raw: &str, needs: usize) -> Option<Fault> {
        match self.layout.quotes_of(raw) {
            Quotes::Sound => self.wrong_length(record, needs),
            Quotes::Stray(start, quote) => Some(stray(raw, start, quote)),
            Quotes::Unclosed => Some(self.unclosed(raw)),
        }
    }

    /// A record whose last quote is never closed: it has swallowed the rest.
    fn unclosed(&self, record: &str) -> Fault {
        let lines = record.trim().lines().count();
        let message = match lines {
            0 | 1 => "a quote is never closed".to_owned(),
            more => {
                format!("a quote is never closed: it swallows the remaining {more} lines")
            }
        };
        let fault = Fault::new(message).kind(Kind::Fatal);
        match record.contains("\\\"") && self.layout.escape.is_none() {
            true => fault.advice(Some(escape())),
            false => fault.help(
                "write quotes inside a quoted field twice, or say `format = { quotes = false }`",
            ),
        }
    }

    fn wrong_length(&self, record: &StringRecord, needs: usize) -> Option<Fault> {
        let has = record.len();
        let fine = if self.format.rest {
            has + 1 >= needs
        } else {
            // a separator at the end of the line parts nothing
            has == needs || (has == needs + 1 && record[needs].trim_ascii().is_empty())
        };
        (!fine).then(|| {
            let fault = Fault::new(format!("expected {needs} fields, found {has}"));
            let fault = fault.kind(Kind::Row);
            match has {
                1 => fault.help("check the `separator`"),
                _ if self.layout.quotes || has < needs => fault,
                _ => fault.help("if quotes group fields here, say `quotes = true` in `format`"),
            }
        })
    }

    fn row(
        &self,
        record: &StringRecord,
        places: &[Option<usize>],
        wanted: &[Wanted],
        decoded: &mut Decoded,
        row: usize,
        broken: Option<u8>,
    ) {
        let columns = decoded.columns.iter_mut().zip(wanted).zip(places);
        for ((values, want), place) in columns {
            let Some(place) = *place else {
                values.push_null();
                continue;
            };
            let rest = self.is_rest(want.column);
            let fields = record.iter().skip(place).take(if rest { usize::MAX } else { 1 });
            let spoilt = broken.and_then(|byte| decode::spoilt(byte, fields));
            let pushed = if let Some(fault) = spoilt {
                Err(fault)
            } else if rest {
                let rest = record.iter().skip(place).filter(|f| !f.is_empty());
                values.push_list(rest.map(|f| cell(f, &self.format)), &want.how.item())
            } else {
                values.push(cell(&record[place], &self.format), &want.how)
            };
            if let Err(fault) = pushed {
                values.push_null();
                decoded.faults.push(row, Some(&self.found[want.column].name), fault);
            }
        }
    }

    fn is_rest(&self, column: usize) -> bool {
        self.format.rest && column + 1 == self.found.len()
    }
}

impl Reader for TextTable {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        &self.files
    }

    fn magnitude(&self, column: usize) -> u64 {
        self.guesses[column].magnitude
    }

    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError> {
        let mut decoded = Decoded::empty(wanted);
        let mut first = 0;
        for (part, file) in self.parts.iter().zip(&self.files) {
            self.fill(part, wanted, &mut decoded, first);
            first += file.rows as usize;
        }
        Ok(decoded)
    }

    fn warnings(&self) -> &[DataWarning] {
        &self.warnings
    }

    fn line(&self, file: usize, row: u64) -> Option<u64> {
        let text: &str = &self.parts[file].text;
        let mut records = records(text, &self.layout, &self.format);
        let mut record = StringRecord::new();
        for _ in 0..row {
            records.next(&mut record);
        }
        Some(line_at(text, records.byte()))
    }
}

/// A column that no field was seen of yet.
fn unseen(name: String) -> Found {
    Found { name, ty: Ok(Type::Null), text: true }
}

/// The column of the table that each field of a file is; `whole` if they are the same.
fn places(names: &[Found], found: &[Found], whole: bool) -> Vec<usize> {
    if whole {
        return (0..found.len()).collect();
    }
    let place = |name: &Found| found.iter().position(|f| f.name == name.name);
    names.iter().map(|name| place(name).unwrap_or(0)).collect()
}

fn same(a: &[Found], b: &[Found]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.name == b.name)
}

/// A column that would be numbers but for a word that means that there is none.
fn odd_words(path: &Path, name: &str, guess: &Guess) -> Option<DataWarning> {
    let (word, count, without) = guess.odd_words()?;
    let message = format!(
        "column `{name}` is string because of `{word}` ({count}); it would be {without} \
         with `format = {{ null = [\"\", {word:?}] }}`"
    );
    Some(DataWarning::new(super::union::file_name(path), message, count))
}

/// The rows of a text: the records below the header, and none that is the header again, as in parts
/// that were put one behind the other.
struct Rows<'t> {
    records: Records<'t>,
    header: Option<StringRecord>,
    /// How often the header came again.
    again: u64,
}

impl Rows<'_> {
    fn next(&mut self, record: &mut StringRecord) -> bool {
        while self.records.next(record) {
            if !self.is_header(record) {
                return true;
            }
            self.again += 1;
        }
        false
    }

    fn is_header(&self, record: &StringRecord) -> bool {
        self.header.as_ref().is_some_and(|header| {
            let fields = record.iter().zip(header);
            record.len() == header.len()
                && fields.into_iter().all(|(a, b)| a.trim_ascii() == b.trim_ascii())
        })
    }

    fn byte(&self) -> usize {
        self.records.byte()
    }
}

fn records<'t>(text: &'t str, layout: &'t Layout, format: &TextFormat) -> Rows<'t> {
    let mut records = Records::new(text, layout);
    let mut header = StringRecord::new();
    match &format.names {
        _ if format.header => {
            records.next(&mut header);
        }
        Some(names) if !format.rest => header = StringRecord::from(names.clone()),
        _ => {}
    }
    // a header has names, and more than one
    let named = header.len() > 1 && header.iter().all(|f| f.trim_ascii().parse::<f64>().is_err());
    Rows { records, header: named.then_some(header), again: 0 }
}

fn header_again(path: &Path, count: u64) -> Option<DataWarning> {
    let message = format!("repeated header lines were skipped ({count})");
    (count > 0).then(|| DataWarning::new(super::union::file_name(path), message, count))
}

/// Blanks around a word that means null do not count; blanks alone are a text.
fn is_null(field: &str, format: &TextFormat) -> bool {
    let ends = [field.as_bytes().first(), field.as_bytes().last()];
    let word = match ends.into_iter().flatten().any(u8::is_ascii_whitespace) {
        true => field.trim_ascii(),
        false => field,
    };
    let is = |text: &str| format.null.iter().any(|n| n == text);
    is(if word.is_empty() { field } else { word })
}

fn cell<'a>(field: &'a str, format: &TextFormat) -> Cell<'a> {
    if is_null(field, format) { Cell::Null } else { Cell::Str(field) }
}

fn names_of(
    path: &Path,
    text: &Text,
    layout: &Layout,
    format: &TextFormat,
) -> Result<Vec<String>, DataError> {
    if let Some(names) = &format.names {
        return Ok(names.clone());
    }
    let mut header = StringRecord::new();
    let mut records = Records::new(text, layout);
    if !records.next(&mut header) {
        return Err(DataError::new(path, "the file has no header line"));
    }
    if text.broken_in(0..records.byte()).is_some() {
        return Err(text.error(path));
    }
    Ok(header.iter().enumerate().map(|(i, n)| name(i, n)).collect())
}

fn name(position: usize, name: &str) -> String {
    let name = name.trim();
    if name.is_empty() { format!("column_{}", position + 1) } else { name.to_owned() }
}

/// What is wrong with a record of which a field goes on behind its closing quote.
fn stray(record: &str, start: usize, quote: usize) -> Fault {
    let shown: String =
        record[start..].lines().next().unwrap_or_default().chars().take(40).collect();
    let fault = Fault::new(format!("a quoted field continues after its closing quote: `{shown}`"));
    // where it takes several lines, nobody knows whose they are
    let lines = line_ends(record.trim().as_bytes());
    let fault = fault.kind(if lines > 0 { Kind::Fatal } else { Kind::Quote });
    match record[start..=quote].contains("\\\"") {
        true => fault.advice(Some(escape())),
        false => fault.help(
            "write quotes inside a quoted field twice, or say `quotes = false` in `format` if they are letters",
        ),
    }
}

/// What makes letters of quotes behind a backslash.
fn escape() -> Advice {
    Advice::Format("escape = \"\\\\\"".to_owned())
}
