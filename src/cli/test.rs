//! `igql test`: the `test` items of some programs.

use super::progress::on_terminal;
use super::{Failure, Outcome, PROGRAM, ProgramFile, Project, as_json, draw, out};
use crate::diag::Diagnostic;
use crate::engine::{Compiled, Engine, Test, has_errors};
use crate::ops::Limits;
use crate::source::Sources;
use crate::store::{Progress, Silent};
use crate::visible::visible;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql test page.igql feed.igql\n  \
    igql test page.igql --format json")]
pub struct TestArgs {
    /// Programs whose tests to run (`-` for standard input)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per test; failures are shown on standard error
    Text,
    /// An array, on standard output
    Json,
}

/// Runs every test of every file; ends with 1 if one fails or a file has errors.
pub fn test(project: &Project, args: &TestArgs) -> Result<(), Failure> {
    let mut engines: HashMap<PathBuf, Engine> = HashMap::new();
    let mut tally = Tally::new(args.format);
    for path in &args.files {
        let Some(file) = tally.outcome.take(ProgramFile::read(path)) else {
            continue;
        };
        let catalog = project.find(Some(path))?;
        if !engines.contains_key(&catalog) {
            engines.insert(catalog.clone(), project.open(Some(path))?);
        }
        let engine = &engines[&catalog];
        let compiled = file.compile(engine, None);
        tally.file(&file.name, &compiled);
        let tests = compiled.tests.len() as u64;
        for (done, test) in (0..).zip(&compiled.tests) {
            tally.progress.report(&file.name, done, tests);
            tally.test(engine, &file.name, test, &compiled.sources)?;
        }
        tally.progress.report(&file.name, tests, tests);
    }
    tally.finish()
}

/// What came out so far.
struct Tally {
    format: Format,
    all: Vec<serde_json::Value>,
    passed: usize,
    failed: usize,
    /// Of the files: one has errors, so that its tests could not run, or cannot be read.
    outcome: Outcome,
    progress: Arc<dyn Progress>,
}

impl Tally {
    fn new(format: Format) -> Tally {
        Tally {
            format,
            all: Vec::new(),
            passed: 0,
            failed: 0,
            outcome: Outcome::default(),
            // lines about tests say enough
            progress: match format == Format::Text && std::io::stdout().is_terminal() {
                true => Arc::new(Silent),
                false => on_terminal(),
            },
        }
    }

    fn file(&mut self, name: &str, compiled: &Compiled) {
        let broken = has_errors(&compiled.diagnostics);
        if broken {
            self.outcome.note(PROGRAM);
        }
        match self.format {
            Format::Text => {
                draw(&compiled.diagnostics, &compiled.sources);
                if compiled.tests.is_empty() && !broken {
                    out::say(format_args!("{name}: no tests"));
                }
            }
            Format::Json if broken => self.all.push(json!({
                "file": name,
                "test": null,
                "ok": false,
                "failures": as_json(&compiled.diagnostics, &compiled.sources),
            })),
            Format::Json => {}
        }
    }

    fn test(
        &mut self,
        engine: &Engine,
        file: &str,
        test: &Test,
        sources: &Sources,
    ) -> Result<(), Failure> {
        let (failures, error): (Vec<Diagnostic>, _) = match engine.run_test(test, Limits::default())
        {
            Ok(failures) => (failures, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let ok = failures.is_empty() && error.is_none();
        *(if ok { &mut self.passed } else { &mut self.failed }) += 1;
        match self.format {
            Format::Text => {
                let came = if ok { "ok    " } else { "failed" };
                out::print(&format!("{came} {file}: {}\n", visible(&test.name)))?;
                draw(&failures, sources);
                if let Some(error) = error {
                    out::say(format_args!("error: {error}"));
                }
            }
            Format::Json => self.all.push(json!({
                "file": file,
                "test": test.name,
                "ok": ok,
                "failures": as_json(&failures, sources),
                "error": error,
            })),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        match self.format {
            Format::Text => {
                out::print(&format!("{} passed, {} failed\n", self.passed, self.failed))?;
            }
            Format::Json => {
                let all = serde_json::Value::Array(self.all);
                out::print(&format!("{all:#}\n"))?;
            }
        }
        if self.failed > 0 {
            self.outcome.note(PROGRAM);
        }
        self.outcome.end()
    }
}
