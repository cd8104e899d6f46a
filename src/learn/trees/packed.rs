//! Trees laid out for scoring: blocks of rows go through tree after tree, so that a tree is in the cache for all of them.
//!
//! A tree of at most 64 leaves is asked all at once. Its leaves are the bits of a word, from left to right. Every inner node
//! whose answer is no takes the leaves on its left out of the word of a row; the first one that stays is where the row ends
//! (Lucchese et al., QuickScorer, 2015). There is no branch, and nothing waits for anything, so that the rows of a block are
//! as many lanes. Larger trees, and those with sets of categories, are walked by several rows in turns.
//!
//! Sums are in the order of the trees, row by row: every level of the CPU gives the same bits.

use super::forest::Parts;
use super::gates::{Gate, exits};
use super::tree::{Child, Missing, Node, Split, Tree, ZERO, is_among};
use crate::cpu::{Level, for_each_level};
use std::ops::Range;

/// Rows that go through a tree together.
pub(super) const ROWS: usize = 32;

/// Leaves that are bits of a word.
const BITS: usize = 64;

/// What scoring uses again.
#[derive(Default)]
pub struct Scratch {
    /// Of each column, the values of a block.
    values: Vec<f64>,
    /// Of each margin, the sums of a block.
    sums: Vec<f64>,
    row: Vec<f64>,
}

pub(super) struct Packed {
    columns: Vec<Column>,
    trees: Vec<PackedTree>,
    gates: Vec<Gate>,
    forks: Vec<Fork>,
    sets: Vec<u32>,
    leaves: Vec<f64>,
    start: Vec<f64>,
    single: bool,
}

/// A feature as nodes read it: the same number for all that say the same of missing values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    feature: u32,
    how: How,
}

/// What stands for values: a node only asks whether something is at most a threshold, so minus infinity goes to the left
/// everywhere, and NaN to the right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// Null is 0.
    Never,
    /// Null and 0 go to the left, or to the right.
    Zero { left: bool },
    /// Null goes there.
    Null { left: bool },
    /// As it is.
    Category,
}

/// Where the parts of a tree lie.
struct PackedTree {
    /// The gates of one that is asked at once, or the forks of one that is walked.
    nodes: [u32; 2],
    is_walked: bool,
    leaves: [u32; 2],
    class: u32,
}

/// A node of a tree that is walked.
#[derive(Clone, Copy)]
struct Fork {
    threshold: f64,
    column: u32,
    /// From 0 on a fork of the tree, below it a leaf, counted from -1 down.
    left: i32,
    right: i32,
    /// Of categories: words of the sets.
    set: Option<[u32; 2]>,
}

impl Packed {
    pub fn new(parts: &Parts) -> Packed {
        let mut columns: Vec<Column> =
            parts.trees.iter().flat_map(|tree| &tree.nodes).map(column).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut packed = Packed {
            columns,
            trees: Vec::with_capacity(parts.trees.len()),
            gates: Vec::new(),
            forks: Vec::new(),
            sets: Vec::new(),
            leaves: Vec::new(),
            start: parts.start.clone(),
            single: parts.single,
        };
        parts.trees.iter().for_each(|tree| packed.add(tree));
        packed
    }

    fn add(&mut self, tree: &Tree) {
        let has_sets = tree.nodes.iter().any(|node| matches!(node.split, Split::Among(_)));
        let is_walked = has_sets || tree.leaves.len() > BITS;
        let nodes = if is_walked { self.add_forks(tree) } else { self.add_gates(tree) };
        let first = self.leaves.len() as u32;
        self.leaves.extend(tree.leaves.iter().map(|leaf| leaf.value));
        let leaves = [first, self.leaves.len() as u32];
        self.trees.push(PackedTree { nodes, is_walked, leaves, class: tree.class as u32 });
    }

    fn place(&self, node: &Node) -> u32 {
        self.columns.binary_search(&column(node)).unwrap_or_default() as u32
    }

    fn add_gates(&mut self, tree: &Tree) -> [u32; 2] {
        let first = self.gates.len();
        for node in &tree.nodes {
            let Split::AtMost { threshold, .. } = node.split else { continue };
            let [from, to] = node.lefts;
            // there are at most 63 on the left of a node
            let lefts = ((1u64 << (to - from)) - 1) << from;
            self.gates.push(Gate { threshold, keep: !lefts, column: self.place(node) });
        }
        // a column after the other: their order makes no difference
        self.gates[first..].sort_by_key(|gate| gate.column);
        [first as u32, self.gates.len() as u32]
    }

    fn add_forks(&mut self, tree: &Tree) -> [u32; 2] {
        let (first, before) = (self.forks.len(), self.sets.len() as u32);
        let number = |child: Child| match child {
            Child::Node(node) => node as i32,
            Child::Leaf(leaf) => !(leaf as i32),
        };
        for node in &tree.nodes {
            let (threshold, set) = match node.split {
                Split::AtMost { threshold, .. } => (threshold, None),
                Split::Among([start, end]) => (f64::NAN, Some([before + start, before + end])),
            };
            let (left, right) = (number(node.left), number(node.right));
            self.forks.push(Fork { threshold, column: self.place(node), left, right, set });
        }
        self.sets.extend(&tree.sets);
        [first as u32, self.forks.len() as u32]
    }

