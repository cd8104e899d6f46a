//! What to say where the grammar stopped. Each function knows one kind of slip; the first that
//! recognises it speaks.

use super::ast::{CompareOp, Expr, ExprKind};
use super::lexer::Lexeme;
use super::parse::Stop;
use super::recover::{Repair, element, end_before, opener};
use super::token::{DECLARATIONS, Token};
use crate::diag::suggest::nearest;
use crate::diag::{Diagnostic, code};
use crate::source::Span;

type Explanation = Option<(Diagnostic, Repair)>;

/// Words of other languages: what to say and what to do instead.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("lambda", "there are no lambdas", "write the expression itself: `filter(score > 0.5)`"),
    ("for", "there are no loops", "operators work on whole sets: `filter`, `let` and `score` look at every row"),
    ("while", "there are no loops", "operators work on whole sets: `filter`, `let` and `score` look at every row"),
    ("return", "`return` is not part of the language", "the last line of a block is its value"),
    ("elif", "`elif` is not part of the language", "choices chain: `a if x else b if y else c`"),
    ("then", "`then` is not part of the language", "a choice is written `a if condition else b`"),
    ("const", "`const` is not part of the language", "a binding is written `name = value`"),
    ("var", "`var` is not part of the language", "a binding is written `name = value`"),
    ("let", "a binding needs no `let`", "a binding is written `name = value`; a column is added with `.let(name=value)`"),
    ("from", "`from` is not part of an import", "a module is imported whole: `import std.hybrid`"),
    ("as", "names cannot be changed with `as`", "bind another name: `name = value`"),
    ("null", "`null` is tested with `is null`", "write `x is null` or `x is not null`"),
];

/// The message for a stop, and the repair that lets the parser go on.
pub fn explain(stop: &Stop) -> (Diagnostic, Repair) {
    let kinds: [fn(&Stop) -> Explanation; 16] = [
        foreign_word,
        reserved_name,
        equals,
        nested_declaration,
        misplaced_assert,
        semicolon,
        misspelt_declaration,
        missing_comma,
        comment_mark,
        declaration_form,
        null_test,
        unfinished_choice,
        no_index,
        mixed_comparison,
        missing_expression,
        unexpected,
    ];
    kinds.iter().find_map(|kind| kind(stop)).unwrap_or_else(|| replace(stop.here(), "unexpected text", "remove it"))
}

fn replace(span: Span, message: impl Into<String>, help: impl Into<String>) -> (Diagnostic, Repair) {
    (Diagnostic::new(code::E0101, span, message).help(help), Repair::Replace)
}

/// An expression that stands alone before other items.
pub fn lost_expression(e: &Expr) -> Diagnostic {
    let help = match &e.kind {
        ExprKind::Compare { first, rest } if is_name(first) && matches!(rest[..], [(CompareOp::Eq, _)]) => {
            "`==` compares; a binding is written `name = value`"
        }
        _ => "only the last item may be an expression; give this one a name: `name = ...`",
    };
    Diagnostic::new(code::E0105, e.span, "an expression stands where an item must stand").help(help)
}

fn is_name(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Name(_))
}

impl<'a, 't> Stop<'a, 't> {
    fn found(&self) -> Option<&'a Lexeme<'t>> {
        self.tokens.get(self.index)
    }

    fn previous(&self) -> Option<&'a Lexeme<'t>> {
        self.tokens.get(self.index.checked_sub(1)?)
    }

    fn slice(&self, lexeme: &Lexeme) -> &'t str {
        &self.text[lexeme.span.range()]
    }

    /// The text at fault: the token that did not fit, or the end.
    fn here(&self) -> Span {
        match self.found() {
            Some(lexeme) if !lexeme.synthetic => lexeme.span,
            _ => end_before(self.tokens, self.index),
        }
    }

    fn expects(&self, token: &str) -> bool {
        self.expected.iter().any(|e| e.trim_matches('"') == token)
    }

    fn expects_expression(&self) -> bool {
        self.expects("INT") && self.expects("(")
    }

    /// The opener of the bracket in which the parser stopped.
    fn bracket(&self) -> Option<Token<'t>> {
        opener(self.tokens, self.index).map(|i| self.tokens[i].token)
    }

    /// The tokens of the current element before the stop.
    fn before(&self) -> &'a [Lexeme<'t>] {
        &self.tokens[element(self.tokens, self.index).start..self.index]
    }

    /// What stands where the parser stopped, for people.
    fn shown(&self) -> String {
        match self.found() {
            None => "the end".into(),
            Some(lexeme) if lexeme.token == Token::Sep => "the end of the line".into(),
            Some(lexeme) => format!("`{}`", self.slice(lexeme)),
        }
    }

    /// Whether the line or statement ends here.
    fn at_end(&self) -> bool {
        self.found().is_none_or(|l| l.token == Token::Sep)
    }
}

