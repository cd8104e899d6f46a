//! The vectors of registered embeddings, put beside those of the catalog.

use crate::catalog::nearest;
use crate::catalog::schema::{self, Schema, Storage};
use crate::extend::{Column, Embedding, EmbeddingSignature, Failure, Registry, Values, guarded};
use crate::store::{DataError, KeyView, Progress, Snapshot, Vectors};
use crate::types::EntityId;
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows whose vectors are asked for at once.
const BLOCK: usize = 4096;

/// Adds the embeddings of a registry to the snapshot of `catalog`.
pub fn add(
    snapshot: &mut Snapshot,
    registry: &Registry,
    catalog: &Path,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    for (signature, embedding) in registry.embeddings() {
        let entities = fitting(signature, snapshot.schema(), catalog)?;
        let vectors: Vec<Vectors> = entities
            .iter()
            .map(|&entity| vectors(snapshot, signature, &**embedding, entity, progress))
            .collect::<Result<_, Failure>>()
            .map_err(|why| {
                let message = format!("the embedding `{}` failed: {why}", signature.name);
                DataError::new(catalog, message)
            })?;
        let added = schema::Embedding {
            name: signature.name.clone(),
            entities,
            dim: signature.dim,
            metric: signature.metric,
            neighbours: signature.neighbours,
            ef: 0,
            storage: Storage::F32,
            missing: vectors.iter().map(|v| v.missing).collect(),
            learned: None,
            output: None,
            declared: None,
            folded: None,
            normalized: None,
        };
        snapshot.add_embedding(added, vectors);
    }
    Ok(())
}

/// The entities of an embedding, if it fits a catalog.
fn fitting(
    of: &EmbeddingSignature,
    schema: &Schema,
    catalog: &Path,
) -> Result<Vec<EntityId>, DataError> {
    let name = &of.name;
    let refused = |message: String| DataError::new(catalog, message);
    if schema.embeddings.iter().any(|e| e.name == *name) {
        let message = format!("the catalog has an embedding `{name}` already");
        return Err(refused(message).help("register it under another name"));
    }
    let find = |entity: &String| {
        schema.find_entity(entity).ok_or_else(|| {
            let message = format!("the embedding `{name}` is of `{entity}`, which is no entity");
            let known = || schema.entities.iter().map(|e| e.name.as_str());
            refused(message).help(match nearest(entity, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("entities are `{}`", known().collect::<Vec<_>>().join("`, `")),
            })
        })
    };
    of.entities.iter().map(find).collect()
}

/// The vectors of all rows of an entity.
fn vectors(
    snapshot: &Snapshot,
    of: &EmbeddingSignature,
    embedding: &dyn Embedding,
    entity: EntityId,
    progress: &dyn Progress,
) -> Result<Vectors, Failure> {
    let dim = of.dim as usize;
    let described = snapshot.schema().entity(entity);
    let rows = described.rows as usize;
    let (stage, done) = (format!("vectors of {}", of.name), AtomicU64::new(0));
    let mut data = vec![f32::NAN; rows * dim];
    let filled: Vec<Result<Vec<bool>, Failure>> = data
        .par_chunks_mut(BLOCK * dim)
        .enumerate()
        .map(|(block, out)| {
            let first = block * BLOCK;
            let keys = keys(snapshot, entity, first, out.len() / dim);
            guarded(|| embedding.vectors(&described.name, &keys, out))?;
            let has = out.chunks_exact_mut(dim).enumerate();
            let has = has.map(|(row, vector)| {
                let key = || snapshot.key(entity, (first + row) as u32).to_string();
                is_vector(vector).map_err(|why| {
                    Failure::new(format!("the vector of {} {} {why}", described.name, key()))
                })
            });
            let has = has.collect::<Result<Vec<bool>, Failure>>()?;
            let so_far = done.fetch_add(has.len() as u64, Ordering::Relaxed) + has.len() as u64;
            progress.report(&stage, so_far, rows as u64);
            Ok(has)
        })
        .collect();
    // the failure of the first block is reported, whichever thread was the fastest
    let has: Vec<Vec<bool>> = filled.into_iter().collect::<Result<_, _>>()?;
    Ok(Vectors::new(dim, data, has.concat(), Storage::F32, of.metric))
}

/// The keys of some rows.
fn keys(snapshot: &Snapshot, entity: EntityId, first: usize, rows: usize) -> Column<'_> {
    Column::new(match snapshot.keys(entity) {
        KeyView::Int(keys) => Values::Ints(Cow::Borrowed(&keys[first..first + rows])),
        KeyView::Str(keys) => {
            let keys = keys[first..first + rows].iter();
            let texts = keys.map(|&code| Some(Cow::Borrowed(snapshot.string(code))));
            Values::Texts(texts.collect())
        }
    })
}

/// Whether a row was given a vector; where it was not, its numbers become zeros.
fn is_vector(numbers: &mut [f32]) -> Result<bool, String> {
    if numbers.iter().all(|x| x.is_nan()) {
        numbers.fill(0.0);
        return Ok(false);
    }
    match numbers.iter().position(|x| !x.is_finite()) {
        None => Ok(true),
        Some(at) => Err(format!("has {} at index {at}", numbers[at])),
    }
}
