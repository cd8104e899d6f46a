//! Debug builds compare the rows of every operator with what its shape promised, so that every
//! test is also a test of bounds, types and nullability.

use crate::batch::{Column, RowBatch};
use crate::catalog::schema::Schema;
use crate::expr::Facts;
use crate::ops::{BoundColumn, Node, ScoreKind};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type};
use std::collections::HashSet;

/// # Panics
/// If the rows are not as the shape says.
pub fn verify(node: &Node, rows: &RowBatch, schema: &Schema) {
    if let Err(why) = promised(node, rows, schema) {
        panic!(
            "`{}({})` broke the promise of its shape: {why}\n{:?}",
            node.op.name(),
            node.op.details(schema),
            node.shape
        );
    }
}

fn promised(node: &Node, rows: &RowBatch, schema: &Schema) -> Result<(), String> {
    let shape = &node.shape;
    let table = schema.entity(shape.entity);
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let most = shape.bound.unwrap_or(u64::MAX);
        if range.len() as u64 > most {
            return Err(format!("{} rows, at most {most} were promised", range.len()));
        }
        let ids = &rows.ids[range.clone()];
        if ids.iter().collect::<HashSet<_>>().len() != ids.len() {
            return Err("an entity occurs twice".to_owned());
        }
        let known = |&id: &u32| id < table.rows || shape.entity == schema.viewer;
        if !ids.iter().all(known) {
            return Err(format!("a row that is not in `{}`", table.name));
        }
    }
    if rows.columns.len() != shape.columns.len() {
        return Err(format!("{} columns", rows.columns.len()));
    }
    let scores = Column::F64(rows.scores.clone());
    let one = shape.score.kind == ScoreKind::Constant;
    values("the score", &scores, shape.score.facts)?;
    if one {
        same("the score", &scores, rows)?;
    }
    for (column, values_of) in shape.columns.iter().zip(&rows.columns) {
        // one that nobody reads was not computed
        if values_of.is_empty() {
            continue;
        }
        column_as_promised(column, values_of, rows)?;
    }
    Ok(())
}

fn column_as_promised(column: &BoundColumn, found: &Column, rows: &RowBatch) -> Result<(), String> {
    let fits = matches!(
        (&column.ty, found),
        (Type::Int | Type::Time | Type::Duration | Type::Null, Column::I64(_))
            | (Type::Float | Type::Null, Column::F64(_))
            | (Type::Bool | Type::Null, Column::Bool(_))
            | (Type::String | Type::Id(_) | Type::Null, Column::Code(_))
            | (Type::List(_), Column::List { .. })
            | (Type::Vector(_), Column::Vector { .. })
    );
    if !fits {
        return Err(format!("column `{}` is not {:?}", column.name, column.ty));
    }
    values(&column.name, found, column.facts)?;
    if column.constant {
        same(&column.name, found, rows)?;
    }
    Ok(())
}

/// Nulls and the interval.
fn values(name: &str, column: &Column, facts: Facts) -> Result<(), String> {
    let nulls = match column {
        Column::I64(v) => v.contains(&NULL_INT),
        Column::F64(v) => v.iter().any(|x| x.is_nan()),
        Column::Bool(v) => v.contains(&NULL_BOOL),
        Column::Code(v) => v.contains(&NULL_CODE),
        Column::List { slots, .. } => slots.iter().any(|s| s[0] == NULL_CODE),
        Column::Vector { .. } => false,
    };
    if nulls && !facts.nullable {
        return Err(format!("`{name}` has nulls"));
    }
    let outside = |x: f64| !(facts.low..=facts.high).contains(&x);
    let found = match column {
        Column::I64(v) => {
            let mut known = v.iter().filter(|&&x| x != NULL_INT).map(|&x| x as f64);
            known.find(|&x| outside(x))
        }
        Column::F64(v) => v.iter().copied().find(|&x| !x.is_nan() && outside(x)),
        _ => None,
    };
    match found {
        Some(x) => {
            let (low, high) = (facts.low, facts.high);
            Err(format!("`{name}` is {x:?}, not within {low:?}..{high:?}"))
        }
        None => Ok(()),
    }
}

/// One value per request.
fn same(name: &str, column: &Column, rows: &RowBatch) -> Result<(), String> {
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let differs = match column {
            Column::I64(v) => v[range].windows(2).any(|w| w[0] != w[1]),
            Column::F64(v) => v[range].windows(2).any(|w| w[0].to_bits() != w[1].to_bits()),
            Column::Bool(v) => v[range].windows(2).any(|w| w[0] != w[1]),
            Column::Code(v) => v[range].windows(2).any(|w| w[0] != w[1]),
            Column::List { .. } | Column::Vector { .. } => false,
        };
        if differs {
            return Err(format!("`{name}` differs between rows of one request"));
        }
    }
    Ok(())
}
