//! `igql train` of what texts declare.

use super::words::{PROJECT, Refused, parse};
use super::{EmbeddedError, Within, heard};
use crate::cli::Failure;
use crate::cli::train::{self, Forms, TrainArgs};
use crate::engine::{Engine, Unit};

/// What became of declarations, in all its forms.
pub struct Training {
    /// What `igql train --format json` prints.
    pub json: String,
    /// What it prints for people, as wide as it takes.
    pub text: String,
    /// What `--report` writes: a page of how each training went.
    pub html: String,
    /// What is doubtful, a sentence each.
    pub warnings: Vec<String>,
    /// What could not be trained, each with why; where there is any, the command fails.
    pub failed: Vec<String>,
    /// The engine that reads what was trained.
    pub engine: Engine,
}

const REFUSED: [Refused; 5] = [
    ("list", "the catalog says what was learned"),
    ("report", "the page is returned"),
    ("dump", "it writes files, which only the command does"),
    ("prune", "it removes files, which only the command does"),
    ("format", "the result is returned in all its forms"),
];

/// Trains what units declare, with what they import and the prelude, where it is stale; without a unit, what the prelude
/// declares. With `--until TIME --learned DIR` versions of the past, which the engine that is returned reads.
pub fn train(
    engine: &Engine,
    units: &[Unit],
    words: &[String],
    within: &Within,
) -> Result<Training, EmbeddedError> {
    let (forms, warnings) = heard(|| forms(engine, units, words, within))?;
    let Forms { json, text, html, failed, engine } = forms;
    Ok(Training { json, text, html, warnings, failed, engine })
}

fn forms(
    engine: &Engine,
    units: &[Unit],
    words: &[String],
    within: &Within,
) -> Result<Forms, Failure> {
    let args: TrainArgs = parse(words, &[], &[&PROJECT, &REFUSED])?;
    if !args.files.is_empty() {
        let message = "texts are given as such, and not among the options";
        return Err(Failure::Usage(message.to_owned()));
    }
    // the prelude stands before a text, so before none too
    let prelude = [Unit::new("prelude", "")];
    let units = if units.is_empty() { &prelude } else { units };
    train::forms(engine, units, &args, within)
}
