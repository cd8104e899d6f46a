//! Requests from the arguments of calls.

use crate::{arrow, errors, values};
use igql::wire::{at_from_text, request_from_object, requests_of_batches, user_from_text};
use igql::{Key, Limits, Program, Request};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::{Map, Value as Json};
use std::time::Duration;

/// What all requests of a call have in common.
#[derive(FromPyObject, Default)]
#[pyo3(from_item_all)]
pub struct Common<'py> {
    pub params: Option<Bound<'py, PyDict>>,
    pub at: Option<Bound<'py, PyAny>>,
    pub seed: i64,
    pub arms: Option<Bound<'py, PyDict>>,
}

impl Common<'_> {
    /// The request that others are made of.
    pub fn request(&self, py: Python<'_>, program: &Program) -> PyResult<Request> {
        let mut fields = Map::new();
        for (name, given) in [("params", &self.params), ("arms", &self.arms)] {
            if let Some(given) = given {
                fields.insert(name.to_owned(), Json::Object(values::object(given)?));
            }
        }
        let base = match fields.is_empty() {
            true => Request::anonymous(),
            false => request_from_object(program, fields).map_err(|e| errors::request(py, e))?,
        };
        let base = base.seed(self.seed);
        match &self.at {
            None => Ok(base),
            Some(at) => Ok(base.at(time(py, at)?)),
        }
    }
}

/// Microseconds since 1970 of a `datetime`, a `date` or a text.
pub fn time(py: Python<'_>, at: &Bound<'_, PyAny>) -> PyResult<i64> {
    let text: String = match values::json(at)? {
        Json::String(text) => text,
        _ => {
            let found = at.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "`at` is a datetime, a date or a text as \"2024-05-01\", found {found}"
            )));
        }
    };
    at_from_text(&text).map_err(|e| errors::request(py, e))
}

/// A user's key, which has to be of the kind that the catalog has.
pub fn user(py: Python<'_>, program: &Program, given: &Bound<'_, PyAny>) -> PyResult<Key> {
    let schema = program.schema();
    let entity = schema.entity(schema.viewer);
    let key = values::key_of(given)?;
    match (&key, entity.key_type) {
        (Key::Int(_), igql::schema::KeyType::Int)
        | (Key::Str(_), igql::schema::KeyType::String) => Ok(key),
        // an int where strings are keys, and the other way round: what the command makes of the same text
        _ => user_from_text(schema, &key.to_string()).map_err(|e| errors::request(py, e)),
    }
}

/// What a request may take.
pub struct Within {
    pub timeout: Option<f64>,
    pub partial: bool,
    pub max_rows: Option<u64>,
    pub max_memory: Option<u64>,
}

impl Within {
    pub fn limits(&self) -> PyResult<Limits> {
        let mut limits = Limits { partial: self.partial, ..Limits::new() };
        limits.max_rows = self.max_rows.unwrap_or(limits.max_rows);
        limits.max_memory = self.max_memory;
        if let Some(seconds) = self.timeout {
            let time = Duration::try_from_secs_f64(seconds).map_err(|_| {
                PyValueError::new_err(format!(
                    "`timeout` is in seconds and not negative, found {seconds}"
                ))
            })?;
            limits = limits.deadline(time);
        }
        Ok(limits)
    }
}

/// The requests that `users` names: `"all"`, keys, or a frame with the viewer's key column.
pub fn of_users(
    py: Python<'_>,
    program: &Program,
    users: &Bound<'_, PyAny>,
    base: &Request,
) -> PyResult<Vec<Request>> {
    let of_key = |key: Key| Request { user: Some(key), ..base.clone() };
    if let Ok(text) = users.cast::<PyString>() {
        let text = text.to_str()?;
        if text != "all" {
            return Err(PyTypeError::new_err(format!(
                "`users` is \"all\", keys or a frame with a column of keys, found the text {text:?}; one user is a list with one key"
            )));
        }
        return Ok(program.users().map(of_key).collect());
    }
    if let Some((schema, batches)) = arrow::frame(users)? {
        let program = program.clone();
        let base = base.clone();
        let read =
            py.detach(move || requests_of_batches(&program, "users", &schema, batches, &base));
        let table = read.map_err(|e| errors::table(py, &e))?;
        return warned(py, table.ignored).map(|()| table.requests);
    }
    let keys = users.try_iter().map_err(|_| {
        PyTypeError::new_err("`users` is \"all\", keys or a frame with a column of keys")
    })?;
    values::heard(py, keys).map(|key| Ok(of_key(user(py, program, &key?)?))).collect()
}

/// Columns of a frame that say nothing to the program deserve a word.
fn warned(py: Python<'_>, ignored: Vec<String>) -> PyResult<()> {
    let warnings = py.import("warnings")?;
    for column in ignored {
        let message = format!(
            "users: the column `{column}` is not a parameter of the program and is ignored"
        );
        warnings.call_method1("warn", (message,))?;
    }
    Ok(())
}
