//! What programs are checked against and run on.

use crate::ops::Vocabulary;
use crate::ops::vectors::Vectors;
use crate::store::Snapshot;
use std::sync::Arc;

/// A snapshot with its vector indexes, and what programs can name. Programs keep the one that they were compiled on, whose row numbers
/// and codes they hold.
pub struct World {
    pub snapshot: Snapshot,
    pub vectors: Vectors,
    /// What programs can name.
    pub vocabulary: Arc<Vocabulary>,
}

impl World {
    /// Whether a program of one runs on the other: row numbers and codes are those of the contents, and files of models
    /// that both have read are the same.
    pub fn is_same(self: &Arc<World>, other: &Arc<World>) -> bool {
        let names = || self.vocabulary.registry().is_same(other.vocabulary.registry());
        let of =
            |world: &Arc<World>| (world.snapshot.id().to_owned(), world.snapshot.learned_hash());
        let files = || self.vocabulary.files().is_same(other.vocabulary.files());
        Arc::ptr_eq(self, other) || (of(self) == of(other) && names() && files())
    }
}
