//! The operators: one file each, and the list.
//!
//! An [`Operator`] is the declaration: name, parameters, page, and how to bind it. Binding asks
//! for the arguments through [`Bind`], which the checker implements, and gives a [`Bound`]: an
//! instance that knows its shape and can run. Everyone else knows only these types.

pub mod bind;
pub mod bounds;
pub mod estimate;
pub mod fanout;
pub mod fold;
pub mod graph;
pub mod shape;
pub mod used;
pub mod vectors;

mod allowed;
mod as_viewer;
mod choose;
mod columns;
mod combine;
mod diversify;
mod fallback;
mod filter;
mod group;
mod insert;
mod join;
mod members;
mod near;
mod nn;
mod nothing;
mod own;
mod pool;
mod rank;
mod reorder;
mod sample;
mod score;
mod sets;
mod slate;
mod sources;
mod take;
mod vocabulary;
mod walk;

pub use bind::{Bind, Bound, Choice, Model, Quantity, Role};
pub use estimate::{Demand, Guess};
pub use graph::{Graph, Node};
pub use shape::{BoundColumn, Score, ScoreKind, Shape};
pub use used::{Part, Used, Window};

use crate::batch::{Column, Failed, Held, Rows, Stop};
use crate::catalog::schema::Schema;
use crate::expr::{EdgeExpr, Expr, Frame, Kind, NodeId, Run};
use crate::store::Snapshot;
use crate::types::{Key, NULL_INT};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A parameter as help and the checker's arity rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    pub name: &'static str,
    /// As documented: `duration?`, `newest|strongest|listed|random`.
    pub ty: &'static str,
    /// Named only: it may not be given by position.
    pub named: bool,
}

/// What arguments beyond the parameters an operator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    None,
    /// Any number of positional and of named expressions (`filter`, `let`, `select`).
    Any,
    /// Any number of candidate sets (`combine`, `fallback`). One that it follows is the first.
    Sets,
    /// Any number of positional expressions (`score`).
    Keys,
}

/// The declaration of an operator.
pub struct Operator {
    pub name: &'static str,
    /// A source stands alone (`all(media)`); the others follow a set (`rows.take(3)`).
    pub source: bool,
    pub params: &'static [Param],
    /// Whether its rows have the entity and the columns of its input's.
    pub keeps_shape: bool,
    pub rest: Rest,
    /// Its page: what it does, with examples.
    pub page: &'static str,
    pub bind: fn(&mut dyn Bind) -> Option<Bound>,
}

impl Operator {
    /// One line: `walk(edge, limit: int = auto, ...)`.
    pub fn usage(&self) -> String {
        let mut parts: Vec<String> = self
            .params
            .iter()
            .map(|p| format!("{}: {}", p.name, p.ty))
            .collect();
        match self.rest {
            Rest::None => {}
            Rest::Keys => parts.push("then...".to_owned()),
            Rest::Any | Rest::Sets => parts.push("...".to_owned()),
        }
        format!("{}({})", self.name, parts.join(", "))
    }
}

/// Every operator that is called by name.
pub const OPERATORS: &[&Operator] = &[
    &sources::ALL,
    &sources::GIVEN,
    &walk::WALK,
    &nn::NN,
    &columns::LET,
    &columns::SELECT,
    &filter::FILTER,
    &take::TAKE,
    &score::SCORE,
    &rank::RANK,
    &diversify::DIVERSIFY_BY,
    &slate::SLATE,
    &combine::COMBINE,
    &fallback::FALLBACK,
    &insert::INSERT,
    &sample::SAMPLE,
    &as_viewer::AS_VIEWER,
];

pub use choose::choose;
pub use columns::unknown_columns;
pub use fanout::Contributions;
pub use filter::filter;
pub use members::membership;
pub use nothing::{no_rows, nothing};
pub use sets::{difference, intersection, union};
pub use sources::{everything, viewer};
pub use vocabulary::{ModelKind, Vocabulary};
pub use walk::{all_links, reads_only_the_entity};

