//! Embeddings.

use super::{Column, Failure};
use crate::catalog::schema::Metric;

/// An embedding of a Rust program: vectors for the rows of one or more entities, from a model, a service or a
/// file of one's own. Programs use it like an embedding of the catalog: `nn(visual)`,
/// `cosine(visual, viewer.visual)`.
///
/// Vectors are asked for when the engine is opened or reloaded, for all rows of the entities, in blocks and on several
/// threads, and are kept in memory (4 bytes a number). What a key gets depends on that key alone. Indexes are built
/// from them as from those of the catalog, and are kept until the vectors change.
///
/// ```
/// use igql::extend::{Column, Embedding, EmbeddingSignature, Failure};
/// use igql::schema::Metric;
/// use std::collections::HashMap;
///
/// /// Vectors of media by their keys.
/// struct Visual(EmbeddingSignature, HashMap<i64, [f32; 64]>);
///
/// impl Embedding for Visual {
///     fn signature(&self) -> &EmbeddingSignature {
///         &self.0
///     }
///
///     fn vectors(&self, _entity: &str, keys: &Column, out: &mut [f32]) -> Result<(), Failure> {
///         for (row, out) in out.chunks_exact_mut(64).enumerate() {
///             // what is not written to has no vector
///             if let Some(vector) = keys.int(row).and_then(|key| self.1.get(&key)) {
///                 out.copy_from_slice(vector);
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let signature = EmbeddingSignature::new("visual", &["media"], 64, Metric::Cosine);
/// let embedding = Visual(signature, HashMap::new());
/// ```
pub trait Embedding: Send + Sync {
    /// What the checker goes by. It is asked for once, when the embedding is registered.
    fn signature(&self) -> &EmbeddingSignature;

    /// The vectors of some rows of an entity: `keys` are ints or strings, as the catalog has them; `out` has room for
    /// the dimension times as many numbers, row after row, and comes filled with NaN. A row that stays NaN has no
    /// vector. A row that is partly NaN, or infinite, is an error of `open`.
    fn vectors(&self, entity: &str, keys: &Column, out: &mut [f32]) -> Result<(), Failure>;
}

/// The declaration of an embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingSignature {
    pub(crate) name: String,
    pub(crate) entities: Vec<String>,
    pub(crate) dim: u32,
    pub(crate) metric: Metric,
    pub(crate) neighbours: u32,
}

impl EmbeddingSignature {
    /// An embedding of these entities of the catalog, with vectors of `dim` numbers.
    pub fn new(name: &str, entities: &[&str], dim: u32, metric: Metric) -> EmbeddingSignature {
        EmbeddingSignature {
            name: name.to_owned(),
            entities: entities.iter().map(|&entity| entity.to_owned()).collect(),
            dim,
            metric,
            neighbours: 0,
        }
    }

    /// How many nearest neighbours of each row are searched when the engine is opened, as `neighbours` of a catalog
    /// (up to 1,000).
    pub fn neighbours(mut self, each: u32) -> EmbeddingSignature {
        self.neighbours = each;
        self
    }
}
