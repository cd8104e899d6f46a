//! Writing a log while a program runs.

use super::candidates::Candidates;
use super::{CANDIDATES, REQUESTS};
use crate::answer::Answer;
use crate::catalog::schema::Schema;
use crate::cli::Failure;
use crate::cli::out::{Pending, Place};
use crate::engine::Program;
use crate::expr::random::Hasher;
use crate::files;
use crate::request::Request;
use crate::types::{Key, Type, Value};
use crate::wire::{self, Encoded, Encoder, FlatColumn, Format, Packing, Sink};
use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A log that is being written.
pub struct Log {
    rows: Rows,
    candidates: Part,
    requests: Part,
}

/// Makes the rows of a log: many threads at once.
pub struct Rows {
    candidates: Candidates,
    requests: Encoder,
    /// What is the same in all rows.
    run: String,
    program: String,
    catalog: String,
    shares: Vec<(String, String, f64)>,
    defaults: Vec<(String, Value)>,
}

/// Rows of a log, encoded.
pub struct Both {
    candidates: Vec<io::Result<Encoded>>,
    requests: io::Result<Encoded>,
}

/// The writing half.
pub struct Target {
    candidates: Part,
    requests: Part,
}

/// A file of a table.
struct Part {
    writer: wire::Writer<Box<dyn Sink>>,
    pending: Pending,
}

impl Log {
    /// Begins the files of a run in a folder, which is made if it is missing.
    pub fn new(folder: &Path, program: &Program) -> Result<Log, Failure> {
        let rows = Rows::new(program);
        let name = format!("{}.parquet", rows.run);
        let candidates = Part::new(folder, CANDIDATES, &name, &rows.candidates.encoder)?;
        let requests = Part::new(folder, REQUESTS, &name, &rows.requests)?;
        Ok(Log { rows, candidates, requests })
    }

    /// What many threads use, and what writes.
    pub fn split(self) -> (Rows, Target) {
        (self.rows, Target { candidates: self.candidates, requests: self.requests })
    }
}

impl Part {
    fn new(folder: &Path, table: &str, name: &str, encoder: &Encoder) -> Result<Part, Failure> {
        let table = folder.join(table);
        if table.is_file() {
            let help = "a log keeps its tables in folders of that name: name another folder";
            let message = format!("--log {}: `{}` is a file", folder.display(), table.display());
            return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
        }
        std::fs::create_dir_all(&table)
            .map_err(|e| Failure::Usage(format!("--log {}: {e}", folder.display())))?;
        // each run has a file of its own, so those of killed runs are nobody else's
        files::clear_all_abandoned(&table);
        let (sink, pending) = Place::File(table.join(name)).open(Packing::Plain)?;
        let writer = encoder.writer(sink).map_err(|e| pending.failed(&e))?;
        Ok(Part { writer, pending })
    }

    fn write(&mut self, rows: io::Result<Encoded>) -> Result<(), Failure> {
        let written = rows.and_then(|rows| self.writer.write(rows));
        written.map_err(|e| self.pending.failed(&e))
    }

    fn finish(self) -> Result<(), Failure> {
        let written = self.writer.finish().and_then(Sink::finish);
        self.pending.finish(written)
    }
}

impl Target {
    /// Writes rows; those of the requests before them have been.
    pub fn write(&mut self, rows: Both) -> Result<(), Failure> {
        for rows in rows.candidates {
            self.candidates.write(rows)?;
        }
        self.requests.write(rows.requests)
    }

    /// Puts the files into their places.
    pub fn finish(self) -> Result<(), Failure> {
        self.candidates.finish()?;
        self.requests.finish()
    }
}

impl Rows {
    fn new(program: &Program) -> Rows {
        let (schema, checked) = (program.schema(), program.checked());
        let experiments = checked.experiments.iter();
        let shares = experiments.flat_map(|experiment| {
            let arms = experiment.arms.iter();
            arms.map(|arm| (experiment.name.clone(), arm.name.clone(), arm.share))
        });
        Rows {
            candidates: Candidates::new(program),
            requests: Encoder::of_table(Format::Parquet, request_columns(schema)),
            run: run_name(),
            program: format!("{:016x}", program.hash()),
            catalog: schema.name.clone(),
            shares: shares.collect(),
            defaults: program.defaults(),
        }
    }

