//! Which rows a search may find: those that satisfy its conditions and that its request can see.
//!
//! A condition that says the same for every request is evaluated once and kept with the program. What
//! differs is asked only of the rows that a search comes across, in blocks; of all rows where a search
//! has to look at all of them.

use super::members::Memberships;
use crate::ann::RowSet;
use crate::batch::RowBatch;
use crate::expr::run::Sets;
use crate::expr::{Expr, Frame, Kind, NodeId, Run};
use crate::types::EntityId;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Rows evaluated at once.
const BLOCK: usize = 8_192;
/// So many links of one row are looked up at once rather than for each row that a search comes across; or a
/// sixteenth of the rows.
const LINKS: usize = 8_192;

/// The rows that satisfy all conditions of a search that are the same for every request, once they are
/// known. A search with other conditions, made from this one, starts without.
#[derive(Default)]
pub struct Kept(Mutex<Option<Arc<RowSet>>>);

impl Clone for Kept {
    fn clone(&self) -> Kept {
        Kept::default()
    }
}

/// Operators are told apart by how they are written: what is kept is no part of that.
impl Hash for Kept {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl Kept {
    /// Evaluation does not happen under the lock: two threads may do it, and find the same.
    fn get_or(&self, find: impl FnOnce() -> Option<RowSet>) -> Arc<RowSet> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = &*kept() {
            return rows.clone();
        }
        match find() {
            Some(found) => kept().get_or_insert(Arc::new(found)).clone(),
            // the run has to end, and nobody looks at what it found
            None => Arc::default(),
        }
    }
}

/// The conditions of a search over the rows of an entity.
pub struct Conditions<'a> {
    run: &'a Run<'a>,
    to: EntityId,
    /// Those that say the same for every request that sees all that there is.
    fixed: Vec<&'a Expr>,
    /// Whether the row is in sets of the request, or a link of its own leads there.
    sets: Memberships<'a>,
    varying: Vec<&'a Expr>,
    kept: &'a Kept,
}

impl<'a> Conditions<'a> {
    pub fn new(run: &'a Run<'a>, to: EntityId, all: &'a [Expr], kept: &'a Kept) -> Conditions<'a> {
        let rows = run.snapshot.schema().entity(to).rows as usize;
        let (sets, others) = Memberships::split(all, run, LINKS.max(rows / 16));
        let (fixed, varying) = others.into_iter().partition(|e| is_fixed(e));
        Conditions { run, to, fixed, sets, varying, kept }
    }

    /// Whether a request may find the same rows as every other that may find the same as every other.
    pub fn is_shared(&self, request: usize) -> bool {
        self.sets.is_empty() && self.needs_no_run(request)
    }

    /// Whether what a request may find can be told among the requests of the run: no condition is
    /// evaluated for it alone.
    pub fn needs_no_run(&self, request: usize) -> bool {
        self.varying.is_empty() && self.sees_all(request)
    }

    /// What a request may not find, ascending, if that is all there is to say and it is no more than `most`
    /// rows: a search leaves out a few as it goes.
    pub fn few_left_out(&self, request: usize, most: usize) -> Option<Vec<u32>> {
        let alone = self.fixed.is_empty() && !self.sets.is_empty();
        if !alone || !self.needs_no_run(request) {
            return None;
        }
        let few = self.sets.left_out(self.run, request)? <= most;
        few.then(|| self.sets.of(self.run, request).without.into_owned())
    }

    /// What a request may find; none if that is everything.
    pub fn of(&self, request: usize) -> Option<Allowed<'a>> {
        let sees_all = self.sees_all(request);
        let all = |varying| Allowed {
            run: self.run,
            to: self.to,
            request,
            fixed: None,
            varying,
            sees_all,
            found: OnceLock::new(),
        };
        if !sees_all {
            let both = self.fixed.iter().chain(&self.varying);
            return Some(Allowed {
                fixed: self.among(None, request),
                ..all(both.copied().collect())
            });
        }
        let fixed = (!self.fixed.is_empty()).then(|| {
            let find = || all(self.fixed.clone()).find();
            self.kept.get_or(find)
        });
        let fixed = self.among(fixed, request);
        (fixed.is_some() || !self.varying.is_empty())
            .then(|| Allowed { fixed, ..all(self.varying.clone()) })
    }

    /// Of some rows, or of all, those that the sets of a request let through.
    fn among(&self, rows: Option<Arc<RowSet>>, request: usize) -> Option<Arc<RowSet>> {
        let len = self.run.snapshot.schema().entity(self.to).rows as usize;
        self.sets.among(self.run, request, len, rows)
    }

    /// Whether nothing that the search or a fixed condition reads is later than the request.
    fn sees_all(&self, request: usize) -> bool {
        let run = self.run;
        let now = run.sees(request);
        let sees = |entity| run.snapshot.newest_row(entity).is_none_or(|t| t <= now);
        let mut all = sees(self.to);
        for condition in &self.fixed {
            condition.walk(&mut |part| match &part.kind {
                Kind::Visible { entity, .. } => all &= sees(*entity),
                Kind::OverLinks(_) => {
                    let entities = 0..run.snapshot.schema().entities.len();
                    all &= entities.map(|entity| EntityId(entity as u16)).all(sees);
                    all &= run.snapshot.newest_link().is_none_or(|t| t <= now);
                }
                _ => {}
            });
        }
        all
    }
}

