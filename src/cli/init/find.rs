//! What is in a folder: tables, parts of tables in folders of their own, vectors, and what is neither.

use super::sniff::{self, Kind, Text};
use super::words;
use crate::catalog::DataError;
use crate::store::profile;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How deep folders are looked into.
const DEPTH: usize = 4;
/// More files than people look through.
const MOST: usize = 2_000;

/// A table, or files that are one table together.
pub struct Source {
    /// As a catalog names it: a path relative to its folder, or a folder.
    pub pattern: String,
    /// Its name there: `user_likes` of `user-likes.csv.gz`.
    pub name: String,
    /// How its text is written; none for formats that tell everything.
    pub text: Option<Text>,
    /// Whether it is JSON lines.
    pub json: bool,
}

/// A file of vectors, row by row.
pub struct Vectors {
    pub pattern: String,
    pub name: String,
    /// None for tensors that have keys of their own.
    pub rows: Option<usize>,
    pub halves: bool,
}

/// All that was found.
#[derive(Default)]
pub struct Found {
    pub tables: Vec<Source>,
    pub vectors: Vec<Vectors>,
    /// Files that could have been data, and why they are none here.
    pub left: Vec<(String, String)>,
    /// Other files.
    pub others: Vec<String>,
}

/// Looks through a folder.
pub fn find(folder: &Path) -> Result<Found, DataError> {
    let mut found = Found::default();
    let mut seen = HashSet::from([whole(folder)]);
    look(folder, folder, 0, &mut found, &mut seen)?;
    join_numbered(folder, &mut found.tables);
    distinct(&mut found.tables);
    Ok(found)
}

fn whole(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn look(
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut Found,
    seen: &mut HashSet<PathBuf>,
) -> Result<(), DataError> {
    let entries = std::fs::read_dir(folder).map_err(|e| DataError::io(folder, &e))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| !file_name(p).starts_with(['.', '_']));
    paths.sort();
    for path in paths.iter().filter(|p| p.is_file()) {
        if found.tables.len() + found.others.len() > MOST {
            let why = format!("more than {MOST} files: the rest was not scanned");
            found.left.push((relative(root, folder), why));
            return Ok(());
        }
        file(root, path, found);
    }
    let mut folders: Vec<&PathBuf> = paths.iter().filter(|p| p.is_dir()).collect();
    // a folder itself comes before links to it
    folders.sort_by_key(|p| p.is_symlink());
    for path in folders {
        let skipped = match path {
            _ if !seen.insert(whole(path)) => {
                Some("a link to a folder that is looked through already")
            }
            _ if path.join("catalog.toml").exists() => Some("it has a catalog of its own"),
            _ => None,
        };
        if let Some(why) = skipped {
            found.left.push((relative(root, path), why.to_owned()));
            continue;
        }
        match parts(path) {
            Some(first) => folder_table(root, path, &first, found),
            None if depth < DEPTH => look(root, path, depth + 1, found, seen)?,
            None => {}
        }
    }
    Ok(())
}

fn file(root: &Path, path: &Path, found: &mut Found) {
    let pattern = relative(root, path);
    if is_prose(path) {
        found.others.push(pattern);
        return;
    }
    // what tells everything about itself is not read to look at it
    if let Some(magic) = head(path).filter(|m| !m.is_empty())
        && ["", "parquet", "arrow", "feather", "npy", "safetensors"]
            .contains(&ending(path).as_str())
        && !sniff::is_text(&magic)
    {
        return kind(path, pattern, sniff::sniff(&magic, &ending(path)), found);
    }
    let bytes = match profile::bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            found.left.push((pattern, error.message.to_string()));
            return;
        }
    };
    let sniffed = sniff::sniff(&bytes, &ending(path));
    kind(path, pattern, sniffed, found);
}

