//! Seeded random numbers: functions of the request's seed, the viewer and keys, never of the
//! order in which they are asked for.

use crate::types::Key;
use xxhash_rust::xxh3::xxh3_64;

/// XXH3-64 of the parts, joined by one zero byte: strings as UTF-8, ints as 8 little-endian bytes.
#[derive(Default)]
pub struct Hasher {
    /// The parts so far, each followed by a zero byte.
    bytes: Vec<u8>,
}

impl Hasher {
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.bytes.extend(value.to_le_bytes());
        self.bytes.push(0);
        self
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
        self
    }

    /// A key; what is missing is an empty string.
    pub fn key(&mut self, key: Option<&Key>) -> &mut Self {
        match key {
            Some(Key::Int(k)) => self.int(*k),
            Some(Key::Str(k)) => self.text(k),
            None => self.text(""),
        }
    }

    /// Bytes so far, to come back to with [`Hasher::cut`].
    pub fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the parts behind that place.
    pub fn cut(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub fn finish(&self) -> u64 {
        xxh3_64(&self.bytes[..self.bytes.len().saturating_sub(1)])
    }
}

/// A number in (0, 1) from 64 bits of hash: the middle of one of 2^53 equal steps.
pub fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
}

/// `uniform` of the request's seed, the viewer, a salt, and one or more keys.
pub fn uniform(seed: i64, viewer: Option<&Key>, salt: &str, keys: &[Option<&Key>]) -> f64 {
    let mut hasher = Hasher::default();
    hasher.int(seed).key(viewer).text(salt);
    keys.iter().for_each(|key| {
        hasher.key(*key);
    });
    unit(hasher.finish())
}
