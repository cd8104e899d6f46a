//! A network: dense inputs and rows of ids, a body of ReLU layers, a tower per head, logits. Forwards and backwards over a
//! shard of rows, whose numbers lie in rows padded to a multiple of 16.

use super::chance::Chance;
use super::dense::{Left, add_product, turn, wide};
use super::ids::IdTable;
use super::inputs::{LANES, UNSEEN};
use super::shape::{Layer, Places, Shape};
use crate::cpu::Level;
use crate::random::Random;

/// A network and its weights.
#[derive(Clone, Debug)]
pub struct Net {
    pub(super) shape: Shape,
    pub(super) places: Places,
    /// All but the tables of ids: weights, biases, numbers of shown values.
    pub(super) weights: Vec<f32>,
    pub(super) tables: Vec<IdTable>,
    pub(super) level: Level,
}

/// Which of the numbers in a padded matrix are weights: their places in order of row and column.
pub(super) fn used(rows: &[(usize, usize)], columns: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let spread = |all: &[(usize, usize)]| {
        all.iter().flat_map(|&(first, n)| first..first + n).collect::<Vec<_>>()
    };
    let columns = spread(columns);
    spread(rows)
        .into_iter()
        .flat_map(|row| columns.iter().map(move |&column| (row, column)))
        .collect()
}

/// A tensor: its name, its shape, and the places of its numbers in the weights.
pub(super) struct Named {
    pub name: String,
    pub shape: Vec<usize>,
    pub places: Vec<usize>,
}

impl Net {
    /// One with drawn weights. `bias` has the logit of each head; heads that are not `trained` stay at it.
    pub fn new(shape: Shape, bias: &[f32], trained: &[bool], chance: Chance) -> Net {
        let tables = shape.ids.iter().enumerate();
        let table = |(n, &(rows, dim))| IdTable::new(rows, dim, chance.of(&format!("ids.{n}")));
        let tables: Vec<IdTable> = tables.map(table).collect();
        let mut net = Net { tables, ..Net::empty(shape) };
        net.draw(chance);
        let out = net.places.out.clone();
        net.weights[out.bias..][..bias.len()].copy_from_slice(bias);
        for head in (0..net.shape.heads).filter(|&head| !trained[head]) {
            net.silence(head);
        }
        net
    }

    /// One whose weights are all 0.
    pub(super) fn empty(shape: Shape) -> Net {
        let places = Places::new(&shape);
        let table = |&(rows, dim): &(usize, usize)| IdTable { dim, weights: vec![0.0; rows * dim] };
        let tables = shape.ids.iter().map(table).collect();
        let weights = vec![0.0; places.all];
        Net { shape, places, weights, tables, level: Level::detect() }
    }

    /// Draws all weights (Glorot and Bengio 2010).
    fn draw(&mut self, chance: Chance) {
        for tensor in self.tensors().into_iter().filter(|tensor| tensor.name.ends_with("weight")) {
            let [inputs, outputs] = tensor.shape[..] else { continue };
            // one row of weights per head is one matrix with a single output per head
            let outputs = match &*tensor.name {
                "head.weight" if self.shape.towers > 0 => 1,
                "tower.weight" => self.shape.towers,
                _ => outputs,
            };
            let inputs = if tensor.name == "head.weight" && self.shape.towers > 0 {
                self.shape.towers
            } else {
                inputs
            };
            let most = (6.0 / (inputs + outputs) as f64).sqrt();
            let mut random: Random = chance.of(&tensor.name).stream(0);
            for place in tensor.places {
                self.weights[place] = (most * (2.0 * random.unit() - 1.0)) as f32;
            }
        }
    }

    fn silence(&mut self, head: usize) {
        let out = &self.places.out;
        match self.places.tower {
            Some(_) => self.weights[out.weights + head * out.outputs..][..out.outputs].fill(0.0),
            None => (0..out.inputs)
                .for_each(|i| self.weights[out.weights + i * out.outputs + head] = 0.0),
        }
    }