/// What an operator does to its first input, as far as advice has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Anything: it may read the scores and the order.
    Other,
    /// Rows, scores and order stay (`let`).
    Keeps,
    /// Some rows go; scores and order stay (`filter`, `a - b`).
    Narrows,
    /// The order changes, and the scores perhaps (`diversify_by`).
    Reorders,
    /// The first rows stay (`take`).
    Cuts,
    /// Every row has a new score, and stands by it: nothing of the old ones is left, but what the
    /// operator's expressions read (`score`, `rank`).
    Scores,
}

/// A bound operator: an instance with its arguments, ready to run.
pub trait Op: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The arguments as `explain` shows them.
    fn details(&self, schema: &Schema) -> String;

    /// The expressions that it evaluates.
    fn exprs(&self) -> Vec<&Expr>;

    /// The rows of every request of the run.
    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError>;

    /// What becomes of rows, scores and order.
    fn effect(&self) -> Effect {
        Effect::Other
    }

    /// Most contributions that a request can make here, over inputs of these bounds: what a
    /// fan-out merges into its rows. None for operators that merge nothing.
    fn contributions(&self, _snapshot: &Snapshot, _inputs: &[&Shape]) -> Option<u64> {
        None
    }

    /// How many rows to expect, given how many of each input (and, last, of the nested set).
    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let most = self.cut().and_then(|cut| guess.number(cut));
        let rows = inputs.first().copied().unwrap_or(1.0);
        rows.min(most.unwrap_or(f64::INFINITY))
    }

    /// What is asked of an input, given what is asked of the rows here; none if nothing is.
    fn demand(&self, guess: &dyn Guess, input: usize, wanted: Option<Demand>) -> Option<Demand> {
        if input > 0 {
            return None;
        }
        let cut = self.cut().and_then(|cut| guess.number(cut));
        let asked = cut.map(Demand::rows).or(wanted);
        match self.effect() {
            Effect::Other => None,
            Effect::Scores => asked.map(|demand| Demand {
                scored: true,
                ..demand
            }),
            Effect::Keeps | Effect::Narrows | Effect::Reorders | Effect::Cuts => asked,
        }
    }

    /// The number of a fan-out, where the program leaves it open.
    fn auto(&self) -> Option<u64> {
        None
    }

    /// The largest such number that can make a difference.
    fn most(&self, _schema: &Schema) -> u64 {
        u64::MAX
    }

    /// An input that only some requests need: how many of the inputs before it, beside the sets
    /// that its expressions read, decide for which. None: it is needed anyway.
    fn gate(&self, _input: usize) -> Option<usize> {
        None
    }

    /// The requests that need a gated input, given the inputs that decide. There may be only the
    /// first of these: then it is yes wherever no is not certain.
    fn wants(&self, exec: &Exec, _input: usize, _earlier: &[&Rows]) -> Vec<bool> {
        vec![true; exec.run.requests()]
    }

    /// Whether the viewer or the seed make a difference to its rows, beside what its expressions read.
    fn is_personal(&self) -> bool {
        false
    }

    /// A set that is evaluated once for each row of the first input, with that row as the viewer.
    /// Its rows, one request per row, come as a further input of `run`.
    fn nested(&self) -> Option<NodeId> {
        None
    }

    /// How many rows the program asks for here, where it says a number (`take(25)`, `keep=100`).
    fn asks(&self) -> Option<u64> {
        None
    }

    /// How many rows stay here at most, where the program or the request says a number.
    fn cut(&self) -> Option<&Quantity> {
        None
    }

    /// Where pages are cut out of one list: how many rows it should have. They have to come in,
    /// whichever page is asked for.
    fn depth(&self) -> Option<u64> {
        None
    }

    /// How many rows come before the page, where it is cut out of a list.
    fn offset(&self) -> Option<&Quantity> {
        None
    }

    /// How many rows a request would have here, where no more than are used may have been made: see
    /// [`Op::narrowed`]. None if the rows themselves tell. What fan-outs make is noted
    /// ([`Exec::followed`]).
    fn whole(&self, _exec: &Exec, _inputs: &[&Rows], _request: usize) -> Option<u64> {
        None
    }

    /// Whether [`Op::whole`] looks at the entities of the inputs, and not only at how many rows they have.
    fn counts_entities(&self) -> bool {
        false
    }

    /// Whether each row of that input may stand for a row here, whatever becomes of the others: an
    /// operator that orders, scores and cuts keeps none out for what it is.
    fn passes(&self, input: usize) -> bool {
        let passes = !matches!(self.effect(), Effect::Other | Effect::Narrows);
        passes && input == 0
    }

    /// Its numbers of rows, by the names of their parameters.
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        Vec::new()
    }

    /// Whether all rows of the first input stay, whatever comes to them.
    fn keeps_all(&self) -> bool {
        matches!(self.effect(), Effect::Keeps | Effect::Reorders)
    }

    /// Whether rows of several inputs are compared by their scores as they are (`a | b`).
    fn mixes_scores(&self) -> bool {
        false
    }

    /// Whether scores of the input are added up.
    fn sums_scores(&self) -> bool {
        false
    }

    /// The names of the columns that it binds.
    fn binds(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The expression of a column that it binds, over the rows of its input.
    fn binding(&self, _name: &str) -> Option<Expr> {
        None
    }

    /// The edge that it goes along.
    fn edge(&self) -> Option<&EdgeExpr> {
        None
    }

    /// What an explanation calls it: `walk likes`.
    fn label(&self, _schema: &Schema) -> String {
        self.name().to_owned()
    }

    /// What a fan-out merges into its rows, made again for an explanation. None for operators that
    /// merge nothing.
    fn links(&self, _exec: &Exec, _inputs: &[&Rows]) -> Result<Option<Contributions>, RunError> {
        Ok(None)
    }

    /// The same fan-out with conditions taken away, the least first, to tell which of them an
    /// entity did not meet.
    fn relaxed(&self, _schema: &Schema) -> Vec<Relaxed> {
        Vec::new()
    }

    /// From the entities that a fan-out reaches to those that lead to them, if links do.
    fn backwards(&self) -> Option<Arc<dyn Op>> {
        None
    }

    /// The new score, as an expression over the rows of the input.
    fn formula(&self) -> Option<Expr> {
        None
    }

    /// The names of the sets that it puts together, as its column `branch` has them.
    fn branches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Of which input the row of an entity is, where neither `branches` nor the order of the inputs
    /// says so.
    fn origin(&self, _exec: &Exec, _inputs: &[&Rows], _request: usize, _id: u32) -> Option<usize> {
        None
    }

    /// The conditions of a filter.
    fn as_filter(&self) -> Option<&[Expr]> {
        None
    }

    /// A fan-out whose quantity is `auto` can search under a condition on what it finds. Gives the
    /// operator that does, or none if a filter has to stay behind it.
    fn absorb(&self, _condition: &Expr) -> Option<Arc<dyn Op>> {
        None
    }

    /// Whether what narrows the rows behind it, by their entity alone, means the same before it
    /// (`let`, `filter`, `-`, `&`). Where it reads positions it does not: there would be others.
    fn lets_filters_pass(&self) -> bool {
        false
    }

    /// Whether what narrows the rows behind it, by their entity alone, means the same before it in each
    /// of its inputs (`|`).
    fn hands_filters_on(&self) -> bool {
        false
    }

    /// The operator with other expressions; none if it has none.
    fn mapped(&self, _f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Op>> {
        None
    }

    /// Whether it stands in the place of an operator that never returns a row.
    fn is_nothing(&self) -> bool {
        false
    }

    /// What it comes to where its constants decide, or that there is nothing in some of its inputs
    /// (`empty` says in which); none if the data has to be asked.
    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let without_rows = self.effect() != Effect::Other && empty.first() == Some(&true);
        without_rows.then_some(Becomes::Nothing)
    }

    /// What it uses of the rows of an input, given what is used of its own: what it hands on, and
    /// what its expressions read.
    fn uses(&self, _input: usize, _own: &Used) -> Used {
        Used::ALL
    }

    /// Whether it takes rows of the first input away that are in the second, and no others.
    fn leaves_out(&self) -> bool {
        false
    }

    /// The part of its rows that it makes.
    fn part(&self) -> &Part {
        &Part::ALL
    }

    /// The operator for those who use no more of its rows than that; none if it saves nothing.
    fn narrowed(&self, _used: &Used) -> Option<Arc<dyn Op>> {
        None
    }
}

