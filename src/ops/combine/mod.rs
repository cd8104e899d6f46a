//! `combine`: one set from several, by weights and a method.
//!
//! A method works on one request: it is given the branches as slices ([`Branch`]) and says which
//! rows come out, each with its score and the branch that contributed most ([`Placed`]). Columns
//! come from the row of that branch.

mod turns;
mod weighted;

use super::bind::{Bind, Bound, Case, CaseParam, Quantity, SetArg, Takes};
use super::shape::{BoundColumn, Score, ScoreKind};
use super::{
    Demand, Drawing, Exec, Explaining, Guess, Instance, Op, Operator, Param, Planning, Rest,
    Rewriting, RunError, Shape, Used, mapped,
};
use crate::batch::{Column, Pace, RowBatch, Stop, arrange, places, sort_key};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::Scalar;
use crate::expr::show::show;
use crate::expr::{Expr, Facts, Frame};
use crate::ops::kit::join::{Join, Picked, bases};
use crate::source::Span;
use crate::types::Type;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use weighted::Normalize;

pub const COMBINE: Operator = Operator {
    name: "combine",
    source: true,
    params: &[
        Param { name: "method", ty: "weighted|rrf(k=60)|interleave|quota", named: true },
        Param { name: "normalize", ty: "minmax|zscore|rank|softmax|none", named: true },
        Param { name: "take", ty: "int?", named: true },
    ],
    keeps_shape: false,
    rest: Rest::Sets,
    page: include_str!("../../../docs/operators/combine.md"),
    bind,
};

const METHODS: [Case; 4] = [
    Case::plain("weighted"),
    Case { name: "rrf", params: &[CaseParam::new("k", Takes::Number(0.0..=1e9))] },
    Case::plain("interleave"),
    Case::plain("quota"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Weighted(Normalize),
    Rrf { k: f64 },
    Interleave,
    Quota,
}

impl Hash for Method {
    fn hash<H: Hasher>(&self, to: &mut H) {
        std::mem::discriminant(self).hash(to);
        match self {
            Method::Weighted(normalize) => normalize.hash(to),
            Method::Rrf { k } => k.to_bits().hash(to),
            Method::Interleave | Method::Quota => {}
        }
    }
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Weighted(_) => "weighted",
            Method::Rrf { .. } => "rrf",
            Method::Interleave => "interleave",
            Method::Quota => "quota",
        }
    }
}

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let branches = b.branches(true);
    let method = method(b);
    let take = b.count("take");
    let (branches, method, take) = (branches?, method?, take?);
    check_take(b, method, take.as_ref())?;
    let is_negative = |weight: &Expr| match weight.as_const() {
        Some(Scalar::F64(weight)) => *weight < 0.0 && !matches!(method, Method::Weighted(_)),
        _ => false,
    };
    let negative = branches.iter().filter(|branch| is_negative(&branch.weight));
    let negative: Vec<Span> = negative.map(|branch| branch.weight_span).collect();
    for span in &negative {
        negative_weight(b, *span, method);
    }
    let sets = branches.iter().map(|branch| (branch.set, branch.span));
    let joined = b.joined(&sets.collect::<Vec<_>>())?;
    let inputs: Vec<_> = branches.iter().map(|branch| branch.set).collect();
    let mut shape = joined.clone();
    let names =
        BoundColumn::new("branch", Type::String).facts(Facts { nullable: false, ..Facts::UNKNOWN });
    let place = shape.bind(names);
    let shapes: Vec<&Shape> = inputs.iter().map(|&set| b.graph().shape(set)).collect();
    let join = Join::new(&joined, &shapes);
    let part = |branch: SetArg| Part { name: branch.name, weight: branch.weight };
    let parts: Vec<Part> = branches.into_iter().map(part).collect();
    let shape = shape.scored(score(method, &parts)).cut(take.as_ref().and_then(Quantity::known));
    let op = Combine { parts, method, take, join, place };
    negative.is_empty().then(|| Bound { op: Arc::new(op), inputs, shape })
}

/// The method and, for `weighted`, how scores are normalised.
fn method(b: &mut dyn Bind) -> Option<Method> {
    let method = b.choice("method", &METHODS);
    let normalize = b.choice("normalize", &Normalize::CASES);
    let (method, normalize) = (method?, normalize?);
    let (case, k) = match &method {
        Some(choice) => (choice.case, choice.numbers.first().copied().flatten()),
        None => (0, None),
    };
    if case > 0 && normalize.is_some() {
        let message =
            format!("`{}` reads no scores: there is nothing to normalise", METHODS[case].name);
        let help = "leave `normalize` out, or use `method=weighted`";
        b.report(Diagnostic::new(code::E0312, b.arg_span("normalize"), message).help(help));
        return None;
    }
    Some(match case {
        0 => {
            Method::Weighted(normalize.map_or(Normalize::Minmax, |c| Normalize::from_case(c.case)))
        }
        1 => Method::Rrf { k: k.unwrap_or(60.0) },
        2 => Method::Interleave,
        _ => Method::Quota,
    })
}

