//! Functions of the language that are callables of Python, over arrays of Arrow.

use crate::arrow::{self, PyTable};
use crate::{errors, waiting};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DurationMicrosecondArray, Float64Array, Int64Array,
    LargeStringArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use igql::Type;
use igql::extend::{Column, ColumnBuilder, Failure, Function, Null, Registry, Signature};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

/// What `igql.function` made of a callable.
#[derive(FromPyObject)]
struct Declared {
    name: String,
    params: Vec<(String, String)>,
    returns: String,
    strict: bool,
    doc: String,
    range: Option<(f64, f64)>,
}

/// A callable as a function of the language.
struct Own {
    signature: Signature,
    params: Vec<Type>,
    result: Type,
    callable: Py<PyAny>,
}

/// The functions of an engine.
pub fn registry(py: Python<'_>, functions: &[Py<PyAny>]) -> PyResult<Registry> {
    let mut registry = Registry::new();
    for function in functions {
        let declared: Declared = function.bind(py).extract().map_err(|_| {
            PyTypeError::new_err(
                "`functions` are made with `@igql.function(args=[...], returns=...)`",
            )
        })?;
        registry = registry.function(Own::new(declared, function.clone_ref(py))?);
    }
    Ok(registry)
}

fn type_of(name: &str) -> PyResult<Type> {
    Ok(match name {
        "int" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        "string" => Type::String,
        "time" => Type::Time,
        "duration" => Type::Duration,
        other => {
            return Err(PyValueError::new_err(format!(
                "{other:?} is no type of a function: there are int, float, bool, string, time, duration"
            )));
        }
    })
}

impl Own {
    fn new(declared: Declared, callable: Py<PyAny>) -> PyResult<Own> {
        let types = declared.params.iter().map(|(name, ty)| Ok((name.as_str(), type_of(ty)?)));
        let params = types.collect::<PyResult<Vec<_>>>()?;
        let result = type_of(&declared.returns)?;
        let null = if declared.strict { Null::Strict } else { Null::Custom };
        let mut signature =
            Signature::new(&declared.name, &params, result.clone()).null(null).doc(&declared.doc);
        if let Some((low, high)) = declared.range {
            signature = signature.range(low, high);
        }
        let params = params.iter().map(|(_, ty)| ty.clone()).collect();
        Ok(Own { signature, params, result, callable })
    }

    fn call(&self, py: Python<'_>, args: RecordBatch) -> PyResult<ArrayRef> {
        let rows = args.num_rows();
        let block = Bound::new(py, PyTable { schema: args.schema(), batches: vec![args] })?;
        let call = py.import("igql._functions")?.getattr("call")?;
        let called = call.call1((&self.callable, block, name_of(&self.result)))?;
        let (_, batches) =
            arrow::frame(&called)?.ok_or_else(|| PyTypeError::new_err("no table came back"))?;
        let columns: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(0).clone()).collect();
        match &columns[..] {
            [column] if column.len() == rows => Ok(column.clone()),
            _ => Err(PyValueError::new_err(format!(
                "it gave another number of values than the {rows} rows"
            ))),
        }
    }
}

fn name_of(ty: &Type) -> &'static str {
    match ty {
        Type::Float => "float",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Time => "time",
        Type::Duration => "duration",
        _ => "int",
    }
}

impl Function for Own {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn eval(&self, args: &[Column], out: &mut ColumnBuilder) -> Result<(), Failure> {
        let Some(rows) = args.first().map(Column::len) else {
            return Err(Failure::new("a function of Python has at least one argument"));
        };
        if rows == 0 {
            return Ok(());
        }
        let columns: Vec<ArrayRef> =
            args.iter().zip(&self.params).map(|(column, ty)| array(column, ty)).collect();
        let named = columns.iter().enumerate();
        let fields =
            named.map(|(at, column)| Field::new(at.to_string(), column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batch =
            RecordBatch::try_new(schema, columns).map_err(|e| Failure::new(e.to_string()))?;
        let result = waiting::call(|py| {
            self.call(py, batch).map_err(|error| {
                let message = told(py, &error);
                errors::noted(&message, error);
                Failure::new(message)
            })
        });
        let result = result.ok_or_else(|| Failure::new("the interpreter is shutting down"))??;
        push(&result, &self.result, out);
        Ok(())
    }
}

/// An exception in one line.
fn told(py: Python<'_>, error: &PyErr) -> String {
    let name =
        error.get_type(py).name().map_or_else(|_| "exception".to_owned(), |name| name.to_string());
    format!("{name}: {}", error.value(py))
}

fn array(column: &Column, ty: &Type) -> ArrayRef {
    let rows = 0..column.len();
    match ty {
        Type::Float => Arc::new(rows.map(|row| column.float(row)).collect::<Float64Array>()),
        Type::Bool => Arc::new(rows.map(|row| column.bool(row)).collect::<BooleanArray>()),
        Type::String => Arc::new(rows.map(|row| column.text(row)).collect::<LargeStringArray>()),
        Type::Time => {
            let times = rows.map(|row| column.int(row)).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        Type::Duration => {
            Arc::new(rows.map(|row| column.int(row)).collect::<DurationMicrosecondArray>())
        }
        _ => Arc::new(rows.map(|row| column.int(row)).collect::<Int64Array>()),
    }
}

/// The values of an array that has the type of the result.
fn push(array: &ArrayRef, ty: &Type, out: &mut ColumnBuilder) {
    let rows = 0..array.len();
    match ty {
        Type::Float => {
            let values = array.as_primitive::<Float64Type>();
            rows.for_each(|row| out.push_float(values.is_valid(row).then(|| values.value(row))));
        }
        Type::Bool => {
            let values = array.as_boolean();
            rows.for_each(|row| out.push_bool(values.is_valid(row).then(|| values.value(row))));
        }
        Type::String => {
            let values = array.as_string::<i64>();
            rows.for_each(|row| out.push_text(values.is_valid(row).then(|| values.value(row))));
        }
        Type::Time => {
            let values = array.as_primitive::<TimestampMicrosecondType>();
            rows.for_each(|row| out.push_int(values.is_valid(row).then(|| values.value(row))));
        }
        Type::Duration => {
            let values = array.as_primitive::<DurationMicrosecondType>();
            rows.for_each(|row| out.push_int(values.is_valid(row).then(|| values.value(row))));
        }
        _ => {
            let values = array.as_primitive::<Int64Type>();
            rows.for_each(|row| out.push_int(values.is_valid(row).then(|| values.value(row))));
        }
    }
}
