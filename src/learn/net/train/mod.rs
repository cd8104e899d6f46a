//! Training of one network: batches, gradients, epochs.

mod shard;
#[cfg(test)]
mod tests;

use super::Watch;
use super::adamw::Step;
use super::blocks::{Reader, Ready};
use super::chance::Chance;
use super::ids::TableState;
use super::labels::Among;
use super::metrics::logistic;
use super::mlp::{Net, Turned};
use super::table::Target;
use super::wrong::Wrong;
use rayon::prelude::*;
use shard::Shard;
use std::sync::Arc;

/// Rows of a shard: what one thread works on at a time, whatever the number of threads.
pub(super) const SHARD: usize = 64;
/// Blocks whose examples are mixed.
const GROUP: usize = 16;
/// Examples that are mixed.
pub const MIXED: usize = GROUP * super::table::BLOCK;
/// Rows of a matrix of weights whose gradient is added up at a time.
pub(super) const STRIP: usize = 32;
/// Weights that are moved at a time.
pub(super) const CHUNK: usize = 8192;
/// Decay of the numbers of shown values.
const SHOWN_DECAY: f64 = 1e-2;
/// How often all shown values of an example are left out.
const SHOWN_DROPOUT: f64 = 0.1;

/// How a network learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub rate: f64,
    pub batch: usize,
    pub decay: f64,
    pub id_decay: f64,
    pub dropout: f64,
    pub id_dropout: f64,
}

/// One head as a network sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Goal {
    /// Its place among the labels of an example.
    pub label: usize,
    pub target: Target,
    /// Its weight in the loss, divided by the mean weight of an example.
    pub weight: f64,
    /// Labels are `(label - mean) / deviation`.
    pub mean: f64,
    pub deviation: f64,
    pub trained: bool,
}

impl Goal {
    /// The label to learn; `None` where the example does not count.
    fn label(&self, labels: &[f32]) -> Option<f64> {
        let label = labels[self.label];
        (self.trained && !label.is_nan()).then(|| (f64::from(label) - self.mean) / self.deviation)
    }

    /// The loss of an output, and its derivative.
    fn loss(&self, output: f64, label: f64) -> (f64, f64) {
        match self.target {
            Target::Value => ((output - label) * (output - label), 2.0 * (output - label)),
            _ => logistic(output, label),
        }
    }
}

/// The chance of each purpose.
#[derive(Clone, Copy)]
struct Draws {
    blocks: Chance,
    examples: Chance,
    ids: Chance,
    hidden: Chance,
    shown: Chance,
}

/// A network in training.
pub(super) struct Trainer<'a> {
    pub net: Net,
    goals: &'a [Goal],
    rule: Rule,
    means: Vec<f32>,
    squares: Vec<f32>,
    gradient: Vec<f32>,
    tables: Vec<TableState>,
    turned: Turned,
    shards: Vec<Shard>,
    draws: Draws,
    steps: u32,
}

/// An example of a group of blocks: the place of its block, and its row there.
pub(super) type Place = (u32, u32);

