//! Learned embeddings: from the declaration and the links to what is written.

use super::TrainError;
use super::job::{Job, Learned, counts};
use super::nearness;
use crate::check::Declaration;
use crate::engine::{EveryLink, Wanted};
use crate::learn::{self, AlsSettings, RegScale, Size, SkipGramSettings, Stopped, Vectors};
use crate::ops::RunError;
use crate::store::learned::{Course, GRAM, Tensor, WrittenVectors};
use crate::types::EntityId;
use std::collections::BTreeMap;

/// A learned embedding, and what it was learnt from.
pub(super) struct LearnedSpace {
    /// Of each entity.
    vectors: Vec<WrittenVectors>,
    /// What all viewers that are folded in share, if they are.
    gram: Option<Vec<f64>>,
    links_seen: u64,
}

impl Learned for LearnedSpace {
    fn is_of_nothing(&self) -> Option<u64> {
        self.vectors.iter().all(WrittenVectors::is_empty).then_some(self.links_seen)
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        let vectors = self.vectors.iter().enumerate();
        let gram = self.gram.iter().map(|gram| Tensor::f64(GRAM, &[gram.len()], gram));
        vectors.flat_map(|(place, vectors)| vectors.tensors(place)).chain(gram).collect()
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let vectors = self.vectors.iter().map(|vectors| vectors.len() as u64);
        counts([("links_seen", self.links_seen), ("vectors", vectors.sum())])
    }

    fn course(&self, job: &Job) -> Course {
        Course { spaces: nearness::spaces(job, &self.vectors), ..Course::default() }
    }
}

fn skip_gram(declared: &Declaration) -> SkipGramSettings {
    let size = |name| declared.size(name);
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
        seed: declared.seed() as u64,
    }
}

fn als(declared: &Declaration) -> AlsSettings {
    AlsSettings {
        dim: declared.size("dim"),
        reg: declared.number("reg"),
        reg_scale: match declared.is("reg_scale", "count") {
            true => RegScale::Count,
            false => RegScale::None,
        },
        alpha: declared.number("alpha"),
        weighted: declared.flag("weighted"),
        iterations: declared.size("iterations"),
        seed: declared.seed() as u64,
    }
}

/// What a training will hold in memory.
pub(super) fn bytes(declared: &Declaration, size: &Size) -> u64 {
    match declared.learner {
        "als" => als(declared).bytes(size),
        _ => skip_gram(declared).bytes(size),
    }
}

pub(super) fn learn(job: &Job) -> Result<LearnedSpace, TrainError> {
    let is_als = job.declared.learner == "als";
    let wanted = Wanted { weights: is_als && job.declared.flag("weighted"), column: None };
    let links =
        job.engine.every_link(job.edge(), job.until.saturating_sub(1), wanted, job.limits)?;
    let found = match is_als {
        true => factors(job, &links),
        false => contexts(job, &links),
    };
    found.map_err(|Stopped| TrainError::Run(RunError::Stopped))
}

/// Vectors of what stands in sequences.
fn contexts(job: &Job, links: &EveryLink) -> Result<LearnedSpace, Stopped> {
    let settings = skip_gram(job.declared);
    let found = learn::skip_gram(&job.given(links), &settings, &job.watch())?;
    let (input, output) = (&found.input, &found.output);
    let vectors = written(job, job.edge().to, input).with_output(&output.rows, &input.has);
    Ok(LearnedSpace { vectors: vec![vectors], gram: None, links_seen: links.ends.len() as u64 })
}

/// Vectors of both ends of an edge.
fn factors(job: &Job, links: &EveryLink) -> Result<LearnedSpace, Stopped> {
    let found = learn::als(&job.given(links), &als(job.declared), &job.watch())?;
    let edge = job.edge();
    Ok(LearnedSpace {
        vectors: vec![written(job, edge.from, &found.a), written(job, edge.to, &found.b)],
        gram: Some(found.gram),
        links_seen: links.ends.len() as u64,
    })
}

fn written(job: &Job, entity: EntityId, found: &Vectors) -> WrittenVectors {
    WrittenVectors::new(job.engine.snapshot(), entity, found.dim, &found.rows, &found.has)
}
