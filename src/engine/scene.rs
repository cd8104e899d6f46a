//! What expressions of examples are evaluated in: requests without a program.

use crate::batch::{Failed, RowBatch, Stop};
use crate::expr::NodeId;
use crate::expr::run::{Ends, Members, Memo, Past, Run, Running, Sets};
use crate::expr::texts::{Keys, Texts};
use crate::store::Snapshot;
use crate::types::{EntityId, NULL_CODE};
use std::sync::Arc;

/// The data, and what all evaluations for one model share.
pub struct Scene<'e> {
    pub snapshot: &'e Snapshot,
    texts: Texts<'e>,
    keys: Keys<'e>,
    nothing: Nothing,
    /// The first registered function that failed.
    pub failed: Failed,
    pub running: Arc<Running>,
}

/// Examples read no candidate sets.
struct Nothing(RowBatch);

impl Sets for Nothing {
    fn rows(&self, _: NodeId) -> &RowBatch {
        &self.0
    }
}

impl<'e> Scene<'e> {
    pub fn new(snapshot: &'e Snapshot, running: Arc<Running>) -> Scene<'e> {
        Scene {
            snapshot,
            texts: Texts::new(snapshot),
            keys: Keys::new(snapshot),
            nothing: Nothing(RowBatch::empty(0)),
            failed: Failed::default(),
            running,
        }
    }

    /// The texts that are known, and those that come.
    pub fn texts(&self) -> &Texts<'e> {
        &self.texts
    }

    /// A request of nobody that sees what is before a time.
    pub fn before(&self, until: i64) -> Run<'_> {
        self.run(vec![until.saturating_sub(1)], vec![NULL_CODE], None)
    }

    /// Examples: of each its time, its viewer, and its row.
    pub fn examples(
        &self,
        times: Vec<i64>,
        viewers: Vec<u32>,
        entity: EntityId,
        rows: Vec<u32>,
    ) -> Run<'_> {
        let past = Past { entity, rows, running: &self.running };
        self.run(times, viewers, Some(past))
    }

    fn run<'s>(&'s self, now: Vec<i64>, viewers: Vec<u32>, past: Option<Past<'s>>) -> Run<'s> {
        let stop = Stop { failed: Some(&self.failed), ..Stop::default() };
        Run {
            snapshot: self.snapshot,
            texts: &self.texts,
            keys: &self.keys,
            seeds: vec![0; now.len()],
            now,
            viewers,
            params: Vec::new(),
            sets: &self.nothing,
            stop,
            members: Members::new(stop),
            memo: Memo::default(),
            ends: Ends::new(stop),
            kept: None,
            past,
        }
    }
}
