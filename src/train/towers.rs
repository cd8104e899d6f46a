//! Two towers: from the positives and what was known before each to vectors of items and the tower of viewers.

use super::examples::{Table, TableError};
use super::job::{Job, Learned, counts};
use super::models::{Given, SAMPLED, entities, layout, lists, vectors};
use super::{TrainError, courses, nearness, upstream};
use crate::check::trained::{Ids, Inputs, Network, Towers, Trained};
use crate::engine::{ITEM, TOWERS, TowerInputs, TowerSample, TowersDescription, USER, is_known};
use crate::learn::Watch;
use crate::learn::net::{
    self, Block, Chance, Columns, Encoded, Encoder, Examples, InputParams, Keys, Later, Layout,
    Note, Part, Positives, Tower, TwoTower, TwoTowerParams, Wrong, fit_two_tower,
};
use crate::ops::RunError;
use crate::store::learned::{Course, Curve, Tensor, WrittenVectors};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// Viewers that decide when to stop.
const VALIDATED: usize = 2_000;

/// Two trained towers, and how good they are.
pub(super) struct LearnedTowers {
    description: Vec<u8>,
    weights: Vec<net::Tensor>,
    sample: TowerSample,
    /// Of viewers, who have none that are stored, and of items.
    vectors: [WrittenVectors; 2],
    metrics: BTreeMap<String, f64>,
    positives: u64,
    notes: Vec<String>,
    curve: Curve,
}

