//! Rows on their way through a tower, and errors on their way back.

use super::super::dense::{Left, add_product};
use super::super::ids::BatchIds;
use super::super::inputs::Encoded;
use super::tower::Tower;

/// Norms are not smaller.
const TINY: f32 = 1e-12;

/// Rows on their way through a tower, and errors on their way back.
#[derive(Clone, Default)]
pub(super) struct Climb {
    pub rows: usize,
    pub ids: Vec<BatchIds>,
    pub input: Vec<f32>,
    /// What inputs give: the vector so far, and the hidden layer.
    pub first: Vec<f32>,
    pub vectors: Vec<f32>,
    pub norms: Vec<f32>,
    /// By the vectors.
    pub errors: Vec<f32>,
    /// By the vectors before the division, and by the hidden layer.
    pub back: Vec<f32>,
    pub by_ids: Vec<f32>,
}

/// What the rows of a feature's ids are multiplied with.
pub(super) fn share(history: bool, ids: usize) -> f32 {
    let count = ids.max(1) as f32;
    1.0 / if history { count.sqrt() } else { count }
}

impl Climb {
    /// Takes rows of a table; `pick` may change an id of a feature, or leave it out.
    pub fn load(
        &mut self,
        tower: &Tower,
        encoded: &Encoded,
        rows: &[u32],
        mut pick: impl FnMut(usize, u32) -> Option<u32>,
    ) {
        self.rows = rows.len();
        self.input.clear();
        self.input.resize(rows.len() * tower.input, 0.0);
        for (&row, input) in rows.iter().zip(self.input.chunks_exact_mut(tower.input)) {
            input[..tower.dense].copy_from_slice(encoded.numbers(row as usize));
        }
        self.ids.resize_with(tower.tables.len(), BatchIds::default);
        for (column, own) in self.ids.iter_mut().enumerate() {
            own.clear();
            let history = tower.side.histories[column];
            for &row in rows {
                let ids = encoded.ids[column].of(row as usize).iter().copied();
                // what a history does not know it skips
                let known = ids.filter(|&id| !history || id >= 2);
                own.ids.extend(known.filter_map(|id| pick(column, id)));
                own.ends.push(own.ids.len() as u32);
            }
        }
    }

    pub fn forward(&mut self, tower: &Tower) {
        let mut before = tower.dense;
        for (column, (table, ids)) in tower.tables.iter().zip(&self.ids).enumerate() {
            let history = tower.side.histories[column];
            for (row, input) in self.input.chunks_exact_mut(tower.input).enumerate() {
                let ids = ids.of(row);
                table.pooled(ids, share(history, ids.len()), &mut input[before..][..table.dim]);
            }
            before += table.dim;
        }
        let (out, hidden, stride) = (tower.out, tower.hidden, tower.out + tower.hidden);
        self.first.clear();
        self.first.resize(self.rows * stride, 0.0);
        let left = Left::new(&self.input, tower.input);
        let sizes = [self.rows, tower.input, stride];
        add_product(tower.level, left, (&tower.weights, stride), (&mut self.first, stride), sizes);
        self.vectors.clear();
        for row in self.first.chunks_exact_mut(stride) {
            self.vectors.extend_from_slice(&row[..out]);
            row[out..].iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
        }
        if hidden > 0 {
            let left = Left::new(&self.first[out..], stride);
            let right = (&tower.weights[tower.second()..], out);
            add_product(
                tower.level,
                left,
                right,
                (&mut self.vectors, out),
                [self.rows, hidden, out],
            );
        }
        self.norms.clear();
        for vector in self.vectors.chunks_exact_mut(out) {
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(TINY);
            vector.iter_mut().for_each(|x| *x /= norm);
            self.norms.push(norm);
        }
    }

    /// From the errors of the vectors to those of the rows of ids.
    pub fn backward(&mut self, tower: &Tower, turned: &[Vec<f32>; 2]) {
        let (out, hidden, stride) = (tower.out, tower.hidden, tower.out + tower.hidden);
        self.back.clear();
        self.back.resize(self.rows * stride, 0.0);
        let rows = self.back.chunks_exact_mut(stride).zip(self.errors.chunks_exact(out));
        for ((back, errors), (vector, norm)) in
            rows.zip(self.vectors.chunks_exact(out).zip(&self.norms))
        {
            let along: f32 = errors.iter().zip(vector).map(|(e, x)| e * x).sum();
            let each = back.iter_mut().zip(errors.iter().zip(vector));
            each.for_each(|(back, (e, x))| *back = (e - x * along) / norm);
        }
        if hidden > 0 {
            let raw: Vec<f32> =
                self.back.chunks_exact(stride).flat_map(|row| &row[..out]).copied().collect();
            let right = (&*turned[1], hidden);
            let sizes = [self.rows, out, hidden];
            add_product(
                tower.level,
                Left::new(&raw, out),
                right,
                (&mut self.back[out..], stride),
                sizes,
            );
            for (back, first) in
                self.back.chunks_exact_mut(stride).zip(self.first.chunks_exact(stride))
            {
                let each = back[out..].iter_mut().zip(&first[out..]);
                each.for_each(|(e, &y)| *e = if y > 0.0 { *e } else { 0.0 });
            }
        }
        let width = tower.input - tower.dense;
        self.by_ids.clear();
        self.by_ids.resize(self.rows * width, 0.0);
        if width > 0 {
            let sizes = [self.rows, stride, width];
            let right = (&*turned[0], width);
            add_product(
                tower.level,
                Left::new(&self.back, stride),
                right,
                (&mut self.by_ids, width),
                sizes,
            );
        }
    }
}
