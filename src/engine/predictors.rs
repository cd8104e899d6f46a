//! Trained models that programs score with: a version's network, and each of its heads as a function of its inputs.

use super::network::{Network, Untrained};
use super::samples::{FAILS, Sampled};
use super::topics;
use crate::check::trained::{self, Trained};
use crate::expr::functions::own::Learnt;
use crate::learn::net::{self, Columns, Fitted, FittedHead, Inputs, Keys, Model, Scratch, Target};
use crate::ops::Predictor;
use crate::store::learned::{Attached, Found, Tensor, Version};
use crate::store::{DataError, Snapshot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a version holds beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub arrangement: Arrangement,
    pub inputs: Inputs,
    pub heads: Vec<FittedHead>,
    /// Of each sparse input that is an id: its entity.
    pub entities: Vec<Option<String>>,
    /// Whether each sparse input is a list.
    pub lists: Vec<bool>,
    /// How many numbers each vector has; 1: a similarity.
    pub vectors: Vec<usize>,
    /// Whether its heads order rows, and are no probabilities: negatives were drawn.
    pub ranks: bool,
}

/// How the weights of a model are arranged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Arrangement {
    /// A weight per input and head.
    Linear,
    /// Networks.
    Nets {
        /// Whether all heads have one body; else each has a network of its own.
        shared: bool,
        /// Widths of the body's layers.
        hidden: Vec<usize>,
        /// Width of a head's tower; 0: none.
        towers: usize,
    },
}

impl Arrangement {
    /// A model whose weights are still to be read.
    fn blank(&self, inputs: &Inputs, heads: usize) -> Model {
        match self {
            Arrangement::Linear => Model::linear(inputs, heads),
            Arrangement::Nets { shared, hidden, towers } => {
                Model::networks(inputs, hidden, *towers, heads, *shared)
            }
        }
    }
}

/// A model that scores.
fn scorer(inputs: Inputs, model: Model, heads: Vec<FittedHead>) -> net::Scorer {
    net::Scorer::new(Fitted { inputs, model, heads, curves: Vec::new(), notes: Vec::new() })
}

/// The array of the description, as JSON.
pub(crate) const DESCRIPTION: &str = "model";

/// Every trained model that a snapshot has, by the label of its version.
pub(super) fn all(snapshot: &Snapshot) -> Vec<Predictor> {
    let models = snapshot.versions().iter().filter_map(|attached| match attached {
        Attached { found: Found::Model { .. }, version, .. } => version.as_ref(),
        _ => None,
    });
    models.map(|version| predictor(snapshot, version)).collect()
}

/// A model that nobody trained: each head is null.
pub(super) fn assumed(entity: &str, model: &Trained) -> Predictor {
    let label = format!("{entity}.{}@0", model.name);
    let learnt: Arc<dyn Learnt> = Arc::new(Untrained(model.heads.len()));
    let ranks = model.examples.negatives.is_some();
    let heads = model.heads.iter().map(|head| {
        let is_value = ranks || matches!(head.target, trained::Target::Value(_));
        (head.name.as_str(), !is_value)
    });
    Predictor::of(label, learnt, heads)
}

fn predictor(snapshot: &Snapshot, version: &Arc<Version>) -> Predictor {
    // models have names of their own for each entity
    let label = format!("{}.{}", version.manifest.entities.join("+"), version.manifest.label());
    if version.manifest.learner == "classifier" {
        return topics::predictor(snapshot, version, label);
    }
    let made = described(version).and_then(|(description, model)| {
        let scorer = scorer(description.inputs.clone(), model, description.heads.clone());
        tested(version, &description, &scorer).map(|()| (description, scorer))
    });
    match made {
        Ok((description, scorer)) => made_of(snapshot, label, &description, scorer),
        Err(error) => {
            let wrong = Some(error.in_short());
            Predictor { label, heads: Vec::new(), reads: None, topic: None, _learnt: None, wrong }
        }
    }
}

fn described(version: &Version) -> Result<(Description, Model), DataError> {
    let tensors = version.tensors()?;
    let wrong = |why: String| DataError::new(version.folder(), why);
    let text: &[u8] = tensors.get(DESCRIPTION)?;
    let description: Description = serde_json::from_slice(text)
        .map_err(|e| wrong(format!("the description of the model cannot be read: {e}")))?;
    let mut model = description.arrangement.blank(&description.inputs, description.heads.len());
    let named: Vec<net::Tensor> = tensors
        .floats()?
        .into_iter()
        .map(|read| net::Tensor { name: read.name, shape: read.shape, data: read.numbers })
        .collect();
    model.load(&description.heads, &named).map_err(|e| wrong(e.to_string()))?;
    Ok((description, model))
}

/// Fails where a model does not give what it gave when it was trained.
fn tested(version: &Version, of: &Description, scorer: &net::Scorer) -> Result<(), DataError> {
    let tensors = version.tensors()?;
    let given = Sampled::read(&tensors)?;
    let sample = Sample { given, scores: tensors.get(SCORES)?.to_vec() };
    match sample.holds(scorer, &of.lists) {
        true => Ok(()),
        false => Err(DataError::new(version.folder(), FAILS)),
    }
}

/// Examples of the training, and what the model gave for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    given: Sampled,
    /// The heads of each example.
    scores: Vec<f64>,
}

/// The array of the heads.
const SCORES: &str = "sample.scores";

impl Sample {
    /// Of some examples.
    pub fn of(
        scorer: &net::Scorer,
        dense: &[Vec<f32>],
        sparse: &[Keys],
        rows: usize,
    ) -> Option<Sample> {
        let columns = Columns { rows, dense, sparse, shown: &[] };
        let mut scores = Vec::new();
        scorer.score(&columns, &mut Scratch::default(), &mut scores).ok()?;
        Some(Sample { given: Sampled::of(dense, sparse), scores })
    }

    /// As it is written.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        let scores = Tensor::f64(SCORES, &[self.scores.len()], &self.scores);
        self.given.tensors().into_iter().chain([scores])
    }

    /// Whether a model, some of whose sparse inputs are `lists`, gives the same.
    fn holds(&self, scorer: &net::Scorer, lists: &[bool]) -> bool {
        let inputs = scorer.encoder().inputs();
        let rows = self.scores.len() / scorer.heads().len().max(1);
        let columns = self.given.columns(inputs.dense.len(), lists, rows);
        let again = columns.and_then(|(dense, sparse)| Sample::of(scorer, &dense, &sparse, rows));
        again.is_some_and(|again| {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
            again.scores.len() == self.scores.len()
                && again.scores.iter().zip(&self.scores).all(near)
        })
    }
}

fn made_of(snapshot: &Snapshot, label: String, of: &Description, scorer: net::Scorer) -> Predictor {
    let network = Network::new(scorer, snapshot, &of.entities, &of.vectors);
    let learnt: Arc<dyn Learnt> = Arc::new(network);
    let heads = of.heads.iter().map(|head| {
        let is_value = of.ranks || head.target == Target::Value;
        (head.name.as_str(), !is_value)
    });
    Predictor::of(label, learnt, heads)
}
