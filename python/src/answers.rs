//! Answers: rows that become objects of Python when they are read, and tables of Arrow.

use crate::arrow::{self, PyTable};
use crate::program::PyProgram;
use crate::values;
use crate::waiting::work;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use igql::wire::{Encoder, Format};
use igql::{Answer, Limits, List, Program, Request, Row};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCapsule, PyDict, PyList, PySlice, PyString};
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Answers that become one batch of a table.
const PART: usize = 1024;

/// How the answers of a program are written down.
pub struct Encoders {
    table: Encoder,
    whole: Encoder,
    json: Encoder,
}

impl Encoders {
    pub fn new(program: &Program) -> Encoders {
        Encoders {
            table: Encoder::new(program, Format::Arrow, 0),
            whole: Encoder::new(program, Format::Arrow, 0).keep_empty(),
            json: Encoder::new(program, Format::Json, 1),
        }
    }

    /// The schema of tables, as they go out.
    pub fn schema(&self) -> SchemaRef {
        let empty = self.table.table(&[]).expect("a table without rows");
        arrow::outward_schema(empty.schema_ref())
    }

    /// A table of some answers, in parts. With `keep_empty` users without rows are rows of nulls.
    pub fn batches(
        &self,
        answers: &[Answer],
        keep_empty: bool,
    ) -> std::io::Result<Vec<RecordBatch>> {
        let encoder = if keep_empty { &self.whole } else { &self.table };
        let parts = answers.par_chunks(PART).map(|part| Ok(arrow::outward(&encoder.table(part)?)));
        parts.collect()
    }

    fn json(&self, answer: &Answer) -> std::io::Result<String> {
        let mut out = Vec::new();
        let mut writer = self.json.writer(&mut out)?;
        writer.write(self.json.encode(std::slice::from_ref(answer))?)?;
        writer.finish()?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn failed(error: std::io::Error) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// Calls a function of the package that is written in Python.
fn helper<'py>(
    py: Python<'py>,
    name: &str,
    args: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    static TABLES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = TABLES
        .get_or_try_init(py, || PyResult::Ok(py.import("igql._tables")?.into_any().unbind()))?;
    module.bind(py).getattr(name)?.call1(args)
}

/// The answer to one request: a sequence of its rows, with its columns by name.
#[pyclass(frozen, name = "Answer", module = "igql")]
pub struct PyAnswer {
    all: Arc<Vec<Answer>>,
    at: usize,
    encoders: Arc<Encoders>,
}

impl PyAnswer {
    pub fn only(answer: Answer, encoders: Arc<Encoders>) -> PyAnswer {
        PyAnswer { all: Arc::new(vec![answer]), at: 0, encoders }
    }

    pub fn answer(&self) -> &Answer {
        &self.all[self.at]
    }

    /// The only list; a page has several.
    fn only_list(&self) -> PyResult<PyRows> {
        match &self.answer().lists[..] {
            [list] if list.name.is_none() => Ok(self.list(0)),
            lists => {
                let names: Vec<String> = lists
                    .iter()
                    .filter_map(|list| list.name.as_ref())
                    .map(|n| format!("{n:?}"))
                    .collect();
                let names = names.join(", ");
                Err(PyTypeError::new_err(format!(
                    "the answer is a page: its rows are in `lists[NAME]`, where NAME is one of {names}"
                )))
            }
        }
    }

    fn list(&self, list: usize) -> PyRows {
        PyRows { all: self.all.clone(), at: self.at, list }
    }

    fn batches(&self) -> PyResult<Vec<RecordBatch>> {
        self.encoders.batches(std::slice::from_ref(self.answer()), false).map_err(failed)
    }
}

#[pymethods]
impl PyAnswer {
    /// The user of the request.
    #[getter]
    fn user<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.answer().user.as_ref().map(|user| values::key(py, user)).transpose()
    }

