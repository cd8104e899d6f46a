//! Examples as a model reads them.

use super::{Inputs, Shown, UNSEEN};

/// Rows of a table of ids, per example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdRows {
    /// One per example; with `offsets` those of all examples, one after the other, at least one for each.
    pub rows: Vec<u32>,
    /// Example `i` has the rows `offsets[i]..offsets[i + 1]`.
    pub offsets: Option<Vec<u32>>,
}

impl IdRows {
    /// Those of an example.
    pub fn of(&self, row: usize) -> &[u32] {
        match &self.offsets {
            None => std::slice::from_ref(&self.rows[row]),
            Some(offsets) => &self.rows[offsets[row] as usize..offsets[row + 1] as usize],
        }
    }
}

impl IdRows {
    fn picked(&self, rows: &[u32]) -> IdRows {
        let mut picked = IdRows::default();
        let mut ends = vec![0];
        for &row in rows {
            picked.rows.extend_from_slice(self.of(row as usize));
            ends.push(picked.rows.len() as u32);
        }
        IdRows { offsets: self.offsets.is_some().then_some(ends), ..picked }
    }
}

/// Examples as a model reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// How many.
    pub rows: usize,
    /// Numbers per row in `dense`: the dense inputs, and zeros up to a multiple of 16.
    pub stride: usize,
    /// The dense inputs, row by row.
    pub dense: Vec<f32>,
    /// Per sparse feature, rows of its table.
    pub ids: Vec<IdRows>,
    /// Per shown column, places in its values.
    pub shown: Vec<Vec<u32>>,
}

impl Encoded {
    /// The dense inputs of a row, with the padding.
    pub fn numbers(&self, row: usize) -> &[f32] {
        &self.dense[row * self.stride..][..self.stride]
    }

    /// The same rows with the shown values that are assumed in serving.
    pub(in crate::learn::net) fn as_served(&self, inputs: &Inputs) -> Encoded {
        let code = |shown: &Shown| vec![shown.served.unwrap_or(UNSEEN); self.rows];
        Encoded { shown: inputs.shown.iter().map(code).collect(), ..self.clone() }
    }

    /// Adds rows of the same inputs.
    pub fn append(&mut self, more: &Encoded) {
        if self.rows == 0 {
            *self = more.clone();
            return;
        }
        self.rows += more.rows;
        self.dense.extend_from_slice(&more.dense);
        for (ids, more) in self.ids.iter_mut().zip(&more.ids) {
            let before = ids.rows.len() as u32;
            ids.rows.extend_from_slice(&more.rows);
            if let (Some(offsets), Some(more)) = (&mut ids.offsets, &more.offsets) {
                offsets.extend(more[1..].iter().map(|end| before + end));
            }
        }
        for (shown, more) in self.shown.iter_mut().zip(&more.shown) {
            shown.extend_from_slice(more);
        }
    }

    /// Some rows, in that order.
    pub fn picked(&self, rows: &[u32]) -> Encoded {
        let shown = |shown: &Vec<u32>| rows.iter().map(|&row| shown[row as usize]).collect();
        Encoded {
            rows: rows.len(),
            stride: self.stride,
            dense: rows.iter().flat_map(|&row| self.numbers(row as usize)).copied().collect(),
            ids: self.ids.iter().map(|ids| ids.picked(rows)).collect(),
            shown: self.shown.iter().map(shown).collect(),
        }
    }

    /// Memory it takes.
    pub fn bytes(&self) -> usize {
        let ids =
            self.ids.iter().map(|ids| ids.rows.len() + ids.offsets.as_ref().map_or(0, Vec::len));
        let shown = self.shown.iter().map(Vec::len);
        4 * (self.dense.len() + ids.sum::<usize>() + shown.sum::<usize>())
    }
}
