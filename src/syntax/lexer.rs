//! Text to lexemes: logos' tokens with their literals valued, comments taken out, `##` lines
//! kept with the token they stand above. What is wrong with a single token is reported here,
//! once; the token goes on as what was most likely meant, or as `Bad`.

use logos::Logos;

use super::literal;
use super::token::Token;
use crate::diag::{Code, Diagnostic, Sink, code};
use crate::source::{SourceId, Span};

/// A token in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Lexeme<'t> {
    pub token: Token<'t>,
    pub span: Span,
    /// Whether it is the first of its line.
    pub first: bool,
    /// Bytes from the start of the line.
    pub column: u32,
    /// Put in by the filter or the recovery; there is no such text.
    pub synthetic: bool,
    /// The `##` lines directly above.
    pub docs: Vec<&'t str>,
}

impl<'t> Lexeme<'t> {
    /// A token that stands nowhere in the text.
    pub fn synthetic(token: Token<'t>, span: Span) -> Self {
        Lexeme { token, span, first: false, column: 0, synthetic: true, docs: Vec::new() }
    }
}

/// A `#` comment and where it stands.
#[derive(Clone)]
pub struct Comment {
    /// Whether nothing but blanks is before it on its line.
    pub alone: bool,
    pub span: Span,
}

struct Lexing<'t, 's> {
    text: &'t str,
    source: SourceId,
    sink: &'s mut Sink,
    out: Vec<Lexeme<'t>>,
    comments: Vec<Comment>,
    docs: Vec<&'t str>,
    line_start: usize,
    /// Whether a token was found on the current line.
    begun: bool,
    /// Whether anything, a comment included, was found on the current line.
    blank: bool,
    /// Where the last comment in the way of another language ends.
    commented: usize,
}

/// Cuts the text into lexemes and comments. Texts of 4 GiB and more do not fit a span: the rest
/// is left out with a message.
pub fn lex<'t>(
    text: &'t str,
    source: SourceId,
    sink: &mut Sink,
) -> (Vec<Lexeme<'t>>, Vec<Comment>) {
    let mut lexing = Lexing {
        text,
        source,
        sink,
        out: Vec::new(),
        comments: Vec::new(),
        docs: Vec::new(),
        line_start: 0,
        begun: false,
        blank: true,
        commented: 0,
    };
    if u32::try_from(text.len()).is_err() {
        lexing.report(
            code::E0101,
            0..0,
            "the text is longer than 4 GiB",
            "split it into several files",
        );
        return (lexing.out, lexing.comments);
    }
    let mut tokens = Token::lexer(text);
    while let Some(token) = tokens.next() {
        let at = tokens.span();
        if is_prefix(token) && text[at.end..].starts_with(['"', '\'']) {
            tokens.next();
            lexing.prefixed(at.clone(), at.end..tokens.span().end);
            continue;
        }
        match lexing.foreign_comment(token, at.start) {
            Some(end) => tokens.bump(end - at.end),
            None => lexing.take(token, at),
        }
    }
    (lexing.out, lexing.comments)
}

