//! `igql replay`: programs as of times in the past, compared with what users did next.

mod each;
mod html;
mod json;
pub(super) mod requests;
pub(super) mod table;
mod test_set;

use super::args::{format_of, within};
use super::out::Place;
use super::progress::Within;
use super::{DATA, Failure, PROGRAM, ProgramFile, Project, grid, log, out, params, progress};
use crate::catalog::schema::KeyType;
use crate::engine::{CompileError, Engine, Program};
use crate::replay::{
    By, CUTS, Counterfactual, Estimator, Judgement, Measure, Metric, Replay, ReplayError, Report,
    Spot, When,
};
use clap::{Args, ValueEnum};
use each::Each;
use requests::{RequestArgs, result_entity};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql replay page.igql --truth likes --from 2024-04-01 --to 2024-05-01\n  \
    igql replay new.igql --baseline old.igql --truth likes,saves --gain saves=2 --from 2024-04-01\n  \
    igql replay page.igql --holdout test.csv --metrics recall@20,ndcg@20 --format json")]
pub struct ReplayArgs {
    /// Programs to replay
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) requests: RequestArgs,
    /// Numbers of rows that metrics look at
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = CUTS)]
    k: Vec<usize>,
    /// What to measure, such as `recall,ndcg@10` [default: hit, recall, ndcg, map, mrr, rows]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    metrics: Vec<String>,
    /// The metrics that decide: their p values are adjusted [default: ndcg at the largest k]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    primary: Vec<String>,
    /// The program that the others are compared with; with `--by arm`, an arm as EXPERIMENT=ARM
    #[arg(long, value_name = "FILE|ARM")]
    baseline: Option<String>,
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value = "0", value_parser = within(i64::MIN, i64::MAX))]
    seed: i64,
    /// Report where the truth is lost (the default)
    #[arg(long, conflicts_with = "no_stages")]
    stages: bool,
    /// Do not look at the operators, which can be faster
    #[arg(long)]
    no_stages: bool,
    /// Report users apart by the values of this column of theirs; of a log, `arm` is the arm that they were in
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Estimate from what a log says was shown at random what users would have done with the programs
    #[arg(long, requires = "requests")]
    ips: bool,
    /// Fail if a trained version that a program reads has seen links after a request
    #[arg(long)]
    strict: bool,
    /// How what was shown is weighed
    #[arg(long, value_enum, default_value_t = Weighing::Snips, requires = "ips")]
    estimator: Weighing,
    /// With `--estimator dr`: the column of the log with the gain that a model expected of each row, such as `p_like`
    #[arg(long, value_name = "COLUMN", requires = "ips")]
    reward: Option<String>,
    /// Count a larger weight of a position as this
    #[arg(long, value_name = "WEIGHT", requires = "ips")]
    clip: Option<f64>,
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
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Weighing {
    /// By the weights that there are: less noise
    Snips,
    /// By the number of positions: right on average
    Ips,
    /// The gain that a model of the log expected, corrected by what was shown (doubly robust)
    Dr,
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

impl Format {
    const KNOWN: [(Format, &str); 4] = [
        (Format::Table, "txt"),
        (Format::Json, "json"),
        (Format::Csv, "csv"),
        (Format::Html, "html"),
    ];
}

pub fn replay(project: &Project, args: &ReplayArgs) -> Result<(), Failure> {
    let (files, baseline) = files(args);
    let project = &project.learned(args.requests.learned.as_deref())?;
    let engine = project.open(Some(&args.files[0]))?;
    let mut named = Vec::new();
    let mut params = Vec::new();
    let query = args.requests.query.as_deref();
    for path in &files {
        let mut file = ProgramFile::read(path)?;
        file.max_rows = file.max_rows.max(args.requests.limits.max_rows);
        params = file.tune(&engine, query, &args.requests.param)?;
        named.push((file.name.clone(), file.program(&engine, query)?));
    }
    let programs: Vec<(&str, &Program)> =
        named.iter().map(|(name, program)| (name.as_str(), program)).collect();
    let asking = Asking { engine: &engine, programs: &programs, baseline, params: &params };
    let replay = asking.replay(args, &Within::command())?;
    let place = Place::of(args.output.as_deref());
    let format = format_of(args.format, args.output.as_deref(), &Format::KNOWN)?;
    let others = [args.per_request.as_deref(), args.qrels.as_deref()];
    let targets = others.into_iter().flatten().map(|path| Place::of(Some(path)));
    for place in targets.chain([place.clone()]) {
        project.spare_inputs(
            &place,
            &args.files[0],
            &engine,
            programs[0].1,
            args.requests.holdout.as_deref(),
        )?;
    }
    let mut each = Each::new(args, format, &engine, &programs, &replay)?;
    let report = asking.report(&replay, |found| each.add(found));
    progress::clear();
    let report = report?;
    for warning in &report.warnings {
        out::say(format_args!("warning: {warning}"));
    }
    each.finish()?;
    let text = match format {
        Format::Table => table::text(&report, grid::width()),
        Format::Json => json(&report),
        Format::Csv => table::csv(&report),
        Format::Html => html::page(&report),
        // it is written while requests are judged
        Format::Trec => return unmet(args, &report),
    };
    place.write(&text)?;
    unmet(args, &report)
}

/// Fails where the report is not what was asked for.
fn unmet(args: &ReplayArgs, report: &Report) -> Result<(), Failure> {
    if let Some(message) = refused(report) {
        out::say(format_args!("error: {message}"));
        return Err(Failure::Said(DATA));
    }
    match knows_too_much(args, report) {
        true => Err(Failure::Said(PROGRAM)),
        false => Ok(()),
    }
}

/// Whether a trained version has seen what requests look for, and that was ruled out.
fn knows_too_much(args: &ReplayArgs, report: &Report) -> bool {
    args.strict && !report.foreknown.is_empty()
}

/// Why what was asked for could not be estimated.
fn refused(report: &Report) -> Option<String> {
    let programs = report.programs.iter();
    let mut estimates = programs.flat_map(|p| p.estimates.iter().map(move |e| (&p.name, e)));
    let refused = estimates.find_map(|(name, e)| Some((name, e.cut, e.refusal()?)));
    let (name, cut, why) = refused?;
    Some(format!("{name}: there is no estimate for the first {cut} positions: {why}"))
}

fn json(report: &Report) -> String {
    format!("{:#}\n", json::report(report))
}

/// A replay of programs that are compiled and whose files nobody has to know, in all its forms.
pub struct Forms {
    pub json: String,
    pub text: String,
    pub html: String,
    pub warnings: Vec<String>,
    /// Why it is not what was asked for.
    pub unmet: Option<String>,
}

impl Forms {
    fn new(args: &ReplayArgs, report: &Report) -> Forms {
        let strict = || "--strict: a trained version has seen links after a request".to_owned();
        Forms {
            json: json(report),
            text: table::text(report, None),
            html: html::page(report),
            warnings: report.warnings.clone(),
            unmet: refused(report).or_else(|| knows_too_much(args, report).then(strict)),
        }
    }
}

/// Replays programs, which have the names that the arguments have instead of files.
pub fn forms(
    engine: &Engine,
    programs: &[(&str, &Program)],
    params: &[String],
    args: &ReplayArgs,
    within: &Within,
) -> Result<Forms, Failure> {
    let named = args.baseline.as_deref().filter(|_| baseline_arm(args).is_none());
    let place = |name: &str| {
        let place = programs.iter().position(|(own, _)| *own == name);
        let names = || programs.iter().map(|(own, _)| *own).collect::<Vec<_>>().join(", ");
        place.ok_or_else(|| {
            let message = format!("--baseline {name}: it is none of the programs: {}", names());
            Failure::Usage(message)
        })
    };
    let baseline = named.map(place).transpose()?;
    let asking = Asking { engine, programs, baseline, params };
    let replay = asking.replay(args, within)?;
    Ok(Forms::new(args, &asking.report(&replay, |_| Ok(()))?))
}

/// The programs with the baseline among them, and its place.
fn files(args: &ReplayArgs) -> (Vec<PathBuf>, Option<usize>) {
    let mut files = args.files.clone();
    let Some(baseline) = args.baseline.as_ref().filter(|_| baseline_arm(args).is_none()) else {
        return (files, None);
    };
    let baseline = Path::new(baseline);
    let place = files.iter().position(|file| file == baseline).unwrap_or_else(|| {
        files.insert(0, baseline.to_owned());
        0
    });
    (files, Some(place))
}

/// The baseline, if it is an arm: a file of that name would be a program.
fn baseline_arm(args: &ReplayArgs) -> Option<(String, String)> {
    let is_program = |name: &str| {
        let name = Path::new(name);
        name.exists() || args.files.iter().any(|file| file == name)
    };
    let baseline = args.baseline.as_ref().filter(|name| !is_program(name))?;
    let (experiment, arm) = baseline.split_once('=')?;
    Some((experiment.trim().to_owned(), arm.trim().to_owned()))
}

/// Programs that are to be replayed.
struct Asking<'a> {
    engine: &'a Engine,
    programs: &'a [(&'a str, &'a Program)],
    /// The place of the program that the others are compared with.
    baseline: Option<usize>,
    /// Parameters of requests.
    params: &'a [String],
}

