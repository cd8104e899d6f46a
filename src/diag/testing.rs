//! For tests of all rooms: the assertion is a caret line under the program.
//!
//! ```text
//! user.take(+)
//!           ^ E0101 an expression is missing
//! ```
//!
//! A line that holds only blanks, carets, a code and perhaps a part of the message or help line
//! speaks of the line above it; `^` alone under nothing is an empty place or the end of the line.
//! Every diagnostic needs its caret line and every caret line its diagnostic.

use super::{Diagnostic, Sink};
use crate::source::{SourceId, Span};

/// An expected diagnostic: where the carets are, the code, and a part of what is said.
#[derive(Debug)]
struct Expected {
    start: usize,
    end: usize,
    code: String,
    part: String,
}

/// The program without its caret lines.
fn split(marked: &str) -> (String, Vec<Expected>) {
    let mut text = String::new();
    let mut expected = Vec::new();
    let mut line_start = 0;
    for line in marked.split_inclusive('\n') {
        match caret_line(line) {
            Some((column, width, code, part)) => {
                let start = offset(&text, line_start, column);
                let end = offset(&text, line_start, column + width);
                expected.push(Expected { start, end, code, part });
            }
            None => {
                line_start = text.len();
                text.push_str(line);
            }
        }
    }
    (text, expected)
}

/// Column, width, code and the rest of a line such as `   ^^^ E0101 a comma`.
fn caret_line(line: &str) -> Option<(usize, usize, String, String)> {
    let carets = line.trim_start_matches(' ');
    let column = line.len() - carets.len();
    let rest = carets.trim_start_matches('^');
    let width = carets.len() - rest.len();
    let (code, part) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    (width > 0).then(|| (column, width, code.to_string(), part.trim().to_string()))
}

/// The byte of a column (in characters) of the line that begins at `line_start`; at most the
/// start of the next line.
fn offset(text: &str, line_start: usize, column: usize) -> usize {
    let line = text[line_start..].trim_end_matches('\n');
    line_start + line.char_indices().nth(column).map_or(line.len(), |(i, _)| i)
}

/// Asserts that the check of a program finds exactly what its caret lines say.
#[track_caller]
pub fn assert_carets(marked: &str, check: impl FnOnce(&str, &mut Sink)) {
    let (text, mut expected) = split(marked);
    let mut sink = Sink::default();
    check(&text, &mut sink);
    let found = sink.finish();
    let mut surprising: Vec<&Diagnostic> = Vec::new();
    for d in &found {
        match expected.iter().position(|e| matches(e, d)) {
            Some(i) => drop(expected.remove(i)),
            None => surprising.push(d),
        }
    }
    let shown: String = found.iter().map(|d| caret(&text, d)).collect();
    assert!(
        expected.is_empty() && surprising.is_empty(),
        "not found: {expected:#?}\n{text}\nfound:\n{shown}"
    );
}

fn matches(e: &Expected, d: &Diagnostic) -> bool {
    let (start, end) = (d.span.start as usize, d.span.end as usize);
    let said = format!("{} / {}", d.message, d.help.as_deref().unwrap_or(""));
    // One caret stands for an empty span too.
    let place = start == e.start && (end == e.end || end == start && e.end <= start + 1);
    e.code == d.code.id && place && said.contains(&e.part)
}

/// A diagnostic as its caret line, for the message of a failed assertion.
fn caret(text: &str, d: &Diagnostic) -> String {
    let start = (d.span.start as usize).min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let column = text[line_start..start].chars().count();
    let width = text.get(d.span.range()).map_or(1, |t| t.chars().count()).max(1);
    let help = d.help.as_deref().unwrap_or("");
    format!(
        "{line}\n{}{} {} {} / {help}\n",
        " ".repeat(column),
        "^".repeat(width),
        d.code.id,
        d.message
    )
}

/// A span of the first text, for tests that make diagnostics by hand.
pub fn span(start: usize, end: usize) -> Span {
    Span::new(SourceId(0), start, end)
}
