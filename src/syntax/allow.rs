//! `# igql: allow(W02, W0501)`: comments that silence lints.
//!
//! Behind code on its line it silences that line. Alone on a line it silences what follows: the
//! item if one begins there, else the next line (of a chain or a block). Before the first token of
//! the file it silences the whole file.

use super::balance::balance;
use super::layout::lay_out;
use super::lexer::{Comment, Lexeme, lex};
use crate::diag::{Code, Severity, Sink};
use crate::source::{SourceId, Span};

/// One code or group with the part of the text where it is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Allow {
    /// As written: a group (`W02`) or a code (`W0201`).
    pub code: String,
    /// What it silences.
    pub scope: Span,
    /// The comment it stands in.
    pub comment: Span,
}

impl Allow {
    /// Whether it silences a finding there. Errors are never silenced.
    pub fn silences(&self, code: Code, at: Span) -> bool {
        code.severity() == Severity::Warning
            && code.id.starts_with(&self.code)
            && at.source == self.scope.source
            && self.scope.start <= at.start
            && at.start <= self.scope.end
    }
}

/// All lints that the text allows, in source order.
pub fn allows(text: &str, source: SourceId) -> Vec<Allow> {
    if !text.contains("igql:") {
        return Vec::new();
    }
    let mut unheard = Sink::default();
    let (lexemes, comments) = lex(text, source, &mut unheard);
    let items = lay_out(&balance(lexemes.clone(), &mut unheard), &mut unheard);
    let items: Vec<Span> = items.iter().map(|i| i.span()).collect();
    comments
        .iter()
        .flat_map(|comment| allowed(text, comment, &lexemes, &items))
        .collect()
}

fn allowed(text: &str, comment: &Comment, lexemes: &[Lexeme], items: &[Span]) -> Vec<Allow> {
    let codes = text[comment.span.range()]
        .trim_start_matches('#')
        .trim_start()
        .strip_prefix("igql:");
    let codes = codes.and_then(|c| {
        c.trim_start()
            .strip_prefix("allow")?
            .trim_start()
            .strip_prefix('(')
    });
    let Some((codes, _)) = codes.and_then(|c| c.split_once(')')) else {
        return Vec::new();
    };
    let scope = scope(text, comment, lexemes, items);
    let codes = codes.split(',').map(str::trim).filter(|c| c.len() >= 3);
    codes
        .map(|code| Allow {
            code: code.to_string(),
            scope,
            comment: comment.span,
        })
        .collect()
}

fn scope(text: &str, comment: &Comment, lexemes: &[Lexeme], items: &[Span]) -> Span {
    let source = comment.span.source;
    let next = lexemes.partition_point(|l| l.span.start < comment.span.start);
    if next == 0 {
        return Span::new(source, 0, text.len());
    }
    let place = match lexemes.get(next) {
        _ if !comment.alone => comment.span,
        Some(lexeme) => match items.iter().find(|i| i.start == lexeme.span.start) {
            Some(item) => return *item,
            None => lexeme.span,
        },
        None => comment.span,
    };
    let start = text[..place.start as usize]
        .rfind('\n')
        .map_or(0, |i| i + 1);
    let end = text[place.start as usize..]
        .find('\n')
        .map_or(text.len(), |i| place.start as usize + i);
    Span::new(source, start, end)
}
