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

mod trials;

pub use trials::Test;

use crate::answer::{self, Answer, Ask};
use crate::batch::discard;
use crate::catalog::schema::{Now, Schema};
use crate::check::modules::{Module, Modules};
use crate::check::{Assertion, Checked, Numbers, check, trial};
use crate::diag::{Diagnostic, Severity, Sink};
use crate::exec::{self, Results, Schedule, Timing};
use crate::expr::eval::Sets;
use crate::expr::texts::{Keys, Texts};
use crate::expr::{Kind, Run};
use crate::library::Library;
use crate::ops::vectors::Vectors;
use crate::ops::{Exec, Graph, Limits, RunError};
use crate::optimize::{RULES, Rewritten, Rule, rewrite};
use crate::plan::{self, Plan, plan};
use crate::request::{self, Request};
use crate::rounds::{self, Again};
use crate::source::Sources;
use crate::store::{self, DataError, Options, Snapshot};
use crate::stream::in_order;
use crate::why::{Tracer, why_not};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Requests that are run together in one pass, at most.
const PASS: usize = 64;
/// Rows that one operator is expected to make in a pass: memory is that of a few passes.
const PASS_ROWS: f64 = 2e6;

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
    warnings: Vec<Diagnostic>,
    needs_viewer: bool,
    text: Text,
    /// The same program with the numbers of second rounds; none where the budget forbids them.
    raised: Mutex<HashMap<Vec<u64>, Option<Arc<ProgramInner>>>>,
    pass_size: OnceLock<usize>,
    /// Of a test.
    assertions: Vec<Assertion>,
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
        let library = Library::open(folder)?;
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
        let unit = Unit {
            name: "program",
            text,
            folder: None,
            query: None,
        };
        let compiled = self.compile_unit(&unit);
        compiled.program.ok_or(CompileError {
            diagnostics: compiled.diagnostics,
            sources: compiled.sources,
        })
    }

    /// The whole life of a text up to a plan: parse, check, schedule.
    pub fn compile_unit(&self, unit: &Unit) -> Compiled {
        self.compile_within(unit, Limits::default().max_rows)
    }

    /// The same for requests that may make that many rows at one operator.
    pub fn compile_within(&self, unit: &Unit, max_rows: u64) -> Compiled {
        self.compile_as(unit, None, max_rows)
    }

    /// The same in a session, whose definitions so far the program sees.
    pub fn compile_in(&self, unit: &Unit, session: Option<&str>) -> Compiled {
        self.compile_as(unit, session, Limits::default().max_rows)
    }

    fn compile_as(&self, unit: &Unit, session: Option<&str>, max_rows: u64) -> Compiled {
        let mut sink = Sink::default();
        let loaded = self.inner.library.load(unit, session, &mut sink);
        let modules = Modules::new(loaded.modules);
        let text = Text {
            modules,
            sources: loaded.sources.clone(),
            query: unit.query.map(str::to_owned),
            test: None,
            max_rows,
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

    /// The program with the numbers of a second round; none where the budget forbids them.
    fn raised(&self, program: &ProgramInner, numbers: &[u64]) -> Option<Arc<ProgramInner>> {
        let mut known = program.raised.lock().unwrap_or_else(|e| e.into_inner());
        let read = || {
            let places = rounds::by_place(&program.checked, numbers);
            let (mut checked, assertions) = self.reread(&program.text, &places)?;
            // there is no third round: nothing is left to be raised
            checked.autos.clear();
            let text = program.text.clone();
            let (snapshot, plan) = (&self.inner.snapshot, program.plan.clone());
            let rules = program.rules.clone();
            let raised = ProgramInner::new(checked, snapshot, plan, text, assertions, rules);
            Some(Arc::new(raised))
        };
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
        let mut answers = self
            .run_pass(program, std::slice::from_ref(request), Limits::default())?
            .answers;
        Ok(answers.remove(0))
    }

    /// Runs a program for many requests, in vectorised passes. The answers are those that each
    /// request would get alone, in the order of the requests.
    pub fn run_batch(
        &self,
        program: &Program,
        requests: &[Request],
    ) -> Result<Vec<Answer>, RunError> {
        let passes: Vec<&[Request]> = requests.chunks(self.pass_size(program)).collect();
        let mut answers = Vec::with_capacity(requests.len());
        in_order(
            &passes,
            |pass| self.run_pass(program, pass, Limits::default()),
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
            let rows = plan::described(&program.checked, &self.inner.snapshot);
            let widest = rows
                .iter()
                .map(|(_, expected)| *expected)
                .fold(1.0, f64::max);
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
        let (mut pass, again) = self.one_round(&program.inner, requests, limits, ask)?;
        let ended = pass.answers.iter().any(|answer| answer.partial);
        if ended && requests.len() > 1 {
            return self.one_by_one(program, requests, limits, ask);
        }
        for (numbers, places) in rounds::groups(again) {
            if let Some(raised) = self.raised(&program.inner, &numbers) {
                self.second_round(&raised, requests, &places, limits, ask, &mut pass)?;
            }
        }
        Ok(pass)
    }

    /// Runs requests with the numbers of their second round, as far as the budget permits it.
    fn second_round(
        &self,
        raised: &ProgramInner,
        requests: &[Request],
        places: &[usize],
        limits: Limits,
        ask: &Ask,
        pass: &mut Pass,
    ) -> Result<(), RunError> {
        let again: Vec<Request> = places
            .iter()
            .map(|&place| requests[place].clone())
            .collect();
        let second = match self.one_round(raised, &again, limits, ask) {
            Ok((second, _)) => second.answers,
            Err(RunError::Limit(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let is_whole = !second.is_empty() && second.iter().all(|answer| !answer.partial);
        if !is_whole && places.len() > 1 {
            // a limit that one hits is no other's
            let mut alone = places.chunks(1);
            return alone
                .try_for_each(|one| self.second_round(raised, requests, one, limits, ask, pass));
        }
        if is_whole {
            pass.second_rounds += places.len();
            for (&place, answer) in places.iter().zip(second) {
                pass.answers[place] = answer;
            }
        }
        Ok(())
    }

    /// Runs a program for each request alone, so that a limit that one hits is no other's.
    fn one_by_one(
        &self,
        program: &Program,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
    ) -> Result<Pass, RunError> {
        let mut all = Pass::default();
        for request in requests {
            let pass = self.explain_pass(program, std::slice::from_ref(request), limits, ask)?;
            all.answers.extend(pass.answers);
            all.timings.extend(pass.timings);
            all.second_rounds += pass.second_rounds;
        }
        Ok(all)
    }

    /// Runs a program once, and says which requests need more.
    fn one_round(
        &self,
        program: &ProgramInner,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
    ) -> Result<(Pass, Again), RunError> {
        let checked = &program.checked;
        let (graph, _) = program.runs(limits, ask);
        self.execute(
            program,
            requests,
            limits,
            ask,
            |exec, results, timings, limit| {
                let again = match limit {
                    None => rounds::second(checked, graph, exec, results)?,
                    Some(_) => vec![None; requests.len()],
                };
                let warnings = exec.noted();
                let mut answers = answer::answers(checked, requests, exec.run, results, &warnings);
                let is_whole = limit.is_none();
                for (answer, limit) in answers.iter_mut().zip(limit.iter().cycle()) {
                    answer.partial = true;
                    answer
                        .warnings
                        .push(format!("the answer is partial: {limit}"));
                }
                if ask.is_anything() && is_whole {
                    let tracer = Tracer::new(&checked.graph, program.schedule(), exec, results);
                    explain(checked, tracer, ask, results, &mut answers)?;
                }
                let second_rounds = 0;
                let pass = Pass {
                    answers,
                    timings,
                    second_rounds,
                };
                Ok((pass, again))
            },
        )
    }

    /// Runs what a program needs, and hands it on while it is there.
    fn execute<R>(
        &self,
        program: &ProgramInner,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<String>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let results = Results::new(program.checked.graph.len());
        let done = self.execute_into(&results, program, requests, limits, ask, finish);
        if done.is_err() {
            discard(results);
        }
        done
    }

    fn execute_into<R>(
        &self,
        results: &Results,
        program: &ProgramInner,
        requests: &[Request],
        limits: Limits,
        ask: &Ask,
        finish: impl FnOnce(&Exec, &Results, Vec<Timing>, Option<String>) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        let checked = &program.checked;
        let snapshot = &self.inner.snapshot;
        let (texts, keys) = (Texts::new(snapshot), Keys::new(snapshot));
        let bound = request::bind(
            checked,
            program.needs_viewer,
            requests,
            snapshot,
            &texts,
            &keys,
            self.now(),
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
            stop: limits.stop,
        };
        request::in_range(checked, &run)?;
        let exec = Exec::new(&run, &self.inner.vectors, limits);
        bound
            .warnings
            .into_iter()
            .for_each(|(request, message)| exec.warn(request, message));
        let (graph, schedule) = program.runs(limits, ask);
        let ran = exec::run(graph, schedule, &exec, results);
        let (timings, limit) = match ran {
            Err(RunError::Limit(limit)) if limits.partial => {
                exec::salvage(&checked.graph, &checked.roots(), results, requests.len());
                (Vec::new(), Some(limit))
            }
            ran => (ran?, None),
        };
        finish(&exec, results, timings, limit)
    }

    /// What `now` is for a request that does not say.
    fn now(&self) -> i64 {
        match self.schema().defaults.now {
            Now::At(time) => time,
            // just after the newest link
            Now::Latest => self
                .inner
                .snapshot
                .newest_link()
                .map_or(0, |time| time.saturating_add(1)),
            Now::Clock => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |t| t.as_micros() as i64),
        }
    }
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
    /// Requests that were run once more, because they ended with fewer rows than they asked for.
    pub second_rounds: usize,
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
        ProgramInner {
            rewritten: rewrite(&checked, snapshot, &rules),
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
        let mut reads = op.name() == "user";
        for expr in op.exprs() {
            expr.walk(&mut |part| reads |= part.kind == Kind::Viewer);
        }
        reads
    })
}

/// Whether any of the diagnostics is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity() == Severity::Error)
}
