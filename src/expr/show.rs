//! Typed expressions as text, for plans and explanations.

use crate::catalog::schema::Schema;
use crate::expr::ir::{Expr, Kind, LinkField, OfSet, Scalar};
use crate::types::Type;
use std::fmt::{self, Display};

/// An expression with what is needed to name its parts.
pub struct Show<'a> {
    pub expr: &'a Expr,
    pub schema: &'a Schema,
}

/// Writes an expression.
pub fn show<'a>(expr: &'a Expr, schema: &'a Schema) -> Show<'a> {
    Show { expr, schema }
}

impl Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = |expr| Show {
            expr,
            schema: self.schema,
        };
        match &self.expr.kind {
            Kind::Const(value) => constant(value, &self.expr.ty, f),
            Kind::Param(slot) => write!(f, "param {slot}"),
            Kind::Now => f.write_str("now"),
            Kind::Viewer => f.write_str("viewer"),
            Kind::It => f.write_str("it"),
            Kind::Score => f.write_str("score"),
            Kind::Position => f.write_str("position"),
            Kind::Bound(i) => write!(f, "${i}"),
            Kind::Link(field) => link(*field, f),
            Kind::Outer(inner) => write!(f, "row.{}", sub(inner)),
            Kind::Read { entity, column, id } => {
                let name = &self.schema.entity(*entity).columns[*column as usize].name;
                match id.kind {
                    Kind::It => f.write_str(name),
                    _ => write!(f, "{}.{name}", sub(id)),
                }
            }
            Kind::Visible { id, .. } => sub(id).fmt(f),
            Kind::VectorOf { embedding, id, .. } => {
                let name = &self.schema.embeddings[*embedding as usize].name;
                write!(f, "{name}({})", sub(id))
            }
            Kind::ToId { entity, key } => {
                write!(f, "{}({})", self.schema.entity(*entity).name, sub(key))
            }
            Kind::Call { kernel, args } => call(kernel.name, f, args.iter().map(sub)),
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                write!(
                    f,
                    "({} if {} else {})",
                    sub(then),
                    sub(condition),
                    sub(otherwise)
                )
            }
            Kind::List(items) => {
                f.write_str("[")?;
                list(f, items.iter().map(sub))?;
                f.write_str("]")
            }
            Kind::InSet { id, set } => write!(f, "{} in #{}", sub(id), set.0),
            Kind::OfSet { what, set, .. } => match what {
                OfSet::Score => write!(f, "score_of(#{})", set.0),
                OfSet::Position => write!(f, "position_of(#{})", set.0),
            },
            Kind::OverSet { stat, set, value } => {
                write!(f, "{}(#{}", stat.name(), set.0)?;
                value.iter().try_for_each(|v| write!(f, ", {}", sub(v)))?;
                f.write_str(")")
            }
            Kind::Hash(parts) => call("hash", f, parts.iter().map(sub)),
            Kind::Uniform { salt, ids } => {
                call("uniform", f, std::iter::once(&**salt).chain(ids).map(sub))
            }
            Kind::Extract { text, pattern } => {
                write!(f, "extract({}, {:?})", sub(text), pattern.0.as_str())
            }
            Kind::OverLinks(over) => {
                write!(
                    f,
                    "{}({}({}",
                    over.stat.name(),
                    over.edge.name,
                    sub(&over.from)
                )?;
                over.to
                    .iter()
                    .try_for_each(|to| write!(f, ", {}", sub(to)))?;
                f.write_str(")")?;
                over.value
                    .iter()
                    .try_for_each(|v| write!(f, ", {}", sub(v)))?;
                over.within
                    .iter()
                    .try_for_each(|w| write!(f, ", within={}", sub(w)))?;
                over.filter
                    .iter()
                    .try_for_each(|w| write!(f, ", where={}", sub(w)))?;
                f.write_str(")")
            }
        }
    }
}

fn call<D: Display>(
    name: &str,
    f: &mut fmt::Formatter,
    args: impl Iterator<Item = D>,
) -> fmt::Result {
    write!(f, "{name}(")?;
    list(f, args)?;
    f.write_str(")")
}

fn list<D: Display>(f: &mut fmt::Formatter, items: impl Iterator<Item = D>) -> fmt::Result {
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

fn link(field: LinkField, f: &mut fmt::Formatter) -> fmt::Result {
    match field {
        LinkField::From => f.write_str("from"),
        LinkField::To => f.write_str("to"),
        LinkField::Time => f.write_str("time"),
        LinkField::Weight => f.write_str("weight"),
        LinkField::Column(i) => write!(f, "link.{i}"),
    }
}

fn constant(value: &Scalar, ty: &Type, f: &mut fmt::Formatter) -> fmt::Result {
    match value {
        Scalar::Null => f.write_str("null"),
        Scalar::I64(v) if *ty == Type::Duration => f.write_str(&duration(*v)),
        Scalar::I64(v) if *ty == Type::Time => match jiff::Timestamp::from_microsecond(*v) {
            Ok(time) => write!(f, "@{time}"),
            Err(_) => v.fmt(f),
        },
        Scalar::I64(v) => v.fmt(f),
        Scalar::F64(v) => write!(f, "{v:?}"),
        Scalar::Bool(v) => v.fmt(f),
        Scalar::Code(v) => write!(f, "@{v}"),
        Scalar::Text(v) => write!(f, "{v:?}"),
        Scalar::Key(_, key) => key.fmt(f),
        Scalar::Vector(v) => write!(f, "vector[{}]", v.len()),
    }
}

/// A duration as a literal: the largest unit that divides it.
pub fn duration(us: i64) -> String {
    const UNITS: [(i64, &str); 6] = [
        (7 * 86_400_000_000, "w"),
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    match UNITS.iter().find(|(unit, _)| us != 0 && us % unit == 0) {
        Some((unit, name)) => format!("{}{name}", us / unit),
        None if us == 0 => "0s".to_owned(),
        None => format!("{us}us"),
    }
}
