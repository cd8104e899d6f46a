//! Models that other programs have trained, in files: read once for an engine, and called like functions.
//!
//! What is read stays in memory as it was, whatever becomes of the file: programs of an engine mean one model by it.

use super::Predictor;
use crate::expr::functions::own::{Effort, Learnt};
use crate::expr::functions::sums::{Contributions, Scale};
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::extend::Failure;
use crate::files;
use crate::learn::trees::{Forest, Meaning, Scratch, Wrong};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_128;

/// Who has written a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Library {
    LightGbm,
    XgBoost,
}

/// A file that was read.
pub struct ModelFile {
    /// The model in it.
    pub forest: Arc<Forest>,
    /// Of its bytes: 12 hex digits.
    pub hash: String,
}

/// Why a file is no model.
pub enum Unread {
    /// It cannot be read.
    Io(io::Error),
    /// It says something else.
    Wrong(Wrong),
    /// It is no network that can be run.
    #[cfg(feature = "onnx")]
    Network(crate::learn::onnx::Wrong),
}

/// How a model is called.
#[derive(Clone, Copy)]
pub struct Called<'a> {
    /// The entity whose rows it scores, and the version: `media.ctr@0a1b2c3d4e5f`.
    pub label: &'a str,
    /// The names of its outputs.
    pub heads: &'a [String],
    /// Whether it gives margins.
    pub raw: bool,
    /// Rounds of boosting that are added up, if these are not all.
    pub rounds: Option<usize>,
}

/// The files that programs of an engine have read.
#[derive(Default)]
pub struct ModelFiles(Mutex<Known>);

#[derive(Default)]
pub(super) struct Known {
    /// Where the files are, by the paths that lead there.
    places: HashMap<PathBuf, PathBuf>,
    files: HashMap<(PathBuf, Library), Arc<ModelFile>>,
    /// What the files hold, by their hashes; empty: they cannot be read any more.
    pub(super) hashes: HashMap<PathBuf, String>,
    pub(super) predictors: HashMap<String, Arc<Predictor>>,
    #[cfg(feature = "onnx")]
    pub(super) networks: HashMap<PathBuf, Arc<super::networks::NetworkFile>>,
}

impl ModelFiles {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model in a file, which is read if no program has asked for it before.
    pub fn open(&self, path: &Path, library: Library) -> Result<Arc<ModelFile>, Unread> {
        // where it was before, even if it is gone by now
        let known = self.known().places.get(path).cloned();
        let place = known.map_or_else(|| path.canonicalize(), Ok).map_err(Unread::Io)?;
        let key = (place, library);
        if let Some(file) = self.known().files.get(&key) {
            return Ok(file.clone());
        }
        let bytes = files::read(&key.0).map_err(Unread::Io)?;
        let read = match library {
            Library::LightGbm => Forest::lightgbm(&bytes),
            Library::XgBoost => Forest::xgboost(&bytes),
        };
        let forest = Arc::new(read.map_err(Unread::Wrong)?);
        let file = Arc::new(ModelFile { forest, hash: hash(&bytes) });
        let mut known = self.known();
        known.places.insert(path.to_owned(), key.0.clone());
        known.hashes.insert(key.0.clone(), file.hash.clone());
        // of several threads that read it the first one says what all programs mean
        Ok(known.files.entry(key).or_insert(file).clone())
    }

    /// The heads of a model as functions of its features: the same ones for all programs that call it alike.
    pub fn predictor(&self, file: &ModelFile, called: Called) -> Arc<Predictor> {
        let Called { label, heads, raw, rounds } = called;
        let rounds = rounds.filter(|&rounds| rounds < file.forest.rounds());
        let mut name = label.to_owned();
        if let Some(rounds) = rounds {
            name += &format!(".{rounds}");
        }
        if raw {
            name += ".raw";
        }
        let key = format!("{name} {}", heads.join(" "));
        let mut known = self.known();
        let found = known.predictors.entry(key).or_insert_with(|| {
            let forest = match rounds {
                Some(rounds) => Arc::new(file.forest.after(rounds)),
                None => file.forest.clone(),
            };
            let is_probability = forest.meaning(raw) == Meaning::Probability;
            let learnt: Arc<dyn Learnt> = Arc::new(Trees { forest, raw });
            let heads = heads.iter().map(|head| (head.as_str(), is_probability));
            Arc::new(Predictor::of(name, learnt, heads))
        });
        found.clone()
    }

