//! Answers as one table: a row per entity of a list. The lists of a page have a column for every
//! name that any of them has.

use super::values;
use crate::answer::{Answer, List, Row};
use crate::engine::Program;
use crate::types::{Key, Type, Value};

/// What a column of the table shows.
#[derive(Clone, Debug, PartialEq)]
enum What {
    User,
    List,
    Position,
    Score,
    /// The key, or a bound column, of the lists that have one of that name.
    Named(String),
}

/// A column of the table.
#[derive(Clone, Debug)]
pub struct FlatColumn {
    pub name: String,
    /// With keys as ints or strings.
    pub ty: Type,
}

/// The columns of a program's answers.
pub struct Flat {
    pub columns: Vec<FlatColumn>,
    /// What each shows.
    what: Vec<What>,
    /// An answer without rows is a row of nulls.
    pub keep_empty: bool,
}

impl Flat {
    /// A table of something else than answers.
    pub fn of_columns(columns: Vec<FlatColumn>) -> Flat {
        Flat { columns, what: Vec::new(), keep_empty: false }
    }

    pub fn new(program: &Program) -> Flat {
        let (schema, checked) = (program.schema(), program.checked());
        let mut flat = Flat::of_columns(Vec::new());
        flat.add("user", schema.entity(schema.viewer).key_type.ty(), What::User);
        if checked.results.iter().any(|(name, _)| name.is_some()) {
            flat.add("list", Type::String, What::List);
        }
        flat.add("position", Type::Int, What::Position);
        let shapes = || checked.results.iter().map(|(_, id)| checked.graph.shape(*id));
        for shape in shapes() {
            let key = &schema.entity(shape.entity).key;
            flat.named(key, schema.entity(shape.entity).key_type.ty());
        }
        flat.add("score", Type::Float, What::Score);
        for column in shapes().flat_map(|shape| &shape.columns) {
            flat.named(&column.name, schema.plain(&column.ty));
        }
        flat
    }

    /// Adds a column; one whose name is taken gets a `_` behind it.
    fn add(&mut self, name: &str, ty: Type, what: What) {
        let mut name = name.to_owned();
        while self.columns.iter().any(|c| c.name == name) {
            name.push('_');
        }
        self.columns.push(FlatColumn { name, ty });
        self.what.push(what);
    }

    /// Adds a column of lists; what several lists have under one name is one column.
    fn named(&mut self, name: &str, ty: Type) {
        let what = What::Named(name.to_owned());
        match self.what.iter().position(|known| *known == what) {
            Some(at) => self.columns[at].ty = common(&self.columns[at].ty, &ty),
            None => self.add(name, ty, what),
        }
    }

    /// The values of a row, one per column.
    fn row(&self, answer: &Answer, list: &List, position: usize, row: Row) -> Vec<Value> {
        let value = |(column, what): (&FlatColumn, &What)| match what {
            What::User => user(answer),
            What::List => list.name.clone().map_or(Value::Null, Value::Str),
            What::Position => Value::Int(position as i64 + 1),
            What::Score => row.score_or_null().map_or(Value::Null, Value::Float),
            What::Named(name) => fit(named(list, row, name), &column.ty),
        };
        self.columns.iter().zip(&self.what).map(value).collect()
    }

    /// Every row of some answers, in order.
    pub fn rows<'a>(&'a self, answers: &'a [Answer]) -> impl Iterator<Item = Vec<Value>> + 'a {
        answers.iter().flat_map(move |answer| {
            let rows = answer.lists.iter().flat_map(move |list| {
                let rows = list.rows().enumerate();
                rows.map(move |(at, row)| self.row(answer, list, at, row))
            });
            let kept = self.keep_empty && answer.is_empty();
            rows.chain(kept.then(|| self.nulls(answer)))
        })
    }

    /// The row of a user without rows.
    fn nulls(&self, answer: &Answer) -> Vec<Value> {
        let value = |what: &What| match what {
            What::User => user(answer),
            _ => Value::Null,
        };
        self.what.iter().map(value).collect()
    }
}

fn user(answer: &Answer) -> Value {
    answer.user.clone().map_or(Value::Null, Key::plain)
}

fn named(list: &List, row: Row, name: &str) -> Value {
    if list.key == name {
        return row.key().clone().plain();
    }
    row.get(name).cloned().unwrap_or(Value::Null)
}

/// A type for the values of both.
fn common(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (a, b) if a == b => a.clone(),
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        _ => Type::String,
    }
}

/// A value as one of its column's type.
fn fit(value: Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::Id(id), ty) => fit(id.plain(), ty),
        (Value::Int(v), Type::Float) => Value::Float(v as f64),
        (Value::List(items), Type::List(item)) => {
            Value::List(items.into_iter().map(|v| fit(v, item)).collect())
        }
        (Value::Str(text), _) => Value::Str(text),
        (Value::Null, _) => Value::Null,
        (other, Type::String) => Value::Str(values::text(&other)),
        (other, _) => other,
    }
}
