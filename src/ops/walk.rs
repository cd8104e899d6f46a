//! `walk`: along the links of an edge, from every row to the entities at the other end.

use super::bind::{Bind, Bound, Case, Quantity};
use super::estimate::{UNKNOWN_SHARE, degree, distinct};
use super::fanout::{Contributions, Merging, Ties, merged_score};
use super::fold::Merge;
use super::members::{Memberships, membership};
use super::{
    Becomes, Condition, Exec, Followed, Graph, Guess, Op, Operator, Param, Part, Relaxed, Rest,
    RunError, Score, ScoreKind, Shape, Used, bounds,
};
use crate::batch::{Held, Pace, Rows, blocks};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::eval::{look_up, of_all};
use crate::expr::gather::{Degrees, Starts, gather, hold_links, over, recent};
use crate::expr::ir::{EdgeKind, Scalar};
use crate::expr::known::{Known, learn, most_links};
use crate::expr::links::{Links, Needs};
use crate::expr::random::uniform;
use crate::expr::reads::End;
use crate::expr::show::show;
use crate::expr::value::from_column;
use crate::expr::{EdgeExpr, Expr, Facts, Frame, Level, NodeId};
use crate::store::{Adjacency, Snapshot};
use crate::types::{NULL_INT, Type};
use std::ops::Range;
use std::sync::Arc;

