//! `nn`: from every row to the entities whose vectors are nearest to its own.

mod near;
mod own;
mod pool;
mod search;

use crate::batch::RowBatch;
use crate::catalog::schema::{Metric, Schema};
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Facts, Scalar};
use crate::ops::bind::{Bind, Bound, Case, CaseParam, Quantity, Takes};
use crate::ops::estimate::distinct;
use crate::ops::kit::allowed::Kept;
use crate::ops::kit::fanout::{Contributions, Ties, merge, merged_score};
use crate::ops::kit::fold::Merge;
use crate::ops::{
    Becomes, BoundColumn, Condition, Exec, Explaining, Guess, Instance, Op, Operator, Param, Part,
    Planning, Relaxed, Rest, Rewriting, RunError, Score, ScoreKind, Shape, Used, bounds,
};
use crate::store::Snapshot;
use crate::types::{EntityId, Type};
use pool::Pool;
use std::sync::Arc;

pub const NN: Operator = Operator {
    name: "nn",
    source: false,
    params: &[
        Param { name: "embedding", ty: "embedding = default", named: false },
        Param { name: "k", ty: "int = auto", named: false },
        Param { name: "to", ty: "entity?", named: true },
        Param { name: "where", ty: "expr?", named: true },
        Param { name: "min_similarity", ty: "float?", named: true },
        Param { name: "include_self", ty: "bool = false", named: true },
        Param { name: "pool", ty: "none|mean|clusters(n)", named: true },
        Param { name: "query", ty: "vector?", named: true },
        Param { name: "exact", ty: "bool = false", named: true },
        Param { name: "side", ty: "input|output", named: true },
        Param { name: "merge", ty: "max|sum|count|mean|min|noisy_or", named: true },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../../docs/operators/nn.md"),
    bind,
};

const AUTO: u64 = 50;
const SIDES: [Case; 2] = [Case::plain("input"), Case::plain("output")];
const POOLS: [Case; 3] = [
    Case::plain("none"),
    Case::plain("mean"),
    Case { name: "clusters", params: &[CaseParam::new("n", Takes::Count)] },
];

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    if !b.has("to") {
        b.otherwise(shape.clone().reaching(shape.entity, None));
    }
    let embedding = b.embedding("embedding", shape.entity)?;
    let to = target(b, embedding, shape.entity)?;
    b.otherwise(shape.clone().reaching(to, None));
    let k = b.quantity("k", AUTO, false);
    let filter = b.entity_condition("where", to);
    let min_similarity = b.request_value("min_similarity", Some(&Type::Float));
    let include_self = b.flag("include_self");
    let exact = b.flag("exact");
    let how = b.choice("merge", &Merge::CASES);
    let pool = pool(b, embedding);
    let output = output(b, embedding);
    let (k, min_similarity, how, pool, output) = (k?, min_similarity?, how?, pool?, output?);
    // one search, with the mean of the rows
    let pool = if output.is_some() { Pool::Mean } else { pool };
    let constant = |(place, column): (usize, &BoundColumn)| column.constant.then_some(place);
    let op = Nn {
        columns: pool.makes_a_query().then(|| {
            let columns = shape.columns.iter().enumerate();
            columns.filter_map(constant).collect()
        }),
        pool,
        own: embedding,
        viewer: b.viewers_vector(embedding, shape.entity),
        embedding: output.unwrap_or(embedding),
        from: shape.entity,
        to,
        k,
        keep: filter?.into_iter().collect(),
        kept: Kept::default(),
        min_similarity,
        include_self: include_self?,
        exact: exact?,
        merge: how.map_or(Merge::Max, |choice| Merge::from_case(choice.case)),
        part: Part::ALL,
    };
    let shape = op.shape(b.snapshot(), shape);
    Some(Bound { op: Arc::new(op), inputs: vec![input], shape })
}