/// The first bytes of a file as it lies on the disk.
fn head(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(16).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn kind(path: &Path, pattern: String, kind: Kind, found: &mut Found) {
    let ending = ending(path);
    let table = |text: Option<Text>, json: bool| Source {
        pattern: pattern.clone(),
        name: table_name(path, &ending),
        text,
        json,
    };
    match kind {
        Kind::Json if !["jsonl", "ndjson", "json"].contains(&ending.as_str()) => {
            let why = "JSON lines: give it the ending .jsonl".to_owned();
            found.left.push((pattern, why));
        }
        Kind::Parquet | Kind::Arrow => found.tables.push(table(None, false)),
        Kind::Json => found.tables.push(table(None, true)),
        Kind::Text(text) => found.tables.push(table(Some(text), false)),
        Kind::Npy | Kind::Safetensors => vectors(path, pattern, found),
        Kind::Other(None) => found.others.push(pattern),
        Kind::Other(Some(why)) => found.left.push((pattern, why)),
    }
}

fn vectors(path: &Path, pattern: String, found: &mut Found) {
    let name = table_name(path, "npy");
    if ending(path) == "safetensors" {
        let (rows, halves) = (None, false);
        found.vectors.push(Vectors { pattern, name, rows, halves });
        return;
    }
    match profile::vectors(path) {
        Ok((rows, halves)) => {
            found.vectors.push(Vectors { pattern, name, rows: Some(rows), halves })
        }
        Err(error) => found.left.push((pattern, error.message.to_string())),
    }
}

/// The first file of a folder whose files are parts of one table: folders called `key=value`, or
/// files that only numbers tell apart.
fn parts(folder: &Path) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    paths.retain(|p| !file_name(p).starts_with(['.', '_']));
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|p| p.is_dir());
    if files.is_empty() && !folders.is_empty() && folders.iter().all(|f| file_name(f).contains('='))
    {
        return folders.iter().find_map(|f| first_file(f));
    }
    let letters = |p: &PathBuf| {
        let name = file_name(p);
        let stem: String =
            name.chars().filter(|c| !c.is_ascii_digit() && !"-_".contains(*c)).collect();
        let part = name.starts_with("part");
        (if part { String::new() } else { stem }, part)
    };
    let same = files
        .windows(2)
        .all(|w| letters(&w[0]) == letters(&w[1]) && ending(&w[0]) == ending(&w[1]));
    let told = files.len() > 1 || files.first().is_some_and(|f| letters(f).1);
    (folders.is_empty() && same && told).then(|| files.first().cloned())?
}

fn first_file(folder: &Path) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    paths.retain(|p| !file_name(p).starts_with(['.', '_']));
    paths.sort();
    paths.iter().find_map(|p| if p.is_dir() { first_file(p) } else { Some(p.clone()) })
}

/// A folder as one table, written as its first file is.
fn folder_table(root: &Path, folder: &Path, first: &Path, found: &mut Found) {
    let mut inner = Found::default();
    file(root, first, &mut inner);
    let name = words::identifier(&file_name(folder));
    let pattern = relative(root, folder);
    match inner.tables.pop() {
        Some(mut table) => {
            if let Some(text) = &mut table.text {
                parts_without_header(folder, text);
            }
            found.tables.push(Source { pattern, name, ..table });
        }
        None => {
            found.vectors.append(&mut inner.vectors);
            found.left.append(&mut inner.left);
            found.others.append(&mut inner.others);
        }
    }
}

/// Of parts, the first may have a header that the others lack.
fn parts_without_header(folder: &Path, text: &mut Text) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|e| e.path()).filter(|p| p.is_file());
    let paths = paths.filter(|p| !file_name(p).starts_with(['.', '_']));
    let sniffed = paths.filter_map(|path| match sniff::sniff(&start(&path)?, &ending(&path)) {
        Kind::Text(other) => Some(other),
        _ => None,
    });
    for other in sniffed.collect::<Vec<_>>() {
        one_header(text, &other);
    }
}

