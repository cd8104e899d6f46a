//! What is certain about links, and about aggregates over them.

use super::{Known, WEIGHT, learn, measured, of_stats};
use crate::catalog::schema::{self, Schema};
use crate::expr::facts::Facts;
use crate::expr::ir::{EdgeExpr, EdgeKind, Expr, Kind, LinkField, OverLinks, Stat};
use crate::types::Type;

impl Known<'_> {
    /// What is certain about the weight of the link.
    pub fn link_weight(&self) -> Facts {
        self.of(&Expr::new(Kind::Link(LinkField::Weight), Type::Float))
    }

    pub(super) fn link_field(&self, field: LinkField) -> Facts {
        if matches!(field, LinkField::From | LinkField::To) {
            return Facts::PRESENT;
        }
        self.link.map_or(Facts::UNKNOWN, |edge| self.field_of(edge, field))
    }

    /// A field of the links of an edge.
    fn field_of(&self, edge: &EdgeExpr, field: LinkField) -> Facts {
        match (&edge.kind, field) {
            (EdgeKind::Table { edge: table, .. }, _) => {
                stored_field(self.schema.edge(*table), edge, field)
            }
            (EdgeKind::Reference { .. }, LinkField::Weight) => Facts::between(1.0, 1.0),
            (EdgeKind::Reference { .. }, _) => Facts::UNKNOWN,
            (EdgeKind::Filter { inner, .. }, _) => {
                let facts = self.field_of(inner, field);
                let links = self.among(inner);
                let learned = links.learned_by(edge);
                let is_field = |(known, _): &&(Expr, Facts)| known.kind == Kind::Link(field);
                let learned = learned.iter().find(is_field);
                learned.map_or(facts, |(_, learned)| facts.both(*learned))
            }
            (EdgeKind::Weight { inner, weight }, LinkField::Weight) => {
                self.once(WEIGHT, Some(inner), |known| {
                    // every link satisfies the conditions of the edge
                    let links = known.among(inner);
                    let learned = links.learned_by(inner);
                    Known { learned: &learned, ..links }.of(weight)
                })
            }
            (EdgeKind::Weight { inner, .. }, _) => self.field_of(inner, field),
            (EdgeKind::Union { branches, columns }, _) => {
                let own = |(branch, columns): (&EdgeExpr, &Vec<u32>)| match field {
                    LinkField::Column(i) => columns
                        .get(i as usize)
                        .map_or(Facts::UNKNOWN, |&i| self.field_of(branch, LinkField::Column(i))),
                    _ => self.field_of(branch, field),
                };
                let all = branches.iter().zip(columns).map(own);
                all.reduce(Facts::either).unwrap_or(Facts::UNKNOWN)
            }
            (EdgeKind::Chain { first, second, carries_second }, _) => {
                self.field_of(if *carries_second { second } else { first }, field)
            }
        }
    }

    /// What is known where the links of an edge alone are read.
    fn among<'e>(&'e self, edge: &'e EdgeExpr) -> Known<'e> {
        Known {
            schema: self.schema,
            columns: &[],
            score: Facts::UNKNOWN,
            learned: &[],
            link: Some(edge),
            found: self.found,
        }
    }

    /// What the conditions of an edge make certain of its links.
    fn learned_by(&self, edge: &EdgeExpr) -> Vec<(Expr, Facts)> {
        let mut learned = Vec::new();
        let mut filtered = edge;
        while let EdgeKind::Filter { inner, keep } = &filtered.kind {
            learn(keep, self, &mut learned);
            filtered = inner;
        }
        learned
    }

    pub(super) fn over_links(&self, over: &OverLinks, ty: &Type) -> Facts {
        let inner = Known { link: Some(&over.edge), ..*self };
        let value = over.value.as_ref().map(|value| inner.of(value));
        let most = most_links(self.schema, &over.edge) as f64;
        let facts = aggregate(over.stat, ty, value.unwrap_or(Facts::UNKNOWN), most);
        // links from nothing are none for a count, and nothing for the rest
        Facts { nullable: facts.nullable || self.of(&over.from).nullable, ..facts }
    }
}

/// An aggregate of up to `most` values.
pub(super) fn aggregate(stat: Stat, ty: &Type, value: Facts, most: f64) -> Facts {
    match stat {
        Stat::Count => Facts::between(0.0, most),
        Stat::Exists | Stat::Any | Stat::All | Stat::None => Facts::between(0.0, 1.0),
        Stat::Sum => {
            let times = |x: f64| if x == 0.0 { 0.0 } else { x * most };
            let (low, high) = (times(value.low.min(0.0)), times(value.high.max(0.0)));
            let sum = Facts::number(ty, low, high).widened();
            if low == 0.0 { sum.at_least(0.0) } else { sum }
        }
        Stat::Mean => Facts::between(value.low, value.high).widened().or_null(),
        Stat::Min | Stat::Max => Facts::between(value.low, value.high).or_null(),
        Stat::Newest(_) | Stat::FoldIn(_) => Facts::UNKNOWN,
    }
}

/// Most links that one row can have.
pub fn most_links(schema: &Schema, edge: &EdgeExpr) -> u64 {
    match &edge.kind {
        EdgeKind::Table { edge, reverse } => {
            let edge = schema.edge(*edge);
            u64::from(edge.degrees(*reverse).max())
        }
        EdgeKind::Reference { reverse: false, .. } => 1,
        EdgeKind::Reference { entity, reference, reverse: true } => {
            u64::from(schema.entity(*entity).references[*reference as usize].degrees.max())
        }
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
            most_links(schema, inner)
        }
        EdgeKind::Union { branches, .. } => {
            branches.iter().map(|b| most_links(schema, b)).fold(0, u64::saturating_add)
        }
        EdgeKind::Chain { first, second, .. } => {
            most_links(schema, first).saturating_mul(most_links(schema, second))
        }
    }
}

/// A field of the links of a table, as it was measured.
fn stored_field(table: &schema::Edge, edge: &EdgeExpr, field: LinkField) -> Facts {
    let facts = match field {
        LinkField::Column(i) => edge.columns.get(i as usize).and_then(|(name, ty)| {
            let column = table.columns.iter().find(|c| c.name == *name)?;
            Some(measured(column, ty))
        }),
        LinkField::Weight if !table.has_weight => Some(Facts::between(1.0, 1.0)),
        LinkField::Weight => Some(of_stats(&table.weight, &Type::Float)),
        _ => None,
    };
    facts.unwrap_or(Facts::UNKNOWN)
}
