//! The walk: greedy best-first search over codes, shared by building and searching.

use super::NONE;
use crate::ann::codes::Meaning;
use crate::ann::simd::{CodedQuery, Codes, LINE, Level, dots, prefetch};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Landmarks that a walk starts from.
const STARTS: usize = 8;
/// Landmarks whose surroundings are scored at the start.
const CELLS: usize = 1;

/// Links, the nearest of each node, that a walk follows which goes on: where neighbours are far and many, the others
/// lead to little that is nearer. A line of memory.
const NEAREST: usize = LINE / 4;

/// How many times as many nodes as it keeps a walk that goes on asks about at its start.
const ASKED: usize = 2;

/// A graph as a walk sees it. Links must be below `codes.len()` or [`NONE`].
#[derive(Clone, Copy)]
pub struct Field<'a> {
    pub level: Level,
    pub codes: Codes<'a>,
    /// `degree` neighbours per node, ended by [`NONE`] if fewer.
    pub links: &'a [u32],
    pub degree: usize,
    /// Nodes to start from, and their codes in one block.
    pub landmarks: &'a [u32],
    pub landmark_codes: Codes<'a>,
    pub landmark_terms: Terms<'a>,
    /// Where the nodes around each landmark begin, and at last where they end; empty while building.
    pub cells: &'a [u32],
    pub terms: Terms<'a>,
}

impl Field<'_> {
    /// The neighbours of a node.
    fn list(&self, node: u32) -> &[u32] {
        let list = &self.links[node as usize * self.degree..][..self.degree];
        if list.last() != Some(&NONE) {
            return list;
        }
        &list[..list.iter().take_while(|&&id| id != NONE).count()]
    }

    #[inline(always)]
    fn prefetch_list(&self, node: u32) {
        for place in (0..self.degree).step_by(LINE / 4) {
            prefetch(self.links, node as usize * self.degree + place);
        }
    }

    /// The nodes around a landmark, if it has a cell.
    fn cell(&self, landmark: u32) -> Option<std::ops::Range<u32>> {
        let cells = self.cells.get(landmark as usize..)?;
        let &[start, end] = cells.first_chunk()?;
        Some(start..end)
    }
}

/// What turns products of codes into scores.
#[derive(Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Per node; none where products order by themselves.
    pub meanings: Option<&'a [Meaning]>,
}

impl Terms<'_> {
    /// The product, or what grows as the squared distance falls: twice the product of the values less the
    /// squared length of the node's, both in codes of the query. Floats are mapped to integers of the same order.
    #[inline(always)]
    pub fn score(&self, product: i32, node: u32, weight: f32) -> i32 {
        match self.meanings {
            Some(meanings) => {
                let Meaning { step, square } = meanings[node as usize];
                ordered(2.0 * product as f32 * step - square * weight)
            }
            None => product,
        }
    }

    /// Turns the products of nodes 0, 1, ... into scores.
    fn score_all(&self, products: &mut [i32], weight: f32) {
        if self.meanings.is_some() {
            for (node, product) in products.iter_mut().enumerate() {
                *product = self.score(*product, node as u32, weight);
            }
        }
    }
}

/// An integer that orders like the float; a sum that left the range counts as the least.
#[inline(always)]
pub fn ordered(value: f32) -> i32 {
    if value.is_nan() {
        return i32::MIN;
    }
    let bits = value.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The float that an integer of [`ordered`] stands for.
pub fn unordered(key: i32) -> f32 {
    f32::from_bits((key ^ ((key >> 31) as u32 >> 1) as i32) as u32)
}

/// State of a walk, reused so that a search allocates nothing once warm.
#[derive(Default)]
pub struct Walk {
    pub pool: Pool,
    seen: Seen,
    products: Vec<i32>,
    /// 0, 1, ...: all landmarks.
    landmark_ids: Vec<u32>,
    near: Vec<u32>,
    starts: Vec<u32>,
    /// Places in `seen` of nodes that are on their way; none at the end of the walk.
    fetched: Option<std::ops::Range<usize>>,
    /// Of a walk that keeps only some nodes: keys of nodes that are not expanded, the best on top.
    frontier: BinaryHeap<Reverse<u64>>,
    /// Keys of nodes that were expanded, and not asked for yet.
    asked: Vec<u64>,
}

/// A walk among others.
pub struct Lane<'a> {
    pub walk: &'a mut Walk,
    pub probe: &'a CodedQuery,
    pub width: usize,
    pub reach: usize,
}

/// Walks that take turns.
pub const LANES: usize = 4;

