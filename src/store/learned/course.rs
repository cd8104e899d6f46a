//! How a training went and what it was given, for reports. No program reads it, so that versions of before it was kept are as
//! good as others.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a version keeps of its training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// What was doubtful, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Epochs, of each network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// What a model predicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<HeadCourse>,
    /// What it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureCourse>,
    /// Of an embedding, the vectors of each entity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spaces: Vec<SpaceCourse>,
    /// Of an edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<LinkCourse>,
}

/// The epochs of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The heads that it has; none: it has no heads.
    pub heads: Vec<String>,
    /// What is measured in the validation part: `NE`, which falls, or `NDCG@20`, which rises.
    pub metric: String,
    /// The epochs there were.
    pub epochs: Vec<Epoch>,
    /// How many there could have been.
    pub most: usize,
    /// The one whose weights were kept, from 1.
    pub best: usize,
}

/// One epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean loss in the training part.
    pub loss: f64,
    /// What the validation part gave, if anything could be measured there.
    pub validation: Option<f64>,
}

/// A head of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeadCourse {
    pub name: String,
    /// Whether it was trained; else it predicts the base rate.
    pub trained: bool,
    /// Whether it predicts a number that is no probability.
    pub is_value: bool,
    /// Slope and shift of what follows the logit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<[f64; 2]>,
    /// Each part.
    pub parts: Vec<PartCourse>,
    /// The part whose bins these are.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub binned: String,
    /// Ten bins of equal count, before calibration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<Bin>,
    /// The same after it, if it was calibrated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calibrated_bins: Vec<Bin>,
}

/// What a head is like in a part of the examples: metrics by their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartCourse {
    pub part: String,
    pub examples: u64,
    pub positives: u64,
    /// Of scores before calibration.
    pub plain: BTreeMap<String, f64>,
    /// After it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub calibrated: BTreeMap<String, f64>,
    /// Under the shown values that are assumed in serving.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub served: BTreeMap<String, f64>,
    /// Of the base rate and of the smoothed rate of each row.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub base_rate: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub item_rate: BTreeMap<String, f64>,
}

/// Examples of near probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub examples: u64,
    pub predicted: f64,
    pub observed: f64,
}

/// A feature, in the examples that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeatureCourse {
    pub name: String,
    /// `number`, `id` or `vector`.
    pub kind: String,
    /// Whether it is read; one that never varies is not.
    pub kept: bool,
    /// The share of the training part that has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
    /// Keys that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<u64>,
    /// The share of the keys that are not, in the training and the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_test: Option<f64>,
    /// By head, its area under the curve alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auc: BTreeMap<String, f64>,
    /// Its share of the time of the training table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// What is suspicious about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
}

/// The vectors of an entity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceCourse {
    pub entity: String,
    /// Rows that were there, and those of them that have a vector.
    pub rows: u64,
    pub vectors: u64,
    /// The version before, and the share of the ten nearest that both have, by cosine among rows with a vector in both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<f64>,
    /// Some rows with their nearest, by cosine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<Near>,
}

/// A row, and those whose vectors are nearest: keys as texts, cosines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Near {
    pub key: String,
    pub nearest: Vec<(String, f64)>,
}

/// The links of an edge, as quantiles from the least to the most in steps of a twentieth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkCourse {
    /// Rows of the entity, and those that have a link.
    pub rows: u64,
    pub sources: u64,
    /// Rows that a link leads to.
    pub targets: u64,
    /// Links of each row that has one.
    pub out: Vec<f64>,
    /// Links to each row that one leads to.
    pub into: Vec<f64>,
    pub weights: Vec<f64>,
}

impl PartCourse {
    /// Of scores as they are served: after calibration, if there is one.
    pub fn metrics(&self) -> &BTreeMap<String, f64> {
        if self.calibrated.is_empty() { &self.plain } else { &self.calibrated }
    }
}

impl Curve {
    /// Whether it ended before it had to.
    pub fn is_early(&self) -> bool {
        self.epochs.len() < self.most
    }

    /// The epoch whose weights were kept.
    pub fn best_epoch(&self) -> Option<&Epoch> {
        self.epochs.get(self.best.checked_sub(1)?)
    }
}
