//! Rows as Arrow columns, in Parquet and Arrow IPC files. Times are microseconds in UTC,
//! durations seconds, vectors lists of a fixed size.

use super::flat::FlatColumn;
use crate::types::{Type, Value};
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, ListArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
#[cfg(feature = "parquet")]
use parquet::arrow::ArrowWriter;
#[cfg(feature = "parquet")]
use parquet::basic::Compression;
#[cfg(feature = "parquet")]
use parquet::file::properties::WriterProperties;
use std::io::{self, Write};
use std::sync::Arc;

/// A Parquet file, packed with snappy.
#[cfg(feature = "parquet")]
pub fn parquet<W: Write + Send>(sink: W, columns: &[FlatColumn]) -> io::Result<ArrowWriter<W>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let writer = ArrowWriter::try_new(sink, schema(columns), Some(properties.build()))?;
    Ok(writer)
}

/// An Arrow IPC file, not packed.
pub fn arrow<W: Write>(sink: W, columns: &[FlatColumn]) -> io::Result<FileWriter<W>> {
    FileWriter::try_new(sink, &schema(columns)).map_err(failed)
}

/// Some rows, which have a value for every column.
pub fn batch(columns: &[FlatColumn], rows: &[Vec<Value>]) -> io::Result<RecordBatch> {
    let arrays = columns.iter().enumerate().map(|(at, column)| {
        let values: Vec<&Value> = rows.iter().map(|row| &row[at]).collect();
        array(&column.ty, &values)
    });
    let arrays = arrays.collect::<Result<_, _>>().map_err(failed)?;
    RecordBatch::try_new(schema(columns), arrays).map_err(failed)
}

pub fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}

fn schema(columns: &[FlatColumn]) -> SchemaRef {
    let fields = columns.iter().map(|c| Field::new(&c.name, data_type(&c.ty), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn data_type(ty: &Type) -> DataType {
    match ty {
        Type::Int | Type::Id(_) => DataType::Int64,
        Type::Float | Type::Duration => DataType::Float64,
        Type::Bool => DataType::Boolean,
        Type::String | Type::Null | Type::Error => DataType::Utf8,
        Type::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::List(item) => DataType::List(item_field(item)),
        Type::Vector(dim) => DataType::FixedSizeList(
            Arc::new(Field::new("item", DataType::Float32, true)),
            *dim as i32,
        ),
    }
}

fn item_field(item: &Type) -> Arc<Field> {
    Arc::new(Field::new("item", data_type(item), true))
}

/// A column; a value of another type is null.
fn array(ty: &Type, values: &[&Value]) -> Result<ArrayRef, ArrowError> {
    macro_rules! build {
        ($builder:expr, $($case:pat => $value:expr),+) => {{
            let mut builder = $builder;
            values.iter().for_each(|value| match value {
                $($case => builder.append_value($value),)+
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }};
    }
    Ok(match ty {
        Type::Int | Type::Id(_) => build!(Int64Builder::new(), Value::Int(v) => *v),
        Type::Float | Type::Duration => build!(
            Float64Builder::new(),
            Value::Float(v) => *v,
            Value::Duration(v) => *v as f64 / 1e6
        ),
        Type::Bool => build!(BooleanBuilder::new(), Value::Bool(v) => *v),
        Type::String | Type::Null | Type::Error => build!(StringBuilder::new(), Value::Str(v) => v),
        Type::Time => {
            let times = values.iter().map(|value| match value {
                Value::Time(v) => Some(*v),
                _ => None,
            });
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Type::List(item) => lists(item, values)?,
        Type::Vector(dim) => vectors(*dim as usize, values)?,
    })
}

fn lists(item: &Type, values: &[&Value]) -> Result<ArrayRef, ArrowError> {
    let items = |value: &&Value| match value {
        Value::List(items) => items.len(),
        _ => 0,
    };
    let offsets = OffsetBuffer::<i32>::from_lengths(values.iter().map(items));
    let present = values.iter().map(|v| matches!(v, Value::List(_)));
    let all: Vec<&Value> = values
        .iter()
        .flat_map(|value| match value {
            Value::List(items) => &items[..],
            _ => &[],
        })
        .collect();
    let nulls = NullBuffer::from_iter(present);
    let array = ListArray::try_new(item_field(item), offsets, array(item, &all)?, Some(nulls))?;
    Ok(Arc::new(array))
}

fn vectors(dim: usize, values: &[&Value]) -> Result<ArrayRef, ArrowError> {
    let mut numbers: Vec<f32> = Vec::with_capacity(values.len() * dim);
    let mut present = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        if let Value::Vector(vector) = value {
            numbers.extend(vector.iter().take(dim));
        }
        present.push(matches!(value, Value::Vector(_)));
        numbers.resize((row + 1) * dim, 0.0);
    }
    let array = FixedSizeListArray::try_new(
        Arc::new(Field::new("item", DataType::Float32, true)),
        dim as i32,
        Arc::new(Float32Array::from(numbers)),
        Some(NullBuffer::from(present)),
    )?;
    Ok(Arc::new(array))
}