pub const WALK: Operator = Operator {
    name: "walk",
    source: false,
    params: &[
        Param {
            name: "edge",
            ty: "edge",
            named: false,
        },
        Param {
            name: "limit",
            ty: "int = auto",
            named: false,
        },
        Param {
            name: "order",
            ty: "newest|strongest|listed|random",
            named: false,
        },
        Param {
            name: "within",
            ty: "duration?",
            named: false,
        },
        Param {
            name: "where",
            ty: "expr?",
            named: false,
        },
        Param {
            name: "weight",
            ty: "expr?",
            named: false,
        },
        Param {
            name: "merge",
            ty: "max|sum|count|mean|min|noisy_or",
            named: false,
        },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/walk.md"),
    bind,
};

const AUTO: u64 = 100;
/// Rows whose links are looked at together.
const BLOCK: usize = 1_024;
/// Links that are followed and merged together, of whole requests: they stay in the cache.
const TOGETHER: usize = 1 << 16;
/// How many links there are at least for each entity of a table before all of these get their weight.
const SHARED: usize = 2;
/// Rows of the first requests that are followed together, before it is known how many links they have.
const FIRST: usize = 256;
const ORDERS: [Case; 4] = [
    Case::plain("newest"),
    Case::plain("strongest"),
    Case::plain("listed"),
    Case::plain("random"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Newest,
    Strongest,
    Listed,
    Random,
}

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let edge = b.edge("edge", shape.entity)?;
    b.otherwise(shape.clone().reaching(edge.to, None));
    // a reference leads to one entity: there is no number to choose
    let one = matches!(edge.kind, EdgeKind::Reference { reverse: false, .. });
    let limit = match one && !b.has("limit") {
        true => Some(Quantity::AutoAll),
        false => b.quantity("limit", AUTO, true),
    };
    let order = b.choice("order", &ORDERS);
    let within = b.request_value("within", Some(&Type::Duration));
    let filter = b.link_value("where", &edge, &Type::Bool);
    let weight = b.link_value("weight", &edge, &Type::Float);
    let how = b.choice("merge", &Merge::CASES);
    let (limit, order, within, filter, weight, how) =
        (limit?, order?, within?, filter?, weight?, how?);
    check_times(b, &edge, order.as_ref().map(|o| o.case), within.is_some())?;
    let order = match order {
        Some(choice) => [
            Order::Newest,
            Order::Strongest,
            Order::Listed,
            Order::Random,
        ][choice.case],
        None if edge.has_time => Order::Newest,
        None => Order::Listed,
    };
    let merge = how.map_or(Merge::Max, |choice| Merge::from_case(choice.case));
    let op = Walk {
        edge,
        limit,
        order,
        within,
        filter,
        weight,
        merge,
        keep: Vec::new(),
        part: Part::ALL,
    };
    let shape = op.shape(b.snapshot(), shape);
    Some(Bound {
        op: Arc::new(op),
        inputs: vec![input],
        shape,
    })
}

/// Every entity that a link leads to from a row of `from`, whatever its weight; each has score 1.
pub fn all_links(snapshot: &Snapshot, graph: &Graph, from: NodeId, edge: EdgeExpr) -> Bound {
    let op = Walk {
        edge,
        limit: Quantity::All,
        order: Order::Listed,
        within: None,
        filter: None,
        weight: Some(Expr::constant(Scalar::F64(1.0), Type::Float)),
        merge: Merge::Max,
        keep: Vec::new(),
        part: Part::ALL,
    };
    let shape = op.shape(snapshot, graph.shape(from).clone());
    Bound {
        op: Arc::new(op),
        inputs: vec![from],
        shape,
    }
}

/// `newest` and `within` need an edge that has times.
fn check_times(
    b: &mut dyn Bind,
    edge: &EdgeExpr,
    order: Option<usize>,
    within: bool,
) -> Option<()> {
    let param = match (order, within) {
        (Some(0), _) => "order",
        (_, true) => "within",
        _ => return Some(()),
    };
    if edge.has_time {
        return Some(());
    }
    let message = format!("edge `{}` has no time, which `{param}` needs", edge.name);
    let help = "name the time column of the edge in the catalog, or use `order=listed`";
    b.report(Diagnostic::new(code::E0402, b.arg_span(param), message).help(help));
    None
}

#[derive(Clone, Debug)]
struct Walk {
    edge: EdgeExpr,
    limit: Quantity,
    order: Order,
    within: Option<Expr>,
    filter: Option<Expr>,
    weight: Option<Expr>,
    merge: Merge,
    /// Conditions on the entity that is reached, taken over from what follows.
    keep: Vec<Expr>,
    /// What is used of the rows.
    part: Part,
}

impl Op for Walk {
    fn name(&self) -> &'static str {
        "walk"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![
            self.edge.name.clone(),
            format!("limit={}", quantity(&self.limit, schema)),
        ];
        parts.push(format!("order={}", ORDERS[self.order as usize].name));
        parts.extend(
            self.within
                .iter()
                .map(|e| format!("within={}", show(e, schema))),
        );
        parts.extend(
            self.filter
                .iter()
                .map(|e| format!("where={}", show(e, schema))),
        );
        parts.extend(
            self.keep
                .iter()
                .map(|e| format!("where to: {}", show(e, schema))),
        );
        parts.extend(
            self.weight
                .iter()
                .map(|e| format!("weight={}", show(e, schema))),
        );
        parts.push(format!("merge={}", self.merge.name()));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = Vec::new();
        self.edge.walk(&mut |e| exprs.push(e));
        exprs.extend(
            self.within
                .iter()
                .chain(&self.filter)
                .chain(&self.weight)
                .chain(&self.keep),
        );
        if let Quantity::PerRequest(limit) = &self.limit {
            exprs.push(limit);
        }
        exprs
    }

    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("limit", &self.limit)]
    }

    fn sums_scores(&self) -> bool {
        self.merge == Merge::Sum
    }

    fn edge(&self) -> Option<&EdgeExpr> {
        Some(&self.edge)
    }

    /// A condition that is always true is none.
    fn is_personal(&self) -> bool {
        self.order == Order::Random
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Op>> {
        let mut op = self.clone();
        let mut exprs = op.edge.exprs_mut();
        exprs.extend(
            op.within
                .iter_mut()
                .chain(&mut op.filter)
                .chain(&mut op.weight),
        );
        exprs.extend(op.keep.iter_mut().chain(op.limit.expr_mut()));
        for expr in exprs {
            *expr = f(std::mem::replace(expr, Expr::error()));
        }
        let says = |e: &Expr| e.as_const() != Some(&Scalar::Bool(true));
        op.filter = op.filter.filter(says);
        op.keep.retain(says);
        Some(Arc::new(op))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |e: &Expr| matches!(e.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        let nowhere = self.filter.iter().chain(&self.keep).any(never) || self.limit.is_zero();
        (empty[0] || nowhere).then_some(Becomes::Nothing)
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let input = inputs[0];
        let targets = exec.run.snapshot.schema().entity(self.edge.to).rows as usize;
        let how = (self.merge, Ties::Reached);
        let merging = Merging::new(exec, self, input, how, &self.part)?;
        let mut merging = merging.among(targets);
        let reach = Reach::new(self, exec, input);
        match reach.straight() {
            Some(straight) => straight.merge(&mut merging)?,
            None => reach.merge(&mut merging)?,
        }
        merging.finish()
    }

    /// Contributions are added up, and equal scores ordered, in the order of their parents.
    fn uses(&self, _: usize, own: &Used) -> Used {
        own.clone().in_order().of_all_rows()
    }

    fn part(&self) -> &Part {
        &self.part
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Op>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Walk {
            part,
            ..self.clone()
        }))
    }

    fn label(&self, _: &Schema) -> String {
        format!("walk {}", self.edge.name)
    }

    fn links(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Option<Contributions>, RunError> {
        let (mut found, mut held) = (self.no_links(), exec.hold("walk", 0)?);
        let requests = 0..inputs[0].requests();
        Reach::new(self, exec, inputs[0]).follow(requests, &mut found, &mut held)?;
        Ok(Some(found))
    }

    fn relaxed(&self, schema: &Schema) -> Vec<Relaxed> {
        let free = Walk {
            limit: Quantity::All,
            ..self.clone()
        };
        let without = |op: Walk, without| Relaxed {
            op: Arc::new(op),
            without,
        };
        let limit = format!("limit={}", quantity(&self.limit, schema));
        let mut relaxed = vec![without(free.clone(), Condition::Number(limit))];
        if let Some(within) = &self.within {
            let text = format!("within={}", show(within, schema));
            let within = None;
            relaxed.push(without(
                Walk {
                    within,
                    ..free.clone()
                },
                Condition::Other(text),
            ));
        }
        if let Some(filter) = &self.filter {
            let text = format!("where={}", show(filter, schema));
            let filter = None;
            relaxed.push(without(
                Walk {
                    filter,
                    ..free.clone()
                },
                Condition::Other(text),
            ));
        }
        for i in 0..self.keep.len() {
            let mut op = free.clone();
            let condition = op.keep.remove(i);
            relaxed.push(without(op, Condition::Entity(condition)));
        }
        relaxed
    }

    fn backwards(&self) -> Option<Arc<dyn Op>> {
        Some(Arc::new(Walk {
            edge: self.edge.reversed(),
            limit: Quantity::All,
            order: Order::Listed,
            within: None,
            filter: None,
            weight: None,
            merge: Merge::Max,
            keep: Vec::new(),
            part: Part::ALL,
        }))
    }

    fn auto(&self) -> Option<u64> {
        self.limit.known().filter(|_| self.limit.is_auto())
    }

    fn most(&self, schema: &Schema) -> u64 {
        most_links(schema, &self.edge)
    }

    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        let schema = guess.schema();
        let of_links = self.within.iter().chain(&self.filter).count() as i32;
        let entity = guess.share_of_all(self.edge.to, &self.keep);
        let limit = guess.number(&self.limit).unwrap_or(f64::INFINITY);
        let share = entity * UNKNOWN_SHARE.powi(of_links);
        let links = inputs[0] * degree(schema, &self.edge, share, limit);
        distinct(links, bounds::targets(schema, &self.edge) as f64 * entity)
    }

    fn contributions(&self, snapshot: &Snapshot, inputs: &[&Shape]) -> Option<u64> {
        let rows = inputs[0].bound.unwrap_or(u64::MAX);
        let limit = self.limit.known().unwrap_or(u64::MAX);
        Some(bounds::links(snapshot.schema(), &self.edge, rows, limit))
    }

    fn absorb(&self, condition: &Expr) -> Option<Arc<dyn Op>> {
        if !self.limit.is_auto() {
            return None;
        }
        let mut with = self.clone();
        with.keep.push(condition.clone());
        Some(Arc::new(with))
    }
}

