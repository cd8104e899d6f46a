//! A tower: its weights, and the vectors that it gives.

use super::super::Tensor;
use super::super::chance::Chance;
use super::super::ids::IdTable;
use super::super::inputs::{Encoded, Inputs, LANES};
use super::super::train::SHARD;
use super::super::wrong::Wrong;
use super::TwoTowerParams;
use super::climb::Climb;
use crate::cpu::Level;

/// What a tower reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Dense inputs.
    pub dense: usize,
    /// Per sparse feature, rows of its table and numbers per row.
    pub ids: Vec<(usize, usize)>,
    /// Per sparse feature, whether it is a history: the sum of the rows of its known ids, over the root of their number.
    pub histories: Vec<bool>,
}

impl Side {
    /// That of some inputs.
    pub fn new(inputs: &Inputs, histories: &[bool]) -> Side {
        Side {
            dense: inputs.width(),
            ids: inputs.sparse.iter().map(|sparse| (sparse.rows(), sparse.dim)).collect(),
            histories: histories.to_vec(),
        }
    }
}

/// A tower and its weights.
#[derive(Clone, Debug)]
pub struct Tower {
    pub(super) side: Side,
    pub(super) dim: usize,
    /// Padded widths: of the dense inputs, of all inputs, of the vector, of the hidden layer.
    pub(super) dense: usize,
    pub(super) input: usize,
    pub(super) out: usize,
    pub(super) hidden: usize,
    /// Inputs by vector and hidden layer, then hidden layer by vector.
    pub(super) weights: Vec<f32>,
    pub(super) tables: Vec<IdTable>,
    pub(super) level: Level,
}

impl Tower {
    /// One whose weights are all 0.
    fn empty(side: Side, dim: usize, hidden: usize) -> Tower {
        let widths: usize = side.ids.iter().map(|&(_, dim)| dim).sum();
        let padded = |width: usize| width.next_multiple_of(LANES);
        let dense = padded(side.dense);
        let (input, out, hidden) = (dense + padded(widths), padded(dim), padded(hidden));
        let table = |&(rows, dim): &(usize, usize)| IdTable { dim, weights: vec![0.0; rows * dim] };
        let tables = side.ids.iter().map(table).collect();
        let weights = vec![0.0; input * (out + hidden) + hidden * out];
        Tower { side, dim, dense, input, out, hidden, weights, tables, level: Level::detect() }
    }

    pub(super) fn new(side: Side, params: &TwoTowerParams, chance: Chance) -> Tower {
        let tables = side.ids.iter().enumerate();
        let table = |(n, &(rows, dim))| IdTable::new(rows, dim, chance.of(&format!("ids.{n}")));
        let tables: Vec<IdTable> = tables.map(table).collect();
        let mut tower = Tower { tables, ..Tower::empty(side, params.dim, params.hidden) };
        for (name, (places, sum)) in
            ["W0", "W1", "W2"].into_iter().zip(tower.matrices(params.hidden))
        {
            let most = (6.0 / sum as f64).sqrt();
            let mut random = chance.of(name).stream(0);
            for place in places {
                tower.weights[place] = (most * (2.0 * random.unit() - 1.0)) as f32;
            }
        }
        tower
    }

    /// The places of each matrix's weights, and the sum of its sizes.
    pub(super) fn matrices(&self, hidden: usize) -> [(Vec<usize>, usize); 3] {
        let widths: usize = self.side.ids.iter().map(|&(_, dim)| dim).sum();
        let inputs: Vec<usize> =
            (0..self.side.dense).chain(self.dense..self.dense + widths).collect();
        let stride = self.out + self.hidden;
        let matrix =
            |rows: &[usize], first: usize, width: usize, stride: usize| -> (Vec<usize>, usize) {
                let places = rows
                    .iter()
                    .flat_map(|row| (0..width).map(move |column| first + row * stride + column));
                (places.collect(), rows.len() + width)
            };
        let units: Vec<usize> = (0..hidden).collect();
        [
            matrix(&inputs, 0, self.dim, stride),
            matrix(&inputs, self.out, hidden, stride),
            matrix(&units, self.second(), self.dim, self.out),
        ]
    }

    /// Where the matrix behind the hidden layer begins.
    pub(super) fn second(&self) -> usize {
        self.input * (self.out + self.hidden)
    }

    /// The vectors of encoded rows, `dim` numbers each, of norm 1.
    pub fn vectors(&self, encoded: &Encoded) -> Vec<f32> {
        let mut climb = Climb::default();
        let mut all = Vec::with_capacity(encoded.rows * self.dim);
        let rows: Vec<u32> = (0..encoded.rows as u32).collect();
        for rows in rows.chunks(SHARD) {
            climb.load(self, encoded, rows, |_, id| Some(id));
            climb.forward(self);
            climb
                .vectors
                .chunks_exact(self.out)
                .for_each(|vector| all.extend_from_slice(&vector[..self.dim]));
        }
        all
    }

    /// The weights, without padding: `W0`, `W1`, `W2`, and the tables of ids.
    pub fn tensors(&self, hidden: usize) -> Vec<Tensor> {
        let mut all = Vec::new();
        for (name, (places, sum)) in ["W0", "W1", "W2"].into_iter().zip(self.matrices(hidden)) {
            let width = if name == "W1" { hidden } else { self.dim };
            let data = places.iter().map(|&place| self.weights[place]).collect();
            all.push(Tensor { name: name.into(), shape: vec![sum - width, width], data });
        }
        for (number, table) in self.tables.iter().enumerate() {
            let shape = vec![table.rows(), table.dim];
            all.push(Tensor {
                name: format!("ids.{number}.weight"),
                shape,
                data: table.weights.clone(),
            });
        }
        all
    }
}

impl Tower {
    /// The tower that [`Tower::tensors`] came from.
    ///
    /// # Errors
    ///
    /// A tensor that is not there, or has another shape.
    pub fn from_tensors(
        side: Side,
        dim: usize,
        hidden: usize,
        tensors: &[Tensor],
    ) -> Result<Tower, Wrong> {
        let mut tower = Tower::empty(side, dim, hidden);
        for expected in tower.tensors(hidden) {
            let found = tensors.iter().find(|tensor| tensor.name == expected.name);
            let fits = |tensor: &&Tensor| {
                tensor.shape == expected.shape && tensor.data.len() == expected.data.len()
            };
            let Some(tensor) = found.filter(fits) else {
                let found = found.map(|tensor| tensor.shape.clone());
                return Err(Wrong::Tensor { name: expected.name, expected: expected.shape, found });
            };
            tower.take(hidden, tensor);
        }
        Ok(tower)
    }

    fn take(&mut self, hidden: usize, tensor: &Tensor) {
        let matrices = ["W0", "W1", "W2"].into_iter().zip(self.matrices(hidden));
        for (_, (places, _)) in matrices.filter(|(name, _)| *name == tensor.name) {
            places.iter().zip(&tensor.data).for_each(|(&place, &x)| self.weights[place] = x);
        }
        for (number, table) in self.tables.iter_mut().enumerate() {
            if tensor.name == format!("ids.{number}.weight") {
                table.weights.copy_from_slice(&tensor.data);
            }
        }
    }
}