impl<'a> Trainer<'a> {
    pub fn new(net: Net, goals: &'a [Goal], rule: Rule, chance: Chance) -> Trainer<'a> {
        let weights = net.weights.len();
        Trainer {
            means: vec![0.0; weights],
            squares: vec![0.0; weights],
            gradient: vec![0.0; weights],
            tables: net
                .tables
                .iter()
                .map(|table| TableState::new(table, rule.rate, rule.id_decay))
                .collect(),
            turned: Turned::default(),
            shards: Vec::new(),
            draws: Draws {
                blocks: chance.of("order of blocks"),
                examples: chance.of("order of examples"),
                ids: chance.of("id dropout"),
                hidden: chance.of("dropout"),
                shown: chance.of("shown dropout"),
            },
            steps: 0,
            net,
            goals,
            rule,
        }
    }

    /// Reads all training examples once, in an order of this epoch's own. Returns the mean loss.
    pub fn epoch(
        &mut self,
        reader: &Reader<'_>,
        among: Among,
        epoch: u64,
        watch: &dyn Watch,
    ) -> Result<f64, Wrong> {
        let blocks = self.draws.blocks.at(epoch);
        let mut order: Vec<usize> = (0..reader.blocks()).collect();
        order.sort_by_key(|&block| (blocks.hash(block as u64), block));
        let (mut loss, mut examples, mut done) = (0.0, 0, 0);
        for group in order.chunks(GROUP) {
            let group = group.par_iter().map(|&block| reader.block(block, epoch));
            let group = group.collect::<Result<Vec<Arc<Ready>>, Wrong>>()?;
            let places = self.order(&group, among, epoch);
            for batch in places.chunks(self.rule.batch) {
                super::ask(watch, "epoch", done, order.len() as u64 * 1024)?;
                loss += self.step(&group, batch) * batch.len() as f64;
                examples += batch.len();
                done += (group.len() * 1024 * batch.len() / places.len()) as u64;
            }
        }
        self.catch_up();
        Ok(loss / examples.max(1) as f64)
    }

    /// The examples of a group that count for a head, in order.
    fn order(&self, group: &[Arc<Ready>], among: Among, epoch: u64) -> Vec<Place> {
        let chance = self.draws.examples.at(epoch);
        let mut keyed: Vec<(u64, Place)> = Vec::new();
        for (place, block) in group.iter().enumerate() {
            let rows = block.rows(among).filter(|&row| {
                let labels = block.labels(row);
                block.weights[row] > 0.0
                    && self.goals.iter().any(|goal| goal.label(labels).is_some())
            });
            keyed.extend(
                rows.map(|row| (chance.hash(block.first + row as u64), (place as u32, row as u32))),
            );
        }
        keyed.par_sort_unstable();
        keyed.into_iter().map(|(_, place)| place).collect()
    }

    /// One step. Returns the mean loss of the batch.
    fn step(&mut self, group: &[Arc<Ready>], batch: &[Place]) -> f64 {
        let loss = self.descend(group, batch);
        self.steps += 1;
        self.update();
        loss
    }

    /// The gradient of a batch, and its loss.
    fn descend(&mut self, group: &[Arc<Ready>], batch: &[Place]) -> f64 {
        let count = self.prepare(group, batch);
        let scales = self.scales(count);
        let (net, goals, turned) = (&self.net, self.goals, &self.turned);
        let (dropout, stream) = (self.rule.dropout, self.draws.hidden.at(u64::from(self.steps)));
        each(&mut self.shards[..count], |number, shard| {
            shard.forward(net, dropout, &mut stream.stream(number as u64));
            shard.errors(net, goals, &scales);
            shard.back.backward(net, turned, &shard.pass, dropped(dropout).1);
        });
        self.add_up(count);
        self.shards[..count].iter().map(|shard| shard.loss).sum()
    }

    /// One step on a list of rows whose loss is not a sum over the rows: `slopes` gets their scores, and returns the loss and its
    /// derivative by each. Returns the loss.
    pub fn list_step(
        &mut self,
        group: &[Arc<Ready>],
        list: &[Place],
        slopes: impl Fn(&[f64]) -> (f64, Vec<f64>),
    ) -> f64 {
        let count = self.prepare(group, list);
        let (net, turned, stride) = (&self.net, &self.turned, self.net.places.heads);
        let (dropout, stream) = (self.rule.dropout, self.draws.hidden.at(u64::from(self.steps)));
        let shards = &mut self.shards[..count];
        each(shards, |number, shard| {
            shard.forward(net, dropout, &mut stream.stream(number as u64))
        });
        let scores = shards.iter().flat_map(|shard| shard.pass.logits.chunks_exact(stride));
        let scores: Vec<f64> = scores.map(|row| f64::from(row[0])).collect();
        let (loss, slopes) = slopes(&scores);
        let errors = shards.iter_mut().flat_map(|shard| shard.back.logits.chunks_exact_mut(stride));
        errors.zip(slopes).for_each(|(row, slope)| row[0] = slope as f32);
        each(shards, |_, shard| shard.back.backward(net, turned, &shard.pass, dropped(dropout).1));
        self.add_up(count);
        self.steps += 1;
        self.update();
        loss
    }

    /// Loads a batch into shards, and makes all weights current. Returns the number of shards.
    fn prepare(&mut self, group: &[Arc<Ready>], batch: &[Place]) -> usize {
        let count = batch.len().div_ceil(SHARD);
        if self.shards.len() < count {
            self.shards.resize_with(count, Shard::default);
        }
        self.load(group, batch);
        self.read_tables(count);
        self.turned.fill(&self.net);
        count
    }

    /// Makes the rows of all ids what they should be by now.
    pub fn catch_up(&mut self) {
        for (state, table) in self.tables.iter_mut().zip(&mut self.net.tables) {
            state.catch_up_all(table, self.steps);
        }
    }

    fn load(&mut self, group: &[Arc<Ready>], batch: &[Place]) {
        let (net, goals, draws, rule) = (&self.net, self.goals, self.draws, self.rule);
        let step = u64::from(self.steps);
        let count = batch.len().div_ceil(SHARD);
        each(&mut self.shards[..count], |number, shard| {
            let places = &batch[number * SHARD..batch.len().min((number + 1) * SHARD)];
            shard.load(net, group, places, goals);
            let ids = draws.ids.at(step).stream(number as u64);
            shard.load_ids(net, group, places, rule.id_dropout, ids);
            shard.load_shown(net, group, places, draws.shown.at(step).stream(number as u64));
        });
    }

    /// Brings the rows of ids that this batch reads up to date.
    fn read_tables(&mut self, count: usize) {
        let (shards, steps) = (&self.shards[..count], self.steps);
        let mut tables: Vec<_> = self.tables.iter_mut().zip(&mut self.net.tables).collect();
        each(&mut tables, |column, (state, table)| {
            state.begin();
            shards.iter().for_each(|shard| state.read(table, &shard.ids[column].ids, steps));
        });
    }

    /// Per head its weight over the examples of the batch that count for it.
    fn scales(&self, count: usize) -> Vec<f64> {
        let heads = self.goals.len();
        let scale = |(number, goal): (usize, &Goal)| {
            let labels =
                self.shards[..count].iter().flat_map(|shard| shard.labels.chunks_exact(heads));
            let counted = labels.filter(|labels| !labels[number].is_nan()).count();
            goal.weight / counted.max(1) as f64
        };
        self.goals.iter().enumerate().map(scale).collect()
    }

    /// Adds the gradients of all shards up, in their order.
    fn add_up(&mut self, count: usize) {
        let (net, shards) = (&self.net, &self.shards[..count]);
        self.gradient.fill(0.0);
        let places = &net.places;
        let layers = places
            .body
            .iter()
            .chain(&places.tower)
            .chain(places.tower.is_none().then_some(&places.out));
        for (number, layer) in layers.enumerate() {
            let gradient = &mut self.gradient[layer.weights..][..layer.inputs * layer.outputs];
            let mut strips: Vec<&mut [f32]> = gradient.chunks_mut(STRIP * layer.outputs).collect();
            each(&mut strips, |strip, sums| {
                let from = strip * STRIP;
                let rows = (from, from + sums.len() / layer.outputs);
                shards.iter().for_each(|shard| {
                    net.add_gradient(number, &shard.pass, &shard.back, rows, sums)
                });
            });
        }
        for shard in shards {
            net.add_small(&shard.pass, &shard.back, &shard.shown, &mut self.gradient);
        }
        let stride = places.input - places.dense;
        let mut before = 0;
        let mut tables: Vec<_> = Vec::new();
        for (state, table) in self.tables.iter_mut().zip(&net.tables) {
            tables.push((state, table, before));
            before += table.dim;
        }
        each(&mut tables, |column, (state, table, before)| {
            state.begin_gradient(table);
            for shard in shards {
                for (row, errors) in shard.back.ids.chunks_exact(stride).enumerate() {
                    state.add(table, shard.ids[column].of(row), &errors[*before..][..table.dim]);
                }
            }
        });
    }

    /// Moves all weights against the gradient.
    fn update(&mut self) {
        let steps = self.steps;
        let mut tables: Vec<_> = self.tables.iter_mut().zip(&mut self.net.tables).collect();
        each(&mut tables, |_, (state, table)| state.update(table, steps));
        let places = &self.net.places;
        let kinds = [
            (0, places.biases, self.rule.decay),
            (places.biases, places.shifts, 0.0),
            (places.shifts, places.all, SHOWN_DECAY),
        ];
        for (from, to, decay) in kinds {
            let step = Step::new(self.rule.rate, decay, u64::from(steps));
            let weights = self.net.weights[from..to].chunks_mut(CHUNK);
            let gradient = self.gradient[from..to].chunks(CHUNK);
            let moments = self.means[from..to]
                .chunks_mut(CHUNK)
                .zip(self.squares[from..to].chunks_mut(CHUNK));
            let mut parts: Vec<_> = weights.zip(gradient).zip(moments).collect();
            let level = self.net.level;
            each(&mut parts, |_, ((weights, gradient), (means, squares))| {
                step.wide(level, weights, gradient, means, squares);
            });
        }
    }

    /// Whether all weights are numbers.
    pub fn is_finite(&self) -> bool {
        let all_finite = |all: &[f32]| all.iter().all(|x| x.is_finite());
        all_finite(&self.net.weights)
            && self.net.tables.iter().all(|table| all_finite(&table.weights))
    }
}

/// Does something to each item, on all threads if there are several.
pub(super) fn each<T: Send>(items: &mut [T], act: impl Fn(usize, &mut T) + Sync) {
    if rayon::current_num_threads() == 1 || items.len() < 2 {
        items.iter_mut().enumerate().for_each(|(number, item)| act(number, item));
    } else {
        items.par_iter_mut().enumerate().for_each(|(number, item)| act(number, item));
    }
}

/// What 16 random bits must reach to keep a number, and what it is then multiplied with.
pub(super) fn dropped(share: f64) -> (u16, f32) {
    let least = (share * 65536.0).round() as u16;
    (least, (65536.0 / (65536.0 - f64::from(least))) as f32)
}