/// A quantity as explained.
pub fn quantity(limit: &Quantity, schema: &Schema) -> String {
    match limit {
        Quantity::All => "all".to_owned(),
        Quantity::AutoAll => "auto(all)".to_owned(),
        Quantity::Number(n) => n.to_string(),
        Quantity::Auto(n) => format!("auto({n})"),
        Quantity::PerRequest(expr) => show(expr, schema).to_string(),
    }
}

impl Walk {
    /// What is reached from rows of that shape.
    fn shape(&self, snapshot: &Snapshot, input: Shape) -> Shape {
        let schema = snapshot.schema();
        let most = self.contributions(snapshot, &[&input]).unwrap_or(u64::MAX);
        let rows = most.min(bounds::targets(schema, &self.edge));
        let known = Known {
            schema,
            columns: &[],
            score: Facts::UNKNOWN,
            learned: &[],
            found: None,
            link: Some(&self.edge),
        };
        let mut learned = Vec::new();
        if let Some(filter) = &self.filter {
            learn(filter, &known, &mut learned);
        }
        let known = Known {
            learned: &learned,
            ..known
        };
        let weight = match &self.weight {
            Some(weight) if weight.level < Level::Row => {
                Score::new(ScoreKind::Constant, known.of(weight).present())
            }
            Some(weight) => Score::new(ScoreKind::Value, known.of(weight).present()),
            None if self.edge.has_weight => {
                Score::new(ScoreKind::Value, known.link_weight().present())
            }
            None => Score::ONE,
        };
        let score = merged_score(input.score, weight, self.merge, most);
        let one = matches!(self.edge.kind, EdgeKind::Reference { reverse: false, .. });
        let asked = match self.limit {
            _ if one => input.asked,
            Quantity::Number(n) => input.asked.map(|asked| asked.times(n)),
            _ => None,
        };
        Shape {
            asked,
            ..input.reaching(self.edge.to, Some(rows)).scored(score)
        }
    }

