//! Requests that were made and answered before, as a log has them.

use crate::engine::Engine;
use crate::request::Request;
use crate::types::{EntityId, Key};
use foldhash::HashSet;
use std::collections::HashMap;

/// A request of a log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// As it was made, in the arms that it was in.
    pub request: Request,
    /// The experiments that its answer was exposed to, with its arms.
    pub arms: Vec<(String, String)>,
    /// How probable these arms were: the product of their shares.
    pub arm_propensity: f64,
    /// What was shown.
    pub shown: Vec<Shown>,
    /// The gain that a model expected of rows, whether they were shown or not: what a doubly robust estimate begins with.
    pub rewards: HashMap<Key, f64>,
    /// The run that wrote it, and its number there, if the log says them.
    pub run: Option<String>,
    /// See `run`.
    pub id: Option<i64>,
}

impl Logged {
    /// A request of which nothing else is known.
    pub fn new(request: Request) -> Logged {
        Logged {
            request,
            arms: Vec::new(),
            arm_propensity: 1.0,
            shown: Vec::new(),
            rewards: HashMap::new(),
            run: None,
            id: None,
        }
    }

    /// The arm of an experiment that it was exposed to.
    pub fn arm(&self, experiment: &str) -> Option<&str> {
        let found = self.arms.iter().find(|(name, _)| name == experiment);
        found.map(|(_, arm)| arm.as_str())
    }
}

/// A row that was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// From 1.
    pub position: usize,
    /// Of the entity.
    pub key: Key,
    /// How probable it was, where that is known.
    pub propensity: Option<f64>,
}

/// A row that was shown, as a row of the catalog.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownRow {
    pub position: usize,
    /// None where the catalog does not have it.
    pub row: Option<u32>,
    /// Above 0; none where it is not known.
    pub propensity: Option<f64>,
}

/// What a log says of the rows of one request.
#[derive(Debug, Default)]
pub(super) struct OfRequest {
    pub shown: Vec<ShownRow>,
    /// By row, the gain that a model expected.
    pub rewards: HashMap<u32, f64>,
}

/// What was shown of requests, by their places, and what could have been.
#[derive(Debug, Default)]
pub(super) struct ShownRows {
    pub by_request: Vec<OfRequest>,
    /// The rows that were shown anywhere with a known probability.
    pub supported: HashSet<u32>,
}

impl ShownRows {
    pub fn of<'l>(
        engine: &Engine,
        entity: EntityId,
        requests: impl Iterator<Item = &'l Logged>,
    ) -> ShownRows {
        let mut all = ShownRows::default();
        for logged in requests {
            let row = |shown: &Shown| ShownRow {
                position: shown.position,
                row: engine.snapshot().row_of(entity, &shown.key),
                propensity: shown
                    .propensity
                    .map(|p| p * logged.arm_propensity)
                    .filter(|p| *p > 0.0),
            };
            let shown: Vec<ShownRow> = logged.shown.iter().map(row).collect();
            let known = shown.iter().filter(|shown| shown.propensity.is_some());
            all.supported.extend(known.filter_map(|shown| shown.row));
            let rewards = logged.rewards.iter();
            let rewards = rewards.filter_map(|(key, reward)| {
                Some((engine.snapshot().row_of(entity, key)?, *reward))
            });
            all.by_request.push(OfRequest { shown, rewards: rewards.collect() });
        }
        all
    }
}
