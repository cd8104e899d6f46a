//! What a network is made of, and where its weights lie: rows are padded to a multiple of 16.

use super::inputs::{Inputs, LANES};

/// How a network is built.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Dense inputs.
    pub dense: usize,
    /// Per sparse feature, rows of its table and numbers per row.
    pub ids: Vec<(usize, usize)>,
    /// Per shown column, how many values it has.
    pub shown: Vec<usize>,
    /// Widths of the body's layers.
    pub hidden: Vec<usize>,
    /// Width of each head's tower; 0: logits come from the body.
    pub towers: usize,
    /// How many heads.
    pub heads: usize,
}

impl Shape {
    /// One for some inputs.
    pub fn new(inputs: &Inputs, hidden: &[usize], towers: usize, heads: usize) -> Shape {
        Shape {
            dense: inputs.width(),
            ids: inputs.sparse.iter().map(|sparse| (sparse.rows(), sparse.dim)).collect(),
            shown: inputs.shown.iter().map(|shown| shown.values.len()).collect(),
            hidden: hidden.to_vec(),
            towers,
            heads,
        }
    }

    /// Multiplications and additions that a row takes: one for each weight of the layers.
    pub(super) fn multiply_adds(&self) -> u64 {
        let mut before = self.dense + self.ids_width();
        let mut all = 0;
        for &width in &self.hidden {
            all += before * width;
            before = width;
        }
        let last = match self.towers {
            0 => before * self.heads,
            width => (before + 1) * width * self.heads,
        };
        (all + last) as u64
    }

    /// Whether its outputs are weighted sums of its inputs.
    pub(super) fn is_additive(&self) -> bool {
        self.hidden.is_empty() && self.towers == 0
    }

    pub(super) fn ids_width(&self) -> usize {
        self.ids.iter().map(|&(_, dim)| dim).sum()
    }
}

/// A matrix of weights, and one bias per output, in the parameters of a network.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Rows, padded.
    pub inputs: usize,
    /// Columns, padded.
    pub outputs: usize,
    pub weights: usize,
    pub bias: usize,
}

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Padded dense inputs; the rows of ids come behind.
    pub dense: usize,
    pub input: usize,
    pub body: Vec<Layer>,
    pub tower: Option<Layer>,
    /// Padded width of one tower.
    pub tower_width: usize,
    /// With towers one row of `tower_width` weights per head, else a layer.
    pub out: Layer,
    /// Padded heads.
    pub heads: usize,
    /// Per shown column: for each value, a number per head.
    pub shown: Vec<usize>,
    /// Where the biases begin, behind all weights.
    pub biases: usize,
    /// Where the numbers of shown values begin.
    pub shifts: usize,
    pub all: usize,
}

pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Places {
    pub fn new(shape: &Shape) -> Places {
        let dense = padded(shape.dense);
        let input = dense + padded(shape.ids_width());
        let (mut next, mut last) = (0, input);
        let mut layer = |outputs: usize, rows: Option<usize>| {
            let layer = Layer { inputs: rows.unwrap_or(last), outputs, weights: next, bias: 0 };
            next += layer.inputs * outputs;
            last = outputs;
            layer
        };
        let mut body: Vec<Layer> =
            shape.hidden.iter().map(|&width| layer(padded(width), None)).collect();
        let tower_width = padded(shape.towers);
        let mut tower = (shape.towers > 0).then(|| layer(shape.heads * tower_width, None));
        let mut out = match tower {
            Some(_) => layer(tower_width, Some(shape.heads)),
            None => layer(padded(shape.heads), None),
        };
        let biases = next;
        for layer in body.iter_mut().chain(&mut tower) {
            layer.bias = next;
            next += layer.outputs;
        }
        out.bias = next;
        next += padded(shape.heads);
        let shifts = next;
        let shown = shape.shown.iter().map(|&values| {
            next += values * shape.heads;
            next - values * shape.heads
        });
        let shown = shown.collect();
        let heads = padded(shape.heads);
        Places {
            dense,
            input,
            body,
            tower,
            tower_width,
            out,
            heads,
            shown,
            biases,
            shifts,
            all: next,
        }
    }

    pub fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        self.body.iter().chain(&self.tower)
    }
}
