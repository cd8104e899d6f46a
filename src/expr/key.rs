//! Keys: what something is, as a number.

use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Takes down what something is, field by field, for a hash of all of it. What is equal has equal keys;
/// that what differs has others can be relied on, because 128 bits do not meet by chance.
#[derive(Clone, Debug, Default)]
pub struct KeyWriter(Vec<u8>);

impl KeyWriter {
    /// The key of one thing.
    pub fn key_of(thing: &impl Hash) -> u128 {
        let mut writer = KeyWriter::default();
        thing.hash(&mut writer);
        writer.take()
    }

    /// The key of all that was taken down; the next one begins.
    pub fn take(&mut self) -> u128 {
        let key = xxh3_128(&self.0);
        self.0.clear();
        key
    }
}

impl Hasher for KeyWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }
}
