//! What training gives: a model, and how good it is.

use super::Watch;
use super::blocks::Reader;
use super::calibrate::{Calibrated, Calibration, calibrate};
use super::inputs::{Encoded, Inputs};
use super::labels::{Among, HeadFacts};
use super::linear::Linear;
use super::metrics::{Metrics, Scored, metrics};
use super::mlp::{Net, Pass};
use super::table::{Head, Part, Target};
use super::wrong::{Note, Wrong};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows that are scored together.
pub(super) const ROWS: usize = 64;

/// A model of one of the kinds.
#[derive(Clone, Debug)]
pub enum Model {
    /// A weight per input.
    Linear(Linear),
    /// A network for all heads, or one for each.
    Nets(Vec<Net>),
}

/// A trained model.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// How columns become inputs.
    pub inputs: Inputs,
    /// The weights.
    pub model: Model,
    /// What is known of the heads.
    pub heads: Vec<FittedHead>,
    /// How training went, for each network.
    pub curves: Vec<Curve>,
    /// What is worth a warning.
    pub notes: Vec<Note>,
}

/// A head of a trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedHead {
    /// Its name.
    pub name: String,
    /// What it learned.
    pub target: Target,
    /// Whether it was trained; else it predicts the base rate.
    pub trained: bool,
    /// A predicted number is `mean + deviation * output`; 0 and 1 for a probability.
    pub mean: f64,
    /// See `mean`.
    pub deviation: f64,
    /// What follows the logit, if it helps.
    pub calibration: Option<Calibration>,
    /// Its labels.
    pub facts: HeadFacts,
    /// How good it is.
    pub metrics: Vec<PartMetrics>,
}

/// Metrics of a head in one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartMetrics {
    /// The part.
    pub part: Part,
    /// Of the plain scores.
    pub plain: Metrics,
    /// Of the calibrated ones.
    pub calibrated: Option<Metrics>,
    /// Of the scores, calibrated if they are, with the shown values that are assumed in serving.
    pub served: Option<Metrics>,
}

/// How the training of one network went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The heads that it has.
    pub heads: Vec<String>,
    /// Each epoch.
    pub epochs: Vec<Epoch>,
    /// The one whose weights were kept, from 1.
    pub best: usize,
}

/// One epoch of training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean loss over the training part, of the weights as they changed.
    pub train: f64,
    /// Mean normalised entropy of the heads in the validation part; NDCG@20 of two towers.
    pub validation: Option<f64>,
}

impl FittedHead {
    pub(super) fn new(head: &Head, facts: &HeadFacts, trained: bool, among: Among) -> FittedHead {
        let labels = facts.among(among);
        let (mean, deviation) = match head.target {
            Target::Value if labels.deviation > 0.0 => (labels.mean, labels.deviation),
            Target::Value => (labels.mean, 1.0),
            _ => (0.0, 1.0),
        };
        FittedHead {
            name: head.name.clone(),
            target: head.target,
            trained,
            mean,
            deviation,
            calibration: None,
            facts: *facts,
            metrics: Vec::new(),
        }
    }

    /// The logit or number of an output.
    pub(super) fn output(&self, output: f32) -> f64 {
        self.mean + self.deviation * f64::from(output)
    }
}

impl Fitted {
    /// Takes the weights of a model that was trained on all parts; metrics and calibration stay those of this one.
    pub(super) fn refitted(&mut self, on_all: Fitted) {
        self.inputs = on_all.inputs;
        self.model = on_all.model;
        for (head, new) in self.heads.iter_mut().zip(on_all.heads) {
            (head.mean, head.deviation) = (new.mean, new.deviation);
        }
    }
}

/// Bytes of the scores of heads that are measured at the same time.
const MEASURED: usize = 128 << 20;

/// Outputs of a part's examples.
#[derive(Default)]
pub(super) struct PartScores {
    /// By head, of each example.
    outputs: Vec<Vec<f32>>,
    /// By head, of each example.
    labels: Vec<Vec<f32>>,
    weights: Vec<f32>,
    viewers: Vec<u32>,
}

/// Those of one head, where there is a label.
#[derive(Default)]
pub(super) struct HeadScores {
    pub scores: Vec<f64>,
    pub labels: Vec<f32>,
    pub weights: Vec<f32>,
    pub viewers: Vec<u32>,
}

impl HeadScores {
    pub fn scored(&self) -> Scored<'_> {
        Scored {
            scores: &self.scores,
            labels: &self.labels,
            weights: &self.weights,
            viewers: &self.viewers,
        }
    }
}

impl PartScores {
    /// None yet, of examples with so many labels.
    fn new(heads: usize, labels: usize) -> PartScores {
        PartScores {
            outputs: vec![Vec::new(); heads],
            labels: vec![Vec::new(); labels],
            ..PartScores::default()
        }
    }

    /// Those of a head that is output and label `number`.
    pub fn head(&self, number: usize, head: &FittedHead) -> HeadScores {
        self.labelled(number, number, head)
    }

