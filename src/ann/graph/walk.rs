//! The walk: greedy best-first search over codes, shared by building and searching.

use super::NONE;
use crate::ann::simd::{CodedQuery, Codes, Level, dots, prefetch};

/// Landmarks that a walk starts from.
const STARTS: usize = 8;
/// Landmarks whose surroundings are scored at the start.
const CELLS: usize = 2;

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

/// What a node's score has besides the product of codes; see [`Terms::score`].
#[derive(Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Squared length per node.
    pub norms: Option<&'a [i32]>,
    /// A further dimension per node, kept apart from the codes.
    pub lifts: Option<&'a [i32]>,
}

impl Terms<'_> {
    /// Grows as the squared distance falls: `2 (product + lift * lift') - norm`; without norms, the product.
    #[inline(always)]
    pub fn score(&self, product: i32, lift: i32, node: u32) -> i32 {
        let Some(norms) = self.norms else {
            return product;
        };
        let lifted = self.lifts.map_or(0, |lifts| lift * lifts[node as usize]);
        2 * (product + lifted) - norms[node as usize]
    }

    /// Turns the products of nodes 0, 1, ... into scores.
    fn score_all(&self, lift: i32, products: &mut [i32]) {
        if self.norms.is_some() {
            for (node, product) in products.iter_mut().enumerate() {
                *product = self.score(*product, lift, node as u32);
            }
        }
    }
}

/// What is searched for: a query or, while building, a node.
#[derive(Clone, Default)]
pub struct Probe {
    pub code: CodedQuery,
    /// Its value in the further dimension; 0 for a query.
    pub lift: i32,
}

/// State of a walk, reused so that a search allocates nothing once warm.
#[derive(Default)]
pub struct Walk {
    pub pool: Pool,
    visited: Visited,
    fresh: Vec<u32>,
    products: Vec<i32>,
    landmark_ids: Vec<u32>,
}

impl Walk {
    /// Leaves the best `width` nodes that a walk from the landmarks finds in `self.pool`. It ends when
    /// the best `reach` of them are expanded.
    pub fn run(&mut self, field: &Field, probe: &Probe, width: usize, reach: usize) {
        self.pool.reach = reach;
        self.visited.begin(field.codes.len());
        self.start(field, probe, width);
        while let Some(node) = self.pool.next() {
            self.fresh.clear();
            for &id in &field.links[node as usize * field.degree..][..field.degree] {
                if id == NONE {
                    break;
                }
                if self.visited.insert(id) {
                    field.codes.prefetch(id);
                    self.fresh.push(id);
                }
            }
            if let Some(next) = self.pool.peek() {
                prefetch(field.links, next as usize * field.degree);
                prefetch(field.links, next as usize * field.degree + 16);
            }
            if std::env::var_os("IGQL_CNT").is_some() { CNT.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed); CNT.1.fetch_add(self.fresh.len(), std::sync::atomic::Ordering::Relaxed); }
            self.offer_fresh(field, probe);
        }
    }

    /// Fills the pool with the best landmarks and the nodes around them.
    fn start(&mut self, field: &Field, probe: &Probe, width: usize) {
        // a pool with room for all nodes starts at all landmarks, from which all nodes are reached
        let all = width >= field.codes.len();
        let starts = if all { width } else { STARTS.min(width) };
        self.score_landmarks(field, probe, starts);
        let near: Vec<u32> = self.pool.nodes().collect();
        self.pool.begin(width);
        for (place, &landmark) in near.iter().enumerate() {
            self.fresh.clear();
            let cell = field.cells.get(landmark as usize..).and_then(|cells| cells.first_chunk());
            match cell {
                Some(&[start, end]) if place < CELLS => self.fresh.extend(start..end),
                _ => self.fresh.push(field.landmarks[landmark as usize]),
            }
            let visited = &mut self.visited;
            self.fresh.retain(|&node| visited.insert(node));
            self.offer_fresh(field, probe);
        }
    }

    /// Leaves the numbers of the best landmarks in the pool.
    fn score_landmarks(&mut self, field: &Field, probe: &Probe, count: usize) {
        self.landmark_ids.clear();
        self.landmark_ids.extend(0..field.landmarks.len() as u32);
        let codes = field.landmark_codes;
        dots(field.level, &probe.code, codes, &self.landmark_ids, &mut self.products);
        field.landmark_terms.score_all(probe.lift, &mut self.products);
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

    #[inline(always)]
    fn offer_fresh(&mut self, field: &Field, probe: &Probe) {
        dots(field.level, &probe.code, field.codes, &self.fresh, &mut self.products);
        for (&node, &product) in self.fresh.iter().zip(&self.products) {
            let score = field.terms.score(product, probe.lift, node);
            self.pool.offer(score, node);
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

    /// Whether a node of that score could enter.
    #[inline(always)]
    fn accepts(&self, score: i32) -> bool {
        self.keys.len() < self.width || self.keys.last().is_some_and(|&last| key_of(score, 0) < last)
    }

    #[inline(always)]
    fn offer(&mut self, score: i32, node: u32) {
        let key = key_of(score, node);
        if self.keys.len() >= self.width {
            if self.keys.last().is_none_or(|&last| key >= last) {
                return;
            }
            self.keys.pop();
        }
        let at = self.keys.partition_point(|&other| other < key);
        self.keys.insert(at, key);
        self.cursor = self.cursor.min(at);
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
        while self.keys.get(self.cursor).is_some_and(|key| key & EXPANDED != 0) {
            self.cursor += 1;
        }
        Some(node)
    }

    /// What [`Pool::next`] would return.
    #[inline(always)]
    fn peek(&self) -> Option<u32> {
        self.keys.get(self.cursor).map(|&key| node_of(key))
    }
}

/// Ascending keys are descending scores; among equal ones the lower node comes first.
fn key_of(score: i32, node: u32) -> u64 {
    let rank = !(score as u32 ^ 0x8000_0000);
    u64::from(rank) << 32 | u64::from(node) << 1
}

fn node_of(key: u64) -> u32 {
    (key as u32) >> 1
}

/// A set of nodes that is emptied in the time of what it holds.
#[derive(Default)]
struct Visited {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Visited {
    fn begin(&mut self, nodes: usize) {
        for word in self.touched.drain(..) {
            self.words[word as usize] = 0;
        }
        let words = nodes.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// Whether the node is new.
    #[inline(always)]
    fn insert(&mut self, node: u32) -> bool {
        let word = &mut self.words[node as usize / 64];
        let mask = 1 << (node % 64);
        if *word & mask != 0 {
            return false;
        }
        if *word == 0 {
            self.touched.push(node / 64);
        }
        *word |= mask;
        true
    }
}

pub static CNT: (std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicUsize) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
