//! JSON lines: an object a line. Columns are the names that occur in any line, in the order in
//! which they first do; a line without one has null there.
//!
//! Values have types already, so a text of digits stays a string; only texts that are ISO times in
//! every line become times. Ints among floats are floats, other mixtures strings, and a column
//! with objects, or lists beside single values, has no type.

use super::cell::{Cell, Fault, How, Kind};
use super::decode::{self, Text};
use super::format::{Format, Settings};
use super::reader::{Decoded, FileRows, Found, Reader, Wanted};
use super::text_infer::Guess;
use super::text_lines::line_at;
use super::values::Values;
use crate::catalog::config::TextFormat;
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub(super) static JSON: Format = Format {
    endings: &["jsonl", "ndjson", "json"],
    settings: Settings::NullAndEncoding,
    separator: None,
    packed: true,
    vectors: true,
    open: |files| {
        let table = JsonTable::open(files.paths, files.settings, files.named)?;
        Ok(Box::new(table))
    },
};

/// Files of JSON lines.
pub struct JsonTable {
    format: TextFormat,
    files: Vec<FileRows>,
    texts: Vec<Text>,
    found: Vec<Found>,
    guesses: Vec<Shape>,
    warnings: Vec<DataWarning>,
}

/// What the values of a column were so far.
#[derive(Clone, Debug, Default)]
struct Shape {
    single: Guess,
    items: Option<Box<Shape>>,
    has_single: bool,
    objects: bool,
}

impl JsonTable {
    /// Reads the files and infers the types.
    /// A table without a row has the columns that the catalog names.
    pub fn open(paths: &[PathBuf], format: &TextFormat, named: &[&str]) -> Result<Self, DataError> {
        let mut columns = Columns::default();
        let (mut files, mut texts) = (Vec::new(), Vec::new());
        for path in paths {
            let text = decode::mended(path, format)?;
            let rows = columns.see(path, &text, format)?;
            files.push(FileRows { path: path.clone(), rows });
            texts.push(text);
        }
        let empty = files.iter().filter(|f: &&FileRows| f.rows == 0);
        let empty = empty
            .map(|f| DataWarning::new(super::union::file_name(&f.path), "the file has no rows", 0));
        let warnings: Vec<DataWarning> = empty.collect();
        if warnings.len() == files.len() {
            named.iter().for_each(|name| {
                columns.shape(name);
            });
        }
        let found = columns.names.iter().zip(&columns.shapes);
        let found =
            found.map(|(name, shape)| Found { name: name.clone(), ty: shape.ty(), text: false });
        Ok(JsonTable {
            format: format.clone(),
            files,
            texts,
            found: found.collect(),
            guesses: columns.shapes,
            warnings,
        })
    }

    fn fill(&self, text: &Text, wanted: &[Wanted], decoded: &mut Decoded, first: usize) {
        for (row, line) in lines(text).enumerate() {
            let row = first + row;
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            let broken = text.broken_in(start..start + line.len());
            let object = match object(line) {
                Ok(object) => object,
                Err(why) => {
                    decoded.columns.iter_mut().for_each(Values::push_null);
                    let fault = Fault::new(why).kind(Kind::Row);
                    decoded.faults.push(row, None, fault);
                    continue;
                }
            };
            for (values, want) in decoded.columns.iter_mut().zip(wanted) {
                let name = &self.found[want.column].name;
                let value = object.get(name).unwrap_or(&Json::Null);
                let spoilt = broken.and_then(|byte| decode::spoilt(byte, texts(value)));
                let pushed = match spoilt {
                    Some(fault) => Err(fault),
                    None => push(values, value, &want.how, &self.format),
                };
                if let Err(fault) = pushed {
                    values.push_null();
                    decoded.faults.push(row, Some(name), fault);
                }
            }
        }
    }
}

impl Reader for JsonTable {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        &self.files
    }

    fn magnitude(&self, column: usize) -> u64 {
        self.guesses[column].innermost().magnitude
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

    fn warnings(&self) -> &[DataWarning] {
        &self.warnings
    }

    fn line(&self, file: usize, row: u64) -> Option<u64> {
        let text: &str = &self.texts[file];
        let line = lines(text).nth(row as usize)?;
        Some(line_at(text, line.as_ptr() as usize - text.as_ptr() as usize))
    }
}

/// Columns as they turn up.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    shapes: Vec<Shape>,
    places: HashMap<String, usize>,
}

impl Columns {
    /// Looks at every line of a file; returns how many there are. Broken lines are left to the
    /// reading, unless there are no others.
    fn see(&mut self, path: &Path, text: &str, format: &TextFormat) -> Result<u64, DataError> {
        let (mut rows, mut sound, mut broken) = (0, false, None);
        for line in lines(text) {
            rows += 1;
            match object(line) {
                Ok(object) => {
                    sound = true;
                    for (name, value) in &object {
                        if let Some(deep) = self.shape(name).see(value, format, 0) {
                            let error = DataError::new(path, super::limits::too_deep(deep));
                            let help = "write the value as text, or leave it out of the file";
                            return Err(error.row(rows).column(name).help(help));
                        }
                    }
                }
                Err(why) if broken.is_none() => broken = Some((rows, why)),
                Err(_) => {}
            }
        }
        match broken.filter(|_| !sound) {
            Some((row, why)) => {
                let help = "JSON lines have one object per line: `{\"user_id\": 7, \"age\": 31}`";
                Err(DataError::new(path, why).row(row).help(help))
            }
            None => Ok(rows),
        }
    }

