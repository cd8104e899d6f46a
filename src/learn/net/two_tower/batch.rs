//! Both towers in training: batches, epochs, the softmax over the items of a batch.

use super::super::chance::Chance;
use super::super::dense::{Left, add_product};
use super::super::inputs::LANES;
use super::super::train::{SHARD, STRIP, each};
use super::super::wrong::Wrong;
use super::super::{Watch, ask};
use super::half::Half;
use super::tower::Side;
use super::{Positives, TwoTowerParams};

/// Per viewer the items of its positives.
fn own_items(positives: &Positives<'_>) -> Vec<Vec<u32>> {
    let viewers = positives.viewers.iter().max().map_or(0, |&most| most as usize + 1);
    let mut own = vec![Vec::new(); viewers];
    for (&viewer, &item) in positives.viewers.iter().zip(positives.items) {
        own[viewer as usize].push(item);
    }
    for items in &mut own {
        items.sort_unstable();
        items.dedup();
    }
    own
}

/// Per item the logarithm of its share of the positives, which its logits lose.
fn shifts(positives: &Positives<'_>, corrected: bool) -> Vec<f32> {
    let mut counts = vec![0u64; positives.all_items.rows];
    positives.items.iter().for_each(|&item| counts[item as usize] += 1);
    let all = positives.items.len() as f64;
    let shift = |&count: &u64| {
        if corrected && count > 0 { libm::log(count as f64 / all) as f32 } else { 0.0 }
    };
    counts.iter().map(shift).collect()
}

/// A set of items that is emptied at once.
#[derive(Clone)]
pub(super) struct Marks {
    marks: Vec<u32>,
    now: u32,
}

impl Marks {
    pub fn new(items: usize) -> Marks {
        Marks { marks: vec![0; items], now: 0 }
    }

    fn set(&mut self, items: &[u32]) {
        self.now = self.now.wrapping_add(1);
        if self.now == 0 {
            self.marks.fill(0);
            self.now = 1;
        }
        items.iter().for_each(|&item| self.marks[item as usize] = self.now);
    }

    fn has(&self, item: u32) -> bool {
        self.marks[item as usize] == self.now
    }
}

pub(super) struct Towers<'a> {
    pub user: Half,
    pub item: Half,
    pub positives: &'a Positives<'a>,
    pub own: Vec<Vec<u32>>,
    pub shift: Vec<f32>,
    pub params: &'a TwoTowerParams,
    pub order: Chance,
    pub steps: u32,
    pub marks: Marks,
}

impl<'a> Towers<'a> {
    /// Two towers with drawn weights.
    pub fn new(
        sides: (Side, Side),
        positives: &'a Positives<'a>,
        params: &'a TwoTowerParams,
        chance: Chance,
    ) -> Towers<'a> {
        Towers {
            user: Half::new(sides.0, params, chance.of("user")),
            item: Half::new(sides.1, params, chance.of("item")),
            positives,
            own: own_items(positives),
            shift: shifts(positives, params.corrected),
            params,
            order: chance.of("order of examples"),
            steps: 0,
            marks: Marks::new(positives.all_items.rows),
        }
    }
}