    /// Hands over the margins of each row of `n`.
    pub fn run(
        &self,
        level: Level,
        (columns, n): (&[&[f64]], usize),
        scratch: &mut Scratch,
        to: &mut dyn FnMut(usize, &mut [f64]),
    ) {
        let Scratch { values, sums, row } = scratch;
        values.clear();
        values.resize(self.columns.len() * ROWS, 0.0);
        sums.resize(self.start.len() * ROWS, 0.0);
        for first in (0..n).step_by(ROWS) {
            let rows = first..n.min(first + ROWS);
            let len = rows.len();
            self.fill(level, columns, rows, values);
            for (sums, &start) in sums.chunks_exact_mut(ROWS).zip(&self.start) {
                sums.fill(start);
            }
            self.add_up(level, values, sums);
            for own in 0..len {
                row.clear();
                row.extend(sums.chunks_exact(ROWS).map(|sums| sums[own]));
                to(first + own, row);
            }
        }
    }

    /// The values of some rows, as nodes read them.
    fn fill(&self, level: Level, columns: &[&[f64]], rows: Range<usize>, values: &mut [f64]) {
        for (column, to) in self.columns.iter().zip(values.chunks_exact_mut(ROWS)) {
            let from = &columns[column.feature as usize][rows.clone()];
            fill(level, from, column.how, self.single, &mut to[..rows.len()]);
        }
    }

    /// Adds what trees say of the values of a block, in their order.
    fn add_up(&self, level: Level, values: &[f64], sums: &mut [f64]) {
        let mut ends = [0; ROWS];
        for tree in &self.trees {
            let [start, end] = tree.nodes.map(|place| place as usize);
            match tree.is_walked {
                true => self.walk(&self.forks[start..end], values, &mut ends),
                false => exits(level, &self.gates[start..end], values, &mut ends),
            }
            let [start, end] = tree.leaves.map(|place| place as usize);
            let (leaves, first) = (&self.leaves[start..end], tree.class as usize * ROWS);
            let sums = sums[first..].iter_mut().zip(&ends);
            match self.single {
                true => sums.for_each(|(sum, &end)| {
                    *sum = f64::from(*sum as f32 + leaves[end as usize] as f32);
                }),
                false => sums.for_each(|(sum, &end)| *sum += leaves[end as usize]),
            }
        }
    }

    /// The leaves where the rows of a block end.
    fn walk(&self, forks: &[Fork], values: &[f64], ends: &mut [u32; ROWS]) {
        /// Rows whose steps wait for memory at the same time.
        const TURNS: usize = 16;
        for (turn, ends) in ends.chunks_exact_mut(TURNS).enumerate() {
            let mut at = [0i32; TURNS];
            let mut is_open = true;
            while is_open {
                is_open = false;
                for (row, at) in at.iter_mut().enumerate() {
                    let Some(fork) = forks.get(*at as usize) else { continue };
                    let value = values[fork.column as usize * ROWS + turn * TURNS + row];
                    let is_left = match fork.set {
                        None => value <= fork.threshold,
                        Some([start, end]) => {
                            is_among(&self.sets[start as usize..end as usize], value)
                        }
                    };
                    *at = if is_left { fork.left } else { fork.right };
                    is_open |= *at >= 0;
                }
            }
            ends.iter_mut().zip(at).for_each(|(end, at)| *end = !at as u32);
        }
    }
}

/// How a node reads its feature.
fn column(node: &Node) -> Column {
    let how = match node.split {
        Split::Among(_) => How::Category,
        Split::AtMost { missing: Missing::Never, .. } => How::Never,
        Split::AtMost { missing: Missing::Zero, left, .. } => How::Zero { left },
        Split::AtMost { missing: Missing::Null, left, .. } => How::Null { left },
    };
    Column { feature: node.feature, how }
}

for_each_level! {
    fn fill(from: &[f64], how: How, single: bool, to: &mut [f64]), filled
}

#[inline(always)]
fn filled(from: &[f64], how: How, single: bool, to: &mut [f64]) {
    let missing = |left: bool| if left { f64::NEG_INFINITY } else { f64::NAN };
    let flushed = |x: f64| if x.abs() <= ZERO { 0.0 } else { x };
    match how {
        How::Category => to.copy_from_slice(from),
        How::Never => {
            for (to, &x) in to.iter_mut().zip(from) {
                *to = if x.is_nan() { 0.0 } else { flushed(x) };
            }
        }
        How::Zero { left } => {
            let missing = missing(left);
            for (to, &x) in to.iter_mut().zip(from) {
                *to = if x.is_nan() || x.abs() <= ZERO { missing } else { x };
            }
        }
        How::Null { left } if single => {
            let missing = missing(left);
            for (to, &x) in to.iter_mut().zip(from) {
                *to = if x.is_nan() { missing } else { f64::from(x as f32) };
            }
        }
        How::Null { left } => {
            let missing = missing(left);
            for (to, &x) in to.iter_mut().zip(from) {
                *to = if x.is_nan() { missing } else { flushed(x) };
            }
        }
    }
}
