//! What fan-outs share: contributions of parent rows to entities, merged to one row each.

use super::bind::Case;
use super::shape::{Score, ScoreKind};
use super::{Exec, Followed, Op, Part, RunError};
use crate::batch::{BLOCK, Held, Rows, arrange, blocks, place_of, sort_key, sorting};
use crate::expr::Facts;
use crate::types::NULL_FLOAT;
use std::ops::Range;

/// How contributions to one entity become its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    Max,
    Sum,
    Count,
    Mean,
    Min,
    NoisyOr,
}

impl Merge {
    /// The cases of the parameter `merge`, in the order of the variants.
    pub const CASES: [Case; 6] = [
        Case::plain("max"),
        Case::plain("sum"),
        Case::plain("count"),
        Case::plain("mean"),
        Case::plain("min"),
        Case::plain("noisy_or"),
    ];

    pub fn from_case(case: usize) -> Merge {
        [
            Merge::Max,
            Merge::Sum,
            Merge::Count,
            Merge::Mean,
            Merge::Min,
            Merge::NoisyOr,
        ][case]
    }

    pub fn name(self) -> &'static str {
        Merge::CASES[self as usize].name
    }
}

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
    let all = [
        times(a.low, b.low),
        times(a.low, b.high),
        times(a.high, b.low),
        times(a.high, b.high),
    ];
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let overflows = !(low.is_finite() && high.is_finite());
    let facts = Facts::between(low, high).made_of(&[a, b]);
    if overflows { facts.or_null() } else { facts }
}

