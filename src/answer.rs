//! Answers: rows with their keys, scores and columns, as plain values.

use crate::batch::{self, Held, Stop};
use crate::catalog::schema::{KeyType, Schema};
use crate::check::Checked;
use crate::expr::read::{value as value_of, values as values_of};
use crate::expr::run::Sets;
use crate::expr::{Frame, NodeId, Run};
use crate::request::Request;
use crate::types::{EntityId, Key, Type, Value};
use crate::why::{Why, WhyNot};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The user of the request, if it has one.
    pub user: Option<Key>,
    /// The name of the query that ran.
    pub query: String,
    /// Microseconds since 1970, UTC.
    pub now: i64,
    /// Identifies the data that was read.
    pub snapshot: Arc<str>,
    /// One unnamed list, or the lists of a page by name.
    pub lists: Vec<List>,
    /// The experiments that the request was exposed to, by name, with its arms: those that an operator reads which the
    /// request reached, as far as it is in an arm.
    pub arms: Vec<(String, String)>,
    /// The same of experiments whose arm the request itself has set ([`Request::arm`]).
    pub forced: Vec<(String, String)>,
    /// The trained versions that the program reads, as `similar@3`, and models in files by their hashes, as `ctr@0a1b2c3d4e5f`.
    pub versions: Vec<String>,
    /// What is doubtful about the answer, such as a short page, a sentence each.
    pub warnings: Vec<String>,
    /// A limit ended the run before the lists were made.
    pub partial: bool,
    /// Of a partial answer: the lists that were not finished.
    pub ended: Vec<Ended>,
    /// Of the entities that were asked for by [`Ask::why_not`], in each list of their kind.
    pub why_not: Vec<WhyNot>,
    /// The row numbers of the nodes that are watched, in their order.
    pub(crate) watched: Vec<Vec<u32>>,
    /// What models did with candidates, where that is logged.
    pub(crate) staged: Vec<Staged>,
}

/// What a model did with the candidates of a request, in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Staged {
    /// The place of the operator among those that are logged.
    pub node: usize,
    pub keys: Vec<Key>,
    /// The scores with which they came, NaN for null.
    pub before: Vec<f64>,
    /// The scores that they were given.
    pub scores: Vec<f64>,
    /// The place of each among those that are kept, from 1; 0: it was cut.
    pub positions: Vec<u32>,
    /// What the model was given of each, input by input.
    pub inputs: Vec<Cells>,
    /// The numbers that it gave, head by head.
    pub heads: Vec<Cells>,
}

/// Values of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cells {
    /// NaN is null.
    Floats(Vec<f64>),
    Values(Vec<Value>),
}

/// Where a list of a partial answer ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The name of the list in the program's record; none if the result is a single set.
    pub list: Option<String>,
    /// The operator whose rows the list has, as `score(quality)`; none if the rows of no finished
    /// operator can stand for it: then it is empty.
    pub at: Option<String>,
    #[doc(hidden)]
    pub node: Option<NodeId>,
}

impl Ended {
    /// For each list that is the node.
    pub(crate) fn new(
        checked: &Checked,
        schema: &Schema,
        (result, node): (NodeId, Option<NodeId>),
    ) -> Vec<Ended> {
        let at = node.map(|id| checked.graph.get(id).text(schema));
        let lists = checked.results.iter().filter(|(_, list)| *list == result);
        let ended = |(list, _): &(Option<String>, NodeId)| Ended {
            list: list.clone(),
            at: at.clone(),
            node,
        };
        lists.map(ended).collect()
    }
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

/// An ordered list of entities, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The name in the program's record; none if the result is a single set.
    pub name: Option<String>,
    /// Name of the entity's key.
    pub key: String,
    /// Names and types of the bound columns.
    pub columns: Arc<Vec<(String, Type)>>,
    keys: Vec<Key>,
    scores: Vec<Option<f64>>,
    /// Of every bound column, a value for each row.
    values: Vec<Vec<Value>>,
    /// Of every row, or empty.
    why: Vec<Why>,
    /// How probable it was that the row is there: of every row, or empty.
    propensities: Vec<f64>,
}

impl List {
    /// The rows, best first.
    pub fn rows(&self) -> Rows<'_> {
        Rows { list: Some(self), places: 0..self.keys.len() }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Explains the rows, in their order.
    pub(crate) fn set_why(&mut self, why: Vec<Why>) {
        self.why = why;
    }
}

/// Rows of a list, in order: an iterator that can be cloned.
#[derive(Clone, Debug, Default)]
pub struct Rows<'a> {
    list: Option<&'a List>,
    places: std::ops::Range<usize>,
}

impl<'a> Rows<'a> {
    /// The same rows, as a slice has it.
    pub fn iter(&self) -> Rows<'a> {
        self.clone()
    }

    /// The row at a place, counted from 0.
    pub fn get(&self, place: usize) -> Option<Row<'a>> {
        self.iter().nth(place)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        let place = self.places.next()?;
        let list = self.list?;
        Some(Row { list, place })
    }

    fn nth(&mut self, n: usize) -> Option<Row<'a>> {
        let place = self.places.nth(n)?;
        let list = self.list?;
        Some(Row { list, place })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for Rows<'_> {}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let place = self.places.next_back()?;
        let list = self.list?;
        Some(Row { list, place })
    }
}

