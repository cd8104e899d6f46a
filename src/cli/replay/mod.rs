//! `igql replay`: programs as of times in the past, compared with what users did next.

mod each;
mod html;
mod json;
mod table;
mod test_set;

use super::args::{LimitArgs, within};
use super::out::Place;
use super::progress::{self, on_terminal};
use super::{Failure, ProgramFile, Project, out, params, users};
use crate::engine::{Engine, Program};
use crate::replay::{
    CUTS, Every, GainFunction, Measure, Metric, Replay, ReplayError, Spot, Weight, When, Who,
};
use crate::request::Request;
use crate::types::{EntityId, Type, Value};
use crate::wire;
use clap::{Args, ValueEnum};
use each::Each;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql replay page.igql --truth likes --from 2024-04-01 --to 2024-05-01\n  \
    igql replay new.igql --baseline old.igql --truth likes,saves --gain saves=2 --from 2024-04-01\n  \
    igql replay page.igql --holdout test.csv --metrics recall@20,ndcg@20 --format json")]
pub struct ReplayArgs {
    /// Programs to replay
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Edges from the viewer whose links are what should have been found
    #[arg(long, value_name = "EDGE", value_delimiter = ',')]
    truth: Vec<String>,
    /// What finding a target of this edge is worth [default: 1]
    #[arg(long, value_name = "EDGE=NUMBER")]
    gain: Vec<String>,
    /// First time of a request
    #[arg(long, value_name = "TIME", conflicts_with = "holdout")]
    from: Option<String>,
    /// No request at or after this time [default: the end of the data]
    #[arg(long, value_name = "TIME", conflicts_with = "holdout")]
    to: Option<String>,
    /// How often each user makes a request, where there is truth for it
    #[arg(long, value_enum, default_value_t = Frequency::Day)]
    every: Frequency,
    /// How far ahead the truth of a request reaches, such as 7d
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    horizon: String,
    /// Leave out of the truth what a truth edge links before the request
    #[arg(long)]
    exclude_seen: bool,
    /// A fixed test set instead: a table with the viewer's key and the key of what is to be found; one
    /// request of every user at the catalog's `now`
    #[arg(long, value_name = "TABLE")]
    holdout: Option<PathBuf>,
    /// Make these requests instead: a table with the viewer's key, and columns `at` or `now` and parameters
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["from", "to", "holdout", "users", "sample"])]
    requests: Option<String>,
    /// Users to replay: a file with one key per line, or a table with the viewer's key column, or `all`
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    users: Option<String>,
    /// Replay so many users, chosen by a hash of their keys
    #[arg(long, value_name = "N", value_parser = within(1, u32::MAX as usize))]
    sample: Option<usize>,
    /// Numbers of rows that metrics look at
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = CUTS)]
    k: Vec<usize>,
    /// What to measure, such as `recall,ndcg@10` [default: hit, recall, ndcg, map, mrr, rows]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    metrics: Vec<String>,
    /// The metrics that decide: their p values are adjusted [default: ndcg at the largest k]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    primary: Vec<String>,
    /// How gains count in ndcg
    #[arg(long, value_enum, default_value_t = Gains::Linear)]
    gain_function: Gains,
    /// Whose votes are equal
    #[arg(long, value_enum, default_value_t = Votes::Users)]
    weight: Votes,
    /// The program that the others are compared with
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// The query to run, if the files have several
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// The list that counts, of programs that return a page of lists
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Report where the truth is lost (the default)
    #[arg(long, conflicts_with = "no_stages")]
    stages: bool,
    /// Do not look at the operators, which can be faster
    #[arg(long)]
    no_stages: bool,
    /// Report users apart by the values of this column of theirs
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// A parameter of the programs; lists as JSON or separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Put every request into this arm of an experiment; may be repeated
    #[arg(long, value_name = "NAME=ARM")]
    arm: Vec<String>,
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value = "0", value_parser = within(i64::MIN, i64::MAX))]
    seed: i64,
    /// Write a row per request and program to this file: .csv, .tsv, .ndjson, .parquet or .arrow
    #[arg(long, value_name = "FILE")]
    per_request: Option<PathBuf>,
    /// Write what there was to find as TREC qrels to this file
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// Output format [default: from the file extension, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    /// At a limit, judge what is available by then
    #[arg(long)]
    partial: bool,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
    /// One row per program and metric
    Csv,
    /// One page that needs nothing else
    Html,
    /// The rows of every request as a TREC run; scores are minus the position
    Trec,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Frequency {
    /// Before each distinct time of a truth link
    Link,
    /// Before the first truth link after a pause of 30 minutes
    Session,
    /// At midnight UTC
    Day,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gains {
    /// As they are
    Linear,
    /// 2^gain - 1
    Exp,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Votes {
    /// Users: the mean over users of the mean over their requests
    Users,
    /// Requests: the mean over all of them
    Requests,
}

pub fn replay(project: &Project, args: &ReplayArgs) -> Result<(), Failure> {
    let (files, baseline) = files(args);
    let engine = project.open(Some(&args.files[0]))?;
    let mut named = Vec::new();
    let mut params = Vec::new();
    for path in &files {
        let mut file = ProgramFile::read(path)?;
        file.max_rows = file.max_rows.max(args.limits.max_rows);
        params = file.tune(&engine, args.query.as_deref(), &args.param)?;
        named.push((file.name.clone(), file.program(&engine, args.query.as_deref())?));
    }
    let programs: Vec<(&str, &Program)> =
        named.iter().map(|(name, program)| (name.as_str(), program)).collect();
    let base = params::base(programs[0].1, None, &params, &args.arm)?.seed(args.seed);
    let replay = asked(&engine, programs[0].1, args, base, baseline)?;
    let place = Place::of(args.output.as_deref());
    let format = format(args)?;
    let others = [args.per_request.as_deref(), args.qrels.as_deref()];
    let targets = others.into_iter().flatten().map(|path| Place::of(Some(path)));
    for place in targets.chain([place.clone()]) {
        project.spare_inputs(
            &place,
            &args.files[0],
            &engine,
            programs[0].1,
            args.holdout.as_deref(),
        )?;
    }
    let mut each = Each::new(args, format, &engine, &programs, &replay)?;
    let report = engine.replay_each(&programs, &replay, |found| each.add(found));
    progress::clear();
    let report = report?;
    for warning in &report.warnings {
        out::say(format_args!("warning: {warning}"));
    }
    each.finish()?;
    let text = match format {
        Format::Table => table::text(&report),
        Format::Json => format!("{:#}\n", json::report(&report)),
        Format::Csv => table::csv(&report),
        Format::Html => html::page(&report),
        // it is written while requests are judged
        Format::Trec => return Ok(()),
    };
    place.write(&text)
}

/// The programs with the baseline among them, and its place.
fn files(args: &ReplayArgs) -> (Vec<PathBuf>, Option<usize>) {
    let mut files = args.files.clone();
    let Some(baseline) = &args.baseline else { return (files, None) };
    let place = files.iter().position(|file| file == baseline).unwrap_or_else(|| {
        files.insert(0, baseline.clone());
        0
    });
    (files, Some(place))
}

/// The format that is asked for, or that the extension of the output says.
fn format(args: &ReplayArgs) -> Result<Format, Failure> {
    let Some(path) = args.output.as_deref().filter(|_| args.format.is_none()) else {
        return Ok(args.format.unwrap_or(Format::Table));
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some("html") => Ok(Format::Html),
        Some("txt") => Ok(Format::Table),
        _ => {
            let path = path.display();
            let help = "extensions are `.json`, `.csv`, `.html` and `.txt`; with `--format` any name will do";
            Err(Failure::Usage(format!("-o {path}: unknown extension\nhelp: {help}")))
        }
    }
}

fn asked(
    engine: &Engine,
    program: &Program,
    args: &ReplayArgs,
    base: Request,
    baseline: Option<usize>,
) -> Result<Replay, Failure> {
    if args.k.contains(&0) {
        return Err(Failure::Usage("--k 0: metrics look at 1 row at least".to_owned()));
    }
    let mut cuts = args.k.clone();
    cuts.sort_unstable();
    cuts.dedup();
    let largest = cuts.last().copied().unwrap_or(CUTS[CUTS.len() - 1]);
    let metrics = metrics("--metrics", &args.metrics, &cuts)?;
    let when = when(engine, program, args, &base)?;
    let names = args.truth.iter().map(String::as_str);
    let mut replay = Replay::new(names, when);
    gains(&args.gain, &mut replay)?;
    replay.horizon = duration("--horizon", &args.horizon)?;
    replay.exclude_seen = args.exclude_seen;
    replay.who = who(engine, program, args, &base)?;
    replay.metrics = match metrics.is_empty() {
        true => Replay::usual_metrics(&cuts),
        false => metrics,
    };
    replay.primary = match args.primary.is_empty() {
        true => vec![Metric::at(Measure::Ndcg, largest)],
        false => self::metrics("--primary", &args.primary, &cuts)?,
    };
    if let Some(missing) = replay.primary.iter().find(|m| !replay.metrics.contains(m))
        && !args.primary.is_empty()
    {
        let message = format!("--primary {missing}: it is not among the metrics");
        return Err(Failure::Usage(message));
    }
    replay.gain_function = match args.gain_function {
        Gains::Linear => GainFunction::Linear,
        Gains::Exp => GainFunction::Exponential,
    };
    replay.weight = match args.weight {
        Votes::Users => Weight::Users,
        Votes::Requests => Weight::Requests,
    };
    replay.baseline = baseline;
    replay.list = args.list.clone();
    replay.stages = !args.no_stages;
    replay.by = args.by.clone();
    replay.base = base;
    replay.limits = args.limits.of_request(args.partial);
    replay.progress = on_terminal();
    Ok(replay)
}

fn metrics(option: &str, names: &[String], cuts: &[usize]) -> Result<Vec<Metric>, Failure> {
    let mut all: Vec<Metric> = Vec::new();
    for name in names {
        let found = Metric::parse(name, cuts);
        let found = found.map_err(|message| Failure::Usage(format!("{option}: {message}")))?;
        for metric in found {
            if !all.contains(&metric) {
                all.push(metric);
            }
        }
    }
    Ok(all)
}

/// `--gain EDGE=NUMBER`.
fn gains(given: &[String], replay: &mut Replay) -> Result<(), Failure> {
    for text in given {
        let wrong = |message: &str| Failure::Usage(format!("--gain {text}: {message}"));
        let (edge, number) = text.split_once('=').ok_or_else(|| wrong("expected EDGE=NUMBER"))?;
        let gain = number.trim().parse::<f64>().ok().filter(|x| *x > 0.0 && x.is_finite());
        let gain = gain.ok_or_else(|| wrong("expected a number above 0"))?;
        let own = replay.truth.iter_mut().find(|(name, _)| name == edge.trim());
        own.ok_or_else(|| wrong("the edge is not one of `--truth`"))?.1 = gain;
    }
    Ok(())
}

fn duration(option: &str, text: &str) -> Result<i64, Failure> {
    match wire::duration_from_text(text) {
        Some(us) if us > 0 => Ok(us),
        _ => {
            let message =
                format!("{option} {text}: expected a duration above 0, such as 7d or 12h");
            Err(Failure::Usage(message))
        }
    }
}

fn time(option: &str, text: &str) -> Result<i64, Failure> {
    let time = wire::at_from_text(text);
    time.map_err(|error| Failure::Usage(format!("{option} {text}: {}", error.message)))
}

fn when(
    engine: &Engine,
    program: &Program,
    args: &ReplayArgs,
    base: &Request,
) -> Result<When, Failure> {
    if let Some(file) = &args.holdout {
        let entity = result_entity(program, args);
        return Ok(When::TestSet(test_set::read(engine, file, entity)?));
    }
    if let Some(file) = &args.requests {
        return Ok(When::Given(users::requests(engine, program, base, &[], Some(file))?));
    }
    let Some(from) = &args.from else {
        let message = "replay needs the times of requests: `--from TIME`, and `--to TIME` unless up to the end";
        let help =
            "a fixed test set is `--holdout TABLE`, requests of your own are `--requests TABLE`";
        return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
    };
    let from = time("--from", from)?;
    let to = args.to.as_deref().map_or(Ok(i64::MAX), |to| time("--to", to))?;
    if from >= to {
        let message = "`--from` has to be before `--to`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let every = match args.every {
        Frequency::Link => Every::Link,
        Frequency::Session => Every::Session,
        Frequency::Day => Every::Day,
    };
    Ok(When::Times { from, to, every })
}

/// The entity of the rows that count: that of the list named, or of the first.
fn result_entity(program: &Program, args: &ReplayArgs) -> EntityId {
    let checked = program.checked();
    let named = checked.results.iter().find(|(name, _)| *name == args.list);
    let (_, node) = named.unwrap_or(&checked.results[0]);
    checked.graph.shape(*node).entity
}

fn who(
    engine: &Engine,
    program: &Program,
    args: &ReplayArgs,
    base: &Request,
) -> Result<Who, Failure> {
    Ok(match (&args.users, args.sample) {
        (_, Some(n)) => Who::Sample(n),
        (Some(name), _) if name != "all" => {
            let requests = users::requests(engine, program, base, &[], Some(name))?;
            Who::Keys(requests.into_iter().filter_map(|request| request.user).collect())
        }
        _ => Who::All,
    })
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Failure {
        match error {
            ReplayError::Run(error) => error.into(),
            ReplayError::Usage(spot, message) => Failure::Usage(match spot {
                Spot::Edge(name) => format!("--truth {name}: {message}"),
                Spot::Program(name) => format!("{name}: {message}"),
                Spot::Metric(name) => format!("--metrics {name}: {message}"),
                Spot::Requests => message,
                Spot::Users => format!("--users: {message}"),
                Spot::TestSet => format!("--holdout: {message}"),
                Spot::By => format!("--by: {message}"),
            }),
        }
    }
}

/// The type and value of a key in a table.
fn key_cell(key: &crate::types::Key) -> Value {
    match key {
        crate::types::Key::Int(key) => Value::Int(*key),
        crate::types::Key::Str(key) => Value::Str(key.clone()),
    }
}

/// The type of the viewer's keys in a table.
fn user_type(engine: &Engine) -> Type {
    use crate::catalog::schema::KeyType;
    match engine.schema().entity(engine.schema().viewer).key_type {
        KeyType::Int => Type::Int,
        KeyType::String => Type::String,
    }
}
