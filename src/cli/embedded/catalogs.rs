//! Catalogs, as the command shows and guesses them.

use super::words::{PROJECT, Refused, parse};
use super::{EmbeddedError, Within, heard};
use crate::cli::describe::{self as described, DescribeArgs};
use crate::cli::init::{self as guessing, InitArgs};
use crate::engine::Engine;
use crate::store::{DataError, Options};
use crate::types::Key;
use std::path::{Path, PathBuf};

/// What `igql describe` prints: of the whole catalog, or of the thing that a word names; `--format json` for machines.
pub fn describe(engine: &Engine, words: &[String]) -> Result<String, EmbeddedError> {
    let work = || {
        let args: DescribeArgs = parse(words, &[], &[&PROJECT])?;
        described::shown(engine, &args)
    };
    Ok(heard(work)?.0)
}

/// A catalog that was guessed from the tables in its folder.
#[derive(Clone, Debug)]
pub struct Guessed {
    /// The file that was written.
    pub catalog: PathBuf,
    /// Its text, with what is guessed marked.
    pub toml: String,
    /// What `igql init` says: what was found, what is doubtful and where, what was left out. A line each; those that
    /// belong to the one before are indented.
    pub notes: Vec<String>,
}

const REFUSED: [Refused; 1] = [("threads", "threads are those of the whole process")];

/// Writes a first catalog for the tables in a folder, and the snapshot that it was tried with. `--force` replaces the
/// one that is there, `--cache DIR` keeps derived files elsewhere.
pub fn init(dir: &Path, words: &[String], within: &Within) -> Result<Guessed, EmbeddedError> {
    let work = || {
        let mut args: InitArgs = parse(words, &["."], &[&REFUSED])?;
        args.dir = dir.to_owned();
        let (cache, progress) = (args.cache.clone(), within.progress.clone());
        let written = guessing::written(&args, &Options { cache, progress, ..Options::default() })?;
        let catalog = written.catalog.clone();
        let toml = std::fs::read_to_string(&catalog).map_err(|e| DataError::io(&catalog, &e))?;
        Ok(Guessed { catalog, toml, notes: written.report() })
    };
    Ok(heard(work)?.0)
}

/// A first program for a catalog, which returns rows, and the user for whom it does so: what `igql init` shows next.
pub fn first_program(engine: &Engine) -> Option<(String, Option<Key>)> {
    guessing::next::first(engine)
}
