//! `igql init`: a first `catalog.toml` from the tables in a folder. What is guessed is marked, and
//! the result is built, so that what does not load is said at once.

mod guess;
mod print;
mod sniff;

use super::args::{MAX_THREADS, within};
use super::{Failure, Project, out};
use crate::catalog::DataError;
use crate::catalog::config::TextFormat;
use crate::files;
use crate::store::{self, profile};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct InitArgs {
    /// The folder with the tables
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Keep `.igql/` in this folder instead of beside the catalog
    #[arg(long, value_name = "DIR", help_heading = "Data and threads")]
    cache: Option<PathBuf>,
    /// Threads to use, at most 1024 [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Data and threads", value_parser = within(1, MAX_THREADS))]
    threads: Option<usize>,
}

impl InitArgs {
    pub(super) fn project(&self) -> Project {
        Project {
            cache: self.cache.clone(),
            threads: self.threads,
            ..Project::default()
        }
    }
}

/// A table that was found.
struct Table {
    /// Its file's name.
    file: String,
    /// Its file's name as one in a catalog: `user_likes` of `user-likes.csv.gz`.
    name: String,
    profile: profile::Profile,
    /// How the catalog writes its text format, if it must.
    format: Option<String>,
}

/// A file of vectors.
struct Vectors {
    file: String,
    name: String,
    rows: usize,
    halves: bool,
}

pub fn init(project: &Project, args: &InitArgs) -> Result<(), Failure> {
    let catalog = args.dir.join("catalog.toml");
    if catalog.exists() {
        let message = format!("{} is there already", catalog.display());
        return Err(Failure::Usage(message));
    }
    let found = found(&args.dir)?;
    let mut tables = Vec::new();
    for file in found.iter().filter(|f| profile::is_table(f)) {
        match table(file) {
            Ok(table) if table.profile.columns.is_empty() => {}
            Ok(table) => tables.push(table),
            Err(error) => out::say(format_args!("left out: {error}")),
        }
    }
    distinct(&mut tables);
    if tables.is_empty() {
        let error = DataError::new(&args.dir, "there are no tables that can be read");
        return Err(error.help("`igql demo DIR` writes some").into());
    }
    let vectors: Vec<Vectors> = found.iter().filter_map(|f| vectors(f)).collect();
    let world = guess::guess(&tables);
    if world.entities.is_empty() {
        let error = DataError::new(&args.dir, "no column looks like a key");
        let help = "an entity needs a column like `user_id`; docs/catalog.md shows how to write a catalog by hand";
        return Err(error.help(help).into());
    }
    let text = print::catalog(&name(&args.dir), &tables, &vectors, &world);
    files::replace(&catalog, text.as_bytes()).map_err(|e| out::failed(catalog.display(), &e))?;
    out::say(format_args!(
        "{}: look through what is marked `guessed`",
        catalog.display()
    ));
    let report = store::build(&catalog, &project.options())?;
    report.warnings.iter().for_each(out::say);
    out::say(format_args!(
        "it loads: {} entities, {} edges",
        world.entities.len(),
        world.edges.len()
    ));
    Ok(())
}

fn found(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(dir).map_err(|e| DataError::io(dir, &e))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|f| f.is_file() && !is_prose(f));
    files.sort();
    Ok(files)
}

/// Texts for people: the data of others come with them.
fn is_prose(file: &Path) -> bool {
    let stem = file.file_stem().map(|s| s.to_string_lossy().to_lowercase());
    stem.is_some_and(|s| ["readme", "license", "licence", "notes"].contains(&s.as_str()))
}

/// A path's name as one in a catalog.
fn name(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = whole.file_name().map(|n| n.to_string_lossy().into_owned());
    let file = file.unwrap_or_default();
    let stem = guess::plain(file.split('.').next().unwrap_or_default());
    match stem.chars().next() {
        Some(c) if c.is_ascii_alphabetic() => stem,
        _ => format!("t_{stem}"),
    }
}

fn table(file: &Path) -> Result<Table, DataError> {
    let (format, written) = match profile::is_text(file) {
        true => {
            let sniffed = sniff::sniff(file, &profile::bytes(file)?);
            (sniffed.format, sniffed.written)
        }
        false => (TextFormat::default(), None),
    };
    Ok(Table {
        file: file_name(file),
        name: name(file),
        profile: profile::profile(file, &format)?,
        format: written,
    })
}

fn file_name(file: &Path) -> String {
    file.file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

fn vectors(file: &Path) -> Option<Vectors> {
    file.extension().filter(|e| *e == "npy")?;
    let (rows, halves) = profile::vectors(file).ok()?;
    Some(Vectors {
        file: file_name(file),
        name: name(file),
        rows,
        halves,
    })
}

/// Files of one name and several endings keep their names apart.
fn distinct(tables: &mut [Table]) {
    for at in 1..tables.len() {
        let (before, rest) = tables.split_at_mut(at);
        while before.iter().any(|t| t.name == rest[0].name) {
            rest[0].name.push('_');
        }
    }
}
