//! Declarations that are wrong in their head, or stand where none may.

use super::super::lexer::Lexeme;
use super::super::recover::Repair;
use super::super::token::{DECLARATIONS, Token};
use super::stop::Stop;
use super::stop::{Explanation, article, expected_list, replace};
use crate::diag::{Diagnostic, code};

/// A declaration within a block or bracket.
pub fn nested_declaration(stop: &Stop) -> Explanation {
    let names = |l: &Lexeme| matches!(l.token, Token::Name(_) | Token::Quoted(_) | Token::Str(_));
    let (word, lexeme) = match (stop.previous(), stop.found()?) {
        (_, found) if found.token == Token::Def && stop.index > 0 => ("def", found),
        (Some(previous), found)
            if names(found)
                && stop.before().len() == 1
                && stop.bracket() == Some(Token::OpenBlock) =>
        {
            (DECLARATIONS.iter().find(|d| d.0 == stop.slice(previous))?.0, previous)
        }
        _ => return None,
    };
    let diagnostic =
        Diagnostic::new(code::E0106, lexeme.span, format!("`{word}` is not allowed here"));
    Some((
        diagnostic.help(
            "declarations stand at the top level of a file; a block holds bindings `name = value`",
        ),
        Repair::Replace,
    ))
}

pub fn misplaced_assert(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Assert)?;
    let diagnostic = Diagnostic::new(code::E0106, found.span, "`assert` is not allowed here");
    Some((diagnostic.help("asserts are lines of the block of a `test`"), Repair::Replace))
}

/// `def f(rows) = ...`.
pub fn untyped_parameter(stop: &Stop) -> Explanation {
    let name = stop.previous().filter(|p| matches!(p.token, Token::Name(_) | Token::Quoted(_)))?;
    stop.tokens.first()?.token.declaration()?;
    let typed =
        stop.bracket() == Some(Token::Open) && stop.expected.len() == 1 && stop.expects(":");
    let typed = typed
        || stop.tokens[0].token == Token::Param
            && stop.index == 2
            && stop.found().is_some_and(|l| l.token == Token::Assign);
    let name_text = stop.slice(name);
    let default = stop.tokens.get(stop.index + 1);
    let help = match default.and_then(|l| Some((type_of(l.token)?, stop.slice(l)))) {
        Some((ty, value)) => format!("write its type after it: `{name_text}: {ty} = {value}`"),
        None if stop.tokens[0].token == Token::Param => {
            format!("write its type after it: `{name_text}: int`")
        }
        None => {
            format!("write its type after it: `{name_text}: float`, `{name_text}: set[media]`")
        }
    };
    let message = format!("the parameter `{name_text}` has no type");
    typed.then(|| replace(name.span, message, help))
}

/// The type of a literal.
fn type_of(token: Token) -> Option<&'static str> {
    Some(match token {
        Token::Int(_) => "int",
        Token::Float(_) => "float",
        Token::Str(_) => "string",
        Token::True | Token::False => "bool",
        Token::Duration(_) => "duration",
        Token::Time(_) => "time",
        _ => return None,
    })
}

/// `query main(n: int):`, `def f(n: int) { ... }`, `query main() -> set[media]`: what stands between the
/// head of a declaration and its body.
fn before_body(stop: &Stop) -> Explanation {
    let word = stop.tokens.first()?.token.declaration()?.0;
    let found = stop.found()?;
    if !stop.expects("=") || stop.bracket().is_some() {
        return None;
    }
    let head = stop.words(0..stop.index);
    match found.token {
        Token::Colon if stop.index > 2 => {
            let help = format!("write `{head} = ...`; a body of several lines is `= {{ ... }}`");
            Some(replace(found.span, "the body comes after `=`", help))
        }
        Token::OpenBlock => {
            let diagnostic = Diagnostic::new(code::E0101, found.span, "the body comes after `=`")
                .help(format!("write `{head} = {{ ... }}`"));
            Some((diagnostic, Repair::Insert(Token::Assign)))
        }
        Token::Arrow if !stop.expects("->") => {
            let message = format!("{} `{word}` has no return type", article(word));
            let help = format!("leave the type out: `{head} = ...`");
            Some(replace(found.span, message, help))
        }
        _ => None,
    }
}

/// A declaration whose head is wrong: show its form.
pub fn declaration_form(stop: &Stop) -> Explanation {
    let (word, form) = stop.tokens.first()?.token.declaration()?;
    if let Some(found) = before_body(stop) {
        return Some(found);
    }
    let head = &stop.tokens[..stop.index];
    if stop.found().is_some_and(|l| l.token == Token::Where)
        && head.iter().any(|l| l.token == Token::Weight)
    {
        return Some(replace(
            stop.here(),
            "`where` stands before `weight`",
            format!("an `edge` is written `{form}`"),
        ));
    }
    // After its `=` only the block of a `test` can be the wrong kind of thing.
    let assigned = head.iter().any(|l| l.token == Token::Assign)
        && (!stop.expects("{") || stop.expects_expression());
    if stop.bracket().is_some() || assigned {
        return None;
    }
    let help = format!("{} `{word}` is written `{form}`", article(word));
    let message = match expected_list(stop) {
        Some(list) => format!("expected {list}, found {}", stop.shown()),
        None => format!("unexpected {}", stop.shown()),
    };
    Some(replace(stop.here(), message, help))
}
