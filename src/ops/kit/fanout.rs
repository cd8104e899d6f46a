//! What fan-outs share: contributions of parent rows to entities, merged to one row each.

use super::fold::{Fold, Folds, Merge};
use crate::batch::{BLOCK, Held, RowBatch, arrange, blocks, place_of, sort_key, sorting};
use crate::expr::Facts;
use crate::ops::shape::{Score, ScoreKind};
use crate::ops::{Exec, Followed, Part, Planning, RunError};
use std::ops::Range;

/// The score of rows that `most` contributions at most are merged into, each the product of a
/// parent's score and a weight.
pub fn merged_score(parent: Score, weight: Score, how: Merge, most: u64) -> Score {
    let kind = parent.kind.through(weight.kind);
    let each = product(parent.facts, weight.facts);
    let most = most as f64;
    let one = each == Facts::between(1.0, 1.0);
    let kind = match how {
        Merge::Count => ScoreKind::Count,
        Merge::Sum if matches!(kind, ScoreKind::Constant | ScoreKind::Count) => ScoreKind::Count,
        Merge::Sum if kind != ScoreKind::Unknown => ScoreKind::Value,
        Merge::NoisyOr => ScoreKind::Probability,
        // a mean of equal numbers may differ from them in the last bit
        Merge::Mean if kind == ScoreKind::Constant && !one => ScoreKind::Value,
        _ => kind,
    };
    let facts = match how {
        Merge::Count => Facts::between(1.0, most),
        Merge::NoisyOr => Facts::between(0.0, 1.0).made_of(&[each]),
        Merge::Sum => {
            let sum = product(each, Facts::between(1.0, most.max(1.0)));
            rounded(sum)
        }
        Merge::Mean => rounded(each),
        Merge::Max | Merge::Min => each,
    };
    Score::new(kind, facts)
}

fn product(a: Facts, b: Facts) -> Facts {
    let times = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
    let all =
        [times(a.low, b.low), times(a.low, b.high), times(a.high, b.low), times(a.high, b.high)];
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let overflows = !(low.is_finite() && high.is_finite());
    let facts = Facts::between(low, high).made_of(&[a, b]);
    if overflows { facts.or_null() } else { facts }
}

/// After additions, each of which may have rounded.
fn rounded(facts: Facts) -> Facts {
    let by = |x: f64| x.abs() * 1e-9;
    Facts { low: facts.low - by(facts.low), high: facts.high + by(facts.high), ..facts }
}

/// Contributions in order: by request, then parent row, then link. Each is worth
/// `score of the parent * weight`.
#[derive(Debug, Default)]
pub struct Contributions {
    /// Start of each request's contributions, and the end of the last.
    pub offsets: Vec<u32>,
    /// Place of the parent row in the input.
    pub parents: Vec<u32>,
    /// The entity that is reached.
    pub ids: Vec<u32>,
    /// Empty if every weight is 1.
    pub weights: Vec<f64>,
    /// No entity is reached twice in a request, so there is nothing to merge.
    pub distinct: bool,
}

impl Contributions {
    /// What contribution `i` is worth.
    #[inline]
    fn value(&self, input: &RowBatch, i: usize) -> f64 {
        let weight = self.weights.get(i).copied().unwrap_or(1.0);
        input.scores[self.parents[i] as usize] * weight
    }
}

impl Contributions {
    /// Places of a request's contributions.
    pub fn of(&self, request: usize) -> Range<usize> {
        self.offsets[request] as usize..self.offsets[request + 1] as usize
    }

    /// Whether a parent has at least so many contributions, among these places. Those of a parent
    /// stand together: where two of them are half of that apart, the rest is near.
    fn has_run(&self, places: Range<usize>, long: u64) -> bool {
        let long = usize::try_from(long).unwrap_or(usize::MAX).max(1);
        let parents = &self.parents[places];
        let step = (long / 2).max(1);
        let mut at = 0;
        while at < parents.len() {
            let parent = parents[at];
            let next = at.saturating_add(step);
            let spans = long == 1 || parents.get(next) == Some(&parent);
            if spans {
                let before = parents[..at].iter().rev();
                let before = before.take_while(|&&p| p == parent).count();
                let after = parents[at..].iter();
                if before + after.take(long).take_while(|&&p| p == parent).count() >= long {
                    return true;
                }
            }
            at = next;
        }
        false
    }

