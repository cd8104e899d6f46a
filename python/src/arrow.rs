//! Tables by the Arrow C interface, without copies: <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>.

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{
    Array, ArrayRef, LargeStringArray, ListArray, RecordBatch, RecordBatchIterator,
    RecordBatchReader, StringArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;

const STREAM: &std::ffi::CStr = c"arrow_array_stream";
const SCHEMA: &std::ffi::CStr = c"arrow_schema";

/// Batches as a stream, which a library of Python takes over.
pub fn stream<'py>(
    py: Python<'py>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    // what nobody takes is released when the capsule goes
    PyCapsule::new_with_value(py, stream, STREAM)
}

/// A schema alone.
pub fn schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema =
        FFI_ArrowSchema::try_from(schema).map_err(|e| PyValueError::new_err(e.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// Batches of one schema, for a library of Python to take, as often as it likes.
#[pyclass(frozen, name = "Table", module = "igql._igql")]
pub struct PyTable {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

#[pymethods]
impl PyTable {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        stream(py, self.schema.clone(), self.batches.clone())
    }
}

/// The batches of a frame; none if this is no frame but, say, a list of keys or a single column.
pub fn frame(it: &Bound<'_, PyAny>) -> PyResult<Option<(SchemaRef, Vec<RecordBatch>)>> {
    // a batch of pyarrow has an array alone, which its table has a stream for
    let streams = it.hasattr("__arrow_c_stream__")?;
    let is_batch = !streams && it.hasattr("__arrow_c_array__")? && it.hasattr("schema")?;
    if is_batch {
        let table = it.py().import("pyarrow")?.getattr("Table")?;
        return frame(&table.call_method1("from_batches", ([it],))?);
    }
    if !streams || !has_columns(it)? {
        return Ok(None);
    }
    let capsule = it.call_method0("__arrow_c_stream__")?;
    let capsule = capsule
        .cast_into::<PyCapsule>()
        .map_err(|_| PyTypeError::new_err("`__arrow_c_stream__` gave no capsule"))?;
    let pointer = capsule.pointer_checked(Some(STREAM))?;
    // SAFETY: by the interface a capsule of this name has a stream, which is moved out of it
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr().cast()) };
    let wrong = |e: arrow_schema::ArrowError| {
        PyValueError::new_err(format!("not a table that can be read: {e}"))
    };
    let reader = reader.map_err(wrong)?;
    let schema = reader.schema();
    let batches = it.py().detach(|| reader.collect::<Result<Vec<_>, _>>()).map_err(wrong)?;
    Ok(Some((schema, batches)))
}

/// Whether something with a stream is a table: a series has one, too.
fn has_columns(it: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(it.hasattr("columns")? || it.hasattr("column_names")? || it.hasattr("schema")?)
}

/// A batch as it goes out: strings are `large_utf8`, which all libraries know.
pub fn outward(batch: &RecordBatch) -> RecordBatch {
    let schema = outward_schema(batch.schema_ref());
    let columns = batch.columns().iter().map(widened).collect();
    RecordBatch::try_new(schema, columns).expect("as many columns and rows as before")
}

/// The schema of such a batch.
pub fn outward_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let ty = widened_type(field.data_type());
        Field::new(field.name(), ty, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn widened_type(ty: &DataType) -> DataType {
    match ty {
        DataType::Utf8 => DataType::LargeUtf8,
        DataType::List(item) => {
            let item = Field::new(item.name(), widened_type(item.data_type()), item.is_nullable());
            DataType::List(Arc::new(item))
        }
        other => other.clone(),
    }
}

/// Offsets become wider; the text is shared.
fn widened(array: &ArrayRef) -> ArrayRef {
    if let Some(texts) = array.as_any().downcast_ref::<StringArray>() {
        let offsets = texts.offsets().iter().map(|&at| i64::from(at)).collect::<Vec<_>>();
        let (values, nulls) = (texts.values().clone(), texts.nulls().cloned());
        return Arc::new(LargeStringArray::new(OffsetBuffer::new(offsets.into()), values, nulls));
    }
    if let Some(lists) = array.as_any().downcast_ref::<ListArray>() {
        let DataType::List(item) = widened_type(lists.data_type()) else { return array.clone() };
        let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
        return Arc::new(ListArray::new(item, offsets, widened(lists.values()), nulls));
    }
    array.clone()
}
