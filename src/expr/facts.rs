//! What is certain about a value before anything runs: whether it can be null, and between which
//! numbers it lies.
//!
//! Intervals are worked out from the smallest and largest values that the snapshot has measured.
//! They are of use twice: a result that cannot overflow cannot become null, and advice about
//! negative scores speaks only where there is something to say. `nullable` and the interval must
//! hold for every request; `lack` is weaker and says why nulls are to be expected.

use super::ir::{EdgeExpr, EdgeKind, Expr, Kind, Level, LinkField, OverLinks, Scalar, Stat};
use crate::catalog::schema::{Column, Schema, Stats};
use crate::deep::recurse;
use crate::types::{EntityId, Type};
use foldhash::HashMap;
use std::cell::RefCell;

/// What can be said of a value in every row. Durations and times count in microseconds; of lists,
/// strings, ids and vectors only nulls are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// It can be null: what is not nullable is never null, whatever the request.
    pub nullable: bool,
    /// Smallest and largest value of a number that is not null; infinite where not known.
    pub low: f64,
    pub high: f64,
    /// Why nulls are to be expected, not only possible.
    pub lack: Option<Lack>,
}

/// Data that is missing for some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A column that holds nulls.
    Column { entity: EntityId, column: u32 },
    /// Rows without a vector.
    Vector { embedding: u32, entity: EntityId },
}

impl Facts {
    /// Nothing is known.
    pub const UNKNOWN: Facts = Facts {
        nullable: true,
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        lack: None,
    };

    /// Never null; as a number not known.
    pub const PRESENT: Facts = Facts::between(f64::NEG_INFINITY, f64::INFINITY);

    /// Never null, between two numbers.
    pub const fn between(low: f64, high: f64) -> Facts {
        Facts {
            nullable: false,
            low,
            high,
            lack: None,
        }
    }

    /// The same, but perhaps null.
    pub const fn or_null(mut self) -> Facts {
        self.nullable = true;
        self
    }

    /// The same where it is known not to be null.
    pub const fn present(mut self) -> Facts {
        self.nullable = false;
        self.lack = None;
        self
    }

    /// Whether it can be below zero.
    pub fn negative(&self) -> bool {
        self.low < 0.0
    }

    /// What holds for a value that is one or the other.
    pub fn either(self, other: Facts) -> Facts {
        Facts {
            nullable: self.nullable || other.nullable,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            lack: self.lack.or(other.lack),
        }
    }

    /// What holds for a value of which both hold.
    pub fn both(self, other: Facts) -> Facts {
        let nullable = self.nullable && other.nullable;
        Facts {
            nullable,
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            lack: self.lack.or(other.lack).filter(|_| nullable),
        }
    }

    /// Made of two values: null if one is.
    pub fn made_of(self, others: &[Facts]) -> Facts {
        others.iter().fold(self, |made, other| Facts {
            nullable: made.nullable || other.nullable,
            lack: made.lack.or(other.lack),
            ..made
        })
    }

    /// A number that was worked out with rounding, a little wider.
    fn widened(self) -> Facts {
        let by = |x: f64| x.abs() * 1e-9 + f64::MIN_POSITIVE;
        Facts {
            low: self.low - by(self.low),
            high: self.high + by(self.high),
            ..self
        }
    }

    /// A float result between two numbers: null where it leaves the range of floats.
    fn float(low: f64, high: f64) -> Facts {
        if low.is_nan() || high.is_nan() {
            return Facts::UNKNOWN;
        }
        Facts {
            nullable: !(low.is_finite() && high.is_finite()),
            low,
            high,
            lack: None,
        }
    }

    /// An int result: null where it leaves the range of ints.
    fn int(low: f64, high: f64) -> Facts {
        const LARGEST: f64 = 9.2e18;
        let facts = Facts::float(low, high);
        let fits = low > -LARGEST && high < LARGEST;
        // ints beyond 2^53 are no exact floats
        let exact = low.abs() < 9e15 && high.abs() < 9e15;
        let facts = if exact { facts } else { facts.widened() };
        Facts {
            nullable: facts.nullable || !fits,
            ..facts
        }
    }

    fn number(ty: &Type, low: f64, high: f64) -> Facts {
        match ty {
            Type::Float => Facts::float(low, high),
            Type::Time => Facts::time(low, high),
            _ => Facts::int(low, high),
        }
    }

