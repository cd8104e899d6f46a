//! What programs answer differently: both run for the same requests.

use super::Diff;
use super::measure::{overlap, rank_biased_overlap};
use crate::answer::{Answer, Ask, List, Row};
use crate::engine::{Engine, Flight, Program, RunOptions};
use crate::expr::random::Hasher;
use crate::ops::{Limits, RunError};
use crate::request::Request;
use crate::store::Progress;
use crate::stream::in_order;
use crate::types::Key;
use crate::why::{Why, WhyNot};

/// Rows that the overlap looks at, and among which rows that came or went are named.
const CUT: usize = 10;
/// Requests that are shown.
const SHOWN: usize = 3;
/// Rows that came or went of each that are explained.
const EXPLAINED: usize = 3;

/// How the answers of two programs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerDiff {
    /// Requests that both were asked.
    pub requests: usize,
    /// Those with another answer: other rows, another order, other scores, or other values in a column of one name.
    pub changed: usize,
    /// Those of them with other rows or another order.
    pub other_rows: usize,
    /// For each list that both have, in the order of the old program.
    pub lists: Vec<ListDiff>,
    /// The requests that changed most, the first three at most.
    pub most: Vec<Moved>,
}

/// How one list differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ListDiff {
    /// Its name in the old program; none if that has a single list.
    pub old: Option<String>,
    /// Its name in the new program.
    pub new: Option<String>,
    /// Requests for which it has other rows or another order.
    pub other_rows: usize,
    /// The share of the first 10 rows that both have, of the longer ten: the mean over all requests.
    pub overlap: f64,
    /// Rank-biased overlap with p = 0.9: the mean over all requests.
    pub rank_biased_overlap: f64,
}

/// A request whose answer changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Who asked.
    pub user: Option<Key>,
    /// The list that changed most, by its name in the new program.
    pub list: Option<String>,
    /// Of that list.
    pub overlap: f64,
    /// Of that list.
    pub rank_biased_overlap: f64,
    /// Of its first 10 rows, the first that the new list does not have at all.
    pub gone: Vec<Gone>,
    /// Of the first 10 rows of the new list, the first that the old one does not have at all, with position, key and why.
    pub came: Vec<(usize, Key, Why)>,
    /// Rows that both have at other positions: old and new position, and key; the first of the new list.
    pub moved: Vec<(usize, usize, Key)>,
}

/// A row that is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Gone {
    /// Where it was, from 1.
    pub position: usize,
    /// Its key.
    pub key: Key,
    /// Why the new program does not have it; none if its list is of another entity.
    pub why_not: Option<WhyNot>,
}

/// The places of lists that are compared.
type Lists<'a> = &'a [(usize, usize)];

/// One answer beside the other.
struct Beside {
    changed: bool,
    /// By pair of lists.
    lists: Vec<Apart>,
}

#[derive(Clone, Copy)]
struct Apart {
    other_rows: bool,
    overlap: f64,
    rank_biased_overlap: f64,
}

