//! The training table of a model: which examples there are, their labels and parts, and blocks of their features.

use super::TableError;
use super::block::{Block, Feature};
use super::credit::credited;
use super::found::Found;
use super::negatives::{Drawn, Positives, Sampler};
use super::parts::{Division, divided};
use super::scene::Scene;
use crate::batch::{Column, ColumnView};
use crate::check::trained::{Head, Ids, Target, Trained};
use crate::engine::Engine;
use crate::expr::eval::{history, prepare, scanned};
use crate::expr::ir::Expr;
use crate::expr::run::{Frame, Running};
use crate::expr::show::duration;
use crate::learn::net::{BLOCK, Part};
use crate::stream::in_order;
use crate::types::{NULL_CODE, Type};
use std::convert::Infallible;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Examples that one thread evaluates together.
const WORK: usize = 4_096;

/// The examples of a model. Features are computed a block at a time, when the block is asked for.
pub struct Table<'e> {
    pub(super) model: Arc<Trained>,
    pub(super) scene: Scene<'e>,
    pub(super) found: Found,
    pub(super) division: Division,
    /// Per head, NaN where an example does not count for it; none where negatives are drawn.
    pub(super) labels: Vec<Vec<f32>>,
    /// Of examples; empty: 1 each.
    pub(super) weights: Vec<f32>,
    pub(super) features: Vec<Feature>,
    until: i64,
    /// Per feature, nanoseconds.
    spent: Vec<AtomicU64>,
    prepared: OnceLock<()>,
    /// The rows of the epoch that was asked for last, where negatives are drawn.
    drawn: Mutex<Option<(u64, Arc<Drawn>)>>,
}

