//! Diagnostics as data: code, message, spans, help. Only `render` draws them and only `json`
//! writes them down; everyone else makes values and hands them to a [`Sink`].

pub mod code;
pub mod json;
pub mod render;
pub mod suggest;
#[cfg(test)]
pub mod testing;

pub use code::{Code, Severity};

use crate::source::Span;

/// A place with a remark on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where it is: bytes of a source.
    pub span: Span,
    /// One sentence without a final point.
    pub message: String,
}

/// One finding about a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Its number, which never changes.
    pub code: Code,
    /// One sentence without a final point; names in backticks.
    pub message: String,
    /// The exact text at fault.
    pub span: Span,
    /// Further places that explain it: the definition, the first use.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// One with a message, and neither labels nor help yet.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), span, labels: Vec::new(), help: None }
    }

    /// Adds a further place.
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Sets the help line.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the help line if there is one to give.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Whether it is an error or a warning, by its code.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Collects diagnostics and drops echoes: the same code at the same place is reported once,
/// however many uses of a definition lead there.
#[derive(Clone, Default, Debug)]
pub struct Sink {
    found: Vec<Diagnostic>,
    seen: std::collections::HashSet<(Code, Span)>,
}

impl Sink {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.seen.insert((diagnostic.code, diagnostic.span)) {
            self.found.push(diagnostic);
        }
    }

    /// Gives a finding of a code within a place another help line; whether there is one.
    pub fn refine(&mut self, within: Span, code: Code, help: &str) -> bool {
        let inside = |d: &Diagnostic| {
            d.code == code
                && d.span.source == within.source
                && within.start <= d.span.start
                && d.span.end <= within.end
        };
        match self.found.iter_mut().find(|d| inside(d)) {
            Some(found) => {
                found.help = Some(help.to_owned());
                true
            }
            None => false,
        }
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity() == Severity::Error)
    }

    /// What was found so far, as it came.
    pub fn found(&self) -> &[Diagnostic] {
        &self.found
    }

    /// Everything found, in source order (file, start, code).
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.span.source, d.span.start, d.span.end, d.code));
        self.found
    }
}