/// After additions, each of which may have rounded.
fn rounded(facts: Facts) -> Facts {
    let by = |x: f64| x.abs() * 1e-9;
    Facts {
        low: facts.low - by(facts.low),
        high: facts.high + by(facts.high),
        ..facts
    }
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
    fn value(&self, input: &Rows, i: usize) -> f64 {
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

/// One entity while its contributions are folded.
#[derive(Clone, Copy)]
struct Slot {
    id: u32,
    witness: u32,
    /// Non-null contributions, and all of them.
    known: u32,
    all: u32,
    largest: f64,
    folded: f64,
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
    by: &impl Op,
    input: &Rows,
    from: &Contributions,
    how: (Merge, Ties),
    part: &Part,
) -> Result<Rows, RunError> {
    let _contributions = exec.hold(by.name(), from.bytes())?;
    let mut merging = Merging::new(exec, by, input, how, part)?;
    merging.add(from, 0..input.requests())?;
    merging.finish()
}

/// Rows that are made of contributions, some requests after the others.
pub struct Merging<'m, 'a, O> {
    exec: &'m Exec<'a>,
    by: &'m O,
    input: &'m Rows,
    how: Merge,
    ties: Ties,
    order: bool,
    /// Of each request, how many rows are used.
    most: Option<Vec<u64>>,
    /// Rows of the table of what is reached, if only these are.
    targets: Option<usize>,
    merged: Rows,
    witnesses: Vec<u32>,
    followed: Vec<Followed>,
    table: Table,
    slots: Vec<Slot>,
    keys: Vec<u128>,
    slots_held: Held<'a>,
    rows_held: Held<'a>,
}

impl<'m, 'a, O: Op> Merging<'m, 'a, O> {
    pub fn new(
        exec: &'m Exec<'a>,
        by: &'m O,
        input: &'m Rows,
        (how, ties): (Merge, Ties),
        part: &Part,
    ) -> Result<Self, RunError> {
        Ok(Merging {
            exec,
            by,
            input,
            how,
            ties,
            order: part.order,
            most: part.most(exec.run),
            targets: None,
            merged: Rows {
                offsets: vec![0],
                ..Rows::default()
            },
            witnesses: Vec::new(),
            followed: Vec::with_capacity(input.requests()),
            table: Table::default(),
            slots: Vec::new(),
            keys: Vec::new(),
            slots_held: exec.hold(by.name(), 0)?,
            rows_held: exec.hold(by.name(), 0)?,
        })
    }

    /// The same where nothing is reached but rows of a table of so many.
    pub fn among(self, targets: usize) -> Self {
        Merging {
            targets: Some(targets),
            ..self
        }
    }

    /// The contributions of the next requests.
    pub fn add(&mut self, from: &Contributions, requests: Range<usize>) -> Result<(), RunError> {
        for (number, request) in requests.enumerate() {
            let range = from.of(number);
            self.exec.check(self.by.name(), range.len() as u64)?;
            self.request(from, range, request)?;
        }
        Ok(())
    }

    fn request(
        &mut self,
        from: &Contributions,
        range: Range<usize>,
        request: usize,
    ) -> Result<(), RunError> {
        let (exec, input, how, op) = (self.exec, self.input, self.how, self.by.name());
        let slots = &mut self.slots;
        slots.clear();
        let mut scratch = exec.hold(op, 0)?;
        if !from.distinct {
            exec.grow(op, &mut scratch, 4 * Table::size(range.len()))?;
            self.table.reset(range.len(), self.targets);
            for block in blocks(range.clone(), BLOCK) {
                exec.check(op, 0)?;
                if !self.slots_held.reserve(slots, block.len()) {
                    exec.check(op, 0)?;
                }
                self.table.fold(input, from, block, how, slots);
            }
        }
        // where no entity is reached twice, each contribution is a row
        let count = if from.distinct {
            range.len()
        } else {
            slots.len()
        };
        let auto = self.by.auto();
        self.followed.push(Followed {
            contributions: range.len() as u64,
            rows: count as u64,
            reached: auto.is_some_and(|n| from.has_run(range.clone(), n)),
        });
        let slot = |place: usize| match from.distinct {
            true => Slot::of_one(input, from, range.start + place, how),
            false => slots[place],
        };
        let most = self.most.as_ref().map(|most| most[request]);
        let room = most.map_or(count, |most| count.min(most as usize));
        exec.grow(op, &mut scratch, sorting(count, most))?;
        let merged = &mut self.merged;
        let fits = self.rows_held.reserve(&mut merged.ids, room)
            && self.rows_held.reserve(&mut merged.scores, room)
            && self.rows_held.reserve(&mut self.witnesses, room);
        if !fits {
            exec.check(op, 0)?;
        }
        let mut add = |place: usize| {
            let slot = slot(place);
            merged.ids.push(slot.id);
            merged.scores.push(slot.score(how));
            self.witnesses.push(slot.witness);
        };
        if self.order || most.is_some() {
            // slots stand in the order in which their entities were reached
            let key = |place: usize| {
                let slot = slot(place);
                let tie = match self.ties {
                    Ties::Reached => 0,
                    Ties::Table => slot.id,
                };
                sort_key(slot.score(how), tie, place as u32)
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
        merged.offsets.push(merged.ids.len() as u32);
        Ok(())
    }

    /// The rows of all requests.
    pub fn finish(mut self) -> Result<Rows, RunError> {
        let (exec, input, op) = (self.exec, self.input, self.by.name());
        exec.check(op, 0)?;
        exec.follows(self.by, self.followed);
        let _columns = exec.hold(op, self.witnesses.len() * input.width())?;
        let columns = input.columns.iter().map(|column| match column.is_empty() {
            true => Ok(column.clone()),
            false => exec.gather(op, column, &self.witnesses),
        });
        self.merged.columns = columns.collect::<Result<_, _>>()?;
        Ok(self.merged)
    }
}

impl Slot {
    fn new(id: u32, witness: u32, how: Merge) -> Slot {
        let folded = match how {
            Merge::Max => f64::NEG_INFINITY,
            Merge::Min => f64::INFINITY,
            Merge::NoisyOr => 1.0,
            Merge::Sum | Merge::Mean | Merge::Count => 0.0,
        };
        Slot {
            id,
            witness,
            known: 0,
            all: 0,
            largest: f64::NEG_INFINITY,
            folded,
        }
    }

    /// Of the only contribution to an entity.
    #[inline]
    fn of_one(input: &Rows, from: &Contributions, place: usize, how: Merge) -> Slot {
        let parent = from.parents[place];
        let mut slot = Slot::new(from.ids[place], parent, how);
        slot.add(parent, from.value(input, place), how);
        slot
    }

    fn add(&mut self, parent: u32, value: f64, how: Merge) {
        self.all += 1;
        if !value.is_finite() {
            return;
        }
        if self.known == 0 || value > self.largest {
            self.largest = value;
            self.witness = parent;
        }
        self.known += 1;
        match how {
            Merge::Max => self.folded = self.folded.max(value),
            Merge::Min => self.folded = self.folded.min(value),
            Merge::Sum | Merge::Mean => self.folded += value,
            Merge::NoisyOr => self.folded *= 1.0 - value.clamp(0.0, 1.0),
            Merge::Count => {}
        }
    }

    fn score(&self, how: Merge) -> f64 {
        let score = match how {
            Merge::Count => return f64::from(self.all),
            _ if self.known == 0 => NULL_FLOAT,
            Merge::Mean => self.folded / f64::from(self.known),
            Merge::NoisyOr => 1.0 - self.folded,
            Merge::Max | Merge::Min | Merge::Sum => self.folded,
        };
        if score.is_finite() { score } else { NULL_FLOAT }
    }
}

/// A table from entity to slot, used again for every request: of the entities themselves where they are
/// few, else with open addressing.
#[derive(Default)]
struct Table {
    /// Number of the slot plus one; 0 is free. With open addressing the length is a power of two.
    places: Vec<u32>,
    by_id: bool,
}

impl Table {
    /// How many places there are at most for so many contributions.
    fn size(contributions: usize) -> usize {
        (contributions * 2).next_power_of_two().max(16)
    }

    /// Makes room for so many contributions, to one of `targets` rows.
    fn reset(&mut self, contributions: usize, targets: Option<usize>) {
        let hashed = Table::size(contributions);
        let targets = targets.filter(|&targets| targets <= hashed);
        self.by_id = targets.is_some();
        let size = targets.unwrap_or(hashed);
        if size > BLOCK && size > self.places.len() {
            // pages of zeros, which cost nothing before they are used
            self.places = vec![0; size];
        } else {
            self.places.clear();
            self.places.resize(size, 0);
        }
    }

    fn fold(
        &mut self,
        input: &Rows,
        from: &Contributions,
        range: Range<usize>,
        how: Merge,
        slots: &mut Vec<Slot>,
    ) {
        match self.by_id {
            true => self.fold_as(input, from, range, how, slots, Table::of_id),
            false => self.fold_as(input, from, range, how, slots, Table::of_hash),
        }
    }

    #[inline]
    fn fold_as(
        &mut self,
        input: &Rows,
        from: &Contributions,
        range: Range<usize>,
        how: Merge,
        slots: &mut Vec<Slot>,
        place: impl Fn(&Table, u32, &[Slot]) -> usize,
    ) {
        for i in range {
            let (id, parent) = (from.ids[i], from.parents[i]);
            let value = from.value(input, i);
            let place = place(self, id, slots);
            let slot = match self.places[place] {
                0 => {
                    slots.push(Slot::new(id, parent, how));
                    self.places[place] = slots.len() as u32;
                    slots.len() - 1
                }
                taken => taken as usize - 1,
            };
            slots[slot].add(parent, value, how);
        }
    }

    #[inline]
    fn of_id(&self, id: u32, _: &[Slot]) -> usize {
        id as usize
    }

    /// The place of an entity, or a free one.
    #[inline]
    fn of_hash(&self, id: u32, slots: &[Slot]) -> usize {
        let size = self.places.len();
        let shift = 32 - size.trailing_zeros();
        // Fibonacci hashing: the high bits of the product are well mixed
        let mut place = (id.wrapping_mul(0x9E37_79B9) >> shift) as usize;
        loop {
            match self.places[place] {
                0 => return place,
                taken if slots[taken as usize - 1].id == id => return place,
                _ => place = (place + 1) & (size - 1),
            }
        }
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
            let from = Contributions {
                parents,
                ..Contributions::default()
            };
            for long in 1..20 {
                let has = from.has_run(0..from.parents.len(), long);
                assert_eq!(has, longest.is_some_and(|n| n as u64 >= long), "{long}");
            }
        }
    }
}