/// Walks in turns, [`LANES`] at most: while one waits for memory, others compute. Each finds what it would
/// find alone.
pub fn run_together(field: &Field, lanes: &mut [Lane]) {
    for lane in lanes.iter_mut() {
        lane.walk.begin(field, lane.probe, lane.width, lane.reach);
    }
    take_turns(field, lanes, usize::MAX, |_, _| true);
}

/// The same from all nodes that the walks have seen, through nodes that `keep` keeps of a lane, and along the
/// nearest links only. Leaves the best `width` of the nodes kept in the pool, and none where few are.
pub fn go_on_together(field: &Field, lanes: &mut [Lane], keep: impl Fn(usize, u32) -> bool + Copy) {
    for (number, lane) in lanes.iter_mut().enumerate() {
        lane.walk.begin_again(field, lane.probe, lane.width, |node| keep(number, node));
        lane.walk.pool.reach = lane.reach;
    }
    take_turns(field, lanes, NEAREST, keep);
}

/// Expands nodes along their first `links` until all walks are done.
#[inline(always)]
fn take_turns(
    field: &Field,
    lanes: &mut [Lane],
    links: usize,
    keep: impl Fn(usize, u32) -> bool + Copy,
) {
    let mut next = [None; LANES];
    loop {
        for (number, (next, lane)) in next.iter_mut().zip(lanes.iter_mut()).enumerate() {
            *next = lane.walk.score(field, lane.probe, |node| keep(number, node));
        }
        if next.iter().all(Option::is_none) {
            return;
        }
        for (next, lane) in next.iter().zip(lanes.iter_mut()) {
            if let Some(node) = *next {
                let list = field.list(node);
                lane.walk.fetch(field, &list[..links.min(list.len())]);
            }
        }
    }
}

/// Fewest nodes that are asked for at once.
const BLOCK: usize = 32;

impl Walk {
    /// Leaves the best `width` nodes that a walk from the landmarks finds in `self.pool`. It ends when
    /// the best `reach` of them are expanded.
    pub fn run(&mut self, field: &Field, probe: &CodedQuery, width: usize, reach: usize) {
        let mut lane = [Lane { walk: self, probe, width, reach }];
        run_together(field, &mut lane);
    }

    fn begin(&mut self, field: &Field, probe: &CodedQuery, width: usize, reach: usize) {
        self.seen.begin(field.codes.len());
        self.find_starts(field, probe, width);
        self.pool.begin(width);
        self.pool.reach = reach;
        let starts = std::mem::take(&mut self.starts);
        self.fetch(field, &starts);
        self.starts = starts;
    }

    /// Fills the pool with those that `keep` keeps of the best nodes seen so far; those that were expanded are not
    /// again. Where it keeps less than half of them the pool stays empty: there, kept nodes need not lead to each other.
    fn begin_again(
        &mut self,
        field: &Field,
        probe: &CodedQuery,
        width: usize,
        keep: impl Fn(u32) -> bool,
    ) {
        let seen = &self.seen.list[..self.seen.count];
        dots(field.level, probe, field.codes, seen, &mut self.products);
        let keys = seen
            .iter()
            .zip(&self.products)
            .map(|(&node, &product)| key_of(field.terms.score(product, node, probe.weight), node));
        self.asked.clear();
        self.asked.extend(keys);
        let best = (ASKED * width).min(self.asked.len());
        if best < self.asked.len() {
            self.asked.select_nth_unstable(best);
            self.asked.truncate(best);
        }
        retain(&mut self.asked, |&key| keep(node_of(key)));
        if 2 * self.asked.len() < best {
            self.asked.clear();
        }
        self.asked.sort_unstable();
        self.asked.truncate(width);
        let expanded = std::mem::take(&mut self.pool.keys);
        self.pool.begin(width);
        self.pool.keys.extend(&self.asked);
        self.pool.mark_expanded(&expanded);
        self.fetched = Some(0..0);
    }

    /// Notes the nodes of `list` that were not seen before, and asks the memory for them.
    #[inline(always)]
    fn fetch(&mut self, field: &Field, list: &[u32]) {
        let start = self.seen.count;
        for &node in self.seen.add(list) {
            field.codes.prefetch(node);
        }
        self.fetched = Some(start..self.seen.count);
    }

    /// Offers the nodes that were fetched to the pool, and asks the memory for the links of the node
    /// to expand next, which it gives.
    #[inline(always)]
    fn score(
        &mut self,
        field: &Field,
        probe: &CodedQuery,
        keep: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let fresh = &self.seen.list[self.fetched.take()?];
        dots(field.level, probe, field.codes, fresh, &mut self.products);
        for (&node, &product) in fresh.iter().zip(&self.products) {
            let key = key_of(field.terms.score(product, node, probe.weight), node);
            if self.pool.accepts_key(key) && keep(node) && self.pool.offer_key(key) {
                field.prefetch_list(node);
            }
        }
        let next = self.pool.next()?;
        field.prefetch_list(next);
        Some(next)
    }

