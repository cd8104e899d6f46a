//! Conditions that ask whether the entity is in a set, as `unseen()` behind an open search, or whether the
//! viewer has a link to it, as `not exists(likes(viewer, it))`: kept as lists of rows, so that they are
//! neither evaluated nor looked up anew for every row.

use crate::ann::RowSet;
use crate::batch::{BLOCK, Stop, arrange};
use crate::expr::functions::Role;
use crate::expr::ir::OverLinks;
use crate::expr::{Expr, Kind, NodeId, Run, eval};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// The set that a condition asks whether the entity is in, and whether it has to be; none for a
/// condition of another form.
pub fn membership(condition: &Expr) -> Option<(NodeId, bool)> {
    match &condition.kind {
        Kind::InSet { id, set } if id.kind == Kind::It => Some((*set, true)),
        _ => {
            let (set, wanted) = membership(&condition.as_call(Role::Not)?[0])?;
            Some((set, !wanted))
        }
    }
}

/// The tests of membership among some conditions.
#[derive(Default)]
pub struct Memberships<'a> {
    tests: Vec<(Set<'a>, bool)>,
}

/// What a row can be in.
enum Set<'a> {
    /// The rows of a node, which has run.
    Node(NodeId),
    /// Where links lead, once that is known for every request.
    Linked(&'a OverLinks, OnceLock<Vec<Vec<u32>>>),
}

impl Set<'_> {
    /// The rows of a request, each once.
    fn ids<'b>(&'b self, run: &'b Run, request: usize) -> &'b [u32] {
        match self {
            Set::Node(set) => {
                let rows = run.sets.rows(*set);
                &rows.ids[rows.range(request)]
            }
            Set::Linked(over, known) => {
                let known = known.get_or_init(|| eval::members(run, over));
                known.get(request).map_or(&[], |ids| ids)
            }
        }
    }
}

/// What the sets of one request say.
pub struct Members<'a> {
    /// Only these, if given; ascending.
    pub only: Option<Cow<'a, [u32]>>,
    /// And none of these; ascending.
    pub without: Cow<'a, [u32]>,
}

impl<'a> Memberships<'a> {
    /// The tests of whether the entity is in a set that has run, among the conditions.
    pub fn of_nodes(conditions: &'a [Expr]) -> Memberships<'a> {
        let tests = conditions.iter().filter_map(membership);
        Memberships { tests: tests.map(|(set, wanted)| (Set::Node(set), wanted)).collect() }
    }

    /// All tests among the conditions, and the other conditions; what is joined by `and` is one by one. Sets
    /// of links are among them where no request of the run has more than `most`.
    pub fn split(conditions: &'a [Expr], run: &Run, most: usize) -> (Self, Vec<&'a Expr>) {
        let mut tests = Vec::new();
        let mut others = Vec::new();
        for part in conditions.iter().flat_map(Expr::conjuncts) {
            match (membership(part), linked(part)) {
                (Some((set, wanted)), _) => tests.push((Set::Node(set), wanted)),
                (_, Some((over, wanted))) if eval::degree_within(run, over, most) => {
                    tests.push((Set::Linked(over, OnceLock::new()), wanted));
                }
                _ => others.push(part),
            }
        }
        (Memberships { tests }, others)
    }

    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// How many rows of a request the sets leave out at most, if they do nothing else.
    pub fn left_out(&self, run: &Run, request: usize) -> Option<usize> {
        let tests = self.tests.iter();
        let ids = tests.map(|(set, wanted)| (!wanted).then(|| set.ids(run, request).len()));
        ids.sum()
    }

    /// Of some rows of a table of `len`, or of all, those that the sets of a request let through.
    pub fn among(
        &self,
        run: &Run,
        request: usize,
        len: usize,
        rows: Option<Arc<RowSet>>,
    ) -> Option<Arc<RowSet>> {
        let mut found = rows;
        for (set, wanted) in &self.tests {
            let ids = set.ids(run, request);
            let all = || Arc::new(RowSet::all(len));
            match wanted {
                true => {
                    let is_there = |id: &u32| (*id as usize) < len;
                    let passes = |id: &u32| found.as_ref().is_none_or(|rows| rows.has(*id));
                    let both = ids.iter().copied().filter(|id| is_there(id) && passes(id));
                    found = Some(Arc::new(RowSet::new(len, both)));
                }
                false => {
                    let found = Arc::make_mut(found.get_or_insert_with(all));
                    ids.iter().for_each(|&id| found.remove(id));
                }
            }
        }
        found
    }

    /// The rows of a request in the sets.
    pub fn of<'b>(&'b self, run: &'b Run, request: usize) -> Members<'b> {
        let mut members = Members { only: None, without: Cow::default() };
        for (set, wanted) in &self.tests {
            let ids = ascending(set.ids(run, request), run.stop);
            if !wanted {
                members.without = match members.without.is_empty() {
                    true => ids,
                    false => {
                        let mut both = [&*members.without, &*ids].concat();
                        both.sort_unstable();
                        both.into()
                    }
                };
                continue;
            }
            members.only = Some(match members.only {
                None => ids,
                Some(only) => {
                    let both = only.iter().filter(|id| ids.binary_search(id).is_ok());
                    both.copied().collect()
                }
            });
        }
        members
    }
}

/// The links that a condition asks whether one leads to the entity, and whether one has to.
fn linked(condition: &Expr) -> Option<(&OverLinks, bool)> {
    match &condition.kind {
        Kind::OverLinks(over) if over.is_membership() => Some((over, true)),
        _ => {
            let (over, wanted) = linked(&condition.as_call(Role::Not)?[0])?;
            Some((over, !wanted))
        }
    }
}

impl Members<'_> {
    #[inline]
    pub fn has(&self, id: u32) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| only.binary_search(&id).is_ok())
            && self.without.binary_search(&id).is_err()
    }
}

/// Some rows of an entity, to be asked whether another is among them.
pub enum Ids<'a> {
    Bits(RowSet),
    Ascending(Cow<'a, [u32]>),
}

impl<'a> Ids<'a> {
    /// Each is given once. If the run has to end, some of them.
    pub fn new(ids: &'a [u32], stop: Stop) -> Ids<'a> {
        let end = ids.iter().max().map_or(0, |&last| last as usize + 1);
        // no more than eight bytes for each
        if end / 64 > ids.len() {
            return Ids::Ascending(ascending(ids, stop));
        }
        let blocks = ids.chunks(BLOCK).take_while(|_| !stop.is_due());
        Ids::Bits(RowSet::new(end, blocks.flatten().copied()))
    }

    #[inline]
    pub fn has(&self, id: u32) -> bool {
        match self {
            Ids::Bits(rows) => rows.has(id),
            Ids::Ascending(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

/// Ids in ascending order. If the run has to end, there may be fewer, in any order.
fn ascending<'a>(ids: &'a [u32], stop: Stop) -> Cow<'a, [u32]> {
    if ids.is_sorted() {
        return ids.into();
    }
    if ids.len() <= BLOCK {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        return ids.into();
    }
    let mut keys = Vec::new();
    arrange(ids.iter().map(|&id| u128::from(id)), None, &mut keys, stop);
    keys.iter().map(|&key| key as u32).collect()
}
