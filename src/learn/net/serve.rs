//! A trained model scores rows.

use super::fitted::{Fitted, FittedHead, Model};
use super::inputs::{Encoded, Encoder, IdRows, Inputs};
use super::linear::Linear;
use super::mlp::{Net, Pass};
use super::quick::{self, Quick, sigmoids};
use super::shape::Shape;
use super::table::{Columns, Target};
use super::wrong::Wrong;
use crate::cpu::Level;

/// Rows that are scored together: as many as stay near, in whole tiles.
const SCORED: usize = 96;

/// A model, ready to score rows from any number of threads.
pub struct Scorer {
    encoder: Encoder,
    model: Model,
    /// Of the model's networks.
    quick: Vec<Quick>,
    heads: Vec<FittedHead>,
}

/// Memory that scoring uses again.
#[derive(Default)]
pub struct Scratch {
    encoded: Encoded,
    pass: Pass,
    outputs: Vec<f32>,
}

impl Scorer {
    /// Prepares what is looked up.
    pub fn new(fitted: Fitted) -> Scorer {
        let quick = match &fitted.model {
            Model::Linear(_) => Vec::new(),
            Model::Nets(nets) => nets.iter().map(Quick::new).collect(),
        };
        let encoder = Encoder::new(fitted.inputs);
        Scorer { encoder, model: fitted.model, quick, heads: fitted.heads }
    }

    /// How columns become inputs.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What is scored.
    pub fn heads(&self) -> &[FittedHead] {
        &self.heads
    }

    /// Multiplications and additions that a row takes.
    pub fn multiply_adds(&self) -> u64 {
        match &self.model {
            Model::Nets(nets) => nets.iter().map(|net| net.shape.multiply_adds()).sum(),
            Model::Linear(linear) => {
                let inputs = self.encoder.inputs();
                (linear.heads * (inputs.width() + inputs.sparse.len())) as u64
            }
        }
    }

    /// Whether the output of a head, before it becomes a probability, is a sum of what each input gives alone.
    pub fn is_additive(&self) -> bool {
        match &self.model {
            Model::Nets(nets) => nets.iter().all(|net| net.shape.is_additive()),
            Model::Linear(_) => true,
        }
    }

    /// Scores rows: for each row one number per head, a probability for heads that learned one. `out` is overwritten.
    ///
    /// # Errors
    ///
    /// Columns that are not those of the model, or a null where nulls are errors.
    pub fn score(
        &self,
        columns: &Columns<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) -> Result<(), Wrong> {
        self.score_encoded(scratch, out, |encoder, encoded| encoder.encode(columns, encoded))
    }

    /// The same of rows whose keys were looked up already (see [`Encoder::row_of`]): `ids` are those of each sparse
    /// column, and are other ones afterwards; `columns` has none.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn score_ids(
        &self,
        columns: &Columns<'_>,
        ids: &mut Vec<IdRows>,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) -> Result<(), Wrong> {
        self.score_encoded(scratch, out, |encoder, encoded| {
            encoder.encode_beside(columns, ids, encoded)
        })
    }

    fn score_encoded(
        &self,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
        encode: impl FnOnce(&Encoder, &mut Encoded) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let mut encoded = std::mem::take(&mut scratch.encoded);
        let made = encode(&self.encoder, &mut encoded);
        if made.is_ok() {
            self.outputs(&encoded, scratch);
        }
        scratch.encoded = encoded;
        made?;
        self.answers(&scratch.outputs, out);
        Ok(())
    }

    /// What the language sees of outputs.
    fn answers(&self, outputs: &[f32], out: &mut Vec<f64>) {
        let heads = self.heads.len().max(1);
        out.clear();
        for outputs in outputs.chunks_exact(heads) {
            out.extend(self.heads.iter().zip(outputs).map(|(head, &output)| head.last(output)));
        }
        sigmoids(Level::detect(), out);
        for (number, head) in self.heads.iter().enumerate() {
            if head.target == Target::Value {
                let each = out.chunks_exact_mut(heads).zip(outputs.chunks_exact(heads));
                each.for_each(|(out, outputs)| out[number] = head.last(outputs[number]));
            }
        }
    }

    /// The outputs of encoded rows, before calibration.
    pub fn outputs<'s>(&self, encoded: &Encoded, scratch: &'s mut Scratch) -> &'s [f32] {
        let heads = self.heads.len();
        scratch.outputs.clear();
        scratch.outputs.resize(encoded.rows * heads, 0.0);
        for (chunk, out) in scratch.outputs.chunks_mut(SCORED * heads.max(1)).enumerate() {
            let from = chunk * SCORED;
            let rows = (from, (from + SCORED).min(encoded.rows));
            match &self.model {
                Model::Linear(linear) => linear.score(encoded, rows.0, rows.1, out),
                Model::Nets(nets) => {
                    let mut before = 0;
                    for (net, quick) in nets.iter().zip(&self.quick) {
                        load(net, encoded, rows, &mut scratch.pass);
                        quick.forward(net, &mut scratch.pass);
                        deliver(net, encoded, rows, &mut scratch.pass, (&mut *out, heads, before));
                        before += net.shape.heads;
                    }
                }
            }
        }
        &scratch.outputs
    }
}

