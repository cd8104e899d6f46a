//! What a version says of itself.

use super::course::Course;
use crate::catalog::schema::{FoldIn, Metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Edge,
    Embedding,
    Model,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Edge, Kind::Embedding, Kind::Model];

    /// As declarations begin.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Edge => "edge",
            Kind::Embedding => "embedding",
            Kind::Model => "model",
        }
    }
}

/// What a version is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Programs read it.
    Serve,
    /// Examples of a model that was trained with it read it.
    Slice,
    /// A replay of the past reads it.
    Backtest,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Serve => "serve",
            Role::Slice => "slice",
            Role::Backtest => "backtest",
        }
    }
}

/// A vector space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Numbers of a vector.
    pub dim: u32,
    pub metric: Metric,
    /// How viewers are folded in, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold_in: Option<FoldIn>,
}

/// A log that a model was trained from, in the place of the links that its declaration names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromLog {
    /// XXH3 of its files, in hexadecimal digits.
    pub xxh3: String,
    /// Rows that were examples.
    pub rows: u64,
}

/// The file of the weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    pub bytes: u64,
    /// XXH3 of its contents, in hexadecimal digits.
    pub xxh3: String,
}

/// What a model reads, so that it can be read again by whoever names the version, whatever files declare by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The files that its declaration was read with, as far as it reads them; the program first.
    pub files: Vec<FeatureFile>,
    /// The one of these that declares it.
    pub declared: usize,
    /// What only a request knows, as declarations of parameters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// What each feature was, in their order.
    pub each: Vec<Feature>,
}

/// Declarations of a file, and which others it imports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureFile {
    pub text: String,
    /// Whether every file sees it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prelude: bool,
    /// The places of the other files that it imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<usize>,
    /// The modules of the standard library that it imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<String>,
}

/// A feature, with its type and all that it reads written out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub reads: String,
}

/// What a version is, what it was made of, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub kind: Kind,
    pub name: String,
    /// The entities that it is about.
    pub entities: Vec<String>,
    /// The number of the version, from 1.
    pub n: u64,
    pub role: Role,
    /// Of an embedding, what its vectors are like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
    /// The version of the engine.
    pub igql: String,
    /// The algorithm: `itemknn`.
    pub learner: String,
    /// The declaration with every parameter, and what it reads written out.
    pub declaration: String,
    /// A hash of it, in hexadecimal digits: programs take a version whose hash is that of their declaration.
    pub declaration_hash: String,
    /// Of a model, a hash of what it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_hash: Option<String>,
    /// Of a model of examples, what it reads. Those that were trained before versions kept it have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// The contents of the catalog that it was made of.
    pub snapshot: String,
    /// Links before this time were seen, in microseconds since 1970.
    pub until: i64,
    pub seed: i64,
    /// Versions that it was made with: `embedding ig2vec@3`.
    pub upstream: Vec<String>,
    /// Versions that its examples read, each of links before them: `embedding ig2vec@2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
    /// The log that its examples are of, if they are of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<FromLog>,
    /// Links, entities and others that were counted.
    pub counts: BTreeMap<String, u64>,
    pub metrics: BTreeMap<String, f64>,
    /// When it was finished, in microseconds since 1970.
    pub trained: i64,
    /// How long it took.
    pub seconds: f64,
    pub weights: Weights,
    /// How it went. Versions of before it was kept have none, nor have those that only examples read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

impl Manifest {
    /// Of a version that nobody trained.
    pub(super) fn assumed(
        kind: Kind,
        name: &str,
        entities: Vec<String>,
        hash: &str,
        space: Option<Space>,
    ) -> Manifest {
        Manifest {
            kind,
            name: name.to_owned(),
            entities,
            n: 0,
            role: Role::Serve,
            space,
            igql: String::new(),
            learner: String::new(),
            declaration: String::new(),
            declaration_hash: hash.to_owned(),
            feature_hash: None,
            features: None,
            snapshot: String::new(),
            until: i64::MIN,
            seed: 0,
            upstream: Vec::new(),
            slices: Vec::new(),
            log: None,
            counts: BTreeMap::new(),
            metrics: BTreeMap::new(),
            trained: 0,
            seconds: 0.0,
            weights: Weights::default(),
            course: None,
        }
    }

    /// `similar@3`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.n)
    }
}
