//! What expressions say of the ends of links: computed once in a run for each entity, however many links
//! lead there. `1.0 / count(~likes(to)) ** 0.5` is the same for every link to one media.

use super::eval::{Frame, LinkFrame, Run};
use super::links::Links;
use super::reads::End;
use super::value::{Val, from_column};
use super::{Expr, Kind};
use crate::batch::{BLOCK, Column, Stop};
use crate::types::{NULL_CODE, NULL_INT};
use foldhash::HashMap;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What is known of ends in a run, by the key of the expression.
#[derive(Default)]
pub struct Ends<'a> {
    stop: Stop<'a>,
    known: Mutex<HashMap<u128, Arc<Mutex<Known>>>>,
    /// Bytes that are charged for it.
    held: AtomicU64,
    /// Of each request, the first that sees the same.
    alike: OnceLock<Vec<u32>>,
}

impl<'a> Ends<'a> {
    pub fn new(stop: Stop<'a>) -> Ends<'a> {
        Ends {
            stop,
            known: Mutex::default(),
            held: AtomicU64::new(0),
            alike: OnceLock::new(),
        }
    }

    fn of(&self, expr: &Expr) -> Arc<Mutex<Known>> {
        let mut known = lock(&self.known);
        let new = || Arc::new(Mutex::new(Known::new(expr)));
        known.entry(expr.key()).or_insert_with(new).clone()
    }

    /// Charges what is kept until the run is done; false if that is too much.
    fn charge(&self, bytes: usize) -> bool {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an expression says of some entities.
struct Known {
    /// Whether it may say something else for requests that see the same.
    differs: bool,
    places: Places,
    values: Option<Column>,
    /// Of every row of a table, for the first request.
    all: Option<Arc<[f64]>>,
}

impl Known {
    fn new(expr: &Expr) -> Known {
        Known {
            differs: differs(expr),
            places: Places::default(),
            values: None,
            all: None,
        }
    }
}

/// Where the values of entities are.
#[derive(Default)]
struct Places {
    count: u32,
    /// By the request that stands for those that see the same, and the entity.
    few: HashMap<(u32, u32), u32>,
    /// By the entity for the first request, once these are many.
    many: Vec<u32>,
    largest: u32,
}

const MISSING: u32 = u32::MAX;
/// Bytes that a value takes with its place.
const VALUE_BYTES: usize = 40;
/// How many places of the table are empty at most for one that is not.
const SPARSE: usize = 8;

impl Places {
    /// The place of an entity's value, and whether it is a new one.
    fn of(&mut self, request: u32, id: u32) -> (u32, bool) {
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
    fn wanted(&self) -> Option<usize> {
        let length = (self.largest as usize + 1).next_power_of_two();
        let fills = length <= SPARSE * self.count as usize;
        (fills && length > self.many.len()).then_some(length)
    }

    fn widen(&mut self, length: usize) {
        self.many.resize(length, MISSING);
        let many = &mut self.many;
        self.few
            .retain(|&(request, id), place| match many.get_mut(id as usize) {
                Some(there) if request == 0 => {
                    *there = *place;
                    false
                }
                _ => true,
            });
    }
}

/// The value of an expression that reads nothing of its row but `end`, for links or rows many of which have
/// the same one.
pub fn of_ends<'a>(frame: &Frame<'a>, expr: &Expr, end: End) -> Val<'a> {
    let ids = ids(frame, end);
    from_column(look_up(frame, expr, end, &ids, |row| frame.owner(row)))
}

/// The value for each of some ends; `owner` says of which request each is. Of the frame only what all rows
/// share is read. If the run has to end, any values.
pub fn look_up(
    frame: &Frame,
    expr: &Expr,
    end: End,
    ids: &[u32],
    owner: impl Fn(usize) -> usize,
) -> Column {
    let run = frame.run;
    let known = run.ends.of(expr);
    // no evaluation waits for other threads, so it may hold the lock
    let mut known = lock(&known);
    let Known {
        differs,
        places,
        values,
        ..
    } = &mut *known;
    let alike = (!*differs).then(|| alike(run));
    let (mut new, mut owners) = (Vec::new(), Vec::new());
    let place = |(row, &id): (usize, &u32)| {
        let request = owner(row) as u32;
        let request = alike.map_or(request, |alike| alike[request as usize]);
        let (place, is_new) = places.of(request, id);
        if is_new {
            new.push(id);
            owners.push(request);
        }
        place
    };
    let all: Vec<u32> = ids.iter().enumerate().map(place).collect();
    if !new.is_empty() {
        let made = evaluate(frame, expr, end, &new, &owners);
        let table = places.wanted();
        let bytes = new.len() * VALUE_BYTES + table.unwrap_or(0) * size_of::<u32>();
        if !run.ends.charge(bytes) || run.stop.is_due() {
            // what was computed may be anything, and is not kept
            *known = Known::new(expr);
            return made.zeros(ids.len());
        }
        if let Some(length) = table {
            places.widen(length);
        }
        match values {
            Some(values) => values.append(&made),
            None => *values = Some(made),
        }
    }
    let found = values.as_ref().map(|values| values.gather(&all));
    found.unwrap_or_else(|| Val::null(&expr.ty).into_column(0))
}

/// The number for every row of a table; none if it may differ among the requests of the run, or if there is
/// no room for so many.
pub fn of_all(run: &Run, expr: &Expr, end: End, rows: usize) -> Option<Arc<[f64]>> {
    let known = run.ends.of(expr);
    let mut known = lock(&known);
    if known.differs || alike(run).iter().any(|&request| request != 0) {
        return None;
    }
    if known.all.is_none() && run.ends.charge(rows * size_of::<f64>()) {
        let mut all = Vec::with_capacity(rows);
        for start in (0..rows).step_by(BLOCK) {
            let ids: Vec<u32> = (start..rows.min(start + BLOCK))
                .map(|id| id as u32)
                .collect();
            let made = evaluate(&Frame::requests(run), expr, end, &ids, &vec![0; ids.len()]);
            all.extend(from_column(made).floats().spread(ids.len()));
            if run.stop.is_due() {
                return None;
            }
        }
        known.all = Some(all.into());
    }
    known.all.clone()
}

/// The value for links, or rows, of which each has another end.
fn evaluate(frame: &Frame, expr: &Expr, end: End, ids: &[u32], owners: &[u32]) -> Column {
    let shared = frame.shared;
    if end == End::It {
        let rows = Frame {
            n: ids.len(),
            owners,
            ids,
            shared,
            ..Frame::requests(frame.run)
        };
        return rows.column(expr);
    }
    let links = Links {
        parent: (0..ids.len() as u32).collect(),
        to: ids.to_vec(),
        ..Links::default()
    };
    let link = LinkFrame {
        links: &links,
        from: ids,
        outer: None,
    };
    let links = Frame {
        shared,
        repeats: false,
        ..Frame::links(frame.run, owners, link)
    };
    links.column(expr)
}

fn ids<'a>(frame: &Frame<'a>, end: End) -> Cow<'a, [u32]> {
    let own = frame.first..frame.first + frame.n;
    match (end, frame.link) {
        (End::To, Some(link)) => Cow::Borrowed(&link.links.to[own]),
        (End::From, Some(link)) => {
            let parents = link.links.parent[own].iter();
            parents.map(|&parent| link.from[parent as usize]).collect()
        }
        _ => Cow::Borrowed(frame.ids),
    }
}

/// Whether an expression may say something else for requests that see the same.
fn differs(expr: &Expr) -> bool {
    let mut differs = false;
    expr.walk(&mut |part| {
        differs |= match &part.kind {
            Kind::Param(..) | Kind::Viewer | Kind::ToId { .. } | Kind::Uniform { .. } => true,
            Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => true,
            _ => false,
        }
    });
    differs
}

/// Of each request, the first that sees the same: all with one `now`, but for a viewer that is younger than
/// that, whom only its own request sees.
fn alike<'r>(run: &'r Run) -> &'r [u32] {
    run.ends.alike.get_or_init(|| {
        let times = run.snapshot.times(run.snapshot.schema().viewer);
        let mut first = HashMap::default();
        let request = |(request, (&now, &viewer)): (usize, (&i64, &u32))| {
            let time = times.and_then(|times| times.get(viewer as usize));
            match time.is_some_and(|&time| time != NULL_INT && time > now) {
                true => request as u32,
                false => *first.entry(now).or_insert(request as u32),
            }
        };
        run.now
            .iter()
            .zip(&run.viewers)
            .enumerate()
            .map(request)
            .collect()
    })
}
