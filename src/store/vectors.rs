//! Vectors of an entity in memory: as they are written into a snapshot, or beside one.

use super::plain::{Plain, bytes};
use super::view::VectorsView;
use crate::catalog::schema::{Metric, Storage};
use crate::types::{Floats, to_halves};
use half::f16;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The vectors of one entity.
pub struct Vectors {
    pub dim: usize,
    /// `dim` numbers a row; zeros where there is no vector.
    pub data: Arc<Stored>,
    /// A bit per row, unless all rows have a vector.
    pub present: Option<Vec<u64>>,
    pub missing: u64,
}

/// Numbers in the form in which they are stored.
pub enum Stored {
    Single(Vec<f32>),
    Half(Vec<f16>),
}

impl Stored {
    pub fn floats(&self) -> Floats<'_> {
        match self {
            Stored::Single(values) => Floats::Single(values),
            Stored::Half(values) => Floats::Half(values),
        }
    }

    fn hash(&self) -> u64 {
        fn of<T: Plain>(values: &[T]) -> u64 {
            xxh3_64(bytes(values))
        }
        match self {
            Stored::Single(values) => of(values),
            Stored::Half(values) => of(values),
        }
    }
}

impl Vectors {
    /// Brings finite numbers, `dim` a row, into the form of the storage. Rows that are not in `has` have no
    /// vector, and with the metric cosine, zero vectors are none.
    pub fn new(
        dim: usize,
        data: Vec<f32>,
        mut has: Vec<bool>,
        storage: Storage,
        metric: Metric,
    ) -> Vectors {
        let data = match storage {
            Storage::F32 => Stored::Single(data),
            Storage::F16 => Stored::Half(to_halves(&data)),
        };
        if metric == Metric::Cosine {
            let row = |row: usize| data.floats().get(row * dim..(row + 1) * dim);
            let zero = |at: usize| row(at).is_some_and(|v| v.are_zero());
            has.iter_mut().enumerate().for_each(|(row, has)| *has &= !zero(row));
        }
        let missing = has.iter().filter(|h| !**h).count() as u64;
        let word =
            |w: &[bool]| w.iter().enumerate().fold(0u64, |bits, (i, h)| bits | u64::from(*h) << i);
        let present = (missing > 0).then(|| has.chunks(64).map(word).collect());
        Vectors { dim, data: Arc::new(data), present, missing }
    }

    /// The same vectors where their angles are compared: zero vectors are none.
    pub fn normalized(&self) -> Vectors {
        let rows = self.data.floats().len() / self.dim.max(1);
        let row = |row: usize| self.data.floats().get(row * self.dim..(row + 1) * self.dim);
        let mut present = vec![0u64; rows.div_ceil(64)];
        let has = |at: usize| {
            let has = self.present.as_ref().is_none_or(|bits| bits[at / 64] >> (at % 64) & 1 == 1);
            has && row(at).is_some_and(|vector| !vector.are_zero())
        };
        (0..rows).filter(|&at| has(at)).for_each(|at| present[at / 64] |= 1 << (at % 64));
        let found: u64 = present.iter().map(|bits| u64::from(bits.count_ones())).sum();
        let missing = rows as u64 - found;
        let present = (missing > 0).then_some(present);
        Vectors { dim: self.dim, data: self.data.clone(), present, missing }
    }

    pub fn view(&self) -> VectorsView<'_> {
        VectorsView { dim: self.dim, data: self.data.floats(), present: self.present.as_deref() }
    }

    /// A hash of dimension, numbers and which rows have a vector.
    pub fn hash(&self) -> u64 {
        let storage = match *self.data {
            Stored::Single(_) => Storage::F32,
            Stored::Half(_) => Storage::F16,
        };
        let present = self.present.as_ref().map(|bits| xxh3_64(bytes(bits)));
        hash_of(self.dim, storage, self.data.hash(), present)
    }
}

/// A hash of vectors from those of their parts.
pub fn hash_of(dim: usize, storage: Storage, data: u64, present: Option<u64>) -> u64 {
    xxh3_64(bytes(&[dim as u64, storage as u64, data, present.unwrap_or(0)]))
}
