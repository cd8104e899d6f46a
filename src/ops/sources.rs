//! Where candidates start: the viewer, a whole table, ids that are given.

use super::bind::{Bind, Bound};
use super::kit::values::elements;
use super::shape::{Score, ScoreKind};
use super::{
    Exec, Explaining, Guess, Instance, Op, Operator, Param, Part, Planning, Rest, Rewriting,
    RunError, Shape, Used, mapped,
};
use crate::batch::{Pace, RowBatch, blocks};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::value::Val;
use crate::expr::{Expr, Facts, Frame, Kind};
use crate::types::{EntityId, NULL_CODE, Type};
use std::sync::Arc;

/// `user`: the viewer of the request, one row with score 1.
#[derive(Debug, Hash)]
struct Viewer;

/// The source `user` of a schema.
pub fn viewer(schema: &Schema) -> Bound {
    Bound {
        op: Arc::new(Viewer),
        inputs: Vec::new(),
        shape: Shape::of(schema.viewer, Some(1)).asking(1),
    }
}

impl Op for Viewer {
    fn name(&self) -> &'static str {
        "user"
    }

    fn details(&self, _: &Schema) -> String {
        String::new()
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn is_personal(&self) -> bool {
        true
    }

    fn run(&self, exec: &Exec, _: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let n = exec.run.requests();
        Ok(RowBatch {
            offsets: (0..=n as u32).collect(),
            ids: exec.run.viewers.clone(),
            scores: vec![1.0; n],
            columns: Vec::new(),
        })
    }
}

impl Planning for Viewer {}

impl Rewriting for Viewer {}

impl Explaining for Viewer {}

pub const ALL: Operator = Operator {
    name: "all",
    source: true,
    params: &[Param { name: "entity", ty: "entity", named: false }],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/all.md"),
    bind: bind_all,
};

fn bind_all(b: &mut dyn Bind) -> Option<Bound> {
    let entity = b.entity("entity")??;
    Some(everything(b.schema(), entity))
}

/// The source `all(entity)`.
pub fn everything(schema: &Schema, entity: EntityId) -> Bound {
    let bound = Some(u64::from(schema.entity(entity).rows));
    Bound {
        op: Arc::new(All { entity, part: Part::ALL }),
        inputs: Vec::new(),
        shape: Shape::of(entity, bound),
    }
}

/// Every visible row of an entity, in table order.
#[derive(Debug, Hash)]
struct All {
    entity: EntityId,
    /// What is used of the rows.
    part: Part,
}

impl Op for All {
    fn name(&self) -> &'static str {
        "all"
    }

    fn details(&self, schema: &Schema) -> String {
        schema.entity(self.entity).name.clone()
    }

    fn exprs(&self) -> Vec<&Expr> {
        Vec::new()
    }

    fn part(&self) -> &Part {
        &self.part
    }

    fn run(&self, exec: &Exec, _: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let run = exec.run;
        let n = run.snapshot.schema().entity(self.entity).rows;
        exec.check("all", u64::from(n))?;
        let mut rows = RowBatch { offsets: vec![0], ..RowBatch::default() };
        let everything = run.all_visible(self.entity);
        let most = self.part.most(run);
        let mut held = exec.hold("all", 0)?;
        for request in 0..run.requests() {
            let most = most.as_ref().map_or(u64::MAX, |most| most[request]);
            let visible = |id: &u32| everything || run.visible(self.entity, *id, request);
            let end = rows.ids.len().saturating_add(usize::try_from(most).unwrap_or(usize::MAX));
            let room = (n as usize).min(end - rows.ids.len());
            if !(held.reserve(&mut rows.ids, room) && held.reserve(&mut rows.scores, room)) {
                exec.check("all", 0)?;
            }
            for block in blocks(0..n as usize, BLOCK) {
                exec.check("all", 0)?;
                let block = block.start as u32..block.end as u32;
                let left = end - rows.ids.len();
                rows.ids.extend(block.filter(visible).take(left));
                rows.scores.resize(rows.ids.len(), 1.0);
                if rows.ids.len() == end {
                    break;
                }
            }
            rows.offsets.push(rows.ids.len() as u32);
        }
        Ok(rows)
    }
}

impl Planning for All {
    fn estimate(&self, guess: &dyn Guess, _: &[f64]) -> f64 {
        guess.rows_of(self.entity)
    }

    fn whole(&self, exec: &Exec, _: &[&RowBatch], request: usize) -> Option<u64> {
        let run = exec.run;
        let all = 0..run.snapshot.schema().entity(self.entity).rows;
        Some(match run.all_visible(self.entity) {
            true => all.len() as u64,
            false => all.filter(|&id| run.visible(self.entity, id, request)).count() as u64,
        })
    }
}

impl Rewriting for All {
    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.fewer(used)?;
        let entity = self.entity;
        Some(Arc::new(All { entity, part }))
    }
}

impl Explaining for All {}

/// Rows that are listed between two looks at the clock.
const BLOCK: usize = 1 << 16;

