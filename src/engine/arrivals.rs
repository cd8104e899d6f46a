//! Vectors of items that came after two towers were trained, from what is known of them.

use super::scene::Scene;
use super::towers::Climbing;
use crate::batch::Column;
use crate::catalog::schema::{Metric, Storage};
use crate::check::given_of_items;
use crate::check::modules::Modules;
use crate::diag::Sink;
use crate::expr::functions::own::{Learnt, vector};
use crate::expr::ir::Kind;
use crate::expr::run::Running;
use crate::expr::{Expr, Frame};
use crate::library::{Library, Unit};
use crate::ops::Vocabulary;
use crate::store::learned::{Attached, Found};
use crate::store::{Snapshot, Vectors, VectorsView};
use crate::types::{EntityId, NULL_CODE, Type};
use rayon::prelude::*;
use std::sync::Arc;

/// Rows of a task.
const WORK: usize = 4_096;

/// Gives a vector to every item that has none in a version of two towers, but of which something is known.
pub(super) fn climb(snapshot: &mut Snapshot, library: &Library, vocabulary: &Arc<Vocabulary>) {
    let has_arrivals = |attached: &&Attached| arrived(snapshot, attached).is_some();
    let versions: Vec<Attached> =
        snapshot.versions().iter().filter(has_arrivals).cloned().collect();
    if versions.is_empty() {
        return;
    }
    let mut modules = Modules::new(library.load(&Unit::new("", ""), &mut Sink::default()).modules);
    modules.vocabulary = vocabulary.clone();
    for attached in &versions {
        let Some((number, entity, rows)) = arrived(snapshot, attached) else { continue };
        let made = climbed(snapshot, &modules, attached, (number, entity), &rows);
        if let Some(vectors) = made {
            snapshot.set_vectors(number, entity, vectors);
        }
    }
}

/// Of a version of two towers that says what it knows of items: its embedding, the entity of items, and their rows
/// without a vector, if there are any.
fn arrived(snapshot: &Snapshot, attached: &Attached) -> Option<(u32, EntityId, Vec<u32>)> {
    let Found::Embedding(number) = attached.found else { return None };
    let manifest = &attached.manifest;
    if manifest.learner != "two_tower" || manifest.features.is_none() {
        return None;
    }
    let entity = *snapshot.schema().embeddings[number as usize].entities.get(1)?;
    let stored = snapshot.vectors(number as usize, entity)?;
    stored.present?;
    let rows = 0..snapshot.schema().entity(entity).rows;
    let rows: Vec<u32> = rows.filter(|&row| stored.get(row).is_none()).collect();
    (!rows.is_empty()).then_some((number, entity, rows))
}

/// All vectors of items, with those of some more rows.
fn climbed(
    snapshot: &Snapshot,
    modules: &Modules,
    attached: &Attached,
    (number, entity): (u32, EntityId),
    rows: &[u32],
) -> Option<Vectors> {
    let manifest = &attached.manifest;
    let args = given_of_items(snapshot, modules, manifest, entity)?;
    let climbing = Climbing::of_items(snapshot, attached.version.as_ref()?).ok()?;
    let tower: Arc<dyn Learnt> = Arc::new(climbing);
    let name = format!("{}.{} of items", manifest.entities.join("+"), manifest.label());
    let dim = tower.numbers();
    let kernel = vector(&name, &tower);
    let expr = Expr::new(Kind::Call { kernel, args }, Type::Vector(dim as u32));
    let scene = Scene::new(snapshot, Arc::new(Running::off()));
    let columns: Vec<Column> = rows
        .par_chunks(WORK)
        .map(|rows| when_they_came(&scene, &expr, (entity, rows), manifest.until))
        .collect();
    if scene.failed.said().is_some() {
        return None;
    }
    let stored = snapshot.vectors(number as usize, entity)?;
    let count = snapshot.schema().entity(entity).rows as usize;
    let (mut numbers, mut has) = copied(&stored, count);
    let mut rows = rows.iter().map(|&row| row as usize);
    for column in &columns {
        let Column::Vector { slots, items } = column else { return None };
        for (&[place, _], row) in slots.iter().zip(&mut rows) {
            if place != NULL_CODE {
                let vector = &items[place as usize * dim..][..dim];
                numbers[row * dim..][..dim].copy_from_slice(vector);
                has[row] = true;
            }
        }
    }
    Some(Vectors::new(dim, numbers, has, Storage::F32, Metric::Cosine))
}

/// What an expression is for rows as of the moment that each came, or as of the training if they were there then: what
/// happens later must not be known where the past is asked for.
fn when_they_came(
    scene: &Scene,
    expr: &Expr,
    (entity, rows): (EntityId, &[u32]),
    until: i64,
) -> Column {
    let came = scene.snapshot.times(entity);
    let time = |&row: &u32| came.map_or(until, |times| times[row as usize].max(until));
    let (times, nobody) = (rows.iter().map(time).collect(), vec![NULL_CODE; rows.len()]);
    let run = scene.examples(times, nobody, entity, rows.to_vec());
    let owners: Vec<u32> = (0..rows.len() as u32).collect();
    let frame = Frame { n: rows.len(), owners: &owners, ids: rows, ..Frame::requests(&run) };
    frame.column(expr)
}

/// The vectors of so many rows, and which of these have one.
pub(super) fn copied(stored: &VectorsView, rows: usize) -> (Vec<f32>, Vec<bool>) {
    let dim = stored.dim;
    let (mut numbers, mut has) = (vec![0.0; rows * dim], vec![false; rows]);
    for (row, to) in numbers.chunks_exact_mut(dim).enumerate() {
        if let Some(vector) = stored.get(row as u32) {
            to.copy_from_slice(&vector);
            has[row] = true;
        }
    }
    (numbers, has)
}
