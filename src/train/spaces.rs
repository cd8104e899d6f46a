//! Learned embeddings: from the declaration and the links to what is written.

use super::TrainError;
use super::job::{Job, Learned, counts};
use crate::check::Declaration;
use crate::engine::Wanted;
use crate::learn::{self, Size, SkipGramSettings, Stopped};
use crate::ops::RunError;
use crate::store::learned::{Tensor, WrittenVectors};
use std::collections::BTreeMap;

/// A learned embedding, and what it was learnt from.
pub(super) struct LearnedSpace {
    vectors: WrittenVectors,
    links_seen: u64,
}

impl Learned for LearnedSpace {
    fn is_of_nothing(&self) -> Option<u64> {
        self.vectors.is_empty().then_some(self.links_seen)
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        self.vectors.tensors(0)
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        counts([("links_seen", self.links_seen), ("vectors", self.vectors.len() as u64)])
    }
}

fn skip_gram(declared: &Declaration) -> SkipGramSettings {
    let size = |name: &str| declared.whole(name).unwrap_or_default() as usize;
    SkipGramSettings {
        session_gap: declared.duration("session_gap"),
        dim: size("dim"),
        window: declared.whole("window").map(|n| n as usize),
        contexts: size("contexts"),
        negatives: size("negatives"),
        power: declared.number("power"),
        epochs: size("epochs"),
        lr: declared.number("lr"),
        min_count: size("min_count"),
        collapse: declared.is("repeats", "collapse"),
        seed: declared.whole("seed").unwrap_or_default() as u64,
    }
}

/// What a training will hold in memory.
pub(super) fn bytes(declared: &Declaration, size: &Size) -> u64 {
    skip_gram(declared).bytes(size)
}

pub(super) fn learn(job: &Job) -> Result<LearnedSpace, TrainError> {
    let settings = skip_gram(job.declared);
    let (edge, wanted) = (job.edge(), Wanted::default());
    let links = job.engine.every_link(edge, job.until.saturating_sub(1), wanted, job.limits)?;
    let found = learn::skip_gram(&job.given(&links), &settings, &job.watch());
    let found = found.map_err(|Stopped| TrainError::Run(RunError::Stopped))?;
    let (input, output) = (&found.input, &found.output);
    let (snapshot, dim) = (job.engine.snapshot(), settings.dim);
    let vectors = WrittenVectors::new(snapshot, edge.to, dim, &input.rows, &input.has);
    Ok(LearnedSpace {
        vectors: vectors.with_output(&output.rows, &input.has),
        links_seen: links.ends.len() as u64,
    })
}
