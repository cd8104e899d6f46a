//! `igql train`: what programs declare to be learned is trained where it is stale.

mod dump;
mod list;
mod report;
mod show;
mod tables;

use super::args::{bytes, within};
use super::out::Place;
use super::progress::Within;
use super::{
    DATA, Failure, LIMIT, Outcome, PROGRAM, ProgramFile, Project, fail, grid, out, params, progress,
};
use crate::engine::{Engine, Unit};
use crate::files;
use crate::ops::Limits;
use crate::store::learned::Room;
use crate::train::{self, Item, Train, TrainError};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(
    after_help = "A version that was trained is never changed: programs take the newest one whose declaration is theirs, and \
    `NAME@3` the third.\n\nExit codes: 0 all is up to date, 1 the files have errors, 3 something could not be trained; \
    others as for all commands.\n\nExamples:\n  \
    igql train page.igql\n  \
    igql train page.igql --dry-run\n  \
    igql train page.igql --report training.html\n  \
    igql train --list\n  \
    igql train page.igql --until 2024-05-01 --learned backtest\n  \
    igql train page.igql --only final --from log\n  \
    igql train models.igql --only final --dump tables"
)]
pub struct TrainArgs {
    /// Programs and files of definitions; what they import and the prelude count too [default: the prelude]
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Train only what has one of these names
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Train also what is up to date
    #[arg(long)]
    again: bool,
    /// Show what would be trained, and how much memory it may take
    #[arg(long)]
    dry_run: bool,
    /// Show the versions there are
    #[arg(long, conflicts_with_all = ["again", "dry_run", "until", "prune"])]
    list: bool,
    /// Train on links before this time, for replays of the past
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Train the models that `--only` names from this log of `igql run --log`: what was shown, with the inputs as they
    /// were when it was scored
    #[arg(long, value_name = "DIR", requires = "only", conflicts_with_all = ["list", "prune"])]
    from: Option<PathBuf>,
    /// Write a page of what was trained and of what was up to date: how it went, how good it is, what it reads
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["dry_run", "list", "prune", "dump"])]
    report: Option<PathBuf>,
    /// The folder of the versions [default: `.igql/learned` beside the catalog]
    #[arg(long, value_name = "DIR")]
    learned: Option<PathBuf>,
    /// Train nothing: write the training table of each model into this folder, as `ENTITY.NAME.parquet`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["again", "dry_run", "list", "learned", "prune", "max_memory"])]
    dump: Option<PathBuf>,
    /// Remove all but the newest K versions of each declaration
    #[arg(long, value_name = "K", value_parser = within(1, u32::MAX as usize), conflicts_with_all = ["again", "dry_run", "until"])]
    prune: Option<usize>,
    /// Fail what would take more memory than this: bytes, or 512MB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_memory: Option<u64>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
}

pub fn train(project: &Project, args: &TrainArgs) -> Result<(), Failure> {
    let project = &match args.list || args.prune.is_some() {
        true => project.learned(args.learned.as_deref())?,
        // it is made where it is not there
        false => project.learning(args.learned.as_deref()),
    };
    if let Some(keep) = args.prune {
        return list::prune(&room(project, args)?, keep, args);
    }
    let anchor = args.files.first().map(PathBuf::as_path);
    let engine = project.open(anchor)?;
    if let Some(folder) = &args.dump {
        return tables::write(&engine, args, folder);
    }
    if args.list {
        return list::list(&room(project, args)?, &engine, args.format);
    }
    warn_of_damaged(&engine);
    let how = how(args, &Within { stop: None, progress: progress::with_lines() })?;
    let page = args.report.as_deref().map(|path| place_of_page(path, &engine)).transpose()?;
    let mut outcome = Outcome::default();
    let files = files(args)?;
    let units: Vec<Unit> = files.iter().map(ProgramFile::unit).collect();
    let (done, engine) = each_unit(engine, &units, &how, |error| {
        outcome.note(refused(error)?);
        Ok(())
    })?;
    warn_of_notes(&done);
    let failed = done.iter().any(|item| matches!(item.outcome, train::Outcome::Failed(_)));
    if failed {
        outcome.note(DATA);
    }
    match args.format {
        // what the errors were about is declared all the same
        Format::Table if done.is_empty() && outcome.0 != 0 => {}
        Format::Table => out::print(&show::table(&done, grid::width()))?,
        Format::Json => out::print(&json(&done))?,
    }
    if let Some(place) = page {
        place.write(&self::page(&done, &engine))?;
    }
    outcome.end()
}

fn json(items: &[Item]) -> String {
    format!("{:#}\n", show::json(items))
}

/// The page of a training, with the engine that reads what was trained.
fn page(items: &[Item], engine: &Engine) -> String {
    let (versions, _) = engine.learned().versions();
    report::page(&report::Told { items, versions: &versions, engine })
}

fn warn_of_damaged(engine: &Engine) {
    for damaged in engine.snapshot().damaged_versions() {
        out::say(format_args!("warning: {damaged}"));
    }
}

fn warn_of_notes(items: &[Item]) {
    for item in items {
        let of = format!("{} {}", item.kind.word(), item.name);
        item.notes.iter().for_each(|note| out::say(format_args!("warning: {of}: {note}")));
    }
}

