//! What a new embedding is like: how many rows have a vector, which are near, and how far that is what it was before.

use super::courses::is_there;
use super::job::Job;
use crate::learn::net::Chance;
use crate::store::VectorsView;
use crate::store::learned::{Found, Manifest, Near, SpaceCourse, WrittenVectors};
use crate::types::EntityId;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Numbers of vectors that are compared at most.
const COMPARED: usize = 1 << 24;
/// Rows whose nearest are compared with those of the version before, and how many of these.
const ROWS: usize = 200;
const NEAREST: usize = 10;
/// Rows that are shown with their nearest, and how many of these.
const SHOWN: usize = 6;
const SHOWN_NEAREST: usize = 5;

/// The vectors of each entity of an embedding, as far as it has some.
pub fn spaces(job: &Job, written: &[WrittenVectors]) -> Vec<SpaceCourse> {
    let entities = job.declared.entities.iter().zip(written);
    let own = entities.filter(|(_, written)| !written.is_empty());
    own.map(|(&entity, written)| space(job, entity, written)).collect()
}

/// `coverage` and `overlap@10` of the entity that is searched, which is the last one.
pub fn metrics(spaces: &[SpaceCourse]) -> BTreeMap<String, f64> {
    let Some(last) = spaces.last() else { return BTreeMap::new() };
    let coverage = (last.rows > 0).then(|| last.vectors as f64 / last.rows as f64);
    let all = [("coverage", coverage), ("overlap@10", last.overlap)];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn space(job: &Job, entity: EntityId, written: &WrittenVectors) -> SpaceCourse {
    let schema = job.engine.schema();
    let there = is_there(job, entity);
    let chance = Chance::new(job.declared.seed() as u64, &job.declared.name).of("neighbours");
    let mut places: Vec<usize> = (0..written.len()).collect();
    places.sort_by_key(|&place| (chance.hash(u64::from(written.rows()[place])), place));
    let own = Directions::new(written.dim(), &places, |place| Some(written.vector(place).to_vec()));
    let overlap = job.before.and_then(|before| {
        let (of_before, dim) = vectors_of(job, before, entity)?;
        let old = |place: usize| Some(of_before.get(written.rows()[place])?.into_owned());
        overlap(written, &places, (dim, &old)).map(|share| (before.label(), share))
    });
    SpaceCourse {
        entity: schema.entity(entity).name.clone(),
        rows: (0..schema.entity(entity).rows).filter(|&row| there(row)).count() as u64,
        // items that came after the training have vectors too
        vectors: written.rows().iter().filter(|&&row| there(row)).count() as u64,
        before: overlap.as_ref().map(|(label, _)| label.clone()),
        overlap: overlap.map(|(_, share)| share),
        near: shown(job, entity, written, &own),
    }
}

/// The vectors of an entity in a version that there is.
fn vectors_of<'j>(
    job: &Job<'j>,
    version: &Manifest,
    entity: EntityId,
) -> Option<(VectorsView<'j>, usize)> {
    let snapshot = job.engine.snapshot();
    let of = |m: &Manifest| (m.kind, m.label(), m.entities.clone(), m.role);
    let is_it = |found: &&crate::store::learned::Attached| of(&found.manifest) == of(version);
    let Found::Embedding(number) = snapshot.versions().iter().find(is_it)?.found else {
        return None;
    };
    let dim = job.engine.schema().embeddings[number as usize].dim;
    Some((snapshot.vectors(number as usize, entity)?, dim as usize))
}

/// Vectors of length 1 of some rows, in an order by chance.
struct Directions {
    dim: usize,
    /// Which of all they are.
    places: Vec<usize>,
    numbers: Vec<f32>,
}

impl Directions {
    /// Of so many of the first that have one as are compared.
    fn new(dim: usize, places: &[usize], vector: impl Fn(usize) -> Option<Vec<f32>>) -> Directions {
        let most = (COMPARED / dim.max(1)).max(NEAREST + 1);
        let mut found = Directions { dim, places: Vec::new(), numbers: Vec::new() };
        let some = places.iter().filter_map(|&place| Some((place, vector(place)?)));
        for (place, vector) in some.take(most) {
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            found.places.push(place);
            found.numbers.extend(vector.iter().map(|x| x * scale));
        }
        found
    }

    fn of(&self, at: usize) -> &[f32] {
        &self.numbers[at * self.dim..][..self.dim]
    }

    /// The nearest of one, the nearest first, ties in order.
    fn nearest(&self, at: usize, most: usize) -> Vec<(usize, f32)> {
        let own = self.of(at);
        let cosine = |other: &[f32]| own.iter().zip(other).map(|(x, y)| x * y).sum::<f32>();
        let all = self.numbers.chunks_exact(self.dim.max(1)).map(cosine).enumerate();
        let mut all: Vec<(usize, f32)> = all.filter(|&(other, _)| other != at).collect();
        let order = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if all.len() > most {
            all.select_nth_unstable_by(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by(order);
        all
    }
}

/// The share of the nearest that two versions have in common, among rows with a vector in both; none where there are no
/// more rows than are nearest.
fn overlap(
    written: &WrittenVectors,
    places: &[usize],
    (dim, old): (usize, &dyn Fn(usize) -> Option<Vec<f32>>),
) -> Option<f64> {
    let before = Directions::new(dim, places, old);
    let now = Directions::new(written.dim(), &before.places, |place| {
        Some(written.vector(place).to_vec())
    });
    // larger vectors are compared among fewer
    let rows = now.places.len().min(before.places.len());
    let (before, now) = (before.first(rows), now.first(rows));
    let common = |at: usize| -> usize {
        let (one, other) = (now.nearest(at, NEAREST), before.nearest(at, NEAREST));
        one.iter().filter(|(row, _)| other.iter().any(|(own, _)| own == row)).count()
    };
    let asked = rows.min(ROWS);
    let found: usize = (0..asked).into_par_iter().map(common).sum();
    (rows > NEAREST).then(|| found as f64 / (asked * NEAREST) as f64)
}

impl Directions {
    fn first(mut self, rows: usize) -> Directions {
        self.places.truncate(rows);
        self.numbers.truncate(rows * self.dim);
        self
    }
}

/// Some rows with their nearest.
fn shown(job: &Job, entity: EntityId, written: &WrittenVectors, all: &Directions) -> Vec<Near> {
    let key = |at: usize| {
        let row = written.rows()[all.places[at]];
        job.engine.snapshot().key(entity, row).to_string()
    };
    let near = |at: usize| {
        let nearest = all.nearest(at, SHOWN_NEAREST).into_iter();
        let nearest = nearest.map(|(other, cosine)| (key(other), f64::from(cosine)));
        Near { key: key(at), nearest: nearest.collect() }
    };
    (0..all.places.len().min(SHOWN)).map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_those_of_largest_cosine() {
        let vectors = [[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.0, 0.0], [-1.0, 0.0]];
        let places: Vec<usize> = (0..5).collect();
        let all = Directions::new(2, &places, |place| Some(vectors[place].to_vec()));
        let nearest: Vec<usize> = all.nearest(0, 3).into_iter().map(|(row, _)| row).collect();
        assert_eq!(nearest, [1, 2, 3]);
        let none = Directions::new(2, &places, |_| None);
        assert!(none.places.is_empty());
    }
}
