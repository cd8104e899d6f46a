//! The algorithms that learn edges and embeddings from links, embeddings from texts, and classes from embeddings, over
//! plain slices. Knows nothing of the language.
//!
//! What is learned is a pure function of what is given and of parameters: sums have one order, whatever the threads, so
//! that the same bytes come out on one thread and on many. Links may be anything: odd weights are left out (see
//! [`Links`]), and no result has a number that is not finite. Nothing dense of entities × entities is ever in memory.
//!
//! ```
//! use igql::learn::{ItemKnn, Links, Unwatched, item_knn};
//! // two users who like 0 and 1, one who likes 1 and 2
//! let (offsets, ends) = ([0, 2, 4, 6], [0, 1, 0, 1, 1, 2]);
//! let links = Links { offsets: &offsets, ends: &ends, targets: 3, ..Links::default() };
//! let edges = item_knn(&links, &ItemKnn::default(), &Unwatched).unwrap();
//! assert_eq!(edges.of(1).0, [0, 2]);
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `matrix` | links as a sparse matrix, and its transpose |
//! | `product` | sums over all ways of two links, source by source |
//! | `sources` | work on blocks of sources on all threads, delivered in order |
//! | `strongest` | the strongest links of a source |
//! | `item_knn`, `rp3_beta`, `ease`, `gf_cf`, `co_occurrence` | learned edges |
//! | `als`, `skip_gram` | embeddings |
//! | `tfidf` | embeddings of texts |
//! | `classifier` | classes of rows, from their vectors |
//! | `lbfgs` | the minimum of a convex function |
//! | `lists` | what each source did, in order: sessions, baskets |
//! | `svd` | the randomised singular value decomposition |
//! | `procrustes` | the rotation of one set of vectors onto another |
//! | `shuffle` | orders of many numbers that nobody has to store |
//! | `dense`, `cholesky`, `eigen` | linear algebra of small dense matrices |
//! | [`net`] | linear models and networks, over tables of examples |
//! | `onnx` | networks in files of ONNX, with the feature `onnx` |
//! | [`trees`] | ensembles of trees that other libraries have trained |

mod als;
mod cholesky;
mod classifier;
mod co_occurrence;
mod dense;
mod ease;
mod eigen;
mod gf_cf;
mod item_knn;
mod lbfgs;
mod lists;
mod matrix;
pub mod net;
#[cfg(feature = "onnx")]
pub mod onnx;
mod procrustes;
mod product;
mod rp3_beta;
mod shuffle;
mod skip_gram;
mod sources;
mod strongest;
mod svd;
#[cfg(test)]
mod testing;
mod tfidf;
pub mod trees;

pub use als::{Als, AlsSettings, FoldIn, RegScale, als};
pub use classifier::{
    ClassMetrics, ClassScratch, Classified, Classifier, ClassifierSettings, ClassifierWrong, FOLDS,
    FoldMetrics, Labelled, PENALTIES, classifier,
};
pub use co_occurrence::{CoOccurrence, Decay, Norm, co_occurrence};
pub use ease::{Ease, ease};
pub use gf_cf::{GfCf, gf_cf};
pub use item_knn::{ItemKnn, item_knn};
pub use procrustes::{Procrustes, turned};
pub use rp3_beta::{Rp3Beta, rp3_beta};
pub use skip_gram::{SkipGram, SkipGramSettings, skip_gram};
pub use tfidf::{TextScratch, TextSize, Texts, TfIdf, TfIdfParts, TfIdfSettings, tfidf};

/// Links A → B to learn from: those of source `a` are `ends[offsets[a]..offsets[a + 1]]`, in the list's order, which is
/// that of time where there are times.
///
/// An end that is no target is left out, and so is a weight that is not positive and finite wherever weights are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links<'a> {
    /// Where the links of each source begin, and where the last ones end; empty if there are no sources.
    pub offsets: &'a [u64],
    /// Row numbers of B.
    pub ends: &'a [u32],
    /// Rows of B.
    pub targets: usize,
    /// The weight of each link.
    pub weights: Option<&'a [f64]>,
    /// The time of each link in microseconds, `i64::MIN` if it has none.
    pub times: Option<&'a [i64]>,
    /// The basket of each link: links of one source are together where this number is equal.
    pub baskets: Option<&'a [u32]>,
}

