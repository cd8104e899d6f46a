//! `nn`: from every row to the entities whose vectors are nearest to its own.

use super::allowed::{Allowed, Alone, Conditions, Kept};
use super::bind::{Bind, Bound, Case, CaseParam, Quantity, Takes};
use super::estimate::distinct;
use super::fanout::{Contributions, Ties, merge, merged_score};
use super::fold::Merge;
use super::near::{AHEAD, Read};
use super::pool::{Pool, Start, Starts, starts};
use super::vectors::vectors_of;
use super::walk::quantity;
use super::{
    Becomes, BoundColumn, Condition, Exec, Guess, Op, Operator, Param, Part, Relaxed, Rest,
    RunError, Score, ScoreKind, Shape, Used, bounds,
};
use crate::ann::{self, Hit, Lists, Query};
use crate::batch::{Held, Pace, Rows, discard};
use crate::catalog::schema::{Metric, Schema};
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Facts, Frame, Run, Scalar};
use crate::store::Snapshot;
use crate::types::{EntityId, Type};
use foldhash::fast::FixedState;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub const NN: Operator = Operator {
    name: "nn",
    source: false,
    params: &[
        Param {
            name: "embedding",
            ty: "embedding = default",
            named: false,
        },
        Param {
            name: "k",
            ty: "int = auto",
            named: false,
        },
        Param {
            name: "to",
            ty: "entity?",
            named: true,
        },
        Param {
            name: "where",
            ty: "expr?",
            named: true,
        },
        Param {
            name: "min_similarity",
            ty: "float?",
            named: true,
        },
        Param {
            name: "include_self",
            ty: "bool = false",
            named: true,
        },
        Param {
            name: "pool",
            ty: "none|mean|clusters(n)",
            named: true,
        },
        Param {
            name: "query",
            ty: "vector?",
            named: true,
        },
        Param {
            name: "exact",
            ty: "bool = false",
            named: true,
        },
        Param {
            name: "merge",
            ty: "max|sum|count|mean|min|noisy_or",
            named: true,
        },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/nn.md"),
    bind,
};

const AUTO: u64 = 50;
/// So many rows, and half as many as are wanted, a search better leaves out as it goes than looks for others
/// among all: it goes that much further.
const LEFT_OUT: usize = 40;
/// So many rows a scan of all passes by: it comes across them in any case, and serves several requests.
const PASSED_BY: usize = 4_096;
const POOLS: [Case; 3] = [
    Case::plain("none"),
    Case::plain("mean"),
    Case {
        name: "clusters",
        params: &[CaseParam::new("n", Takes::Count)],
    },
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
    let (k, min_similarity, how, pool) = (k?, min_similarity?, how?, pool?);
    let constant = |(place, column): (usize, &BoundColumn)| column.constant.then_some(place);
    let op = Nn {
        columns: pool.makes_a_query().then(|| {
            let columns = shape.columns.iter().enumerate();
            columns.filter_map(constant).collect()
        }),
        pool,
        embedding,
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
    Some(Bound {
        op: Arc::new(op),
        inputs: vec![input],
        shape,
    })
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
    let names: Vec<String> = space
        .entities
        .iter()
        .map(|&e| b.schema().entity(e).name.clone())
        .collect();
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

#[derive(Clone, Debug)]
struct Nn {
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
        parts.push(format!("k={}", quantity(&self.k, schema)));
        if self.to != self.from {
            parts.push(format!("to={}", schema.entity(self.to).name));
        }
        parts.extend(
            self.keep
                .iter()
                .map(|e| format!("where={}", show(e, schema))),
        );
        parts.extend(
            self.min_similarity
                .iter()
                .map(|e| format!("min_similarity={}", show(e, schema))),
        );
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
        let mut exprs: Vec<&Expr> = self.keep.iter().chain(&self.min_similarity).collect();
        if let Quantity::PerRequest(k) = &self.k {
            exprs.push(k);
        }
        if let Pool::Query(query) = &self.pool {
            exprs.push(query);
        }
        exprs
    }

    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("k", &self.k)]
    }

    fn sums_scores(&self) -> bool {
        self.merge == Merge::Sum
    }

    /// A condition that is always true is none.
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Op>> {
        let mut op = self.clone();
        let query = match &mut op.pool {
            Pool::Query(query) => Some(query),
            _ => None,
        };
        let exprs = op.keep.iter_mut().chain(&mut op.min_similarity);
        for expr in exprs.chain(op.k.expr_mut()).chain(query) {
            *expr = f(std::mem::replace(expr, Expr::error()));
        }
        op.keep
            .retain(|e| e.as_const() != Some(&Scalar::Bool(true)));
        Some(Arc::new(op))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |e: &Expr| matches!(e.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        let nowhere = self.keep.iter().any(never) || self.k.is_zero();
        (empty[0] || nowhere).then_some(Becomes::Nothing)
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let input = inputs[0];
        let contributions = self.reach(exec, input)?;
        let how = (self.merge, Ties::Reached);
        let merge = |parents| merge(exec, self, parents, &contributions, how, &self.part);
        match &self.columns {
            None => merge(input),
            Some(columns) => merge(&one_parent(input, columns)),
        }
    }

    /// Contributions are added up, and equal scores ordered, in the order of their parents.
    fn uses(&self, _: usize, own: &Used) -> Used {
        let used = match &self.columns {
            None => own.clone(),
            Some(columns) => own.columns_from(columns.iter().copied().enumerate()),
        };
        used.in_order().of_all_rows()
    }

    fn part(&self) -> &Part {
        &self.part
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Op>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Nn {
            part,
            ..self.clone()
        }))
    }

    fn label(&self, schema: &Schema) -> String {
        format!("nn {}", schema.embeddings[self.embedding as usize].name)
    }

    fn links(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Option<Contributions>, RunError> {
        self.reach(exec, inputs[0]).map(Some)
    }

    fn relaxed(&self, schema: &Schema) -> Vec<Relaxed> {
        let free = Nn {
            k: Quantity::All,
            exact: true,
            ..self.clone()
        };
        let without = |op: Nn, without| Relaxed {
            op: Arc::new(op),
            without,
        };
        let k = format!("k={}", quantity(&self.k, schema));
        let mut relaxed = vec![without(free.clone(), Condition::Number(k))];
        if let Some(min) = &self.min_similarity {
            let text = format!("min_similarity={}", show(min, schema));
            let min_similarity = None;
            let op = Nn {
                min_similarity,
                ..free.clone()
            };
            relaxed.push(without(op, Condition::Other(text)));
        }
        for i in 0..self.keep.len() {
            let mut op = free.clone();
            let condition = op.keep.remove(i);
            relaxed.push(without(op, Condition::Entity(condition)));
        }
        relaxed
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
            Pool::None => rows.min(bounds::with_vector(schema, self.embedding, self.from)),
            Pool::Clusters(n) => rows.min(n as u64),
            Pool::Mean | Pool::Query(_) => 1,
        };
        let found = bounds::with_vector(schema, self.embedding, self.to);
        let each = self.k.known().unwrap_or(u64::MAX).min(found);
        Some(searches.saturating_mul(each))
    }

    fn absorb(&self, condition: &Expr) -> Option<Arc<dyn Op>> {
        if !self.k.is_auto() {
            return None;
        }
        let mut with = self.clone();
        with.keep.push(condition.clone());
        Some(Arc::new(with))
    }
}

