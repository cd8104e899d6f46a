//! Recovery: the smallest element around the place where the grammar stopped is replaced by one
//! `Bad` token, so that everything around it is still read.

use super::lexer::Lexeme;
use super::token::Token;
use crate::source::Span;

/// The element that holds a token: an argument, a list element, a field, a statement, an item.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    pub start: usize,
    /// Where its value begins: after `name =` or `name:`, which are kept.
    pub value: usize,
    pub end: usize,
}

/// What to do about a place where the grammar stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Repair {
    /// Replace the element by `Bad`.
    Replace,
    /// Put in the token that was left out.
    Insert(Token<'static>),
    /// Read the token as this one.
    Substitute(Token<'static>),
}

fn is_delimiter(token: Token) -> bool {
    matches!(token, Token::Comma | Token::Sep | Token::Where | Token::Weight | Token::Doc(_))
}

/// The element that holds token `index`; a delimiter or closer belongs to the element before it.
pub fn element(tokens: &[Lexeme], index: usize) -> Element {
    let start = backward(tokens, index, is_delimiter);
    let end = forward(tokens, index);
    let mut value = start;
    let mut depth = 0_usize;
    for (i, lexeme) in tokens.iter().enumerate().take(index).skip(start) {
        match lexeme.token {
            t if t.is_opener() => depth += 1,
            t if t.is_closer() => depth = depth.saturating_sub(1),
            Token::Assign | Token::Colon if depth == 0 => value = i + 1,
            Token::Assert if i == start => value = i + 1,
            _ => {}
        }
    }
    Element { start, value, end }
}

/// The place after the last token before `index` that is a stop at the same bracket depth, or
/// after the opener of the bracket.
fn backward(tokens: &[Lexeme], index: usize, stop: fn(Token) -> bool) -> usize {
    let mut depth = 0_usize;
    for i in (0..index.min(tokens.len())).rev() {
        match tokens[i].token {
            t if t.is_closer() => depth += 1,
            t if t.is_opener() && depth == 0 => return i + 1,
            t if t.is_opener() => depth -= 1,
            t if depth == 0 && stop(t) => return i + 1,
            _ => {}
        }
    }
    0
}

fn forward(tokens: &[Lexeme], index: usize) -> usize {
    let mut depth = 0_usize;
    for (i, lexeme) in tokens.iter().enumerate().skip(index) {
        match lexeme.token {
            t if t.is_opener() => depth += 1,
            t if t.is_closer() && depth == 0 => return i,
            t if t.is_closer() => depth -= 1,
            t if depth == 0 && is_delimiter(t) => return i,
            _ => {}
        }
    }
    tokens.len()
}

/// The opener of the innermost bracket around token `index`.
pub fn opener(tokens: &[Lexeme], index: usize) -> Option<usize> {
    backward(tokens, index, |_| false).checked_sub(1)
}

/// Repairs the tokens so that the grammar gets further; false if nothing is left to repair.
pub fn repair(tokens: &mut Vec<Lexeme>, index: usize, how: Repair) -> bool {
    match how {
        Repair::Substitute(token) => tokens[index].token = token,
        Repair::Insert(token) => {
            tokens.insert(index, Lexeme::synthetic(token, end_before(tokens, index)));
        }
        Repair::Replace => return replace(tokens, index),
    }
    true
}

fn replace(tokens: &mut Vec<Lexeme>, index: usize) -> bool {
    let mut found = element(tokens, index);
    let single_bad = |e: Element, tokens: &[Lexeme]| {
        let part = &tokens[e.value..e.end];
        part.len() == 1 && part[0].token == Token::Bad
    };
    // `Bad` was no help here: give up the next larger element.
    while single_bad(found, tokens) {
        match opener(tokens, found.start) {
            Some(opener) => found = element(tokens, opener),
            None => return false,
        }
    }
    let whole = found.value == 0 && found.end == tokens.len();
    if whole && names_something(tokens) {
        return false;
    }
    let part = &tokens[found.value..found.end];
    let span = match (part.first(), part.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => end_before(tokens, found.value),
    };
    tokens.splice(found.value..found.end, [Lexeme::synthetic(Token::Bad, span)]);
    true
}

/// Whether an item was meant as a declaration: by its first word, by two names side by side, or by a name
/// with a type.
fn names_something(tokens: &[Lexeme]) -> bool {
    let name = |i: usize| {
        tokens.get(i).is_some_and(|l| matches!(l.token, Token::Name(_) | Token::Quoted(_)))
    };
    let typed = tokens.get(1).is_some_and(|l| l.token == Token::Colon);
    tokens[0].token.declaration().is_some() || name(0) && (name(1) || typed)
}

/// The empty span at the end of the token before `index`.
pub fn end_before(tokens: &[Lexeme], index: usize) -> Span {
    match index.checked_sub(1).and_then(|i| tokens.get(i)) {
        Some(last) => Span { start: last.span.end, ..last.span },
        None => tokens.first().map_or(Span::default(), |l| Span { end: l.span.start, ..l.span }),
    }
}

/// Whether what is wrong at token `index` follows from something that was reported already: a
/// broken literal in the same element, or a bracket that was put in.
pub fn is_echo(tokens: &[Lexeme], index: usize) -> bool {
    let put_in = |i: usize| tokens.get(i).is_some_and(|l| l.synthetic && l.token.is_closer());
    let found = element(tokens, index);
    let bad = tokens[found.start..found.end].iter().any(|l| l.token == Token::Bad);
    bad || put_in(index) || index > 0 && put_in(index - 1)
}
