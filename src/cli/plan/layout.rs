//! Where the operators of a plan stand: each in the layer below its deepest input, in a layer by
//! the mean place of its neighbours (the barycentre heuristic of Sugiyama, Tagawa and Toda 1981).

use super::Plan;
use std::collections::HashMap;

pub const WIDTH: f64 = 250.0;
pub const HEIGHT: f64 = 84.0;
const GAP_X: f64 = 34.0;
const GAP_Y: f64 = 46.0;
const MARGIN: f64 = 16.0;

/// Passes down and up; more change nothing that can be seen.
const PASSES: usize = 8;

pub struct Layout {
    /// Upper left corner of each operator, in the order of the plan.
    pub places: Vec<(f64, f64)>,
    pub width: f64,
    pub height: f64,
}

pub fn layout(plan: &Plan) -> Layout {
    let index: HashMap<u32, usize> = plan
        .operators
        .iter()
        .enumerate()
        .map(|(i, o)| (o.id, i))
        .collect();
    let above: Vec<Vec<usize>> = plan
        .operators
        .iter()
        .map(|o| {
            o.inputs
                .iter()
                .chain(&o.reads)
                .filter_map(|id| index.get(id).copied())
                .collect()
        })
        .collect();
    let mut below = vec![Vec::new(); above.len()];
    let mut depth = vec![0usize; above.len()];
    for (i, inputs) in above.iter().enumerate() {
        for &input in inputs {
            below[input].push(i);
            depth[i] = depth[i].max(depth[input] + 1);
        }
    }
    let mut layers = vec![Vec::new(); depth.iter().max().map_or(0, |d| d + 1)];
    for (i, &d) in depth.iter().enumerate() {
        layers[d].push(i);
    }
    let widest = layers.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let mut x = vec![0.0; above.len()];
    layers
        .iter()
        .for_each(|layer| centre(layer, widest, &mut x));
    for pass in 0..PASSES {
        let order: Vec<usize> = match pass % 2 {
            0 => (0..layers.len()).collect(),
            _ => (0..layers.len()).rev().collect(),
        };
        let neighbours = if pass % 2 == 0 { &above } else { &below };
        for l in order {
            let mean = |i: usize| match neighbours[i].len() {
                0 => x[i],
                n => neighbours[i].iter().map(|&j| x[j]).sum::<f64>() / n as f64,
            };
            let mut wanted: Vec<(f64, usize)> = layers[l].iter().map(|&i| (mean(i), i)).collect();
            wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            layers[l] = wanted.iter().map(|w| w.1).collect();
            spread(&wanted, &mut x);
        }
    }
    let left = x.iter().copied().fold(f64::INFINITY, f64::min);
    let right = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let places = (0..x.len())
        .map(|i| {
            (
                MARGIN + x[i] - left,
                MARGIN + depth[i] as f64 * (HEIGHT + GAP_Y),
            )
        })
        .collect();
    Layout {
        places,
        width: 2.0 * MARGIN + WIDTH + if x.is_empty() { 0.0 } else { right - left },
        height: 2.0 * MARGIN + layers.len() as f64 * (HEIGHT + GAP_Y) - GAP_Y,
    }
}

/// The first places of a layer: side by side, in the middle.
fn centre(layer: &[usize], widest: f64, x: &mut [f64]) {
    let start = (widest - layer.len() as f64) / 2.0;
    for (place, &i) in layer.iter().enumerate() {
        x[i] = (start + place as f64) * (WIDTH + GAP_X);
    }
}

/// As near to the wanted places as they go without overlap: pushed right, then moved back together
/// by the mean distance.
fn spread(wanted: &[(f64, usize)], x: &mut [f64]) {
    let mut next = f64::NEG_INFINITY;
    let mut moved = 0.0;
    for &(want, i) in wanted {
        x[i] = want.max(next);
        next = x[i] + WIDTH + GAP_X;
        moved += x[i] - want;
    }
    let back = moved / wanted.len().max(1) as f64;
    wanted.iter().for_each(|&(_, i)| x[i] -= back);
}
