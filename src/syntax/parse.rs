//! The glue: filter, grammar, recovery.

use super::ast::{Expr, ExprKind, File, Item, ItemKind, Name};
use super::build::Loc;
use super::layout::{ItemTokens, lay_out};
use super::lexer::{Lexeme, lex};
use super::message::Stop;
use super::recover::{self, Repair};
use super::token::Token;
use super::{allow, balance, grammar, message};
use crate::diag::{Diagnostic, Sink, code};
use crate::source::{SourceId, Span};

/// Repairs of one item before it is given up.
const MAX_REPAIRS: usize = 50;

/// Parses a file. Whatever the text, there is a tree: what could not be read is an `Error` node,
/// and every error has been reported to the sink.
pub fn parse(text: &str, source: SourceId, sink: &mut Sink) -> File {
    let mut file = File::default();
    let mut found = Sink::default();
    let (lexemes, comments) = lex(text, source, &mut found);
    let marks = allow::marks(text, &comments, &lexemes);
    let items = lay_out(&balance::balance(lexemes, &mut found), &mut found);
    file.allows = allow::allows(text, &marks, &items);
    let items = without_foreign(text, items, found, sink);
    for tokens in items {
        let first = first_name(&tokens.tokens);
        let item = item(text, tokens, source, sink);
        if item.kind == ItemKind::Error {
            file.broken.extend(first);
        }
        file.items.push(item);
    }
    report_lost_expressions(&file, sink);
    file
}

/// Takes out statements and phrases of other languages. Each is reported once, and what was found in it
/// is not reported again.
fn without_foreign<'t>(
    text: &str,
    items: Vec<ItemTokens<'t>>,
    found: Sink,
    sink: &mut Sink,
) -> Vec<ItemTokens<'t>> {
    let (mut kept, mut foreign) = without_statements(text, items);
    for item in &mut kept {
        foreign.extend(message::phrase::take_out(text, &mut item.tokens));
    }
    let spans: Vec<Span> = foreign.iter().map(|d| d.span).collect();
    let covers = |s: &Span, span: Span| s.start <= span.start && span.end <= s.end;
    let found = found.finish().into_iter();
    let outside = found.filter(|d| !spans.iter().any(|s| covers(s, d.span)));
    foreign.into_iter().chain(outside).for_each(|d| sink.push(d));
    kept
}

/// The items without statements of other languages, and what is said of these.
fn without_statements<'t>(
    text: &str,
    items: Vec<ItemTokens<'t>>,
) -> (Vec<ItemTokens<'t>>, Vec<Diagnostic>) {
    let mut kept = Vec::with_capacity(items.len());
    let mut foreign = Vec::new();
    let may_begin = |item: &ItemTokens<'_>| {
        let first = item.tokens.first();
        let word = first.filter(|t| matches!(t.token, Token::Name(_)));
        word.is_some_and(|word| message::sql::may_begin(&text[word.span.range()]))
    };
    let mut rest = items.into_iter().peekable();
    while let Some(item) = rest.next() {
        if !may_begin(&item) {
            kept.push(item);
            continue;
        }
        let mut statement = vec![item];
        while let Some(item) = rest.next_if(|item| message::sql::goes_on(text, item)) {
            statement.push(item);
        }
        match message::sql::statement(text, &statement) {
            Some(diagnostic) => foreign.push(diagnostic),
            None => kept.extend(statement),
        }
    }
    (kept, foreign)
}

/// Parses one expression; an `Error` node if the text is anything else.
pub fn parse_expression(text: &str, source: SourceId, sink: &mut Sink) -> Expr {
    let mut items = items(text, source, sink).into_iter();
    let end = Span::new(source, text.len(), text.len());
    let Some(tokens) = items.next() else {
        sink.push(
            Diagnostic::new(code::E0101, end, "an expression is missing")
                .help("write a value, a name or a call"),
        );
        return Expr { kind: ExprKind::Error, span: end };
    };
    if let Some(more) = items.next() {
        let message = "unexpected second expression";
        sink.push(
            Diagnostic::new(code::E0101, more.span(), message)
                .help("remove it, or connect them with an operator"),
        );
    }
    let item = item(text, tokens, source, sink);
    match item.kind {
        ItemKind::Expr(e) => e,
        ItemKind::Error => Expr { kind: ExprKind::Error, span: item.span },
        _ => {
            let message = "an expression is expected here, not a definition";
            sink.push(
                Diagnostic::new(code::E0101, item.span, message).help("write the value alone"),
            );
            Expr { kind: ExprKind::Error, span: item.span }
        }
    }
}