    /// A time that was worked out: null where it leaves the calendar, whose ends are taken a little
    /// too near, as they are no exact floats.
    fn time(low: f64, high: f64) -> Facts {
        let facts = Facts::int(low, high);
        let within = low > -3.777e17 && high < 2.533e17;
        Facts {
            nullable: facts.nullable || !within,
            ..facts
        }
    }
}

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
        self.once(expr.address(), self.link, |known| {
            recurse(|| known.of_part(expr))
        })
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
            let known = Known {
                found: Some(&found),
                ..*self
            };
            return find(&known);
        };
        let key = (
            part,
            link.map_or(0, |link| std::ptr::from_ref(link) as usize),
        );
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
            Kind::Bound(i) => self
                .columns
                .get(*i as usize)
                .copied()
                .unwrap_or(Facts::UNKNOWN),
            Kind::Link(field) => self.link_field(*field),
            Kind::Outer(row) => Known {
                link: None,
                ..*self
            }
            .of(row),
            Kind::Read { entity, column, id } => self.column(*entity, *column, id, &expr.ty),
            Kind::Visible { entity, id } => {
                let hides = self.schema.entity(*entity).time.is_some();
                let id = self.of(id);
                if hides { id.or_null() } else { id }
            }
            Kind::VectorOf {
                embedding,
                entity,
                id,
            } => self.vector(*embedding, *entity, id),
            Kind::ToId { key, .. } => Facts::PRESENT.made_of(&[self.of(key)]),
            Kind::InSet { id, .. } => Facts::between(0.0, 1.0).made_of(&[self.of(id)]),
            Kind::OfSet { .. } => Facts::UNKNOWN,
            Kind::Call { kernel, args } => self.call(kernel.name, args, &expr.ty),
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                if !expr.is_small() {
                    // what holds in one branch only would have to be found out anew for each part
                    return self.of(then).either(self.of(otherwise));
                }
                let mut learned = self.learned.to_vec();
                learn(condition, self, &mut learned);
                let within = Known {
                    learned: &learned,
                    found: None,
                    ..*self
                };
                within.of(then).either(self.of(otherwise))
            }
            Kind::OverSet { stat, .. } => aggregate(*stat, &expr.ty, Facts::UNKNOWN, f64::INFINITY),
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
        let facts = Facts {
            nullable: missing || !self.is_stored(id),
            lack,
            ..Facts::UNKNOWN
        };
        facts.made_of(&[self.of(id)])
    }

    /// What is certain about the weight of the link.
    pub fn link_weight(&self) -> Facts {
        self.of(&Expr::new(Kind::Link(LinkField::Weight), Type::Float))
    }

    fn link_field(&self, field: LinkField) -> Facts {
        if matches!(field, LinkField::From | LinkField::To) {
            return Facts::PRESENT;
        }
        self.link
            .map_or(Facts::UNKNOWN, |edge| self.field_of(edge, field))
    }

    /// A field of the links of an edge.
    fn field_of(&self, edge: &EdgeExpr, field: LinkField) -> Facts {
        match (&edge.kind, field) {
            (EdgeKind::Table { edge: table, .. }, _) => {
                let table = self.schema.edge(*table);
                match field {
                    LinkField::Column(i) => {
                        edge.columns
                            .get(i as usize)
                            .map_or(Facts::UNKNOWN, |(name, ty)| {
                                let column = table.columns.iter().find(|c| c.name == *name);
                                column.map_or(Facts::UNKNOWN, |column| measured(column, ty))
                            })
                    }
                    LinkField::Weight if !table.has_weight => Facts::between(1.0, 1.0),
                    LinkField::Weight => of_stats(&table.weight, &Type::Float),
                    _ => Facts::UNKNOWN,
                }
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
                    Known {
                        learned: &learned,
                        ..links
                    }
                    .of(weight)
                })
            }
            (EdgeKind::Weight { inner, .. }, _) => self.field_of(inner, field),
            (EdgeKind::Union { branches, columns }, _) => {
                let own = |(branch, columns): (&EdgeExpr, &Vec<u32>)| match field {
                    LinkField::Column(i) => columns.get(i as usize).map_or(Facts::UNKNOWN, |&i| {
                        self.field_of(branch, LinkField::Column(i))
                    }),
                    _ => self.field_of(branch, field),
                };
                let all = branches.iter().zip(columns).map(own);
                all.reduce(Facts::either).unwrap_or(Facts::UNKNOWN)
            }
            (
                EdgeKind::Chain {
                    first,
                    second,
                    carries_second,
                },
                _,
            ) => self.field_of(if *carries_second { second } else { first }, field),
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

    fn over_links(&self, over: &OverLinks, ty: &Type) -> Facts {
        let inner = Known {
            link: Some(&over.edge),
            ..*self
        };
        let value = over.value.as_ref().map(|value| inner.of(value));
        let most = most_links(self.schema, &over.edge) as f64;
        let facts = aggregate(over.stat, ty, value.unwrap_or(Facts::UNKNOWN), most);
        // links from nothing are none for a count, and nothing for the rest
        Facts {
            nullable: facts.nullable || self.of(&over.from).nullable,
            ..facts
        }
    }

    fn call(&self, name: &str, args: &[Expr], ty: &Type) -> Facts {
        let of: Vec<Facts> = args.iter().map(|arg| self.of(arg)).collect();
        let strict = |facts: Facts| facts.made_of(&of);
        let ends = |f: fn(f64, f64) -> f64| corners(of[0], of[1], f);
        match (name, &of[..]) {
            ("add_int" | "add_time" | "add_float", [a, b]) => {
                strict(Facts::number(ty, a.low + b.low, a.high + b.high))
            }
            ("sub_int" | "sub_time" | "sub_float", [a, b]) => {
                strict(Facts::number(ty, a.low - b.high, a.high - b.low))
            }
            ("neg_int" | "neg_float", [a]) => strict(Facts::number(ty, -a.high, -a.low)),
            ("mul_int" | "mul_float", [_, _]) => {
                let (low, high) = ends(|x, y| if x == 0.0 || y == 0.0 { 0.0 } else { x * y });
                strict(Facts::number(ty, low, high))
            }
            ("div_float", [a, b]) if b.low > 0.0 || b.high < 0.0 => {
                let (low, high) = corners(*a, *b, |x, y| if x == 0.0 { 0.0 } else { x / y });
                strict(Facts::float(low, high))
            }
            ("div_float", [a, b]) if a.low >= 0.0 && b.low >= 0.0 => {
                strict(Facts::between(0.0, f64::INFINITY)).or_null()
            }
            ("mod_int" | "mod_float", [_, b]) if b.low > 0.0 => strict(Facts::between(0.0, b.high)),
            ("pow", [a, b]) => strict(power(*a, *b)),
            ("to_float" | "int_to_int", [a]) => strict(Facts::between(a.low, a.high)),
            ("bool_to_float" | "bool_to_int", [_]) => strict(Facts::between(0.0, 1.0)),
            ("floor" | "ceil" | "round" | "float_to_int", [a]) => {
                strict(Facts::int(a.low.floor(), a.high.ceil()))
            }
            ("sqrt", [a]) => strict(domain(
                *a,
                a.low < 0.0,
                a.low.max(0.0).sqrt(),
                a.high.max(0.0).sqrt(),
            )),
            ("exp", [a]) => strict(Facts::float(a.low.exp(), a.high.exp()).widened()).both_low(0.0),
            ("log", [a]) => strict(logarithm(*a, 0.0, f64::ln)),
            ("log2", [a]) => strict(logarithm(*a, 0.0, f64::log2)),
            ("log10", [a]) => strict(logarithm(*a, 0.0, f64::log10)),
            ("log1p", [a]) => strict(logarithm(*a, -1.0, f64::ln_1p)),
            ("sigmoid", [_]) => strict(Facts::between(0.0, 1.0)),
            ("tanh", [_]) => strict(Facts::between(-1.0, 1.0)),
            ("abs_int" | "abs_float", [a]) => {
                let low = if a.low <= 0.0 && a.high >= 0.0 {
                    0.0
                } else {
                    a.low.abs().min(a.high.abs())
                };
                strict(Facts::between(low, a.low.abs().max(a.high.abs())))
            }
            ("min" | "min_float", [a, b]) => {
                strict(Facts::between(a.low.min(b.low), a.high.min(b.high)))
            }
            ("max" | "max_float", [a, b]) => {
                strict(Facts::between(a.low.max(b.low), a.high.max(b.high)))
            }
            ("clamp_int" | "clamp_float", [x, low, high]) => strict(Facts::between(
                x.low.max(low.low).min(high.low),
                x.high.max(low.high).min(high.high),
            )),
            ("coalesce", [a, b]) => {
                let nullable = a.nullable && b.nullable;
                Facts {
                    nullable,
                    lack: b.lack.filter(|_| nullable),
                    ..a.either(*b)
                }
            }
            ("is_null", _) => Facts::between(0.0, 1.0),
            ("len_list" | "len_text", [_]) => strict(Facts::between(0.0, f64::INFINITY)),
            ("age", [_, _]) => strict(Facts::PRESENT),
            ("decay", _) => strict(Facts::between(0.0, 1.0)).or_null(),
            // rounded to 32 bits, a similarity can exceed 1 by the last bit
            ("cosine", _) => strict(Facts::between(-1.000_001, 1.000_001)).or_null(),
            ("l2" | "norm", _) => strict(Facts::between(0.0, f64::INFINITY)).or_null(),
            ("jaccard", _) => strict(Facts::between(0.0, 1.0)).or_null(),
            ("beta", _) => strict(Facts::between(0.0, 1.0)).or_null(),
            ("bucket", _) => strict(Facts::between(0.0, f64::INFINITY)).or_null(),
            ("date", _) => strict(Facts::PRESENT).or_null(),
            ("hour", _) => strict(Facts::between(0.0, 23.0)).or_null(),
            ("weekday", _) => strict(Facts::between(0.0, 6.0)).or_null(),
            (name, _) if is_comparison(name) => strict(Facts::between(0.0, 1.0)),
            ("and" | "or" | "not", _) => strict(Facts::between(0.0, 1.0)),
            _ if *ty == Type::Bool => strict(Facts::between(0.0, 1.0)).or_null(),
            _ => strict(Facts::UNKNOWN),
        }
    }
}

