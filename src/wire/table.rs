//! Requests from tables: a row each.

use super::request::param_from_text;
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::Program;
use crate::request::Request;
use crate::store::{self, DataError, Users};
use crate::types::{Type, Value};
use std::fmt;
use std::path::Path;

/// The requests in a table.
#[derive(Clone, Debug, Default)]
pub struct RequestTable {
    /// One for each row.
    pub requests: Vec<Request>,
    /// Columns that are neither the user, nor the time, nor a parameter of the program.
    pub ignored: Vec<String>,
}

/// Why a table of requests cannot be read.
#[derive(Clone, Debug)]
pub enum TableError {
    /// The file cannot be read, or its columns do not have the types that they need.
    Data(Box<DataError>),
    /// Both `at` and `now` are columns, and each is the time of a request.
    TwoTimes,
    /// A value is not one of its parameter.
    Param {
        /// From 1, the header not counted.
        row: usize,
        /// The name of the column.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::Data(error) => error.fmt(f),
            TableError::TwoTimes => f.write_str(
                "both `at` and `now` are the time of a request: remove one of the columns",
            ),
            TableError::Param { row, name, message } => {
                write!(f, "row {row}: `{name}`: {message}")
            }
        }
    }
}

impl std::error::Error for TableError {}

impl From<DataError> for TableError {
    fn from(error: DataError) -> Self {
        TableError::Data(Box::new(error))
    }
}

/// Requests of a program from a file: a key per line, or a table of any format with the viewer's key column. The
/// column `at` or `now` is the time of each request, and columns that are named as parameters of the program
/// are these. Whatever a row does not say, or is null there, is as in `base`.
pub fn read_requests(
    program: &Program,
    file: &Path,
    base: &Request,
) -> Result<RequestTable, TableError> {
    let schema = program.schema();
    let viewer = schema.entity(schema.viewer);
    let wanted = |name: &str| wanted(program, name);
    let users = store::read_users(file, &viewer.key, viewer.key_type, &wanted)?;
    requests(program, users, base)
}

/// The same from batches of Arrow arrays with one schema. Messages call them by a name, where a file has its path.
#[cfg(feature = "arrow")]
pub fn requests_of_batches(
    program: &Program,
    name: &str,
    schema: &arrow_schema::SchemaRef,
    batches: Vec<arrow_array::RecordBatch>,
    base: &Request,
) -> Result<RequestTable, TableError> {
    let viewer = program.schema().entity(program.schema().viewer);
    let key = (&*viewer.key, viewer.key_type);
    let is_duration = |name: &str| {
        let field = schema.field_with_name(name);
        field.is_ok_and(|field| matches!(field.data_type(), arrow_schema::DataType::Duration(_)))
    };
    let wanted = |name: &str| match wanted(program, name)? {
        // what text would be read as
        Type::String if is_duration(name) => Some(Type::Duration),
        ty => Some(ty),
    };
    let users = store::users_of_batches(Path::new(name), schema, batches, key, &wanted)?;
    requests(program, users, base)
}

/// How a column is read that says something of a request.
fn wanted(program: &Program, name: &str) -> Option<Type> {
    match name {
        "at" | "now" => Some(Type::Time),
        name => {
            let param = program.checked().param(name)?;
            Some(as_stored(&param.ty, program.schema()))
        }
    }
}

fn requests(program: &Program, users: Users, base: &Request) -> Result<RequestTable, TableError> {
    let is_time = |name: &str| matches!(name, "at" | "now");
    let times = users.columns.iter().filter(|(name, _)| is_time(name));
    if times.count() > 1 {
        return Err(TableError::TwoTimes);
    }
    let of_user = |user| Request { user: Some(user), ..base.clone() };
    let mut requests: Vec<Request> = users.keys.into_iter().map(of_user).collect();
    for (name, values) in users.columns {
        for (row, (request, value)) in (1..).zip(requests.iter_mut().zip(values)) {
            match value {
                None => {}
                Some(Value::Time(time)) if is_time(&name) => request.at = Some(time),
                Some(value) => {
                    let value = of_stored(program, &name, value, row)?;
                    request.params.push((name.clone(), value));
                }
            }
        }
    }
    Ok(RequestTable { requests, ignored: users.others })
}

/// How a column that holds values of a parameter is read: what tables do not hold is text there.
fn as_stored(ty: &Type, schema: &Schema) -> Type {
    match ty {
        Type::Id(entity) if schema.entity(*entity).key_type == KeyType::Int => Type::Int,
        Type::Int | Type::Float | Type::Bool | Type::Time => ty.clone(),
        Type::List(item) => Type::List(Box::new(as_stored(item, schema))),
        _ => Type::String,
    }
}

/// A value of a column as that of the parameter of its name.
fn of_stored(program: &Program, name: &str, value: Value, row: usize) -> Result<Value, TableError> {
    let Value::Str(text) = value else {
        return Ok(value);
    };
    param_from_text(program, name, &text).map_err(|error| TableError::Param {
        row,
        name: name.to_owned(),
        message: error.message,
    })
}
