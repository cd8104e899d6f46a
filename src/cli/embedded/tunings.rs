//! `igql tune` of a program that is compiled.

use super::programs::tuned;
use super::words::{OUTPUT, PROJECT, Refused, no_input, parse};
use super::{EmbeddedError, Within, heard};
use crate::cli::tune::{self, Forms, TuneArgs};
use crate::cli::{Failure, params};
use crate::engine::{Engine, Program};

/// What tuning found, in all its forms.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// What `igql tune --format json` prints.
    pub json: String,
    /// What it prints for people, as wide as it takes.
    pub text: String,
    /// What `--format html` prints: a page that needs nothing else.
    pub html: String,
    /// What is doubtful, a sentence each.
    pub warnings: Vec<String>,
    /// Each tunable with the value that it has and the one that won: the same where nothing did.
    pub values: Vec<(String, f64, f64)>,
    /// The texts with the values that won, by the names of their files: the program, and what it imports. Only those
    /// that `--write` would change.
    pub rewritten: Vec<(String, String)>,
    /// Whether something won; if not, the command fails.
    pub won: bool,
    /// Why nothing won, or in spite of what something did.
    pub reason: Option<String>,
    /// Whether it was ended before all trials had run. The same search goes on where it was ended.
    pub stopped: bool,
}

const REFUSED: [Refused; 3] = [
    ("query", "name the query when the program is compiled"),
    ("learned", "open the engine with the folder of trained versions"),
    ("write", "texts with the values that won are returned"),
];

/// Looks for better values of a program's tunables. Trials are kept beside the snapshot, by the name of the program, as
/// those of the command are. Where the flag of `within` ends it, what was found until then is the result, if anything
/// was.
pub fn tune(
    engine: &Engine,
    program: &Program,
    words: &[String],
    within: &Within,
) -> Result<Tuning, EmbeddedError> {
    let (forms, mut warnings) = heard(|| forms(engine, program, words, within))?;
    let Forms { json, text, html, rewritten, report } = forms;
    warnings.extend(report.warnings);
    let values = report.tunables.into_iter().map(|tuned| (tuned.name, tuned.from, tuned.to));
    Ok(Tuning {
        json,
        text,
        html,
        warnings,
        values: values.collect(),
        rewritten,
        won: report.winner.is_some(),
        reason: report.reason,
        stopped: report.stopped,
    })
}

fn forms(
    engine: &Engine,
    program: &Program,
    words: &[String],
    within: &Within,
) -> Result<Forms, Failure> {
    let source = program.sources().get(program.source());
    let args: TuneArgs = parse(words, &[&source.name], &[&OUTPUT, &PROJECT, &REFUSED])?;
    no_input("--users", args.requests.users.iter())?;
    no_input("--requests", args.requests.requests.iter())?;
    let given = &args.requests.param;
    let (program, params) = tuned(engine, program, given)?;
    let (tunables, _) = params::tunables(&program, given)?;
    tune::forms(engine, &program, (&tunables, &params), &args, within)
}
