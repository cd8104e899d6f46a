//! The engine: a catalog that is open, programs compiled for it, and their answers.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use igql::{Engine, Request};
//! let engine = Engine::open("examples/explore")?;
//! let program = engine.compile("user.liked().account_nn().posted_media().take(10)")?;
//! let answer = engine.run(&program, &Request::user(5))?;
//! for row in answer.rows() {
//!     println!("{} {:?}", row.key(), row.score());
//! }
//! # Ok(())
//! # }
//! ```

mod flight;
mod trials;

pub(crate) use flight::Flight;
pub use trials::Test;

use crate::answer::{self, Answer, Ask, Ended};
use crate::batch::{Memory, Stop, discard};
use crate::catalog::schema::{Now, Schema};
use crate::check::modules::{Module, Modules};
use crate::check::{Assertion, Auto, Checked, Numbers, Tunables, check, trial};
use crate::diag::{Diagnostic, Severity, Sink};
use crate::exec::{self, Cache, Results, Schedule, Timing};
use crate::expr::ends::Ends;
use crate::expr::eval::{Members, Memo, Sets};
use crate::expr::texts::{Keys, Texts};
use crate::expr::{Expr, NodeId, Run};
use crate::library::Library;
use crate::ops::vectors::Vectors;
use crate::ops::{Exec, Graph, Hit, Limits, RunError};
use crate::optimize::{RULES, Rewritten, Rule};
use crate::plan::{self, Plan, plan};
use crate::request::{self, Request};
use crate::rounds::{self, Again};
use crate::source::Sources;
use crate::store::{self, DataError, Options, Snapshot};
use crate::stream::in_order;
use crate::types::Key;
use crate::why::{Tracer, why_not};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Requests that are run together in one pass, at most.
const PASS: usize = 64;
/// Rows that one operator is expected to make in a pass: memory is that of a few passes.
const PASS_ROWS: f64 = 2e6;

/// Readings of a program with other numbers that are kept: many programs have few.
const MOST_RAISED: usize = 64;

/// A catalog with its snapshot, vector indexes and library. Cheap to clone, and shared by threads.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    snapshot: Snapshot,
    vectors: Vectors,
    library: Library,
}

/// A checked and planned program. Cheap to clone, and run by many threads at once.
#[derive(Clone)]
pub struct Program {
    inner: Arc<ProgramInner>,
}

struct ProgramInner {
    checked: Checked,
    plan: Plan,
    /// Of the program as written, when something asks for it.
    schedule: OnceLock<Schedule>,
    /// What runs if no more than the answer is asked for.
    rewritten: Rewritten,
    rules: Vec<&'static Rule>,
    /// The operators that give no row whatever the data.
    never: Vec<NodeId>,
    warnings: Vec<Diagnostic>,
    needs_viewer: bool,
    text: Text,
    /// The same program with the numbers of further rounds; none where the budget forbids them.
    raised: Mutex<HashMap<Vec<u64>, Option<Arc<ProgramInner>>>>,
    pass_size: OnceLock<usize>,
    /// Of a test.
    assertions: Vec<Assertion>,
}

/// What is to be run.
#[derive(Clone, Copy)]
struct Call<'a> {
    program: &'a ProgramInner,
    requests: &'a [Request],
    limits: Limits,
    ask: &'a Ask,
    /// Of requests that do not say when they are.
    now: i64,
}

/// What a program was read from, to read it again with other numbers.
#[derive(Clone)]
struct Text {
    modules: Modules,
    sources: Sources,
    query: Option<String>,
    /// The number of the item that is a test.
    test: Option<usize>,
    max_rows: u64,
    /// Rows that its readings keep for later requests.
    cache: Arc<Cache>,
}

/// Everything that is wrong with a program.
#[derive(Clone, Debug)]
pub struct CompileError {
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::diag::render::draw(
            &self.diagnostics,
            &self.sources,
            false,
        ))
    }
}

impl std::error::Error for CompileError {}

/// A program's text and what to make of it.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// Shown in diagnostics.
    pub name: &'a str,
    pub text: &'a str,
    /// The folder that imports are relative to; none: the catalog's.
    pub folder: Option<&'a Path>,
    /// The query to run, if the file has several.
    pub query: Option<&'a str>,
}

