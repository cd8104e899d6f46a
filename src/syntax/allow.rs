//! `# igql: allow(W02, W0501)`: comments that silence lints.
//!
//! Behind code on its line it silences that line. Alone on a line it silences what follows: the
//! item if one begins there, else the next line (of a chain or a block). Before the first token of
//! the file it silences the whole file.

use super::layout::ItemTokens;
use super::lexer::{Comment, Lexeme};
use crate::diag::{Code, Severity};
use crate::source::Span;

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

/// A comment that allows something, and between which tokens it stands.
pub struct Mark<'t> {
    codes: &'t str,
    comment: Comment,
    /// Of the tokens, how many stand before it.
    before: usize,
    /// The first token after it.
    next: Option<Span>,
}

/// The comments of a text that allow something.
pub fn marks<'t>(text: &'t str, comments: &[Comment], lexemes: &[Lexeme]) -> Vec<Mark<'t>> {
    let mark = |comment: &Comment| {
        let codes = text[comment.span.range()].trim_start_matches('#');
        let codes = codes.trim_start().strip_prefix("igql:")?;
        let codes = codes.trim_start().strip_prefix("allow")?;
        let (codes, _) = codes.trim_start().strip_prefix('(')?.split_once(')')?;
        let before = lexemes.partition_point(|l| l.span.start < comment.span.start);
        Some(Mark {
            codes,
            comment: comment.clone(),
            before,
            next: lexemes.get(before).map(|lexeme| lexeme.span),
        })
    };
    comments.iter().filter_map(mark).collect()
}

/// All lints that the marks of a text allow, in source order.
pub fn allows(text: &str, marks: &[Mark], items: &[ItemTokens]) -> Vec<Allow> {
    let mut allows = Vec::new();
    for mark in marks {
        let scope = scope(text, mark, items);
        let codes = mark.codes.split(',').map(str::trim);
        allows.extend(codes.filter(|code| code.len() >= 3).map(|code| Allow {
            code: code.to_string(),
            scope,
            comment: mark.comment.span,
        }));
    }
    allows
}

fn scope(text: &str, mark: &Mark, items: &[ItemTokens]) -> Span {
    let comment = mark.comment.span;
    if mark.before == 0 {
        return Span::new(comment.source, 0, text.len());
    }
    let place = match mark.next.filter(|_| mark.comment.alone) {
        Some(next) => match items.iter().find(|i| i.span().start == next.start) {
            Some(item) => return item.span(),
            None => next,
        },
        None => comment,
    };
    let start = text[..place.start as usize].rfind('\n').map_or(0, |i| i + 1);
    let end =
        text[place.start as usize..].find('\n').map_or(text.len(), |i| place.start as usize + i);
    Span::new(comment.source, start, end)
}
