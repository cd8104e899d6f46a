//! Trained models: from the declaration and its examples to what is written.

use super::courses;
use super::examples::{Part, Rates, Table, rates, studied};
use super::job::{Job, Learned};
use super::spool::{self, Renewed, Spooled};
use super::{TrainError, slices};
use crate::catalog::schema::Schema;
use crate::check::trained::{
    Ids, Inputs, Missing, Network, Normalise, Shown, Sparse, Target, Trained,
};
use crate::engine::{Arrangement, DESCRIPTION, Description, Sample};
use crate::expr::EdgeExpr;
use crate::learn::net::{
    self, Common, DenseColumn, Fitted, Head, InputParams, Keys, Layout, LinearParams, NetParams,
    Note, PartMetrics, ShownColumn, SparseColumn, Wrong, fit_linear, fit_networks,
};
use crate::ops::{Limits, RunError};
use crate::store::learned::{Course, Tensor, int_key, text_key};
use crate::types::{Type, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

/// Bytes of encoded examples that are kept between epochs.
const KEPT: usize = 256 << 20;

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
    pub(super) course: Course,
    slices: Vec<String>,
    /// Rows of a log that were examples.
    logged: Option<u64>,
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

    fn logged(&self) -> Option<u64> {
        self.logged
    }

    fn course(&self, _: &Job) -> Course {
        self.course.clone()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// `p_like.test.auc` and others: of calibrated scores, where there are such.
fn of_part(head: &str, part: &PartMetrics) -> Vec<(String, f64)> {
    let metrics = courses::named(part.calibrated.as_ref().unwrap_or(&part.plain));
    let known = metrics.into_iter();
    known.map(|(name, value)| (format!("{head}.{}.{name}", part.part.name()), value)).collect()
}

/// The edge whose links are the examples.
pub(super) fn edge(model: &Trained) -> &EdgeExpr {
    &model.examples.edge
}

/// What a training will hold in memory: either all examples without their features, or what networks read.
pub(super) fn bytes(model: &Trained, examples: u64, limits: &Limits) -> u64 {
    let heads = model.heads.len() as u64;
    let examples = examples.min(model.examples.most);
    let own = model.inputs.context.len() + model.inputs.shown.len();
    // ends and times, listed and in order, with what is read of the link, parts and labels
    let link = 49 + 8 * own as u64 + 12 * heads;
    let each = u64::from(model.examples.negatives.as_ref().map_or(0, |negatives| negatives.each));
    let drawn = if each > 0 { 9 * (each + 1) + 24 } else { 0 };
    let (read, encoded) = row_bytes(model);
    let rows = examples.saturating_mul(each + 1);
    let mixed = rows.min(net::MIXED as u64) * encoded + rows.min(2 * net::BLOCK as u64) * read;
    let kept = rows.saturating_mul(encoded).min(kept(limits) as u64);
    let table = rows.saturating_mul(read).min(spool::in_memory(limits));
    let scores = rows.saturating_mul(36 + 8 * heads);
    let found = examples.saturating_mul(link + drawn);
    let trained = mixed.saturating_add(kept).max(scores).saturating_add(table);
    match each {
        0 => found.max(trained),
        // drawn anew in every epoch
        _ => found.saturating_add(trained),
    }
}

/// The bytes of an example with its inputs, as they are and as a network reads them.
fn row_bytes(model: &Trained) -> (u64, u64) {
    let inputs = &model.inputs;
    let numbers = inputs.vectors.iter().map(|(_, expr)| expr.ty.numbers() + 1).sum::<usize>();
    let dense = (inputs.dense.len(), 3 * inputs.dense.len());
    let keys = |sparse: &Sparse| match (sparse.ids.newest(), &sparse.ids.expr().ty) {
        (Some(most), _) => most as usize + 1,
        (None, Type::List(_)) => 8,
        (None, _) => 1,
    };
    let keys: usize = inputs.sparse.iter().map(keys).sum();
    let other = model.heads.len() + inputs.shown.len() + 4;
    let read = 4 * (dense.0 + numbers + other) + 8 * (keys + inputs.shown.len());
    let encoded = 4 * (dense.1.next_multiple_of(16) + numbers + keys + other);
    (read as u64, encoded as u64)
}

/// How many bytes of encoded examples are kept between epochs.
fn kept(limits: &Limits) -> usize {
    limits.max_memory.map_or(KEPT, |most| usize::try_from(most / 8).unwrap_or(KEPT).min(KEPT))
}

pub(super) fn learn(job: &Job, model: &Arc<Trained>) -> Result<LearnedModel, TrainError> {
    let failed = |error: super::examples::TableError| TrainError::Model(error.to_string());
    let mut table = Table::new(job.engine, model, job.until).map_err(failed)?;
    job.engine.snapshot().let_go();
    let (of_past, slices) = slices::of(job, model, &table)?;
    table.slice(of_past);
    let made = fitted_to(job, model, table)?;
    Ok(LearnedModel { slices, ..made })
}

/// From the rows of a log, with the inputs as they were when these were scored.
pub(super) fn learn_logged(job: &Job, model: &Arc<Trained>) -> Result<LearnedModel, TrainError> {
    let log = job.from.expect("whoever trains from a log has one");
    let (table, mut notes) = Table::of_log(job.engine, model, &log.folder, job.until)?;
    let rows = table.len() as u64;
    let made = fitted_to(job, model, table)?;
    notes.extend(made.notes);
    Ok(LearnedModel { notes, logged: Some(rows), ..made })
}

fn fitted_to(job: &Job, model: &Trained, table: Table) -> Result<LearnedModel, TrainError> {
    let read = |error: io::Error| TrainError::Model(Wrong::Read(error).to_string());
    let given = Given { layout: layout(model, &model.inputs), table: &table };
    let spooled = Spooled::of(job, &given)?;
    let mut notes = remarks(&table);
    let (alarms, alone) = studied(&table, spooled.examples()).map_err(read)?;
    notes.extend(alarms.iter().map(ToString::to_string));
    let times = table.times();
    let rates = rates(&table, &given.layout.heads);
    let count = table.len() as u64;
    let fitted = if table.varies() {
        fit(model, &Renewed { source: &given, first: spooled.examples() }, job)?
    } else {
        // nothing but what was computed is read any more
        drop(table);
        job.engine.snapshot().let_go();
        fit(model, spooled.examples(), job)?
    };
    notes.extend(no_better(&fitted, &rates));
    let mut made = LearnedModel::of(job, model, spooled.examples(), fitted)?;
    notes.append(&mut made.notes);
    made.notes = notes;
    made.metrics = of_rates(&made.fitted, &rates);
    let ranks = model.examples.negatives.is_some();
    made.course.heads = courses::heads(&made.fitted, &rates, !ranks);
    let features = courses::features(model, &made.fitted.inputs, spooled.examples());
    made.course.features = features.map_err(read)?;
    courses::add_alone(&mut made.course.features, &alone, &alarms, &times);
    made.counts = vec![("examples", count)];
    Ok(made)
}

/// What is left out, and what is slow.
fn remarks(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    if table.left_out() > 0 {
        notes.push(format!("{} older links are left out (`max_examples`)", table.left_out()));
    }
    // what hardly takes any time is nothing to say
    for (feature, share) in table.scans().into_iter().filter(|(_, share)| *share >= 0.01) {
        let share = share * 100.0;
        notes.push(format!("`{feature}` looks at links one by one: {share:.0} % of the time"));
    }
    notes
}

/// `p_like.test.item_rate_ne` and others.
fn of_rates(fitted: &Fitted, rates: &[Rates]) -> BTreeMap<String, f64> {
    let named = |rates: &Rates| {
        let of = format!("{}.{}", fitted.heads[rates.head].name, rates.part.name());
        let all = [
            ("base_rate_ne", rates.base.ne),
            ("item_rate_ne", rates.item.ne),
            ("item_rate_auc", rates.item.auc),
        ];
        all.into_iter().filter_map(move |(name, value)| Some((format!("{of}.{name}"), value?)))
    };
    rates.iter().flat_map(named).collect()
}

/// That a model predicts no better than the base rate, or than the rate of each row, over all heads that can be measured: in
/// the test part, or in that for validation without one.
fn no_better(fitted: &Fitted, rates: &[Rates]) -> Option<String> {
    let measured = |part: Part| {
        let own = rates.iter().filter(|rates| rates.part == part);
        let all = own.filter_map(|rates| {
            let head = &fitted.heads[rates.head];
            let metrics = head.metrics.iter().find(|metrics| metrics.part == part)?;
            let ne = metrics.calibrated.as_ref().unwrap_or(&metrics.plain).ne?;
            Some([ne, rates.base.ne?, rates.item.ne?])
        });
        let all: Vec<[f64; 3]> = all.collect();
        let mean = |of: usize| all.iter().map(|nes| nes[of]).sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| (part, [0, 1, 2].map(mean)))
    };
    let (part, [own, base, item]) = measured(Part::Test).or_else(|| measured(Part::Validation))?;
    let (what, best) = match base <= item {
        true => ("the base rate", base),
        false => ("the smoothed rate of each row", item),
    };
    (own >= best).then(|| {
        format!(
            "it does not beat {what}: its mean NE in the {} part is {own:.4}, and that of the rate is {best:.4}\nhelp: its \
             inputs say nothing more of the labels; give it others, or more examples",
            part.name()
        )
    })
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
        let curves = courses::curves(model, &fitted.curves);
        Ok(LearnedModel {
            sample: sample(examples, &fitted)?,
            description: serde_json::to_vec(&description)
                .map_err(|error| TrainError::Model(error.to_string()))?,
            weights: fitted.model.tensors(&fitted.heads),
            counts: Vec::new(),
            notes: [notes_of(model, &fitted), courses::first_was_best(&curves)].concat(),
            course: Course { curves, ..Course::default() },
            metrics: BTreeMap::new(),
            slices: Vec::new(),
            logged: None,
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

fn fit(model: &Trained, given: &dyn net::Examples, job: &Job) -> Result<Fitted, TrainError> {
    let common = Common {
        name: model.name.clone(),
        seed: model.seed as u64,
        inputs: InputParams { min_count: u64::from(model.inputs.min_count) },
        // what is learnt from negatives that were drawn is no probability
        calibrate: model.parts.calibrate && model.examples.negatives.is_none(),
        refit: model.parts.refit,
        memory: kept(&job.limits),
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
        Wrong::Rare { examples, positives, least, .. }
            if model.examples.negatives.is_some() && positives >= least =>
        {
            TrainError::Model(none_drawn(positives, examples - positives))
        }
        wrong => TrainError::Model(wrong.to_string()),
    })
}

/// That there are too few negatives, which are drawn.
fn none_drawn(positives: u64, drawn: u64) -> String {
    format!(
        "{drawn} negatives could be drawn for {positives} positives in the training part: the viewers of the positives have nearly \
         all rows that were there as positives themselves\nhelp: give what was shown as `examples=EDGE`, or positives of \
         more viewers and rows"
    )
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
        Ok(Cow::Owned(block.plain()))
    }

    fn varies(&self) -> bool {
        self.table.varies()
    }
}