/// What a check found: a program if it can run, and all diagnostics.
pub struct Compiled {
    pub program: Option<Program>,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
    /// The `test` items of the file.
    pub tests: Vec<Test>,
}

impl Engine {
    /// Opens the catalog of a folder (or the catalog file), bringing what is derived up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Engine, DataError> {
        Engine::open_with(path, &Options::default())
    }

    /// The same with options: another cache folder, a stale snapshot, progress.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Engine, DataError> {
        let path = path.as_ref();
        let snapshot = store::open(path, options)?;
        let vectors = Vectors::open(&snapshot, &*options.progress)?;
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        let library = Library::open(folder, &options.imports)?;
        Ok(Engine {
            inner: Arc::new(Inner {
                snapshot,
                vectors,
                library,
            }),
        })
    }

    /// Maps all of the snapshot and its indexes into memory, as a server does before it takes requests.
    /// Otherwise their pages come as they are used, which the first requests wait for. Where the system
    /// cannot do it, nothing happens.
    pub fn preload(&self) {
        self.inner.snapshot.preload();
        self.inner.vectors.preload();
    }

    pub fn schema(&self) -> &Schema {
        self.inner.snapshot.schema()
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.inner.snapshot
    }

    /// The vector indexes, and neighbours that were found ahead.
    pub fn vectors(&self) -> &Vectors {
        &self.inner.vectors
    }

    /// Compiles a program; an error carries every diagnostic.
    pub fn compile(&self, text: &str) -> Result<Program, CompileError> {
        self.compile_with(text, &Tunables::new())
    }

    /// Compiles a program with other values for its tunables than their defaults; one that there is not,
    /// or that cannot have its value, is among the diagnostics.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use igql::{Engine, Tunables};
    /// # let engine = Engine::open("examples/explore")?;
    /// let text = "tunable w in 0.0..5.0 = 1.0\nall(media).score(w * quality).take(10)";
    /// let program = engine.compile_with(text, &Tunables::new().set("w", 2.5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn compile_with(&self, text: &str, tunables: &Tunables) -> Result<Program, CompileError> {
        let unit = Unit {
            name: "program",
            text,
            folder: None,
            query: None,
        };
        let compiled = self.compile_tuned(&unit, Limits::default().max_rows, tunables);
        compiled.program.ok_or(CompileError {
            diagnostics: compiled.diagnostics,
            sources: compiled.sources,
        })
    }

    /// As [`Engine::compile_within`], with values for tunables.
    pub fn compile_tuned(&self, unit: &Unit, max_rows: u64, tunables: &Tunables) -> Compiled {
        self.compile_as(unit, None, max_rows, tunables)
    }

    /// The whole life of a text up to a plan: parse, check, schedule.
    pub fn compile_unit(&self, unit: &Unit) -> Compiled {
        self.compile_within(unit, Limits::default().max_rows)
    }

    /// The same for requests that may make that many rows at one operator.
    pub fn compile_within(&self, unit: &Unit, max_rows: u64) -> Compiled {
        self.compile_as(unit, None, max_rows, &Tunables::new())
    }

    /// The same in a session, whose definitions so far the program sees.
    pub fn compile_in(&self, unit: &Unit, session: Option<&str>) -> Compiled {
        let max_rows = Limits::default().max_rows;
        self.compile_as(unit, session, max_rows, &Tunables::new())
    }

    fn compile_as(
        &self,
        unit: &Unit,
        session: Option<&str>,
        max_rows: u64,
        tunables: &Tunables,
    ) -> Compiled {
        let mut sink = Sink::default();
        let loaded = self.inner.library.load(unit, session, &mut sink);
        let mut modules = Modules::new(loaded.modules);
        modules.tunables = tunables.clone();
        let text = Text {
            modules,
            sources: loaded.sources.clone(),
            query: unit.query.map(str::to_owned),
            test: None,
            max_rows,
            cache: Arc::default(),
        };
        let (checked, sink, plan) = self.planned(|numbers| {
            let (modules, sink) = (&text.modules, sink.clone());
            check(
                &self.inner.snapshot,
                modules,
                unit.query,
                sink,
                max_rows,
                numbers,
            )
        });
        let failed = sink.has_errors();
        let diagnostics = loaded.allowed.silence(sink.finish());
        let tests = if failed {
            Vec::new()
        } else {
            self.tests(&text)
        };
        let program = checked.filter(|_| !failed).map(|checked| Program {
            inner: Arc::new(ProgramInner {
                warnings: diagnostics.clone(),
                ..ProgramInner::new(
                    checked,
                    &self.inner.snapshot,
                    plan,
                    text,
                    Vec::new(),
                    every(),
                )
            }),
        });
        Compiled {
            program,
            diagnostics,
            sources: loaded.sources,
            tests,
        }
    }

    /// Reads a program with the constants of its `auto`s, then with the numbers that the plan
    /// says, as far as the budget permits.
    fn planned(
        &self,
        read: impl Fn(&Numbers) -> (Option<Checked>, Sink),
    ) -> (Option<Checked>, Sink, Plan) {
        let (first, sink) = read(&Numbers::default());
        let Some(checked) = first.as_ref().filter(|_| !sink.has_errors()) else {
            return (first, sink, Plan::default());
        };
        let mut most = plan::MOST;
        loop {
            let plan = plan(checked, &self.inner.snapshot, most);
            let Some(numbers) = plan.numbers(&checked.autos) else {
                return (first, sink, plan);
            };
            let (second, found) = read(&numbers);
            if !found.has_errors() {
                return (second, found, plan);
            }
            most = (most / 4.0).max(1.0);
        }
    }

    /// The program with the numbers of a further round; none where the budget forbids them.
    fn raised(&self, program: &ProgramInner, numbers: &[u64]) -> Option<Arc<ProgramInner>> {
        let mut known = program.raised.lock().unwrap_or_else(|e| e.into_inner());
        let read = || {
            let places = rounds::by_place(&program.checked, numbers);
            let (checked, assertions) = self.reread(&program.text, &places)?;
            let same = |(a, b): (&Auto, &Auto)| a.place == b.place;
            debug_assert!(checked.autos.iter().zip(&program.checked.autos).all(same));
            let text = program.text.clone();
            let (snapshot, plan) = (&self.inner.snapshot, program.plan.clone());
            let rules = program.rules.clone();
            let raised = ProgramInner::new(checked, snapshot, plan, text, assertions, rules);
            Some(Arc::new(raised))
        };
        if known.len() >= MOST_RAISED && !known.contains_key(numbers) {
            known.clear();
        }
        known.entry(numbers.to_vec()).or_insert_with(read).clone()
    }

    fn reread(&self, text: &Text, numbers: &Numbers) -> Option<(Checked, Vec<Assertion>)> {
        let (snapshot, modules, max_rows) = (&self.inner.snapshot, &text.modules, text.max_rows);
        if let Some(item) = text.test {
            let trial = trial(snapshot, modules, item, max_rows, numbers)?;
            return Some((trial.checked, trial.assertions));
        }
        let query = text.query.as_deref();
        let (checked, sink) = check(snapshot, modules, query, Sink::default(), max_rows, numbers);
        let checked = checked.filter(|_| !sink.has_errors())?;
        Some((checked, Vec::new()))
    }

    /// The files that a program of a session sees: its own, which is empty, then the others.
    pub fn modules(&self, session: Option<&str>) -> Vec<Arc<Module>> {
        let unit = Unit {
            name: "session",
            text: "",
            folder: None,
            query: None,
        };
        let mut sink = Sink::default();
        self.inner.library.load(&unit, session, &mut sink).modules
    }

    /// Runs a program for one request.
    pub fn run(&self, program: &Program, request: &Request) -> Result<Answer, RunError> {
        self.run_with(program, request, &Limits::default())
    }

    /// The same under limits.
    pub fn run_with(
        &self,
        program: &Program,
        request: &Request,
        limits: &Limits,
    ) -> Result<Answer, RunError> {
        let requests = std::slice::from_ref(request);
        let mut pass = self.run_pass(program, requests, *limits)?;
        Ok(pass.answers.remove(0))
    }

    /// Runs a program for many requests, in vectorised passes. The answers are those that each
    /// request would get alone, in the order of the requests.
    pub fn run_batch(
        &self,
        program: &Program,
        requests: &[Request],
    ) -> Result<Vec<Answer>, RunError> {
        self.run_batch_with(program, requests, &Limits::default())
    }

    /// The same under limits, which are those of each request. The first request that hits one ends the
    /// batch; with [`Limits::partial`] it has a partial answer.
    pub fn run_batch_with(
        &self,
        program: &Program,
        requests: &[Request],
        limits: &Limits,
    ) -> Result<Vec<Answer>, RunError> {
        let passes: Vec<&[Request]> = requests.chunks(self.pass_size(program)).collect();
        let flight = Flight::of(passes.len());
        let ask = Ask::default();
        let mut answers = Vec::with_capacity(requests.len());
        in_order(
            &passes,
            |pass| self.pass_in(&flight, program, pass, *limits, &ask),
            |pass| {
                answers.extend(pass.answers);
                Ok(())
            },
        )?;
        Ok(answers)
    }

    /// How many requests are best run in one pass: fewer where each makes many rows.
    pub fn pass_size(&self, program: &Program) -> usize {
        let program = &program.inner;
        *program.pass_size.get_or_init(|| {
            let mut rows = plan::described(&program.checked, &self.inner.snapshot);
            // what is made once for all does not count for each
            for member in program.rewritten.schedule.members() {
                rows[member.0 as usize].1 = 0.0;
            }
            let expected = rows.iter().map(|(_, expected)| *expected);
            let widest = expected.fold(1.0, f64::max);
            ((PASS_ROWS / widest) as usize).clamp(1, PASS)
        })
    }

    /// Runs a program for one request, and says of every row why it is there, and of the entities
    /// asked for why they are not.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use igql::{Ask, Engine, Request};
    /// # let engine = Engine::open("examples/explore")?;
    /// # let program = engine.compile("user.liked().account_nn().posted_media().take(10)")?;
    /// let ask = Ask { why: true, why_not: vec![7.into()] };
    /// let answer = engine.explain(&program, &Request::user(5), &ask)?;
    /// for step in answer.rows().iter().filter_map(|row| row.why()).flat_map(|why| &why.path) {
    ///     println!("{} {} {}", step.op, step.entity, step.key);
    /// }
    /// for reason in answer.why_not.iter().flat_map(|not| &not.reasons) {
    ///     println!("{}: {}", reason.op, reason.message);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn explain(
        &self,
        program: &Program,
        request: &Request,
        ask: &Ask,
    ) -> Result<Answer, RunError> {
        let requests = std::slice::from_ref(request);
        let mut pass = self.explain_pass(program, requests, Limits::default(), ask)?;
        Ok(pass.answers.remove(0))
    }

    /// Runs a program for some requests in one pass, under limits, and tells what it took.
    pub fn run_pass(
        &self,
        program: &Program,
        requests: &[Request],
        limits: Limits,
    ) -> Result<Pass, RunError> {
        self.explain_pass(program, requests, limits, &Ask::default())
    }

    /// The same, with explanations where they are asked for.
    pub fn explain_pass(
        &self,
        program: &Program,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
    ) -> Result<Pass, RunError> {
        self.pass_in(&Flight::of(1), program, requests, limits, ask)
    }

    /// The same for one of several passes at a time, which share the memory that a request may take.
    ///
    /// Limits are of a request: what it gets, and whether it fails, is as if it ran alone. Requests that
    /// do not fit together are divided, down to one that has all memory for itself.
    pub(crate) fn pass_in(
        &self,
        flight: &Flight,
        program: &Program,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
    ) -> Result<Pass, RunError> {
        let run = |limits, last| {
            let call = Call {
                program: &program.inner,
                requests,
                limits,
                ask,
                now: flight.now(|| self.now()),
            };
            self.rounds(call, last)
        };
        let divided = |requests: &[Request]| -> Result<Pass, RunError> {
            let mut all = Pass::default();
            for part in requests.chunks(requests.len().div_ceil(2)) {
                all.add(self.pass_in(flight, program, part, limits, ask)?);
            }
            Ok(all)
        };
        let last = requests.len() == 1 && !flight.shares(limits);
        let ran = match last {
            true => run(limits, true),
            false => flight.among_others(|| run(flight.share(limits), false)),
        };
        match ran {
            Err(RunError::Limit(_)) if requests.len() > 1 => divided(requests),
            Ok((mut pass, ended)) if !ended.is_empty() && requests.len() > 1 => {
                let again: Vec<Request> = ended.iter().map(|&at| requests[at].clone()).collect();
                let more = divided(&again)?;
                pass.further_rounds += more.further_rounds;
                pass.timings.extend(more.timings);
                for (at, answer) in ended.into_iter().zip(more.answers) {
                    pass.answers[at] = answer;
                }
                Ok(pass)
            }
            // an answer is not partial for the sake of others
            Ok((pass, ended)) if ended.is_empty() && (last || !pass.is_partial()) => Ok(pass),
            Ok(_) | Err(RunError::Limit(_)) if !last => {
                let (pass, _) = flight
                    .alone(|| run(limits, true))
                    .map_err(|e| e.of(user(requests)))?;
                Ok(pass)
            }
            Ok((pass, _)) => Ok(pass),
            Err(error) => Err(error.of(user(requests))),
        }
    }

    /// Runs requests together, those that end short again with larger numbers. Gives the places of
    /// requests whose further round a limit ended; the `last` time that they run, that counts as not
    /// made.
    fn rounds(&self, call: Call, last: bool) -> Result<(Pass, Vec<usize>), RunError> {
        let (program, requests) = (call.program, call.requests);
        let mut call = Call {
            limits: call.limits.from_now(),
            ..call
        };
        let (mut pass, again) = self.one_round(call)?;
        call.limits.partial = false;
        let everyone: Vec<usize> = (0..requests.len()).collect();
        let mut open = rounds::groups(again, &everyone);
        let mut ended = Vec::new();
        for _ in 0..rounds::MOST {
            let mut short = Vec::new();
            for (numbers, places) in open {
                let Some(raised) = self.raised(program, &numbers) else {
                    continue;
                };
                let again: Vec<Request> = places.iter().map(|&at| requests[at].clone()).collect();
                let round = Call {
                    program: &raised,
                    requests: &again,
                    ..call
                };
                match self.one_round(round) {
                    Ok((round, again)) => {
                        pass.further_rounds += places.len();
                        for (&place, answer) in places.iter().zip(round.answers) {
                            pass.answers[place] = answer;
                        }
                        short.extend(rounds::groups(again, &places));
                    }
                    Err(RunError::Limit(_)) if !last => ended.extend(places),
                    Err(RunError::Limit(hit)) => {
                        let message =
                            format!("no further round with larger numbers: {}", hit.message);
                        for at in places {
                            pass.answers[at].warnings.push(message.clone());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            open = short;
        }
        Ok((pass, ended))
    }

    /// Runs a program once, and says which requests need more.
    fn one_round(&self, call: Call) -> Result<(Pass, Again), RunError> {
        let Call {
            program,
            requests,
            limits,
            ask,
            ..
        } = call;
        let checked = &program.checked;
        let (graph, _) = program.runs(limits, ask);
        self.execute(call, |exec, results, timings, limit| {
            let again = match limit {
                None => {
                    rounds::warnings(checked, graph, &program.never, exec, results);
                    rounds::next(checked, graph, &program.never, exec, results)
                }
                Some(_) => vec![None; requests.len()],
            };
            let warnings = exec.noted();
            let is_whole = limit.is_none();
            // what there is is told, however late it is, where that is asked
            let ends = !limits.partial;
            let stop = match ends {
                true => exec.run.stop,
                false => Stop::default(),
            };
            let mut answers =
                answer::answers(checked, requests, exec.run, results, &warnings, stop);
            if ends {
                exec.check("answer", 0)?;
            }
            if let Some((hit, ended)) = &limit {
                let of_list = |&ended: &exec::Ended| Ended::new(checked, self.schema(), ended);
                let ended: Vec<Ended> = ended.iter().flat_map(of_list).collect();
                answers
                    .iter_mut()
                    .for_each(|answer| answer.end(&hit.message, &ended));
            }
            if ask.is_anything() && is_whole {
                let tracer = Tracer::new(&checked.graph, program.schedule(), exec, results);
                explain(checked, tracer, ask, results, &mut answers)?;
            }
            let pass = Pass {
                answers,
                timings,
                further_rounds: 0,
            };
            Ok((pass, again))
        })
    }

    /// Runs what a program needs, and hands it on while it is there.
    fn execute<R>(
        &self,
        call: Call,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<Cut>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let results = Results::new(call.program.checked.graph.len());
        let done = self.execute_into(&results, call, finish);
        if done.is_err() {
            discard(results);
        }
        done
    }

    fn execute_into<R>(
        &self,
        results: &Results,
        call: Call,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<Cut>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let Call {
            program,
            requests,
            limits,
            ask,
            now,
        } = call;
        let checked = &program.checked;
        let snapshot = &self.inner.snapshot;
        let memory = limits.max_memory.map(Memory::new);
        let stop = Stop {
            memory: memory.as_ref(),
            ..limits.stop
        };
        let (texts, keys) = (Texts::within(snapshot, stop), Keys::within(snapshot, stop));
        let bound = request::bind(
            checked,
            program.needs_viewer,
            requests,
            snapshot,
            &texts,
            &keys,
            now,
        )?;
        let run = Run {
            snapshot,
            texts: &texts,
            keys: &keys,
            now: bound.now,
            viewers: bound.viewers,
            params: bound.params,
            seeds: requests.iter().map(|r| r.seed).collect(),
            sets: results,
            stop,
            members: Members::new(stop),
            memo: Memo::default(),
            ends: Ends::new(stop),
        };
        request::in_range(checked, &run)?;
        let exec = Exec::new(&run, &self.inner.vectors, limits);
        bound
            .warnings
            .into_iter()
            .for_each(|(request, message)| exec.warn(request, message));
        let (graph, schedule) = program.runs(limits, ask);
        let keep = match limits.partial || ask.is_anything() {
            true => None,
            false => Some(rounds::read_after(checked, graph)),
        };
        match exec::run(graph, schedule, &exec, results, keep.as_deref()) {
            // requests that do not fit together are run one by one
            Err(RunError::Limit(hit)) if limits.partial && requests.len() == 1 => {
                let ended = exec::salvage(&checked.graph, &checked.roots(), &exec, results);
                finish(&exec, results, Vec::new(), Some((hit, ended)))
            }
            ran => finish(&exec, results, ran?, None),
        }
    }

    /// What `now` is for a request that does not say.
    fn now(&self) -> i64 {
        match self.schema().defaults.now {
            Now::At(time) => time,
            // just after the newest link; where nothing has a time, any will do
            Now::Latest => match self.inner.snapshot.latest() {
                Some(time) => time.saturating_add(1),
                None => clock(),
            },
            Now::Clock => clock(),
        }
    }
}

/// The limit that ended a run, and where its lists ended.
type Cut = (Hit, Vec<exec::Ended>);

/// The user of the only request.
fn user(requests: &[Request]) -> Option<&Key> {
    requests.first().and_then(|request| request.user.as_ref())
}

/// Microseconds since 1970.
fn clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_micros() as i64)
}

/// Adds the explanations to the answers of a run.
fn explain(
    checked: &Checked,
    mut tracer: Tracer,
    ask: &Ask,
    results: &Results,
    answers: &mut [Answer],
) -> Result<(), RunError> {
    for (request, answer) in answers.iter_mut().enumerate() {
        for ((name, node), list) in checked.results.iter().zip(&mut answer.lists) {
            if ask.why {
                let places = results.rows(*node).range(request);
                let why = places.map(|place| tracer.why(*node, request, place));
                list.set_why(why.collect::<Result<_, _>>()?);
            }
            for key in &ask.why_not {
                let not = why_not(&mut tracer, name.as_deref(), *node, request, key)?;
                answer.why_not.push(not);
            }
        }
    }
    Ok(())
}

/// The answers of one pass, and what each operator did.
#[derive(Default)]
pub struct Pass {
    pub answers: Vec<Answer>,
    pub timings: Vec<Timing>,
    /// How often requests were run again, because they ended with fewer rows than they asked for.
    pub further_rounds: usize,
}

impl Pass {
    fn is_partial(&self) -> bool {
        self.answers.iter().any(|answer| answer.partial)
    }

    /// Adds what another pass did, whose requests come after those of this one.
    fn add(&mut self, more: Pass) {
        self.answers.extend(more.answers);
        self.timings.extend(more.timings);
        self.further_rounds += more.further_rounds;
    }
}

impl ProgramInner {
    fn new(
        checked: Checked,
        snapshot: &Snapshot,
        plan: Plan,
        text: Text,
        assertions: Vec<Assertion>,
        rules: Vec<&'static Rule>,
    ) -> Self {
        let needs_viewer = needs_viewer(&checked) || assertions.iter().any(Assertion::reads_viewer);
        let read_after = |graph: &Graph| rounds::read_after(&checked, graph);
        let rewritten = Rewritten::new(&checked, snapshot, &rules, read_after, &text.cache);
        ProgramInner {
            never: rewritten.nothings(),
            rewritten,
            rules,
            checked,
            plan,
            schedule: OnceLock::new(),
            warnings: Vec::new(),
            needs_viewer,
            text,
            raised: Mutex::default(),
            pass_size: OnceLock::new(),
            assertions,
        }
    }

    fn schedule(&self) -> &Schedule {
        let schedule = || Schedule::new(&self.checked.graph, &self.checked.roots());
        self.schedule.get_or_init(schedule)
    }

    /// What runs: what explains an answer, or stands for one, are rows of the program as written.
    fn runs(&self, limits: Limits, ask: &Ask) -> (&Graph, &Schedule) {
        match limits.partial || ask.is_anything() {
            true => (&self.checked.graph, self.schedule()),
            false => (&self.rewritten.graph, &self.rewritten.schedule),
        }
    }
}

/// The rules of a program that is not compared with others.
fn every() -> Vec<&'static Rule> {
    RULES.iter().collect()
}