    /// The rows of some requests.
    pub fn of(&self, requests: &[Request], answers: &[Answer]) -> Both {
        let (mut ids, mut asked) = (Vec::new(), Vec::new());
        for (request, answer) in requests.iter().zip(answers) {
            let params = values(request.params.iter());
            let id = self.id(request, answer, &params);
            ids.push(id);
            asked.push(self.request(id, request, answer, params));
        }
        Both {
            candidates: self.candidates.of(&self.run, &ids, answers),
            requests: self.requests.encode_rows(&asked),
        }
    }

    fn request(&self, id: i64, request: &Request, answer: &Answer, params: String) -> Vec<Value> {
        vec![
            Value::Str(self.run.clone()),
            Value::Int(id),
            request.user.clone().map_or(Value::Null, Key::plain),
            Value::Time(answer.now),
            Value::Str(answer.query.clone()),
            Value::Str(self.program.clone()),
            Value::Str(self.catalog.clone()),
            Value::Str(answer.snapshot.to_string()),
            Value::Int(request.seed),
            Value::Str(params),
            Value::Str(self.defaults_of(request)),
            Value::Str(object(&answer.arms)),
            Value::Str(object(&answer.forced)),
            Value::Float(self.arm_propensity(&answer.arms)),
            Value::Bool(answer.partial),
            Value::Str(self.candidates.models.clone()),
        ]
    }

    /// The values of the parameters that a request leaves to the program.
    fn defaults_of(&self, request: &Request) -> String {
        let is_given = |name: &str| request.params.iter().any(|(given, _)| given == name);
        values(self.defaults.iter().filter(|(name, _)| !is_given(name)))
    }

    /// How probable the arms were: the product of their shares.
    fn arm_propensity(&self, arms: &[(String, String)]) -> f64 {
        let share = |(name, arm): &(String, String)| {
            let mut all = self.shares.iter();
            all.find(|(n, a, _)| n == name && a == arm).map_or(1.0, |(_, _, share)| *share)
        };
        arms.iter().map(share).product()
    }

    /// What tells a request from others: the same request has the same id.
    fn id(&self, request: &Request, answer: &Answer, params: &str) -> i64 {
        let mut hasher = Hasher::default();
        hasher.key(request.user.as_ref()).int(answer.now).text(&self.program).int(request.seed);
        hasher.text(params).text(&object(&answer.forced));
        hasher.finish() as i64
    }
}

/// Parameters and their values as a JSON object.
fn values<'p>(params: impl Iterator<Item = &'p (String, Value)>) -> String {
    let map: serde_json::Map<_, _> =
        params.map(|(name, value)| (name.clone(), wire::param_to_json(value))).collect();
    serde_json::Value::from(map).to_string()
}

/// Names and words as a JSON object.
fn object(pairs: &[(String, String)]) -> String {
    let map: serde_json::Map<_, _> =
        pairs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    serde_json::Value::from(map).to_string()
}

/// A name that no other run has; names sort by time.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    // the state is seeded by the system
    let mut random = RandomState::new().build_hasher();
    random.write_u32(std::process::id());
    format!("{now:016}-{:016x}", random.finish())
}

fn column(name: &str, ty: Type) -> FlatColumn {
    FlatColumn { name: name.to_owned(), ty }
}

fn request_columns(schema: &Schema) -> Vec<FlatColumn> {
    vec![
        column("run", Type::String),
        column("id", Type::Int),
        column("viewer", schema.entity(schema.viewer).key_type.ty()),
        column("now", Type::Time),
        column("query", Type::String),
        column("program", Type::String),
        column("catalog", Type::String),
        column("snapshot", Type::String),
        column("seed", Type::Int),
        column("params", Type::String),
        column("defaults", Type::String),
        column("arms", Type::String),
        column("forced", Type::String),
        column("arm_propensity", Type::Float),
        column("partial", Type::Bool),
        column("models", Type::String),
    ]
}
