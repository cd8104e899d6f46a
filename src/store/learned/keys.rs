//! The entities that a version is about, by key: so it outlives the row numbers of a snapshot.

use super::tensors::{Tensor, Tensors};
use crate::catalog::DataError;
use crate::catalog::schema::KeyType;
use crate::store::Snapshot;
use crate::types::{EntityId, Key};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// No row of this snapshot.
pub const GONE: u32 = u32::MAX;

/// The keys of some rows, as they are written.
pub enum Keys {
    Ints(Vec<i64>),
    Texts { ends: Vec<u64>, bytes: Vec<u8> },
}

impl Keys {
    /// Of rows of an entity.
    pub fn of(snapshot: &Snapshot, entity: EntityId, rows: &[u32]) -> Keys {
        let keys = rows.iter().map(|&row| snapshot.key(entity, row));
        match snapshot.schema().entity(entity).key_type {
            KeyType::Int => {
                Keys::Ints(keys.map(|key| if let Key::Int(key) = key { key } else { 0 }).collect())
            }
            KeyType::String => {
                let (mut ends, mut bytes) = (Vec::with_capacity(rows.len()), Vec::new());
                for key in keys {
                    if let Key::Str(text) = key {
                        bytes.extend(text.as_bytes());
                    }
                    ends.push(bytes.len() as u64);
                }
                Keys::Texts { ends, bytes }
            }
        }
    }

    /// Of values that are no rows: all ints, or all texts.
    pub fn of_values(values: &[Key]) -> Keys {
        let int = |key: &Key| if let Key::Int(key) = key { Some(*key) } else { None };
        if let Some(ints) = values.iter().map(int).collect() {
            return Keys::Ints(ints);
        }
        let (mut ends, mut bytes) = (Vec::with_capacity(values.len()), Vec::new());
        for key in values {
            if let Key::Str(text) = key {
                bytes.extend(text.as_bytes());
            }
            ends.push(bytes.len() as u64);
        }
        Keys::Texts { ends, bytes }
    }

    /// As they were written.
    pub fn read(tensors: &Tensors, place: usize) -> Result<Vec<Key>, DataError> {
        let name = |name: &str| of_place(name, place);
        if tensors.has(&name("keys")) {
            let keys: &[i64] = tensors.get(&name("keys"))?;
            return Ok(keys.iter().map(|&key| Key::Int(key)).collect());
        }
        let (ends, bytes): (&[u64], &[u8]) =
            (tensors.get(&name("key_ends"))?, tensors.get(&name("key_bytes"))?);
        let text = |at: usize| {
            let text = text(ends, bytes, at).unwrap_or_default();
            Key::Str(String::from_utf8_lossy(text).into_owned())
        };
        Ok((0..ends.len()).map(text).collect())
    }

    /// The arrays under their names: `keys`, or `key_ends` and `key_bytes`; of a further entity with its place.
    pub fn tensors(&self, place: usize) -> Vec<Tensor<'_>> {
        match self {
            Keys::Ints(keys) => vec![Tensor::i64(of_place("keys", place), keys)],
            Keys::Texts { ends, bytes } => vec![
                Tensor::u64(of_place("key_ends", place), ends),
                Tensor::bytes(of_place("key_bytes", place), bytes),
            ],
        }
    }
}

/// The name of an array of the first entity that a version is about, or of a further one.
pub fn of_place(name: &str, place: usize) -> String {
    match place {
        0 => name.to_owned(),
        place => format!("{name}_{place}"),
    }
}

/// The row of each key in a snapshot; [`GONE`] for those that it does not have.
pub fn rows(
    tensors: &Tensors,
    snapshot: &Snapshot,
    entity: EntityId,
    place: usize,
) -> Result<Vec<u32>, DataError> {
    let name = |name: &str| of_place(name, place);
    let row = |key: Key| snapshot.row_of(entity, &key).unwrap_or(GONE);
    if tensors.has(&name("keys")) {
        let keys: &[i64] = tensors.get(&name("keys"))?;
        return Ok(keys.par_iter().map(|&key| row(Key::Int(key))).collect());
    }
    let (ends, bytes): (&[u64], &[u8]) =
        (tensors.get(&name("key_ends"))?, tensors.get(&name("key_bytes"))?);
    let key = |at: usize| Some(String::from_utf8_lossy(text(ends, bytes, at)?).into_owned());
    let places = (0..ends.len()).into_par_iter();
    Ok(places.map(|place| key(place).map_or(GONE, |text| row(Key::Str(text)))).collect())
}

/// A text of those that lie behind each other.
fn text<'b>(ends: &[u64], bytes: &'b [u8], at: usize) -> Option<&'b [u8]> {
    let start = at.checked_sub(1).map_or(0, |before| ends[before]) as usize;
    bytes.get(start..ends[at] as usize)
}

/// The key that stands for null.
pub const NULL_KEY: u64 = u64::MAX;

/// A key as 64 bits: an int itself, a text by its hash.
pub fn key_of(key: &Key) -> u64 {
    match key {
        Key::Int(key) => int_key(*key),
        Key::Str(text) => text_key(text),
    }
}

/// An int as a key.
pub fn int_key(int: i64) -> u64 {
    // one key in 2^64 gives way to null
    (int as u64).min(NULL_KEY - 1)
}

/// A text as a key.
pub fn text_key(text: &str) -> u64 {
    xxh3_64(text.as_bytes()).min(NULL_KEY - 1)
}
