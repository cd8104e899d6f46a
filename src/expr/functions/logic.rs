//! Three-valued logic, and what replaces a null.

use super::kit::{map1, map2};
use super::ranges::Range::Of;
use super::ranges::{BOOL, bool_of, first};
use super::{Call, Function, Measure, PLAIN, Role, overload};
use crate::batch::Column;
use crate::expr::value::{Arg, Val, from_column};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT};

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "and",
        usage: "a and b",
        doc: "True if both are; false if one is false; else null.",
        role: Role::And,
        overloads: &[overload!(Bool, Bool => Bool, NotTrue, BOOL, |_, a| bools(a, and))],
        ..PLAIN
    },
    Function {
        name: "or",
        usage: "a or b",
        doc: "True if one is; false if both are false; else null.",
        role: Role::Or,
        overloads: &[overload!(Bool, Bool => Bool, Custom, Of(bool_of), |_, a| bools(a, or))],
        ..PLAIN
    },
    Function {
        name: "not",
        usage: "not a",
        doc: "The opposite; null stays null.",
        role: Role::Not,
        overloads: &[
            overload!(Bool => Bool, Strict, BOOL, |_, a| Val::Bool(map1(&a[0].view().bools(), not))),
        ],
        ..PLAIN
    },
    Function {
        name: "is null",
        usage: "a is null",
        doc: "Whether there is no value.",
        role: Role::IsNull,
        overloads: &[overload!(A => Bool, Custom, BOOL, |_, a| Val::Bool(is_null(&a[0])))],
        ..PLAIN
    },
    Function {
        name: "coalesce",
        usage: "coalesce(a, b, ...)",
        doc: "The first that is not null.",
        role: Role::Coalesce,
        measures: Measure::OfArguments,
        overloads: &[overload!(fold A, A => A, Custom, Of(first), coalesce)],
        ..PLAIN
    },
];

fn bools(args: &[Val], f: fn(u8, u8) -> u8) -> Val<'static> {
    Val::Bool(map2(&args[0].view().bools(), &args[1].view().bools(), f))
}

#[inline]
fn and(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 { 0 } else { a.max(b) }
}

#[inline]
fn or(a: u8, b: u8) -> u8 {
    if a == 1 || b == 1 { 1 } else { a.max(b) }
}

#[inline]
fn not(a: u8) -> u8 {
    if a == NULL_BOOL { a } else { 1 - a }
}

/// Which values are null.
pub fn is_null(value: &Val) -> Arg<'static, u8> {
    match value {
        Val::I64(a) => map1(a, |x| u8::from(x == NULL_INT)),
        Val::F64(a) => map1(a, |x| u8::from(x.is_nan())),
        Val::Bool(a) => map1(a, |x| u8::from(x == NULL_BOOL)),
        Val::Code(a) => map1(a, |x| u8::from(x == NULL_CODE)),
        Val::List(a, _) | Val::Vector(a, _) => map1(a, |x| u8::from(x[0] == NULL_CODE)),
    }
}

fn coalesce(call: &Call, args: &[Val]) -> Val<'static> {
    choose(call.n, &is_null(&args[0]), &args[1], &args[0])
}

/// Per row, `then` where the condition is true, else `otherwise`; both of one type.
pub fn choose(n: usize, condition: &Arg<u8>, then: &Val, otherwise: &Val) -> Val<'static> {
    if let Arg::One(c) = condition {
        return (if *c == 1 { then } else { otherwise }).clone().owned(n);
    }
    fn pick<T: Copy>(n: usize, c: &Arg<u8>, a: &Arg<T>, b: &Arg<T>) -> Arg<'static, T> {
        Arg::Many((0..n).map(|i| if c.get(i) == 1 { a.get(i) } else { b.get(i) }).collect())
    }
    match (then, otherwise) {
        (Val::Bool(a), Val::Bool(b)) => Val::Bool(pick(n, condition, a, b)),
        (Val::Code(a), Val::Code(b)) => Val::Code(pick(n, condition, a, b)),
        (Val::I64(a), Val::I64(b)) => Val::I64(pick(n, condition, a, b)),
        (Val::F64(_) | Val::I64(_), Val::F64(_) | Val::I64(_)) => {
            Val::F64(pick(n, condition, &then.view().floats(), &otherwise.view().floats()))
        }
        (Val::List(..) | Val::Vector(..), _) => choose_nested(n, condition, then, otherwise),
        _ => otherwise.clone().owned(n),
    }
}

/// Lists and vectors live in different arrays: both are laid end to end, then picked from.
fn choose_nested(n: usize, condition: &Arg<u8>, then: &Val, otherwise: &Val) -> Val<'static> {
    let [then, otherwise] = [then, otherwise].map(|value| value.clone().into_column(n));
    let alike = matches!(
        (&then, &otherwise),
        (Column::List { .. }, Column::List { .. }) | (Column::Vector { .. }, Column::Vector { .. })
    );
    if !alike {
        return from_column(otherwise);
    }
    let row = |row: usize| {
        if condition.get(row) == 1 { row } else { n + row }
    };
    let rows: Vec<u32> = (0..n).map(|i| row(i) as u32).collect();
    from_column(Column::concat(&[then, otherwise]).gather(&rows))
}
