//! Learned edges: from the declaration and the links to what is written.

use super::TrainError;
use super::courses;
use super::job::{Job, Learned, counts};
use crate::check::Declaration;
use crate::engine::Wanted;
use crate::learn::{
    self, CoOccurrence, Decay, Ease, Edges, GfCf, ItemKnn, Links, Norm, Rp3Beta, Size, Stopped,
    Watch,
};
use crate::ops::RunError;
use crate::store::learned::{self, Course, LinkCourse, Tensor, Written};
use std::collections::BTreeMap;

/// A learner with its parameters.
enum Learner {
    ItemKnn(ItemKnn),
    Rp3Beta(Rp3Beta),
    Ease(Ease),
    GfCf(GfCf),
    CoOccurrence(CoOccurrence),
}

impl Learner {
    fn of(declared: &Declaration) -> Learner {
        let size = |name| declared.size(name);
        let (number, flag) = (|name| declared.number(name), |name| declared.flag(name));
        match declared.learner {
            "itemknn" => Learner::ItemKnn(ItemKnn {
                k: size("k"),
                user_norm: number("user_norm"),
                shrink: number("shrink"),
                weighted: flag("weighted"),
            }),
            "rp3beta" => Learner::Rp3Beta(Rp3Beta {
                k: size("k"),
                alpha: number("alpha"),
                beta: number("beta"),
                normalise: flag("normalise"),
                weighted: flag("weighted"),
            }),
            "ease" => Learner::Ease(Ease { k: size("k"), l2: number("l2"), block: size("block") }),
            "gfcf" => Learner::GfCf(GfCf {
                k: size("k"),
                rank: size("rank"),
                alpha: number("alpha"),
                seed: declared.seed() as u64,
            }),
            "co_occurrence" => Learner::CoOccurrence(CoOccurrence {
                window: declared.whole("window").map(|n| n as usize),
                decay: match declared.is("decay", "inverse") {
                    true => Decay::Inverse,
                    false => Decay::None,
                },
                backward: number("backward"),
                session_gap: declared.duration("session_gap"),
                norm: match () {
                    () if declared.is("norm", "count") => Norm::Count,
                    () if declared.is("norm", "pmi") => Norm::Pmi,
                    () => Norm::Cosine,
                },
                k: size("k"),
                min_links: size("min_links"),
            }),
            other => unreachable!("`{other}` learns no edge"),
        }
    }

    fn reads_weights(&self) -> bool {
        match self {
            Learner::ItemKnn(p) => p.weighted,
            Learner::Rp3Beta(p) => p.weighted,
            Learner::Ease(_) | Learner::GfCf(_) | Learner::CoOccurrence(_) => false,
        }
    }

    /// What it holds in memory at most.
    fn bytes(&self, size: &Size) -> u64 {
        match self {
            Learner::ItemKnn(p) => p.bytes(size),
            Learner::Rp3Beta(p) => p.bytes(size),
            Learner::Ease(p) => p.bytes(size),
            Learner::GfCf(p) => p.bytes(size),
            Learner::CoOccurrence(p) => p.bytes(size),
        }
    }

    fn learn(&self, links: &Links, watch: &dyn Watch) -> Result<Edges, Stopped> {
        match self {
            Learner::ItemKnn(p) => learn::item_knn(links, p, watch),
            Learner::Rp3Beta(p) => learn::rp3_beta(links, p, watch),
            Learner::Ease(p) => learn::ease(links, p, watch),
            Learner::GfCf(p) => learn::gf_cf(links, p, watch),
            Learner::CoOccurrence(p) => learn::co_occurrence(links, p, watch),
        }
    }
}

/// A learned edge, and what it was learnt from.
pub(super) struct LearnedEdge {
    written: Written,
    links_seen: u64,
    links: u64,
    course: LinkCourse,
}

impl Learned for LearnedEdge {
    fn is_of_nothing(&self) -> Option<u64> {
        (self.links == 0).then_some(self.links_seen)
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        self.written.tensors()
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let entities = self.written.entities() as u64;
        counts([("links_seen", self.links_seen), ("links", self.links), ("entities", entities)])
    }

    fn course(&self, _: &Job) -> Course {
        Course { links: Some(self.course.clone()), ..Course::default() }
    }
}

/// What a training will hold in memory.
pub(super) fn bytes(declared: &Declaration, size: &Size) -> u64 {
    Learner::of(declared).bytes(size)
}

pub(super) fn learn(job: &Job) -> Result<LearnedEdge, TrainError> {
    let declared = job.declared;
    let learner = Learner::of(declared);
    let edge = job.edge();
    let wanted = Wanted { weights: learner.reads_weights(), column: basket(declared) };
    let links = job.engine.every_link(edge, job.until.saturating_sub(1), wanted, job.limits)?;
    let found = learner.learn(&job.given(&links), &job.watch());
    let edges = found.map_err(|Stopped| TrainError::Run(RunError::Stopped))?;
    let by_row =
        learned::Links { offsets: &edges.offsets, ends: &edges.ends, weights: &edges.weights };
    Ok(LearnedEdge {
        written: Written::new(job.engine.snapshot(), edge.to, &by_row),
        links_seen: links.ends.len() as u64,
        links: edges.ends.len() as u64,
        course: courses::links(&edges.offsets, &edges.ends, &edges.weights),
    })
}

/// The column that tells the lists of a source apart.
fn basket(declared: &Declaration) -> Option<usize> {
    match declared.learner {
        "co_occurrence" => declared.column("basket"),
        _ => None,
    }
}
