//! Signs of other languages, and things put together without the signs of this one.

use super::super::recover::{Repair, element, opener};
use super::super::token::Token;
use super::stop::Stop;
use super::stop::{Explanation, replace};
use crate::diag::{Diagnostic, code};

/// Types that a value can be made of, by the names they have elsewhere.
const CASTS: [(&str, &str); 9] = [
    ("float", "float"),
    ("double", "float"),
    ("f64", "float"),
    ("real", "float"),
    ("numeric", "float"),
    ("int", "int"),
    ("integer", "int"),
    ("bigint", "int"),
    ("i64", "int"),
];

/// The function that makes a value of a type.
fn cast_to(name: &str) -> Option<&'static str> {
    let found = CASTS.iter().find(|(other, _)| name.eq_ignore_ascii_case(other));
    found.map(|(_, function)| *function)
}

/// `quality as q`, `x as float`.
pub fn as_word(stop: &Stop) -> Explanation {
    let near = [stop.index.checked_sub(1), Some(stop.index)];
    let at = near.into_iter().flatten().find(|&i| {
        let word = stop.tokens.get(i).map(|l| l.token);
        i > 0 && matches!(word, Some(Token::Name(word)) if word.eq_ignore_ascii_case("as"))
    })?;
    let lexeme = &stop.tokens[at];
    let message = "`as` is not part of the language";
    if stop.tokens[0].token == Token::Import {
        let help = "a module is imported under its own name; bind another: `name = value`";
        return Some(replace(lexeme.span, message, help));
    }
    let value = stop.words(element(stop.tokens, at).value..at);
    let value = if value.len() > 80 { "..." } else { &value };
    let name = stop.tokens.get(at + 1).map(|l| stop.slice(l));
    let help = match (name, stop.called(at)) {
        (Some(ty), _) if cast_to(ty).is_some() => {
            format!("write `{}({value})`", cast_to(ty).unwrap_or_default())
        }
        (Some(name), Some(callee @ ("select" | "let"))) => {
            format!("the name comes first: `{callee}({name}={value})`")
        }
        (Some(name), _) => format!("the name comes first: `{name} = {value}`"),
        (None, _) => "the name comes first: `name = value`".to_owned(),
    };
    Some(replace(lexeme.span, message, help))
}

/// `score(quality desc)`.
pub fn order_word(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let word = stop.slice(found).to_ascii_lowercase();
    let ascends = match word.as_str() {
        "desc" | "descending" => false,
        "asc" | "ascending" => true,
        _ => return None,
    };
    if !stop.previous()?.token.can_end() {
        return None;
    }
    let value = stop.words(element(stop.tokens, stop.index).value..stop.index);
    let help = match ascends {
        false => format!("rows are sorted by score, descending: write `score({value})`"),
        true => format!(
            "rows are sorted by score, descending; to reverse the order use `-x`, for a time `age(t)`: write `score(-{})`",
            if value.contains(' ') { format!("({value})") } else { value }
        ),
    };
    let message = format!("`{word}` cannot follow a value");
    Some(replace(found.span, message, help))
}

/// `|m| m.quality > 0.5`, `m -> m.quality > 0.5`; `author->name`.
pub fn arrow_or_closure(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let token = |i: usize| stop.tokens.get(stop.index + i).map(|l| l.token);
    let is_name = |token: Option<Token>| matches!(token, Some(Token::Name(_)));
    let lambda = "write the expression itself, as `filter(score > 0.5)`";
    if found.token == Token::Pipe
        && stop.expects_expression()
        && is_name(token(1))
        && token(2) == Some(Token::Pipe)
    {
        let span = found.span.to(stop.tokens[stop.index + 2].span);
        return Some(replace(span, "there are no lambdas", lambda));
    }
    if found.token != Token::Arrow || !stop.previous()?.token.can_end() || !is_name(token(1)) {
        return None;
    }
    let (previous, next) = (stop.previous()?, &stop.tokens[stop.index + 1]);
    let joined = previous.span.end == found.span.start && found.span.end == next.span.start;
    if joined {
        let (previous, next) = (stop.slice(previous), stop.slice(next));
        let help = format!("write a dot: `{previous}.{next}`");
        let message = "`->` stands before the type that a definition gives";
        return Some(replace(found.span, message, help));
    }
    (stop.bracket() == Some(Token::Open))
        .then(|| replace(found.span, "there are no lambdas", lambda))
}

/// `x::float`, `author::name`, and `:=`.
pub fn two_colons(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Colon)?;
    let second = stop.tokens.get(stop.index + 1)?;
    if found.span.end != second.span.start {
        return None;
    }
    let span = found.span.to(second.span);
    if second.token == Token::Assign {
        let help = "a binding is written `name = value`";
        return Some(replace(span, "`:=` is not part of the language", help));
    }
    let name = stop.tokens.get(stop.index + 2)?;
    if second.token != Token::Colon || !matches!(name.token, Token::Name(_)) {
        return None;
    }
    let value = stop.words(element(stop.tokens, stop.index).value..stop.index);
    let name = stop.slice(name);
    let help = match cast_to(name) {
        Some(function) => format!("write `{function}({value})`"),
        None => format!("write a dot: `{value}.{name}`"),
    };
    Some(replace(span, "`::` is not part of the language", help))
}

