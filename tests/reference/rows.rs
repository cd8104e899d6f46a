//! Candidate sets, and the places at which a row expression can be read.

use super::chances::Chance;
use super::links::Links;
use super::value::Value;
use std::rc::Rc;

/// An ordered list of rows in which each entity occurs at most once.
#[derive(Clone, Debug, Default)]
pub struct Set {
    pub entity: usize,
    /// Names of the columns bound by `let`, heads and `select`; they are there without rows too.
    pub names: Vec<String>,
    pub rows: Vec<Row>,
    /// True after `select`: the columns, and only they, are the output.
    pub selected: bool,
    /// What is known of how probable the rows were.
    pub chance: Chance,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Row of the entity's table.
    pub id: u32,
    pub score: Option<f64>,
    /// One per name of the set.
    pub columns: Vec<Value>,
    /// How probable it was that it is here; none where nobody knows.
    pub chance: Option<f64>,
}

impl Set {
    pub fn empty(entity: usize) -> Set {
        Set { entity, ..Set::default() }
    }

    pub fn of(entity: usize, rows: impl IntoIterator<Item = (u32, Option<f64>)>) -> Set {
        let row = |(id, score)| Row { id, score, columns: Vec::new(), chance: Some(1.0) };
        Set { entity, rows: rows.into_iter().map(row).collect(), ..Set::default() }
    }

    /// The same columns with other rows.
    pub fn with_rows(&self, rows: Vec<Row>) -> Set {
        Set { rows, names: self.names.clone(), ..*self }
    }

    pub fn position(&self, id: u32) -> Option<usize> {
        self.rows.iter().position(|r| r.id == id)
    }

    /// Sets a column by name, adding it where it is new.
    pub fn set_column(&mut self, name: &str, values: Vec<Value>) {
        let at = self.names.iter().position(|n| n == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.rows.iter_mut().for_each(|row| row.columns.push(Value::Null));
            self.names.len() - 1
        });
        self.rows.iter_mut().zip(values).for_each(|(row, value)| row.columns[at] = value);
    }

    /// Orders by score: descending, null last, ties to the earlier row of the table.
    pub fn by_score(mut self) -> Set {
        self.rows.sort_by(|a, b| compare_scores(a.score, b.score).then(a.id.cmp(&b.id)));
        self
    }

    /// Orders by score: descending, null last; equal ones stay as they stand.
    pub fn by_score_alone(mut self) -> Set {
        self.rows.sort_by(|a, b| compare_scores(a.score, b.score));
        self
    }

    /// The place of each row, for its row expressions.
    pub fn places(&self) -> impl Iterator<Item = At> {
        let names = Rc::new(self.names.clone());
        let place = move |(i, row): (usize, &Row)| {
            At::Row(Rc::new(RowAt {
                entity: self.entity,
                row: row.clone(),
                position: Some(i + 1),
                names: names.clone(),
                chance: self.chance,
            }))
        };
        self.rows.iter().enumerate().map(place).collect::<Vec<_>>().into_iter()
    }
}

/// Larger first, null last.
pub fn compare_scores(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.partial_cmp(&a).expect("scores are never NaN"),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Where a row expression is read.
#[derive(Clone)]
pub enum At {
    /// Nowhere: only what belongs to the request.
    Request,
    Row(Rc<RowAt>),
    /// A link, inside the expression of a row (or of nothing).
    Link(Rc<LinkAt>),
}

/// A row of a set, or (without position) just an entity.
pub struct RowAt {
    pub entity: usize,
    pub row: Row,
    pub position: Option<usize>,
    pub names: Rc<Vec<String>>,
    /// Of its set.
    pub chance: Chance,
}

impl RowAt {
    /// The entity alone: no score, no position, no bound columns.
    pub fn bare(entity: usize, id: u32) -> RowAt {
        let row = Row { id, score: None, columns: Vec::new(), chance: Some(1.0) };
        RowAt { entity, row, position: None, names: Rc::default(), chance: Chance::Certain }
    }

    pub fn column(&self, name: &str) -> Option<Value> {
        let at = self.names.iter().position(|n| n == name)?;
        Some(self.row.columns[at].clone())
    }
}

pub struct LinkAt {
    pub links: Rc<Links>,
    pub index: usize,
    pub outer: At,
}

impl At {
    pub fn entity(entity: usize, id: u32) -> At {
        At::Row(Rc::new(RowAt::bare(entity, id)))
    }

    /// The row that this is about, outside any link.
    pub fn row(&self) -> Option<&RowAt> {
        match self {
            At::Request => None,
            At::Row(row) => Some(row),
            At::Link(link) => link.outer.row(),
        }
    }
}

/// What a program answers: a set or named sets.
#[derive(Clone, Debug)]
pub enum Answer {
    Set(Set),
    Lists(Vec<(String, Set)>),
}

impl Answer {
    /// The lists by name; a single set has none.
    pub fn lists(&self) -> Vec<(Option<&str>, &Set)> {
        match self {
            Answer::Set(set) => vec![(None, set)],
            Answer::Lists(lists) => lists.iter().map(|(n, s)| (Some(n.as_str()), s)).collect(),
        }
    }
}
