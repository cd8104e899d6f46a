//! Parquet files: one task per column, over all files of the table.

use super::arrow::{Sink, as_text, has_unsigned, too_large, type_of};
use super::cell::{Fault, How};
use super::format::{Format, Settings};
use super::guard::{guarded, reason};
use super::reader::{Decoded, Faults, FileRows, Found, Reader, Wanted};
use super::values::Values;
use crate::catalog::{DataError, DataWarning};
use crate::types::Type;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::file::statistics::Statistics;
use rayon::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BATCH: usize = 1 << 15;

pub(super) static PARQUET: Format = Format {
    endings: &["parquet"],
    settings: Settings::None,
    separator: None,
    packed: false,
    vectors: true,
    open: |files| Ok(Box::new(ParquetTable::open(files.paths)?)),
};

/// Parquet files, as one table.
pub struct ParquetTable {
    files: Vec<FileRows>,
    metadata: Vec<ArrowReaderMetadata>,
    found: Vec<Found>,
    warnings: Vec<DataWarning>,
}

impl ParquetTable {
    /// Reads the footers.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let metadata: Vec<_> = paths.par_iter().map(|p| footer(p)).collect::<Result<_, _>>()?;
        let columns: Vec<Vec<Found>> = paths
            .par_iter()
            .zip(&metadata)
            .map(|(path, metadata)| columns_of(path, metadata))
            .collect();
        let parts = paths.iter().zip(&columns);
        let parts: Vec<_> = parts.map(|(p, c)| (p.as_path(), &c[..])).collect();
        let (found, warnings) = super::union::union(&parts);
        let rows = |m: &ArrowReaderMetadata| m.metadata().file_metadata().num_rows().max(0) as u64;
        let files = paths
            .iter()
            .zip(&metadata)
            .map(|(p, m)| FileRows { path: p.clone(), rows: rows(m) })
            .collect();
        Ok(ParquetTable { files, metadata, found, warnings })
    }

    /// Reads one column of one file, batch by batch; false if the file does not have it.
    fn scan(
        &self,
        file: usize,
        column: usize,
        each: &mut dyn FnMut(&RecordBatch) -> bool,
    ) -> Result<bool, DataError> {
        let name = &self.found[column].name;
        let Ok(position) = self.metadata[file].schema().index_of(name) else {
            return Ok(false);
        };
        let path = &self.files[file].path;
        let read = scan(path, &self.metadata[file], position, each);
        let error = |e: String| broken(path, &e).column(name);
        read.map(|()| true).map_err(error)
    }

    fn column(&self, wanted: &Wanted) -> Result<(Values, Faults), DataError> {
        let mut values = Values::new(&wanted.how.ty);
        let mut faults = Faults::default();
        let name = self.found[wanted.column].name.as_str();
        for file in 0..self.files.len() {
            let start = values.len();
            let has = self.scan(file, wanted.column, &mut |batch| {
                let row = values.len();
                append(batch, &mut values, &wanted.how, &mut |at, fault| {
                    faults.push(row + at, Some(name), fault);
                });
                true
            })?;
            if !has {
                let rows = self.files[file].rows as usize;
                (0..rows).for_each(|_| values.push_null());
            }
            self.whole(file, values.len() - start)?;
            super::limits::fits(&self.files[file].path, &values, name)?;
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
    let mut sink = Sink { values, how, faults: Vec::new() };
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
        let mut values = Values::Float(Vec::new());
        let how = How::plain(Type::Float);
        // Only a hint for a message: what cannot be read says nothing.
        let _ = self.scan(0, column, &mut |batch| {
            append(batch, &mut values, &how, &mut |_, _| {});
            false
        });
        super::limits::largest(&values)
    }

    fn warnings(&self) -> &[DataWarning] {
        &self.warnings
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
        let load = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        microseconds(load.map_err(|e| e.to_string())?)
    })
    .map_err(|e| broken(path, &e))
}

/// Old writers keep times in 96 bits: as nanoseconds those of the year 9999 would wrap around.
fn microseconds(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, String> {
    let parquet = metadata.parquet_schema();
    let old = |root: usize| {
        let leaves = 0..parquet.num_columns();
        let mut own = leaves.filter(|&leaf| parquet.get_column_root_idx(leaf) == root);
        own.any(|leaf| parquet.column(leaf).physical_type() == PhysicalType::INT96)
    };
    let schema = metadata.schema();
    let mut changed = false;
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if old(at) => {
            changed = true;
            let ty = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Arc::new(field.as_ref().clone().with_data_type(ty))
        }
        _ => field.clone(),
    });
    let fields: Vec<_> = fields.collect();
    if !changed {
        return Ok(metadata);
    }
    let wanted = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(wanted);
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(|e| e.to_string())
}

fn broken(path: &Path, why: &str) -> DataError {
    let message = format!("not a readable Parquet file: {}", reason(why));
    let help = "the file is truncated, damaged or of another format; write it again";
    DataError::new(path, message).help(help)
}

/// Reads one column of a file, batch by batch, until `each` has enough.
fn scan(
    path: &Path,
    metadata: &ArrowReaderMetadata,
    position: usize,
    each: &mut dyn FnMut(&RecordBatch) -> bool,
) -> Result<(), String> {
    guarded(|| {
        let mask = ProjectionMask::roots(metadata.parquet_schema(), [position]);
        let handle = File::open(path).map_err(|e| e.to_string())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone());
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
}

fn columns_of(path: &Path, metadata: &ArrowReaderMetadata) -> Vec<Found> {
    let fields = metadata.schema().fields().iter().enumerate();
    fields
        .map(|(position, f)| {
            let large = has_unsigned(f.data_type()) && beyond_ints(path, metadata, position);
            let ty = type_of(f.data_type());
            Found {
                name: f.name().clone(),
                ty: if large { ty.map(as_text) } else { ty },
                text: false,
            }
        })
        .collect()
}

/// Whether a column of unsigned numbers has some that no 64-bit int holds: by the statistics of the
/// file, or where they are lacking by its values.
fn beyond_ints(path: &Path, metadata: &ArrowReaderMetadata, root: usize) -> bool {
    let schema = metadata.parquet_schema();
    let leaf = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == root);
    let told = metadata.metadata().row_groups().iter().map(|group| {
        match group.column(leaf?).statistics()? {
            // read as signed, those beyond are negative, in whatever order they were compared
            Statistics::Int64(of) => Some(*of.min_opt()? < 0 || *of.max_opt()? < 0),
            _ => None,
        }
    });
    match told.collect::<Option<Vec<bool>>>() {
        Some(large) => large.contains(&true),
        None => {
            let mut large = false;
            // what cannot be read is told of when it is read
            let _ = scan(path, metadata, root, &mut |batch| {
                large |= too_large(batch.column(0).as_ref());
                !large
            });
            large
        }
    }
}
