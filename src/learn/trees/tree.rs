//! A decision tree as all readers make it: inner nodes and leaves in the order of the tree, from left to right.

use super::wrong::Wrong;

/// A tree: every row ends in one of its leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tree {
    /// Inner nodes, each before what is below it; the first is the root. None of a tree of one leaf.
    pub nodes: Vec<Node>,
    /// From left to right.
    pub leaves: Vec<Leaf>,
    /// Bits of the sets of categories, 32 to a word.
    pub sets: Vec<u32>,
    /// The margin that it adds to.
    pub class: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaf {
    pub value: f64,
    /// How much of the training ended here.
    pub cover: f64,
}

/// A question to a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    pub feature: u32,
    pub split: Split,
    pub left: Child,
    pub right: Child,
    /// The leaves below it on the left: from this one, and to the one before that.
    pub lefts: [u32; 2],
    /// How much of the training came here.
    pub cover: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Node(u32),
    Leaf(u32),
}

/// Which rows go to the left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Split {
    /// Those whose value is at most a threshold, and perhaps those without a value.
    AtMost { threshold: f64, missing: Missing, left: bool },
    /// Those whose category is in a set: words of [`Tree::sets`], from this one, and to the one before that.
    Among([u32; 2]),
}

/// Which values count as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// None: a null is compared as 0.
    Never,
    /// Null and 0.
    Zero,
    /// Null.
    Null,
}

/// Numbers that are no further from 0 count as 0 to LightGBM: its `1e-35f`.
pub(super) const ZERO: f64 = 1e-35_f32 as f64;

/// A node as a file has it, whose children are numbers of nodes or leaves there.
pub(super) enum Raw {
    Leaf(Leaf),
    /// What becomes of the children is filled in.
    Node(Node, [usize; 2]),
}

impl Tree {
    /// From the root on, whose number is 0, by a function that reads a node. A number that is met twice is wrong: the nodes
    /// would form no tree.
    pub fn build(
        count: usize,
        sets: Vec<u32>,
        mut read: impl FnMut(usize) -> Result<Raw, Wrong>,
        met_twice: impl Fn(usize) -> Wrong,
    ) -> Result<Tree, Wrong> {
        let mut tree = Tree { sets, ..Tree::default() };
        let mut met = vec![false; count];
        // what is open: a number, and which child of which node it is
        let mut open: Vec<(usize, Option<(usize, bool)>)> = vec![(0, None)];
        while let Some((number, parent)) = open.pop() {
            if std::mem::replace(&mut met[number], true) {
                return Err(met_twice(number));
            }
            if let Some((parent, true)) = parent {
                // all on its left has been read
                tree.nodes[parent].lefts[1] = tree.leaves.len() as u32;
            }
            let child = match read(number)? {
                Raw::Leaf(leaf) => {
                    tree.leaves.push(leaf);
                    Child::Leaf(tree.leaves.len() as u32 - 1)
                }
                Raw::Node(mut node, [left, right]) => {
                    node.lefts[0] = tree.leaves.len() as u32;
                    let place = tree.nodes.len();
                    tree.nodes.push(node);
                    open.push((right, Some((place, true))));
                    open.push((left, Some((place, false))));
                    Child::Node(place as u32)
                }
            };
            match parent {
                Some((parent, true)) => tree.nodes[parent].right = child,
                Some((parent, false)) => tree.nodes[parent].left = child,
                None => {}
            }
        }
        Ok(tree)
    }

    /// Where a row begins.
    pub fn root(&self) -> Child {
        if self.nodes.is_empty() { Child::Leaf(0) } else { Child::Node(0) }
    }

    /// Whether a row with a value goes to the left at a node.
    pub fn goes_left(&self, node: &Node, value: f64) -> bool {
        match node.split {
            Split::Among([start, end]) => is_among(&self.sets[start as usize..end as usize], value),
            Split::AtMost { threshold, missing, left } => match missing {
                Missing::Never if value.is_nan() => 0.0 <= threshold,
                Missing::Zero if value.is_nan() || value.abs() <= ZERO => left,
                Missing::Null if value.is_nan() => left,
                _ => value <= threshold,
            },
        }
    }

    /// Nodes that a row meets: on average over the training if that is known, else on the longest way.
    pub fn comparisons(&self) -> f64 {
        let Some(root) = self.nodes.first() else { return 0.0 };
        let met: f64 = self.nodes.iter().map(|node| node.cover / root.cover).sum();
        let is_known = self.nodes.iter().all(|node| node.cover > 0.0) && met.is_finite();
        if is_known { met } else { self.depth() as f64 }
    }

    /// Nodes on the longest way to a leaf.
    pub fn depth(&self) -> usize {
        let mut below = vec![1; self.nodes.len()];
        // what is below a node comes after it
        for place in (0..self.nodes.len()).rev() {
            let of = |child: Child| if let Child::Node(n) = child { below[n as usize] } else { 0 };
            below[place] = 1 + of(self.nodes[place].left).max(of(self.nodes[place].right));
        }
        below.first().copied().unwrap_or(0)
    }
}

/// Whether a category is in a set; no category is.
pub(super) fn is_among(set: &[u32], value: f64) -> bool {
    // a category is truncated, as C does it: -0.5 is 0
    if !(value > -1.0 && value < 2_147_483_648.0) {
        return false;
    }
    let category = value as u32;
    set.get(category as usize / 32).is_some_and(|word| word >> (category % 32) & 1 == 1)
}
