//! Features that know too much: alarms by what each predicts alone.
//!
//! A feature that tells the label nearly by itself was made from it, or has changed since. A column that is much better
//! on old examples than on new ones is a counter that already knew, when it was stored, what came after.

use super::TableError;
use super::block::Block;
use super::table::Table;
use crate::check::trained::{Target, Trained, may_change};
use crate::expr::ir::{Expr, Kind};
use crate::learn::net::{self, Examples, Part};
use crate::store::learned::NULL_KEY;
use foldhash::HashMap;
use std::borrow::Cow;
use std::io;
use std::iter::StepBy;
use std::ops::Range;

/// Above it a feature that reads what may have changed since is reported.
const CHANGED: f64 = 0.95;
/// Above it any feature is.
const ANY: f64 = 0.99;
/// How much better on the oldest tenth of the training part than on the test part, and by how many standard errors.
const FADES: f64 = 0.05;
const ERRORS: f64 = 3.0;
/// Fewer examples of either label say nothing.
const FEWEST: usize = 20;
/// Blocks that are looked at.
const BLOCKS: usize = 16;

/// A feature that predicts a head suspiciously well, alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The feature.
    pub feature: String,
    /// The head.
    pub head: String,
    /// Its area under the curve in the training part: 0.5 says nothing, 1 tells all. A feature that is lower for
    /// positives counts as one that is higher.
    pub auc: f64,
    /// The same on the oldest tenth of the training part and on the test part, where that is what is suspicious.
    pub fades: Option<(f64, f64)>,
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Alarm { feature, head, auc, fades } = self;
        match fades {
            Some((old, new)) => write!(
                f,
                "`{feature}` alone predicts `{head}` with an AUC of {old:.3} in the oldest examples and {new:.3} in the test \
                 part\nhelp: a counter that was stored knows what came after: count links instead"
            ),
            None => write!(
                f,
                "`{feature}` alone predicts `{head}` with an AUC of {auc:.3}\nhelp: it may be made of the label, or have \
                 changed since: leave it out, or say why it is known before"
            ),
        }
    }
}

/// The alarms of a table, feature by feature. Of large tables some blocks are looked at.
///
/// # Errors
/// If a function fails that a Rust program has registered.
pub fn alarms(table: &Table) -> Result<Vec<Alarm>, TableError> {
    let mut suspects = Suspects::new(table);
    for number in sampled(table.blocks()) {
        suspects.take(number, &table.block(number, 0)?);
    }
    Ok(suspects.alarms())
}

/// The blocks of so many that are looked at, oldest first.
pub fn sampled(blocks: usize) -> StepBy<Range<usize>> {
    (0..blocks).step_by(blocks.div_ceil(BLOCKS).max(1))
}

/// The blocks of a table that are looked at, gathered as they come by.
pub struct Suspects<'t> {
    table: &'t Table<'t>,
    gathered: net::Table,
}

impl<'t> Suspects<'t> {
    /// Of no block yet.
    pub fn new(table: &'t Table<'t>) -> Suspects<'t> {
        Suspects { table, gathered: net::Table::default() }
    }

    /// The next block, if it is looked at.
    pub fn take(&mut self, number: usize, block: &Block) {
        if sampled(self.table.blocks()).any(|sampled| sampled == number) {
            self.gathered.blocks.push(block.plain());
        }
    }

    /// The alarms, when all blocks have come by.
    pub fn alarms(&self) -> Vec<Alarm> {
        let numbers: Vec<usize> = (0..self.gathered.blocks.len()).collect();
        // what is in memory can be read
        found(self.table, &self.gathered, &numbers).map(|(alarms, _)| alarms).unwrap_or_default()
    }
}

/// What a feature is without the others.
#[derive(Clone, Debug, Default)]
pub struct Alone {
    /// The share of the training part where it is there; none without examples.
    pub covered: Option<f64>,
    /// By head, as of [`Alarm::auc`]; without heads of which too few labels of either kind are known.
    pub auc: Vec<(String, f64)>,
}

/// The alarms of a table whose blocks were computed, which are read a column at a time, and what each feature is alone.
pub fn studied(table: &Table, examples: &dyn Examples) -> io::Result<(Vec<Alarm>, Vec<Alone>)> {
    let numbers: Vec<usize> = sampled(examples.blocks()).collect();
    found(table, examples, &numbers)
}

/// Of the examples that are looked at: what they are for, whether they are of the oldest tenth, and their labels by head.
struct Looked {
    parts: Vec<Part>,
    oldest: Vec<bool>,
    labels: Vec<Vec<f32>>,
}