impl<'e> Table<'e> {
    /// The examples of a model, as of a time: training sees what is before it.
    ///
    /// # Errors
    /// If there are none, or their labels cannot be used.
    pub fn new(
        engine: &'e Engine,
        model: &Arc<Trained>,
        until: i64,
    ) -> Result<Table<'e>, TableError> {
        Table::with(engine, model, until, Running::default())
    }

    /// The same with features that look at every link, for tests: they are the same.
    #[doc(hidden)]
    pub fn scanning(
        engine: &'e Engine,
        model: &Arc<Trained>,
        until: i64,
    ) -> Result<Table<'e>, TableError> {
        Table::with(engine, model, until, Running::off())
    }

    fn with(
        engine: &'e Engine,
        model: &Arc<Trained>,
        until: i64,
        running: Running,
    ) -> Result<Table<'e>, TableError> {
        let scene = Scene::new(engine.snapshot(), running);
        let edge = &model.examples.edge;
        let exprs = link_exprs(model);
        let run = scene.before(until);
        let found = Found::of(&run, edge, &exprs, model.examples.most);
        if found.len() == 0 {
            let message =
                format!("there are no examples: `{}` has no links with a time", edge.name);
            let help = "name an edge of what was shown as `examples`";
            return Err(TableError::new(model, model.span, message, help));
        }
        let division = divided(&model.parts, &found.times, &found.viewers);
        drop(run);
        let features = Feature::all(model);
        let mut table = Table {
            spent: features.iter().map(|_| AtomicU64::new(0)).collect(),
            model: model.clone(),
            scene,
            found,
            division,
            labels: Vec::new(),
            weights: Vec::new(),
            features,
            until,
            prepared: OnceLock::new(),
            drawn: Mutex::new(None),
        };
        table.went_well()?;
        table.context_varies()?;
        table.labels = table.all_labels()?;
        table.weights = table.all_weights();
        Ok(table)
    }

    /// The model.
    pub fn model(&self) -> &Trained {
        &self.model
    }

    /// How many examples there are in an epoch, negatives that are drawn included.
    pub fn len(&self) -> usize {
        self.drawn(0).map_or(self.found.len(), |drawn| drawn.rows.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.len().div_ceil(BLOCK)
    }

    /// Whether blocks differ between epochs, because negatives are drawn anew.
    pub fn varies(&self) -> bool {
        self.model.examples.negatives.is_some()
    }

    /// Links without a time, which are no examples.
    pub fn untimed(&self) -> u64 {
        self.found.untimed
    }

    /// Older links than the newest that are used.
    pub fn left_out(&self) -> u64 {
        self.found.left_out
    }

    /// Features that look at links one by one, each with its share of the time so far.
    pub fn scans(&self) -> Vec<(&str, f64)> {
        let run = self.scene.examples(Vec::new(), Vec::new(), self.model.entity, Vec::new());
        let spent = |place: usize| self.spent[place].load(Ordering::Relaxed) as f64;
        let all: f64 = (0..self.spent.len()).map(spent).sum();
        let features = self.features.iter().enumerate();
        let scans = features.filter(|(_, feature)| {
            feature.expr.as_ref().is_some_and(|expr| scanned(&run, &self.scene.running, expr))
        });
        scans.map(|(place, feature)| (&*feature.name, spent(place) / all.max(1.0))).collect()
    }

    /// The names and types of [`Block::values`].
    pub fn header(&self) -> Vec<(String, Type)> {
        let (model, schema) = (&self.model, self.scene.snapshot.schema());
        let mut header = vec![
            (schema.entity(schema.viewer).key.clone(), Type::Id(schema.viewer)),
            (schema.entity(model.entity).key.clone(), Type::Id(model.entity)),
            ("time".to_owned(), Type::Time),
            ("part".to_owned(), Type::String),
        ];
        let dense = model.inputs.dense.len();
        for (place, feature) in self.features.iter().enumerate() {
            let ty = match (place < dense, feature.buckets) {
                (true, _) => Type::Float,
                (false, Some(_)) => Type::Int,
                (false, None) => feature.ty.clone(),
            };
            header.push((feature.name.clone(), ty));
        }
        let shown = model.inputs.shown.iter();
        header.extend(shown.map(|shown| (shown.name.clone(), shown.expr.ty.clone())));
        header.extend(model.heads.iter().map(|head| (head.name.clone(), Type::Float)));
        header.push(("weight".to_owned(), Type::Float));
        header
    }

    /// Some successive examples, as of an epoch.
    ///
    /// # Errors
    /// If a function fails that a Rust program has registered.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, number: usize, epoch: u64) -> Result<Block<'_>, TableError> {
        let drawn = self.drawn(epoch);
        let len = drawn.as_ref().map_or(self.found.len(), |drawn| drawn.rows.len());
        let range = number * BLOCK..len.min((number + 1) * BLOCK);
        let sources: Vec<u32> = match &drawn {
            Some(drawn) => drawn.source[range.clone()].to_vec(),
            None => range.clone().map(|place| place as u32).collect(),
        };
        let rows = match &drawn {
            Some(drawn) => drawn.rows[range.clone()].to_vec(),
            None => self.found.rows[range.clone()].to_vec(),
        };
        let positive = drawn.map(|drawn| drawn.positive[range.clone()].to_vec());
        let columns = self.columns(&sources, &rows);
        self.went_well()?;
        Ok(Block { table: self, first: range.start, sources, rows, positive, columns })
    }

    fn went_well(&self) -> Result<(), TableError> {
        match self.scene.failed.said() {
            None => Ok(()),
            Some((name, why)) => {
                let message = format!("`{name}` failed: {why}");
                let help = "the inputs of a model cannot be computed without it";
                Err(TableError::new(&self.model, self.model.span, message, help))
            }
        }
    }

    /// The rows of an epoch; none where the examples are all that there is.
    fn drawn(&self, epoch: u64) -> Option<Arc<Drawn>> {
        let how = self.model.examples.negatives.as_ref()?;
        let mut kept = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, drawn)) = &*kept
            && *known == epoch
        {
            return Some(drawn.clone());
        }
        let (snapshot, entity) = (self.scene.snapshot, self.model.entity);
        let positives = Positives {
            viewers: &self.found.viewers,
            rows: &self.found.rows,
            times: &self.found.times,
            parts: &self.division.parts,
        };
        let (created, rows) = (snapshot.times(entity), snapshot.schema().entity(entity).rows);
        let sampler = Sampler::new(&self.model, how, created, rows, positives);
        let drawn = Arc::new(sampler.draw(positives, epoch));
        *kept = Some((epoch, drawn.clone()));
        Some(drawn)
    }

    /// The features of some rows, each as of the example that it belongs to.
    fn columns(&self, sources: &[u32], rows: &[u32]) -> Vec<Column> {
        self.prepared.get_or_init(|| {
            let run = self.scene.examples(Vec::new(), Vec::new(), self.model.entity, Vec::new());
            let exprs: Vec<&Expr> = self.features.iter().filter_map(|f| f.expr.as_ref()).collect();
            prepare(&run, &exprs);
        });
        let places: Vec<Range<usize>> = (0..rows.len())
            .step_by(WORK)
            .map(|start| start..rows.len().min(start + WORK))
            .collect();
        let mut all: Vec<Column> = Vec::new();
        let work = |part: &Range<usize>| -> Result<Vec<Column>, Infallible> {
            Ok(self.evaluated(&sources[part.clone()], &rows[part.clone()]))
        };
        let Ok(()) = in_order(&places, work, |columns| {
            match all.is_empty() {
                true => all = columns,
                false => all.iter_mut().zip(&columns).for_each(|(all, more)| all.append(more)),
            }
            Ok(())
        });
        all
    }

    fn evaluated(&self, sources: &[u32], rows: &[u32]) -> Vec<Column> {
        let at = |values: &[u32]| sources.iter().map(|&s| values[s as usize]).collect::<Vec<_>>();
        let times: Vec<i64> = sources.iter().map(|&s| self.found.times[s as usize]).collect();
        let (viewers, entity) = (at(&self.found.viewers), self.model.entity);
        let run = self.scene.examples(times, viewers, entity, rows.to_vec());
        let owners: Vec<u32> = (0..rows.len() as u32).collect();
        let context = 0..self.model.inputs.context.len();
        let bound: Vec<Column> =
            context.map(|place| self.found.columns[place].gather(sources)).collect();
        let frame = Frame {
            n: rows.len(),
            owners: &owners,
            ids: rows,
            bound: &bound,
            ..Frame::requests(&run)
        };
        let features = self.features.iter().zip(&self.spent);
        let value = |(feature, spent): (&Feature, &AtomicU64)| {
            let start = Instant::now();
            let column = match (&feature.expr, &feature.history) {
                (Some(expr), _) => frame.column(expr),
                (None, Some((edge, n))) => {
                    let (offsets, ids) = history(&run, edge, *n as usize);
                    let slots = offsets.windows(2).map(|w| [w[0], w[1] - w[0]]).collect();
                    Column::List { slots, items: Arc::new(Column::Code(ids)) }
                }
                (None, None) => Column::Bool(Vec::new()),
            };
            spent.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            column
        };
        features.map(value).collect()
    }

    /// What only a request knows has to differ among the examples: else nothing can be learned of it.
    fn context_varies(&self) -> Result<(), TableError> {
        for (place, context) in self.model.inputs.context.iter().enumerate() {
            let column = &self.found.columns[place];
            let parts = self.division.parts.iter().enumerate();
            let mut trained = parts.filter(|(_, part)| **part == Part::Train).map(|(at, _)| at);
            let Some(first) = trained.next() else { continue };
            if trained.all(|at| same(column, first, at)) {
                let message = format!("the context `{}` is the same in all examples", context.name);
                let help = "leave it out, or take it from a column that knows it";
                return Err(TableError::new(&self.model, self.model.span, message, help));
            }
        }
        Ok(())
    }

    fn all_labels(&self) -> Result<Vec<Vec<f32>>, TableError> {
        let first = self.model.inputs.context.len() + self.model.inputs.shown.len();
        let mut column = first + usize::from(self.model.inputs.weight.is_some());
        let mut labels = Vec::new();
        for head in &self.model.heads {
            labels.push(match &head.target {
                Target::Edge { edge, via } => self.followed(head, edge, *via)?,
                Target::Positives => Vec::new(),
                target => {
                    let values = numbers(&self.found.columns[column]);
                    column += 1;
                    if matches!(target, Target::Soft(_)) {
                        self.are_shares(head, &values)?;
                    }
                    values
                }
            });
        }
        Ok(labels)
    }

    fn are_shares(&self, head: &Head, values: &[f32]) -> Result<(), TableError> {
        let Some(wrong) =
            values.iter().find(|&&value| !(value.is_nan() || (0.0..=1.0).contains(&value)))
        else {
            return Ok(());
        };
        let message = format!("`{}` is a probability in 0..1, found {wrong}", head.name);
        let help = "a number that is none is predicted as `value(...)`";
        Err(TableError::new(&self.model, head.span, message, help))
    }

    /// 1 where a link follows within the window. Where the window reaches beyond what is known, or into the next part,
    /// the label is not known.
    fn followed(
        &self,
        head: &Head,
        edge: &crate::expr::EdgeExpr,
        via: Option<usize>,
    ) -> Result<Vec<f32>, TableError> {
        let Found { viewers, rows, times, .. } = &self.found;
        let targets = match via {
            None => rows.clone(),
            Some(column) => match self.scene.snapshot.column(self.model.entity, column) {
                ColumnView::Code(ids) => rows
                    .iter()
                    .map(|&row| ids.get(row as usize).copied().unwrap_or(NULL_CODE))
                    .collect(),
                _ => vec![NULL_CODE; rows.len()],
            },
        };
        let window = self.model.label_window;
        let run = self.scene.before(self.until);
        let found = credited(&run, edge, viewers, &targets, times, window);
        let mut crossing = [0usize; 3];
        let labels = (0..times.len()).map(|place| {
            let end = times[place].saturating_add(window);
            let crosses = end >= self.division.next[place];
            crossing[self.division.parts[place] as usize] += usize::from(crosses);
            match crosses || end > self.until {
                true => f32::NAN,
                false => f32::from(u8::from(found[place])),
            }
        });
        let labels: Vec<f32> = labels.collect();
        self.leaves_enough(head, crossing)?;
        Ok(labels)
    }

    /// Reports a part of which the window leaves too little.
    fn leaves_enough(&self, head: &Head, crossing: [usize; 3]) -> Result<(), TableError> {
        for part in [Part::Train, Part::Validation] {
            let of_part: Vec<usize> = (0..self.division.parts.len())
                .filter(|&place| self.division.parts[place] == part)
                .collect();
            let masked = crossing[part as usize];
            if masked * 4 <= of_part.len() {
                continue;
            }
            let times = || of_part.iter().map(|&place| self.found.times[place]);
            let span = times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0));
            let message = format!(
                "the label of `{}` is not known for {masked} of the {} examples of the {} part: it spans {}, and \
                 `label_window` is {}",
                head.name,
                of_part.len(),
                part.name(),
                rounded(span),
                duration(self.model.label_window),
            );
            let help =
                "write a smaller `label_window`, or larger shares for `validation` and `test`";
            return Err(TableError::new(&self.model, head.span, message, help));
        }
        Ok(())
    }

    fn all_weights(&self) -> Vec<f32> {
        if self.model.inputs.weight.is_none() {
            return Vec::new();
        }
        let place = self.model.inputs.context.len() + self.model.inputs.shown.len();
        let clip = self.model.inputs.weight_clip as f32;
        let weight = |value: f32| if value.is_nan() { 0.0 } else { value.clamp(0.0, clip) };
        numbers(&self.found.columns[place]).into_iter().map(weight).collect()
    }
}

