//! Features that know too much: alarms by what each predicts alone.
//!
//! A feature that tells the label nearly by itself was made from it, or has changed since. A column that is much better
//! on old examples than on new ones is a counter that already knew, when it was stored, what came after.

use super::TableError;
use super::block::Block;
use super::table::Table;
use crate::check::trained::{Target, Trained, may_change};
use crate::expr::ir::{Expr, Kind};
use crate::learn::net::Part;
use crate::store::learned::NULL_KEY;
use foldhash::HashMap;

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
    let step = table.blocks().div_ceil(BLOCKS).max(1);
    let places = (0..table.blocks()).step_by(step);
    let blocks = places.map(|number| table.block(number, 0)).collect::<Result<Vec<Block>, _>>()?;
    let model = &table.model;
    let parts: Vec<Part> = blocks.iter().flat_map(Block::parts).collect();
    let trained = parts.iter().filter(|&&part| part == Part::Train).count();
    // blocks are in the order of time
    let oldest = oldest(&parts, trained.div_ceil(10));
    let binary = |target: &Target| {
        matches!(target, Target::Edge { .. } | Target::Condition(_) | Target::Positives)
    };
    let mut found = Vec::new();
    for (head, described) in model.heads.iter().enumerate().filter(|(_, h)| binary(&h.target)) {
        let labels: Vec<f32> = blocks.iter().flat_map(|block| block.labels(head)).collect();
        for (place, feature) in table.features.iter().enumerate() {
            let Some(scores) = scores(&blocks, model, place, &parts, &labels) else { continue };
            let of = |keep: &dyn Fn(usize) -> bool| area(&scores, &labels, keep);
            let Some(Area { auc, .. }) = of(&|place| parts[place] == Part::Train) else { continue };
            let changes = reads_changing(table, &feature.expr);
            let old = of(&|place| oldest[place]);
            let fades = old.zip(of(&|place| parts[place] == Part::Test));
            // links before an example know nothing of what came after
            let fades = fades.filter(|(old, new)| changes && old.fades_to(new));
            let fades = fades.map(|(old, new)| (old.auc, new.auc));
            if auc > ANY || (auc > CHANGED && changes) || fades.is_some() {
                let (feature, head) = (feature.name.clone(), described.name.clone());
                found.push(Alarm { feature, head, auc, fades });
            }
        }
    }
    Ok(found)
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

/// What a feature says of each example: a number as it is, an id by the split of it from all others that tells most.
fn scores(
    blocks: &[Block],
    model: &Trained,
    place: usize,
    parts: &[Part],
    labels: &[f32],
) -> Option<Vec<f32>> {
    let (dense, sparse) = (model.inputs.dense.len(), model.inputs.sparse.len());
    if place < dense {
        return Some(blocks.iter().flat_map(|block| block.numbers(place)).collect());
    }
    if place >= dense + sparse {
        return None;
    }
    let mut keys = Vec::new();
    for block in blocks {
        let (own, offsets) = block.keys(place - dense);
        if offsets.is_some() {
            return None;
        }
        keys.extend(own);
    }
    let best = best_key(&keys, parts, labels)?;
    Some(keys.iter().map(|&key| f32::from(u8::from(key == best))).collect())
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
