//! Contributions to entities, folded as they come: one score and one witness for each entity.

use crate::batch::{BLOCK, Held};
use crate::ops::bind::Case;
use crate::types::NULL_FLOAT;

/// How contributions to one entity become its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        [Merge::Max, Merge::Sum, Merge::Count, Merge::Mean, Merge::Min, Merge::NoisyOr][case]
    }

    pub fn name(self) -> &'static str {
        Merge::CASES[self as usize].name
    }
}

/// What the contributions to an entity came to.
#[derive(Clone, Copy)]
pub struct Fold {
    pub id: u32,
    pub score: f64,
    /// The parent of the largest contribution (ties: the earlier). Anything where nobody asks for witnesses.
    pub witness: u32,
}

impl Fold {
    /// Of the only contribution to an entity.
    #[inline]
    pub fn of_one(id: u32, parent: u32, value: f64, how: Merge) -> Fold {
        let mut slot = Slot::new(id, parent, how);
        slot.add(parent, value, how);
        slot.fold(how)
    }
}

/// The contributions of a request, folded. Used again for every request.
pub struct Folds {
    how: Merge,
    /// Whether someone asks for witnesses.
    witnesses: bool,
    /// Rows of the table of what is reached, if only these are.
    pub targets: Option<usize>,
    by: By,
    marks: Marks,
    sums: Sums,
    table: Table,
    slots: Vec<Slot>,
}

/// How the fold of an entity is found.
#[derive(Clone, Copy)]
enum By {
    /// In [`Marks`].
    Mark,
    /// In [`Sums`].
    Sum,
    /// In slots, by a table of entities.
    Id,
    /// In slots, by a table of hashes.
    Hash,
}

impl Folds {
    pub fn new(how: Merge, witnesses: bool) -> Folds {
        Folds {
            how,
            witnesses,
            targets: None,
            by: By::Hash,
            marks: Marks::default(),
            sums: Sums::default(),
            table: Table::default(),
            slots: Vec::new(),
        }
    }

    /// Forgets all entities, for so many contributions at most to come; the bytes that this takes. Whether they
    /// are `alike`: of one parent, and worth the same.
    pub fn begin(&mut self, contributions: usize, alike: bool) -> usize {
        self.slots.clear();
        self.marks.clear();
        self.sums.clear();
        let hashed = Table::size(contributions);
        let few = self.targets.filter(|&targets| targets <= hashed);
        let sums = !self.witnesses && !matches!(self.how, Merge::Mean | Merge::NoisyOr);
        let alike = alike && matches!(self.how, Merge::Max | Merge::Min);
        // the marks of all entities cost more than a few contributions
        if let Some(targets) = self.targets
            && alike
            && targets <= MARKED * contributions
        {
            self.by = By::Mark;
            let words = targets.div_ceil(64);
            self.marks.words.resize(words, 0);
            return size_of::<u64>() * words;
        }
        match few {
            Some(targets) if sums => {
                self.by = By::Sum;
                self.sums.folded.resize(targets, FREE);
                size_of::<f64>() * targets
            }
            _ => {
                self.by = if few.is_some() { By::Id } else { By::Hash };
                self.table.reset(few.unwrap_or(hashed));
                size_of::<u32>() * hashed
            }
        }
    }

    /// Makes room for more contributions, charged first; false if that is too much.
    #[must_use]
    pub fn reserve(&mut self, more: usize, held: &mut Held) -> bool {
        let left = |targets: usize| targets.saturating_sub(self.count());
        let more = self.targets.map_or(more, |targets| more.min(left(targets)));
        match self.by {
            By::Mark => held.reserve(&mut self.marks.reached, more),
            By::Sum => held.reserve(&mut self.sums.reached, more),
            By::Id | By::Hash => held.reserve(&mut self.slots, more),
        }
    }

