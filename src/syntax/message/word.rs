//! Words that mean something else here: of other languages, reserved, misspelt.

use super::super::lexer::Lexeme;
use super::super::literal::unit_of;
use super::super::recover::Repair;
use super::super::token::{DECLARATIONS, RESERVED, Token};
use super::stop::Stop;
use super::stop::{Explanation, article, replace};
use crate::diag::suggest::nearest;
use crate::diag::{Diagnostic, code};

/// Words of other languages: what to say and what to do instead.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("lambda", "there are no lambdas", "write the expression itself: `filter(score > 0.5)`"),
    (
        "for",
        "there are no loops",
        "operators work on whole sets: `filter`, `let` and `score` look at every row",
    ),
    (
        "while",
        "there are no loops",
        "operators work on whole sets: `filter`, `let` and `score` look at every row",
    ),
    ("return", "`return` is not part of the language", "the last line of a block is its value"),
    ("elif", "`elif` is not part of the language", "choices chain: `a if x else b if y else c`"),
    (
        "then",
        "`then` is not part of the language",
        "a conditional is written `a if condition else b`",
    ),
    ("const", "`const` is not part of the language", "a binding is written `name = value`"),
    ("var", "`var` is not part of the language", "a binding is written `name = value`"),
    (
        "let",
        "a binding needs no `let`",
        "a binding is written `name = value`; a column is added with `.let(name=value)`",
    ),
    ("from", "`from` is not part of an import", "a module is imported whole: `import std.hybrid`"),
    ("null", "`null` is tested with `is null`", "write `x is null` or `x is not null`"),
];

pub fn foreign_word(stop: &Stop) -> Explanation {
    let near = [stop.index.checked_sub(1), Some(stop.index)];
    let near =
        near.into_iter().flatten().filter_map(|i| stop.tokens.get(i)).chain(stop.before().first());
    let mut words = near.filter(|l| matches!(l.token, Token::Name(_)));
    words.find_map(|lexeme| {
        let word = FOREIGN.iter().find(|f| f.0 == stop.slice(lexeme))?;
        let imports = |l: &Lexeme| matches!(stop.slice(l), "import" | "from");
        if word.0 == "from" && !stop.tokens.first().is_some_and(imports) {
            return None;
        }
        Some(replace(lexeme.span, word.1, word.2))
    })
}

pub fn reserved_name(stop: &Stop) -> Explanation {
    let lexeme = stop.found()?;
    let word = stop.slice(lexeme);
    let reserved = RESERVED.contains(&word);
    if !reserved || lexeme.synthetic || !stop.expects("NAME") || stop.expects_expression() {
        return None;
    }
    let help = format!("choose another name, or write it in backticks: `` `{word}` ``");
    Some(replace(lexeme.span, format!("`{word}` is a reserved word, not a name"), help))
}

/// `7 days`, `7 d`: a number and its unit, apart.
pub fn unit_word(stop: &Stop) -> Explanation {
    let (number, unit) = (stop.previous()?, stop.found()?);
    let numeric = matches!(number.token, Token::Int(_) | Token::Float(_));
    if !numeric || unit.first || !matches!(unit.token, Token::Name(_)) {
        return None;
    }
    let (written, word) = (stop.slice(number), stop.slice(unit));
    let help = match (unit_of(word), word.to_ascii_lowercase().as_str()) {
        (Some(unit), _) => format!("write `{written}{unit}`"),
        (None, "month" | "months") => "a month is written in days: `30d`".to_owned(),
        (None, "year" | "years") => "a year is written in days: `365d`".to_owned(),
        _ => return None,
    };
    let span = number.span.to(unit.span);
    Some(replace(span, "a duration is written in one word", help))
}

/// `select(*)`, `count(*)`.
pub fn all_columns(stop: &Stop) -> Explanation {
    let star = stop.found().filter(|l| l.token == Token::Star)?;
    let call = stop.tokens.get(stop.index.checked_sub(2)?)?;
    let next = stop.tokens.get(stop.index + 1)?;
    let alone = matches!(next.token, Token::Close | Token::Comma);
    if stop.previous()?.token != Token::Open || !alone {
        return None;
    }
    let help = match stop.slice(call).to_ascii_lowercase().as_str() {
        "select" if next.token == Token::Comma => {
            "rows keep all their columns, and `let` adds more: `let(name=value)`"
        }
        "select" => {
            "leave `select` out: without it rows keep all their columns; `select(a, b)` keeps two"
        }
        "count" => "write `count(rows)`, or `count(~likes(it))` for the links of a row",
        _ => return None,
    };
    Some(replace(star.span, "`*` does not stand for all columns", help))
}

/// Words that stand between two values elsewhere, and what says it here.
const INFIX: &[(&str, &str)] = &[
    ("like", "texts are compared with `starts_with(text, \"A\")`, `contains(text, \"b\")`"),
    ("between", "a range is written `low <= x and x <= high`"),
    ("of", "a window is written `2 in 10`"),
    ("mod", "the remainder is `a % b`"),
    ("div", "division is `a / b`, whole `a // b`"),
    ("xor", "write `a != b`"),
    ("equals", "write `a == b`"),
    ("eq", "write `a == b`"),
];

