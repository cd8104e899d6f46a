//! The training table of a model: which examples there are, their labels and parts, and blocks of their features.

use super::TableError;
use super::block::{Block, Read, read_inputs};
use super::credit::credited;
use super::features::{Feature, Features, WORK};
use super::found::Found;
use super::negatives::{Drawn, Positives, Sampler};
use super::parts::{Division, divided, earlier, scattered};
use super::slices::{self, Slice};
use crate::batch::{Column, ColumnView};
use crate::check::trained::{Head, Inputs, Network, Target, Trained};
use crate::engine::{Engine, Scene};
use crate::expr::eval::scanned;
use crate::expr::ir::Expr;
use crate::expr::run::{Frame, Running};
use crate::expr::show::duration;
use crate::expr::value::Val;
use crate::learn::net::{BLOCK, Part};
use crate::store::learned::key_of;
use crate::stream::in_order;
use crate::train::upstream::reads_learned;
use crate::types::{NULL_CODE, Type};
use std::convert::Infallible;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    /// Of features that read what is learned: versions of before.
    pub(super) slices: Vec<Slice>,
    /// The first example that is used.
    pub(super) first: usize,
    pub(super) until: i64,
    /// Per feature, nanoseconds.
    pub(super) spent: Vec<AtomicU64>,
    pub(super) prepared: OnceLock<()>,
    /// Of examples of a log: what the model was given of each, input by input.
    pub(super) given: Option<Vec<Column>>,
    /// The rows of the epoch that was asked for last, where negatives are drawn.
    pub(super) drawn: Mutex<Option<(u64, Arc<Drawn>)>>,
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

    /// What its model reads.
    pub fn inputs(&self) -> &Inputs {
        &self.model.inputs
    }

    /// How many links are examples.
    pub fn sources(&self) -> usize {
        self.found.len()
    }

    /// The viewer and the time of such a link.
    pub fn source(&self, number: usize) -> (u32, i64) {
        (self.found.viewers[number], self.found.times[number])
    }

    /// What is read of some rows, each as of the example that it belongs to.
    ///
    /// # Errors
    /// If a function fails that a Rust program has registered.
    pub fn features_of(&self, sources: &[u32], rows: &[u32]) -> Result<Read, TableError> {
        let columns = self.columns(sources, rows);
        self.went_well()?;
        let times: Vec<i64> = sources.iter().map(|&s| self.found.times[s as usize]).collect();
        Ok(read_inputs(&self.scene.before(0), &self.model.inputs, &columns, &times))
    }

    /// How many rows its entity has.
    pub fn rows_of_entity(&self) -> usize {
        self.scene.snapshot.schema().entity(self.model.entity).rows as usize
    }

    /// The viewers and the parts of the examples of a block, where no negatives are drawn.
    pub fn who(&self, number: usize) -> (Vec<u32>, Vec<Part>) {
        let first = self.first + number * BLOCK;
        let range = first..self.found.len().min(first + BLOCK);
        (self.found.viewers[range.clone()].to_vec(), self.division.parts[range].to_vec())
    }

    /// What is read of each row of its entity as of the end of the training, whoever the viewer is.
    pub fn of_rows(&self, inputs: &Inputs) -> Read {
        let rows = self.scene.snapshot.schema().entity(self.model.entity).rows;
        let exprs: Vec<&Expr> = inputs.exprs().collect();
        let mut all: Vec<Column> =
            exprs.iter().map(|expr| Val::null(&expr.ty).into_column(0)).collect();
        let starts: Vec<u32> = (0..rows).step_by(WORK).collect();
        let work = |&start: &u32| -> Result<Vec<Column>, Infallible> {
            let run = self.scene.before(self.until);
            let ids: Vec<u32> = (start..rows.min(start + WORK as u32)).collect();
            let owners = vec![0; ids.len()];
            let n = ids.len();
            let frame = Frame { n, owners: &owners, ids: &ids, ..Frame::requests(&run) };
            Ok(exprs.iter().map(|expr| frame.column(expr)).collect())
        };
        let Ok(()) = in_order(&starts, work, |columns| {
            all.iter_mut().zip(&columns).for_each(|(all, more)| all.append(more));
            Ok(())
        });
        let times = vec![self.until; rows as usize];
        read_inputs(&self.scene.before(0), inputs, &all, &times)
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

    /// Examples without labels yet.
    pub(super) fn bare(
        scene: Scene<'e>,
        model: Arc<Trained>,
        found: Found,
        division: Division,
        until: i64,
    ) -> Table<'e> {
        let features = Feature::all(&model);
        Table {
            spent: features.iter().map(|_| AtomicU64::new(0)).collect(),
            model,
            scene,
            found,
            division,
            labels: Vec::new(),
            weights: Vec::new(),
            features,
            slices: Vec::new(),
            first: 0,
            until,
            prepared: OnceLock::new(),
            given: None,
            drawn: Mutex::new(None),
        }
    }

    fn with(
        engine: &'e Engine,
        model: &Arc<Trained>,
        until: i64,
        running: Running,
    ) -> Result<Table<'e>, TableError> {
        let scene = Scene::new(engine.snapshot(), Arc::new(running));
        let edge = &model.examples.edge;
        let exprs = link_exprs(model);
        let run = scene.before(until);
        let found = Found::of(&run, edge, &exprs, model.examples.most);
        if found.len() == 0 {
            let message = match edge.has_time {
                true => format!("there are no examples: `{}` has no links with a time", edge.name),
                false => format!("there are no examples: `{}` has no links", edge.name),
            };
            let help = match model.kind {
                Network::TwoTower(_) => "name an edge with links as `positives`",
                _ => "name an edge of what was shown as `examples`",
            };
            return Err(TableError::new(model, model.span, message, help));
        }
        let division = match edge.has_time {
            true => divided(&model.parts, &found.times, &found.viewers),
            false => {
                let key = |entity, row: &u32| key_of(&engine.snapshot().key(entity, *row));
                let links = found.viewers.iter().zip(&found.rows);
                scattered(&model.parts, links.map(|(v, r)| [key(edge.from, v), key(edge.to, r)]))
            }
        };
        drop(run);
        let mut table = Table::bare(scene, model.clone(), found, division, until);
        table.went_well()?;
        table.links_know()?;
        table.context_varies()?;
        table.labels = table.all_labels()?;
        // labels alone ask for it
        table.division.next = Vec::new();
        table.weights = table.all_weights();
        Ok(table)
    }

    /// The model.
    pub fn model(&self) -> &Trained {
        &self.model
    }

    /// How many examples there are in an epoch, negatives that are drawn included.
    pub fn len(&self) -> usize {
        self.places(self.drawn(0).as_deref()).len()
    }

    /// The places of the examples that are used, among all or those that were drawn.
    pub(super) fn places(&self, drawn: Option<&Drawn>) -> Range<usize> {
        match drawn {
            None => self.first..self.found.len(),
            Some(drawn) => {
                let first = drawn.source.partition_point(|&s| (s as usize) < self.first);
                first..drawn.rows.len()
            }
        }
    }

    /// Whether features read what was learned up to the end of the training, whatever the time of an example.
    pub fn reads_what_is_served(&self) -> bool {
        let schema = self.scene.snapshot.schema();
        let is_learned = self.features.iter().any(|feature| reads_learned(schema, &feature.expr));
        is_learned && self.slices.is_empty()
    }

    /// Where parts of equal size begin, so many after the first: none of them within a time.
    pub fn starts(&self, parts: usize) -> Vec<usize> {
        let n = self.found.len();
        let share = |part: usize| (part as f64 * n as f64 / (parts + 1) as f64).round_ties_even();
        let starts = (1..=parts).map(|part| earlier(&self.found.times, share(part) as usize));
        let mut starts: Vec<usize> = starts.filter(|&start| start > 0).collect();
        starts.dedup();
        starts
    }

    /// Reads features by slices of time, each from its start on; examples before the first are left out.
    pub(in crate::train) fn slice(&mut self, slices: Vec<Slice>) {
        self.first = slices.first().map_or(0, |slice| slice.start);
        self.slices = slices;
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
        let features = self.features.iter().zip(self.times());
        let scans =
            features.filter(|(feature, _)| scanned(&run, &self.scene.running, &feature.expr));
        scans.map(|(feature, share)| (&*feature.name, share)).collect()
    }

    /// The share of the time so far of each feature; all 0 where none was evaluated.
    pub fn times(&self) -> Vec<f64> {
        let spent = self.spent.iter().map(|spent| spent.load(Ordering::Relaxed) as f64);
        let spent: Vec<f64> = spent.collect();
        let all: f64 = spent.iter().sum();
        spent.into_iter().map(|own| own / all.max(1.0)).collect()
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
                (false, None) => feature.expr.ty.clone(),
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
        let used = self.places(drawn.as_deref());
        // an epoch whose draws were refused more often has fewer
        let first = used.end.min(used.start + number * BLOCK);
        let range = first..used.end.min(first + BLOCK);
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
        Ok(Block { table: self, first: number * BLOCK, sources, rows, positive, columns })
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
    pub(super) fn drawn(&self, epoch: u64) -> Option<Arc<Drawn>> {
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
        if let Some(given) = &self.given {
            return given.iter().map(|column| column.gather(sources)).collect();
        }
        if !self.slices.is_empty() {
            return slices::columns(&self.slices, &self.found, sources, rows);
        }
        let features = Features {
            scene: &self.scene,
            model: &self.model,
            of: &self.features,
            spent: &self.spent,
            prepared: &self.prepared,
        };
        features.columns(&self.found, sources, rows)
    }

    /// What was shown may be known to logs alone.
    fn links_know(&self) -> Result<(), TableError> {
        let mut shown = self.model.inputs.shown.iter();
        let Some(unknown) = shown.find(|shown| shown.expr.as_const().is_some()) else {
            return Ok(());
        };
        let message = format!("no link says what `{}` was for an example", unknown.name);
        let help = "train it from a log, which does: `igql train FILE --only NAME --from LOG`";
        Err(TableError::new(&self.model, self.model.span, message, help))
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
                let help = "leave it out, or take it from a column that knows it; what requests alone know is in their \
                            log: `igql train FILE --only NAME --from LOG`";
                return Err(TableError::new(&self.model, self.model.span, message, help));
            }
        }
        Ok(())
    }

    pub(super) fn all_labels(&self) -> Result<Vec<Vec<f32>>, TableError> {
        let first = self.model.inputs.context.len() + self.model.inputs.shown.len();
        let mut column = first + usize::from(self.model.inputs.weight.is_some());
        let mut labels = Vec::new();
        for head in &self.model.heads {
            labels.push(match &head.target {
                Target::Edge { edge, via } => self.followed(head, edge, *via)?,
                Target::Positives | Target::Order => Vec::new(),
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
        Target::Edge { .. } | Target::Positives | Target::Order => None,
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
