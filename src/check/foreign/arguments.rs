//! Arguments as other languages write them: what to sort by, in which direction, which fit.

use super::spelling::folded;
use crate::syntax::ast::{Arg, Expr, ExprKind};
use crate::syntax::print_expression;

/// The score of rows that are sorted there: the first that they are sorted by, the largest first but
/// where the program says that they ascend.
pub(super) fn order(args: &[Arg], is_time: &dyn Fn(&str) -> bool) -> Option<String> {
    let named = |arg: &Arg, names: &[&str]| {
        let name = arg.name.as_ref().map(|name| folded(&name.text));
        name.is_some_and(|name| names.contains(&&*name))
    };
    let by = args
        .iter()
        .find(|arg| arg.name.is_none() || named(arg, &["by", "key", "column", "columns", "on"]))?;
    let mut ascends = None;
    for arg in args {
        if let ExprKind::Bool(on) = arg.value.kind {
            let up = named(arg, &["ascending", "asc"]);
            let down = named(arg, &["descending", "desc", "reverse"]);
            ascends = (up || down).then_some(on == up).or(ascends);
        }
    }
    let by = match &by.value.kind {
        ExprKind::List(items) => items.first()?,
        _ => &by.value,
    };
    let (score, said) = ordered_by(by)?;
    Some(match ascends.or(said) {
        Some(true) if is_time(&score) => format!("age({score})"),
        Some(true) => format!("-{score}"),
        _ => score,
    })
}

/// What a key of an order reads, and whether it says that rows ascend: `desc(x)`, `x.desc()`, `"x desc"`.
fn ordered_by(key: &Expr) -> Option<(String, Option<bool>)> {
    let way = |name: &str| match name.to_ascii_lowercase().as_str() {
        "asc" | "ascending" => Some(Some(true)),
        "desc" | "descending" => Some(Some(false)),
        "col" | "column" => Some(None),
        _ => None,
    };
    match &key.kind {
        ExprKind::Str(text) => {
            let first = text.split(',').next()?.trim();
            let (first, sign) = match first.strip_prefix('-') {
                Some(rest) => (rest, Some(false)),
                None => (first, None),
            };
            let mut words = first.split_whitespace();
            let name = words.next()?;
            let said = words.next().and_then(way).flatten();
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            plain.then(|| (name.to_owned(), said.or(sign)))
        }
        ExprKind::Call { callee, args } if args.len() == 1 => match way(&callee.text) {
            Some(said) => {
                let (score, inner) = ordered_by(&args[0].value)?;
                Some((score, said.or(inner)))
            }
            None => Some((print_expression(key), None)),
        },
        ExprKind::Method { receiver, name, args }
            if args.is_empty() && way(&name.text).is_some() =>
        {
            Some((ordered_by(receiver)?.0, way(&name.text).flatten()))
        }
        ExprKind::Int(_) | ExprKind::Error => None,
        _ => Some((fitting_value(key)?, None)),
    }
}

/// An argument as it can stand here: a text in quotes is a name or an expression there.
pub(super) fn fitting(arg: &Arg) -> Option<String> {
    let value = fitting_value(&arg.value)?;
    Some(match &arg.name {
        Some(name) => format!("{}={value}", name.text),
        None => value,
    })
}

fn fitting_value(value: &Expr) -> Option<String> {
    Some(match &value.kind {
        ExprKind::Str(text) if text.is_ascii() && !text.contains(['\n', '`']) => text.clone(),
        ExprKind::Str(_) | ExprKind::Error => return None,
        ExprKind::Unary { .. } => {
            let printed = print_expression(value);
            let inner = printed.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
            inner.map_or(printed.clone(), str::to_owned)
        }
        _ => print_expression(value),
    })
}