/// Of two parts of a table, one may have the header of both: then the catalog has the names, and the
/// line of the header is no row.
fn one_header(text: &mut Text, other: &Text) -> bool {
    let fits = text.names.len() == other.names.len()
        && text.format.separator == other.format.separator
        && !text.format.rest
        && !other.format.rest;
    if !fits {
        return false;
    }
    if text.format.header == other.format.header {
        return text.format.header && text.names == other.names || text.named;
    }
    if text.named && other.format.header {
        return text.names == other.names;
    }
    if other.format.header {
        text.names.clone_from(&other.names);
    }
    text.format.header = false;
    text.format.names = Some(text.names.clone());
    text.named = true;
    true
}

/// As much of a file, unpacked, as tells how it is written.
fn start(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let packed = [".gz", ".zst"].iter().any(|p| file_name(path).to_lowercase().ends_with(p));
    if packed {
        return profile::bytes(path).ok();
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(sniff::LOOK as u64).read_to_end(&mut bytes).ok()?;
    if bytes.len() == sniff::LOOK {
        bytes.truncate(bytes.iter().rposition(|b| *b == b'\n')? + 1);
    }
    Some(bytes)
}

/// Files beside each other that only numbers tell apart, with the same columns, are one table: so are
/// those of which one alone has the header.
fn join_numbered(root: &Path, tables: &mut Vec<Source>) {
    let mut at = 0;
    while at < tables.len() {
        if let Some((alike, mut text)) = letters(&tables[at].pattern).zip(tables[at].text.clone()) {
            let mut group = vec![at];
            for (other, table) in tables.iter().enumerate().skip(at + 1) {
                let same = letters(&table.pattern).as_deref() == Some(&alike);
                let its = table.text.as_ref().filter(|_| same);
                if its.is_some_and(|its| one_header(&mut text, its)) {
                    group.push(other);
                }
            }
            let patterns = group.iter().map(|t| tables[*t].pattern.clone());
            let patterns: Vec<String> = patterns.collect();
            if group.len() > 1
                && let Some(pattern) = glob_of(root, &patterns)
            {
                group[1..].iter().rev().for_each(|t| {
                    tables.remove(*t);
                });
                tables[at].name = name_of_parts(root, &alike, &pattern);
                tables[at].pattern = pattern;
                tables[at].text = Some(text);
            }
        }
        at += 1;
    }
}

/// A name without its numbers; none if it has none.
fn letters(pattern: &str) -> Option<String> {
    let name = pattern.rsplit('/').next()?;
    let digits = name.chars().any(|c| c.is_ascii_digit());
    let rest = pattern.chars().filter(|c| !c.is_ascii_digit());
    digits.then(|| rest.collect())
}

/// What a table in parts is called: by their names, or by their folder if these are just `part`.
fn name_of_parts(root: &Path, alike: &str, pattern: &str) -> String {
    let name = alike.rsplit('/').next().unwrap_or(alike);
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.trim_matches(['_', '-']);
    if ["part", "chunk", "shard", "split"].contains(&stem) || stem.len() < 2 {
        let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        return folder_name(&root.join(folder));
    }
    words::identifier(stem)
}

/// A glob that matches some files of one folder and no other file there.
pub fn glob_of(root: &Path, patterns: &[String]) -> Option<String> {
    let split = |p: &str| match p.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name.to_owned()),
        None => (String::new(), p.to_owned()),
    };
    let (folder, _) = split(patterns.first()?);
    let is_special = |p: &String| split(p).0 != folder || p.contains(['*', '?', '[']);
    if patterns.iter().any(is_special) {
        return None;
    }
    let names: Vec<String> = patterns.iter().map(|p| split(p).1).collect();
    let entries = std::fs::read_dir(root.join(&folder)).ok()?.flatten();
    let all = entries.map(|e| file_name(&e.path()));
    let all: Vec<String> = all.filter(|n| !n.starts_with(['.', '_'])).collect();
    let is_exact = |candidate: &String| {
        let glob = glob::Pattern::new(candidate);
        glob.is_ok_and(|glob| all.iter().all(|n| glob.matches(n) == names.contains(n)))
    };
    let fit = globs(&names)?.into_iter().find(is_exact)?;
    Some(format!("{folder}{fit}"))
}