    /// Reads what another engine has read: what is as it was is not made again.
    pub fn read_as(&self, before: &ModelFiles) {
        let before = before.known();
        let mut known = self.known();
        let is_there = |(path, place): &(&PathBuf, &PathBuf)| {
            path.canonicalize().is_ok_and(|found| found == **place)
        };
        let places = before.places.iter().filter(is_there);
        known.places.extend(places.map(|(path, place)| (path.clone(), place.clone())));
        for (path, hash_before) in &before.hashes {
            let hash = files::read(path).map(|bytes| hash(&bytes)).unwrap_or_default();
            if hash == *hash_before {
                let own = before.files.iter().filter(|((of, _), _)| of == path);
                known.files.extend(own.map(|(key, file)| (key.clone(), file.clone())));
                #[cfg(feature = "onnx")]
                if let Some(network) = before.networks.get(path) {
                    known.networks.insert(path.clone(), network.clone());
                }
            }
            known.hashes.insert(path.clone(), hash);
        }
    }

    /// Whether what both have read is the same.
    pub fn is_same(&self, other: &ModelFiles) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        // one after the other: two threads may compare the same two
        let own = self.known().hashes.clone();
        let other = other.known();
        own.iter().all(|(path, hash)| other.hashes.get(path).is_none_or(|other| other == hash))
    }
}

pub(super) fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))[..12].to_owned()
}

/// Trees as a function of features.
struct Trees {
    forest: Arc<Forest>,
    raw: bool,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Learnt for Trees {
    fn numbers(&self) -> usize {
        self.forest.outputs(self.raw)
    }

    fn effort(&self) -> Option<Effort> {
        Some(Effort { each: self.forest.comparisons(), unit: "comparisons" })
    }

    fn contributions(&self, row: &[f64], head: usize) -> Option<Contributions> {
        // the class of the largest margin is of no margin alone
        let is_of_one = self.numbers() == self.forest.margins();
        let explained = is_of_one.then(|| self.forest.contributions(row, head))??;
        let scale = match &self.forest {
            forest if forest.is_margin(self.raw) => Scale::Value,
            forest if forest.has_log_odds(self.raw) => Scale::LogOdds,
            _ => Scale::Margin,
        };
        Some(Contributions { scale, expected: explained.expected, arguments: explained.features })
    }

    fn eval(&self, args: &[Val], n: usize, _: &Texts) -> Result<Vec<f64>, Failure> {
        let columns: Vec<Cow<[f64]>> = args.iter().map(|arg| column(arg, n)).collect();
        let columns: Vec<&[f64]> = columns.iter().map(|column| &**column).collect();
        if columns.len() != self.forest.features() {
            return Err(Failure::new("it was given another number of features"));
        }
        let mut found = Vec::new();
        // taken, not borrowed: a thread that waits for others may score again
        let mut scratch = SCRATCH.take();
        self.forest.score(&columns, n, self.raw, &mut scratch, &mut found);
        SCRATCH.set(scratch);
        Ok(found)
    }
}

/// The values of `n` rows.
fn column<'v>(arg: &'v Val, n: usize) -> Cow<'v, [f64]> {
    match arg {
        Val::F64(Arg::Many(values)) => Cow::Borrowed(&values[..n]),
        Val::F64(Arg::One(value)) => Cow::Owned(vec![*value; n]),
        _ => Cow::Owned(vec![f64::NAN; n]),
    }
}
