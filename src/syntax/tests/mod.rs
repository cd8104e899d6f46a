//! `accept`: programs and the trees they make. `reject`: broken programs with caret lines.
//! `layout`: the newline rule. `random`: nothing makes the parser panic, and what is printed
//! parses to the same tree.

mod accept;
mod layout;
mod random;
mod reject;

use super::ast::{Expr, ExprKind, File, ItemKind};
use super::{dump, parse, print};
use crate::diag::Sink;
use crate::source::SourceId;

/// The tree of a program without errors.
#[track_caller]
fn good(text: &str) -> File {
    let mut sink = Sink::default();
    let file = parse(text, SourceId(0), &mut sink);
    assert!(sink.found().is_empty(), "{text}\n{:#?}", sink.found());
    file
}

/// The kinds of the items.
#[track_caller]
fn kinds(text: &str) -> Vec<ItemKind> {
    good(text).items.into_iter().map(|i| i.kind).collect()
}

/// The one expression of a program.
#[track_caller]
fn expression(text: &str) -> Expr {
    match kinds(text).pop() {
        Some(ItemKind::Expr(e)) => e,
        other => panic!("{text}: {other:?}"),
    }
}

/// The outline of an expression with its nesting in parentheses: `(add a (mul b c))`.
#[track_caller]
fn shape(text: &str) -> String {
    outline(&expression(text))
}

fn outline(e: &Expr) -> String {
    let all = |head: &str, parts: &[&Expr]| {
        let parts: Vec<String> = parts.iter().map(|e| outline(e)).collect();
        format!("({head} {})", parts.join(" "))
    };
    match &e.kind {
        ExprKind::Binary { op, left, right } => {
            all(&format!("{op:?}").to_lowercase(), &[left, right])
        }
        ExprKind::Unary { op, operand } => all(&format!("{op:?}").to_lowercase(), &[operand]),
        ExprKind::Compare { first, rest } => {
            let rest: Vec<String> = rest
                .iter()
                .map(|(op, e)| format!("{} {}", print::compare_sign(*op), outline(e)))
                .collect();
            format!("({} {})", outline(first), rest.join(" "))
        }
        ExprKind::In { value, set, negated } => {
            all(if *negated { "not-in" } else { "in" }, &[value, set])
        }
        ExprKind::IsNull { value, negated } => {
            all(if *negated { "not-null" } else { "null" }, &[value])
        }
        ExprKind::If { then, condition, otherwise } => all("if", &[condition, then, otherwise]),
        ExprKind::Method { receiver, name, args } => {
            let args: Vec<String> = args.iter().map(|a| outline(&a.value)).collect();
            format!("{}.{}({})", outline(receiver), name.text, args.join(", "))
        }
        ExprKind::Field { receiver, name } => format!("{}.{}", outline(receiver), name.text),
        ExprKind::Call { callee, args } => {
            let args: Vec<String> = args.iter().map(|a| outline(&a.value)).collect();
            format!("{}({})", callee.text, args.join(", "))
        }
        ExprKind::Rule { key, count, window } => {
            let window = window.as_ref().map_or(String::new(), |w| format!(" in {}", outline(w)));
            format!("{}: {}{window}", outline(key), outline(count))
        }
        _ => super::print_expression(e),
    }
}

/// The outline of a file without anything about its places, to compare trees by.
fn tree(file: &File) -> String {
    dump(file)
}