fn found(
    table: &Table,
    examples: &dyn Examples,
    numbers: &[usize],
) -> io::Result<(Vec<Alarm>, Vec<Alone>)> {
    let binary = |target: &Target| {
        matches!(target, Target::Edge { .. } | Target::Condition(_) | Target::Positives)
    };
    let looked = looked(examples, numbers, table.model.heads.len())?;
    let heads = table.model.heads.iter().enumerate();
    let heads: Vec<_> = heads.filter(|(_, head)| binary(&head.target)).collect();
    let (mut found, mut all) = (Vec::new(), vec![Alone::default(); table.features.len()]);
    for (place, alone) in all.iter_mut().enumerate() {
        let says = says(examples, numbers, &table.model, place)?;
        alone.covered = looked.covered(&match &says {
            Some(says) => says.there(),
            None => there(examples, numbers, &table.model, place)?,
        });
        let Some(says) = says else { continue };
        for &(head, described) in &heads {
            let (auc, alarm) = alarm(table, place, &says, &looked, head);
            alone.auc.extend(auc.map(|auc| (described.name.clone(), auc)));
            found
                .extend(alarm.map(|alarm| (head, Alarm { head: described.name.clone(), ..alarm })));
        }
    }
    found.sort_by_key(|(head, _)| *head);
    Ok((found.into_iter().map(|(_, alarm)| alarm).collect(), all))
}

impl Looked {
    /// The share of the training part where something is there.
    fn covered(&self, there: &[bool]) -> Option<f64> {
        let own = self.parts.iter().zip(there).filter(|(part, _)| **part == Part::Train);
        let own: Vec<bool> = own.map(|(_, there)| *there).collect();
        let known = own.iter().filter(|there| **there).count();
        (!own.is_empty()).then(|| known as f64 / own.len() as f64)
    }
}

/// Where a list has an entry, or a vector is there.
fn there(
    examples: &dyn Examples,
    numbers: &[usize],
    model: &Trained,
    place: usize,
) -> io::Result<Vec<bool>> {
    let (dense, sparse) = (model.inputs.dense.len(), model.inputs.sparse.len());
    let mut all = Vec::new();
    for &number in numbers {
        match place.checked_sub(dense + sparse) {
            None => {
                let keys = examples.keys(number, place - dense)?;
                let offsets = keys.offsets.as_deref().unwrap_or_default();
                all.extend(offsets.windows(2).map(|ends| ends[1] > ends[0]));
            }
            // behind the numbers of a vector stands whether there is none
            Some(vector) => {
                let sizes = model.inputs.vectors[..=vector].iter();
                let columns: usize = sizes.map(|(_, expr)| expr.ty.numbers() + 1).sum();
                let absent = examples.numbers(number, dense + columns - 1)?;
                all.extend(absent.iter().map(|&absent| absent == 0.0));
            }
        }
    }
    Ok(all)
}

fn looked(examples: &dyn Examples, numbers: &[usize], heads: usize) -> io::Result<Looked> {
    let (mut parts, mut labels) = (Vec::new(), vec![Vec::new(); heads]);
    for &number in numbers {
        let block = examples.outcomes(number)?;
        parts.extend_from_slice(&block.parts);
        labels.iter_mut().zip(&block.labels).for_each(|(all, own)| all.extend_from_slice(own));
    }
    let trained = parts.iter().filter(|&&part| part == Part::Train).count();
    // blocks are in the order of time
    let oldest = oldest(&parts, trained.div_ceil(10));
    Ok(Looked { parts, oldest, labels })
}

/// What a feature alone says of a head, and an alarm if that is suspicious.
fn alarm(
    table: &Table,
    place: usize,
    says: &Says,
    looked: &Looked,
    head: usize,
) -> (Option<f64>, Option<Alarm>) {
    let (feature, labels) = (&table.features[place], &looked.labels[head]);
    let Some(scores) = says.scores(&looked.parts, labels) else { return (None, None) };
    let of = |keep: &dyn Fn(usize) -> bool| area(&scores, labels, keep);
    let Some(Area { auc, .. }) = of(&|place| looked.parts[place] == Part::Train) else {
        return (None, None);
    };
    let changes = reads_changing(table, &feature.expr);
    let old = of(&|place| looked.oldest[place]);
    let fades = old.zip(of(&|place| looked.parts[place] == Part::Test));
    // links before an example know nothing of what came after
    let fades = fades.filter(|(old, new)| changes && old.fades_to(new));
    let fades = fades.map(|(old, new)| (old.auc, new.auc));
    let is_one = auc > ANY || (auc > CHANGED && changes) || fades.is_some();
    let (feature, head) = (feature.name.clone(), String::new());
    (Some(auc), is_one.then_some(Alarm { feature, head, auc, fades }))
}

/// The first so many of the training part.
fn oldest(parts: &[Part], most: usize) -> Vec<bool> {
    let mut left = most;
    let is_old = |part: &Part| {
        let is = *part == Part::Train && left > 0;
        left -= usize::from(is);
        is
    };
    parts.iter().map(is_old).collect()
}

/// What a feature says of each example.
enum Says {
    Numbers(Vec<f32>),
    Keys(Vec<u64>),
}

/// None for lists and vectors.
fn says(
    examples: &dyn Examples,
    numbers: &[usize],
    model: &Trained,
    place: usize,
) -> io::Result<Option<Says>> {
    let (dense, sparse) = (model.inputs.dense.len(), model.inputs.sparse.len());
    if place < dense {
        let mut all = Vec::new();
        for &number in numbers {
            all.extend_from_slice(&examples.numbers(number, place)?);
        }
        return Ok(Some(Says::Numbers(all)));
    }
    let mut all = Vec::new();
    for &number in numbers {
        if place >= dense + sparse {
            return Ok(None);
        }
        let keys = examples.keys(number, place - dense)?;
        if keys.offsets.is_some() {
            return Ok(None);
        }
        all.extend_from_slice(&keys.keys);
    }
    Ok(Some(Says::Keys(all)))
}

