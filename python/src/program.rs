//! Programs, and what runs them.

use crate::answers::{Encoders, PyAnswer, PyAnswers};
use crate::engine::{PyEngine, Source};
use crate::process::OfProcess;
use crate::requests::{Common, Within, of_users, user};
use crate::waiting::{self, Stop, work};
use crate::{errors, values};
use igql::{
    Answer, Ask, Engine, Key, Limit, Limits, Program, Request, RunError, RunOptions, Tunables, Unit,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a program was compiled from.
#[derive(Clone)]
pub struct Spec {
    pub source: Arc<Source>,
    pub query: Option<String>,
    pub tunables: Tunables,
    pub max_rows: Option<u64>,
}

impl Source {
    /// For the compiler.
    pub fn unit<'a>(
        &'a self,
        query: Option<&'a str>,
        tunables: Option<&'a Tunables>,
        max_rows: Option<u64>,
    ) -> Unit<'a> {
        let usual = Unit::new(&self.name, &self.text);
        let max_rows = max_rows.unwrap_or(0).max(usual.max_rows);
        Unit { folder: self.folder.as_deref(), query, tunables, max_rows, ..usual }
    }
}

/// A program as this process has it.
pub struct Ready {
    pub engine: Engine,
    pub program: Program,
    pub encoders: Arc<Encoders>,
    /// Nanoseconds that the last request took; 0: there was none.
    took: AtomicU64,
}

/// A checked program, ready to run. Shared by threads; compiled again by a process that was forked, or that unpickles it.
#[pyclass(frozen, name = "Program", module = "igql")]
pub struct PyProgram {
    engine: Py<PyEngine>,
    spec: Spec,
    handle: OfProcess<Arc<Ready>>,
}

fn ready(py: Python<'_>, engine: &PyEngine, spec: &Spec) -> PyResult<Arc<Ready>> {
    let (engine, spec) = (engine.engine(py)?, spec.clone());
    let compiled = work(py, None, move |_| {
        let unit = spec.source.unit(spec.query.as_deref(), Some(&spec.tunables), spec.max_rows);
        let program = engine.compile_unit(&unit).into_program()?;
        let encoders = Arc::new(Encoders::new(&program));
        Ok(Arc::new(Ready { engine, program, encoders, took: AtomicU64::new(0) }))
    });
    compiled?.map_err(|error| errors::compile(py, &error))
}

impl PyProgram {
    pub fn compile(engine: Bound<'_, PyEngine>, spec: Spec) -> PyResult<PyProgram> {
        let ready = ready(engine.py(), engine.get(), &spec)?;
        Ok(PyProgram { engine: engine.unbind(), spec, handle: OfProcess::new(ready) })
    }

    /// The program of this process.
    pub fn ready(&self, py: Python<'_>) -> PyResult<Arc<Ready>> {
        let again = || ready(py, self.engine.get(), &self.spec);
        self.handle.get(again).cloned()
    }

    /// What it was compiled from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The engine that it was compiled on.
    pub fn engine(&self) -> &Py<PyEngine> {
        &self.engine
    }

    /// Runs some requests in vectorised passes.
    pub fn batch(
        slf: &Bound<'_, Self>,
        requests: Vec<Request>,
        limits: Limits,
        threads: Option<usize>,
    ) -> PyResult<PyAnswers> {
        let py = slf.py();
        let ready = slf.get().ready(py)?;
        let its = ready.clone();
        let answers = work(py, threads, move |stop| {
            let limits = stopping(limits, stop);
            its.engine.run_batch_with(&its.program, &requests, &limits)
        })?;
        let answers = answers.map_err(|error| errors::run(py, &error))?;
        Ok(PyAnswers::new(slf.clone().unbind(), Arc::new(answers), ready.encoders.clone(), threads))
    }

    fn one(
        slf: &Bound<'_, Self>,
        request: Request,
        limits: Limits,
        ask: Ask,
    ) -> PyResult<PyAnswer> {
        let py = slf.py();
        let ready = slf.get().ready(py)?;
        let answer = match ready.at_once(py, &request, limits, &ask)? {
            Some(answer) => answer,
            None => {
                let its = ready.clone();
                work(py, None, move |stop| its.timed(&request, stopping(limits, stop), ask))?
            }
        };
        let answer = answer.map_err(|error| errors::run(py, &error))?;
        Ok(PyAnswer::only(answer, ready.encoders.clone()))
    }
}