impl Asking<'_> {
    /// What is asked of them.
    fn replay(&self, args: &ReplayArgs, within: &Within) -> Result<Replay, Failure> {
        let (engine, program) = (self.engine, self.programs[0].1);
        let base = params::base(program, None, self.params, &args.requests.arm)?.seed(args.seed);
        if args.k.contains(&0) {
            return Err(Failure::Usage("--k 0: metrics look at 1 row at least".to_owned()));
        }
        let mut cuts = args.k.clone();
        cuts.sort_unstable();
        cuts.dedup();
        let largest = cuts.last().copied().unwrap_or(CUTS[CUTS.len() - 1]);
        let metrics = metrics("--metrics", &args.metrics, &cuts)?;
        let mut replay = args.requests.replay(engine, program, base, within)?;
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
        replay.baseline = self.baseline;
        replay.stages = !args.no_stages;
        replay.by = args.by.as_ref().map(|name| match &replay.when {
            When::Logged(_) if name == "arm" => By::Arm,
            _ => By::Column(name.clone()),
        });
        replay.baseline_arm = baseline_arm(args);
        if args.ips {
            counterfactual(engine, program, args, cuts, &mut replay)?;
        }
        Ok(replay)
    }

    /// Runs them, and hands on what was found of every request.
    fn report(
        &self,
        replay: &Replay,
        mut each: impl FnMut(&Judgement) -> Result<(), Failure>,
    ) -> Result<Report, Failure> {
        let report = self.engine.replay_each(self.programs, replay, |found| Ok(each(found)?));
        report.map_err(|ended| match ended {
            Ended::Failure(failure) => failure,
            Ended::Replay(ReplayError::Program(name, diagnostic)) => {
                let program = self.programs.iter().find(|(own, _)| *own == name);
                let of = program.map_or(self.programs[0].1, |(_, program)| program);
                let (diagnostics, sources) = (vec![*diagnostic], of.sources().clone());
                CompileError { diagnostics, sources }.into()
            }
            Ended::Replay(error) => error.into(),
        })
    }
}

