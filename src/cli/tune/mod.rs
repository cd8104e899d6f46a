//! `igql tune`: values for the tunables of a program that replay finds better than the defaults.

mod html;
mod journal;
mod json;
mod table;
mod write;

use super::args::{bytes, format_of, within};
use super::out::Place;
use super::progress::Within;
use super::replay::requests::{RequestArgs, duration};
use super::{Failure, ProgramFile, Project, grid, log, out, params, progress};
use crate::check::Tunables;
use crate::engine::{Engine, Program};
use crate::files;
use crate::ops::RunError;
use crate::replay::{Metric, ReplayError, Spot};
use crate::tune::{Constraint, Kind, Step, TRIALS, TuneError, TuneReport, Tuning};
use clap::{Args, ValueEnum};
use journal::{Header, Journal};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql tune page.igql --maximize ndcg@10 --truth likes --from 2024-04-01\n  \
    igql tune page.igql --maximize ndcg@10 --subject-to \"coverage@10 >= baseline*0.95\" --truth likes --from 2024-04-01 --write\n  \
    igql tune page.igql --maximize recall@20 --holdout valid.csv --trials 60 --format html -o tuned.html")]
pub struct TuneArgs {
    /// The program
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// What is to be as large as possible: a metric of `igql replay`, such as ndcg@10
    #[arg(long, value_name = "METRIC")]
    maximize: String,
    /// What has to hold all the same, such as "rate(see_fewer)@10 <= baseline*1.0"; may be repeated
    #[arg(long, value_name = "CONDITION")]
    subject_to: Vec<String>,
    /// Tune these tunables, those of imports and the prelude among them [default: all that FILE declares]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Trials, that of the program as it is among them
    #[arg(long, value_name = "N", default_value_t = TRIALS, value_parser = within(1, 100_000usize))]
    trials: usize,
    /// Begin no trial after this, such as 30m
    #[arg(long, value_name = "DURATION")]
    time: Option<String>,
    /// Choose so many points before the outcome of the first of them is known
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = within(1, 1000usize))]
    parallel: usize,
    /// How points are chosen
    #[arg(long, value_enum, default_value_t = Sampler::Gp)]
    sampler: Sampler,
    /// Times of the requests that train [default: the first 70 %]
    #[arg(long, value_name = "FROM..TO", requires = "validate", conflicts_with = "holdout")]
    train: Option<String>,
    /// Times of the requests that decide among the best trials [default: the last 30 %]
    #[arg(long, value_name = "FROM..TO", requires = "train", conflicts_with = "holdout")]
    validate: Option<String>,
    /// Seed of the choice of points
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Go on where an earlier run of the same search ended (the default)
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// Forget what an earlier run found
    #[arg(long)]
    fresh: bool,
    /// Write the values that win into the files that declare them
    #[arg(long)]
    write: bool,
    /// Let the best values win even if the gain may be chance
    #[arg(long)]
    allow_worse: bool,
    /// Keep rows that trials have in common within this: bytes, or 512MB, 2GiB [default: a quarter of the machine's memory]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    cache_memory: Option<u64>,
    #[command(flatten)]
    pub(super) requests: RequestArgs,
    /// Output format [default: from the file extension, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
    /// One page that needs nothing else
    Html,
}

