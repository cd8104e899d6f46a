//! What is known of the ends of links, by the expression that says it.

use super::Run;
use crate::batch::{Column, Stop};
use crate::expr::ir::{Expr, Kind};
use crate::types::{NULL_CODE, NULL_INT};
use foldhash::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What is known of ends in a run, by the key of the expression.
#[derive(Default)]
pub struct Ends<'a> {
    stop: Stop<'a>,
    known: Mutex<HashMap<u128, Arc<Mutex<EndValues>>>>,
    /// Bytes that are charged for it.
    held: AtomicU64,
    /// Of each request, the first that sees the same.
    alike: OnceLock<Vec<u32>>,
}

impl<'a> Ends<'a> {
    pub fn new(stop: Stop<'a>) -> Ends<'a> {
        Ends { stop, known: Mutex::default(), held: AtomicU64::new(0), alike: OnceLock::new() }
    }

    /// What is known so far of what an expression says.
    pub fn of(&self, expr: &Expr) -> Arc<Mutex<EndValues>> {
        let mut known = lock(&self.known);
        let new = || Arc::new(Mutex::new(EndValues::new(expr)));
        known.entry(expr.key()).or_insert_with(new).clone()
    }

    /// Charges what is kept until the run is done; false if that is too much.
    pub fn charge(&self, bytes: usize) -> bool {
        let mut held = self.stop.hold(0);
        let granted = held.grow(bytes);
        self.held.fetch_add(held.keep(), Ordering::Relaxed);
        granted
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.stop.memory {
            memory.give_back(*self.held.get_mut());
        }
    }
}

/// Holds a mutex, also one that a thread held as it panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an expression says of some entities.
pub struct EndValues {
    /// Whether it may say something else for requests that see the same.
    pub differs: bool,
    pub places: Places,
    pub values: Option<Column>,
    /// Of every row of a table, for the first request.
    pub all: Option<Arc<[f64]>>,
}

impl EndValues {
    /// Nothing yet.
    pub fn new(expr: &Expr) -> EndValues {
        EndValues { differs: differs(expr), places: Places::default(), values: None, all: None }
    }
}

/// Where the values of entities are.
#[derive(Default)]
pub struct Places {
    count: u32,
    /// By the request that stands for those that see the same, and the entity.
    few: HashMap<(u32, u32), u32>,
    /// By the entity for the first request, once these are many.
    many: Vec<u32>,
    largest: u32,
}

const MISSING: u32 = u32::MAX;
/// How many places of the table are empty at most for one that is not.
const SPARSE: usize = 8;

impl Places {
    /// The place of an entity's value, and whether it is a new one.
    pub fn of(&mut self, request: u32, id: u32) -> (u32, bool) {
        let place = match self.many.get_mut(id as usize) {
            Some(place) if request == 0 => place,
            _ => self.few.entry((request, id)).or_insert(MISSING),
        };
        let is_new = *place == MISSING;
        if is_new {
            *place = self.count;
            self.count += 1;
            if request == 0 && id != NULL_CODE {
                self.largest = self.largest.max(id);
            }
        }
        (*place, is_new)
    }

    /// The length of the table that is worth its room by now, if there is none of that length yet.
    pub fn wanted(&self) -> Option<usize> {
        let length = (self.largest as usize + 1).next_power_of_two();
        let fills = length <= SPARSE * self.count as usize;
        (fills && length > self.many.len()).then_some(length)
    }

    /// Moves what the first request knows into a table of that length.
    pub fn widen(&mut self, length: usize) {
        self.many.resize(length, MISSING);
        let many = &mut self.many;
        self.few.retain(|&(request, id), place| match many.get_mut(id as usize) {
            Some(there) if request == 0 => {
                *there = *place;
                false
            }
            _ => true,
        });
    }
}

/// Whether an expression may say something else for requests that see the same.
fn differs(expr: &Expr) -> bool {
    let mut differs = false;
    expr.walk(&mut |part| {
        let of_request = matches!(
            part.kind,
            Kind::Param(..) | Kind::Viewer | Kind::ToId { .. } | Kind::Uniform { .. }
        );
        let of_sets =
            matches!(part.kind, Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. });
        differs |= of_request || of_sets;
    });
    differs
}

impl Run<'_> {
    /// Whether a request sees the row that it is about before its time.
    pub fn sees_own_row(&self, request: usize) -> bool {
        self.past.as_ref().is_some_and(|past| {
            let time = self.snapshot.times(past.entity);
            let time = time.and_then(|times| times.get(past.rows[request] as usize));
            time.is_some_and(|&time| time > self.sees(request))
        })
    }

    /// Of each request, the first that sees the same: all with one `now`, but for a viewer that is younger than
    /// that, whom only its own request sees.
    pub fn alike(&self) -> &[u32] {
        self.ends.alike.get_or_init(|| {
            let times = self.snapshot.times(self.snapshot.schema().viewer);
            let mut first = HashMap::default();
            let request = |(request, (&now, &viewer)): (usize, (&i64, &u32))| {
                let time = times.and_then(|times| times.get(viewer as usize));
                let is_young = |&time: &i64| time != NULL_INT && time > self.sees(request);
                match time.is_some_and(is_young) || self.sees_own_row(request) {
                    true => request as u32,
                    false => *first.entry(now).or_insert(request as u32),
                }
            };
            self.now.iter().zip(&self.viewers).enumerate().map(request).collect()
        })
    }
}
