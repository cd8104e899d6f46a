//! Typed expressions as text, for plans and explanations.

use crate::catalog::schema::Schema;
use crate::deep::recurse;
use crate::expr::functions::{Form, Kernel, Notation};
use crate::expr::ir::{Expr, Kind, LinkField, OfSet, OverLinks, Scalar, Stat};
use crate::expr::texts::{Keys, Texts};
use crate::types::{Key, Type, Value};
use foldhash::HashMap;
use std::cell::{Cell, RefCell};
use std::fmt::{self, Display, Write};
use xxhash_rust::xxh3::Xxh3;

/// Parts of an expression that are written at most. The rest is `...`, of a declaration hashes of what it is. Shared parts count
/// each time.
const MOST_PARTS: u32 = 2_000;

/// What has been written of an expression.
struct Written {
    /// How many parts may still be written.
    left: Cell<u32>,
    /// Hashes of parts that are not, by their addresses and those of the columns of the links that they are over.
    hashes: RefCell<HashMap<[usize; 2], u128>>,
}

/// A hash of a text.
struct Hashed(Xxh3);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// An expression with what is needed to name its parts.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    pub expr: &'a Expr,
    pub schema: &'a Schema,
    /// Of a run: then constants read as in the program.
    words: Option<(&'a Texts<'a>, &'a Keys<'a>)>,
    /// Names of the bound columns, where they are known.
    columns: &'a [String],
    /// Whether versions of embeddings are called what declarations call them.
    declared: bool,
    /// The columns of the links that it is over, where they are called by their names.
    link: &'a [(String, Type)],
    /// None before the first part is written.
    written: Option<&'a Written>,
}

impl<'a> Show<'a> {
    /// With the strings and keys of a run, and the names of bound columns.
    pub fn with(self, texts: &'a Texts<'a>, keys: &'a Keys<'a>, columns: &'a [String]) -> Show<'a> {
        Show { words: Some((texts, keys)), columns, ..self }
    }

    /// With the names of bound columns.
    pub fn naming(self, columns: &'a [String]) -> Show<'a> {
        Show { columns, ..self }
    }

    /// With embeddings by their declarations, which versions share, and columns of links by their names: the columns
    /// of the edge that it is over, if it is over one.
    pub fn as_declared(self, link: &'a [(String, Type)]) -> Show<'a> {
        Show { declared: true, link, ..self }
    }

    fn constant(&self, value: &Scalar, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (value, self.words, &self.expr.ty) {
            (Scalar::Code(code), Some((_, keys)), Type::Id(entity)) => {
                match keys.key(*entity, *code) {
                    Some(key) => key.fmt(f),
                    None => f.write_str("null"),
                }
            }
            (Scalar::Code(code), Some((texts, _)), _) => match texts.get(*code) {
                Some(text) => write!(f, "{text:?}"),
                None => f.write_str("null"),
            },
            (Scalar::Vector(numbers), ..) if self.declared => write!(f, "{numbers:?}"),
            _ => constant(value, &self.expr.ty, f),
        }
    }
}

/// Writes an expression.
pub fn show<'a>(expr: &'a Expr, schema: &'a Schema) -> Show<'a> {
    Show { expr, schema, words: None, columns: &[], declared: false, link: &[], written: None }
}

impl Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(written) = self.written else {
            let written = Written { left: Cell::new(MOST_PARTS), hashes: RefCell::default() };
            let counted = Show { written: Some(&written), ..*self };
            return counted.fmt(f);
        };
        if written.left.get() == 0 {
            return match self.declared {
                true => write!(f, "#{:032x}", recurse(|| self.hash(written))),
                false => f.write_str("..."),
            };
        }
        written.left.set(written.left.get() - 1);
        recurse(|| self.part(f))
    }
}

/// A part that is written, however much has been.
struct Whole<'a>(&'a Show<'a>);

impl Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.part(f)
    }
}