impl Learned for LearnedTowers {
    fn tensors(&self) -> Vec<Tensor<'_>> {
        let weights = self.weights.iter();
        let mut tensors: Vec<Tensor> =
            weights.map(|t| Tensor::f32(t.name.clone(), &t.shape, &t.data)).collect();
        tensors.push(Tensor::bytes(TOWERS, &self.description));
        tensors.extend(self.sample.tensors());
        let stored = self.vectors.iter().enumerate();
        tensors.extend(stored.flat_map(|(place, vectors)| vectors.tensors(place)));
        tensors
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        counts([("positives", self.positives), ("vectors", self.vectors[1].len() as u64)])
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        self.metrics.clone()
    }

    fn course(&self, job: &Job) -> Course {
        let spaces = nearness::spaces(job, &self.vectors);
        Course { spaces, curves: vec![self.curve.clone()], ..Course::default() }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn layers(model: &Trained) -> &Towers {
    match &model.kind {
        Network::TwoTower(towers) => towers,
        _ => unreachable!("`{}` has no towers", model.name),
    }
}

fn items(model: &Trained) -> &Inputs {
    model.items.as_ref().expect("towers read items")
}

/// What a training will hold in memory: what is known before every positive, and what an epoch needs.
pub(super) fn bytes(model: &Trained, positives: u64) -> u64 {
    let newest = |ids: &Ids| if ids.is_history() { 50 } else { 2 };
    let sparse: u64 = model.inputs.sparse.iter().map(|sparse| newest(&sparse.ids)).sum();
    let dense = 3 * model.inputs.dense.len() as u64 + 16;
    let each = 4 * (dense + sparse) + 40;
    positives.min(model.examples.most).saturating_mul(each)
}

pub(super) fn learn(job: &Job, model: &Arc<Trained>) -> Result<LearnedTowers, TrainError> {
    if let Some(read) = upstream::of(job.engine.schema(), job.declared).first() {
        return Err(TrainError::Model(format!(
            "embedding `{}`: its features read `{read}`, which was learned from links after its positives\nhelp: leave it out",
            model.name
        )));
    }
    let failed = |error: TableError| TrainError::Model(error.to_string());
    let table = Table::new(job.engine, model, job.until).map_err(failed)?;
    let watch = job.watch();
    let mut notes = Vec::new();
    let users = Given { layout: layout(model, &model.inputs), table: &table };
    let user = fitted(model, &users, &watch, &mut notes)?;
    let known = Known::new(model, &table);
    let mut read = Read::of(&users, &user, model).map_err(told)?;
    let of_positives = OfPositives { known: &known, rows: &read.all };
    let item = fitted(model, &of_positives, &watch, &mut notes)?;
    let all_items = known.encoded(&item).map_err(told)?;
    read.settle(model);
    let found = fit(model, &read, (&user, &item), &all_items, &watch)?;
    let sample = sampled(&users, &user, &found.user)?;
    let schema = job.engine.schema();
    let described = |inputs: &Inputs, fitted: &Encoder| TowerInputs {
        inputs: fitted.inputs().clone(),
        entities: entities(schema, inputs),
        histories: histories(inputs),
        lists: lists(inputs),
        vectors: vectors(inputs),
    };
    let towers = layers(model);
    let description = TowersDescription {
        dim: towers.dim as usize,
        hidden: towers.hidden as usize,
        users: described(&model.inputs, &user),
        items: described(items(model), &item),
    };
    let prefixed = |prefix: &str, tower: &Tower| {
        let own = tower.tensors(towers.hidden as usize).into_iter();
        let named = |t: net::Tensor| net::Tensor { name: format!("{prefix}{}", t.name), ..t };
        own.map(named).collect::<Vec<_>>()
    };
    let curve = curve(towers, &found);
    notes.extend(courses::first_was_best(std::slice::from_ref(&curve)));
    Ok(LearnedTowers {
        curve,
        description: serde_json::to_vec(&description)
            .map_err(|error| TrainError::Model(error.to_string()))?,
        weights: [prefixed(USER, &found.user), prefixed(ITEM, &found.item)].concat(),
        vectors: stored(job, model, (&known, &item, &all_items), &found),
        sample,
        metrics: metrics(&found),
        positives: read.items.len() as u64,
        notes,
    })
}

fn told(wrong: Wrong) -> TrainError {
    match wrong {
        Wrong::Stopped => TrainError::Run(RunError::Stopped),
        wrong => TrainError::Model(wrong.to_string()),
    }
}

/// What turns columns into the inputs of a tower.
fn fitted(
    model: &Trained,
    examples: &dyn Examples,
    watch: &dyn Watch,
    notes: &mut Vec<String>,
) -> Result<Encoder, TrainError> {
    let params = InputParams { min_count: u64::from(model.inputs.min_count) };
    let (inputs, said) = net::Inputs::fitted(examples, &params, watch).map_err(told)?;
    let is_told = |note: &&Note| matches!(note, Note::NoKnownKeys { .. });
    notes.extend(said.iter().filter(is_told).map(ToString::to_string));
    Ok(Encoder::new(inputs))
}

fn histories(inputs: &Inputs) -> Vec<bool> {
    inputs.sparse.iter().map(|sparse| sparse.ids.is_history()).collect()
}

/// What is known of every item.
struct Known {
    layout: Layout,
    dense: Vec<Vec<f32>>,
    sparse: Vec<Keys>,
    rows: usize,
}

impl Known {
    fn new(model: &Trained, table: &Table) -> Known {
        let (dense, sparse) = table.of_rows(items(model));
        let rows = table.rows_of_entity();
        Known { layout: layout(model, items(model)), dense, sparse, rows }
    }

    fn encoded(&self, encoder: &Encoder) -> Result<Encoded, Wrong> {
        let columns =
            Columns { rows: self.rows, dense: &self.dense, sparse: &self.sparse, shown: &[] };
        let mut encoded = Encoded::default();
        encoder.encode(&columns, &mut encoded)?;
        Ok(encoded)
    }
}

/// The items of positives, as often as they are there: what is frequent among them decides what a tower knows.
struct OfPositives<'a> {
    known: &'a Known,
    /// The item and the part of each positive.
    rows: &'a [(u32, Part)],
}

