//! The words of the language, as logos finds them.
//!
//! Three of them are found by their first character only and then measured by hand (`Number`,
//! `Quote`, `At`): a regular expression that stops at the last *valid* character would cut `30x`
//! into a number and a name and give two messages for one slip. The lexer turns them into the
//! variants that carry a value. Variants without a pattern are made by the lexer and the filter.

use logos::{Lexer, Logos};

/// One token; names and strings borrow from the text.
#[derive(Logos, Clone, Copy, Debug, PartialEq)]
#[logos(skip r"[ \t\r\f\u{feff}]+")]
pub enum Token<'t> {
    #[token("and")]
    And,
    #[token("or")]
    Or,
    #[token("not")]
    Not,
    #[token("in")]
    In,
    #[token("is")]
    Is,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("null")]
    Null,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("def")]
    Def,
    #[token("assert")]
    Assert,

    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*", |lex| lex.slice())]
    Name(&'t str),
    /// A name in backticks, without them.
    #[regex(r"`[^`\n]*`", |lex| &lex.slice()[1..lex.slice().len() - 1])]
    Quoted(&'t str),

    #[regex(r"\.?[0-9]", scan_number)]
    Number,
    #[regex("[\"']", scan_string)]
    Quote,
    #[token("@", scan_time)]
    At,

    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token("[")]
    OpenSquare,
    #[token("]")]
    CloseSquare,
    /// `{` before the filter has told a record from a block.
    #[token("{")]
    Brace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(";")]
    Semicolon,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("->")]
    Arrow,
    #[token("=")]
    Assign,
    #[token("==")]
    Eq,
    #[token("!=")]
    Ne,
    #[token("<")]
    Lt,
    #[token("<=")]
    Le,
    #[token(">")]
    Gt,
    #[token(">=")]
    Ge,
    #[token("|")]
    Pipe,
    #[token("&")]
    Amp,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("//")]
    SlashSlash,
    #[token("%")]
    Percent,
    #[token("**")]
    StarStar,
    #[token("~")]
    Tilde,

    /// Operators of other languages: reported, then read as what they mean.
    #[token("&&")]
    AmpAmp,
    #[token("||")]
    PipePipe,
    #[token("!")]
    Bang,

    /// A text in typographic quotes.
    #[regex("[“”„‘’«][^\n“”‘’»\"]*[“”‘’»]")]
    Curly,

    #[token("\n")]
    Newline,
    #[regex(r"#[^\n]*", allow_greedy = true)]
    Comment,

    // Made by the lexer.
    Int(i64),
    Float(f64),
    /// As written, with its quotes; escapes are known to be good.
    Str(&'t str),
    /// Microseconds.
    Duration(i64),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// Something broken that has been reported.
    Bad,

    // Made by the filter.
    /// The end of a statement of a block.
    Sep,
    /// One `##` line above a binding of a block, without marker.
    Doc(&'t str),
    OpenRecord,
    OpenBlock,
    Import,
    Param,
    Tunable,
    Experiment,
    Edge,
    Embedding,
    Model,
    Value,
    Policy,
    Query,
    Test,
    On,
    Where,
    Weight,
}

/// The reserved words: never names unless in backticks.
pub const RESERVED: &[&str] =
    &["and", "or", "not", "in", "is", "if", "else", "null", "true", "false", "def", "assert"];

/// The words that begin a declaration, and what each looks like.
pub const DECLARATIONS: &[(&str, Token<'static>, &str)] = &[
    ("import", Token::Import, "import std.NAME` or `import \"FILE\""),
    ("param", Token::Param, "param NAME: TYPE = DEFAULT"),
    ("tunable", Token::Tunable, "tunable NAME in LOW..HIGH = START"),
    (
        "experiment",
        Token::Experiment,
        "experiment NAME(layer=\"LAYER\", buckets=0..9999) = {ARM: SHARE, ...}",
    ),
    ("edge", Token::Edge, "edge NAME = EDGE where CONDITION weight NUMBER"),
    ("embedding", Token::Embedding, "embedding NAME on ENTITY = ..."),
    ("model", Token::Model, "model NAME on ENTITY = ..."),
    ("value", Token::Value, "value NAME on ENTITY = ..."),
    ("policy", Token::Policy, "policy NAME(PARAMETER: TYPE = DEFAULT) on ENTITY = ..."),
    ("def", Token::Def, "def NAME(PARAMETER: TYPE, ...) -> TYPE = ..."),
    ("query", Token::Query, "query NAME(PARAMETER: TYPE = DEFAULT) = ..."),
    ("test", Token::Test, "test \"NAME\" (user=ID) = { ... }"),
];

impl<'t> Token<'t> {
    /// Whether an item or statement may end with this token.
    pub fn can_end(self) -> bool {
        use Token::*;
        matches!(self, Name(_) | Quoted(_) | Null | True | False | Close | CloseSquare | CloseBrace)
            || self.is_literal()
            || self == Bad
    }

    /// Whether an item or statement may begin with this token; `next` is the one after it.
    ///
    /// `-` is left out although an expression may begin with it: a line that begins with a binary
    /// operator goes on.
    pub fn can_begin(self, next: Option<Token>) -> bool {
        use Token::*;
        match self {
            Not => next != Some(In),
            Name(_) | Quoted(_) | Null | True | False | Def | Assert | Tilde | Bad | At => true,
            _ => self.is_literal() || self.is_opener(),
        }
    }

    /// Whether an expression may begin with this token.
    pub fn begins_expression(self) -> bool {
        self == Token::Minus || !matches!(self, Token::Def | Token::Assert) && self.can_begin(None)
    }

    pub fn is_literal(self) -> bool {
        use Token::*;
        matches!(self, Int(_) | Float(_) | Str(_) | Duration(_) | Time(_))
    }

    pub fn is_reserved(self) -> bool {
        use Token::*;
        matches!(self, And | Or | Not | In | Is | If | Else | Null | True | False | Def | Assert)
    }

    pub fn is_opener(self) -> bool {
        use Token::*;
        matches!(self, Open | OpenSquare | Brace | OpenRecord | OpenBlock)
    }

    pub fn is_closer(self) -> bool {
        matches!(self, Token::Close | Token::CloseSquare | Token::CloseBrace)
    }

    /// The closer that belongs to an opener.
    pub fn closer(self) -> Option<Token<'static>> {
        match self {
            Token::Open => Some(Token::Close),
            Token::OpenSquare => Some(Token::CloseSquare),
            Token::Brace | Token::OpenRecord | Token::OpenBlock => Some(Token::CloseBrace),
            _ => None,
        }
    }

    /// A bracket as it is written.
    pub fn bracket(self) -> &'static str {
        match self {
            Token::Open => "(",
            Token::Close => ")",
            Token::OpenSquare => "[",
            Token::CloseSquare => "]",
            Token::CloseBrace => "}",
            _ => "{",
        }
    }

    /// Whether the tree above this token is one level deeper for it: operators, `.` and `if`.
    pub fn deepens(self) -> bool {
        use Token::*;
        matches!(
            self,
            Dot | And
                | Or
                | Not
                | In
                | Is
                | If
                | Pipe
                | Amp
                | Plus
                | Minus
                | Star
                | Slash
                | SlashSlash
                | Percent
                | StarStar
                | Tilde
                | Eq
                | Ne
                | Lt
                | Le
                | Gt
                | Ge
        )
    }

    /// The word of a declaration that begins an item, with the form it asks for.
    pub fn declaration(self) -> Option<(&'static str, &'static str)> {
        DECLARATIONS.iter().find(|d| d.1 == self).map(|d| (d.0, d.2))
    }
}

