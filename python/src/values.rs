//! Values of the language as those of Python, and back.

use igql::{Key, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTzInfo,
};
use serde_json::{Map, Number, Value as Json};

/// A key.
pub fn key<'py>(py: Python<'py>, key: &Key) -> PyResult<Bound<'py, PyAny>> {
    match key {
        Key::Int(key) => Ok(key.into_pyobject(py)?.into_any()),
        Key::Str(key) => Ok(key.into_pyobject(py)?.into_any()),
    }
}

/// A value: times are `datetime`s in UTC, durations `timedelta`s, lists and vectors lists.
pub fn value<'py>(py: Python<'py>, it: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match it {
        Value::Null => py.None().into_bound(py),
        Value::Int(v) => v.into_pyobject(py)?.into_any(),
        Value::Float(v) => v.into_pyobject(py)?.into_any(),
        Value::Bool(v) => v.into_pyobject(py)?.to_owned().into_any(),
        Value::Str(v) => v.into_pyobject(py)?.into_any(),
        Value::Time(micros) => time(py, *micros)?,
        Value::Duration(micros) => duration(py, *micros)?,
        Value::Id(id) => key(py, id)?,
        Value::List(items) => {
            let items = items.iter().map(|item| value(py, item));
            PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
        Value::Vector(numbers) => PyList::new(py, numbers)?.into_any(),
    })
}

/// 1970 as a `datetime`.
fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = EPOCH.get_or_try_init(py, || {
        let utc = PyTzInfo::utc(py)?;
        let epoch = PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc.to_owned()))?;
        PyResult::Ok(epoch.into_any().unbind())
    })?;
    Ok(made.bind(py))
}

/// A time, in microseconds since 1970: a `datetime`, or the text where that has no such year.
pub fn time(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    match duration(py, micros).and_then(|since| epoch(py)?.add(since)) {
        Ok(time) => Ok(time),
        Err(_) => Ok(igql::wire::param_to_json(&Value::Time(micros))
            .to_string()
            .into_pyobject(py)?
            .into_any()),
    }
}

fn duration(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    const DAY: i64 = 86_400_000_000;
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let delta = PyDelta::new(py, days as i32, seconds as i32, micros as i32, false)?;
    Ok(delta.into_any())
}

/// A key from an int or a string, also of numpy and the like.
pub fn key_of(it: &Bound<'_, PyAny>) -> PyResult<Key> {
    if let Ok(text) = it.cast::<PyString>() {
        return Ok(Key::Str(text.to_str()?.to_owned()));
    }
    let is_int = !it.is_instance_of::<PyBool>() && !it.is_instance_of::<PyFloat>();
    let index = || it.call_method0("__index__").ok()?.extract().ok();
    match is_int.then(index).flatten() {
        Some(key) => Ok(Key::Int(key)),
        None => Err(PyTypeError::new_err(format!(
            "a key is an int of 64 bits or a string, found {} of type {}",
            it.repr()?,
            it.get_type().name()?
        ))),
    }
}

/// How deep values may be nested: deeper ones are a mistake, if they end at all.
const DEEPEST: usize = 32;
/// Items of an iterable between two looks for signals.
const LOOK: usize = 4096;

/// A value as it stands in a request in JSON. `datetime`s and `timedelta`s become texts that are read as such.
pub fn json(it: &Bound<'_, PyAny>) -> PyResult<Json> {
    nested(it, 0)
}

fn nested(it: &Bound<'_, PyAny>, depth: usize) -> PyResult<Json> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!("a value is nested more than {DEEPEST} deep")));
    }
    if it.is_none() {
        Ok(Json::Null)
    } else if let Ok(v) = it.cast::<PyBool>() {
        Ok(Json::Bool(v.is_true()))
    } else if let Ok(v) = it.cast::<PyInt>() {
        int(v.as_any())
    } else if let Ok(v) = it.cast::<PyString>() {
        Ok(Json::String(v.to_str()?.to_owned()))
    } else if let Ok(v) = it.cast::<PyFloat>() {
        float(v.value(), it)
    } else if let Ok(v) = it.cast::<PyDict>() {
        fields(v, depth).map(Json::Object)
    } else if let Ok(v) = it.cast::<PyDelta>() {
        micros(v.as_any()).and_then(duration_text).map(Json::String)
    } else if it.hasattr("isoformat")? {
        Ok(Json::String(it.call_method0("isoformat")?.extract()?))
    } else {
        other(it, depth)
    }
}