impl Examples for OfPositives<'_> {
    fn layout(&self) -> &Layout {
        &self.known.layout
    }

    fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    fn block(&self, number: usize, _: u64) -> io::Result<Cow<'_, Block>> {
        let end = self.rows.len().min((number + 1) * net::BLOCK);
        let own = &self.rows[number * net::BLOCK..end];
        let items: Vec<u32> = own.iter().map(|(item, _)| *item).collect();
        let dense = self.known.dense.iter();
        Ok(Cow::Owned(Block {
            dense: dense
                .map(|all| items.iter().map(|&item| all[item as usize]).collect())
                .collect(),
            sparse: self.known.sparse.iter().map(|keys| keys.picked(&items)).collect(),
            parts: own.iter().map(|(_, part)| *part).collect(),
            viewers: vec![0; items.len()],
            ..Block::default()
        }))
    }

    fn varies(&self) -> bool {
        false
    }
}

/// The positives as towers read them.
#[derive(Default)]
struct Read {
    /// The item and the part of each.
    all: Vec<(u32, Part)>,
    /// Of the training part: what was known of the viewer, the item, and who it was.
    users: Encoded,
    items: Vec<u32>,
    viewers: Vec<u32>,
    /// Who did something later: what was known before the first of it, and what it was.
    later_users: Encoded,
    later: Vec<(u32, Vec<u32>)>,
    offsets: Vec<u64>,
    truth: Vec<u32>,
    seen_offsets: Vec<u64>,
    seen: Vec<u32>,
}

impl Read {
    fn of(given: &Given, encoder: &Encoder, model: &Trained) -> Result<Read, Wrong> {
        let mut read = Read::default();
        let chosen = chosen(given, model)?;
        let mut place_of = BTreeMap::new();
        for number in 0..given.blocks() {
            let block = given.table.block(number, 0).map_err(io::Error::other)?;
            let (dense, sparse) = block.inputs();
            let columns = Columns { rows: block.len(), dense: &dense, sparse: &sparse, shown: &[] };
            let mut encoded = Encoded::default();
            encoder.encode(&columns, &mut encoded)?;
            let (viewers, parts) = (block.viewers(), block.parts());
            let (mut trained, mut first) = (Vec::new(), Vec::new());
            for (row, (&item, &part)) in block.rows().iter().zip(&parts).enumerate() {
                read.all.push((item, part));
                let viewer = viewers[row];
                if part == Part::Train {
                    trained.push(row as u32);
                    read.items.push(item);
                    read.viewers.push(viewer);
                } else if chosen.contains(&viewer) {
                    let place = *place_of.entry(viewer).or_insert_with(|| {
                        first.push(row as u32);
                        read.later.push((viewer, Vec::new()));
                        read.later.len() - 1
                    });
                    read.later[place].1.push(item);
                }
            }
            read.users.append(&encoded.picked(&trained));
            read.later_users.append(&encoded.picked(&first));
        }
        Ok(read)
    }

    /// Lays out what came later: without what the viewer had before, which is not looked for.
    fn settle(&mut self, model: &Trained) {
        let mut own: BTreeMap<u32, BTreeSet<u32>> =
            self.later.iter().map(|(viewer, _)| (*viewer, BTreeSet::new())).collect();
        for (viewer, item) in self.viewers.iter().zip(&self.items) {
            if let Some(items) = own.get_mut(viewer) {
                items.insert(*item);
            }
        }
        (self.offsets, self.seen_offsets) = (vec![0], vec![0]);
        if model.parts.validation == 0.0 {
            self.offsets.clear();
        }
        for (viewer, items) in &self.later {
            let own = &own[viewer];
            let truth: BTreeSet<u32> = items.iter().filter(|i| !own.contains(i)).copied().collect();
            self.truth.extend(truth);
            self.seen.extend(own);
            self.offsets.push(self.truth.len() as u64);
            self.seen_offsets.push(self.seen.len() as u64);
        }
    }
}