/// The rows of one request in the sets that conditions read.
pub struct Alone {
    rows: Vec<(NodeId, RowBatch)>,
    nothing: RowBatch,
}

impl Alone {
    pub fn new(run: &Run, request: usize, conditions: &[Expr]) -> Alone {
        let mut sets = Vec::new();
        for condition in conditions {
            for set in condition.sets() {
                let rows = run.sets.rows(set);
                sets.push((set, rows.of_requests(&[request as u32], run.stop)));
            }
        }
        let nothing = RowBatch::empty(1);
        Alone { rows: sets, nothing }
    }
}

impl Sets for Alone {
    fn rows(&self, node: NodeId) -> &RowBatch {
        let found = self.rows.iter().find(|(set, _)| *set == node);
        found.map_or(&self.nothing, |(_, rows)| rows)
    }
}

/// Whether a condition says the same of a row for every request, if they see all that there is.
fn is_fixed(condition: &Expr) -> bool {
    let mut fixed = true;
    condition.walk(&mut |part| {
        fixed &= match &part.kind {
            Kind::Param(..) | Kind::Now | Kind::Viewer | Kind::ToId { .. } => false,
            Kind::InSet { .. } | Kind::OfSet { .. } | Kind::OverSet { .. } => false,
            Kind::Uniform { .. } => false,
            Kind::OverLinks(over) => over.within.is_none(),
            _ => true,
        }
    });
    fixed
}

/// What a request may find.
pub struct Allowed<'a> {
    run: &'a Run<'a>,
    to: EntityId,
    request: usize,
    /// Only these, if given.
    fixed: Option<Arc<RowSet>>,
    /// And of these, those that satisfy all of these.
    varying: Vec<&'a Expr>,
    sees_all: bool,
    /// All rows, once they had to be found.
    found: OnceLock<RowSet>,
}

impl Allowed<'_> {
    /// The rows, if they are known without asking of each.
    pub fn known(&self) -> Option<&RowSet> {
        let known = self.varying.is_empty() && self.sees_all;
        self.fixed.as_deref().filter(|_| known)
    }

    /// How many rows there are at most.
    pub fn most(&self) -> usize {
        let table = || self.run.snapshot.schema().entity(self.to).rows as usize;
        self.fixed.as_deref().map_or_else(table, RowSet::len)
    }

    /// All rows. Evaluated by one thread, as others may wait for it.
    pub fn rows(&self) -> &RowSet {
        match self.known() {
            Some(rows) => rows,
            None => self.found.get_or_init(|| self.find().unwrap_or_default()),
        }
    }

    /// Says of each of some rows whether it may be found.
    pub fn passes(&self, rows: &[u32], out: &mut Vec<bool>) {
        let has = |row: &u32| self.fixed.as_ref().is_none_or(|fixed| fixed.has(*row));
        out.clear();
        out.extend(rows.iter().map(has));
        if self.sees_all && self.varying.is_empty() {
            return;
        }
        let asked: Vec<u32> = rows.iter().copied().filter(|row| has(row)).collect();
        let answers = self.ask(&asked);
        let passed = out.iter_mut().filter(|ok| **ok);
        passed.zip(answers).for_each(|(ok, answer)| *ok = answer);
    }

    fn ask(&self, rows: &[u32]) -> Vec<bool> {
        let visible = |&row: &u32| self.sees_all || self.run.visible(self.to, row, self.request);
        let mut answers: Vec<bool> = rows.iter().map(visible).collect();
        let owners = vec![self.request as u32; rows.len()];
        let frame =
            Frame { n: rows.len(), owners: &owners, ids: rows, ..Frame::requests(self.run) };
        if rows.is_empty() {
            return answers;
        }
        for condition in &self.varying {
            for (answer, ok) in answers.iter_mut().zip(frame.condition(condition)) {
                *answer &= ok == 1;
            }
        }
        answers
    }

    /// None if the run has to end before all are asked.
    fn find(&self) -> Option<RowSet> {
        let len = self.run.snapshot.schema().entity(self.to).rows;
        let _held = self.run.stop.hold(len as usize * 4 + len as usize / 8);
        if self.run.stop.is_over() {
            return None;
        }
        let candidates: Vec<u32> = match &self.fixed {
            Some(fixed) => fixed.iter().collect(),
            None => (0..len).collect(),
        };
        let found = candidates.chunks(BLOCK).flat_map(|rows| {
            let asked = if self.run.stop.is_due() { &[] } else { rows };
            let answers = self.ask(asked).into_iter();
            let passing = rows.iter().zip(answers).filter(|(_, ok)| *ok);
            passing.map(|(&row, _)| row)
        });
        let found = RowSet::new(len as usize, found);
        (!self.run.stop.is_due()).then_some(found)
    }
}
