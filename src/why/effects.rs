//! What a score is made of: how much it changes when one feature takes the values of other rows.

use super::explanation::Feature;
use super::tracer::Tracer;
use crate::batch::{Column, RowBatch};
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind, Level, NodeId};
use crate::types::Type;

/// Rows whose values stand in for the row's own.
const OTHERS: usize = 64;
/// Features that are worth telling.
const MOST: usize = 5;

/// The features of the score made at a node with the largest effect on the row at `place` of its
/// input.
pub fn features(
    tracer: &Tracer,
    at: NodeId,
    input: NodeId,
    request: usize,
    place: usize,
) -> Vec<Feature> {
    let Some(formula) = tracer.graph.get(at).op.formula() else {
        return Vec::new();
    };
    let rows = tracer.sets.rows(input);
    let mut parts = Vec::new();
    collect(&formula, &mut parts);
    let columns = tracer.graph.shape(input).columns.iter();
    let names: Vec<String> = columns.map(|c| c.name.clone()).collect();
    let run = tracer.run();
    let owners = rows.owners();
    let feature = |part: &Expr| {
        let effect = effect(tracer, &formula, part, rows, request, place)?;
        let own = Frame::rows(run, rows, &owners).column(part);
        let name = show(part, run.snapshot.schema()).with(run.texts, run.keys, &names);
        Some(Feature { name: name.to_string(), value: tracer.read(&own, &part.ty, place), effect })
    };
    let found = parts.into_iter().filter_map(feature);
    let mut found: Vec<Feature> = found.filter(|f| f.effect != 0.0).collect();
    // the sort is stable: of equal effects the one that is written first
    found.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    found.truncate(MOST);
    found
}

/// The parts of a formula that tell rows apart, each once: columns, counts of links, similarities.
pub fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    expr.descend(&mut |part| {
        let whole = match &part.kind {
            Kind::Call { args, .. } => {
                args.iter().any(|a| matches!(a.ty, Type::Vector(_) | Type::List(_)))
            }
            Kind::If { .. } => false,
            _ => true,
        };
        if part.level == Level::Row && whole && !found.contains(&part) {
            found.push(part);
        }
        part.level == Level::Row && !whole
    });
}

/// The score less the mean score with the values of other rows.
fn effect(
    tracer: &Tracer,
    formula: &Expr,
    part: &Expr,
    rows: &RowBatch,
    request: usize,
    place: usize,
) -> Option<f64> {
    let range = rows.range(request);
    let n = range.len().min(OTHERS);
    let other = |i| (range.start + i * range.len() / n) as u32;
    let others: Vec<u32> = (0..n).map(other).collect();
    let run = tracer.run();
    let owners = rows.owners();
    let values = Frame::rows(run, rows, &owners).column(part).gather(&others);
    let position = (place - range.start + 1) as i64;
    let positions = Column::I64(vec![position; n]);
    let test = alike(rows, request, place, n, vec![values, positions]);
    let extra = rows.columns.len() as u32;
    let replaced = formula.clone().map_row(&mut |e| match e.kind {
        _ if e == *part => Expr::new(Kind::Bound(extra), e.ty.clone()),
        Kind::Position => Expr::new(Kind::Bound(extra + 1), e.ty.clone()),
        _ => e,
    });
    let owners = vec![request as u32; n];
    let made = Frame::rows(run, &test, &owners).numbers(&replaced);
    let own = Frame::rows(run, rows, &rows.owners()).numbers(formula)[place];
    let known: Vec<f64> = made.into_iter().filter(|s| !s.is_nan()).collect();
    if own.is_nan() || known.is_empty() {
        return None;
    }
    let unit = match formula.ty {
        Type::Time | Type::Duration => 1e6,
        _ => 1.0,
    };
    let mean = known.iter().map(|s| s / unit).sum::<f64>() / known.len() as f64;
    Some(own / unit - mean).filter(|e| e.is_finite())
}

/// `n` copies of a row, with more columns.
fn alike(rows: &RowBatch, request: usize, place: usize, n: usize, more: Vec<Column>) -> RowBatch {
    let places = vec![place as u32; n];
    let offsets = (0..=rows.requests()).map(|r| if r > request { n as u32 } else { 0 }).collect();
    let mut copies = rows.select(offsets, &places);
    copies.columns.extend(more);
    copies
}
