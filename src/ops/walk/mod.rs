//! `walk`: along the links of an edge, from every row to the entities at the other end.

mod chances;
mod reach;
mod stored;

use super::bind::{Bind, Bound, Case, Quantity};
use super::estimate::{UNKNOWN_SHARE, degree, distinct};
use super::{
    Becomes, Condition, Drawing, Exec, Explaining, Graph, Guess, Instance, Op, Operator, Param,
    Part, Planning, Relaxed, Rest, Rewriting, RunError, Score, ScoreKind, Shape, Used, bounds,
};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{EdgeKind, Scalar};
use crate::expr::known::{Known, learn, most_links};
use crate::expr::show::show;
use crate::expr::{EdgeExpr, Expr, Facts, Level, NodeId};
use crate::ops::kit::fanout::{Contributions, Merging, Ties, merged_score};
use crate::ops::kit::fold::Merge;
use crate::store::Snapshot;
use crate::types::Type;
use reach::Reach;
use std::sync::Arc;

pub const WALK: Operator = Operator {
    name: "walk",
    source: false,
    params: &[
        Param { name: "edge", ty: "edge", named: false },
        Param { name: "limit", ty: "int = auto", named: false },
        Param { name: "order", ty: "newest|strongest|listed|random", named: false },
        Param { name: "within", ty: "duration?", named: false },
        Param { name: "where", ty: "expr?", named: false },
        Param { name: "weight", ty: "expr?", named: false },
        Param { name: "merge", ty: "max|sum|count|mean|min|noisy_or", named: false },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../../docs/operators/walk.md"),
    bind,
};

const AUTO: u64 = 100;
const ORDERS: [Case; 4] =
    [Case::plain("newest"), Case::plain("strongest"), Case::plain("listed"), Case::plain("random")];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    // a reference leads to one entity, and what was learnt has as many links as were wanted: there is no number to choose
    let one = matches!(edge.kind, EdgeKind::Reference { reverse: false, .. });
    let limit = match (one || is_learned(&edge, b.snapshot())) && !b.has("limit") {
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
        Some(choice) => {
            [Order::Newest, Order::Strongest, Order::Listed, Order::Random][choice.case]
        }
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
    Some(Bound { op: Arc::new(op), inputs: vec![input], shape })
}

/// Whether links go from each entity to those that it was learnt to be like.
fn is_learned(edge: &EdgeExpr, snapshot: &Snapshot) -> bool {
    match &edge.kind {
        EdgeKind::Table { edge, reverse } => !reverse && snapshot.schema().edge(*edge).learned,
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
            is_learned(inner, snapshot)
        }
        _ => false,
    }
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
    Bound { op: Arc::new(op), inputs: vec![from], shape }
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

#[derive(Clone, Debug, Hash)]
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
        let mut parts = vec![self.edge.name.clone(), format!("limit={}", self.limit.show(schema))];
        parts.push(format!("order={}", ORDERS[self.order as usize].name));
        parts.extend(self.within.iter().map(|e| format!("within={}", show(e, schema))));
        parts.extend(self.filter.iter().map(|e| format!("where={}", show(e, schema))));
        parts.extend(self.keep.iter().map(|e| format!("where to: {}", show(e, schema))));
        parts.extend(self.weight.iter().map(|e| format!("weight={}", show(e, schema))));
        parts.push(format!("merge={}", self.merge.name()));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = Vec::new();
        self.edge.walk(&mut |e| exprs.push(e));
        exprs.extend(self.within.iter().chain(&self.filter).chain(&self.weight).chain(&self.keep));
        if let Quantity::PerRequest(limit) = &self.limit {
            exprs.push(limit);
        }
        exprs
    }

    fn is_personal(&self) -> bool {
        self.order == Order::Random
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
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

    fn part(&self) -> &Part {
        &self.part
    }
}

impl Planning for Walk {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("limit", &self.limit)]
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
        let limit = self.limit.most().unwrap_or(u64::MAX);
        Some(bounds::links(snapshot.schema(), &self.edge, rows, limit))
    }
}