impl Format {
    const KNOWN: [(Format, &str); 3] =
        [(Format::Table, "txt"), (Format::Json, "json"), (Format::Html, "html")];
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sampler {
    /// Bayesian optimisation with a Gaussian process
    Gp,
    /// Tree-structured Parzen estimator
    Tpe,
    /// Uniform points
    Random,
    /// A grid as fine as the number of trials allows
    Grid,
}

/// Set once a search is running: what it has found is reported when it is interrupted.
static SEARCHES: AtomicBool = AtomicBool::new(false);
/// Ends the search.
static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// The exit code of a command that was interrupted.
const INTERRUPTED: u8 = 130;

/// On Ctrl-C: ends the search; a second one ends the command, and so does the first where nothing is searched yet.
pub fn stops() -> bool {
    SEARCHES.load(Ordering::Relaxed) && !STOP.swap(true, Ordering::Relaxed)
}

pub fn tune(project: &Project, args: &TuneArgs) -> Result<(), Failure> {
    let format = format_of(args.format, args.output.as_deref(), &Format::KNOWN)?;
    let project = &project.learned(args.requests.learned.as_deref())?;
    let engine = project.open(Some(&args.file))?;
    let mut file = ProgramFile::read(&args.file)?;
    if args.write && file.name == "-" {
        let message = "--write: a program from standard input cannot be written back";
        return Err(Failure::Usage(message.to_owned()));
    }
    file.max_rows = file.max_rows.max(args.requests.limits.max_rows);
    let query = args.requests.query.as_deref();
    let params = file.tune(&engine, query, &args.requests.param)?;
    let program = file.program(&engine, query)?;
    let search = Search { engine: &engine, program: &program, args };
    let mut tuning = search.tuning(&file.tunables, &params, &Within::command())?;
    tuning.stop = STOP.clone();
    let place = Place::of(args.output.as_deref());
    let holdout = args.requests.holdout.as_deref();
    project.spare_inputs(&place, &args.file, &engine, &program, holdout)?;
    if args.write {
        write::probe(&program, &tuning.only)?;
    }
    let (report, journal) = search.report(&tuning, || SEARCHES.store(true, Ordering::Relaxed))?;
    if report.trials.is_empty() {
        return Err(Failure::Said(INTERRUPTED));
    }
    deliver(&report, &program, args.write, |written| {
        place.write(&match format {
            Format::Table => table::text(&report, written, grid::width()),
            Format::Json => json(&report, written),
            Format::Html => html::page(&report, &file.name, written),
        })
    })?;
    if report.stopped {
        let path = journal.path().display();
        out::say(format_args!("the trials so far are kept in {path}; the same command goes on"));
        return Err(Failure::Said(INTERRUPTED));
    }
    report.winner.map(|_| ()).ok_or(Failure::Program)
}

fn json(report: &TuneReport, written: &[String]) -> String {
    format!("{:#}\n", json::report(report, written))
}

/// A search in all its forms.
pub struct Forms {
    pub json: String,
    pub text: String,
    pub html: String,
    /// The texts of files with the values that won, where they are others.
    pub rewritten: Vec<(String, String)>,
    pub report: TuneReport,
}

/// Tunes a program that is compiled with values for some tunables and that may not be a file.
pub fn forms(
    engine: &Engine,
    program: &Program,
    given: (&Tunables, &[String]),
    args: &TuneArgs,
    within: &Within,
) -> Result<Forms, Failure> {
    let search = Search { engine, program, args };
    let tuning = search.tuning(given.0, given.1, within)?;
    let (report, _) = search.report(&tuning, || {})?;
    if report.trials.is_empty() {
        return Err(RunError::Stopped.into());
    }
    Ok(Forms {
        json: json(&report, &[]),
        text: table::text(&report, &[], None),
        html: html::page(&report, &args.file.display().to_string(), &[]),
        rewritten: write::texts(program, &report),
        report,
    })
}

/// Writes what was found into the program, if that is wanted, and shows it, whether it could be written or not.
fn deliver(
    report: &TuneReport,
    program: &Program,
    writes: bool,
    show: impl FnOnce(&[String]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for warning in &report.warnings {
        out::say(format_args!("warning: {warning}"));
    }
    let written = match writes && report.winner.is_some() {
        true => write::write(program, report),
        false => Ok(Vec::new()),
    };
    match written {
        Ok(written) => show(&written),
        Err(failure) => show(&[]).and(Err(failure)),
    }
}

impl From<TuneError> for Failure {
    fn from(error: TuneError) -> Failure {
        match error {
            TuneError::Nothing(message) => {
                out::say(format_args!("error: {message}"));
                Failure::Program
            }
            TuneError::Usage(message) => Failure::Usage(message),
            // it is that of `--maximize` or of a condition
            TuneError::Replay(ReplayError::Usage(Spot::Metric(name), message)) => {
                Failure::Usage(format!("{name}: {message}"))
            }
            TuneError::Replay(error) => error.into(),
        }
    }
}

/// A program that is to be tuned.
struct Search<'a> {
    engine: &'a Engine,
    program: &'a Program,
    args: &'a TuneArgs,
}

impl Search<'_> {
    /// What is asked, where some tunables are given values.
    fn tuning(
        &self,
        given: &Tunables,
        params: &[String],
        within: &Within,
    ) -> Result<Tuning, Failure> {
        let Search { engine, program, args } = *self;
        let usage = |option: &str, message: String| Failure::Usage(format!("{option}: {message}"));
        let maximize = Metric::parse(&args.maximize, &[]).map_err(|m| usage("--maximize", m))?;
        let Some(maximize) = maximize.into_iter().next() else {
            let name = args.maximize.trim();
            let message = format!("say how many rows `{name}` looks at, as in `{name}@10`");
            return Err(usage("--maximize", message));
        };
        let constraints = args.subject_to.iter().map(|text| Constraint::parse(text));
        let constraints: Result<Vec<Constraint>, String> = constraints.collect();
        let base = params::base(program, None, params, &args.requests.arm)?;
        let replay = args.requests.replay(engine, program, base, within)?;
        let mut tuning = Tuning::new(replay, maximize);
        tuning.constraints = constraints.map_err(|message| usage("--subject-to", message))?;
        tuning.only = args.only.clone();
        tuning.trials = args.trials;
        tuning.parallel = args.parallel;
        tuning.sampler = match args.sampler {
            Sampler::Gp => Kind::Gp,
            Sampler::Tpe => Kind::Tpe,
            Sampler::Random => Kind::Random,
            Sampler::Grid => Kind::Grid,
        };
        tuning.parts = match (&args.train, &args.validate) {
            (Some(train), Some(validate)) => {
                Some((times("--train", train)?, times("--validate", validate)?))
            }
            _ => None,
        };
        tuning.seed = args.seed;
        tuning.allow_worse = args.allow_worse;
        tuning.memory = args.cache_memory.unwrap_or_else(|| memory() / 4);
        if let Some(text) = &args.time {
            let micros = duration("--time", text)?;
            tuning.until = Instant::now().checked_add(Duration::from_micros(micros as u64));
        }
        let given = given.iter().map(|(name, _)| name);
        let tuned =
            |name: &&str| tuning.only.is_empty() || tuning.only.iter().any(|only| only == name);
        if let Some(name) =
            given.filter(tuned).find(|name| is_own(program, name) || !tuning.only.is_empty())
        {
            let message =
                format!("--param {name}: a tunable that is tuned has no value of its own");
            let help = "leave it out, or name the others with `--only`";
            return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
        }
        Ok(tuning)
    }

