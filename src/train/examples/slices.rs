//! Features that read what is learned, by slices of time: examples of a slice read versions that end where it begins, so
//! that none knows what came after it.

use super::features::{Feature, Features, append};
use super::found::Found;
use crate::batch::Column;
use crate::check::trained::Trained;
use crate::engine::{Engine, Scene};
use crate::expr::run::Running;
use crate::learn::turned;
use crate::types::NULL_CODE;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

/// The examples from one on, to the next slice, with an engine that has the versions that they read.
pub struct Slice {
    pub start: usize,
    engine: Engine,
    model: Arc<Trained>,
    features: Vec<Feature>,
    spent: Vec<AtomicU64>,
    prepared: OnceLock<()>,
    running: Arc<Running>,
    /// By vector input: what turns it to the vectors that are served.
    rotations: Vec<Option<Vec<f64>>>,
}

impl Slice {
    /// `model` is the declaration as that engine has it.
    pub fn new(
        start: usize,
        engine: Engine,
        model: Arc<Trained>,
        rotations: Vec<Option<Vec<f64>>>,
    ) -> Slice {
        let features = Feature::all(&model);
        Slice {
            start,
            engine,
            spent: features.iter().map(|_| AtomicU64::new(0)).collect(),
            features,
            model,
            prepared: OnceLock::new(),
            running: Arc::default(),
            rotations,
        }
    }

    fn columns(&self, found: &Found, sources: &[u32], rows: &[u32]) -> Vec<Column> {
        let scene = Scene::new(self.engine.snapshot(), self.running.clone());
        let features = Features {
            scene: &scene,
            model: &self.model,
            of: &self.features,
            spent: &self.spent,
            prepared: &self.prepared,
        };
        let mut columns = features.columns(found, sources, rows);
        let first = self.model.inputs.dense.len() + self.model.inputs.sparse.len();
        for (column, rotation) in columns[first..].iter_mut().zip(&self.rotations) {
            if let Some(rotation) = rotation {
                *column = rotated(column, rotation);
            }
        }
        columns
    }
}

/// The features of some rows, each as of the example that it belongs to, by the slices that these are in.
pub fn columns(slices: &[Slice], found: &Found, sources: &[u32], rows: &[u32]) -> Vec<Column> {
    let slice = |source: u32| slices.partition_point(|slice| slice.start <= source as usize);
    let (mut all, mut start) = (Vec::new(), 0);
    let runs = sources.chunk_by(|&a, &b| slice(a) == slice(b));
    for run in runs {
        let end = start + run.len();
        // examples before the first slice are not asked for
        let slice = &slices[slice(run[0]).saturating_sub(1)];
        append(&mut all, slice.columns(found, run, &rows[start..end]));
        start = end;
    }
    all
}

/// Vectors, each turned.
fn rotated(column: &Column, rotation: &[f64]) -> Column {
    let Column::Vector { slots, items } = column else { return column.clone() };
    let dim = slots.iter().find(|slot| slot[0] != NULL_CODE).map_or(0, |slot| slot[1] as usize);
    let mut made = vec![0.0; slots.len() * dim];
    let mut own = Vec::with_capacity(slots.len());
    for (row, &[number, width]) in slots.iter().enumerate() {
        if number == NULL_CODE {
            own.push([NULL_CODE, width]);
            continue;
        }
        let vector = &items[number as usize * dim..][..dim];
        turned(vector, rotation, &mut made[row * dim..][..dim]);
        own.push([row as u32, width]);
    }
    Column::Vector { slots: own, items: Arc::new(made) }
}
