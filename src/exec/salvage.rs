//! What there is when a limit ends a run: for each result the rows of the last stage on the way
//! to it that was done.

use super::Results;
use crate::batch::{Column, Rows};
use crate::expr::NodeId;
use crate::expr::eval::Sets;
use crate::expr::value::Val;
use crate::ops::Graph;

/// Gives every result that has not run the rows of an earlier stage of the same entity, in the
/// order that they have there, with the columns that are known by then; none if there is no such
/// stage. No more rows than the result may have.
pub fn salvage(graph: &Graph, wanted: &[NodeId], results: &Results, requests: usize) {
    for &id in wanted.iter().filter(|&&id| !results.has(id)) {
        let rows = match earlier(graph, id, results) {
            Some(stage) => as_result(graph, id, stage, results.rows(stage)),
            None => as_result(graph, id, id, &Rows::empty(requests)),
        };
        // it has not run, so the place is free
        let _ = results.rows[id.0 as usize].set(rows);
    }
}

/// The last stage before a node that has run and is of its entity.
fn earlier(graph: &Graph, id: NodeId, results: &Results) -> Option<NodeId> {
    let entity = graph.shape(id).entity;
    let inputs = |id: &NodeId| graph.get(*id).inputs.first().copied();
    std::iter::successors(inputs(&id), inputs)
        .take_while(|&stage| graph.shape(stage).entity == entity)
        .find(|&stage| results.has(stage))
}

fn as_result(graph: &Graph, id: NodeId, stage: NodeId, rows: &Rows) -> Rows {
    let (shape, before) = (graph.shape(id), graph.shape(stage));
    let column = |wanted: &crate::ops::BoundColumn| -> Column {
        let known = before.find(&wanted.name);
        match known.filter(|&place| before.columns[place].ty == wanted.ty) {
            Some(place) if place < rows.columns.len() => rows.columns[place].clone(),
            _ => Val::null(&wanted.ty).into_column(rows.len()),
        }
    };
    let with_columns = Rows {
        columns: shape.columns.iter().map(column).collect(),
        ..rows.clone()
    };
    let most = usize::try_from(shape.bound.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let mut keep = vec![0u8; rows.len()];
    for request in 0..rows.requests() {
        let range = rows.range(request);
        let end = range.start + range.len().min(most);
        keep[range.start..end].fill(1);
    }
    with_columns.retain(&keep)
}
