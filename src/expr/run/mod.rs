//! What expressions are evaluated in and over: a run of some requests, and frames of rows or links.

mod ends;
mod frame;
mod kept;
mod members;
mod memo;
mod running;

pub use ends::{EndValues, Ends, lock};
pub use frame::{Frame, LinkFrame, Shared};
pub use kept::{Aggregates, Recent};
pub use members::Members;
pub use memo::Memo;
pub use running::{Group, Late, Running, RunningLinks, Sums, added, halved};

use crate::batch::{Column, RowBatch, Stop};
use crate::expr::ir::{NodeId, Scalar};
use crate::expr::texts::{Keys, Texts};
use crate::store::Snapshot;
use crate::types::{EntityId, NULL_CODE, NULL_INT};

/// Where the candidate sets of a running program are found.
pub trait Sets: Sync {
    /// The rows of a node that has run already, and its entity.
    fn rows(&self, node: NodeId) -> &RowBatch;
}

impl<'a> Past<'a> {
    /// Whether a row is the one that an example is about.
    pub fn is_row(&self, entity: EntityId, id: u32, request: usize) -> bool {
        entity == self.entity && self.rows.get(request) == Some(&id)
    }

    fn of_requests(&self, requests: &[u32]) -> Past<'a> {
        let rows = requests.iter().map(|&request| self.rows[request as usize]).collect();
        Past { rows, ..*self }
    }
}

/// What all evaluations of one run share.
pub struct Run<'a> {
    pub snapshot: &'a Snapshot,
    pub texts: &'a Texts<'a>,
    pub keys: &'a Keys<'a>,
    /// Of each request: its time, its viewer's id, its parameters by slot.
    pub now: Vec<i64>,
    pub viewers: Vec<u32>,
    pub params: Vec<Column>,
    /// Of each request: seed of the random functions.
    pub seeds: Vec<i64>,
    pub sets: &'a dyn Sets,
    pub stop: Stop<'a>,
    /// Of sets that expressions look into.
    pub members: Members<'a>,
    /// What shared parts of large expressions come to for each request.
    pub memo: Memo,
    /// What is said of ends that many links have.
    pub ends: Ends<'a>,
    /// Of a trial of a tuner: what aggregates came to in others.
    pub kept: Option<&'a Aggregates>,
    /// Of examples that a model is trained on: what they may not see.
    pub past: Option<Past<'a>>,
}

/// Requests that are examples of a training, each about one row. They see what came strictly before their `now`,
/// so that none reads its own outcome, nor what happened in the same instant.
pub struct Past<'a> {
    pub entity: EntityId,
    /// The row of each request. It is visible whatever its time, as the viewer is.
    pub rows: Vec<u32>,
    /// Links in the order of time, which answer aggregates at any `now`.
    pub running: &'a Running,
}

impl Run<'_> {
    pub fn requests(&self) -> usize {
        self.now.len()
    }

    /// Whether a row is visible to a request: its time is not after `now`, or it has none, or it
    /// is the viewer.
    pub fn visible(&self, entity: EntityId, id: u32, request: usize) -> bool {
        let Some(times) = self.snapshot.times(entity) else {
            return true;
        };
        let time = times.get(id as usize).copied().unwrap_or(NULL_INT);
        time <= self.sees(request)
            || (entity == self.snapshot.schema().viewer && id == self.viewers[request])
            || self.past.as_ref().is_some_and(|past| past.is_row(entity, id, request))
    }

    /// The last time of what a request sees: its `now`; strictly before it, if it is an example of a training.
    #[inline]
    pub fn sees(&self, request: usize) -> i64 {
        self.now[request].saturating_sub(i64::from(self.past.is_some()))
    }

    /// Whether every request sees what has this time.
    pub fn all_see(&self, time: i64) -> bool {
        (0..self.requests()).all(|request| self.sees(request) >= time)
    }

    /// Whether every row of the entity is visible to every request.
    pub fn all_visible(&self, entity: EntityId) -> bool {
        let newest = self.snapshot.newest_row(entity);
        newest.is_none_or(|newest| self.all_see(newest))
    }

    /// The run of the requests at those places, perhaps with other viewers.
    pub fn of_requests<'b>(
        &'b self,
        requests: &[u32],
        viewers: Option<Vec<u32>>,
        sets: &'b dyn Sets,
    ) -> Run<'b> {
        let at = |values: &[i64]| requests.iter().map(|&r| values[r as usize]).collect();
        let same = || requests.iter().map(|&r| self.viewers[r as usize]).collect();
        Run {
            snapshot: self.snapshot,
            texts: self.texts,
            keys: self.keys,
            now: at(&self.now),
            viewers: viewers.unwrap_or_else(same),
            params: self.params.iter().map(|p| p.gather(requests)).collect(),
            seeds: at(&self.seeds),
            sets,
            stop: self.stop,
            members: Members::new(self.stop),
            memo: Memo::default(),
            ends: Ends::new(self.stop),
            kept: self.kept,
            past: self.past.as_ref().map(|past| past.of_requests(requests)),
        }
    }

    /// A run of one request that sees everything, as nobody.
    pub fn of_everything(&self) -> Run<'_> {
        Run {
            now: vec![i64::MAX],
            viewers: vec![NULL_CODE],
            params: Vec::new(),
            seeds: vec![0],
            snapshot: self.snapshot,
            texts: self.texts,
            keys: self.keys,
            sets: self.sets,
            stop: self.stop,
            members: Members::new(self.stop),
            memo: Memo::default(),
            ends: Ends::new(self.stop),
            kept: None,
            past: None,
        }
    }

    /// The same run, which ends otherwise.
    pub fn until<'b>(self, stop: Stop<'b>) -> Run<'b>
    where
        Self: 'b,
    {
        Run { stop, members: Members::new(stop), ends: Ends::new(stop), ..self }
    }

    /// Strings and keys as codes.
    pub fn code(&self, value: &Scalar) -> Option<u32> {
        match value {
            Scalar::Text(text) => Some(self.texts.code(text)),
            Scalar::Key(entity, key) => Some(self.keys.id(*entity, key)),
            _ => None,
        }
    }
}