/// Globs that match all of some names, by what the names begin and end with.
fn globs(names: &[String]) -> Option<Vec<String>> {
    let first: Vec<char> = names.first()?.chars().collect();
    let shortest = names.iter().map(|n| n.chars().count()).min()?;
    let shared = |at: &usize| names.iter().all(|n| n.chars().nth(*at) == Some(first[*at]));
    let head = (0..first.len()).take_while(shared).count();
    let of_end = |at: usize| first[first.len() - 1 - at];
    let shared = |at: &usize| names.iter().all(|n| n.chars().rev().nth(*at) == Some(of_end(*at)));
    let tail = (0..first.len()).take_while(shared).count();
    let tail = tail.min(shortest - head);
    let head: String = first[..head].iter().collect();
    let tail: String = first[first.len() - tail..].iter().collect();
    let (head, tail) = (head.as_str(), tail.as_str());
    let middles = names.iter().filter_map(|n| n.strip_prefix(head)?.strip_suffix(tail));
    let middles: Vec<&str> = middles.collect();
    let mut globs = vec![format!("{head}*{tail}"), format!("{head}[0-9]*{tail}")];
    let is_single = |m: &&str| m.len() == 1 && m.bytes().all(|b| b.is_ascii_alphanumeric());
    if middles.iter().all(is_single) {
        globs.push(format!("{head}[{}]{tail}", middles.concat()));
    }
    Some(globs)
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<String> = path.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    parts.join("/")
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// The ending of a file's name, without that of its packing.
pub fn ending(path: &Path) -> String {
    let name = file_name(path).to_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|p| name.strip_suffix(p)).unwrap_or(&name);
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_owned())
}

/// Texts for people: the data of others come with them.
fn is_prose(file: &Path) -> bool {
    let name = file_name(file).to_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let told = [
        "readme",
        "license",
        "licence",
        "notes",
        "changelog",
        "requirements",
        "citation",
        "makefile",
        "dockerfile",
    ];
    told.contains(&stem) || name == "catalog.toml"
}

/// What a table is called: its file's name. Endings that say what is in it say more than a name that
/// the files of a data set share (`ml-100k.inter`, `u.item`).
fn table_name(path: &Path, ending: &str) -> String {
    let is_plain = profile::is_table(ending) || ["psv", "npy", ""].contains(&ending);
    let name = file_name(path);
    let stem = name.split('.').next().unwrap_or_default();
    match ending {
        "inter" => "interactions".to_owned(),
        "item" | "user" => ending.to_owned(),
        _ if is_plain => words::identifier(stem),
        "data" if stem.len() < 2 => "data".to_owned(),
        _ => words::identifier(&format!("{stem}_{ending}")),
    }
}

/// The name that a folder gives to its catalog.
pub fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    words::identifier(&file_name(&whole))
}

/// Tables of one name are told apart by their folders, else by a number.
fn distinct(tables: &mut [Source]) {
    for at in 1..tables.len() {
        let (before, rest) = tables.split_at_mut(at);
        let taken = |name: &str| before.iter().any(|t| t.name == name);
        let name = rest[0].name.clone();
        if !taken(&name) {
            continue;
        }
        let folder = rest[0]
            .pattern
            .rsplit_once('/')
            .map(|(folder, _)| folder.rsplit('/').next().unwrap_or(folder));
        let told = folder.map(|f| words::identifier(&format!("{f}_{name}")));
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let mut names = told.into_iter().chain(numbered);
        rest[0].name = names.find(|n| !taken(n)).unwrap_or(name);
    }
}
