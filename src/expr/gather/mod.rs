//! Links of stored and derived edges, gathered for many rows at once.

mod degrees;
mod derived;
mod stored;

pub use degrees::{Degrees, hold_links};
pub use stored::visible_places;

use crate::expr::ir::{EdgeExpr, EdgeKind};
use crate::expr::links::{Links, Needs};
use crate::expr::run::{Frame, LinkFrame, Run, Shared};
use crate::types::NULL_INT;
use std::ops::Range;

/// Rows whose links are wanted: their ids, and the request of each.
#[derive(Clone, Copy)]
pub struct Starts<'a> {
    pub ids: &'a [u32],
    pub owners: &'a [u32],
    /// Where the links of each row have to lead to; none: anywhere.
    pub ends: Option<&'a [u32]>,
    /// One link of each row is enough.
    pub any: bool,
    /// What conditions on links need not compute again.
    pub shared: Option<&'a Shared<'a>>,
}

impl Starts<'_> {
    pub fn owner(&self, place: usize) -> usize {
        self.owners[place] as usize
    }

    /// Some of the rows.
    pub fn part(&self, rows: Range<usize>) -> Self {
        Starts {
            ids: &self.ids[rows.clone()],
            owners: &self.owners[rows.clone()],
            ends: self.ends.map(|ends| &ends[rows]),
            ..*self
        }
    }

    /// The request of every link.
    pub fn owners_of(&self, links: &Links) -> Vec<u32> {
        let parents = links.parent.iter();
        parents.map(|&p| self.owners[p as usize]).collect()
    }
}

/// The links of an edge from each start that the start's request can see.
pub fn gather(run: &Run, edge: &EdgeExpr, starts: Starts, needs: &Needs) -> Links {
    match &edge.kind {
        EdgeKind::Table { edge: id, reverse } => {
            stored::table(run, *id, *reverse, edge.to, starts, needs)
        }
        EdgeKind::Reference { entity, reference, reverse: true } => {
            let adjacency = run.snapshot.referrers(*entity, *reference as usize);
            let links = stored::stored(run, &adjacency, edge.to, starts, needs);
            stored::leading(links, starts)
        }
        EdgeKind::Reference { entity, reference, reverse: false } => stored::leading(
            stored::referred(run, *entity, *reference as usize, edge.to, starts, needs),
            starts,
        ),
        EdgeKind::Filter { inner, keep } => {
            let starts = Starts { any: false, ..starts };
            let links = gather(run, inner, starts, &needs.clone().and(keep));
            let keep = over(run, &links, starts, |frame| frame.condition(keep));
            links.retain(&keep)
        }
        EdgeKind::Weight { inner, weight } => {
            let needs = Needs { weight: false, ..needs.clone() }.and(weight);
            let mut links = gather(run, inner, starts, &needs);
            links.weight = over(run, &links, starts, |frame| frame.numbers(weight));
            links
        }
        EdgeKind::Union { branches, columns } => {
            derived::union(run, edge, branches, columns, starts, needs)
        }
        EdgeKind::Chain { first, second, carries_second } => {
            derived::chain(run, first, second, *carries_second, starts, needs)
        }
    }
}

/// Evaluates something over links that belong to no row.
pub fn over<R>(run: &Run, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = starts.owners_of(links);
    let link = LinkFrame { links, from: starts.ids, outer: None };
    f(&Frame { shared: starts.shared, ..Frame::links(run, &owners, link) })
}

/// Which links are no older than a duration that is given per link; a null time never is.
pub fn recent(run: &Run, links: &Links, starts: Starts, within: impl Fn(usize) -> i64) -> Vec<u8> {
    let fresh = |link: usize| {
        let (time, within) = (links.time.get(link).copied().unwrap_or(NULL_INT), within(link));
        let now = run.now[starts.owner(links.parent[link] as usize)];
        is_within(time, now, within)
    };
    (0..links.len()).map(|link| u8::from(fresh(link))).collect()
}

/// Whether a link is no older than a duration; a null time never is.
#[inline]
pub fn is_within(time: i64, now: i64, within: i64) -> bool {
    time != NULL_INT && within != NULL_INT && now.saturating_sub(time) <= within
}
