//! What comes before and after what, in lists of links.

use std::ops::Range;

use super::lists::{Cut, Lists};
use super::matrix::starts;
use super::product::Sums;
use super::sources::{self, Block, each_block};
use super::strongest::{Strongest, key};
use super::{Edges, Links, Size, Stopped, Watch};

/// What a pair counts by the steps between its two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// One by the number of steps.
    Inverse,
    /// 1.
    None,
}

/// What a sum of pairs w_ij becomes, with n_i links of each target and n of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// w_ij / √(n_i·n_j).
    Cosine,
    /// w_ij.
    Count,
    /// ln(n·w_ij / (n_i·n_j)), pointwise mutual information.
    Pmi,
}

/// Parameters of [`co_occurrence`].
#[derive(Clone, Debug)]
pub struct CoOccurrence {
    /// Steps between the two of a pair, at most; `None`: any number.
    pub window: Option<usize>,
    /// What a pair counts.
    pub decay: Decay,
    /// What a pair counts against its order.
    pub backward: f64,
    /// Microseconds without a link after which a list ends.
    pub session_gap: Option<i64>,
    /// What a sum of pairs becomes.
    pub norm: Norm,
    /// Links kept per source.
    pub k: usize,
    /// Links of a target, at least; others are left out first.
    pub min_links: usize,
}

impl Default for CoOccurrence {
    fn default() -> CoOccurrence {
        CoOccurrence {
            window: Some(5),
            decay: Decay::Inverse,
            backward: 0.5,
            session_gap: None,
            norm: Norm::Cosine,
            k: 200,
            min_links: 1,
        }
    }
}

/// Links of a list, the newest, at most.
const MOST: usize = 1_000;

impl CoOccurrence {
    /// Bytes that [`co_occurrence`] holds at most.
    pub fn bytes(&self, size: &Size) -> u64 {
        let scratch = rayon::current_num_threads() as u64 * 12 * size.targets as u64;
        let lists = 16 * size.links as u64 + 8 * (size.sources + 3 * size.targets) as u64;
        lists + scratch + size.edges(self.k)
    }
}

/// With w_ij the sum over pairs of i before j, at most `window` steps apart in a list, of what they count, and
/// `backward` times the same of j before i, the value of i → j is what `norm` makes of it. A list keeps its newest 1,000
/// links.
///
/// # Errors
/// If the watch stops it.
pub fn co_occurrence(links: &Links, p: &CoOccurrence, watch: &dyn Watch) -> Result<Edges, Stopped> {
    let cut =
        Cut { session_gap: p.session_gap, min_links: p.min_links, collapse: false, most: MOST };
    let pairs = Pairs::of(Lists::of(links, &cut), p);
    let scratch = || (Sums::new(links.targets, false), Strongest::new(p.k));
    let work = |(sums, best): &mut (Sums, Strongest), block: Range<usize>| {
        let mut made = Block::default();
        for source in block {
            pairs.add(source, sums);
            sums.take(|target, sum, _| {
                if target as usize != source
                    && let Some(key) = key(pairs.value(p.norm, source, target, sum), target)
                {
                    best.offer(key);
                }
            });
            made.push(best.take());
        }
        made
    };
    let blocks = sources::blocks(links.targets, |source| pairs.steps(source));
    Ok(sources::edges(each_block(&blocks, scratch, work, ("pairs", watch))?))
}

struct Pairs {
    lists: Lists,
    /// The list of each place of the lists.
    of_places: Vec<u32>,
    /// Where the places of each target begin in `places`.
    begins: Vec<usize>,
    places: Vec<usize>,
    window: usize,
    /// What a pair counts by its steps, forwards and backwards.
    forward: Vec<f64>,
    backward: Vec<f64>,
}

impl Pairs {
    fn of(lists: Lists, p: &CoOccurrence) -> Pairs {
        let mut next = starts(lists.counts.len(), lists.items.iter().copied());
        let begins = next.clone();
        let mut places = vec![0; lists.items.len()];
        for (place, &item) in lists.items.iter().enumerate() {
            places[next[item as usize]] = place;
            next[item as usize] += 1;
        }
        let in_list = |list| std::iter::repeat_n(list as u32, lists.places(list).len());
        let of_places = (0..lists.len()).flat_map(in_list).collect();
        let window = p.window.unwrap_or(MOST).min(MOST);
        let counts = |gap: usize| match p.decay {
            Decay::Inverse => 1.0 / gap as f64,
            Decay::None => 1.0,
        };
        let forward: Vec<f64> = (0..=window).map(|gap| counts(gap.max(1))).collect();
        let backward = forward.iter().map(|counts| p.backward * counts).collect();
        Pairs { of_places, begins, places, window, forward, backward, lists }
    }

