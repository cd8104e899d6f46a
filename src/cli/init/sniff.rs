//! How a text table is written: what parts its fields, whether it has a header, its encoding.

use crate::catalog::config::TextFormat;
use std::path::Path;

/// How much of a file is looked at.
const LOOK: usize = 1 << 16;
/// What may stand between fields, the surest sign first.
const SEPARATORS: [&str; 6] = ["\t", "::", ",", ";", "|", " "];

/// A text format, and how the catalog writes it; None for plain CSV or TSV.
pub struct Sniffed {
    pub format: TextFormat,
    pub written: Option<String>,
}

pub fn sniff(file: &Path, bytes: &[u8]) -> Sniffed {
    let utf8 = std::str::from_utf8(bytes).is_ok();
    let cut = &bytes[..bytes.len().min(LOOK)];
    let text = String::from_utf8_lossy(cut);
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).take(200).collect();
    if cut.len() < bytes.len() && lines.len() > 1 {
        // the last may be cut off
        lines.pop();
    }
    let usual = match file.to_string_lossy().contains(".tsv") {
        true => "\t",
        false => ",",
    };
    let (separator, ragged) = separator(&lines, usual);
    let header = !ragged && has_header(&lines, separator);
    let mut format = TextFormat::default();
    let mut parts = Vec::new();
    if separator != usual {
        format.separator = Some(separator.to_owned());
        parts.push(format!("separator = {separator:?}"));
    }
    if !header {
        let names = names(file, &lines, separator, ragged);
        format.header = false;
        format.rest = ragged;
        parts.push("header = false".to_owned());
        let last = names.len() - 1;
        let shown = names
            .iter()
            .enumerate()
            .map(|(i, n)| match ragged && i == last {
                true => format!("\"{n}...\""),
                false => format!("\"{n}\""),
            });
        parts.push(format!(
            "names = [{}]",
            shown.collect::<Vec<_>>().join(", ")
        ));
        format.names = Some(names);
    }
    if !utf8 {
        format.encoding = Some(encoding_rs::WINDOWS_1252);
        parts.push("encoding = \"latin1\"".to_owned());
    }
    let written = (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")));
    Sniffed { format, written }
}

/// What parts the fields of every line into the same number, else into at least two; the second
/// is true if the lines are of different lengths.
fn separator<'s>(lines: &[&str], usual: &'s str) -> (&'s str, bool) {
    let fields = |s: &str, line: &str| match s {
        // commas in quotes part nothing
        "," | ";" => quoted_fields(line, s),
        _ => line.split(s).count(),
    };
    let even = |s: &str| {
        let first = lines.first().map_or(0, |line| fields(s, line));
        first > 1 && lines.iter().all(|line| fields(s, line) == first)
    };
    let candidates = || std::iter::once(usual).chain(SEPARATORS);
    if let Some(found) = candidates().find(|s| even(s)) {
        return (found, false);
    }
    // lists of ids to the end of the line
    let numbers = |s: &str, line: &str| {
        let mut parts = line.trim().split(s);
        parts.all(|part| part.trim().parse::<i64>().is_ok())
    };
    let ragged = |s: &&str| {
        let many = lines.iter().any(|line| line.trim().split(*s).count() > 2);
        many && lines.iter().all(|line| numbers(s, line))
    };
    match ["\t", " ", ","].into_iter().find(ragged) {
        Some(found) => (found, true),
        None => (usual, false),
    }
}

fn quoted_fields(line: &str, separator: &str) -> usize {
    let mut inside = false;
    let ends = line.chars().filter(|c| {
        inside ^= *c == '"';
        !inside && separator.starts_with(*c)
    });
    ends.count() + 1
}

/// A header has a name for every column: no number, none twice.
fn has_header(lines: &[&str], separator: &str) -> bool {
    let Some(first) = lines.first() else {
        return true;
    };
    let names: Vec<&str> = first.split(separator).map(str::trim).collect();
    let name = |n: &&str| !n.is_empty() && n.len() < 64 && n.parse::<f64>().is_err();
    let distinct = names
        .iter()
        .enumerate()
        .all(|(i, n)| !names[..i].contains(n));
    // a column of numbers below a word is the best sign; texts below texts are no sign against
    names.iter().all(name) && distinct
}

fn names(file: &Path, lines: &[&str], separator: &str, ragged: bool) -> Vec<String> {
    if ragged {
        return vec!["user_id".to_owned(), "item_id".to_owned()];
    }
    let fields: Vec<&str> = lines
        .first()
        .map_or_else(Vec::new, |l| l.split(separator).collect());
    let number = |at: usize| {
        fields
            .get(at)
            .is_some_and(|f| f.trim().parse::<i64>().is_ok())
    };
    let links = number(0) && number(1);
    let thing = super::guess::singular(&super::name(file));
    let name = |at: usize| match at {
        0 if number(0) && !links => format!("{thing}_id"),
        0 if links => "user_id".to_owned(),
        1 if links => "item_id".to_owned(),
        _ => format!("column_{}", at + 1),
    };
    (0..fields.len().max(1)).map(name).collect()
}
