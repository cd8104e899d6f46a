//! `rank`: the heads of a model become columns, and a score is made of them.

use super::bind::{Bind, Bound, Quantity};
use super::score::scores;
use super::shape::{BoundColumn, Score, ScoreKind};
use super::walk::quantity;
use super::{Effect, Exec, Op, Operator, Param, Rest, RunError};
use crate::batch::Rows;
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind};
use std::sync::Arc;

pub const RANK: Operator = Operator {
    name: "rank",
    source: false,
    params: &[
        Param {
            name: "ranking_model",
            ty: "model = default",
            named: false,
        },
        Param {
            name: "value",
            ty: "value?",
            named: false,
        },
        Param {
            name: "keep",
            ty: "int = all",
            named: false,
        },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/rank.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let mut shape = b.graph().shape(input).clone();
    let model = b.model("ranking_model", &shape)?;
    let before = shape.clone();
    let places: Vec<usize> = model
        .heads
        .iter()
        .map(|(name, expr)| {
            let facts = before.facts(b.schema(), expr);
            shape.bind(BoundColumn::new(name.as_str(), expr.ty.clone()).facts(facts))
        })
        .collect();
    b.otherwise(shape.clone());
    let value = b.row_value("value", &shape, None);
    let keep = b.count("keep");
    let (value, keep) = (value?, keep?);
    let score = match (value, model.score, &model.heads[..]) {
        (Some(value), ..) => Source::Value(value),
        (None, Some(own), _) => Source::Own(own),
        (None, None, [_]) => Source::Head(places[0]),
        (None, None, heads) => {
            let names: Vec<&str> = heads.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!(
                "model `{}` has {} heads and no score of its own",
                model.name,
                names.len()
            );
            let help = format!(
                "say how they count: `rank({}, value={})`",
                model.name,
                names.join(" + ")
            );
            b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
            return None;
        }
    };
    let made = match &score {
        Source::Value(expr) => shape.score_of(b.schema(), expr),
        Source::Own(expr) => before.score_of(b.schema(), expr),
        Source::Head(place) => Score::new(ScoreKind::Probability, shape.columns[*place].facts),
    };
    let shape = shape
        .scored(made)
        .cut(keep.as_ref().and_then(Quantity::known));
    let names = model.heads.iter().map(|(name, _)| name.clone()).collect();
    let heads = model
        .heads
        .into_iter()
        .map(|(_, e)| e)
        .zip(places)
        .collect();
    let op = Rank {
        model: model.name,
        names,
        heads,
        score,
        keep: keep.unwrap_or(Quantity::All),
    };
    Some(Bound {
        op: Arc::new(op),
        inputs: vec![input],
        shape,
    })
}

/// What the score is made of.
#[derive(Debug)]
enum Source {
    /// Over the rows with their heads.
    Value(Expr),
    /// Over the rows without.
    Own(Expr),
    Head(usize),
}

#[derive(Debug)]
struct Rank {
    model: String,
    /// Of the heads.
    names: Vec<String>,
    /// With the place of each among the columns.
    heads: Vec<(Expr, usize)>,
    score: Source,
    keep: Quantity,
}

impl Op for Rank {
    fn name(&self) -> &'static str {
        "rank"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![self.model.clone()];
        match &self.score {
            Source::Value(expr) => parts.push(format!("value={}", show(expr, schema))),
            Source::Own(expr) => parts.push(show(expr, schema).to_string()),
            Source::Head(_) => {}
        }
        parts.extend(
            self.heads
                .iter()
                .map(|(e, _)| format!("head {}", show(e, schema))),
        );
        if self.keep != Quantity::All {
            parts.push(format!("keep={}", quantity(&self.keep, schema)));
        }
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.heads.iter().map(|(e, _)| e).collect();
        match &self.score {
            Source::Value(e) | Source::Own(e) => exprs.push(e),
            Source::Head(_) => {}
        }
        if let Quantity::PerRequest(keep) = &self.keep {
            exprs.push(keep);
        }
        exprs
    }

    fn label(&self, _: &Schema) -> String {
        format!("rank {}", self.model)
    }

    fn formula(&self) -> Option<Expr> {
        let head = |wanted: usize| self.heads.iter().find(|(_, place)| *place == wanted);
        match &self.score {
            Source::Own(expr) => Some(expr.clone()),
            Source::Head(place) => head(*place).map(|(expr, _)| expr.clone()),
            Source::Value(expr) => Some(expr.clone().map(&mut |part| match part.kind {
                Kind::Bound(place) => match head(place as usize) {
                    Some((expr, _)) => expr.clone(),
                    None => part,
                },
                _ => part,
            })),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Scores
    }

    fn asks(&self) -> Option<u64> {
        self.keep.known()
    }

    fn cut(&self) -> Option<&Quantity> {
        Some(&self.keep)
    }

    fn binds(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let mut rows = inputs[0].clone();
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, inputs[0], &owners);
        for (head, place) in &self.heads {
            let column = frame.column(head);
            if *place < rows.columns.len() {
                rows.columns[*place] = column
            } else {
                rows.columns.push(column)
            }
        }
        rows.scores = match &self.score {
            Source::Own(expr) => scores(frame.column(expr), &expr.ty),
            Source::Value(expr) => {
                scores(Frame::rows(exec.run, &rows, &owners).column(expr), &expr.ty)
            }
            Source::Head(place) => scores(rows.columns[*place].clone(), &crate::types::Type::Float),
        };
        let sorted = rows.sorted_by_score(exec.run.stop);
        Ok(match self.keep {
            Quantity::All => sorted,
            _ => super::take::first(&sorted, &self.keep.per_request(exec.run)),
        })
    }
}
