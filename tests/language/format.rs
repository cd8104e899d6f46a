//! The layout of every program in the repository: `.igql` files, and the programs of the
//! documentation and of the cases. It is stable, keeps the tree, and loses no comment.

use igql::diag::Sink;
use igql::source::SourceId;
use igql::syntax::{dump, format, parse};
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "igql" || e == "md") {
            found.push(path);
        }
    }
}

/// The programs of a file, each with its place.
fn programs(path: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).expect("a text");
    if path.extension().is_some_and(|e| e == "igql") {
        return vec![(path.display().to_string(), text)];
    }
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for (i, line) in text.lines().enumerate() {
        if line.starts_with("```igql") && !open {
            found.push((format!("{}:{}", path.display(), i + 1), String::new()));
            open = true;
        } else if line.trim() == "```" {
            open = false;
        } else if let Some((_, program)) = found.last_mut().filter(|_| open) {
            program.push_str(line);
            program.push('\n');
        }
    }
    found
}

/// What stands behind the first `#` of every line that is outside of quotes.
fn comments(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text.lines().filter_map(comment).collect();
    found.sort();
    found
}

fn comment(line: &str) -> Option<String> {
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((i, c)) = chars.next() {
        match (c, quote) {
            ('\\', Some('"' | '\'')) => drop(chars.next()),
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'' | '`', None) => quote = Some(c),
            ('#', None) => return Some(line[i..].trim_end().to_owned()),
            _ => {}
        }
    }
    None
}

fn laid_out(text: &str) -> Option<String> {
    format(text, SourceId::default(), &mut Sink::default())
}

#[test]
fn every_program_of_the_repository_has_one_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["docs", "examples", "stdlib", "tests/cases"] {
        files(&root.join(folder), &mut paths);
    }
    paths.push(root.join("README.md"));
    let mut formatted = 0;
    for (place, text) in paths.iter().flat_map(|path| programs(path)) {
        // programs with syntax errors are left alone
        let Some(once) = laid_out(&text) else {
            continue;
        };
        formatted += 1;
        assert_eq!(laid_out(&once).as_ref(), Some(&once), "{place}: not stable");
        let tree = |text: &str| dump(&parse(text, SourceId::default(), &mut Sink::default()));
        assert_eq!(tree(&once), tree(&text), "{place}: another program");
        assert_eq!(comments(&once), comments(&text), "{place}: other comments");
    }
    assert!(formatted > 100, "only {formatted} programs found");
}