impl Engine {
    /// How two programs answer the same requests: `old` and `new` have them in one order, each with the parameters
    /// that its program has. Requests without a time are of one time. `diff` says which list is which; it is an error if
    /// one program is asked more than the other.
    pub fn diff_answers(
        &self,
        diff: &Diff,
        (old, old_requests): (&Program, &[Request]),
        (new, new_requests): (&Program, &[Request]),
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<AnswerDiff, RunError> {
        if old_requests.len() != new_requests.len() {
            let message = "both programs have to be asked the same requests";
            return Err(RunError::Request(message.to_owned()));
        }
        let lists: Lists = &diff.lists_of(old, new);
        let now = self.now();
        let timed = |requests: &[Request]| -> Vec<Request> {
            let timed =
                |request: &Request| Request { at: request.at.or(Some(now)), ..request.clone() };
            requests.iter().map(timed).collect()
        };
        let (old_requests, new_requests) = (timed(old_requests), timed(new_requests));
        let size = self.pass_size(old).min(self.pass_size(new));
        let passes: Vec<(&[Request], &[Request])> =
            old_requests.chunks(size).zip(new_requests.chunks(size)).collect();
        let flight = Flight::of(passes.len());
        let options = RunOptions::from(*limits);
        let mut all: Vec<Beside> = Vec::with_capacity(old_requests.len());
        in_order(
            &passes,
            |(old_requests, new_requests)| {
                let was = self.pass_in(&flight, old, old_requests, &options)?;
                let is = self.pass_in(&flight, new, new_requests, &options)?;
                let both = was.answers.iter().zip(&is.answers);
                Ok(both.map(|(was, is)| beside(lists, was, is)).collect::<Vec<_>>())
            },
            |found| {
                all.extend(found);
                progress.report("requests", all.len() as u64, old_requests.len() as u64);
                Ok::<(), RunError>(())
            },
        )?;
        let mut found = summary(lists, &all, old, new);
        for (place, list) in most(&all) {
            let asked = (&old_requests[place], &new_requests[place]);
            found.most.push(self.moved((old, new), asked, lists[list], &all[place].lists[list])?);
        }
        Ok(found)
    }

    /// Users of the catalog, so many, chosen by a hash of their keys; in the order of their table.
    pub fn sampled_users(&self, n: usize) -> Vec<Key> {
        let (snapshot, viewer) = (self.snapshot(), self.schema().viewer);
        let hash = |&row: &u32| {
            let key = snapshot.key(viewer, row);
            Hasher::default().text("diff").key(Some(&key)).finish()
        };
        let mut rows: Vec<u32> = (0..self.schema().entity(viewer).rows).collect();
        rows.sort_by_cached_key(hash);
        rows.truncate(n);
        rows.sort_unstable();
        rows.into_iter().map(|row| snapshot.key(viewer, row)).collect()
    }

    /// What changed in one list of a request, and why.
    fn moved(
        &self,
        (old, new): (&Program, &Program),
        (was, is): (&Request, &Request),
        (a, b): (usize, usize),
        apart: &Apart,
    ) -> Result<Moved, RunError> {
        let was = self.run(old, was)?;
        let before = &was.lists[a];
        let after = self.run(new, is)?;
        let gone = beyond(before, &after.lists[b]);
        let why_not = gone.iter().map(|(_, key)| key.clone()).collect();
        let told = self.explain(new, is, &Ask { why: true, why_not })?;
        let after = &told.lists[b];
        let of_list = |key: &Key| {
            let own = told.why_not.iter().filter(|not| not.list == after.name);
            own.into_iter().find(|not| not.key == *key).cloned()
        };
        let gone = gone.into_iter().map(|(position, key)| Gone {
            position,
            why_not: of_list(&key).filter(|_| before.key == after.key),
            key,
        });
        let came = beyond(after, before).into_iter().map(|(position, key)| {
            let why = after.rows().get(position - 1).and_then(Row::why).cloned();
            (position, key, why.unwrap_or_default())
        });
        Ok(Moved {
            user: is.user.clone(),
            list: after.name.clone(),
            overlap: apart.overlap,
            rank_biased_overlap: apart.rank_biased_overlap,
            gone: gone.collect(),
            came: came.collect(),
            moved: shifted(before, after),
        })
    }
}

/// Of the first rows of a list, those that another does not have: position and key.
fn beyond(list: &List, other: &List) -> Vec<(usize, Key)> {
    let is_other = list.key != other.key;
    let rows = (1..).zip(list.rows()).take(CUT);
    let gone = rows.filter(|(_, row)| is_other || other.rows().all(|o| o.key() != row.key()));
    gone.map(|(position, row)| (position, row.key().clone())).take(EXPLAINED).collect()
}

fn shifted(before: &List, after: &List) -> Vec<(usize, usize, Key)> {
    if before.key != after.key {
        return Vec::new();
    }
    let rows = (1..).zip(after.rows()).take(CUT);
    let moved = rows.filter_map(|(position, row)| {
        let was = before.rows().position(|other| other.key() == row.key())? + 1;
        (was != position).then(|| (was, position, row.key().clone()))
    });
    moved.take(EXPLAINED).collect()
}

fn beside(lists: Lists, was: &Answer, is: &Answer) -> Beside {
    let one_sided = lists.len() < was.lists.len().max(is.lists.len());
    let lists = lists.iter().map(|&(a, b)| (&was.lists[a], &is.lists[b]));
    let changed = one_sided || lists.clone().any(|(a, b)| differ(a, b));
    Beside { changed, lists: lists.map(|(a, b)| apart(a, b)).collect() }
}

fn apart(was: &List, is: &List) -> Apart {
    if was.key != is.key && !(was.is_empty() && is.is_empty()) {
        return Apart { other_rows: true, overlap: 0.0, rank_biased_overlap: 0.0 };
    }
    let (old, new): (Vec<&Key>, Vec<&Key>) =
        (was.rows().map(Row::key).collect(), is.rows().map(Row::key).collect());
    Apart {
        other_rows: old != new,
        overlap: overlap(&old, &new, CUT),
        rank_biased_overlap: rank_biased_overlap(&old, &new),
    }
}

/// Whether rows, order, scores, or values of a column that both have differ.
fn differ(was: &List, is: &List) -> bool {
    let names = was.columns.iter().map(|(name, _)| name.as_str());
    let common: Vec<&str> =
        names.filter(|name| is.columns.iter().any(|(other, _)| other == name)).collect();
    let same = |(a, b): (Row, Row)| {
        let score = |row: Row| row.score_or_null().map(f64::to_bits);
        a.key() == b.key()
            && score(a) == score(b)
            && common.iter().all(|name| a.get(name) == b.get(name))
    };
    was.key != is.key || was.len() != is.len() || !was.rows().zip(is.rows()).all(same)
}

fn summary(lists: Lists, all: &[Beside], old: &Program, new: &Program) -> AnswerDiff {
    let lists = lists.iter().enumerate().map(|(place, &(a, b))| {
        let own = all.iter().map(|beside| beside.lists[place]);
        let mean = |of: fn(Apart) -> f64| own.clone().map(of).sum::<f64>() / all.len() as f64;
        ListDiff {
            old: old.checked().results[a].0.clone(),
            new: new.checked().results[b].0.clone(),
            other_rows: own.clone().filter(|apart| apart.other_rows).count(),
            overlap: mean(|apart| apart.overlap),
            rank_biased_overlap: mean(|apart| apart.rank_biased_overlap),
        }
    });
    AnswerDiff {
        requests: all.len(),
        changed: all.iter().filter(|beside| beside.changed).count(),
        other_rows: all.iter().filter(|b| b.lists.iter().any(|apart| apart.other_rows)).count(),
        lists: lists.collect(),
        most: Vec::new(),
    }
}

/// The requests that changed most, each with the list that did; of equal ones the first.
fn most(all: &[Beside]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let order = |a: &Apart, b: &Apart| {
        let by_rank = a.rank_biased_overlap.total_cmp(&b.rank_biased_overlap);
        by_rank.then(a.overlap.total_cmp(&b.overlap))
    };
    for (place, beside) in all.iter().enumerate() {
        let changed = beside.lists.iter().enumerate().filter(|(_, apart)| apart.other_rows);
        let worst = changed.min_by(|(_, a), (_, b)| order(a, b));
        found.extend(worst.map(|(list, _)| (place, list)));
    }
    found.sort_by(|a, b| order(&all[a.0].lists[a.1], &all[b.0].lists[b.1]));
    found.truncate(SHOWN);
    found
}
