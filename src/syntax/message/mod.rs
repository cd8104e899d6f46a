//! What to say where the grammar stopped. Each function knows one kind of slip; the first that
//! recognises it speaks.

mod declaration;
pub mod phrase;
mod sign;
pub mod sql;
mod stop;
mod word;

use super::ast::{CompareOp, Expr, ExprKind, ItemKind};
use super::lexer::Lexeme;
use super::recover::{Repair, element, opener};
use super::token::Token;
use crate::diag::{Diagnostic, code};
use declaration::{declaration_form, misplaced_assert, nested_declaration, untyped_parameter};
use sign::{
    arrow_or_closure, as_word, bare_call, braces_of_list, cast, colon_argument, order_word, pipe,
    two_colons, type_form,
};
pub use stop::Stop;
use stop::{Explanation, expected_list, replace};
use word::{
    all_columns, comment_mark, equals, foreign_word, infix_word, misspelt_declaration,
    reserved_name, unit_word,
};

/// The message for a stop, and the repair that lets the parser go on.
pub fn explain(stop: &Stop) -> (Diagnostic, Repair) {
    let kinds: [fn(&Stop) -> Explanation; 33] = [
        as_word,
        foreign_word,
        reserved_name,
        equals,
        nested_declaration,
        misplaced_assert,
        semicolon,
        misspelt_declaration,
        unit_word,
        all_columns,
        order_word,
        arrow_or_closure,
        two_colons,
        colon_argument,
        pipe,
        bare_call,
        cast,
        braces_of_list,
        type_form,
        infix_word,
        missing_comma,
        comment_mark,
        untyped_parameter,
        declaration_form,
        null_test,
        unfinished_choice,
        leading_if,
        no_tuple,
        record_name,
        no_index,
        mixed_comparison,
        missing_expression,
        unexpected,
    ];
    kinds
        .iter()
        .find_map(|kind| kind(stop))
        .unwrap_or_else(|| replace(stop.here(), "unexpected text", "remove it"))
}

/// An expression that stands alone before other items.
pub fn lost_expression(e: &Expr, next: &ItemKind) -> Diagnostic {
    let help = match &e.kind {
        ExprKind::Compare { first, rest }
            if is_name(first) && matches!(rest[..], [(CompareOp::Eq, _)]) =>
        {
            "`==` compares; a binding is written `name = value`"
        }
        _ if matches!(next, ItemKind::Expr(Expr { kind: ExprKind::Call { .. }, .. })) => {
            "only the last item may be an expression; the next line of a chain begins with `.`"
        }
        _ => "only the last item may be an expression; give this one a name: `name = ...`",
    };
    Diagnostic::new(code::E0105, e.span, "an expression stands where an item must stand").help(help)
}

fn is_name(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Name(_))
}

fn semicolon(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Semicolon)?;
    let diagnostic = Diagnostic::new(code::E0101, found.span, "unexpected `;` within brackets");
    Some((
        diagnostic.help("arguments and elements are separated by `,`"),
        Repair::Substitute(Token::Comma),
    ))
}

/// Two elements side by side within brackets.
fn missing_comma(stop: &Stop) -> Explanation {
    let (previous, found) = (stop.previous()?, stop.found()?);
    let side_by_side = previous.token.can_end() && found.token.begins_expression();
    if !side_by_side || !stop.expects(",") || stop.bracket().is_none() || found.token.is_opener() {
        return None;
    }
    let message = format!("a comma is missing before {}", stop.shown());
    let help = format!("write `{}, {}`", last_line(stop.slice(previous)), stop.slice(found));
    let diagnostic = Diagnostic::new(code::E0101, found.span, message).help(help);
    Some((diagnostic, Repair::Insert(Token::Comma)))
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text)
}