fn foreign_word(stop: &Stop) -> Explanation {
    let near = [stop.index.checked_sub(1), Some(stop.index)];
    let near = near.into_iter().flatten().filter_map(|i| stop.tokens.get(i)).chain(stop.before().first());
    let mut words = near.filter(|l| matches!(l.token, Token::Name(_)));
    words.find_map(|lexeme| {
        let word = FOREIGN.iter().find(|f| f.0 == stop.slice(lexeme))?;
        Some(replace(lexeme.span, word.1, word.2))
    })
}

fn reserved_name(stop: &Stop) -> Explanation {
    let lexeme = stop.found()?;
    let word = stop.slice(lexeme);
    let reserved = super::RESERVED.contains(&word);
    if !reserved || lexeme.synthetic || !stop.expects("NAME") || stop.expects_expression() {
        return None;
    }
    let help = format!("choose another name, or write it in backticks: `` `{word}` ``");
    Some(replace(lexeme.span, format!("`{word}` is a reserved word, not a name"), help))
}

fn equals(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let eq = Repair::Substitute(Token::Eq);
    match found.token {
        Token::Assign if stop.expects("==") => {
            let d = Diagnostic::new(code::E0101, found.span, "`=` gives a name a value, it does not compare");
            Some((d.help("write `==` to compare"), eq))
        }
        Token::Eq if stop.expects("=") && !stop.expects_expression() && !stop.expects("==") => {
            let d = Diagnostic::new(code::E0101, found.span, "`==` compares, it does not give a value");
            Some((d.help("write `=`"), Repair::Substitute(Token::Assign)))
        }
        Token::Assign if stop.previous().is_some_and(|p| p.token == Token::Eq) => {
            Some(replace(found.span, "`===` is not part of the language", "write `==` to compare"))
        }
        Token::Assign if stop.previous().is_some_and(|p| p.token == Token::Colon) => {
            Some(replace(found.span, "`:=` is not part of the language", "a binding is written `name = value`"))
        }
        _ => None,
    }
}

/// A declaration within a block or bracket.
fn nested_declaration(stop: &Stop) -> Explanation {
    let names = |l: &Lexeme| matches!(l.token, Token::Name(_) | Token::Quoted(_) | Token::Str(_));
    let (word, lexeme) = match (stop.previous(), stop.found()?) {
        (_, found) if found.token == Token::Def && stop.index > 0 => ("def", found),
        (Some(previous), found) if names(found) && stop.before().len() == 1 && stop.bracket() == Some(Token::OpenBlock) => {
            (DECLARATIONS.iter().find(|d| d.0 == stop.slice(previous))?.0, previous)
        }
        _ => return None,
    };
    let diagnostic = Diagnostic::new(code::E0106, lexeme.span, format!("a `{word}` may not stand here"));
    Some((diagnostic.help("declarations stand at the top level of a file; a block holds bindings `name = value`"), Repair::Replace))
}

fn misplaced_assert(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Assert)?;
    let diagnostic = Diagnostic::new(code::E0106, found.span, "an `assert` may not stand here");
    Some((diagnostic.help("asserts are lines of the block of a `test`"), Repair::Replace))
}

fn semicolon(stop: &Stop) -> Explanation {
    let found = stop.found().filter(|l| l.token == Token::Semicolon)?;
    let diagnostic = Diagnostic::new(code::E0101, found.span, "unexpected `;` within brackets");
    Some((diagnostic.help("arguments and elements are separated by `,`"), Repair::Substitute(Token::Comma)))
}

