//! A learned embedding in a snapshot: the vectors of a version, by the rows of the snapshot.

use super::keys::{self, GONE, Keys, of_place};
use super::manifest::Space;
use super::room::Version;
use super::tensors::Tensor;
use crate::catalog::DataError;
use crate::catalog::schema::{self, Learned, Storage};
use crate::store::{Snapshot, Vectors};
use crate::types::EntityId;

/// The vectors of one entity, as they are written: with the keys of the rows that have one.
pub struct WrittenVectors {
    keys: Keys,
    dim: usize,
    numbers: Vec<f32>,
}

impl WrittenVectors {
    /// Of all rows of an entity, of which some have a vector.
    pub fn new(
        snapshot: &Snapshot,
        entity: EntityId,
        dim: usize,
        numbers: &[f32],
        has: &[bool],
    ) -> WrittenVectors {
        let rows: Vec<u32> = (0..has.len() as u32).filter(|&row| has[row as usize]).collect();
        let of_row = |&row: &u32| &numbers[row as usize * dim..][..dim];
        WrittenVectors {
            keys: Keys::of(snapshot, entity, &rows),
            dim,
            numbers: rows.iter().flat_map(of_row).copied().collect(),
        }
    }

    /// How many rows have a vector.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.dim.max(1)
    }

    /// Whether no row has one.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// As they are written, of the entity at a place.
    pub fn tensors(&self, place: usize) -> Vec<Tensor<'_>> {
        let mut tensors = self.keys.tensors(place);
        let shape = [self.len(), self.dim];
        tensors.push(Tensor::f32(of_place("vectors", place), &shape, &self.numbers));
        tensors
    }
}

/// What the schema says of an embedding.
pub struct Described {
    pub name: String,
    pub entities: Vec<EntityId>,
    pub space: Space,
    pub learned: Learned,
}

impl Described {
    pub(super) fn schema(&self, vectors: &[Vectors]) -> schema::Embedding {
        schema::Embedding {
            name: self.name.clone(),
            entities: self.entities.clone(),
            dim: self.space.dim,
            metric: self.space.metric,
            neighbours: 0,
            ef: 0,
            storage: Storage::F32,
            missing: vectors.iter().map(|v| v.missing).collect(),
            learned: Some(self.learned),
        }
    }

    /// The vectors of a version by the rows of a snapshot.
    pub(super) fn vectors(
        &self,
        snapshot: &Snapshot,
        version: &Version,
    ) -> Result<Vec<Vectors>, DataError> {
        let tensors = version.tensors()?;
        let dim = self.space.dim as usize;
        let of_entity = |(place, &entity): (usize, &EntityId)| {
            let rows = keys::rows(&tensors, snapshot, entity, place)?;
            let given: &[f32] = tensors.get(&of_place("vectors", place))?;
            let all = snapshot.schema().entity(entity).rows as usize;
            let (mut numbers, mut has) = (vec![0.0; all * dim], vec![false; all]);
            for (&row, vector) in rows.iter().zip(given.chunks_exact(dim)) {
                if row != GONE {
                    numbers[row as usize * dim..][..dim].copy_from_slice(vector);
                    has[row as usize] = true;
                }
            }
            Ok(Vectors::new(dim, numbers, has, Storage::F32, self.space.metric))
        };
        self.entities.iter().enumerate().map(of_entity).collect()
    }

    /// No vectors of any row.
    pub(super) fn without_vectors(&self, snapshot: &Snapshot) -> Vec<Vectors> {
        let dim = self.space.dim as usize;
        let none = |&entity: &EntityId| {
            let rows = snapshot.schema().entity(entity).rows as usize;
            let (numbers, has) = (vec![0.0; rows * dim], vec![false; rows]);
            Vectors::new(dim, numbers, has, Storage::F32, self.space.metric)
        };
        self.entities.iter().map(none).collect()
    }
}