impl FittedHead {
    /// A number, or the logit that becomes a probability.
    fn last(&self, output: f32) -> f64 {
        let plain = self.output(output);
        match (self.target, self.calibration) {
            (Target::Binary | Target::Soft, Some(line)) => line.apply(plain),
            _ => plain,
        }
    }
}

impl Model {
    /// The outputs of rows `from..to`, for each row one per head.
    pub(super) fn score(
        &self,
        encoded: &Encoded,
        rows: (usize, usize),
        pass: &mut Pass,
        out: &mut [f32],
    ) {
        match self {
            Model::Linear(linear) => linear.score(encoded, rows.0, rows.1, out),
            Model::Nets(nets) => {
                let heads = nets.iter().map(|net| net.shape.heads).sum();
                let mut before = 0;
                for net in nets {
                    score_net(net, encoded, rows, pass, out, heads, before);
                    before += net.shape.heads;
                }
            }
        }
    }
}

/// The logits of rows `from..to`, written at `before` of every `heads` numbers of `out`.
pub(super) fn score_net(
    net: &Net,
    encoded: &Encoded,
    (from, to): (usize, usize),
    pass: &mut Pass,
    out: &mut [f32],
    heads: usize,
    before: usize,
) {
    load(net, encoded, (from, to), pass);
    pass.forward(net, |_| {});
    deliver(net, encoded, (from, to), pass, (out, heads, before));
}

/// Takes the inputs of rows `from..to`.
fn load(net: &Net, encoded: &Encoded, (from, to): (usize, usize), pass: &mut Pass) {
    pass.begin(net, to - from);
    quick::load(net, encoded, from, pass);
}

/// Writes logits at `before` of every `heads` numbers of `out`.
fn deliver(
    net: &Net,
    encoded: &Encoded,
    (from, _): (usize, usize),
    pass: &mut Pass,
    (out, heads, before): (&mut [f32], usize, usize),
) {
    for (column, codes) in encoded.shown.iter().enumerate() {
        pass.shift(net, column, |row| codes[from + row]);
    }
    let own = net.shape.heads;
    for (out, logits) in out.chunks_exact_mut(heads).zip(pass.logits.chunks_exact(net.places.heads))
    {
        out[before..before + own].copy_from_slice(&logits[..own]);
    }
}

/// A named array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its sizes, the slowest first.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub data: Vec<f32>,
}

impl Model {
    /// A linear model whose weights are to be loaded.
    pub fn linear(inputs: &Inputs, heads: usize) -> Model {
        Model::Linear(super::linear::empty(inputs, heads))
    }

