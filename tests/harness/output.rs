//! Answers in one form, whoever gave them, and how two are compared.

use crate::reference::{self, World};
use igql::types::{Key, Value};

/// The lists of an answer; a single one has no name.
pub type Output = Vec<(Option<String>, Vec<OutRow>)>;

#[derive(Clone, Debug)]
pub struct OutRow {
    pub key: Key,
    pub score: Option<f64>,
    pub columns: Vec<(String, Value)>,
}

/// What the reference interpreter answers.
pub fn of_reference(
    world: &World,
    request: &reference::Request,
    (answer, arms): &(reference::Answer, reference::Arms),
) -> Output {
    let list = |(name, set): (Option<&str>, &reference::Set)| {
        let rows = set.rows.iter().map(|row| OutRow {
            key: key(world, request, set.entity, row.id),
            score: row.score,
            columns: set
                .names
                .iter()
                .zip(&row.columns)
                .map(|(n, v)| (n.clone(), shown(world, request, v)))
                .collect(),
        });
        (name.map(str::to_owned), rows.collect())
    };
    with_arms(answer.lists().into_iter().map(list).collect(), arms)
}

/// The list in which an answer has the experiments that it was exposed to.
pub const ARMS: &str = "arms";

/// An answer with the experiments that it was exposed to as a further list, if there are any.
pub fn with_arms(mut lists: Output, arms: &reference::Arms) -> Output {
    let row = |(name, arm): (&String, &String)| OutRow {
        key: Key::Str(name.clone()),
        score: None,
        columns: vec![("arm".to_owned(), Value::Str(arm.clone()))],
    };
    if !arms.is_empty() {
        lists.push((Some(ARMS.to_owned()), arms.iter().map(row).collect()));
    }
    lists
}

fn key(world: &World, request: &reference::Request, entity: usize, row: u32) -> Key {
    let known = world.entities[entity].keys.get(row as usize).cloned();
    known.or_else(|| request.viewer.clone()).expect("a key")
}

fn shown(world: &World, request: &reference::Request, value: &reference::Value) -> Value {
    use crate::reference::Value as R;
    match value {
        R::Null => Value::Null,
        R::Int(x) => Value::Int(*x),
        R::Float(x) => Value::Float(*x),
        R::Bool(x) => Value::Bool(*x),
        R::Str(x) => Value::Str(x.clone()),
        R::Time(x) => Value::Time(*x),
        R::Duration(x) => Value::Duration(*x),
        R::Id(entity, row) => Value::Id(key(world, request, *entity, *row)),
        R::List(items) => Value::List(items.iter().map(|v| shown(world, request, v)).collect()),
        R::Vector(x) => Value::Vector(x.clone()),
    }
}

/// The first difference between two answers, if there is one.
pub fn difference(expected: &Output, found: &Output, approx: bool) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} lists instead of {}", found.len(), expected.len()));
    }
    expected.iter().zip(found).find_map(|((name, a), (other, b))| {
        if name != other {
            return Some(format!("list {other:?} instead of {name:?}"));
        }
        list_difference(a, b, approx)
            .map(|d| format!("{d}\nexpected\n{}\nfound\n{}", show(a), show(b)))
    })
}

fn list_difference(expected: &[OutRow], found: &[OutRow], approx: bool) -> Option<String> {
    let pairs = expected.iter().zip(found).enumerate();
    let differing = pairs.filter_map(|(i, (a, b))| {
        row_difference(a, b, approx).map(|d| format!("row {}: {d}", i + 1))
    });
    let length = (expected.len() != found.len())
        .then(|| format!("{} rows instead of {}", found.len(), expected.len()));
    differing.chain(length).next()
}

fn row_difference(a: &OutRow, b: &OutRow, approx: bool) -> Option<String> {
    if a.key != b.key {
        return Some(format!("key {} instead of {}", b.key, a.key));
    }
    if !same_score(a.score, b.score, approx) {
        return Some(format!("score {:?} instead of {:?}", b.score, a.score));
    }
    let names = |row: &OutRow| row.columns.iter().map(|c| c.0.clone()).collect::<Vec<_>>();
    if names(a) != names(b) {
        return Some(format!("columns {:?} instead of {:?}", names(b), names(a)));
    }
    let differs = |((name, x), (_, y)): (&(String, Value), &(String, Value))| {
        (!same(x, y, approx)).then(|| format!("`{name}` {y:?} instead of {x:?}"))
    };
    a.columns.iter().zip(&b.columns).find_map(differs)
}

fn same_score(a: Option<f64>, b: Option<f64>, approx: bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_float(a, b, approx),
        (a, b) => a == b,
    }
}

/// To the bit, but for the sign of zero.
fn same_float(a: f64, b: f64, approx: bool) -> bool {
    a == b || (approx && (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0))
}

/// Equal values; an integer equals the float that it widens to.
pub fn same(a: &Value, b: &Value, approx: bool) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => same_float(*a, *b, approx),
        (Value::Int(i), Value::Float(f)) | (Value::Float(f), Value::Int(i)) => *i as f64 == *f,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, approx))
        }
        _ => a == b,
    }
}

/// Rows as a table that can stand in a case.
pub fn show(rows: &[OutRow]) -> String {
    let names = rows
        .first()
        .map_or(String::new(), |r| r.columns.iter().map(|c| format!(" {}", c.0)).collect());
    let mut text = format!("key score{names}\n");
    for row in rows {
        let columns: String = row.columns.iter().map(|(_, v)| format!(" {}", cell(v))).collect();
        text += &format!(
            "{} {}{columns}\n",
            cell(&Value::Id(row.key.clone())),
            row.score.map_or("-".to_owned(), |s| format!("{s:?}"))
        );
    }
    text
}

/// A value as the cell of a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Int(x) => x.to_string(),
        Value::Float(x) => format!("{x:?}"),
        Value::Bool(x) => x.to_string(),
        Value::Str(x) if x.contains(' ') || x.is_empty() => format!("\"{x}\""),
        Value::Str(x) => x.clone(),
        Value::Time(x) => reference::write::time_text(*x),
        Value::Duration(x) => format!("{}s", *x as f64 / 1e6),
        Value::Id(Key::Str(text)) => cell(&Value::Str(text.clone())),
        Value::Id(Key::Int(key)) => key.to_string(),
        Value::List(items) => items.iter().map(cell).collect::<Vec<_>>().join("|"),
        Value::Vector(x) => format!("{x:?}"),
    }
}