/// What an operator comes to that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// No rows for any request.
    Nothing,
    /// The rows of that input as they are.
    Input(usize),
}

/// A copy of an operator with other expressions, wherever it has some.
fn mapped<T: Op + Clone + 'static>(
    op: &T,
    exprs: impl for<'a> FnOnce(&'a mut T) -> Vec<&'a mut Expr>,
    f: &mut dyn FnMut(Expr) -> Expr,
) -> Option<Arc<dyn Op>> {
    let mut op = op.clone();
    for expr in exprs(&mut op) {
        *expr = f(std::mem::replace(expr, Expr::error()));
    }
    Some(Arc::new(op))
}

/// Whether any of the expressions reads the position of the row.
fn reads_position<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> bool {
    let mut reads = false;
    for expr in exprs {
        expr.walk_row(&mut |part| reads |= part.kind == Kind::Position);
    }
    reads
}

/// A fan-out without some of its conditions.
pub struct Relaxed {
    pub op: Arc<dyn Op>,
    pub without: Condition,
}

/// What keeps a fan-out from reaching an entity.
pub enum Condition {
    /// A number of links or neighbours, as written: `limit=10`.
    Number(String),
    /// On the entity that is reached.
    Entity(Expr),
    /// Another, as written: `within=7d`.
    Other(String),
}