    /// The name of the query that ran.
    #[getter]
    fn query(&self) -> &str {
        &self.answer().query
    }

    /// What `now` meant.
    #[getter]
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::time(py, self.answer().now)
    }

    /// Identifies the data that was read.
    #[getter]
    fn snapshot(&self) -> &str {
        &self.answer().snapshot
    }

    /// What is doubtful about the answer, such as a short page.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.answer().warnings.clone()
    }

    /// Trained versions that were read.
    #[getter]
    fn versions(&self) -> Vec<String> {
        self.answer().versions.clone()
    }

    /// The experiments that the request was exposed to, with its arms.
    #[getter]
    fn arms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arms = PyDict::new(py);
        self.answer().arms.iter().try_for_each(|(name, arm)| arms.set_item(name, arm))?;
        Ok(arms)
    }

    /// Whether a limit ended the run before the lists were made.
    #[getter]
    fn partial(&self) -> bool {
        self.answer().partial
    }

    /// The rows, of an answer that is one list.
    #[getter]
    fn rows(&self) -> PyResult<PyRows> {
        self.only_list()
    }

    /// The lists of a page by name; of an answer that is one list, that without a name.
    #[getter]
    fn lists<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let lists = PyDict::new(py);
        for (at, list) in self.answer().lists.iter().enumerate() {
            lists.set_item(list.name.as_deref().unwrap_or(""), self.list(at))?;
        }
        Ok(lists)
    }

    /// The names of the columns, of an answer that is one list.
    #[getter]
    fn columns(&self) -> PyResult<Vec<String>> {
        Ok(self.only_list()?.columns())
    }

    fn __len__(&self) -> usize {
        self.answer().lists.iter().map(List::len).sum()
    }

    fn __bool__(&self) -> bool {
        !self.answer().is_empty()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.only_list()?.__getitem__(index)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Bound::new(py, self.only_list()?)?.into_any().call_method0("__iter__")
    }

    /// The answer as `igql run --format json` writes it.
    fn to_json(&self) -> PyResult<String> {
        self.encoders.json(self.answer()).map_err(failed)
    }

    /// The same as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::python(py, &self.to_json()?)
    }

    /// Why entities that were asked for are not there: of `Program.why`.
    #[getter]
    fn why_not<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let whole = self.to_dict(py)?;
        whole.call_method1("get", ("why_not", PyList::empty(py)))
    }

    /// The rows as a stream of Arrow.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        arrow::stream(py, self.encoders.schema(), self.batches()?)
    }

    /// The rows as a table of pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_arrow", (slf,))
    }

    /// The rows as a frame of pandas.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_pandas", (slf,))
    }

    /// The rows as a frame of polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_polars", (slf,))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "answer_html", (slf,))
    }

    /// As `igql run --format table` prints it.
    fn __str__(&self) -> String {
        let text = igql::cli::embedded::explained(self.answer());
        let warnings = self.answer().warnings.iter().map(|text| format!("\nwarning: {text}"));
        text.trim_end().to_owned() + &warnings.collect::<String>()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let user = match self.user(py)? {
            None => String::new(),
            Some(user) => format!(" user={}", user.repr()?),
        };
        Ok(format!("<igql.Answer{user} rows={}>", self.__len__()))
    }
}

/// The rows of one list, best first: a sequence, with its columns by name.
#[pyclass(frozen, name = "Rows", module = "igql")]
pub struct PyRows {
    all: Arc<Vec<Answer>>,
    at: usize,
    list: usize,
}

impl PyRows {
    fn it(&self) -> &List {
        &self.all[self.at].lists[self.list]
    }

    fn row(&self, place: usize) -> PyRow {
        PyRow { all: self.all.clone(), at: self.at, list: self.list, place }
    }

    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let list = self.it();
        let column = column_of(list, name).ok_or_else(|| unknown(list, name))?;
        let values = list.rows().enumerate().map(|(place, row)| cell(py, column, place, row));
        Ok(PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any())
    }
}

