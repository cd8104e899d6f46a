//! Values of a snapshot's columns, one at a time.

use super::EXAMPLES;
use crate::batch::ColumnView;
use crate::store::Snapshot;
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type, Value, time};
use rayon::prelude::*;

/// How many rows are looked at for examples.
const LOOK: usize = 10_000;

/// The first values that differ.
pub fn examples(snapshot: &Snapshot, view: ColumnView, ty: &Type) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for row in 0..length(view).min(LOOK) {
        let value = at(snapshot, view, ty, row);
        if value != Value::Null && !found.contains(&value) {
            found.push(value);
        }
        if found.len() == EXAMPLES {
            break;
        }
    }
    found
}

/// The smallest and the largest of some ints that are not null.
pub fn ints(values: &[i64], ty: &Type) -> Option<(Value, Value)> {
    let known = || values.par_iter().copied().filter(|v| *v != NULL_INT);
    let value = |v: i64| match ty {
        Type::Time => Value::Time(v),
        Type::Duration => Value::Duration(v),
        _ => Value::Int(v),
    };
    Some((value(known().min()?), value(known().max()?)))
}

/// A statistic as a value of its column's type.
pub fn number(v: f64, ty: &Type) -> Value {
    match ty {
        Type::Int => Value::Int(v as i64),
        // rounded to a float, the last time is one that there is not
        Type::Time => Value::Time((v as i64).clamp(time::FIRST, time::LAST)),
        Type::Duration => Value::Duration(v as i64),
        _ => Value::Float(v),
    }
}

fn length(view: ColumnView) -> usize {
    match view {
        ColumnView::I64(v) => v.len(),
        ColumnView::F64(v) => v.len(),
        ColumnView::Bool(v) => v.len(),
        ColumnView::Code(v) => v.len(),
        ColumnView::List { slots, .. } => slots.len(),
        ColumnView::Vector { dim, data, .. } => data.len() / dim.max(1),
    }
}

fn at(snapshot: &Snapshot, view: ColumnView, ty: &Type, row: usize) -> Value {
    match (view, ty) {
        (ColumnView::I64(v), _) if v[row] == NULL_INT => Value::Null,
        (ColumnView::I64(v), Type::Time) => Value::Time(v[row]),
        (ColumnView::I64(v), Type::Duration) => Value::Duration(v[row]),
        (ColumnView::I64(v), _) => Value::Int(v[row]),
        (ColumnView::F64(v), _) if v[row].is_nan() => Value::Null,
        (ColumnView::F64(v), _) => Value::Float(v[row]),
        (ColumnView::Bool(v), _) if v[row] == NULL_BOOL => Value::Null,
        (ColumnView::Bool(v), _) => Value::Bool(v[row] == 1),
        (ColumnView::Code(v), _) if v[row] == NULL_CODE => Value::Null,
        (ColumnView::Code(v), Type::Id(entity)) => Value::Id(snapshot.key(*entity, v[row])),
        (ColumnView::Code(v), _) => Value::Str(snapshot.string(v[row]).to_owned()),
        (ColumnView::List { slots, .. }, _) if slots[row][0] == NULL_CODE => Value::Null,
        (ColumnView::List { slots, items }, ty) => {
            let item = match ty {
                Type::List(item) => item,
                other => other,
            };
            let [start, length] = slots[row].map(|part| part as usize);
            let items = (start..start + length).map(|i| at(snapshot, *items, item, i));
            Value::List(items.collect())
        }
        (ColumnView::Vector { dim, data, present }, _) => {
            let has = |bits: &[u64]| bits.get(row / 64).is_some_and(|b| b >> (row % 64) & 1 == 1);
            match data.get(row * dim..(row + 1) * dim) {
                Some(numbers) if present.is_none_or(has) => {
                    Value::Vector(std::borrow::Cow::from(numbers).into_owned())
                }
                _ => Value::Null,
            }
        }
    }
}