/// Hard limits of a run; none where there is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows or contributions that a request may make, over all operators.
    pub max_rows: u64,
    pub stop: Stop<'static>,
    /// Bytes that it may hold at one time: rows, and all that is made on the way to them.
    pub max_memory: Option<u64>,
    /// Whether a run that a limit ends gives what there is by then.
    pub partial: bool,
    /// How long a request may take, from when it begins to run.
    pub time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_rows: 10_000_000,
            stop: Stop::default(),
            max_memory: None,
            partial: false,
            time: None,
        }
    }
}

impl Limits {
    /// The usual limits: 10,000,000 rows, and no other.
    pub fn new() -> Limits {
        Limits::default()
    }

    /// The same with a time that a request may take.
    pub fn deadline(mut self, time: Duration) -> Limits {
        self.time = Some(time);
        self
    }

    /// The same for a run that begins now.
    pub fn from_now(mut self) -> Limits {
        let end = self.time.and_then(|time| Instant::now().checked_add(time));
        let ends = self.stop.deadline.into_iter().chain(end);
        self.stop.deadline = ends.min();
        self
    }

    /// The same with a time at which a run has to end.
    pub fn until(mut self, deadline: Instant) -> Limits {
        self.stop.deadline = Some(deadline);
        self
    }
}

/// A limit that a request hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub limit: Limit,
    /// Whose request it was; none if it has no user.
    pub user: Option<Key>,
    /// Where it was hit, and how to raise it.
    pub message: String,
}

/// What is limited ([`Limits`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Rows,
    Time,
    Memory,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "user {user}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a run ended without an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// A limit was hit.
    Limit(Hit),
    /// The request does not fit the program: a parameter is missing or of another type.
    Request(String),
    /// A function or an operator of the registry failed.
    Failed {
        /// Its name.
        by: String,
        /// Whose request it was; none if it has no user, or if it is not known.
        user: Option<Key>,
        message: String,
    },
    /// The program was compiled on other data than the engine has: its row numbers mean other entities.
    OtherWorld,
    /// It was stopped ([`Limits::stop`]).
    Stopped,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Limit(hit) => write!(f, "{hit}"),
            RunError::Request(message) => f.write_str(message),
            RunError::Failed { by, user, message } => match user {
                Some(user) => write!(f, "`{by}` failed for user {user}: {message}"),
                None => write!(f, "`{by}` failed: {message}"),
            },
            RunError::OtherWorld => f.write_str(
                "the program was compiled on another snapshot than the one of this engine; \
                 compile it here (`program.on(&engine)`), or run it on the engine that compiled it",
            ),
            RunError::Stopped => f.write_str("the run was cancelled"),
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    /// A limit was hit, by a request whose user is said later.
    pub fn limit(limit: Limit, message: String) -> RunError {
        RunError::Limit(Hit {
            limit,
            user: None,
            message,
        })
    }

    /// A function or an operator of the registry failed, for a user who is said later.
    pub fn failed(by: &str, message: String) -> RunError {
        RunError::Failed {
            by: by.to_owned(),
            user: None,
            message,
        }
    }

    /// The same, of the request of a user.
    pub fn of(self, user: Option<&Key>) -> RunError {
        match self {
            RunError::Limit(hit) => RunError::Limit(Hit {
                user: user.cloned(),
                ..hit
            }),
            RunError::Failed { by, message, .. } => RunError::Failed {
                by,
                user: user.cloned(),
                message,
            },
            other => other,
        }
    }
}