/// What was found for every row of the input; rows that share a search share its hits.
struct Found<'a> {
    /// Of each row: which search; none for a row without a vector.
    search_of: Vec<Option<u32>>,
    hits: Vec<Vec<Hit>>,
    _held: Held<'a>,
}

impl Found<'_> {
    fn of(&self, row: usize) -> &[Hit] {
        self.search_of[row].map_or(&[], |search| &self.hits[search as usize])
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
        Shape {
            asked,
            ..input.reaching(self.to, Some(rows)).scored(score)
        }
    }

    /// Whether neighbours that were found ahead can answer.
    fn reads_lists(&self, schema: &Schema) -> bool {
        let own = !self.exact
            && !self.include_self
            && self.from == self.to
            && matches!(self.pool, Pool::None);
        let length = schema.embeddings[self.embedding as usize].neighbours;
        let enough = match self.k {
            Quantity::PerRequest(_) => true,
            _ => self.k.known().is_some_and(|k| k <= u64::from(length)),
        };
        own && length > 0 && enough
    }

    /// The neighbours of every row, in order.
    fn reach(&self, exec: &Exec, input: &Rows) -> Result<Contributions, RunError> {
        let schema = exec.run.snapshot.schema();
        let lists = exec.vectors.lists((self.embedding, self.to));
        match lists.filter(|_| self.reads_lists(schema)) {
            Some(lists) => self.read(exec, input, lists),
            None => Ok(contributions(input, &self.search(exec, input)?)),
        }
    }

    /// The neighbours that were found ahead; where they are too few, those of a search.
    fn read(&self, exec: &Exec, input: &Rows, lists: &Lists) -> Result<Contributions, RunError> {
        let mut read = Read::default();
        let k = self.k.per_request(exec.run);
        let min = self.least_similarity(exec.run);
        let conditions = self.conditions(exec.run);
        let pace = Pace::new(exec.run.stop);
        let mut held = exec.hold("nn", input.len() * 8)?;
        for (request, &k) in k.iter().enumerate() {
            exec.check("nn", 0)?;
            let before = read.len();
            let most = usize::try_from(k).unwrap_or(usize::MAX).min(lists.length());
            let least = min.as_ref().map(|min| min[request]);
            let ids = &input.ids[input.range(request)];
            self.allowed(&conditions, exec.run, request, |allowed| {
                for (place, &id) in ids.iter().enumerate() {
                    if let Some(&next) = ids.get(place + AHEAD) {
                        lists.prefetch(next);
                    }
                    let made = (read.len() - before) as u64 > exec.limits.max_rows;
                    if made || pace.is_due_before(100 + 10 * most) || !read.reserve(&mut held, most)
                    {
                        break;
                    }
                    read.add(lists.of(id), k, least, allowed);
                }
            });
            exec.check("nn", (read.len() - before) as u64)?;
            if read.rows() < input.range(request).end {
                return Err(RunError::Stopped);
            }
        }
        if !read.is_short.contains(&1) {
            return Ok(read.contributions(input));
        }
        let short = input.retain(&read.is_short);
        let found = self.search(exec, &short)?;
        Ok(read.with(input, (0..short.len()).map(|row| found.of(row))))
    }

    /// What a request may find.
    fn allowed<R>(
        &self,
        conditions: &Conditions,
        run: &Run,
        request: usize,
        then: impl FnOnce(Option<&Allowed>) -> R,
    ) -> R {
        if conditions.needs_no_run(request) {
            return then(conditions.of(request).as_ref());
        }
        let sets = Alone::new(run, request, &self.keep);
        let alone = run.of_requests(&[request as u32], None, &sets);
        then(self.conditions(&alone).of(0).as_ref())
    }

    fn least_similarity(&self, run: &Run) -> Option<Vec<f64>> {
        let min = self.min_similarity.as_ref()?;
        Some(Frame::requests(run).numbers(min))
    }

    fn search<'a>(&self, exec: &Exec<'a>, input: &Rows) -> Result<Found<'a>, RunError> {
        let nothing = || Found {
            search_of: vec![None; input.len()],
            hits: Vec::new(),
            _held: Held::default(),
        };
        let Some(space) = vectors_of(exec.run.snapshot, self.embedding, self.to) else {
            return Ok(nothing());
        };
        let Some(own) = vectors_of(exec.run.snapshot, self.embedding, self.from) else {
            return Ok(nothing());
        };
        let _starts = exec.hold("nn", input.len() * START_BYTES)?;
        let starts = self.starts(exec, input, &own);
        exec.check("nn", 0)?;
        let k = self.k.per_request(exec.run);
        let min = self.least_similarity(exec.run);
        let conditions = self.conditions(exec.run);
        let scans = self.exact && !ann::prefers_flat(space.len());
        let few = |(request, &k): (usize, &u64)| {
            let few = usize::try_from(k).unwrap_or(0) / 2 + LEFT_OUT;
            conditions.few_left_out(request, if scans { few.max(PASSED_BY) } else { few })
        };
        let few: Vec<Option<Vec<u32>>> = k.iter().enumerate().map(few).collect();
        let left_out: usize = few.iter().flatten().map(Vec::len).sum();
        let _left_out = exec.hold("nn", left_out * size_of::<u32>())?;
        let excluded = starts.searches.iter().map(|start| {
            let own = start.exclude(&starts);
            match &few[start.request as usize] {
                Some(few) if !few.is_empty() => both(own, few).into(),
                _ => Cow::Borrowed(own),
            }
        });
        let excluded: Vec<Cow<[u32]>> = excluded.collect();
        let queries: Vec<Query> = starts
            .searches
            .iter()
            .zip(&excluded)
            .map(|(start, exclude)| Query {
                vector: &start.vector,
                exclude,
                k: usize::try_from(k[start.request as usize])
                    .unwrap_or(usize::MAX)
                    .min(space.len()),
                min_similarity: min.as_ref().map(|min| min[start.request as usize]),
            })
            .collect();
        let widest = queries.iter().map(|q| q.k as u64).max().unwrap_or(0);
        exec.check("nn", widest)?;
        let few = |request: usize| few[request].is_some();
        let mut held = exec.hold("nn", 0)?;
        let about = (&conditions, &few as &dyn Fn(usize) -> bool);
        let hits = self.hits(exec, &space, &starts.searches, &queries, about, &mut held)?;
        Ok(Found {
            search_of: starts.search_of,
            hits,
            _held: held,
        })
    }

    /// Whether searches depend on the request, beside what it may find.
    fn per_request(&self) -> bool {
        self.min_similarity.is_some() || matches!(self.k, Quantity::PerRequest(_))
    }

    fn conditions<'a>(&'a self, run: &'a Run<'a>) -> Conditions<'a> {
        Conditions::new(run, self.to, &self.keep, &self.kept)
    }

    /// The distinct searches, in the order of their first use.
    fn starts<'a>(&self, exec: &Exec, input: &Rows, own: &ann::Vectors<'a>) -> Starts<'a> {
        let itself = !self.include_self && self.from == self.to;
        if !matches!(self.pool, Pool::None) {
            return starts(exec.run, &self.pool, input, own, itself);
        }
        let conditions = self.conditions(exec.run);
        let per_request = self.per_request();
        let mut known: HashMap<_, u32, FixedState> = HashMap::default();
        let pace = Pace::new(exec.run.stop);
        let mut starts = Starts::default();
        for request in 0..input.requests() {
            let shared = !per_request && conditions.is_shared(request);
            for &id in &input.ids[input.range(request)] {
                if pace.is_due_before(100 + own.dim / 4) {
                    starts.search_of.push(None);
                    continue;
                }
                let key = (id, (!shared).then_some(request));
                let search = known.get(&key).copied().or_else(|| {
                    let number = starts.searches.len() as u32;
                    starts.searches.push(Start {
                        vector: own.get(id)?,
                        request: request as u32,
                        itself: itself.then_some(id),
                    });
                    known.insert(key, number);
                    Some(number)
                });
                starts.search_of.push(search);
            }
        }
        starts
    }

    fn hits(
        &self,
        exec: &Exec,
        space: &ann::Vectors,
        searches: &[Start],
        queries: &[Query],
        (conditions, leaves_out): (&Conditions, &dyn Fn(usize) -> bool),
        held: &mut Held,
    ) -> Result<Vec<Vec<Hit>>, RunError> {
        let place = (self.embedding, self.to);
        let mut hits = vec![Vec::new(); queries.len()];
        let is_shared = |request| leaves_out(request) || conditions.is_shared(request);
        for (request, places) in groups(searches, is_shared) {
            let queries: Vec<Query> = places.iter().map(|&place| queries[place]).collect();
            // what is found, and what merges into rows of it
            let wanted: usize = queries.iter().map(|query| query.k).sum();
            exec.grow("nn", held, queries.len() * 48 + wanted * HIT_BYTES)?;
            let search = |allowed: Option<&Allowed>| {
                exec.vectors
                    .search(place, space, &queries, allowed, self.exact, exec.run.stop)
            };
            let found = match leaves_out(request) {
                true => search(None),
                false => self.allowed(conditions, exec.run, request, search),
            };
            for (place, found) in places.into_iter().zip(found) {
                hits[place] = found;
            }
            if let Err(ended) = exec.check("nn", 0) {
                discard(hits);
                return Err(ended);
            }
        }
        Ok(hits)
    }
}