impl Towers<'_> {
    pub fn epoch(&mut self, epoch: u64, watch: &dyn Watch) -> Result<f64, Wrong> {
        let count = self.positives.items.len();
        let order = self.order.at(epoch);
        let mut keyed: Vec<(u64, u32)> =
            (0..count as u32).map(|row| (order.hash(u64::from(row)), row)).collect();
        keyed.sort_unstable();
        let rows: Vec<u32> = keyed.into_iter().map(|(_, row)| row).collect();
        // batches of about one size, so that none is too small
        let size = count.div_ceil(count.div_ceil(self.params.batch));
        let mut loss = 0.0;
        for (number, batch) in rows.chunks(size).enumerate() {
            ask(watch, "epoch", (number * size) as u64, count as u64)?;
            loss += self.step(batch);
        }
        self.user.catch_up(self.steps);
        self.item.catch_up(self.steps);
        Ok(loss / count as f64)
    }

    /// One step. Returns the summed loss.
    fn step(&mut self, batch: &[u32]) -> f64 {
        let loss = self.descend(batch);
        self.steps += 1;
        self.user.update(self.steps);
        self.item.update(self.steps);
        loss
    }

    pub fn descend(&mut self, batch: &[u32]) -> f64 {
        let items: Vec<u32> = batch.iter().map(|&row| self.positives.items[row as usize]).collect();
        let users = self.user.forward(self.positives.users, batch, self.steps);
        let vectors = self.item.forward(self.positives.all_items, &items, self.steps);
        let (out, level, rows) = (self.user.tower.out, self.user.tower.level, batch.len());
        let width = rows.next_multiple_of(LANES);
        let mut by_item = vec![0.0; out * width];
        for (column, vector) in vectors.chunks_exact(out).enumerate() {
            vector.iter().enumerate().for_each(|(row, &x)| by_item[row * width + column] = x);
        }
        let allowed = self.allowed(batch, &items);
        let shift: Vec<f32> = items.iter().map(|&item| self.shift[item as usize]).collect();
        let heat = (1.0 / self.params.temperature) as f32;
        let mut shards = vec![(Vec::new(), Vec::new(), 0.0); rows.div_ceil(SHARD)];
        each(&mut shards, |number, (slopes, errors, loss)| {
            let first = number * SHARD;
            let count = SHARD.min(rows - first);
            *slopes = vec![0.0; count * width];
            let left = Left::new(&users[first * out..], out);
            add_product(level, left, (&by_item, width), (slopes, width), [count, out, width]);
            for (row, logits) in slopes.chunks_exact_mut(width).enumerate() {
                let allowed = &allowed[(first + row) * rows..][..rows];
                *loss += softmax(logits, first + row, allowed, &shift, heat, rows);
            }
            *errors = vec![0.0; count * out];
            let sizes = [count, rows, out];
            add_product(level, Left::new(slopes, width), (&vectors, out), (errors, out), sizes);
        });
        let of_users: Vec<f32> = shards.iter().flat_map(|(_, errors, _)| errors).copied().collect();
        let mut of_items = vec![0.0; rows * out];
        let mut strips: Vec<&mut [f32]> = of_items.chunks_mut(STRIP * out).collect();
        each(&mut strips, |strip, sums| {
            let height = sums.len() / out;
            for (number, (slopes, ..)) in shards.iter().enumerate() {
                let left = Left::new(&slopes[strip * STRIP..], width).turned();
                let right = (&users[number * SHARD * out..], out);
                add_product(level, left, right, (sums, out), [height, slopes.len() / width, out]);
            }
        });
        self.user.backward(&of_users);
        self.item.backward(&of_items);
        shards.iter().map(|&(.., loss)| loss).sum()
    }

    /// Per row of a batch, which items of it are compared: its own, and those that its viewer has no positive with.
    fn allowed(&mut self, batch: &[u32], items: &[u32]) -> Vec<bool> {
        let mut allowed = Vec::with_capacity(batch.len() * batch.len());
        for (place, &row) in batch.iter().enumerate() {
            let viewer = self.positives.viewers[row as usize];
            self.marks.set(&self.own[viewer as usize]);
            allowed.extend(
                items
                    .iter()
                    .enumerate()
                    .map(|(other, &item)| other == place || !self.marks.has(item)),
            );
        }
        allowed
    }
}

/// Products of a user with a batch's items become derivatives of the loss by the products, which is returned.
fn softmax(
    logits: &mut [f32],
    own: usize,
    allowed: &[bool],
    shift: &[f32],
    heat: f32,
    rows: usize,
) -> f64 {
    let mut most = f32::NEG_INFINITY;
    for ((logit, &allowed), shift) in logits.iter_mut().zip(allowed).zip(shift) {
        *logit = if allowed { *logit * heat - shift } else { f32::NEG_INFINITY };
        most = most.max(*logit);
    }
    let target = logits[own];
    let mut sum = 0.0;
    for logit in &mut logits[..rows] {
        *logit = libm::expf(*logit - most);
        sum += f64::from(*logit);
    }
    let scale = heat / rows as f32;
    for logit in &mut logits[..rows] {
        *logit = (f64::from(*logit) / sum) as f32 * scale;
    }
    logits[own] -= scale;
    logits[rows..].fill(0.0);
    libm::log(sum) + f64::from(most) - f64::from(target)
}
