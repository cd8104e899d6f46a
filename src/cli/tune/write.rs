//! Writing the values that won into the files that declare the tunables.

use crate::check::Tunable;
use crate::cli::out::Place;
use crate::cli::{Failure, out, unreadable};
use crate::engine::Program;
use crate::files;
use crate::source::SourceId;
use crate::tune::{TuneReport, Tuned, number, rewritten};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Writes them, and gives the files that changed. Nothing is written if one of the files is no longer what was tuned:
/// then the values are drawn as changes to make by hand.
pub fn write(program: &Program, report: &TuneReport) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for (source, changes) in changes(report) {
        let source = program.sources().get(SourceId(source));
        let path = Path::new(&*source.name);
        let now = files::read_program(path)
            .map_err(|error| Failure::Usage(unreadable(&source.name, &error)))?;
        if now != *source.text {
            draw(program, report);
            out::say(format_args!(
                "error: {} changed while it was tuned: nothing is written",
                source.name
            ));
            return Err(Failure::Program);
        }
        texts.push((path.to_owned(), rewritten(&source.text, changes)));
    }
    let mut written = Vec::new();
    for (path, text) in texts {
        files::replace(&path, text.as_bytes())
            .map_err(|error| out::failed(path.display(), &error))?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

/// New numbers, by file and place.
type Changes = BTreeMap<u32, Vec<(Range<usize>, String)>>;

fn changes(report: &TuneReport) -> Changes {
    let mut changes = Changes::new();
    for tuned in report.tunables.iter().filter(|tuned| tuned.to != tuned.from) {
        let change = (tuned.span.range(), number(tuned.to, tuned.whole));
        changes.entry(tuned.span.source.0).or_default().push(change);
    }
    changes
}

/// The texts that would be written, by the names of their files.
pub fn texts(program: &Program, report: &TuneReport) -> Vec<(String, String)> {
    let text = |(source, changes)| {
        let source = program.sources().get(SourceId(source));
        (source.name.to_string(), rewritten(&source.text, changes))
    };
    changes(report).into_iter().map(text).collect()
}

/// Fails if a file that may be written could not be: that is said before the search.
pub fn probe(program: &Program, only: &[String]) -> Result<(), Failure> {
    let checked = program.checked();
    let is_tuned = |tunable: &&Tunable| match only {
        [] => tunable.span.source == program.source(),
        only => only.contains(&tunable.name),
    };
    let mut sources: Vec<_> = checked.tunables.iter().filter(is_tuned).collect();
    sources.dedup_by_key(|tunable| tunable.span.source);
    for tunable in sources {
        let name = &program.sources().get(tunable.span.source).name;
        Place::of(Some(Path::new(&**name))).probe()?;
    }
    Ok(())
}

/// The lines as they were and as they should be.
fn draw(program: &Program, report: &TuneReport) {
    for tuned in report.tunables.iter().filter(|tuned| tuned.to != tuned.from) {
        let (old, new) = lines(program, tuned);
        out::say(format_args!("- {old}\n+ {new}"));
    }
}

fn lines(program: &Program, tuned: &Tuned) -> (String, String) {
    let source = program.sources().get(tuned.span.source);
    let range = tuned.span.range();
    let start = source.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = source.text[range.end..].find('\n').map_or(source.text.len(), |at| range.end + at);
    let old = &source.text[start..end];
    let within = range.start - start..range.end - start;
    let new = rewritten(old, vec![(within, number(tuned.to, tuned.whole))]);
    (old.trim_end().to_owned(), new.trim_end().to_owned())
}
