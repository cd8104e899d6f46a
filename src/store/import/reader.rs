//! What every format gives: columns as found, values as wanted, and what is broken in them.

use super::cell::{Fault, How};
use super::values::Values;
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use rayon::prelude::*;
use std::path::PathBuf;

/// Bytes have no type here, but are read as text where the catalog says so.
pub const BYTES: &str = "Binary";

/// A column as a file has it.
#[derive(Clone, Debug)]
pub struct Found {
    pub name: String,
    /// What it holds; else the name of a type that has no counterpart here.
    pub ty: Result<Type, String>,
    /// A text column: its fields can be read as any type.
    pub text: bool,
}

/// A column to be read: its number in [`Reader::found`] and what to make of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub column: usize,
    pub how: How,
}

/// One or more files of one form, looked through but not read.
pub trait Reader: Send + Sync {
    fn found(&self) -> &[Found];
    fn files(&self) -> &[FileRows];
    /// The largest magnitude among the first values of an int column: tells its unit.
    fn magnitude(&self, column: usize) -> u64;
    /// Reads columns, each over all files; faults are numbered over all files.
    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError>;
    /// What is doubtful about the files as a whole.
    fn warnings(&self) -> &[DataWarning] {
        &[]
    }
    /// The line of a row of a text file, both from the start of the file; other files have none.
    fn line(&self, _file: usize, _row: u64) -> Option<u64> {
        None
    }
}

/// A file and how many rows it has.
#[derive(Clone, Debug)]
pub struct FileRows {
    pub path: PathBuf,
    pub rows: u64,
}

/// Columns as wanted, with what could not be read as null.
#[derive(Debug)]
pub struct Decoded {
    pub columns: Vec<Values>,
    pub faults: Faults,
}

impl Decoded {
    /// No rows yet.
    pub(super) fn empty(wanted: &[Wanted]) -> Decoded {
        Decoded {
            columns: wanted.iter().map(|w| Values::new(&w.how.ty)).collect(),
            faults: Faults::default(),
        }
    }

    /// Columns that can be read each by itself, in parallel.
    pub(super) fn by_column(
        wanted: &[Wanted],
        column: impl Fn(&Wanted) -> Result<(Values, Faults), DataError> + Sync + Send,
    ) -> Result<Decoded, DataError> {
        let read: Vec<_> = wanted.par_iter().map(column).collect();
        let mut decoded =
            Decoded { columns: Vec::with_capacity(read.len()), faults: Faults::default() };
        for column in read {
            let (values, found) = column?;
            decoded.columns.push(values);
            decoded.faults.merge(found);
        }
        Ok(decoded)
    }
}

/// What is broken, a group for each kind of fault in each column.
#[derive(Clone, Debug, Default)]
pub struct Faults(pub Vec<Group>);

/// Rows with faults of one kind in one column.
#[derive(Clone, Debug)]
pub struct Group {
    /// None where it is about the row as a whole.
    pub column: Option<String>,
    /// Counted from 0 over all files of the table.
    pub rows: Vec<u32>,
    /// Of the first row.
    pub first: Fault,
}

impl Faults {
    /// Notes a fault in a row, counted from 0 over all files of the table.
    pub fn push(&mut self, row: usize, column: Option<&str>, fault: Fault) {
        let like = |g: &&mut Group| g.first.kind == fault.kind && g.column.as_deref() == column;
        match self.0.iter_mut().find(like) {
            Some(group) => group.rows.push(row as u32),
            None => self.0.push(Group {
                column: column.map(str::to_owned),
                rows: vec![row as u32],
                first: fault,
            }),
        }
    }

    pub fn merge(&mut self, other: Faults) {
        self.0.extend(other.0);
    }

    /// The groups by their first rows.
    pub fn in_order(mut self) -> Vec<Group> {
        self.0.sort_by_key(|group| group.rows.first().copied());
        self.0
    }
}
