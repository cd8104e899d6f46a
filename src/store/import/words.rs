//! Distinct strings of a column, numbered as they first occur.

use xxhash_rust::xxh3::xxh3_64;

const FREE: u32 = u32::MAX;

/// An open-addressing set of strings in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Words {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    slots: Vec<u32>,
}

impl Words {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn raw(&self, code: u32) -> &[u8] {
        let i = code as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    pub fn get(&self, code: u32) -> &str {
        // Only whole strings were ever put in.
        std::str::from_utf8(self.raw(code)).unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|c| self.get(c))
    }

    pub fn find(&self, word: &str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let code = self.slots[self.seek(word.as_bytes(), xxh3_64(word.as_bytes()))];
        (code != FREE).then_some(code)
    }

    /// The code of `word`, which is put in if it is new.
    pub fn add(&mut self, word: &str) -> u32 {
        if self.slots.len() <= self.len() * 2 {
            self.grow();
        }
        let hash = xxh3_64(word.as_bytes());
        let slot = self.seek(word.as_bytes(), hash);
        if self.slots[slot] == FREE {
            self.slots[slot] = self.len() as u32;
            self.bytes.extend_from_slice(word.as_bytes());
            self.ends.push(self.bytes.len());
            self.hashes.push(hash);
        }
        self.slots[slot]
    }

    /// The slot that holds the word or is free for it.
    fn seek(&self, word: &[u8], hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let code = self.slots[slot];
            if code == FREE || (self.hashes[code as usize] == hash && self.raw(code) == word) {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; (self.slots.len() * 2).max(16)];
        let mask = self.slots.len() - 1;
        for (code, &hash) in self.hashes.iter().enumerate() {
            let mut slot = hash as usize & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = code as u32;
        }
    }
}