/// A training in all its forms.
pub struct Forms {
    pub json: String,
    pub text: String,
    pub html: String,
    /// What could not be trained, each with why.
    pub failed: Vec<String>,
    /// The engine that reads what was trained.
    pub engine: Engine,
}

/// Trains what units declare that may not be files.
pub fn forms(
    engine: &Engine,
    units: &[Unit],
    args: &TrainArgs,
    within: &Within,
) -> Result<Forms, Failure> {
    let how = how(args, within)?;
    let engine = match &args.learned {
        Some(folder) => engine.learning(folder)?,
        None => engine.clone(),
    };
    warn_of_damaged(&engine);
    let (done, engine) = each_unit(engine, units, &how, |error| Err(error.into()))?;
    warn_of_notes(&done);
    let failed = done.iter().filter_map(|item| match &item.outcome {
        train::Outcome::Failed(why) => Some(format!("{} {}: {why}", item.kind.word(), item.name)),
        _ => None,
    });
    Ok(Forms {
        json: json(&done),
        text: show::table(&done, None),
        html: page(&done, &engine),
        failed: failed.collect(),
        engine,
    })
}

/// Trains what each unit declares, what several import once; with the engine that reads the new versions.
fn each_unit(
    mut engine: Engine,
    units: &[Unit],
    how: &Train,
    mut refused: impl FnMut(TrainError) -> Result<(), Failure>,
) -> Result<(Vec<Item>, Engine), Failure> {
    let mut done: Vec<Item> = Vec::new();
    for unit in units {
        let ran = engine.train(unit, how);
        progress::clear();
        match ran {
            Ok(report) => {
                let is_new = |item: &Item| !done.iter().any(|d| is_same(d, item));
                done.extend(
                    report.items.into_iter().filter(|item| is_new(item)).collect::<Vec<_>>(),
                );
            }
            Err(error) => refused(error)?,
        }
        engine = engine.reload()?;
    }
    Ok((done, engine))
}

/// Where the page goes, if it can.
fn place_of_page(path: &Path, engine: &Engine) -> Result<Place, Failure> {
    let wrong = |why: &str, help: &str| {
        let message = format!("--report {}: {why}\nhelp: {help}", path.display());
        Err(Failure::Usage(message))
    };
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    if ending.is_none_or(|ending| ending != "html" && ending != "htm") {
        return wrong("a report is a page", "name a file that ends with `.html`");
    }
    if files::is_below(path, engine.snapshot().folder()) {
        return wrong("this is in the folder of derived files", "name another file");
    }
    let place = Place::of(Some(path));
    place.probe().map(|()| place)
}

fn is_same(one: &Item, other: &Item) -> bool {
    (one.kind, &one.name, &one.entities, &one.declaration)
        == (other.kind, &other.name, &other.entities, &other.declaration)
}

/// The files, or one without a text, which the prelude stands before.
fn files(args: &TrainArgs) -> Result<Vec<ProgramFile>, Failure> {
    if args.files.is_empty() {
        return Ok(vec![ProgramFile {
            path: PathBuf::new(),
            name: "prelude".to_owned(),
            text: String::new(),
            max_rows: Limits::default().max_rows,
            tunables: crate::check::Tunables::new(),
        }]);
    }
    args.files.iter().map(|path| ProgramFile::read(path)).collect()
}

fn how(args: &TrainArgs, within: &Within) -> Result<Train, Failure> {
    let until = match &args.until {
        None => None,
        Some(text) => Some(params::time_of("--until", text)?),
    };
    if until.is_some() && args.learned.is_none() {
        let message = "--until: versions of the past go to a folder of their own\nhelp: name it: `--learned DIR`";
        return Err(Failure::Usage(message.to_owned()));
    }
    if until.is_none() && args.learned.is_some() {
        let message = "--learned: this folder is for versions of the past\nhelp: say until when: `--until TIME`";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(Train {
        only: args.only.clone(),
        until,
        from: args.from.clone(),
        again: args.again,
        dry_run: args.dry_run,
        limits: within.limits(Limits { max_memory: args.max_memory, ..Limits::default() }),
        progress: within.progress.clone(),
    })
}

/// The folder of the versions that there are.
fn room(project: &Project, args: &TrainArgs) -> Result<Room, Failure> {
    let catalog = project.find(args.files.first().map(PathBuf::as_path))?;
    Ok(crate::store::room(&catalog, &project.options()))
}

/// Says why a file was not trained, and gives the exit code; what ends the whole is the error.
fn refused(error: TrainError) -> Result<u8, Failure> {
    match error {
        TrainError::Program(error) => Ok(fail(error.into())),
        TrainError::Memory(message) | TrainError::Model(message) => {
            out::say(format_args!("error: {message}"));
            Ok(LIMIT)
        }
        error => Err(error.into()),
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        match error {
            TrainError::Program(error) => error.into(),
            TrainError::Unknown { .. } => Failure::Usage(format!("--only: {error}")),
            TrainError::Data(error) => error.into(),
            TrainError::Memory(message) | TrainError::Model(message) => Failure::Usage(message),
            TrainError::Run(error) => error.into(),
        }
    }
}
