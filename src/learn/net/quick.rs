//! A network made ready for scoring: its matrices lie in the order in which they are read, and what a layer does to each
//! sum is done where the sum is. The logits have the bits of [`Pass::forward`].

use super::dense::{Left, Packed};
use super::inputs::{Encoded, LANES};
use super::metrics::sigmoid;
use super::mlp::{Net, Pass};
use crate::cpu::{Level, for_each_level, prefetch};

/// The matrices of a network.
pub(super) struct Quick {
    /// Those of the body, and then of the towers.
    layers: Vec<Packed>,
    /// What is behind the body if there are no towers.
    out: Option<Packed>,
}

impl Quick {
    pub fn new(net: &Net) -> Quick {
        let packed = |layer| Packed::new(net.weights_of(layer), net.biases_of(layer));
        Quick {
            layers: net.places.layers().map(packed).collect(),
            out: net.places.tower.is_none().then(|| packed(&net.places.out)),
        }
    }

    /// From the inputs of a pass to its logits.
    pub fn forward(&self, net: &Net, pass: &mut Pass) {
        let (level, rows) = (net.level, pass.rows);
        let mut before: (&[f32], usize) = (&pass.input, net.places.input);
        for (layer, output) in self.layers.iter().zip(&mut pass.outputs) {
            layer.multiply(level, Left::new(before.0, before.1), (output, rows), true);
            before = (output, layer.width());
        }
        let (left, logits) = (Left::new(before.0, before.1), &mut pass.logits);
        match &self.out {
            Some(out) => out.multiply(level, left, (logits, rows), false),
            None => towers(level, net, before.0, logits, rows),
        }
    }
}

for_each_level!(
    fn towers(net: &Net, towers: &[f32], logits: &mut [f32], rows: usize),
    towers_body
);

#[inline(always)]
fn towers_body(net: &Net, towers: &[f32], logits: &mut [f32], rows: usize) {
    net.towers_to_logits(towers, logits, rows);
}

/// 2^52 and a half of it: what is added to a small whole number so that it stands in the last bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// Where exponents are told apart from results that are not normal, or nearly 1: there `libm` decides.
const LEAST: f64 = -700.0;
const NEAR: f64 = -1e-8;

/// Logits to probabilities, with the bits of [`super::metrics::sigmoid`].
pub(super) fn sigmoids(level: Level, logits: &mut [f64]) {
    let (chunks, rest) = logits.as_chunks_mut::<8>();
    for chunk in chunks {
        match chunk.iter().all(|x| (LEAST..=NEAR).contains(&-x.abs())) {
            true => eight(level, chunk),
            false => chunk.iter_mut().for_each(|x| *x = sigmoid(*x)),
        }
    }
    rest.iter_mut().for_each(|x| *x = sigmoid(*x));
}

for_each_level!(fn eight(logits: &mut [f64; 8]), eight_body);

#[inline(always)]
fn eight_body(logits: &mut [f64; 8]) {
    for x in logits {
        let e = exp(-x.abs());
        *x = if *x >= 0.0 { 1.0 } else { e } / (1.0 + e);
    }
}

/// `libm::exp` between [`LEAST`] and [`NEAR`], without branches (the method of FreeBSD's `e_exp.c`).
#[inline(always)]
fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// The upper half of that of ln 2 / 2, which is what is compared.
    const HALF: u64 = 0x3fd6_2e43 << 32;
    const INVERSE: f64 = std::f64::consts::LOG2_E;
    const P: [f64; 5] = [
        f64::from_bits(0x3fc5_5555_5555_553e),
        f64::from_bits(0xbf66_c16c_16be_bd93),
        f64::from_bits(0x3f11_566a_af25_de2c),
        f64::from_bits(0xbebb_bd41_c5d2_6bf1),
        f64::from_bits(0x3e66_3769_72be_a4d0),
    ];
    // the nearest whole number, found by rounding towards 0
    let scaled = INVERSE * x - 0.5;
    let near = (scaled + WHOLE) - WHOLE;
    let towards = if near < scaled { near + 1.0 } else { near };
    let whole = if x > -f64::from_bits(HALF) { 0.0 } else { towards };
    let (high, low) = (x - whole * LN2_HIGH, whole * LN2_LOW);
    let left = high - low;
    let square = left * left;
    let c = left
        - square * (P[0] + square * (P[1] + square * (P[2] + square * (P[3] + square * P[4]))));
    let power = 1.0 + (left * c / (2.0 - c) - low + high);
    // 2^whole: the exponent is brought to its place
    power * f64::from_bits((whole + 1023.0 + WHOLE).to_bits() << 52)
}

