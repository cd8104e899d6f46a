//! Training of one network: batches, gradients, epochs.

use super::Watch;
use super::adamw::Step;
use super::blocks::{Reader, Ready};
use super::chance::Chance;
use super::dense::wide;
use super::ids::{BatchIds, TableState};
use super::inputs::{LANES, UNKNOWN, UNSEEN};
use super::labels::Among;
use super::metrics::logistic;
use super::mlp::{Back, Net, Pass, Turned};
use super::table::Target;
use super::wrong::Wrong;
use crate::random::Random;
use rayon::prelude::*;
use std::sync::Arc;

/// Rows of a shard: what one thread works on at a time, whatever the number of threads.
pub(super) const SHARD: usize = 64;
/// Blocks whose examples are mixed.
const GROUP: usize = 16;
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

/// The rows of a batch that one thread works on.
#[derive(Clone, Default)]
struct Shard {
    pass: Pass,
    back: Back,
    ids: Vec<BatchIds>,
    shown: Vec<Vec<u32>>,
    /// Per row and head, NaN where the row does not count.
    labels: Vec<f64>,
    weights: Vec<f64>,
    loss: f64,
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

impl Shard {
    fn load(&mut self, net: &Net, group: &[Arc<Ready>], places: &[Place], goals: &[Goal]) {
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
    fn load_ids(
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

    fn load_shown(
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

    fn forward(&mut self, net: &Net, dropout: f64, random: &mut Random) {
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
    fn errors(&mut self, net: &Net, goals: &[Goal], scales: &[f64]) {
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

#[cfg(test)]
mod tests {
    use super::super::inputs::{Encoder, InputParams, Inputs};
    use super::super::mlp::Shape;
    use super::super::table::Table;
    use super::super::testing::world;
    use super::*;
    use crate::cpu::Level;
    use crate::learn::Unwatched;

    const RULE: Rule =
        Rule { rate: 1e-2, batch: 100, decay: 1e-3, id_decay: 1.0, dropout: 0.2, id_dropout: 0.3 };

    fn goals() -> Vec<Goal> {
        let goal = |label, target, weight, mean, deviation| Goal {
            label,
            target,
            weight,
            mean,
            deviation,
            trained: true,
        };
        vec![
            goal(0, Target::Binary, 1.0, 0.0, 1.0),
            goal(1, Target::Soft, 2.0, 0.0, 1.0),
            goal(2, Target::Value, 0.5, 100.0, 10.0),
        ]
    }

    fn encoder(table: &Table) -> Encoder {
        Encoder::new(
            Inputs::fit(table, Among::Train, &InputParams::default(), &Unwatched).unwrap().0,
        )
    }

    fn trainer<'a>(
        encoder: &Encoder,
        goals: &'a [Goal],
        hidden: &[usize],
        towers: usize,
    ) -> Trainer<'a> {
        let shape = Shape::new(encoder.inputs(), hidden, towers, goals.len());
        let trained: Vec<bool> = goals.iter().map(|goal| goal.trained).collect();
        let chance = Chance::new(7, "test");
        let mut net = Net::new(shape, &[0.1, -0.2, 0.3], &trained, chance);
        // rows and shifts that are not close to nothing, so that their gradients matter
        net.tables.iter_mut().flat_map(|table| &mut table.weights).for_each(|w| *w *= 30.0);
        let (biases, shifts) = (net.places.biases, net.places.shifts);
        for tensor in net.tensors().iter().filter(|tensor| tensor.places[0] >= biases) {
            // where nothing comes in, a bias of 0 would be right where a unit begins to give something
            tensor
                .places
                .iter()
                .for_each(|&place| net.weights[place] += 0.1 - (place % 7) as f32 / 40.0);
        }
        net.weights[shifts..].iter_mut().enumerate().for_each(|(i, w)| *w = i as f32 / 20.0 - 0.2);
        Trainer::new(net, goals, RULE, chance)
    }

    /// The loss as one weight is shifted.
    struct Shifting<'a, 't> {
        trainer: Trainer<'t>,
        group: &'a [Arc<Ready>],
        batch: &'a [Place],
    }

    impl Shifting<'_, '_> {
        fn loss(&mut self, weight: &dyn Fn(&mut Net) -> &mut f32, by: f32) -> f64 {
            let start = *weight(&mut self.trainer.net);
            *weight(&mut self.trainer.net) = start + by;
            let loss = self.trainer.descend(self.group, self.batch);
            *weight(&mut self.trainer.net) = start;
            loss
        }

        /// Whether a derivative is that by differences. Those are inexact where a unit begins to give something between
        /// the two places, and where rounding exceeds them: one of several must fit.
        fn check(&mut self, found: f32, weight: &dyn Fn(&mut Net) -> &mut f32, what: &str) -> f64 {
            let found = f64::from(found);
            let here = self.loss(weight, 0.0);
            let differences = [1e-3f32, 2e-3, 4e-4].map(|by| {
                let (up, down) = (self.loss(weight, by), self.loss(weight, -by));
                let by = f64::from(by);
                [(up - down) / (2.0 * by), (up - here) / by, (here - down) / by]
            });
            let differences = differences.as_flattened();
            let close =
                |difference: &f64| (found - difference).abs() < 4e-4 + 0.02 * difference.abs();
            assert!(
                differences.iter().any(close),
                "{what}: {found}, by differences {differences:?}"
            );
            differences[0]
        }
    }

    #[test]
    fn gradients_are_finite_differences() {
        let table = world(150, 8);
        let encoder = encoder(&table);
        let reader = Reader::new(&table, &encoder, usize::MAX);
        let group = [reader.block(0, 0).unwrap()];
        let batch: Vec<Place> = group[0].rows(Among::Train).map(|row| (0, row as u32)).collect();
        let goals = goals();
        let shapes = [(&[24, 10][..], 5), (&[20], 0), (&[], 3), (&[], 0), (&[8, 8, 8], 17)];
        for (hidden, towers) in shapes {
            let mut trainer = trainer(&encoder, &goals, hidden, towers);
            trainer.descend(&group, &batch);
            let (gradient, states) = (trainer.gradient.clone(), trainer.tables.clone());
            let mut shifting = Shifting { trainer, group: &group, batch: &batch };
            let mut moved = 0;
            for tensor in shifting.trainer.net.tensors() {
                let what = format!("{hidden:?} {towers} {}", tensor.name);
                for &place in tensor.places.iter().step_by(1 + tensor.places.len() / 40) {
                    let by = shifting.check(gradient[place], &|net| &mut net.weights[place], &what);
                    moved += usize::from(by.abs() > 1e-3);
                }
            }
            assert!(moved > 10, "{hidden:?} {towers}: {moved} gradients of any size");
            for (column, state) in states.iter().enumerate() {
                let dim = shifting.trainer.net.tables[column].dim;
                for (place, &id) in state.used.iter().enumerate() {
                    let (weight, own) =
                        (id as usize * dim + place % dim, place * dim + place % dim);
                    let what = format!("{hidden:?} {towers} table {column} id {id}");
                    shifting.check(
                        state.gradient[own],
                        &|net| &mut net.tables[column].weights[weight],
                        &what,
                    );
                }
            }
        }
    }

    #[test]
    fn padding_stays_empty() {
        let table = world(300, 9);
        let encoder = encoder(&table);
        let reader = Reader::new(&table, &encoder, usize::MAX);
        let goals = goals();
        let mut trainer = trainer(&encoder, &goals, &[20, 10], 5);
        trainer.epoch(&reader, Among::Train, 0, &Unwatched).unwrap();
        let mut is_used = vec![false; trainer.net.weights.len()];
        for tensor in trainer.net.tensors() {
            tensor.places.iter().for_each(|&place| is_used[place] = true);
        }
        let padding = trainer.net.weights.iter().zip(is_used).filter(|(_, used)| !used);
        assert!(padding.clone().count() > 100);
        for (weight, _) in padding {
            assert_eq!(*weight, 0.0);
        }
    }

    #[test]
    fn levels_train_to_the_same_bytes() {
        let table = world(400, 10);
        let encoder = encoder(&table);
        let reader = Reader::new(&table, &encoder, usize::MAX);
        let goals = goals();
        let run = |level: Level| {
            let mut trainer = trainer(&encoder, &goals, &[40, 24], 16);
            trainer.net.level = level;
            trainer.epoch(&reader, Among::Train, 0, &Unwatched).unwrap();
            let tables = trainer.net.tables.iter().flat_map(|table| &table.weights);
            trainer.net.weights.iter().chain(tables).map(|w| w.to_bits()).collect::<Vec<_>>()
        };
        let expected = run(Level::Portable);
        for level in Level::supported() {
            assert!(run(level) == expected, "{level:?}");
        }
    }

    #[test]
    fn every_epoch_reads_each_training_example_once() {
        let table = world(1_000, 11);
        let encoder = encoder(&table);
        let reader = Reader::new(&table, &encoder, usize::MAX);
        let goals = goals();
        let trainer = trainer(&encoder, &goals, &[8], 0);
        let group = [reader.block(0, 0).unwrap()];
        let orders: Vec<Vec<Place>> =
            (0..2).map(|epoch| trainer.order(&group, Among::Train, epoch)).collect();
        assert_ne!(orders[0], orders[1]);
        for mut order in orders {
            order.sort_unstable();
            let expected: Vec<Place> =
                group[0].rows(Among::Train).map(|row| (0, row as u32)).collect();
            assert_eq!(order, expected);
        }
    }
}