    /// Forgets all of them, and keeps the room.
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.parents.clear();
        self.ids.clear();
        self.weights.clear();
    }

    /// Makes room for more, charged first.
    pub fn reserve(
        &mut self,
        exec: &Exec,
        op: &str,
        held: &mut Held,
        more: usize,
        weighted: bool,
    ) -> Result<(), RunError> {
        let fits = held.reserve(&mut self.ids, more)
            && held.reserve(&mut self.parents, more)
            && (!weighted || held.reserve(&mut self.weights, more));
        if fits { Ok(()) } else { exec.check(op, 0) }
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let numbers = self.offsets.capacity() + self.parents.capacity() + self.ids.capacity();
        4 * numbers + 8 * self.weights.capacity()
    }

    /// The weight of a contribution.
    pub fn weight(&self, place: usize) -> f64 {
        self.weights.get(place).copied().unwrap_or(1.0)
    }
}

/// Which of two entities of equal score comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// The one whose first contribution, null or not, is the earlier: newest links stay newest first.
    Reached,
    /// The one that stands earlier in its table.
    Table,
}

/// Merges the contributions of each request: one row per entity, ordered by score, then as `ties`
/// says, with the columns of its witness (the parent of its largest contribution; ties: the earlier).
/// `part` says what is used of the rows.
pub fn merge(
    exec: &Exec,
    by: &impl Planning,
    input: &RowBatch,
    from: &Contributions,
    how: (Merge, Ties),
    part: &Part,
) -> Result<RowBatch, RunError> {
    let _contributions = exec.hold(by.name(), from.bytes())?;
    let mut merging = Merging::new(exec, by, input, how, part)?;
    merging.add(from, 0..input.requests())?;
    merging.finish()
}

/// Rows that are made of contributions, some requests after the others.
pub struct Merging<'m, 'a, O> {
    exec: &'m Exec<'a>,
    by: &'m O,
    input: &'m RowBatch,
    how: Merge,
    folds: Folds,
    /// For the table of the request, and for what is reached.
    table: Held<'a>,
    reached: Held<'a>,
    merged: Merged<'a>,
    followed: Vec<Followed>,
}

/// The rows of the requests so far.
struct Merged<'a> {
    ties: Ties,
    order: bool,
    /// Of each request, how many rows are used.
    most: Option<Vec<u64>>,
    rows: RowBatch,
    witnesses: Vec<u32>,
    keys: Vec<u128>,
    held: Held<'a>,
}

impl<'m, 'a, O: Planning> Merging<'m, 'a, O> {
    pub fn new(
        exec: &'m Exec<'a>,
        by: &'m O,
        input: &'m RowBatch,
        (how, ties): (Merge, Ties),
        part: &Part,
    ) -> Result<Self, RunError> {
        let witnesses = input.columns.iter().any(|column| !column.is_empty());
        Ok(Merging {
            exec,
            by,
            input,
            how,
            folds: Folds::new(how, witnesses),
            table: exec.hold(by.name(), 0)?,
            reached: exec.hold(by.name(), 0)?,
            merged: Merged {
                ties,
                order: part.order,
                most: part.most(exec.run),
                rows: RowBatch { offsets: vec![0], ..RowBatch::default() },
                witnesses: Vec::new(),
                keys: Vec::new(),
                held: exec.hold(by.name(), 0)?,
            },
            followed: Vec::with_capacity(input.requests()),
        })
    }

    /// The same where nothing is reached but rows of a table of so many.
    pub fn among(mut self, targets: usize) -> Self {
        self.folds.targets = Some(targets);
        self
    }

    /// The contributions of the next requests.
    pub fn add(&mut self, from: &Contributions, requests: Range<usize>) -> Result<(), RunError> {
        let (input, auto) = (self.input, self.by.auto());
        for (number, request) in requests.enumerate() {
            let range = from.of(number);
            self.exec.check(self.by.name(), range.len() as u64)?;
            let followed = Followed {
                contributions: range.len() as u64,
                rows: 0,
                reached: auto.is_some_and(|n| from.has_run(range.clone(), n)),
            };
            if from.distinct {
                self.each(from, range, request, followed)?;
                continue;
            }
            self.begin(range.len(), false)?;
            for block in blocks(range, BLOCK) {
                let link = |i: usize| (from.ids[i], from.parents[i], from.value(input, i));
                self.fold(block.len(), block.map(link))?;
            }
            self.end(request, followed)?;
        }
        Ok(())
    }

    /// Where no entity is reached twice, each contribution is a row.
    fn each(
        &mut self,
        from: &Contributions,
        range: Range<usize>,
        request: usize,
        followed: Followed,
    ) -> Result<(), RunError> {
        let (exec, input, how, op) = (self.exec, self.input, self.how, self.by.name());
        let count = range.len();
        let fold = |place: usize| {
            let place = range.start + place;
            Fold::of_one(from.ids[place], from.parents[place], from.value(input, place), how)
        };
        self.merged.add(exec, op, request, count, fold)?;
        let rows = count as u64;
        self.followed.push(Followed { rows, ..followed });
        Ok(())
    }