    fn no_links(&self) -> Contributions {
        Contributions {
            distinct: self.edge.is_one_to_many(),
            ..Contributions::default()
        }
    }

    /// The stored links, if the first of them in stored order are those that are wanted.
    fn plain_adjacency<'a>(&self, exec: &Exec<'a>) -> Option<Adjacency<'a>> {
        let all = matches!(self.limit, Quantity::All | Quantity::AutoAll);
        // a link without a weight does not count, so those behind it may be among the first
        let of_end = |weight: &Expr| all && weight.of_one_end() == Some(End::To);
        let free = self.within.is_none()
            && self.filter.is_none()
            && self.weight.as_ref().is_none_or(of_end)
            && self.keep.iter().all(|e| membership(e).is_some());
        if !free {
            return None;
        }
        let adjacency = match &self.edge.kind {
            EdgeKind::Table { edge, reverse } => exec.run.snapshot.adjacency(*edge, *reverse),
            EdgeKind::Reference {
                entity,
                reference,
                reverse: true,
            } => exec.run.snapshot.referrers(*entity, *reference as usize),
            _ => return None,
        };
        let stored = if adjacency.time.is_some() {
            Order::Newest
        } else {
            Order::Listed
        };
        let any_order = all && self.order == Order::Newest;
        (self.order == stored || any_order).then_some(adjacency)
    }

    /// Links that pass `within` and the conditions.
    fn matching(&self, exec: &Exec, starts: Starts) -> Links {
        let run = exec.run;
        let mut needs = Needs::of(&self.edge);
        needs.time = self.edge.has_time && (self.within.is_some() || self.order == Order::Newest);
        needs.weight = self.edge.has_weight && self.weight.is_none();
        for part in [&self.filter, &self.weight].into_iter().flatten() {
            needs = needs.and(part);
        }
        let mut links = gather(run, &self.edge, starts, &needs);
        if let Some(within) = &self.within {
            let within = Frame::requests(run).eval(within).ints();
            let keep = recent(run, &links, starts, |link| {
                within.get(starts.owners[links.parent[link] as usize] as usize)
            });
            links = links.retain(&keep);
        }
        if let Some(filter) = &self.filter {
            let keep = over(run, &links, starts, |frame| frame.condition(filter));
            links = links.retain(&keep);
        }
        for condition in &self.keep {
            let keep = reached(exec, &links, starts, |frame| frame.condition(condition));
            links = links.retain(&keep);
        }
        links
    }

    /// With the final weights; links whose weight is null are gone.
    fn weighted(&self, exec: &Exec, mut links: Links, starts: Starts) -> Links {
        if let Some(weight) = &self.weight {
            links.weight = over(exec.run, &links, starts, |frame| frame.numbers(weight));
        }
        if links.weight.iter().any(|w| w.is_nan()) {
            let keep: Vec<u8> = links.weight.iter().map(|w| u8::from(!w.is_nan())).collect();
            links = links.retain(&keep);
        }
        links
    }

    fn ordered(&self, exec: &Exec, links: Links, starts: Starts) -> Links {
        let stop = exec.run.stop;
        match self.order {
            Order::Newest => links.newest(stop),
            Order::Listed => links.listed(stop),
            Order::Strongest if links.weight.is_empty() => links.listed(stop),
            Order::Strongest => links.strongest(stop, |links, link| links.weight[link]),
            Order::Random => {
                let links = links.listed(stop);
                let draws = self.draws(exec, &links, starts);
                links.strongest(stop, |_, link| draws[link])
            }
        }
    }

    /// A uniform number per link, of the keys of both ends; parallel links tie.
    fn draws(&self, exec: &Exec, links: &Links, starts: Starts) -> Vec<f64> {
        let keys = &exec.run.keys;
        let pace = Pace::new(exec.run.stop);
        let draw = |link: usize| {
            if pace.is_due_before(300) {
                return 0.0;
            }
            let parent = links.parent[link] as usize;
            let request = starts.owners[parent] as usize;
            let viewer = keys.key(exec.run.snapshot.schema().viewer, exec.run.viewers[request]);
            let from = keys.key(self.edge.from, starts.ids[parent]);
            let to = keys.key(self.edge.to, links.to[link]);
            uniform(
                exec.run.seeds[request],
                viewer.as_ref(),
                "",
                &[from.as_ref(), to.as_ref()],
            )
        };
        (0..links.len()).map(draw).collect()
    }
}

