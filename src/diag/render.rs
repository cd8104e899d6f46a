//! Diagnostics drawn for people: the line at fault, what is wrong under it, what to do below.

use ariadne::{Cache, Color, Config, IndexType, Label, LabelAttach, Report, ReportKind, Source};

use super::{Diagnostic, Severity};
use crate::source::{SourceId, Sources, Span};
use crate::visible::{visible, visible_lines};
use std::borrow::Cow;

/// Draws diagnostics one after the other, an empty line between two.
pub fn draw(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let mut files = Files::new(sources);
    let drawn: Vec<String> = diagnostics
        .iter()
        .map(|d| draw_one(d, &mut files, color))
        .collect();
    drawn.join("\n")
}

/// The texts as ariadne wants them, read when first shown. What would act on the terminal is escaped.
struct Files<'a> {
    sources: &'a Sources,
    read: Vec<Option<Source<String>>>,
}

/// A text as it is shown.
fn shown(text: &str) -> Cow<'_, str> {
    // a tab stands where it stood
    match text.contains('\t') {
        true => text
            .split('\t')
            .map(visible_lines)
            .collect::<Vec<_>>()
            .join("\t")
            .into(),
        false => visible_lines(text),
    }
}

/// Where a byte of a text is in what is shown of it.
fn shown_at(text: &str, at: usize) -> usize {
    shown(&text[..at]).len()
}

impl<'a> Files<'a> {
    fn new(sources: &'a Sources) -> Self {
        Files {
            sources,
            read: sources.iter().map(|_| None).collect(),
        }
    }
}

impl Cache<SourceId> for &mut Files<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &SourceId) -> Result<&Source<String>, impl std::fmt::Debug> {
        let text = &self.sources.get(*id).text;
        Ok::<_, std::convert::Infallible>(
            self.read[id.0 as usize].get_or_insert_with(|| Source::from(shown(text).into_owned())),
        )
    }

    fn display<'b>(&self, id: &'b SourceId) -> Option<impl std::fmt::Display + 'b> {
        Some(visible(&self.sources.get(*id).name).into_owned())
    }
}

type Place = (SourceId, std::ops::Range<usize>);

fn draw_one(d: &Diagnostic, files: &mut Files, color: bool) -> String {
    let (kind, main) = match d.severity() {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default()
        .with_color(color)
        .with_index_type(IndexType::Byte)
        .with_label_attach(LabelAttach::Start);
    let place = place(d.span, files.sources);
    let mut report = Report::build(kind, place.clone())
        .with_config(config)
        .with_code(d.code.id)
        .with_message(visible(&d.message));
    // Without a message ariadne draws no line under the text; the title tells what the code means.
    let mut labels = vec![(d.span, d.code.title, main)];
    labels.extend(
        d.labels
            .iter()
            .map(|l| (l.span, l.message.as_str(), Color::Cyan)),
    );
    // Out of order, ariadne would show one file several times.
    labels.sort_by_key(|(span, ..)| (span.source != d.span.source, span.source, span.start));
    for (span, message, color) in labels {
        let at = self::place(span, files.sources);
        let label = Label::new(at).with_message(visible(message));
        report = report.with_label(label.with_color(color));
    }
    if let Some(help) = &d.help {
        report = report.with_help(visible_lines(help));
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail, and a drawing that does is still better short than a panic.
    let _ = report.finish().write(&mut *files, &mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    text.lines()
        .map(|line| line.trim_end().to_string() + "\n")
        .collect()
}

/// The bytes to underline. An empty span shows the character at it, at the end of a line or file
/// the one before, so that there is something to see.
fn place(span: Span, sources: &Sources) -> Place {
    let text = &sources.get(span.source).text;
    let mut start = boundary(text, span.start as usize);
    let mut end = boundary(text, span.end as usize).max(start);
    if start == end {
        let next = text[start..].chars().next().filter(|c| !c.is_whitespace());
        let before = text[..start].chars().next_back().filter(|&c| c != '\n');
        match (next, before) {
            (Some(c), _) => end += c.len_utf8(),
            (None, Some(c)) => start -= c.len_utf8(),
            _ => {}
        }
    }
    match shown(text) {
        Cow::Borrowed(_) => (span.source, start..end),
        Cow::Owned(_) => (span.source, shown_at(text, start)..shown_at(text, end)),
    }
}

/// The offset, moved back into the text and to the start of a character.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