/// One entity in a list.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    list: &'a List,
    place: usize,
}

impl<'a> Row<'a> {
    /// Why the row is there, if that was asked.
    pub fn why(self) -> Option<&'a Why> {
        self.list.why.get(self.place)
    }

    /// The key of the entity.
    pub fn key(self) -> &'a Key {
        &self.list.keys[self.place]
    }

    /// The score, NaN for null, so that it can be printed as a number.
    pub fn score(self) -> f64 {
        self.score_or_null().unwrap_or(f64::NAN)
    }

    /// The score; none for null.
    pub fn score_or_null(self) -> Option<f64> {
        self.list.scores[self.place]
    }

    /// How probable it was that the row came to be there: 1 where nothing was drawn; none where there is no formula, or
    /// the program does not tell ([`Program::telling_propensities`](crate::Program::telling_propensities)).
    pub fn propensity(self) -> Option<f64> {
        self.list.propensities.get(self.place).copied().filter(|p| !p.is_nan())
    }

    /// The values of the bound columns, in the list's order.
    pub fn values(self) -> impl ExactSizeIterator<Item = &'a Value> {
        self.list.values.iter().map(move |values| &values[self.place])
    }

    /// The value of a bound column.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        let column = self.list.columns.iter().position(|(n, _)| n == name)?;
        self.list.values.get(column)?.get(self.place)
    }
}

impl Answer {
    /// Notes that a limit ended the run, and where.
    pub(crate) fn end(&mut self, limit: &str, ended: &[Ended]) {
        self.partial = true;
        self.ended = ended.to_vec();
        self.warnings.push(format!("the answer is partial: {limit}"));
        for Ended { list, at, .. } in ended {
            let list = match list {
                Some(name) => format!("list `{name}`"),
                None => "the list".to_owned(),
            };
            self.warnings.push(match at {
                Some(at) => format!("{list} has rows of `{at}`, in that order"),
                None => {
                    format!("{list} is empty: no rows available by then qualify")
                }
            });
        }
    }

    /// Whether no list has a row.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(List::is_empty)
    }

    /// The rows of a program whose result is one set, or of the first list of a page.
    pub fn rows(&self) -> Rows<'_> {
        self.lists.first().map_or_else(Rows::default, List::rows)
    }

    /// A list of a page by name.
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name.as_deref() == Some(name))
    }
}

/// Rows that become values between two looks at the clock.
const BLOCK: usize = 1 << 12;
/// Bytes of their elements and texts about.
const ELEMENTS: usize = 1 << 20;

/// Whether values of a type take no bytes but their own.
fn is_flat(schema: &Schema, ty: &Type) -> bool {
    match ty {
        Type::Id(entity) => schema.entity(*entity).key_type == KeyType::Int,
        Type::String | Type::List(_) | Type::Vector(_) => false,
        _ => true,
    }
}

/// Bytes that a value takes beside its own: of its text or its elements.
fn outside(value: &Value) -> usize {
    let with_own = |item: &Value| size_of::<Value>() + outside(item);
    match value {
        Value::Str(text) | Value::Id(Key::Str(text)) => text.len(),
        Value::List(items) => items.iter().map(with_own).sum(),
        Value::Vector(numbers) => 4 * numbers.len(),
        _ => 0,
    }
}

/// Puts values behind others and charges them. The first are not copied: mostly they are all.
fn append<T>(held: &mut Held, all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() {
        let _ = held.grow(more.capacity() * size_of::<T>());
        *all = more;
    } else {
        let _ = held.reserve(all, more.len());
        all.extend(more);
    }
}

/// The answers of a run, one per request. If `stop` says that the run has to end, some of the rows are
/// missing.
pub fn answers(
    checked: &Checked,
    requests: &[Request],
    run: &Run,
    sets: &dyn Sets,
    warnings: &BTreeSet<(usize, String)>,
    stop: Stop,
) -> Vec<Answer> {
    let mut held = stop.hold(0);
    let mut answers = without_lists(checked, requests, run, warnings);
    for (name, node) in &checked.results {
        let shape = checked.graph.shape(*node);
        let columns = shape.columns.iter().map(|c| (c.name.clone(), c.ty.clone()));
        let result = Shown {
            run,
            name,
            entity: shape.entity,
            columns: Arc::new(columns.collect()),
            rows: sets.rows(*node),
        };
        for (request, answer) in answers.iter_mut().enumerate() {
            answer.lists.push(result.list(request, stop, &mut held));
        }
    }
    answers
}

/// Adds to the rows of answers how probable it was that they came to be there.
pub fn tell_propensities(
    mut answers: Vec<Answer>,
    checked: &Checked,
    run: &Run,
    sets: &dyn Sets,
) -> Vec<Answer> {
    for (place, (_, node)) in checked.results.iter().enumerate() {
        let rows = sets.rows(*node);
        let owners = rows.owners();
        let all = Frame::rows(run, rows, &owners).numbers(&checked.propensities[place]);
        for (request, answer) in answers.iter_mut().enumerate() {
            answer.lists[place].propensities = all[rows.range(request)].to_vec();
        }
    }
    answers
}

