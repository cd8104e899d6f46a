//! The rows of a batch that one thread works on: what they read, what the network says of them, and the errors.

use super::{Goal, Place, SHOWN_DROPOUT, dropped};
use crate::learn::net::blocks::Ready;
use crate::learn::net::dense::wide;
use crate::learn::net::ids::BatchIds;
use crate::learn::net::inputs::{LANES, UNKNOWN, UNSEEN};
use crate::learn::net::mlp::{Back, Net, Pass};
use crate::random::Random;
use std::sync::Arc;

/// The rows of a batch that one thread works on.
#[derive(Clone, Default)]
pub(super) struct Shard {
    pub pass: Pass,
    pub back: Back,
    pub ids: Vec<BatchIds>,
    pub shown: Vec<Vec<u32>>,
    /// Per row and head, NaN where the row does not count.
    pub labels: Vec<f64>,
    pub weights: Vec<f64>,
    pub loss: f64,
}

impl Shard {
    pub fn load(&mut self, net: &Net, group: &[Arc<Ready>], places: &[Place], goals: &[Goal]) {
        self.pass.begin(net, places.len());
        self.back.begin(net, places.len());
        self.labels.clear();
        self.weights.clear();
        for (&(block, row), input) in
            places.iter().zip(self.pass.input.chunks_exact_mut(net.places.input))
        {
            let (block, row) = (&group[block as usize], row as usize);
            input[..net.places.dense].copy_from_slice(block.encoded.numbers(row));
            let labels = block.labels(row);
            self.labels.extend(goals.iter().map(|goal| goal.label(labels).unwrap_or(f64::NAN)));
            self.weights.push(f64::from(block.weights[row]));
        }
    }

    /// A known id is taken for unknown now and then, so that there is something to read for those that are.
    pub fn load_ids(
        &mut self,
        net: &Net,
        group: &[Arc<Ready>],
        places: &[Place],
        dropout: f64,
        mut random: Random,
    ) {
        self.ids.resize_with(net.tables.len(), BatchIds::default);
        let (least, _) = dropped(dropout);
        for (column, own) in self.ids.iter_mut().enumerate() {
            own.clear();
            for &(block, row) in places {
                for &id in group[block as usize].encoded.ids[column].of(row as usize) {
                    let keep = id < 2 || (random.bits() >> 48) as u16 >= least;
                    own.ids.push(if keep { id } else { UNKNOWN });
                }
                own.ends.push(own.ids.len() as u32);
            }
        }
    }

    pub fn load_shown(
        &mut self,
        net: &Net,
        group: &[Arc<Ready>],
        places: &[Place],
        mut random: Random,
    ) {
        self.shown.resize_with(net.places.shown.len(), Vec::new);
        self.shown.iter_mut().for_each(Vec::clear);
        if self.shown.is_empty() {
            return;
        }
        for &(block, row) in places {
            let keep = random.unit() >= SHOWN_DROPOUT;
            for (column, own) in self.shown.iter_mut().enumerate() {
                let code = group[block as usize].encoded.shown[column][row as usize];
                own.push(if keep { code } else { UNSEEN });
            }
        }
    }

    pub fn forward(&mut self, net: &Net, dropout: f64, random: &mut Random) {
        for (column, ids) in self.ids.iter().enumerate() {
            self.pass.look_up(net, column, |row| ids.of(row));
        }
        let (least, scale) = dropped(dropout);
        self.pass.forward(net, |outputs| {
            if least > 0 {
                wide(net.level, || drop_some(outputs, least, scale, random));
            }
        });
        for (column, codes) in self.shown.iter().enumerate() {
            self.pass.shift(net, column, |row| codes[row]);
        }
    }

    /// The errors of the logits, and the loss.
    pub fn errors(&mut self, net: &Net, goals: &[Goal], scales: &[f64]) {
        self.loss = 0.0;
        let stride = net.places.heads;
        let logits =
            self.pass.logits.chunks_exact(stride).zip(self.back.logits.chunks_exact_mut(stride));
        let rows = logits.zip(self.labels.chunks_exact(goals.len())).zip(&self.weights);
        for (((logits, errors), labels), weight) in rows {
            for (head, goal) in goals.iter().enumerate() {
                if !labels[head].is_nan() {
                    let (loss, slope) = goal.loss(f64::from(logits[head]), labels[head]);
                    self.loss += weight * scales[head] * loss;
                    errors[head] = (weight * scales[head] * slope) as f32;
                }
            }
        }
    }
}

/// Sets some numbers to zero, and scales the others.
#[inline(always)]
fn drop_some(numbers: &mut [f32], least: u16, scale: f32, random: &mut Random) {
    for four in numbers.chunks_exact_mut(LANES / 4) {
        let bits = random.bits();
        for (place, x) in four.iter_mut().enumerate() {
            let keep = (bits >> (16 * place)) as u16 >= least;
            *x *= if keep { scale } else { 0.0 };
        }
    }
}
