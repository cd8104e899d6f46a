//! What each source did, in order: its links as lists, cut where a session or a basket ends.

use super::Links;

/// How links become lists.
#[derive(Clone, Debug)]
pub struct Cut {
    /// A list ends where more than this many microseconds pass until the next link.
    pub session_gap: Option<i64>,
    /// Targets with fewer links are left out, before anything else.
    pub min_links: usize,
    /// Whether equal neighbours become one.
    pub collapse: bool,
    /// Links of a list, the newest, at most.
    pub most: usize,
}

/// Lists of targets.
pub struct Lists {
    /// Where each list begins, and where the last one ends.
    pub offsets: Vec<usize>,
    pub items: Vec<u32>,
    /// Links of each target that is not left out, before lists were shortened.
    pub counts: Vec<u64>,
}

impl Lists {
    /// The lists of links. Where there are times, a link without one has no place and is left out.
    pub fn of(links: &Links, cut: &Cut) -> Lists {
        let mut counts = vec![0u64; links.targets];
        let placed = |at: &usize| {
            (links.ends[*at] as usize) < links.targets
                && links.times.is_none_or(|times| times[*at] != i64::MIN)
        };
        for source in 0..links.sources() {
            let ends = links.places(source).filter(placed).map(|at| links.ends[at] as usize);
            ends.for_each(|end| counts[end] += 1);
        }
        counts.iter_mut().filter(|count| **count < cut.min_links as u64).for_each(|c| *c = 0);
        let mut lists = Lists { offsets: vec![0], items: Vec::new(), counts };
        let mut places = Vec::new();
        for source in 0..links.sources() {
            places.clear();
            let counted = |at: &usize| placed(at) && lists.counts[links.ends[*at] as usize] > 0;
            places.extend(links.places(source).filter(counted));
            if let Some(baskets) = links.baskets {
                // stable: the order within a basket stays
                places.sort_by_key(|&at| baskets[at]);
            }
            places
                .chunk_by(|&a, &b| !parts(links, cut, a, b))
                .for_each(|list| lists.push(links, cut, list));
        }
        lists
    }

    fn push(&mut self, links: &Links, cut: &Cut, list: &[usize]) {
        let start = self.items.len();
        for end in list.iter().map(|&at| links.ends[at]) {
            if !cut.collapse || self.items[start..].last() != Some(&end) {
                self.items.push(end);
            }
        }
        let more = (self.items.len() - start).saturating_sub(cut.most);
        self.items.drain(start..start + more);
        self.offsets.push(self.items.len());
    }

    /// Lists that are not empty.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn places(&self, list: usize) -> std::ops::Range<usize> {
        self.offsets[list]..self.offsets[list + 1]
    }
}

/// Whether a list ends between two links.
fn parts(links: &Links, cut: &Cut, a: usize, b: usize) -> bool {
    let pause = |gap: i64| links.times.is_some_and(|times| times[b].saturating_sub(times[a]) > gap);
    links.baskets.is_some_and(|baskets| baskets[a] != baskets[b])
        || cut.session_gap.is_some_and(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(links: &Links, cut: &Cut) -> Vec<Vec<u32>> {
        let lists = Lists::of(links, cut);
        (0..lists.len()).map(|list| lists.items[lists.places(list)].to_vec()).collect()
    }

    const CUT: Cut = Cut { session_gap: None, min_links: 1, collapse: false, most: 1_000 };

    #[test]
    fn sessions_baskets_rare_ends_and_repeats() {
        let (offsets, ends) = ([0, 6, 6, 9], [4, 4, 1, 9, 4, 1, 4, 2, 4]);
        let times = [0, 10, 20, 30, 31, 100, i64::MIN, 5, i64::MAX];
        let links = Links { offsets: &offsets, ends: &ends, targets: 5, ..Links::default() };
        assert_eq!(lists(&links, &CUT), [vec![4, 4, 1, 4, 1], vec![4, 2, 4]]);
        let collapsed = Cut { collapse: true, min_links: 2, ..CUT };
        assert_eq!(lists(&links, &collapsed), [vec![4, 1, 4, 1], vec![4]]);
        let newest = Cut { most: 2, ..CUT };
        assert_eq!(lists(&links, &newest), [vec![4, 1], vec![2, 4]]);
        let timed = Links { times: Some(&times), ..links };
        let sessions = Cut { session_gap: Some(20), ..CUT };
        assert_eq!(lists(&timed, &sessions), [vec![4, 4, 1, 4], vec![1], vec![2], vec![4]]);
        let baskets = [1, 0, 1, 0, 0, 1, 0, 0, 0];
        let together = Links { baskets: Some(&baskets), ..links };
        assert_eq!(lists(&together, &CUT), [vec![4, 4], vec![4, 1, 1], vec![4, 2, 4]]);
    }
}
