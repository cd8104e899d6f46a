//! Measures of a column for the schema.

use crate::catalog::schema::Stats;
use crate::store::import::Values;
use crate::types::NULL_INT;
use rayon::prelude::*;

/// Nulls, and the smallest and largest of numbers, times and durations.
pub fn of(values: &Values) -> Stats {
    match values {
        Values::Int(v) => ints(v),
        Values::Float(v) => floats(v),
        other => Stats {
            nulls: (0..other.len()).filter(|&r| other.is_null(r)).count() as u64,
            min: None,
            max: None,
        },
    }
}

pub fn ints(values: &[i64]) -> Stats {
    let known = || values.par_iter().filter(|v| **v != NULL_INT);
    let nulls = (values.len() - known().count()) as u64;
    Stats { nulls, min: known().min().map(|v| *v as f64), max: known().max().map(|v| *v as f64) }
}

pub fn floats(values: &[f64]) -> Stats {
    let known = || values.par_iter().filter(|v| !v.is_nan()).copied();
    let nulls = (values.len() - known().count()) as u64;
    let min = known().min_by(f64::total_cmp);
    Stats { nulls, min, max: known().max_by(f64::total_cmp) }
}
