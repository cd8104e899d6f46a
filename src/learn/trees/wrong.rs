//! What is wrong with a file of a model: where, what, and what to do.

use std::fmt;

/// Why a file cannot be read as a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where in the file: `line 12`, or a path of JSON; empty: the file as a whole.
    pub place: String,
    /// What was expected there, and what was found.
    pub what: String,
    /// What to do, if more can be said than to write the file again.
    pub help: Option<String>,
}

impl Wrong {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Wrong {
        Wrong { place: place.into(), what: what.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Wrong {
        Wrong { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)
    }
}

/// The most bytes of a text that a message repeats.
const SHOWN: usize = 40;

/// A text of a file as a message shows it.
pub(super) fn shown(text: &str) -> String {
    let end = (0..=SHOWN.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    let start = &text[..end.unwrap_or(0)];
    let rest = if start.len() < text.len() { "..." } else { "" };
    format!("`{start}{rest}`")
}
