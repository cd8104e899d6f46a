//! Students: the candidates of past requests in the order of a teacher, and a small model that learns it.

use super::TrainError;
use super::examples::{Table, TableError};
use super::job::Job;
use super::models::{LearnedModel, layout};
use crate::check::trained::{ListLoss, Network, Student, Trained};
use crate::engine::Program;
use crate::learn::Watch;
use crate::learn::net::{
    self, Block, Chance, Common, DistillParams, Distilled, InputParams, Part, Wrong, fit_distilled,
};
use crate::library::Unit;
use crate::ops::RunError;
use crate::request::Request;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Requests that are run together.
const TOGETHER: usize = 64;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The candidates of past requests, the teacher's best first.
#[derive(Default)]
struct Lists {
    /// Of each candidate the example that its request is one of, and its row.
    sources: Vec<u32>,
    rows: Vec<u32>,
    /// What the teacher says that it is worth.
    values: Vec<f32>,
    /// Where the candidates of each request begin, and where the last ones end.
    offsets: Vec<u64>,
    /// Requests with fewer than two.
    short: u64,
}

pub(super) fn learn(job: &Job, model: &Arc<Trained>) -> Result<LearnedModel, TrainError> {
    let failed = |error: TableError| TrainError::Model(error.to_string());
    let table = Table::new(job.engine, model, job.until).map_err(failed)?;
    let student = student(model);
    let requests = chosen(&table, model, student.requests);
    let lists = listed(job, model, &table, &requests)?;
    let count = lists.offsets.len() as u64 - 1;
    if count == 0 {
        let message = format!(
            "model `{}`: none of {} past requests has two candidates\nhelp: look at what they find: `igql run` with \
             `{}`",
            model.name,
            requests.len(),
            teacher(model).query
        );
        return Err(TrainError::Model(message));
    }
    let examples = read(model, &table, &lists).map_err(failed)?;
    let common = Common {
        name: model.name.clone(),
        seed: model.seed as u64,
        inputs: InputParams { min_count: u64::from(model.inputs.min_count) },
        calibrate: false,
        refit: false,
        memory: usize::MAX,
    };
    let found = fit_distilled(&examples, &lists.offsets, &common, &params(student), &job.watch());
    let found = found.map_err(|wrong| match wrong {
        Wrong::Stopped => TrainError::Run(RunError::Stopped),
        wrong => TrainError::Model(format!("model `{}`: {wrong}", model.name)),
    })?;
    let metrics = metrics(&found);
    let mut made = LearnedModel::of(job, model, &examples, found.fitted)?;
    made.counts = vec![("lists", count), ("candidates", lists.rows.len() as u64)];
    made.metrics = metrics;
    if lists.short > 0 {
        made.notes.push(format!("{} past requests have fewer than two candidates", lists.short));
    }
    Ok(made)
}

fn student(model: &Trained) -> &Student {
    match &model.kind {
        Network::Distill(student) => student,
        _ => unreachable!("`{}` has no teacher", model.name),
    }
}

fn teacher(model: &Trained) -> &crate::check::trained::Teacher {
    model.teacher.as_ref().expect("students have teachers")
}

/// What a training will hold in memory: its candidates, a few hundred a request.
pub(super) fn bytes(model: &Trained) -> u64 {
    let inputs = model.inputs.dense.len() * 4 + model.inputs.sparse.len() * 3 + 6;
    student(model).requests.saturating_mul(500 * 4 * inputs as u64)
}

fn params(student: &Student) -> DistillParams {
    DistillParams {
        hidden: student.hidden.iter().map(|&width| width as usize).collect(),
        loss: match student.loss {
            ListLoss::ListMle => net::ListLoss::ListMle,
            ListLoss::Softmax => net::ListLoss::Softmax,
        },
        at: student.at as usize,
        lr: student.lr,
        epochs: student.epochs as usize,
        patience: student.patience as usize,
    }
}

/// The examples whose viewers and times are the past requests, in the order of time: one a viewer and day, and of these
/// so many by hash.
fn chosen(table: &Table, model: &Trained, most: u64) -> Vec<u32> {
    let mut days = BTreeMap::new();
    for source in 0..table.sources() {
        let (viewer, time) = table.source(source);
        days.entry((viewer, time.div_euclid(DAY))).or_insert(source as u32);
    }
    let chance = Chance::new(model.seed as u64, &model.name).of("requests");
    let mut found: Vec<(u64, u32)> =
        days.into_values().map(|source| (chance.hash(u64::from(source)), source)).collect();
    found.sort_unstable();
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let mut sources: Vec<u32> = found.into_iter().map(|(_, source)| source).collect();
    sources.sort_unstable();
    sources
}

