//! One declaration that is trained: what it needs, what it may take, and who is told.

use super::seen::Seen;
use super::{TrainError, models};
use crate::check::Declaration;
use crate::engine::{Engine, EveryLink, Unit};
use crate::expr::EdgeExpr;
use crate::learn::{Links, Size, Watch};
use crate::ops::{Limits, bounds};
use crate::store::Progress;
use crate::store::learned::{Course, Manifest, Tensor, Trainer};
use crate::types::time;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was learnt, as it is written.
pub trait Learned {
    fn tensors(&self) -> Vec<Tensor<'_>>;

    /// What was counted.
    fn counts(&self) -> BTreeMap<String, u64>;

    /// How good it is.
    fn metrics(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// How many links it was learnt from, if it holds nothing all the same.
    fn is_of_nothing(&self) -> Option<u64> {
        None
    }

    /// The versions that its examples read, of links before them.
    fn slices(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many rows of a log its examples were, if they were of one.
    fn logged(&self) -> Option<u64> {
        None
    }

    /// Why it holds nothing, if it does not.
    fn nothing(&self, job: &Job) -> Option<String> {
        self.is_of_nothing().map(|links| job.nothing(links))
    }

    /// How it went, without what is doubtful.
    fn course(&self, _: &Job) -> Course {
        Course::default()
    }

    /// What is doubtful about it.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A log, and a hash of its files.
pub struct LogFolder {
    pub folder: PathBuf,
    pub hash: String,
}

/// What a learner needs.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub engine: &'a Engine,
    /// The file that declares it, with what it imports.
    pub unit: &'a Unit<'a>,
    pub declared: &'a Declaration,
    /// Links before this time are seen.
    pub until: i64,
    /// The log whose rows are the examples, if these are no links.
    pub from: Option<&'a LogFolder>,
    pub limits: Limits,
    pub progress: &'a dyn Progress,
    /// The version before.
    pub before: Option<&'a Manifest>,
    /// The right to add versions; none where nothing is trained.
    pub trainer: Option<&'a Trainer>,
}

impl<'a> Job<'a> {
    /// The edge that is learnt from.
    ///
    /// # Panics
    /// If it is learnt from the columns of an entity.
    pub fn edge(&self) -> &'a EdgeExpr {
        let of_model = || self.declared.model.as_ref().map(|model| models::edge(model));
        self.declared.edge().or_else(of_model).expect("a learner of links has an edge")
    }

    /// How much there can be to learn from: more links than there are cannot be.
    pub fn size(&self) -> Size {
        self.size_of(self.edge())
    }

    /// The same of an edge.
    pub fn size_of(&self, edge: &EdgeExpr) -> Size {
        let schema = self.engine.schema();
        let rows = |entity| schema.entity(entity).rows;
        let most = bounds::links(schema, edge, u64::from(rows(edge.from)), u64::MAX);
        Size {
            sources: rows(edge.from) as usize,
            targets: rows(edge.to) as usize,
            links: usize::try_from(most).unwrap_or(usize::MAX),
        }
    }

    /// Fails before the training where it would hold more than it may.
    pub fn fits(&self, needs: u64) -> Result<(), TrainError> {
        match self.limits.max_memory {
            Some(most) if needs > most => {
                let (name, needs, most) = (&self.declared.name, size(needs), size(most));
                Err(TrainError::Memory(format!(
                    "training `{name}` takes up to {needs}, and {most} are allowed"
                )))
            }
            _ => Ok(()),
        }
    }

    /// What to say of a training that came to nothing.
    pub fn nothing(&self, links: u64) -> String {
        let before = time::text(self.until).unwrap_or_default();
        let why = match links {
            0 => format!("there are no links before {before}"),
            _ => format!(
                "nothing came of {links} links before {before}: lower what it leaves out (`min_count`, `min_links`), \
                 or give it sources with several links each"
            ),
        };
        self.nothing_as(&why)
    }

    /// That a training came to nothing, and why.
    pub fn nothing_as(&self, why: &str) -> String {
        let Declaration { kind, name, text, .. } = self.declared;
        format!("{} `{name} = {text}`: {why}", kind.word())
    }

    /// Links as learners read them.
    pub fn given<'l>(&self, links: &'l EveryLink) -> Links<'l> {
        Links {
            offsets: &links.offsets,
            ends: &links.ends,
            targets: self.engine.schema().entity(self.edge().to).rows as usize,
            weights: links.weights.as_deref(),
            times: links.times.as_deref(),
            baskets: links.groups.as_deref(),
        }
    }

    /// Tells of the progress, and ends the training when it is due.
    pub fn watch(&self) -> impl Watch + '_ {
        Seen::new(&self.limits, self.progress, &self.declared.name)
    }
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..10_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

/// Counts by their names.
pub fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}
