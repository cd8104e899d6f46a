//! The reference interpreter: what a program means, row by row.
//!
//! Written from the language's definition alone, with no regard to speed, over plain rows
//! ([`world::World`]) and straight over the syntax tree. Names are looked up where they are used,
//! bindings and arguments stand for their expressions, sets are lists of rows. It expects a
//! program that the checker accepts and panics on anything else. `README.md` lists what it
//! takes for granted where the definition is silent.
//!
//! One request is one [`Interp`]; [`run`] is the way in.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod env;
pub mod program;
pub mod rows;
pub mod value;
pub mod world;

mod aggregates;
mod args;
pub mod autos;
mod beta;
mod chances;
mod combine;
mod edges;
mod experiments;
mod expr;
mod fanout;
mod functions;
mod links;
mod models;
mod narrow;
mod pushdown;
mod rerank;
mod sets;
mod shape;
mod similarity;
mod slate;
mod snapshot;
pub mod write;

pub use program::Program;
pub use rows::{Answer, Row, Set};
pub use value::Value;
pub use world::World;

use args::given;
use autos::{Fan, Judged, Numbers};
use env::Env;
use igql::syntax::ast::{Expr, Param};
use igql::types::Key;
use links::{Ends, Links};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Who asks, when, and with what.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Key of the viewer; none runs without a user.
    pub viewer: Option<Key>,
    /// `now`, in microseconds since 1970.
    pub now: i64,
    pub seed: i64,
    pub params: Vec<(String, igql::types::Value)>,
    pub query: Option<String>,
    /// Arms that it is in whatever the viewer.
    pub arms: Vec<(String, String)>,
}

/// Experiments that an answer is exposed to, with the arms.
pub type Arms = std::collections::BTreeMap<String, String>;

/// Whether a set is a source of candidates or a fact about the request (the right side of `-`,
/// `&` and `in`, what is aggregated): there the `auto` of a walk is `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Source,
    Fact,
}

type LinkCache<'a> = HashMap<(usize, usize, Ends), (Rc<Links>, Env<'a>)>;
/// With the fan-outs that the rows come from.
type SetCache<'a> = HashMap<(usize, usize, Role, bool), (Rc<Set>, Vec<usize>, Env<'a>)>;

/// One request being answered.
pub struct Interp<'a> {
    world: &'a World,
    program: &'a Program,
    request: &'a Request,
    now: i64,
    /// Row of the viewer; one past the table for a key that is not in it.
    viewer: Option<u32>,
    numbers: Rc<Numbers>,
    link_cache: RefCell<LinkCache<'a>>,
    set_cache: RefCell<SetCache<'a>>,
    /// The fan-outs that were followed, in their order.
    fans: RefCell<Vec<Fan>>,
    /// The last of them on the ways to the rows that are being made.
    leads: RefCell<Vec<usize>>,
    /// What is evaluated is only read by rows.
    aside: Cell<bool>,
    /// Open numbers that kept candidates from lists that ended too short.
    short: RefCell<Numbers>,
    /// The expressions that parameters of the query stand for.
    params: Vec<(&'a Expr, &'a Param)>,
}

/// Runs the query of a program for one request. `numbers` are what the planner says.
pub fn run(
    world: &World,
    program: &Program,
    request: &Request,
    numbers: &Numbers,
) -> (Answer, Arms) {
    run_within(world, program, request, numbers, 10_000_000)
}

/// The same where a request may make so many rows at most.
pub fn run_within(
    world: &World,
    program: &Program,
    request: &Request,
    numbers: &Numbers,
    max_rows: usize,
) -> (Answer, Arms) {
    let mut numbers = numbers.clone();
    let (mut answer, mut judged) = round(world, program, request, numbers.clone());
    for _ in 0..autos::ROUNDS {
        if judged.short.is_empty() || !judged.may(max_rows) {
            break;
        }
        let raised = judged.short.into_iter();
        numbers.extend(raised.map(|(place, n)| (place, autos::FACTOR * n)));
        (answer, judged) = round(world, program, request, numbers.clone());
    }
    answer
}

/// One round, and what the next is decided by.
fn round(
    world: &World,
    program: &Program,
    request: &Request,
    numbers: Numbers,
) -> ((Answer, Arms), Judged) {
    let table = &world.entities[world.viewer];
    let row = |key: &Key| table.row_of(key).unwrap_or(table.keys.len() as u32);
    let viewer = request.viewer.as_ref().map(row);
    let mut interp = Interp::new(world, program, request, viewer, Rc::new(numbers));
    let (params, body) = program.query(request.query.as_deref()).expect("a program with a query");
    let env = interp.bind_params(params, None, given(params, request), &Env::default(), None);
    for param in params {
        if let Some(value) = env.get(&param.name.text) {
            interp.params.push((value.expr, param));
        }
    }
    let (answer, last) = interp.led(|| interp.answer(body, &env));
    let judged = interp.judged(last);
    let arms = match program.has_experiments() {
        true => interp.exposed(body, &env),
        false => Arms::new(),
    };
    ((answer, arms), judged)
}

impl<'a> Interp<'a> {
    fn new(
        world: &'a World,
        program: &'a Program,
        request: &'a Request,
        viewer: Option<u32>,
        numbers: Rc<Numbers>,
    ) -> Self {
        let (link_cache, set_cache, fans, leads, short) = Default::default();
        Interp {
            world,
            program,
            request,
            now: request.now,
            viewer,
            numbers,
            link_cache,
            set_cache,
            fans,
            leads,
            aside: Cell::new(false),
            short,
            params: Vec::new(),
        }
    }

    /// The same request with another row as the viewer.
    fn as_viewer(&self, row: u32) -> Interp<'a> {
        let numbers = self.numbers.clone();
        Interp {
            params: self.params.clone(),
            ..Interp::new(self.world, self.program, self.request, Some(row), numbers)
        }
    }

    /// The viewer always is; others from their time on, and where they have none.
    fn visible(&self, entity: usize, row: u32) -> bool {
        let is_viewer = entity == self.world.viewer && Some(row) == self.viewer;
        is_viewer || self.world.entities[entity].visible_from(row).is_none_or(|t| t <= self.now)
    }

    /// The key of a row; that of the request for a viewer whom the table does not have.
    fn key(&self, entity: usize, row: u32) -> Key {
        let known = self.world.entities[entity].keys.get(row as usize).cloned();
        known.or_else(|| self.request.viewer.clone()).expect("only the viewer may be unknown")
    }

    /// The row that a reference points to, null where it is empty or not visible.
    fn follow(&self, entity: usize, row: u32, reference: &world::Reference) -> Value {
        let column = self.world.entities[entity]
            .find_column(&reference.column)
            .expect("the column of the reference");
        match column.values.get(row as usize) {
            Some(Value::Id(e, to)) if self.visible(*e, *to) => Value::Id(*e, *to),
            _ => Value::Null,
        }
    }

    /// Tests an entity name in a declaration against an entity.
    fn is_entity(&self, entity: usize) -> impl Fn(&str) -> bool + use<'a> {
        let world = self.world;
        move |name| world.entity_named(name) == Some(entity)
    }
}