/// The expressions over the links of examples, in the order of their columns: the context, what is shown, the weight,
/// targets.
fn link_exprs(model: &Trained) -> Vec<&Expr> {
    let context = model.inputs.context.iter().map(|context| &context.expr);
    let shown = model.inputs.shown.iter().map(|shown| &shown.expr);
    let targets = model.heads.iter().filter_map(|head| match &head.target {
        Target::Condition(expr) | Target::Value(expr) | Target::Soft(expr) => Some(expr),
        Target::Edge { .. } | Target::Positives => None,
    });
    context.chain(shown).chain(&model.inputs.weight).chain(targets).collect()
}

/// Numbers of a column, NaN for null.
fn numbers(column: &Column) -> Vec<f32> {
    super::block::numbers(column, &Type::Float, &[])
}

/// Whether two values of a column are the same.
fn same(column: &Column, a: usize, b: usize) -> bool {
    match column {
        Column::I64(v) => v[a] == v[b],
        Column::F64(v) => v[a].to_bits() == v[b].to_bits(),
        Column::Bool(v) => v[a] == v[b],
        Column::Code(v) => v[a] == v[b],
        Column::List { slots, .. } | Column::Vector { slots, .. } => slots[a] == slots[b],
    }
}

/// A span of time for people: whole units of the largest that fits.
fn rounded(us: i64) -> String {
    let unit = [86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1_000];
    let unit = unit.into_iter().find(|&unit| us >= 2 * unit).unwrap_or(1);
    duration(us / unit * unit)
}

