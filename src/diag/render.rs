//! Diagnostics drawn for people: the line at fault, what is wrong under it, what to do below.

use ariadne::{Cache, Color, Config, IndexType, Label, LabelAttach, Report, ReportKind, Source};

use super::{Diagnostic, Severity};
use crate::source::{Position, SourceId, Sources, Span};
use crate::visible::{visible, visible_lines, wrapped};
use std::borrow::Cow;

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether to use the colours of terminals.
    pub color: bool,
    /// The columns of the terminal, if it is one: messages and help lines are wrapped.
    pub width: Option<usize>,
}

/// Draws diagnostics one after the other, an empty line between two.
pub fn draw(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    draw_in(diagnostics, sources, Style { color, width: None })
}

/// The same for a terminal.
pub fn draw_in(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let mut files = Files::new(sources);
    let mut places = Places::new(sources);
    let drawn: Vec<String> = diagnostics
        .iter()
        .map(|d| match excerpt(d, sources, places.of(d.span)) {
            Some(excerpt) => excerpt.draw(style),
            None => draw_one(d, &mut files, style),
        })
        .collect();
    drawn.join("\n")
}

impl Style {
    /// A text in lines that fit, where other columns are taken beside them.
    fn fit(self, text: &str, taken: usize) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        let room = width.saturating_sub(taken).max(20);
        let lines = text.lines().map(|line| wrapped(line, room));
        lines.collect::<String>().trim_end().to_owned()
    }
}

/// Lines and columns of spans. One behind another on its line is counted from there, as lines can be long
/// and have many.
struct Places<'a> {
    sources: &'a Sources,
    last: Option<(SourceId, Position)>,
}

impl<'a> Places<'a> {
    fn new(sources: &'a Sources) -> Self {
        Places { sources, last: None }
    }

    fn of(&mut self, span: Span) -> Position {
        let source = self.sources.get(span.source);
        let offset = boundary(&source.text, span.start as usize);
        let near = self.last.filter(|(id, last)| {
            *id == span.source && last.offset <= offset && offset <= source.line(last.line).end
        });
        let found = match near {
            Some((_, last)) => Position {
                column: last.column + source.text[last.offset..offset].chars().count(),
                offset,
                ..last
            },
            None => self.sources.position(span.source, span.start),
        };
        self.last = Some((span.source, found));
        found
    }
}

/// Lines of more bytes are not shown whole.
const LONG: usize = 1_000;
/// Bytes that are shown of them before and behind what is at fault.
const AROUND: usize = 120;

/// The part of a long line that a diagnostic is about.
struct Excerpt {
    diagnostic: Diagnostic,
    sources: Sources,
    /// Of the line in the whole text.
    at: Position,
}

/// None where the line is short enough to be shown.
fn excerpt(d: &Diagnostic, sources: &Sources, at: Position) -> Option<Excerpt> {
    let source = sources.get(d.span.source);
    let line = source.line(at.line);
    if line.len() <= LONG {
        return None;
    }
    let text = &source.text;
    let end = boundary(text, (d.span.end as usize).min(at.offset + AROUND)).max(at.offset);
    let first = boundary(text, at.offset.saturating_sub(AROUND)).max(line.start);
    let last = boundary(text, end + AROUND).min(line.end);
    let before = if first > line.start { "… " } else { "" };
    let behind = if last < line.end { " …" } else { "" };
    let above = "\n".repeat(at.line - 1);
    let mut own = Sources::default();
    let id = own.add(
        source.name.clone(),
        // as many lines above it as in the whole text, so that it has its number
        format!("{above}{before}{}{behind}", &text[first..last]),
    );
    let start = above.len() + before.len();
    let moved = |span: Span| {
        let place = |at: usize| at - first + start;
        let range = span.range();
        let inside = span.source == d.span.source && range.start >= first && range.end <= last;
        inside.then(|| Span::new(id, place(range.start), place(range.end)))
    };
    let labels = d.labels.iter().filter_map(|label| {
        let span = moved(label.span)?;
        let message = label.message.clone();
        Some(super::Label { span, message })
    });
    let diagnostic = Diagnostic {
        span: Span::new(id, at.offset - first + start, end - first + start),
        labels: labels.collect(),
        ..d.clone()
    };
    Some(Excerpt { diagnostic, sources: own, at })
}

impl Excerpt {
    /// Drawn with the line and column of the whole text.
    fn draw(&self, style: Style) -> String {
        let mut files = Files::new(&self.sources);
        let drawn = draw_one(&self.diagnostic, &mut files, style);
        // the place stands in the first line that is drawn
        let head = drawn.find('╭').unwrap_or(0);
        let end = head + drawn[head..].find('\n').unwrap_or(0);
        let Some(colon) = drawn[head..end].rfind(':').map(|at| head + at + 1) else {
            return drawn;
        };
        let digits = drawn[colon..].bytes().take_while(u8::is_ascii_digit).count();
        format!("{}{}{}", &drawn[..colon], self.at.column, &drawn[colon + digits..])
    }
}

/// The texts as ariadne wants them, read when first shown. What would act on the terminal is escaped.
struct Files<'a> {
    sources: &'a Sources,
    read: Vec<Option<Shown>>,
}