/// The embedding that is searched instead of the rows' own: the vectors of what stands around them.
fn output(b: &mut dyn Bind, embedding: u32) -> Option<Option<u32>> {
    if b.choice("side", &SIDES)?.is_none_or(|choice| choice.case == 0) {
        return Some(None);
    }
    let space = b.schema().embeddings[embedding as usize].clone();
    let refused = if space.output.is_none() {
        let message =
            format!("`{}` has one vector for each entity, so it has no output side", space.name);
        Some((
            code::E0504,
            message,
            "only `skipgram` learns two: one as the centre, one as what stands around",
        ))
    } else if b.has("pool") || b.has("query") {
        let message = "`side=output` searches with the mean of the rows".to_owned();
        Some((code::E0307, message, "leave `pool` and `query` out"))
    } else {
        None
    };
    match refused {
        None => Some(space.output),
        Some((code, message, help)) => {
            b.report(Diagnostic::new(code, b.arg_span("side"), message).help(help));
            None
        }
    }
}

/// What the searches start from: the rows, some of them, or one vector.
fn pool(b: &mut dyn Bind, embedding: u32) -> Option<Pool> {
    let dim = b.schema().embeddings[embedding as usize].dim;
    let choice = b.choice("pool", &POOLS);
    let query = b.request_value("query", Some(&Type::Vector(dim)));
    let (choice, query) = (choice?, query?);
    if b.has("pool") && query.is_some() {
        let message = "`nn` takes `pool` or `query`, not both";
        let help = "`pool` computes the query vector from the rows, `query` provides it";
        b.report(Diagnostic::new(code::E0307, b.arg_span("query"), message).help(help));
        return None;
    }
    Some(match (choice, query) {
        (_, Some(query)) => Pool::Query(query),
        (Some(choice), None) if choice.case == 1 => Pool::Mean,
        (Some(choice), None) if choice.case == 2 => {
            let Some(n) = choice.numbers[0] else {
                let message = "`clusters` needs the number of clusters";
                let help = "write `pool=clusters(3)`";
                b.report(Diagnostic::new(code::E0303, choice.span, message).help(help));
                return None;
            };
            Pool::Clusters(n as usize)
        }
        _ => Pool::None,
    })
}

/// The entity to search: the one that has vectors, or the one that `to` names.
fn target(b: &mut dyn Bind, embedding: u32, from: EntityId) -> Option<EntityId> {
    let space = b.schema().embeddings[embedding as usize].clone();
    let names: Vec<String> =
        space.entities.iter().map(|&e| b.schema().entity(e).name.clone()).collect();
    let to = match b.entity("to")? {
        Some(to) => to,
        None if space.entities.len() == 1 => space.entities[0],
        None => {
            let message = format!(
                "embedding `{}` holds {}: `nn` needs `to`",
                space.name,
                names.join(" and ")
            );
            let help = format!("add `to={}`", names.last().map_or("", String::as_str));
            b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
            return None;
        }
    };
    for (entity, param) in [(from, "embedding"), (to, "to")] {
        if !space.entities.contains(&entity) {
            let name = b.schema().entity(entity).name.clone();
            let message = format!(
                "embedding `{}` has vectors of {}, not of `{name}`",
                space.name,
                names.join(" and ")
            );
            b.report(Diagnostic::new(code::E0301, b.arg_span(param), message));
            return None;
        }
    }
    Some(to)
}

#[derive(Clone, Debug, Hash)]
struct Nn {
    /// Of the rows that searches start from.
    own: u32,
    /// The viewer's, where it is found when a request is made.
    viewer: Option<Expr>,
    /// Of what is searched; another one on the output side.
    embedding: u32,
    from: EntityId,
    to: EntityId,
    k: Quantity,
    /// What is searched: rows that satisfy all of these.
    keep: Vec<Expr>,
    kept: Kept,
    min_similarity: Option<Expr>,
    include_self: bool,
    exact: bool,
    merge: Merge,
    pool: Pool,
    /// Of one search for all rows: the columns that have one value for all of them, and stay.
    columns: Option<Vec<usize>>,
    /// What is used of the rows.
    part: Part,
}

