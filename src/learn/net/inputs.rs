//! Columns to the inputs of a model: what is fitted on the training part, and how it is applied, in training and serving alike.

use super::Watch;
use super::labels::Among;
use super::quantiles::{QUANTILES, Summary, Summing, plain};
use super::table::{
    BLOCK, Block, Columns, DenseColumn, Examples, Keys, Missing, NULL, Normalise, ShownColumn,
    SparseColumn,
};
use super::wrong::{Note, Wrong};
use foldhash::{HashMap, HashMapExt};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The row of a table of ids that stands for all keys outside the vocabulary.
pub const UNKNOWN: u32 = 0;
/// The row that stands for null, and for an empty list.
pub const ABSENT: u32 = 1;
/// The row of the first key.
const FIRST: u32 = 2;
/// The code of a shown value that did not occur in training.
pub(super) const UNSEEN: u32 = u32::MAX;
/// Rows of encoded numbers are padded to a multiple of this.
pub(super) const LANES: usize = 16;
/// Z-scores are clipped to this.
const CLIP: f64 = 5.0;

/// What is not in the layout of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputParams {
    /// How often a key must occur in the training part to be known.
    pub min_count: u64,
}

impl Default for InputParams {
    fn default() -> InputParams {
        InputParams { min_count: 3 }
    }
}

/// All that turns columns into inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Dense features.
    pub dense: Vec<Dense>,
    /// Sparse features.
    pub sparse: Vec<Sparse>,
    /// What shifts the labels.
    pub shown: Vec<Shown>,
}

/// A dense feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Its name.
    pub name: String,
    /// How its numbers become inputs.
    pub normalise: Normalise,
    /// What stands for nulls.
    pub missing: Missing,
    /// Whether it is read; one that is constant in the training part is not.
    pub kept: bool,
    /// Whether an input says that it is null.
    pub indicator: bool,
    /// Nulls in the training part.
    pub nulls: u64,
    /// Mean of the training part's values.
    pub mean: f64,
    /// Their deviation.
    pub deviation: f64,
    /// Their quantiles, if these are read: 65, or none if there are no values.
    pub quantiles: Vec<f64>,
}

/// A sparse feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    /// Its name.
    pub name: String,
    /// If given, keys are numbers below this one, and there is no vocabulary.
    pub buckets: Option<u32>,
    /// The vocabulary: key `i` reads row `i + 2` of the table; row 0 is for keys outside of it, row 1 for null.
    pub keys: Vec<u64>,
    /// Numbers per row.
    pub dim: usize,
}

/// A column that shifts the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its values in the training part, the most frequent first.
    pub values: Vec<u64>,
    /// The place in `values` of the one assumed in serving; `None`: it did not occur, and shifts nothing.
    pub served: Option<u32>,
}

/// Width of the rows for a vocabulary of `n` keys.
pub fn width_of(n: u64) -> usize {
    ((n as f64).sqrt().sqrt() / 2.0).round().clamp(4.0, 16.0) as usize
}

impl Sparse {
    /// Rows of its table.
    pub fn rows(&self) -> usize {
        FIRST as usize + self.buckets.map_or(self.keys.len(), |n| n as usize)
    }
}

impl Dense {
    /// How many inputs it makes.
    pub fn inputs(&self) -> usize {
        let numbers = if self.normalise == Normalise::Both { 2 } else { 1 };
        if self.kept { numbers + usize::from(self.indicator) } else { 0 }
    }
}

impl Inputs {
    /// How many inputs the dense features make.
    pub fn width(&self) -> usize {
        self.dense.iter().map(Dense::inputs).sum()
    }

    /// Fits them to the training part of a table. Memory: 2 MB per dense feature, and the keys.
    ///
    /// # Errors
    ///
    /// No such examples, a null where nulls are errors, columns that are not those of the layout, or the caller's wish
    /// to stop.
    pub fn fitted(
        examples: &dyn Examples,
        params: &InputParams,
        watch: &dyn Watch,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        Inputs::fit(examples, Among::Train, params, watch)
    }

