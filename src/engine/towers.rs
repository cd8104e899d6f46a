//! The tower of viewers of two trained towers, as a function of what is known of a viewer.

use super::network::{Reading, Room, Untrained};
use super::samples::{FAILS, Sampled};
use crate::expr::functions::own::{Learnt, vector};
use crate::expr::texts::Texts;
use crate::expr::value::Val;
use crate::extend::Failure;
use crate::learn::net::{
    ABSENT, Columns, Encoded, Encoder, IdRows, Inputs, Keys, Missing, Side, Tensor, Tower,
};
use crate::ops::TowerOf;
use crate::store::learned::{Attached, Found, Tensor as Written, Tensors, Version};
use crate::store::{DataError, Snapshot};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;

/// What a version of two towers holds beside vectors and weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TowersDescription {
    /// Numbers of a vector.
    pub dim: usize,
    /// Width of the hidden layer; 0: none.
    pub hidden: usize,
    pub users: TowerInputs,
    pub items: TowerInputs,
}

/// What a tower reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TowerInputs {
    pub inputs: Inputs,
    /// Of each sparse input that is of ids: their entity.
    pub entities: Vec<Option<String>>,
    /// Whether each sparse input is what a viewer did last.
    pub histories: Vec<bool>,
    /// Whether each is a list.
    pub lists: Vec<bool>,
    /// How many numbers each vector has; 1: a similarity.
    pub vectors: Vec<usize>,
}

impl TowerInputs {
    pub fn side(&self) -> Side {
        Side::new(&self.inputs, &self.histories)
    }
}

/// The array of the description, as JSON.
pub(crate) const TOWERS: &str = "towers";
/// What the names of the weights of the tower of viewers begin with, and those of the tower of items.
pub(crate) const USER: &str = "user.";
pub(crate) const ITEM: &str = "item.";

/// The towers of viewers of every version that has one.
pub(super) fn all(snapshot: &Snapshot) -> Vec<TowerOf> {
    let versions = snapshot.versions().iter();
    let towers = versions.filter_map(|attached: &Attached| match attached.found {
        Found::Embedding(number) if attached.manifest.learner == "two_tower" => {
            Some((number, attached))
        }
        _ => None,
    });
    towers.map(|(number, attached)| tower(snapshot, number, attached)).collect()
}

fn tower(snapshot: &Snapshot, number: u32, attached: &Attached) -> TowerOf {
    let space = &snapshot.schema().embeddings[number as usize];
    let learnt: Result<Arc<dyn Learnt>, String> = match &attached.version {
        None => Ok(Arc::new(Untrained(space.dim as usize))),
        Some(version) => match Climbing::of_viewers(snapshot, version) {
            Ok(climbing) => Ok(Arc::new(climbing)),
            Err(error) => Err(error.in_short()),
        },
    };
    let name = format!("{}.{}", attached.manifest.entities.join("+"), space.name);
    let kernel = |learnt: &Arc<dyn Learnt>| vector(&name, learnt);
    TowerOf {
        number,
        vector: learnt.as_ref().map(kernel).map_err(String::clone),
        _learnt: learnt.ok(),
    }
}

/// A tower, and what it reads.
pub(super) struct Climbing {
    encoder: Encoder,
    tower: Tower,
    reading: Reading,
    dim: usize,
    /// Whether somebody of whom nothing is known has no vector.
    needs_some: bool,
}

impl Climbing {
    fn of_viewers(snapshot: &Snapshot, version: &Version) -> Result<Climbing, DataError> {
        let tensors = version.tensors()?;
        let of = described(version, &tensors)?;
        let climbing = Climbing::new((&of.users, USER), &of, (version, &tensors), snapshot)?;
        let given = Sampled::read(&tensors)?;
        let sample = TowerSample { given, vectors: tensors.get(VECTORS)?.to_vec() };
        match sample.holds(&climbing.encoder, &climbing.tower, &of.users.lists, of.dim) {
            true => Ok(climbing),
            false => Err(DataError::new(version.folder(), FAILS)),
        }
    }

    /// The tower of items.
    pub fn of_items(snapshot: &Snapshot, version: &Version) -> Result<Climbing, DataError> {
        let tensors = version.tensors()?;
        let of = described(version, &tensors)?;
        let climbing = Climbing::new((&of.items, ITEM), &of, (version, &tensors), snapshot)?;
        Ok(Climbing { needs_some: true, ..climbing })
    }