/// What a column of a list shows.
#[derive(Clone, Copy)]
enum Column {
    Position,
    Key,
    Score,
    Bound(usize),
}

fn column_of(list: &List, name: &str) -> Option<Column> {
    if name == list.key {
        return Some(Column::Key);
    }
    let bound = list.columns.iter().position(|(bound, _)| bound == name);
    bound.map(Column::Bound).or(match name {
        "position" => Some(Column::Position),
        "score" => Some(Column::Score),
        _ => None,
    })
}

fn cell<'py>(
    py: Python<'py>,
    column: Column,
    place: usize,
    row: Row<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    match column {
        Column::Position => Ok((place + 1).into_pyobject(py)?.into_any()),
        Column::Key => values::key(py, row.key()),
        Column::Score => Ok(row.score_or_null().into_pyobject(py)?.into_any()),
        Column::Bound(at) => match row.values().nth(at) {
            Some(value) => values::value(py, value),
            None => Ok(py.None().into_bound(py)),
        },
    }
}

fn unknown(list: &List, name: &str) -> PyErr {
    let names = names(list).join(", ");
    PyKeyError::new_err(format!("no column {name:?}: there are {names}"))
}

fn names(list: &List) -> Vec<String> {
    let bound = list.columns.iter().map(|(name, _)| name.clone());
    let mut names = vec!["position".to_owned(), list.key.clone(), "score".to_owned()];
    names.extend(bound.filter(|name| name != "position" && name != "score" && *name != list.key));
    names
}

/// An index that is an int.
fn int_of(index: &Bound<'_, PyAny>, wrong: &'static str) -> PyResult<isize> {
    match index.hasattr("__index__")? {
        true => index.call_method0("__index__")?.extract(),
        false => Err(PyTypeError::new_err(wrong)),
    }
}

/// The places that a slice of Python means.
fn places(slice: &Bound<'_, PySlice>, len: usize) -> PyResult<impl Iterator<Item = usize>> {
    let of = slice.indices(len as isize)?;
    Ok((0..of.slicelength as isize).map(move |n| (of.start + n * of.step) as usize))
}

/// The place that an index of Python means.
fn place(index: isize, len: usize) -> PyResult<usize> {
    let place = if index < 0 { index + len as isize } else { index };
    match usize::try_from(place) {
        Ok(place) if place < len => Ok(place),
        _ => Err(PyIndexError::new_err(format!("index {index} of {len}"))),
    }
}

#[pymethods]
impl PyRows {
    /// The name in the program's record.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.it().name.as_deref()
    }

    /// The name of the entity's key.
    #[getter]
    fn key(&self) -> &str {
        &self.it().key
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        names(self.it())
    }

    fn __len__(&self) -> usize {
        self.it().len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        if let Ok(name) = index.cast::<PyString>() {
            return self.column(py, name.to_str()?);
        }
        let len = self.it().len();
        if let Ok(slice) = index.cast::<PySlice>() {
            let rows = places(slice, len)?.map(|place| Bound::new(py, self.row(place)));
            return Ok(PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)?.into_any());
        }
        let wrong = "an index is an int, a slice or the name of a column";
        let row = self.row(place(int_of(index, wrong)?, len)?);
        Ok(Bound::new(py, row)?.into_any())
    }

    fn __iter__(slf: &Bound<'_, Self>) -> PyRowIterator {
        PyRowIterator { rows: slf.clone().unbind(), next: Mutex::new(0) }
    }

    fn __repr__(&self) -> String {
        format!("<igql.Rows of {} rows={}>", self.it().key, self.it().len())
    }
}

/// Goes through rows.
#[pyclass(frozen)]
pub struct PyRowIterator {
    rows: Py<PyRows>,
    next: Mutex<usize>,
}

