//! Trained models: from the declaration and its examples to what is written.

use super::examples::{Block, Table, alarms};
use super::job::{Job, Learned};
use super::{TrainError, slices};
use crate::catalog::schema::Schema;
use crate::check::trained::{Ids, Inputs, Missing, Network, Normalise, Shown, Target, Trained};
use crate::engine::{Arrangement, DESCRIPTION, Description, Sample};
use crate::expr::EdgeExpr;
use crate::learn::net::{
    self, Common, DenseColumn, Fitted, Head, InputParams, Keys, Layout, LinearParams, Metrics,
    NetParams, Note, PartMetrics, ShownColumn, SparseColumn, Wrong, fit_linear, fit_networks,
};
use crate::ops::RunError;
use crate::store::learned::{Tensor, int_key, text_key};
use crate::types::{Type, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
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
    /// What was counted besides labels.
    pub(super) counts: Vec<(&'static str, u64)>,
    /// How good it is besides its heads.
    pub(super) metrics: BTreeMap<String, f64>,
    pub(super) notes: Vec<String>,
    slices: Vec<String>,
}

impl Learned for LearnedModel {
    fn tensors(&self) -> Vec<Tensor<'_>> {
        let weights = self.weights.iter();
        let mut tensors: Vec<Tensor> =
            weights.map(|t| Tensor::f32(t.name.clone(), &t.shape, &t.data)).collect();
        tensors.push(Tensor::bytes(DESCRIPTION, &self.description));
        tensors.extend(self.sample.tensors());
        tensors
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.iter();
        let mut found: BTreeMap<String, u64> =
            counts.map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let learned = self.fitted.heads.iter().filter(|head| head.facts.all.examples > 0);
        for head in learned {
            let labels = &head.facts.all;
            found.insert(format!("{}.examples", head.name), labels.examples);
            found.insert(format!("{}.positives", head.name), labels.positives);
        }
        found
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        let heads = self.fitted.heads.iter();
        let parts = heads.flat_map(|head| head.metrics.iter().map(move |part| (&head.name, part)));
        let of_parts = parts.flat_map(|(head, part)| of_part(head, part));
        of_parts.chain(self.metrics.clone()).collect()
    }

    fn slices(&self) -> Vec<String> {
        self.slices.clone()
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
    let vectors = model.inputs.vectors.iter().map(|(_, expr)| expr.ty.numbers() + 1).sum::<usize>();
    let inputs = model.inputs.dense.len() * 3 + model.inputs.sparse.len() * 2 + vectors + 2;
    let row = 4 * (inputs + model.heads.len()) as u64;
    let all = examples.min(model.examples.most).saturating_mul(row);
    all.min(KEPT as u64) + row * net::BLOCK as u64 * 4
}

pub(super) fn learn(job: &Job, model: &Arc<Trained>) -> Result<LearnedModel, TrainError> {
    let failed = |error: super::examples::TableError| TrainError::Model(error.to_string());
    let mut table = Table::new(job.engine, model, job.until).map_err(failed)?;
    let (of_past, slices) = slices::of(job, model, &table)?;
    table.slice(of_past);
    let mut notes: Vec<String> =
        alarms(&table).map_err(failed)?.iter().map(ToString::to_string).collect();
    let given = Given { layout: layout(model, &model.inputs), table: &table };
    let fitted = fit(model, &given, job)?;
    let mut made = LearnedModel::of(job, model, &given, fitted)?;
    notes.append(&mut made.notes);
    made.notes = notes;
    made.counts = vec![("examples", table.len() as u64)];
    made.slices = slices;
    Ok(made)
}

impl LearnedModel {
    /// A model with what it was fitted to.
    pub(super) fn of(
        job: &Job,
        model: &Trained,
        examples: &dyn net::Examples,
        fitted: Fitted,
    ) -> Result<LearnedModel, TrainError> {
        let schema = job.engine.schema();
        let description = Description {
            arrangement: arrangement(&model.kind),
            inputs: fitted.inputs.clone(),
            heads: fitted.heads.clone(),
            entities: entities(schema, &model.inputs),
            lists: lists(&model.inputs),
            vectors: vectors(&model.inputs),
            ranks: model.examples.negatives.is_some() || model.teacher.is_some(),
        };
        Ok(LearnedModel {
            sample: sample(examples, &fitted)?,
            description: serde_json::to_vec(&description)
                .map_err(|error| TrainError::Model(error.to_string()))?,
            weights: fitted.model.tensors(&fitted.heads),
            counts: Vec::new(),
            notes: notes_of(model, &fitted),
            metrics: BTreeMap::new(),
            slices: Vec::new(),
            fitted,
        })
    }
}

/// What is doubtful about the training. Of a vector nothing is said but that no example has one.
fn notes_of(model: &Trained, fitted: &Fitted) -> Vec<String> {
    let mut parts = &fitted.inputs.dense[model.inputs.dense.len()..];
    let names: HashSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let is_whole = |note: &&Note| match note {
        Note::Constant { feature, .. } | Note::AllNull { feature } => {
            !names.contains(feature.as_str())
        }
        _ => true,
    };
    let mut notes: Vec<String> =
        fitted.notes.iter().filter(is_whole).map(ToString::to_string).collect();
    for (name, expr) in &model.inputs.vectors {
        let (own, others) = parts.split_at(expr.ty.numbers() + 1);
        parts = others;
        if own.iter().all(|part| !part.kept) {
            notes.push(Note::AllNull { feature: name.clone() }.to_string());
        }
    }
    notes
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
        Network::TwoTower(_) | Network::Distill(_) => {
            unreachable!("`{}` is trained elsewhere", model.name)
        }
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
        Network::Distill(student) => Arrangement::Nets {
            shared: true,
            hidden: student.hidden.iter().map(|&width| width as usize).collect(),
            towers: 0,
        },
        Network::TwoTower(_) => unreachable!("towers have a description of their own"),
        Network::Linear { .. } => Arrangement::Linear,
        Network::Mlp(layers) | Network::Mtml(layers) => Arrangement::Nets {
            shared: matches!(kind, Network::Mtml(_)),
            hidden: layers.hidden.iter().map(|&width| width as usize).collect(),
            towers: layers.towers as usize,
        },
    }
}