impl Op for Nn {
    fn name(&self) -> &'static str {
        "nn"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![schema.embeddings[self.embedding as usize].name.clone()];
        parts.push(format!("k={}", self.k.show(schema)));
        if self.to != self.from {
            parts.push(format!("to={}", schema.entity(self.to).name));
        }
        let keep = self.keep.iter();
        parts.extend(keep.map(|e| format!("where={}", show(e, schema))));
        let least = self.min_similarity.iter();
        parts.extend(least.map(|e| format!("min_similarity={}", show(e, schema))));
        if self.include_self {
            parts.push("include_self=true".to_owned());
        }
        parts.extend(self.pool.details(schema));
        let how = match (self.exact, self.reads_lists(schema)) {
            (true, _) => "exact",
            (false, true) => "stored",
            (false, false) => "approximate",
        };
        parts.push(how.to_owned());
        parts.push(format!("merge={}", self.merge.name()));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let exprs = self.keep.iter().chain(&self.min_similarity).chain(&self.viewer);
        let mut exprs: Vec<&Expr> = exprs.collect();
        if let Quantity::PerRequest(k) = &self.k {
            exprs.push(k);
        }
        if let Pool::Query(query) = &self.pool {
            exprs.push(query);
        }
        exprs
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let input = inputs[0];
        let contributions = self.reach(exec, input)?;
        let how = (self.merge, Ties::Reached);
        let merge = |parents| merge(exec, self, parents, &contributions, how, &self.part);
        match &self.columns {
            None => merge(input),
            Some(columns) => merge(&one_parent(input, columns)),
        }
    }

    fn part(&self) -> &Part {
        &self.part
    }
}

impl Planning for Nn {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("k", &self.k)]
    }

    fn auto(&self) -> Option<u64> {
        self.k.known().filter(|_| self.k.is_auto())
    }

    fn most(&self, schema: &Schema) -> u64 {
        bounds::with_vector(schema, self.embedding, self.to)
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let schema = guess.schema();
        let searches = match self.pool {
            Pool::None => inputs[0],
            Pool::Clusters(n) => inputs[0].min(n as f64),
            Pool::Mean | Pool::Query(_) => 1.0,
        };
        let share = guess.share_of_all(self.to, &self.keep);
        let found = bounds::with_vector(schema, self.embedding, self.to) as f64 * share;
        let k = guess.number(&self.k).unwrap_or(f64::INFINITY);
        distinct(searches * k.min(found), found)
    }

    fn contributions(&self, snapshot: &Snapshot, inputs: &[&Shape]) -> Option<u64> {
        let schema = snapshot.schema();
        let rows = inputs[0].bound.unwrap_or(u64::MAX);
        let searches = match self.pool {
            Pool::None => {
                // and the viewer, who needs none that is stored
                let found = u64::from(self.viewer.is_some());
                rows.min(bounds::with_vector(schema, self.own, self.from) + found)
            }
            Pool::Clusters(n) => rows.min(n as u64),
            Pool::Mean | Pool::Query(_) => 1,
        };
        let found = bounds::with_vector(schema, self.embedding, self.to);
        let each = self.k.most().unwrap_or(u64::MAX).min(found);
        Some(searches.saturating_mul(each))
    }
}