    /// Fits them to the examples of a table that are `among` some. Memory: 2 MB per dense feature, and the keys.
    pub(super) fn fit(
        examples: &dyn Examples,
        among: Among,
        params: &InputParams,
        watch: &dyn Watch,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        let mut fitting = Fitting::new(examples);
        fitting.read(examples, among, watch)?;
        fitting.finish(examples, params)
    }
}

/// What is gathered of each column.
struct Fitting {
    dense: Vec<Summing>,
    sparse: Vec<HashMap<u64, u64>>,
    shown: Vec<HashMap<u64, u64>>,
    examples: u64,
}

impl Fitting {
    fn new(examples: &dyn Examples) -> Fitting {
        let layout = examples.layout();
        Fitting {
            dense: layout.dense.iter().map(|_| Summing::new()).collect(),
            sparse: layout.sparse.iter().map(|_| HashMap::new()).collect(),
            shown: layout.shown.iter().map(|_| HashMap::new()).collect(),
            examples: 0,
        }
    }

    fn read(
        &mut self,
        examples: &dyn Examples,
        among: Among,
        watch: &dyn Watch,
    ) -> Result<(), Wrong> {
        let blocks = examples.blocks();
        let all = (blocks * Summing::PASSES) as u64;
        let mut done = 0;
        for pass in 0..Summing::PASSES {
            for number in 0..blocks {
                super::ask(watch, "inputs", done, all)?;
                let block = examples.block(number, 0)?;
                if pass == 0 {
                    block.check(examples.layout())?;
                    self.count(&block, examples, among);
                }
                self.dense.par_iter_mut().zip(&block.dense).for_each(|(summing, values)| {
                    summing.read(among.rows(&block).map(|row| values[row]));
                });
                done += 1;
            }
            self.dense.par_iter_mut().for_each(Summing::next);
        }
        Ok(())
    }

    fn count(&mut self, block: &Block, examples: &dyn Examples, among: Among) {
        self.examples += among.rows(block).count() as u64;
        let columns = &examples.layout().sparse;
        self.sparse.par_iter_mut().zip(&block.sparse).zip(columns).for_each(
            |((counts, keys), column)| {
                if column.buckets.is_none() {
                    let all = among.rows(block).flat_map(|row| keys.of(row));
                    all.filter(|&&key| key != NULL)
                        .for_each(|&key| *counts.entry(key).or_default() += 1);
                }
            },
        );
        for (counts, values) in self.shown.iter_mut().zip(&block.shown) {
            let all = among.rows(block).map(|row| values[row]);
            all.filter(|&value| value != NULL)
                .for_each(|value| *counts.entry(value).or_default() += 1);
        }
    }

    fn finish(
        self,
        examples: &dyn Examples,
        params: &InputParams,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        let layout = examples.layout();
        if self.examples == 0 {
            return Err(Wrong::Empty { part: super::Part::Train });
        }
        let mut notes = Vec::new();
        let dense = layout.dense.iter().zip(self.dense).map(|(column, summing)| {
            let made = dense(column, summing.finish());
            made.inspect(|dense| notes.extend(left_out(dense)))
        });
        let dense = dense.collect::<Result<Vec<Dense>, Wrong>>()?;
        let sparse = layout.sparse.iter().zip(self.sparse).map(|(column, counts)| {
            let keys = counts.len() as u64;
            let made = sparse(column, counts, params.min_count);
            if made.buckets.is_none() && made.keys.is_empty() {
                let feature = column.name.clone();
                notes.push(Note::NoKnownKeys { feature, min_count: params.min_count, keys });
            }
            made
        });
        let sparse = sparse.collect();
        let shown =
            layout.shown.iter().zip(self.shown).map(|(column, counts)| shown(column, counts));
        let inputs = Inputs { dense, sparse, shown: shown.collect() };
        if inputs.width() == 0 && inputs.sparse.is_empty() {
            return Err(Wrong::NoInputs);
        }
        Ok((inputs, notes))
    }
}

