//! What each feature contributes to a margin: SHAP values, by the path-dependent algorithm of trees (Lundberg et al., 2018).

use super::forest::Parts;
use super::tree::{Child, Tree};

/// Deeper trees are not explained: the work grows with the square of the depth.
const DEEPEST: usize = 256;

/// A margin as a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// What the margin would be if nothing were known of the row: the mean over the training.
    pub expected: f64,
    /// By how much the value of each feature moves it from there.
    pub features: Vec<f64>,
}

pub(super) fn explained(parts: &Parts, row: &[f64], margin: usize) -> Option<Explained> {
    let start = parts.start.get(margin)?;
    // features are read as the trees read them
    let row: Vec<f64> = match parts.single {
        true => row.iter().map(|&x| f64::from(x as f32)).collect(),
        false => row.to_vec(),
    };
    let mut explained = Explained { expected: *start, features: vec![0.0; parts.features] };
    for tree in parts.trees.iter().filter(|tree| tree.class == margin) {
        if tree.depth() > DEEPEST {
            return None;
        }
        explained.expected += expected(tree)?;
        if !tree.nodes.is_empty() {
            let mut way = Way { tree, row: &row, features: &mut explained.features };
            way.follow(tree.root(), &[], Step { zero: 1.0, one: 1.0, feature: None, weight: 0.0 });
        }
    }
    Some(explained)
}

/// The mean of a tree over its training.
fn expected(tree: &Tree) -> Option<f64> {
    if let [only] = &tree.leaves[..] {
        return Some(only.value);
    }
    let all: f64 = tree.leaves.iter().map(|leaf| leaf.cover).sum();
    let sum: f64 = tree.leaves.iter().map(|leaf| leaf.cover * leaf.value).sum();
    // every node has to have been met, or there would be parts of nothing
    let is_met = tree.nodes.iter().all(|node| node.cover > 0.0);
    Some(sum / all).filter(|mean| is_met && mean.is_finite())
}

/// A feature on the way from the root.
#[derive(Clone, Copy)]
struct Step {
    /// None at the root.
    feature: Option<u32>,
    /// The part of the training that would come this way whatever the row's value.
    zero: f64,
    /// 1 if the row goes this way, else 0.
    one: f64,
    /// How much subsets of each size weigh.
    weight: f64,
}

struct Way<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    features: &'a mut [f64],
}

impl Way<'_> {
    fn follow(&mut self, at: Child, before: &[Step], step: Step) {
        let mut steps = Vec::with_capacity(before.len() + 1);
        steps.extend_from_slice(before);
        extend(&mut steps, step);
        let place = match at {
            Child::Node(place) => place as usize,
            Child::Leaf(leaf) => {
                let value = self.tree.leaves[leaf as usize].value;
                for place in 1..steps.len() {
                    let Step { one, zero, feature, .. } = steps[place];
                    let Some(feature) = feature else { continue };
                    let weight = weight_without(&steps, place);
                    self.features[feature as usize] += weight * (one - zero) * value;
                }
                return;
            }
        };
        let node = &self.tree.nodes[place];
        let is_left = self.tree.goes_left(node, self.row[node.feature as usize]);
        // a feature that was asked before counts once
        let (mut zero, mut one) = (1.0, 1.0);
        if let Some(known) = steps.iter().position(|step| step.feature == Some(node.feature)) {
            (zero, one) = (steps[known].zero, steps[known].one);
            unwind(&mut steps, known);
        }
        for (child, is_own) in [(node.left, is_left), (node.right, !is_left)] {
            let own = zero * self.cover(child) / node.cover;
            let one = if is_own { one } else { 0.0 };
            let feature = Some(node.feature);
            self.follow(child, &steps, Step { feature, zero: own, one, weight: 0.0 });
        }
    }

    fn cover(&self, child: Child) -> f64 {
        match child {
            Child::Node(node) => self.tree.nodes[node as usize].cover,
            Child::Leaf(leaf) => self.tree.leaves[leaf as usize].cover,
        }
    }
}

fn extend(steps: &mut Vec<Step>, step: Step) {
    let depth = steps.len();
    let weight = if depth == 0 { 1.0 } else { 0.0 };
    steps.push(Step { weight, ..step });
    let all = (depth + 1) as f64;
    for place in (0..depth).rev() {
        let own = steps[place].weight;
        steps[place + 1].weight += step.one * own * (place + 1) as f64 / all;
        steps[place].weight = step.zero * own * (depth - place) as f64 / all;
    }
}

/// Takes a step out, as if it had not been taken.
fn unwind(steps: &mut Vec<Step>, out: usize) {
    let depth = steps.len() - 1;
    let Step { one, zero, .. } = steps[out];
    let mut next = steps[depth].weight;
    let all = (depth + 1) as f64;
    for place in (0..depth).rev() {
        if one != 0.0 {
            let own = steps[place].weight;
            steps[place].weight = next * all / ((place + 1) as f64 * one);
            next = own - steps[place].weight * zero * (depth - place) as f64 / all;
        } else {
            steps[place].weight *= all / (zero * (depth - place) as f64);
        }
    }
    for place in out..depth {
        let Step { feature, zero, one, .. } = steps[place + 1];
        steps[place] = Step { feature, zero, one, ..steps[place] };
    }
    steps.pop();
}

/// The sum of all weights, if a step were taken out.
fn weight_without(steps: &[Step], out: usize) -> f64 {
    let depth = steps.len() - 1;
    let Step { one, zero, .. } = steps[out];
    let mut next = steps[depth].weight;
    let all = (depth + 1) as f64;
    let mut sum = 0.0;
    for place in (0..depth).rev() {
        if one != 0.0 {
            let own = next * all / ((place + 1) as f64 * one);
            sum += own;
            next = steps[place].weight - own * zero * (depth - place) as f64 / all;
        } else if zero != 0.0 {
            sum += steps[place].weight * all / (zero * (depth - place) as f64);
        }
    }
    sum
}
