//! What a score is made of: how much it changes when one feature takes the values of other rows, and of models that are sums what
//! each input adds.

use super::explanation::{Feature, Over, Sum};
use super::tracer::Tracer;
use crate::batch::{Column, RowBatch};
use crate::expr::functions::own::Scored;
use crate::expr::functions::sums::Scale;
use crate::expr::ir::Mapped;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind, Level, NodeId, Run};
use crate::types::Type;

/// Rows whose values stand in for the row's own.
const OTHERS: usize = 64;
/// Features that are worth telling.
const MOST: usize = 5;

/// What is told of a score.
#[derive(Default)]
pub struct Effects {
    /// The features with the largest effect on it.
    pub features: Vec<Feature>,
    /// Of heads that it is made of, what each input adds.
    pub sums: Vec<Sum>,
}

/// What the score made at a node is made of, for the row at `place` of its input.
pub fn effects(
    tracer: &Tracer,
    at: NodeId,
    input: NodeId,
    request: usize,
    place: usize,
) -> Effects {
    let Some(formula) = tracer.graph.get(at).op.formula() else { return Effects::default() };
    let scored = ScoredRow { tracer, at, input, request, place };
    let mut sums: Vec<(&Expr, Sum)> = Vec::new();
    formula.walk(&mut |part| {
        if sums.iter().all(|(known, _)| *known != part)
            && let Some(sum) = scored.sum(part)
        {
            sums.push((part, sum));
        }
    });
    let is_sum = |part: &Expr| sums.iter().any(|(head, _)| *head == part);
    let mut parts = Vec::new();
    // a score that is such a head is told by its sum
    if !is_sum(&formula) {
        collect_until(&formula, &is_sum, &mut parts);
    }
    let features = scored.features(&formula, &parts);
    Effects { features, sums: sums.into_iter().map(|(_, sum)| sum).collect() }
}

/// A row that was given a score at a node.
#[derive(Clone, Copy)]
struct ScoredRow<'a, 't> {
    tracer: &'a Tracer<'t>,
    at: NodeId,
    input: NodeId,
    request: usize,
    place: usize,
}

