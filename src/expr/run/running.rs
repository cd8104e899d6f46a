//! Links in the order of time with running sums: what an aggregate over the links before any time comes to is
//! found by a search, instead of a look at each link. So the examples of a training cost the logarithm of a degree
//! each, however long the log is.

use foldhash::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use super::lock;

/// The running links of aggregates, by the key of the aggregate; made when one is asked for, and shared by runs.
#[derive(Default)]
pub struct Running {
    known: Mutex<HashMap<u128, Slot>>,
    /// Whether there are none: links are looked at each time.
    off: bool,
}

type Slot = Arc<OnceLock<Option<Arc<RunningLinks>>>>;

impl Running {
    /// None at all, so that every aggregate looks at its links.
    pub fn off() -> Running {
        Running { off: true, ..Running::default() }
    }

    /// Those of a key; another thread that makes them is waited for.
    pub fn get(
        &self,
        key: u128,
        make: impl FnOnce() -> Option<RunningLinks>,
    ) -> Option<Arc<RunningLinks>> {
        if self.off {
            return None;
        }
        let slot = lock(&self.known).entry(key).or_default().clone();
        slot.get_or_init(|| make().map(Arc::new)).clone()
    }

    /// Whether those of a key were made, and it turned out that links have to be looked at.
    pub fn has_refused(&self, key: u128) -> bool {
        let known = lock(&self.known);
        known.get(&key).and_then(|slot| slot.get()).is_some_and(Option::is_none)
    }
}

/// What the links of a row are told apart by, where an aggregate asks for some of them: where they lead, or a value.
pub type Group = u64;

/// The links of all rows of an entity that an aggregate is over: by row, by group, by the time from which they are
/// seen.
#[derive(Debug, Default)]
pub struct RunningLinks {
    /// Where the links of each row begin; one more at the end.
    pub offsets: Vec<usize>,
    /// Of each link; empty if all are asked for.
    pub groups: Vec<Group>,
    /// From when each is seen.
    pub times: Vec<i64>,
    /// Up to and including each link, from the first of its row and group on.
    pub sums: Sums,
    /// Links that are seen later than their own time, where a window asks for both; not among the others.
    pub late: HashMap<u32, Vec<Late>>,
}

/// What is summed.
#[derive(Debug, Default)]
pub enum Sums {
    /// Nothing: the number of links is all that is asked.
    #[default]
    Count,
    /// Wide enough for any number of 64 bits each.
    Ints(Vec<i128>),
    /// Sums with what rounding left out, so that their differences are as good as sums.
    Floats(Vec<[f64; 2]>),
    /// The smallest or the largest so far, and the values themselves.
    Extreme { largest: bool, values: Vec<f64>, running: Vec<f64> },
    /// The same of ints.
    ExtremeInts { largest: bool, values: Vec<i64>, running: Vec<i64> },
    /// Each link counts half after `half_life` microseconds; as of the time of the link.
    Decaying { half_life: f64, sums: Vec<f64> },
}

/// A link that is seen later than its own time.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    pub group: Group,
    pub time: i64,
    pub since: i64,
    pub int: i64,
    pub float: f64,
}

/// The links of a row that an aggregate asks for.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where the links of the row and group begin.
    base: usize,
    range: Range<usize>,
}

impl Found {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.range.len()
    }
}

impl RunningLinks {
    /// The links of a row with times from `from` to `until`, both included.
    pub fn find(&self, row: u32, group: Option<Group>, from: i64, until: i64) -> Found {
        let of_row = match self.offsets.get(row as usize..(row as usize).saturating_add(2)) {
            Some(&[start, end]) => start..end,
            _ => 0..0,
        };
        let all = match group {
            Some(group) if !self.groups.is_empty() => {
                let groups = &self.groups[of_row.clone()];
                let start = groups.partition_point(|&other| other < group);
                let len = groups[start..].partition_point(|&other| other == group);
                of_row.start + start..of_row.start + start + len
            }
            _ => of_row,
        };
        let times = &self.times[all.clone()];
        let end = times.partition_point(|&time| time <= until);
        let start = times[..end].partition_point(|&time| time < from);
        Found { base: all.start, range: all.start + start..all.start + end }
    }

    /// Links of a row that a search in times does not find: seen later than their own time, which is what `from` is
    /// about.
    pub fn late(
        &self,
        row: u32,
        group: Option<Group>,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = &Late> {
        let of_row = self.late.get(&row).into_iter().flatten();
        of_row.filter(move |late| {
            group.is_none_or(|group| late.group == group)
                && late.time >= from
                && late.since <= until
        })
    }

    /// The sum of ints, exact.
    pub fn ints(&self, found: &Found) -> i128 {
        let Sums::Ints(sums) = &self.sums else { return 0 };
        let at = |place: usize| if place > found.base { sums[place - 1] } else { 0 };
        at(found.range.end) - at(found.range.start)
    }

    /// The sum of floats; of decaying ones as of `now`.
    pub fn floats(&self, found: &Found, now: i64) -> f64 {
        let Found { base, range } = found;
        match &self.sums {
            Sums::Floats(sums) => {
                let at = |place: usize| if place > *base { sums[place - 1] } else { [0.0; 2] };
                let [high, low] = at(range.end);
                let [less, rest] = at(range.start);
                (high - less) + (low - rest)
            }
            Sums::Decaying { half_life, sums } => {
                let at = |place: usize| match place > *base {
                    true => sums[place - 1] * halved(self.times[place - 1], now, *half_life),
                    false => 0.0,
                };
                at(range.end) - at(range.start)
            }
            _ => 0.0,
        }
    }

    /// The smallest or largest of floats; none of no links.
    pub fn extreme(&self, found: &Found) -> Option<f64> {
        let Sums::Extreme { largest, values, running } = &self.sums else { return None };
        let pick = if *largest { f64::max } else { f64::min };
        match found.range.start == found.base {
            true => found.range.clone().next_back().map(|last| running[last]),
            false => values[found.range.clone()].iter().copied().reduce(pick),
        }
    }

    /// The same of ints.
    pub fn extreme_int(&self, found: &Found) -> Option<i64> {
        let Sums::ExtremeInts { largest, values, running } = &self.sums else { return None };
        let pick = if *largest { i64::max } else { i64::min };
        match found.range.start == found.base {
            true => found.range.clone().next_back().map(|last| running[last]),
            false => values[found.range.clone()].iter().copied().reduce(pick),
        }
    }
}

/// What is left of 1 after the time from `then` to `now`.
pub fn halved(then: i64, now: i64, half_life: f64) -> f64 {
    let age = now.saturating_sub(then) as f64;
    0.5f64.powf(age.max(0.0) / half_life)
}

/// Adds a number to a sum with what rounding left out (Knuth's two-sum).
pub fn added([sum, rest]: [f64; 2], x: f64) -> [f64; 2] {
    let total = sum + x;
    let part = total - sum;
    let lost = (sum - (total - part)) + (x - part);
    [total, rest + lost]
}