impl<'t> Lexing<'t, '_> {
    fn report(
        &mut self,
        code: Code,
        at: std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let span = Span::new(self.source, at.start, at.end);
        self.sink.push(Diagnostic::new(code, span, message).help(help));
    }

    fn take(&mut self, token: Result<Token<'t>, ()>, at: std::ops::Range<usize>) {
        match token {
            Ok(Token::Newline) => self.newline(at.end),
            Ok(Token::Comment) => self.comment(at),
            Ok(token) => {
                let token = self.valued(token, at.clone());
                self.push(token, at);
            }
            Err(()) => self.stray(at),
        }
    }

    /// Where a comment ends that begins in the way of another language: `--`, `//`, `/* */`. Lines of
    /// comments behind each other are reported once.
    fn foreign_comment(&mut self, token: Result<Token, ()>, start: usize) -> Option<usize> {
        let rest = &self.text[start..];
        let line_end = || rest.find('\n').unwrap_or(rest.len());
        let end = match token {
            Ok(Token::Minus) if rest.starts_with("--") => {
                let text = first_of_line(&rest[2..]);
                let apart = !self.begun || self.text[..start].ends_with([' ', '\t']);
                let is_comment = apart && text.starts_with([' ', '\t']) || is_prose(text);
                is_comment.then(line_end)
            }
            Ok(Token::SlashSlash) => {
                let text = first_of_line(&rest[2..]);
                let is_comment = is_prose(text) || !self.begun && text.trim().is_empty();
                is_comment.then(line_end)
            }
            Ok(Token::Slash) if rest.starts_with("/*") => {
                let end = rest.find("*/").map(|end| end + 2);
                Some(end.unwrap_or_else(line_end))
            }
            _ => None,
        }?;
        let goes_on = self.commented > 0 && self.text[self.commented..start].trim().is_empty();
        if !goes_on {
            let help = "comments begin with `#`";
            self.report(code::E0101, start..start + 2, "not a comment", help);
        }
        self.commented = start + end;
        if let Some(newline) = rest[..end].rfind('\n') {
            self.newline(start + newline + 1);
        }
        self.commented.into()
    }

    fn newline(&mut self, next: usize) {
        if self.blank {
            self.docs.clear();
        }
        self.line_start = next;
        self.begun = false;
        self.blank = true;
    }

    fn comment(&mut self, at: std::ops::Range<usize>) {
        self.blank = false;
        let text = &self.text[at.clone()];
        let alone = !self.begun;
        if let Some(doc) = text.strip_prefix("##").filter(|t| alone && !t.starts_with('#')) {
            self.docs.push(doc.strip_prefix(' ').unwrap_or(doc).trim_end());
        }
        self.comments.push(Comment { alone, span: Span::new(self.source, at.start, at.end) });
    }

    fn push(&mut self, token: Token<'t>, at: std::ops::Range<usize>) {
        self.out.push(Lexeme {
            token,
            span: Span::new(self.source, at.start, at.end),
            first: !self.begun,
            column: (at.start - self.line_start) as u32,
            synthetic: false,
            docs: std::mem::take(&mut self.docs),
        });
        self.begun = true;
        self.blank = false;
    }

    /// The token with its value, or what it must have meant.
    fn valued(&mut self, token: Token<'t>, at: std::ops::Range<usize>) -> Token<'t> {
        let slice = &self.text[at.clone()];
        match token {
            Token::Number => self.literal(literal::number(slice), at),
            Token::At if slice.len() > 1 => self.literal(literal::time(slice), at),
            Token::Quote => self.string(slice, at),
            Token::Quoted(name) if name.contains("${") => {
                let help = format!("strings are concatenated by `+`: `{}`", joined(name, '"'));
                self.report(code::E0103, at, "backticks enclose a name, not a text", help);
                Token::Bad
            }
            Token::Quoted("") => {
                self.report(
                    code::E0101,
                    at,
                    "a name in backticks is empty",
                    "write the name between the backticks",
                );
                Token::Bad
            }
            Token::Curly => {
                self.report(
                    code::E0103,
                    at,
                    "typographic quotes enclose no string",
                    "use plain quotes: `\"text\"`",
                );
                Token::Bad
            }
            Token::Name(name) => self.name(name, at),
            Token::AmpAmp => self.foreign_sign(at, Token::And, ("and", "&")),
            Token::PipePipe => self.foreign_sign(at, Token::Or, ("or", "|")),
            Token::Bang => self.foreign(at, Token::Not, "not"),
            other => other,
        }
    }

    fn literal(
        &mut self,
        value: Result<Token<'t>, literal::Malformed>,
        at: std::ops::Range<usize>,
    ) -> Token<'t> {
        value.unwrap_or_else(|wrong| {
            self.report(code::E0102, at, wrong.message, wrong.help);
            Token::Bad
        })
    }

    fn string(&mut self, slice: &'t str, at: std::ops::Range<usize>) -> Token<'t> {
        let quote = &slice[..1];
        if !closed(slice) {
            let help = format!(
                "strings end on their line with {quote}; a line break inside is written `\\n`"
            );
            self.report(code::E0103, at, "unterminated string", help);
            return Token::Bad;
        }
        match literal::string(slice) {
            Ok(_) => Token::Str(slice),
            Err(bad) => {
                let wrong = &slice[bad.clone()];
                let help = format!(
                    "a backslash itself is written `\\\\`: `\\{wrong}`; escapes are `\\n \\t \\r \\0 \\\" \\' \\u{{E9}}`"
                );
                let at = at.start + bad.start..at.start + bad.end;
                self.report(code::E0103, at, format!("unknown escape `{wrong}`"), help);
                Token::Bad
            }
        }
    }

    /// Names of other languages' constants, where they can be nothing else, and names that are
    /// not ASCII.
    fn name(&mut self, name: &'t str, at: std::ops::Range<usize>) -> Token<'t> {
        let after_dot = self.out.last().is_some_and(|l| l.token == Token::Dot);
        let rest = self.text[at.end..].trim_start();
        let used_as_name = after_dot
            || rest.starts_with(['(', ':', '@'])
            || rest.starts_with('=') && !rest.starts_with("==");
        match name {
            "True" | "TRUE" if !used_as_name => self.foreign(at, Token::True, "true"),
            "False" | "FALSE" if !used_as_name => self.foreign(at, Token::False, "false"),
            "None" | "NULL" | "Null" | "NaN" | "nil" if !used_as_name => self.null(at),
            "AND" | "And" if self.joins(rest) => self.foreign(at, Token::And, "and"),
            "OR" | "Or" if self.joins(rest) => self.foreign(at, Token::Or, "or"),
            "IN" | "In" if self.joins(rest) => self.foreign(at, Token::In, "in"),
            "IS" | "Is" if self.joins(rest) => self.foreign(at, Token::Is, "is"),
            "IF" | "If" if self.joins(rest) => self.foreign(at, Token::If, "if"),
            "ELSE" | "Else" if self.joins(rest) => self.foreign(at, Token::Else, "else"),
            "NOT" | "Not" if !used_as_name && begins_value(rest) => {
                self.foreign(at, Token::Not, "not")
            }
            _ if !name.is_ascii() => {
                let help = format!("other names stand in backticks: `` `{name}` ``");
                self.report(code::E0101, at, format!("the name `{name}` is not plain ASCII"), help);
                Token::Name(name)
            }
            _ => Token::Name(name),
        }
    }

    /// The null of another language. Where it is compared, what to write instead is said of the
    /// comparison.
    fn null(&mut self, at: std::ops::Range<usize>) -> Token<'t> {
        match self.out.last().map(|l| l.token) {
            Some(Token::Eq | Token::Ne) => Token::Null,
            Some(Token::Assign) => {
                let help = "write `null`; whether a value is there is asked with `x is null`";
                let wrong = &self.text[at.clone()];
                let message = format!("`{wrong}` is not part of the language");
                self.report(code::E0101, at, message, help);
                Token::Bad
            }
            _ => self.foreign(at, Token::Null, "null"),
        }
    }

    /// Whether a word stands between two values, given what follows it.
    fn joins(&self, rest: &str) -> bool {
        self.begun
            && self.out.last().is_some_and(|l| l.token.can_end())
            && (begins_value(rest) || rest.starts_with('('))
    }

    /// A sign that joins conditions or sets elsewhere: which of them is not known yet, so both are named.
    fn foreign_sign(
        &mut self,
        at: std::ops::Range<usize>,
        meant: Token<'t>,
        (word, sign): (&str, &str),
    ) -> Token<'t> {
        let wrong = &self.text[at.clone()];
        let message = format!("`{wrong}` is not part of the language");
        let help = format!("write `{word}` between conditions, `{sign}` between candidate sets");
        self.report(code::E0101, at, message, help);
        meant
    }

    fn foreign(&mut self, at: std::ops::Range<usize>, meant: Token<'t>, word: &str) -> Token<'t> {
        let wrong = &self.text[at.clone()];
        self.report(
            code::E0101,
            at,
            format!("`{wrong}` is not part of the language"),
            format!("write `{word}`"),
        );
        meant
    }

    /// `f"..."`, `r"..."`: a letter before the quotes of a string.
    fn prefixed(&mut self, prefix: std::ops::Range<usize>, string: std::ops::Range<usize>) {
        let literal = &self.text[string.clone()];
        let letters = self.text[prefix.clone()].to_ascii_lowercase();
        let inner = literal.get(1..literal.len() - 1).unwrap_or_default();
        let quote = literal.chars().next().unwrap_or('"');
        let help = if letters.contains('f') && inner.contains('{') {
            format!("strings are concatenated by `+`: `{}`", joined(inner, quote))
        } else if letters.contains('r') {
            format!("write `{}`", literal.replace('\\', "\\\\"))
        } else {
            format!("write `{literal}`")
        };
        let message = "no letter stands before the quotes of a string";
        let at = prefix.start..string.end;
        self.report(code::E0103, at.clone(), message, help);
        self.push(Token::Bad, at);
    }

    /// What `?` means elsewhere: `a ?? b`, `a ?: b`, `a?.b`, `int?`, `a ? b : c`.
    fn question(&mut self, at: std::ops::Range<usize>) {
        let rest = &self.text[at.end..];
        let type_ends =
            rest.trim_start_matches([' ', '\t']).starts_with(['=', ',', ')', '\n', '\r'])
                || rest.trim_start().is_empty();
        let (length, help, goes_on) = match rest.chars().next() {
            Some('?' | ':') => {
                let value = self.operand_before().unwrap_or("a");
                let other = operand(&rest[1..]).unwrap_or("b");
                (2, format!("write `coalesce({value}, {other})`"), false)
            }
            Some('.') => {
                let help = "write a dot alone: what a null reference leads to is null";
                (1, help.to_owned(), true)
            }
            _ if type_ends => {
                let help =
                    "every type has null: leave `?` out, and write `= null` where nothing is given";
                (1, help.to_owned(), true)
            }
            _ => {
                let help = "a conditional is written `a if condition else b`";
                (1, help.to_owned(), false)
            }
        };
        let at = at.start..at.start + length;
        let message = format!("`{}` is not part of the language", &self.text[at.clone()]);
        self.report(code::E0101, at.clone(), message, help);
        if !goes_on {
            self.push(Token::Bad, at);
        }
    }

    /// The operand that the last token ends: a literal, a name, a path or a call.
    fn operand_before(&self) -> Option<&'t str> {
        let last = self.out.len().checked_sub(1)?;
        let mut i = last;
        loop {
            if self.out[i].token.is_closer() {
                let mut depth = 0_usize;
                while let Some(lexeme) = self.out.get(i) {
                    depth += usize::from(lexeme.token.is_closer());
                    depth -= usize::from(lexeme.token.is_opener());
                    if depth == 0 {
                        break;
                    }
                    i = i.checked_sub(1)?;
                }
                let called = i.checked_sub(1).map(|i| self.out[i].token);
                i -= usize::from(matches!(called, Some(Token::Name(_))));
            } else if !self.out[i].token.can_end() {
                return None;
            }
            match i.checked_sub(2) {
                Some(before) if self.out[i - 1].token == Token::Dot => i = before,
                _ => break,
            }
        }
        let start = self.out[i].span.start as usize;
        Some(&self.text[start..self.out[last].span.end as usize])
    }

    /// A character that begins no token. Neighbours of the same kind are reported together.
    fn stray(&mut self, at: std::ops::Range<usize>) {
        let wrong = &self.text[at.clone()];
        let goes_on = |l: &Lexeme| l.token == Token::Bad && l.span.end as usize >= at.start;
        if self.out.last().is_some_and(goes_on) {
            return;
        }
        if wrong.starts_with('?') {
            return self.question(at);
        }
        let help = match wrong.chars().next() {
            Some('^') => "a power is written `a ** b`",
            Some('“' | '”' | '‘' | '’' | '«' | '»') => "use plain quotes: `\"text\"`",
            Some('`') => "a name in backticks ends with a backtick on the same line",
            Some('\\') => {
                "no mark is needed to go on in the next line: begin it with `.` or an operator"
            }
            _ => "remove it; strings are quoted, comments begin with `#`",
        };
        let message = if wrong.starts_with('`') {
            "the name in backticks is not closed".to_string()
        } else {
            format!("unexpected character `{}`", wrong.escape_debug())
        };
        self.report(code::E0101, at.clone(), message, help);
        self.push(Token::Bad, at);
    }
}

