//! `test` items: a program of their own with assertions.

use super::{Engine, ProgramInner, Text, every};
use crate::answer::Ask;
use crate::check::{Assertion, Numbers, Who, trial};
use crate::diag::{Diagnostic, code};
use crate::expr::show::literal;
use crate::expr::{Frame, Run};
use crate::ops::{Limits, RunError};
use crate::plan::{self, plan};
use crate::request::Request;
use crate::rounds;
use crate::source::Sources;

/// A `test` item that can be run with [`Engine::run_test`].
pub struct Test {
    pub name: String,
    who: Who,
    program: ProgramInner,
}

impl Engine {
    /// The tests of a program without errors.
    pub(super) fn tests(&self, text: &Text) -> Vec<Test> {
        let items = 0..text.modules.all[0].file.items.len();
        items.filter_map(|item| self.test(text, item)).collect()
    }

    fn test(&self, text: &Text, item: usize) -> Option<Test> {
        let (snapshot, modules) = (&self.inner.snapshot, &text.modules);
        let read = |numbers: &Numbers| trial(snapshot, modules, item, text.max_rows, numbers);
        let first = read(&Numbers::default())?;
        let plan = plan(&first.checked, snapshot, plan::MOST);
        let trial = match plan.numbers(&first.checked.autos) {
            Some(numbers) => read(&numbers)?,
            None => first,
        };
        let text = Text {
            test: Some(item),
            ..text.clone()
        };
        let (checked, assertions) = (trial.checked, trial.assertions);
        Some(Test {
            name: trial.name,
            who: trial.who,
            program: ProgramInner::new(checked, snapshot, plan, text, assertions, every()),
        })
    }

    /// Runs a test: the assertions that are not true, each with the values that it compares.
    pub fn run_test(&self, test: &Test, limits: Limits) -> Result<Vec<Diagnostic>, RunError> {
        let request = Request {
            user: test.who.user.clone(),
            at: test.who.at,
            seed: test.who.seed,
            params: Vec::new(),
        };
        let request = [request];
        let limits = limits.from_now();
        let (mut failed, mut again) = self.assert(&test.program, &request, limits)?;
        for _ in 0..rounds::MOST {
            let raised = again.and_then(|numbers| self.raised(&test.program, &numbers));
            let Some(raised) = raised else { break };
            match self.assert(&raised, &request, limits) {
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
        program: &ProgramInner,
        request: &[Request],
        limits: Limits,
    ) -> Result<(Vec<Diagnostic>, Option<Vec<u64>>), RunError> {
        let ask = Ask::default();
        let (graph, _) = program.runs(limits, &ask);
        self.execute(program, request, limits, &ask, |exec, results, _, _| {
            let again = rounds::next(&program.checked, graph, exec, results).remove(0);
            let run = exec.run;
            let frame = Frame::requests(run);
            let is_true = |a: &&Assertion| frame.condition(&a.condition).first() == Some(&1);
            let failed = program.assertions.iter().filter(|a| !is_true(a));
            let sources = &program.text.sources;
            let failed = failed.map(|a| disproved(a, &frame, run, sources)).collect();
            Ok((failed, again))
        })
    }
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
    let message = if is_null {
        "the assertion is null, not true"
    } else {
        "the assertion is false"
    };
    let found = Diagnostic::new(code::E0701, assertion.span, message);
    let sides = assertion.sides.iter().map(|(span, what, side)| {
        let mut value = shown(side);
        if value.chars().count() > MAX_SHOWN {
            value = value.chars().take(MAX_SHOWN).chain("...".chars()).collect();
        }
        match what {
            Some(what) => format!("{what}: {value}"),
            None => format!(
                "`{}` is {value}",
                &sources.get(span.source).text[span.range()]
            ),
        }
    });
    let sides: Vec<String> = sides.collect();
    found.maybe_help((!sides.is_empty()).then(|| sides.join("; ")))
}