/// `parm x: int`, `defn f(x) = ...`: a line that begins with two names.
fn misspelt_declaration(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let names = matches!(found.token, Token::Name(_) | Token::Quoted(_) | Token::Str(_));
    if stop.index != 1 || !names || !matches!(stop.tokens[0].token, Token::Name(_)) {
        return None;
    }
    let word = stop.slice(&stop.tokens[0]);
    let help = match aliases(word).or_else(|| nearest(word, DECLARATIONS.iter().map(|d| d.0))) {
        Some(near) => format!("did you mean `{near}`?"),
        None if matches!(found.token, Token::Str(_)) => return None,
        None => {
            let words: Vec<String> = DECLARATIONS.iter().map(|d| format!("`{}`", d.0)).collect();
            format!("declarations begin with {}", words.join(", "))
        }
    };
    Some(replace(stop.tokens[0].span, format!("`{word}` begins no declaration"), help))
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

/// `// text` and `/* text */`.
fn comment_mark(stop: &Stop) -> Explanation {
    let line = stop.text[..stop.here().start as usize].rfind('\n').map_or(0, |i| i + 1);
    let mark = stop.tokens[..stop.index.min(stop.tokens.len())].iter().rev().take_while(|l| l.span.start as usize >= line);
    let mark = mark.filter(|l| l.token == Token::SlashSlash || stop.text[l.span.start as usize..].starts_with("/*")).last()?;
    Some(replace(mark.span, "this is no comment", "comments begin with `#`"))
}

/// A declaration whose head is wrong: show its form.
fn declaration_form(stop: &Stop) -> Explanation {
    let (word, form) = stop.tokens.first()?.token.declaration()?;
    let head = &stop.tokens[..stop.index];
    if stop.bracket().is_some() || head.iter().any(|l| l.token == Token::Assign) {
        return None;
    }
    let help = format!("{} `{word}` is written `{form}`", article(word));
    let message = match expected_list(stop) {
        Some(list) => format!("expected {list}, found {}", stop.shown()),
        None => format!("unexpected {}", stop.shown()),
    };
    Some(replace(stop.here(), message, help))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
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
    if !stop.expects("else") || !(stop.at_end() || stop.found()?.token.is_closer() || stop.expects(",")) {
        return None;
    }
    let diagnostic = Diagnostic::new(code::E0101, begun.span, "this `if` has no `else`");
    Some((diagnostic.help("a choice names both sides: `a if condition else b`"), Repair::Replace))
}

fn no_index(stop: &Stop) -> Explanation {
    let found = stop.found()?;
    let help = match found.token {
        Token::OpenSquare => "lists and sets are not indexed; `take(n, offset=k)` picks by place, `x in list` asks for a member",
        Token::Open => "only a name can be called: `f(x)` or `x.f()`",
        _ => return None,
    };
    let previous = stop.previous()?;
    previous.token.can_end().then(|| replace(found.span, format!("unexpected {} after a value", stop.shown()), help))
}

/// `a < b in c`: `in` and `is` do not chain.
fn mixed_comparison(stop: &Stop) -> Explanation {
    let is_test = |t: Token| matches!(t, Token::In | Token::Is | Token::Not);
    let compares = |t: Token| matches!(t, Token::Eq | Token::Ne | Token::Lt | Token::Le | Token::Gt | Token::Ge) || is_test(t);
    let found = stop.found().filter(|l| compares(l.token))?;
    let before = stop.before().iter().filter(|l| compares(l.token)).any(|_| true);
    if stop.expects_expression() || !before {
        return None;
    }
    let help = "join two conditions with `and`, or put one in parentheses";
    Some(replace(found.span, format!("{} does not chain with the comparison before it", stop.shown()), help))
}

fn missing_expression(stop: &Stop) -> Explanation {
    if !stop.expects_expression() {
        return None;
    }
    let after = stop.previous().filter(|p| !p.synthetic);
    let place = match after {
        Some(previous) if !previous.token.is_opener() => format!("after `{}`", stop.slice(previous)),
        _ => format!("before {}", stop.shown()),
    };
    let span = after.filter(|_| stop.at_end()).map_or(stop.here(), |p| p.span);
    let help = if stop.at_end() { "write a value, a name or a call there" } else { "write a value, a name or a call there, or remove the sign" };
    Some(replace(span, format!("an expression is missing {place}"), help))
}

fn unexpected(stop: &Stop) -> Explanation {
    let message = match expected_list(stop) {
        Some(list) => format!("expected {list}, found {}", stop.shown()),
        None => format!("unexpected {}", stop.shown()),
    };
    let ends = stop.previous().is_some_and(|p| p.token.can_end());
    let begins = stop.found().is_some_and(|f| f.token.begins_expression());
    let help = if ends && begins {
        "join the two by an operator, or begin a new line"
    } else {
        "remove it, or write what is missing before it"
    };
    Some(replace(stop.here(), message, help))
}

/// The few things that fit, in words; none where there are many.
fn expected_list(stop: &Stop) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for token in &stop.expected {
        let word = match token.trim_matches('"') {
            "NAME" => "a name".to_string(),
            "INT" => "a number".to_string(),
            "STR" => "a text in quotes".to_string(),
            "BAD" | "QUOTED" | "DOC" | "SEP" => continue,
            "{" => "a block `{ ... }`".to_string(),
            "{:" => continue,
            sign => format!("`{sign}`"),
        };
        words.push(word);
    }
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    let last = words.pop()?;
    Some(if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) })
}