    fn new(
        (inputs, prefix): (&TowerInputs, &str),
        of: &TowersDescription,
        (version, tensors): (&Version, &Tensors),
        snapshot: &Snapshot,
    ) -> Result<Climbing, DataError> {
        let floats = tensors.floats()?.into_iter();
        let weights = floats.filter_map(|read| {
            let name = read.name.strip_prefix(prefix)?.to_owned();
            Some(Tensor { name, shape: read.shape, data: read.numbers })
        });
        let weights: Vec<Tensor> = weights.collect();
        let tower = Tower::from_tensors(inputs.side(), of.dim, of.hidden, &weights)
            .map_err(|e| DataError::new(version.folder(), e.to_string()))?;
        let encoder = Encoder::new(inputs.inputs.clone());
        let reading = Reading::new(&encoder, snapshot, &inputs.entities, &inputs.vectors);
        Ok(Climbing { encoder, tower, reading, dim: of.dim, needs_some: false })
    }
}

fn described(version: &Version, tensors: &Tensors) -> Result<TowersDescription, DataError> {
    let text: &[u8] = tensors.get(TOWERS)?;
    serde_json::from_slice(text).map_err(|e| {
        let why = format!("the description of the towers cannot be read: {e}");
        DataError::new(version.folder(), why)
    })
}

/// Whether anything is known of a row: a key of the vocabulary, or a number.
pub(crate) fn is_known(row: usize, dense: &[Vec<f32>], inputs: &Inputs, ids: &[IdRows]) -> bool {
    let has_key = ids.iter().any(|ids| ids.of(row).iter().any(|&id| id > ABSENT));
    let mut numbers = dense.iter().zip(&inputs.dense);
    // zeros stand for a vector that is not there
    let has_number = numbers.any(|(values, column)| match column.missing {
        Missing::Zero => values[row] != 0.0 && !column.name.ends_with(" is null"),
        _ => values[row].is_finite(),
    });
    has_key || has_number
}

thread_local! {
    static ROOM: RefCell<(Room, Encoded)> = RefCell::default();
}

impl Learnt for Climbing {
    fn numbers(&self) -> usize {
        self.dim
    }

    fn eval(&self, args: &[Val], n: usize, texts: &Texts) -> Result<Vec<f64>, Failure> {
        // taken, not borrowed: a thread that waits for others may climb again
        let (mut room, mut encoded) = ROOM.take();
        let mut nothing = Vec::new();
        let read = self.reading.read((&self.encoder, texts), args, n, &mut room, |columns, ids| {
            if self.needs_some {
                let inputs = self.encoder.inputs();
                nothing.extend((0..n).filter(|&row| !is_known(row, columns.dense, inputs, ids)));
            }
            self.encoder.encode_beside(columns, ids, &mut encoded)
        });
        let found = read.map(|()| self.tower.vectors(&encoded));
        ROOM.set((room, encoded));
        let mut found = found.map_err(|wrong| Failure::new(wrong.to_string()))?;
        nothing.iter().for_each(|row| found[row * self.dim..][..self.dim].fill(f32::NAN));
        Ok(found.into_iter().map(f64::from).collect())
    }
}

/// What was known of some viewers, and the vectors that they had.
#[derive(Clone, Debug, Default)]
pub(crate) struct TowerSample {
    given: Sampled,
    vectors: Vec<f32>,
}

/// The array of the vectors.
const VECTORS: &str = "sample.vectors";

impl TowerSample {
    /// Of some rows.
    pub fn of(
        encoder: &Encoder,
        tower: &Tower,
        dense: &[Vec<f32>],
        sparse: &[Keys],
        rows: usize,
    ) -> Option<TowerSample> {
        let mut encoded = Encoded::default();
        let columns = Columns { rows, dense, sparse, shown: &[] };
        encoder.encode(&columns, &mut encoded).ok()?;
        Some(TowerSample { given: Sampled::of(dense, sparse), vectors: tower.vectors(&encoded) })
    }

    /// As it is written.
    pub fn tensors(&self) -> impl Iterator<Item = Written<'_>> {
        let vectors = Written::f32(VECTORS, &[self.vectors.len()], &self.vectors);
        self.given.tensors().into_iter().chain([vectors])
    }

    fn holds(&self, encoder: &Encoder, tower: &Tower, lists: &[bool], dim: usize) -> bool {
        let rows = self.vectors.len() / dim.max(1);
        let columns = self.given.columns(encoder.inputs().dense.len(), lists, rows);
        let again = columns
            .and_then(|(dense, sparse)| TowerSample::of(encoder, tower, &dense, &sparse, rows));
        again.is_some_and(|again| {
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5;
            again.vectors.len() == self.vectors.len()
                && again.vectors.iter().zip(&self.vectors).all(near)
        })
    }
}
