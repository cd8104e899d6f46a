//! SQL typed in. A statement is one mistake, however many lines it has: it is reported once, with the
//! program that it could be.

use super::super::layout::ItemTokens;
use super::super::lexer::Lexeme;
use super::super::token::Token;
use crate::diag::{Diagnostic, code};
use crate::source::Span;

/// Words that begin a line of a statement after its first.
const CLAUSES: [&str; 20] = [
    "from", "where", "and", "or", "order", "group", "having", "limit", "offset", "join", "left",
    "right", "inner", "outer", "full", "cross", "on", "union", "using", "with",
];

/// Whether a statement may begin with a word.
pub fn may_begin(word: &str) -> bool {
    ["select", "insert", "delete", "create"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w))
}

/// Whether an item is a further line of a statement.
pub fn goes_on(text: &str, item: &ItemTokens) -> bool {
    let word = item
        .tokens
        .first()
        .map(|t| text[t.span.range()].to_ascii_lowercase());
    word.is_some_and(|word| CLAUSES.contains(&word.as_str()))
}

/// What to say of items that are one statement; none if they are no SQL.
pub fn statement(text: &str, items: &[ItemTokens]) -> Option<Diagnostic> {
    let first = &items.first()?.tokens;
    let word = |lexeme: &Lexeme| text[lexeme.span.range()].to_ascii_lowercase();
    let second = first.get(1).map(&word)?;
    let reads = match (word(first.first()?).as_str(), second.as_str()) {
        ("select", _) if selects(first) => true,
        ("insert", "into") | ("delete", "from") | ("create", "table" | "view") => false,
        _ => return None,
    };
    let tokens: Vec<&Lexeme> = items.iter().flat_map(|item| &item.tokens).collect();
    let span = first.first()?.span.to(tokens.last()?.span);
    let help = match reads {
        true => format!(
            "a program begins with a set and goes on from there: `{}`",
            program(text, &tokens)
        ),
        false => "programs read the tables of the catalog, and change none".to_owned(),
    };
    Some(Diagnostic::new(code::E0101, span, "this is SQL").help(help))
}

/// `select` and something that can stand there and not behind a name of that word.
fn selects(tokens: &[Lexeme]) -> bool {
    let names = |t: Token| {
        matches!(
            t,
            Token::Name(_) | Token::Quoted(_) | Token::Int(_) | Token::Str(_)
        )
    };
    match tokens {
        [_, star, next, ..] if star.token == Token::Star => names(next.token),
        [_, star] => star.token == Token::Star || names(star.token),
        [_, next, ..] => names(next.token),
        _ => false,
    }
}

/// The program that a statement could be.
fn program(text: &str, tokens: &[&Lexeme]) -> String {
    let clauses = cut(text, tokens);
    let of = |name: &str| {
        clauses
            .iter()
            .find(|(word, _)| word == name)
            .map(|(_, part)| &part[..])
    };
    let table = of("from")
        .and_then(|part| part.first())
        .map(|t| &text[t.span.range()]);
    let mut program = format!("all({})", table.unwrap_or("media"));
    if let Some(part) = of("where").filter(|part| !part.is_empty()) {
        program += &format!(".filter({})", condition(text, part));
    }
    if let Some(part) = of("order").filter(|part| part.len() > 1) {
        program += &format!(".score({})", order(text, &part[1..]));
    }
    if let Some(number) = of("limit").and_then(|part| part.first()) {
        program += &format!(".take({})", &text[number.span.range()]);
    }
    let columns = of("select").unwrap_or_default();
    let plain = |t: &&Lexeme| matches!(t.token, Token::Name(_) | Token::Comma);
    if !columns.is_empty() && columns.iter().all(plain) {
        program += &format!(".select({})", whole(text, columns));
    }
    program
}

/// The statement by its clauses: the word that begins each, and what follows.
fn cut<'l, 't>(text: &str, tokens: &[&'l Lexeme<'t>]) -> Vec<(String, Vec<&'l Lexeme<'t>>)> {
    const WORDS: [&str; 8] = [
        "select", "from", "where", "order", "group", "having", "limit", "offset",
    ];
    let mut clauses: Vec<(String, Vec<&Lexeme>)> = Vec::new();
    for &token in tokens {
        let word = text[token.span.range()].to_ascii_lowercase();
        match clauses.last_mut() {
            _ if WORDS.contains(&word.as_str()) => clauses.push((word, Vec::new())),
            Some((_, part)) => part.push(token),
            None => {}
        }
    }
    clauses
}

fn whole(text: &str, part: &[&Lexeme]) -> String {
    let span = part
        .iter()
        .fold(part[0].span, |span: Span, t| span.to(t.span));
    let words = text[span.range()].split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// A condition with the signs and words of this language.
fn condition(text: &str, part: &[&Lexeme]) -> String {
    let mut out = String::new();
    let mut end = part[0].span.start;
    for (i, token) in part.iter().enumerate() {
        if token.span.start > end {
            out.push(' ');
        }
        end = token.span.end;
        let slice = &text[token.span.range()];
        let next = part.get(i + 1).map(|t| t.token);
        let lower = slice.to_ascii_lowercase();
        match token.token {
            Token::Assign => out += "==",
            Token::Lt if next == Some(Token::Gt) => out += "!=",
            Token::Gt if out.ends_with("!=") => {}
            _ if ["and", "or", "not", "in", "is", "null", "true", "false"].contains(&&*lower) => {
                out += &lower;
            }
            _ => out += slice,
        }
    }
    out
}

/// The first expression of an order: the largest stand first here.
fn order(text: &str, part: &[&Lexeme]) -> String {
    let first: Vec<&Lexeme> = part
        .iter()
        .copied()
        .take_while(|t| t.token != Token::Comma)
        .collect();
    let Some((last, before)) = first.split_last() else {
        return "score".to_owned();
    };
    match text[last.span.range()].to_ascii_lowercase().as_str() {
        "desc" if !before.is_empty() => whole(text, before),
        "asc" if !before.is_empty() => format!("-{}", whole(text, before)),
        _ => format!("-{}", whole(text, &first)),
    }
}
