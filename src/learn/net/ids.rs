//! Tables of ids: a row of numbers for each key. Only the rows that a batch reads are touched; what decay would have done to
//! the others is caught up when they are next read.

use super::adamw::{Step, power};
use super::chance::Chance;

/// Deviation of the rows at the start.
const START: f64 = 0.01;

/// The rows for the keys of one sparse feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdTable {
    /// Numbers per row.
    pub dim: usize,
    /// The rows.
    pub weights: Vec<f32>,
}

impl IdTable {
    pub(super) fn new(rows: usize, dim: usize, chance: Chance) -> IdTable {
        let mut random = chance.stream(0);
        let weights = (0..rows * dim).map(|_| (START * random.normal()) as f32).collect();
        IdTable { dim, weights }
    }

    /// A row.
    #[inline]
    pub fn row(&self, id: u32) -> &[f32] {
        &self.weights[id as usize * self.dim..][..self.dim]
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.weights.len() / self.dim.max(1)
    }

    /// Writes the mean of some rows.
    #[inline]
    pub(super) fn mean(&self, ids: &[u32], out: &mut [f32]) {
        self.pooled(ids, 1.0 / ids.len().max(1) as f32, out);
    }

    /// Writes the sum of some rows, times `share`.
    #[inline]
    pub(super) fn pooled(&self, ids: &[u32], share: f32, out: &mut [f32]) {
        if let [id] = ids {
            out.copy_from_slice(self.row(*id));
            return;
        }
        out.fill(0.0);
        for &id in ids {
            out.iter_mut().zip(self.row(id)).for_each(|(sum, w)| *sum += w);
        }
        out.iter_mut().for_each(|sum| *sum *= share);
    }
}

/// The ids of some rows of a batch, for one sparse feature.
#[derive(Clone, Default)]
pub(super) struct BatchIds {
    pub ids: Vec<u32>,
    /// Row `i` has `ids[ends[i - 1]..ends[i]]`.
    pub ends: Vec<u32>,
}

impl BatchIds {
    pub fn clear(&mut self) {
        self.ids.clear();
        self.ends.clear();
    }

    pub fn of(&self, row: usize) -> &[u32] {
        let from = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.ids[from..self.ends[row] as usize]
    }
}

/// What the training of a table keeps beside it.
#[derive(Clone)]
pub(super) struct TableState {
    means: Vec<f32>,
    squares: Vec<f32>,
    /// The step after which each row is as it should be.
    current: Vec<u32>,
    /// The place of each row in this batch, valid where `batches` has this batch's number.
    places: Vec<u32>,
    batches: Vec<u32>,
    batch: u32,
    /// The ids of this batch, each once, in order of first use.
    pub used: Vec<u32>,
    /// Their gradients.
    pub gradient: Vec<f32>,
    rate: f64,
    decay: f64,
}

impl TableState {
    pub fn new(table: &IdTable, rate: f64, decay: f64) -> TableState {
        let rows = table.rows();
        TableState {
            means: vec![0.0; table.weights.len()],
            squares: vec![0.0; table.weights.len()],
            current: vec![0; rows],
            places: vec![0; rows],
            batches: vec![0; rows],
            batch: 0,
            used: Vec::new(),
            gradient: Vec::new(),
            rate,
            decay,
        }
    }

    /// Starts a batch, after `step` steps.
    pub fn begin(&mut self) {
        self.used.clear();
        self.batch = self.batch.wrapping_add(1);
        if self.batch == 0 {
            self.batches.fill(0);
            self.batch = 1;
        }
    }

    /// Prepares the rows that are read after `step` steps.
    pub fn read(&mut self, table: &mut IdTable, ids: &[u32], step: u32) {
        for &id in ids {
            if self.batches[id as usize] != self.batch {
                self.batches[id as usize] = self.batch;
                self.places[id as usize] = self.used.len() as u32;
                self.used.push(id);
                self.catch_up(table, id, step);
            }
        }
    }

