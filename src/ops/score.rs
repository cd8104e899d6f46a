//! `score`: a new score, and the order by it.

use super::bind::{Bind, Bound};
use super::kit::values::scores;
use super::{
    Effect, Exec, Explaining, Instance, Op, Operator, Param, Part, Planning, Rest, Rewriting,
    RunError, Used, mapped,
};
use crate::batch::RowBatch;
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Frame};
use crate::source::Span;
use crate::types::Type;
use std::sync::Arc;

pub const SCORE: Operator = Operator {
    name: "score",
    source: false,
    params: &[Param { name: "expr", ty: "float", named: false }],
    keeps_shape: true,
    rest: Rest::Keys,
    page: include_str!("../../docs/operators/score.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let then = b.further_keys(&shape);
    let Some(expr) = b.row_value("expr", &shape, None)? else {
        let help = "write `score(popularity)`, or any expression that gives a number";
        b.report(Diagnostic::new(code::E0303, b.span(), "`score` needs an expression").help(help));
        return None;
    };
    let ok = matches!(
        expr.ty,
        Type::Int | Type::Float | Type::Duration | Type::Time | Type::Null | Type::Error
    );
    if !ok {
        let message = format!(
            "a score is a number, a duration or a time, not {}",
            b.schema().type_name(&expr.ty)
        );
        let help = "convert it to a number, as in `score(1 if kind == \"video\" else 0)`";
        b.report(Diagnostic::new(code::E0302, b.arg_span("expr"), message).help(help));
        return None;
    }
    let then = further_keys(b, then?)?;
    let score = shape.score_of(b.schema(), &expr);
    Some(Bound {
        op: Arc::new(Score { expr, then, part: Part::ALL }),
        inputs: vec![input],
        shape: shape.scored(score),
    })
}

/// What decides between equal scores; reports what has no order.
fn further_keys(b: &mut dyn Bind, then: Vec<(Expr, Span)>) -> Option<Vec<Expr>> {
    let mut keys = Vec::with_capacity(then.len());
    for (key, span) in then {
        let ok = matches!(
            key.ty,
            Type::Int | Type::Float | Type::Duration | Type::Time | Type::Bool | Type::Null
        );
        if !ok {
            let message = format!(
                "rows are ordered by numbers, durations, times and conditions, not by {}",
                b.schema().type_name(&key.ty)
            );
            let help =
                "make a number or a condition of it, as in `score(stars, kind == \"video\")`";
            b.report(Diagnostic::new(code::E0302, span, message).help(help));
            return None;
        }
        keys.push(key);
    }
    Some(keys)
}

#[derive(Clone, Debug, Hash)]
struct Score {
    expr: Expr,
    /// What decides between equal scores, in turn.
    then: Vec<Expr>,
    /// What is used of the rows.
    part: Part,
}

impl Op for Score {
    fn name(&self) -> &'static str {
        "score"
    }

    fn details(&self, schema: &Schema) -> String {
        let parts = self.exprs();
        let parts: Vec<String> = parts.iter().map(|e| show(e, schema).to_string()).collect();
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        std::iter::once(&self.expr).chain(&self.then).collect()
    }

    fn effect(&self) -> Effect {
        Effect::Scores
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let _held = exec.hold("score", rows.len() * (4 + 8 + 8))?;
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let scores = scores(exec.column("score", &frame, &self.expr)?, &self.expr.ty);
        if self.then.is_empty() || !self.part.order && self.part.rows.is_none() {
            return Ok(scored(rows, &scores, &self.part, exec));
        }
        let then = self.then.iter().map(|key| exec.column("score", &frame, key));
        let then = then.collect::<Result<Vec<_>, _>>()?;
        let (most, stop) = (self.part.most(exec.run), exec.run.stop);
        let (offsets, places) = rows.best_by(&scores, &then, most.as_deref(), stop);
        Ok(rows.select_until(offsets, &places, &scores, stop))
    }

    fn part(&self) -> &Part {
        &self.part
    }
}

impl Planning for Score {
    fn whole(&self, _: &Exec, inputs: &[&RowBatch], request: usize) -> Option<u64> {
        Some(inputs[0].range(request).len() as u64)
    }
}

impl Rewriting for Score {
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Score| std::iter::once(&mut op.expr).chain(&mut op.then).collect(),
            f,
        )
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        own.clone().of_any_score().reading(self.exprs())
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let part = self.part.narrowed(used)?;
        Some(Arc::new(Score { part, ..self.clone() }))
    }
}

impl Explaining for Score {
    fn formula(&self) -> Option<Expr> {
        Some(self.expr.clone())
    }
}

/// The rows with new scores and in their order, as far as they are used.
pub fn scored(rows: &RowBatch, scores: &[f64], part: &Part, exec: &Exec) -> RowBatch {
    let most = part.most(exec.run);
    let stop = exec.run.stop;
    let (offsets, places) = rows.best(scores, most.as_deref(), part.order, stop);
    rows.select_until(offsets, &places, scores, stop)
}
