//! Where the operators of a plan stand: each in the layer below its deepest input, in a layer by
//! the mean place of its neighbours (the barycentre heuristic of Sugiyama, Tagawa and Toda 1981).
//!
//! What is read several layers further down goes there in a lane of its own: the lane has a place
//! in every layer between, beside the operators, so that no arrow runs behind a box.

use super::Plan;
use std::collections::HashMap;

pub const WIDTH: f64 = 250.0;
pub const HEIGHT: f64 = 84.0;
const LANE: f64 = 10.0;
const GAP_X: f64 = 34.0;
const GAP_Y: f64 = 46.0;
const MARGIN: f64 = 16.0;

/// Passes down and up; more change nothing that can be seen.
const PASSES: usize = 12;

pub struct Layout {
    /// Upper left corner of each operator, in the order of the plan.
    pub places: Vec<(f64, f64)>,
    pub width: f64,
    pub height: f64,
    depth: Vec<usize>,
    /// The middle of the lane of an operator in a layer below it.
    lanes: HashMap<(usize, usize), f64>,
}

impl Layout {
    /// The lane of an operator on the way to another: its middle and its upper end, layer by layer.
    pub fn lane(&self, from: usize, to: usize) -> Vec<(f64, f64)> {
        let layers = self.depth[from] + 1..self.depth[to];
        let found = layers.filter_map(|layer| Some((*self.lanes.get(&(from, layer))?, top(layer))));
        found.collect()
    }
}

/// Operators first, in the order of the plan, then pieces of lanes.
#[derive(Default)]
struct Nodes {
    depth: Vec<usize>,
    width: Vec<f64>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// The piece of an operator's lane in a layer.
    lanes: HashMap<(usize, usize), usize>,
}

impl Nodes {
    fn add(&mut self, depth: usize, width: f64) -> usize {
        self.depth.push(depth);
        self.width.push(width);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        self.depth.len() - 1
    }

    fn connect(&mut self, from: usize, to: usize) {
        if !self.above[to].contains(&from) {
            self.above[to].push(from);
            self.below[from].push(to);
        }
    }

    /// The piece of the lane of `from` in a layer, with those above it.
    fn lane(&mut self, from: usize, layer: usize) -> usize {
        if layer == self.depth[from] {
            return from;
        }
        if let Some(&known) = self.lanes.get(&(from, layer)) {
            return known;
        }
        let before = self.lane(from, layer - 1);
        let piece = self.add(layer, LANE);
        self.lanes.insert((from, layer), piece);
        self.connect(before, piece);
        piece
    }
}

pub fn layout(plan: &Plan) -> Layout {
    let nodes = nodes(plan);
    let x = middles(&nodes);
    let edge = |side: f64| (0..x.len()).map(move |i| (i, side));
    let at = |(i, side): (usize, f64)| x[i] + side * nodes.width[i] / 2.0;
    let left = edge(-1.0).map(at).fold(f64::INFINITY, f64::min);
    let right = edge(1.0).map(at).fold(f64::NEG_INFINITY, f64::max);
    let shift = MARGIN - left;
    let operators = plan.operators.len();
    let layers = nodes.depth.iter().max().map_or(0, |d| d + 1);
    Layout {
        places: (0..operators).map(|i| (shift + x[i] - WIDTH / 2.0, top(nodes.depth[i]))).collect(),
        width: 2.0 * MARGIN + if x.is_empty() { WIDTH } else { right - left },
        height: top(layers) + MARGIN - GAP_Y,
        lanes: nodes.lanes.iter().map(|(&key, &i)| (key, shift + x[i])).collect(),
        depth: nodes.depth,
    }
}

fn top(layer: usize) -> f64 {
    MARGIN + layer as f64 * (HEIGHT + GAP_Y)
}

fn nodes(plan: &Plan) -> Nodes {
    let operators = plan.operators.iter().enumerate();
    let index: HashMap<u32, usize> = operators.clone().map(|(i, o)| (o.id, i)).collect();
    let inputs = |i: usize| {
        let operator = &plan.operators[i];
        let all = operator.inputs.iter().chain(&operator.reads);
        all.filter_map(|id| index.get(id).copied()).collect::<Vec<usize>>()
    };
    let mut nodes = Nodes::default();
    for (i, _) in operators {
        let depth = inputs(i).iter().map(|&input| nodes.depth[input] + 1).max();
        nodes.add(depth.unwrap_or(0), WIDTH);
    }
    for i in 0..plan.operators.len() {
        for input in inputs(i) {
            let last = nodes.lane(input, nodes.depth[i] - 1);
            nodes.connect(last, i);
        }
    }
    nodes
}

/// The middle of every node.
fn middles(nodes: &Nodes) -> Vec<f64> {
    let mut layers = vec![Vec::new(); nodes.depth.iter().max().map_or(0, |d| d + 1)];
    for (i, &depth) in nodes.depth.iter().enumerate() {
        layers[depth].push(i);
    }
    let mut x = vec![0.0; nodes.depth.len()];
    for layer in &layers {
        let wanted: Vec<(f64, usize)> = layer.iter().map(|&i| (0.0, i)).collect();
        spread(&wanted, nodes, &mut x);
    }
    for pass in 0..PASSES {
        let down = pass % 2 == 0;
        let neighbours = if down { &nodes.above } else { &nodes.below };
        for l in 0..layers.len() {
            let l = if down { l } else { layers.len() - 1 - l };
            let mean = |i: usize| match neighbours[i].len() {
                0 => x[i],
                n => neighbours[i].iter().map(|&j| x[j]).sum::<f64>() / n as f64,
            };
            let mut wanted: Vec<(f64, usize)> = layers[l].iter().map(|&i| (mean(i), i)).collect();
            wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            layers[l] = wanted.iter().map(|w| w.1).collect();
            spread(&wanted, nodes, &mut x);
        }
    }
    x
}

/// As near to the wanted places as they go without overlap: pushed right, then moved back together
/// by the mean distance.
fn spread(wanted: &[(f64, usize)], nodes: &Nodes, x: &mut [f64]) {
    let mut next = f64::NEG_INFINITY;
    let mut moved = 0.0;
    for &(want, i) in wanted {
        let half = nodes.width[i] / 2.0;
        x[i] = want.max(next + half);
        next = x[i] + half + GAP_X;
        moved += x[i] - want;
    }
    let back = moved / wanted.len().max(1) as f64;
    wanted.iter().for_each(|&(_, i)| x[i] -= back);
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::super::tests::operator;
    use super::{HEIGHT, WIDTH, layout};

    #[test]
    fn lanes_lie_beside_the_boxes() {
        let plan = Plan {
            query: String::new(),
            file: String::new(),
            source: String::new(),
            definitions: Vec::new(),
            requests: None,
            operators: vec![
                operator(0, &[]),
                operator(1, &[0]),
                operator(2, &[0]),
                operator(3, &[2]),
                operator(4, &[3, 0]),
                operator(5, &[4, 1, 0]),
            ],
        };
        let layout = layout(&plan);
        for (from, to, layers) in [(0, 5, 3), (0, 4, 2), (1, 5, 2)] {
            let lane = layout.lane(from, to);
            assert_eq!(lane.len(), layers);
            for (x, y) in lane {
                let behind = |&(left, top): &(f64, f64)| {
                    (left..left + WIDTH).contains(&x) && (top..top + HEIGHT).contains(&y)
                };
                assert!(!layout.places.iter().any(behind), "{from} to {to}: {x}, {y}");
            }
        }
        assert!(layout.lane(3, 4).is_empty());
    }
}