fn null_test(stop: &Stop) -> Explanation {
    let is = stop.before().iter().rev().take(2).find(|l| l.token == Token::Is)?;
    let found = stop.found()?;
    let help = "equality is written `==`; `is` goes with `null` only: `x is null`, `x is not null`";
    Some(replace(is.span.to(found.span), "`is` compares with `null` only", help))
}

/// `a if b` without `else`.
fn unfinished_choice(stop: &Stop) -> Explanation {
    let begun = stop.before().iter().rev().find(|l| l.token == Token::If)?;
    if !stop.expects("else")
        || !(stop.at_end() || stop.found()?.token.is_closer() || stop.expects(","))
    {
        return None;
    }
    let diagnostic = Diagnostic::new(code::E0101, begun.span, "this `if` has no `else`");
    Some((diagnostic.help("a choice names both sides: `a if condition else b`"), Repair::Replace))
}

/// `if a then b else c`.
fn leading_if(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::If)?;
    let help = "the value comes first: `a if condition else b`";
    stop.expects_expression()
        .then(|| replace(found.span, "a choice does not begin with `if`", help))
}

/// `(a, b)` that is no call.
fn no_tuple(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Comma)?;
    let ends = stop.previous().is_some_and(|p| p.token.can_end());
    let tuple = ends && stop.bracket() == Some(Token::Open) && !stop.expects(",");
    let open = opener(stop.tokens, stop.index).filter(|_| tuple)?;
    let close = element(stop.tokens, open).end;
    let close = (stop.index..close).rfind(|&i| stop.tokens[i].token == Token::Close);
    let of_sets = open == 0 || stop.tokens[open - 1].token == Token::Assign;
    let help = match close {
        _ if of_sets => {
            "a list is written `[a, b]`, a page of several sets `{first: a, second: b}`".to_owned()
        }
        Some(close) if close - open < 20 => {
            format!("a list is written `[{}]`", stop.words(open + 1..close))
        }
        _ => "a list is written `[a, b]`".to_owned(),
    };
    Some(replace(found.span, "parentheses hold one expression", help))
}

/// `{"a": 1}` and `{a, b}`.
fn record_name(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|_| stop.bracket() == Some(Token::OpenRecord))?;
    if stop.expects("NAME") && !stop.expects_expression() {
        let help = "fields have plain names: `{name: value}`; other names stand in backticks";
        return Some(replace(found.span, format!("{} names no field", stop.shown()), help));
    }
    let name = stop.previous().filter(|_| stop.expected.len() == 1 && stop.expects(":"))?;
    let field = stop.slice(name);
    Some(replace(
        name.span,
        format!("the field `{field}` has no value"),
        format!("write `{field}: value`"),
    ))
}

fn no_index(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let help = match found.token {
        Token::OpenSquare => by_index(stop),
        Token::Open => "only a name can be called: `f(x)` or `x.f()`".to_owned(),
        _ => return None,
    };
    let previous = stop.previous()?;
    previous
        .token
        .can_end()
        .then(|| replace(found.span, format!("unexpected {} after a value", stop.shown()), help))
}

/// What to write for `rows[...]`.
fn by_index(stop: &Stop) -> String {
    let end = element(stop.tokens, stop.index).end;
    let close = (stop.index..end).find(|&i| stop.tokens[i].token == Token::CloseSquare);
    let inside = &stop.tokens[stop.index + 1..close.unwrap_or(end)];
    let words = stop.words(stop.index + 1..close.unwrap_or(end));
    let is_text = |l: &Lexeme| matches!(l.token, Token::Str(_));
    let between = |t: Token| t == Token::Comma || t.is_opener() || t.is_closer();
    let values = inside.iter().filter(|l| !between(l.token));
    match inside {
        [open, ..] if open.token == Token::OpenSquare && values.clone().all(is_text) => {
            let names = values.map(|l| stop.slice(l).trim_matches(['"', '\'']));
            let names = names.collect::<Vec<_>>().join(", ");
            format!("columns of the result are chosen by `select`: write `.select({names})`")
        }
        inside if inside.iter().any(|l| compares(l.token)) => {
            format!("rows are chosen by `filter`: write `.filter({words})`")
        }
        [name] if is_text(name) => {
            let name = words.trim_matches(['"', '\'']);
            format!(
                "a column stands alone in the rows of a set: `{name}`; `select` chooses columns"
            )
        }
        inside => by_place(inside),
    }
}

