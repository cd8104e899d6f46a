//! `igql bench`: latency and throughput of a program.

use super::args::within;
use super::progress::on_terminal;
use super::{Failure, ProgramFile, Project, out, params, users};
use crate::engine::{Engine, Flight, Program, RunOptions};
use crate::request::Request;
use crate::stream::in_order;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql bench page.igql --users all\n  \
    igql bench page.igql --users users.txt --batch 64 --threads 4 --repeat 10 --format json")]
pub struct BenchArgs {
    /// The program (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Users to run for: a file with one key per line, or a table with the viewer's key column (`-` for
    /// standard input), or `all`
    #[arg(long, value_name = "FILE")]
    users: String,
    /// The query to run, if the file has several
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// Requests that run together (1: one at a time)
    #[arg(long, value_name = "N", default_value = "1", value_parser = within(1, MOST))]
    batch: usize,
    /// How often to repeat the list of users
    #[arg(long, value_name = "N", default_value = "1", value_parser = within(1, MOST))]
    repeat: usize,
    /// A parameter of the program
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Put every user in this arm of an experiment; may be repeated
    #[arg(long, value_name = "NAME=ARM")]
    arm: Vec<String>,
    /// Value of `now` [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

/// Most requests of a pass, and most repetitions.
const MOST: usize = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

/// How often a program is compiled to find out how long it takes.
const COMPILES: usize = 25;

/// From the text to a plan: the median of several times.
fn compile_time(file: &ProgramFile, engine: &Engine, query: Option<&str>) -> Duration {
    let mut times = [Duration::ZERO; COMPILES];
    for time in &mut times {
        let started = Instant::now();
        std::hint::black_box(file.compile(engine, query));
        *time = started.elapsed();
    }
    times.sort_unstable();
    times[COMPILES / 2]
}

/// What the passes of a run took, and what each operator did.
#[derive(Default)]
struct Measured {
    latencies: Vec<Duration>,
    rows: Vec<usize>,
    operators: Vec<(Duration, usize)>,
}

pub fn bench(project: &Project, args: &BenchArgs) -> Result<(), Failure> {
    users::one_reader(&args.file, Some(&args.users))?;
    let mut file = ProgramFile::read(&args.file)?;
    let engine = project.open(Some(&args.file))?;
    let params = file.tune(&engine, args.query.as_deref(), &args.param)?;
    let program = file.program(&engine, args.query.as_deref())?;
    let compiled = compile_time(&file, &engine, args.query.as_deref());
    let base = params::base(&program, args.at.as_deref(), &params, &args.arm)?;
    let requests = users::requests(&engine, &program, &base, &[], Some(&args.users))?;
    if requests.is_empty() {
        return Err(Failure::Usage(format!("--users {}: no users", args.users)));
    }
    engine.preload();
    // one pass that is not counted, so that the program has run before
    let flight = Flight::of(requests.len().div_ceil(args.batch));
    let first = &requests[..requests.len().min(args.batch)];
    pass(&engine, &flight, &program, first)?;
    let started = Instant::now();
    let mut measured = measure(&engine, &flight, &program, &requests, args)?;
    let total = started.elapsed();
    measured.latencies.sort_unstable();
    measured.rows.sort_unstable();
    let count = requests.len() * args.repeat;
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let us = |share: f64| {
        let place = ((measured.latencies.len() - 1) as f64 * share).round() as usize;
        micros(measured.latencies[place])
    };
    let operators = program.schedule().nodes().map(|id| {
        let (time, rows) = measured.operators[id.0 as usize];
        let op = program.checked().graph.get(id).op.label(engine.schema());
        json!({"op": op, "us": micros(time) / count as f64, "rows": rows as f64 / count as f64})
    });
    let operators: Vec<_> = operators.collect();
    let report = json!({
        "requests": count,
        "batch": args.batch,
        "threads": rayon::current_num_threads(),
        "compile_us": micros(compiled),
        "p50_us": us(0.5),
        "p95_us": us(0.95),
        "p99_us": us(0.99),
        "requests_per_s": count as f64 / total.as_secs_f64(),
        "rows_median": measured.rows[measured.rows.len() / 2],
        "operators": operators,
    });
    match args.format {
        Format::Json => out::print(&format!("{report:#}\n")),
        Format::Text => out::print(&text(&report)),
    }
}

fn measure(
    engine: &Engine,
    flight: &Flight,
    program: &Program,
    requests: &[Request],
    args: &BenchArgs,
) -> Result<Measured, Failure> {
    let rounds = (0..args.repeat).flat_map(|_| requests.chunks(args.batch));
    let chunks: Vec<&[Request]> = rounds.collect();
    let progress = on_terminal();
    let mut all = Measured {
        operators: vec![Default::default(); program.checked().graph.len()],
        ..Measured::default()
    };
    let mut count = |(time, pass): (Duration, crate::engine::Pass)| {
        all.latencies.push(time);
        progress.report("requests", all.latencies.len() as u64, chunks.len() as u64);
        all.rows
            .extend(pass.answers.iter().map(|a| a.lists.iter().map(|l| l.len()).sum::<usize>()));
        for timing in pass.timings {
            let (time, rows) = &mut all.operators[timing.node.0 as usize];
            *time += timing.time;
            *rows += timing.rows;
        }
        Ok(())
    };
    let run = |chunk: &&[Request]| pass(engine, flight, program, chunk);
    // one at a time measures latency; batches keep all cores busy
    match args.batch {
        1 => chunks.iter().try_for_each(|chunk| count(run(chunk)?))?,
        _ => in_order(&chunks, run, count)?,
    }
    Ok(all)
}

fn pass(
    engine: &Engine,
    flight: &Flight,
    program: &Program,
    requests: &[Request],
) -> Result<(Duration, crate::engine::Pass), Failure> {
    let started = Instant::now();
    let pass = engine.pass_in(flight, program, requests, &RunOptions::default())?;
    Ok((started.elapsed(), pass))
}

fn text(report: &serde_json::Value) -> String {
    let number = |name: &str| report[name].as_f64().unwrap_or(0.0);
    let mut text = format!(
        "{} requests, batch {}, {} thread(s)\ncompile {:.0} us\nlatency p50 {:.0} us, p95 {:.0} us, p99 {:.0} us\n\
         {:.0} requests/s, {} rows at the median\n",
        report["requests"],
        report["batch"],
        report["threads"],
        number("compile_us"),
        number("p50_us"),
        number("p95_us"),
        number("p99_us"),
        number("requests_per_s"),
        report["rows_median"],
    );
    let operators = || report["operators"].as_array().into_iter().flatten();
    let names = operators().filter_map(|op| op["op"].as_str());
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for op in operators() {
        let name = op["op"].as_str().unwrap_or_default();
        let number = |of: &str| op[of].as_f64().unwrap_or(0.0);
        let (us, rows) = (number("us"), number("rows"));
        text += &format!("  {name:width$} {us:>10.1} us {rows:>10.1} rows\n");
    }
    text
}
