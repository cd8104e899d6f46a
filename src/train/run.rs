//! One training: what is due, in order, each committed before the next begins.

use super::job::{Job, Learned, LogFolder};
use super::state::State;
use super::{
    Item, Outcome, Train, TrainError, TrainReport, edges, examples, headline, logs, models,
    nearness, spaces, spool, students, texts, topics, towers, upstream,
};
use crate::check::Declaration;
use crate::engine::{Engine, Unit};
use crate::ops::RunError;
use crate::store::learned::{Course, FromLog, Kind, Manifest, Role, Trainer, Weights};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
        if trainer.is_some() {
            spool::clear(&self.temporary());
        }
        let (mut report, mut known) = (TrainReport::default(), Vec::new());
        // all that is wrong with the files is said before anything starts
        let assumed = self.assuming_trained(unit)?.unwrap_or(self.clone());
        let log = how.from.as_ref().map(|folder| {
            let hash = logs::fingerprint(folder)?;
            Ok(LogFolder { folder: folder.clone(), hash })
        });
        let log = log.transpose().map_err(TrainError::Data)?;
        let all = assumed.declarations(unit)?;
        let mut engine = if how.dry_run { assumed.clone() } else { self.clone() };
        loop {
            let declared = engine.declarations(unit)?;
            let is_new = |d: &&Declaration| !known.contains(&of(d));
            let due: Vec<&Declaration> = declared.iter().filter(is_new).collect();
            let Some(next) = first(&engine, &due) else { break };
            known.push(of(next));
            if !how.only.is_empty() && !how.only.contains(&next.name) {
                continue;
            }
            let item = engine.item(next, unit, how, (trainer.as_ref(), log.as_ref()))?;
            let is_trained = matches!(item.outcome, Outcome::Trained(_));
            report.items.push(item);
            if is_trained {
                // what is learnt from it reads the new version
                engine = engine.reload()?;
            }
        }
        let is_left = |d: &&Declaration| {
            !known.contains(&of(d)) && (how.only.is_empty() || how.only.contains(&d.name))
        };
        for declared in all.iter().filter(is_left) {
            let why = "what it is learned from could not be trained".to_owned();
            let state = State::of(&assumed, declared, how.until);
            report.items.push(assumed.told(declared, state, Outcome::Failed(why), Vec::new()));
        }
        let names = known.into_iter().map(|(_, name, _)| name);
        let names = names.chain(all.iter().map(|declared| declared.name.clone()));
        let names: BTreeSet<String> = names.collect();
        match all_known(&how.only, names.into_iter().collect()) {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    fn item(
        &self,
        declared: &Declaration,
        unit: &Unit,
        how: &Train,
        (trainer, from): (Option<&Trainer>, Option<&LogFolder>),
    ) -> Result<Item, TrainError> {
        let state = State::from(self, declared, how.until, from);
        let until = how.until.unwrap_or_else(|| examples::until(self));
        let (limits, progress) = (how.limits, &*how.progress);
        let before = state.version().map(|version| &**version);
        let job =
            Job { engine: self, unit, declared, until, from, limits, progress, before, trainer };
        let mut notes = Vec::new();
        let outcome = match (&state, trainer) {
            (State::Fresh(version), _) if !how.again => Outcome::Kept(version.clone()),
            (_, None) => Outcome::Due { bytes: bytes(&job) },
            (_, Some(_)) => {
                let role = if how.until.is_some() { Role::Backtest } else { Role::Serve };
                match trained(&job, role) {
                    Ok((manifest, found)) => {
                        notes = found;
                        progress.finished(&headline::told(&manifest));
                        Outcome::Trained(Arc::new(manifest))
                    }
                    Err(TrainError::Run(error @ (RunError::Stopped | RunError::Limit(_)))) => {
                        return Err(TrainError::Run(error));
                    }
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            }
        };
        Ok(self.told(declared, state, outcome, notes))
    }

    /// What became of a declaration, for reports.
    fn told(
        &self,
        declared: &Declaration,
        state: State,
        outcome: Outcome,
        notes: Vec<String>,
    ) -> Item {
        let entities = declared.entities.iter().map(|e| self.schema().entity(*e).name.clone());
        Item {
            kind: declared.kind,
            name: declared.name.clone(),
            entities: entities.collect(),
            declaration: declared.text.clone(),
            state,
            outcome,
            notes,
        }
    }
}

/// What tells declarations apart.
fn of(declared: &Declaration) -> (Kind, String, String) {
    (declared.kind, declared.name.clone(), declared.hash.clone())
}

/// The first that reads none of the others.
pub(super) fn first<'d>(engine: &Engine, due: &[&'d Declaration]) -> Option<&'d Declaration> {
    let is_read = |label: &str| {
        let (name, _) = label.rsplit_once('@').unwrap_or((label, ""));
        due.iter().any(|other| format!("{} {}", other.kind.word(), other.name) == name)
    };
    let reads_none =
        |d: &&&Declaration| !upstream::of(engine.schema(), d).iter().any(|label| is_read(label));
    due.iter().find(reads_none).or(due.first()).copied()
}

