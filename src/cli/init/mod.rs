//! `igql init`: a first `catalog.toml` from the tables in a folder. What is guessed is marked, what
//! is doubtful is said with its rows, and the result is built before it is written.

mod doubts;
mod find;
mod guess;
mod headless;
mod judge;
pub(super) mod next;
mod print;
mod read;
mod report;
mod sniff;
mod table;
mod words;

use super::args::{MAX_THREADS, within};
use super::{Failure, Project, opened, out};
use crate::catalog::DataError;
use crate::files::Scratch;
use crate::store::{self, Options};
use clap::Args;
use find::Found;
use guess::World;
use std::path::{Path, PathBuf};
use table::Table;

#[derive(Args)]
pub struct InitArgs {
    /// The folder with the tables
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Replace the existing catalog; it is kept as `catalog.toml.old`
    #[arg(long)]
    force: bool,
    /// Keep `.igql/` in this folder instead of next to the catalog
    #[arg(long, value_name = "DIR", help_heading = "Data and threads")]
    pub(super) cache: Option<PathBuf>,
    /// Threads to use, at most 1024 [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Data and threads", value_parser = within(1, MAX_THREADS))]
    threads: Option<usize>,
}

impl InitArgs {
    pub(super) fn project(&self) -> Project {
        Project { cache: self.cache.clone(), threads: self.threads, ..Project::default() }
    }
}

pub fn init(project: &Project, args: &InitArgs) -> Result<(), Failure> {
    let options = project.options();
    let written = written(args, &options)?;
    written.report().iter().for_each(out::say);
    let engine = opened(&written.catalog, &options)?;
    out::say(next::steps(&engine, &args.dir));
    Ok(())
}

/// A catalog that was written, and what it was guessed from.
pub struct Written {
    pub catalog: PathBuf,
    tables: Vec<Table>,
    found: Found,
    world: World,
}

impl Written {
    /// What was found, what is doubtful, what was left out: a line each.
    pub fn report(&self) -> Vec<String> {
        report::report(&self.catalog, &self.tables, &self.found, &self.world)
    }
}

/// Writes the catalog of a folder.
pub fn written(args: &InitArgs, options: &Options) -> Result<Written, Failure> {
    let catalog = args.dir.join("catalog.toml");
    if let Some(message) = objection(args, &catalog) {
        return Err(Failure::Usage(message));
    }
    let mut found = find::find(&args.dir)?;
    let mut tables = read::read(&args.dir, &mut found);
    if tables.is_empty() {
        return Err(nothing(&args.dir, &found).into());
    }
    read::join_parts(&args.dir, &mut tables);
    let mut aside = Aside::new(&args.dir, options)?;
    let file = &mut aside.file;
    let world = loading(options, &args.dir, file, &mut tables, &mut found)?;
    if catalog.exists() {
        let old = args.dir.join("catalog.toml.old");
        std::fs::rename(&catalog, &old).map_err(|e| DataError::io(&old, &e))?;
    }
    aside.keep(&catalog)?;
    Ok(Written { catalog, tables, found, world })
}

/// Why the catalog cannot be written there.
fn objection(args: &InitArgs, catalog: &Path) -> Option<String> {
    let dir = args.dir.display();
    match args.dir.is_dir() {
        false if args.dir.exists() => return Some(format!("{dir} is no folder")),
        false => return Some(format!("{dir} does not exist")),
        true => {}
    }
    let there = catalog.exists() && !args.force;
    there.then(|| {
        let catalog = catalog.display();
        let help = "`--force` replaces it and keeps this one as catalog.toml.old";
        format!("{catalog} already exists\nhelp: {help}")
    })
}

/// A catalog on trial, beside the tables that its paths are relative to.
struct Aside {
    file: Scratch,
    /// What is derived from it, if nothing was there before: it goes if the catalog does.
    derived: Option<PathBuf>,
}

impl Aside {
    fn new(dir: &Path, options: &Options) -> Result<Aside, DataError> {
        let derived = options.cache.as_deref().unwrap_or(dir).join(".igql");
        let file = Scratch::beside(&dir.join("catalog.toml"), "toml").map_err(|e| {
            let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
            let help = format!(
                "a catalog lies beside its tables: link them into a folder of your own, `mkdir data && ln -s {}/* data/ && igql init data`",
                whole.display()
            );
            DataError::io(dir, &e).help(help)
        })?;
        Ok(Aside { file, derived: (!derived.exists()).then_some(derived) })
    }

    /// The catalog takes its name. What was derived from it is that of its text, so it stays.
    fn keep(mut self, catalog: &Path) -> Result<(), DataError> {
        self.file.keep(catalog).map_err(|e| DataError::io(catalog, &e))?;
        self.derived = None;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(derived) = &self.derived {
            let _ = std::fs::remove_dir_all(derived);
        }
    }
}