/// The viewers who decide when to stop: those with something in the validation part, at most so many, by hash.
fn chosen(given: &Given, model: &Trained) -> Result<BTreeSet<u32>, Wrong> {
    let mut all = BTreeSet::new();
    for number in 0..given.blocks() {
        let (viewers, parts) = given.table.who(number);
        let later = viewers.iter().zip(&parts).filter(|(_, part)| **part != Part::Train);
        all.extend(later.map(|(viewer, _)| *viewer));
    }
    let chance = Chance::new(model.seed as u64, &model.name).of("validated viewers");
    let mut ordered: Vec<(u64, u32)> =
        all.into_iter().map(|viewer| (chance.hash(u64::from(viewer)), viewer)).collect();
    ordered.sort_unstable();
    ordered.truncate(VALIDATED);
    Ok(ordered.into_iter().map(|(_, viewer)| viewer).collect())
}

fn fit(
    model: &Trained,
    read: &Read,
    (user, item): (&Encoder, &Encoder),
    all_items: &Encoded,
    watch: &dyn Watch,
) -> Result<TwoTower, TrainError> {
    let towers = layers(model);
    let params = TwoTowerParams {
        dim: towers.dim as usize,
        hidden: towers.hidden as usize,
        temperature: towers.temperature,
        lr: towers.lr,
        batch: towers.batch as usize,
        epochs: towers.epochs as usize,
        patience: towers.patience as usize,
        id_dropout: model.inputs.id_dropout,
        id_decay: model.inputs.id_decay,
        corrected: true,
    };
    let side =
        |fitted: &Encoder, inputs: &Inputs| net::Side::new(fitted.inputs(), &histories(inputs));
    let sides = (side(user, &model.inputs), side(item, items(model)));
    let positives =
        Positives { users: &read.users, items: &read.items, viewers: &read.viewers, all_items };
    let later = Later {
        users: &read.later_users,
        items: &read.truth,
        offsets: &read.offsets,
        seen: &read.seen,
        seen_offsets: &read.seen_offsets,
    };
    let whose = (model.seed as u64, model.name.as_str());
    fit_two_tower(sides, &positives, &later, &params, whose, watch).map_err(told)
}

fn sampled(given: &Given, encoder: &Encoder, tower: &Tower) -> Result<TowerSample, TrainError> {
    let block = given.block(0, 0).map_err(|e| TrainError::Model(e.to_string()))?;
    let rows = block.len().min(SAMPLED);
    let dense: Vec<Vec<f32>> = block.dense.iter().map(|column| column[..rows].to_vec()).collect();
    let sparse: Vec<Keys> = block.sparse.iter().map(|column| column.first(rows)).collect();
    let sample = TowerSample::of(encoder, tower, &dense, &sparse, rows);
    sample.ok_or_else(|| TrainError::Model("an input that must not be null is null".to_owned()))
}

fn stored(
    job: &Job,
    model: &Trained,
    (known, item, all_items): (&Known, &Encoder, &Encoded),
    found: &TwoTower,
) -> [WrittenVectors; 2] {
    let (snapshot, dim) = (job.engine.snapshot(), layers(model).dim as usize);
    let edge = &model.examples.edge;
    let has = |row| is_known(row, &known.dense, item.inputs(), &all_items.ids);
    let has: Vec<bool> = (0..known.rows).map(has).collect();
    let vectors = found.item.vectors(all_items);
    [
        WrittenVectors::new(snapshot, edge.from, dim, &[], &[]),
        WrittenVectors::new(snapshot, edge.to, dim, &vectors, &has),
    ]
}

fn curve(towers: &Towers, found: &TwoTower) -> Curve {
    Curve {
        heads: Vec::new(),
        metric: "NDCG@20".to_owned(),
        epochs: courses::epochs(&found.epochs),
        most: towers.epochs as usize,
        best: found.best,
    }
}

fn metrics(found: &TwoTower) -> BTreeMap<String, f64> {
    let best = found.best.checked_sub(1).and_then(|place| found.epochs.get(place));
    let ndcg = best.and_then(|epoch| epoch.validation);
    let known = [
        ("validation.ndcg@20", ndcg),
        ("validation.recall@20", found.recall),
        ("epochs", Some(found.best as f64)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
