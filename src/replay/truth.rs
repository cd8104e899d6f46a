//! The truth of a request: what a user did after it, or what a table says.

use super::links::{Link, UserLinks, between};
use super::when::At;
use crate::store::Snapshot;
use crate::types::{EntityId, NULL_INT};
use foldhash::HashMap;

/// What a request should have found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Rows with their gains, by row.
    pub gains: Vec<(u32, f64)>,
    /// Targets that a request cannot see.
    pub unreachable: usize,
}

impl Truth {
    /// The gain of a row; 0 if it is not in the truth.
    pub fn gain(&self, row: u32) -> f64 {
        let found = self.gains.binary_search_by_key(&row, |(row, _)| *row);
        found.map_or(0.0, |place| self.gains[place].1)
    }
}

/// A fixed test set: of every user the rows to find.
#[derive(Debug, Default)]
pub struct TestSet {
    /// By user, rows in order; what the catalog does not have is not among them.
    pub rows: Vec<Vec<u32>>,
    /// By user, how many keys the catalog does not have.
    pub unknown: Vec<usize>,
}

/// Where the truth of requests comes from.
pub struct Truths<'a> {
    pub snapshot: &'a Snapshot,
    /// Of the rows that programs return.
    pub entity: EntityId,
    /// By number of the edge.
    pub gains: &'a [f64],
    /// Links of the truth edges.
    pub links: &'a UserLinks,
    pub horizon: i64,
    /// Leaves out what a truth edge links before the request.
    pub exclude_seen: bool,
    pub test_set: Option<&'a TestSet>,
}

impl Truths<'_> {
    /// The truth of a request.
    pub fn of(&self, at: At) -> Truth {
        let times = self.snapshot.times(self.entity);
        let is_visible = |row: u32| {
            let time = times.map_or(NULL_INT, |times| times[row as usize]);
            time == NULL_INT || time <= at.time
        };
        let mut found: HashMap<u32, f64> = HashMap::default();
        let mut truth = Truth::default();
        match self.test_set {
            Some(set) => {
                truth.unreachable = set.unknown[at.user as usize];
                found.extend(set.rows[at.user as usize].iter().map(|&row| (row, 1.0)));
            }
            None => {
                let links = self.links.of(at.user as usize);
                let ahead = between(links, at.time, at.time.saturating_add(self.horizon));
                for link in &links[ahead] {
                    let gain = found.entry(link.to).or_default();
                    *gain = gain.max(self.gains[usize::from(link.edge)]);
                }
            }
        }
        if self.exclude_seen {
            for link in self.seen(at) {
                found.remove(&link.to);
            }
        }
        for (row, gain) in found {
            match is_visible(row) {
                true => truth.gains.push((row, gain)),
                false => truth.unreachable += 1,
            }
        }
        truth.gains.sort_unstable_by_key(|(row, _)| *row);
        truth
    }

    /// The links of truth edges that a request sees; those without a time were always there.
    fn seen(&self, at: At) -> impl Iterator<Item = &Link> {
        let links = self.links.of(at.user as usize);
        let until = links.partition_point(|link| link.time <= at.time);
        links[..until].iter()
    }
}
