//! `test` items: a program of their own with assertions.

use super::Engine;
use super::program::{Planned, Rewrites, Text};
use super::run::Call;
use super::world::World;
use crate::answer::Ask;
use crate::check::{Assertion, Numbers, Who, trial};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Kind as ExprKind, Stat};
use crate::expr::show::literal;
use crate::expr::{Expr, Frame, Run};
use crate::ops::{Graph, Limits, RunError};
use crate::plan::{self, plan};
use crate::request::Request;
use crate::rounds;
use crate::source::Sources;
use std::sync::Arc;

/// A `test` item that can be run with [`Engine::run_test`].
pub struct Test {
    /// The name that the program gives it.
    pub name: String,
    who: Who,
    program: Planned,
    world: Arc<World>,
}

impl Engine {
    /// The tests of a program without errors.
    pub(super) fn tests(&self, text: &Text) -> Vec<Test> {
        let items = 0..text.modules.all[0].file.items.len();
        items.filter_map(|item| self.test(text, item)).collect()
    }

    fn test(&self, text: &Text, item: usize) -> Option<Test> {
        let (snapshot, modules) = (&self.world.snapshot, &text.modules);
        let read = |numbers: &Numbers| trial(snapshot, modules, item, text.max_rows, numbers);
        let first = read(&Numbers::default())?;
        let plan = plan(&first.checked, snapshot, plan::MOST);
        let trial = match plan.numbers(&first.checked.autos) {
            Some(numbers) => read(&numbers)?,
            None => first,
        };
        let text = Text { test: Some(item), ..text.clone() };
        let (checked, assertions) = (trial.checked, trial.assertions);
        Some(Test {
            name: trial.name,
            who: trial.who,
            program: Planned::new(checked, snapshot, plan, text, assertions, Rewrites::default()),
            world: self.world.clone(),
        })
    }

    /// Runs a test: the assertions that are not true, each with the values that it compares.
    pub fn run_test(&self, test: &Test, limits: Limits) -> Result<Vec<Diagnostic>, RunError> {
        self.can_run(&test.world)?;
        let request = Request {
            user: test.who.user.clone(),
            at: test.who.at,
            seed: test.who.seed,
            arms: test.who.arms.clone(),
            params: Vec::new(),
        };
        let request = [request];
        let limits = limits.from_now();
        let now = self.now();
        let (mut failed, mut again) = self.assert(&test.program, &request, limits, now)?;
        for _ in 0..rounds::MOST {
            let raised = again.and_then(|numbers| self.raised(&test.program, &numbers));
            let Some(raised) = raised else { break };
            match self.assert(&raised, &request, limits, now) {
                Ok(round) => (failed, again) = round,
                Err(RunError::Limit(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(failed)
    }

    /// The assertions of a test that are not true, and the numbers of the next round.
    fn assert(
        &self,
        program: &Planned,
        request: &[Request],
        limits: Limits,
        now: i64,
    ) -> Result<(Vec<Diagnostic>, Option<Vec<u64>>), RunError> {
        let ask = Ask::default();
        let (graph, _) = program.runs(limits, &ask);
        let call = Call { program, requests: request, limits, ask: &ask, now };
        self.finished(call, |exec, results, _, _| {
            let again =
                rounds::next(&program.checked, graph, &program.never, exec, results).remove(0);
            let run = exec.run;
            let frame = Frame::requests(run);
            let is_true = |a: &&Assertion| frame.condition(&a.condition).first() == Some(&1);
            let failed = program.assertions.iter().filter(|a| !is_true(a));
            let sources = &program.text.sources;
            let graph = &program.checked.graph;
            let drawn = failed.map(|assertion| {
                let found = disproved(assertion, &frame, run, sources);
                let rows = counterexamples(&assertion.condition, graph, run);
                found.maybe_help(rows)
            });
            let failed = drawn.collect();
            Ok((failed, again))
        })
    }
}

/// Rows that a failed assertion names.
const MAX_NAMED: usize = 5;

/// Of a condition over the rows of a set, those that decide it: by key, and how many there are.
fn counterexamples(condition: &Expr, graph: &Graph, run: &Run) -> Option<String> {
    let ExprKind::OverSet { stat, set, value: Some(value) } = &condition.kind else {
        return None;
    };
    let rows = run.sets.rows(*set);
    let owners = rows.owners();
    let holds = Frame::rows(run, rows, &owners).condition(value);
    let (of, decides): (_, fn(u8) -> bool) = match stat {
        Stat::All => ("not true for", |is_true| is_true != 1),
        _ => ("true for", |is_true| is_true == 1),
    };
    let pairs = rows.ids.iter().zip(&holds);
    let deciding: Vec<u32> = pairs.filter(|(_, h)| decides(**h)).map(|(id, _)| *id).collect();
    let count = format!("{of} {} of {} rows", deciding.len(), rows.len());
    if deciding.is_empty() {
        return Some(count);
    }
    let entity = graph.shape(*set).entity;
    let name = &run.snapshot.schema().entity(entity).name;
    let first = &deciding[..deciding.len().min(MAX_NAMED)];
    let keys = run.keys.keys(entity, first);
    let keys: Vec<String> = keys
        .iter()
        .map(|key| key.as_ref().map_or("null".to_owned(), |k| format!("`{k}`")))
        .collect();
    let more = match deciding.len() - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{count}: {name} {}{more}", keys.join(", ")))
}

/// Characters of a value that a failed assertion shows.
const MAX_SHOWN: usize = 200;

/// An assertion that is not true, with the values of its sides.
fn disproved(assertion: &Assertion, frame: &Frame, run: &Run, sources: &Sources) -> Diagnostic {
    let shown = |expr: &crate::expr::Expr| {
        let column = frame.column(expr);
        literal(&crate::expr::read::value(run, &column, &expr.ty, 0))
    };
    let is_null = shown(&assertion.condition) == "null";
    let message =
        if is_null { "the assertion is null, not true" } else { "the assertion is false" };
    let found = Diagnostic::new(code::E0701, assertion.span, message);
    let sides = assertion.sides.iter().map(|(span, what, side)| {
        let mut value = shown(side);
        if value.chars().count() > MAX_SHOWN {
            value = value.chars().take(MAX_SHOWN).chain("...".chars()).collect();
        }
        match what {
            Some(what) => format!("{what}: {value}"),
            None => format!("`{}` is {value}", &sources.get(span.source).text[span.range()]),
        }
    });
    let sides: Vec<String> = sides.collect();
    found.maybe_help((!sides.is_empty()).then(|| sides.join("; ")))
}