/// Examples that whoever opens the model scores again.
pub(super) const SAMPLED: usize = 64;

fn sample(examples: &dyn net::Examples, fitted: &Fitted) -> Result<Sample, TrainError> {
    let scorer = net::Scorer::new(fitted.clone());
    let block = examples.block(0, 0).map_err(|e| TrainError::Model(e.to_string()))?;
    let rows = block.len().min(SAMPLED);
    let dense: Vec<Vec<f32>> = block.dense.iter().map(|column| column[..rows].to_vec()).collect();
    let sparse: Vec<Keys> = block.sparse.iter().map(|column| column.first(rows)).collect();
    let sample = Sample::of(&scorer, &dense, &sparse, rows);
    sample.ok_or_else(|| TrainError::Model("an input that must not be null is null".to_owned()))
}

/// The columns of the table.
pub(super) fn layout(model: &Trained, inputs: &Inputs) -> Layout {
    let normalise = match inputs.normalise {
        Normalise::Both => net::Normalise::Both,
        Normalise::ZScore => net::Normalise::Zscore,
        Normalise::None => net::Normalise::None,
    };
    let dense = inputs.dense.iter().map(|dense| DenseColumn {
        name: dense.name.clone(),
        normalise,
        missing: match dense.missing {
            Missing::Indicator => net::Missing::Indicator,
            Missing::Mean => net::Missing::Mean,
            Missing::Zero => net::Missing::Zero,
            Missing::Error => net::Missing::Error,
        },
    });
    let id_dim = inputs.id_dim.map(|dim| dim as usize);
    let sparse = inputs.sparse.iter().map(|sparse| SparseColumn {
        name: sparse.name.clone(),
        buckets: match sparse.ids {
            Ids::Hashed(_, n) => Some(n),
            Ids::Value(_) => None,
        },
        dim: id_dim,
    });
    let heads = model.heads.iter().map(|head| Head {
        name: head.name.clone(),
        target: match head.target {
            Target::Value(_) | Target::Order => net::Target::Value,
            Target::Soft(_) => net::Target::Soft,
            Target::Edge { .. } | Target::Condition(_) | Target::Positives => net::Target::Binary,
        },
        weight: head.weight as f32,
        allow_rare: model.allow_rare,
    });
    let vectors = inputs.vectors.iter().flat_map(|(name, expr)| parts_of(name, expr.ty.numbers()));
    Layout {
        dense: dense.chain(vectors).collect(),
        sparse: sparse.collect(),
        shown: inputs.shown.iter().map(shown).collect(),
        heads: heads.collect(),
    }
}

/// The columns of a vector: its numbers as they are, and whether there is none.
fn parts_of(name: &str, dim: usize) -> impl Iterator<Item = DenseColumn> + use<'_> {
    let numbers = (0..dim).map(move |place| format!("{name}[{place}]"));
    let absent = format!("{name} is null");
    numbers.chain([absent]).map(|name| DenseColumn {
        name,
        normalise: net::Normalise::None,
        missing: net::Missing::Zero,
    })
}

/// Of each sparse input that is of ids: their entity.
pub(super) fn entities(schema: &Schema, inputs: &Inputs) -> Vec<Option<String>> {
    let element = |ty: &Type| match ty {
        Type::List(item) => (**item).clone(),
        ty => ty.clone(),
    };
    let entity = |ids: &Ids| match ids {
        Ids::Value(expr) => match element(&expr.ty) {
            Type::Id(entity) => Some(schema.entity(entity).name.clone()),
            _ => None,
        },
        Ids::Hashed(..) => None,
    };
    inputs.sparse.iter().map(|sparse| entity(&sparse.ids)).collect()
}

/// Whether each sparse input is a list.
pub(super) fn lists(inputs: &Inputs) -> Vec<bool> {
    let is_list = |ids: &Ids| matches!(ids.expr().ty, Type::List(_));
    inputs.sparse.iter().map(|sparse| is_list(&sparse.ids)).collect()
}

/// How many numbers each vector has; 1: a similarity.
pub(super) fn vectors(inputs: &Inputs) -> Vec<usize> {
    inputs.vectors.iter().map(|(_, expr)| expr.ty.numbers()).collect()
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
pub(super) struct Given<'t> {
    pub layout: Layout,
    pub table: &'t Table<'t>,
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
        Ok(Cow::Owned(read(&block, self)))
    }

    fn varies(&self) -> bool {
        self.table.varies()
    }
}

fn read(block: &Block, given: &Given) -> net::Block {
    let layout = &given.layout;
    let (dense, sparse) = block.inputs();
    net::Block {
        dense,
        sparse,
        shown: (0..layout.shown.len()).map(|place| block.shown(place)).collect(),
        labels: (0..layout.heads.len()).map(|head| block.labels(head)).collect(),
        weights: block.weights(),
        parts: block.parts(),
        viewers: block.viewers(),
    }
}
