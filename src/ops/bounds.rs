//! Upper bounds of rows and contributions, from the degrees that the snapshot has.
//!
//! A set holds each entity once, so `n` rows have at most as many links as the `n` rows of most
//! links together: that is what makes bounds useful where degrees are as uneven as they always are.

use crate::catalog::schema::Schema;
use crate::expr::functions::{Comparison, Role};
use crate::expr::ir::EdgeKind;
use crate::expr::known::most_links;
use crate::expr::{EdgeExpr, Expr, Kind, Level, NodeId};
use crate::types::EntityId;

/// Most links that `rows` different rows have together, counting at most `limit` of each.
pub fn links(schema: &Schema, edge: &EdgeExpr, rows: u64, limit: u64) -> u64 {
    let limited = rows.saturating_mul(limit);
    match &edge.kind {
        EdgeKind::Table { edge, reverse } => {
            let degrees = schema.edge(*edge).degrees(*reverse);
            degrees.most_links(rows, limit)
        }
        EdgeKind::Reference { entity, reference, reverse } => {
            if *reverse {
                let degrees = &schema.entity(*entity).references[*reference as usize].degrees;
                degrees.most_links(rows, limit)
            } else {
                limited.min(rows)
            }
        }
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
            links(schema, inner, rows, limit)
        }
        EdgeKind::Union { branches, .. } => branches
            .iter()
            .map(|branch| links(schema, branch, rows, limit))
            .fold(0, u64::saturating_add)
            .min(limited),
        EdgeKind::Chain { first, second, .. } => links(schema, first, rows, u64::MAX)
            .saturating_mul(most_links(schema, second))
            .min(limited),
    }
}

/// How many entities an edge leads to at all.
pub fn targets(schema: &Schema, edge: &EdgeExpr) -> u64 {
    let all = u64::from(schema.entity(edge.to).rows);
    match &edge.kind {
        EdgeKind::Table { edge, reverse } => schema.edge(*edge).degrees(!*reverse).rows(),
        EdgeKind::Reference { entity, reference, reverse } => {
            let table = schema.entity(*entity);
            let reference = &table.references[*reference as usize];
            match reverse {
                false => reference.degrees.rows(),
                true => all.saturating_sub(table.columns[reference.column].stats.nulls),
            }
        }
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => targets(schema, inner),
        EdgeKind::Union { branches, .. } => {
            let each = branches.iter().map(|branch| targets(schema, branch));
            each.fold(0, u64::saturating_add).min(all)
        }
        EdgeKind::Chain { second, .. } => targets(schema, second),
    }
}

/// Rows of an entity that have a vector.
pub fn with_vector(schema: &Schema, embedding: u32, entity: EntityId) -> u64 {
    let space = &schema.embeddings[embedding as usize];
    let rows = u64::from(schema.entity(entity).rows);
    let place = space.entities.iter().position(|&e| e == entity);
    place.map_or(0, |place| rows.saturating_sub(space.missing[place]))
}

const EQUAL: Role = Role::Compare(Comparison::Equal);

/// Most rows of an entity for which a condition can be true, where that is fewer than all;
/// `rows_of` is the bound of another set.
pub fn satisfying(
    schema: &Schema,
    condition: &Expr,
    rows_of: &dyn Fn(NodeId) -> Option<u64>,
) -> Option<u64> {
    match &condition.kind {
        Kind::InSet { id, set } => Some(rows_of(*set)?.saturating_mul(per_id(schema, id)?)),
        Kind::Call { kernel, args } => match (kernel.role(), &args[..]) {
            (EQUAL, [a, b]) if b.level < Level::Row => per_id(schema, a),
            (EQUAL, [a, b]) if a.level < Level::Row => per_id(schema, b),
            (Role::In, [a, list]) => match &list.kind {
                Kind::List(items) if list.level < Level::Row => {
                    Some(per_id(schema, a)?.saturating_mul(items.len() as u64))
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Most rows for which an expression is one given id: the row itself, or a reference.
fn per_id(schema: &Schema, id: &Expr) -> Option<u64> {
    match &id.kind {
        Kind::It => Some(1),
        Kind::Visible { id, .. } => per_id(schema, id),
        Kind::Read { entity, column, id } if id.kind == Kind::It => schema
            .entity(*entity)
            .references
            .iter()
            .find(|r| r.column == *column as usize)
            .map(|r| u64::from(r.degrees.max())),
        _ => None,
    }
}
