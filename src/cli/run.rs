//! `igql run`: a program for one or many users.

use super::{Failure, ProgramFile, Project, output, params, table, users};
use crate::answer::Answer;
use crate::engine::{Engine, Program};
use crate::ops::Limits;
use crate::{Request, catalog};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct RunArgs {
    /// The program (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A user that asks; may be repeated
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// Many users: a file with one key a line or a key column, or `all`
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// The query to run, if the file has several
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// A parameter of the program; lists as JSON or separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// What `now` is, as 2024-05-01 or 2024-05-01T12:30:00Z [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: i64,
    /// How to write the answers [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Fail if a request makes more rows than this
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    max_rows: u64,
    /// Fail if a pass takes longer than this
    #[arg(long, value_name = "MS")]
    max_millis: Option<u64>,
    /// Fail if the rows of a pass take more bytes than this
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<u64>,
    /// Say on standard error how long each operator took
    #[arg(long)]
    timings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Ndjson,
}

/// Requests that are run, and their answers written, at one time.
const PASS: usize = 64;

pub fn run(project: &Project, args: &RunArgs) -> Result<(), Failure> {
    let mut file = ProgramFile::read(&args.file)?;
    // a lower limit is one for what comes to be made, not for what could
    file.max_rows = file.max_rows.max(args.max_rows);
    let engine = project.open(Some(&args.file))?;
    let program = file.program(&engine, args.query.as_deref())?;
    let requests = requests(&engine, &program, args)?;
    let answers = answers(&engine, &program, &requests, args)?;
    write(args, &answers)
}

fn requests(engine: &Engine, program: &Program, args: &RunArgs) -> Result<Vec<Request>, Failure> {
    let mut base = Request::anonymous().seed(args.seed);
    if let Some(at) = &args.at {
        let now = catalog::time::parse(at).ok_or_else(|| {
            Failure::Usage(format!(
                "--at {at}: expected a time as 2024-05-01 or 2024-05-01T12:30:00Z"
            ))
        })?;
        base = base.at(now);
    }
    for param in &args.param {
        let (name, value) = params::parse(engine, program, param)?;
        base = base.param(name, value);
    }
    let keys = users::keys(engine, &args.user, args.users.as_deref())?;
    if keys.is_empty() && args.users.is_none() {
        return Ok(vec![base]);
    }
    Ok(keys
        .into_iter()
        .map(|key| Request {
            user: Some(key),
            ..base.clone()
        })
        .collect())
}

fn answers(
    engine: &Engine,
    program: &Program,
    requests: &[Request],
    args: &RunArgs,
) -> Result<Vec<Answer>, Failure> {
    let limits = Limits {
        max_rows: args.max_rows,
        deadline: args
            .max_millis
            .map(|ms| Instant::now() + Duration::from_millis(ms)),
        max_memory: args.max_memory,
    };
    let passes: Vec<_> = requests
        .par_chunks(PASS)
        .map(|chunk| engine.run_pass(program, chunk, limits))
        .collect();
    let mut answers = Vec::with_capacity(requests.len());
    let mut times: Vec<(Duration, usize)> = vec![Default::default(); program.checked().graph.len()];
    for pass in passes {
        let pass = pass?;
        for timing in &pass.timings {
            let (time, rows) = &mut times[timing.node.0 as usize];
            *time += timing.time;
            *rows += timing.rows;
        }
        answers.extend(pass.answers);
    }
    if args.timings {
        for id in program.schedule().nodes() {
            let (time, rows) = times[id.0 as usize];
            let name = program.checked().graph.get(id).op.name();
            eprintln!(
                "#{:<3} {name:14} {:>10} us {rows:>10} rows",
                id.0,
                time.as_micros()
            );
        }
    }
    Ok(answers)
}

fn write(args: &RunArgs, answers: &[Answer]) -> Result<(), Failure> {
    let terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let format = args.format.unwrap_or(if terminal {
        Format::Table
    } else {
        Format::Json
    });
    let text = match format {
        Format::Table => answers
            .iter()
            .map(|a| table::answer(a, answers.len() > 1))
            .collect::<String>(),
        Format::Ndjson => answers
            .iter()
            .map(|a| format!("{}\n", output::answer(a)))
            .collect(),
        Format::Json => match answers {
            [one] => format!("{:#}\n", output::answer(one)),
            many => format!(
                "{:#}\n",
                many.iter()
                    .map(output::answer)
                    .collect::<serde_json::Value>()
            ),
        },
    };
    if format == Format::Table {
        answers
            .iter()
            .flat_map(|a| &a.warnings)
            .for_each(|w| eprintln!("warning: {w}"));
    }
    match &args.output {
        None => output::print(&text),
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))?,
    }
    Ok(())
}
