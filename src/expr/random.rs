//! Seeded random numbers: functions of the request's seed, the viewer and keys, never of the
//! order in which they are asked for.

use crate::types::Key;
use xxhash_rust::xxh3::xxh3_64;

/// XXH3-64 of the parts, joined by one zero byte: strings as UTF-8, ints as 8 little-endian bytes.
#[derive(Default)]
pub struct Hasher {
    bytes: Vec<u8>,
    started: bool,
}

impl Hasher {
    fn next(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            self.bytes.push(0);
        }
    }

    pub fn int(mut self, value: i64) -> Self {
        self.next();
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub fn text(mut self, value: &str) -> Self {
        self.next();
        self.bytes.extend(value.as_bytes());
        self
    }

    pub fn key(self, key: Option<&Key>) -> Self {
        match key {
            Some(Key::Int(k)) => self.int(*k),
            Some(Key::Str(k)) => self.text(k),
            None => self.text(""),
        }
    }

    pub fn finish(self) -> u64 {
        xxh3_64(&self.bytes)
    }
}

/// A number in (0, 1) from 64 bits of hash: the middle of one of 2^53 equal steps.
pub fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
}

/// `uniform` of the request's seed, the viewer, a salt, and one or more keys.
pub fn uniform(seed: i64, viewer: Option<&Key>, salt: &str, keys: &[Option<&Key>]) -> f64 {
    let hasher = Hasher::default().int(seed).key(viewer).text(salt);
    unit(
        keys.iter()
            .fold(hasher, |hasher, key| hasher.key(*key))
            .finish(),
    )
}