/// A walk from the rows of some requests.
struct Reach<'r, 'a> {
    walk: &'r Walk,
    exec: &'r Exec<'a>,
    input: &'r Rows,
    /// Of each request.
    limits: Vec<u64>,
    sets: Memberships<'r>,
    /// If the first of the stored links are those that are wanted.
    adjacency: Option<Adjacency<'a>>,
}

impl<'r, 'a> Reach<'r, 'a> {
    fn new(walk: &'r Walk, exec: &'r Exec<'a>, input: &'r Rows) -> Self {
        let adjacency = walk.plain_adjacency(exec);
        Reach {
            walk,
            exec,
            input,
            limits: walk.limit.per_request(exec.run),
            sets: Memberships::of_nodes(&walk.keep),
            adjacency,
        }
    }

    /// Follows the links and merges them, some whole requests at a time.
    fn merge(&self, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        let (exec, input) = (self.exec, self.input);
        let mut held = exec.hold("walk", 0)?;
        let (mut found, mut next, mut rows) = (self.walk.no_links(), 0, FIRST);
        while next < input.requests() {
            let end = input.offsets[next] as usize + rows;
            let more = input.offsets[next + 1..].partition_point(|&o| o as usize <= end);
            let requests = next..next + more.max(1);
            found.clear();
            self.follow(requests.clone(), &mut found, &mut held)?;
            merging.add(&found, requests.clone())?;
            let followed = input.offsets[requests.end] - input.offsets[next];
            rows = TOGETHER * followed.max(1) as usize / found.ids.len().max(1);
            next = requests.end;
        }
        Ok(())
    }