impl Links<'_> {
    /// Rows of A.
    pub fn sources(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The places of a source's links.
    fn places(&self, source: usize) -> std::ops::Range<usize> {
        self.offsets[source] as usize..self.offsets[source + 1] as usize
    }
}

/// How much there is to learn from, for estimates of memory.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of A.
    pub sources: usize,
    /// Rows of B.
    pub targets: usize,
    /// Links from A to B.
    pub links: usize,
}

impl Size {
    /// The size of links.
    pub fn of(links: &Links) -> Size {
        Size { sources: links.sources(), targets: links.targets, links: links.ends.len() }
    }

    /// Bytes of a learned edge with at most `k` links per source, with what is there beside it while it is made.
    fn edges(&self, k: usize) -> u64 {
        let links = self.targets as u64 * k.min(self.targets) as u64;
        // blocks of sources, which grow by doubling, while they are put together
        3 * 8 * links + 8 * self.targets as u64
    }
}

/// Learned links B → B: of each source the strongest first, ties by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edges {
    /// Where the links of each source begin, and where the last ones end.
    pub offsets: Vec<u64>,
    /// Row numbers of B.
    pub ends: Vec<u32>,
    /// Positive and finite.
    pub weights: Vec<f32>,
}

impl Edges {
    /// The ends and weights of a source.
    pub fn of(&self, source: usize) -> (&[u32], &[f32]) {
        let places = self.offsets[source] as usize..self.offsets[source + 1] as usize;
        (&self.ends[places.clone()], &self.weights[places])
    }
}

/// One row per entity, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    /// Numbers of a row.
    pub dim: usize,
    /// The rows; one without a vector is zero.
    pub rows: Vec<f32>,
    /// Whether each row has a vector.
    pub has: Vec<bool>,
}

impl Vectors {
    /// The vector of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.rows[row * self.dim..][..self.dim]
    }
}

/// Asked between blocks of work, from any thread.
pub trait Watch: Sync {
    /// Whether to go on, after `done` of `of` units of a stage; `false` stops the training.
    fn go_on(&self, stage: &'static str, done: u64, of: u64) -> bool;

    /// Told of each epoch before it begins.
    fn begins(&self, _: &Underway<'_>) {}
}

/// An epoch that is about to begin, and what is known of the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Underway<'a> {
    /// The head that is trained, where each has a network of its own.
    pub head: Option<&'a str>,
    /// Its number, from 1.
    pub epoch: usize,
    /// The last one there may be.
    pub most: usize,
    /// Examples, lists or positives that it reads.
    pub examples: u64,
    /// Mean training loss of the epoch before.
    pub loss: Option<f64>,
    /// What the epoch before reached in the validation part.
    pub validation: Option<f64>,
    /// What that is: `NE`.
    pub metric: &'static str,
}

/// Nobody watches: the training ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn go_on(&self, _: &'static str, _: u64, _: u64) -> bool {
        true
    }
}

/// Watches a part of a stage.
struct Part<'a> {
    watch: &'a dyn Watch,
    /// What was done before.
    before: u64,
    /// All that the stage has to do.
    of: u64,
}

impl Watch for Part<'_> {
    fn go_on(&self, stage: &'static str, done: u64, _: u64) -> bool {
        self.watch.go_on(stage, self.before + done, self.of)
    }
}

/// Units of an epoch in what a [`Watch`] of all epochs is told.
pub(crate) const EPOCH: u64 = 1_000;

/// Watches one of several epochs, as a part of all.
struct OfEpochs<'a> {
    watch: &'a dyn Watch,
    /// Epochs before it.
    before: u64,
    /// The most there may be.
    most: u64,
}

impl Watch for OfEpochs<'_> {
    fn go_on(&self, stage: &'static str, done: u64, of: u64) -> bool {
        let within = match stage {
            "epoch" => EPOCH * done.min(of) / of.max(1),
            // what is measured after it
            _ => EPOCH,
        };
        self.watch.go_on("training", EPOCH * self.before + within, EPOCH * self.most)
    }
}

/// The [`Watch`] stopped the training; nothing was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;