    /// All tensors but the tables of ids.
    pub(super) fn tensors(&self) -> Vec<Named> {
        let (shape, places) = (&self.shape, &self.places);
        let mut rows = vec![(0, shape.dense), (places.dense, shape.ids_width())];
        let mut all = Vec::new();
        let mut matrix =
            |name: &str, layer: &Layer, rows: &[(usize, usize)], columns: &[(usize, usize)]| {
                let count = |all: &[(usize, usize)]| all.iter().map(|&(_, n)| n).sum();
                let at = used(rows, columns)
                    .into_iter()
                    .map(|(r, c)| layer.weights + r * layer.outputs + c);
                let tensor_shape = vec![count(rows), count(columns)];
                all.push(Named {
                    name: format!("{name}.weight"),
                    shape: tensor_shape,
                    places: at.collect(),
                });
                let biases =
                    columns.iter().flat_map(|&(first, n)| first..first + n).map(|c| layer.bias + c);
                let biases: Vec<usize> = biases.collect();
                (name.to_owned(), biases)
            };
        let mut biases = Vec::new();
        for (number, (layer, &width)) in places.body.iter().zip(&shape.hidden).enumerate() {
            biases.push(matrix(&format!("body.{number}"), layer, &rows, &[(0, width)]));
            rows = vec![(0, width)];
        }
        match &places.tower {
            Some(tower) => {
                let columns: Vec<_> =
                    (0..shape.heads).map(|h| (h * places.tower_width, shape.towers)).collect();
                biases.push(matrix("tower", tower, &rows, &columns));
                let _ = matrix("head", &places.out, &[(0, shape.heads)], &[(0, shape.towers)]);
            }
            None => {
                let _ = matrix("head", &places.out, &rows, &[(0, shape.heads)]);
            }
        }
        biases
            .push(("head".to_owned(), (places.out.bias..places.out.bias + shape.heads).collect()));
        for (name, places) in biases {
            all.push(Named { name: format!("{name}.bias"), shape: vec![places.len()], places });
        }
        for (number, (&first, &values)) in places.shown.iter().zip(&shape.shown).enumerate() {
            let places = (first..first + values * shape.heads).collect();
            all.push(Named {
                name: format!("shown.{number}"),
                shape: vec![values, shape.heads],
                places,
            });
        }
        all
    }

    pub(super) fn weights_of(&self, layer: &Layer) -> &[f32] {
        &self.weights[layer.weights..][..layer.inputs * layer.outputs]
    }

    pub(super) fn biases_of(&self, layer: &Layer) -> &[f32] {
        &self.weights[layer.bias..][..layer.outputs]
    }
}

/// Rows on their way through a network.
#[derive(Clone, Default)]
pub(super) struct Pass {
    pub rows: usize,
    /// Dense inputs, then rows of ids.
    pub input: Vec<f32>,
    /// What each layer of the body, and then of the towers, gives.
    pub outputs: Vec<Vec<f32>>,
    /// Per row a logit for each head, padded.
    pub logits: Vec<f32>,
}

impl Pass {
    /// Makes room for some rows; the dense inputs are to be filled in.
    pub fn begin(&mut self, net: &Net, rows: usize) {
        self.rows = rows;
        self.input.resize(rows * net.places.input, 0.0);
        self.outputs.resize_with(net.places.layers().count(), Vec::new);
        for (output, layer) in self.outputs.iter_mut().zip(net.places.layers()) {
            output.resize(rows * layer.outputs, 0.0);
        }
        self.logits.resize(rows * net.places.heads, 0.0);
    }

    /// Fills in the rows of ids.
    pub fn look_up<'i>(&mut self, net: &Net, column: usize, ids: impl Fn(usize) -> &'i [u32]) {
        let before: usize = net.shape.ids[..column].iter().map(|&(_, dim)| dim).sum();
        let dim = net.shape.ids[column].1;
        for (row, input) in
            self.input.chunks_exact_mut(net.places.input).take(self.rows).enumerate()
        {
            net.tables[column].mean(ids(row), &mut input[net.places.dense + before..][..dim]);
        }
    }

    /// From inputs to logits. `drop` is told the outputs of each layer of the body.
    pub fn forward(&mut self, net: &Net, mut drop: impl FnMut(&mut [f32])) {
        let places = &net.places;
        let mut before: (&[f32], usize) = (&self.input, places.input);
        for (number, (layer, output)) in places.layers().zip(&mut self.outputs).enumerate() {
            net.multiply(layer, before, output, self.rows);
            wide(net.level, || relu(output));
            if number < places.body.len() {
                drop(output);
            }
            before = (output, layer.outputs);
        }
        match places.tower {
            None => net.multiply(&places.out, before, &mut self.logits, self.rows),
            Some(_) => {
                wide(net.level, || net.towers_to_logits(before.0, &mut self.logits, self.rows))
            }
        }
    }

    /// Shifts the logits by shown values.
    pub fn shift(&mut self, net: &Net, column: usize, code: impl Fn(usize) -> u32) {
        let heads = net.shape.heads;
        for (row, logits) in
            self.logits.chunks_exact_mut(net.places.heads).take(self.rows).enumerate()
        {
            let code = code(row);
            if code != UNSEEN {
                let shifts =
                    &net.weights[net.places.shown[column] + code as usize * heads..][..heads];
                logits.iter_mut().zip(shifts).for_each(|(logit, shift)| *logit += shift);
            }
        }
    }
}