impl Rewriting for Nn {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        let mut op = self.clone();
        op.keep.sort_by_key(Expr::key);
        Some(Arc::new(op))
    }

    /// A condition that is always true is none.
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        let mut op = self.clone();
        let query = match &mut op.pool {
            Pool::Query(query) => Some(query),
            _ => None,
        };
        let exprs = op.keep.iter_mut().chain(&mut op.min_similarity).chain(&mut op.viewer);
        for expr in exprs.chain(op.k.expr_mut()).chain(query) {
            *expr = f(std::mem::replace(expr, Expr::error()));
        }
        op.keep.retain(|e| e.as_const() != Some(&Scalar::Bool(true)));
        Some(Arc::new(op))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |e: &Expr| matches!(e.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        let nowhere = self.keep.iter().any(never) || self.k.is_zero();
        (empty[0] || nowhere).then_some(Becomes::Nothing)
    }

    /// Contributions are added up, and equal scores ordered, in the order of their parents.
    fn uses(&self, _: usize, own: &Used) -> Used {
        let used = match &self.columns {
            None => own.clone(),
            Some(columns) => own.columns_from(columns.iter().copied().enumerate()),
        };
        used.in_order().of_all_rows()
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Nn { part, ..self.clone() }))
    }

    fn absorb(&self, condition: &Expr) -> Option<Arc<dyn Instance>> {
        if !self.k.is_auto() {
            return None;
        }
        let mut with = self.clone();
        with.keep.push(condition.clone());
        Some(Arc::new(with))
    }
}

impl Explaining for Nn {
    fn sums_scores(&self) -> bool {
        self.merge == Merge::Sum
    }

    fn label(&self, schema: &Schema) -> String {
        format!("nn {}", schema.embeddings[self.embedding as usize].name)
    }

    fn links(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<Option<Contributions>, RunError> {
        self.reach(exec, inputs[0]).map(Some)
    }

    fn relaxed(&self, schema: &Schema) -> Vec<Relaxed> {
        let free = Nn { k: Quantity::All, exact: true, ..self.clone() };
        let without = |op: Nn, without| Relaxed { op: Arc::new(op), without };
        let k = format!("k={}", self.k.show(schema));
        let mut relaxed = vec![without(free.clone(), Condition::Number(k))];
        if let Some(min) = &self.min_similarity {
            let text = format!("min_similarity={}", show(min, schema));
            let min_similarity = None;
            let op = Nn { min_similarity, ..free.clone() };
            relaxed.push(without(op, Condition::Other(text)));
        }
        for i in 0..self.keep.len() {
            let mut op = free.clone();
            let condition = op.keep.remove(i);
            relaxed.push(without(op, Condition::Entity(condition)));
        }
        relaxed
    }
}

impl Nn {
    /// What is found from rows of that shape.
    fn shape(&self, snapshot: &Snapshot, input: Shape) -> Shape {
        let schema = snapshot.schema();
        let most = self.contributions(snapshot, &[&input]).unwrap_or(u64::MAX);
        let rows = most.min(bounds::with_vector(schema, self.embedding, self.to));
        let least = match self.min_similarity.as_ref().and_then(Expr::as_const) {
            Some(Scalar::F64(least)) => *least,
            _ => f64::NEG_INFINITY,
        };
        let (low, high) = match schema.embeddings[self.embedding as usize].metric {
            // rounded to 32 bits, a similarity can exceed 1 by the last bit
            Metric::Cosine => (-1.000_001, 1.000_001),
            Metric::L2 => (0.0, 1.0),
            Metric::Dot => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let similarity = Facts::between(low.max(least), high.max(least));
        let weight = Score::new(ScoreKind::Similarity, similarity);
        let asked = match self.k {
            Quantity::Number(k) => input.asked.map(|asked| asked.times(k)),
            _ => None,
        };
        let mut input = input;
        if let Some(columns) = &self.columns {
            input.score = Score::ONE;
            input.columns = columns.iter().map(|&c| input.columns[c].clone()).collect();
        }
        let score = merged_score(input.score, weight, self.merge, most);
        Shape { asked, ..input.reaching(self.to, Some(rows)).scored(score) }
    }
}

/// The rows as parents of one search for all of them: each with the score 1 and the columns that do
/// not tell rows apart.
fn one_parent(input: &RowBatch, columns: &[usize]) -> RowBatch {
    RowBatch {
        offsets: input.offsets.clone(),
        ids: input.ids.clone(),
        scores: vec![1.0; input.len()],
        columns: columns.iter().map(|&c| input.columns[c].clone()).collect(),
    }
}
