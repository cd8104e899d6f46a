//! What is fitted on the training part: moments and quantiles of numbers, vocabularies of keys.

use super::{Dense, InputParams, Inputs, Shown, Sparse, width_of};
use crate::learn::Watch;
use crate::learn::net::ask;
use crate::learn::net::labels::Among;
use crate::learn::net::quantiles::{Summary, Summing};
use crate::learn::net::table::{
    Block, DenseColumn, Examples, Missing, NULL, Normalise, Part, ShownColumn, SparseColumn,
};
use crate::learn::net::wrong::{Note, Wrong};
use foldhash::{HashMap, HashMapExt};
use rayon::prelude::*;

/// What is gathered of each column.
pub(super) struct Fitting {
    dense: Vec<Summing>,
    sparse: Vec<HashMap<u64, u64>>,
    shown: Vec<HashMap<u64, u64>>,
    examples: u64,
}

impl Fitting {
    pub fn new(examples: &dyn Examples) -> Fitting {
        let layout = examples.layout();
        Fitting {
            dense: layout.dense.iter().map(|_| Summing::new()).collect(),
            sparse: layout.sparse.iter().map(|_| HashMap::new()).collect(),
            shown: layout.shown.iter().map(|_| HashMap::new()).collect(),
            examples: 0,
        }
    }

    pub fn read(
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
                ask(watch, "inputs", done, all)?;
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

    pub fn finish(
        self,
        examples: &dyn Examples,
        params: &InputParams,
    ) -> Result<(Inputs, Vec<Note>), Wrong> {
        let layout = examples.layout();
        if self.examples == 0 {
            return Err(Wrong::Empty { part: Part::Train });
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
