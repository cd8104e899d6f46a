//! The walk: greedy best-first search over codes, shared by building and searching.

use super::NONE;
use crate::ann::simd::{CodedQuery, Codes, Level, dots, prefetch};

/// Landmarks that a walk starts from.
const STARTS: usize = 8;

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
    /// Leaves the best `width` nodes that a walk from the landmarks finds in `self.pool`.
    pub fn run(&mut self, field: &Field, probe: &Probe, width: usize) {
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
            self.offer_fresh(field, probe);
        }
    }

    /// Fills the pool with the best landmarks.
    fn start(&mut self, field: &Field, probe: &Probe, width: usize) {
        let count = field.landmarks.len() as u32;
        self.landmark_ids.clear();
        self.landmark_ids.extend(0..count);
        let codes = field.landmark_codes;
        dots(field.level, &probe.code, codes, &self.landmark_ids, &mut self.products);
        self.pool.begin(STARTS.min(width));
        for (&node, &product) in field.landmarks.iter().zip(&self.products) {
            let score = field.terms.score(product, probe.lift, node);
            self.pool.offer(score, node);
        }
        self.pool.widen(width);
        for node in self.pool.nodes() {
            self.visited.insert(node);
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
    /// All keys before this one are expanded.
    cursor: usize,
}

const EXPANDED: u64 = 1;

impl Pool {
    fn begin(&mut self, width: usize) {
        self.keys.clear();
        self.widen(width);
        self.cursor = 0;
    }

    fn widen(&mut self, width: usize) {
        self.width = width.max(1);
        self.keys.reserve(self.width + 1);
    }

    /// Best first.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|&key| node_of(key))
    }

    #[inline(always)]
    fn offer(&mut self, score: i32, node: u32) {
        // ascending keys are descending scores; among equal ones the lower node comes first
        let rank = !(score as u32 ^ 0x8000_0000);
        let key = u64::from(rank) << 32 | u64::from(node) << 1;
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
