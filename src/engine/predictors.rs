//! Trained models that programs score with: a version's network, and each of its heads as a function of its inputs.

use crate::check::trained::{self, Trained};
use crate::expr::functions::own::{Places, output, places};
use crate::expr::texts::Texts;
use crate::expr::value::Val;
use crate::extend::{Failure, Output, OutputOf, Scorer, ScorerSignature};
use crate::learn::net::{
    self, Columns, Fitted, FittedHead, Inputs, Keys, Model, NULL, Scratch, Target, Tensor,
};
use crate::ops::{Input, Predictor};
use crate::store::learned::{Attached, Found, Version, int_key, key_of, text_key};
use crate::store::{DataError, Snapshot};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT};
use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;

/// What a version holds beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub arrangement: Arrangement,
    pub inputs: Inputs,
    pub heads: Vec<FittedHead>,
    /// Of each sparse input that is an id: its entity.
    pub entities: Vec<Option<String>>,
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
        Attached { found: Found::Model { version, .. }, .. } => version.as_ref(),
        _ => None,
    });
    models.map(|version| predictor(snapshot, version)).collect()
}

/// A model that nobody trained: each head is null.
pub(super) fn assumed(entity: &str, model: &Trained) -> Predictor {
    let label = format!("{entity}.{}@0", model.name);
    let dense = model.inputs.dense.iter().map(|_| Input::Number);
    let nowhere: Arc<dyn Places> = Arc::new(OfRows(Vec::new()));
    let place = places(&format!("{label}#"), &nowhere);
    let sparse = model.inputs.sparse.iter().map(|_| Input::Place(place));
    let inputs: Vec<Input> = dense.chain(sparse).collect();
    let names: Vec<String> = (0..inputs.len()).map(|place| format!("input{place}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ranks = model.examples.negatives.is_some();
    let outputs: Vec<Output> = model
        .heads
        .iter()
        .map(|head| {
            let name: &'static str = head.name.clone().leak();
            match head.target {
                trained::Target::Value(_) => Output::Value(name),
                _ if ranks => Output::Value(name),
                _ => Output::Probability(name),
            }
        })
        .collect();
    let signature = ScorerSignature::new(&names, &outputs);
    let scorer: Arc<dyn Scorer> = Arc::new(Untrained(signature.clone()));
    let heads = outputs.iter().enumerate().map(|(place, head)| {
        (head.clone(), output(&Arc::new(OutputOf::new(&label, &scorer, &signature, place))))
    });
    Predictor { heads: heads.collect(), label, inputs, wrong: None }
}

/// What stands for a network that nobody trained.
struct Untrained(ScorerSignature);

impl Scorer for Untrained {
    fn signature(&self) -> &ScorerSignature {
        &self.0
    }

    fn score(&self, _: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
        out.fill(f64::NAN);
        Ok(())
    }
}

fn predictor(snapshot: &Snapshot, version: &Arc<Version>) -> Predictor {
    // models have names of their own for each entity
    let label = format!("{}.{}", version.manifest.entities.join("+"), version.manifest.label());
    let made = described(version).and_then(|(description, model)| {
        let made = made(snapshot, &label, &description, model.clone());
        tested(version, description, model).map(|()| made)
    });
    match made {
        Ok((inputs, heads)) => Predictor { label, inputs, heads, wrong: None },
        Err(error) => {
            let wrong = Some(error.in_short());
            Predictor { label, inputs: Vec::new(), heads: Vec::new(), wrong }
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
fn tested(version: &Version, description: Description, model: Model) -> Result<(), DataError> {
    let tensors = version.tensors()?;
    let [dense, keys, scores] = SAMPLE;
    let sample = Sample {
        dense: tensors.get(dense)?.to_vec(),
        keys: tensors.get(keys)?.to_vec(),
        scores: tensors.get(scores)?.to_vec(),
    };
    match sample.holds(&scorer(description.inputs, model, description.heads)) {
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
    /// The heads of each example.
    pub scores: Vec<f64>,
}

/// The arrays of a sample.
pub(crate) const SAMPLE: [&str; 3] = ["sample.dense", "sample.keys", "sample.scores"];

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
        Some(Sample { dense: dense.concat(), keys: keys.collect(), scores })
    }

    /// Whether a model gives the same.
    fn holds(&self, scorer: &net::Scorer) -> bool {
        let inputs = scorer.encoder().inputs();
        let rows = self.scores.len() / scorer.heads().len().max(1);
        let dense: Vec<Vec<f32>> = match inputs.dense.is_empty() {
            true => Vec::new(),
            false => self.dense.chunks(rows.max(1)).map(<[f32]>::to_vec).collect(),
        };
        let keys = |keys: &[u64]| Keys { keys: keys.to_vec(), offsets: None };
        let sparse: Vec<Keys> = match inputs.sparse.is_empty() {
            true => Vec::new(),
            false => self.keys.chunks(rows.max(1)).map(keys).collect(),
        };
        let again = Sample::of(scorer, &dense, &sparse, rows);
        again.is_some_and(|again| {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
            again.scores.len() == self.scores.len()
                && again.scores.iter().zip(&self.scores).all(near)
        })
    }
}

type Made = (Vec<Input>, Vec<(Output, &'static crate::expr::functions::Function)>);

fn made(snapshot: &Snapshot, label: &str, description: &Description, model: Model) -> Made {
    let dense = description.inputs.dense.iter().map(|_| Input::Number);
    let sparse = description.inputs.sparse.iter().zip(&description.entities).enumerate();
    let sparse = sparse.map(|(place, (sparse, entity))| {
        let name = format!("{label}#{place}");
        let rows = entity.as_ref().and_then(|entity| snapshot.schema().find_entity(entity));
        let of: Arc<dyn Places> = match (sparse.buckets, rows) {
            (Some(buckets), _) => Arc::new(Buckets(buckets)),
            (None, Some(entity)) => Arc::new(OfRows::new(snapshot, entity, &sparse.keys)),
            (None, None) => Arc::new(OfValues::new(&sparse.keys)),
        };
        Input::Place(places(&name, &of))
    });
    let inputs: Vec<Input> = dense.chain(sparse).collect();
    let names: Vec<String> = (0..inputs.len()).map(|place| format!("input{place}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let outputs: Vec<Output> =
        description.heads.iter().map(|head| output_of(head, description.ranks)).collect();
    let signature = ScorerSignature::new(&names, &outputs);
    let scorer: Arc<dyn Scorer> = Arc::new(Network {
        signature: signature.clone(),
        dense: description.inputs.dense.len(),
        keys: description.inputs.sparse.iter().map(|sparse| sparse.keys.clone()).collect(),
        unknown: description.inputs.sparse.iter().map(|sparse| absent(&sparse.keys)).collect(),
        hashed: description.inputs.sparse.iter().map(|sparse| sparse.buckets.is_some()).collect(),
        scorer: scorer(description.inputs.clone(), model, description.heads.clone()),
    });
    let heads = outputs.iter().enumerate().map(|(place, head)| {
        let function = output(&Arc::new(OutputOf::new(label, &scorer, &signature, place)));
        (head.clone(), function)
    });
    (inputs, heads.collect())
}

/// Names live as long as the functions that are called by them.
fn output_of(head: &FittedHead, ranks: bool) -> Output {
    let name: &'static str = head.name.clone().leak();
    match head.target {
        Target::Value => Output::Value(name),
        _ if ranks => Output::Value(name),
        Target::Binary | Target::Soft => Output::Probability(name),
    }
}

/// A network that scores rows.
struct Network {
    signature: ScorerSignature,
    dense: usize,
    /// The vocabulary of each sparse input, which its places are places of.
    keys: Vec<Vec<u64>>,
    /// Of each a key that it lacks.
    unknown: Vec<u64>,
    /// Whether its places are the keys themselves.
    hashed: Vec<bool>,
    scorer: net::Scorer,
}

thread_local! {
    static SCRATCH: RefCell<(Scratch, Vec<f64>)> = RefCell::default();
}

impl Network {
    fn keys(&self, input: usize, places: &[f64]) -> Keys {
        let of_place = |&place: &f64| match () {
            () if place.is_nan() => NULL,
            () if place < 0.0 => self.unknown[input],
            () if self.hashed[input] => place as u64,
            () => self.keys[input][place as usize],
        };
        Keys { keys: places.iter().map(of_place).collect(), offsets: None }
    }
}

impl Scorer for Network {
    fn signature(&self) -> &ScorerSignature {
        &self.signature
    }

    fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
        let heads = self.scorer.heads().len();
        let rows = out.len() / heads.max(1);
        // what a float of 32 bits cannot hold is null, as in training
        let number = |&x: &f64| Some(x as f32).filter(|x| x.is_finite()).unwrap_or(f32::NAN);
        let (dense, sparse) = inputs.split_at(self.dense);
        let dense: Vec<Vec<f32>> =
            dense.iter().map(|column| column.iter().map(number).collect()).collect();
        let sparse = sparse.iter().enumerate().map(|(input, places)| self.keys(input, places));
        let sparse: Vec<Keys> = sparse.collect();
        let columns = Columns { rows, dense: &dense, sparse: &sparse, shown: &[] };
        // taken, not borrowed: a thread that waits for others may score again
        let (mut scratch, mut found) = SCRATCH.take();
        let scored = self.scorer.score(&columns, &mut scratch, &mut found);
        for (row, scores) in found.chunks_exact(heads.max(1)).enumerate() {
            scores.iter().enumerate().for_each(|(head, score)| out[head * rows + row] = *score);
        }
        SCRATCH.set((scratch, found));
        scored.map_err(|wrong| Failure::new(wrong.to_string()))
    }
}

/// Places in a vocabulary by the row of an entity: -1 outside of it.
struct OfRows(Vec<f64>);

impl OfRows {
    fn new(snapshot: &Snapshot, entity: crate::types::EntityId, keys: &[u64]) -> OfRows {
        let known = numbered(keys);
        let rows = 0..snapshot.schema().entity(entity).rows;
        let place = |row: u32| known.get(&key_of(&snapshot.key(entity, row))).copied();
        OfRows(rows.map(|row| place(row).unwrap_or(-1.0)).collect())
    }
}

impl Places for OfRows {
    fn places(&self, values: &Val, n: usize, _: &Texts) -> Vec<f64> {
        let Val::Code(rows) = values else { return vec![f64::NAN; n] };
        let place = |row: u32| match row {
            NULL_CODE => f64::NAN,
            // a key that the table lacks
            row => self.0.get(row as usize).copied().unwrap_or(-1.0),
        };
        (0..n).map(|at| place(rows.get(at))).collect()
    }
}

/// Places in a vocabulary by value: -1 outside of it.
struct OfValues(HashMap<u64, f64>);

impl OfValues {
    fn new(keys: &[u64]) -> OfValues {
        OfValues(numbered(keys))
    }
}

fn numbered(keys: &[u64]) -> HashMap<u64, f64> {
    keys.iter().enumerate().map(|(place, &key)| (key, place as f64)).collect()
}

/// A key that is none of these.
fn absent(keys: &[u64]) -> u64 {
    let known = numbered(keys);
    (0..NULL).find(|key| !known.contains_key(key)).expect("there are fewer keys than numbers")
}

impl Places for OfValues {
    fn places(&self, values: &Val, n: usize, texts: &Texts) -> Vec<f64> {
        let place = |key: u64| self.0.get(&key).copied().unwrap_or(-1.0);
        let of = |at: usize| match values {
            Val::I64(ints) if ints.get(at) != NULL_INT => place(int_key(ints.get(at))),
            Val::Bool(bools) if bools.get(at) != NULL_BOOL => place(u64::from(bools.get(at))),
            Val::Code(codes) => {
                texts.get(codes.get(at)).map_or(f64::NAN, |text| place(text_key(&text)))
            }
            _ => f64::NAN,
        };
        (0..n).map(of).collect()
    }
}

/// Hashes, brought below a number.
struct Buckets(u32);

impl Places for Buckets {
    fn places(&self, values: &Val, n: usize, _: &Texts) -> Vec<f64> {
        let Val::I64(hashes) = values else { return vec![f64::NAN; n] };
        let bucket = |hash: i64| match hash {
            NULL_INT => f64::NAN,
            hash => (int_key(hash) % u64::from(self.0)) as f64,
        };
        (0..n).map(|at| bucket(hashes.get(at))).collect()
    }
}
