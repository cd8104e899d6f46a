//! The entry points of the fuzzer over its corpus, and over a bounded number of mutations of it:
//! always the same ones.

#[path = "../../fuzz/entries.rs"]
mod entries;

use super::random::Random;
use std::path::Path;

/// Mutations of each file of the corpus; `FUZZ_ROUNDS` says how many times as many.
const ROUNDS: u64 = 60;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    files(&Path::new("fuzz/corpus").join(target))
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(place).unwrap().flatten().map(|e| e.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", folder.display());
    files.iter().map(|f| std::fs::read(f).unwrap()).collect()
}

impl Random {
    /// A part of some bytes.
    fn part<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let from = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - from + 1).min(24));
        &bytes[from..from + length]
    }

    /// Flips, cuts, and parts of another file put in.
    fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1)).min(bytes.len());
            match self.below(4) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at.max(1)),
                2 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let part = self.part(other).to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

fn all(corpus: &[Vec<u8>], rounds: u64, entry: impl Fn(&[u8])) {
    let more = std::env::var("FUZZ_ROUNDS").map_or(1, |times| times.parse().expect("a number"));
    let mut random = Random(1);
    for file in corpus {
        entry(file);
        for _ in 0..rounds * more {
            let other = &corpus[random.below(corpus.len())];
            entry(&random.mutate(file, other));
        }
    }
}

#[test]
fn syntax() {
    all(&corpus("syntax"), ROUNDS * 10, entries::syntax);
}

#[test]
fn check() {
    all(&corpus("check"), ROUNDS * 2, entries::check);
}

#[test]
fn run() {
    all(&corpus("run"), ROUNDS * 2, entries::run);
}

#[test]
fn snapshot() {
    let mut files = corpus("snapshot");
    files.push(entries::sound_snapshot());
    all(&files, ROUNDS, entries::snapshot);
}

#[test]
fn table() {
    all(&corpus("table"), ROUNDS / 2, entries::table);
}

#[test]
fn trees() {
    let mut all_files = files(Path::new("tests/data/trees"));
    // those of what the libraries say are no models, and large
    all_files.retain(|file| file.len() < 50_000);
    all_files.extend(corpus("trees"));
    all(&all_files, ROUNDS / 2, entries::trees);
}