impl Ready {
    fn timed(&self, request: &Request, limits: Limits, ask: Ask) -> Result<Answer, RunError> {
        let begun = Instant::now();
        let options = RunOptions { limits, ask };
        let pass = self.engine.execute(&self.program, std::slice::from_ref(request), &options);
        self.took.store(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(pass?.answers.remove(0))
    }

    /// The answer to a request on the thread that asks, which waking another one would delay. None where requests take
    /// long, and where this one turns out to: nobody hears signals in the meantime.
    fn at_once(
        &self,
        py: Python<'_>,
        request: &Request,
        limits: Limits,
        ask: &Ask,
    ) -> PyResult<Option<Result<Answer, RunError>>> {
        let took = Duration::from_nanos(self.took.load(Ordering::Relaxed));
        if took.is_zero() || took > QUICK || !waiting::is_original() {
            return Ok(None);
        }
        let is_short = limits.time.is_some_and(|time| time <= AT_ONCE);
        let within = match is_short {
            true => limits,
            false => Limits { partial: false, ..limits.deadline(AT_ONCE) },
        };
        match waiting::here(py, || self.timed(request, within, ask.clone()))? {
            Err(RunError::Limit(hit)) if hit.limit == Limit::Time && !is_short => Ok(None),
            answer => Ok(Some(answer)),
        }
    }
}

/// Requests of a program that takes this long are waited for.
const QUICK: Duration = Duration::from_millis(2);
/// A request that is not, and takes this long all the same, is made again by threads that can be waited for.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Limits of a run that ends when it is asked to.
fn stopping(mut limits: Limits, stop: Stop) -> Limits {
    limits.stop.flag = Some(stop);
    limits
}

/// Keys of entities that a question is about.
fn keys(given: Option<Bound<'_, PyAny>>) -> PyResult<Vec<Key>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    match given.cast::<PyString>().is_err().then(|| given.try_iter()) {
        Some(Ok(keys)) => {
            values::heard(given.py(), keys).map(|key| values::key_of(&key?)).collect()
        }
        // one key, or no key at all
        _ => Ok(vec![values::key_of(&given)?]),
    }
}