impl Rewriting for Walk {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(self.without_names()))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(self.with_exprs(f)))
    }

    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let never = |e: &Expr| matches!(e.as_const(), Some(Scalar::Bool(false) | Scalar::Null));
        let nowhere = self.filter.iter().chain(&self.keep).any(never) || self.limit.is_zero();
        (empty[0] || nowhere).then_some(Becomes::Nothing)
    }

    /// Contributions are added up, and equal scores ordered, in the order of their parents.
    fn uses(&self, _: usize, own: &Used) -> Used {
        own.clone().in_order().of_all_rows()
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Walk { part, ..self.clone() }))
    }

    fn absorb(&self, condition: &Expr) -> Option<Arc<dyn Instance>> {
        if !self.limit.is_auto() {
            return None;
        }
        let mut with = self.clone();
        with.keep.push(condition.clone());
        Some(Arc::new(with))
    }
}

impl Explaining for Walk {
    fn sums_scores(&self) -> bool {
        self.merge == Merge::Sum
    }

    fn edge(&self) -> Option<&EdgeExpr> {
        Some(&self.edge)
    }

    fn label(&self, _: &Schema) -> String {
        format!("walk {}", self.edge.name)
    }

    fn links(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<Option<Contributions>, RunError> {
        let (mut found, mut held) = (self.no_links(), exec.hold("walk", 0)?);
        let requests = 0..inputs[0].requests();
        Reach::new(self, exec, inputs[0]).follow(requests, &mut found, &mut held)?;
        Ok(Some(found))
    }

    fn relaxed(&self, schema: &Schema) -> Vec<Relaxed> {
        let free = Walk { limit: Quantity::All, ..self.clone() };
        let without = |op: Walk, without| Relaxed { op: Arc::new(op), without };
        let limit = format!("limit={}", self.limit.show(schema));
        let mut relaxed = vec![without(free.clone(), Condition::Number(limit))];
        if let Some(within) = &self.within {
            let text = format!("within={}", show(within, schema));
            let within = None;
            relaxed.push(without(Walk { within, ..free.clone() }, Condition::Other(text)));
        }
        if let Some(filter) = &self.filter {
            let text = format!("where={}", show(filter, schema));
            let filter = None;
            relaxed.push(without(Walk { filter, ..free.clone() }, Condition::Other(text)));
        }
        for i in 0..self.keep.len() {
            let mut op = free.clone();
            let condition = op.keep.remove(i);
            relaxed.push(without(op, Condition::Entity(condition)));
        }
        relaxed
    }

    fn drawing(&self) -> Drawing<'_> {
        Drawing::Links { drawn: self.order == Order::Random }
    }

    fn chances(
        &self,
        snapshot: &Snapshot,
        graph: &Graph,
        input: NodeId,
        of_input: Option<Expr>,
    ) -> Option<Bound> {
        Some(chances::chances(self, snapshot, graph, input, of_input))
    }

    fn backwards(&self) -> Option<Arc<dyn Instance>> {
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
        let known = Known { learned: &learned, ..known };
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
        Shape { asked, ..input.reaching(self.edge.to, Some(rows)).scored(score) }
    }

    /// The same, whatever names the program gave to edges, and in whatever order conditions came together.
    fn without_names(&self) -> Walk {
        let edge = self.edge.clone().renamed(&|_| String::new());
        let mut op = Walk { edge, ..self.clone() };
        op.keep.sort_by_key(Expr::key);
        op
    }

    /// The same with other expressions. A condition that is always true is none.
    fn with_exprs(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Walk {
        let mut op = self.clone();
        let mut exprs = op.edge.exprs_mut();
        exprs.extend(op.within.iter_mut().chain(&mut op.filter).chain(&mut op.weight));
        exprs.extend(op.keep.iter_mut().chain(op.limit.expr_mut()));
        for expr in exprs {
            *expr = f(std::mem::replace(expr, Expr::error()));
        }
        let says = |e: &Expr| e.as_const() != Some(&Scalar::Bool(true));
        op.filter = op.filter.filter(says);
        op.keep.retain(says);
        op
    }

    fn no_links(&self) -> Contributions {
        Contributions { distinct: self.edge.is_one_to_many(), ..Contributions::default() }
    }
}
