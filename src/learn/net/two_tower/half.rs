//! A tower in training: its gradients and moments.

use super::super::adamw::Step;
use super::super::chance::Chance;
use super::super::dense::{Left, add_product, turn};
use super::super::ids::TableState;
use super::super::inputs::{Encoded, UNKNOWN};
use super::super::train::{CHUNK, SHARD, STRIP, dropped, each};
use super::TwoTowerParams;
use super::climb::{Climb, share};
use super::tower::{Side, Tower};

/// A tower in training.
pub(super) struct Half {
    pub tower: Tower,
    means: Vec<f32>,
    squares: Vec<f32>,
    pub gradient: Vec<f32>,
    pub states: Vec<TableState>,
    pub climbs: Vec<Climb>,
    /// The matrices of ids and behind the hidden layer, with rows and columns exchanged.
    turned: [Vec<f32>; 2],
    rate: f64,
    id_dropout: f64,
    chance: Chance,
}

impl Half {
    pub fn new(side: Side, params: &TwoTowerParams, chance: Chance) -> Half {
        let tower = Tower::new(side, params, chance);
        let count = tower.weights.len();
        Half {
            means: vec![0.0; count],
            squares: vec![0.0; count],
            gradient: vec![0.0; count],
            states: tower
                .tables
                .iter()
                .map(|table| TableState::new(table, params.lr, params.id_decay))
                .collect(),
            climbs: Vec::new(),
            turned: Default::default(),
            rate: params.lr,
            id_dropout: params.id_dropout,
            chance: chance.of("id dropout"),
            tower,
        }
    }

    /// The vectors of some rows of a table, padded, after `steps` steps.
    pub fn forward(&mut self, encoded: &Encoded, rows: &[u32], steps: u32) -> Vec<f32> {
        self.climbs.resize_with(rows.len().div_ceil(SHARD), Climb::default);
        let (tower, chance) = (&self.tower, self.chance.at(u64::from(steps)));
        let (least, _) = dropped(self.id_dropout);
        each(&mut self.climbs, |number, climb| {
            let own = &rows[number * SHARD..rows.len().min((number + 1) * SHARD)];
            let mut random = chance.stream(number as u64);
            climb.load(tower, encoded, own, |column, id| {
                let drop = id >= 2 && ((random.bits() >> 48) as u16) < least;
                match drop {
                    true => (!tower.side.histories[column]).then_some(UNKNOWN),
                    false => Some(id),
                }
            });
        });
        let climbs = &self.climbs;
        let mut tables: Vec<_> = self.states.iter_mut().zip(&mut self.tower.tables).collect();
        each(&mut tables, |column, (state, table)| {
            state.begin();
            climbs.iter().for_each(|climb| state.read(table, &climb.ids[column].ids, steps));
        });
        let tower = &self.tower;
        each(&mut self.climbs, |_, climb| climb.forward(tower));
        self.climbs.iter().flat_map(|climb| &climb.vectors).copied().collect()
    }

    /// The gradient, from the errors of all vectors.
    pub fn backward(&mut self, errors: &[f32]) {
        let (out, stride) = (self.tower.out, self.tower.out + self.tower.hidden);
        let [by_ids, behind] = &mut self.turned;
        let (skipped, second) = (self.tower.dense * stride, self.tower.second());
        by_ids.resize((self.tower.input - self.tower.dense) * stride, 0.0);
        turn(
            &self.tower.weights[skipped..second],
            (self.tower.input - self.tower.dense, stride),
            by_ids,
        );
        behind.resize(self.tower.hidden * out, 0.0);
        turn(&self.tower.weights[second..], (self.tower.hidden, out), behind);
        let (tower, turned) = (&self.tower, &self.turned);
        each(&mut self.climbs, |number, climb| {
            climb.errors.clear();
            climb.errors.extend_from_slice(&errors[number * SHARD * out..][..climb.rows * out]);
            climb.backward(tower, turned);
        });
        self.add_up();
    }

    fn add_up(&mut self) {
        let (tower, climbs) = (&self.tower, &self.climbs);
        let (out, stride) = (tower.out, tower.out + tower.hidden);
        self.gradient.fill(0.0);
        let (first, second) = self.gradient.split_at_mut(tower.second());
        let mut strips: Vec<&mut [f32]> = first.chunks_mut(STRIP * stride).collect();
        each(&mut strips, |strip, sums| {
            let rows = sums.len() / stride;
            for climb in climbs {
                let left = Left::new(&climb.input[strip * STRIP..], tower.input).turned();
                add_product(
                    tower.level,
                    left,
                    (&climb.back, stride),
                    (sums, stride),
                    [rows, climb.rows, stride],
                );
            }
        });
        let mut strips: Vec<&mut [f32]> = second.chunks_mut(STRIP * out).collect();
        each(&mut strips, |strip, sums| {
            let rows = sums.len() / out;
            for climb in climbs {
                let left = Left::new(&climb.first[out + strip * STRIP..], stride).turned();
                add_product(
                    tower.level,
                    left,
                    (&climb.back, stride),
                    (sums, out),
                    [rows, climb.rows, out],
                );
            }
        });
        let width = tower.input - tower.dense;
        let mut before = 0;
        let mut tables: Vec<_> = Vec::new();
        for (state, table) in self.states.iter_mut().zip(&tower.tables) {
            tables.push((state, table, before));
            before += table.dim;
        }
        each(&mut tables, |column, (state, table, before)| {
            state.begin_gradient(table);
            for climb in climbs {
                for (row, errors) in climb.by_ids.chunks_exact(width).enumerate() {
                    let ids = climb.ids[column].of(row);
                    let share = share(tower.side.histories[column], ids.len());
                    state.add_shared(table, ids, share, &errors[*before..][..table.dim]);
                }
            }
        });
    }

    /// Moves all weights; `step` is the number of this step, from 1.
    pub fn update(&mut self, step: u32) {
        let mut tables: Vec<_> = self.states.iter_mut().zip(&mut self.tower.tables).collect();
        each(&mut tables, |_, (state, table)| state.update(table, step));
        let by = Step::new(self.rate, 0.0, u64::from(step));
        let level = self.tower.level;
        let moments = self.means.chunks_mut(CHUNK).zip(self.squares.chunks_mut(CHUNK));
        let weights = self.tower.weights.chunks_mut(CHUNK).zip(self.gradient.chunks(CHUNK));
        let mut parts: Vec<_> = weights.zip(moments).collect();
        each(&mut parts, |_, ((weights, gradient), (means, squares))| {
            by.wide(level, weights, gradient, means, squares)
        });
    }

    pub fn catch_up(&mut self, steps: u32) {
        let tables = self.states.iter_mut().zip(&mut self.tower.tables);
        tables.for_each(|(state, table)| state.catch_up_all(table, steps));
    }
}
