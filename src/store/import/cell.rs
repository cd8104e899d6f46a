//! One value of a file on its way into a column: what converts to what.

use super::list_text::{self, Item};
use super::number;
use super::text_infer::null_word;
use super::values::Values;
use crate::catalog::config::Unit;
use crate::catalog::time;
use crate::types::time::{in_range, text as time_text};
use crate::types::{NULL_INT, Type};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A value as a file has it.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    /// An unsigned integer beyond 64-bit signed ones.
    TooLarge(u64),
    Float(f64),
    Bool(bool),
    Str(&'a str),
    Time(i64),
    /// A time that a clock shows, as if it were in UTC; the column knows whose clock.
    Local(i64),
    Duration(i64),
}

/// How to make values of a type out of cells.
#[derive(Clone, Debug)]
pub struct How {
    pub ty: Type,
    pub unit: Option<Unit>,
    pub separator: Option<String>,
    /// How texts and ints are times; the first that fits is taken.
    pub formats: Vec<String>,
    /// Whose clock times without an offset are of.
    pub zone: Option<TimeZone>,
    /// The sign before the fraction of numbers in text.
    pub decimal: Option<char>,
    /// What means null, beside what does in the whole table.
    pub null: Vec<String>,
    /// Blanks around texts are not part of them: so with keys in text files.
    pub trimmed: bool,
}

/// Why a value cannot be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Faults of a kind are counted together.
    pub kind: Kind,
    pub message: String,
    pub help: Option<String>,
    pub advice: Option<Advice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does not convert.
    Value,
    /// It is one, but too large or too early.
    Range,
    /// A number that no column can hold: it reads null, whatever the catalog says of errors.
    Infinite,
    /// A row of too many or too few fields, or that is no JSON object.
    Row,
    /// A row with a quote that is neither an end nor written twice.
    Quote,
    /// Bytes that the encoding does not have.
    Encoding,
    /// What follows cannot be told apart: no row behind it can be trusted.
    Fatal,
}

/// What to write into the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// Into the column's own table, as `unit = "s"`.
    Column(String),
    /// Among the texts that mean null.
    Null(String),
    /// Into the table's `format`.
    Format(String),
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Fault { kind: Kind::Value, message: message.into(), help: None, advice: None }
    }

    pub fn kind(self, kind: Kind) -> Self {
        Fault { kind, ..self }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn advice(mut self, advice: Option<Advice>) -> Self {
        self.advice = advice;
        self
    }
}

impl How {
    pub fn plain(ty: Type) -> Self {
        How {
            ty,
            unit: None,
            separator: None,
            formats: Vec::new(),
            zone: None,
            decimal: None,
            null: Vec::new(),
            trimmed: false,
        }
    }

    /// How to make the elements of a list.
    pub fn item(&self) -> How {
        let ty = match &self.ty {
            Type::List(item) => (**item).clone(),
            _ => Type::Float,
        };
        How { ty, separator: None, ..self.clone() }
    }

    /// Whether a cell is one of the values that mean null: `0` is a number and the time that it counts.
    fn is_null(&self, cell: Cell<'_>) -> bool {
        self.null.iter().any(|word| match cell {
            Cell::Str(text) => text.trim_ascii() == word,
            Cell::Int(n) => word.parse() == Ok(n),
            Cell::Float(x) => word.parse() == Ok(x),
            Cell::Time(t) | Cell::Local(t) => word == "0" && t == 0 || time::parse(word) == Some(t),
            _ => false,
        })
    }