    /// Leaves the best `width` nodes that `keep` keeps in `self.pool`. The walk goes through all nodes,
    /// nearest first, and ends when none is left that is nearer than the last of `width` kept ones, or
    /// when `most` nodes are expanded; whether it ended by itself.
    ///
    /// `keep` is given nodes in blocks, and says of each whether it is kept. A walk that `goes_on` begins at all
    /// nodes that the one before has seen, instead of the landmarks.
    pub fn run_among(
        &mut self,
        field: &Field,
        probe: &CodedQuery,
        width: usize,
        most: usize,
        goes_on: bool,
        keep: &mut dyn FnMut(&[u32], &mut Vec<bool>),
    ) -> bool {
        if !goes_on {
            self.seen.begin(field.codes.len());
            self.find_starts(field, probe, width);
            for &node in self.seen.add(&self.starts) {
                field.codes.prefetch(node);
            }
        }
        self.pool.begin(width);
        self.frontier.clear();
        self.add_seen(field, probe, 0);
        let (mut nodes, mut kept, mut expanded) = (Vec::new(), Vec::new(), 0);
        loop {
            // growing, so that few questions are asked and not many in vain
            self.expand_block(field, probe, BLOCK.max(expanded / 4));
            if self.asked.is_empty() {
                return true;
            }
            nodes.clear();
            nodes.extend(self.asked.iter().map(|&key| node_of(key)));
            keep(&nodes, &mut kept);
            for (&key, _) in self.asked.iter().zip(&kept).filter(|(_, kept)| **kept) {
                self.pool.offer_key(key);
            }
            expanded += nodes.len();
            if expanded >= most {
                return false;
            }
        }
    }

    /// Expands the next nodes of the frontier, and leaves their keys in `self.asked`.
    fn expand_block(&mut self, field: &Field, probe: &CodedQuery, count: usize) {
        self.asked.clear();
        while self.asked.len() < count
            && let Some(Reverse(key)) = self.frontier.pop()
            && self.pool.accepts_key(key)
        {
            self.asked.push(key);
            self.reach(field, probe, field.list(node_of(key)));
        }
    }

    /// Adds the nodes of `list` that were not seen before to the frontier.
    fn reach(&mut self, field: &Field, probe: &CodedQuery, list: &[u32]) {
        let first = self.seen.count;
        for &node in self.seen.add(list) {
            field.codes.prefetch(node);
        }
        self.add_seen(field, probe, first);
    }

    /// Adds the nodes to the frontier that were seen from the `first` on.
    fn add_seen(&mut self, field: &Field, probe: &CodedQuery, first: usize) {
        let fresh = &self.seen.list[first..self.seen.count];
        dots(field.level, probe, field.codes, fresh, &mut self.products);
        for (&node, &product) in fresh.iter().zip(&self.products) {
            let key = key_of(field.terms.score(product, node, probe.weight), node);
            if self.pool.accepts_key(key) {
                self.frontier.push(Reverse(key));
            }
        }
        if let Some(Reverse(next)) = self.frontier.peek() {
            field.prefetch_list(node_of(*next));
        }
    }

    /// Leaves the best landmarks and the nodes around them in `self.starts`.
    fn find_starts(&mut self, field: &Field, probe: &CodedQuery, width: usize) {
        // a pool with room for all nodes starts at all landmarks: they reach all nodes (but under dot)
        let all = width >= field.codes.len();
        let starts = if all { width } else { STARTS.min(width) };
        self.score_landmarks(field, probe, starts);
        self.near.clear();
        self.near.extend(self.pool.nodes());
        self.starts.clear();
        for (place, &landmark) in self.near.iter().enumerate() {
            match field.cell(landmark) {
                Some(cell) if place < CELLS => self.starts.extend(cell),
                _ => self.starts.push(field.landmarks[landmark as usize]),
            }
        }
    }

    /// Leaves the numbers of the best landmarks in the pool.
    fn score_landmarks(&mut self, field: &Field, probe: &CodedQuery, count: usize) {
        self.landmark_ids.clear();
        self.landmark_ids.extend(0..field.landmarks.len() as u32);
        let codes = field.landmark_codes;
        dots(field.level, probe, codes, &self.landmark_ids, &mut self.products);
        field.landmark_terms.score_all(&mut self.products, probe.weight);
        self.pool.begin(count);
        for (i, scores) in self.products.chunks(64).enumerate() {
            // most chunks hold nothing better than what is there
            let best = scores.iter().copied().max().unwrap_or(i32::MIN);
            if self.pool.accepts(best) {
                for (j, &score) in scores.iter().enumerate() {
                    self.pool.offer(score, (i * 64 + j) as u32);
                }
            }
        }
    }
}