/// Guesses until the catalog loads: a table that cannot be had at all is left out and said.
fn loading(
    options: &Options,
    dir: &Path,
    catalog: &mut Scratch,
    tables: &mut Vec<Table>,
    found: &mut Found,
) -> Result<World, Failure> {
    let options = Options { stale: false, ..options.clone() };
    let mut timeless: Vec<String> = Vec::new();
    loop {
        let mut world = guess::guess(tables);
        let entities = world.entities.iter_mut();
        entities.filter(|e| timeless.contains(&e.name)).for_each(|e| e.time = None);
        if world.entities.is_empty()
            || world.edges.is_empty() && world.entities.iter().all(|e| e.table.is_none())
        {
            return Err(no_key(dir, tables).into());
        }
        tables.iter_mut().for_each(doubts::own_doubts);
        doubts::doubts(tables, &world);
        let text = print::catalog(&find::folder_name(dir), tables, &found.vectors, &world);
        let path = catalog.path().to_owned();
        catalog.rewrite(text.as_bytes()).map_err(|e| DataError::io(&path, &e))?;
        let error = match store::open(&path, &options) {
            Ok(snapshot) => {
                let hidden = hidden(&snapshot, &world);
                if hidden.is_empty() {
                    return Ok(world);
                }
                timeless.extend(hidden);
                continue;
            }
            Err(error) => error,
        };
        let mut changed = false;
        for error in std::iter::once(&error).chain(&error.others) {
            changed |= give_up(dir, error, tables, found);
        }
        if !changed {
            // what is wrong is in no file, but in the catalog itself
            return Err(error.into());
        }
        if tables.is_empty() {
            return Err(nothing(dir, found).into());
        }
    }
}

/// What no repair foresaw: a table does without its bad rows, and if that does not help it is left
/// out. False if the error is about no file.
fn give_up(dir: &Path, error: &DataError, tables: &mut Vec<Table>, found: &mut Found) -> bool {
    let named = |pattern: &str| {
        let path = dir.join(pattern);
        error.file.starts_with(&path) || *error.file == *Path::new(pattern)
    };
    let why = match &error.column {
        Some(column) => format!("`{column}`: {}", error.message),
        None => error.message.to_string(),
    };
    if let Some(at) = found.vectors.iter().position(|v| named(&v.pattern)) {
        let vectors = found.vectors.remove(at);
        found.left.push((vectors.pattern, why));
        return true;
    }
    let Some(at) = tables.iter().position(|t| named(&t.source.pattern)) else {
        return false;
    };
    match error.row {
        Some(row) if tables[at].forced.is_none() => {
            let line = error.line.map_or_else(String::new, |l| format!(" (line {l})"));
            let value = error.column.is_some();
            tables[at].forced = Some((why, format!("row {row}{line}"), value));
        }
        _ => {
            let table = tables.remove(at);
            found.left.push((table.source.pattern, why));
        }
    }
    true
}

/// Entities most of whose rows would be visible only after the newest link: then their time says
/// something else.
fn hidden(snapshot: &store::Snapshot, world: &World) -> Vec<String> {
    let Some(newest) = snapshot.newest_link() else {
        return Vec::new();
    };
    let schema = snapshot.schema();
    let most = |name: &String| {
        let times = schema.find_entity(name).and_then(|id| snapshot.times(id));
        times.is_some_and(|t| t.iter().filter(|t| **t > newest).count() * 2 > t.len())
    };
    let timed = world.entities.iter().filter(|e| e.time.is_some());
    timed.map(|e| e.name.clone()).filter(most).collect()
}

fn nothing(dir: &Path, found: &Found) -> DataError {
    let mut message = "no readable tables found".to_owned();
    for (file, why) in found.left.iter().take(10) {
        message += &format!("\n  {file}: {why}");
    }
    for file in found.others.iter().take(10) {
        message += &format!("\n  {file}: no table");
    }
    let help = "tables are CSV, TSV and other text with separators, JSON lines, Parquet and Arrow files; `igql demo DIR` writes some";
    DataError::new(dir, message).help(help)
}

fn no_key(dir: &Path, tables: &[Table]) -> DataError {
    let mut message = "no column looks like a key".to_owned();
    for table in tables.iter().take(10) {
        let columns: Vec<&str> = table.profile.columns.iter().map(|c| c.name.as_str()).collect();
        message += &format!("\n  {}: {}", table.source.pattern, columns.join(", "));
    }
    let help = "an entity needs a column like `user_id`, an edge two of them; rename the columns, or write the catalog by hand (docs/catalog.md)";
    DataError::new(dir, message).help(help)
}
