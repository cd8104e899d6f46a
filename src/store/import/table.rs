//! A table in memory, read whole, and where each row is from.

use super::reader::{Decoded, FileRows, Group, Reader, Wanted};
use super::values::Values;
use crate::catalog::DataError;
use crate::catalog::config::OnError;

/// A table in memory: columns of equal length, and where each row is from.
#[derive(Debug)]
pub struct Table {
    pub columns: Vec<Values>,
    pub rows: usize,
    pub origin: Origin,
}

/// Where the rows of a table stand in its files.
#[derive(Clone, Debug)]
pub struct Origin {
    pub files: Vec<FileRows>,
    /// Numbers of the rows that were kept, if some were not.
    pub kept: Option<Vec<u32>>,
}

impl Origin {
    /// File and row, from 0 in that file.
    pub fn place(&self, row: usize) -> (usize, u64) {
        let mut row = self.kept.as_ref().map_or(row, |k| k[row] as usize) as u64;
        for (i, file) in self.files.iter().enumerate() {
            if row < file.rows {
                return (i, row);
            }
            row -= file.rows;
        }
        (self.files.len().saturating_sub(1), row)
    }

    /// Rows in the files, kept or not.
    pub fn all_rows(&self) -> u64 {
        self.files.iter().map(|f| f.rows).sum()
    }

    /// An error at a row.
    pub fn error(&self, reader: &dyn Reader, row: usize, message: impl Into<String>) -> DataError {
        let (file, row) = self.place(row);
        let error = DataError::new(&self.files[file].path, message).row(row + 1);
        match reader.line(file, row) {
            Some(line) => error.line(line),
            None => error,
        }
    }

    /// Says of an error at the first of some rows how many others there are.
    pub fn and_more(&self, error: DataError, rows: &[u32]) -> DataError {
        let others = rows.iter().skip(1).take(NAMED);
        let others: Vec<u64> = others.map(|&r| self.place(r as usize).1 + 1).collect();
        error.and_more(rows.len().saturating_sub(1) as u64, &others)
    }

    /// Leaves out all but `rows`.
    pub fn keep(&mut self, rows: &[u32]) {
        self.kept = Some(match &self.kept {
            Some(kept) => rows.iter().map(|&r| kept[r as usize]).collect(),
            None => rows.to_vec(),
        });
    }
}

/// Reads the wanted columns whole; what is broken is null, and told.
pub fn read_all(reader: &dyn Reader, wanted: &[Wanted]) -> Result<(Table, Vec<Group>), DataError> {
    let Decoded { columns, faults } = reader.read(wanted)?;
    let origin = Origin { files: reader.files().to_vec(), kept: None };
    let rows = usize::try_from(origin.all_rows()).unwrap_or(usize::MAX);
    if rows >= u32::MAX as usize {
        return Err(DataError::new(
            &origin.files[0].path,
            format!("{rows} rows are more than a table can have"),
        ));
    }
    let table = Table { columns, rows, origin };
    Ok((table, faults.in_order()))
}

/// Reads the wanted columns of a table that no catalog speaks of; broken rows are an error or left
/// out.
pub fn read(reader: &dyn Reader, wanted: &[Wanted], on_error: OnError) -> Result<Table, DataError> {
    let (mut table, groups) = read_all(reader, wanted)?;
    if on_error == OnError::Error {
        let error = |g: &Group| table.origin.and_more(table.first(reader, g), &g.rows);
        let errors = groups.iter().map(error).collect();
        return DataError::all(errors).map_or(Ok(table), Err);
    }
    let rows: Vec<u32> = groups.into_iter().flat_map(|g| g.rows).collect();
    table.drop_rows(&rows);
    Ok(table)
}

/// How many rows of a kind an error names.
const NAMED: usize = 3;

impl Table {
    /// The error for the first row of a group of faults.
    pub fn first(&self, reader: &dyn Reader, group: &Group) -> DataError {
        let fault = &group.first;
        let row = group.rows.first().copied().unwrap_or(0) as usize;
        let error = self.origin.error(reader, row, fault.message.clone());
        let error = error.maybe_help(fault.help.clone());
        match &group.column {
            Some(column) => error.column(column),
            None => error,
        }
    }

    /// Leaves out rows, which need be neither sorted nor distinct; how many those were.
    pub fn drop_rows(&mut self, rows: &[u32]) -> u64 {
        if rows.is_empty() {
            return 0;
        }
        let mut keep = vec![true; self.rows];
        rows.iter().for_each(|&r| keep[r as usize] = false);
        let kept: Vec<u32> = (0..self.rows as u32).filter(|&r| keep[r as usize]).collect();
        let left_out = (self.rows - kept.len()) as u64;
        self.columns =
            std::mem::take(&mut self.columns).into_iter().map(|c| c.gather(&kept)).collect();
        self.rows = kept.len();
        self.origin.keep(&kept);
        left_out
    }
}

/// A data error as the reason of a warning: without the file.
pub fn brief(error: &DataError) -> String {
    let column = error.column.as_ref().map_or_else(String::new, |c| format!("column `{c}`: "));
    format!("{column}{} (first: row {})", error.message, error.row.unwrap_or(0))
}