/// The first name that nothing has.
fn all_known(only: &[String], known: Vec<String>) -> Option<TrainError> {
    let name = only.iter().find(|name| !known.contains(name))?.clone();
    Some(TrainError::Unknown { name, known })
}

/// What a training will hold in memory, the links that it is learnt from among it.
fn bytes(job: &Job) -> u64 {
    match job.declared.learner {
        "tfidf" => return texts::bytes(job),
        "classifier" => return topics::bytes(job),
        _ => {}
    }
    let size = job.size();
    let learner = match (&job.declared.model, job.declared.kind) {
        (Some(model), Kind::Embedding) => return towers::bytes(model, size.links as u64),
        (Some(model), _) if model.teacher.is_some() => return students::bytes(model),
        (Some(model), _) => return models::bytes(model, size.links as u64, &job.limits),
        (None, Kind::Embedding) => spaces::bytes(job.declared, &size),
        (None, Kind::Edge | Kind::Model) => edges::bytes(job.declared, &size),
    };
    let links = (size.links as u64).saturating_mul(12) + 8 * size.sources as u64;
    learner.saturating_add(links)
}

fn learn(job: &Job) -> Result<Box<dyn Learned>, TrainError> {
    if let (Some(_), None) = (job.from, &job.declared.model) {
        let (name, learner) = (&job.declared.name, job.declared.learner);
        return Err(TrainError::Model(format!(
            "`{name}`: `{learner}` is not trained from logs\nhelp: `linear`, `mlp` and `mtml` are"
        )));
    }
    Ok(match (&job.declared.model, job.declared.kind) {
        (Some(model), _) if job.from.is_some() => Box::new(models::learn_logged(job, model)?),
        (Some(model), Kind::Embedding) => Box::new(towers::learn(job, model)?),
        (Some(model), _) if model.teacher.is_some() => Box::new(students::learn(job, model)?),
        (Some(model), _) => Box::new(models::learn(job, model)?),
        (None, Kind::Embedding) if job.declared.learner == "tfidf" => Box::new(texts::learn(job)?),
        (None, Kind::Embedding) => Box::new(spaces::learn(job)?),
        (None, Kind::Model) => Box::new(topics::learn(job)?),
        (None, Kind::Edge) => Box::new(edges::learn(job)?),
    })
}

/// The new version, and what is doubtful about it.
pub(super) fn trained(job: &Job, role: Role) -> Result<(Manifest, Vec<String>), TrainError> {
    let started = Instant::now();
    job.fits(bytes(job))?;
    let learned = learn(job)?;
    let mut notes = learned.notes();
    match learned.nothing(job) {
        // it would empty pages that have something: the first of all can be of a catalog that is still empty
        Some(why) if job.before.is_some() => {
            let help = "the version there is stays in use";
            return Err(TrainError::Model(format!("{why}\nhelp: {help}")));
        }
        why => notes.extend(why),
    }
    // of what only examples read nobody asks how it went
    let course =
        (role != Role::Slice).then(|| Course { notes: notes.clone(), ..learned.course(job) });
    let mut metrics = learned.metrics();
    metrics.extend(nearness::metrics(course.as_ref().map_or(&[], |course| &course.spaces)));
    let (engine, declared) = (job.engine, job.declared);
    let entities = declared.entities.iter().map(|e| engine.schema().entity(*e).name.clone());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let manifest = Manifest {
        kind: declared.kind,
        name: declared.name.clone(),
        entities: entities.collect(),
        // the number is given when it is committed
        n: 0,
        role,
        space: declared.space(),
        igql: env!("CARGO_PKG_VERSION").to_owned(),
        learner: declared.learner.to_owned(),
        declaration: declared.text.clone(),
        declaration_hash: declared.hash.clone(),
        snapshot: engine.snapshot().id().to_owned(),
        until: job.until,
        seed: declared.seed(),
        features: declared.model.as_ref().and_then(|model| model.features.clone()),
        feature_hash: declared.model.as_ref().map(|model| model.feature_hash.clone()),
        upstream: upstream::of(engine.schema(), declared),
        slices: learned.slices(),
        log: job
            .from
            .zip(learned.logged())
            .map(|(log, rows)| FromLog { xxh3: log.hash.clone(), rows }),
        counts: learned.counts(),
        metrics,
        trained: since_1970.as_micros() as i64,
        seconds: started.elapsed().as_secs_f64(),
        weights: Weights::default(),
        course,
    };
    let trainer = job.trainer.expect("whoever trains may add versions");
    Ok((trainer.commit(manifest, &learned.tensors())?, notes))
}
