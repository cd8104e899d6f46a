//! What is certain about the value of an expression where it stands, from what is known of the rows, the
//! columns of the snapshot and the functions.

mod learn;
mod links;

pub use learn::{MOST_LEARNED, add, learn};
pub use links::most_links;

use crate::catalog::schema::{Column, Schema, Stats};
use crate::deep::recurse;
use crate::expr::facts::{Facts, Lack};
use crate::expr::functions::Kernel;
use crate::expr::ir::{EdgeExpr, Expr, Kind, LinkField, OfSet, Scalar};
use crate::types::{EntityId, Type};
use foldhash::HashMap;
use std::cell::RefCell;

/// What is known where an expression stands.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub schema: &'a Schema,
    /// Of the bound columns, in their order.
    pub columns: &'a [Facts],
    pub score: Facts,
    /// What conditions have made certain of parts of expressions.
    pub learned: &'a [(Expr, Facts)],
    pub link: Option<&'a EdgeExpr>,
    /// What was found out so far, while a large expression is looked at.
    pub found: Option<&'a Found>,
}

/// What is certain about the parts of an expression, by their address and that of the edge whose
/// links they are about; and about the weights of edges.
#[derive(Debug, Default)]
pub struct Found(RefCell<HashMap<(usize, usize), Facts>>);

/// Stands for the weight of an edge, in the place of an expression.
const WEIGHT: usize = 0;

impl Known<'_> {
    /// What is certain about an expression.
    pub fn of(&self, expr: &Expr) -> Facts {
        if expr.is_small() {
            return self.of_part(expr);
        }
        self.once(expr.address(), self.link, |known| recurse(|| known.of_part(expr)))
    }

    fn of_part(&self, expr: &Expr) -> Facts {
        let facts = self.of_kind(expr);
        match self.learned.iter().find(|(known, _)| known == expr) {
            Some((_, learned)) => facts.both(*learned),
            None => facts,
        }
    }

    /// What is known of a part, or what `find` gives.
    fn once(
        &self,
        part: usize,
        link: Option<&EdgeExpr>,
        find: impl FnOnce(&Known) -> Facts,
    ) -> Facts {
        let Some(found) = self.found else {
            let found = Found::default();
            let known = Known { found: Some(&found), ..*self };
            return find(&known);
        };
        let key = (part, link.map_or(0, |link| std::ptr::from_ref(link) as usize));
        if let Some(facts) = found.0.borrow().get(&key) {
            return *facts;
        }
        let facts = find(self);
        found.0.borrow_mut().insert(key, facts);
        facts
    }

    fn of_kind(&self, expr: &Expr) -> Facts {
        match &expr.kind {
            Kind::Const(value) => constant(value),
            Kind::Now | Kind::Viewer | Kind::It | Kind::List(_) => Facts::PRESENT,
            Kind::Score => self.score,
            Kind::Position => Facts::between(1.0, f64::INFINITY),
            Kind::Bound(i) => *self.columns.get(*i as usize).unwrap_or(&Facts::UNKNOWN),
            Kind::Link(field) => self.link_field(*field),
            Kind::Outer(row) => Known { link: None, ..*self }.of(row),
            Kind::Read { entity, column, id } => self.column(*entity, *column, id, &expr.ty),
            Kind::Visible { entity, id } => {
                let hides = self.schema.entity(*entity).time.is_some();
                let id = self.of(id);
                if hides { id.or_null() } else { id }
            }
            Kind::VectorOf { embedding, entity, id } => self.vector(*embedding, *entity, id),
            Kind::ToId { key, .. } => Facts::PRESENT.made_of(&[self.of(key)]),
            Kind::InSet { id, .. } => Facts::between(0.0, 1.0).made_of(&[self.of(id)]),
            Kind::OfSet { what: OfSet::Chance | OfSet::Certain, .. } => {
                Facts::between(0.0, 1.0).or_null()
            }
            Kind::OfSet { .. } => Facts::UNKNOWN,
            Kind::Call { kernel, args } => self.call(*kernel, args),
            Kind::If { condition, then, otherwise } if expr.is_small() => {
                let mut learned = self.learned.to_vec();
                learn(condition, self, &mut learned);
                let within = Known { learned: &learned, found: None, ..*self };
                within.of(then).either(self.of(otherwise))
            }
            // what holds in one branch only would have to be found out anew for each part
            Kind::If { then, otherwise, .. } => self.of(then).either(self.of(otherwise)),
            Kind::OverSet { stat, .. } => {
                links::aggregate(*stat, &expr.ty, Facts::UNKNOWN, f64::INFINITY)
            }
            Kind::OverLinks(over) => self.over_links(over, &expr.ty),
            Kind::Uniform { salt, .. } => Facts::between(0.0, 1.0).made_of(&[self.of(salt)]),
            _ => Facts::UNKNOWN,
        }
    }

    /// Whether an id is a row of its table for certain: not one that a request named.
    fn is_stored(&self, id: &Expr) -> bool {
        match &id.kind {
            Kind::It => id.ty != Type::Id(self.schema.viewer),
            Kind::Read { .. } => true,
            Kind::Visible { id, .. } | Kind::Outer(id) => self.is_stored(id),
            Kind::Link(LinkField::From | LinkField::To) => true,
            _ => false,
        }
    }

    fn column(&self, entity: EntityId, column: u32, id: &Expr, ty: &Type) -> Facts {
        let stored = &self.schema.entity(entity).columns[column as usize];
        let mut facts = measured(stored, ty);
        if facts.nullable {
            facts.lack = Some(Lack::Column { entity, column });
        }
        facts.nullable |= !self.is_stored(id);
        facts.made_of(&[self.of(id)])
    }

    fn vector(&self, embedding: u32, entity: EntityId, id: &Expr) -> Facts {
        let space = &self.schema.embeddings[embedding as usize];
        let missing = space
            .entities
            .iter()
            .position(|&e| e == entity)
            .is_none_or(|place| space.missing[place] > 0);
        let lack = missing.then_some(Lack::Vector { embedding, entity });
        let facts = Facts { nullable: missing || !self.is_stored(id), lack, ..Facts::UNKNOWN };
        facts.made_of(&[self.of(id)])
    }

    fn call(&self, kernel: Kernel, args: &[Expr]) -> Facts {
        let args: Vec<Facts> = args.iter().map(|arg| self.of(arg)).collect();
        kernel.facts(&args)
    }
}

fn constant(value: &Scalar) -> Facts {
    match value {
        Scalar::Null => Facts::UNKNOWN,
        Scalar::I64(i) => Facts::int(*i as f64, *i as f64).present(),
        Scalar::F64(x) => Facts::between(*x, *x),
        Scalar::Bool(b) => Facts::between(f64::from(*b), f64::from(*b)),
        _ => Facts::PRESENT,
    }
}

fn measured(column: &Column, ty: &Type) -> Facts {
    of_stats(&column.stats, ty)
}

fn of_stats(stats: &Stats, ty: &Type) -> Facts {
    let (low, high) = match ty {
        Type::Bool => (0.0, 1.0),
        Type::Int | Type::Float | Type::Time | Type::Duration => {
            match (stats.min, stats.max) {
                (Some(low), Some(high)) => (low, high),
                // no value at all
                _ => (f64::NEG_INFINITY, f64::INFINITY),
            }
        }
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let facts = Facts { nullable: stats.nulls > 0, ..Facts::between(low, high) };
    if low.abs().max(high.abs()) > 9e15 && low.is_finite() { facts.widened() } else { facts }
}