impl Facts {
    fn both_low(self, low: f64) -> Facts {
        Facts {
            low: self.low.max(low),
            ..self
        }
    }
}

fn is_comparison(name: &str) -> bool {
    let stem = name.split('_').next().unwrap_or(name);
    matches!(stem, "lt" | "le" | "gt" | "ge" | "eq" | "ne") && name.len() <= stem.len() + 6
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
    let facts = Facts {
        nullable: stats.nulls > 0,
        ..Facts::between(low, high)
    };
    if low.abs().max(high.abs()) > 9e15 && low.is_finite() {
        facts.widened()
    } else {
        facts
    }
}

/// The least and the largest of `f` at the ends of two intervals, for functions that have their
/// extremes there.
fn corners(a: Facts, b: Facts, f: fn(f64, f64) -> f64) -> (f64, f64) {
    let all = [
        f(a.low, b.low),
        f(a.low, b.high),
        f(a.high, b.low),
        f(a.high, b.high),
    ];
    if all.iter().any(|x| x.is_nan()) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    (
        all.iter().copied().fold(f64::INFINITY, f64::min),
        all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}

/// A function that grows, null outside of its domain.
fn domain(_: Facts, leaves: bool, low: f64, high: f64) -> Facts {
    let facts = Facts::float(low, high).widened();
    Facts {
        nullable: facts.nullable || leaves,
        ..facts
    }
}

fn logarithm(x: Facts, above: f64, f: fn(f64) -> f64) -> Facts {
    let low = if x.low > above {
        f(x.low)
    } else {
        f64::NEG_INFINITY
    };
    let high = if x.high > above {
        f(x.high)
    } else {
        f64::INFINITY
    };
    let facts = domain(x, x.low <= above, low, high);
    // the logarithm of what is at least 1 is not below 0, rounding or not
    if low >= 0.0 {
        facts.both_low(0.0)
    } else {
        facts
    }
}

fn power(base: Facts, exponent: Facts) -> Facts {
    if base.low < 0.0 {
        let even = exponent.low == exponent.high && exponent.low % 2.0 == 0.0;
        return if even {
            Facts::between(0.0, f64::INFINITY).or_null()
        } else {
            Facts::UNKNOWN
        };
    }
    if base.low == 0.0 && exponent.low < 0.0 {
        return Facts::between(0.0, f64::INFINITY).or_null();
    }
    let (low, high) = corners(base, exponent, f64::powf);
    // between the corners the power passes through 1 at most
    let facts = Facts::float(low.min(1.0), high.max(1.0)).widened();
    let exact = exponent.low >= 0.0 && base.low >= 1.0;
    facts.both_low(if exact { 1.0 - 1e-9 } else { 0.0 })
}

/// An aggregate of up to `most` values.
fn aggregate(stat: Stat, ty: &Type, value: Facts, most: f64) -> Facts {
    match stat {
        Stat::Count => Facts::between(0.0, most),
        Stat::Exists | Stat::Any | Stat::All | Stat::None => Facts::between(0.0, 1.0),
        Stat::Sum => {
            let times = |x: f64| if x == 0.0 { 0.0 } else { x * most };
            let (low, high) = (times(value.low.min(0.0)), times(value.high.max(0.0)));
            let sum = Facts::number(ty, low, high).widened();
            if low == 0.0 { sum.both_low(0.0) } else { sum }
        }
        Stat::Mean => Facts::between(value.low, value.high).widened().or_null(),
        Stat::Min | Stat::Max => Facts::between(value.low, value.high).or_null(),
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
        EdgeKind::Reference {
            entity,
            reference,
            reverse: true,
        } => u64::from(
            schema.entity(*entity).references[*reference as usize]
                .degrees
                .max(),
        ),
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
            most_links(schema, inner)
        }
        EdgeKind::Union { branches, .. } => branches
            .iter()
            .map(|b| most_links(schema, b))
            .fold(0, u64::saturating_add),
        EdgeKind::Chain { first, second, .. } => {
            most_links(schema, first).saturating_mul(most_links(schema, second))
        }
    }
}