/// The answers of a run of which only some nodes' row numbers are asked.
pub fn watched(
    checked: &Checked,
    requests: &[Request],
    run: &Run,
    sets: &dyn Sets,
    warnings: &BTreeSet<(usize, String)>,
    nodes: &[NodeId],
) -> Vec<Answer> {
    let mut answers = without_lists(checked, requests, run, warnings);
    for &node in nodes {
        let rows = sets.rows(node);
        for (request, answer) in answers.iter_mut().enumerate() {
            // an operator that did not run has no requests
            let own = (request < rows.requests()).then(|| rows.range(request));
            answer.watched.push(rows.ids[own.unwrap_or_default()].to_vec());
        }
    }
    answers
}

fn without_lists(
    checked: &Checked,
    requests: &[Request],
    run: &Run,
    warnings: &BTreeSet<(usize, String)>,
) -> Vec<Answer> {
    let snapshot: Arc<str> = run.snapshot.id().into();
    let answer = |(i, request): (usize, &Request)| Answer {
        user: request.user.clone(),
        query: checked.query.clone(),
        now: run.now[i],
        snapshot: snapshot.clone(),
        lists: Vec::with_capacity(checked.results.len()),
        arms: Vec::new(),
        forced: Vec::new(),
        versions: checked.versions.keys().cloned().collect(),
        partial: false,
        ended: Vec::new(),
        warnings: warnings.iter().filter(|(r, _)| *r == i).map(|(_, m)| m.clone()).collect(),
        why_not: Vec::new(),
        watched: Vec::new(),
        staged: Vec::new(),
    };
    requests.iter().enumerate().map(answer).collect()
}

/// Adds the arms that requests were exposed to: `exposed` has their slots.
pub fn expose(
    answers: &mut [Answer],
    checked: &Checked,
    requests: &[Request],
    run: &Run,
    exposed: BTreeSet<(usize, u32)>,
) {
    for (request, slot) in exposed {
        let param = &checked.params[slot as usize];
        let arm = value_of(run, &run.params[slot as usize], &param.ty, request);
        // who is outside is in no arm
        let Value::Str(arm) = arm else { continue };
        let answer = &mut answers[request];
        match requests[request].forced(&param.name) {
            Some(_) => answer.forced.push((param.name.clone(), arm)),
            None => answer.arms.push((param.name.clone(), arm)),
        }
    }
    for answer in answers {
        answer.arms.sort();
        answer.forced.sort();
    }
}

/// A result of a program for all requests, before its rows become values.
struct Shown<'a> {
    run: &'a Run<'a>,
    name: &'a Option<String>,
    entity: EntityId,
    columns: Arc<Vec<(String, Type)>>,
    rows: &'a batch::RowBatch,
}

impl Shown<'_> {
    /// The rows of a request, block by block.
    fn list(&self, request: usize, stop: Stop, held: &mut Held) -> List {
        let mut list = List {
            name: self.name.clone(),
            key: self.run.snapshot.schema().entity(self.entity).key.clone(),
            columns: self.columns.clone(),
            values: vec![Vec::new(); self.rows.columns.len()],
            keys: Vec::new(),
            scores: Vec::new(),
            why: Vec::new(),
            propensities: Vec::new(),
        };
        let has_lists = self.columns.iter().any(|(_, ty)| matches!(ty, Type::List(_)));
        let mut size = if has_lists { 16 } else { BLOCK };
        let mut rest = self.rows.range(request);
        while !rest.is_empty() && !stop.is_due() {
            let block = rest.start..rest.end.min(rest.start + size);
            rest.start = block.end;
            // what is too much shows at the next block
            let elements = self.add(&mut list, block.clone(), held);
            size = (ELEMENTS / (elements / block.len()).max(1)).clamp(1, BLOCK);
        }
        list
    }

    /// Adds the rows of a block; the bytes of their elements and texts.
    fn add(&self, list: &mut List, block: Range<usize>, held: &mut Held) -> usize {
        let mut elements = 0;
        let columns = self.rows.columns.iter().zip(self.columns.iter());
        for (all, (column, (_, ty))) in list.values.iter_mut().zip(columns) {
            let more = values_of(self.run, column, ty, block.clone());
            if !is_flat(self.run.snapshot.schema(), ty) {
                let bytes = more.iter().map(outside).sum();
                let _ = held.grow(bytes);
                elements += bytes;
            }
            append(held, all, more);
        }
        let keys = self.run.keys.keys(self.entity, &self.rows.ids[block.clone()]);
        // a row that is no entity's, like an unknown viewer, has the key of the request
        let keys = keys.into_iter().map(|key| key.unwrap_or(Key::Int(0)));
        append(held, &mut list.keys, keys.collect());
        let score = |&score: &f64| Some(score).filter(|s| !s.is_nan());
        let scores = self.rows.scores[block].iter().map(score);
        append(held, &mut list.scores, scores.collect());
        elements
    }
}
