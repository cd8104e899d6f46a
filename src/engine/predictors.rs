//! Trained models that programs score with: a version's network, and each of its heads as a function of its inputs.

use super::network::{Network, Untrained};
use super::topics;
use crate::check::trained::{self, Trained};
use crate::expr::functions::Kernel;
use crate::expr::functions::own::{Learnt, head};
use crate::extend::Output;
use crate::learn::net::{
    self, Columns, Fitted, FittedHead, Inputs, Keys, Model, Scratch, Target, Tensor,
};
use crate::ops::Predictor;
use crate::store::learned::{Attached, Found, Version};
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
    let heads = heads_of(&label, &learnt, heads);
    Predictor { label, heads, reads: None, _learnt: Some(learnt), wrong: None }
}

/// Heads by their names, each with whether it is a probability.
fn heads_of<'h>(
    label: &str,
    learnt: &Arc<dyn Learnt>,
    heads: impl ExactSizeIterator<Item = (&'h str, bool)>,
) -> Vec<(Output, Kernel)> {
    let is_one = heads.len() == 1;
    let made = heads.enumerate().map(|(place, (name, is_probability))| {
        let called = if is_one { label.to_owned() } else { format!("{label}.{name}") };
        let kernel = head(&called, learnt, place, is_probability);
        // names live as long as the functions that are called by them
        let name: &'static str = name.to_owned().leak();
        let output = if is_probability { Output::Probability(name) } else { Output::Value(name) };
        (output, kernel)
    });
    made.collect()
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
            Predictor { label, heads: Vec::new(), reads: None, _learnt: None, wrong }
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
    let named: Vec<Tensor> = tensors
        .floats()?
        .into_iter()
        .map(|read| Tensor { name: read.name, shape: read.shape, data: read.numbers })
        .collect();
    model.load(&description.heads, &named).map_err(|e| wrong(e.to_string()))?;
    Ok((description, model))
}

/// Fails where a model does not give what it gave when it was trained.
fn tested(version: &Version, of: &Description, scorer: &net::Scorer) -> Result<(), DataError> {
    let tensors = version.tensors()?;
    let [dense, keys, offsets, scores] = SAMPLE;
    let sample = Sample {
        dense: tensors.get(dense)?.to_vec(),
        keys: tensors.get(keys)?.to_vec(),
        offsets: tensors.get(offsets)?.to_vec(),
        scores: tensors.get(scores)?.to_vec(),
    };
    match sample.holds(scorer, &of.lists) {
        true => Ok(()),
        false => {
            let message = "its self-test fails: it does not give what it gave when it was trained";
            Err(DataError::new(version.folder(), message))
        }
    }
}

/// Examples of the training, and what the model gave for them: whoever opens it computes that again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Number by number of the dense inputs.
    pub dense: Vec<f32>,
    /// The keys of the sparse inputs.
    pub keys: Vec<u64>,
    /// Of each sparse input that is a list, where the keys of each example begin, and where those of the last end.
    pub offsets: Vec<u32>,
    /// The heads of each example.
    pub scores: Vec<f64>,
}

/// The arrays of a sample.
pub(crate) const SAMPLE: [&str; 4] =
    ["sample.dense", "sample.keys", "sample.offsets", "sample.scores"];

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
        let keys = sparse.iter().flat_map(|column| column.keys.iter().copied());
        let offsets = sparse.iter().filter_map(|column| column.offsets.as_ref()).flatten();
        Some(Sample {
            dense: dense.concat(),
            keys: keys.collect(),
            offsets: offsets.copied().collect(),
            scores,
        })
    }

    /// Whether a model, some of whose sparse inputs are `lists`, gives the same.
    fn holds(&self, scorer: &net::Scorer, lists: &[bool]) -> bool {
        let inputs = scorer.encoder().inputs();
        let rows = self.scores.len() / scorer.heads().len().max(1);
        let dense: Vec<Vec<f32>> = match inputs.dense.is_empty() {
            true => Vec::new(),
            false => self.dense.chunks(rows.max(1)).map(<[f32]>::to_vec).collect(),
        };
        let Some(sparse) = split(&self.keys, &self.offsets, lists, rows) else { return false };
        let again = Sample::of(scorer, &dense, &sparse, rows);
        again.is_some_and(|again| {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
            again.scores.len() == self.scores.len()
                && again.scores.iter().zip(&self.scores).all(near)
        })
    }
}

/// The keys of sparse inputs, some of which are `lists`, from where they lie behind each other.
pub(super) fn split(
    mut keys: &[u64],
    mut offsets: &[u32],
    lists: &[bool],
    rows: usize,
) -> Option<Vec<Keys>> {
    let mut found = Vec::new();
    for &is_list in lists {
        let (own, rest) = offsets.split_at_checked(if is_list { rows + 1 } else { 0 })?;
        offsets = rest;
        let n = if is_list { *own.last()? as usize } else { rows };
        let (of_input, rest) = keys.split_at_checked(n)?;
        keys = rest;
        let offsets = is_list.then(|| own.to_vec());
        found.push(Keys { keys: of_input.to_vec(), offsets });
    }
    Some(found)
}

fn made_of(snapshot: &Snapshot, label: String, of: &Description, scorer: net::Scorer) -> Predictor {
    let network = Network::new(scorer, snapshot, &of.entities, &of.vectors);
    let learnt: Arc<dyn Learnt> = Arc::new(network);
    let heads = of.heads.iter().map(|head| {
        let is_value = of.ranks || head.target == Target::Value;
        (head.name.as_str(), !is_value)
    });
    let heads = heads_of(&label, &learnt, heads);
    Predictor { label, heads, reads: None, _learnt: Some(learnt), wrong: None }
}
