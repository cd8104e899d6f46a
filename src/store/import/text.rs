//! CSV, TSV and their relatives. A text is read whole: once to infer its types, once to make
//! columns of it.

use super::cell::{Cell, Fault};
use super::decode;
use super::text_infer::Guess;
use super::text_lines::{Layout, Records, line_at};
use super::values::Values;
use super::{Decoded, FileRows, Found, Reader, Wanted};
use crate::catalog::DataError;
use crate::catalog::config::TextFormat;
use crate::types::Type;
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// Text files with the same columns.
pub struct TextTable {
    format: TextFormat,
    layout: Layout,
    files: Vec<FileRows>,
    texts: Vec<String>,
    found: Vec<Found>,
    guesses: Vec<Guess>,
}

impl TextTable {
    /// Reads the files and infers the types; `separator` is what the file's ending implies.
    pub fn open(
        paths: &[PathBuf],
        format: &TextFormat,
        separator: &str,
    ) -> Result<Self, DataError> {
        let layout = Layout::new(
            format.separator.as_deref().unwrap_or(separator),
            format.quotes,
        );
        let texts = paths
            .iter()
            .map(|p| decode::text(p, format))
            .collect::<Result<Vec<_>, _>>()?;
        let names = names_of(&paths[0], &texts[0], &layout, format)?;
        let mut guesses = vec![Guess::default(); names.len()];
        let mut files = Vec::new();
        for (path, text) in paths.iter().zip(&texts) {
            if names_of(path, text, &layout, format)? != names {
                return Err(DataError::new(
                    path,
                    format!("its columns are not those of {}", paths[0].display()),
                ));
            }
            let rows = infer(text, &layout, format, &mut guesses);
            files.push(FileRows {
                path: path.clone(),
                rows,
            });
        }
        let found = found(names, &guesses, format);
        Ok(TextTable {
            format: format.clone(),
            layout,
            files,
            texts,
            found,
            guesses,
        })
    }

    fn fill(&self, text: &str, wanted: &[Wanted], decoded: &mut Decoded, first: usize) {
        let mut records = records(text, &self.layout, &self.format);
        let mut record = StringRecord::new();
        let mut row = first;
        let mut start = records.byte();
        while records.next(&mut record) {
            match self.wrong_length(&record) {
                None => self.row(&record, wanted, decoded, row),
                Some(fault) => {
                    decoded.columns.iter_mut().for_each(Values::push_null);
                    decoded.faults.push(row, None, fault);
                }
            }
            row += 1;
            if self.layout.quotes && records.byte() == text.len() && unclosed(&text[start..]) {
                decoded.faults.push(row - 1, None, unclosed_fault());
            }
            start = records.byte();
        }
    }

    fn wrong_length(&self, record: &StringRecord) -> Option<Fault> {
        let (has, needs) = (record.len(), self.found.len());
        let fine = if self.format.rest {
            has + 1 >= needs
        } else {
            has == needs
        };
        (!fine).then(|| Fault::new(format!("expected {needs} fields, found {has}")))
    }

    fn row(&self, record: &StringRecord, wanted: &[Wanted], decoded: &mut Decoded, row: usize) {
        for (values, want) in decoded.columns.iter_mut().zip(wanted) {
            let pushed = if self.is_rest(want.column) {
                let rest = record.iter().skip(want.column).filter(|f| !f.is_empty());
                values.push_list(rest.map(|f| cell(f, &self.format)), &want.how.item())
            } else {
                values.push(cell(&record[want.column], &self.format), &want.how)
            };
            if let Err(fault) = pushed {
                values.push_null();
                decoded
                    .faults
                    .push(row, Some(&self.found[want.column].name), fault);
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
        for (text, file) in self.texts.iter().zip(&self.files) {
            self.fill(text, wanted, &mut decoded, first);
            first += file.rows as usize;
        }
        Ok(decoded)
    }

    fn line(&self, file: usize, row: u64) -> Option<u64> {
        let text = &self.texts[file];
        let mut records = records(text, &self.layout, &self.format);
        let mut record = StringRecord::new();
        for _ in 0..row {
            records.next(&mut record);
        }
        Some(line_at(text, records.byte()))
    }
}

/// The records below the header.
fn records<'t>(text: &'t str, layout: &'t Layout, format: &TextFormat) -> Records<'t> {
    let mut records = Records::new(text, layout);
    if format.header {
        records.next(&mut StringRecord::new());
    }
    records
}

fn cell<'a>(field: &'a str, format: &TextFormat) -> Cell<'a> {
    if format.null.iter().any(|n| n == field) {
        Cell::Null
    } else {
        Cell::Str(field)
    }
}

fn names_of(
    path: &Path,
    text: &str,
    layout: &Layout,
    format: &TextFormat,
) -> Result<Vec<String>, DataError> {
    let mut header = StringRecord::new();
    let names = match &format.names {
        Some(names) => names.clone(),
        None => {
            if !Records::new(text, layout).next(&mut header) {
                return Err(DataError::new(path, "the file has no header line"));
            }
            header.iter().enumerate().map(|(i, n)| name(i, n)).collect()
        }
    };
    match names
        .iter()
        .enumerate()
        .find(|(i, n)| names[..*i].contains(n))
    {
        Some((_, twice)) => {
            Err(DataError::new(path, format!("two columns are called `{twice}`")).line(1))
        }
        None => Ok(names),
    }
}

fn name(position: usize, name: &str) -> String {
    let name = name.trim();
    if name.is_empty() {
        format!("column_{}", position + 1)
    } else {
        name.to_owned()
    }
}

/// Looks at every field; returns the number of rows.
fn infer(text: &str, layout: &Layout, format: &TextFormat, guesses: &mut [Guess]) -> u64 {
    let mut records = records(text, layout, format);
    let mut record = StringRecord::new();
    let last = guesses.len() - 1;
    let mut rows = 0;
    while records.next(&mut record) {
        rows += 1;
        for (i, field) in record.iter().enumerate() {
            let column = if format.rest { i.min(last) } else { i };
            let null = field.is_empty() || format.null.iter().any(|n| n == field);
            if let Some(guess) = guesses.get_mut(column).filter(|_| !null) {
                guess.see(field);
            }
        }
    }
    rows
}

fn found(names: Vec<String>, guesses: &[Guess], format: &TextFormat) -> Vec<Found> {
    let last = names.len() - 1;
    let ty = |i: usize| match guesses[i].ty() {
        item if format.rest && i == last => Type::List(Box::new(item)),
        ty => ty,
    };
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| Found {
            name,
            ty: Ok(ty(i)),
            text: true,
        })
        .collect()
}

/// True if the last record opens a quote and never closes it: it has then swallowed the rest.
fn unclosed(last: &str) -> bool {
    last.bytes().filter(|&b| b == b'"').count() % 2 == 1
}

fn unclosed_fault() -> Fault {
    let help = "write quotes inside a quoted field twice, or say `format = { quotes = false }`";
    Fault {
        message: "a quote is never closed".to_owned(),
        help: Some(help.to_owned()),
    }
}
