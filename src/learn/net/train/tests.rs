use super::*;
use crate::cpu::Level;
use crate::learn::Unwatched;
use crate::learn::net::inputs::{Encoder, InputParams, Inputs};
use crate::learn::net::shape::Shape;
use crate::learn::net::table::Table;
use crate::learn::net::testing::world;

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
    Encoder::new(Inputs::fit(table, Among::Train, &InputParams::default(), &Unwatched).unwrap().0)
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
        let close = |difference: &f64| (found - difference).abs() < 4e-4 + 0.02 * difference.abs();
        assert!(differences.iter().any(close), "{what}: {found}, by differences {differences:?}");
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
                let (weight, own) = (id as usize * dim + place % dim, place * dim + place % dim);
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
        let expected: Vec<Place> = group[0].rows(Among::Train).map(|row| (0, row as u32)).collect();
        assert_eq!(order, expected);
    }
}