impl Engine {
    /// The keys of the rows that an operator gives a request in its first round, for tests.
    #[doc(hidden)]
    pub fn rows_of(
        &self,
        program: &Program,
        request: &Request,
        node: NodeId,
    ) -> Result<Vec<Key>, RunError> {
        let program = &program.inner;
        let requests = std::slice::from_ref(request);
        // explanations look at all operators of the program as it is written
        let ask = Ask {
            why: true,
            ..Ask::default()
        };
        let call = Call {
            program,
            requests,
            limits: Limits::default(),
            ask: &ask,
            now: self.now(),
        };
        self.execute(call, |exec, results, _, _| {
            let entity = program.checked.graph.shape(node).entity;
            let keys = exec.run.keys.keys(entity, &results.rows(node).ids);
            Ok(keys
                .into_iter()
                .map(|key| key.unwrap_or(Key::Int(0)))
                .collect())
        })
    }

    /// The program run after some of the rewrites only, for tests: it gives the same answers.
    #[doc(hidden)]
    pub fn by_rules(&self, program: &Program, names: &[&str]) -> Program {
        let (inner, snapshot) = (&program.inner, &self.inner.snapshot);
        let (checked, plan, text) = (&inner.checked, &inner.plan, &inner.text);
        let (checked, plan, text) = (checked.clone(), plan.clone(), text.clone());
        let rules = RULES.iter().filter(|rule| names.contains(&rule.name));
        let rules = rules.collect();
        Program {
            inner: Arc::new(ProgramInner {
                warnings: inner.warnings.clone(),
                never: inner.never.clone(),
                ..ProgramInner::new(checked, snapshot, plan, text, Vec::new(), rules)
            }),
        }
    }
}