    fn shape(&mut self, name: &str) -> &mut Shape {
        let place = match self.places.get(name) {
            Some(&place) => place,
            None => {
                self.names.push(name.to_owned());
                self.shapes.push(Shape::default());
                self.places.insert(name.to_owned(), self.names.len() - 1);
                self.names.len() - 1
            }
        };
        &mut self.shapes[place]
    }
}

impl Shape {
    /// Takes a value into account that stands in so many lists; how deep it is nested, if that is too
    /// deep.
    fn see(&mut self, value: &Json, format: &TextFormat, depth: usize) -> Option<usize> {
        match value {
            Json::Null => return None,
            Json::String(text) if is_null(text, format) => return None,
            Json::Array(_) if depth == super::limits::MOST_NESTED => {
                return Some(depth + nesting(value));
            }
            Json::Array(values) => {
                let items = self.items.get_or_insert_default();
                return values.iter().find_map(|v| items.see(v, format, depth + 1));
            }
            Json::Object(_) => {
                self.objects = true;
                return None;
            }
            Json::Bool(_) => self.single.see_bool(),
            Json::Number(number) => self.single.see(&number.to_string(), None),
            Json::String(text) if text == INFINITE => self.single.see("inf", None),
            // digits between quotes are a string
            Json::String(text) => self.single.see_text(text),
        }
        self.has_single = true;
        None
    }

    fn ty(&self) -> Result<Type, String> {
        match &self.items {
            _ if self.objects => Err("object".to_owned()),
            Some(_) if self.has_single => Err("list or single value".to_owned()),
            Some(items) => Ok(Type::List(Box::new(items.ty()?))),
            None => Ok(self.single.ty()),
        }
    }

    fn innermost(&self) -> &Guess {
        self.items.as_ref().map_or(&self.single, |i| i.innermost())
    }
}

/// How deep the lists of a value are nested.
fn nesting(value: &Json) -> usize {
    match value {
        Json::Array(values) => 1 + values.iter().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

fn is_null(text: &str, format: &TextFormat) -> bool {
    // The empty string is a string here: JSON has a null of its own.
    !text.is_empty() && format.null.iter().any(|n| n == text)
}

/// The lines that are not blank.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r']).filter(|line| !line.trim_ascii().is_empty())
}

/// The texts of a value and of the values in it.
fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Stands for a number that is not finite, which JSON does not have: a text that is none of data,
/// as Unicode keeps this letter for the inside of programs.
const INFINITE: &str = "\u{fdd0}";

/// A line in JSON, from what programs write that know more numbers than JSON: `NaN` is null.
fn plain(line: &str) -> Option<String> {
    let mut plain = String::with_capacity(line.len());
    let (mut rest, mut found) = (line, false);
    while let Some(c) = rest.chars().next() {
        let bare = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let length = match c {
            '"' => end_of_text(rest),
            c if bare(c) => rest.find(|c| !bare(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        let value = word.parse::<f64>().unwrap_or_default();
        let digits = word.ends_with(|c: char| c.is_ascii_digit());
        match word {
            "NaN" => plain.push_str("null"),
            "Infinity" | "-Infinity" => plain.extend(["\"", INFINITE, "\""]),
            _ if value.is_infinite() && digits => plain.extend(["\"", INFINITE, "\""]),
            _ => plain.push_str(word),
        }
        found |= !plain.ends_with(word);
        rest = behind;
    }
    found.then_some(plain)
}

/// How long the text at the beginning is, with its quotes.
fn end_of_text(line: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    line.len()
}

/// The object of a line.
pub fn object(line: &str) -> Result<Map<String, Json>, String> {
    let read = serde_json::from_str(line).or_else(|error| {
        let plain = plain(line).and_then(|plain| serde_json::from_str(&plain).ok());
        plain.ok_or(error)
    });
    match read {
        Ok(Json::Object(object)) => Ok(object),
        Ok(other) => Err(format!("expected an object, found {}", kind(&other))),
        Err(error) => {
            let text = error.to_string();
            let why = text.split(" at line ").next().unwrap_or(&text);
            let at = error.column();
            Err(format!("not a JSON object: {why} at character {at}"))
        }
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// Appends a value; on a fault nothing was appended but unused elements.
fn push(values: &mut Values, value: &Json, how: &How, format: &TextFormat) -> Result<(), Fault> {
    match (value, &mut *values) {
        (Json::Array(items), Values::Vector { .. }) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Json::as_f64).collect();
            let numbers = numbers.ok_or_else(|| Fault::new("expected a vector of numbers"))?;
            values.push_vector(&numbers)
        }
        (Json::Array(parts), Values::List { slots, items }) => {
            let (start, item) = (items.len(), how.item());
            for part in parts {
                push(items, part, &item, format)?;
            }
            slots.push([start as u32, (items.len() - start) as u32]);
            Ok(())
        }
        (Json::Array(_) | Json::Object(_), _) => {
            Err(Fault::new(format!("expected {}, found {}", how.wanted(), kind(value))))
        }
        _ => values.push(cell(value, format), how),
    }
}

fn cell<'a>(value: &'a Json, format: &TextFormat) -> Cell<'a> {
    match value {
        Json::Bool(value) => Cell::Bool(*value),
        Json::String(text) if text == INFINITE => Cell::Float(f64::INFINITY),
        Json::String(text) if !is_null(text, format) => Cell::Str(text),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Cell::Int(int),
            (None, Some(large)) => Cell::TooLarge(large),
            _ => number.as_f64().map_or(Cell::Null, Cell::Float),
        },
        _ => Cell::Null,
    }
}
