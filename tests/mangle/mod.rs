//! Programs as they are while someone types: words deleted, doubled, swapped, replaced; single
//! characters lost and added.

use crate::generate::Rng;
use std::path::{Path, PathBuf};

/// The programs in a folder and below, the prelude among them.
pub fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(programs(&path));
        } else if path.extension().is_some_and(|e| e == "igql") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text after one to three edits.
pub fn mangled(rng: &mut Rng, text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..1 + rng.below(3) {
        text = if rng.below(3) == 0 { edit_character(rng, &text) } else { edit_word(rng, &text) };
    }
    text
}

/// Words and signs; spaces stay with what is before them.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = ' ';
    for c in text.chars() {
        let joins = part(c) && part(before) || c.is_whitespace();
        match words.last_mut() {
            Some(word) if joins => word.push(c),
            _ => words.push(c.to_string()),
        }
        before = c;
    }
    words
}

fn edit_word(rng: &mut Rng, text: &str) -> String {
    let mut words = words(text);
    if words.len() < 2 {
        return text.to_owned();
    }
    let at = rng.below(words.len() - 1);
    match rng.below(4) {
        0 => drop(words.remove(at)),
        1 => words.insert(at, words[at].clone()),
        2 => words.swap(at, at + 1),
        _ => words[at] = words[rng.below(words.len())].clone(),
    }
    words.concat()
}

fn edit_character(rng: &mut Rng, text: &str) -> String {
    const TYPED: [char; 14] =
        ['(', ')', '{', '}', '[', '"', '.', ',', '=', '|', '@', '`', '\u{e9}', '9'];
    let mut all: Vec<char> = text.chars().collect();
    if all.is_empty() {
        return text.to_owned();
    }
    let at = rng.below(all.len());
    if rng.below(2) == 0 {
        all.remove(at);
    } else {
        all.insert(at, TYPED[rng.below(TYPED.len())]);
    }
    all.into_iter().collect()
}
