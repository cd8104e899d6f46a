//! One training: what is due, in order, each committed before the next begins.

use super::edges;
use super::state::State;
use super::{Item, Outcome, Train, TrainError, TrainReport};
use crate::check::Declaration;
use crate::engine::{Engine, Unit};
use crate::ops::{Limits, RunError};
use crate::store::Progress;
use crate::store::learned::{Manifest, Role, Tensor, Trainer, Weights};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What was learnt, as it is written.
pub(super) trait Learned {
    fn tensors(&self) -> Vec<Tensor<'_>>;

    /// What was counted.
    fn counts(&self) -> BTreeMap<String, u64>;
}

/// What a learner needs.
pub(super) struct Job<'a> {
    pub engine: &'a Engine,
    pub declared: &'a Declaration,
    /// Links before this time are seen.
    pub until: i64,
    pub limits: Limits,
    pub progress: &'a dyn Progress,
}

impl Engine {
    /// Trains what the files of a unit declare, as far as it is stale. Versions of before stay; a declaration that fails
    /// leaves the others alone.
    ///
    /// # Errors
    /// If the files have errors, a name in [`Train::only`] is unknown, or the folder of versions cannot be written. What
    /// was trained until then is kept.
    pub fn train(&self, unit: &Unit, how: &Train) -> Result<TrainReport, TrainError> {
        let trainer = match how.dry_run {
            true => None,
            false => Some(self.learned().trainer(|| {
                how.progress.report("waiting for another training", 0, 0);
            })?),
        };
        let (mut report, mut known) = (TrainReport::default(), Vec::new());
        let mut engine = self.clone();
        loop {
            let declared = engine.declarations(unit)?;
            let is_new =
                |d: &&Declaration| !known.contains(&(d.kind, d.name.clone(), d.hash.clone()));
            let due: Vec<&Declaration> = declared.iter().filter(is_new).collect();
            let first = report.items.len();
            for declared in &due {
                if how.only.is_empty() || how.only.contains(&declared.name) {
                    report.items.push(engine.item(declared, how, trainer.as_ref())?);
                }
            }
            known.extend(due.iter().map(|d| (d.kind, d.name.clone(), d.hash.clone())));
            let is_trained = |item: &Item| matches!(item.outcome, Outcome::Trained(_));
            if !report.items[first..].iter().any(is_trained) {
                break;
            }
            // what is learnt from what was learnt just now can be read only with it
            engine = engine.reload()?;
        }
        let names = known.into_iter().map(|(_, name, _)| name);
        match all_known(&how.only, names.collect()) {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    fn item(
        &self,
        declared: &Declaration,
        how: &Train,
        trainer: Option<&Trainer>,
    ) -> Result<Item, TrainError> {
        let state = State::of(self, declared, how.until);
        let until = how.until.unwrap_or_else(|| self.cut_off());
        let (limits, progress) = (how.limits, &*how.progress);
        let job = Job { engine: self, declared, until, limits, progress };
        let outcome = match (&state, trainer) {
            (State::Fresh(version), _) if !how.again => Outcome::Kept(version.clone()),
            (_, None) => Outcome::Due { bytes: edges::bytes(&job) },
            (_, Some(trainer)) => match trained(&job, trainer, how.until.is_some()) {
                Ok(manifest) => Outcome::Trained(Arc::new(manifest)),
                Err(TrainError::Run(error @ (RunError::Stopped | RunError::Limit(_)))) => {
                    return Err(TrainError::Run(error));
                }
                Err(error) => Outcome::Failed(error.to_string()),
            },
        };
        let entities = declared.entities.iter().map(|e| self.schema().entity(*e).name.clone());
        Ok(Item {
            kind: declared.kind,
            name: declared.name.clone(),
            entities: entities.collect(),
            declaration: declared.text.clone(),
            state,
            outcome,
        })
    }

    /// Links before this time are seen: all that there are, but for those after the catalog's `now`.
    fn cut_off(&self) -> i64 {
        match self.snapshot().newest_link() {
            Some(newest) => self.now().min(newest.saturating_add(1)),
            None => self.now(),
        }
    }
}

/// The first name that nothing has.
fn all_known(only: &[String], known: Vec<String>) -> Option<TrainError> {
    let name = only.iter().find(|name| !known.contains(name))?.clone();
    Some(TrainError::Unknown { name, known })
}

fn trained(job: &Job, trainer: &Trainer, is_past: bool) -> Result<Manifest, TrainError> {
    let started = Instant::now();
    let learned = edges::learn(job)?;
    let (engine, declared) = (job.engine, job.declared);
    let entities = declared.entities.iter().map(|e| engine.schema().entity(*e).name.clone());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let manifest = Manifest {
        kind: declared.kind,
        name: declared.name.clone(),
        entities: entities.collect(),
        // the number is given when it is committed
        n: 0,
        role: if is_past { Role::Backtest } else { Role::Serve },
        space: declared.space(),
        igql: env!("CARGO_PKG_VERSION").to_owned(),
        learner: declared.learner.to_owned(),
        declaration: declared.text.clone(),
        declaration_hash: declared.hash.clone(),
        snapshot: engine.snapshot().id().to_owned(),
        until: job.until,
        seed: declared.whole("seed").unwrap_or_default(),
        upstream: Vec::new(),
        counts: learned.counts(),
        metrics: BTreeMap::new(),
        trained: since_1970.as_micros() as i64,
        seconds: started.elapsed().as_secs_f64(),
        weights: Weights::default(),
    };
    Ok(trainer.commit(manifest, &learned.tensors())?)
}