    /// What is expected, with its article.
    pub fn wanted(&self) -> &'static str {
        match self.ty {
            Type::Int => "an int",
            Type::Float => "a number",
            Type::Bool => "true or false",
            Type::String => "a string",
            Type::Time => "a time",
            Type::Duration => "a duration",
            Type::List(_) => "a list",
            Type::Vector(_) => "a vector",
            _ => "a key",
        }
    }

    fn expected(&self, cell: Cell<'_>) -> Fault {
        let fault = Fault::new(format!("expected {}, found {}", self.wanted(), shown(cell)));
        match cell {
            Cell::Str(text) => {
                let text = text.trim_ascii();
                let fault = fault.advice(self.advice(text));
                match number::is_grouped(text) && self.reads_as(text, ',') {
                    true => fault.help(
                        "commas separate thousands with `decimal = \".\"`, and are the decimal separator with `decimal = \",\"`",
                    ),
                    false => fault,
                }
            }
            _ => fault,
        }
    }

    /// What would make a value of a text.
    fn advice(&self, text: &str) -> Option<Advice> {
        let by = |sign: char| self.reads_as(text, sign);
        match () {
            () if null_word(text).is_some() => Some(Advice::Null(text.to_owned())),
            () if number::is_grouped(text) && by('.') => {
                Some(Advice::Column("decimal = \".\"".to_owned()))
            }
            () if by(',') => Some(Advice::Column("decimal = \",\"".to_owned())),
            () if by('.') => Some(Advice::Column("decimal = \".\"".to_owned())),
            () => None,
        }
    }

    /// Whether a sign before fractions makes a number of a text that is none without.
    fn reads_as(&self, text: &str, sign: char) -> bool {
        let number = matches!(self.ty, Type::Int | Type::Float | Type::Vector(_));
        let int = self.ty == Type::Int;
        let fits = |plain: String| plain != text && (!int || int_text(&plain).is_some());
        number && number::plain(text, sign).is_some_and(fits)
    }

    /// The plain form of a number in text.
    fn number<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        let text = text.trim_ascii();
        match self.decimal {
            None => Some(Cow::Borrowed(text)),
            Some(sign) => number::plain(text, sign).map(Cow::Owned),
        }
    }

    fn int(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let value = match cell {
            Cell::Int(i) => Some(i),
            Cell::Float(f) if f.fract() == 0.0 && whole(f).is_none() => {
                let message = format!("`{f}` is too large to be an exact int");
                let fault = Fault::new(message).kind(Kind::Range);
                return Err(fault.advice(Some(Advice::Column("type = \"float\"".to_owned()))));
            }
            Cell::Float(f) => whole(f),
            Cell::Bool(b) => Some(i64::from(b)),
            Cell::Str(s) => self.number(s).and_then(|s| int_text(&s)),
            Cell::TooLarge(n) => {
                let fault = Fault::new(format!("{n} does not fit into a 64-bit int"));
                let advice = Advice::Column("type = \"string\"".to_owned());
                return Err(fault.kind(Kind::Range).advice(Some(advice)));
            }
            _ => None,
        };
        not_reserved(value.ok_or_else(|| self.expected(cell))?)
    }

    fn float(&self, cell: Cell<'_>) -> Result<f64, Fault> {
        let value = match cell {
            Cell::Int(i) => Some(i as f64),
            Cell::TooLarge(n) => Some(n as f64),
            Cell::Float(f) => Some(f),
            Cell::Bool(b) => Some(f64::from(u8::from(b))),
            Cell::Str(s) => self.number(s).and_then(|s| s.parse().ok()),
            _ => None,
        };
        let value = value.ok_or_else(|| self.expected(cell))?;
        match value.is_infinite() {
            true => Err(Fault::new("not finite").kind(Kind::Infinite)),
            false => Ok(value),
        }
    }

    fn bool(&self, cell: Cell<'_>) -> Result<u8, Fault> {
        let value = match cell {
            Cell::Bool(b) => Some(b),
            Cell::Int(i) => (0..=1).contains(&i).then_some(i == 1),
            Cell::Float(f) => (f == 0.0 || f == 1.0).then_some(f == 1.0),
            Cell::Str(s) => parse_bool(s.trim_ascii()),
            _ => None,
        };
        value.map(u8::from).ok_or_else(|| self.expected(cell))
    }

    fn time(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let value = match cell {
            Cell::Time(t) => Ok(t),
            Cell::Local(t) => match &self.zone {
                Some(zone) => time::of_zone(t, zone).ok_or(time::Fault::OutOfRange),
                None => Ok(t),
            },
            Cell::Int(n) if !self.formats.is_empty() => self.time_text(&n.to_string()),
            Cell::Float(f) if !self.formats.is_empty() => match whole(f) {
                Some(n) => self.time_text(&n.to_string()),
                None => Err(time::Fault::Malformed),
            },
            Cell::Int(_) | Cell::Float(_) => Ok(self.counted(cell)?),
            Cell::Str(s) => self.time_text(s.trim_ascii()),
            _ => Err(time::Fault::Malformed),
        };
        match value {
            Ok(value) if in_range(value) => Ok(value),
            Ok(_) | Err(time::Fault::OutOfRange) => Err(self.beyond(cell)),
            Err(time::Fault::Malformed) => Err(self.expected(cell).help(match self.unit {
                Some(unit) => format!(
                    "times here are counts of `{}`, or ISO 8601: `2024-05-01T12:30:00Z`",
                    unit.name()
                ),
                None => "times are ISO 8601: `2024-05-01T12:30:00Z`".to_owned(),
            })),
            Err(time::Fault::UnknownZone(name)) => {
                let message = format!("unknown time zone `{name}` in {}", shown(cell));
                let help = "known are `UTC`, `GMT`, `Z`, offsets such as `+02:00` and the names of the IANA database; \
                            letters such as `PST` are read in a column whose `tz` has them: `tz = \"America/Los_Angeles\"`";
                Err(Fault::new(message).help(help))
            }
        }
    }

    fn beyond(&self, cell: Cell<'_>) -> Fault {
        let message =
            format!("{} is outside the supported range of times, {}", shown(cell), time::RANGE);
        let fault = Fault::new(message).kind(Kind::Range);
        match self.unit {
            Some(_) => fault.help("check the `unit`"),
            None => fault,
        }
    }

    /// A text is a time of one of the formats, a count if the column has a unit, or an ISO time.
    fn time_text(&self, text: &str) -> Result<i64, time::Fault> {
        let zone = self.zone.as_ref();
        for format in &self.formats {
            match time::parse_as(text, format, zone) {
                Err(time::Fault::Malformed) => {}
                read => return read,
            }
        }
        // whole numbers of a column that had nulls are written as floats
        if let Some(whole) = text.strip_suffix(".0").filter(|_| !self.formats.is_empty()) {
            return self.time_text(whole);
        }
        if let Some(unit) = self.unit {
            let number = self.number(text);
            let count = || number.as_ref()?.parse::<i64>().ok().map(|n| unit.micros(n));
            let part = || number.as_ref()?.parse::<f64>().ok().map(|n| fractional(n, unit));
            if let Some(count) = count().or_else(part) {
                return count.ok_or(time::Fault::OutOfRange);
            }
        }
        time::parse_in(text, zone)
    }

    fn duration(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        match cell {
            Cell::Duration(d) => not_reserved(d),
            Cell::Int(_) | Cell::Float(_) => self.counted(cell),
            Cell::Str(s) => match self.number(s).and_then(|s| s.parse().ok()) {
                Some(count) => self.counted(Cell::Float(count)),
                None => clock(s.trim_ascii()).ok_or_else(|| self.expected(cell)),
            },
            _ => Err(self.expected(cell)),
        }
    }

    /// Microseconds from a count of the column's unit.
    fn counted(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let unit = self.unit.ok_or_else(|| {
            self.expected(cell).help("a number needs a `unit`: `s`, `ms`, `us` or `ns`")
        })?;
        let micros = match cell {
            Cell::Int(count) => unit.micros(count),
            Cell::Float(count) => fractional(count, unit),
            _ => None,
        };
        micros.filter(|m| *m != NULL_INT).ok_or_else(|| self.beyond(cell))
    }
}