impl<'t> ScoredRow<'_, 't> {
    fn beside(&self, parts: &[&Expr], most: usize) -> Beside<'t> {
        let rows = self.tracer.sets.rows(self.input);
        Beside::new(self.tracer.run(), rows, (self.request, self.place), parts, most)
    }

    /// The parts of a formula with the largest effect.
    fn features(&self, formula: &Expr, parts: &[&Expr]) -> Vec<Feature> {
        let beside = self.beside(parts, OTHERS);
        let effects = beside.effects(formula, parts, |score| score);
        let mut found = self.told(parts, &beside.values, &effects);
        found.truncate(MOST);
        found
    }

    /// Parts that have an effect, the largest first.
    fn told(&self, parts: &[&Expr], values: &[Column], effects: &[Option<f64>]) -> Vec<Feature> {
        let all = parts.iter().zip(values).zip(effects);
        let feature = |((part, values), effect): ((&&Expr, &Column), &Option<f64>)| {
            let effect = effect.filter(|effect| *effect != 0.0)?;
            let value = self.tracer.read(values, &part.ty, 0);
            Some(Feature { name: self.name(part), value, effect })
        };
        let mut found: Vec<Feature> = all.filter_map(feature).collect();
        // the sort is stable: of equal effects the one that is written first
        found.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        found
    }

    /// What the declaration of a model calls a part, or else its head, or how it is written.
    fn name(&self, part: &Expr) -> String {
        let op = &self.tracer.graph.get(self.at).op;
        let declared = op.ranking().and_then(|ranking| ranking.name_of(part).map(str::to_owned));
        let head = || self.head_name(part).filter(|_| is_head(part));
        declared.or_else(head).unwrap_or_else(|| {
            let run = self.tracer.run();
            let columns = self.tracer.graph.shape(self.input).columns.iter();
            let names: Vec<String> = columns.map(|c| c.name.clone()).collect();
            show(part, run.snapshot.schema()).with(run.texts, run.keys, &names).to_string()
        })
    }

    /// The column that a head of the model is bound as.
    fn head_name(&self, head: &Expr) -> Option<String> {
        let op = &self.tracer.graph.get(self.at).op;
        let mut binds = op.binds().into_iter();
        binds.find(|name| op.binding(name).as_ref() == Some(head)).map(str::to_owned)
    }

    /// A head of a model as a sum, if it is one of this row.
    fn sum(&self, head: &Expr) -> Option<Sum> {
        let Kind::Call { kernel, args } = &head.kind else { return None };
        let own = kernel.output()?;
        let (scale, over, expected, features) = match own.additive() {
            Some(scale) => {
                let (expected, features) = self.over_rows(head, args, scale)?;
                (scale, Over::Rows, expected, features)
            }
            None => {
                let args: Vec<&Expr> = args.iter().collect();
                let beside = self.beside(&args, 0);
                let number = |column: &Column| match column {
                    Column::F64(numbers) => numbers.first().copied().unwrap_or(f64::NAN),
                    _ => f64::NAN,
                };
                let row: Vec<f64> = beside.values.iter().map(number).collect();
                let found = own.contributions(&row)?;
                let added: Vec<Option<f64>> = found.arguments.into_iter().map(Some).collect();
                let features = self.told(&args, &beside.values, &added);
                (found.scale, Over::Training, found.expected, features)
            }
        };
        let name = self.head_name(head).unwrap_or_else(|| self.name(head));
        let sum = expected + features.iter().map(|feature| feature.effect).sum::<f64>();
        Some(Sum { head: name, scale, over, expected, sum, features }).filter(|s| s.sum.is_finite())
    }

    /// Of a head that is a sum of what each argument gives alone: its mean over other rows, and by how much each argument moves
    /// it from there.
    fn over_rows(&self, head: &Expr, args: &[Expr], scale: Scale) -> Option<(f64, Vec<Feature>)> {
        let mut parts: Vec<&Expr> = Vec::new();
        for arg in args.iter().filter(|arg| arg.level == Level::Row) {
            if !parts.contains(&arg) {
                parts.push(arg);
            }
        }
        let beside = self.beside(&parts, OTHERS);
        let own = scale.of(beside.scores(head, &parts)[0]);
        let effects = beside.effects(head, &parts, |score| scale.of(score));
        let moved: f64 = effects.iter().copied().sum::<Option<f64>>()?;
        Some((own - moved, self.told(&parts, &beside.values, &effects)))
    }
}

fn is_head(part: &Expr) -> bool {
    matches!(&part.kind, Kind::Call { kernel, .. } if kernel.output().is_some())
}

/// The parts of a formula that tell rows apart, each once: columns, counts of links, similarities, and what models are given.
pub fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    collect_until(expr, &|_| false, found);
}

/// The same, where some parts are taken as they are.
fn collect_until<'e>(expr: &'e Expr, is_part: &dyn Fn(&Expr) -> bool, found: &mut Vec<&'e Expr>) {
    expr.descend(&mut |part| {
        if is_head(part)
            && !is_part(part)
            && let Kind::Call { args, .. } = &part.kind
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
            _ if is_part(part) => true,
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
        most: usize,
    ) -> Beside<'a> {
        let range = rows.range(request);
        let others = range.len().min(most);
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

    /// The scores of the row itself, and then for each part of as many copies as there are others, which have the values of those.
    fn scores(&self, formula: &Expr, parts: &[&Expr]) -> Vec<f64> {
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
        frame.numbers(&over_values)
    }

    /// Of each part the score, on some scale, less the mean score with the values that the others have of it; none where that is
    /// null.
    fn effects(
        &self,
        formula: &Expr,
        parts: &[&Expr],
        scale: impl Fn(f64) -> f64,
    ) -> Vec<Option<f64>> {
        let scores = self.scores(formula, parts);
        let unit = match formula.ty {
            Type::Time | Type::Duration => 1e6,
            _ => 1.0,
        };
        let scaled = |score: &f64| scale(score / unit);
        let effect = |others: &[f64]| {
            let known = others.iter().map(scaled).filter(|score| !score.is_nan());
            let (sum, count) = known.fold((0.0, 0.0), |(sum, n), score| (sum + score, n + 1.0));
            Some(scaled(&scores[0]) - sum / count).filter(|effect| effect.is_finite())
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