    /// The walk, if its links can be merged as they stand.
    fn straight(&self) -> Option<Straight<'_, 'a>> {
        let (walk, run) = (self.walk, self.exec.run);
        let adjacency = self.adjacency?;
        let all_visible = run.now.iter().all(|&now| now >= adjacency.latest);
        if !all_visible || !self.sets.is_empty() || walk.edge.is_one_to_many() {
            return None;
        }
        let most = |request: usize| usize::try_from(self.limits[request]).unwrap_or(usize::MAX);
        let links = |request: usize| {
            let ids = self.input.ids[self.input.range(request)].iter();
            ids.map(|&id| adjacency.range(id).len().min(most(request)))
                .sum()
        };
        let links: Vec<usize> = (0..self.input.requests()).map(links).collect();
        let weights = match (&walk.weight, adjacency.weight) {
            (Some(weight), _) => {
                let rows = run.snapshot.schema().entity(walk.edge.to).rows as usize;
                let worth = links.iter().sum::<usize>() >= SHARED * rows;
                let of_all = || of_all(run, weight, End::To, rows);
                Weights::OfEnd(worth.then(of_all).flatten()?)
            }
            // a link without a weight does not count, so those behind it may be among the first
            (None, Some(weight)) => {
                let all = matches!(walk.limit, Quantity::All | Quantity::AutoAll);
                all.then_some(Weights::Stored(weight))?
            }
            (None, None) => Weights::One,
        };
        Some(Straight {
            reach: self,
            adjacency,
            links,
            weights,
        })
    }

    /// Adds the links that are followed for some requests, in order.
    fn follow(
        &self,
        requests: Range<usize>,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        found.offsets.push(0);
        match &self.adjacency {
            Some(adjacency) => requests
                .into_iter()
                .try_for_each(|request| self.first_links(request, adjacency, found, held)),
            None => self.chosen_links(requests, found, held),
        }
    }

    /// The first visible links of every row of a request, as they are stored.
    fn first_links(
        &self,
        request: usize,
        adjacency: &Adjacency,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        let (exec, input) = (self.exec, self.input);
        let members = (!self.sets.is_empty()).then(|| self.sets.of(exec.run, request));
        let limit = usize::try_from(self.limits[request]).unwrap_or(usize::MAX);
        let before = found.ids.len();
        let now = exec.run.now[request];
        let to = self.walk.edge.to;
        let stored_weight = adjacency.weight.filter(|_| self.walk.weight.is_none());
        let seen = |place: usize| {
            let time = adjacency.time.map_or(NULL_INT, |time| time[place]);
            time <= now && exec.run.visible(to, adjacency.target[place], request)
        };
        let known = |place: usize| stored_weight.is_none_or(|weight| !weight[place].is_nan());
        let all_visible = now >= adjacency.latest;
        let all = all_visible && stored_weight.is_none() && members.is_none();
        let weighted = adjacency.weight.is_some() || self.walk.weight.is_some();
        let pace = Pace::new(exec.run.stop);
        for parents in blocks(input.range(request), BLOCK) {
            let range = |&id: &u32| adjacency.range(id).len().min(limit);
            let more = input.ids[parents.clone()].iter().map(range).sum();
            found.reserve(exec, "walk", held, more, weighted)?;
            exec.check("walk", (found.ids.len() - before) as u64)?;
            let first = found.ids.len();
            for parent in parents {
                let range = adjacency.range(input.ids[parent]);
                if pace.is_due_before(5 * range.len().min(limit)) {
                    exec.check("walk", 0)?;
                }
                if all {
                    let end = range.end.min(range.start.saturating_add(limit));
                    let targets = &adjacency.target[range.start..end];
                    found.ids.extend_from_slice(targets);
                } else {
                    // a link without a weight is skipped, and does not count
                    let member = |place: usize| {
                        let members = members.as_ref();
                        members.is_none_or(|members| members.has(adjacency.target[place]))
                    };
                    let wanted = |&place: &usize| {
                        known(place) && (all_visible || seen(place)) && member(place)
                    };
                    for place in range.filter(wanted).take(limit) {
                        found.ids.push(adjacency.target[place]);
                        found
                            .weights
                            .extend(stored_weight.map(|weight| weight[place]));
                    }
                }
                found.parents.resize(found.ids.len(), parent as u32);
            }
            if let Some(weight) = &self.walk.weight {
                self.weigh(request, weight, first, found);
            }
        }
        found.offsets.push(found.ids.len() as u32);
        Ok(())
    }