/// A length of time as clocks and people write it: `08:30:00`, `1h 30m`, `PT5M`.
fn clock(text: &str) -> Option<i64> {
    if !text.contains(':') {
        let length: jiff::SignedDuration = text.parse().ok()?;
        return i64::try_from(length.as_micros()).ok();
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text),
    };
    let parts: Vec<&str> = digits.split(':').collect();
    let number = |part: &str, least: f64| {
        let plain = part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: Option<f64> = part.parse().ok();
        number.filter(|n| plain && *n < least)
    };
    let seconds = match parts[..] {
        [h, m] => number(h, 1e6)? * 3600.0 + number(m, 60.0)? * 60.0,
        [h, m, s] => number(h, 1e6)? * 3600.0 + number(m, 60.0)? * 60.0 + number(s, 60.0)?,
        _ => return None,
    };
    fractional(sign * seconds, Unit::Second)
}

fn fractional(count: f64, unit: Unit) -> Option<i64> {
    let scale = match unit {
        Unit::Nano => 1e-3,
        _ => unit.micros(1)? as f64,
    };
    let micros = (count * scale).round();
    (micros.abs() < 9.2e18).then_some(micros as i64)
}

/// `7`, and `7.0` as programs write ints that had nulls among them.
pub fn int_text(text: &str) -> Option<i64> {
    let zeros = |fraction: &str| fraction.bytes().all(|b| b == b'0');
    let digits = match text.split_once('.') {
        Some((digits, fraction)) if zeros(fraction) => digits,
        _ => text,
    };
    digits.parse().ok().or_else(|| whole(text.parse().ok()?))
}

