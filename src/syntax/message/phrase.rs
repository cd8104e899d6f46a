//! Phrases of other languages within an expression: `case when a then b end`, `interval '7 days'`,
//! `count(distinct x)`, `(select ...)`, `x =~ "..."`. Each is one mistake, not several missing commas:
//! it is taken out before the grammar looks, and what was found in it is not said again.

use super::super::lexer::Lexeme;
use super::super::literal::{duration_in, unit_of};
use super::super::token::Token;
use super::sql;
use crate::diag::{Diagnostic, code};

/// A phrase: how many tokens before its first sign belong to it, how many from there on, and what to
/// say of it.
struct Phrase {
    before: usize,
    length: usize,
    message: &'static str,
    help: String,
}

/// Takes the phrases out of an item: `Bad` stands in their place.
pub fn take_out(text: &str, tokens: &mut Vec<Lexeme>) -> Vec<Diagnostic> {
    let kinds = [choice, interval, distinct, subquery, pattern];
    let phrase_at = |at: usize| match tokens[at].token {
        Token::Name(_) | Token::Assign | Token::Tilde => {
            kinds.iter().find_map(|kind| kind(text, tokens, at))
        }
        _ => None,
    };
    if (0..tokens.len()).all(|at| phrase_at(at).is_none()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut kept: Vec<Lexeme> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some(phrase) = phrase_at(at) else {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let (start, end) = (at - phrase.before, at + phrase.length);
        let span = tokens[start].span.to(tokens[end - 1].span);
        found.push(Diagnostic::new(code::E0101, span, phrase.message).help(phrase.help));
        kept.truncate(kept.len() - phrase.before);
        kept.push(Lexeme { first: tokens[start].first, ..Lexeme::synthetic(Token::Bad, span) });
        at = end;
    }
    *tokens = kept;
    found
}

/// How many tokens a phrase has at most.
const LONGEST: usize = 500;

fn is_word(text: &str, lexeme: Option<&Lexeme>, word: &str) -> bool {
    lexeme.is_some_and(|l| !l.synthetic && text[l.span.range()].eq_ignore_ascii_case(word))
}

/// Where the element ends that begins at a token: at the next comma or separator, or where its bracket
/// closes.
fn element_end(tokens: &[Lexeme], start: usize) -> usize {
    let mut depth = 0_usize;
    let most = tokens.len().min(start + LONGEST);
    for (i, lexeme) in tokens.iter().enumerate().take(most).skip(start) {
        match lexeme.token {
            t if t.is_opener() => depth += 1,
            t if t.is_closer() && depth == 0 => return i,
            t if t.is_closer() => depth -= 1,
            Token::Comma | Token::Sep if depth == 0 => return i,
            _ => {}
        }
    }
    most
}

/// `case when a then b else c end`, `case x when 1 then b end`.
fn choice(text: &str, tokens: &[Lexeme], at: usize) -> Option<Phrase> {
    if !is_word(text, tokens.get(at), "case") {
        return None;
    }
    let end = choice_end(text, tokens, at);
    let parts = choice_parts(text, &tokens[at + 1..end]);
    if !parts.iter().any(|(word, _)| *word == "when") {
        return None;
    }
    let written = |part: &[&Lexeme]| match part {
        [] => "...".to_owned(),
        part => sql::condition(text, part),
    };
    let subject = &parts[0].1;
    let mut choices = String::new();
    let mut condition = None;
    let mut otherwise = "null".to_owned();
    for (word, part) in &parts[1..] {
        let part = written(part);
        match *word {
            "when" if subject.is_empty() => condition = Some(part),
            "when" => condition = Some(format!("{} == {part}", written(subject))),
            "then" => choices += &format!("{part} if {} else ", condition.take()?),
            "else" => otherwise = part,
            _ => {}
        }
    }
    Some(Phrase {
        before: 0,
        length: end - at,
        message: "a choice has no `case`",
        help: format!("it is written `{choices}{otherwise}`"),
    })
}

/// Where a choice is over: behind its `end`, or else with the element.
fn choice_end(text: &str, tokens: &[Lexeme], at: usize) -> usize {
    let end = element_end(tokens, at);
    let mut open = 0_usize;
    for (i, lexeme) in tokens.iter().enumerate().take(end).skip(at) {
        open += usize::from(is_word(text, Some(lexeme), "case"));
        if is_word(text, Some(lexeme), "end") {
            open -= 1;
            if open == 0 {
                return i + 1;
            }
        }
    }
    end
}

/// The parts of a choice: the word that begins each, and what follows it. The first follows `case`.
fn choice_parts<'t, 's>(
    text: &str,
    tokens: &'t [Lexeme<'s>],
) -> Vec<(&'static str, Vec<&'t Lexeme<'s>>)> {
    let mut parts = Vec::new();
    let (mut begins, mut part) = ("case", Vec::new());
    let mut open = 0_usize;
    for lexeme in tokens {
        let mut words = ["when", "then", "else", "end"].into_iter();
        let word = words.find(|word| is_word(text, Some(lexeme), word));
        open += usize::from(is_word(text, Some(lexeme), "case"));
        match word {
            Some(word) if open == 0 => {
                parts.push((begins, part));
                (begins, part) = (word, Vec::new());
            }
            _ => part.push(lexeme),
        }
        open -= usize::from(open > 0 && word == Some("end"));
    }
    parts.push((begins, part));
    parts
}

