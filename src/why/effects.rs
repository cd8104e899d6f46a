//! What a score is made of: how much it changes when one feature takes the values of other rows.

use super::explanation::Feature;
use super::tracer::Tracer;
use crate::batch::{Column, RowBatch};
use crate::expr::functions::own::Scored;
use crate::expr::ir::Mapped;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind, Level, NodeId, Run};
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
    let op = &tracer.graph.get(at).op;
    let Some(formula) = op.formula() else {
        return Vec::new();
    };
    let (run, rows) = (tracer.run(), tracer.sets.rows(input));
    let mut parts = Vec::new();
    collect(&formula, &mut parts);
    let beside = Beside::new(run, rows, (request, place), &parts);
    let effects = beside.effects(&formula, &parts);
    let columns = tracer.graph.shape(input).columns.iter();
    let names: Vec<String> = columns.map(|c| c.name.clone()).collect();
    let ranking = op.ranking();
    let name = |part: &Expr| {
        let declared = ranking.as_ref().and_then(|ranking| ranking.name_of(part));
        let shown = || show(part, run.snapshot.schema()).with(run.texts, run.keys, &names);
        declared.map_or_else(|| shown().to_string(), str::to_owned)
    };
    let all = parts.iter().zip(&beside.values).zip(effects);
    let feature = |((part, values), effect): ((&&Expr, &Column), Option<f64>)| {
        let effect = effect.filter(|effect| *effect != 0.0)?;
        Some(Feature { name: name(part), value: tracer.read(values, &part.ty, 0), effect })
    };
    let mut found: Vec<Feature> = all.filter_map(feature).collect();
    // the sort is stable: of equal effects the one that is written first
    found.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    found.truncate(MOST);
    found
}

/// The parts of a formula that tell rows apart, each once: columns, counts of links, similarities, and what models are given.
pub fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    expr.descend(&mut |part| {
        if let Kind::Call { kernel, args } = &part.kind
            && kernel.output().is_some()
        {
            let more = args.iter().filter(|arg| arg.level == Level::Row);
            more.for_each(|arg| {
                if !found.contains(&arg) {
                    found.push(arg)
                }
            });
            return false;
        }
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

/// A row, and others of its request that stand beside it.
struct Beside<'a> {
    run: &'a Run<'a>,
    rows: &'a RowBatch,
    request: usize,
    place: usize,
    others: usize,
    /// Of each part, its value of the row and of the others.
    values: Vec<Column>,
}

impl<'a> Beside<'a> {
    fn new(
        run: &'a Run<'a>,
        rows: &'a RowBatch,
        (request, place): (usize, usize),
        parts: &[&Expr],
    ) -> Beside<'a> {
        let range = rows.range(request);
        let others = range.len().min(OTHERS);
        let other = |i| (range.start + i * range.len() / others) as u32;
        let places: Vec<u32> = [place as u32].into_iter().chain((0..others).map(other)).collect();
        let position = |&place: &u32| (place as usize - range.start + 1) as i64;
        let positions = Column::I64(places.iter().map(position).collect());
        let some = of_request(rows, request, &places, vec![positions]);
        let owners = vec![request as u32; places.len()];
        let frame = Frame::rows(run, &some, &owners);
        let last = rows.columns.len() as u32;
        let value = |part: &&Expr| {
            let placed = (*part).clone().map_row(&mut |e| match e.kind {
                Kind::Position => Expr::new(Kind::Bound(last), e.ty.clone()),
                _ => e,
            });
            frame.column(&placed)
        };
        let values = parts.iter().map(value).collect();
        Beside { run, rows, request, place, others, values }
    }

    /// Of each part the score less the mean score with the values that the others have of it; none where that is null.
    fn effects(&self, formula: &Expr, parts: &[&Expr]) -> Vec<Option<f64>> {
        // the row itself, and then for each part as many copies as there are others
        let n = 1 + parts.len() * self.others;
        let columns = self.values.iter().enumerate().map(|(part, values)| {
            let own = 1 + part * self.others..1 + (part + 1) * self.others;
            let place = |row| if own.contains(&row) { (row - own.start + 1) as u32 } else { 0 };
            values.gather(&(0..n).map(place).collect::<Vec<_>>())
        });
        let copies = vec![self.place as u32; n];
        let copies = of_request(self.rows, self.request, &copies, columns.collect());
        let first = self.rows.columns.len();
        let over_values = formula.clone().replaced(&mut Mapped::default(), &mut |e| {
            let part = parts.iter().position(|part| *part == e)?;
            Some(Expr::new(Kind::Bound((first + part) as u32), e.ty.clone()))
        });
        let owners = vec![self.request as u32; n];
        let scored = Scored::default();
        let frame = Frame { scored: Some(&scored), ..Frame::rows(self.run, &copies, &owners) };
        let scores = frame.numbers(&over_values);
        let unit = match formula.ty {
            Type::Time | Type::Duration => 1e6,
            _ => 1.0,
        };
        let effect = |others: &[f64]| {
            let known = others.iter().filter(|score| !score.is_nan());
            let (sum, count) =
                known.fold((0.0, 0.0), |(sum, n), score| (sum + score / unit, n + 1.0));
            Some(scores[0] / unit - sum / count).filter(|effect| effect.is_finite())
        };
        let (_, others) = scores.split_at(1);
        (0..parts.len()).map(|part| effect(&others[part * self.others..][..self.others])).collect()
    }
}

/// Rows of a request, with more columns.
fn of_request(rows: &RowBatch, request: usize, places: &[u32], more: Vec<Column>) -> RowBatch {
    let n = places.len() as u32;
    let offsets = (0..=rows.requests()).map(|r| if r > request { n } else { 0 }).collect();
    let mut some = rows.select(offsets, places);
    some.columns.extend(more);
    some
}