    /// Networks whose weights are to be loaded: one for all heads if `shared`, else one for each.
    pub fn networks(
        inputs: &Inputs,
        hidden: &[usize],
        towers: usize,
        heads: usize,
        shared: bool,
    ) -> Model {
        let (count, own) = if shared { (1, heads) } else { (heads, 1) };
        let net = || Net::empty(Shape::new(inputs, hidden, towers, own));
        Model::Nets((0..count).map(|_| net()).collect())
    }

    /// All weights. Those of a matrix are listed input by input; `networks` are told apart by the names of their heads.
    pub fn tensors(&self, heads: &[FittedHead]) -> Vec<Tensor> {
        let mut model = self.clone();
        let mut all = Vec::new();
        // the same walk reads and writes
        let read = model.visit(heads, &mut |name, shape, data| {
            let shape = shape.to_vec();
            all.push(Tensor { name, shape, data: data.iter().map(|x| **x).collect() });
            Ok(())
        });
        debug_assert!(read.is_ok());
        all
    }

    /// Takes weights from tensors. The model must have been built with the same parameters.
    ///
    /// # Errors
    ///
    /// A tensor that is not there, or has another shape.
    pub fn load(&mut self, heads: &[FittedHead], tensors: &[Tensor]) -> Result<(), Wrong> {
        self.visit(heads, &mut |name, shape, data| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            match found {
                Some(tensor) if tensor.shape == shape && tensor.data.len() == data.len() => {
                    data.iter_mut().zip(&tensor.data).for_each(|(to, from)| **to = *from);
                    Ok(())
                }
                other => Err(Wrong::Tensor {
                    name,
                    expected: shape.to_vec(),
                    found: other.map(|t| t.shape.clone()),
                }),
            }
        })
    }

    fn visit(&mut self, heads: &[FittedHead], act: &mut Visitor<'_>) -> Result<(), Wrong> {
        match self {
            Model::Linear(linear) => linear.visit(act),
            Model::Nets(nets) => {
                let prefixed = nets.len() > 1;
                for (net, head) in nets.iter_mut().zip(heads) {
                    let prefix = if prefixed { format!("{}.", head.name) } else { String::new() };
                    net.visit(&prefix, act)?;
                }
                Ok(())
            }
        }
    }
}

type Visitor<'a> = dyn FnMut(String, &[usize], &mut [&mut f32]) -> Result<(), Wrong> + 'a;

fn visit_all(
    name: String,
    shape: &[usize],
    data: &mut [f32],
    act: &mut Visitor<'_>,
) -> Result<(), Wrong> {
    act(name, shape, &mut data.iter_mut().collect::<Vec<_>>())
}

impl Net {
    fn visit(&mut self, prefix: &str, act: &mut Visitor<'_>) -> Result<(), Wrong> {
        for tensor in self.tensors() {
            let mut own: Vec<f32> =
                tensor.places.iter().map(|&place| self.weights[place]).collect();
            visit_all(format!("{prefix}{}", tensor.name), &tensor.shape, &mut own, act)?;
            tensor.places.iter().zip(own).for_each(|(&place, x)| self.weights[place] = x);
        }
        for (number, table) in self.tables.iter_mut().enumerate() {
            let shape = [table.rows(), table.dim];
            visit_all(format!("{prefix}ids.{number}.weight"), &shape, &mut table.weights, act)?;
        }
        Ok(())
    }
}

impl Linear {
    fn visit(&mut self, act: &mut Visitor<'_>) -> Result<(), Wrong> {
        let heads = self.heads;
        visit_all("bias".into(), &[heads], &mut self.bias, act)?;
        for (head, weights) in self.dense.iter_mut().enumerate() {
            let shape = [weights.len()];
            visit_all(format!("dense.{head}"), &shape, weights, act)?;
        }
        for (name, tables) in [("ids", &mut self.ids), ("shown", &mut self.shown)] {
            for (number, weights) in tables.iter_mut().enumerate() {
                let shape = [weights.len() / heads.max(1), heads];
                visit_all(format!("{name}.{number}"), &shape, weights, act)?;
            }
        }
        Ok(())
    }
}