/// A float that is an int; beyond 2^53 floats do not tell ints apart.
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

fn not_reserved(value: i64) -> Result<i64, Fault> {
    if value == NULL_INT {
        let fault = Fault::new(format!("{value} is not available as a value"));
        return Err(fault.kind(Kind::Range).help("this value is reserved for null"));
    }
    Ok(value)
}

pub fn parse_bool(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    match () {
        () if is(&["true", "t", "yes", "y", "1"]) => Some(true),
        () if is(&["false", "f", "no", "n", "0"]) => Some(false),
        () => None,
    }
}

fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Int(i) => format!("`{i}`"),
        Cell::TooLarge(n) => format!("`{n}`"),
        Cell::Float(f) => format!("`{f}`"),
        Cell::Bool(b) => format!("`{b}`"),
        Cell::Str(s) if s.chars().count() > 40 => {
            format!("`{}...`", s.chars().take(40).collect::<String>())
        }
        Cell::Str(s) => format!("`{s}`"),
        Cell::Time(t) | Cell::Local(t) => {
            time_text(t).map_or_else(|| "a time".to_owned(), |t| format!("`{t}`"))
        }
        Cell::Duration(_) => "a duration".to_owned(),
    }
}

impl Values {
    /// Appends a cell, converted. On a fault nothing was appended.
    pub fn push(&mut self, cell: Cell<'_>, how: &How) -> Result<(), Fault> {
        match (self, cell) {
            (values, Cell::Null) => values.push_null(),
            (values, cell) if how.is_null(cell) => values.push_null(),
            // the null of programs that know no other
            (values, Cell::Float(value)) if value.is_nan() => values.push_null(),
            (Values::Word { codes, words }, Cell::Str(s)) => {
                codes.push(words.add(if how.trimmed { s.trim() } else { s }));
            }
            (list @ Values::List { .. }, Cell::Str(s)) => list.push_text(s, how)?,
            // an empty text is no number, no time and no vector
            (values, Cell::Str(s)) if is_blank(s) => values.push_null(),
            (Values::Int(v), cell) => v.push(match how.ty {
                Type::Time => how.time(cell)?,
                Type::Duration => how.duration(cell)?,
                _ => how.int(cell)?,
            }),
            (Values::Float(v), cell) => v.push(how.float(cell)?),
            (Values::Bool(v), cell) => v.push(how.bool(cell)?),
            (Values::Word { codes, words }, cell) => codes.push(words.add(&as_text(cell, how)?)),
            (vector @ Values::Vector { .. }, Cell::Str(s)) => vector.push_numbers(s, how)?,
            (Values::List { .. } | Values::Vector { .. } | Values::Row(_), cell) => {
                return Err(how.expected(cell));
            }
        }
        Ok(())
    }

