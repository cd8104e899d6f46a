//! Parquet files: one task per column, over all files of the table.

use super::arrow::{Sink, type_of};
use super::cell::{Fault, How};
use super::guard::{guarded, reason};
use super::values::Values;
use super::{Decoded, Faults, FileRows, Found, Reader, Wanted};
use crate::catalog::DataError;
use crate::types::Type;
use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use rayon::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};

const BATCH: usize = 1 << 15;

/// Parquet files with the same columns.
pub struct ParquetTable {
    files: Vec<FileRows>,
    metadata: Vec<ArrowReaderMetadata>,
    found: Vec<Found>,
}

impl ParquetTable {
    /// Reads the footers; columns are those of the first file, which all others must have.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let metadata: Vec<_> = paths
            .par_iter()
            .map(|p| footer(p))
            .collect::<Result<_, _>>()?;
        let found = columns_of(&metadata[0]);
        paths
            .iter()
            .zip(&metadata)
            .try_for_each(|(p, m)| super::same_columns(&found, &paths[0], p, &columns_of(m)))?;
        let rows = |m: &ArrowReaderMetadata| m.metadata().file_metadata().num_rows().max(0) as u64;
        let files = paths
            .iter()
            .zip(&metadata)
            .map(|(p, m)| FileRows {
                path: p.clone(),
                rows: rows(m),
            })
            .collect();
        Ok(ParquetTable {
            files,
            metadata,
            found,
        })
    }

    /// Reads one column of one file, batch by batch.
    fn scan(
        &self,
        file: usize,
        column: usize,
        each: &mut dyn FnMut(&RecordBatch) -> bool,
    ) -> Result<(), DataError> {
        let path = &self.files[file].path;
        let broken = |e: String| broken(path, &e).column(&self.found[column].name);
        guarded(|| {
            let metadata = self.metadata[file].clone();
            let position = metadata
                .schema()
                .index_of(&self.found[column].name)
                .map_err(|e| e.to_string())?;
            let mask = ProjectionMask::roots(metadata.parquet_schema(), [position]);
            let handle = File::open(path).map_err(|e| e.to_string())?;
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata);
            let batches = builder
                .with_projection(mask)
                .with_batch_size(BATCH)
                .build()
                .map_err(|e| e.to_string())?;
            for batch in batches {
                if !each(&batch.map_err(|e| e.to_string())?) {
                    break;
                }
            }
            Ok(())
        })
        .map_err(broken)
    }

    fn column(&self, wanted: &Wanted) -> Result<(Values, Faults), DataError> {
        let mut values = Values::new(&wanted.how.ty);
        let mut faults = Faults::default();
        let name = self.found[wanted.column].name.as_str();
        for file in 0..self.files.len() {
            let start = values.len();
            self.scan(file, wanted.column, &mut |batch| {
                let row = values.len();
                append(batch, &mut values, &wanted.how, &mut |at, fault| {
                    faults.push(row + at, Some(name), fault)
                });
                true
            })?;
            self.whole(file, values.len() - start)?;
            super::fits(&self.files[file].path, &values, name)?;
        }
        Ok((values, faults))
    }

    /// A column must have the rows that the footer promises.
    fn whole(&self, file: usize, rows: usize) -> Result<(), DataError> {
        let promised = self.files[file].rows;
        if rows as u64 == promised {
            return Ok(());
        }
        Err(broken(
            &self.files[file].path,
            &format!("{rows} rows where the footer says {promised}"),
        ))
    }
}

fn append(
    batch: &RecordBatch,
    values: &mut Values,
    how: &How,
    fault: &mut dyn FnMut(usize, Fault),
) {
    let mut sink = Sink {
        values,
        how,
        faults: Vec::new(),
    };
    sink.array(batch.column(0).as_ref());
    sink.faults.into_iter().for_each(|(row, f)| fault(row, f));
}

impl Reader for ParquetTable {
    fn found(&self) -> &[Found] {
        &self.found
    }

    fn files(&self) -> &[FileRows] {
        &self.files
    }

    fn magnitude(&self, column: usize) -> u64 {
        let mut values = Values::Int(Vec::new());
        let how = How::plain(Type::Int);
        // Only a hint for a message: what cannot be read says nothing.
        let _ = self.scan(0, column, &mut |batch| {
            append(batch, &mut values, &how, &mut |_, _| {});
            false
        });
        let Values::Int(values) = values else {
            return 0;
        };
        values
            .iter()
            .filter(|v| **v != crate::types::NULL_INT)
            .map(|v| v.unsigned_abs())
            .max()
            .unwrap_or(0)
    }

    fn read(&self, wanted: &[Wanted]) -> Result<Decoded, DataError> {
        Decoded::by_column(wanted, |wanted| self.column(wanted))
    }
}

fn footer(path: &Path) -> Result<ArrowReaderMetadata, DataError> {
    let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    let length = file.metadata().map_err(|e| DataError::io(path, &e))?.len();
    if length == 0 {
        return Err(DataError::new(path, "the file is empty"));
    }
    guarded(|| {
        ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|e| e.to_string())
    })
    .map_err(|e| broken(path, &e))
}

fn broken(path: &Path, why: &str) -> DataError {
    let message = format!("not a readable Parquet file: {}", reason(why));
    let help = "the file is truncated, damaged or of another format; write it again";
    DataError::new(path, message).help(help)
}

fn columns_of(metadata: &ArrowReaderMetadata) -> Vec<Found> {
    let fields = metadata.schema().fields().iter();
    fields
        .map(|f| Found {
            name: f.name().clone(),
            ty: type_of(f.data_type()),
            text: false,
        })
        .collect()
}
