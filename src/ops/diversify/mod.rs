//! `diversify_by`: an order in which rows of one kind do not crowd.
//!
//! The methods are free functions over the rows of one request, a file each; what they share is
//! that places are counted from the request's first row.

mod calibrate;
mod mmr;
mod penalty;
mod round_robin;
mod waiting;

use crate::ann;
use crate::batch::{Column, Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Frame, NodeId};
use crate::ops::bind::{Bind, Bound, Case, CaseParam, Choice, Takes};
use crate::ops::kit::group::Groups;
use crate::ops::kit::reorder::reordered;
use crate::ops::vectors::vectors_of;
use crate::ops::{
    Effect, Exec, Explaining, Instance, Op, Operator, Param, Planning, Rest, Rewriting, RunError,
    Score, ScoreKind, Shape, Used, mapped,
};
use crate::source::Span;
use crate::types::EntityId;
use penalty::penalty_rows;
use round_robin::round_robin_rows;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub const DIVERSIFY_BY: Operator = Operator {
    name: "diversify_by",
    source: false,
    params: &[
        Param { name: "key", ty: "expr or list", named: false },
        Param {
            name: "method",
            ty: "round_robin|penalty(factor=0.8, floor=0.0)|mmr(relevance=0.7, embedding=default, first=100)|calibrate(history=seen, strength=0.5, first=100)",
            named: false,
        },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../../docs/operators/diversify_by.md"),
    bind,
};

const METHODS: [Case; 4] = [
    Case::plain("round_robin"),
    Case {
        name: "penalty",
        params: &[
            CaseParam::new("factor", Takes::Number(0.0..=1.0)),
            CaseParam::new("floor", Takes::Number(0.0..=1.0)),
        ],
    },
    Case {
        name: "mmr",
        params: &[
            CaseParam::new("relevance", Takes::Number(0.0..=1.0)),
            CaseParam::new("embedding", Takes::Embedding),
            CaseParam::new("first", Takes::Count),
        ],
    },
    Case {
        name: "calibrate",
        params: &[
            CaseParam::new("history", Takes::Set),
            CaseParam::new("strength", Takes::Number(0.0..=1.0)),
            CaseParam::new("first", Takes::Count),
        ],
    },
];

/// Rows that `mmr` and `calibrate` place, if not said otherwise.
const FIRST: f64 = 100.0;

#[derive(Clone, Copy, Debug)]
enum Method {
    RoundRobin,
    Penalty { factor: f64, floor: f64 },
    Mmr { relevance: f64, embedding: u32, first: usize },
    Calibrate { strength: f64, first: usize },
}

impl Hash for Method {
    fn hash<H: Hasher>(&self, to: &mut H) {
        std::mem::discriminant(self).hash(to);
        match *self {
            Method::RoundRobin => {}
            Method::Penalty { factor, floor } => (factor.to_bits(), floor.to_bits()).hash(to),
            Method::Mmr { relevance, embedding, first } => {
                (relevance.to_bits(), embedding, first).hash(to);
            }
            Method::Calibrate { strength, first } => (strength.to_bits(), first).hash(to),
        }
    }
}

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let method = b.choice("method", &METHODS);
    if let Some(Some(choice)) = &method
        && choice.case == 2
    {
        return bind_mmr(b, input, shape, choice);
    }
    let keys = match b.keys("key", &shape)? {
        Some(keys) => keys,
        // a method that is wrong may need no key
        None if method.is_none() => return None,
        None => vec![(default_key(b, &shape)?, b.span())],
    };
    let mut inputs = vec![input];
    let method = match method? {
        Some(choice) if choice.case == 1 => Method::Penalty {
            factor: choice.numbers[0].unwrap_or(0.8),
            floor: choice.numbers[1].unwrap_or(0.0),
        },
        Some(choice) if choice.case == 3 => {
            inputs.push(history(b, &shape, &keys, choice.span)?);
            Method::Calibrate {
                strength: choice.numbers[1].unwrap_or(0.5),
                first: choice.numbers[2].unwrap_or(FIRST) as usize,
            }
        }
        _ => Method::RoundRobin,
    };
    if keys.iter().all(|(key, _)| shape.is_constant(key)) && shape.bound != Some(1) {
        warn_constant(b, keys[0].1);
    }
    let keys = keys.into_iter().map(|(key, _)| key).collect();
    let score = match method {
        Method::Penalty { .. } => discounted(shape.score),
        _ => shape.score,
    };
    Some(Bound {
        op: Arc::new(Diversify { entity: shape.entity, keys, method }),
        inputs,
        shape: shape.scored(score),
    })
}