    /// Adds contributions: what each reaches, its parent, its worth. Returns how many there were.
    pub fn add(&mut self, links: impl Iterator<Item = (u32, u32, f64)>) -> u64 {
        let how = self.how;
        let (sums, table, slots) = (&mut self.sums, &mut self.table, &mut self.slots);
        match (self.by, how) {
            (By::Mark, _) => self.marks.fold(links),
            (By::Sum, Merge::Max) => sums.fold(links, |value| value, f64::max),
            (By::Sum, Merge::Min) => sums.fold(links, |value| value, f64::min),
            (By::Sum, Merge::Count) => {
                let ones = links.map(|(id, parent, _)| (id, parent, 1.0));
                sums.fold(ones, |value| value, |sum, value| sum + value)
            }
            (By::Sum, _) => sums.fold(links, |value| 0.0 + value, |sum, value| sum + value),
            (By::Id, _) => table.fold(links, how, slots, Table::of_id),
            (By::Hash, _) => table.fold(links, how, slots, Table::of_hash),
        }
    }

    /// How many entities were reached.
    pub fn count(&self) -> usize {
        match self.by {
            By::Mark => self.marks.reached.len(),
            By::Sum => self.sums.reached.len(),
            By::Id | By::Hash => self.slots.len(),
        }
    }

    /// An entity, in the order in which they were reached.
    #[inline]
    pub fn get(&self, place: usize) -> Fold {
        match self.by {
            By::Mark => self.marks.get(place, self.how),
            By::Sum => self.sums.get(place),
            By::Id | By::Hash => self.slots[place].fold(self.how),
        }
    }
}

/// Entities are marked where there are no more of them for each contribution.
const MARKED: usize = 1_024;

/// What is reached by contributions of one parent that are worth the same: there is nothing to fold.
#[derive(Default)]
struct Marks {
    /// A bit for each entity.
    words: Vec<u64>,
    reached: Vec<u32>,
    parent: u32,
    value: f64,
}

impl Marks {
    fn clear(&mut self) {
        for &id in &self.reached {
            self.words[id as usize / 64] = 0;
        }
        self.reached.clear();
    }

    #[inline]
    fn fold(&mut self, links: impl Iterator<Item = (u32, u32, f64)>) -> u64 {
        let mut count = 0;
        links.for_each(|(id, parent, value)| {
            count += 1;
            let (word, bit) = (&mut self.words[id as usize / 64], 1 << (id % 64));
            if *word & bit == 0 {
                *word |= bit;
                self.reached.push(id);
                (self.parent, self.value) = (parent, value);
            }
        });
        count
    }

    #[inline]
    fn get(&self, place: usize, how: Merge) -> Fold {
        Fold::of_one(self.reached[place], self.parent, self.value, how)
    }
}

/// The mark of an entity that nothing has reached: a null of its own.
const FREE: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// One number per entity, for merges that need no more. It stays in the cache where slots do not.
#[derive(Default)]
struct Sums {
    /// By entity: [`FREE`], null if no contribution had a value, or what they came to.
    folded: Vec<f64>,
    reached: Vec<u32>,
}

impl Sums {
    fn clear(&mut self) {
        for &id in &self.reached {
            self.folded[id as usize] = FREE;
        }
        self.reached.clear();
    }

    #[inline]
    fn fold(
        &mut self,
        links: impl Iterator<Item = (u32, u32, f64)>,
        first: impl Fn(f64) -> f64,
        next: impl Fn(f64, f64) -> f64,
    ) -> u64 {
        let (folded, reached) = (&mut self.folded[..], &mut self.reached);
        let mut count = 0;
        links.for_each(|(id, _, value)| {
            count += 1;
            let sum = &mut folded[id as usize];
            if sum.is_nan() {
                if sum.to_bits() == FREE.to_bits() {
                    reached.push(id);
                    *sum = NULL_FLOAT;
                }
                if value.is_finite() {
                    *sum = first(value);
                }
            } else if value.is_finite() {
                *sum = next(*sum, value);
            }
        });
        count
    }

    #[inline]
    fn get(&self, place: usize) -> Fold {
        let id = self.reached[place];
        Fold { id, score: known(self.folded[id as usize]), witness: 0 }
    }
}