    fn catch_up(&mut self, table: &mut IdTable, id: u32, step: u32) {
        let missed = step - self.current[id as usize];
        if missed > 0 {
            let keep = power((1.0 - self.rate * self.decay).max(0.0), missed) as f32;
            let row = &mut table.weights[id as usize * table.dim..][..table.dim];
            row.iter_mut().for_each(|w| *w *= keep);
            self.current[id as usize] = step;
        }
    }

    /// Makes all rows what they should be after `step` steps.
    pub fn catch_up_all(&mut self, table: &mut IdTable, step: u32) {
        for id in 0..table.rows() as u32 {
            self.catch_up(table, id, step);
        }
    }

    /// Makes room for the gradients of the rows that are read.
    pub fn begin_gradient(&mut self, table: &IdTable) {
        self.gradient.clear();
        self.gradient.resize(self.used.len() * table.dim, 0.0);
    }

    /// Adds the gradient of a mean of rows.
    #[inline]
    pub fn add(&mut self, table: &IdTable, ids: &[u32], gradient: &[f32]) {
        self.add_shared(table, ids, 1.0 / ids.len().max(1) as f32, gradient);
    }

    /// Adds the gradient of a sum of rows, times `share`.
    #[inline]
    pub fn add_shared(&mut self, table: &IdTable, ids: &[u32], share: f32, gradient: &[f32]) {
        for &id in ids {
            let place = self.places[id as usize] as usize;
            let sums = &mut self.gradient[place * table.dim..][..table.dim];
            sums.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += share * g);
        }
    }

    /// Moves the rows that were read; `step` is the number of this step, from 1.
    pub fn update(&mut self, table: &mut IdTable, step: u32) {
        let by = Step::new(self.rate, self.decay, u64::from(step));
        let dim = table.dim;
        for (&id, gradient) in self.used.iter().zip(self.gradient.chunks_exact(dim)) {
            let row = id as usize * dim..(id as usize + 1) * dim;
            let weights = &mut table.weights[row.clone()];
            by.all(weights, gradient, &mut self.means[row.clone()], &mut self.squares[row]);
            self.current[id as usize] = step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_read_decay_as_if_they_were() {
        let start = IdTable::new(4, 4, Chance::new(1, "t"));
        let (rate, decay) = (0.01, 1.0);
        let (mut lazy, mut eager) = (start.clone(), start.clone());
        let mut state = TableState::new(&lazy, rate, decay);
        let mut all = TableState::new(&eager, rate, decay);
        for step in 0..50 {
            let ids = [step % 3];
            for (table, state) in [(&mut lazy, &mut state), (&mut eager, &mut all)] {
                state.begin();
                state.read(table, &ids, step);
                state.begin_gradient(table);
                state.add(table, &ids, &[0.5, -0.5, 1.0, 0.0]);
                state.update(table, step + 1);
            }
            all.catch_up_all(&mut eager, step + 1);
        }
        assert_ne!(lazy, eager);
        state.catch_up_all(&mut lazy, 50);
        for (a, b) in lazy.weights.iter().zip(&eager.weights) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        // a row that was never read has only decayed
        let expected = f64::from(start.row(3)[0]) * 0.99f64.powi(50);
        assert!((f64::from(lazy.row(3)[0]) - expected).abs() < 1e-8);
    }

    #[test]
    fn a_list_reads_the_mean_of_its_rows() {
        let table = IdTable { dim: 2, weights: vec![1.0, 2.0, 3.0, 6.0, 8.0, 1.0] };
        let mut out = [0.0; 2];
        table.mean(&[0, 1, 1, 2], &mut out);
        assert_eq!(out, [3.75, 3.75]);
        table.mean(&[], &mut out);
        assert_eq!(out, [0.0, 0.0]);
        let mut state = TableState::new(&table, 0.1, 0.0);
        state.begin();
        state.read(&mut table.clone(), &[0, 1, 1, 2], 0);
        state.begin_gradient(&table);
        state.add(&table, &[0, 1, 1, 2], &[4.0, 8.0]);
        assert_eq!(
            (&state.used[..], &state.gradient[..]),
            (&[0, 1, 2][..], &[1.0, 2.0, 2.0, 4.0, 1.0, 2.0][..])
        );
    }
}