/// `take(n: 10)`.
pub fn colon_argument(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Colon)?;
    let name = stop.previous()?;
    let begins = stop.tokens.get(stop.index.checked_sub(2)?)?.token;
    if !matches!(name.token, Token::Name(_))
        || !matches!(begins, Token::Open | Token::Comma)
        || stop.called(stop.index).is_none()
    {
        return None;
    }
    let end = element(stop.tokens, stop.index).end;
    let value = stop.words(stop.index + 1..end);
    let help = format!("write `{}={value}`", stop.slice(name));
    let message = "the name of an argument is followed by `=`";
    let diagnostic = Diagnostic::new(code::E0101, found.span, message).help(help);
    Some((diagnostic, Repair::Substitute(Token::Assign)))
}

/// `rows |> take(10)`, `rows %>% take(10)`.
pub fn pipe(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Gt)?;
    let first = stop.previous()?;
    let next = stop.tokens.get(stop.index + 1);
    let after = match (first.token, next.map(|l| l.token)) {
        _ if first.span.end != found.span.start => return None,
        (Token::Pipe, _) => stop.index + 1,
        (Token::Percent, Some(Token::Percent)) => stop.index + 2,
        _ => return None,
    };
    let span = first.span.to(stop.tokens[after - 1].span);
    let end = element(stop.tokens, stop.index).end;
    let help = format!("operators follow a dot: `.{}`", stop.words(after..end));
    let sign = &stop.text[span.range()];
    let message = format!("`{sign}` is not part of the language");
    Some(replace(span, message, help))
}

/// `.take 10`.
pub fn bare_call(stop: &Stop) -> Explanation {
    let (name, found) = (stop.previous()?, stop.found()?);
    let point = stop.tokens.get(stop.index.checked_sub(2)?)?.token;
    let argument = found.token.is_literal() || matches!(found.token, Token::Name(_));
    let called = matches!(name.token, Token::Name(_)) && matches!(point, Token::Dot | Token::Pipe);
    let within = stop.bracket().is_some_and(|b| b != Token::OpenBlock);
    if !called || !argument || found.first || within {
        return None;
    }
    let (name, argument) = (stop.slice(name), stop.slice(found));
    let help = format!("write `.{name}({argument})`");
    let message = format!("put the arguments of `{name}` in parentheses");
    Some(replace(found.span, message, help))
}

/// `(float) x`.
pub fn cast(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token.begins_expression())?;
    let close = stop.index.checked_sub(1)?;
    let begin = close.checked_sub(2)?;
    let (open, name) = (&stop.tokens[begin], &stop.tokens[begin + 1]);
    let brackets = open.token == Token::Open && stop.tokens[close].token == Token::Close;
    let function = cast_to(stop.slice(name)).filter(|_| brackets)?;
    let value = stop.words(stop.index..element(stop.tokens, stop.index).end);
    let span = open.span.to(found.span);
    let help = format!("write `{function}({value})`");
    Some(replace(span, "a type does not stand before a value", help))
}

/// `in {"a", "b"}`.
pub fn braces_of_list(stop: &Stop) -> Explanation {
    stop.found().filter(|l| l.token == Token::Comma)?;
    let open = opener(stop.tokens, stop.index)?;
    let before = stop.tokens.get(open.checked_sub(1)?)?.token;
    let block = stop.tokens[open].token == Token::OpenBlock;
    let end = element(stop.tokens, open).end;
    let close = (open..end).find(|&i| stop.tokens[i].token == Token::CloseBrace)?;
    let inside = &stop.tokens[open + 1..close];
    let plain =
        |t: Token| t.is_literal() || matches!(t, Token::Name(_) | Token::Comma | Token::Dot);
    if !block || before == Token::Close || !inside.iter().all(|l| plain(l.token)) {
        return None;
    }
    let help = format!("write lists in square brackets: `[{}]`", stop.words(open + 1..close));
    let span = stop.tokens[open].span.to(stop.tokens[close].span);
    Some(replace(span, "braces hold a block", help))
}

/// `list<int>`, `[int]` and `int | null` where a type stands.
pub fn type_form(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let end = element(stop.tokens, stop.index).end;
    if found.token == Token::OpenSquare {
        let typed = stop.expects("NAME") && stop.expects("INT") && !stop.expects("(");
        let close = (stop.index..end).find(|&i| stop.tokens[i].token == Token::CloseSquare)?;
        let help = format!("write `list{}`", stop.words(stop.index..close + 1));
        return typed.then(|| replace(found.span, "a type begins with its name", help));
    }
    if !stop.expects("[") || stop.expects_expression() {
        return None;
    }
    match found.token {
        Token::Lt => {
            let close = (stop.index..end).rfind(|&i| stop.tokens[i].token == Token::Gt)?;
            let ty = stop.words(stop.index - 1..close + 1).to_lowercase();
            let ty = ty.replace('<', "[").replace('>', "]");
            let message = "the parts of a type stand in square brackets";
            Some(replace(found.span, message, format!("write `{ty}`")))
        }
        Token::Pipe => {
            let help =
                "every type has null: write the type alone, and `= null` where nothing is given";
            Some(replace(found.span, "a type has no alternatives", help))
        }
        _ => None,
    }
}
