//! `igql run`: a program for one or many users.

use super::args::{LimitArgs, within};
use super::log::{self, Log};
use super::progress::on_terminal;
use super::write::{self, Format};
use super::{Failure, ProgramFile, Project, out, params, users};
use crate::answer::Ask;
use crate::catalog::schema::KeyType;
use crate::engine::{Engine, Flight, Program, RunOptions};
use crate::request::Request;
use crate::store::Silent;
use crate::stream::in_order;
use crate::types::{Key, NULL_INT};
use clap::Args;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql run page.igql --user 42\n  \
    igql run page.igql --user 42 --param country=DE --at 2024-05-01 --why\n  \
    igql run page.igql --users all -o pages.parquet\n  \
    head -100 users.txt | igql run page.igql --users - --format ndjson --max-millis 50 --partial")]
pub struct RunArgs {
    /// The program (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// User to run for; may be repeated
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// Many users: a file with one key per line, or a table with the viewer's key column (`-` for standard
    /// input), or `all`. A column `at` or `now` is each request's time, columns named like parameters are
    /// its parameters
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// The query to run, if the file has several
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// A parameter of the program; lists as JSON or separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Put every user in this arm of an experiment; may be repeated
    #[arg(long, value_name = "NAME=ARM")]
    arm: Vec<String>,
    /// Value of `now`, such as 2024-05-01 or 2024-05-01T12:30:00Z [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value = "0", value_parser = within(i64::MIN, i64::MAX))]
    seed: i64,
    /// Output format [default: from the file extension; table on a terminal, else json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output. The extension sets the format: .json, .ndjson, .csv
    /// and .tsv, optionally compressed as .gz or .zst, .parquet and .arrow
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// In tables (csv, tsv, parquet, arrow), write users without rows as a row of nulls
    #[arg(long)]
    keep_empty: bool,
    #[command(flatten)]
    limits: LimitArgs,
    /// At a limit, return what is available by then, marked as partial
    #[arg(long)]
    partial: bool,
    /// Explain every row
    #[arg(long)]
    why: bool,
    /// Explain why the entity with this key is missing; may be repeated
    #[arg(long, value_name = "ID")]
    why_not: Vec<String>,
    /// Add the requests and their answers to the log in this folder: requests.parquet and candidates.parquet,
    /// each a folder with a file per run
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Print the time of each operator on standard error
    #[arg(long)]
    timings: bool,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

impl RunArgs {
    fn asked(&self) -> write::Asked<'_> {
        write::Asked {
            path: self.output.as_deref(),
            format: self.format,
            why: self.why || !self.why_not.is_empty(),
            keep_empty: self.keep_empty,
        }
    }
}

pub fn run(project: &Project, args: &RunArgs) -> Result<(), Failure> {
    users::one_reader(&args.file, args.users.as_deref())?;
    let mut file = ProgramFile::read(&args.file)?;
    // a lower limit is one for what comes to be made, not for what could
    file.max_rows = file.max_rows.max(args.limits.max_rows);
    let engine = project.open(Some(&args.file))?;
    let params = file.tune(&engine, args.query.as_deref(), &args.param)?;
    let program = file.program(&engine, args.query.as_deref())?;
    let program = match args.log {
        Some(_) => program.logging(),
        None => program,
    };
    let requests = requests(&engine, &program, args, &params)?;
    let output = write::Output::new(&args.asked())?;
    let users = args.users.as_ref().map(Path::new);
    project.spare_inputs(output.place(), &args.file, &engine, &program, users)?;
    let log = args.log.as_deref().map(|folder| Log::new(folder, &program)).transpose()?;
    let output = output.start(&program, requests.len())?;
    let times = stream(&engine, &program, &requests, args, output, log)?;
    if args.timings {
        report(&engine, &program, &times);
    }
    Ok(())
}