#[inline(always)]
fn relu(values: &mut [f32]) {
    // a comparison, not `max`: NaN must not become 0 unseen
    values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
}

impl Net {
    /// `output = input * weights + bias`.
    fn multiply(
        &self,
        layer: &Layer,
        (input, stride): (&[f32], usize),
        output: &mut [f32],
        rows: usize,
    ) {
        let bias = self.biases_of(layer);
        output.chunks_exact_mut(layer.outputs).for_each(|row| row.copy_from_slice(bias));
        let sizes = [rows, layer.inputs, layer.outputs];
        let right = (self.weights_of(layer), layer.outputs);
        add_product(self.level, Left::new(input, stride), right, (output, layer.outputs), sizes);
    }

    #[inline(always)]
    pub(super) fn towers_to_logits(&self, towers: &[f32], logits: &mut [f32], rows: usize) {
        let (places, width) = (&self.places, self.places.tower_width);
        let weights = self.weights_of(&places.out);
        let bias = &self.weights[places.out.bias..];
        let stride = self.shape.heads * width;
        for row in 0..rows {
            let towers = &towers[row * stride..][..stride];
            let logits = &mut logits[row * places.heads..][..self.shape.heads];
            let heads = towers.chunks_exact(width).zip(weights.chunks_exact(width));
            for ((logit, bias), (tower, weights)) in logits.iter_mut().zip(bias).zip(heads) {
                *logit = bias + dot(tower, weights);
            }
        }
    }
}

/// A dot product in 16 lanes, folded in halves.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Errors on their way back.
#[derive(Clone, Default)]
pub(super) struct Back {
    /// Per row the derivative of the loss by each logit, padded.
    pub logits: Vec<f32>,
    /// By what each layer of the body, and then of the towers, gives before ReLU.
    pub outputs: Vec<Vec<f32>>,
    /// By the rows of ids in the input.
    pub ids: Vec<f32>,
}

/// Matrices of weights with rows and columns exchanged, for the way back.
#[derive(Clone, Default)]
pub(super) struct Turned(Vec<Vec<f32>>);

impl Turned {
    pub fn fill(&mut self, net: &Net) {
        let layers: Vec<&Layer> = net
            .places
            .layers()
            .chain(net.places.tower.is_none().then_some(&net.places.out))
            .collect();
        self.0.resize_with(layers.len(), Vec::new);
        for (number, (layer, turned)) in layers.into_iter().zip(&mut self.0).enumerate() {
            // of the first layer only the rows that lead to ids
            let skipped = if number == 0 { net.places.dense } else { 0 };
            let rows = layer.inputs - skipped;
            turned.resize(rows * layer.outputs, 0.0);
            turn(&net.weights_of(layer)[skipped * layer.outputs..], (rows, layer.outputs), turned);
        }
    }
}

impl Back {
    pub fn begin(&mut self, net: &Net, rows: usize) {
        self.logits.clear();
        self.logits.resize(rows * net.places.heads, 0.0);
        self.outputs.resize_with(net.places.layers().count(), Vec::new);
        self.ids.clear();
        self.ids.resize(rows * (net.places.input - net.places.dense), 0.0);
    }

    /// From the errors of the logits to those of the inputs; `scale` is what dropout multiplied with.
    pub fn backward(&mut self, net: &Net, turned: &Turned, pass: &Pass, scale: f32) {
        let (places, rows) = (&net.places, pass.rows);
        let body = places.body.len();
        let mut after: (&[f32], usize) = (&self.logits, places.heads);
        let (bodies, towers) = self.outputs.split_at_mut(body);
        if let (Some(tower), Some(errors)) = (&places.tower, towers.first_mut()) {
            wide(net.level, || {
                net.logits_to_towers(&self.logits, &pass.outputs[body], errors, rows)
            });
            after = (errors, tower.outputs);
        }
        // the matrices behind the body's layers, from the last to the first, and at the end that of the ids
        for (number, errors) in bodies.iter_mut().enumerate().rev() {
            let width = places.body[number].outputs;
            errors.clear();
            errors.resize(rows * width, 0.0);
            let sizes = [rows, after.1, width];
            add_product(
                net.level,
                Left::new(after.0, after.1),
                (&turned.0[number + 1], width),
                (errors, width),
                sizes,
            );
            let outputs = &pass.outputs[number];
            wide(net.level, || mask(errors, outputs, scale));
            after = (errors, width);
        }
        let width = places.input - places.dense;
        let sizes = [rows, after.1, width];
        if width > 0 {
            add_product(
                net.level,
                Left::new(after.0, after.1),
                (&turned.0[0], width),
                (&mut self.ids, width),
                sizes,
            );
        }
    }
}

