//! What operators are given while they run.

use super::{Exposure, Instance, Limit, Limits, Op, Quantity, Ranked, RunError, vectors};
use crate::batch::{Column, Failed, Held};
use crate::expr::{Expr, Frame, Kind, Run};
use crate::types::NULL_INT;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows that are moved between two looks at the clock.
const MOVED: usize = 1 << 16;

/// What operators are given while they run.
pub struct Exec<'a> {
    pub run: &'a Run<'a>,
    pub vectors: &'a vectors::Vectors,
    pub limits: Limits,
    /// Whether it is a run within another.
    within: bool,
    /// Of a program where it depends on the run which experiments a request is exposed to.
    pub exposure: Option<&'a Exposure>,
    /// Requests with the slots of arms that they are exposed to.
    exposed: Mutex<BTreeSet<(usize, u32)>>,
    warnings: Mutex<BTreeSet<(usize, String)>>,
    followed: Mutex<Vec<(usize, Vec<Followed>)>>,
    /// Whether what models do with candidates is taken down.
    logs: bool,
    ranked: Mutex<Vec<(usize, Ranked)>>,
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
#[derive(Clone, Debug, Default)]
pub struct Notes {
    followed: Vec<(usize, Followed)>,
    warnings: Vec<String>,
    exposed: Vec<u32>,
}

impl Notes {
    /// The rest.
    pub fn without_followed(&self) -> Notes {
        Notes { followed: Vec::new(), ..self.clone() }
    }
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
            exposure: None,
            exposed: Mutex::default(),
            warnings: Mutex::default(),
            followed: Mutex::default(),
            logs: false,
            ranked: Mutex::default(),
        }
    }

    /// The same, where what models do with candidates is taken down if it is asked for.
    pub fn logging(self, logs: bool) -> Self {
        Exec { logs, ..self }
    }

    /// Whether it is.
    pub fn logs(&self) -> bool {
        self.logs
    }

    /// Takes down what an operator did with its candidates.
    pub fn rank(&self, op: &impl Op, ranked: Ranked) {
        self.lock_ranked().push((address(op), ranked));
    }

    /// What an operator did with its candidates, if it has run.
    pub fn ranked(&self, op: &dyn Instance) -> Option<Ranked> {
        let all = self.lock_ranked();
        let (_, found) = all.iter().find(|(known, _)| *known == address(op))?;
        Some(found.clone())
    }

    /// Takes over what was taken down in a run whose requests are those of this one at `requests`.
    pub fn take_ranked(&self, from: &Exec, requests: &[u32]) {
        let taken = std::mem::take(&mut *from.lock_ranked());
        self.lock_ranked().extend(taken.into_iter().map(|(op, ranked)| {
            let own = ranked.requests.iter().map(|&request| requests[request as usize]).collect();
            (op, Ranked { requests: own, ..ranked })
        }));
    }

    fn lock_ranked(&self) -> MutexGuard<'_, Vec<(usize, Ranked)>> {
        self.ranked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, of a program whose operators may expose requests to experiments.
    pub fn exposing(self, exposure: Option<&'a Exposure>) -> Self {
        Exec { exposure, ..self }
    }

    /// Notes that a request is exposed to the experiment whose arm is in a slot.
    pub fn expose(&self, request: usize, slot: u32) {
        self.lock_exposed().insert((request, slot));
    }

    /// Takes what requests are exposed to.
    pub fn exposed(&self) -> BTreeSet<(usize, u32)> {
        std::mem::take(&mut *self.lock_exposed())
    }

    fn lock_exposed(&self) -> MutexGuard<'_, BTreeSet<(usize, u32)>> {
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a fan-out followed for each request.
    pub fn follows(&self, op: &impl Op, followed: Vec<Followed>) {
        self.lock_followed().push((address(op), followed));
    }

    /// The same of an operator that did not run, because its rows are known.
    pub fn follow(&self, op: &dyn Instance, followed: Vec<Followed>) {
        self.lock_followed().push((address(op), followed));
    }

    /// What an operator followed for each request, if it is a fan-out and has run.
    pub fn all_followed(&self, op: &dyn Instance) -> Option<Vec<Followed>> {
        let all = self.lock_followed();
        let (_, found) = all.iter().find(|(known, _)| *known == address(op))?;
        Some(found.clone())
    }

    /// What an operator followed for a request, if it is a fan-out and has run.
    pub fn followed(&self, op: &dyn Instance, request: usize) -> Option<Followed> {
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
        for (request, slot) in self.exposed() {
            notes[request].exposed.push(slot);
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
            let all = of.iter().map(|at| at.map_or(Followed::default(), |at| each[at]));
            self.lock_followed().push((op, all.collect()));
        }
        for (request, at) in of.iter().enumerate() {
            for message in at.iter().flat_map(|&at| &notes[at].warnings) {
                self.warn(request, message.clone());
            }
            for &slot in at.iter().flat_map(|&at| &notes[at].exposed) {
                self.expose(request, slot);
            }
        }
    }

    /// Notes something that the person who sent the request should know.
    pub fn warn(&self, request: usize, message: String) {
        self.warnings.lock().unwrap_or_else(|e| e.into_inner()).insert((request, message));
    }

    /// Says which numbers of an operator, computed for a request, are negative or null and count as 0. One
    /// that comes with the request as it is has been looked at before.
    pub fn warn_of_numbers(&self, op: &dyn Instance) {
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
                self.warn(request, format!("`{op}`: `{name}` is {found}, which counts as 0"));
            }
        }
    }

    /// The same limits for another run, with warnings of its own.
    pub fn within<'b>(&self, run: &'b Run<'b>) -> Exec<'b>
    where
        'a: 'b,
    {
        let exec = Exec::new(run, self.vectors, self.limits);
        Exec { within: true, exposure: self.exposure, ..exec }
    }

    /// Whether it is a run within another, which has the same limits.
    pub fn is_within(&self) -> bool {
        self.within
    }

    /// Takes over what was noted in a run whose requests are those of this one at `requests`.
    pub fn take_notes(&self, from: Exec, requests: &[u32]) {
        for (request, message) in from.noted() {
            self.warn(requests[request] as usize, message);
        }
        for (request, slot) in from.exposed() {
            self.expose(requests[request] as usize, slot);
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
            let message = format!("`{op}` made {most_rows} rows; the limit is {max}");
            return Err(RunError::limit(Limit::Rows, message));
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
            let message = format!("`{op}` needs more memory than {limit} bytes, the limit");
            return Err(RunError::limit(Limit::Memory, message));
        }
        if stop.is_late() {
            let message = format!("the time limit was reached in `{op}`");
            return Err(RunError::limit(Limit::Time, message));
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