/// The best nodes so far, best first, each a key: score (descending), node, and whether it was expanded.
#[derive(Default)]
pub struct Pool {
    keys: Vec<u64>,
    width: usize,
    /// Keys from this place on are not expanded.
    reach: usize,
    /// All keys before this one are expanded.
    cursor: usize,
}

const EXPANDED: u64 = 1;

impl Pool {
    fn begin(&mut self, width: usize) {
        self.keys.clear();
        self.width = width.max(1);
        self.keys.reserve(self.width);
        self.cursor = 0;
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Best first.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|&key| node_of(key))
    }

    /// Scores and nodes, best first.
    pub fn scored(&self) -> impl Iterator<Item = (i32, u32)> {
        self.keys.iter().map(|&key| (score_of(key), node_of(key)))
    }

    /// Whether a node of that score could enter.
    #[inline(always)]
    fn accepts(&self, score: i32) -> bool {
        self.accepts_key(key_of(score, 0))
    }

    #[inline(always)]
    fn accepts_key(&self, key: u64) -> bool {
        self.keys.len() < self.width || self.keys.last().is_some_and(|&last| key < last)
    }

    /// Lets a node in if it is among the best; whether it is now the next to expand.
    #[inline(always)]
    fn offer(&mut self, score: i32, node: u32) -> bool {
        self.offer_key(key_of(score, node))
    }

    #[inline(always)]
    fn offer_key(&mut self, key: u64) -> bool {
        if self.keys.len() >= self.width {
            if self.keys.last().is_none_or(|&last| key >= last) {
                return false;
            }
            self.keys.pop();
        }
        let at = self.keys.partition_point(|&other| other < key);
        self.keys.insert(at, key);
        let first = at <= self.cursor;
        self.cursor = self.cursor.min(at);
        first
    }

    /// Marks nodes that were expanded by their keys.
    fn mark_expanded(&mut self, keys: &[u64]) {
        for &key in keys.iter().filter(|key| **key & EXPANDED != 0) {
            if let Ok(place) = self.keys.binary_search(&(key & !EXPANDED)) {
                self.keys[place] = key;
            }
        }
        self.skip_expanded();
    }

    fn skip_expanded(&mut self) {
        while self.keys.get(self.cursor).is_some_and(|key| key & EXPANDED != 0) {
            self.cursor += 1;
        }
    }

    /// The best node not yet expanded, marked as expanded.
    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        if self.cursor >= self.reach {
            return None;
        }
        let key = self.keys.get_mut(self.cursor)?;
        *key |= EXPANDED;
        let node = node_of(*key);
        self.skip_expanded();
        Some(node)
    }
}

/// As [`Vec::retain`], without branches: answers come from memory that is far away, one while others are asked for.
fn retain<T: Copy>(items: &mut Vec<T>, keep: impl Fn(&T) -> bool) {
    let mut count = 0;
    for place in 0..items.len() {
        let item = items[place];
        items[count] = item;
        count += usize::from(keep(&item));
    }
    items.truncate(count);
}

/// Ascending keys are descending scores; among equal ones the lower node comes first.
fn key_of(score: i32, node: u32) -> u64 {
    let rank = !(score as u32 ^ 0x8000_0000);
    u64::from(rank) << 32 | u64::from(node) << 1
}

fn score_of(key: u64) -> i32 {
    (!((key >> 32) as u32) ^ 0x8000_0000) as i32
}

fn node_of(key: u64) -> u32 {
    (key as u32) >> 1
}

/// The nodes seen by a walk: a bitset, and a list by which it is emptied.
#[derive(Default)]
struct Seen {
    words: Vec<u64>,
    /// The first `count` are the nodes seen, in order.
    list: Vec<u32>,
    count: usize,
}

impl Seen {
    fn begin(&mut self, nodes: usize) {
        for &node in &self.list[..self.count] {
            self.words[node as usize / 64] = 0;
        }
        self.count = 0;
        let words = nodes.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// Adds nodes; returns those that are new. Without branches: whether a node is new is a coin toss.
    #[inline(always)]
    fn add(&mut self, nodes: &[u32]) -> &[u32] {
        let start = self.count;
        let end = start + nodes.len();
        if self.list.len() < end {
            self.list.resize(end.next_power_of_two(), 0);
        }
        let fresh = &mut self.list[start..end];
        let mut count = 0;
        for &node in nodes {
            let word = &mut self.words[node as usize / 64];
            let new = !(*word >> (node % 64)) & 1;
            *word |= 1 << (node % 64);
            fresh[count] = node;
            count += new as usize;
        }
        self.count += count;
        &self.list[start..start + count]
    }
}