#[pymethods]
impl PyRowIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<PyRow> {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let rows = self.rows.get();
        let row = (*next < rows.it().len()).then(|| rows.row(*next));
        *next += 1;
        row
    }
}

/// One entity in a list: a mapping from names of columns to values.
#[pyclass(frozen, mapping, name = "Row", module = "igql")]
pub struct PyRow {
    all: Arc<Vec<Answer>>,
    at: usize,
    list: usize,
    place: usize,
}

impl PyRow {
    fn it(&self) -> &List {
        &self.all[self.at].lists[self.list]
    }

    fn row(&self) -> Row<'_> {
        self.it().rows().get(self.place).expect("a row that there is")
    }
}

#[pymethods]
impl PyRow {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let column = column_of(self.it(), name).ok_or_else(|| unknown(self.it(), name))?;
        cell(py, column, self.place, self.row())
    }

    /// The value of a column, or something else where there is no such column.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match column_of(self.it(), name) {
            Some(column) => cell(py, column, self.place, self.row()).map(Some),
            None => Ok(default),
        }
    }

    /// The names of the columns.
    fn keys(&self) -> Vec<String> {
        names(self.it())
    }

    /// The values of the columns.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.keys().iter().map(|name| self.__getitem__(py, name)).collect()
    }

    /// Names and values.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let item = |name: String| Ok((name.clone(), self.__getitem__(py, &name)?));
        self.keys().into_iter().map(item).collect()
    }

    /// Where the row came from and what made its score, of `Program.why`; else None.
    #[getter]
    fn why<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(why) = self.row().why() else { return Ok(None) };
        let text = igql::wire::explanation(why).to_string();
        values::python(py, &text).map(Some)
    }

    fn __len__(&self) -> usize {
        self.keys().len()
    }

    fn __contains__(&self, name: &str) -> bool {
        column_of(self.it(), name).is_some()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyList::new(py, self.keys())?.into_any().call_method0("__iter__")
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let own = PyDict::new(py);
        self.items(py)?.into_iter().try_for_each(|(name, value)| own.set_item(name, value))?;
        let is_mapping = other.hasattr("keys")?;
        if is_mapping { own.eq(py.get_type::<PyDict>().call1((other,))?) } else { Ok(false) }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let items = self
            .items(py)?
            .into_iter()
            .map(|(name, value)| Ok(format!("{name}={}", value.repr()?)));
        Ok(format!("Row({})", items.collect::<PyResult<Vec<_>>>()?.join(", ")))
    }
}

/// The answers to many requests, in their order: a sequence of answers, and a table of all their rows.
#[pyclass(frozen, name = "Answers", module = "igql")]
pub struct PyAnswers {
    program: Py<PyProgram>,
    all: Arc<Vec<Answer>>,
    encoders: Arc<Encoders>,
    threads: Option<usize>,
    /// The table, made when it is first asked for.
    table: Mutex<Option<Vec<RecordBatch>>>,
    /// Which part of a stream this is.
    part: usize,
}

impl PyAnswers {
    pub fn new(
        program: Py<PyProgram>,
        all: Arc<Vec<Answer>>,
        encoders: Arc<Encoders>,
        threads: Option<usize>,
    ) -> PyAnswers {
        PyAnswers { program, all, encoders, threads, table: Mutex::new(None), part: 0 }
    }

    fn batches(&self, py: Python<'_>) -> PyResult<Vec<RecordBatch>> {
        let known = || self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(batches) = &*known() {
            return Ok(batches.clone());
        }
        let (encoders, all) = (self.encoders.clone(), self.all.clone());
        let batches = work(py, self.threads, move |_| encoders.batches(&all, false))?;
        let batches = batches.map_err(failed)?;
        *known() = Some(batches.clone());
        Ok(batches)
    }

    fn answer(&self, at: usize) -> PyAnswer {
        PyAnswer { all: self.all.clone(), at, encoders: self.encoders.clone() }
    }
}