/// Rows that are moved between two looks at the clock.
const MOVED: usize = 1 << 16;

/// What operators are given while they run.
pub struct Exec<'a> {
    pub run: &'a Run<'a>,
    pub vectors: &'a vectors::Vectors,
    pub limits: Limits,
    /// Whether it is a run within another.
    within: bool,
    warnings: Mutex<BTreeSet<(usize, String)>>,
    followed: Mutex<Vec<(usize, Vec<Followed>)>>,
}

/// What a fan-out followed for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Links or neighbours, before they were merged.
    pub contributions: u64,
    /// Entities that they lead to, used or not.
    pub rows: u64,
    /// Whether a row got as many as the number lets through that the program leaves open.
    pub reached: bool,
}

/// What operators noted of one request while they ran.
#[derive(Debug, Default)]
pub struct Notes {
    followed: Vec<(usize, Followed)>,
    warnings: Vec<String>,
}

/// What tells one operator of a graph from the others.
fn address<T: ?Sized>(op: &T) -> usize {
    std::ptr::from_ref(op).cast::<()>() as usize
}

impl<'a> Exec<'a> {
    pub fn new(run: &'a Run<'a>, vectors: &'a vectors::Vectors, limits: Limits) -> Self {
        Exec {
            run,
            vectors,
            limits,
            within: false,
            warnings: Mutex::default(),
            followed: Mutex::default(),
        }
    }

    /// Notes what a fan-out followed for each request.
    pub fn follows(&self, op: &impl Op, followed: Vec<Followed>) {
        self.lock_followed().push((address(op), followed));
    }

    /// What an operator followed for a request, if it is a fan-out and has run.
    pub fn followed(&self, op: &dyn Op, request: usize) -> Option<Followed> {
        let all = self.lock_followed();
        let (_, found) = all.iter().find(|(known, _)| *known == address(op))?;
        found.get(request).copied()
    }

    fn lock_followed(&self) -> MutexGuard<'_, Vec<(usize, Vec<Followed>)>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noted of each request.
    pub fn notes(&self) -> Vec<Notes> {
        let mut notes: Vec<Notes> = (0..self.run.requests()).map(|_| Notes::default()).collect();
        for (op, followed) in self.lock_followed().iter() {
            for (notes, &followed) in notes.iter_mut().zip(followed) {
                notes.followed.push((*op, followed));
            }
        }
        for (request, message) in self.noted() {
            notes[request].warnings.push(message);
        }
        notes
    }

    /// Notes of each request what was noted of the one at that place of `notes`, if any.
    pub fn note(&self, notes: &[&Notes], of: &[Option<usize>]) {
        let ops = notes.iter().flat_map(|notes| &notes.followed);
        let ops: BTreeSet<usize> = ops.map(|(op, _)| *op).collect();
        for op in ops {
            let of_notes = |notes: &&Notes| {
                let found = notes.followed.iter().find(|(known, _)| *known == op);
                found.map_or(Followed::default(), |(_, followed)| *followed)
            };
            let each: Vec<Followed> = notes.iter().map(of_notes).collect();
            let all = of
                .iter()
                .map(|at| at.map_or(Followed::default(), |at| each[at]));
            self.lock_followed().push((op, all.collect()));
        }
        for (request, at) in of.iter().enumerate() {
            for message in at.iter().flat_map(|&at| &notes[at].warnings) {
                self.warn(request, message.clone());
            }
        }
    }

    /// Notes something that the person who sent the request should know.
    pub fn warn(&self, request: usize, message: String) {
        self.warnings
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .insert((request, message));
    }

