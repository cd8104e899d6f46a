//! What the package shares with the command: replays, plans, catalogs that are guessed, the command itself.

use crate::engine::{PyEngine, Source, source};
use crate::errors;
use crate::program::PyProgram;
use crate::progress::Told;
use crate::waiting::{Stop, work};
use igql::cli::embedded::{self, EmbeddedError, Replayed, Training, Tuning, Within};
use igql::{Program, Unit};
use pyo3::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// A report in all its forms: JSON, text, a page of HTML, warnings, and what it could not do.
type Forms = (String, String, String, Vec<String>, Option<String>);

fn within(stop: Stop, progress: Option<Py<PyAny>>) -> Within {
    Within { stop: Some(stop), progress: Arc::new(Told::new(stop, progress)) }
}

/// An error of what is shared, as an exception.
pub fn raised(py: Python<'_>, error: &EmbeddedError) -> PyErr {
    match error {
        EmbeddedError::Data(error) => errors::data(py, error),
        EmbeddedError::Compile(error) => errors::compile(py, error),
        EmbeddedError::Run(error) => errors::run(py, error),
        EmbeddedError::Usage(_) | EmbeddedError::Stopped => errors::request(py, error),
    }
}

/// Replays programs of one engine.
#[pyfunction]
pub fn _replay(
    py: Python<'_>,
    programs: Vec<(String, Py<PyProgram>)>,
    words: Vec<String>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Forms> {
    let ready = programs.iter().map(|(name, program)| Ok((name.clone(), program.get().ready(py)?)));
    let ready = ready.collect::<PyResult<Vec<_>>>()?;
    let Some((_, first)) = ready.first() else {
        return Err(errors::request(py, "there is no program to replay"));
    };
    let engine = first.engine.clone();
    let programs: Vec<(String, Program)> =
        ready.iter().map(|(name, ready)| (name.clone(), ready.program.clone())).collect();
    let replayed = work(py, threads, move |stop| {
        embedded::replay(&engine, &programs, &words, &within(stop, progress))
    })?;
    let Replayed { json, text, html, warnings, unmet } = replayed.map_err(|e| raised(py, &e))?;
    Ok((json, text, html, warnings, unmet))
}

/// A tuning: its forms, the values that each tunable had and has, rewritten files by name, and whether something won.
type Tuned = (Forms, Vec<(String, f64, f64)>, Vec<(String, String)>, bool);

/// Tunes a program.
#[pyfunction]
pub fn _tune(
    py: Python<'_>,
    program: &Bound<'_, PyProgram>,
    words: Vec<String>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Tuned> {
    let ready = program.get().ready(py)?;
    let tuned = work(py, threads, move |stop| {
        embedded::tune(&ready.engine, &ready.program, &words, &within(stop, progress))
    })?;
    let Tuning { json, text, html, warnings, values, rewritten, won, reason, .. } =
        tuned.map_err(|e| raised(py, &e))?;
    Ok(((json, text, html, warnings, reason), values, rewritten, won))
}

/// Trains what programs declare, by name, text and folder, and gives the engine that reads it.
#[pyfunction]
pub fn _train(
    py: Python<'_>,
    engine: &Bound<'_, PyEngine>,
    sources: Vec<(String, String, Option<PathBuf>)>,
    words: Vec<String>,
    learned: Option<PathBuf>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Forms, Vec<String>, PyEngine)> {
    let guesses = engine.get().guesses(py);
    let mut opening = engine.get().opening().clone();
    let engine = engine.get().engine(py)?;
    let trained = work(py, threads, move |stop| {
        let unit = |(name, text, folder)| Source { name, text, folder };
        let sources: Vec<Source> = sources.into_iter().map(unit).collect();
        let units: Vec<Unit> = sources.iter().map(|source| source.unit(None, None, None)).collect();
        embedded::train(&engine, &units, &words, &within(stop, progress))
    })?;
    let Training { json, text, html, warnings, failed, engine } =
        trained.map_err(|e| raised(py, &e))?;
    opening.learned =
        learned.map(|folder| std::path::absolute(&folder).unwrap_or(folder)).or(opening.learned);
    Ok((
        (json, text, html, warnings, None),
        failed,
        PyEngine::of(opening, engine).guessing(guesses),
    ))
}

/// Reads a program for a call that takes several.
#[pyfunction]
pub fn _source(
    py: Python<'_>,
    engine: &Bound<'_, PyEngine>,
    path: PathBuf,
) -> PyResult<(String, String, Option<PathBuf>)> {
    let Source { name, text, folder } =
        source(py, &engine.get().opening().path, None, Some(path), None)?;
    Ok((name, text, folder))
}

/// What `igql explain` prints of a program.
#[pyfunction]
pub fn _explain(
    py: Python<'_>,
    program: &Bound<'_, PyProgram>,
    words: Vec<String>,
) -> PyResult<String> {
    let ready = program.get().ready(py)?;
    let shown = work(py, None, move |stop| {
        embedded::explain(&ready.engine, &ready.program, &words, &within(stop, None))
    })?;
    shown.map_err(|error| raised(py, &error))
}

/// What `igql describe` prints of a catalog.
#[pyfunction]
pub fn _describe(
    py: Python<'_>,
    engine: &Bound<'_, PyEngine>,
    words: Vec<String>,
) -> PyResult<String> {
    let engine = engine.get().engine(py)?;
    let shown = work(py, None, move |_| embedded::describe(&engine, &words))?;
    shown.map_err(|error| raised(py, &error))
}

/// Writes a first catalog for the tables in a folder, and gives its text and what is to be said of it.
#[pyfunction]
pub fn _init(
    py: Python<'_>,
    folder: PathBuf,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, Vec<String>)> {
    let guessed = work(py, None, move |stop| {
        embedded::init(&folder, &["--force".to_owned()], &within(stop, progress))
    })?;
    let guessed = guessed.map_err(|error| raised(py, &error))?;
    Ok((guessed.toml, guessed.notes))
}

/// The command, which ends with this code.
#[pyfunction]
pub fn _command(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| embedded::main_from(args))
}
