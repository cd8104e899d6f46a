//! From a text to a program: parse, check, plan.

use super::program::{Origin, Planned, Rewrites, Text, counterpart};
use super::{Engine, Program, Test};
use crate::check::modules::{Module, Modules};
use crate::check::{
    Assertion, Auto, Checked, Experiment, Numbers, Trained, Tunables, check, experiments, trained,
    trial,
};
use crate::diag::{Diagnostic, Severity, Sink};
use crate::expr::NodeId;
use crate::library::Unit;
use crate::ops::RunError;
use crate::plan::{self, Plan, plan};
use crate::rounds;
use crate::source::Sources;
use std::sync::Arc;

/// Readings of a program with other numbers that are kept: many programs have few.
const MOST_RAISED: usize = 64;

/// Everything that is wrong with a program.
#[derive(Clone, Debug)]
pub struct CompileError {
    /// Errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans lie in.
    pub sources: Sources,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::diag::render::draw(&self.diagnostics, &self.sources, false))
    }
}

impl std::error::Error for CompileError {}

/// What a check found: a program if it can run, and all diagnostics.
pub struct Compiled {
    /// The program, if there is no error.
    pub program: Option<Program>,
    /// Errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans lie in.
    pub sources: Sources,
    /// The `test` items of the file.
    pub tests: Vec<Test>,
    /// The experiments of the file, its imports and the prelude.
    pub experiments: Vec<Arc<Experiment>>,
    /// The trained models that the file, its imports and the prelude declare, as far as they are right.
    pub trained: Vec<Arc<Trained>>,
}

impl Compiled {
    /// The program, or everything that is wrong with it.
    pub fn into_program(self) -> Result<Program, CompileError> {
        self.program.ok_or(CompileError { diagnostics: self.diagnostics, sources: self.sources })
    }
}

