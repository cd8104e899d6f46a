//! Source texts and places in them. Every span is a range of bytes in one registered text.

use std::sync::{Arc, OnceLock};

/// Number of a text in a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub u32);

/// A half-open range of bytes `start..end` of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Span { source, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; `other` must be of the same text, else `self` stays.
    pub fn to(self, other: Span) -> Span {
        if self.source != other.source {
            return self;
        }
        Span {
            source: self.source,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The byte range, for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A line and column, both from 1; columns count Unicode scalar values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    /// Byte offset from the start of the text.
    pub offset: usize,
}

/// One text with the name shown to people: a path as given, or `<std/explore.igql>`.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Where lines begin, once somebody asked.
    lines: Arc<OnceLock<Vec<u32>>>,
}

impl Source {
    /// The bytes of a line, counted from 1, without its end.
    pub fn line(&self, line: usize) -> std::ops::Range<usize> {
        let lines = self.lines();
        let start = lines.get(line.saturating_sub(1)).copied();
        let start = start.map_or(self.text.len(), |start| start as usize);
        let end = lines.get(line).map_or(self.text.len(), |next| *next as usize - 1);
        start..end.max(start)
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            let begins = ends.map(|(end, _)| end as u32 + 1);
            std::iter::once(0).chain(begins).collect()
        })
    }
}

/// All texts that a program was made of. Cheap to clone: texts are shared.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Registers a text and returns its number.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        self.files.push(Source { name: name.into(), text: text.into(), lines: Arc::default() });
        SourceId(self.files.len() as u32 - 1)
    }

    /// The text with that number.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// All texts, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.files.iter().enumerate().map(|(i, s)| (SourceId(i as u32), s))
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).text.get(span.range()).unwrap_or("")
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn position(&self, id: SourceId, offset: u32) -> Position {
        let source = self.get(id);
        let text = &source.text;
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let lines = source.lines();
        let line = lines.partition_point(|&start| start as usize <= offset);
        let start = lines[line - 1] as usize;
        Position { line, column: text[start..offset].chars().count() + 1, offset }
    }
}
