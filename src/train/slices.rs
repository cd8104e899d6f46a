//! Versions for examples of the past: what the features of a model read is trained once more for each slice of its
//! examples, on links before the slice.

use super::examples::{Slice, Table};
use super::job::Job;
use super::run::{first, trained};
use super::state::State;
use super::{TrainError, upstream};
use crate::check::Declaration;
use crate::check::trained::Trained;
use crate::engine::Engine;
use crate::expr::ir::Stat;
use crate::expr::{Expr, Kind};
use crate::learn::Procrustes;
use crate::store::learned::{self, Role};
use crate::types::{Type, time};

/// What a declaration is known by in every engine.
type Known = (learned::Kind, String, String);

fn known(declared: &Declaration) -> Known {
    (declared.kind, declared.name.clone(), declared.hash.clone())
}

/// The slices of a model's examples, and the versions that were made for them; none where its features read nothing
/// that is learned, or read what is served.
pub(super) fn of(
    job: &Job,
    model: &Trained,
    table: &Table,
) -> Result<(Vec<Slice>, Vec<String>), TrainError> {
    let read = upstream::of(job.engine.schema(), job.declared);
    if read.is_empty() || model.examples.latest_upstream {
        return Ok((Vec::new(), Vec::new()));
    }
    let declared = job.engine.declarations(job.unit)?;
    let needed = needed(job, &declared)?;
    let starts = table.starts(model.examples.slices as usize);
    if starts.is_empty() {
        return Err(TrainError::Model(format!(
            "model `{}`: its features read {}, and its examples are all of one time, so that nothing can be learned before \
             them\nhelp: write `upstream=latest`, where what it knows of the future does no harm",
            model.name,
            read.join(", ")
        )));
    }
    let (mut slices, mut made) = (Vec::new(), Vec::new());
    for start in starts {
        let from = table.source(start).1;
        let engine = filled(job, &needed, from, &mut made)?;
        let own = engine.declarations(job.unit)?;
        let own = own.iter().find(|d| known(d) == known(job.declared));
        let own = own.and_then(|declared| declared.model.clone());
        let own = own.ok_or_else(|| unreadable(model))?;
        let rotations = rotations(job.engine, model, &engine, &own);
        slices.push(Slice::new(start, engine, own, rotations));
    }
    Ok((slices, made))
}

fn unreadable(model: &Trained) -> TrainError {
    TrainError::Model(format!(
        "model `{}` cannot be read with versions of the past: another training has changed what it reads",
        model.name
    ))
}

/// What a declaration reads, and what that reads.
fn needed(job: &Job, declared: &[Declaration]) -> Result<Vec<Known>, TrainError> {
    let mut needed = Vec::new();
    let mut open = vec![job.declared];
    while let Some(next) = open.pop() {
        for label in upstream::of(job.engine.schema(), next) {
            let is_it = |d: &&Declaration| {
                let name = label.rsplit_once('@').map_or(&*label, |(name, _)| name);
                format!("{} {}", d.kind.word(), d.name) == name
            };
            let Some(found) = declared.iter().find(is_it) else {
                return Err(TrainError::Model(format!(
                    "model `{}`: its features read `{label}`, which no file declares, so that it cannot be trained for \
                     examples of the past\nhelp: declare it beside the model, or write `upstream=latest`",
                    job.declared.name
                )));
            };
            if !needed.contains(&known(found)) {
                needed.push(known(found));
                open.push(found);
            }
        }
    }
    Ok(needed)
}

/// An engine with versions of before a time; those that are not there yet are trained.
fn filled(
    job: &Job,
    needed: &[Known],
    from: i64,
    made: &mut Vec<String>,
) -> Result<Engine, TrainError> {
    let mut engine = job.engine.of_slice(from)?;
    let mut done: Vec<Known> = Vec::new();
    loop {
        let declared = engine.declarations(job.unit)?;
        let is_due = |d: &&Declaration| needed.contains(&known(d)) && !done.contains(&known(d));
        let due: Vec<&Declaration> = declared.iter().filter(is_due).collect();
        let Some(next) = first(&engine, &due) else { return Ok(engine) };
        done.push(known(next));
        let label = |n: u64| format!("{} {}@{n}", next.kind.word(), next.name);
        if let State::Fresh(version) = State::of(&engine, next, Some(from)) {
            made.push(label(version.n));
            continue;
        }
        let before = time::text(from).unwrap_or_default();
        job.progress.report(&format!("{} before {before}", next.name), 0, 0);
        let own = Job { engine: &engine, declared: next, until: from, before: None, ..*job };
        let (manifest, _) = trained(&own, Role::Slice)?;
        made.push(label(manifest.n));
        engine = engine.reload()?;
    }
}

/// What turns each vector input of a slice to the vectors that are served: those of two trainings lie in spaces of their
/// own.
fn rotations(
    served: &Engine,
    model: &Trained,
    sliced: &Engine,
    own: &Trained,
) -> Vec<Option<Vec<f64>>> {
    let inputs = own.inputs.vectors.iter().zip(&model.inputs.vectors);
    let rotation = |((_, own), (_, of)): (&(String, Expr), &(String, Expr))| {
        let Type::Vector(dim) = of.ty else { return None };
        let (from, to) = (embedding(sliced, own)?, embedding(served, of)?);
        let mut found = Procrustes::new(dim as usize);
        for &entity in &served.schema().embeddings[to as usize].entities {
            let from = sliced.snapshot().vectors(from as usize, entity)?;
            let to = served.snapshot().vectors(to as usize, entity)?;
            for row in 0..served.schema().entity(entity).rows {
                if let (Some(x), Some(y)) = (from.get(row), to.get(row)) {
                    found.add(&x, &y);
                }
            }
        }
        Some(found.rotation())
    };
    inputs.map(rotation).collect()
}

/// The learned embedding that a vector is of, if it is of one.
fn embedding(engine: &Engine, expr: &Expr) -> Option<u32> {
    let mut found = Vec::new();
    expr.walk(&mut |part| match &part.kind {
        Kind::VectorOf { embedding, .. } => found.push(*embedding),
        Kind::OverLinks(over) => {
            if let Stat::FoldIn(embedding) = over.stat {
                found.push(embedding);
            }
        }
        Kind::Call { kernel, .. } => {
            found.extend(engine.schema().tower(kernel.function.name));
        }
        _ => {}
    });
    found.sort_unstable();
    found.dedup();
    let [only] = found[..] else { return None };
    engine.schema().embeddings[only as usize].learned.is_some().then_some(only)
}