/// A text, escaped.
struct Shown {
    source: Source<String>,
    /// Where each line begins, in the text and in what is shown of it; none if these are the same.
    lines: Vec<(usize, usize)>,
}

impl Shown {
    fn new(text: &str) -> Shown {
        let escaped = shown(text);
        let mut lines = Vec::new();
        if let Cow::Owned(_) = escaped {
            let (mut start, mut at) = (0, 0);
            for line in text.split_inclusive('\n') {
                lines.push((start, at));
                (start, at) = (start + line.len(), at + shown(line).len());
            }
        }
        Shown { source: Source::from(escaped.into_owned()), lines }
    }

    /// Where a byte of the text is in what is shown of it.
    fn place(&self, text: &str, at: usize) -> usize {
        let line = self.lines.partition_point(|(start, _)| *start <= at);
        match line.checked_sub(1).map(|line| self.lines[line]) {
            Some((start, shown_start)) => shown_start + shown(&text[start..at]).len(),
            None => at,
        }
    }
}

/// A text as it is shown.
fn shown(text: &str) -> Cow<'_, str> {
    // a tab stands where it stood
    match text.contains('\t') {
        true => text.split('\t').map(visible_lines).collect::<Vec<_>>().join("\t").into(),
        false => visible_lines(text),
    }
}

impl<'a> Files<'a> {
    fn new(sources: &'a Sources) -> Self {
        Files { sources, read: sources.iter().map(|_| None).collect() }
    }

    fn shown(&mut self, id: SourceId) -> &Shown {
        let text = &self.sources.get(id).text;
        self.read[id.0 as usize].get_or_insert_with(|| Shown::new(text))
    }
}

impl Cache<SourceId> for &mut Files<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &SourceId) -> Result<&Source<String>, impl std::fmt::Debug> {
        Ok::<_, std::convert::Infallible>(&self.shown(*id).source)
    }

    fn display<'b>(&self, id: &'b SourceId) -> Option<impl std::fmt::Display + 'b> {
        Some(visible(&self.sources.get(*id).name).into_owned())
    }
}

/// What stands before a message: `[E0101] Warning: `.
const HEAD: usize = 18;
/// What stands before a help line, beside the digits of the line's number: `  │ Help: `.
const MARGIN: usize = 10;

type Place = (SourceId, std::ops::Range<usize>);

fn draw_one(d: &Diagnostic, files: &mut Files, style: Style) -> String {
    let (kind, main) = match d.severity() {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default()
        .with_color(style.color)
        .with_index_type(IndexType::Byte)
        .with_label_attach(LabelAttach::Start);
    let place = place(d.span, files);
    let mut report = Report::build(kind, place.clone())
        .with_config(config)
        .with_code(d.code.id)
        .with_message(style.fit(&visible(&d.message), HEAD));
    // Without a message ariadne draws no line under the text; the title tells what the code means.
    let mut labels = vec![(d.span, d.code.title, main)];
    labels.extend(d.labels.iter().map(|l| (l.span, l.message.as_str(), Color::Cyan)));
    // Out of order, ariadne would show one file several times.
    labels.sort_by_key(|(span, ..)| (span.source != d.span.source, span.source, span.start));
    for (span, message, color) in labels {
        let at = self::place(span, files);
        let label = Label::new(at).with_message(visible(message));
        report = report.with_label(label.with_color(color));
    }
    if let Some(help) = &d.help {
        let line = files.sources.position(d.span.source, d.span.start).line;
        let digits = line.to_string().len();
        report = report.with_help(style.fit(&visible_lines(help), MARGIN + digits));
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail, and a drawing that does is still better short than a panic.
    let _ = report.finish().write(&mut *files, &mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    text.lines().map(|line| line.trim_end().to_string() + "\n").collect()
}

/// The bytes to underline. An empty span shows the character at it, at the end of a line or file
/// the one before, so that there is something to see.
fn place(span: Span, files: &mut Files) -> Place {
    let text = &files.sources.get(span.source).text;
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
    let shown = files.shown(span.source);
    (span.source, shown.place(text, start)..shown.place(text, end))
}

/// The offset, moved back into the text and to the start of a character.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::code;

    #[test]
    fn of_a_long_line_only_a_part_is_shown() {
        let line = format!("x = [{}]", "é, ".repeat(2_000) + "wrong, " + &"b, ".repeat(9_000));
        let mut sources = Sources::default();
        let id = sources.add("p.igql", format!("user\n\n{line}\nuser\n"));
        let start = sources.get(id).text.find("wrong").unwrap();
        let span = Span::new(id, start, start + 5);
        let found = Diagnostic::new(code::E0203, span, "no such name").help("write another");
        for color in [false, true] {
            let drawn = draw(std::slice::from_ref(&found), &sources, color);
            let column = 6 + 3 * 2_000;
            assert!(drawn.contains(&format!("p.igql:3:{column}")), "{drawn}");
        }
        let plain = draw(&[found], &sources, false);
        assert!(plain.len() < 2_000 && plain.contains("wrong, b,"), "{plain}");
        assert!(plain.contains("\n 3 │ … "), "{plain}");
        assert!(plain.contains(" …\n"), "{plain}");
    }
}