fn requests(
    engine: &Engine,
    program: &Program,
    args: &RunArgs,
    params: &[String],
) -> Result<Vec<Request>, Failure> {
    let base = params::base(program, args.at.as_deref(), params, &args.arm)?.seed(args.seed);
    let many = args.users.as_deref();
    let requests = users::requests(engine, program, &base, &args.user, many)?;
    Ok(match requests.is_empty() && many.is_none() {
        true => vec![base],
        false => requests,
    })
}

/// What else the answers should tell.
fn ask(engine: &Engine, program: &Program, args: &RunArgs) -> Result<Ask, Failure> {
    let keys = args.why_not.iter().map(|text| {
        entity_key(engine, program, text)
            .map_err(|m| Failure::Usage(format!("--why-not {text}: {m}")))
    });
    Ok(Ask { why: args.why, why_not: keys.collect::<Result<_, _>>()? })
}

/// A key as text, of an entity that the program gives.
pub fn entity_key(engine: &Engine, program: &Program, text: &str) -> Result<Key, String> {
    let checked = program.checked();
    let entities = checked.results.iter().map(|(_, node)| {
        let entity = checked.graph.shape(*node).entity;
        engine.schema().entity(entity)
    });
    let has = |ty: KeyType| entities.clone().any(|e| e.key_type == ty);
    match text.trim().parse() {
        Ok(number) if has(KeyType::Int) && number != NULL_INT => Ok(Key::Int(number)),
        _ if has(KeyType::String) => Ok(Key::Str(text.to_owned())),
        _ => {
            let names: Vec<&str> = entities.clone().map(|e| e.key.as_str()).collect();
            Err(format!("`{}` is a number", names.join("`, `")))
        }
    }
}

/// What each operator took, and how many rows it made.
type Times = Vec<(Duration, usize)>;

/// Runs all requests and writes their answers in order, while others run: memory does not grow with the
/// number of users.
fn stream(
    engine: &Engine,
    program: &Program,
    requests: &[Request],
    args: &RunArgs,
    output: write::Started,
    log: Option<Log>,
) -> Result<Times, Failure> {
    let mut times: Times = vec![Default::default(); program.checked().graph.len()];
    let options = RunOptions {
        limits: args.limits.of_request(args.partial),
        ask: ask(engine, program, args)?,
    };
    // a bar would be drawn over what is printed
    let progress = match args.output.is_some() || !std::io::stdout().is_terminal() {
        true => on_terminal(),
        false => Arc::new(Silent),
    };
    let (encode, mut target) = output.split();
    let (rows, mut log) = log.map(Log::split).unzip();
    let passes: Vec<&[Request]> = requests.chunks(engine.pass_size(program)).collect();
    let flight = Flight::of(passes.len());
    let (mut done, all) = (0, requests.len() as u64);
    in_order(
        &passes,
        |chunk| {
            let pass = engine.pass_in(&flight, program, chunk, &options)?;
            let logged = rows.as_ref().map(|rows| rows.of(chunk, &pass.answers));
            Ok((encode(&pass.answers), logged, pass.timings, chunk.len()))
        },
        |(encoded, logged, timings, requests)| {
            for timing in &timings {
                let (time, rows) = &mut times[timing.node.0 as usize];
                *time += timing.time;
                *rows += timing.rows;
            }
            done += requests;
            progress.report("requests", done as u64, all);
            if let (Some(log), Some(logged)) = (&mut log, logged) {
                log.write(logged)?;
            }
            target.write(encoded)
        },
    )?;
    target.finish()?;
    // what is in the log has been answered
    log.map_or(Ok(()), log::Target::finish)?;
    Ok(times)
}

fn report(engine: &Engine, program: &Program, times: &Times) {
    for id in program.schedule().nodes() {
        let (time, rows) = times[id.0 as usize];
        let name = program.checked().graph.get(id).op.label(engine.schema());
        out::say(format_args!(
            "#{:<3} {name:24} {:>10} us {rows:>10} rows",
            id.0,
            time.as_micros()
        ));
    }
}
