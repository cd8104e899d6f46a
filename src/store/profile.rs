//! A first look at a data file that no catalog speaks of: its columns, the values in them, and
//! where those stand.

use super::import::{self, Advice, Cell, Faults, Group, Kind, Npy, Reader, Values, Wanted, Words};
pub use super::import::{How, is_grouped, plain_number};
use crate::catalog::DataError;
use crate::catalog::config::Table as TableConfig;
use crate::types::{NULL_CODE, NULL_INT, Type};
use rayon::prelude::*;
use std::path::Path;

/// A table as it was found.
pub struct Profile {
    /// Those that could be read.
    pub rows: usize,
    /// Those whose type has a counterpart.
    pub columns: Vec<Column>,
    /// Columns of other types, with the name of the type.
    pub left: Vec<(String, String)>,
    /// Rows that could not be read, and why the first of them could not.
    pub broken: Option<(Vec<u32>, String)>,
    /// A row from which on nothing can be trusted: a quote that is never closed.
    /// Whether quotes seem to stand behind a backslash within fields.
    pub escaped: bool,
    pub fatal: Option<u32>,
    reader: Box<dyn Reader>,
}

/// A column and what is in it.
pub struct Column {
    pub name: String,
    /// As the file has it, or as inferred.
    pub ty: Type,
    pub nulls: usize,
    /// The different values; those in lists for a column of lists. Floats without a fraction, as
    /// programs write ints that had nulls among them, are ints here.
    pub values: Distinct,
    /// Smallest and largest number.
    pub range: Option<(f64, f64)>,
    /// How many elements its lists have at least and at most.
    pub lengths: Option<(usize, usize)>,
    /// Rows whose values its type cannot hold, which are null here, and why the first cannot be held.
    pub broken: Vec<u32>,
    pub why: String,
    all: Values,
}

/// Different values of a column.
#[derive(Clone)]
pub enum Distinct {
    /// Ascending.
    Ints(Vec<i64>),
    Texts(Words),
    /// Neither ints nor strings.
    Other,
}

/// A row in a file.
pub struct Place {
    /// Number among the table's files.
    pub file: usize,
    /// From 1, the header not counted.
    pub row: u64,
    /// From 1, of a text file.
    pub line: Option<u64>,
}

