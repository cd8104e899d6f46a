//! Classifiers: from the topics of rows and their vectors to what is written.

use super::TrainError;
use super::job::{Job, Learned, counts};
use crate::batch::{Column, ColumnView};
use crate::check::{Declaration, TopicOf, Topics};
use crate::engine::Scene;
use crate::engine::{EveryLink, TopicsDescription, Wanted, WrittenTopics};
use crate::expr::run::{Frame, Running};
use crate::learn::{
    ClassMetrics, Classified, ClassifierSettings, ClassifierWrong, FOLDS, Labelled, classifier,
};
use crate::ops::RunError;
use crate::store::Snapshot;
use crate::store::learned::Tensor;
use crate::types::{Key, NULL_CODE, NULL_INT, Type};
use foldhash::HashMap;
use std::collections::BTreeMap;

/// Rows whose predictions are kept for the self-test.
const SAMPLED: usize = 64;

/// A classifier, and how good it is.
pub(super) struct LearnedTopics {
    written: WrittenTopics,
    metrics: BTreeMap<String, f64>,
    rows: u64,
    classes: u64,
    notes: Vec<String>,
}

impl Learned for LearnedTopics {
    fn tensors(&self) -> Vec<Tensor<'_>> {
        self.written.tensors()
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        counts([("rows", self.rows), ("classes", self.classes)])
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        self.metrics.clone()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn topics(declared: &Declaration) -> &Topics {
    declared.topics().expect("a classifier has topics")
}

fn embedding(declared: &Declaration) -> u32 {
    declared.embedding().expect("a classifier reads vectors")
}

fn settings(declared: &Declaration) -> ClassifierSettings {
    let is_given = !declared.is("l2", "auto");
    ClassifierSettings { l2: is_given.then(|| declared.number("l2")) }
}

/// What a training will hold in memory: links, vectors, and what the fits need.
pub(super) fn bytes(job: &Job) -> u64 {
    let (schema, declared) = (job.engine.schema(), job.declared);
    let rows = schema.entity(declared.entities[0]).rows as usize;
    let dim = schema.embeddings[embedding(declared) as usize].dim as usize;
    let links = topics(declared).edge().map_or(0, |edge| job.size_of(edge).links as u64);
    let fits = settings(declared).bytes(rows, dim, declared.size("top"));
    fits.saturating_add(4 * (rows * dim) as u64).saturating_add(links.saturating_mul(64))
}

pub(super) fn learn(job: &Job) -> Result<LearnedTopics, TrainError> {
    let all = match &topics(job.declared).of {
        TopicOf::Column(column, _) => of_column(job, *column),
        TopicOf::Target(_) | TopicOf::Link { .. } => of_links(job)?,
    };
    let examples = Examples::of(job, &all)?;
    let labelled = examples.labelled();
    let found = classifier(&labelled, &settings(job.declared), &job.watch());
    let found = found.map_err(|wrong| told(job, &examples, &wrong))?;
    let space = &job.engine.schema().embeddings[embedding(job.declared) as usize];
    let description = TopicsDescription {
        embedding: space.name.clone(),
        entity: match topics(job.declared).ty {
            Type::Id(entity) => Some(job.engine.schema().entity(entity).name.clone()),
            _ => None,
        },
        dim: examples.dim,
        classes: examples.classes.len(),
    };
    let sample = &examples.vectors[..examples.rows.len().min(SAMPLED) * examples.dim];
    Ok(LearnedTopics {
        metrics: metrics(&found),
        notes: notes(job, &found),
        rows: examples.rows.len() as u64,
        classes: examples.classes.len() as u64,
        written: WrittenTopics::new(&description, found.classifier, &examples.classes, sample),
    })
}

fn metrics(found: &Classified) -> BTreeMap<String, f64> {
    let ClassMetrics { accuracy, macro_f1, top3, majority, log_loss, .. } = found.mean;
    let all = [
        ("accuracy", accuracy),
        ("macro_f1", macro_f1),
        ("top3", top3),
        ("majority", majority),
        ("log_loss", log_loss),
        ("l2", found.l2),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn notes(job: &Job, found: &Classified) -> Vec<String> {
    let name = &job.declared.name;
    let ClassMetrics { accuracy, majority, .. } = found.mean;
    let guessed = (accuracy <= majority).then(|| {
        format!(
            "`{name}` finds {:.1} % of the topics, and always the most frequent one is {:.1} %",
            100.0 * accuracy,
            100.0 * majority
        )
    });
    let unfinished = (!found.converged)
        .then(|| format!("`{name}` is not at its minimum after {} steps", found.steps));
    guessed.into_iter().chain(unfinished).collect()
}

/// A topic as a number: the code of a string, the row of an id, an int itself. Their order is that of ties.
type Topic = i64;

/// The topics of rows in a column, those of rows that are not there before the end left out.
fn of_column(job: &Job, column: usize) -> Vec<(u32, Topic)> {
    let (snapshot, entity) = (job.engine.snapshot(), job.declared.entities[0]);
    let times = snapshot.times(entity);
    let is_there = |row: u32| times.is_none_or(|times| times[row as usize] < job.until);
    let rows = 0..snapshot.schema().entity(entity).rows;
    let column = snapshot.column(entity, column);
    let topic = |row: u32| match column {
        ColumnView::Code(codes) => of_code(codes[row as usize]),
        ColumnView::I64(ints) => Some(ints[row as usize]).filter(|&int| int != NULL_INT),
        _ => None,
    };
    rows.filter(|&row| is_there(row)).filter_map(|row| Some((row, topic(row)?))).collect()
}

fn of_code(code: u32) -> Option<Topic> {
    (code != NULL_CODE).then(|| i64::from(code))
}

/// The topic of largest summed weight of each row that has enough links.
fn of_links(job: &Job) -> Result<Vec<(u32, Topic)>, TrainError> {
    let topics = topics(job.declared);
    let edge = topics.edge().expect("topics of links");
    let column = match &topics.of {
        TopicOf::Link { column, .. } => Some(*column),
        _ => None,
    };
    let wanted = Wanted { weights: edge.has_weight, column };
    let now = job.until.saturating_sub(1);
    let links = job.engine.every_link(edge, now, wanted, job.limits)?;
    let least = job.declared.whole("min_links").unwrap_or_default();
    Ok(Sums::of(topics, &links).strongest(least))
}

/// Weights of topics by row.
#[derive(Default)]
struct Sums {
    weights: HashMap<(u32, Topic), f64>,
    links: HashMap<u32, i64>,
}

impl Sums {
    fn of(topics: &Topics, links: &EveryLink) -> Sums {
        let mut sums = Sums::default();
        for source in 0..links.offsets.len().saturating_sub(1) {
            for place in links.offsets[source] as usize..links.offsets[source + 1] as usize {
                let row = match topics.of {
                    TopicOf::Link { reverse: true, .. } => links.ends[place],
                    _ => source as u32,
                };
                let weight = links.weights.as_ref().map_or(1.0, |weights| weights[place]);
                if let Some(topic) = of_link(topics, links, place) {
                    sums.add(row, topic, weight);
                }
            }
        }
        sums
    }

    /// Adds a link, unless its weight is none.
    fn add(&mut self, row: u32, topic: Topic, weight: f64) {
        if weight > 0.0 && weight.is_finite() {
            *self.weights.entry((row, topic)).or_default() += weight;
            *self.links.entry(row).or_default() += 1;
        }
    }

    fn strongest(self, least: i64) -> Vec<(u32, Topic)> {
        let Sums { weights, links } = self;
        let mut all: Vec<(u32, Topic, f64)> =
            weights.into_iter().map(|((row, topic), weight)| (row, topic, weight)).collect();
        all.retain(|(row, ..)| links[row] >= least);
        // of equal weights the first topic
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.2.total_cmp(&a.2)).then(a.1.cmp(&b.1)));
        all.dedup_by_key(|(row, ..)| *row);
        all.into_iter().map(|(row, topic, _)| (row, topic)).collect()
    }
}

/// The topic that a link says.
fn of_link(topics: &Topics, links: &EveryLink, place: usize) -> Option<Topic> {
    if let TopicOf::Target(_) = topics.of {
        return Some(i64::from(links.ends[place]));
    }
    let bits = links.values[links.groups.as_ref()?[place] as usize];
    match topics.ty {
        Type::Int => Some(bits as i64).filter(|&int| int != NULL_INT),
        _ => of_code(bits as u32),
    }
}

/// Rows with a topic that is learned, and a vector.
struct Examples {
    rows: Vec<u32>,
    /// The class of each.
    of: Vec<u32>,
    folds: Vec<u8>,
    dim: usize,
    vectors: Vec<f32>,
    has: Vec<bool>,
    places: Vec<u32>,
    /// The key or the text of each class, that of most rows first.
    classes: Vec<Key>,
}

impl Examples {
    fn of(job: &Job, all: &[(u32, Topic)]) -> Result<Examples, TrainError> {
        let kept = dominant(all, job.declared.size("top"));
        let (snapshot, declared) = (job.engine.snapshot(), job.declared);
        let (number, entity) = (embedding(declared) as usize, declared.entities[0]);
        let stored = snapshot.vectors(number, entity).expect("an embedding of the entity");
        let class_of: HashMap<Topic, u32> = kept.iter().copied().zip(0..).collect();
        let (mut rows, mut of, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for (row, topic) in all {
            if let (Some(&class), Some(vector)) = (class_of.get(topic), stored.get(*row)) {
                rows.push(*row);
                of.push(class);
                vectors.extend_from_slice(&vector);
            }
        }
        if rows.is_empty() {
            return Err(nothing(job, all.len()));
        }
        let ty = &topics(declared).ty;
        Ok(Examples {
            folds: folds(job, &rows),
            has: vec![true; rows.len()],
            places: (0..rows.len() as u32).collect(),
            dim: stored.dim,
            classes: kept.iter().map(|&topic| key(snapshot, ty, topic)).collect(),
            rows,
            of,
            vectors,
        })
    }

    fn labelled(&self) -> Labelled<'_> {
        Labelled {
            vectors: &self.vectors,
            dim: self.dim,
            has: &self.has,
            rows: &self.places,
            classes: &self.of,
            folds: &self.folds,
            class_count: self.classes.len(),
        }
    }
}

/// The topics that most rows have, ties by their order.
fn dominant(all: &[(u32, Topic)], top: usize) -> Vec<Topic> {
    let mut counts: HashMap<Topic, u64> = HashMap::default();
    all.iter().for_each(|(_, topic)| *counts.entry(*topic).or_default() += 1);
    let mut found: Vec<(Topic, u64)> = counts.into_iter().collect();
    found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(top);
    found.into_iter().map(|(topic, _)| topic).collect()
}

/// What a topic is in any snapshot.
fn key(snapshot: &Snapshot, ty: &Type, topic: Topic) -> Key {
    match ty {
        Type::Id(entity) => snapshot.key(*entity, topic as u32),
        Type::Int => Key::Int(topic),
        _ => Key::Str(snapshot.string(topic as u32).to_owned()),
    }
}

/// In which fold each of some rows is, as a program would find it.
fn folds(job: &Job, rows: &[u32]) -> Vec<u8> {
    let scene = Scene::new(job.engine.snapshot(), Running::off().into());
    let (run, owners) = (scene.before(job.until), vec![0; rows.len()]);
    let frame = Frame { n: rows.len(), owners: &owners, ids: rows, ..Frame::requests(&run) };
    match frame.column(&topics(job.declared).fold) {
        // one hash in 2^64 is none
        Column::I64(folds) => {
            folds.iter().map(|fold| fold.rem_euclid(FOLDS as i64) as u8).collect()
        }
        _ => vec![0; rows.len()],
    }
}

fn failed(job: &Job, why: &str) -> TrainError {
    TrainError::Model(job.nothing_as(why))
}

/// Why there is no row to learn from.
fn nothing(job: &Job, with_topic: usize) -> TrainError {
    let (schema, declared) = (job.engine.schema(), job.declared);
    let of = &schema.entity(declared.entities[0]).name;
    let space = &schema.embeddings[embedding(declared) as usize].name;
    failed(
        job,
        &match (with_topic, topics(declared).edge()) {
            (0, Some(_)) => {
                let least = declared.whole("min_links").unwrap_or_default();
                format!("no `{of}` has {least} links with a topic: lower `min_links`")
            }
            (0, None) => format!("no `{of}` has a topic"),
            (rows, _) => format!("none of {rows} `{of}` with a topic has a vector in `{space}`"),
        },
    )
}

/// Why nothing was learned, with names in the place of numbers.
fn told(job: &Job, examples: &Examples, wrong: &ClassifierWrong) -> TrainError {
    let topic = |class: &u32| examples.classes[*class as usize].to_string();
    failed(
        job,
        &match wrong {
            ClassifierWrong::Stopped => return TrainError::Run(RunError::Stopped),
            ClassifierWrong::OneClass { class } => {
                let topic = topic(class);
                format!(
                    "every row with a topic and a vector is of `{topic}`: two topics are needed"
                )
            }
            ClassifierWrong::Absent { class } => {
                format!("no row of topic `{}` has a vector: lower `top`", topic(class))
            }
            ClassifierWrong::OneFold { class, fold } => format!(
                "all rows of topic `{}` with a vector are in fold {fold} of {FOLDS}, so there is nothing to learn it from \
                 where that fold is measured: lower `top`, which leaves out the topics of fewest rows",
                topic(class)
            ),
            ClassifierWrong::NotFinite { row, place } => {
                let entity = job.declared.entities[0];
                let key = job.engine.snapshot().key(entity, examples.rows[*row as usize]);
                format!("number {place} of the vector of {key} is not finite")
            }
            other => other.to_string(),
        },
    )
}