/// Takes everything glued to a number: `1_000.5e-3`, but also the wrong `30x`, `5.` and `1.2.3`.
/// Stops before `..`, which is a range.
fn scan_number<'t>(lex: &mut Lexer<'t, Token<'t>>) {
    let rest = lex.remainder().as_bytes();
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let mut i = 0;
    loop {
        match at(i) {
            b'e' | b'E' if matches!(at(i + 1), b'+' | b'-') && at(i + 2).is_ascii_digit() => i += 2,
            b'.' if at(i + 1) != b'.' && !lex.slice().starts_with('.') => i += 1,
            c if c.is_ascii_alphanumeric() || c == b'_' => i += 1,
            _ => break,
        }
    }
    lex.bump(i);
}

/// Takes a string to its closing quote, or to the end of the line where there is none.
fn scan_string<'t>(lex: &mut Lexer<'t, Token<'t>>) {
    let quote = lex.slice().as_bytes()[0];
    let rest = lex.remainder().as_bytes();
    let mut i = 0;
    while i < rest.len() && rest[i] != b'\n' {
        match rest[i] {
            c if c == quote => return lex.bump(i + 1),
            b'\\' if rest.get(i + 1).is_some_and(|&c| c != b'\n') => i += 1,
            _ => {}
        }
        i += 1;
    }
    let end = i.min(rest.len());
    lex.bump(unclosed_length(&lex.remainder()[..end]));
}

/// How much of a line without a closing quote the string takes: not the closers and commas at
/// its end, which most likely belong to what is around it.
fn unclosed_length(line: &str) -> usize {
    line.trim_end_matches(|c: char| c.is_whitespace() || ")]},;".contains(c)).len()
}

/// Takes a date with what is glued to it; nothing where no date follows (`final@3`).
fn scan_time<'t>(lex: &mut Lexer<'t, Token<'t>>) {
    let rest = lex.remainder().as_bytes();
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let run = |mut i: usize, of: fn(u8) -> bool| {
        while of(at(i)) {
            i += 1;
        }
        i
    };
    let digit = |c: u8| c.is_ascii_digit();
    let mut i = run(0, digit);
    if i == 0 || at(i) != b'-' || !digit(at(i + 1)) {
        return;
    }
    for _ in 0..2 {
        if at(i) == b'-' && digit(at(i + 1)) {
            i = run(i + 1, digit);
        }
    }
    if matches!(at(i), b'T' | b't') && digit(at(i + 1)) {
        i = run(i + 1, |c| c.is_ascii_digit() || c == b':');
        if at(i) == b'.' && digit(at(i + 1)) {
            i = run(i + 1, digit);
        }
        if matches!(at(i), b'+' | b'-') && digit(at(i + 1)) && digit(at(i + 2)) {
            i = run(i + 1, |c| c.is_ascii_digit() || c == b':');
        }
    }
    lex.bump(run(i, |c| c.is_ascii_alphanumeric() || c == b'_'));
}
