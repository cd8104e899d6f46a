//! Functions of lists. Elements compare as values of their type; nulls among them are no match.

use super::kit::{by_row, map1};
use super::ranges::{BOOL_OR_NULL, COUNT, COUNT_OR_NULL, SHARE_OR_NULL};
use super::{Call, Function, PLAIN, Role, overload};
use crate::batch::Column;
use crate::batch::{ColumnView, Pace};
use crate::expr::value::{Arg, Items, Val};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT};

pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "len",
        usage: "len(list) or len(text)",
        doc: "Number of elements, or of characters.",
        overloads: &[
            overload!(ListA => Int, Strict, COUNT, len_list),
            overload!(Str => Int, Strict, COUNT, |c, a| {
                let count = |code| c.texts.get(code).map_or(NULL_INT, |t| t.chars().count() as i64);
                Val::I64(map1(&a[0].view().codes(), count))
            }),
        ],
        ..PLAIN
    },
    Function {
        name: "in",
        usage: "x in list",
        doc: "Whether the list has the value; null if it does not but has a null.",
        role: Role::In,
        overloads: &[overload!(A, ListA => Bool, NotTrue, BOOL_OR_NULL, contains)],
        ..PLAIN
    },
    Function {
        name: "overlap",
        usage: "overlap(a, b)",
        doc: "Number of distinct elements that both lists have.",
        overloads: &[overload!(ListA, ListA => Int, Strict, COUNT_OR_NULL, |c, a| {
            let pace = Pace::new(c.stop);
            Val::I64(by_row(c, a, |i| shared(&pace, a, i).map_or(NULL_INT, |s| s.both as i64)))
        })],
        ..PLAIN
    },
    Function {
        name: "jaccard",
        usage: "jaccard(a, b)",
        doc: "Distinct elements that both lists have, over those that one has.",
        overloads: &[overload!(ListA, ListA => Float, Strict, SHARE_OR_NULL, |c, a| {
            let pace = Pace::new(c.stop);
            Val::F64(by_row(c, a, |i| shared(&pace, a, i).map_or(NULL_FLOAT, Shared::jaccard)))
        })],
        ..PLAIN
    },
];

fn len_list(_: &Call, args: &[Val]) -> Val<'static> {
    let Val::List(slots, _) = &args[0] else {
        return Val::null(&crate::types::Type::Int);
    };
    Val::I64(map1(slots, |s| if s[0] == NULL_CODE { NULL_INT } else { i64::from(s[1]) }))
}

/// An element or value as bits that are equal where the values are; null has none.
pub fn bits(value: &Val, row: usize) -> Option<u64> {
    match value {
        Val::I64(v) => Some(v.get(row)).filter(|&x| x != NULL_INT).map(|x| x as u64),
        Val::F64(v) => float_bits(v.get(row)),
        Val::Bool(v) => Some(v.get(row)).filter(|&x| x != NULL_BOOL).map(u64::from),
        Val::Code(v) => Some(v.get(row)).filter(|&x| x != NULL_CODE).map(u64::from),
        Val::List(..) | Val::Vector(..) => None,
    }
}

/// The elements of a row's list as such bits; none if the list is null.
pub fn elements(value: &Val, row: usize) -> Option<Vec<Option<u64>>> {
    let Val::List(slots, items) = value else {
        return None;
    };
    let [start, len] = slots.get(row);
    if start == NULL_CODE {
        return None;
    }
    let range = start as usize..start as usize + len as usize;
    Some(match items {
        Items::Stored(view) => range.map(|i| stored_bits(view, i)).collect(),
        Items::Made(column) => range.map(|i| made_bits(column, i)).collect(),
    })
}

fn stored_bits(view: &ColumnView, i: usize) -> Option<u64> {
    match view {
        ColumnView::I64(v) => Some(v[i]).filter(|&x| x != NULL_INT).map(|x| x as u64),
        ColumnView::F64(v) => float_bits(v[i]),
        ColumnView::Bool(v) => Some(v[i]).filter(|&x| x != NULL_BOOL).map(u64::from),
        ColumnView::Code(v) => Some(v[i]).filter(|&x| x != NULL_CODE).map(u64::from),
        ColumnView::List { .. } | ColumnView::Vector { .. } => None,
    }
}

fn made_bits(column: &Column, i: usize) -> Option<u64> {
    bits(&Val::borrow(column), i)
}

/// Both zeros are one value.
fn float_bits(x: f64) -> Option<u64> {
    if x.is_nan() { None } else { Some((x + 0.0).to_bits()) }
}

/// `value in list`; the arguments are the value and the list.
pub fn contains(call: &Call, args: &[Val]) -> Val<'static> {
    let fixed = matches!(&args[1], Val::List(Arg::One(_), _)).then(|| elements(&args[1], 0));
    let pace = Pace::new(call.stop);
    Val::Bool(by_row(call, args, |i| {
        if pace.is_due_before(50 + 4 * length(&args[1], i)) {
            return NULL_BOOL;
        }
        match &fixed {
            Some(list) => has(list.as_deref(), bits(&args[0], i)),
            None => has(elements(&args[1], i).as_deref(), bits(&args[0], i)),
        }
    }))
}

fn has(list: Option<&[Option<u64>]>, wanted: Option<u64>) -> u8 {
    match (list, wanted) {
        (None, _) => NULL_BOOL,
        (Some([]), _) => 0,
        (_, None) => NULL_BOOL,
        (Some(list), wanted) if list.contains(&wanted) => 1,
        (Some(list), _) if list.contains(&None) => NULL_BOOL,
        _ => 0,
    }
}

struct Shared {
    both: usize,
    either: usize,
}

impl Shared {
    fn jaccard(self) -> f64 {
        if self.either == 0 { NULL_FLOAT } else { self.both as f64 / self.either as f64 }
    }
}

/// How many elements a row's list has.
fn length(value: &Val, row: usize) -> usize {
    match value {
        Val::List(slots, _) => slots.get(row)[1] as usize,
        _ => 0,
    }
}

fn shared(pace: &Pace, args: &[Val], row: usize) -> Option<Shared> {
    let all = length(&args[0], row) + length(&args[1], row);
    if pace.is_due_before(100 + 50 * all) {
        return None;
    }
    let distinct = |value| {
        let mut items: Vec<u64> = elements(value, row)?.into_iter().flatten().collect();
        items.sort_unstable();
        items.dedup();
        Some(items)
    };
    let (a, b) = (distinct(&args[0])?, distinct(&args[1])?);
    let both = a.iter().filter(|x| b.binary_search(x).is_ok()).count();
    Some(Shared { both, either: a.len() + b.len() - both })
}