/// What reaches a unit that gave something.
#[inline(always)]
fn mask(errors: &mut [f32], outputs: &[f32], scale: f32) {
    errors.iter_mut().zip(outputs).for_each(|(e, &y)| *e = if y > 0.0 { *e * scale } else { 0.0 });
}

impl Net {
    #[inline(always)]
    fn logits_to_towers(&self, errors: &[f32], outputs: &[f32], out: &mut Vec<f32>, rows: usize) {
        let (places, width) = (&self.places, self.places.tower_width);
        let weights = self.weights_of(&places.out);
        let stride = self.shape.heads * width;
        out.resize(rows * stride, 0.0);
        for row in 0..rows {
            let errors = &errors[row * places.heads..][..self.shape.heads];
            let outputs = outputs[row * stride..][..stride].chunks_exact(width);
            let out = out[row * stride..][..stride].chunks_exact_mut(width);
            for (((error, weights), outputs), out) in
                errors.iter().zip(weights.chunks_exact(width)).zip(outputs).zip(out)
            {
                for ((e, w), y) in out.iter_mut().zip(weights).zip(outputs) {
                    *e = if *y > 0.0 { error * w } else { 0.0 };
                }
            }
        }
    }

    /// Adds a shard's part of the gradient of rows `from..to` of a layer's weights (`out` begins there).
    pub(super) fn add_gradient(
        &self,
        number: usize,
        pass: &Pass,
        back: &Back,
        (from, to): (usize, usize),
        out: &mut [f32],
    ) {
        let places = &self.places;
        let layers = places.body.len() + usize::from(places.tower.is_some());
        let (input, stride) = match number {
            0 => (&pass.input, places.input),
            n => {
                (&pass.outputs[n - 1], places.layers().nth(n - 1).map_or(0, |layer| layer.outputs))
            }
        };
        let (errors, width) = match number < layers {
            true => (
                &back.outputs[number],
                places.layers().nth(number).map_or(0, |layer| layer.outputs),
            ),
            false => (&back.logits, places.heads),
        };
        let left = Left::new(&input[from..], stride).turned();
        add_product(self.level, left, (errors, width), (out, width), [to - from, pass.rows, width]);
    }

    /// Adds a shard's part of the gradient of all biases, of the weights behind towers, and of shown values.
    pub(super) fn add_small(
        &self,
        pass: &Pass,
        back: &Back,
        shown: &[Vec<u32>],
        gradient: &mut [f32],
    ) {
        let places = &self.places;
        for (layer, errors) in places.layers().zip(&back.outputs) {
            let sums = &mut gradient[layer.bias..][..layer.outputs];
            for row in errors.chunks_exact(layer.outputs) {
                sums.iter_mut().zip(row).for_each(|(sum, e)| *sum += e);
            }
        }
        let heads = self.shape.heads;
        for (row, errors) in back.logits.chunks_exact(places.heads).enumerate() {
            let errors = &errors[..heads];
            let sums = &mut gradient[places.out.bias..][..heads];
            sums.iter_mut().zip(errors).for_each(|(sum, e)| *sum += e);
            for (codes, &first) in shown.iter().zip(&places.shown) {
                if codes[row] != UNSEEN {
                    let sums = &mut gradient[first + codes[row] as usize * heads..][..heads];
                    sums.iter_mut().zip(errors).for_each(|(sum, e)| *sum += e);
                }
            }
        }
        if places.tower.is_some() {
            let towers = &pass.outputs[places.body.len()];
            wide(self.level, || self.add_behind_towers(towers, back, gradient));
        }
    }

    #[inline(always)]
    fn add_behind_towers(&self, towers: &[f32], back: &Back, gradient: &mut [f32]) {
        let (places, width, heads) = (&self.places, self.places.tower_width, self.shape.heads);
        let sums = &mut gradient[places.out.weights..][..heads * width];
        for (towers, errors) in
            towers.chunks_exact(heads * width).zip(back.logits.chunks_exact(places.heads))
        {
            let each = sums.chunks_exact_mut(width).zip(towers.chunks_exact(width)).zip(errors);
            for ((sums, tower), error) in each {
                sums.iter_mut().zip(tower).for_each(|(sum, y)| *sum += error * y);
            }
        }
    }
}
