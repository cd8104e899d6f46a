//! `igql replay` over programs that are compiled.

use super::programs::tuned;
use super::words::{OUTPUT, PROJECT, Refused, no_input, parse};
use super::{EmbeddedError, Within, heard};
use crate::cli::Failure;
use crate::cli::replay::{self, Forms, ReplayArgs};
use crate::engine::{Engine, Program};

/// A replay in all its forms.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What `igql replay --format json` prints.
    pub json: String,
    /// What it prints for people, as wide as it takes.
    pub text: String,
    /// What `--format html` prints: a page that needs nothing else.
    pub html: String,
    /// What is doubtful, a sentence each: about the options and the data, then those of the report.
    pub warnings: Vec<String>,
    /// Why it is not what was asked for, where the command prints it and fails all the same: something cannot be
    /// estimated, or `--strict` does not hold.
    pub unmet: Option<String>,
}

const REFUSED: [Refused; 4] = [
    ("query", "name the query when the program is compiled"),
    ("learned", "open the engine with the folder of trained versions"),
    ("per_request", "it writes a file, which only the command does"),
    ("qrels", "it writes a file, which only the command does"),
];

/// Replays programs, each with a name for the report, by which `--baseline` may name it. Of `--param`, what names
/// tunables of a program is a value of its tunable.
pub fn replay(
    engine: &Engine,
    programs: &[(String, Program)],
    words: &[String],
    within: &Within,
) -> Result<Replayed, EmbeddedError> {
    let (forms, mut warnings) = heard(|| forms(engine, programs, words, within))?;
    if within.is_stopped() {
        return Err(EmbeddedError::Stopped);
    }
    let Forms { json, text, html, warnings: own, unmet } = forms;
    warnings.extend(own);
    Ok(Replayed { json, text, html, warnings, unmet })
}

fn forms(
    engine: &Engine,
    programs: &[(String, Program)],
    words: &[String],
    within: &Within,
) -> Result<Forms, Failure> {
    let names: Vec<&str> = programs.iter().map(|(name, _)| name.as_str()).collect();
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    if names.is_empty() {
        return usage("there is no program to replay");
    }
    let args: ReplayArgs = parse(words, &names, &[&OUTPUT, &PROJECT, &REFUSED])?;
    if args.files.len() != names.len() {
        return usage("programs are given as such, and not among the options");
    }
    no_input("--users", args.requests.users.iter())?;
    no_input("--requests", args.requests.requests.iter())?;
    let mut params = Vec::new();
    let mut all = Vec::new();
    for (name, program) in programs {
        let (program, rest) = tuned(engine, program, &args.requests.param)?;
        params = rest;
        all.push((name.as_str(), program));
    }
    let all: Vec<(&str, &Program)> = all.iter().map(|(name, program)| (*name, program)).collect();
    replay::forms(engine, &all, &params, &args, within)
}