#[pymethods]
impl PyProgram {
    /// The name of the query.
    #[getter]
    fn query(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.ready(py)?.program.checked().query.clone())
    }

    /// The text that it was compiled from.
    #[getter]
    fn text(&self) -> &str {
        &self.spec.source.text
    }

    /// The engine that it was compiled on.
    #[getter(engine)]
    fn its_engine(&self, py: Python<'_>) -> Py<PyEngine> {
        self.engine.clone_ref(py)
    }

    /// What the compiler warned about.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ready = self.ready(py)?;
        let found = igql::diag::json::to_json(ready.program.warnings(), ready.program.sources());
        py.import("igql._errors")?.call_method1("diagnostics", (found.to_string(),))
    }

    /// Runs it for one request.
    #[pyo3(signature = (user=None, *, params=None, at=None, seed=0, arms=None, timeout=None, partial=false, max_rows=None, max_memory=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn run<'py>(
        slf: &Bound<'py, Self>,
        user: Option<Bound<'py, PyAny>>,
        params: Option<Bound<'py, PyDict>>,
        at: Option<Bound<'py, PyAny>>,
        seed: i64,
        arms: Option<Bound<'py, PyDict>>,
        timeout: Option<f64>,
        partial: bool,
        max_rows: Option<u64>,
        max_memory: Option<u64>,
    ) -> PyResult<PyAnswer> {
        let common = Common { params, at, seed, arms };
        let limits = Within { timeout, partial, max_rows, max_memory }.limits()?;
        let request = Self::request(slf, user, &common)?;
        Self::one(slf, request, limits, Ask::default())
    }

    /// The same on another thread, for `await`.
    #[pyo3(signature = (*args, **kwargs))]
    fn run_async<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let run = slf.getattr("run")?;
        let mut all = vec![run];
        all.extend(args.iter());
        let to_thread = slf.py().import("asyncio")?.getattr("to_thread")?;
        to_thread.call(PyTuple::new(slf.py(), all)?, kwargs)
    }

    /// Runs it for one request, and says of every row why it is there, and of keys why they are not.
    #[pyo3(signature = (user=None, *, why_not=None, params=None, at=None, seed=0, arms=None, timeout=None, max_rows=None, max_memory=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn why<'py>(
        slf: &Bound<'py, Self>,
        user: Option<Bound<'py, PyAny>>,
        why_not: Option<Bound<'py, PyAny>>,
        params: Option<Bound<'py, PyDict>>,
        at: Option<Bound<'py, PyAny>>,
        seed: i64,
        arms: Option<Bound<'py, PyDict>>,
        timeout: Option<f64>,
        max_rows: Option<u64>,
        max_memory: Option<u64>,
    ) -> PyResult<PyAnswer> {
        let common = Common { params, at, seed, arms };
        let limits = Within { timeout, partial: false, max_rows, max_memory }.limits()?;
        let request = Self::request(slf, user, &common)?;
        let ask = Ask { why: true, why_not: keys(why_not)? };
        Self::one(slf, request, limits, ask)
    }

    /// Runs it for many users in vectorised passes: each gets the answer that it would get alone.
    #[pyo3(signature = (users, *, params=None, at=None, seed=0, arms=None, timeout=None, partial=false, max_rows=None, max_memory=None, threads=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn run_batch<'py>(
        slf: &Bound<'py, Self>,
        users: &Bound<'py, PyAny>,
        params: Option<Bound<'py, PyDict>>,
        at: Option<Bound<'py, PyAny>>,
        seed: i64,
        arms: Option<Bound<'py, PyDict>>,
        timeout: Option<f64>,
        partial: bool,
        max_rows: Option<u64>,
        max_memory: Option<u64>,
        threads: Option<usize>,
    ) -> PyResult<PyAnswers> {
        let common = Common { params, at, seed, arms };
        let limits = Within { timeout, partial, max_rows, max_memory }.limits()?;
        let requests = Self::requests(slf, users, &common)?;
        Self::batch(slf, requests, limits, threads)
    }

    /// The same part by part: memory does not grow with the number of users.
    #[pyo3(signature = (users, *, batch_size=4096, params=None, at=None, seed=0, arms=None, timeout=None, partial=false, max_rows=None, max_memory=None, threads=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn stream<'py>(
        slf: &Bound<'py, Self>,
        users: &Bound<'py, PyAny>,
        batch_size: usize,
        params: Option<Bound<'py, PyDict>>,
        at: Option<Bound<'py, PyAny>>,
        seed: i64,
        arms: Option<Bound<'py, PyDict>>,
        timeout: Option<f64>,
        partial: bool,
        max_rows: Option<u64>,
        max_memory: Option<u64>,
        threads: Option<usize>,
    ) -> PyResult<crate::answers::PyStream> {
        let common = Common { params, at, seed, arms };
        let limits = Within { timeout, partial, max_rows, max_memory }.limits()?;
        let requests = Self::requests(slf, users, &common)?;
        crate::answers::PyStream::new(slf.clone().unbind(), requests, limits, threads, batch_size)
    }

    /// How it is compiled and how it will run: an object with text, and a drawing in a notebook.
    #[pyo3(signature = (**options))]
    fn explain<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("igql._reports")?.getattr("explain")?.call((slf,), options)
    }

    /// The schema of the table that answers make, as an Arrow schema.
    fn __arrow_c_schema__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, pyo3::types::PyCapsule>> {
        crate::arrow::schema(py, &self.ready(py)?.encoders.schema())
    }

    /// The same program on another engine, as `Engine.reload` gives. Files that it imports are read again.
    fn on(&self, engine: Bound<'_, PyEngine>) -> PyResult<PyProgram> {
        PyProgram::compile(engine, self.spec.clone())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let query = self.query(py)?;
        Ok(format!("<igql.Program {} query={query}>", self.spec.source.name))
    }

    /// What it was compiled from, for another process.
    fn _spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let Spec { source, query, tunables, max_rows } = &self.spec;
        let tunables: Vec<(String, f64)> =
            tunables.iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let source = (&source.name, &source.text, &source.folder);
        (source, query, tunables, max_rows).into_pyobject(py)
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let args = (slf.get().engine.clone_ref(py), slf.get()._spec(py)?);
        Ok((py.import("igql._igql")?.getattr("_compiled")?, args.into_pyobject(py)?))
    }
}

impl PyProgram {
    fn request(
        slf: &Bound<'_, Self>,
        who: Option<Bound<'_, PyAny>>,
        common: &Common<'_>,
    ) -> PyResult<Request> {
        let py = slf.py();
        let ready = slf.get().ready(py)?;
        let base = common.request(py, &ready.program)?;
        match who {
            None => Ok(base),
            Some(who) => Ok(Request { user: Some(user(py, &ready.program, &who)?), ..base }),
        }
    }

    fn requests(
        slf: &Bound<'_, Self>,
        users: &Bound<'_, PyAny>,
        common: &Common<'_>,
    ) -> PyResult<Vec<Request>> {
        let py = slf.py();
        let ready = slf.get().ready(py)?;
        let base = common.request(py, &ready.program)?;
        of_users(py, &ready.program, users, &base)
    }
}

/// What travels of a program: name, text and folder of its source, the query, tunables, the most rows.
type Travelling =
    ((String, String, Option<PathBuf>), Option<String>, Vec<(String, f64)>, Option<u64>);

/// A program that travelled.
#[pyfunction]
pub fn _compiled(engine: Bound<'_, PyEngine>, spec: Travelling) -> PyResult<PyProgram> {
    let ((name, text, folder), query, tunables, max_rows) = spec;
    let source = Arc::new(Source { name, text, folder });
    let set = |all: Tunables, (name, value): (String, f64)| all.set(name, value);
    let tunables = tunables.into_iter().fold(Tunables::new(), set);
    PyProgram::compile(engine, Spec { source, query, tunables, max_rows })
}