    /// A list in JSON's or Python's notation, or parted by the column's separator: blanks around
    /// elements are not part of them, and a separator at the end parts nothing.
    fn push_text(&mut self, text: &str, how: &How) -> Result<(), Fault> {
        let bare = || list_text::items(text, true).filter(|_| how.separator.is_none());
        if let Some(items) = list_text::items(text, false).or_else(bare) {
            let cells = items.iter().map(|item| match item {
                Item::Null => Cell::Null,
                Item::Bare(text) => Cell::Str(text),
                Item::Quoted(text) => Cell::Str(text),
            });
            return self.push_list(cells, &how.item());
        }
        let mut text = text.trim_ascii();
        if text.is_empty() {
            return self.push_list(std::iter::empty(), &how.item());
        }
        let Some(separator) = how.separator.as_deref() else {
            let fault = how.expected(Cell::Str(text));
            let advice = ["|", ";", ","].into_iter().find(|s| text.contains(s));
            let advice = Advice::Column(format!("separator = {:?}", advice.unwrap_or("|")));
            return Err(fault.advice(Some(advice)));
        };
        text = text.strip_suffix(separator).unwrap_or(text);
        let parts = text.split(separator).map(str::trim_ascii);
        let cells = parts.map(|part| match part {
            "" => Cell::Null,
            part => Cell::Str(part),
        });
        self.push_list(cells, &how.item())
    }

    /// Appends one list of cells. On a fault nothing was appended but unused elements.
    pub fn push_list<'a>(
        &mut self,
        cells: impl Iterator<Item = Cell<'a>>,
        item: &How,
    ) -> Result<(), Fault> {
        let Values::List { slots, items } = self else {
            return Err(Fault::new("found a list"));
        };
        let start = items.len();
        for cell in cells {
            items.push(cell, item)?;
        }
        slots.push([start as u32, (items.len() - start) as u32]);
        Ok(())
    }

    fn push_numbers(&mut self, text: &str, how: &How) -> Result<(), Fault> {
        let text = text.trim_ascii();
        let bare = text.trim_matches(['[', ']']).trim_ascii();
        let number = |part: &str| how.number(part)?.parse().ok();
        let numbers: Option<Vec<f64>> = match how.separator.as_deref() {
            Some(separator) if bare.len() == text.len() => {
                let text = text.strip_suffix(separator).unwrap_or(text);
                text.split(separator).map(number).collect()
            }
            _ => {
                let parts = bare.split(|c: char| c == ',' || c.is_ascii_whitespace());
                parts.filter(|p| !p.is_empty()).map(number).collect()
            }
        };
        self.push_vector(&numbers.ok_or_else(|| how.expected(Cell::Str(text)))?)
    }

    /// Appends one vector of the column's dimension.
    pub fn push_vector(&mut self, numbers: &[f64]) -> Result<(), Fault> {
        let Values::Vector { dim, data, present } = self else {
            return Err(Fault::new("found a vector"));
        };
        if numbers.len() != *dim {
            return Err(Fault::new(format!(
                "expected a vector of {dim} numbers, found {}",
                numbers.len()
            )));
        }
        if let Some(i) = numbers.iter().position(|x| !(*x as f32).is_finite()) {
            return Err(Fault::new(format!(
                "element {} of the vector is not a finite number",
                i + 1
            )));
        }
        data.extend(numbers.iter().map(|x| *x as f32));
        present.push(true);
        Ok(())
    }
}

fn is_blank(text: &str) -> bool {
    let first = text.as_bytes().first();
    first.is_none_or(u8::is_ascii_whitespace) && text.trim_ascii().is_empty()
}

fn as_text(cell: Cell<'_>, how: &How) -> Result<String, Fault> {
    match cell {
        Cell::Int(i) => Ok(i.to_string()),
        Cell::TooLarge(n) => Ok(n.to_string()),
        Cell::Float(f) => Ok(f.to_string()),
        Cell::Bool(b) => Ok(b.to_string()),
        Cell::Time(t) | Cell::Local(t) => time_text(t).ok_or_else(|| how.beyond(cell)),
        Cell::Duration(d) => Ok((d as f64 / 1e6).to_string()),
        _ => Err(how.expected(cell)),
    }
}