fn check_take(b: &mut dyn Bind, method: Method, take: Option<&Quantity>) -> Option<()> {
    let (wrong, message) = match take {
        None => (
            (method == Method::Quota).then_some(code::E0303),
            "`method=quota` divides a number of rows, set by `take`",
        ),
        Some(Quantity::All) => {
            ((method == Method::Quota).then_some(code::E0601), "`method=quota` cannot divide `all`")
        }
        Some(Quantity::Number(0)) => (Some(code::E0601), "`take` 0 never returns a row"),
        Some(_) => (None, ""),
    };
    let Some(wrong) = wrong else { return Some(()) };
    let span = if take.is_some() { b.arg_span("take") } else { b.arg_span("method") };
    b.report(Diagnostic::new(wrong, span, message).help("give a number: `take=50`"));
    None
}

fn negative_weight(b: &mut dyn Bind, span: crate::source::Span, method: Method) {
    let message = format!("a negative weight has no meaning for `{}`", method.name());
    let help = "only `method=weighted` supports negative weights; `a - b` removes rows";
    b.report(Diagnostic::new(code::E0306, span, message).help(help));
}

/// What is known of the scores before they are computed.
fn score(method: Method, parts: &[Part]) -> Score {
    let weights: Option<Vec<f64>> = parts.iter().map(Part::constant).collect();
    let facts = match (method, weights) {
        (Method::Interleave | Method::Quota, _) => Facts::between(0.0, 1.0),
        (Method::Rrf { .. }, _) => Facts::between(0.0, f64::INFINITY),
        (Method::Weighted(Normalize::None), _) => Facts::UNKNOWN,
        (Method::Weighted(Normalize::Zscore), _) | (_, None) => {
            Facts::between(f64::NEG_INFINITY, f64::INFINITY)
        }
        (_, Some(weights)) => Facts::between(
            weights.iter().map(|w| w.min(0.0)).sum(),
            weights.iter().map(|w| w.max(0.0)).sum(),
        ),
    };
    let kind = match method {
        Method::Weighted(_) => ScoreKind::Value,
        _ => ScoreKind::Position,
    };
    Score::new(kind, facts)
}

/// A branch as it was bound.
#[derive(Clone, Debug, Hash)]
struct Part {
    name: String,
    /// A number per request.
    weight: Expr,
}

impl Part {
    fn constant(&self) -> Option<f64> {
        match self.weight.as_const() {
            Some(Scalar::F64(weight)) => Some(*weight),
            _ => None,
        }
    }
}

/// The rows of one branch for one request.
#[derive(Clone, Copy)]
struct Branch<'a> {
    weight: f64,
    ids: &'a [u32],
    /// NaN is null.
    scores: &'a [f64],
}

/// Bytes that each row takes on the way: its share, the row that comes out, twice, and the keys by which
/// both are sorted.
const COMBINED_BYTES: usize = 24 + 2 * 24 + 2 * 32 + 8;

/// A row that comes out.
#[derive(Clone, Copy)]
struct Placed {
    id: u32,
    score: f64,
    /// The branch that contributed most, and the row's place in it.
    branch: u32,
    row: u32,
}

#[derive(Clone, Debug, Hash)]
struct Combine {
    parts: Vec<Part>,
    method: Method,
    take: Option<Quantity>,
    join: Join,
    /// Where the column `branch` is.
    place: usize,
}

impl Op for Combine {
    fn name(&self) -> &'static str {
        "combine"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = self.shares(schema);
        parts.push(match self.method {
            Method::Rrf { k } => format!("method=rrf(k={k})"),
            method => format!("method={}", method.name()),
        });
        if let Method::Weighted(normalize) = self.method {
            parts.push(format!("normalize={}", normalize.name()));
        }
        let take = self.take.iter();
        parts.extend(take.map(|n| format!("take={}", n.show(schema))));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.parts.iter().map(|part| &part.weight).collect();
        if let Some(Quantity::PerRequest(take)) = &self.take {
            exprs.push(take);
        }
        exprs
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let weights = self.weights(exec);
        let take = match &self.take {
            Some(take) => take.per_request(exec.run),
            None => vec![u64::MAX; exec.run.requests()],
        };
        let bases = bases(inputs);
        let texts: Vec<u32> =
            self.parts.iter().map(|part| exec.run.texts.code(&part.name)).collect();
        let mut picked = Picked::default();
        let mut names = Vec::new();
        let _held = Picked::hold(exec, "combine", inputs, COMBINED_BYTES)?;
        let pace = Pace::new(exec.run.stop);
        for (request, &take) in take.iter().enumerate() {
            let branch = |(rows, weights): (&&RowBatch, &Vec<f64>)| {
                let range = rows.range(request);
                (weights[request], range)
            };
            let parts: Vec<_> = inputs.iter().zip(&weights).map(branch).collect();
            let branches: Vec<Branch> = parts
                .iter()
                .zip(inputs)
                .map(|((weight, range), rows)| Branch {
                    weight: *weight,
                    ids: &rows.ids[range.clone()],
                    scores: &rows.scores[range.clone()],
                })
                .collect();
            let placed = self.placed(&branches, take, &pace, exec.run.stop);
            exec.check("combine", 0)?;
            for placed in placed {
                if pace.is_due_before(20) {
                    break;
                }
                let branch = placed.branch as usize;
                picked.ids.push(placed.id);
                picked.scores.push(placed.score);
                let start = parts[branch].1.start as u32;
                picked.places.push(bases[branch] + start + placed.row);
                names.push(texts[branch]);
            }
            picked.end_request();
        }
        let mut rows = picked.rows(exec, "combine", &self.join, inputs)?;
        let names = Column::Code(names);
        if self.place == rows.columns.len() {
            rows.columns.push(names);
        } else {
            rows.columns[self.place] = names;
        }
        Ok(rows)
    }
}

