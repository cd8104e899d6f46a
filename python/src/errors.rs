//! What goes wrong, as the exceptions of `igql._errors`.

use crate::process::OfProcess;
use igql::diag::json::to_json;
use igql::wire::TableError;
use igql::{CompileError, DataError, Limit, RunError};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// An exception of the package.
fn raised<'py>(py: Python<'py>, class: &str, args: impl PyCallArgs<'py>) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("igql._errors")?.getattr(class)?;
        Ok(PyErr::from_value(class.call1(args)?))
    };
    made().unwrap_or_else(|error| error)
}

/// A program with errors.
pub fn compile(py: Python<'_>, error: &CompileError) -> PyErr {
    let found = to_json(&error.diagnostics, &error.sources).to_string();
    raised(py, "CompileError", (error.to_string(), found))
}

/// A catalog or a file that is broken.
pub fn data(py: Python<'_>, error: &DataError) -> PyErr {
    let file = Some(&error.file).filter(|file| !file.as_os_str().is_empty());
    let file = file.map(|file| file.display().to_string());
    let column = error.column.as_deref();
    raised(py, "DataError", (error.to_string(), file, error.row, error.line, column))
}

/// A snapshot that is not the one that was asked for, and what else is wrong with what is there.
pub fn other_data(py: Python<'_>, message: String) -> PyErr {
    raised(py, "DataError", (message,))
}

/// A request that does not fit.
pub fn request(py: Python<'_>, message: impl ToString) -> PyErr {
    raised(py, "RequestError", (message.to_string(),))
}

/// A table of requests that cannot be read.
pub fn table(py: Python<'_>, error: &TableError) -> PyErr {
    let text = error.to_string();
    request(py, text.strip_prefix("error: ").unwrap_or(&text))
}

/// What programs of several engines are told that are to run together.
const OTHER_ENGINE: &str = "a program was compiled on other data, or before something was trained, than the engine has\n\
    help: `program.on(engine)` compiles it for that; after a training, `engine` is `training.engine`";

/// A request that did not come to its end.
pub fn run(py: Python<'_>, error: &RunError) -> PyErr {
    let class = match error {
        RunError::Limit(hit) if hit.limit == Limit::Time => "DeadlineError",
        RunError::Limit(_) => "LimitError",
        _ => "RequestError",
    };
    let text = match error {
        RunError::OtherWorld => OTHER_ENGINE.to_owned(),
        other => other.to_string(),
    };
    let raised = raised(py, class, (text,));
    let RunError::Failed { message, .. } = error else { return raised };
    match cause(message) {
        // who presses Ctrl-C, or ends the program, means more than this request
        Some(cause) if !cause.is_instance_of::<PyException>(py) => cause,
        cause => {
            raised.set_cause(py, cause);
            raised
        }
    }
}

/// The newest exceptions of functions, by what was told of them.
static RAISED: OfProcess<Mutex<VecDeque<(String, PyErr)>>> = OfProcess::nothing();

/// Exceptions that are kept until somebody asks: as many as there may be threads that fail at a time.
const KEPT: usize = 64;

fn with_raised<T>(f: impl FnOnce(&mut VecDeque<(String, PyErr)>) -> T) -> T {
    let raised = match RAISED.get(|| Ok::<_, Infallible>(Mutex::default())) {
        Ok(raised) => raised,
        Err(never) => match never {},
    };
    f(&mut raised.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps the exception of a function, for the error that will tell of it.
pub fn noted(message: &str, error: PyErr) {
    // what is forgotten goes when the lock has gone: it may run anything
    let forgotten = with_raised(|raised| {
        raised.push_front((message.to_owned(), error));
        let kept = raised.len().min(KEPT);
        raised.split_off(kept)
    });
    drop(forgotten);
}

/// The exception that a failure tells of.
fn cause(message: &str) -> Option<PyErr> {
    with_raised(|raised| {
        let at = raised.iter().position(|(told, _)| told == message)?;
        raised.remove(at).map(|(_, error)| error)
    })
}

/// A fault of the engine itself.
pub fn internal(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| "no message".to_owned());
    let message = format!("internal error: {said}\nhelp: this is a bug of igql: please report it");
    raised(py, "IgqlError", (message,))
}