/// Notes what a condition makes certain where it is true.
pub fn learn(condition: &Expr, known: &Known, into: &mut Vec<(Expr, Facts)>) {
    condition.descend(&mut |part| match &part.kind {
        Kind::Call { kernel, .. } if kernel.name == "and" => true,
        _ => {
            learn_one(part, known, into);
            false
        }
    });
}

/// The same of a condition that is no `and`.
fn learn_one(condition: &Expr, known: &Known, into: &mut Vec<(Expr, Facts)>) {
    let Kind::Call { kernel, args } = &condition.kind else {
        match &condition.kind {
            Kind::InSet { id, .. } => present(id, into),
            Kind::Bound(_) | Kind::Read { .. } => present(condition, into),
            _ => {}
        }
        return;
    };
    match (kernel.name, &args[..]) {
        ("not", [inner]) => match &inner.kind {
            Kind::Call { kernel, args } if kernel.name == "is_null" => present(&args[0], into),
            Kind::Call { .. } => {}
            _ => present(inner, into),
        },
        (name, [a, b]) if is_comparison(name) => {
            present(a, into);
            present(b, into);
            compare(name, a, known.of(b), into);
            compare(flipped(name), b, known.of(a), into);
        }
        ("in_list", [a, _]) => present(a, into),
        ("starts_with" | "ends_with" | "contains_text" | "contains_item", args) => {
            args.iter().for_each(|arg| present(arg, into));
        }
        _ => {}
    }
}

