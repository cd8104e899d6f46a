//! `igql check`: every diagnostic of some programs.

use super::experiments::Declared;
use super::{Failure, Outcome, PROGRAM, ProgramFile, Project, as_json, draw, grid, out};
use crate::engine::{Compiled, Engine, Unit, has_errors};
use crate::store::DataError;
use clap::{Args, ValueEnum};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql check page.igql feed.igql\n  \
    igql check page.igql --format json\n  \
    igql check *.igql --experiments")]
pub struct CheckArgs {
    /// Programs to check (`-` for standard input)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to write the diagnostics, or the experiments
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show the experiments of the programs, with what they import and the prelude, layer by layer
    #[arg(long)]
    experiments: bool,
    /// Check as if what the programs learn had been trained: for a machine without trained versions
    #[arg(long)]
    assume_trained: bool,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Drawn, on standard error
    Text,
    /// An array, on standard output
    Json,
}

pub fn check(project: &Project, args: &CheckArgs) -> Result<(), Failure> {
    let mut engines: HashMap<PathBuf, Engine> = HashMap::new();
    let (mut all, mut declared) = (Vec::new(), Declared::default());
    let mut outcome = Outcome::default();
    for path in &args.files {
        let Some(file) = outcome.take(ProgramFile::read(path)) else {
            continue;
        };
        let catalog = project.find(Some(path))?;
        if !engines.contains_key(&catalog) {
            engines.insert(catalog.clone(), project.open(Some(path))?);
        }
        let engine = &engines[&catalog];
        let compiled = checked(engine, &file.unit(), args.assume_trained)?;
        if has_errors(&compiled.diagnostics) {
            outcome.note(PROGRAM);
        }
        declared.add(&compiled.experiments, &compiled.sources);
        match args.format {
            Format::Json if !args.experiments => {
                all.extend(as_array(&compiled));
            }
            _ => draw(&compiled.diagnostics, &compiled.sources),
        }
        let says_so = args.format == Format::Text && !args.experiments;
        if says_so && compiled.diagnostics.is_empty() {
            out::say(format_args!("{}: no problems", file.name));
        }
    }
    match (args.format, args.experiments) {
        (Format::Text, false) => {}
        (Format::Text, true) => out::print(&declared.table(grid::width()))?,
        (Format::Json, false) => out::print(&pretty(all))?,
        (Format::Json, true) => out::print(&format!("{:#}\n", declared.json()))?,
    }
    outcome.end()
}

/// Checks a program; where that is assumed, as if what it learns had been trained.
pub fn checked(engine: &Engine, unit: &Unit, assume_trained: bool) -> Result<Compiled, DataError> {
    let assumed = match assume_trained {
        true => engine.assuming_trained(unit)?,
        false => None,
    };
    Ok(assumed.as_ref().unwrap_or(engine).compile_unit(unit))
}

/// Its diagnostics, for machines.
fn as_array(compiled: &Compiled) -> Vec<Json> {
    match as_json(&compiled.diagnostics, &compiled.sources) {
        Json::Array(found) => found,
        other => vec![other],
    }
}

fn pretty(all: Vec<Json>) -> String {
    format!("{:#}\n", Json::Array(all))
}

/// The diagnostics of one program as `--format json` has them.
pub fn json(compiled: &Compiled) -> String {
    pretty(as_array(compiled))
}
