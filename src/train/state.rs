//! Whether a declaration has a version, and whether that is up to date.

use super::job::LogFolder;
use super::upstream;
use crate::check::Declaration;
use crate::engine::Engine;
use crate::store::learned::{Attached, Found, Manifest};
use std::sync::Arc;

/// What there is of a declaration.
#[derive(Clone, Debug)]
pub enum State {
    /// No version.
    Untrained,
    /// Versions of other declarations of the name; the newest.
    Changed(Arc<Manifest>),
    /// The newest version was made of other data, or up to another time.
    Stale(Arc<Manifest>),
    /// The newest version was trained from other examples: links, or another log.
    Others(Arc<Manifest>),
    /// The newest version was made with versions of others that are no longer the newest.
    Behind(Arc<Manifest>),
    /// The newest version cannot be used: it is damaged, or gives other scores than when it was trained.
    Unusable(Arc<Manifest>),
    /// The newest version is what would be trained now.
    Fresh(Arc<Manifest>),
}

impl State {
    /// The same, where the examples are to be those of a log.
    pub(super) fn from(
        engine: &Engine,
        declared: &Declaration,
        until: Option<i64>,
        log: Option<&LogFolder>,
    ) -> State {
        let state = State::of(engine, declared, until);
        let (State::Fresh(m) | State::Stale(m) | State::Behind(m), Some(log)) = (&state, log)
        else {
            return state;
        };
        let is_same = m.log.as_ref().is_some_and(|own| own.xxh3 == log.hash);
        let is_current = m.snapshot == engine.snapshot().id() && until.is_none_or(|t| t == m.until);
        match (is_same, is_current) {
            (false, _) => State::Others(Arc::clone(m)),
            (true, false) => State::Stale(Arc::clone(m)),
            (true, true) => state,
        }
    }

    /// Of a declaration, on the data that the engine has, up to a time of the past if one is given. What was trained from
    /// a log is not stale for new data: its examples are not in the data.
    pub(super) fn of(engine: &Engine, declared: &Declaration, until: Option<i64>) -> State {
        let snapshot = engine.snapshot();
        let entities = declared.entities.iter().map(|e| engine.schema().entity(*e).name.as_str());
        let entities: Vec<&str> = entities.collect();
        let named = snapshot.versions().iter().filter(|attached| {
            let m = &attached.manifest;
            let is_there = attached.version.is_some();
            let is_named = m.kind == declared.kind && m.name == declared.name;
            is_there && is_named && m.entities.iter().eq(&entities)
        });
        let named: Vec<&Attached> = named.collect();
        let is_own = |a: &&&Attached| a.manifest.declaration_hash == declared.hash;
        let number = |attached: &&&Attached| attached.manifest.n;
        let own = named.iter().filter(is_own).max_by_key(number);
        if let Some(attached) = own.filter(|attached| !engine.is_usable(attached)) {
            return State::Unusable(Arc::clone(&attached.manifest));
        }
        match own.map(|attached| &attached.manifest) {
            Some(m) if m.log.is_some() && until.is_none() => State::Fresh(Arc::clone(m)),
            Some(m) if m.snapshot == snapshot.id() && until.is_none_or(|t| t == m.until) => {
                match m.upstream == upstream::of(engine.schema(), declared) {
                    true => State::Fresh(Arc::clone(m)),
                    false => State::Behind(Arc::clone(m)),
                }
            }
            Some(m) => State::Stale(Arc::clone(m)),
            None => match named.iter().max_by_key(number) {
                Some(attached) => State::Changed(Arc::clone(&attached.manifest)),
                None => State::Untrained,
            },
        }
    }

    /// The version there is, whatever it was made of.
    pub fn version(&self) -> Option<&Arc<Manifest>> {
        match self {
            State::Untrained => None,
            State::Changed(m)
            | State::Stale(m)
            | State::Others(m)
            | State::Behind(m)
            | State::Unusable(m)
            | State::Fresh(m) => Some(m),
        }
    }

    /// Why it would be trained; none if it is up to date.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            State::Untrained => Some("not trained"),
            State::Changed(_) => Some("the declaration has changed"),
            State::Stale(_) => Some("the data has changed"),
            State::Others(_) => Some("it was trained from other examples"),
            State::Behind(_) => Some("what it is learned from is newer"),
            State::Unusable(_) => Some("the version cannot be used"),
            State::Fresh(_) => None,
        }
    }
}

impl Engine {
    /// Whether programs can read a version.
    pub(crate) fn is_usable(&self, attached: &Attached) -> bool {
        match &attached.found {
            Found::Unusable(_) => false,
            Found::Edge(_) => true,
            Found::Embedding(number) => {
                self.vocabulary().tower(*number).is_none_or(|tower| tower.is_ok())
            }
            Found::Model { label, .. } => {
                let label = format!("{}.{label}", attached.manifest.entities.join("+"));
                self.vocabulary().predictor(&label).is_none_or(|p| p.wrong.is_none())
            }
        }
    }
}