/// `mmr` compares vectors instead of keys.
fn bind_mmr(b: &mut dyn Bind, input: NodeId, shape: Shape, choice: &Choice) -> Option<Bound> {
    if b.has("key") {
        let message = "`mmr` takes no key: it compares the vectors of the rows";
        let help = "leave the key out: `diversify_by(method=mmr(...))`";
        b.report(Diagnostic::new(code::E0304, b.arg_span("key"), message).help(help));
        return None;
    }
    let method = Method::Mmr {
        relevance: choice.numbers[0].unwrap_or(0.7),
        embedding: b.case_embedding("embedding", shape.entity)?,
        first: choice.numbers[2].unwrap_or(FIRST) as usize,
    };
    Some(Bound {
        op: Arc::new(Diversify { entity: shape.entity, keys: Vec::new(), method }),
        inputs: vec![input],
        shape,
    })
}

/// The history that `calibrate` compares with. Its rows have nothing bound, so the keys may read
/// only the entity.
fn history(b: &mut dyn Bind, shape: &Shape, keys: &[(Expr, Span)], method: Span) -> Option<NodeId> {
    if let Some((_, span)) = keys.iter().find(|(key, _)| !key.reads_only_the_entity()) {
        let message =
            "the key of `calibrate` is also evaluated on the history, which has no such column";
        let help = "use a column of the entity, or an expression of such columns";
        b.report(Diagnostic::new(code::E0312, *span, message).help(help));
        return None;
    }
    if let Some(history) = b.case_set("history", shape.entity)? {
        return Some(history);
    }
    let seen = b.seen(shape.entity);
    if seen.is_none() {
        let name = b.schema().entity(shape.entity).name.clone();
        let message =
            format!("`calibrate` needs a history: the catalog names no `seen` edge to `{name}`");
        let help = "set the history: `calibrate(history=user.walk(...))`";
        b.report(Diagnostic::new(code::E0404, method, message).help(help));
    }
    seen
}

/// Scores after a discount: positive ones come nearer to zero, negative ones go further from it.
fn discounted(score: Score) -> Score {
    let mut facts = score.facts;
    if facts.negative() {
        facts.low = f64::NEG_INFINITY;
    } else {
        facts.low = 0.0;
    }
    let kind = match score.kind {
        ScoreKind::Constant => ScoreKind::Position,
        kind => kind,
    };
    Score { kind, facts }
}

/// `author`, or the first reference of the entity.
fn default_key(b: &mut dyn Bind, shape: &Shape) -> Option<Expr> {
    let entity = b.schema().entity(shape.entity);
    let author = entity.find_reference("author");
    let Some(reference) = entity.references.get(author.unwrap_or(0)) else {
        let name = &entity.name;
        let message = format!("`diversify_by` needs a key: `{name}` has no reference to take");
        let help = "write `diversify_by(column)`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    let column = crate::expr::ir::column(shape.entity, reference.column, entity);
    Some(column)
}

fn warn_constant(b: &mut dyn Bind, key: Span) {
    let message = "`diversify_by` cannot change anything: its key has one value per request";
    let help = b.better_key("key");
    let diagnostic =
        Diagnostic::new(code::W0201, key, message).maybe_help(help.or_else(|| {
            Some("use a key that differs between rows, as a column of theirs".to_owned())
        }));
    b.report(diagnostic);
}

#[derive(Clone, Debug, Hash)]
struct Diversify {
    entity: EntityId,
    keys: Vec<Expr>,
    method: Method,
}

impl Op for Diversify {
    fn name(&self) -> &'static str {
        "diversify_by"
    }

    fn details(&self, schema: &Schema) -> String {
        let keys = self.keys.iter().map(|e| show(e, schema).to_string());
        let method = match self.method {
            Method::RoundRobin => "round_robin".to_owned(),
            Method::Penalty { factor, floor } => format!("penalty(factor={factor}, floor={floor})"),
            Method::Mmr { relevance, embedding, first } => {
                let embedding = &schema.embeddings[embedding as usize].name;
                let first = count(first);
                format!("mmr(relevance={relevance}, embedding={embedding}, first={first})")
            }
            Method::Calibrate { strength, first } => {
                format!("calibrate(strength={strength}, first={})", count(first))
            }
        };
        let parts: Vec<String> = keys.chain([format!("method={method}")]).collect();
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        self.keys.iter().collect()
    }

    fn effect(&self) -> Effect {
        Effect::Reorders
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let keys = self.keys.len() + 1;
        let _held = exec.hold("diversify_by", rows.len() * keys * KEY_BYTES)?;
        match self.method {
            Method::RoundRobin => round_robin_rows(exec, rows, &self.columns(exec, rows)?),
            Method::Penalty { factor, floor } => {
                penalty_rows(exec, rows, &self.columns(exec, rows)?, factor, floor)
            }
            Method::Mmr { relevance, embedding, first } => {
                self.mmr_rows(exec, rows, relevance, embedding, first)
            }
            Method::Calibrate { strength, first } => {
                self.calibrated_rows(exec, rows, inputs[1], strength, first)
            }
        }
    }
}

