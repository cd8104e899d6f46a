//! Programs and their answers, as the command shows them.

use super::words::{PROJECT, Refused, parse};
use super::{EmbeddedError, Within, heard};
use crate::answer::Answer;
use crate::cli::explain::{self, ExplainArgs};
use crate::cli::table::{self as tables, Room};
use crate::cli::{Failure, check as checks, params, why};
use crate::diag::Diagnostic;
use crate::engine::{Engine, Program, Unit, has_errors};
use crate::source::Sources;
use crate::wire::{self, Format};

/// Every diagnostic of a program.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What `igql check --format json` prints.
    pub json: String,
    /// They as they are drawn, without colours; empty where there is none.
    pub text: String,
    /// They themselves, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they are about.
    pub sources: Sources,
    /// Whether one of them is an error.
    pub has_errors: bool,
}

/// Checks a program; with `assume_trained` as if what it learns had been trained.
pub fn check(engine: &Engine, unit: &Unit, assume_trained: bool) -> Result<Checked, EmbeddedError> {
    let checked = checks::checked(engine, unit, assume_trained);
    let compiled = checked.map_err(|error| EmbeddedError::Data(Box::new(error)))?;
    Ok(Checked {
        json: checks::json(&compiled),
        text: crate::cli::drawn(&compiled.diagnostics, &compiled.sources, Default::default()),
        has_errors: has_errors(&compiled.diagnostics),
        diagnostics: compiled.diagnostics,
        sources: compiled.sources,
    })
}

const REFUSED: [Refused; 2] = [
    ("output", "the result is returned, to be written by the caller"),
    ("query", "name the query when the program is compiled"),
];

/// What `igql explain` prints of a program: `--stage` and `--format` say what, `--analyze` runs it.
pub fn explain(
    engine: &Engine,
    program: &Program,
    words: &[String],
    within: &Within,
) -> Result<String, EmbeddedError> {
    let work = || {
        let source = program.sources().get(program.source());
        let args: ExplainArgs = parse(words, &[&source.name], &[&PROJECT, &REFUSED])?;
        let (program, params) = tuned(engine, program, &args.param)?;
        explain::shown(engine, &program, &params, &args, within)
    };
    Ok(heard(work)?.0)
}

/// A program with what of `--param NAME=VALUE` names its tunables, and the others, which are parameters of requests.
pub(super) fn tuned(
    engine: &Engine,
    program: &Program,
    given: &[String],
) -> Result<(Program, Vec<String>), Failure> {
    engine.can_read(program)?;
    let (tunables, rest) = params::tunables(program, given)?;
    match tunables.is_empty() {
        true => Ok((program.clone(), rest)),
        false => Ok((engine.retuned(program, &tunables)?, rest)),
    }
}

/// An answer as `igql run --format table` prints it, as wide as it takes; where it has them, without reasons.
pub fn table(answer: &Answer) -> String {
    tables::answer(answer, false, Room::unlimited())
}

/// Why its rows are there and others are not, as `--why` and `--why-not` say it: empty if nobody asked.
pub fn reasons(answer: &Answer) -> String {
    why::text(answer)
}

/// Both: what `igql run --format table` prints of a request.
pub fn explained(answer: &Answer) -> String {
    table(answer) + &reasons(answer)
}

/// What `igql run --format json` prints of the answer to a request, with reasons where it has them.
pub fn answer_json(program: &Program, answer: &Answer) -> Result<String, EmbeddedError> {
    let mut bytes = Vec::new();
    let answers = std::slice::from_ref(answer);
    let written = wire::write_answers(&mut bytes, Format::Json, program, answers);
    written.map_err(|error| EmbeddedError::Usage(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| EmbeddedError::Usage(error.to_string()))
}
