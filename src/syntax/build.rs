//! What the actions of the grammar call: each makes one node.

use super::ast::*;
use super::literal;
use crate::diag::{Diagnostic, code};
use crate::source::{SourceId, Span};

/// Place of a token for the parser: its number (for recovery) and a byte (for spans).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loc {
    pub token: usize,
    pub byte: u32,
}

/// One line of a block; the last expression becomes its result.
pub enum Part {
    Statement(Statement),
    Expr(Expr),
}

/// The span between two places of the parser.
pub fn at(source: SourceId, left: Loc, right: Loc) -> Span {
    // An empty production has its left side after its right.
    Span { source, start: left.byte.min(right.byte), end: right.byte }
}

pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span }
}

pub fn unary(op: UnaryOp, sign: Span, operand: Expr) -> Expr {
    let span = sign.to(operand.span);
    Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, span }
}

pub fn conditional(then: Expr, condition: Expr, otherwise: Expr) -> Expr {
    let span = then.span.to(otherwise.span);
    let (then, condition, otherwise) = (Box::new(then), Box::new(condition), Box::new(otherwise));
    Expr { kind: ExprKind::If { then, condition, otherwise }, span }
}

pub fn compare(first: Expr, rest: Vec<(CompareOp, Expr)>) -> Expr {
    let span = rest.last().map_or(first.span, |last| first.span.to(last.1.span));
    Expr { kind: ExprKind::Compare { first: Box::new(first), rest }, span }
}

pub fn membership(value: Expr, negated: bool, set: Expr) -> Expr {
    let span = value.span.to(set.span);
    Expr { kind: ExprKind::In { value: Box::new(value), set: Box::new(set), negated }, span }
}

pub fn is_null(value: Expr, negated: bool, end: Span) -> Expr {
    let span = value.span.to(end);
    Expr { kind: ExprKind::IsNull { value: Box::new(value), negated }, span }
}

pub fn field(receiver: Expr, name: Name) -> Expr {
    let span = receiver.span.to(name.span);
    Expr { kind: ExprKind::Field { receiver: Box::new(receiver), name }, span }
}

pub fn method(receiver: Expr, name: Name, args: Vec<Arg>, end: Span) -> Expr {
    let span = receiver.span.to(end);
    Expr { kind: ExprKind::Method { receiver: Box::new(receiver), name, args }, span }
}

pub fn rule(key: Expr, count: Expr, window: Option<Expr>) -> Expr {
    let span = key.span.to(window.as_ref().map_or(count.span, |w| w.span));
    let (key, count, window) = (Box::new(key), Box::new(count), window.map(Box::new));
    Expr { kind: ExprKind::Rule { key, count, window }, span }
}

pub fn range(low: Expr, high: Expr) -> Range {
    let span = low.span.to(high.span);
    Range { low: Box::new(low), high: Box::new(high), span }
}

pub fn binding(docs: Vec<&str>, name: Name, value: Expr) -> Part {
    let span = name.span.to(value.span);
    let docs = docs.into_iter().map(str::to_string).collect();
    Part::Statement(Statement::Binding { docs, name, value, span })
}

/// The text of a string whose escapes the lexer has checked.
pub fn text(literal: &str) -> String {
    literal::string(literal).unwrap_or_default()
}

/// A block of its lines. An expression that is not the last is reported: nothing reads it.
pub fn block(mut parts: Vec<Part>, span: Span, found: &mut Vec<Diagnostic>) -> Block {
    let result = match parts.pop() {
        Some(Part::Expr(e)) => Some(Box::new(e)),
        Some(last) => {
            parts.push(last);
            None
        }
        None => None,
    };
    let statements = parts.into_iter().map(|part| statement(part, found)).collect();
    Block { statements, result, span }
}

fn statement(part: Part, found: &mut Vec<Diagnostic>) -> Statement {
    match part {
        Part::Statement(statement) => statement,
        Part::Expr(Expr { kind: ExprKind::Error, span }) => Statement::Error(span),
        Part::Expr(e) => {
            let message = "nothing reads the value of this expression";
            let help = "only the last line of a block is an expression; give this one a name: `name = ...`";
            found.push(Diagnostic::new(code::E0106, e.span, message).help(help));
            Statement::Error(e.span)
        }
    }
}

/// A block where a value must stand: it ends in one. Silent where the end is not in the text.
pub fn block_expression(block: Block, closer: Span, found: &mut Vec<Diagnostic>) -> Expr {
    let span = block.span;
    let broken = matches!(block.statements.last(), Some(Statement::Error(_)));
    if block.result.is_none() && !broken && closer.start < closer.end {
        let help =
            "the last line of a block is its value; only the block of a `test` may have none";
        found.push(Diagnostic::new(code::E0106, closer, "the block has no value").help(help));
    }
    Expr { kind: ExprKind::Block(block), span }
}

/// `test "x" = {}`: nothing to do.
pub fn empty_body(span: Span) -> Block {
    Block { statements: Vec::new(), result: None, span }
}

/// The body of a test that could not be parsed.
pub fn broken_body(span: Span) -> Block {
    Block { statements: vec![Statement::Error(span)], result: None, span }
}