/// `interval '7 days'`, `interval '7' day`, `interval 7 day`.
fn interval(text: &str, tokens: &[Lexeme], at: usize) -> Option<Phrase> {
    if !is_word(text, tokens.get(at), "interval") {
        return None;
    }
    let amount = tokens.get(at + 1)?;
    let amount = match amount.token {
        Token::Str(text) => text.trim_matches(['"', '\'']),
        Token::Int(_) | Token::Float(_) | Token::Duration(_) => &text[amount.span.range()],
        _ => return None,
    };
    let unit = tokens
        .get(at + 2)
        .filter(|l| matches!(l.token, Token::Name(_)) && !l.first)
        .map(|l| &text[l.span.range()]);
    let with_unit = unit.and_then(|unit| Some(format!("{amount}{}", unit_of(unit)?)));
    let length = 2 + usize::from(with_unit.is_some());
    let help = match with_unit.or_else(|| duration_in(amount)) {
        Some(duration) => format!("write `{duration}`"),
        None => "durations are written `7d`, `12h`, `30m`, `90s`; a month is `30d`".to_owned(),
    };
    Some(Phrase { before: 0, length, message: "a duration is written in one word", help })
}

/// `count(distinct x)`.
fn distinct(text: &str, tokens: &[Lexeme], at: usize) -> Option<Phrase> {
    let opens = at.checked_sub(1).map(|i| tokens[i].token) == Some(Token::Open);
    let next = tokens.get(at + 1)?;
    let begins = next.token.begins_expression() && next.token != Token::Open;
    if !opens || !begins || !is_word(text, tokens.get(at), "distinct") {
        return None;
    }
    let end = element_end(tokens, at);
    let of: Vec<&Lexeme> = tokens[at + 1..end].iter().collect();
    let of = sql::whole(text, &of);
    Some(Phrase {
        before: 0,
        length: end - at,
        message: "`distinct` is not part of the language",
        help: format!(
            "a set has each entity once, so `count(rows)` counts each once; how many values a column has in a \
             set is `count(rows.take(1, per={of}))`"
        ),
    })
}

/// `(select ...)`.
fn subquery(text: &str, tokens: &[Lexeme], at: usize) -> Option<Phrase> {
    let opens = at.checked_sub(1).map(|i| tokens[i].token) == Some(Token::Open);
    if !opens || !is_word(text, tokens.get(at), "select") || !sql::selects(&tokens[at..]) {
        return None;
    }
    let mut end = at;
    while end < tokens.len() && tokens[end].token != Token::Close {
        let after = element_end(tokens, end);
        end = after + usize::from(tokens.get(after).is_some_and(|l| l.token == Token::Comma));
        if end == after {
            break;
        }
    }
    let part: Vec<&Lexeme> = tokens[at..end].iter().collect();
    Some(Phrase {
        before: 0,
        length: end - at,
        message: "this is SQL",
        help: format!(
            "where an entity is meant, write `{}`; where it is an edge, `exists(likes(viewer, it))` asks for links \
             to the row",
            sql::program(text, &part)
        ),
    })
}

/// `kind =~ "v.*"`, `kind ~ "v.*"`.
fn pattern(text: &str, tokens: &[Lexeme], at: usize) -> Option<Phrase> {
    let length = match tokens[at].token {
        Token::Assign
            // `name=~"..."` gives an argument, `name = ~"..."` binds: both can be read
            if tokens.get(at + 1)?.token == Token::Tilde
                && tokens[at].span.end == tokens[at + 1].span.start
                && tokens[at.checked_sub(1)?].span.end < tokens[at].span.start =>
        {
            3
        }
        Token::Tilde if !tokens[at].first => 2,
        _ => return None,
    };
    let Token::Str(pattern) = tokens.get(at + length - 1)?.token else {
        return None;
    };
    let named = |i: usize| matches!(tokens[i].token, Token::Name(_) | Token::Quoted(_));
    let mut start = at.checked_sub(1).filter(|&i| named(i))?;
    while start >= 2 && tokens[start - 1].token == Token::Dot && named(start - 2) {
        start -= 2;
    }
    let value: Vec<&Lexeme> = tokens[start..at].iter().collect();
    let pattern = match pattern.contains('(') {
        true => pattern.to_owned(),
        // what is to be extracted stands in parentheses
        false => {
            let (quote, inner) = (&pattern[..1], &pattern[1..pattern.len() - 1]);
            format!("{quote}({inner}){quote}")
        }
    };
    Some(Phrase {
        before: at - start,
        length,
        message: "no sign compares a text with a pattern",
        help: format!("write `extract({}, {pattern}) is not null`", sql::whole(text, &value)),
    })
}
