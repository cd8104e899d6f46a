//! `diversify_by`: an order in which rows of one key do not crowd.

use super::bind::{Bind, Bound, Case};
use super::columns::is_constant;
use super::group::Groups;
use super::{Exec, Op, Operator, Param, Rest, RunError, Score, ScoreKind, Shape};
use crate::batch::{Column, Rows, descending};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::show::show;
use crate::expr::{Expr, Frame};
use crate::source::Span;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

pub const DIVERSIFY_BY: Operator = Operator {
    name: "diversify_by",
    source: false,
    params: &[
        Param {
            name: "key",
            ty: "expr or list",
            named: false,
        },
        Param {
            name: "method",
            ty: "round_robin|penalty(factor=0.8, floor=0.0)",
            named: false,
        },
    ],
    keeps_shape: true,
    rest: Rest::None,
    page: include_str!("../../docs/operators/diversify_by.md"),
    bind,
};

const METHODS: [Case; 2] = [
    Case::plain("round_robin"),
    Case {
        name: "penalty",
        params: &[("factor", 0.0..=1.0), ("floor", 0.0..=1.0)],
    },
];

#[derive(Clone, Copy, Debug)]
enum Method {
    RoundRobin,
    Penalty { factor: f64, floor: f64 },
}

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let shape = b.graph().shape(input).clone();
    let method = b.choice("method", &METHODS);
    let keys = match b.keys("key", &shape)? {
        Some(keys) => keys,
        None => vec![(default_key(b, &shape)?, b.span())],
    };
    let method = match method? {
        Some(choice) if choice.case == 1 => Method::Penalty {
            factor: choice.numbers[0].unwrap_or(0.8),
            floor: choice.numbers[1].unwrap_or(0.0),
        },
        _ => Method::RoundRobin,
    };
    if keys.iter().all(|(key, _)| is_constant(key, &shape)) && shape.bound != Some(1) {
        warn_constant(b, keys[0].1);
    }
    let keys = keys.into_iter().map(|(key, _)| key).collect();
    let score = match method {
        Method::RoundRobin => shape.score,
        Method::Penalty { .. } => discounted(shape.score),
    };
    Some(Bound {
        op: Arc::new(Diversify { keys, method }),
        inputs: vec![input],
        shape: shape.scored(score),
    })
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
    let reference = entity
        .find_reference("author")
        .or(if entity.references.is_empty() {
            None
        } else {
            Some(0)
        });
    match reference {
        Some(reference) => {
            let reference = &entity.references[reference];
            Some(crate::expr::ir::column(
                shape.entity,
                reference.column,
                entity,
            ))
        }
        None => {
            let message = format!(
                "`diversify_by` needs a key: `{}` has no reference to take",
                entity.name
            );
            b.report(
                Diagnostic::new(code::E0303, b.span(), message)
                    .help("write `diversify_by(column)`"),
            );
            None
        }
    }
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

#[derive(Debug)]
struct Diversify {
    keys: Vec<Expr>,
    method: Method,
}

impl Op for Diversify {
    fn name(&self) -> &'static str {
        "diversify_by"
    }

    fn details(&self, schema: &Schema) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|e| show(e, schema).to_string())
            .collect();
        match self.method {
            Method::RoundRobin => format!("{}, method=round_robin", keys.join(", ")),
            Method::Penalty { factor, floor } => {
                format!(
                    "{}, method=penalty(factor={factor}, floor={floor})",
                    keys.join(", ")
                )
            }
        }
    }

    fn exprs(&self) -> Vec<&Expr> {
        self.keys.iter().collect()
    }

    fn run(&self, exec: &Exec, inputs: &[&Rows]) -> Result<Rows, RunError> {
        let rows = inputs[0];
        let owners = rows.owners();
        let frame = Frame::rows(exec.run, rows, &owners);
        let columns: Vec<Column> = self.keys.iter().map(|key| frame.column(key)).collect();
        Ok(match self.method {
            Method::RoundRobin => round_robin_rows(rows, &columns),
            Method::Penalty { factor, floor } => penalty_rows(rows, &columns, factor, floor),
        })
    }
}

