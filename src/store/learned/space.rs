//! A learned embedding in a snapshot: the vectors of a version, by the rows of the snapshot.

use super::keys::{self, GONE, Keys, of_place};
use super::manifest::Space;
use super::tensors::{Tensor, Tensors};
use crate::catalog::DataError;
use crate::catalog::schema::{self, Folded, Learned, Metric, Storage};
use crate::store::{Snapshot, Vectors};
use crate::types::EntityId;

/// The vectors of one entity, as they are written: with the keys of the rows that have one.
pub struct WrittenVectors {
    keys: Keys,
    /// In the snapshot that they were learned from.
    rows: Vec<u32>,
    dim: usize,
    numbers: Vec<f32>,
    /// Of what stands around the same rows.
    output: Option<Vec<f32>>,
}

/// The array of the vectors of what stands around.
const OUTPUT: &str = "output";
/// The array of what all viewers that are folded in share.
pub const GRAM: &str = "gram";
/// The array of the vectors.
const VECTORS: &str = "vectors";

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
            output: None,
            rows,
        }
    }

    /// With the vectors of what stands around the rows, which the same rows have.
    pub fn with_output(self, numbers: &[f32], has: &[bool]) -> WrittenVectors {
        let rows = numbers.chunks_exact(self.dim).zip(has).filter(|(_, has)| **has);
        WrittenVectors { output: Some(rows.flat_map(|(row, _)| row).copied().collect()), ..self }
    }

    /// How many rows have a vector.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.dim.max(1)
    }

    /// The rows that have one.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Numbers of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vector of the row at a place.
    pub fn vector(&self, place: usize) -> &[f32] {
        &self.numbers[place * self.dim..][..self.dim]
    }

    /// Whether no row has one.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// As they are written, of the entity at a place.
    pub fn tensors(&self, place: usize) -> Vec<Tensor<'_>> {
        let mut tensors = self.keys.tensors(place);
        let shape = [self.len(), self.dim];
        tensors.push(Tensor::f32(of_place(VECTORS, place), &shape, &self.numbers));
        if let Some(output) = &self.output {
            tensors.push(Tensor::f32(of_place(OUTPUT, place), &shape, output));
        }
        tensors
    }
}

/// What the schema says of an embedding.
pub struct Described {
    pub name: String,
    pub entities: Vec<EntityId>,
    pub space: Space,
    pub learned: Learned,
    /// The name and the hash of the declaration.
    pub declared: String,
    /// How viewers are folded in, if they are.
    pub folded: Option<Folded>,
}

/// How viewers are folded in by a version.
pub fn folded(space: Space, tensors: &Tensors) -> Result<Option<Folded>, DataError> {
    let Some(how) = space.fold_in else { return Ok(None) };
    let gram: &[f64] = tensors.get(GRAM)?;
    match gram.len() == space.dim as usize {
        true => Ok(Some(Folded { how, gram: gram.into() })),
        false => Err(tensors.wrong_length(GRAM)),
    }
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
            output: None,
            declared: Some(self.declared.clone()),
            folded: self.folded.clone(),
            normalized: None,
        }
    }

    /// The vectors of a version by the rows of a snapshot.
    pub(super) fn vectors(
        &self,
        snapshot: &Snapshot,
        tensors: &Tensors,
    ) -> Result<Vec<Vectors>, DataError> {
        self.by_row(snapshot, tensors, VECTORS)
    }

    /// Those of what stands around its rows, if it has learnt them: they are compared by products.
    pub(super) fn output(
        &self,
        snapshot: &Snapshot,
        tensors: &Tensors,
    ) -> Result<Option<(Described, Vec<Vectors>)>, DataError> {
        if !tensors.has(OUTPUT) {
            return Ok(None);
        }
        let described = self.output_side();
        let vectors = described.by_row(snapshot, tensors, OUTPUT)?;
        Ok(Some((described, vectors)))
    }

    /// What the schema says of the vectors of what stands around.
    pub(super) fn output_side(&self) -> Described {
        Described {
            name: format!("{}.output", self.name),
            entities: self.entities.clone(),
            space: Space { metric: Metric::Dot, ..self.space },
            learned: self.learned,
            declared: self.declared.clone(),
            folded: None,
        }
    }

    /// The same vectors, compared by their angles.
    pub(super) fn normalized(&self, vectors: &[Vectors]) -> (Described, Vec<Vectors>) {
        let described = Described {
            name: format!("normalized({})", self.name),
            entities: self.entities.clone(),
            space: Space { metric: Metric::Cosine, ..self.space },
            learned: Learned::Normalized,
            declared: format!("normalized({})", self.declared),
            folded: None,
        };
        (described, vectors.iter().map(Vectors::normalized).collect())
    }

    fn by_row(
        &self,
        snapshot: &Snapshot,
        tensors: &Tensors,
        array: &str,
    ) -> Result<Vec<Vectors>, DataError> {
        let dim = self.space.dim as usize;
        let of_entity = |(place, &entity): (usize, &EntityId)| {
            let rows = keys::rows(tensors, snapshot, entity, place)?;
            let given: &[f32] = tensors.get(&of_place(array, place))?;
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
