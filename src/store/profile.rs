//! A first look at a data file that no catalog speaks of: its columns, and the values in them.

use super::import::{self, How, Npy, Values, Wanted};
use crate::catalog::DataError;
use crate::catalog::config::{OnError, TextFormat};
use crate::types::{NULL_CODE, NULL_INT, Type};
use std::collections::BTreeSet;
use std::path::Path;

/// A table as it was found.
pub struct Profile {
    pub rows: usize,
    /// Those whose type has a counterpart.
    pub columns: Vec<Column>,
}

/// A column and what is in it.
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub nulls: usize,
    /// The different values; those in lists for a column of lists.
    pub values: Distinct,
}

/// Different values of a column.
pub enum Distinct {
    Ints(BTreeSet<i64>),
    Texts(BTreeSet<String>),
    /// Neither ints nor strings.
    Other,
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

    /// How many of these are among others.
    pub fn among(&self, others: &Distinct) -> usize {
        match (self, others) {
            (Distinct::Ints(a), Distinct::Ints(b)) => a.intersection(b).count(),
            (Distinct::Texts(a), Distinct::Texts(b)) => a.intersection(b).count(),
            _ => 0,
        }
    }

    /// Adds those of another column.
    pub fn extend(&mut self, others: &Distinct) {
        match (self, others) {
            (Distinct::Ints(a), Distinct::Ints(b)) => a.extend(b),
            (Distinct::Texts(a), Distinct::Texts(b)) => a.extend(b.iter().cloned()),
            _ => {}
        }
    }
}

/// Whether a file's name says that it is a table.
pub fn is_table(file: &Path) -> bool {
    import::is_table(file)
}

/// Whether a file is text with separators.
pub fn is_text(file: &Path) -> bool {
    import::is_table(file) && import::is_text(file)
}

/// The bytes of a text file, unpacked.
pub fn bytes(file: &Path) -> Result<Vec<u8>, DataError> {
    import::bytes(file)
}

/// How many rows a file of vectors has, and whether its numbers are halves.
pub fn vectors(file: &Path) -> Result<(usize, bool), DataError> {
    Npy::open(file).map(|npy| (npy.rows, npy.has_halves()))
}

/// Reads a table whole.
pub fn profile(file: &Path, text: &TextFormat) -> Result<Profile, DataError> {
    let reader = import::open_as(file, text)?;
    let known = reader.found().iter().enumerate();
    let known = known.filter_map(|(at, f)| Some((at, f.name.clone(), f.ty.clone().ok()?)));
    let known: Vec<_> = known.collect();
    let wanted: Vec<Wanted> = known
        .iter()
        .map(|(column, _, ty)| Wanted {
            column: *column,
            how: How::plain(ty.clone()),
        })
        .collect();
    let table = import::read(reader.as_ref(), &wanted, OnError::Skip)?;
    let columns = known.into_iter().zip(&table.columns);
    let columns = columns.map(|((_, name, ty), values)| Column {
        name,
        ty,
        nulls: (0..values.len()).filter(|&row| values.is_null(row)).count(),
        values: distinct(values),
    });
    Ok(Profile {
        rows: table.rows,
        columns: columns.collect(),
    })
}

fn distinct(values: &Values) -> Distinct {
    match values {
        Values::Int(v) => Distinct::Ints(v.iter().copied().filter(|v| *v != NULL_INT).collect()),
        Values::Word { codes, words } => {
            let used: BTreeSet<u32> = codes.iter().copied().filter(|c| *c != NULL_CODE).collect();
            Distinct::Texts(used.into_iter().map(|c| words.get(c).to_owned()).collect())
        }
        Values::List { items, .. } => distinct(items),
        _ => Distinct::Other,
    }
}