impl Planning for Combine {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        self.take.iter().map(|take| ("take", take)).collect()
    }

    fn cut(&self) -> Option<&Quantity> {
        self.take.as_ref()
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let take = self.take.as_ref().and_then(|take| guess.number(take));
        let all: f64 = inputs.iter().sum();
        all.min(take.unwrap_or(f64::INFINITY))
    }

    /// Each branch should do alone: what the others give depends on the request.
    fn demand(&self, guess: &dyn Guess, _: usize, wanted: Option<Demand>) -> Option<Demand> {
        let take = self.take.as_ref().and_then(|take| guess.number(take));
        take.map(Demand::rows).or(wanted)
    }
}

impl Rewriting for Combine {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        let part = |part: &Part| Part { name: String::new(), weight: part.weight.clone() };
        let parts = self.parts.iter().map(part).collect();
        Some(Arc::new(Combine { parts, join: Join::default(), place: 0, ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Combine| {
                let weights = op.parts.iter_mut().map(|part| &mut part.weight);
                weights.chain(op.take.as_mut().and_then(Quantity::expr_mut)).collect()
            },
            f,
        )
    }

    fn uses(&self, input: usize, own: &Used) -> Used {
        self.join.uses(input, own).in_order().of_all_rows()
    }
}

impl Explaining for Combine {
    fn mixes_scores(&self) -> bool {
        self.method == Method::Weighted(Normalize::None)
    }

    fn branches(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.name.as_str()).collect()
    }

    fn passes(&self, _: usize) -> bool {
        true
    }

    fn drawing(&self) -> Drawing<'_> {
        Drawing::Any
    }
}

impl Combine {
    /// Each branch with its weight and its share of all weights, where they are known.
    fn shares(&self, schema: &Schema) -> Vec<String> {
        let weights: Option<Vec<f64>> = self.parts.iter().map(Part::constant).collect();
        let all = weights.map(|w| w.iter().map(|w| w.abs()).sum::<f64>());
        let shown = |part: &Part| match (part.constant(), all) {
            (Some(weight), Some(all)) if all > 0.0 => {
                // adding 0 makes of -0 a 0
                let share = (weight / all * 1000.0).round() / 10.0 + 0.0;
                format!("{weight} * {} ({share}%)", part.name)
            }
            _ => format!("{} * {}", show(&part.weight, schema), part.name),
        };
        self.parts.iter().map(shown).collect()
    }

    /// The weights of every branch by request. A null weight is 0, and so is a negative one where
    /// it has no meaning.
    fn weights(&self, exec: &Exec) -> Vec<Vec<f64>> {
        let frame = Frame::requests(exec.run);
        let mut all = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let mut weights = frame.numbers(&part.weight);
            for (request, weight) in weights.iter_mut().enumerate() {
                if weight.is_nan() {
                    *weight = 0.0;
                }
                if *weight < 0.0 && !matches!(self.method, Method::Weighted(_)) {
                    let name = self.method.name();
                    let message = format!(
                        "`combine`: the weight {weight} of `{}` counts as 0 with `method={name}`",
                        part.name
                    );
                    exec.warn(request, message);
                    *weight = 0.0;
                }
            }
            all.push(weights);
        }
        all
    }

    /// The rows of one request, in order.
    fn placed(&self, branches: &[Branch], take: u64, pace: &Pace, stop: Stop) -> Vec<Placed> {
        let placed = match self.method {
            Method::Weighted(normalize) => weighted::weighted(branches, normalize, pace, stop),
            Method::Rrf { k } => weighted::reciprocal(branches, k, pace, stop),
            Method::Interleave => return turns::interleave(branches, take, pace),
            Method::Quota => return turns::quota(branches, take, pace),
        };
        // ties stand as in the branches, one behind the other
        let starts = branches.iter().scan(0u32, |next, branch| {
            let start = *next;
            *next += branch.ids.len() as u32;
            Some(start)
        });
        let starts: Vec<u32> = starts.collect();
        let key = |(place, row): (usize, &Placed)| {
            let stands = starts[row.branch as usize] + row.row;
            sort_key(row.score, stands, place as u32)
        };
        let mut keys = Vec::new();
        let most = Some(take).filter(|&take| take < placed.len() as u64);
        arrange(placed.iter().enumerate().map(key), most, &mut keys, stop);
        places(&keys, stop).map(|place| placed[place as usize]).collect()
    }
}