    /// Gives the links of a request from the `first` on the weight that the entity decides which they reach;
    /// those without one are gone.
    fn weigh(&self, request: usize, weight: &Expr, first: usize, found: &mut Contributions) {
        let requests = Frame::requests(self.exec.run);
        let ids = &found.ids[first..];
        let weights = look_up(&requests, weight, End::To, ids, |_| request);
        let weights = from_column(weights).floats().spread(ids.len());
        let mut kept = first;
        for (place, weight) in (first..).zip(weights) {
            if !weight.is_nan() {
                found.ids[kept] = found.ids[place];
                found.parents[kept] = found.parents[place];
                found.weights.push(weight);
                kept += 1;
            }
        }
        found.ids.truncate(kept);
        found.parents.truncate(kept);
    }

    /// Links that satisfy every condition, ordered, then limited.
    fn chosen_links(
        &self,
        requests: Range<usize>,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        let (walk, exec, input) = (self.walk, self.exec, self.input);
        let offset = |request: usize| input.offsets[request] as usize;
        let rows = offset(requests.start)..offset(requests.end);
        let ids = &input.ids[rows.clone()];
        let of_request = |r: usize| std::iter::repeat_n(r as u32, input.range(r).len());
        let owners: Vec<u32> = requests.clone().flat_map(of_request).collect();
        let _owners = exec.hold("walk", ids.len() * 8)?;
        let mut ends = vec![0];
        let degrees = Degrees::of(exec.run, &walk.edge);
        for (part, links) in degrees.parts(exec.run.stop, ids, BLOCK) {
            exec.check("walk", 0)?;
            let _gathered = hold_links(exec.run, links);
            exec.check("walk", 0)?;
            let start = (rows.start + part.start) as u32;
            let starts = Starts {
                ids: &ids[part.clone()],
                owners: &owners[part.clone()],
                ends: None,
                any: false,
                shared: None,
            };
            let links = walk.weighted(exec, walk.matching(exec, starts), starts);
            let links = first(
                walk.ordered(exec, links, starts),
                starts.owners,
                &self.limits,
            );
            let offsets = links.offsets(starts.ids.len());
            let before = found.ids.len() as u32;
            found.reserve(exec, "walk", held, links.len(), !links.weight.is_empty())?;
            ends.extend(offsets[1..].iter().map(|end| before + end));
            let parents = links.parent.iter().map(|parent| start + parent);
            found.parents.extend(parents);
            found.ids.extend(links.to);
            found.weights.extend(links.weight);
            // a request that makes too many ends before it has made them all
            let first = offset(owners[part.end - 1] as usize).max(rows.start) - rows.start;
            let made = found.ids.len() - ends[first.min(part.end)] as usize;
            exec.check("walk", made as u64)?;
        }
        exec.check("walk", 0)?;
        if ends.len() <= ids.len() {
            return Err(RunError::Stopped);
        }
        let ends = requests.map(|request| ends[offset(request + 1) - rows.start]);
        found.offsets.extend(ends);
        Ok(())
    }
}

/// A walk whose links are merged as they are stored, without a copy: the first of each row, all visible.
struct Straight<'r, 'a> {
    reach: &'r Reach<'r, 'a>,
    adjacency: Adjacency<'a>,
    /// Of each request, at most.
    links: Vec<usize>,
    weights: Weights<'a>,
}

/// The weights of links; one that is null does not count.
enum Weights<'a> {
    One,
    /// By place of the link.
    Stored(&'a [f64]),
    /// By the entity that is reached.
    OfEnd(Arc<[f64]>),
}