    fn links(&self, target: usize) -> usize {
        self.begins[target + 1] - self.begins[target]
    }

    fn steps(&self, source: usize) -> u64 {
        let places = &self.places[self.begins[source]..self.begins[source + 1]];
        let around = |&place: &usize| {
            let list = self.lists.places(self.of_places[place] as usize);
            list.len().min(2 * self.window) as u64
        };
        places.iter().map(around).sum()
    }

    /// Adds up what stands before and after a source.
    fn add(&self, source: usize, sums: &mut Sums) {
        let items = &self.lists.items;
        for &place in &self.places[self.begins[source]..self.begins[source + 1]] {
            let list = self.lists.places(self.of_places[place] as usize);
            let before = list.start.max(place.saturating_sub(self.window))..place;
            let after = place + 1..list.end.min(place + 1 + self.window);
            for at in before {
                sums.add(items[at], self.backward[place - at]);
            }
            for at in after {
                sums.add(items[at], self.forward[at - place]);
            }
        }
    }

    fn value(&self, norm: Norm, source: usize, target: u32, sum: f64) -> f64 {
        let links = self.links(source) as f64 * self.links(target as usize) as f64;
        match norm {
            Norm::Cosine => sum / links.sqrt(),
            Norm::Count => sum,
            Norm::Pmi => (self.lists.items.len() as f64 * sum / links).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Unwatched;
    use crate::learn::testing::{World, assert_near, each, same_bytes};

    fn brute(lists: &Lists, targets: usize, p: &CoOccurrence) -> Vec<Vec<f64>> {
        let n = |i: usize| lists.items.iter().filter(|item| **item as usize == i).count() as f64;
        let w = |i: usize, j: usize| -> f64 {
            let mut sum = 0.0;
            for list in 0..lists.len() {
                let list = &lists.items[lists.places(list)];
                for a in 0..list.len() {
                    for b in a + 1..list.len().min(a + 1 + p.window.unwrap_or(usize::MAX / 2)) {
                        let counts =
                            if p.decay == Decay::Inverse { 1.0 / (b - a) as f64 } else { 1.0 };
                        if (list[a] as usize, list[b] as usize) == (i, j) {
                            sum += counts;
                        }
                        if (list[b] as usize, list[a] as usize) == (i, j) {
                            sum += p.backward * counts;
                        }
                    }
                }
            }
            sum
        };
        each(targets, |i, j| {
            let (w, links) = (w(i, j), n(i) * n(j));
            match p.norm {
                _ if w == 0.0 => 0.0,
                Norm::Cosine => w / links.sqrt(),
                Norm::Count => w,
                Norm::Pmi => (lists.items.len() as f64 * w / links).ln(),
            }
        })
    }

    #[test]
    fn it_is_the_formula() {
        for seed in 0..60 {
            let world = World::random(seed);
            let pick = |of: usize| seed as usize / of;
            let p = CoOccurrence {
                window: [Some(1), Some(2), Some(5), None][pick(1) % 4],
                decay: [Decay::Inverse, Decay::None][pick(4) % 2],
                backward: [0.5, 0.0, 1.0][pick(1) % 3],
                session_gap: [None, Some(1_000)][pick(2) % 2],
                norm: [Norm::Cosine, Norm::Count, Norm::Pmi][pick(2) % 3],
                k: [0, 1, 3, 200][pick(3) % 4],
                min_links: 1 + pick(1) % 3,
            };
            let times = [None, Some(&world.times[..])][pick(8) % 2];
            let baskets = [None, Some(&world.baskets[..])][pick(16) % 2];
            let links = Links { times, baskets, ..world.links() };
            let (session_gap, min_links) = (p.session_gap, p.min_links);
            let lists =
                Lists::of(&links, &Cut { session_gap, min_links, collapse: false, most: MOST });
            let got = co_occurrence(&links, &p, &Unwatched).unwrap();
            assert_near(&got, &brute(&lists, world.targets, &p), p.k);
        }
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads() {
        let world = World::large(3);
        let links = Links { times: Some(&world.times), ..world.links() };
        same_bytes(|watch| co_occurrence(&links, &CoOccurrence::default(), watch));
    }

    #[test]
    fn a_list_of_a_million_keeps_its_newest() {
        let ends: Vec<u32> = (0..1_000_000).collect();
        let offsets = [0, ends.len() as u64];
        let links =
            Links { offsets: &offsets, ends: &ends, targets: ends.len(), ..Links::default() };
        let p = CoOccurrence { window: None, decay: Decay::None, k: 2_000, ..Default::default() };
        let got = co_occurrence(&links, &p, &Unwatched).unwrap();
        assert_eq!(got.ends.len(), 1_000 * 999);
        assert!(got.of(998_999).0.is_empty() && got.of(999_000).0.len() == 999);
    }
}