impl Feature {
    /// The features of a model: dense, then sparse, then vectors.
    fn all(model: &Trained) -> Vec<Feature> {
        let dense = model.inputs.dense.iter().map(|dense| Feature {
            name: dense.name.clone(),
            ty: dense.expr.ty.clone(),
            expr: Some(dense.expr.clone()),
            history: None,
            buckets: None,
        });
        let sparse = model.inputs.sparse.iter().map(|sparse| {
            let (expr, history, buckets) = match &sparse.ids {
                Ids::Value(expr) => (Some(expr.clone()), None, None),
                Ids::Hashed(expr, n) => (Some(expr.clone()), None, Some(*n)),
                Ids::History(edge, n) => (None, Some((edge.clone(), *n)), None),
            };
            let ty = match (&expr, &history) {
                (Some(expr), _) => expr.ty.clone(),
                (None, Some((edge, _))) => Type::List(Box::new(Type::Id(edge.to))),
                (None, None) => Type::Null,
            };
            Feature { name: sparse.name.clone(), ty, expr, history, buckets }
        });
        let vectors = model.inputs.vectors.iter().map(|(name, expr)| Feature {
            name: name.clone(),
            ty: expr.ty.clone(),
            expr: Some(expr.clone()),
            history: None,
            buckets: None,
        });
        dense.chain(sparse).chain(vectors).collect()
    }
}