/// Rows of two ascending lists, ascending.
fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Bytes that a row takes that is searched from: its search and its place among them.
const START_BYTES: usize = 120;
/// Bytes that a neighbour takes while it is found and when it is a contribution.
const HIT_BYTES: usize = 16 + 16;

/// The places of the searches that may find the same: those of requests that share it, with one of these
/// requests, and those of each other request.
fn groups(searches: &[Start], is_shared: impl Fn(usize) -> bool) -> Vec<(usize, Vec<usize>)> {
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut known = HashMap::new();
    for (place, search) in searches.iter().enumerate() {
        let request = search.request as usize;
        let key = (!is_shared(request)).then_some(request);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push((request, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(place);
    }
    groups
}

/// The rows as parents of one search for all of them: each with the score 1 and the columns that do
/// not tell rows apart.
fn one_parent(input: &Rows, columns: &[usize]) -> Rows {
    Rows {
        offsets: input.offsets.clone(),
        ids: input.ids.clone(),
        scores: vec![1.0; input.len()],
        columns: columns.iter().map(|&c| input.columns[c].clone()).collect(),
    }
}

fn contributions(input: &Rows, found: &Found) -> Contributions {
    // the room that is charged, and no more
    let links = (0..input.len()).map(|row| found.of(row).len()).sum();
    let mut all = Contributions {
        offsets: vec![0],
        parents: Vec::with_capacity(links),
        ids: Vec::with_capacity(links),
        weights: Vec::with_capacity(links),
        ..Contributions::default()
    };
    for request in 0..input.requests() {
        for row in input.range(request) {
            let hits = found.of(row);
            all.parents
                .resize(all.parents.len() + hits.len(), row as u32);
            all.ids.extend(hits.iter().map(|hit| hit.row));
            all.weights.extend(hits.iter().map(|hit| hit.similarity));
        }
        all.offsets.push(all.ids.len() as u32);
    }
    all
}