    /// Says which numbers of an operator, computed for a request, are negative or null and count as 0. One
    /// that comes with the request as it is has been looked at before.
    pub fn warn_of_numbers(&self, op: &dyn Op) {
        for (name, number) in op.numbers() {
            let Quantity::PerRequest(expr) = number else {
                continue;
            };
            if matches!(expr.kind, Kind::Param(..)) {
                continue;
            }
            let numbers = Frame::requests(self.run).eval(expr).ints();
            for request in 0..self.run.requests() {
                let found = match numbers.get(request) {
                    0.. => continue,
                    NULL_INT => "null".to_owned(),
                    n => n.to_string(),
                };
                let op = op.name();
                self.warn(
                    request,
                    format!("`{op}`: `{name}` is {found}, which counts as 0"),
                );
            }
        }
    }

    /// The same limits for another run, with warnings of its own.
    pub fn within<'b>(&self, run: &'b Run<'b>) -> Exec<'b>
    where
        'a: 'b,
    {
        Exec {
            within: true,
            ..Exec::new(run, self.vectors, self.limits)
        }
    }

    /// Whether it is a run within another, which has the same limits.
    pub fn is_within(&self) -> bool {
        self.within
    }

    /// Takes over the warnings of a run whose requests are those of this one at `requests`.
    pub fn take_warnings(&self, from: Exec, requests: &[u32]) {
        for (request, message) in from.noted() {
            self.warn(requests[request] as usize, message);
        }
    }

    /// Takes what was noted so far, by request.
    pub fn noted(&self) -> BTreeSet<(usize, String)> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// What an expression says of the rows of `op`; fails if the run has to end.
    pub fn column(&self, op: &str, frame: &Frame, expr: &Expr) -> Result<Column, RunError> {
        match frame.column_until(expr) {
            Ok(column) => Ok(column),
            // who asked for the end may have thought better of it
            Err(_) => self.check(op, 0).map(|()| frame.column(expr)),
        }
    }

    /// Fails if the deadline is past, or if one request has made more rows than it may.
    pub fn check(&self, op: &str, most_rows: u64) -> Result<(), RunError> {
        if most_rows > self.limits.max_rows {
            let max = self.limits.max_rows;
            return Err(RunError::limit(
                Limit::Rows,
                format!("`{op}` made {most_rows} rows; the limit is {max} (`--max-rows`)"),
            ));
        }
        let stop = self.run.stop;
        if stop.is_asked() {
            return Err(RunError::Stopped);
        }
        if let Some((by, message)) = stop.failed.and_then(Failed::said) {
            return Err(RunError::failed(by, message.clone()));
        }
        if let Some(memory) = stop.memory.filter(|memory| memory.is_over()) {
            let limit = memory.limit();
            return Err(RunError::limit(
                Limit::Memory,
                format!("`{op}` needs more memory than {limit} bytes, the limit (`--max-memory`)"),
            ));
        }
        if stop.is_late() {
            return Err(RunError::limit(
                Limit::Time,
                format!("the time limit (`--max-millis`) was reached in `{op}`"),
            ));
        }
        Ok(())
    }

    /// Charges bytes that the operator is going to use, as long as the result lives; fails if they are too
    /// many.
    pub fn hold(&self, op: &str, bytes: usize) -> Result<Held<'a>, RunError> {
        let held = self.run.stop.hold(bytes);
        match self.run.stop.is_over() {
            true => self.check(op, 0).map(|()| held),
            false => Ok(held),
        }
    }

    /// The rows of a column at places; fails if the run has to end.
    pub fn gather(&self, op: &str, column: &Column, places: &[u32]) -> Result<Column, RunError> {
        let mut all = column.gather(&[]);
        all.reserve(places.len());
        for places in places.chunks(MOVED) {
            self.check(op, 0)?;
            all.extend_from(column, places);
        }
        Ok(all)
    }

    /// Charges `bytes` more.
    pub fn grow(&self, op: &str, held: &mut Held, bytes: usize) -> Result<(), RunError> {
        match held.grow(bytes) {
            true => Ok(()),
            false => self.check(op, 0),
        }
    }
}