fn round_robin_rows(rows: &Rows, columns: &[Column]) -> Rows {
    let mut places = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let order = round_robin(&Groups::new(columns, range.clone()));
        places.extend(order.into_iter().map(|p| range.start as u32 + p));
    }
    rows.select(rows.offsets.clone(), &places)
}

/// Pass `p` places the `p`-th row of each group, unless it stands already; groups come in the
/// order of their first row.
fn round_robin(groups: &Groups) -> Vec<u32> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups.count()];
    for row in 0..groups.rows() {
        groups
            .of(row)
            .iter()
            .for_each(|&g| members[g as usize].push(row as u32));
    }
    let mut order = Vec::with_capacity(groups.rows());
    let mut placed = vec![false; groups.rows()];
    let mut live: Vec<usize> = (0..groups.count()).collect();
    let mut pass = 0;
    while !live.is_empty() {
        live.retain(|&group| {
            let row = members[group][pass];
            if !std::mem::replace(&mut placed[row as usize], true) {
                order.push(row);
            }
            members[group].len() > pass + 1
        });
        pass += 1;
    }
    order
}

fn penalty_rows(rows: &Rows, columns: &[Column], factor: f64, floor: f64) -> Rows {
    let mut places = Vec::with_capacity(rows.len());
    let mut scores = Vec::with_capacity(rows.len());
    for request in 0..rows.requests() {
        let range = rows.range(request);
        // each key counts for itself: a row with several is discounted for each
        let keys: Vec<Groups> = columns
            .iter()
            .map(|c| Groups::new(std::slice::from_ref(c), range.clone()))
            .collect();
        for (row, score) in penalty(&rows.scores[range.clone()], &keys, factor, floor) {
            places.push(range.start as u32 + row);
            scores.push(score);
        }
    }
    Rows {
        scores,
        ..rows.select(rows.offsets.clone(), &places)
    }
}

/// A row that waits to be placed, with the score it had when it was last looked at.
struct Waiting {
    score: f64,
    row: u32,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        descending(other.score, self.score).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

/// Each step places the row of largest discounted score. A discount only grows, so a row on top of
/// the heap whose score is still right is the largest.
fn penalty(scores: &[f64], keys: &[Groups], factor: f64, floor: f64) -> Vec<(u32, f64)> {
    let mut placed: Vec<Vec<u32>> = keys.iter().map(|groups| vec![0; groups.count()]).collect();
    let discounted = |row: u32, placed: &[Vec<u32>]| {
        let mut discount = 1.0;
        for (groups, placed) in keys.iter().zip(placed) {
            for &group in groups.of(row as usize) {
                discount *= floor.max(factor.powf(f64::from(placed[group as usize])));
            }
        }
        discount_score(scores[row as usize], discount)
    };
    let mut heap: BinaryHeap<Waiting> = scores
        .iter()
        .enumerate()
        .map(|(row, &score)| Waiting {
            score,
            row: row as u32,
        })
        .collect();
    let mut order = Vec::with_capacity(scores.len());
    while let Some(top) = heap.pop() {
        let score = discounted(top.row, &placed);
        if descending(score, top.score).is_ne() {
            heap.push(Waiting {
                score,
                row: top.row,
            });
            continue;
        }
        for (groups, placed) in keys.iter().zip(&mut placed) {
            groups
                .of(top.row as usize)
                .iter()
                .for_each(|&g| placed[g as usize] += 1);
        }
        order.push((top.row, score));
    }
    order
}

/// A discount never promotes: a negative score is divided by it.
fn discount_score(score: f64, discount: f64) -> f64 {
    if score >= 0.0 {
        score * discount
    } else {
        score / discount.max(1e-9)
    }
}