    /// Runs it, and keeps its trials in a journal.
    fn report(&self, tuning: &Tuning, begins: impl Fn()) -> Result<(TuneReport, Journal), Failure> {
        let Search { engine, program, args } = self;
        let path = journal::path(engine.snapshot().folder(), &args.file, &program.checked().query);
        let header = header(engine, program, tuning, args)?;
        let mut journal = Journal::open(path, header, args.fresh)?;
        let known = journal.known().to_vec();
        let report = engine.tune_each(program, tuning, &known, |step| match step {
            Step::Start { number, values } => {
                begins();
                journal.start(number, values)
            }
            Step::End(trial) => journal.end(trial),
        });
        progress::clear();
        Ok((report?, journal))
    }
}

/// Whether the program itself declares a tunable.
fn is_own(program: &Program, name: &str) -> bool {
    let own = program.source();
    program.checked().tunables.iter().any(|t| t.name == name && t.span.source == own)
}

fn times(option: &str, text: &str) -> Result<Range<i64>, Failure> {
    let Some((from, to)) = text.split_once("..") else {
        let message = format!("{option} {text}: expected FROM..TO, as in 2024-04-01..2024-05-01");
        return Err(Failure::Usage(message));
    };
    let end = |text: &str, open: i64| match text.trim() {
        "" => Ok(open),
        text => params::time_of(option, text),
    };
    let (from, to) = (end(from, i64::MIN)?, end(to, i64::MAX)?);
    if from >= to {
        let message = format!("{option} {text}: the first time has to be before the second");
        return Err(Failure::Usage(message));
    }
    Ok(from..to)
}

