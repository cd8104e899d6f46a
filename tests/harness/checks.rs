//! Compares the diagnostics of a program with the carets under it.

use super::case::{Case, Mark};
use super::engine::{self, Found};
use std::path::Path;

/// Every diagnostic has its caret line, and every caret line its diagnostic. In cases that are not
/// about diagnostics, lints may stay unsaid.
pub fn diagnostics(case: &Case, folder: &Path) -> Result<(), String> {
    let mut found = engine::check(folder, &case.program);
    let about_lints = case.name.starts_with("errors/") || case.name.starts_with("published");
    if !about_lints && !case.marks.iter().any(|m| m.code.starts_with('W')) {
        found.retain(|f| !f.code.starts_with('W'));
    }
    let mut left: Vec<&Found> = found.iter().collect();
    for mark in &case.marks {
        let Some(i) = left.iter().position(|f| fits(mark, f, &case.program)) else {
            return Err(format!("no {mark:?}, found\n{}", drawn(&found, &case.program)));
        };
        left.remove(i);
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("not expected, or not so:\n{}", drawn(&found, &case.program)))
    }
}

fn fits(mark: &Mark, found: &Found, program: &str) -> bool {
    let help = mark
        .help
        .as_ref()
        .is_none_or(|h| found.help.as_ref().is_some_and(|f| f.contains(h.as_str())));
    found.code == mark.code
        && help
        && underlined(found, program) == Some((mark.line, mark.start, mark.end))
}

/// Line and columns of a diagnostic's text; of several lines, the part on the first. An empty
/// text is shown as one caret.
fn underlined(found: &Found, program: &str) -> Option<(usize, usize, usize)> {
    let range = found.span.clone()?;
    let before = program.get(..range.start)?;
    let line = before.matches('\n').count();
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line_end = program[range.start..].find('\n').map_or(program.len(), |i| range.start + i);
    let start = program[line_start..range.start].chars().count();
    let width = program.get(range.start..range.end.min(line_end)).map_or(0, |t| t.chars().count());
    Some((line, start, start + width.max(1)))
}

/// The diagnostics as caret lines that can be put into a case.
fn drawn(found: &[Found], program: &str) -> String {
    let draw = |f: &Found| match underlined(f, program) {
        Some((line, start, end)) => {
            let text = program.lines().nth(line).unwrap_or_default();
            format!(
                "{text}\n{}{} {}   {} (help: {:?})",
                " ".repeat(start),
                "^".repeat(end - start),
                f.code,
                f.message,
                f.help
            )
        }
        None => format!("elsewhere: {} {} (help: {:?})", f.code, f.message, f.help),
    };
    found.iter().map(draw).collect::<Vec<_>>().join("\n")
}