impl Distinct {
    pub fn len(&self) -> usize {
        match self {
            Distinct::Ints(v) => v.len(),
            Distinct::Texts(v) => v.len(),
            Distinct::Other => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has an int, or its digits.
    fn has_int(&self, int: i64) -> bool {
        match self {
            Distinct::Ints(v) => v.binary_search(&int).is_ok(),
            Distinct::Texts(v) => v.find(&int.to_string()).is_some(),
            Distinct::Other => false,
        }
    }

    /// Whether it has a text, or the int whose digits it is: `007` is none.
    pub fn has_text(&self, text: &str) -> bool {
        let int = || text.parse::<i64>().ok().filter(|i| i.to_string() == text);
        match self {
            Distinct::Ints(v) => int().is_some_and(|int| v.binary_search(&int).is_ok()),
            Distinct::Texts(v) => v.find(text).is_some(),
            Distinct::Other => false,
        }
    }

    /// How many of these are among others.
    pub fn among(&self, others: &Distinct) -> usize {
        match self {
            Distinct::Ints(v) => v.iter().filter(|&&int| others.has_int(int)).count(),
            Distinct::Texts(v) => v.iter().filter(|text| others.has_text(text)).count(),
            Distinct::Other => 0,
        }
    }

    /// Adds those of another column. Ints among texts are texts.
    pub fn extend(&mut self, others: &Distinct) {
        match (&mut *self, others) {
            (Distinct::Ints(a), Distinct::Ints(b)) => {
                a.extend(b);
                a.sort_unstable();
                a.dedup();
            }
            (Distinct::Texts(a), Distinct::Texts(b)) => b.iter().for_each(|text| {
                a.add(text);
            }),
            (Distinct::Texts(a), Distinct::Ints(b)) => b.iter().for_each(|int| {
                a.add(&int.to_string());
            }),
            (Distinct::Ints(a), Distinct::Texts(b)) => {
                let mut all = b.clone();
                a.iter().for_each(|int| {
                    all.add(&int.to_string());
                });
                *self = Distinct::Texts(all);
            }
            (Distinct::Other, others) => *self = others.clone(),
            (_, Distinct::Other) => {}
        }
    }
}

impl Column {
    /// Whether a value is null.
    pub fn is_null(&self, row: usize) -> bool {
        self.all.is_null(row)
    }

    /// A value as a text of the file would have it; none for null, lists and vectors.
    pub fn shown(&self, row: usize) -> Option<String> {
        match &self.all {
            _ if self.all.is_null(row) => None,
            Values::Int(v) => Some(v[row].to_string()),
            Values::Float(v) => Some(v[row].to_string()),
            Values::Bool(v) => Some((v[row] == 1).to_string()),
            Values::Word { codes, words } => Some(words.get(codes[row]).to_owned()),
            _ => None,
        }
    }

    /// The strings of a column of strings, each with how many rows have it.
    pub fn texts(&self) -> Vec<(&str, usize)> {
        let Values::Word { codes, words } = &self.all else {
            return Vec::new();
        };
        let mut counts = vec![0; words.len()];
        codes.iter().filter(|c| **c != NULL_CODE).for_each(|c| counts[*c as usize] += 1);
        let all = words.iter().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// The rows with a string that fits; at most `most` of them.
    pub fn rows_with(&self, most: usize, fits: impl Fn(&str) -> bool) -> Vec<u32> {
        let Values::Word { codes, words } = &self.all else {
            return Vec::new();
        };
        let fit: Vec<bool> = words.iter().map(fits).collect();
        let rows = codes.iter().enumerate();
        let rows = rows.filter(|(_, c)| **c != NULL_CODE && fit[**c as usize]);
        rows.map(|(row, _)| row as u32).take(most).collect()
    }

    /// The rows whose values cannot be read in some way.
    pub fn misfits(&self, how: &How) -> Vec<u32> {
        let fits = |cell: Cell<'_>| Values::new(&how.ty).push(cell, how).is_ok();
        match &self.all {
            Values::Word { words, .. } => {
                let bad: Vec<bool> = words.iter().map(|w| !fits(Cell::Str(w))).collect();
                let Values::Word { codes, .. } = &self.all else {
                    return Vec::new();
                };
                let rows = codes.iter().enumerate();
                let rows = rows.filter(|(_, c)| **c != NULL_CODE && bad[**c as usize]);
                rows.map(|(row, _)| row as u32).collect()
            }
            Values::Int(v) => {
                let rows = v.iter().enumerate();
                let rows = rows.filter(|(_, v)| **v != NULL_INT && !fits(Cell::Int(**v)));
                rows.map(|(row, _)| row as u32).collect()
            }
            Values::Float(v) => {
                let rows = v.iter().enumerate();
                let rows = rows.filter(|(_, v)| !v.is_nan() && !fits(Cell::Float(**v)));
                rows.map(|(row, _)| row as u32).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The rows of a number, as it is written.
    pub fn rows_of(&self, number: &str, most: usize) -> Vec<u32> {
        let shown = |row: &usize| self.shown(*row).is_some_and(|s| s == number);
        let rows = (0..self.all.len()).filter(shown);
        rows.map(|row| row as u32).take(most).collect()
    }

    /// Whether a number of this column can be read in some way.
    pub fn reads(&self, number: f64, how: &How) -> bool {
        Values::new(&how.ty).push(Cell::Float(number), how).is_ok()
    }

    pub fn all_rows(&self) -> usize {
        self.all.len()
    }

    /// The numbers of a column of numbers, without nulls.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.all {
            Values::Int(v) => {
                let known = v.iter().filter(|v| **v != NULL_INT);
                known.map(|v| *v as f64).collect()
            }
            Values::Float(v) => v.iter().copied().filter(|v| !v.is_nan()).collect(),
            _ => Vec::new(),
        }
    }

    /// Rows that are null.
    pub fn null_rows(&self, most: usize) -> Vec<u32> {
        let rows = (0..self.all.len()).filter(|row| self.all.is_null(*row));
        rows.map(|row| row as u32).take(most).collect()
    }

    /// Later rows with a value that an earlier one has, with that one, and how many there are.
    pub fn repeated(&self, most: usize) -> (Vec<(u32, u32)>, usize) {
        let mut order: Vec<u32> = (0..self.all.len() as u32).collect();
        order.retain(|row| !self.all.is_null(*row as usize));
        match &self.all {
            Values::Int(v) => order.par_sort_unstable_by_key(|r| (v[*r as usize], *r)),
            Values::Float(v) => order.par_sort_unstable_by(|a, b| {
                v[*a as usize].total_cmp(&v[*b as usize]).then(a.cmp(b))
            }),
            Values::Word { codes, .. } => {
                order.par_sort_unstable_by_key(|r| (codes[*r as usize], *r));
            }
            _ => return (Vec::new(), 0),
        }
        let same = |a: u32, b: u32| match &self.all {
            Values::Int(v) => v[a as usize] == v[b as usize],
            Values::Float(v) => v[a as usize] == v[b as usize],
            Values::Word { codes, .. } => codes[a as usize] == codes[b as usize],
            _ => false,
        };
        let mut pairs = Vec::new();
        let mut first = 0;
        for at in 1..order.len() {
            match same(order[first], order[at]) {
                true => pairs.push((order[at], order[first])),
                false => first = at,
            }
        }
        pairs.sort_unstable();
        let count = pairs.len();
        pairs.truncate(most);
        (pairs, count)
    }

    /// The rows whose value (or an element of whose list) is not among others; at most `most`,
    /// with those values, and how many rows there are.
    pub fn strangers(&self, others: &Distinct, most: usize) -> (Vec<(u32, String)>, usize) {
        let (mut found, mut count) = (Vec::new(), 0);
        let mut note = |row: usize, value: &dyn Fn() -> String| {
            count += 1;
            if found.len() < most {
                found.push((row as u32, value()));
            }
        };
        match &self.all {
            Values::List { slots, items } => {
                let strange = Strange::of(items, others);
                for (row, slot) in slots.iter().enumerate().filter(|(_, s)| s[0] != NULL_CODE) {
                    let mut places = slot[0] as usize..(slot[0] + slot[1]) as usize;
                    if let Some(at) = places.find(|at| strange.is(*at)) {
                        note(row, &|| strange.value(at));
                    }
                }
            }
            values => {
                let strange = Strange::of(values, others);
                for row in (0..values.len()).filter(|row| strange.is(*row)) {
                    note(row, &|| strange.value(row));
                }
            }
        }
        (found, count)
    }
}

/// Values that are not among others.
struct Strange<'a> {
    values: &'a Values,
    others: &'a Distinct,
    /// By code, of strings.
    words: Vec<bool>,
}

impl<'a> Strange<'a> {
    fn of(values: &'a Values, others: &'a Distinct) -> Self {
        let words = match values {
            Values::Word { words, .. } => words.iter().map(|w| !others.has_text(w)).collect(),
            _ => Vec::new(),
        };
        Strange { values, others, words }
    }

    fn is(&self, at: usize) -> bool {
        match self.values {
            Values::Int(v) => v[at] != NULL_INT && !self.others.has_int(v[at]),
            Values::Float(v) => !v[at].is_nan() && !self.others.has_int(v[at] as i64),
            Values::Word { codes, .. } => codes[at] != NULL_CODE && self.words[codes[at] as usize],
            _ => false,
        }
    }

    fn value(&self, at: usize) -> String {
        match self.values {
            Values::Int(v) => v[at].to_string(),
            Values::Float(v) => v[at].to_string(),
            Values::Word { codes, words } => words.get(codes[at]).to_owned(),
            _ => String::new(),
        }
    }
}

impl Profile {
    /// Where a row stands.
    pub fn place(&self, row: u32) -> Place {
        let mut row = u64::from(row);
        let files = self.reader.files();
        let mut at = 0;
        while at + 1 < files.len() && row >= files[at].rows {
            row -= files[at].rows;
            at += 1;
        }
        Place { file: at, row: row + 1, line: self.reader.line(at, row) }
    }

    /// Whether more of the same file can be read.
    pub fn reads_more_than(&self, other: &Profile) -> bool {
        self.fatal.is_none() && (other.fatal.is_some() || self.rows > other.rows)
    }

    /// What is doubtful about the files as a whole.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.reader.warnings().iter();
        warnings.map(|w| w.message.clone()).collect()
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// The first bytes of a file, unpacked: all of a text.
pub fn bytes(file: &Path) -> Result<Vec<u8>, DataError> {
    import::bytes(file)
}

/// Whether files of that ending are tables.
pub fn is_table(ending: &str) -> bool {
    import::is_table(ending)
}

/// What stands between the fields of text files of that ending.
pub fn separator(ending: &str) -> Option<&'static str> {
    import::separator(ending)
}

/// The same of a file; a comma where the ending says nothing.
pub fn separator_of(file: &Path) -> &'static str {
    import::separator_of(file)
}

/// Whether a text is UTF-8 but for a few bytes.
pub fn is_mostly_utf8(bytes: &[u8]) -> bool {
    import::is_mostly_utf8(bytes)
}

/// Whether a line is an object of JSON lines, as they are read.
pub fn is_object(line: &str) -> bool {
    import::json_object(line).is_ok()
}

/// How many rows a file of vectors has, and whether its numbers are halves.
pub fn vectors(file: &Path) -> Result<(usize, bool), DataError> {
    Npy::open(file).map(|npy| (npy.rows, npy.has_halves()))
}

/// Reads a table whole. Rows that cannot be read are null in all columns, and noted.
pub fn profile(table: &TableConfig, folder: &Path) -> Result<Profile, DataError> {
    let reader = import::open(table, folder, &folder.join("catalog.toml"), &[])?;
    let found = reader.found().to_vec();
    let (mut known, mut wanted, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for (column, f) in found.iter().enumerate() {
        match &f.ty {
            Ok(ty) => {
                known.push((&f.name, ty));
                let how = How::plain(ty.clone());
                wanted.push(Wanted { column, how });
            }
            Err(ty) => left.push((f.name.clone(), ty.clone())),
        }
    }
    let decoded = reader.read(&wanted)?;
    let rows = decoded.columns.first().map_or(0, Values::len);
    let columns = known.par_iter().zip(decoded.columns);
    let columns = columns.map(|((name, ty), all)| column(name, ty, all));
    let mut columns: Vec<Column> = columns.collect();
    let faults = decoded.faults;
    note_broken(&mut columns, &faults);
    let fatal = faults.0.iter().find(|g| g.first.kind == Kind::Fatal);
    let fatal = fatal.and_then(|g| g.rows.first().copied());
    let is_escaped = |g: &Group| matches!(g.first.advice, Some(Advice::Format(_)));
    let escaped = faults.0.iter().any(is_escaped);
    let broken = broken(faults);
    Ok(Profile {
        escaped,
        rows: rows - broken.as_ref().map_or(0, |(rows, _)| rows.len()),
        columns,
        left,
        broken,
        fatal,
        reader,
    })
}

/// The rows of each column that could not be read.
fn note_broken(columns: &mut [Column], faults: &Faults) {
    for group in &faults.0 {
        let named = |c: &&mut Column| group.column.as_deref() == Some(&c.name);
        if let Some(column) = columns.iter_mut().find(named) {
            if column.broken.is_empty() {
                column.why.clone_from(&group.first.message);
            }
            column.broken.extend(&group.rows);
            column.broken.sort_unstable();
        }
    }
}

/// The rows that could not be read as a whole.
fn broken(faults: Faults) -> Option<(Vec<u32>, String)> {
    let groups = faults.in_order().into_iter();
    let mut groups: Vec<Group> = groups.filter(|g| g.column.is_none()).collect();
    let mut rows: Vec<u32> = groups.iter().flat_map(|g| &g.rows).copied().collect();
    rows.sort_unstable();
    rows.dedup();
    let why = groups.drain(..).next()?.first.message;
    Some((rows, why))
}

fn column(name: &str, ty: &Type, all: Values) -> Column {
    let (values, range) = distinct(&all);
    let lengths = match &all {
        Values::List { slots, .. } => {
            let known = || slots.iter().filter(|s| s[0] != NULL_CODE).map(|s| s[1] as usize);
            known().min().zip(known().max())
        }
        _ => None,
    };
    Column {
        name: name.to_owned(),
        ty: ty.clone(),
        nulls: (0..all.len()).filter(|&row| all.is_null(row)).count(),
        values,
        range,
        lengths,
        broken: Vec::new(),
        why: String::new(),
        all,
    }
}

fn distinct(values: &Values) -> (Distinct, Option<(f64, f64)>) {
    let ints = |mut ints: Vec<i64>| {
        ints.par_sort_unstable();
        ints.dedup();
        let range = ints.first().zip(ints.last());
        let range = range.map(|(a, b)| (*a as f64, *b as f64));
        (Distinct::Ints(ints), range)
    };
    match values {
        Values::Int(v) => ints(v.iter().copied().filter(|v| *v != NULL_INT).collect()),
        Values::Float(v) => {
            let known = || v.iter().copied().filter(|v| !v.is_nan());
            let whole = |v: f64| v.fract() == 0.0 && v.abs() < 9e15;
            if known().all(whole) {
                return ints(known().map(|v| v as i64).collect());
            }
            let least = known().min_by(f64::total_cmp);
            (Distinct::Other, least.zip(known().max_by(f64::total_cmp)))
        }
        Values::Word { codes, words } => {
            let mut used = vec![false; words.len()];
            for code in codes.iter().filter(|c| **c != NULL_CODE) {
                used[*code as usize] = true;
            }
            let mut kept = Words::default();
            for (word, _) in words.iter().zip(used).filter(|(_, used)| *used) {
                kept.add(word);
            }
            (Distinct::Texts(kept), None)
        }
        Values::List { items, .. } => distinct(items),
        _ => (Distinct::Other, None),
    }
}