/// As many ids as a request may well bring.
const GIVEN_IDS: f64 = 100.0;

pub const GIVEN: Operator = Operator {
    name: "given",
    source: true,
    params: &[
        Param { name: "entity", ty: "entity", named: false },
        Param { name: "ids", ty: "list[id]", named: false },
        Param { name: "scores", ty: "list[float]?", named: false },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/given.md"),
    bind: bind_given,
};

fn bind_given(b: &mut dyn Bind) -> Option<Bound> {
    let entity = b.entity("entity")??;
    let ids = b.request_value("ids", Some(&Type::List(Box::new(Type::Id(entity)))))?;
    let Some(ids) = ids else {
        let message = "`given` needs a list of ids";
        let help = "write `given(media, [1, 2, 3])`";
        b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
        return None;
    };
    let scores = b.request_value("scores", Some(&Type::List(Box::new(Type::Float))))?;
    let rows = u64::from(b.schema().entity(entity).rows);
    let score = match &scores {
        Some(_) => Score::UNKNOWN,
        None => Score::new(ScoreKind::Position, Facts::between(0.0, 1.0)),
    };
    let mut shape = Shape::of(entity, Some(rows)).scored(score);
    if let Kind::List(items) = &ids.kind {
        shape = shape.asking(items.len() as u64);
    }
    Some(Bound { op: Arc::new(Given { entity, ids, scores }), inputs: Vec::new(), shape })
}

/// Ids in the order in which they are given; duplicates keep the first.
#[derive(Clone, Debug, Hash)]
struct Given {
    entity: EntityId,
    ids: Expr,
    scores: Option<Expr>,
}

impl Op for Given {
    fn name(&self) -> &'static str {
        "given"
    }

    fn details(&self, schema: &Schema) -> String {
        let name = &schema.entity(self.entity).name;
        let scores = self.scores.as_ref().map(|s| format!(", scores={}", show(s, schema)));
        format!("{name}, {}{}", show(&self.ids, schema), scores.unwrap_or_default())
    }

    fn exprs(&self) -> Vec<&Expr> {
        std::iter::once(&self.ids).chain(&self.scores).collect()
    }

    fn run(&self, exec: &Exec, _: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let frame = Frame::requests(exec.run);
        let count = |list: &Expr| match frame.eval(list) {
            Val::List(slots, _) => {
                let slots = slots.spread(exec.run.requests());
                slots.iter().map(|slot| slot[1] as usize).sum()
            }
            _ => 0,
        };
        // each id is read, remembered and made a row
        let listed: usize = count(&self.ids) + self.scores.as_ref().map_or(0, count);
        let _held = exec.hold("given", listed * 60)?;
        let ids = elements(frame.eval(&self.ids), exec.run.requests());
        let scores = self.scores.as_ref().map(|s| elements(frame.eval(s), exec.run.requests()));
        let mut rows = RowBatch { offsets: vec![0], ..RowBatch::default() };
        for (request, ids) in ids.into_iter().enumerate() {
            let ids = ids.map(Val::codes).map_or(Vec::new(), |v| v.spread(1));
            let scores = scores
                .as_ref()
                .map(|s| s[request].clone().map_or(Vec::new(), |v| v.floats().spread(1)));
            self.add(exec, request, &ids, scores.as_deref(), &mut rows);
            exec.check("given", ids.len() as u64)?;
            rows.offsets.push(rows.ids.len() as u32);
        }
        Ok(rows)
    }
}

impl Planning for Given {
    fn estimate(&self, guess: &dyn Guess, _: &[f64]) -> f64 {
        GIVEN_IDS.min(guess.rows_of(self.entity))
    }
}

impl Rewriting for Given {
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Given| std::iter::once(&mut op.ids).chain(&mut op.scores).collect(),
            f,
        )
    }
}

impl Explaining for Given {}

impl Given {
    fn add(
        &self,
        exec: &Exec,
        request: usize,
        ids: &[u32],
        scores: Option<&[f64]>,
        rows: &mut RowBatch,
    ) {
        let table = exec.run.snapshot.schema().entity(self.entity);
        let mut seen = std::collections::HashSet::new();
        let pace = Pace::new(exec.run.stop);
        let (mut unknown, mut position) = (0, 0);
        for (i, &id) in ids.iter().enumerate() {
            if pace.is_due_before(100) {
                return;
            }
            if id != NULL_CODE && id >= table.rows {
                unknown += 1;
            }
            if id >= table.rows || !exec.run.visible(self.entity, id, request) || !seen.insert(id) {
                continue;
            }
            position += 1;
            rows.ids.push(id);
            rows.scores.push(match scores {
                Some(scores) => scores.get(i).copied().unwrap_or(f64::NAN),
                None => 1.0 / f64::from(position),
            });
        }
        if unknown > 0 {
            exec.warn(
                request,
                format!("`given`: {unknown} of {} ids are not in `{}`", ids.len(), table.name),
            );
        }
    }
}
