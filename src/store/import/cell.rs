//! One value of a file on its way into a column: what converts to what.

use super::values::Values;
use crate::catalog::config::Unit;
use crate::catalog::time;
use crate::types::{NULL_INT, Type};

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
    Duration(i64),
}

/// How to make values of a type out of cells.
#[derive(Clone, Debug)]
pub struct How {
    pub ty: Type,
    pub unit: Option<Unit>,
    pub separator: Option<String>,
}

/// Why a value cannot be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub message: String,
    pub help: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Fault {
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl How {
    pub fn plain(ty: Type) -> Self {
        How {
            ty,
            unit: None,
            separator: None,
        }
    }

    /// How to make the elements of a list.
    pub fn item(&self) -> How {
        let ty = match &self.ty {
            Type::List(item) => (**item).clone(),
            _ => Type::Float,
        };
        How {
            ty,
            unit: self.unit,
            separator: None,
        }
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
        Fault::new(format!("expected {}, found {}", self.wanted(), shown(cell)))
    }

    fn int(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let value = match cell {
            Cell::Int(i) => Some(i),
            Cell::Float(f) => whole(f),
            Cell::Bool(b) => Some(i64::from(b)),
            Cell::Str(s) => int_text(s.trim_ascii()),
            Cell::TooLarge(n) => {
                return Err(Fault::new(format!("{n} does not fit into a 64-bit int")));
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
            Cell::Str(s) => s.trim_ascii().parse().ok(),
            _ => None,
        };
        let value = value.ok_or_else(|| self.expected(cell))?;
        Ok(if value.is_finite() { value } else { f64::NAN })
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
            Cell::Time(t) => Some(t),
            Cell::Int(_) | Cell::Float(_) => Some(self.counted(cell)?),
            Cell::Str(s) => self.time_text(s.trim_ascii()),
            _ => None,
        };
        let value = value.ok_or_else(|| {
            self.expected(cell)
                .help("times are ISO 8601: `2024-05-01T12:30:00Z`")
        })?;
        if time::in_range(value) {
            return Ok(value);
        }
        Err(
            Fault::new(format!("{} is beyond the years -9999 to 9999", shown(cell)))
                .help("is the `unit` right?"),
        )
    }

    /// A text is a count if the column has a unit, else an ISO time.
    fn time_text(&self, text: &str) -> Option<i64> {
        match self.unit {
            Some(unit) => text
                .parse()
                .ok()
                .and_then(|n| unit.micros(n))
                .or_else(|| time::parse(text)),
            None => time::parse(text),
        }
    }

    fn duration(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        match cell {
            Cell::Duration(d) => not_reserved(d),
            Cell::Int(_) | Cell::Float(_) => self.counted(cell),
            Cell::Str(s) => {
                let count = s.trim_ascii().parse().map_err(|_| self.expected(cell))?;
                self.counted(Cell::Float(count))
            }
            _ => Err(self.expected(cell)),
        }
    }

    /// Microseconds from a count of the column's unit.
    fn counted(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let unit = self
            .unit
            .ok_or_else(|| self.expected(cell).help("an integer time needs a `unit`"))?;
        let micros = match cell {
            Cell::Int(count) => unit.micros(count),
            Cell::Float(count) => fractional(count, unit),
            _ => None,
        };
        let beyond = || {
            Fault::new(format!(
                "{} {} is beyond all times",
                shown(cell),
                unit.name()
            ))
        };
        micros
            .filter(|m| *m != NULL_INT)
            .ok_or_else(|| beyond().help("is the `unit` right?"))
    }
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
fn int_text(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| whole(text.parse().ok()?))
}

fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9.2e18).then_some(value as i64)
}

fn not_reserved(value: i64) -> Result<i64, Fault> {
    if value == NULL_INT {
        return Err(Fault::new(format!("{value} is not available as a value"))
            .help("the smallest int is one more"));
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
        Cell::Time(_) => "a time".to_owned(),
        Cell::Duration(_) => "a duration".to_owned(),
    }
}

impl Values {
    /// Appends a cell, converted. On a fault nothing was appended.
    pub fn push(&mut self, cell: Cell<'_>, how: &How) -> Result<(), Fault> {
        match (self, cell) {
            (values, Cell::Null) => values.push_null(),
            (Values::Int(v), cell) => v.push(match how.ty {
                Type::Time => how.time(cell)?,
                Type::Duration => how.duration(cell)?,
                _ => how.int(cell)?,
            }),
            (Values::Float(v), cell) => v.push(how.float(cell)?),
            (Values::Bool(v), cell) => v.push(how.bool(cell)?),
            (Values::Word { codes, words }, Cell::Str(s)) => codes.push(words.add(s)),
            (Values::Word { codes, words }, cell) => codes.push(words.add(&as_text(cell, how)?)),
            (list @ Values::List { .. }, Cell::Str(s)) => list.push_split(s, how)?,
            (vector @ Values::Vector { .. }, Cell::Str(s)) => vector.push_numbers(s, how)?,
            (Values::List { .. } | Values::Vector { .. } | Values::Row(_), cell) => {
                return Err(how.expected(cell));
            }
        }
        Ok(())
    }

    fn push_split(&mut self, text: &str, how: &How) -> Result<(), Fault> {
        let separator = how.separator.as_deref().unwrap_or(",");
        let parts = text.split(separator).filter(|_| !text.is_empty());
        self.push_list(
            parts.map(|p| {
                if p.is_empty() {
                    Cell::Null
                } else {
                    Cell::Str(p)
                }
            }),
            &how.item(),
        )
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
        let numbers: Result<Vec<f64>, _> = match how.separator.as_deref() {
            Some(separator) => text
                .split(separator)
                .map(|p| p.trim_ascii().parse())
                .collect(),
            None => text
                .trim_matches(['[', ']'])
                .split([',', ' '])
                .filter(|p| !p.is_empty())
                .map(str::parse)
                .collect(),
        };
        self.push_vector(&numbers.map_err(|_| how.expected(Cell::Str(text)))?)
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

fn as_text(cell: Cell<'_>, how: &How) -> Result<String, Fault> {
    match cell {
        Cell::Int(i) => Ok(i.to_string()),
        Cell::TooLarge(n) => Ok(n.to_string()),
        Cell::Float(f) => Ok(f.to_string()),
        Cell::Bool(b) => Ok(b.to_string()),
        _ => Err(how.expected(cell)),
    }
}