    /// Begins the next request, of so many contributions at most: whether they are `alike`, of one parent and worth
    /// the same.
    pub fn begin(&mut self, contributions: usize, alike: bool) -> Result<(), RunError> {
        let bytes = self.folds.begin(contributions, alike);
        self.exec.grow(self.by.name(), &mut self.table, bytes)
    }

    /// Adds contributions of the request, at most `most`: what each reaches, its parent, its worth.
    /// Returns how many there were.
    pub fn fold(
        &mut self,
        most: usize,
        links: impl Iterator<Item = (u32, u32, f64)>,
    ) -> Result<u64, RunError> {
        self.exec.check(self.by.name(), 0)?;
        if !self.folds.reserve(most, &mut self.reached) {
            self.exec.check(self.by.name(), 0)?;
        }
        Ok(self.folds.add(links))
    }

    /// Ends the request; `followed` lacks its rows.
    pub fn end(&mut self, request: usize, followed: Followed) -> Result<(), RunError> {
        let folds = &self.folds;
        let (exec, op, count) = (self.exec, self.by.name(), folds.count());
        let fold = |place: usize| folds.get(place);
        self.merged.add(exec, op, request, count, fold)?;
        self.table.shrink_to(0);
        let rows = count as u64;
        self.followed.push(Followed { rows, ..followed });
        Ok(())
    }

    /// The rows of all requests.
    pub fn finish(self) -> Result<RowBatch, RunError> {
        let (exec, input, op) = (self.exec, self.input, self.by.name());
        exec.check(op, 0)?;
        exec.follows(self.by, self.followed);
        let (mut rows, witnesses) = (self.merged.rows, self.merged.witnesses);
        let _columns = exec.hold(op, witnesses.len() * input.width())?;
        let columns = input.columns.iter().map(|column| match column.is_empty() {
            true => Ok(column.clone()),
            false => exec.gather(op, column, &witnesses),
        });
        rows.columns = columns.collect::<Result<_, _>>()?;
        Ok(rows)
    }
}

impl Merged<'_> {
    /// The rows of a request: `count` of them, which stand in the order in which their entities were reached.
    fn add(
        &mut self,
        exec: &Exec,
        op: &str,
        request: usize,
        count: usize,
        fold: impl Fn(usize) -> Fold,
    ) -> Result<(), RunError> {
        let most = self.most.as_ref().map(|most| most[request]);
        let room = most.map_or(count, |most| count.min(most as usize));
        let _scratch = exec.hold(op, sorting(count, most))?;
        let (rows, witnesses) = (&mut self.rows, &mut self.witnesses);
        let fits = self.held.reserve(&mut rows.ids, room)
            && self.held.reserve(&mut rows.scores, room)
            && self.held.reserve(witnesses, room);
        if !fits {
            exec.check(op, 0)?;
        }
        let mut add = |place: usize| {
            let fold = fold(place);
            rows.ids.push(fold.id);
            rows.scores.push(fold.score);
            witnesses.push(fold.witness);
        };
        if self.order || most.is_some() {
            let key = |place: usize| {
                let fold = fold(place);
                let tie = match self.ties {
                    Ties::Reached => 0,
                    Ties::Table => fold.id,
                };
                sort_key(fold.score, tie, place as u32)
            };
            arrange((0..count).map(key), most, &mut self.keys, exec.run.stop);
            for keys in self.keys.chunks(BLOCK) {
                exec.check(op, 0)?;
                keys.iter().for_each(|&key| add(place_of(key) as usize));
            }
        } else {
            for block in blocks(0..count, BLOCK) {
                exec.check(op, 0)?;
                block.for_each(&mut add);
            }
        }
        rows.offsets.push(rows.ids.len() as u32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_wherever_it_stands() {
        let mut state = 7u32;
        for _ in 0..500 {
            let mut parents = Vec::new();
            for parent in 0..12 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                parents.extend(std::iter::repeat_n(parent, (state >> 28) as usize));
            }
            let longest = parents.chunk_by(|a, b| a == b).map(<[u32]>::len).max();
            let from = Contributions { parents, ..Contributions::default() };
            for long in 1..20 {
                let has = from.has_run(0..from.parents.len(), long);
                assert_eq!(has, longest.is_some_and(|n| n as u64 >= long), "{long}");
            }
        }
    }
}