fn known(score: f64) -> f64 {
    if score.is_finite() { score } else { NULL_FLOAT }
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

impl Slot {
    fn new(id: u32, witness: u32, how: Merge) -> Slot {
        let folded = match how {
            Merge::Max => f64::NEG_INFINITY,
            Merge::Min => f64::INFINITY,
            Merge::NoisyOr => 1.0,
            Merge::Sum | Merge::Mean | Merge::Count => 0.0,
        };
        Slot { id, witness, known: 0, all: 0, largest: f64::NEG_INFINITY, folded }
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

    fn fold(&self, how: Merge) -> Fold {
        let score = match how {
            Merge::Count => f64::from(self.all),
            _ if self.known == 0 => NULL_FLOAT,
            Merge::Mean => self.folded / f64::from(self.known),
            Merge::NoisyOr => 1.0 - self.folded,
            Merge::Max | Merge::Min | Merge::Sum => self.folded,
        };
        Fold { id: self.id, score: known(score), witness: self.witness }
    }
}

/// A table from entity to slot, used again for every request: of the entities themselves where they are
/// few, else with open addressing.
#[derive(Default)]
struct Table {
    /// Number of the slot plus one; 0 is free. With open addressing the length is a power of two.
    places: Vec<u32>,
}

impl Table {
    /// How many places there are at most for so many contributions.
    fn size(contributions: usize) -> usize {
        (contributions * 2).next_power_of_two().max(16)
    }

    /// Empties it, with so many places.
    fn reset(&mut self, size: usize) {
        if size > BLOCK && size > self.places.len() {
            // pages of zeros, which cost nothing before they are used
            self.places = vec![0; size];
        } else {
            self.places.clear();
            self.places.resize(size, 0);
        }
    }

    #[inline]
    fn fold(
        &mut self,
        links: impl Iterator<Item = (u32, u32, f64)>,
        how: Merge,
        slots: &mut Vec<Slot>,
        place: impl Fn(&Table, u32, &[Slot]) -> usize,
    ) -> u64 {
        let mut count = 0;
        links.for_each(|(id, parent, value)| {
            count += 1;
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
        });
        count
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
    use proptest::prelude::*;

    fn folded(how: Merge, witnesses: bool, targets: Option<usize>, links: &Links) -> Vec<Fold> {
        let first = links.first().map(|&(_, parent, value)| (parent, value.to_bits()));
        let is_first =
            |&(_, parent, value): &(u32, u32, f64)| Some((parent, value.to_bits())) == first;
        let alike = links.iter().all(is_first);
        let mut folds = Folds::new(how, witnesses);
        folds.targets = targets;
        // what an earlier request left must not show
        folds.begin(links.len(), alike);
        folds.add(links.iter().rev().copied());
        folds.begin(links.len(), alike);
        for part in links.chunks(7) {
            assert_eq!(folds.add(part.iter().copied()), part.len() as u64);
        }
        (0..folds.count()).map(|place| folds.get(place)).collect()
    }

    type Links = [(u32, u32, f64)];

    fn worth() -> impl Strategy<Value = f64> {
        prop_oneof![
            5 => -4.0..4.0,
            1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN]),
        ]
    }

    proptest! {
        #[test]
        fn every_way_to_fold_gives_the_same(
            mut links in prop::collection::vec((0u32..20, 0u32..9, worth()), 0..80),
            case in 0..Merge::CASES.len(),
            alike: bool,
        ) {
            if alike && let Some(&(_, parent, value)) = links.first() {
                links.iter_mut().for_each(|link| *link = (link.0, parent, value));
            }
            let how = Merge::from_case(case);
            let hashed = folded(how, true, None, &links);
            for (witnesses, targets) in [(true, Some(20)), (false, Some(20)), (false, None)] {
                let other = folded(how, witnesses, targets, &links);
                let bits = |f: &Fold| (f.id, f.score.to_bits());
                prop_assert!(hashed.iter().map(bits).eq(other.iter().map(bits)));
                let same = |(a, b): (&Fold, &Fold)| a.witness == b.witness;
                prop_assert!(!witnesses || hashed.iter().zip(&other).all(same));
            }
        }
    }
}