impl Says {
    /// Where it is not null.
    fn there(&self) -> Vec<bool> {
        match self {
            Says::Numbers(numbers) => numbers.iter().map(|number| !number.is_nan()).collect(),
            Says::Keys(keys) => keys.iter().map(|&key| key != NULL_KEY).collect(),
        }
    }

    /// A number as it is, an id by the split of it from all others that tells most.
    fn scores(&self, parts: &[Part], labels: &[f32]) -> Option<Cow<'_, [f32]>> {
        match self {
            Says::Numbers(numbers) => Some(Cow::Borrowed(numbers)),
            Says::Keys(keys) => {
                let best = best_key(keys, parts, labels)?;
                let is_best = |&key: &u64| f32::from(u8::from(key == best));
                Some(Cow::Owned(keys.iter().map(is_best).collect()))
            }
        }
    }
}

/// The key that divides the training part best: a tree of depth 1.
fn best_key(keys: &[u64], parts: &[Part], labels: &[f32]) -> Option<u64> {
    let mut counts: HashMap<u64, [f64; 2]> = HashMap::default();
    let mut all = [0.0f64; 2];
    for ((&key, &part), &label) in keys.iter().zip(parts).zip(labels) {
        if part == Part::Train && !label.is_nan() && key != NULL_KEY {
            let class = usize::from(label > 0.5);
            counts.entry(key).or_default()[class] += 1.0;
            all[class] += 1.0;
        }
    }
    let tells = |count: &[f64; 2]| (count[1] / all[1].max(1.0) - count[0] / all[0].max(1.0)).abs();
    let best = counts.iter().max_by(|(a, x), (b, y)| tells(x).total_cmp(&tells(y)).then(b.cmp(a)));
    best.map(|(&key, _)| key)
}

/// An area under the curve, and its standard error where the feature says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    auc: f64,
    error: f64,
}

impl Area {
    /// Whether another is lower than chance makes it.
    fn fades_to(&self, other: &Area) -> bool {
        let less = self.auc - other.auc;
        less >= FADES && less >= ERRORS * self.error.hypot(other.error)
    }
}

/// The area under the curve of some examples, ties counted half, at least 0.5; none with too few of either label.
fn area(scores: &[f32], labels: &[f32], keep: &dyn Fn(usize) -> bool) -> Option<Area> {
    let known =
        |place: &usize| keep(*place) && !labels[*place].is_nan() && !scores[*place].is_nan();
    let mut places: Vec<usize> = (0..scores.len()).filter(known).collect();
    places.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut negatives, mut positives, mut won) = (0.0, 0.0, 0.0);
    for tied in places.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let up = tied.iter().filter(|&&place| labels[place] > 0.5).count() as f64;
        let down = tied.len() as f64 - up;
        won += up * (negatives + down / 2.0);
        negatives += down;
        positives += up;
    }
    let fewest = FEWEST as f64;
    let auc =
        (positives >= fewest && negatives >= fewest).then(|| won / (positives * negatives))?;
    let error = ((1.0 / positives + 1.0 / negatives) / 12.0).sqrt();
    Some(Area { auc: auc.max(1.0 - auc), error })
}

/// Whether an expression reads a number or a bool of a table that may have changed since.
fn reads_changing(table: &Table, expr: &Expr) -> bool {
    let mut reads = false;
    expr.walk(&mut |part| {
        if let Kind::Read { entity, column, .. } = part.kind {
            reads |= may_change(table.scene.snapshot.schema(), entity, column);
        }
    });
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_ties_half() {
        let labels: Vec<f32> = (0..80).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
        let all = |_| true;
        let auc = |scores: &[f32]| area(scores, &labels, &all).map(|area| area.auc);
        assert_eq!(auc(&[0.0; 80]), Some(0.5));
        assert_eq!(auc(&labels), Some(1.0));
        let flipped: Vec<f32> = labels.iter().map(|x| 1.0 - x).collect();
        assert_eq!(auc(&flipped), Some(1.0));
        // half of the positives are told, the others tie with all negatives
        let half: Vec<f32> = (0..80).map(|i| f32::from(u8::from(i % 4 == 1))).collect();
        assert_eq!(auc(&half), Some(0.75));
        assert_eq!(area(&labels[..30], &labels[..30], &all), None);
    }

    #[test]
    fn the_best_key_is_the_one_that_tells_most() {
        let keys = [7, 7, 7, 8, 8, 9, NULL_KEY, 7];
        let labels = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let parts = [Part::Train; 8];
        assert_eq!(best_key(&keys, &parts, &labels), Some(8));
        let mut parts = parts;
        parts[3] = Part::Test;
        parts[4] = Part::Test;
        assert_eq!(best_key(&keys, &parts, &labels), Some(7));
    }
}