#[pymethods]
impl PyAnswers {
    fn __len__(&self) -> usize {
        self.all.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, len) = (index.py(), self.all.len());
        if let Ok(slice) = index.cast::<PySlice>() {
            let answers = places(slice, len)?.map(|at| Bound::new(py, self.answer(at)));
            return Ok(PyList::new(py, answers.collect::<PyResult<Vec<_>>>()?)?.into_any());
        }
        let answer = self.answer(place(int_of(index, "an index is an int or a slice")?, len)?);
        Ok(Bound::new(py, answer)?.into_any())
    }

    /// The rows of all answers as a stream of Arrow, which can be taken as often as one likes.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        arrow::stream(py, self.encoders.schema(), self.batches(py)?)
    }

    /// The rows as a table of pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_arrow", (slf,))
    }

    /// The rows as a frame of pandas.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_pandas", (slf,))
    }

    /// The rows as a frame of polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "to_polars", (slf,))
    }

    /// The table, with a row of nulls for a user without rows if that is wanted.
    fn _table(&self, py: Python<'_>, keep_empty: bool) -> PyResult<PyTable> {
        let (encoders, all) = (self.encoders.clone(), self.all.clone());
        let batches = work(py, self.threads, move |_| encoders.batches(&all, keep_empty))?;
        Ok(PyTable { schema: self.encoders.schema(), batches: batches.map_err(failed)? })
    }

    /// Writes the answers into a file, whose extension says how: as `igql run -o`.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let (ready, all) = (self.program.get().ready(py)?, self.all.clone());
        let written = work(py, self.threads, move |_| {
            igql::wire::write_file(&path, &ready.program, &all)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))
        })?;
        written.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => PyValueError::new_err(error.to_string()),
            _ => failed(error),
        })
    }

    /// The same as Parquet. A folder, or a path that ends with `/`, gets a file per part of a stream.
    fn write_parquet(&self, py: Python<'_>, path: PathBuf) -> PyResult<PathBuf> {
        let is_folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
        let file = match is_folder {
            true => {
                std::fs::create_dir_all(&path).map_err(failed)?;
                path.join(format!("part-{:05}.parquet", self.part))
            }
            false => path,
        };
        self.write(py, file.clone())?;
        Ok(file)
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        helper(slf.py(), "answers_html", (slf,))
    }

    fn __repr__(&self) -> String {
        let rows: usize = self.all.iter().flat_map(|answer| &answer.lists).map(List::len).sum();
        format!("<igql.Answers requests={} rows={rows}>", self.all.len())
    }
}

/// Answers part by part.
#[pyclass(frozen, name = "Stream", module = "igql")]
pub struct PyStream {
    program: Py<PyProgram>,
    requests: Vec<Request>,
    limits: Limits,
    threads: Option<usize>,
    size: usize,
    next: Mutex<usize>,
}

impl PyStream {
    pub fn new(
        program: Py<PyProgram>,
        requests: Vec<Request>,
        limits: Limits,
        threads: Option<usize>,
        size: usize,
    ) -> PyResult<PyStream> {
        if size == 0 {
            return Err(PyValueError::new_err("`batch_size` is at least 1"));
        }
        Ok(PyStream { program, requests, limits, threads, size, next: Mutex::new(0) })
    }
}

#[pymethods]
impl PyStream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyAnswers>> {
        let next = || self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let part = *next();
        let start = part.saturating_mul(self.size);
        if start >= self.requests.len() {
            return Ok(None);
        }
        *next() = part + 1;
        let end = self.requests.len().min(start.saturating_add(self.size));
        let requests = self.requests[start..end].to_vec();
        let program = self.program.bind(py);
        let answers = PyProgram::batch(program, requests, self.limits, self.threads);
        // what failed can be asked for again
        let answers = answers.inspect_err(|_| *next() = part)?;
        Ok(Some(PyAnswers { part, ..answers }))
    }
}