/// Whether a name may be the letters that other languages put before the quotes of a string.
fn is_prefix(token: Result<Token, ()>) -> bool {
    const LETTERS: [&str; 9] = ["f", "r", "b", "u", "rf", "fr", "br", "rb", "e"];
    matches!(token, Ok(Token::Name(name)) if LETTERS.iter().any(|l| name.eq_ignore_ascii_case(l)))
}

/// A text with expressions in braces as texts joined by `+`.
fn joined(text: &str, quote: char) -> String {
    if text.contains("{{") {
        return format!("{quote}of {quote} + kind");
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let before = before.strip_suffix('$').unwrap_or(before);
        let Some((inside, behind)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            parts.push(format!("{quote}{before}{quote}"));
        }
        let inside = inside.split([':', '!']).next().unwrap_or_default();
        parts.push(inside.trim().to_owned());
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(format!("{quote}{rest}{quote}"));
    }
    parts.join(" + ")
}

/// The operand that begins a text: up to a blank, a comma or a closer outside of brackets.
fn operand(text: &str) -> Option<&str> {
    let text = first_of_line(text).trim();
    let mut depth = 0_usize;
    let end = text.find(|c: char| match c {
        '(' | '[' => {
            depth += 1;
            false
        }
        ')' | ']' if depth > 0 => {
            depth -= 1;
            false
        }
        ')' | ']' | '}' => true,
        ' ' | ',' | ';' | '>' | '<' | '=' => depth == 0,
        _ => false,
    });
    let found = text[..end.unwrap_or(text.len())].trim();
    (!found.is_empty()).then_some(found)
}

