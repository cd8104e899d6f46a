//! Functions of strings. A code is decoded once per distinct row value that is asked for.

use super::kit::{map1, map2};
use super::ranges::{BOOL_OR_NULL, UNKNOWN};
use super::{Call, Form, Function, PLAIN, overload};
use crate::batch::Pace;
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT};
use regex::Regex;
use std::cell::RefCell;
use std::collections::HashMap;

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "lower",
        usage: "lower(text)",
        doc: "In lower case.",
        overloads: &[
            overload!(Str => Str, Strict, UNKNOWN, |c, a| change(c, a, |t| t.to_lowercase())),
        ],
        ..PLAIN
    },
    Function {
        name: "upper",
        usage: "upper(text)",
        doc: "In upper case.",
        overloads: &[
            overload!(Str => Str, Strict, UNKNOWN, |c, a| change(c, a, |t| t.to_uppercase())),
        ],
        ..PLAIN
    },
    Function {
        name: "starts_with",
        usage: "starts_with(text, start)",
        doc: "Whether the string begins with `start`.",
        overloads: &[
            overload!(Str, Str => Bool, Strict, BOOL_OR_NULL, |c, a| test(c, a, |t, p| t.starts_with(p))),
        ],
        ..PLAIN
    },
    Function {
        name: "ends_with",
        usage: "ends_with(text, end)",
        doc: "Whether the string ends with `end`.",
        overloads: &[
            overload!(Str, Str => Bool, Strict, BOOL_OR_NULL, |c, a| test(c, a, |t, p| t.ends_with(p))),
        ],
        ..PLAIN
    },
    Function {
        name: "extract",
        usage: "extract(text, pattern)",
        doc: "The match of the first group of a regular expression; null if there is no match.",
        form: Form::Extract,
        ..PLAIN
    },
    Function {
        name: "contains",
        usage: "contains(text, part) or contains(list, item)",
        doc: "Whether the text has the part; or the same as `item in list`.",
        overloads: &[
            overload!(Str, Str => Bool, Strict, BOOL_OR_NULL, |c, a| test(c, a, |t, p| t.contains(p))),
            overload!(ListA, A => Bool, NotTrue, BOOL_OR_NULL, |c, a| {
                super::list::contains(c, &[a[1].view(), a[0].view()])
            }),
        ],
        ..PLAIN
    },
];

/// What a step with so many bytes of text takes, in nanoseconds.
fn nanos(bytes: usize) -> usize {
    100 + 4 * bytes
}

fn change(call: &Call, args: &[Val], f: impl Fn(&str) -> String) -> Val<'static> {
    let pace = Pace::new(call.stop);
    Val::Code(map1(&args[0].view().codes(), |code| match call.texts.get(code) {
        Some(text) if !pace.is_due_before(nanos(text.len())) => call.texts.code(&f(&text)),
        _ => NULL_CODE,
    }))
}

fn test(call: &Call, args: &[Val], f: impl Fn(&str, &str) -> bool) -> Val<'static> {
    let pace = Pace::new(call.stop);
    Val::Bool(map2(&args[0].view().codes(), &args[1].view().codes(), |text, part| {
        match (call.texts.get(text), call.texts.get(part)) {
            (Some(text), Some(part)) if !pace.is_due_before(nanos(text.len())) => {
                u8::from(f(&text, &part))
            }
            _ => NULL_BOOL,
        }
    }))
}

pub fn concat(call: &Call, args: &[Val]) -> Val<'static> {
    let pace = Pace::new(call.stop);
    Val::Code(map2(&args[0].view().codes(), &args[1].view().codes(), |a, b| {
        match (call.texts.get(a), call.texts.get(b)) {
            (Some(a), Some(b)) if !pace.is_due_before(nanos(a.len() + b.len())) => {
                call.texts.code(&format!("{a}{b}"))
            }
            _ => NULL_CODE,
        }
    }))
}

pub fn to_float(call: &Call, args: &[Val]) -> Val<'static> {
    let parse = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    Val::F64(read(call, args, NULL_FLOAT, parse))
}

pub fn to_int(call: &Call, args: &[Val]) -> Val<'static> {
    Val::I64(read(call, args, NULL_INT, |text| text.trim().parse().ok()))
}

/// The first group of the pattern in each text. Rows of one text are searched once.
pub fn extract(texts: &Texts, pace: &Pace, codes: &Arg<u32>, pattern: &Regex) -> Val<'static> {
    let find = |code: u32| {
        let text = texts.get(code)?;
        if pace.is_due_before(1_000 + 20 * text.len()) {
            return None;
        }
        let group = pattern.captures(&text)?.get(1)?;
        Some(texts.code(group.as_str()))
    };
    let known = RefCell::new(HashMap::new());
    Val::Code(map1(codes, |code| {
        let found = || find(code).unwrap_or(NULL_CODE);
        *known.borrow_mut().entry(code).or_insert_with(found)
    }))
}

fn read<T: Copy>(
    call: &Call,
    args: &[Val],
    null: T,
    parse: impl Fn(&str) -> Option<T>,
) -> Arg<'static, T> {
    let pace = Pace::new(call.stop);
    map1(&args[0].view().codes(), |code| {
        call.texts
            .get(code)
            .filter(|text| !pace.is_due_before(nanos(text.len())))
            .and_then(|text| parse(&text))
            .unwrap_or(null)
    })
}