impl Program {
    /// The operators that run, for tests.
    #[doc(hidden)]
    pub fn rewritten(&self) -> &Rewritten {
        &self.inner.rewritten
    }

    /// Lints and other warnings.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.inner.warnings
    }

    pub fn sources(&self) -> &Sources {
        &self.inner.text.sources
    }

    /// The typed operators.
    pub fn checked(&self) -> &Checked {
        &self.inner.checked
    }

    /// What the numbers left open became, in the order of [`Checked::autos`].
    pub fn plan(&self) -> &Plan {
        &self.inner.plan
    }

    pub fn schedule(&self) -> &Schedule {
        self.inner.schedule()
    }

    /// Forgets the rows that are kept because they are the same for all who ask alike: the next request
    /// takes as long as the first.
    pub fn forget(&self) {
        self.inner.text.cache.clear();
    }

    /// Whether a request has to say who asks.
    pub fn needs_viewer(&self) -> bool {
        self.inner.needs_viewer
    }
}

/// Whether anything that runs reads the viewer.
fn needs_viewer(checked: &Checked) -> bool {
    let nodes = checked.graph.reachable(&checked.roots());
    nodes.into_iter().any(|id| {
        let op = &checked.graph.get(id).op;
        op.name() == "user" || op.exprs().into_iter().any(Expr::reads_viewer)
    })
}

/// Whether any of the diagnostics is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity() == Severity::Error)
}