/// Bytes of memory that the machine has, as far as it tells.
fn memory() -> u64 {
    #[cfg(unix)]
    {
        // SAFETY: two questions about the system, without arguments that could be wrong
        let (pages, size) =
            unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        if pages > 0 && size > 0 {
            return pages as u64 * size as u64;
        }
    }
    8 << 30
}

/// What a search depends on: with the same, trials of an earlier run are those of this one.
fn header(
    engine: &Engine,
    program: &Program,
    tuning: &Tuning,
    args: &TuneArgs,
) -> Result<Header, Failure> {
    let requests = &args.requests;
    let file = |path: Option<&Path>| -> Result<Json, Failure> {
        let Some(path) = path else { return Ok(Json::Null) };
        let bytes = files::read(path).map_err(|error| out::failed(path.display(), &error))?;
        Ok(json!(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes))))
    };
    let table = |name: &Option<String>| match name.as_deref() {
        None | Some("all" | "-") => Ok(json!(name)),
        Some(name) => file(Some(Path::new(name))),
    };
    // a log is many files
    let log = |name: &String| match log::parts(Path::new(name)) {
        Ok(parts) if Path::new(name).is_dir() => {
            parts.iter().map(|part| file(Some(part))).collect::<Result<Json, _>>()
        }
        _ => table(&Some(name.clone())),
    };
    let logs = requests.requests.iter().map(log).collect::<Result<Json, _>>()?;
    let ranges = tuning.parts.as_ref().map(|(a, b)| json!([a.start, a.end, b.start, b.end]));
    let fineness = (tuning.sampler == Kind::Grid || tuning.trials > crate::tune::sampler::TRIALS)
        .then_some(tuning.trials);
    let mut options = Map::new();
    for (name, value) in [
        ("maximize", json!(tuning.maximize.to_string())),
        ("subject-to", json!(tuning.constraints.iter().map(|c| c.to_string()).collect::<Vec<_>>())),
        ("only", json!(tuning.only)),
        ("sampler", json!(args.sampler.to_possible_value().map(|v| v.get_name().to_owned()))),
        ("trials", json!(fineness)),
        ("parallel", json!(tuning.parallel)),
        ("seed", json!(tuning.seed)),
        ("train", json!(ranges)),
        ("truth", json!(tuning.replay.truth)),
        ("from", json!(requests.from)),
        ("to", json!(requests.to)),
        ("every", json!(requests.every.to_possible_value().map(|v| v.get_name().to_owned()))),
        ("horizon", json!(tuning.replay.horizon)),
        ("exclude-seen", json!(requests.exclude_seen)),
        (
            "gain-function",
            json!(requests.gain_function.to_possible_value().map(|v| v.get_name().to_owned())),
        ),
        ("weight", json!(requests.weight.to_possible_value().map(|v| v.get_name().to_owned()))),
        ("holdout", file(requests.holdout.as_deref())?),
        ("requests", logs),
        ("users", table(&requests.users)?),
        ("sample", json!(requests.sample)),
        ("list", json!(requests.list)),
        ("param", json!(requests.param)),
        ("arm", json!(requests.arm)),
        ("max-rows", json!(requests.limits.max_rows)),
        ("partial", json!(requests.partial)),
    ] {
        options.insert(name.to_owned(), value);
    }
    let tunables = program.checked().tunables.iter();
    let tunables: Vec<Json> =
        tunables.map(|t| json!([t.name, t.low, t.high, t.default, t.whole])).collect();
    Ok(Header {
        program: format!("{:032x}", program.key()),
        tunables: json!(tunables),
        snapshot: engine.snapshot().id().to_owned(),
        options: Json::Object(options),
    })
}

/// A report's numbers of a metric: the mean and its interval.
fn mean_and_interval((mean, interval): (f64, Option<(f64, f64)>)) -> Json {
    match interval {
        Some((low, high)) => json!({"mean": mean, "low": low, "high": high}),
        None => json!({"mean": mean}),
    }
}

/// The trial that won, by number.
fn winner(report: &TuneReport) -> Option<usize> {
    report.winner.map(|place| report.validated[place].trial)
}
