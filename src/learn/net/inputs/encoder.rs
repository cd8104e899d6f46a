//! Columns to the inputs of a model.

use super::encoded::{Encoded, IdRows};
use super::{ABSENT, CLIP, Dense, FIRST, Inputs, LANES, UNKNOWN, UNSEEN};
use crate::learn::net::quantiles::{QUANTILES, plain};
use crate::learn::net::table::{Columns, Keys, Missing, NULL, Normalise};
use crate::learn::net::wrong::Wrong;
use foldhash::HashMap;

/// Inputs, ready to be applied.
pub struct Encoder {
    inputs: Inputs,
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
        out.dense.clear();
        out.dense.resize(columns.rows * out.stride, 0.0);
        let mut place = 0;
        for (dense, values) in self.inputs.dense.iter().zip(columns.dense) {
            if dense.missing == Missing::Error
                && let Some(row) = values.iter().position(|value| !value.is_finite())
            {
                return Err(Wrong::Null { feature: dense.name.clone(), row: row as u64 });
            }
            if dense.kept {
                dense.encode(values, &mut out.dense, out.stride, place);
                place += dense.inputs();
            }
        }
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

impl Dense {
    /// Writes the inputs of this feature at `place` of every row.
    fn encode(&self, values: &[f32], out: &mut [f32], stride: usize, place: usize) {
        let stand_in = if self.missing == Missing::Zero { 0.0 } else { self.mean };
        let of_null = self.pair(stand_in);
        for (&value, row) in values.iter().zip(out.chunks_exact_mut(stride)) {
            let value = plain(value);
            let (first, second) =
                if value.is_nan() { of_null } else { self.pair(f64::from(value)) };
            row[place] = first;
            if self.normalise == Normalise::Both {
                row[place + 1] = second;
            }
            if self.indicator {
                row[place + self.inputs() - 1] = if value.is_nan() { 1.0 } else { 0.0 };
            }
        }
    }

    fn pair(&self, value: f64) -> (f32, f32) {
        let zscore = ((value - self.mean) / self.deviation).clamp(-CLIP, CLIP) as f32;
        match self.normalise {
            Normalise::None => (value as f32, 0.0),
            Normalise::Zscore => (zscore, 0.0),
            Normalise::Both => (zscore, self.ramp(value)),
        }
    }

    /// The rank among the quantiles, on the scale of a deviation of 1.
    fn ramp(&self, value: f64) -> f32 {
        let rank = rank(&self.quantiles, value) / (QUANTILES - 1) as f64;
        ((2.0 * rank - 1.0) * 3f64.sqrt()) as f32
    }
}

/// Where a value lies among sorted ones, counted from 0: between two linearly, at several equal ones in the middle of them.
pub(super) fn rank(sorted: &[f64], value: f64) -> f64 {
    let below = before(sorted, |x| x < value);
    if below == sorted.len() {
        return (sorted.len() - 1) as f64;
    }
    if sorted[below] == value {
        let last = before(sorted, |x| x <= value) - 1;
        return (below + last) as f64 / 2.0;
    }
    if below == 0 {
        return 0.0;
    }
    let (low, high) = (sorted[below - 1], sorted[below]);
    (below - 1) as f64 + (value - low) / (high - low)
}

/// How many come before, as `partition_point`, but without branches that depend on the values.
#[inline(always)]
pub(super) fn before(sorted: &[f64], is_before: impl Fn(f64) -> bool) -> usize {
    let mut base = 0;
    let mut size = sorted.len();
    while size > 1 {
        let half = size / 2;
        base += if is_before(sorted[base + half - 1]) { half } else { 0 };
        size -= half;
    }
    base + usize::from(size == 1 && is_before(sorted[base]))
}