impl Engine {
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
        let unit = Unit { tunables: Some(tunables), ..Unit::new("program", text) };
        self.compile_unit(&unit).into_program()
    }

    /// The whole life of a text up to a plan: parse, check, plan.
    pub fn compile_unit(&self, unit: &Unit) -> Compiled {
        let max_rows = unit.max_rows;
        let mut sink = Sink::default();
        let loaded = self.library.load(unit, &mut sink);
        let mut modules = Modules::new(loaded.modules);
        modules.vocabulary = self.world.vocabulary.clone();
        modules.roots = loaded.roots;
        modules.tunables = unit.tunables.cloned().unwrap_or_default();
        let text = Text {
            modules,
            sources: loaded.sources.clone(),
            origin: Arc::new(Origin::of(unit)),
            test: None,
            max_rows,
            cache: Arc::default(),
        };
        let (checked, sink, plan) = self.planned(|numbers| {
            let (modules, sink) = (&text.modules, sink.clone());
            check(&self.world.snapshot, modules, unit.query, sink, max_rows, numbers)
        });
        let failed = sink.has_errors();
        let diagnostics = loaded.allowed.silence(sink.finish());
        let tests = if failed { Vec::new() } else { self.tests(&text) };
        let experiments = match &checked {
            Some(checked) => checked.experiments.clone(),
            None => experiments(&self.world.snapshot, &text.modules),
        };
        let trained = match &checked {
            Some(checked) => checked.trained.clone(),
            None => trained(&self.world.snapshot, &text.modules),
        };
        let program = checked.filter(|_| !failed).map(|checked| Program {
            inner: Arc::new(Planned {
                warnings: diagnostics.clone(),
                ..Planned::new(
                    checked,
                    &self.world.snapshot,
                    plan,
                    text,
                    Vec::new(),
                    Rewrites::default(),
                )
            }),
            world: self.world.clone(),
        });
        Compiled { program, diagnostics, sources: loaded.sources, tests, experiments, trained }
    }

    /// A program with other values for its tunables. An error carries what is wrong with it then: a bound that depends
    /// on one may be too large.
    pub(crate) fn with_tunables(
        &self,
        program: &Program,
        tunables: &Tunables,
    ) -> Result<Program, CompileError> {
        let mut text = Text { cache: Arc::default(), ..program.inner.text.clone() };
        text.modules.tunables = tunables.clone();
        let query = text.origin.query.as_deref();
        let (checked, sink, plan) = self.planned(|numbers| {
            let snapshot = &self.world.snapshot;
            check(snapshot, &text.modules, query, Sink::default(), text.max_rows, numbers)
        });
        let is_whole = !sink.has_errors();
        let Some(checked) = checked.filter(|_| is_whole) else {
            return Err(CompileError { diagnostics: sink.finish(), sources: text.sources });
        };
        let rewrites = Rewrites::default();
        let planned = Planned::new(checked, &self.world.snapshot, plan, text, Vec::new(), rewrites);
        Ok(Program { inner: Arc::new(planned), world: self.world.clone() })
    }

    /// The same where the others keep the values that they have.
    #[cfg(feature = "cli")]
    pub(crate) fn retuned(
        &self,
        program: &Program,
        tunables: &Tunables,
    ) -> Result<Program, CompileError> {
        let kept = program.inner.text.modules.tunables.clone();
        let all = tunables.iter().fold(kept, |all, (name, value)| all.set(name, value));
        self.with_tunables(program, &all)
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
            let plan = plan(checked, &self.world.snapshot, most);
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
    pub(super) fn raised(&self, program: &Planned, numbers: &[u64]) -> Option<Arc<Planned>> {
        let mut known = program.raised.lock().unwrap_or_else(|e| e.into_inner());
        let read = || {
            let places = rounds::by_place(&program.checked, numbers);
            let (mut checked, assertions) = self.reread(&program.text, &places)?;
            checked.tells_propensities = program.checked.tells_propensities;
            let same = |(a, b): (&Auto, &Auto)| a.place == b.place;
            debug_assert!(checked.autos.iter().zip(&program.checked.autos).all(same));
            let text = program.text.clone();
            let (snapshot, plan) = (&self.world.snapshot, program.plan.clone());
            let there = |&node: &NodeId| counterpart(&program.checked.graph, node, &checked.graph);
            let watched = program.rewrites.watched.iter().map(there).collect();
            let logged = program.rewrites.logged.iter().map(there).collect();
            let rewrites = Rewrites { watched, logged, ..program.rewrites.clone() };
            let raised = Planned::new(checked, snapshot, plan, text, assertions, rewrites);
            Some(Arc::new(raised))
        };
        if known.len() >= MOST_RAISED && !known.contains_key(numbers) {
            known.clear();
        }
        known.entry(numbers.to_vec()).or_insert_with(read).clone()
    }

    /// What a program was checked as, with the constants of its `auto`s instead of what the planner made of them.
    pub(crate) fn as_written(&self, program: &Program) -> Result<Checked, RunError> {
        self.can_run(&program.world)?;
        let planned = &program.inner;
        let raised = planned.checked.autos.iter().any(|auto| auto.number != auto.constant);
        let first = raised.then(|| self.reread(&planned.text, &Numbers::default())).flatten();
        Ok(first.map_or_else(|| planned.checked.clone(), |(checked, _)| checked))
    }

    fn reread(&self, text: &Text, numbers: &Numbers) -> Option<(Checked, Vec<Assertion>)> {
        let (snapshot, modules, max_rows) = (&self.world.snapshot, &text.modules, text.max_rows);
        if let Some(item) = text.test {
            let trial = trial(snapshot, modules, item, max_rows, numbers)?;
            return Some((trial.checked, trial.assertions));
        }
        let query = text.origin.query.as_deref();
        let (checked, sink) = check(snapshot, modules, query, Sink::default(), max_rows, numbers);
        let checked = checked.filter(|_| !sink.has_errors())?;
        Some((checked, Vec::new()))
    }

    /// The files that a program of a session sees: its own, which is empty, then the others.
    pub fn modules(&self, session: Option<&str>) -> Vec<Arc<Module>> {
        let unit = Unit { session, ..Unit::new("session", "") };
        self.library.load(&unit, &mut Sink::default()).modules
    }
}

/// Whether any of the diagnostics is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity() == Severity::Error)
}
