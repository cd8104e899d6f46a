//! Answers: rows with their keys, scores and columns, as plain values.

use crate::batch::Rows;
use crate::check::Checked;
use crate::expr::Run;
use crate::expr::eval::Sets;
use crate::expr::read::value;
use crate::request::Request;
use crate::types::{Key, Type, Value};
use crate::why::{Why, WhyNot};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub user: Option<Key>,
    pub query: String,
    /// Microseconds since 1970, UTC.
    pub now: i64,
    /// Identifies the data that was read.
    pub snapshot: Arc<str>,
    /// One unnamed list, or the lists of a page by name.
    pub lists: Vec<List>,
    pub warnings: Vec<String>,
    /// A limit ended the run: the lists are those of an earlier stage.
    pub partial: bool,
    /// Of the entities that were asked for by [`Ask::why_not`], in each list of their kind.
    pub why_not: Vec<WhyNot>,
}

/// What else an answer should tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// Why every row is there ([`Row::why`]).
    pub why: bool,
    /// Why entities with these keys are not ([`Answer::why_not`]). A key whose kind is not that of
    /// the list's entity is unknown there.
    pub why_not: Vec<Key>,
}

impl Ask {
    /// Whether anything is asked.
    pub fn is_anything(&self) -> bool {
        self.why || !self.why_not.is_empty()
    }
}

/// An ordered list of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The name in the program's record; none if the result is a single set.
    pub name: Option<String>,
    /// Name of the entity's key.
    pub key: String,
    /// Names and types of the bound columns, as in every row's values.
    pub columns: Arc<Vec<(String, Type)>>,
    pub rows: Vec<Row>,
}

/// One entity in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    key: Key,
    score: Option<f64>,
    values: Vec<Value>,
    columns: Arc<Vec<(String, Type)>>,
    why: Option<Box<Why>>,
}

impl Row {
    /// Why the row is there, if that was asked.
    pub fn why(&self) -> Option<&Why> {
        self.why.as_deref()
    }

    pub(crate) fn set_why(&mut self, why: Why) {
        self.why = Some(Box::new(why));
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The score, NaN for null, so that it can be printed as a number.
    pub fn score(&self) -> f64 {
        self.score.unwrap_or(f64::NAN)
    }

    /// The score; none for null.
    pub fn score_or_null(&self) -> Option<f64> {
        self.score
    }

    /// The values of the bound columns, in the list's order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a bound column.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.columns.iter().position(|(n, _)| n == name)?;
        self.values.get(place)
    }
}

impl Answer {
    /// The rows of a program whose result is one set, or of the first list of a page.
    pub fn rows(&self) -> &[Row] {
        self.lists.first().map_or(&[], |list| &list.rows)
    }

    /// A list of a page by name.
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists
            .iter()
            .find(|list| list.name.as_deref() == Some(name))
    }
}

/// The answers of a run, one per request.
pub fn answers(
    checked: &Checked,
    requests: &[Request],
    run: &Run,
    sets: &dyn Sets,
    warnings: &BTreeSet<(usize, String)>,
) -> Vec<Answer> {
    let snapshot: Arc<str> = run.snapshot.id().into();
    let mut answers: Vec<Answer> = requests
        .iter()
        .enumerate()
        .map(|(i, request)| Answer {
            user: request.user.clone(),
            query: checked.query.clone(),
            now: run.now[i],
            snapshot: snapshot.clone(),
            lists: Vec::with_capacity(checked.results.len()),
            partial: false,
            warnings: warnings
                .iter()
                .filter(|(r, _)| *r == i)
                .map(|(_, m)| m.clone())
                .collect(),
            why_not: Vec::new(),
        })
        .collect();
    for (name, node) in &checked.results {
        let shape = checked.graph.shape(*node);
        let key = &run.snapshot.schema().entity(shape.entity).key;
        let columns: Arc<Vec<(String, Type)>> = Arc::new(
            shape
                .columns
                .iter()
                .map(|c| (c.name.clone(), c.ty.clone()))
                .collect(),
        );
        let rows = sets.rows(*node);
        for (request, answer) in answers.iter_mut().enumerate() {
            let rows = rows
                .range(request)
                .map(|i| row(run, shape.entity, rows, i, &columns))
                .collect();
            answer.lists.push(List {
                name: name.clone(),
                key: key.clone(),
                columns: columns.clone(),
                rows,
            });
        }
    }
    answers
}

fn row(
    run: &Run,
    entity: crate::types::EntityId,
    rows: &Rows,
    i: usize,
    columns: &Arc<Vec<(String, Type)>>,
) -> Row {
    let key = run.keys.key(entity, rows.ids[i]).unwrap_or(Key::Int(0));
    let score = Some(rows.scores[i]).filter(|s| !s.is_nan());
    let values = rows
        .columns
        .iter()
        .zip(columns.iter())
        .map(|(column, (_, ty))| value(run, column, ty, i))
        .collect();
    Row {
        key,
        score,
        values,
        columns: columns.clone(),
        why: None,
    }
}
