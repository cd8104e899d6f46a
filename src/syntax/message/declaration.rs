//! Declarations that are wrong in their head, or stand where none may.

use super::super::lexer::Lexeme;
use super::super::parse::Stop;
use super::super::recover::Repair;
use super::super::token::{DECLARATIONS, Token};
use super::{Explanation, article, expected_list, replace};
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
            (
                DECLARATIONS.iter().find(|d| d.0 == stop.slice(previous))?.0,
                previous,
            )
        }
        _ => return None,
    };
    let diagnostic = Diagnostic::new(
        code::E0106,
        lexeme.span,
        format!("a `{word}` may not stand here"),
    );
    Some((
        diagnostic.help(
            "declarations stand at the top level of a file; a block holds bindings `name = value`",
        ),
        Repair::Replace,
    ))
}

pub fn misplaced_assert(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Assert)?;
    let diagnostic = Diagnostic::new(code::E0106, found.span, "an `assert` may not stand here");
    Some((
        diagnostic.help("asserts are lines of the block of a `test`"),
        Repair::Replace,
    ))
}

/// `def f(rows) = ...`.
pub fn untyped_parameter(stop: &Stop) -> Explanation {
    let name = stop
        .previous()
        .filter(|p| matches!(p.token, Token::Name(_) | Token::Quoted(_)))?;
    stop.tokens.first()?.token.declaration()?;
    let typed =
        stop.bracket() == Some(Token::Open) && stop.expected.len() == 1 && stop.expects(":");
    let name_text = stop.slice(name);
    let help = format!("write its type after it: `{name_text}: float`, `{name_text}: set[media]`");
    typed.then(|| {
        replace(
            name.span,
            format!("the parameter `{name_text}` has no type"),
            help,
        )
    })
}

/// A declaration whose head is wrong: show its form.
pub fn declaration_form(stop: &Stop) -> Explanation {
    let (word, form) = stop.tokens.first()?.token.declaration()?;
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