/// The program that gives candidates in the teacher's order.
fn compiled(job: &Job, model: &Trained) -> Result<Program, TrainError> {
    let teacher = teacher(model);
    // imports are relative to the file where they stand
    let folder = match teacher.file.as_ref().map(|file| Path::new(file).parent()) {
        None => job.unit.folder,
        Some(folder) => folder.filter(|folder| folder.is_absolute()).or(job.unit.folder),
    };
    let unit = Unit { folder, ..Unit::new("candidates", &teacher.program) };
    job.engine.compile_unit(&unit).into_program().map_err(|error| {
        TrainError::Model(format!("model `{}`: its candidates cannot be run\n{error}", model.name))
    })
}

/// Runs the past requests, as of what was visible before them.
fn listed(
    job: &Job,
    model: &Trained,
    table: &Table,
    requests: &[u32],
) -> Result<Lists, TrainError> {
    let program = compiled(job, model)?;
    let (snapshot, watch) = (job.engine.snapshot(), job.watch());
    let viewer = snapshot.schema().viewer;
    let mut lists = Lists { offsets: vec![0], ..Lists::default() };
    for (number, sources) in requests.chunks(TOGETHER).enumerate() {
        if !watch.go_on("candidates", (number * TOGETHER) as u64, requests.len() as u64) {
            return Err(TrainError::Run(RunError::Stopped));
        }
        let request = |&source: &u32| {
            let (row, time) = table.source(source as usize);
            Request::user(snapshot.key(viewer, row)).at(time.saturating_sub(1))
        };
        let asked: Vec<Request> = sources.iter().map(request).collect();
        let answers = job.engine.run_batch_with(&program, &asked, &job.limits)?;
        for (&source, answer) in sources.iter().zip(&answers) {
            let scored = answer.rows().iter().filter_map(|row| {
                Some((row.score_or_null()?, snapshot.row_of(model.entity, row.key())?))
            });
            let mut found: Vec<(f64, u32)> = scored.collect();
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            lists.add(source, &found);
        }
    }
    Ok(lists)
}

impl Lists {
    fn add(&mut self, source: u32, found: &[(f64, u32)]) {
        if found.len() < 2 {
            self.short += 1;
            return;
        }
        self.sources.extend(found.iter().map(|_| source));
        self.rows.extend(found.iter().map(|(_, row)| *row));
        self.values.extend(found.iter().map(|(value, _)| *value as f32));
        self.offsets.push(self.rows.len() as u64);
    }

    /// The part of each candidate: requests are divided by time, never within one.
    fn parts(&self, model: &Trained) -> Vec<Part> {
        let count = self.offsets.len() - 1;
        let share = |share: f64| (share * count as f64).round_ties_even() as usize;
        let test = count - share(model.parts.test).min(count);
        let validation = test - share(model.parts.validation).min(test);
        let part = |list: usize| match list {
            list if list >= test => Part::Test,
            list if list >= validation => Part::Validation,
            _ => Part::Train,
        };
        let lists = self.offsets.windows(2).enumerate();
        lists.flat_map(|(list, ends)| (ends[0]..ends[1]).map(move |_| part(list))).collect()
    }
}

/// The features of every candidate, as of its request.
fn read(model: &Trained, table: &Table, lists: &Lists) -> Result<net::Table, TableError> {
    let parts = lists.parts(model);
    let blocks = (0..lists.rows.len()).step_by(net::BLOCK).map(|start| {
        let range = start..lists.rows.len().min(start + net::BLOCK);
        let (sources, rows) = (&lists.sources[range.clone()], &lists.rows[range.clone()]);
        let (dense, sparse) = table.features_of(sources, rows)?;
        Ok(Block {
            dense,
            sparse,
            labels: vec![lists.values[range.clone()].to_vec()],
            parts: parts[range].to_vec(),
            viewers: sources.iter().map(|&s| table.source(s as usize).0).collect(),
            ..Block::default()
        })
    });
    let blocks = blocks.collect::<Result<Vec<Block>, TableError>>()?;
    Ok(net::Table { layout: layout(model, &model.inputs), blocks })
}

fn metrics(found: &Distilled) -> BTreeMap<String, f64> {
    let parts = ["train", "validation", "test"].into_iter().zip(&found.kept);
    let known = parts.filter(|(_, kept)| kept.lists > 0).flat_map(|(part, kept)| {
        let lists = (format!("{part}.lists"), kept.lists as f64);
        let ndcg = (format!("{part}.ndcg"), kept.ndcg);
        let best = (format!("{part}.best_kept"), kept.best);
        let values = [25, 50].into_iter().zip(kept.value);
        let values =
            values.filter_map(move |(n, value)| Some((format!("{part}.value_kept@{n}"), value?)));
        [lists, ndcg, best].into_iter().chain(values)
    });
    known.collect()
}
