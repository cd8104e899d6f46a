//! The engine as the tests use it: all that depends on its interface is here.

use super::output::{OutRow, Output, difference};
use crate::reference::autos::{Numbers, place};
use crate::reference::{Request, Role};
use igql::store::Options;
use igql::train::Train;
use igql::{Answer, Engine, Program, Row, Unit};
use std::path::Path;

/// A diagnostic, as far as cases are about it.
#[derive(Debug)]
pub struct Found {
    pub code: String,
    pub message: String,
    /// Bytes of the program; none if it lies in another file.
    pub span: Option<std::ops::Range<usize>>,
    pub help: Option<String>,
}

/// All diagnostics of a program over the catalog in a folder.
pub fn check(folder: &Path, program: &str) -> Vec<Found> {
    let engine =
        Engine::open(folder).unwrap_or_else(|e| panic!("the case's world does not open: {e}"));
    diagnostics(&engine, folder, program)
}

fn diagnostics(engine: &Engine, folder: &Path, program: &str) -> Vec<Found> {
    let compiled = engine.compile_unit(&unit(program, folder, None));
    let own =
        compiled.sources.iter().find(|(_, source)| &*source.text == program).map(|(id, _)| id);
    let found = |d: &igql::diag::Diagnostic| Found {
        code: d.code.id.to_owned(),
        message: d.message.clone(),
        span: (Some(d.span.source) == own).then(|| d.span.range()),
        help: d.help.clone(),
    };
    compiled.diagnostics.iter().map(found).collect()
}

/// A program run after one rewrite, or none.
pub struct Rewritten {
    pub rule: Option<&'static str>,
    /// Whether other operators ran than are written.
    pub changed: bool,
    pub answers: Vec<Output>,
}

impl std::fmt::Display for Rewritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "only the rewrite `{rule}`"),
            None => f.write_str("without rewrites"),
        }
    }
}

/// An open catalog with a number of threads.
pub struct Opened {
    engine: Engine,
    threads: rayon::ThreadPool,
    folder: std::path::PathBuf,
}

impl Opened {
    pub fn open(folder: &Path, threads: usize) -> Opened {
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let engine = threads
            .install(|| Engine::open(folder))
            .unwrap_or_else(|e| panic!("the world does not open: {e}"));
        Opened { engine, threads, folder: folder.to_owned() }
    }

    /// The same, with what is derived in another folder, and with all learnt there that a program and the prelude declare.
    pub fn trained(folder: &Path, derived: &Path, threads: usize, program: &str) -> Opened {
        let options = Options { cache: Some(derived.to_owned()), ..Options::default() };
        let engine = Engine::open_with(folder, &options)
            .unwrap_or_else(|e| panic!("the world does not open: {e}"));
        let trained = engine.train(&unit(program, folder, None), &Train::default());
        trained.unwrap_or_else(|e| panic!("what is declared is not learnt: {e}"));
        let engine = engine.reload().expect("the same world");
        Opened { engine, ..Opened::open(folder, threads) }
    }

    pub fn snapshot(&self) -> &igql::store::Snapshot {
        self.engine.snapshot()
    }

    /// Runs a program for some requests together.
    pub fn run(&self, program: &str, requests: &[Request]) -> Result<Vec<Output>, String> {
        let program = self.compile(program, requests[0].query.as_deref())?;
        self.run_compiled(&program, requests)
    }

