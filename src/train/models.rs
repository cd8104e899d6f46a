//! Trained models: from the declaration and its examples to what is written.

use super::examples::{Block, Table, alarms};
use super::job::{Job, Learned, counts};
use super::{TrainError, upstream};
use crate::check::trained::{Ids, Missing, Network, Normalise, Shown, Sparse, Target, Trained};
use crate::engine::{Arrangement, DESCRIPTION, Description, SAMPLE, Sample};
use crate::expr::EdgeExpr;
use crate::learn::net::{
    self, Common, DenseColumn, Fitted, Head, InputParams, Keys, Layout, LinearParams, Metrics,
    NetParams, PartMetrics, ShownColumn, SparseColumn, Wrong, fit_linear, fit_networks,
};
use crate::ops::RunError;
use crate::store::learned::{Tensor, int_key, text_key};
use crate::types::{Type, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Bytes of encoded examples that are kept between epochs.
const KEPT: usize = 512 << 20;

/// A trained model, and how good it is.
pub(super) struct LearnedModel {
    description: Vec<u8>,
    weights: Vec<net::Tensor>,
    sample: Sample,
    fitted: Fitted,
    examples: u64,
    notes: Vec<String>,
}

impl Learned for LearnedModel {
    fn tensors(&self) -> Vec<Tensor<'_>> {
        let weights = self.weights.iter();
        let mut tensors: Vec<Tensor> =
            weights.map(|t| Tensor::f32(t.name.clone(), &t.shape, &t.data)).collect();
        tensors.push(Tensor::bytes(DESCRIPTION, &self.description));
        let [dense, keys, scores] = SAMPLE;
        tensors.push(Tensor::f32(dense, &[self.sample.dense.len()], &self.sample.dense));
        tensors.push(Tensor::u64(keys, &self.sample.keys));
        tensors.push(Tensor::f64(scores, &[self.sample.scores.len()], &self.sample.scores));
        tensors
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let mut found = counts([("examples", self.examples)]);
        for head in &self.fitted.heads {
            let labels = &head.facts.all;
            found.insert(format!("{}.examples", head.name), labels.examples);
            found.insert(format!("{}.positives", head.name), labels.positives);
        }
        found
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        let heads = self.fitted.heads.iter();
        let parts = heads.flat_map(|head| head.metrics.iter().map(move |part| (&head.name, part)));
        parts.flat_map(|(head, part)| of_part(head, part)).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// `p_like.test.auc` and others: of calibrated scores, where there are such.
fn of_part(head: &str, part: &PartMetrics) -> Vec<(String, f64)> {
    let Metrics { base_rate, auc, gauc, loss, ne, ndcg, ece, .. } =
        part.calibrated.as_ref().unwrap_or(&part.plain);
    let named = [
        ("base_rate", base_rate),
        ("auc", auc),
        ("gauc", gauc),
        ("loss", loss),
        ("ne", ne),
        ("ndcg@10", ndcg),
        ("ece", ece),
    ];
    let known = named.into_iter().filter_map(|(name, value)| Some((name, (*value)?)));
    known.map(|(name, value)| (format!("{head}.{}.{name}", part.part.name()), value)).collect()
}

/// The edge whose links are the examples.
pub(super) fn edge(model: &Trained) -> &EdgeExpr {
    &model.examples.edge
}

/// What a training will hold in memory: encoded examples, as far as they are kept, and a block of them.
pub(super) fn bytes(model: &Trained, examples: u64) -> u64 {
    let inputs = model.inputs.dense.len() * 3 + model.inputs.sparse.len() * 2 + 2;
    let row = 4 * (inputs + model.heads.len()) as u64;
    let all = examples.min(model.examples.most).saturating_mul(row);
    all.min(KEPT as u64) + row * net::BLOCK as u64 * 4
}

pub(super) fn learn(job: &Job, model: &Arc<Trained>) -> Result<LearnedModel, TrainError> {
    if let Some(why) = unsupported(model).or_else(|| knows_more(job, model)) {
        return Err(TrainError::Model(why));
    }
    let failed = |error: super::examples::TableError| TrainError::Model(error.to_string());
    let table = Table::new(job.engine, model, job.until).map_err(failed)?;
    let mut notes: Vec<String> =
        alarms(&table).map_err(failed)?.iter().map(ToString::to_string).collect();
    let given = Given { layout: layout(model), table: &table };
    let fitted = fit(model, &given, job)?;
    notes.extend(fitted.notes.iter().map(ToString::to_string));
    let schema = job.engine.schema();
    let entity = |sparse: &Sparse| match &sparse.ids {
        Ids::Value(expr) => match expr.ty {
            Type::Id(entity) => Some(schema.entity(entity).name.clone()),
            _ => None,
        },
        Ids::Hashed(..) | Ids::History(..) => None,
    };
    let description = Description {
        arrangement: arrangement(&model.kind),
        inputs: fitted.inputs.clone(),
        heads: fitted.heads.clone(),
        entities: model.inputs.sparse.iter().map(entity).collect(),
        ranks: model.examples.negatives.is_some(),
    };
    let sample = sample(&given, &fitted)?;
    Ok(LearnedModel {
        sample,
        description: serde_json::to_vec(&description)
            .map_err(|error| TrainError::Model(error.to_string()))?,
        weights: fitted.model.tensors(&fitted.heads),
        examples: table.len() as u64,
        fitted,
        notes,
    })
}

fn fit(model: &Trained, given: &Given, job: &Job) -> Result<Fitted, TrainError> {
    let common = Common {
        name: model.name.clone(),
        seed: model.seed as u64,
        inputs: InputParams { min_count: u64::from(model.inputs.min_count) },
        // what is learnt from negatives that were drawn is no probability
        calibrate: model.parts.calibrate && model.examples.negatives.is_none(),
        refit: model.parts.refit,
        memory: KEPT,
    };
    let watch = job.watch();
    let fitted = match &model.kind {
        Network::Linear { l2 } => fit_linear(given, &common, &LinearParams { l2: *l2 }, &watch),
        Network::Mlp(layers) | Network::Mtml(layers) => {
            let params = NetParams {
                shared: matches!(model.kind, Network::Mtml(_)),
                hidden: layers.hidden.iter().map(|&width| width as usize).collect(),
                towers: layers.towers as usize,
                dropout: layers.dropout,
                lr: layers.lr,
                batch: layers.batch as usize,
                decay: layers.decay,
                id_decay: model.inputs.id_decay,
                id_dropout: model.inputs.id_dropout,
                epochs: layers.epochs as usize,
                patience: layers.patience as usize,
            };
            fit_networks(given, &common, &params, &watch)
        }
    };
    fitted.map_err(|wrong| match wrong {
        Wrong::Stopped => TrainError::Run(RunError::Stopped),
        wrong => TrainError::Model(wrong.to_string()),
    })
}

fn arrangement(kind: &Network) -> Arrangement {
    match kind {
        Network::Linear { .. } => Arrangement::Linear,
        Network::Mlp(layers) | Network::Mtml(layers) => Arrangement::Nets {
            shared: matches!(kind, Network::Mtml(_)),
            hidden: layers.hidden.iter().map(|&width| width as usize).collect(),
            towers: layers.towers as usize,
        },
    }
}

/// Examples that whoever opens the model scores again.
const SAMPLED: usize = 64;

fn sample(given: &Given, fitted: &Fitted) -> Result<Sample, TrainError> {
    let scorer = net::Scorer::new(fitted.clone());
    let block = net::Examples::block(given, 0, 0).map_err(|e| TrainError::Model(e.to_string()))?;
    let rows = block.len().min(SAMPLED);
    let dense: Vec<Vec<f32>> = block.dense.iter().map(|column| column[..rows].to_vec()).collect();
    let first = |column: &Keys| Keys { keys: column.keys[..rows].to_vec(), offsets: None };
    let sparse: Vec<Keys> = block.sparse.iter().map(first).collect();
    let sample = Sample::of(&scorer, &dense, &sparse, rows);
    sample.ok_or_else(|| TrainError::Model("an input that must not be null is null".to_owned()))
}

/// What this version can make a table of, but not score with.
fn unsupported(model: &Trained) -> Option<String> {
    let is_list = |sparse: &&Sparse| match &sparse.ids {
        Ids::Value(expr) => matches!(expr.ty, Type::List(_)),
        Ids::History(..) => true,
        Ids::Hashed(..) => false,
    };
    let list = model.inputs.sparse.iter().find(is_list).map(|sparse| sparse.name.as_str());
    let vector = model.inputs.vectors.first().map(|(name, _)| name.as_str());
    let what = match (list, vector) {
        (Some(name), _) => format!("the list `{name}` among its inputs"),
        (None, Some(name)) => format!("the vector `{name}` among its inputs"),
        (None, None) => return None,
    };
    Some(format!(
        "model `{}`: this version does not train models with {what}; `--dump` writes the table all the same",
        model.name
    ))
}

/// Features that read what was learned from links after the example.
fn knows_more(job: &Job, model: &Trained) -> Option<String> {
    let read = upstream::of(job.engine.schema(), job.declared);
    let first = read.first().filter(|_| !model.examples.latest_upstream)?;
    Some(format!(
        "model `{}`: its features read `{first}`, which was learned from links after its examples\nhelp: leave it out; or write \
         `upstream=latest`, where what it knows of the future does no harm",
        model.name
    ))
}

/// The columns of the table.
fn layout(model: &Trained) -> Layout {
    let normalise = match model.inputs.normalise {
        Normalise::Both => net::Normalise::Both,
        Normalise::ZScore => net::Normalise::Zscore,
        Normalise::None => net::Normalise::None,
    };
    let dense = model.inputs.dense.iter().map(|dense| DenseColumn {
        name: dense.name.clone(),
        normalise,
        missing: match dense.missing {
            Missing::Indicator => net::Missing::Indicator,
            Missing::Mean => net::Missing::Mean,
            Missing::Zero => net::Missing::Zero,
            Missing::Error => net::Missing::Error,
        },
    });
    let dim = model.inputs.id_dim.map(|dim| dim as usize);
    let sparse = model.inputs.sparse.iter().map(|sparse| SparseColumn {
        name: sparse.name.clone(),
        buckets: match sparse.ids {
            Ids::Hashed(_, n) => Some(n),
            Ids::Value(_) | Ids::History(..) => None,
        },
        dim,
    });
    let heads = model.heads.iter().map(|head| Head {
        name: head.name.clone(),
        target: match head.target {
            Target::Value(_) => net::Target::Value,
            Target::Soft(_) => net::Target::Soft,
            Target::Edge { .. } | Target::Condition(_) | Target::Positives => net::Target::Binary,
        },
        weight: head.weight as f32,
        allow_rare: model.allow_rare,
    });
    Layout {
        dense: dense.collect(),
        sparse: sparse.collect(),
        shown: model.inputs.shown.iter().map(shown).collect(),
        heads: heads.collect(),
    }
}

fn shown(shown: &Shown) -> ShownColumn {
    let served = shown.served.as_ref().and_then(|value| match value {
        // as in the table, where larger ones are one
        Value::Int(n) => Some(int_key((*n).min(50))),
        Value::Bool(b) => Some(u64::from(*b)),
        Value::Str(text) => Some(text_key(text)),
        _ => None,
    });
    ShownColumn { name: shown.name.clone(), served }
}

/// A training table as networks read it.
struct Given<'t> {
    layout: Layout,
    table: &'t Table<'t>,
}

impl net::Examples for Given<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn len(&self) -> u64 {
        self.table.len() as u64
    }

    fn block(&self, number: usize, epoch: u64) -> io::Result<Cow<'_, net::Block>> {
        let block = self.table.block(number, epoch).map_err(io::Error::other)?;
        Ok(Cow::Owned(read(&block, &self.layout)))
    }

    fn varies(&self) -> bool {
        self.table.varies()
    }
}

fn read(block: &Block, layout: &Layout) -> net::Block {
    let keys = |place: usize| {
        let (keys, offsets) = block.keys(place);
        Keys { keys, offsets }
    };
    net::Block {
        dense: (0..layout.dense.len()).map(|place| block.numbers(place)).collect(),
        sparse: (0..layout.sparse.len()).map(keys).collect(),
        shown: (0..layout.shown.len()).map(|place| block.shown(place)).collect(),
        labels: (0..layout.heads.len()).map(|head| block.labels(head)).collect(),
        weights: block.weights(),
        parts: block.parts(),
        viewers: block.viewers(),
    }
}