/// A duration as programs have it.
fn duration_text(micros: i64) -> PyResult<String> {
    match micros % 1_000 {
        0 => Ok(format!("{}ms", micros / 1_000)),
        _ => Err(PyValueError::new_err("a duration has whole milliseconds: round the timedelta")),
    }
}

/// Microseconds of a `timedelta`.
fn micros(delta: &Bound<'_, PyAny>) -> PyResult<i64> {
    let of = |name: &str| delta.getattr(name)?.extract::<i64>();
    let seconds = of("days")? * 86_400 + of("seconds")?;
    let micros =
        seconds.checked_mul(1_000_000).and_then(|v| v.checked_add(of("microseconds").ok()?));
    micros.ok_or_else(|| {
        PyValueError::new_err("a timedelta is too long: the language has 290,000 years")
    })
}

/// Numbers of numpy, arrays and what else can be gone through.
fn other(it: &Bound<'_, PyAny>, depth: usize) -> PyResult<Json> {
    // numpy's `datetime64` and `timedelta64`, scalars and arrays
    if let Ok(plain) = it.call_method0("tolist")
        && !plain.get_type().is(it.get_type())
    {
        return nested(&plain, depth + 1);
    }
    if it.hasattr("__index__")? {
        return int(&it.call_method0("__index__")?);
    }
    if it.hasattr("__float__")? {
        return float(it.call_method0("__float__")?.extract()?, it);
    }
    let items = it.try_iter().map_err(|_| unknown(it))?;
    let items = heard(it.py(), items).map(|item| nested(&item?, depth + 1));
    items.collect::<PyResult<_>>().map(Json::Array)
}

/// Items, with signals heard between them: not every iterable ends.
pub fn heard<'py, I: Iterator<Item = PyResult<Bound<'py, PyAny>>>>(
    py: Python<'py>,
    items: I,
) -> impl Iterator<Item = PyResult<Bound<'py, PyAny>>> {
    items.enumerate().map(move |(at, item)| {
        if at % LOOK == LOOK - 1 {
            // other threads have their turn as well
            py.detach(|| ());
            py.check_signals()?;
        }
        item
    })
}

fn unknown(it: &Bound<'_, PyAny>) -> PyErr {
    let name = it.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "a value of type {name} is none of the language: expected a number, a string, a bool, a time, a duration or a list of these"
    ))
}

fn int(it: &Bound<'_, PyAny>) -> PyResult<Json> {
    let number = it.extract::<i64>().map_err(|_| {
        PyTypeError::new_err("an int is beyond 64 bits: the language has none so large")
    })?;
    Ok(Json::Number(number.into()))
}

fn float(number: f64, it: &Bound<'_, PyAny>) -> PyResult<Json> {
    match Number::from_f64(number) {
        Some(number) => Ok(Json::Number(number)),
        // a missing value is None, and must not slip in as a number
        None => Err(PyTypeError::new_err(format!(
            "{} is no number of the language: None stands for a missing value",
            it.repr()?
        ))),
    }
}

/// A dictionary with strings as keys.
pub fn object(it: &Bound<'_, PyDict>) -> PyResult<Map<String, Json>> {
    fields(it, 0)
}

fn fields(it: &Bound<'_, PyDict>, depth: usize) -> PyResult<Map<String, Json>> {
    // a copy: what is asked of values may change the dictionary
    let items = it.items();
    let field = |item: Bound<'_, PyAny>| {
        let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
        Ok((name, nested(&value, depth + 1)?))
    };
    items.iter().map(field).collect()
}

/// The JSON of a request or an answer as objects of Python.
pub fn python<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (text,))
}
