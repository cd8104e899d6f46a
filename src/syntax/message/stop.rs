//! Where the grammar stopped, and what explanations of it have in common.

use super::sql;
use crate::diag::{Diagnostic, code};
use crate::source::Span;
use crate::syntax::lexer::Lexeme;
use crate::syntax::recover::{Repair, element, end_before, opener};
use crate::syntax::token::Token;

/// Where and why the grammar stopped.
pub struct Stop<'a, 't> {
    pub text: &'t str,
    pub tokens: &'a [Lexeme<'t>],
    /// Number of the token that did not fit; the number of tokens if they came to an end.
    pub index: usize,
    /// The tokens that would have fitted, by their names in the grammar.
    pub expected: Vec<String>,
}

pub(super) type Explanation = Option<(Diagnostic, Repair)>;

pub(super) fn replace(
    span: Span,
    message: impl Into<String>,
    help: impl Into<String>,
) -> (Diagnostic, Repair) {
    (Diagnostic::new(code::E0101, span, message).help(help), Repair::Replace)
}

impl<'a, 't> Stop<'a, 't> {
    pub(super) fn found(&self) -> Option<&'a Lexeme<'t>> {
        self.tokens.get(self.index)
    }

    pub(super) fn previous(&self) -> Option<&'a Lexeme<'t>> {
        self.tokens.get(self.index.checked_sub(1)?)
    }

    pub(super) fn slice(&self, lexeme: &Lexeme) -> &'t str {
        &self.text[lexeme.span.range()]
    }

    /// The text at fault: the token that did not fit, or the end.
    pub(super) fn here(&self) -> Span {
        match self.found() {
            Some(lexeme) if !lexeme.synthetic => lexeme.span,
            _ => end_before(self.tokens, self.index),
        }
    }

    pub(super) fn expects(&self, token: &str) -> bool {
        self.expected.iter().any(|e| e.trim_matches('"') == token)
    }

    pub(super) fn expects_expression(&self) -> bool {
        self.expects("INT") && self.expects("(")
    }

    /// The opener of the bracket in which the parser stopped.
    pub(super) fn bracket(&self) -> Option<Token<'t>> {
        opener(self.tokens, self.index).map(|i| self.tokens[i].token)
    }

    /// The tokens of the current element before the stop.
    pub(super) fn before(&self) -> &'a [Lexeme<'t>] {
        &self.tokens[element(self.tokens, self.index).start..self.index]
    }

    /// The text of tokens, with one blank for many.
    pub(super) fn words(&self, tokens: std::ops::Range<usize>) -> String {
        let tokens: Vec<&Lexeme> = self.tokens[tokens].iter().collect();
        sql::whole(self.text, &tokens)
    }

    /// The name before the brackets that token `index` stands in, if it is an argument.
    pub(super) fn called(&self, index: usize) -> Option<&'t str> {
        let open = opener(self.tokens, index)?;
        let name = self.tokens.get(open.checked_sub(1)?)?;
        let declares = open >= 2 && self.tokens[open - 2].token.declaration().is_some();
        let calls = self.tokens[open].token == Token::Open
            && matches!(name.token, Token::Name(_))
            && !declares;
        calls.then(|| self.slice(name))
    }

    /// What stands where the parser stopped, for people.
    pub(super) fn shown(&self) -> String {
        match self.found() {
            None => "the end".into(),
            Some(lexeme) if lexeme.token == Token::Sep => "the end of the line".into(),
            Some(lexeme) => format!("`{}`", self.slice(lexeme)),
        }
    }

    /// `10%`, where nothing follows.
    pub(super) fn share(&self) -> Option<(Diagnostic, Repair)> {
        let percent = self.previous().filter(|l| l.token == Token::Percent)?;
        let number = self.tokens.get(self.index.checked_sub(2)?)?;
        let share = match number.token {
            Token::Int(n) => n as f64 / 100.0,
            Token::Float(x) => x / 100.0,
            _ => return None,
        };
        let span = number.span.to(percent.span);
        let help = format!("a share is written `{share}`; `a % b` is the remainder of a division");
        Some(replace(span, "a number has no `%`", help))
    }

    /// Whether the line or statement ends here.
    pub(super) fn at_end(&self) -> bool {
        self.found().is_none_or(|l| l.token == Token::Sep)
    }
}

pub(super) fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The few things that fit, in words; none where there are many.
pub(super) fn expected_list(stop: &Stop) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for token in &stop.expected {
        let word = match token.trim_matches('"') {
            "NAME" => "a name".to_string(),
            "INT" => "a number".to_string(),
            "STR" => "a text in quotes".to_string(),
            "BAD" | "QUOTED" | "DOC" | "SEP" => continue,
            "{" => "a block `{ ... }`".to_string(),
            "{:" => continue,
            sign => format!("`{sign}`"),
        };
        words.push(word);
    }
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    let last = words.pop()?;
    Some(if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) })
}