/// `title like "A%"`: a word between two values. It is one slip, not two missing commas.
pub fn infix_word(stop: &Stop) -> Explanation {
    let (previous, found) = (stop.previous()?, stop.found()?);
    let next = stop.tokens.get(stop.index + 1)?;
    let between = matches!(found.token, Token::Name(_))
        && previous.token.can_end()
        && next.token.begins_expression()
        && !next.token.is_opener();
    if !between || next.first || stop.expects_expression() || stop.bracket().is_none() {
        return None;
    }
    let word = stop.slice(found);
    let known = INFIX.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    let usual = "connect them with an operator, or separate arguments with `,`";
    let help = known.map_or(usual, |(_, help)| help);
    let message = format!("`{word}` is not a binary operator");
    Some(replace(found.span, message, help))
}

/// `===`, `:=`, `=>`, `+=`: two signs that each mean something, but not together.
fn foreign_sign(stop: &Stop, found: &Lexeme) -> Explanation {
    let first = stop.previous().filter(|p| p.span.end == found.span.start)?;
    let help = match (first.token, found.token) {
        (Token::Eq, Token::Assign) => "write `==` to compare",
        (Token::Colon, Token::Assign) => "a binding is written `name = value`",
        (Token::Assign, Token::Gt) => {
            "there are no lambdas: write the expression itself, as `filter(score > 0.5)`; `>=` compares"
        }
        (Token::Assign, Token::Lt) => "write `<=` to compare",
        (Token::Lt, Token::Gt) => "write `!=` to compare",
        (first, Token::Assign) if first.deepens() => {
            "bindings cannot be reassigned; use another name"
        }
        _ => return None,
    };
    let signs = format!("{}{}", stop.slice(first), stop.slice(found));
    let span = first.span.to(found.span);
    Some(replace(span, format!("`{signs}` is not part of the language"), help))
}

/// `parm x: int`, `defn f(x) = ...`: a line that begins with two names.
pub fn misspelt_declaration(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    if stop.index != 1 || !matches!(stop.tokens[0].token, Token::Name(_)) {
        return None;
    }
    let word = stop.slice(&stop.tokens[0]);
    if let Some((_, _, form)) = DECLARATIONS.iter().find(|d| d.0 == word) {
        let help = format!("{} `{word}` is written `{form}`", article(word));
        let message = format!("unexpected {}", stop.shown());
        return Some(replace(found.span, message, help));
    }
    let (Token::Name(_) | Token::Quoted(_) | Token::Str(_)) = found.token else {
        return None;
    };
    let help = match aliases(word).or_else(|| nearest(word, DECLARATIONS.iter().map(|d| d.0))) {
        Some(near) => format!("did you mean `{near}`?"),
        None if stop.tokens.iter().any(|l| l.token == Token::Assign) => {
            let words: Vec<String> = DECLARATIONS.iter().map(|d| format!("`{}`", d.0)).collect();
            format!("declarations begin with {}", words.join(", "))
        }
        None => return None,
    };
    let message = format!("`{word}` begins no declaration");
    Some(replace(stop.tokens[0].span, message, help))
}

fn aliases(word: &str) -> Option<&'static str> {
    Some(match word {
        "function" | "func" | "fn" | "fun" | "define" | "proc" => "def",
        "use" | "include" | "require" => "import",
        "feature" => "value",
        "rule" | "constraint" => "policy",
        _ => return None,
    })
}

pub fn equals(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let eq = Repair::Substitute(Token::Eq);
    match found.token {
        Token::Assign if stop.expects("==") => {
            let d = Diagnostic::new(
                code::E0101,
                found.span,
                "`=` gives a name a value, it does not compare",
            );
            Some((d.help("write `==` to compare"), eq))
        }
        Token::Eq if stop.expects("=") && !stop.expects_expression() && !stop.expects("==") => {
            let d =
                Diagnostic::new(code::E0101, found.span, "`==` compares, it does not give a value");
            Some((d.help("write `=`"), Repair::Substitute(Token::Assign)))
        }
        _ => foreign_sign(stop, found),
    }
}

/// `// text` and `/* text */`.
pub fn comment_mark(stop: &Stop) -> Explanation {
    let line = stop.text[..stop.here().start as usize].rfind('\n').map_or(0, |i| i + 1);
    let mark = stop.tokens[..(stop.index + 1).min(stop.tokens.len())]
        .iter()
        .rev()
        .take_while(|l| l.span.start as usize >= line);
    let mark = mark
        .filter(|l| {
            l.token == Token::SlashSlash || stop.text[l.span.start as usize..].starts_with("/*")
        })
        .last()?;
    Some(replace(mark.span, "not a comment", "comments begin with `#`"))
}
