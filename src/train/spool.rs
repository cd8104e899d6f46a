//! Training tables that are computed once: small ones are kept in memory, others are written to a file beside the
//! catalog, block by block, and read back whenever they are needed. What is learned from them is the same.

use super::TrainError;
use super::job::{Job, size};
use crate::files::{self, Scratch};
use crate::learn::Watch;
use crate::learn::net::{self, Block, Examples, Layout, Storing};
use crate::ops::{Limits, RunError};
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Bytes of a table that are kept in memory.
const IN_MEMORY: u64 = 256 << 20;
/// What the file is called: `.examples.PROCESS-NUMBER.table`.
const NAME: (&str, &str) = ("examples", "table");

/// A table that was computed. Its file goes with it.
pub(super) struct Spooled {
    examples: Box<dyn Examples>,
    _file: Option<Scratch>,
}

/// How many bytes of a table stay in memory: an eighth of what a training may take.
pub(super) fn in_memory(limits: &Limits) -> u64 {
    limits.max_memory.map_or(IN_MEMORY, |most| (most / 8).min(IN_MEMORY))
}

/// Removes the files of trainings that were killed.
pub(super) fn clear(folder: &Path) {
    files::Scratch::clear(folder, NAME.0, NAME.1);
}

impl Spooled {
    /// Computes all blocks of the first epoch.
    pub fn of(job: &Job, source: &dyn Examples) -> Result<Spooled, TrainError> {
        let (blocks, watch) = (source.blocks(), job.watch());
        if blocks == 0 {
            return Ok(Spooled::kept(source.layout(), Vec::new()));
        }
        // the last one that is full tells how large they are: lists grow with time
        let first = (blocks - 1).saturating_sub(1);
        told(&watch, 0, source)?;
        let sample = computed(job, source, first)?;
        let bytes = share(Storing::size(&sample), source.len(), sample.len() as u64);
        let order = (0..blocks).filter(|&number| number != first);
        if bytes > in_memory(&job.limits) {
            return Spooled::written(job, &watch, source, (first, sample), order, bytes);
        }
        let mut all = vec![Block::default(); blocks];
        for (done, number) in order.enumerate() {
            told(&watch, done + 1, source)?;
            all[number] = computed(job, source, number)?;
        }
        all[first] = sample;
        Ok(Spooled::kept(source.layout(), all))
    }

    fn kept(layout: &Layout, blocks: Vec<Block>) -> Spooled {
        Spooled { examples: Box::new(net::Table { layout: layout.clone(), blocks }), _file: None }
    }

    /// The same in a file, if there is room for it.
    fn written(
        job: &Job,
        watch: &dyn Watch,
        source: &dyn Examples,
        (first, sample): (usize, Block),
        order: impl Iterator<Item = usize>,
        bytes: u64,
    ) -> Result<Spooled, TrainError> {
        let folder = job.engine.temporary();
        let failed = |error: io::Error| unwritable(job, &folder, bytes, &error);
        let file = Scratch::within(&folder, NAME.0, NAME.1).map_err(failed)?;
        has_room(job, &folder, bytes)?;
        let layout = source.layout().clone();
        let mut storing = Storing::new(layout, source.blocks(), file.open().map_err(failed)?);
        storing.add(first, &sample).map_err(failed)?;
        drop(sample);
        for (done, number) in order.enumerate() {
            told(watch, done + 1, source)?;
            storing.add(number, &computed(job, source, number)?).map_err(failed)?;
        }
        let stored = storing.finish().map_err(failed)?;
        Ok(Spooled { examples: Box::new(stored), _file: Some(file) })
    }

    /// The examples, as of the first epoch.
    pub fn examples(&self) -> &dyn Examples {
        &*self.examples
    }
}

/// Examples of which the first epoch was computed, and the others differ from it.
pub(super) struct Renewed<'a> {
    pub source: &'a dyn Examples,
    pub first: &'a dyn Examples,
}

impl Examples for Renewed<'_> {
    fn layout(&self) -> &Layout {
        self.source.layout()
    }

    fn len(&self) -> u64 {
        self.first.len()
    }

    fn block(&self, number: usize, epoch: u64) -> io::Result<Cow<'_, Block>> {
        match epoch {
            0 => self.first.block(number, 0),
            epoch => self.source.block(number, epoch),
        }
    }

    fn outcomes(&self, number: usize) -> io::Result<Cow<'_, Block>> {
        self.first.outcomes(number)
    }

    fn varies(&self) -> bool {
        self.source.varies()
    }
}

fn computed(job: &Job, source: &dyn Examples, number: usize) -> Result<Block, TrainError> {
    let block = source.block(number, 0);
    // what computes it says what is wrong, and with which model
    let block = block.map_err(|error| match error.into_inner() {
        Some(inner) => TrainError::Model(inner.to_string()),
        None => {
            TrainError::Model(format!("model `{}`: its examples cannot be read", job.declared.name))
        }
    })?;
    Ok(block.into_owned())
}

/// Tells how many examples are computed.
fn told(watch: &dyn Watch, blocks: usize, source: &dyn Examples) -> Result<(), TrainError> {
    let rows = (blocks as u64 * net::BLOCK as u64).min(source.len());
    match watch.go_on("table", rows, source.len()) {
        true => Ok(()),
        false => Err(TrainError::Run(RunError::Stopped)),
    }
}

/// What `len` take if so many take so much.
fn share(bytes: u64, len: u64, rows: u64) -> u64 {
    (u128::from(bytes) * u128::from(len) / u128::from(rows.max(1))) as u64
}

/// Says how large the file will be; fails where it does not fit.
fn has_room(job: &Job, folder: &Path, bytes: u64) -> Result<(), TrainError> {
    let name = &job.declared.name;
    let (takes, place, free) = (size(bytes), folder.display(), files::free(folder));
    if let Some(free) = free.filter(|&free| bytes > free) {
        return Err(TrainError::Model(format!(
            "model `{name}`: its training table takes {takes}, and `{place}` has {} free\n{MAKE_ROOM}",
            size(free)
        )));
    }
    let free = free.map(|free| format!(", {} free", size(free))).unwrap_or_default();
    job.progress.say(&format!("{name}: training table: {takes} in {place}{free}"));
    Ok(())
}

const MAKE_ROOM: &str = "help: make room, put `.igql` elsewhere with `--cache`, or train on fewer examples: `max_examples=`";

fn unwritable(job: &Job, folder: &Path, bytes: u64, error: &io::Error) -> TrainError {
    let (name, folder) = (&job.declared.name, folder.display());
    TrainError::Model(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            let bytes = size(bytes);
            format!(
                "model `{name}`: the disk of `{folder}` is full before the {bytes} of its training table are \
                     written: {error}\n{MAKE_ROOM}"
            )
        }
        _ => format!("model `{name}`: its training table cannot be written to `{folder}`: {error}"),
    })
}