fn dense(column: &DenseColumn, summary: Summary) -> Result<Dense, Wrong> {
    if column.missing == Missing::Error && summary.nulls > 0 {
        return Err(Wrong::Null { feature: column.name.clone(), row: 0 });
    }
    let varies = summary.quantiles.first() != summary.quantiles.last();
    // of one that is left out they say why
    let is_read = column.normalise == Normalise::Both || !varies;
    Ok(Dense {
        name: column.name.clone(),
        normalise: column.normalise,
        missing: column.missing,
        kept: varies,
        indicator: column.missing == Missing::Indicator && summary.nulls > 0,
        nulls: summary.nulls,
        mean: summary.mean,
        deviation: summary.deviation,
        quantiles: if is_read { summary.quantiles } else { Vec::new() },
    })
}

fn left_out(dense: &Dense) -> Option<Note> {
    let feature = dense.name.clone();
    match dense.quantiles.first() {
        _ if dense.kept => None,
        None => Some(Note::AllNull { feature }),
        Some(&value) => Some(Note::Constant { feature, value: value as f32 }),
    }
}

/// The most frequent first, equally frequent ones by key.
fn ranked(counts: HashMap<u64, u64>, least: u64) -> Vec<u64> {
    let mut all: Vec<(u64, u64)> =
        counts.into_iter().filter(|&(_, count)| count >= least).collect();
    all.sort_unstable_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
    all.into_iter().map(|(key, _)| key).collect()
}

fn sparse(column: &SparseColumn, counts: HashMap<u64, u64>, least: u64) -> Sparse {
    let keys = ranked(counts, least);
    let n = column.buckets.map_or(keys.len() as u64, u64::from);
    let dim = column.dim.unwrap_or_else(|| width_of(n));
    Sparse { name: column.name.clone(), buckets: column.buckets, keys, dim }
}