/// The tokens as the grammar sees them, with a separator between items.
pub fn tokens<'t>(text: &'t str, source: SourceId, sink: &mut Sink) -> Vec<Lexeme<'t>> {
    let mut all: Vec<Lexeme> = Vec::new();
    for item in items(text, source, sink) {
        if !all.is_empty() {
            all.push(Lexeme::synthetic(Token::Sep, recover::end_before(&all, all.len())));
        }
        all.extend(item.tokens);
    }
    all
}

fn items<'t>(text: &'t str, source: SourceId, sink: &mut Sink) -> Vec<ItemTokens<'t>> {
    let (lexemes, _) = lex(text, source, sink);
    let balanced = balance::balance(lexemes, sink);
    lay_out(&balanced, sink)
}

fn item(text: &str, item: ItemTokens, source: SourceId, sink: &mut Sink) -> Item {
    let span = item.span();
    let docs = item.docs.iter().map(|d| d.to_string()).collect();
    let kind =
        if item.too_deep { ItemKind::Error } else { item_kind(text, item.tokens, source, sink) };
    Item { docs, kind, span }
}

/// Runs the grammar, and again after each repair.
fn item_kind(text: &str, mut tokens: Vec<Lexeme>, source: SourceId, sink: &mut Sink) -> ItemKind {
    let parser = grammar::ItemParser::new();
    for _ in 0..MAX_REPAIRS {
        let mut found = Vec::new();
        let (index, expected) = match parser.parse(source, &mut found, stream(&tokens)) {
            Ok(kind) => {
                found.into_iter().for_each(|d| sink.push(d));
                return kind;
            }
            Err(error) => stopped(error, tokens.len()),
        };
        let how = if recover::is_echo(&tokens, index) {
            Repair::Replace
        } else {
            let (diagnostic, how) =
                message::explain(&Stop { text, tokens: &tokens, index, expected });
            if !behind_open_bracket(&diagnostic, sink) {
                sink.push(diagnostic);
            }
            how
        };
        if !recover::repair(&mut tokens, index, how) {
            break;
        }
    }
    ItemKind::Error
}

/// Whether something stands right behind a bracket that is never closed: the bracket is at fault.
fn behind_open_bracket(diagnostic: &Diagnostic, sink: &Sink) -> bool {
    sink.found().iter().any(|d| {
        d.code == code::E0104
            && d.span.source == diagnostic.span.source
            && d.span.end == diagnostic.span.start
    })
}

fn stream<'a, 't>(
    tokens: &'a [Lexeme<'t>],
) -> impl Iterator<Item = (Loc, Token<'t>, Loc)> + use<'a, 't> {
    tokens.iter().enumerate().map(|(token, lexeme)| {
        let at = |byte| Loc { token, byte };
        (at(lexeme.span.start), lexeme.token, at(lexeme.span.end))
    })
}

type Unparsed<'t> = lalrpop_util::ParseError<Loc, Token<'t>, ()>;

/// The token that did not fit, and what would have.
fn stopped(error: Unparsed, end: usize) -> (usize, Vec<String>) {
    match error {
        Unparsed::UnrecognizedToken { token, expected } => (token.0.token, expected),
        Unparsed::ExtraToken { token } => (token.0.token, Vec::new()),
        Unparsed::UnrecognizedEof { expected, .. } => (end, expected),
        Unparsed::InvalidToken { .. } | Unparsed::User { .. } => (end, Vec::new()),
    }
}

/// The name that an item gives to something, as far as its first tokens tell.
fn first_name(tokens: &[Lexeme]) -> Option<Name> {
    let name = |l: &Lexeme| match l.token {
        Token::Name(text) | Token::Quoted(text) => {
            Some(Name { text: text.to_string(), span: l.span })
        }
        _ => None,
    };
    let second = tokens.get(1)?;
    if matches!(second.token, Token::Assign | Token::Colon) {
        name(&tokens[0])
    } else {
        name(second)
    }
}

/// Only the last item may be an expression.
fn report_lost_expressions(file: &File, sink: &mut Sink) {
    for pair in file.items.windows(2) {
        if let ItemKind::Expr(e) = &pair[0].kind
            && e.kind != ExprKind::Error
        {
            sink.push(message::lost_expression(e, &pair[1].kind));
        }
    }
}
