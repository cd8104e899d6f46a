//! What a column was found to hold, and the values that do not fit.

use crate::catalog::config::Unit;
use crate::store::profile::{Column, How};
use crate::types::Type;

/// What a column is to be read as.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// As the file has it.
    Plain,
    /// A text, whatever its values look like.
    Text,
    Int,
    Float,
    Time(Written),
    List {
        item: &'static str,
        separator: Option<String>,
    },
    Vector(usize),
}

/// How times are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Iso,
    Unit(Unit),
    Format(String),
}

/// A column as understood.
#[derive(Clone, Debug)]
pub struct Judged {
    pub meaning: Meaning,
    /// Why, if it was guessed.
    pub why: String,
    /// Values that it cannot be read from: rows and values of the first, and how many.
    pub wrong: Vec<(u32, String)>,
    pub wrong_rows: usize,
    /// Words that stand for null, with how many rows have each.
    pub nulls: Vec<(String, usize)>,
    /// Values that are far from the others, but can be read, with how many rows have each.
    pub odd: Vec<(String, usize)>,
    /// Words that stand for null in this column alone.
    pub own_nulls: Vec<(String, usize)>,
    /// The sign before the fraction of its numbers, if it is to be told.
    pub decimal: Option<char>,
    /// What else a person should know, and the key of the column that says it.
    pub note: Option<(String, &'static str)>,
}

/// How many rows of a doubt are shown.
pub const SHOWN: usize = 3;

impl Judged {
    pub(super) fn new(meaning: Meaning, why: impl Into<String>) -> Judged {
        Judged {
            meaning,
            why: why.into(),
            wrong: Vec::new(),
            wrong_rows: 0,
            nulls: Vec::new(),
            odd: Vec::new(),
            own_nulls: Vec::new(),
            decimal: None,
            note: None,
        }
    }

    /// How the build reads the values; None as the file has them.
    pub(super) fn how(&self) -> Option<How> {
        let mut how = How::plain(match &self.meaning {
            Meaning::Plain | Meaning::Text => return None,
            Meaning::Int => Type::Int,
            Meaning::Float => Type::Float,
            Meaning::Time(_) => Type::Time,
            Meaning::List { item, .. } => Type::List(Box::new(match *item {
                "int" => Type::Int,
                "float" => Type::Float,
                _ => Type::String,
            })),
            Meaning::Vector(dim) => Type::Vector(*dim as u32),
        });
        how.decimal = self.decimal;
        match &self.meaning {
            Meaning::Time(Written::Unit(unit)) => how.unit = Some(*unit),
            Meaning::Time(Written::Format(format)) => how.formats = vec![format.clone()],
            Meaning::List { separator, .. } => how.separator.clone_from(separator),
            _ => {}
        }
        Some(how)
    }

    /// Finds the values that cannot be read so, nulls aside.
    pub(super) fn measure(&mut self, column: &Column) {
        let nulls: Vec<u32> =
            column.rows_with(usize::MAX, |t| self.nulls.iter().any(|(null, _)| null == t));
        let mut rows = match self.how() {
            Some(how) => [column.misfits(&how), column.broken.clone()].concat(),
            None => column.broken.clone(),
        };
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|row| nulls.binary_search(row).is_err());
        self.wrong_rows = rows.len();
        let first = rows.iter().take(SHOWN);
        self.wrong =
            first.map(|&row| (row, column.shown(row as usize).unwrap_or_default())).collect();
    }

    /// Words for null that have to stay what they are elsewhere: here they are values that do not fit.
    pub fn without_nulls(&mut self, column: &Column, stays: impl Fn(&str) -> bool) {
        let before = self.nulls.len();
        self.nulls.retain(|(word, _)| !stays(word));
        if self.nulls.len() < before && self.meaning != Meaning::Plain {
            self.measure(column);
        }
    }

    pub fn is_time(&self) -> bool {
        matches!(self.meaning, Meaning::Time(_))
    }
}

/// In how many rows the text is as it should be.
pub(super) fn rows_that(texts: &[(&str, usize)], fits: impl Fn(&str) -> bool) -> usize {
    let fitting = texts.iter().filter(|(t, _)| fits(t.trim()));
    fitting.map(|(_, rows)| rows).sum()
}