    /// Those of a head that is output `number`, and has a label of another number.
    pub fn labelled(&self, number: usize, label: usize, head: &FittedHead) -> HeadScores {
        let (outputs, labels) = (&self.outputs[number], self.labels.get(label));
        let labels = labels.map_or(&[][..], Vec::as_slice);
        let count = labels.iter().filter(|label| !label.is_nan()).count();
        let mut own = HeadScores {
            scores: Vec::with_capacity(count),
            labels: Vec::with_capacity(count),
            weights: Vec::with_capacity(count),
            viewers: Vec::with_capacity(count),
        };
        for (row, &label) in labels.iter().enumerate().filter(|(_, label)| !label.is_nan()) {
            own.scores.push(head.output(outputs[row]));
            own.labels.push(label);
            own.weights.push(self.weights[row]);
            own.viewers.push(self.viewers[row]);
        }
        own
    }

    /// How many heads are measured at the same time.
    fn together(&self) -> usize {
        const BYTES: usize = size_of::<f64>() + 5 * size_of::<f32>();
        (MEASURED / (BYTES * self.weights.len()).max(1)).max(1)
    }
}

/// Writes the outputs of rows from one up to another, for each row one per head.
type Outputs<'a> = dyn Fn(&Encoded, usize, usize, &mut [f32]) + Sync + 'a;

/// Scores the examples of a part; `served` with the shown values that are assumed in serving.
pub(super) fn scores(
    reader: &Reader<'_>,
    model: &Outputs<'_>,
    heads: usize,
    part: Part,
    served: bool,
    watch: &dyn Watch,
) -> Result<PartScores, Wrong> {
    let mut found = PartScores::new(heads, reader.labels());
    for number in 0..reader.blocks() {
        super::ask(watch, part.name(), number as u64, reader.blocks() as u64)?;
        if reader.lacks(number, part) {
            continue;
        }
        let block = reader.block(number, 0)?;
        if !block.parts.contains(&part) {
            continue;
        }
        let as_served = served.then(|| block.encoded.as_served(reader.encoder.inputs()));
        let encoded = as_served.as_ref().unwrap_or(&block.encoded);
        let mut outputs = vec![0.0; encoded.rows * heads];
        outputs.par_chunks_mut(ROWS * heads).enumerate().for_each(|(chunk, out)| {
            let from = chunk * ROWS;
            let to = (from + ROWS).min(encoded.rows);
            if block.parts[from..to].contains(&part) {
                model(encoded, from, to, out);
            }
        });
        for row in (0..encoded.rows).filter(|&row| block.parts[row] == part) {
            let own = &outputs[row * heads..][..heads];
            found.outputs.iter_mut().zip(own).for_each(|(all, &output)| all.push(output));
            let own = block.labels(row);
            found.labels.iter_mut().zip(own).for_each(|(all, &label)| all.push(label));
            found.weights.push(block.weights[row]);
            found.viewers.push(block.viewers[row]);
        }
    }
    Ok(found)
}

/// Calibrates the heads, if asked to, and measures them on every part.
pub(super) fn measure(
    reader: &Reader<'_>,
    model: &Model,
    heads: &mut [FittedHead],
    calibrated: bool,
    watch: &dyn Watch,
) -> Result<Vec<Note>, Wrong> {
    let count = heads.len();
    let score = |encoded: &Encoded, from, to, out: &mut [f32]| {
        model.score(encoded, (from, to), &mut Pass::default(), out);
    };
    let mut notes = Vec::new();
    if calibrated {
        let validation = scores(reader, &score, count, Part::Validation, false, watch)?;
        for (number, head) in heads.iter_mut().enumerate() {
            notes.extend(calibrated_head(number, head, &validation));
        }
    }
    let any_shown = !reader.encoder.inputs().shown.is_empty();
    for part in [Part::Train, Part::Validation, Part::Test] {
        let real = scores(reader, &score, count, part, false, watch)?;
        let served = match any_shown {
            true => Some(scores(reader, &score, count, part, true, watch)?),
            false => None,
        };
        for (first, heads) in heads.chunks_mut(real.together()).enumerate() {
            let first = first * real.together();
            heads.par_iter_mut().enumerate().for_each(|(number, head)| {
                let metrics = head.measured(first + number, part, &real, served.as_ref());
                head.metrics.push(metrics);
            });
        }
    }
    Ok(notes)
}

fn calibrated_head(number: usize, head: &mut FittedHead, scores: &PartScores) -> Option<Note> {
    if head.target == Target::Value || !head.trained {
        return None;
    }
    match calibrate(&scores.head(number, head).scored()) {
        Calibrated::Better(line) => {
            head.calibration = Some(line);
            None
        }
        Calibrated::Reversed(slope) => Some(Note::NotCalibrated { head: head.name.clone(), slope }),
        Calibrated::NoBetter | Calibrated::Undecided => None,
    }
}

impl FittedHead {
    fn measured(
        &self,
        number: usize,
        part: Part,
        real: &PartScores,
        served: Option<&PartScores>,
    ) -> PartMetrics {
        let with_line = |mut own: HeadScores| {
            let line = self.calibration.unwrap_or_default();
            own.scores.iter_mut().for_each(|score| *score = line.apply(*score));
            metrics(&own.scored(), self.target)
        };
        let own = real.head(number, self);
        let plain = metrics(&own.scored(), self.target);
        let calibrated = self.calibration.map(|_| with_line(own));
        let served = served.map(|served| with_line(served.head(number, self)));
        PartMetrics { part, plain, calibrated, served }
    }
}
