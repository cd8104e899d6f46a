//! How large and how deep values may be.

use super::values::Values;
use crate::catalog::DataError;
use crate::types::Type;
use std::path::Path;

/// How deep lists may be nested.
pub const MOST_NESTED: usize = 16;

/// How deep the lists of a type are nested.
pub fn depth(ty: &Type) -> usize {
    match ty {
        Type::List(item) => 1 + depth(item),
        _ => 0,
    }
}

pub fn too_deep(depth: usize) -> String {
    format!("lists nested {depth} deep, where {MOST_NESTED} is the most")
}

/// The largest magnitude among some numbers.
pub(super) fn largest(values: &Values) -> u64 {
    match values {
        Values::Float(numbers) => {
            let sizes = numbers.iter().filter(|x| !x.is_nan()).map(|x| x.abs());
            sizes.fold(0.0, f64::max) as u64
        }
        _ => 0,
    }
}

/// Elements of lists are numbered with 32 bits.
pub(super) fn fits(path: &Path, values: &Values, column: &str) -> Result<(), DataError> {
    match values {
        Values::List { items, .. } if items.len() >= u32::MAX as usize => {
            Err(DataError::new(path, "more than 4 billion list elements").column(column))
        }
        _ => Ok(()),
    }
}
