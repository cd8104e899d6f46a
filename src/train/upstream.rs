//! What was learned before, and is read in learning something else.

use crate::catalog::schema::Schema;
use crate::check::Declaration;
use crate::expr::ir::EdgeKind;
use crate::expr::{EdgeExpr, Expr, Kind};

/// The versions that a declaration reads, as `edge similar@3`.
pub fn of(schema: &Schema, declared: &Declaration) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(edge) = declared.edge() {
        of_edge(schema, edge, &mut found);
    }
    if let Some(model) = &declared.model {
        of_edge(schema, &model.examples.edge, &mut found);
        model.inputs.exprs().for_each(|expr| of_expr(schema, expr, &mut found));
    }
    found.sort();
    found.dedup();
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
        Kind::OverLinks(over) => of_edge(schema, &over.edge, found),
        Kind::VectorOf { embedding, .. } => {
            let space = &schema.embeddings[*embedding as usize];
            found.extend(space.learned.map(|_| format!("embedding {}", space.name)));
        }
        _ => {}
    });
}