/// `--ips`: what was shown is read, too.
fn counterfactual(
    engine: &Engine,
    program: &Program,
    args: &ReplayArgs,
    cuts: Vec<usize>,
    replay: &mut Replay,
) -> Result<(), Failure> {
    let When::Logged(requests) = &mut replay.when else {
        let message = match &args.requests.requests[..] {
            [] => "--ips: it needs the requests of a log: `--requests LOG`".to_owned(),
            given => format!("--ips: {} is no log", given.join(", ")),
        };
        let help =
            "a log has the columns `viewer` and `now`, and a table of what was shown beside it";
        return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
    };
    let entity = engine.schema().entity(result_entity(program, &args.requests));
    let largest = replay.truth.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
    let reward = reward(args)?.map(|column| (column, largest));
    let int_keys = engine.schema().any_key() == KeyType::Int;
    let of = log::Shown { entity, int_keys, list: args.requests.list.as_deref(), reward };
    log::shown(requests, &args.requests.logs(), &of)?;
    let estimator = match args.estimator {
        Weighing::Snips => Estimator::SelfNormalised,
        Weighing::Ips => Estimator::Plain,
        Weighing::Dr => Estimator::DoublyRobust,
    };
    replay.counterfactual = Some(Counterfactual { estimator, clip: args.clip, cuts });
    Ok(())
}

/// The column of the log that the estimate begins with.
fn reward(args: &ReplayArgs) -> Result<Option<&str>, Failure> {
    match (args.estimator, &args.reward) {
        (Weighing::Dr, None) => {
            let message = "--estimator dr: it needs the gain that a model expected of each row";
            let help = "name the column of the log that has it: `--reward COLUMN`";
            Err(Failure::Usage(format!("{message}\nhelp: {help}")))
        }
        (Weighing::Snips | Weighing::Ips, Some(column)) => {
            let message = format!("--reward {column}: only `--estimator dr` reads it");
            Err(Failure::Usage(message))
        }
        (_, column) => Ok(column.as_deref()),
    }
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

/// Why a replay ends early.
enum Ended {
    Replay(ReplayError),
    Failure(Failure),
}

impl From<ReplayError> for Ended {
    fn from(error: ReplayError) -> Ended {
        Ended::Replay(error)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failure(failure)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Failure {
        match error {
            ReplayError::Run(error) => error.into(),
            ReplayError::Program(..) => Failure::Usage(error.to_string()),
            ReplayError::Usage(spot, message) => Failure::Usage(match spot {
                Spot::Edge(name) => format!("--truth {name}: {message}"),
                Spot::Program(name) => format!("{name}: {message}"),
                Spot::Metric(name) => format!("--metrics {name}: {message}"),
                Spot::Requests => message,
                Spot::Users => format!("--users: {message}"),
                Spot::TestSet => format!("--holdout: {message}"),
                Spot::By => format!("--by: {message}"),
                Spot::BaselineArm => format!("--baseline: {message}"),
                Spot::Counterfactual => format!("--ips: {message}"),
            }),
        }
    }
}
