//! How many rows there will be, roughly: what the numbers that a program leaves open are chosen by.
//!
//! Bounds say what cannot be exceeded; estimates say what to expect of an ordinary request. They
//! decide how much work is done, never what is right.

use super::bind::Quantity;
use crate::catalog::schema::Schema;
use crate::expr::ir::EdgeKind;
use crate::expr::{EdgeExpr, Expr};
use crate::types::EntityId;

/// What is asked of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Rows wanted.
    pub rows: f64,
    /// Whether they are chosen by a score that is computed later, so that it takes more of them
    /// to choose from.
    pub scored: bool,
}

impl Demand {
    /// Rows that are taken as they stand.
    pub fn rows(rows: f64) -> Demand {
        Demand { rows, scored: false }
    }

    /// That many times the rows.
    pub fn times(self, factor: f64) -> Demand {
        Demand { rows: self.rows * factor, ..self }
    }

    /// What satisfies both.
    pub fn both(self, other: Demand) -> Demand {
        Demand { rows: self.rows.max(other.rows), scored: self.scored || other.scored }
    }
}

/// What estimates are made from.
pub trait Guess {
    fn schema(&self) -> &Schema;
    /// The share of an entity's rows for which a condition is true.
    fn share(&self, entity: EntityId, condition: &Expr) -> f64;
    /// What a number of the request is if the request does not say.
    fn default_of(&self, number: &Expr) -> Option<f64>;
    /// By how much every `auto` is multiplied.
    fn scale(&self) -> f64;

    /// The number, if it is one.
    fn number(&self, quantity: &Quantity) -> Option<f64> {
        match quantity {
            Quantity::All | Quantity::AutoAll => None,
            Quantity::Number(n) => Some(*n as f64),
            Quantity::Auto(n) => Some(scaled(*n, self.scale()) as f64),
            Quantity::PerRequest(expr) => {
                quantity.most().map(|n| n as f64).or_else(|| self.default_of(expr))
            }
        }
    }

    fn rows_of(&self, entity: EntityId) -> f64 {
        f64::from(self.schema().entity(entity).rows)
    }

    /// The share of rows for which all of these are true.
    fn share_of_all(&self, entity: EntityId, conditions: &[Expr]) -> f64 {
        let shares = conditions.iter().map(|c| self.share(entity, c));
        shares.product()
    }
}

/// An `auto` that is multiplied.
pub fn scaled(number: u64, scale: f64) -> u64 {
    (number as f64 * scale).ceil() as u64
}

/// Different entities among `n` picks of `of`, if each is as likely.
pub fn distinct(n: f64, of: f64) -> f64 {
    if of <= 0.0 {
        return 0.0;
    }
    (of * -(-n / of).exp_m1()).min(n)
}

/// A condition of which nothing is known holds for every second row.
pub const UNKNOWN_SHARE: f64 = 0.5;

/// Links of a row that has any, counting at most `limit`, if a `share` of them is followed.
pub fn degree(schema: &Schema, edge: &EdgeExpr, share: f64, limit: f64) -> f64 {
    let share = share.max(1e-9);
    match &edge.kind {
        EdgeKind::Table { edge, reverse } => {
            share * schema.edge(*edge).degrees(*reverse).mean(limit / share)
        }
        EdgeKind::Reference { reverse: false, .. } => share.min(limit),
        EdgeKind::Reference { entity, reference, reverse: true } => {
            let reference = &schema.entity(*entity).references[*reference as usize];
            share * reference.degrees.mean(limit / share)
        }
        EdgeKind::Filter { inner, .. } => degree(schema, inner, share * UNKNOWN_SHARE, limit),
        EdgeKind::Weight { inner, .. } => degree(schema, inner, share, limit),
        EdgeKind::Union { branches, .. } => {
            let each = branches.iter().map(|b| degree(schema, b, share, limit));
            each.sum::<f64>().min(limit)
        }
        EdgeKind::Chain { first, second, .. } => {
            let far = degree(schema, second, 1.0, f64::INFINITY);
            degree(schema, first, share * far, limit)
        }
    }
}