impl Straight<'_, '_> {
    fn merge(&self, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        (0..self.links.len()).try_for_each(|request| self.request(request, merging))
    }

    fn request(&self, request: usize, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        let Reach {
            walk, exec, input, ..
        } = *self.reach;
        let limit = usize::try_from(self.reach.limits[request]).unwrap_or(usize::MAX);
        let auto = walk.auto();
        let mut followed = Followed::default();
        merging.begin(self.links[request])?;
        let (mut pieces, mut links) = (Vec::with_capacity(BLOCK), 0);
        for parent in input.range(request) {
            let mut range = self.adjacency.range(input.ids[parent]);
            range.end = range.end.min(range.start.saturating_add(limit));
            followed.reached |= auto.is_some_and(|auto| range.len() as u64 >= auto);
            while !range.is_empty() {
                let piece = range.start..range.end.min(range.start + TOGETHER - links);
                (range.start, links) = (piece.end, links + piece.len());
                pieces.push((parent as u32, piece));
                if links == TOGETHER || pieces.len() == BLOCK {
                    followed.contributions += self.fold(&mut pieces, links, merging)?;
                    exec.check("walk", followed.contributions)?;
                    links = 0;
                }
            }
        }
        followed.contributions += self.fold(&mut pieces, links, merging)?;
        exec.check("walk", followed.contributions)?;
        merging.end(request, followed)
    }

    /// Merges pieces of the stored links, each of a parent; forgets them.
    fn fold(
        &self,
        pieces: &mut Vec<(u32, Range<usize>)>,
        links: usize,
        merging: &mut Merging<Walk>,
    ) -> Result<u64, RunError> {
        let (targets, scores) = (self.adjacency.target, &self.reach.input.scores);
        let pieces = pieces.drain(..).map(|(parent, piece)| {
            let score = scores[parent as usize];
            (parent, score, piece)
        });
        match &self.weights {
            Weights::One => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    targets[piece].iter().map(move |&to| (to, parent, score))
                };
                merging.fold(links, pieces.flat_map(each))
            }
            Weights::Stored(weights) => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    let links = targets[piece.clone()].iter().zip(&weights[piece]);
                    let known = links.filter(|(_, weight)| !weight.is_nan());
                    known.map(move |(&to, weight)| (to, parent, score * weight))
                };
                merging.fold(links, pieces.flat_map(each))
            }
            Weights::OfEnd(weights) => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    let links = targets[piece].iter().map(|&to| (to, weights[to as usize]));
                    let known = links.filter(|(_, weight)| !weight.is_nan());
                    known.map(move |(to, weight)| (to, parent, score * weight))
                };
                merging.fold(links, pieces.flat_map(each))
            }
        }
    }
}

/// The first links of each row, as many as its request wants.
fn first(links: Links, owners: &[u32], limits: &[u64]) -> Links {
    let mut keep = vec![0u8; links.len()];
    let offsets = links.offsets(owners.len());
    for (parent, &owner) in owners.iter().enumerate() {
        let (start, end) = (offsets[parent] as usize, offsets[parent + 1] as usize);
        let limit = usize::try_from(limits[owner as usize]).unwrap_or(usize::MAX);
        keep[start..end.min(start.saturating_add(limit))].fill(1);
    }
    match keep.contains(&0) {
        true => links.retain(&keep),
        false => links,
    }
}

/// Evaluates something over the entities that links reach.
fn reached<R>(exec: &Exec, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = starts.owners_of(links);
    f(&Frame {
        n: links.len(),
        owners: &owners,
        ids: &links.to,
        repeats: true,
        ..Frame::requests(exec.run)
    })
}

/// A condition that a fan-out can take over: it reads the entity, the request, nothing bound.
pub fn reads_only_the_entity(condition: &Expr) -> bool {
    let mut only = true;
    condition.walk_row(&mut |part| {
        use crate::expr::Kind::{Bound, Position, Score};
        only &= !matches!(part.kind, Bound(_) | Position | Score);
    });
    only
}