impl Planning for Diversify {}

impl Rewriting for Diversify {
    fn uses(&self, input: usize, own: &Used) -> Used {
        if input > 0 {
            return Used::ALL;
        }
        let used = own.clone().in_order().of_all_rows();
        used.reading(self.exprs())
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, |op: &mut Diversify| op.keys.iter_mut().collect(), f)
    }
}

impl Explaining for Diversify {}

/// Bytes that each row takes for each key: its value, its group, the table of groups, its place and its
/// key while it is sorted.
const KEY_BYTES: usize = 8 + 8 + 24 + 8 + 32;
/// Bytes that each row takes for `mmr`, beside its vector.
const MMR_BYTES: usize = 40 + 8 + 40 + 8 + 32;

/// A number of rows as explained.
fn count(first: usize) -> String {
    match first {
        usize::MAX => "all".to_owned(),
        n => n.to_string(),
    }
}

impl Diversify {
    /// The keys of rows.
    fn columns(&self, exec: &Exec, rows: &RowBatch) -> Result<Vec<Column>, RunError> {
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let column = |key| exec.column("diversify_by", &frame, key);
        self.keys.iter().map(column).collect()
    }

    fn mmr_rows(
        &self,
        exec: &Exec,
        rows: &RowBatch,
        relevance: f64,
        embedding: u32,
        first: usize,
    ) -> Result<RowBatch, RunError> {
        let vectors = vectors_of(exec.run.snapshot, embedding, self.entity);
        let pace = Pace::new(exec.run.stop);
        reordered(exec, rows, |_, range| {
            let vector = vectors.as_ref().map_or(0, |vectors| vectors.dim * 4);
            let _held = exec.hold("diversify_by", range.len() * (MMR_BYTES + vector))?;
            let pairs = match &vectors {
                Some(vectors) => {
                    let ids = &rows.ids[range.clone()];
                    ann::Pairs::until(vectors, ann::Metric::Cosine, ids, &pace)
                }
                None => ann::Pairs::default(),
            };
            let scores = minmax(&rows.scores[range]);
            let stop = exec.run.stop;
            Ok(mmr::mmr(&scores, &pairs, relevance, first, stop))
        })
    }

    fn calibrated_rows(
        &self,
        exec: &Exec,
        rows: &RowBatch,
        history: &RowBatch,
        strength: f64,
        first: usize,
    ) -> Result<RowBatch, RunError> {
        // one numbering for both: the history first, then the rows behind it
        let behind = history.len();
        let columns: Vec<Column> = self
            .columns(exec, history)?
            .into_iter()
            .zip(self.columns(exec, rows)?)
            .map(|(a, b)| Column::concat(&[a, b]))
            .collect();
        reordered(exec, rows, |request, range| {
            let known = history.range(request);
            let places = range.start + behind..range.end + behind;
            let both = known.clone().chain(places);
            let groups = Groups::new(exec, "diversify_by", &columns, both)?;
            let (scores, stop) = (minmax(&rows.scores[range]), exec.run.stop);
            let history = known.len();
            Ok(calibrate::calibrate(&scores, &groups, history, strength, first, stop))
        })
    }
}

/// Scores on a scale from 0, the lowest, to 1, the highest; all equal or one alone are 1. A null
/// is 0.
fn minmax(scores: &[f64]) -> Vec<f64> {
    let known = || scores.iter().copied().filter(|s| !s.is_nan());
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    let scaled = |s: f64| match s {
        s if s.is_nan() => 0.0,
        _ if low == high => 1.0,
        s => Some((s - low) / (high - low)).filter(|x| x.is_finite()).unwrap_or(0.0),
    };
    scores.iter().map(|&s| scaled(s)).collect()
}
