//! What kernels are made of: a function of values, for whole columns.

use super::Call;
use crate::expr::value::{Arg, Val};
use std::borrow::Cow;

/// Applies `f` to every value.
pub fn map1<A: Copy, R: Copy>(a: &Arg<A>, f: impl Fn(A) -> R) -> Arg<'static, R> {
    match a {
        Arg::One(a) => Arg::One(f(*a)),
        Arg::Many(a) => Arg::Many(a.iter().map(|&a| f(a)).collect()),
    }
}

/// Applies `f` to every pair of values; one value stands for all rows.
pub fn map2<A: Copy, B: Copy, R: Copy>(
    a: &Arg<A>,
    b: &Arg<B>,
    f: impl Fn(A, B) -> R,
) -> Arg<'static, R> {
    match (a, b) {
        (Arg::One(a), Arg::One(b)) => Arg::One(f(*a, *b)),
        (Arg::One(a), Arg::Many(b)) => Arg::Many(b.iter().map(|&b| f(*a, b)).collect()),
        (Arg::Many(a), Arg::One(b)) => Arg::Many(a.iter().map(|&a| f(a, *b)).collect()),
        (Arg::Many(a), Arg::Many(b)) => {
            Arg::Many(Cow::Owned(a.iter().zip(b.iter()).map(|(&a, &b)| f(a, b)).collect()))
        }
    }
}

/// Applies `f` to row numbers, for functions of lists, vectors and mixed arguments; one call if
/// no argument changes from row to row.
pub fn by_row<R: Copy>(
    call: &Call,
    args: &[Val],
    mut f: impl FnMut(usize) -> R,
) -> Arg<'static, R> {
    let single = args.iter().all(|a| match a {
        Val::I64(a) => matches!(a, Arg::One(_)),
        Val::F64(a) => matches!(a, Arg::One(_)),
        Val::Bool(a) => matches!(a, Arg::One(_)),
        Val::Code(a) => matches!(a, Arg::One(_)),
        Val::List(a, _) | Val::Vector(a, _) => matches!(a, Arg::One(_)),
    });
    if single { Arg::One(f(0)) } else { Arg::Many((0..call.n).map(f).collect()) }
}
