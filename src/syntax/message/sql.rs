//! SQL typed in. A statement is one mistake, however many lines it has: it is reported once, with the
//! program that it could be.

use super::super::layout::ItemTokens;
use super::super::lexer::Lexeme;
use super::super::token::Token;
use crate::diag::{Diagnostic, code};

/// Words that begin a line of a statement after its first.
const CLAUSES: [&str; 22] = [
    "from", "where", "and", "or", "order", "group", "having", "limit", "offset", "join", "left",
    "right", "inner", "outer", "full", "cross", "on", "union", "using", "with", "select", "return",
];

/// Whether a statement may begin with a word.
pub fn may_begin(word: &str) -> bool {
    ["select", "insert", "delete", "create", "update", "from", "with", "match"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w))
}

/// Whether an item is a further line of a statement.
pub fn goes_on(text: &str, item: &ItemTokens) -> bool {
    let word = item.tokens.first().map(|t| text[t.span.range()].to_ascii_lowercase());
    word.is_some_and(|word| CLAUSES.contains(&word.as_str()))
}

/// What to say of items that are one statement; none if they are no SQL.
pub fn statement(text: &str, items: &[ItemTokens]) -> Option<Diagnostic> {
    let first = &items.first()?.tokens;
    let word = |lexeme: &Lexeme| text[lexeme.span.range()].to_ascii_lowercase();
    let second = first.get(1).map(&word)?;
    let tokens: Vec<&Lexeme> = items.iter().flat_map(|item| &item.tokens).collect();
    let third = first.get(2).map(&word);
    let third = third.as_deref().unwrap_or("select");
    let is_name = |i: usize| matches!(first.get(i).map(|l| l.token), Some(Token::Name(_)));
    let (language, help) = match (word(first.first()?).as_str(), second.as_str()) {
        ("select", _) if selects(first) => ("SQL", reading(text, &tokens)),
        ("from", _) if is_name(1) && tokens[2..].iter().any(|l| clause(&word(l))) => {
            ("SQL", reading(text, &tokens))
        }
        ("with", _) if is_name(1) && third == "as" => ("SQL", parts(&second)),
        ("insert", "into") | ("delete", "from") | ("create", "table" | "view") => {
            ("SQL", CHANGES.to_owned())
        }
        ("update", _) if is_name(1) && third == "set" => ("SQL", CHANGES.to_owned()),
        ("match", "(") if first.iter().any(|l| l.token == Token::OpenSquare) => {
            ("Cypher", along(text, &tokens))
        }
        _ => return None,
    };
    let span = first.first()?.span.to(tokens.last()?.span);
    Some(Diagnostic::new(code::E0101, span, format!("this is {language}")).help(help))
}

const CHANGES: &str = "programs read the tables of the catalog, and change none";

/// Whether a word begins a clause behind the table of a statement.
fn clause(word: &str) -> bool {
    ["select", "where", "order", "limit", "group", "join"].contains(&word)
}

/// What to write for a statement that reads.
fn reading(text: &str, tokens: &[&Lexeme]) -> String {
    let is = |lexeme: &Lexeme, word: &str| text[lexeme.span.range()].eq_ignore_ascii_case(word);
    let joined = tokens.iter().position(|l| is(l, "join"));
    match joined.and_then(|join| tokens.get(join + 1)) {
        Some(table) => format!(
            "tables are not joined: `walk` goes along links, as in `user.walk({})`, and `author.name` reads a \
             column over a reference",
            &text[table.span.range()]
        ),
        None => format!(
            "a program begins with a set and goes on from there: `{}`",
            program(text, tokens)
        ),
    }
}

/// What to write for `with a as (...)`.
fn parts(name: &str) -> String {
    format!(
        "a part of a program has a name, and the last line is its result: `{name} = all(media)`, then \
         `{name}.take(10)`"
    )
}

/// The program that follows the links of a pattern: `match (u)-[:likes]->(m) return m limit 10`.
fn along(text: &str, tokens: &[&Lexeme]) -> String {
    let mut program = "user".to_owned();
    for (i, token) in tokens.iter().enumerate() {
        if token.token != Token::OpenSquare {
            continue;
        }
        let mut inside = tokens[i + 1..].iter().take_while(|l| !l.token.is_closer());
        let kind = inside
            .position(|l| l.token == Token::Colon)
            .and_then(|colon| tokens.get(i + colon + 2));
        let Some(kind) = kind else { continue };
        let back = i >= 2 && tokens[i - 2].token == Token::Lt;
        let sign = if back { "~" } else { "" };
        let kind = text[kind.span.range()].to_ascii_lowercase();
        program += &format!(".walk({sign}{kind})");
    }
    program += &narrowed(text, &cut(text, tokens));
    format!("a program begins with a set, and `walk` follows links: `{program}`")
}

/// `select` and something that can stand there and not behind a name of that word.
pub fn selects(tokens: &[Lexeme]) -> bool {
    let names =
        |t: Token| matches!(t, Token::Name(_) | Token::Quoted(_) | Token::Int(_) | Token::Str(_));
    match tokens {
        [_, star, next, ..] if star.token == Token::Star => names(next.token),
        [_, star] => star.token == Token::Star || names(star.token),
        [_, next, ..] => names(next.token),
        _ => false,
    }
}