/// Whether a value begins a text: not an operator, a closing bracket or the end of the line.
fn begins_value(rest: &str) -> bool {
    rest.starts_with(|c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '"' | '\'' | '[' | '@' | '`')
    })
}

/// As much of a line as tells whether it is a comment: a bounded look, so that long lines of signs
/// take no more time than others.
fn first_of_line(text: &str) -> &str {
    let most = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    text[..most].split('\n').next().unwrap_or_default()
}

/// Whether text behind the mark of a comment is written for people: it begins with two words side by
/// side. In a program an operator, a comma or a word of the language would stand between them.
fn is_prose(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return false;
    };
    let second = second.trim_end_matches([',', '.', ':', ';', '!', '?']);
    let begins = |word: &str| word.starts_with(char::is_alphabetic);
    is_word(first) && is_word(second) && (begins(first) || begins(second))
}

fn is_word(word: &str) -> bool {
    const JOINING: [&str; 10] =
        ["and", "or", "not", "in", "is", "if", "else", "on", "where", "weight"];
    word.starts_with(char::is_alphanumeric)
        && word.ends_with(char::is_alphanumeric)
        && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        && !JOINING.contains(&word)
}

/// Whether a literal ends with the quote it began with, that quote not being escaped.
fn closed(literal: &str) -> bool {
    let quote = literal.as_bytes()[0];
    let inner = literal.as_bytes()[1..].strip_suffix(&[quote]);
    inner.is_some_and(|inner| inner.iter().rev().take_while(|&&c| c == b'\\').count() % 2 == 0)
}
