//! The vector indexes of a snapshot: a graph per embedding and entity, where a scan would be slow.

use crate::ann::{self, Graph, GraphParams};
use crate::catalog::schema::Metric;
use crate::store::{Blob, DataError, Progress, Snapshot};
use crate::types::EntityId;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Opened indexes, by embedding and entity.
#[derive(Default)]
pub struct Vectors {
    indexes: HashMap<(u32, EntityId), Index>,
}

struct Index {
    /// Borrows from `_image`, and is dropped before it.
    graph: Graph<'static>,
    _image: Blob,
}

impl Vectors {
    /// Opens every index of a snapshot, building those that are missing.
    pub fn open(snapshot: &Snapshot, progress: &dyn Progress) -> Result<Vectors, DataError> {
        let mut indexes = HashMap::new();
        for (number, embedding) in snapshot.schema().embeddings.iter().enumerate() {
            for &entity in &embedding.entities {
                let number = number as u32;
                let Some(vectors) = vectors_of(snapshot, number, entity) else {
                    continue;
                };
                if !ann::prefers_exact(vectors.len()) {
                    indexes.insert(
                        (number, entity),
                        open(snapshot, (number, entity), &vectors, progress)?,
                    );
                }
            }
        }
        Ok(Vectors { indexes })
    }

    /// The graph over the vectors of an entity; none where they are few enough to scan.
    pub fn graph(&self, embedding: u32, entity: EntityId) -> Option<&Graph<'static>> {
        self.indexes
            .get(&(embedding, entity))
            .map(|index| &index.graph)
    }
}

fn open(
    snapshot: &Snapshot,
    (embedding, entity): (u32, EntityId),
    vectors: &ann::Vectors,
    progress: &dyn Progress,
) -> Result<Index, DataError> {
    let schema = snapshot.schema();
    let name = format!(
        "index-{}-{}",
        schema.embeddings[embedding as usize].name,
        schema.entity(entity).name
    );
    let params = GraphParams::default();
    let hash = snapshot.vectors_hash(embedding as usize, entity);
    let key = xxh3_64(format!("{hash:?} {:?} {params:?}", vectors.metric).as_bytes());
    let build = || {
        let image = ann::build_graph(vectors, params, &|done, total| {
            progress.report(&name, done, total)
        });
        // an image that could not be made is empty, and reported when it is opened
        image
            .map(|image| image.as_bytes().to_vec())
            .unwrap_or_default()
    };
    let image = snapshot.artifact(&name, key, build)?;
    // SAFETY: the bytes are a read-only map that lives as long as `image`, which is kept beside
    // the graph, is never changed, and is dropped after it (fields drop in order).
    let bytes: &'static [u8] = unsafe { std::mem::transmute::<&[u8], &'static [u8]>(&image[..]) };
    let graph = Graph::open_unverified(bytes).map_err(|message| {
        let error = DataError::new(
            snapshot.folder(),
            format!("the vector index `{name}` cannot be read: {message}"),
        );
        error.help("delete it; it is made anew when it is needed")
    })?;
    Ok(Index {
        graph,
        _image: image,
    })
}

/// The vectors of an entity in an embedding, as the search wants them.
pub fn vectors_of(
    snapshot: &Snapshot,
    embedding: u32,
    entity: EntityId,
) -> Option<ann::Vectors<'_>> {
    let view = snapshot.vectors(embedding as usize, entity)?;
    let metric = match snapshot.schema().embeddings[embedding as usize].metric {
        Metric::Cosine => ann::Metric::Cosine,
        Metric::Dot => ann::Metric::Dot,
        Metric::L2 => ann::Metric::L2,
    };
    Some(ann::Vectors {
        data: view.data,
        dim: view.dim,
        metric,
        present: view.present,
    })
}
