//! What conditions make certain of the rows for which they are true.

use super::Known;
use crate::expr::facts::Facts;
use crate::expr::functions::{Comparison, Null, Role};
use crate::expr::ir::{Expr, Kind, Level};
use crate::types::Type;

/// Of more expressions it is not noted what conditions say of them.
pub const MOST_LEARNED: usize = 256;

/// Notes what a condition makes certain where it is true.
pub fn learn(condition: &Expr, known: &Known, into: &mut Vec<(Expr, Facts)>) {
    condition.conjuncts().into_iter().for_each(|part| learn_one(part, known, into));
}

/// The same of a condition that is no `and`.
fn learn_one(condition: &Expr, known: &Known, into: &mut Vec<(Expr, Facts)>) {
    let Kind::Call { kernel, args } = &condition.kind else {
        match &condition.kind {
            Kind::InSet { id, .. } => present(id, into),
            Kind::Bound(_) | Kind::Read { .. } => present(condition, into),
            _ => {}
        }
        return;
    };
    match (kernel.role(), &args[..]) {
        (Role::Not, [inner]) => match inner.as_call(Role::IsNull) {
            Some(args) => present(&args[0], into),
            None => present(inner, into),
        },
        (Role::Compare(comparison), [a, b]) => {
            present(a, into);
            present(b, into);
            compare(comparison, a, known.of(b), into);
            compare(comparison.flipped(), b, known.of(a), into);
        }
        _ if kernel.null() != Null::Custom => args.iter().for_each(|arg| present(arg, into)),
        _ => {}
    }
}

/// Notes that an expression is not null, and so what it is made of by functions that are strict.
fn present(expr: &Expr, into: &mut Vec<(Expr, Facts)>) {
    let is_known = |(known, facts): &(Expr, Facts)| !facts.nullable && known == expr;
    if expr.level == Level::Constant
        || into.len() >= MOST_LEARNED
        || !expr.is_small() && into.iter().any(is_known)
    {
        return;
    }
    add(expr, Facts::PRESENT, into);
    match &expr.kind {
        Kind::Call { kernel, args } if kernel.null() == Null::Strict => {
            args.iter().for_each(|arg| present(arg, into));
        }
        Kind::Read { id, .. } | Kind::Visible { id, .. } | Kind::VectorOf { id, .. } => {
            present(id, into);
        }
        _ => {}
    }
}

/// Notes what is known of an expression, with what was known of it before.
pub fn add(expr: &Expr, facts: Facts, into: &mut Vec<(Expr, Facts)>) {
    match into.iter().position(|(known, _)| known == expr) {
        Some(place) => into[place].1 = into[place].1.both(facts),
        None if into.len() < MOST_LEARNED => into.push((expr.clone(), facts)),
        None => {}
    }
}

/// `a op b` is true: what that says of `a`.
fn compare(comparison: Comparison, a: &Expr, b: Facts, into: &mut Vec<(Expr, Facts)>) {
    let is_ordered = matches!(a.ty, Type::Int | Type::Float | Type::Time | Type::Duration);
    if is_ordered
        && a.level > Level::Constant
        && let Some(facts) = comparison.bounds(b)
    {
        add(a, facts, into);
    }
}