/// Functions that give null for a null: where their result is there, so are their arguments.
const STRICT: [&str; 26] = [
    "add_int",
    "add_time",
    "add_float",
    "sub_int",
    "sub_time",
    "sub_float",
    "neg_int",
    "neg_float",
    "mul_int",
    "mul_float",
    "div_float",
    "mod_int",
    "mod_float",
    "to_float",
    "abs_int",
    "abs_float",
    "floor",
    "ceil",
    "round",
    "sqrt",
    "exp",
    "log",
    "log1p",
    "age",
    "decay",
    "cosine",
];

/// Of more expressions it is not noted what conditions say of them.
pub const MOST_LEARNED: usize = 256;

fn present(expr: &Expr, into: &mut Vec<(Expr, Facts)>) {
    let is_known = |(known, facts): &(Expr, Facts)| !facts.nullable && known == expr;
    if expr.level == Level::Constant
        || into.len() >= MOST_LEARNED
        || !expr.is_small() && into.iter().any(is_known)
    {
        return;
    }
    add(expr, Facts::PRESENT, into);
    match &expr.kind {
        Kind::Call { kernel, args } if STRICT.contains(&kernel.name) => {
            args.iter().for_each(|arg| present(arg, into));
        }
        Kind::Read { id, .. } | Kind::Visible { id, .. } | Kind::VectorOf { id, .. } => {
            present(id, into);
        }
        _ => {}
    }
}

/// Notes what is known of an expression, with what was known of it before.
pub fn add(expr: &Expr, facts: Facts, into: &mut Vec<(Expr, Facts)>) {
    match into.iter().position(|(known, _)| known == expr) {
        Some(place) => into[place].1 = into[place].1.both(facts),
        None if into.len() < MOST_LEARNED => into.push((expr.clone(), facts)),
        None => {}
    }
}

fn flipped(name: &str) -> &str {
    match name.get(..2) {
        Some("lt") => "gt",
        Some("le") => "ge",
        Some("gt") => "lt",
        Some("ge") => "le",
        _ => name,
    }
}

/// `a op b` is true: what that says of `a`.
fn compare(name: &str, a: &Expr, b: Facts, into: &mut Vec<(Expr, Facts)>) {
    if !matches!(a.ty, Type::Int | Type::Float | Type::Time | Type::Duration) {
        return;
    }
    let facts = match name.get(..2) {
        Some("lt" | "le") => Facts::between(f64::NEG_INFINITY, b.high),
        Some("gt" | "ge") => Facts::between(b.low, f64::INFINITY),
        Some("eq") => Facts::between(b.low, b.high),
        _ => return,
    };
    if a.level > Level::Constant {
        add(a, facts, into);
    }
}
