//! Rows as CSV or with tabs. Null is empty; lists and vectors are JSON arrays.

use super::flat::FlatColumn;
use super::values;
use crate::types::Value;
use std::io;

fn writer(separator: u8) -> csv::Writer<Vec<u8>> {
    let mut builder = csv::WriterBuilder::new();
    builder.delimiter(separator).from_writer(Vec::new())
}

/// The line with the names of the columns.
pub fn head(columns: &[FlatColumn], separator: u8) -> io::Result<Vec<u8>> {
    let mut out = writer(separator);
    out.write_record(columns.iter().map(|c| &c.name))?;
    out.into_inner().map_err(|e| e.into_error())
}

pub fn rows(rows: impl Iterator<Item = Vec<Value>>, separator: u8) -> io::Result<Vec<u8>> {
    let mut out = writer(separator);
    for row in rows {
        out.write_record(row.iter().map(field))?;
    }
    out.into_inner().map_err(|e| e.into_error())
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => values::text(other),
    }
}
