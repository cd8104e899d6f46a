//! Aggregates: one value for the values of each group.

use crate::batch::Column;
use crate::expr::functions::logic;
use crate::expr::ir::Stat;
use crate::expr::value::Val;
use crate::types::{NULL_FLOAT, NULL_INT, Type};

/// Folds the values of each group `offsets[g]..offsets[g + 1]`. Nulls are skipped, except that a
/// count without a value counts rows. Empty: `count` and `sum` 0, `exists` and `any_of` false,
/// `all_of` and `none_of` true, others null.
pub fn fold(stat: Stat, offsets: &[u32], values: Option<&Column>, ty: &Type) -> Column {
    let groups = offsets.windows(2).map(|w| w[0] as usize..w[1] as usize);
    match (stat, values) {
        (Stat::Count, None) => Column::I64(groups.map(|g| g.len() as i64).collect()),
        (Stat::Exists, None) => Column::Bool(groups.map(|g| u8::from(!g.is_empty())).collect()),
        (Stat::Count, Some(values)) => {
            let known = logic::is_null(&Val::borrow(values)).spread(values.len());
            Column::I64(
                groups.map(|g| known[g].iter().filter(|&&null| null == 0).count() as i64).collect(),
            )
        }
        (_, Some(Column::Bool(v))) => {
            Column::Bool(groups.map(|g| fold_bools(stat, &v[g])).collect())
        }
        (_, Some(Column::I64(v))) if *ty != Type::Float => {
            Column::I64(groups.map(|g| fold_ints(stat, &v[g])).collect())
        }
        (_, Some(values)) => {
            let floats = Val::borrow(values).floats().spread(values.len());
            Column::F64(groups.map(|g| fold_floats(stat, &floats[g])).collect())
        }
        (_, None) => Val::null(ty).into_column(offsets.len() - 1),
    }
}

/// A condition holds for a row only where it is true: null counts as not true.
fn fold_bools(stat: Stat, values: &[u8]) -> u8 {
    u8::from(match stat {
        Stat::Any | Stat::Exists => values.contains(&1),
        Stat::None => !values.contains(&1),
        _ => values.iter().all(|&v| v == 1),
    })
}

fn fold_ints(stat: Stat, values: &[i64]) -> i64 {
    let mut known = values.iter().copied().filter(|&v| v != NULL_INT);
    match stat {
        Stat::Sum => known.try_fold(0i64, i64::checked_add).unwrap_or(NULL_INT),
        Stat::Min => known.min().unwrap_or(NULL_INT),
        _ => known.max().unwrap_or(NULL_INT),
    }
}

fn fold_floats(stat: Stat, values: &[f64]) -> f64 {
    let known = || values.iter().copied().filter(|v| !v.is_nan());
    let finite = |v: f64| if v.is_finite() { v } else { NULL_FLOAT };
    match stat {
        Stat::Sum => finite(known().fold(0.0, |sum, v| sum + v)),
        Stat::Mean => finite(known().fold(0.0, |sum, v| sum + v) / known().count() as f64),
        Stat::Min => known().reduce(f64::min).unwrap_or(NULL_FLOAT),
        _ => known().reduce(f64::max).unwrap_or(NULL_FLOAT),
    }
}