    /// Runs a program as it is written, and after each of the rewrites alone.
    pub fn run_rewritten(
        &self,
        program: &str,
        requests: &[Request],
    ) -> Result<Vec<Rewritten>, String> {
        let program = self.compile(program, requests[0].query.as_deref())?;
        let operators = |program: &Program| {
            let rewritten = program.rewritten();
            let nodes = rewritten.schedule.nodes();
            let node = |id| rewritten.graph.get(id);
            let shown = nodes.map(node).map(|n| format!("{:?} {:?}", n.op, n.inputs));
            shown.collect::<Vec<_>>()
        };
        let written = operators(&self.engine.by_rules(&program, &[]));
        let run = |rule: Option<&'static str>| {
            let program = self.engine.by_rules(&program, rule.as_slice());
            Ok(Rewritten {
                rule,
                changed: operators(&program) != written,
                answers: self.run_compiled(&program, requests)?,
            })
        };
        let alone = igql::optimize::RULES.iter().map(|rule| Some(rule.name));
        std::iter::once(None).chain(alone).map(run).collect()
    }

    /// Runs a program over and over, after each of the rewrites alone, where what these have in common runs once. With
    /// little memory, not all of it is kept.
    pub fn run_kept(
        &self,
        program: &str,
        requests: &[Request],
        bytes: u64,
    ) -> Result<Vec<Vec<Output>>, String> {
        let program = self.compile(program, requests[0].query.as_deref())?;
        let kept = std::sync::Arc::new(igql::exec::Kept::new(bytes));
        let rules = igql::optimize::RULES.iter().map(|rule| vec![rule.name]);
        let rules: Vec<Vec<&str>> = std::iter::once(Vec::new()).chain(rules).collect();
        let run = |rules: &Vec<&str>| {
            let program = self.engine.by_rules(&program, rules);
            self.run_compiled(&self.engine.keeping(&program, &kept), requests)
        };
        rules.iter().chain(&rules).map(run).collect()
    }

    fn run_compiled(&self, program: &Program, requests: &[Request]) -> Result<Vec<Output>, String> {
        let asked: Vec<igql::Request> = requests.iter().map(request).collect();
        let answers = self.threads.install(|| match asked.as_slice() {
            [one] => self.engine.run(program, one).map(|answer| vec![answer]),
            many => self.engine.run_batch(program, many),
        });
        Ok(answers.map_err(|e| e.to_string())?.iter().map(output).collect())
    }

    /// Runs a program for one request that may make so many rows; nothing if it makes more.
    pub fn run_within(
        &self,
        program: &str,
        asked: &Request,
        max_rows: u64,
    ) -> Result<Option<Output>, String> {
        let program = self.compile(program, asked.query.as_deref())?;
        let limits = igql::Limits { max_rows, ..igql::Limits::default() };
        match self.engine.execute(&program, &[request(asked)], &limits.into()) {
            Ok(pass) => Ok(pass.answers.first().map(output)),
            Err(igql::RunError::Limit(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Cuts the run of a request at some of its looks at the clock, and judges what it gives.
    pub fn cut(
        &self,
        program: &str,
        asked: &Request,
        rng: &mut (impl FnMut(usize) -> usize + Send),
        seen: &mut super::partial::Seen,
    ) -> Result<(), String> {
        let program = self.compile(program, asked.query.as_deref())?;
        let some = |made: u64| (0..6).map(|_| 1 + rng(made as usize) as u64).collect();
        let run = || super::partial::cut(&self.engine, &program, &request(asked), some, seen);
        self.threads.install(run)
    }

    /// What a program means that another does not; with `meaning`, whatever answers show.
    pub fn differ(&self, old: &str, new: &str, meaning: bool) -> Result<bool, String> {
        let (old, new) = (self.compile(old, None)?, self.compile(new, None)?);
        let diff = self.engine.diff(&old, &new).map_err(|e| e.to_string())?;
        Ok(!(diff.is_empty() || meaning && diff.is_output_only()))
    }

    /// All diagnostics of a program.
    pub fn check(&self, program: &str) -> Vec<Found> {
        diagnostics(&self.engine, &self.folder, program)
    }

    /// Asks why rows are there and others not; the explanations must fit the answers.
    pub fn explain(&self, program: &str, requests: &[Request]) -> Result<(), String> {
        let program = self.compile(program, requests[0].query.as_deref())?;
        let asked: Vec<igql::Request> = requests.iter().map(request).collect();
        let plain = self.engine.run_batch(&program, &asked).map_err(|e| e.to_string())?;
        let schema = self.engine.schema();
        let entities = schema.entities.iter();
        let ask = igql::Ask {
            why: true,
            why_not: entities
                .flat_map(|e| (0..e.rows.min(3)).map(|row| (e.name.clone(), row)))
                .map(|(name, row)| {
                    let entity = schema.find_entity(&name).expect("an entity of the schema");
                    self.engine.snapshot().key(entity, row)
                })
                .collect(),
        };
        let options = igql::RunOptions { ask, ..igql::RunOptions::default() };
        let pass = self.engine.execute(&program, &asked, &options);
        let explained = pass.map_err(|e| e.to_string())?.answers;
        for (plain, explained) in plain.iter().zip(&explained) {
            if let Some(changed) = difference(&output(plain), &output(explained), false) {
                return Err(format!("{:?}: changed when explained: {changed}", plain.user));
            }
            fits(explained)?;
        }
        Ok(())
    }

    /// What the planner says of the program's open numbers; nothing if it does not compile.
    pub fn numbers(&self, program: &str, query: Option<&str>) -> Numbers {
        let Ok(program) = self.compile(program, query) else {
            return Numbers::new();
        };
        let number = |auto: &igql::check::Auto| {
            let role = match auto.place.role {
                igql::ops::Role::Source => Role::Source,
                igql::ops::Role::Fact => Role::Fact,
            };
            let calls = auto.place.calls.iter().copied();
            (place(auto.place.fanout, calls, role), auto.number as usize)
        };
        program.checked().autos.iter().map(number).collect()
    }

    /// Compiles a program; the error says what is wrong with it.
    pub fn compile(&self, program: &str, query: Option<&str>) -> Result<Program, String> {
        let compiled = self.engine.compile_unit(&unit(program, &self.folder, query));
        let drawn = || igql::diag::render::draw(&compiled.diagnostics, &compiled.sources, false);
        compiled.program.ok_or_else(|| format!("it does not compile:\n{}", drawn()))
    }
}

fn unit<'a>(text: &'a str, folder: &'a Path, query: Option<&'a str>) -> Unit<'a> {
    Unit { folder: Some(folder), query, ..Unit::new("case.igql", text) }
}

fn request(asked: &Request) -> igql::Request {
    igql::Request {
        user: asked.viewer.clone(),
        params: asked.params.clone(),
        at: Some(asked.now),
        seed: asked.seed,
        arms: asked.arms.clone(),
    }
}

fn output(answer: &Answer) -> Output {
    let row = |row: Row, names: &[(String, igql::Type)]| OutRow {
        key: row.key().clone(),
        score: row.score_or_null(),
        columns: names.iter().map(|(n, _)| n.clone()).zip(row.values().cloned()).collect(),
    };
    let list = |list: &igql::List| {
        (list.name.clone(), list.rows().map(|r| row(r, &list.columns)).collect::<Vec<_>>())
    };
    let lists: Output = answer.lists.iter().map(list).collect();
    let arms: crate::reference::Arms = answer.arms.iter().chain(&answer.forced).cloned().collect();
    super::output::with_arms(lists, &arms)
}

/// A path begins at a source and ends at the row; what is said to be there is there.
fn fits(answer: &Answer) -> Result<(), String> {
    for list in &answer.lists {
        for row in list.rows() {
            let why = row.why().ok_or("a row without an explanation")?;
            let fits = why.path.first().is_some_and(|step| step.weight.is_none())
                && why.path.iter().skip(1).all(|step| step.links > 0)
                && why.path.last().is_some_and(|step| step.key == *row.key());
            if !fits {
                return Err(format!(
                    "{:?}: row {} has the path {:?}",
                    answer.user,
                    row.key(),
                    why.path
                ));
            }
        }
        for not in answer.why_not.iter().filter(|not| not.list == list.name) {
            let there = list.rows().any(|row| *row.key() == not.key);
            if there != (not.outcome == igql::why::Outcome::Present) || not.reasons.is_empty() {
                return Err(format!("{:?}: {not:?}", answer.user));
            }
        }
    }
    Ok(())
}
