//! Hashes and random numbers. What they draw from (hash, seed, viewer, row) is passed in by the
//! checker as a last argument; see `expr::eval`.

use super::beta::quantile;
use super::kit::{by_row, map2};
use super::ranges::Range::Of;
use super::ranges::{SHARE_OR_NULL, below};
use super::{Call, Form, Function, PLAIN, overload};
use crate::batch::Pace;
use crate::expr::value::Val;
use crate::types::{NULL_FLOAT, NULL_INT};

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "hash",
        usage: "hash(part, ...)",
        doc: "XXH3-64 of ints, strings, ids, bools, times and durations, as an int; null if one is null.",
        form: Form::Hash,
        ..PLAIN
    },
    Function {
        name: "bucket",
        usage: "bucket(key, salt, n)",
        doc: "`hash(salt, key)` modulo n, from 0 to n - 1: the same group for the same key.",
        form: Form::Bucket,
        overloads: &[overload!(Int, Int => Int, Strict, Of(below), |_, a| {
            let (hash, n) = (a[0].view().ints(), a[1].view().ints());
            Val::I64(map2(&hash, &n, bucket))
        })],
        ..PLAIN
    },
    Function {
        name: "uniform",
        usage: "uniform(salt=\"\")",
        doc: "A number in (0, 1), determined by the request's seed, the viewer, the salt and the row.",
        form: Form::Uniform,
        ..PLAIN
    },
    Function {
        name: "beta",
        usage: "beta(a, b, salt=\"\")",
        doc: "A sample of the beta distribution by inversion of `uniform(salt)`; null unless a and b are positive.",
        form: Form::Drawn,
        overloads: &[overload!(Float, Float, Float => Float, Strict, SHARE_OR_NULL, beta)],
        ..PLAIN
    },
];

fn bucket(hash: i64, n: i64) -> i64 {
    if hash == NULL_INT || n == NULL_INT || n <= 0 {
        NULL_INT
    } else {
        (hash as u64 % n as u64) as i64
    }
}

/// `beta(a, b)`: the arguments are these and the number to invert.
fn beta(call: &Call, args: &[Val]) -> Val<'static> {
    let [a, b, u] = [0, 1, 2].map(|i| args[i].view().floats());
    let pace = Pace::new(call.stop);
    Val::F64(by_row(call, args, |i| {
        let (a, b, u) = (a.get(i), b.get(i), u.get(i));
        quantile(a, b, u, &pace).unwrap_or(NULL_FLOAT)
    }))
}
