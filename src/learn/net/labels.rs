//! What the labels of each part are like, before anything is trained.

use super::Watch;
use super::table::{Block, Examples, Head, Part, Target};
use super::wrong::{Note, Wrong};
use serde::{Deserialize, Serialize};

/// Fewest positives and negatives of a head in the training part.
const LEAST: u64 = 20;

/// Which examples are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// Those of the training part.
    Train,
    /// Those of all parts.
    All,
}

impl Among {
    /// Whether examples of a part belong to them.
    pub fn has(self, part: Part) -> bool {
        self == Among::All || part == Part::Train
    }

    /// The rows of a block that belong to them.
    pub fn rows(self, block: &Block) -> impl Iterator<Item = usize> {
        let parts = block.parts.iter().enumerate();
        parts.filter(move |&(_, &part)| self.has(part)).map(|(row, _)| row)
    }
}

/// Labels of a head in one part; masked ones do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartFacts {
    /// Examples.
    pub examples: u64,
    /// Those with a label of 0.5 or more.
    pub positives: u64,
    /// Sum of the examples' weights.
    pub weight: f64,
    /// Weighted mean of the labels: the base rate, of a head whose labels are probabilities.
    pub mean: f64,
    /// Weighted deviation of the labels.
    pub deviation: f64,
}

/// Labels of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadFacts {
    /// In the training part.
    pub train: PartFacts,
    /// In the validation part.
    pub validation: PartFacts,
    /// In the test part.
    pub test: PartFacts,
    /// In all parts.
    pub all: PartFacts,
}

impl HeadFacts {
    fn part(&mut self, part: Part) -> &mut PartFacts {
        match part {
            Part::Train => &mut self.train,
            Part::Validation => &mut self.validation,
            Part::Test => &mut self.test,
        }
    }

    pub(super) fn among(&self, among: Among) -> &PartFacts {
        if among == Among::All { &self.all } else { &self.train }
    }
}

impl PartFacts {
    /// Counts a label (West 1979: one pass, weighted); `deviation` holds the sum of squares until the end.
    fn count(&mut self, label: f32, weight: f32) {
        let (label, weight) = (f64::from(label), f64::from(weight));
        self.examples += 1;
        self.positives += u64::from(label >= 0.5);
        if weight > 0.0 {
            self.weight += weight;
            let apart = label - self.mean;
            self.mean += apart * weight / self.weight;
            self.deviation += weight * apart * (label - self.mean);
        }
    }

    fn finish(&mut self) {
        let squares = self.deviation;
        self.deviation =
            if self.weight > 0.0 { (squares / self.weight).max(0.0).sqrt() } else { 0.0 };
    }

    /// The mean weight of an example.
    pub(super) fn mean_weight(&self) -> f64 {
        if self.weight > 0.0 { self.weight / self.examples as f64 } else { 1.0 }
    }

    /// The logit of the base rate; where it is 0 or 1, one example of each kind is added.
    pub(super) fn base_logit(&self) -> f64 {
        let p = match self.mean > 0.0 && self.mean < 1.0 {
            true => self.mean,
            false => (self.mean * self.examples as f64 + 1.0) / (self.examples as f64 + 2.0),
        };
        libm::log(p) - libm::log1p(-p)
    }
}

/// Counts the labels of a table's heads, per part.
///
/// # Errors
///
/// A label that its head cannot have, a table that cannot be read, or the caller's wish to stop.
pub fn facts(examples: &dyn Examples, watch: &dyn Watch) -> Result<Vec<HeadFacts>, Wrong> {
    let heads = &examples.layout().heads;
    if heads.is_empty() {
        return Err(Wrong::NoHeads);
    }
    let mut all = vec![HeadFacts::default(); heads.len()];
    for number in 0..examples.blocks() {
        super::ask(watch, "labels", number as u64, examples.blocks() as u64)?;
        let block = examples.outcomes(number)?;
        block.check_outcomes(examples.layout())?;
        for ((labels, head), facts) in block.labels.iter().zip(heads).zip(&mut all) {
            count(labels, head, &block, number, facts)?;
        }
    }
    for facts in &mut all {
        [&mut facts.train, &mut facts.validation, &mut facts.test, &mut facts.all]
            .into_iter()
            .for_each(PartFacts::finish);
    }
    Ok(all)
}

fn count(
    labels: &[f32],
    head: &Head,
    block: &Block,
    number: usize,
    facts: &mut HeadFacts,
) -> Result<(), Wrong> {
    for (row, &label) in labels.iter().enumerate() {
        if label.is_nan() {
            continue;
        }
        if !label.is_finite() || (head.target != Target::Value && !(0.0..=1.0).contains(&label)) {
            let example = super::inputs::first_of(number) + row as u64;
            return Err(Wrong::Label { head: head.name.clone(), example, value: label });
        }
        let weight = block.weight(row);
        facts.part(block.parts[row]).count(label, weight);
        facts.all.count(label, weight);
    }
    Ok(())
}

/// Which heads can be trained; those that cannot, but may be rare, predict their base rate.
pub(super) fn trainable(
    heads: &[Head],
    facts: &[HeadFacts],
) -> Result<(Vec<bool>, Vec<Note>), Wrong> {
    let mut notes = Vec::new();
    let mut all = Vec::new();
    for (head, facts) in heads.iter().zip(facts) {
        let PartFacts { examples, positives, weight, deviation, .. } = facts.train;
        let enough = match head.target {
            Target::Binary => positives >= LEAST && examples - positives >= LEAST,
            Target::Soft => examples > 0,
            Target::Value => examples > 0 && deviation > 0.0,
        };
        let name = head.name.clone();
        if examples > 0 && weight <= 0.0 {
            return Err(Wrong::Weightless { head: name });
        }
        all.push(enough);
        match enough {
            true => {}
            false if head.allow_rare => notes.push(Note::Rare { head: name, examples, positives }),
            false => return Err(Wrong::Rare { head: name, examples, positives, least: LEAST }),
        }
    }
    Ok((all, notes))
}
