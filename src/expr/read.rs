//! Values out of columns, for answers and explanations.

use crate::batch::Column;
use crate::expr::run::Run;
use crate::expr::value::Val;
use crate::types::{Key, NULL_BOOL, NULL_CODE, NULL_INT, Type, Value};
use std::ops::Range;

/// The values of a column of that type in some rows.
pub fn values(run: &Run, column: &Column, ty: &Type, rows: Range<usize>) -> Vec<Value> {
    match (column, ty) {
        (Column::Code(ids), Type::Id(entity)) => {
            let keys = run.keys.keys(*entity, &ids[rows]);
            let id = |key: Option<Key>| key.map_or(Value::Null, Value::Id);
            keys.into_iter().map(id).collect()
        }
        _ => rows.map(|row| value(run, column, ty, row)).collect(),
    }
}

/// One value of a column of that type.
pub fn value(run: &Run, column: &Column, ty: &Type, i: usize) -> Value {
    match (column, ty) {
        (Column::I64(v), _) if v[i] == NULL_INT => Value::Null,
        (Column::I64(v), Type::Time) => Value::Time(v[i]),
        (Column::I64(v), Type::Duration) => Value::Duration(v[i]),
        (Column::I64(v), _) => Value::Int(v[i]),
        (Column::F64(v), _) if v[i].is_nan() => Value::Null,
        (Column::F64(v), _) => Value::Float(v[i]),
        (Column::Bool(v), _) if v[i] == NULL_BOOL => Value::Null,
        (Column::Bool(v), _) => Value::Bool(v[i] == 1),
        (Column::Code(v), Type::Id(entity)) => {
            run.keys.key(*entity, v[i]).map_or(Value::Null, Value::Id)
        }
        (Column::Code(v), _) => {
            run.texts.get(v[i]).map_or(Value::Null, |text| Value::Str(text.into_owned()))
        }
        (Column::List { slots, items }, Type::List(item)) => match slots[i] {
            [NULL_CODE, _] => Value::Null,
            [start, len] => {
                let at = |place: u32| value(run, items, item, place as usize);
                Value::List((start..start + len).map(at).collect())
            }
        },
        (Column::Vector { .. }, _) => match Val::borrow(column) {
            Val::Vector(slots, numbers) => {
                numbers.at(slots.get(i)).map_or(Value::Null, |v| Value::Vector(v.to_vec()))
            }
            _ => Value::Null,
        },
        (Column::List { .. }, _) => Value::Null,
    }
}