/// How many rows ahead those of ids are asked for.
const AHEAD: usize = 12;

/// Takes the inputs of rows from one on: numbers, and rows of ids.
pub(super) fn load(net: &Net, encoded: &Encoded, from: usize, pass: &mut Pass) {
    load_rows(net.level, net, encoded, from, pass);
}

for_each_level!(fn load_rows(net: &Net, encoded: &Encoded, from: usize, pass: &mut Pass), load_body);

#[inline(always)]
fn load_body(net: &Net, encoded: &Encoded, from: usize, pass: &mut Pass) {
    let (dense, rows) = (net.places.dense, pass.rows);
    for (row, input) in pass.input.chunks_exact_mut(net.places.input).take(rows).enumerate() {
        // rows of ids lie anywhere: they are asked for ahead
        for (table, ids) in net.tables.iter().zip(&encoded.ids) {
            if let Some(&id) = ids.rows.get(from + row + AHEAD) {
                prefetch(&table.weights, id as usize * table.dim);
            }
        }
        let (numbers, mut rest) = input.split_at_mut(dense);
        copied(encoded.numbers(from + row), numbers);
        for (table, ids) in net.tables.iter().zip(&encoded.ids) {
            let (out, behind) = rest.split_at_mut(table.dim);
            match ids.of(from + row) {
                [id] => copied(table.row(*id), out),
                ids => table.mean(ids, out),
            }
            rest = behind;
        }
    }
}

/// A short copy, without a call.
#[inline(always)]
fn copied(from: &[f32], to: &mut [f32]) {
    let ((from, from_rest), (to, to_rest)) =
        (from.as_chunks::<LANES>(), to.as_chunks_mut::<LANES>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    let ((from, from_rest), (to, to_rest)) =
        (from_rest.as_chunks::<4>(), to_rest.as_chunks_mut::<4>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn sigmoids_have_the_bits_of_each_alone() {
        let mut random = Random::new(6, 0);
        let edge = f64::from_bits(0x3fd6_2e43 << 32);
        let half = std::f64::consts::LN_2 / 2.0;
        let mut logits = vec![0.0, -0.0, 1e-9, -1e-8, 1e-8, 36.0, -700.0, -701.0, 745.0, -1e300];
        for near in [edge, half, 3.0 * half, 5.0 * half, 700.0] {
            logits.extend([near, near.next_up(), near.next_down(), -near, -near.next_down()]);
        }
        logits.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        for scale in [1e-7, 0.3, 1.0, 4.0, 100.0, 400.0] {
            logits.extend((0..2_000).map(|_| scale * random.normal()));
        }
        // one that is not ordinary sends its neighbours the long way
        let alone = logits.iter().flat_map(|&x| [x; 8]);
        let all: Vec<f64> = logits.iter().copied().chain(alone).chain([0.5, -3.0]).collect();
        for level in Level::supported() {
            let mut found = all.clone();
            sigmoids(level, &mut found);
            for (found, &logit) in found.iter().zip(&all) {
                assert_eq!(found.to_bits(), sigmoid(logit).to_bits(), "{level:?} {logit:e}");
            }
        }
    }
}