/// What to write for `rows[10]`, `rows[:10]`, `rows[5:10]`.
fn by_place(inside: &[Lexeme]) -> String {
    let number = |l: &Lexeme| match l.token {
        Token::Int(n) => Some(n),
        _ => None,
    };
    let colon = inside.iter().position(|l| l.token == Token::Colon);
    let (from, to) = inside.split_at(colon.unwrap_or(inside.len()));
    let from = from.first().and_then(number).unwrap_or(0);
    match to.get(1).and_then(number) {
        Some(to) if from == 0 => format!("the first rows of a set are `.take({to})`"),
        Some(to) if to > from => {
            format!("rows by their place are `.take({}, offset={from})`", to - from)
        }
        _ => "lists and sets are not indexed; `take(n, offset=k)` picks by place, `x in list` \
              asks for a member"
            .to_owned(),
    }
}

fn compares(token: Token) -> bool {
    matches!(token, Token::Eq | Token::Ne | Token::Lt | Token::Le | Token::Gt | Token::Ge)
}

/// `a < b in c`: `in` and `is` do not chain.
fn mixed_comparison(stop: &Stop) -> Explanation {
    let is_test = |t: Token| matches!(t, Token::In | Token::Is | Token::Not);
    let compares = |l: &Lexeme| compares(l.token) || is_test(l.token);
    let found = stop.found().filter(|l| compares(l))?;
    let before = stop.before().iter().any(compares);
    if stop.expects_expression() || !before {
        return None;
    }
    let help = "join two conditions with `and`, or put one in parentheses";
    Some(replace(
        found.span,
        format!("{} does not chain with the comparison before it", stop.shown()),
        help,
    ))
}

fn missing_expression(stop: &Stop) -> Explanation {
    if !stop.expects_expression() {
        return None;
    }
    let after = stop.previous().filter(|p| !p.synthetic);
    if let Some(share) = stop.share() {
        return Some(share);
    }
    let place = match after {
        Some(previous) if !previous.token.is_opener() => {
            format!("after `{}`", stop.slice(previous))
        }
        _ => format!("before {}", stop.shown()),
    };
    let span = after.filter(|_| stop.at_end()).map_or(stop.here(), |p| p.span);
    let help = if stop.at_end() {
        "write a value, a name or a call there"
    } else {
        "write a value, a name or a call there, or remove the sign"
    };
    Some(replace(span, format!("an expression is missing {place}"), help))
}

fn unexpected(stop: &Stop) -> Explanation {
    let message = match expected_list(stop) {
        Some(list) => format!("expected {list}, found {}", stop.shown()),
        None => format!("unexpected {}", stop.shown()),
    };
    let ends = stop.previous().is_some_and(|p| p.token.can_end());
    let begins = stop.found().is_some_and(|f| f.token.begins_expression());
    let typed_binding = stop.index == 1 && stop.found().is_some_and(|f| f.token == Token::Colon);
    let help = match expected_list(stop) {
        _ if stop.bracket().is_none() && stop.found().is_some_and(|l| l.token == Token::Comma) => {
            "a program has one result; several lists are a page: `{first: a, second: b}`".into()
        }
        _ if typed_binding => "a binding has no type: `name = value`; what a request gives is declared `param name: TYPE`".into(),
        Some(list) if stop.at_end() => format!("write {list} there"),
        Some(list) => format!("write {list} before it, or remove it"),
        _ if ends && begins => "connect them with an operator, or begin a new line".into(),
        _ => "remove it, or write what is missing before it".into(),
    };
    Some(replace(stop.here(), message, help))
}
