//! What was learned before, and is read in learning something else.

use super::{Declaration, Topics};
use crate::catalog::schema::Schema;
use crate::check::trained::{Inputs, Trained};
use crate::expr::ir::{EdgeKind, Stat};
use crate::expr::{EdgeExpr, Expr, Kind};

/// The versions that a declaration reads, as `edge similar@3`.
pub fn of(schema: &Schema, declared: &Declaration) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(edge) = declared.edge() {
        of_edge(schema, edge, &mut found);
    }
    if let Some(topics) = declared.topics().and_then(Topics::edge) {
        of_edge(schema, topics, &mut found);
    }
    if let Some(embedding) = declared.embedding() {
        of_embedding(schema, embedding, &mut found);
    }
    if let Some(model) = &declared.model {
        of_edge(schema, &model.examples.edge, &mut found);
        found.extend(of_model(schema, model));
        found.extend(model.teacher.iter().flat_map(|teacher| teacher.upstream.iter().cloned()));
    }
    found.sort();
    found.dedup();
    found
}

/// The versions that the inputs of a model read.
pub fn of_model(schema: &Schema, model: &Trained) -> Vec<String> {
    let mut found = Vec::new();
    let inputs = model.inputs.exprs().chain(model.items.iter().flat_map(Inputs::exprs));
    inputs.for_each(|expr| of_expr(schema, expr, &mut found));
    found.sort();
    found.dedup();
    found
}

/// Whether an expression reads what was learned.
pub fn reads_learned(schema: &Schema, expr: &Expr) -> bool {
    !read_by(schema, expr).is_empty()
}

/// The versions that an expression reads.
pub fn read_by(schema: &Schema, expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    of_expr(schema, expr, &mut found);
    found
}

fn of_edge(schema: &Schema, edge: &EdgeExpr, found: &mut Vec<String>) {
    match &edge.kind {
        EdgeKind::Table { edge, .. } => {
            let edge = schema.edge(*edge);
            found.extend(edge.learned.then(|| format!("edge {}", edge.name)));
        }
        EdgeKind::Reference { .. } => {}
        EdgeKind::Filter { inner, keep: expr } | EdgeKind::Weight { inner, weight: expr } => {
            of_edge(schema, inner, found);
            of_expr(schema, expr, found);
        }
        EdgeKind::Union { branches, .. } => {
            branches.iter().for_each(|branch| of_edge(schema, branch, found));
        }
        EdgeKind::Chain { first, second, .. } => {
            of_edge(schema, first, found);
            of_edge(schema, second, found);
        }
    }
}

fn of_expr(schema: &Schema, expr: &Expr, found: &mut Vec<String>) {
    expr.walk(&mut |part| match &part.kind {
        Kind::OverLinks(over) => {
            of_edge(schema, &over.edge, found);
            if let Stat::FoldIn(embedding) = over.stat {
                of_embedding(schema, embedding, found);
            }
        }
        Kind::VectorOf { embedding, .. } => of_embedding(schema, *embedding, found),
        Kind::Call { kernel, .. } => {
            let tower = schema.tower(kernel.function.name);
            tower.into_iter().for_each(|number| of_embedding(schema, number, found));
        }
        _ => {}
    });
}

fn of_embedding(schema: &Schema, number: u32, found: &mut Vec<String>) {
    let space = &schema.embeddings[number as usize];
    found.extend(space.learned.map(|_| format!("embedding {}", space.version())));
}
