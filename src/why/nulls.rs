//! Why a value of a row is null: the parts of its expression that are null without a null part.

use super::tracer::{Tracer, find};
use crate::batch::{Column, RowBatch};
use crate::deep::recurse;
use crate::expr::functions::{Kernel, Role};
use crate::expr::ir::{OverLinks, Stat};
use crate::expr::show::{literal, show};
use crate::expr::{Expr, Frame, Kind, NodeId};
use crate::ops::Effect;
use crate::types::{Type, Value};
use foldhash::HashSet;

/// A part of an expression that is null, and makes the whole null.
#[derive(Clone, Debug, PartialEq)]
pub struct NullPart {
    /// As it is written: `b`, `author.country`, `a / b`.
    pub part: String,
    /// Ends a sentence that begins with the part: `is null`, `divides by 0`.
    pub reason: String,
}

/// What makes the score of an operator null for the row at `place` of its input.
pub fn null_parts(
    tracer: &Tracer,
    formula: &Expr,
    input: NodeId,
    request: usize,
    place: usize,
) -> Vec<NullPart> {
    let (mut found, mut looked) = (Vec::new(), HashSet::default());
    let row = Row::new(tracer, input, request, place);
    row.parts(&row.with_position(formula), &mut looked, &mut found);
    found
}

/// One row of a node, alone.
struct Row<'t, 'a> {
    tracer: &'t Tracer<'a>,
    node: NodeId,
    request: usize,
    /// The row, with its position as a further column.
    rows: RowBatch,
    /// Of its columns.
    names: Vec<String>,
}

impl<'t, 'a> Row<'t, 'a> {
    fn new(tracer: &'t Tracer<'a>, node: NodeId, request: usize, place: usize) -> Row<'t, 'a> {
        let all = tracer.sets.rows(node);
        let offsets = (0..=all.requests()).map(|r| u32::from(r > request)).collect();
        let mut rows = all.select(offsets, &[place as u32]);
        let position = place - all.range(request).start + 1;
        rows.columns.push(Column::I64(vec![position as i64]));
        let columns = tracer.graph.shape(node).columns.iter();
        let mut names: Vec<String> = columns.map(|c| c.name.clone()).collect();
        names.push("position".to_owned());
        Row { tracer, node, request, rows, names }
    }

    /// The expression for the row alone, where its position would be 1.
    fn with_position(&self, expr: &Expr) -> Expr {
        let at = self.names.len() as u32 - 1;
        expr.clone().map_row(&mut |part| match part.kind {
            Kind::Position => Expr::new(Kind::Bound(at), part.ty.clone()),
            _ => part,
        })
    }

    fn value(&self, expr: &Expr) -> Value {
        let owners = [self.request as u32];
        let frame = Frame::rows(self.tracer.run(), &self.rows, &owners);
        self.tracer.read(&frame.column(expr), &expr.ty, 0)
    }

    fn is_null(&self, expr: &Expr) -> bool {
        self.value(expr) == Value::Null
    }

    fn text(&self, expr: &Expr) -> String {
        let run = self.tracer.run();
        let shown = show(expr, run.snapshot.schema());
        shown.with(run.texts, run.keys, &self.names).to_string()
    }

    /// The parts that make an expression null, which is null. `looked` are the parts that were looked
    /// at before, of which a large expression may have some in many places.
    fn parts(&self, expr: &Expr, looked: &mut HashSet<usize>, found: &mut Vec<NullPart>) {
        if !looked.insert(expr.address()) {
            return;
        }
        if let Kind::If { condition, then, otherwise } = &expr.kind {
            let side = match self.value(condition) {
                Value::Bool(true) => then,
                _ => otherwise,
            };
            return recurse(|| self.parts(side, looked, found));
        }
        let mut null = Vec::new();
        expr.each_child(&mut |child| {
            if self.is_null(child) {
                null.push(child);
            }
        });
        if !null.is_empty() {
            return null.into_iter().for_each(|child| recurse(|| self.parts(child, looked, found)));
        }
        let part = NullPart { part: self.text(expr), reason: self.reason(expr) };
        if !found.contains(&part) {
            found.push(part);
        }
    }

    /// Why an expression is null of which no part is.
    fn reason(&self, expr: &Expr) -> String {
        match &expr.kind {
            Kind::Bound(column) => match self.bound(*column as usize) {
                Some(because) => format!("is null, because {because}"),
                None => "is null".to_owned(),
            },
            Kind::Visible { .. } => "is not visible at `now`".to_owned(),
            Kind::VectorOf { .. } => "is not there: it has no vector".to_owned(),
            Kind::ToId { .. } => "is not a key in the catalog".to_owned(),
            Kind::OfSet { .. } => "is null: it is not in that set, or is null there".to_owned(),
            Kind::OverLinks(over) => self.of_links(over).to_owned(),
            Kind::Extract { .. } => "is null: the pattern does not match".to_owned(),
            Kind::Call { kernel, args } => self.undefined(*kernel, args),
            _ => "is null".to_owned(),
        }
    }

    fn of_links(&self, over: &OverLinks) -> &'static str {
        let any = OverLinks { stat: Stat::Exists, value: None, ..over.clone() };
        let any = Expr::new(Kind::OverLinks(Box::new(any)), Type::Bool);
        match self.value(&any) {
            Value::Bool(true) => "is null: its value is null for every link",
            _ => "is null: there are no such links",
        }
    }

    /// A function that has no value for arguments that are there.
    fn undefined(&self, kernel: Kernel, args: &[Expr]) -> String {
        let zero = |value: &Value| {
            matches!(value, Value::Int(0) | Value::Duration(0)) || *value == Value::Float(0.0)
        };
        if kernel.role() == Role::Divide && args.last().is_some_and(|by| zero(&self.value(by))) {
            return "is null: it divides by 0".to_owned();
        }
        let given = args
            .iter()
            .filter(|arg| arg.as_const().is_none() && !matches!(arg.ty, Type::Vector(_)))
            .map(|arg| format!("{} is {}", self.text(arg), literal(&self.value(arg))));
        let given: Vec<String> = given.collect();
        match given.is_empty() {
            true => "is null: it is undefined".to_owned(),
            false => format!("is null: it is undefined where {}", given.join(" and ")),
        }
    }

    /// What made a column null, where an operator before computed it for this row.
    fn bound(&self, column: usize) -> Option<String> {
        let name = self.names.get(column)?;
        let sets = self.tracer.sets;
        let id = self.rows.ids[0];
        let mut at = self.node;
        loop {
            let node = self.tracer.graph.get(at);
            let &input = node.inputs.first()?;
            let entity = self.tracer.graph.shape(input).entity;
            if entity != node.shape.entity || node.op.nested().is_some() {
                return None;
            }
            let place = find(sets.rows(input), self.request, id)?;
            if let Some(expr) = node.op.binding(name) {
                let parts = null_parts(self.tracer, &expr, input, self.request, place);
                return (!parts.is_empty()).then(|| because(&parts));
            }
            // of several inputs the row may be from another
            if node.inputs.len() > 1 && node.op.effect() != Effect::Narrows {
                return None;
            }
            at = input;
        }
    }
}

/// `b is null and c is null`.
pub fn because(parts: &[NullPart]) -> String {
    const MOST: usize = 4;
    let said = parts.iter().take(MOST);
    let mut said: Vec<String> = said.map(|p| format!("{} {}", p.part, p.reason)).collect();
    match parts.len().saturating_sub(MOST) {
        0 => {}
        more => said.push(format!("{more} more parts are null")),
    }
    said.join(" and ")
}
