//! How probable it is that a walk reaches an entity, where links or the rows it starts from are drawn.

use super::reach::Reach;
use super::{Order, Walk};
use crate::batch::{BLOCK, Pace, RowBatch};
use crate::catalog::schema::Schema;
use crate::expr::show::show;
use crate::expr::{Expr, Facts, Frame, NodeId};
use crate::ops::bind::{Bound, Quantity};
use crate::ops::{
    Exec, Explaining, Graph, Guess, Instance, Op, Planning, Rewriting, RunError, Score, ScoreKind,
    Shape, Used, bounds,
};
use crate::store::Snapshot;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// The entities that a walk from the rows of `input` can reach, whatever is drawn; scores are the probabilities.
/// `of_input` is that of the rows it starts from, none where these are certain.
pub(super) fn chances(
    walk: &Walk,
    snapshot: &Snapshot,
    graph: &Graph,
    input: NodeId,
    of_input: Option<Expr>,
) -> Bound {
    let (mut walk, limit) = match walk.order {
        Order::Random => {
            let all = Walk { limit: Quantity::All, order: Order::Listed, ..walk.clone() };
            (all, Some(walk.limit.clone()))
        }
        _ => (walk.clone(), None),
    };
    walk.part = crate::ops::Part::ALL;
    let schema = snapshot.schema();
    let rows = walk.contributions(snapshot, &[graph.shape(input)]).unwrap_or(u64::MAX);
    let rows = rows.min(bounds::targets(schema, &walk.edge));
    let score = Score::new(ScoreKind::Probability, Facts::between(0.0, 1.0).or_null());
    let shape = Shape::of(walk.edge.to, Some(rows)).scored(score);
    Bound { op: Arc::new(Chances { walk, limit, of_input }), inputs: vec![input], shape }
}

#[derive(Clone, Debug, Hash)]
struct Chances {
    /// Along all links that can be drawn.
    walk: Walk,
    /// How many of the links of a row are drawn; none: all.
    limit: Option<Quantity>,
    /// The probability of a row of the input.
    of_input: Option<Expr>,
}

impl Op for Chances {
    fn name(&self) -> &'static str {
        "chances"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![self.walk.details(schema)];
        parts.extend(self.limit.iter().map(|limit| format!("drawn={}", limit.show(schema))));
        parts.extend(self.of_input.iter().map(|expr| format!("from={}", show(expr, schema))));
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = self.walk.exprs();
        exprs.extend(&self.of_input);
        if let Some(Quantity::PerRequest(limit)) = &self.limit {
            exprs.push(limit);
        }
        exprs
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (run, input) = (exec.run, inputs[0]);
        let of_input = match &self.of_input {
            Some(expr) => Frame::rows(run, input, &input.owners()).numbers(expr),
            None => vec![1.0; input.len()],
        };
        let limits = match &self.limit {
            Some(limit) => limit.per_request(run),
            None => vec![u64::MAX; run.requests()],
        };
        let reach = Reach::new(&self.walk, exec, input);
        let (mut found, mut held) = (self.walk.no_links(), exec.hold("chances", 0)?);
        let mut rows = RowBatch { offsets: vec![0], ..RowBatch::default() };
        let mut made = exec.hold("chances", 0)?;
        let targets = run.snapshot.schema().entity(self.walk.edge.to).rows as usize;
        let pace = Pace::new(run.stop);
        for (request, &limit) in limits.iter().enumerate() {
            found.clear();
            reach.follow(request..request + 1, &mut found, &mut held)?;
            exec.check("chances", found.ids.len() as u64)?;
            let most = found.ids.len().min(targets);
            let _places = exec.hold("chances", most * 24)?;
            let fits = made.reserve(&mut rows.ids, most) && made.reserve(&mut rows.scores, most);
            if !fits {
                exec.check("chances", 0)?;
            }
            let mut places: HashMap<u32, usize> = HashMap::new();
            let mut next = 0;
            // the links of a row stand together
            for links in found.parents.chunk_by(|a, b| a == b) {
                let drawn = (limit as f64 / links.len() as f64).min(1.0);
                let chance = of_input[links[0] as usize] * drawn;
                for ids in found.ids[next..next + links.len()].chunks(BLOCK) {
                    if pace.is_due_before(30 * ids.len()) {
                        exec.check("chances", 0)?;
                    }
                    for &id in ids {
                        let place = *places.entry(id).or_insert_with(|| {
                            rows.ids.push(id);
                            rows.scores.push(0.0);
                            rows.ids.len() - 1
                        });
                        let known = rows.scores[place];
                        // of one link it is that of the link, to the bit
                        rows.scores[place] = (known + chance - known * chance).clamp(0.0, 1.0);
                    }
                }
                next += links.len();
            }
            rows.offsets.push(rows.ids.len() as u32);
        }
        Ok(rows)
    }
}

impl Planning for Chances {
    fn estimate(&self, guess: &dyn Guess, inputs: &[f64]) -> f64 {
        self.walk.estimate(guess, inputs)
    }
}

impl Rewriting for Chances {
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        Some(Arc::new(Chances { walk: self.walk.without_names(), ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        let mut op = Chances { walk: self.walk.with_exprs(f), ..self.clone() };
        let limit = op.limit.as_mut().and_then(Quantity::expr_mut);
        for expr in op.of_input.iter_mut().chain(limit) {
            *expr = f(std::mem::replace(expr, Expr::error()));
        }
        Some(Arc::new(op))
    }

    /// Probabilities are put together in the order of the rows.
    fn uses(&self, _: usize, _: &Used) -> Used {
        Used::members().in_order().reading(&self.of_input)
    }
}

impl Explaining for Chances {}