fn shown(column: &ShownColumn, counts: HashMap<u64, u64>) -> Shown {
    let values = ranked(counts, 1);
    let served = match column.served {
        None => (!values.is_empty()).then_some(0),
        Some(value) => values.iter().position(|&v| v == value).map(|place| place as u32),
    };
    Shown { name: column.name.clone(), values, served }
}

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
    pub(super) fn as_served(&self, inputs: &Inputs) -> Encoded {
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

    pub(super) fn into_inputs(self) -> Inputs {
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
fn rank(sorted: &[f64], value: f64) -> f64 {
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
fn before(sorted: &[f64], is_before: impl Fn(f64) -> bool) -> usize {
    let mut base = 0;
    let mut size = sorted.len();
    while size > 1 {
        let half = size / 2;
        base += if is_before(sorted[base + half - 1]) { half } else { 0 };
        size -= half;
    }
    base + usize::from(size == 1 && is_before(sorted[base]))
}

/// Where the examples of a block begin in the table.
pub(super) fn first_of(block: usize) -> u64 {
    block as u64 * BLOCK as u64
}

#[cfg(test)]
mod tests {
    use super::super::table::{Layout, Part, Table};
    use super::super::testing::{dense, sparse, world};
    use super::*;
    use crate::learn::Unwatched;

    fn table(dense_values: Vec<f32>, column: DenseColumn) -> Table {
        let rows = dense_values.len();
        let block = Block {
            dense: vec![dense_values],
            sparse: vec![Keys { keys: vec![7; rows], offsets: None }],
            parts: vec![Part::Train; rows],
            viewers: vec![0; rows],
            ..Block::default()
        };
        let layout =
            Layout { dense: vec![column], sparse: vec![sparse("id")], ..Layout::default() };
        Table { layout, blocks: vec![block] }
    }

    fn fitted(table: &Table) -> (Inputs, Vec<Note>) {
        Inputs::fit(table, Among::Train, &InputParams::default(), &Unwatched).unwrap()
    }

    fn encoded(inputs: &Inputs, columns: &Columns<'_>) -> Encoded {
        let mut out = Encoded::default();
        Encoder::new(inputs.clone()).encode(columns, &mut out).unwrap();
        out
    }

    #[test]
    fn numbers_become_zscores_and_ranks() {
        let values: Vec<f32> = (0..129).map(|i| i as f32).collect();
        let table = table(values.clone(), dense("x"));
        let (inputs, notes) = fitted(&table);
        assert!(notes.is_empty());
        let out = encoded(&inputs, &table.blocks[0].columns());
        let deviation =
            (values.iter().map(|v| (v - 64.0) * (v - 64.0)).sum::<f32>() / 129.0).sqrt();
        for (row, value) in values.iter().enumerate() {
            let numbers = out.numbers(row);
            assert!((numbers[0] - (value - 64.0) / deviation).abs() < 1e-5);
            assert!((numbers[1] - (value / 64.0 - 1.0) * 3f32.sqrt()).abs() < 1e-5);
            assert!(numbers[2..].iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn ends_clamp_and_ties_take_the_middle() {
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 0.0), 1.0);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 0.5), 2.5);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 2.0), 3.5);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], -9.0), 0.0);
        assert_eq!(rank(&[0.0, 0.0, 0.0, 1.0, 3.0], 9.0), 4.0);
        assert_eq!(rank(&[0.0, 1.0, 1.0], 1.0), 1.5);
        let sorted: Vec<f64> = (0..65).map(|i| f64::from(i / 3)).collect();
        for value in -2..50 {
            let value = f64::from(value) / 2.0;
            let below = sorted.iter().filter(|&&x| x < value).count();
            assert_eq!(before(&sorted, |x| x < value), below);
        }
        let far: Vec<f32> = (0..100).map(|i| if i == 0 { 1e30 } else { (i % 2) as f32 }).collect();
        let table = table(far, dense("x"));
        let out = encoded(&fitted(&table).0, &table.blocks[0].columns());
        assert_eq!(out.numbers(0)[0], 5.0);
    }

    #[test]
    fn what_stands_for_null() {
        let values = vec![1.0, f32::NAN, 3.0, f32::INFINITY];
        for (missing, stand_in, width) in
            [(Missing::Indicator, 2.0, 2), (Missing::Mean, 2.0, 1), (Missing::Zero, 0.0, 1)]
        {
            let column = DenseColumn { name: "x".into(), normalise: Normalise::None, missing };
            let table = table(values.clone(), column);
            let inputs = fitted(&table).0;
            assert_eq!(inputs.width(), width);
            let out = encoded(&inputs, &table.blocks[0].columns());
            let (first, null, infinite) = (out.numbers(0), out.numbers(1), out.numbers(3));
            assert_eq!((first[0], null[0], infinite), (1.0, stand_in, null));
            if missing == Missing::Indicator {
                assert_eq!((first[1], null[1]), (0.0, 1.0));
            }
        }
    }

    #[test]
    fn nulls_are_an_error_where_they_are_one() {
        let column =
            DenseColumn { name: "age".into(), normalise: Normalise::Both, missing: Missing::Error };
        let with = table(vec![1.0, f32::NAN], column.clone());
        let found = Inputs::fit(&with, Among::Train, &InputParams::default(), &Unwatched);
        assert!(matches!(found, Err(Wrong::Null { feature, .. }) if feature == "age"));
        let without = table(vec![1.0, 2.0], column);
        let encoder = Encoder::new(fitted(&without).0);
        let found = encoder.encode(&with.blocks[0].columns(), &mut Encoded::default());
        assert!(matches!(found, Err(Wrong::Null { row: 1, .. })));
    }

    #[test]
    fn what_does_not_vary_is_left_out() {
        for (values, note) in [
            (vec![2.5; 5], Note::Constant { feature: "x".into(), value: 2.5 }),
            (vec![f32::NAN; 5], Note::AllNull { feature: "x".into() }),
            (vec![f32::INFINITY; 5], Note::AllNull { feature: "x".into() }),
            (vec![0.0, -0.0], Note::Constant { feature: "x".into(), value: 0.0 }),
        ] {
            let table = table(values, dense("x"));
            let (inputs, notes) = fitted(&table);
            assert_eq!((inputs.width(), &notes[0]), (0, &note));
            assert!(encoded(&inputs, &table.blocks[0].columns()).dense.is_empty());
        }
    }

    #[test]
    fn nothing_but_constants_is_no_input() {
        let mut table = table(vec![1.0; 5], dense("x"));
        table.layout.sparse.clear();
        table.blocks[0].sparse.clear();
        let found = Inputs::fit(&table, Among::Train, &InputParams::default(), &Unwatched);
        assert!(matches!(found, Err(Wrong::NoInputs)));
        table.blocks.clear();
        let found = Inputs::fit(&table, Among::Train, &InputParams::default(), &Unwatched);
        assert!(matches!(found, Err(Wrong::Empty { part: Part::Train })));
    }

    #[test]
    fn keys_read_their_row_or_that_of_the_unknown() {
        let mut table = table(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], dense("x"));
        table.blocks[0].sparse[0] = Keys {
            keys: vec![9, 9, 9, 4, 4, 4, 4, 5, NULL, 8, 8, 8],
            offsets: Some(vec![0, 3, 5, 5, 7, 8, 9, 12, 12]),
        };
        // the last two examples are not in the training part
        table.blocks[0].parts[6] = Part::Test;
        table.blocks[0].parts[7] = Part::Validation;
        let (inputs, _) = fitted(&table);
        assert_eq!(inputs.sparse[0].keys, [4, 9]);
        let out = encoded(&inputs, &table.blocks[0].columns());
        let rows: Vec<&[u32]> = (0..8).map(|row| out.ids[0].of(row)).collect();
        assert_eq!(rows, [&[3, 3, 3][..], &[2, 2], &[1], &[2, 2], &[0], &[1], &[0, 0, 0], &[1]]);
    }

    #[test]
    fn hashed_keys_need_no_vocabulary() {
        let mut table = table(vec![0.0, 1.0, 2.0], dense("x"));
        table.layout.sparse[0].buckets = Some(10);
        table.blocks[0].sparse[0].keys = vec![9, 10, NULL];
        let (inputs, _) = fitted(&table);
        assert_eq!((inputs.sparse[0].rows(), inputs.sparse[0].dim), (12, 4));
        assert_eq!(encoded(&inputs, &table.blocks[0].columns()).ids[0].rows, [11, 0, 1]);
    }

    #[test]
    fn widths_follow_the_vocabulary() {
        let found: Vec<usize> = [0, 1, 4096, 10_000, 1 << 20, 1 << 40].map(width_of).into();
        assert_eq!(found, [4, 4, 4, 5, 16, 16]);
    }

    #[test]
    fn serving_assumes_the_most_frequent_value() {
        let mut world = world(500, 1);
        world.blocks[0].shown[0].iter_mut().take(300).for_each(|value| *value = 2);
        let (inputs, _) = fitted(&world);
        assert_eq!(inputs.shown[0].values[0], 2);
        let columns = Columns { shown: &[], ..world.blocks[0].columns() };
        let out = encoded(&inputs, &columns);
        assert!(out.shown[0].iter().all(|&code| code == 0));
        world.layout.shown[0].served = Some(77);
        assert_eq!(fitted(&world).0.shown[0].served, None);
    }

    #[test]
    fn inputs_survive_json() {
        let (inputs, _) = fitted(&world(300, 2));
        let text = serde_json::to_string(&inputs).unwrap();
        assert_eq!(serde_json::from_str::<Inputs>(&text).unwrap(), inputs);
    }
}
