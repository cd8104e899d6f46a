//! Engines: a catalog that is open.

use crate::process::OfProcess;
use crate::program::{PyProgram, Spec};
use crate::progress::Told;
use crate::waiting::{Stop, work};
use crate::{errors, functions, reports};
use igql::cli::embedded::{self, EmbeddedError};
use igql::diag::json::to_json;
use igql::{Engine, Options, Tunables};
use pyo3::exceptions::{PyFileNotFoundError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a catalog is opened: all that another process needs to do it again.
#[derive(Clone)]
pub struct Opening {
    pub path: PathBuf,
    pub cache: Option<PathBuf>,
    pub stale: bool,
    pub learned: Option<PathBuf>,
    pub imports: Vec<PathBuf>,
    /// Callables that `igql.function` made.
    pub functions: Arc<Vec<Py<PyAny>>>,
    pub allow_newer: bool,
}

impl Opening {
    /// Opens the catalog.
    fn open(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Engine> {
        let opening = self.clone();
        let registry = functions::registry(py, &self.functions)?;
        let opened = work(py, None, move |stop| {
            let options = opening.options(stop, progress);
            Engine::builder(&opening.path).options(options).registry(registry).open()
        });
        opened?.map_err(|error| errors::data(py, &error))
    }

    fn options(&self, stop: Stop, progress: Option<Py<PyAny>>) -> Options {
        Options {
            cache: self.cache.clone(),
            stale: self.stale,
            learned: self.learned.clone(),
            imports: self.imports.clone(),
            progress: Arc::new(Told::new(stop, progress)),
        }
    }
}

/// A catalog that is open, on the data as it was then. Shared by threads; made again by a process that was forked, or
/// that unpickles it.
#[pyclass(frozen, name = "Engine", module = "igql")]
pub struct PyEngine {
    opening: Opening,
    /// Of the snapshot that every process has to see.
    snapshot: String,
    handle: OfProcess<Engine>,
    /// What was guessed of the frames that it was made of, with the folder that they are in.
    guesses: Mutex<Option<Py<PyAny>>>,
}

impl PyEngine {
    pub fn open(
        py: Python<'_>,
        opening: Opening,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyEngine> {
        let engine = opening.open(py, progress)?;
        Ok(PyEngine::of(opening, engine))
    }

    pub fn of(opening: Opening, engine: Engine) -> PyEngine {
        let snapshot = engine.snapshot().id().to_owned();
        PyEngine { opening, snapshot, handle: OfProcess::new(engine), guesses: Mutex::new(None) }
    }

    /// The engine of this process.
    pub fn engine(&self, py: Python<'_>) -> PyResult<Engine> {
        let again = || {
            let engine = self.opening.open(py, None)?;
            same(py, &engine, &self.snapshot, self.opening.allow_newer)?;
            Ok::<_, PyErr>(engine)
        };
        self.handle.get(again).cloned()
    }

    /// How it was opened.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The same with what was guessed, whose folder stays as long as somebody has it.
    pub fn guessing(self, guesses: Option<Py<PyAny>>) -> PyEngine {
        *self.guessed() = guesses;
        self
    }

    fn guessed(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails where an engine is on another snapshot than the one that is wanted.
fn same(py: Python<'_>, engine: &Engine, wanted: &str, allow_newer: bool) -> PyResult<()> {
    let found = engine.snapshot().id();
    if allow_newer || found == wanted {
        return Ok(());
    }
    let message = format!(
        "the catalog is at snapshot {found} here, and snapshot {wanted} was asked for\n\
         help: all processes of a job have to see the same data; `igql.open(path, allow_newer=True)` takes what there is"
    );
    Err(errors::other_data(py, message))
}

/// A program that is in a file, or the text itself.
pub struct Source {
    pub name: String,
    pub text: String,
    pub folder: Option<PathBuf>,
}

/// Reads a program. A relative path is one of the working directory, else of the catalog's folder.
pub fn source(
    py: Python<'_>,
    catalog: &Path,
    text: Option<String>,
    path: Option<PathBuf>,
    name: Option<String>,
) -> PyResult<Source> {
    let (text, path) = match (text, path) {
        (Some(text), None) => {
            let name = name.unwrap_or_else(|| "program".to_owned());
            return Ok(Source { name, text, folder: None });
        }
        (None, Some(path)) => (None::<String>, path),
        _ => {
            return Err(PyTypeError::new_err(
                "a program is a text or a file: `compile(text)` or `compile(path=...)`",
            ));
        }
    };
    debug_assert!(text.is_none());
    let folder =
        if catalog.is_dir() { catalog } else { catalog.parent().unwrap_or(Path::new(".")) };
    let beside = folder.join(&path);
    let name = name.unwrap_or_else(|| path.display().to_string());
    let found = if !path.exists() && beside.exists() { beside } else { path };
    let text = igql::files::read_program(&found).map_err(|error| {
        let message = format!("{}: {error}", found.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            _ => errors::request(py, message),
        }
    })?;
    let folder = found.parent().map(|parent| match parent.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => parent.to_owned(),
    });
    Ok(Source { name, text, folder })
}

/// Values for tunables.
pub fn tunables(given: Option<&Bound<'_, PyDict>>) -> PyResult<Tunables> {
    let mut tunables = Tunables::new();
    for (name, value) in given.into_iter().flatten() {
        tunables = tunables.set(name.extract::<String>()?, value.extract::<f64>()?);
    }
    Ok(tunables)
}

#[pymethods]
impl PyEngine {
    /// The folder of the catalog, or its file.
    #[getter]
    fn path(&self) -> &Path {
        &self.opening.path
    }

    /// Identifies the data.
    #[getter]
    fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// Compiles a program.
    #[pyo3(signature = (text=None, *, path=None, query=None, tunables=None, max_rows=None, name=None))]
    fn compile(
        slf: &Bound<'_, Self>,
        text: Option<String>,
        path: Option<PathBuf>,
        query: Option<String>,
        tunables: Option<&Bound<'_, PyDict>>,
        max_rows: Option<u64>,
        name: Option<String>,
    ) -> PyResult<PyProgram> {
        let source = source(slf.py(), &slf.get().opening.path, text, path, name)?;
        let tunables = self::tunables(tunables)?;
        PyProgram::compile(
            slf.clone(),
            Spec { source: Arc::new(source), query, tunables, max_rows },
        )
    }

    /// What was guessed, of a catalog that was made of frames.
    #[getter]
    pub fn guesses(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.guessed().as_ref().map(|guesses| guesses.clone_ref(py))
    }

    fn _guessed(&self, guesses: Py<PyAny>) {
        *self.guessed() = Some(guesses);
    }

    /// What is in the catalog, or in one entity, edge or embedding of it, as `igql describe` prints it.
    #[pyo3(signature = (name=None))]
    fn describe<'py>(slf: &Bound<'py, Self>, name: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("igql._reports")?.call_method1("describe", (slf, name))
    }

    /// Everything that is wrong or doubtful about a program; with `assume_trained` as if what it learns were trained.
    #[pyo3(signature = (text=None, *, path=None, query=None, name=None, assume_trained=false))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        text: Option<String>,
        path: Option<PathBuf>,
        query: Option<String>,
        name: Option<String>,
        assume_trained: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = source(py, &self.opening.path, text, path, name)?;
        let engine = self.engine(py)?;
        let found = work(py, None, move |_| {
            let unit = source.unit(query.as_deref(), None, None);
            let checked = embedded::check(&engine, &unit, assume_trained)?;
            Ok(to_json(&checked.diagnostics, &checked.sources).to_string())
        })?;
        let found = found.map_err(|error: EmbeddedError| reports::raised(py, &error))?;
        py.import("igql._errors")?.call_method1("diagnostics", (found,))
    }

    /// An engine on the newest data; this one keeps what it has.
    fn reload(&self, py: Python<'_>) -> PyResult<PyEngine> {
        let engine = self.engine(py)?;
        let newest = work(py, None, move |_| engine.reload())?;
        let newest = newest.map_err(|error| errors::data(py, &error))?;
        Ok(PyEngine::of(self.opening.clone(), newest).guessing(self.guesses(py)))
    }

    fn __repr__(&self) -> String {
        format!("<igql.Engine {} snapshot={}>", self.opening.path.display(), self.snapshot)
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let Opening { path, cache, stale, learned, imports, functions, allow_newer } =
            &self.opening;
        let functions: Vec<_> = functions.iter().map(|f| f.clone_ref(py)).collect();
        let args = (path, cache, stale, learned, imports, functions, allow_newer, &self.snapshot);
        Ok((py.import("igql._igql")?.getattr("_opened")?, args.into_pyobject(py)?))
    }
}

/// An engine that travelled: it is opened here, and has to be on the same snapshot.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "what is pickled")]
pub fn _opened(
    py: Python<'_>,
    path: PathBuf,
    cache: Option<PathBuf>,
    stale: bool,
    learned: Option<PathBuf>,
    imports: Vec<PathBuf>,
    functions: Vec<Py<PyAny>>,
    allow_newer: bool,
    snapshot: &str,
) -> PyResult<PyEngine> {
    let functions = Arc::new(functions);
    let opening = Opening { path, cache, stale, learned, imports, functions, allow_newer };
    let engine = opening.open(py, None)?;
    same(py, &engine, snapshot, allow_newer)?;
    Ok(PyEngine::of(opening, engine))
}

/// Opens a catalog.
#[pyfunction]
#[pyo3(signature = (path, *, cache=None, stale=false, learned=None, imports=Vec::new(), functions=Vec::new(), allow_newer=false, progress=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub fn _open(
    py: Python<'_>,
    path: PathBuf,
    cache: Option<PathBuf>,
    stale: bool,
    learned: Option<PathBuf>,
    imports: Vec<PathBuf>,
    functions: Vec<Py<PyAny>>,
    allow_newer: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<PyEngine> {
    // another process may have another working directory
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let opening = Opening {
        path: absolute(path),
        cache: cache.map(absolute),
        stale,
        learned: learned.map(absolute),
        imports: imports.into_iter().map(absolute).collect(),
        functions: Arc::new(functions),
        allow_newer,
    };
    PyEngine::open(py, opening, progress)
}