impl Show<'_> {
    /// A hash of a part, in whose text further parts are hashes.
    fn hash(&self, written: &Written) -> u128 {
        let place = [self.expr.address(), self.link.as_ptr() as usize];
        if let Some(&known) = written.hashes.borrow().get(&place) {
            return known;
        }
        let mut text = Hashed(Xxh3::new());
        // a hash takes all that is written
        let _ = write!(text, "{}", Whole(self));
        let hash = text.0.digest128();
        written.hashes.borrow_mut().insert(place, hash);
        hash
    }

    fn part(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = |expr| Show { expr, ..*self };
        match &self.expr.kind {
            Kind::Const(value) => self.constant(value, f),
            Kind::Param(_, name) => f.write_str(name),
            Kind::Now => f.write_str("now"),
            Kind::Viewer => f.write_str("viewer"),
            Kind::It => f.write_str("it"),
            Kind::Score => f.write_str("score"),
            Kind::Position => f.write_str("position"),
            Kind::Bound(i) => match self.columns.get(*i as usize) {
                Some(name) => f.write_str(name),
                None => write!(f, "${i}"),
            },
            Kind::Link(field) => self.link(*field, f),
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
                write!(f, "{}({})", self.embedding(*embedding), sub(id))
            }
            Kind::ToId { entity, key } => {
                write!(f, "{}({})", self.schema.entity(*entity).name, sub(key))
            }
            Kind::Call { kernel, args } => self.call(*kernel, args, f),
            Kind::If { condition, then, otherwise } => {
                let (then, condition) = (sub(then), sub(condition));
                write!(f, "({then} if {condition} else {})", sub(otherwise))
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
                OfSet::Chance => write!(f, "chance(#{})", set.0),
                OfSet::Certain => write!(f, "certain(#{})", set.0),
            },
            Kind::OverSet { stat, set, value } => {
                write!(f, "{}(#{}", stat.name(), set.0)?;
                value.iter().try_for_each(|v| write!(f, ", {}", sub(v)))?;
                f.write_str(")")
            }
            Kind::Hash(parts) => call("hash", f, parts.iter().map(sub)),
            Kind::Uniform { salt, ids } => {
                call("uniform", f, std::iter::once(salt).chain(ids).map(sub))
            }
            Kind::Extract { text, pattern } => {
                write!(f, "extract({}, {:?})", sub(text), pattern.0.as_str())
            }
            Kind::OverLinks(over) => self.over_links(over, f),
        }
    }

    fn link(&self, field: LinkField, f: &mut fmt::Formatter) -> fmt::Result {
        match field {
            LinkField::From => f.write_str("from"),
            LinkField::To => f.write_str("to"),
            LinkField::Time => f.write_str("time"),
            LinkField::Weight => f.write_str("weight"),
            LinkField::Column(i) => match self.link.get(i as usize) {
                Some((name, _)) => write!(f, "link.{name}"),
                None => write!(f, "link.{i}"),
            },
        }
    }

    fn embedding(&self, number: u32) -> &str {
        let embedding = &self.schema.embeddings[number as usize];
        if self.declared { embedding.meaning() } else { &embedding.name }
    }

    /// `stat(edge(from, to), value, within=, where=)`.
    fn over_links(&self, over: &OverLinks, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = |expr| Show { expr, ..*self };
        let (stat, edge) = (over.stat.name(), &over.edge.name);
        match over.stat {
            Stat::Newest(n) => return write!(f, "history({edge}, {n})"),
            Stat::FoldIn(embedding) => {
                return write!(f, "{}({})", self.embedding(embedding), sub(&over.from));
            }
            _ => {}
        }
        write!(f, "{stat}({edge}(")?;
        list(f, std::iter::once(&over.from).chain(&over.to).map(sub))?;
        f.write_str(")")?;
        let link = if self.declared { &over.edge.columns[..] } else { &[] };
        let of_link = |expr| Show { link, ..sub(expr) };
        over.value.iter().try_for_each(|value| write!(f, ", {}", of_link(value)))?;
        over.within.iter().try_for_each(|within| write!(f, ", within={}", sub(within)))?;
        over.filter.iter().try_for_each(|filter| write!(f, ", where={}", of_link(filter)))?;
        f.write_str(")")
    }

    /// A call as it is written.
    fn call(&self, kernel: Kernel, args: &[Expr], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = |expr| Show { expr, ..*self };
        let name = match self.schema.tower(kernel.function.name).filter(|_| self.declared) {
            Some(tower) => self.embedding(tower),
            None => kernel.function.name,
        };
        let args = match args {
            // what the program does not write
            [written @ .., last] if kernel.function.form == Form::Now && last.kind == Kind::Now => {
                written
            }
            _ => args,
        };
        match (kernel.notation(), args) {
            (Notation::Unwritten, [a]) => sub(a).fmt(f),
            (Notation::Between, [a, b]) => {
                write!(f, "{} {name} {}", Inner(sub(a)), Inner(sub(b)))
            }
            (Notation::Sign, [a]) => write!(f, "{name}{}", Inner(sub(a))),
            (Notation::Before, [a]) => write!(f, "{name} {}", Inner(sub(a))),
            (Notation::Behind, [a]) => write!(f, "{} {name}", Inner(sub(a))),
            _ => call(name, f, args.iter().map(sub)),
        }
    }
}

/// An operand: in brackets if it has a sign of its own.
struct Inner<'a>(Show<'a>);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.expr.kind {
            Kind::Call { kernel, args } => match kernel.notation() {
                Notation::Unwritten => Inner(Show { expr: &args[0], ..self.0 }).fmt(f),
                Notation::Call => self.0.fmt(f),
                _ => write!(f, "({})", self.0),
            },
            Kind::InSet { .. } => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
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

fn constant(value: &Scalar, ty: &Type, f: &mut fmt::Formatter) -> fmt::Result {
    match value {
        Scalar::Null => f.write_str("null"),
        Scalar::I64(v) if *ty == Type::Duration => f.write_str(&duration(*v)),
        Scalar::I64(v) if *ty == Type::Time => match crate::types::time::text(*v) {
            Some(time) => write!(f, "@{time}"),
            None => v.fmt(f),
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

/// A value as it is written in a program; keys as they are in the data.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        Value::Bool(v) => v.to_string(),
        Value::Str(v) | Value::Id(Key::Str(v)) => format!("{v:?}"),
        Value::Id(Key::Int(v)) => v.to_string(),
        Value::Time(us) => match crate::types::time::text(*us) {
            Some(time) => format!("@{time}"),
            None => format!("{us} us"),
        },
        Value::Duration(us) => duration(*us),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Vector(v) => format!("{v:?}"),
    }
}
