//! The pairs of an epoch, by number: none is stored.

use super::super::lists::Lists;
use super::super::shuffle::Shuffle;
use crate::random::Random;

/// All pairs of centres and contexts.
pub struct Pairs<'a> {
    lists: &'a Lists,
    /// Steps between the two, at most; `None`: contexts are drawn.
    window: Option<usize>,
    contexts: usize,
    /// Pairs of all lists before each list, and of all.
    before: Vec<u64>,
}

impl<'a> Pairs<'a> {
    pub fn of(lists: &'a Lists, window: Option<usize>, contexts: usize) -> Pairs<'a> {
        let count = |list: usize| {
            let len = lists.places(list).len();
            match window {
                _ if len < 2 => 0,
                None => len as u64 * contexts as u64,
                Some(window) => {
                    let gaps = window.min(len - 1) as u64;
                    // two directions of len − gap pairs
                    gaps * (2 * len as u64 - gaps - 1)
                }
            }
        };
        let mut before = vec![0];
        let mut sum = 0;
        for list in 0..lists.len() {
            sum += count(list);
            before.push(sum);
        }
        Pairs { lists, window, contexts, before }
    }

    pub fn len(&self) -> u64 {
        self.before[self.before.len() - 1]
    }

    /// The targets that are in a list with another place.
    pub fn members(&self, targets: usize) -> Vec<bool> {
        let mut members = vec![false; targets];
        for list in 0..self.lists.len() {
            let items = &self.lists.items[self.lists.places(list)];
            if items.len() > 1 {
                items.iter().for_each(|&item| members[item as usize] = true);
            }
        }
        members
    }

    /// An order of all pairs, with what is drawn of them.
    pub fn order(&self, seed: u64, stream: u64) -> Order<'_> {
        let shuffle = Shuffle::new(self.len(), seed, stream);
        Order { pairs: self, shuffle, draws: Random::new(seed, !stream).bits() }
    }
}

pub struct Order<'a> {
    pairs: &'a Pairs<'a>,
    shuffle: Shuffle,
    draws: u64,
}

impl Order<'_> {
    /// Centre and context of the pair at a place; `None` if they are the same target.
    pub fn pair(&self, place: u64) -> Option<(u32, u32)> {
        let (number, pairs) = (self.shuffle.at(place), self.pairs);
        let list = pairs.before.partition_point(|before| *before <= number) - 1;
        let items = &pairs.lists.items[pairs.lists.places(list)];
        let within = number - pairs.before[list];
        let (centre, context) = match pairs.window {
            Some(_) => stepped(within, items.len() as u64),
            None => {
                let centre = (within / pairs.contexts as u64) as usize;
                let drawn = Random::new(self.draws, number).below(items.len() as u32 - 1) as usize;
                (centre, drawn + usize::from(drawn >= centre))
            }
        };
        let (centre, context) = (items[centre], items[context]);
        (centre != context).then_some((centre, context))
    }
}

/// Pair number `within` of a list: those one step apart come first, of each gap the forward ones.
fn stepped(mut within: u64, len: u64) -> (usize, usize) {
    let mut gap = 1;
    while within >= 2 * (len - gap) {
        within -= 2 * (len - gap);
        gap += 1;
    }
    let (first, backwards) = (within % (len - gap), within >= len - gap);
    let (first, second) = (first as usize, (first + gap) as usize);
    if backwards { (second, first) } else { (first, second) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lens: &[usize]) -> Lists {
        let mut lists = Lists { offsets: vec![0], items: Vec::new(), counts: Vec::new() };
        for &len in lens {
            let start = lists.items.len() as u32;
            lists.items.extend(start..start + len as u32);
            lists.offsets.push(lists.items.len());
        }
        lists
    }

    #[test]
    fn a_window_has_each_pair_within_it_once() {
        let lists = lists(&[0, 1, 2, 3, 8, 20]);
        for window in [1, 2, 5, 100] {
            let pairs = Pairs::of(&lists, Some(window), 1);
            let order = pairs.order(1, 2);
            let mut got: Vec<_> = (0..pairs.len()).filter_map(|place| order.pair(place)).collect();
            got.sort_unstable();
            let mut expected = Vec::new();
            for list in 0..lists.len() {
                for a in lists.places(list) {
                    let near = |b: &usize| *b != a && b.abs_diff(a) <= window;
                    expected.extend(lists.places(list).filter(near).map(|b| (a as u32, b as u32)));
                }
            }
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn drawn_contexts_are_others_of_the_list() {
        let lists = lists(&[1, 2, 30]);
        let pairs = Pairs::of(&lists, None, 40);
        assert_eq!(pairs.len(), 32 * 40);
        let mut seen = vec![0; 33];
        for epoch in 0..20 {
            let order = pairs.order(3, epoch);
            for (centre, context) in (0..pairs.len()).filter_map(|place| order.pair(place)) {
                assert!(centre != context && (centre < 3) == (context < 3) && centre > 0);
                seen[context as usize] += 1;
            }
        }
        assert!(seen[0] == 0 && seen[1] == 800 && seen[2] == 800);
        assert!(seen[3..].iter().all(|&count| (650..950).contains(&count)), "{seen:?}");
        assert_eq!(Pairs::of(&lists, None, 40).members(33).iter().filter(|has| **has).count(), 32);
    }
}
