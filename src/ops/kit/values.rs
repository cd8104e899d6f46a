//! Values of expressions as operators use them.

use crate::batch::Column;
use crate::expr::value::{Arg, Items, Val, from_column, widen};
use crate::types::{NULL_CODE, Type};

/// The elements of each request's list, each as a value of many rows; none for a null list.
pub fn elements(lists: Val, requests: usize) -> Vec<Option<Val<'static>>> {
    let Val::List(slots, items) = lists else {
        return vec![None; requests];
    };
    let slots = slots.spread(requests);
    let one = |slot: [u32; 2]| {
        let places: Vec<u32> = (slot[0]..slot[0] + slot[1]).collect();
        let n = places.len();
        match &items {
            Items::Stored(view) => Val::read(*view, &Arg::Many(places.into())).owned(n),
            Items::Made(column) => Val::borrow(column).pick(&places).owned(n),
        }
    };
    slots.into_iter().map(|slot| (slot[0] != NULL_CODE).then(|| one(slot))).collect()
}

/// Scores from a column: durations and times count in seconds.
pub fn scores(column: Column, ty: &Type) -> Vec<f64> {
    match (column, ty) {
        (Column::I64(v), Type::Duration | Type::Time) => {
            v.into_iter().map(|us| widen(us) / 1e6).collect()
        }
        (column, _) => {
            let n = column.len();
            match from_column(column) {
                value @ (Val::I64(_) | Val::F64(_)) => value.floats().spread(n),
                _ => vec![f64::NAN; n],
            }
        }
    }
}