/// The program that a statement could be.
pub fn program(text: &str, tokens: &[&Lexeme]) -> String {
    let clauses = cut(text, tokens);
    let columns = of(&clauses, "select").unwrap_or_default();
    // a statement without a table that selects one thing means all of that
    let (table, columns) = match (of(&clauses, "from"), columns) {
        (Some([table, ..]), columns) => (Some(*table), columns),
        (_, [table]) if matches!(table.token, Token::Name(_)) => (Some(*table), &[][..]),
        (_, columns) => (None, columns),
    };
    let table = table.map_or("media", |t| &text[t.span.range()]);
    let mut program = format!("all({table})");
    program += &narrowed(text, &clauses);
    let plain = |t: &&Lexeme| matches!(t.token, Token::Name(_) | Token::Comma);
    if !columns.is_empty() && columns.iter().all(plain) {
        program += &format!(".select({})", whole(text, columns));
    }
    program
}

/// What follows a clause of a statement.
fn of<'c, 'l, 't>(clauses: &'c [Clause<'l, 't>], name: &str) -> Option<&'c [&'l Lexeme<'t>]> {
    let clause = clauses.iter().find(|(word, _)| word == name);
    clause.map(|(_, part)| &part[..])
}

/// The conditions, order and limit of a statement.
fn narrowed(text: &str, clauses: &[Clause]) -> String {
    let mut program = String::new();
    if let Some(part) = of(clauses, "where").filter(|part| !part.is_empty()) {
        program += &format!(".filter({})", condition(text, part));
    }
    if let Some(part) = of(clauses, "order").filter(|part| part.len() > 1) {
        program += &format!(".score({})", order(text, &part[1..]));
    }
    if let Some(number) = of(clauses, "limit").and_then(|part| part.first()) {
        program += &format!(".take({})", &text[number.span.range()]);
    }
    program
}

/// The word that begins a clause, and what follows it.
type Clause<'l, 't> = (String, Vec<&'l Lexeme<'t>>);

/// The statement by its clauses. Names of tables before a point are left out: there is one table.
fn cut<'l, 't>(text: &str, tokens: &[&'l Lexeme<'t>]) -> Vec<Clause<'l, 't>> {
    const WORDS: [&str; 9] =
        ["select", "from", "where", "order", "group", "having", "limit", "offset", "return"];
    let slice = |token: &Lexeme| &text[token.span.range()];
    let aliases = aliases(tokens, &slice);
    let mut clauses: Vec<Clause> = Vec::new();
    let mut i = 0;
    while let Some(&token) = tokens.get(i) {
        let word = slice(token).to_ascii_lowercase();
        let qualifies = tokens.get(i + 1).is_some_and(|l| l.token == Token::Dot)
            && aliases.contains(&slice(token));
        match clauses.last_mut() {
            _ if WORDS.contains(&word.as_str()) => clauses.push((word, Vec::new())),
            Some(_) if qualifies => i += 1,
            Some((_, part)) => part.push(token),
            None => {}
        }
        i += 1;
    }
    clauses
}

/// The names that tables have in a statement: `from media m`, `from media as m`, `(m:Media)`.
fn aliases<'t>(tokens: &[&Lexeme], slice: &impl Fn(&Lexeme) -> &'t str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let named = |k: usize| tokens.get(i + k).filter(|l| matches!(l.token, Token::Name(_)));
        if slice(token).eq_ignore_ascii_case("from") {
            let skip = usize::from(named(2).is_some_and(|l| slice(l).eq_ignore_ascii_case("as")));
            found.extend(named(1).map(|l| slice(l)));
            found.extend(named(2 + skip).map(|l| slice(l)));
        } else if token.token == Token::Open
            && tokens.get(i + 2).is_some_and(|l| matches!(l.token, Token::Colon | Token::Close))
        {
            found.extend(named(1).map(|l| slice(l)));
        }
    }
    found
}

/// Tokens as they are written, with one blank for many.
pub fn whole(text: &str, part: &[&Lexeme]) -> String {
    let Some(first) = part.first() else {
        return String::new();
    };
    let mut out = String::new();
    let mut end = first.span.start;
    for token in part {
        if token.span.start > end {
            out.push(' ');
        }
        end = token.span.end;
        out += &text[token.span.range()];
    }
    out
}

/// A condition with the signs and words of this language.
pub fn condition(text: &str, part: &[&Lexeme]) -> String {
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
    let first: Vec<&Lexeme> =
        part.iter().copied().take_while(|t| t.token != Token::Comma).collect();
    let Some((last, before)) = first.split_last() else {
        return "score".to_owned();
    };
    match text[last.span.range()].to_ascii_lowercase().as_str() {
        "desc" if !before.is_empty() => whole(text, before),
        "asc" if !before.is_empty() => format!("-{}", whole(text, before)),
        _ => format!("-{}", whole(text, &first)),
    }
}
