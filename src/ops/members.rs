//! Conditions that ask whether the entity is in a set, as `unseen()` behind an open search: kept as
//! lists of rows, so that they are neither evaluated nor looked up anew for every row.

use crate::expr::{Expr, Kind, NodeId, Run};
use std::borrow::Cow;

/// The set that a condition asks whether the entity is in, and whether it has to be; none for a
/// condition of another form.
pub fn membership(condition: &Expr) -> Option<(NodeId, bool)> {
    match &condition.kind {
        Kind::InSet { id, set } if id.kind == Kind::It => Some((*set, true)),
        Kind::Call { kernel, args } if kernel.name == "not" => {
            let (set, wanted) = membership(&args[0])?;
            Some((set, !wanted))
        }
        _ => None,
    }
}

/// The tests of membership among some conditions.
#[derive(Default)]
pub struct Memberships(Vec<(NodeId, bool)>);

/// What the sets of one request say.
pub struct Members<'a> {
    /// Only these, if given; ascending.
    pub only: Option<Cow<'a, [u32]>>,
    /// And none of these; ascending.
    pub without: Cow<'a, [u32]>,
}

impl Memberships {
    /// The tests among the conditions, and the other conditions.
    pub fn split(conditions: &[Expr]) -> (Memberships, Vec<&Expr>) {
        let mut sets = Vec::new();
        let mut others = Vec::new();
        for condition in conditions {
            match membership(condition) {
                Some(test) => sets.push(test),
                None => others.push(condition),
            }
        }
        (Memberships(sets), others)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows of a request in the sets, which have run.
    pub fn of<'a>(&self, run: &'a Run, request: usize) -> Members<'a> {
        let mut members = Members {
            only: None,
            without: Cow::default(),
        };
        for &(set, wanted) in &self.0 {
            let rows = run.sets.rows(set);
            let ids = ascending(&rows.ids[rows.range(request)]);
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

impl Members<'_> {
    #[inline]
    pub fn has(&self, id: u32) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| only.binary_search(&id).is_ok())
            && self.without.binary_search(&id).is_err()
    }
}

fn ascending(ids: &[u32]) -> Cow<'_, [u32]> {
    match ids.is_sorted() {
        true => ids.into(),
        false => {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids.into()
        }
    }
}
