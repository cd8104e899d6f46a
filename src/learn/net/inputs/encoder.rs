//! Columns to the inputs of a model.

use super::encoded::{Encoded, IdRows};
use super::{ABSENT, FIRST, Inputs, LANES, UNKNOWN, UNSEEN};
use crate::cpu::Level;
use crate::learn::net::numbers::{self, Numbers};
use crate::learn::net::table::{Columns, Keys, Missing, NULL};
use crate::learn::net::wrong::Wrong;
use foldhash::HashMap;

/// Inputs, ready to be applied.
pub struct Encoder {
    inputs: Inputs,
    /// Of the dense features.
    numbers: Vec<Numbers>,
    level: Level,
    places: Vec<HashMap<u64, u32>>,
    shown: Vec<HashMap<u64, u32>>,
}

impl Encoder {
    /// Prepares what is looked up.
    pub fn new(inputs: Inputs) -> Encoder {
        let numbered = |keys: &[u64], first: u32| -> HashMap<u64, u32> {
            keys.iter().zip(first..).map(|(&key, place)| (key, place)).collect()
        };
        Encoder {
            places: inputs.sparse.iter().map(|sparse| numbered(&sparse.keys, FIRST)).collect(),
            shown: inputs.shown.iter().map(|shown| numbered(&shown.values, 0)).collect(),
            numbers: inputs.dense.iter().map(Numbers::new).collect(),
            level: Level::detect(),
            inputs,
        }
    }

    /// What is applied.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    pub(in crate::learn::net) fn into_inputs(self) -> Inputs {
        self.inputs
    }

    /// Encodes rows into `out`, whose memory is used again. A null where nulls are errors is one.
    pub fn encode(&self, columns: &Columns<'_>, out: &mut Encoded) -> Result<(), Wrong> {
        columns.check(
            self.inputs.dense.iter().map(|dense| &*dense.name),
            self.inputs.sparse.iter().map(|sparse| &*sparse.name),
            self.inputs.shown.iter().map(|shown| &*shown.name),
        )?;
        out.rows = columns.rows;
        self.encode_dense(columns, out)?;
        out.ids.resize_with(self.inputs.sparse.len(), IdRows::default);
        for (number, ids) in out.ids.iter_mut().enumerate() {
            self.encode_ids(number, &columns.sparse[number], columns.rows, ids);
        }
        self.encode_shown(columns, &mut out.shown);
        Ok(())
    }

    /// The same of rows whose keys were looked up already; takes `ids`, and leaves others there.
    ///
    /// # Errors
    ///
    /// Columns that are not those of the model, or a null where nulls are errors.
    pub fn encode_beside(
        &self,
        columns: &Columns<'_>,
        ids: &mut Vec<IdRows>,
        out: &mut Encoded,
    ) -> Result<(), Wrong> {
        let shown = self.inputs.shown.iter().map(|shown| &*shown.name);
        columns.check(self.inputs.dense.iter().map(|dense| &*dense.name), [].into_iter(), shown)?;
        out.rows = columns.rows;
        self.encode_dense(columns, out)?;
        std::mem::swap(&mut out.ids, ids);
        self.encode_shown(columns, &mut out.shown);
        Ok(())
    }

    fn encode_dense(&self, columns: &Columns<'_>, out: &mut Encoded) -> Result<(), Wrong> {
        out.stride = self.inputs.width().next_multiple_of(LANES);
        out.dense.resize(columns.rows * out.stride, 0.0);
        for (dense, values) in self.inputs.dense.iter().zip(columns.dense) {
            if dense.missing == Missing::Error
                && let Some(row) = values.iter().position(|value| !value.is_finite())
            {
                return Err(Wrong::Null { feature: dense.name.clone(), row: row as u64 });
            }
        }
        numbers::encode(self.level, &self.numbers, columns.dense, (&mut out.dense, out.stride));
        Ok(())
    }

    fn encode_ids(&self, number: usize, keys: &Keys, rows: usize, ids: &mut IdRows) {
        ids.rows.clear();
        let Some(_) = &keys.offsets else {
            ids.offsets = None;
            ids.rows.extend(keys.keys.iter().map(|&key| self.row_of(number, key)));
            return;
        };
        let offsets = ids.offsets.get_or_insert_default();
        offsets.clear();
        offsets.push(0);
        for row in 0..rows {
            match keys.of(row) {
                [] => ids.rows.push(ABSENT),
                some => ids.rows.extend(some.iter().map(|&key| self.row_of(number, key))),
            }
            offsets.push(ids.rows.len() as u32);
        }
    }

    /// The row of the table of a sparse column that a key reads.
    pub fn row_of(&self, number: usize, key: u64) -> u32 {
        if key == NULL {
            return ABSENT;
        }
        match self.inputs.sparse[number].buckets {
            Some(n) if key < u64::from(n) => FIRST + key as u32,
            Some(_) => UNKNOWN,
            None => self.places[number].get(&key).copied().unwrap_or(UNKNOWN),
        }
    }

    fn encode_shown(&self, columns: &Columns<'_>, out: &mut Vec<Vec<u32>>) {
        out.resize_with(self.inputs.shown.len(), Vec::new);
        for (number, codes) in out.iter_mut().enumerate() {
            codes.clear();
            match columns.shown.get(number) {
                None => {
                    let served = self.inputs.shown[number].served.unwrap_or(UNSEEN);
                    codes.resize(columns.rows, served);
                }
                Some(values) => {
                    let code = |value: &u64| self.shown[number].get(value).copied();
                    codes.extend(values.iter().map(|value| code(value).unwrap_or(UNSEEN)));
                }
            }
        }
    }
}
