//! Long evaluations in blocks: what is computed on the way stays in the cache and takes little memory, and a
//! run that has to end need not wait for all of it.

use crate::batch::{BLOCK, Column, blocks};
use crate::deep::recurse;
use crate::expr::ir::{Expr, Kind, Level};
use crate::expr::run::{Frame, Shared};
use crate::expr::value::from_column;
use crate::types::Type;
use foldhash::HashSet;
use std::ops::Range;

/// Parts of an expression that a block of [`BLOCK`] rows is made for; where there are more, it is shorter.
const PARTS: usize = 8;
/// Rows of a block at least.
const LEAST: usize = 16;
/// Requests whose values are computed at once.
const AT_ONCE: usize = 64;

impl Frame<'_> {
    /// The value of an expression as a column of `n` rows.
    pub fn column(&self, expr: &Expr) -> Column {
        self.column_until(expr).unwrap_or_else(|part| part.zeros(self.n))
    }

    /// The same; if the run has to end, an error with some of the first rows.
    pub fn column_until(&self, expr: &Expr) -> Result<Column, Column> {
        let value = |frame: &Frame| frame.eval(expr).into_column(frame.n);
        let is_scalar = !matches!(expr.ty, Type::List(_) | Type::Vector(_));
        let mut elements = self.run.stop.hold(0);
        let append = |all: &mut Column, more: Column| {
            // what is too much shows at the next look at the clock
            let _ = is_scalar || elements.grow(2 * more.bytes());
            all.reserve(self.n);
            all.append(&more);
        };
        self.evaluate(expr, value, append)
    }

    /// A condition for every row: 1 is true.
    pub fn condition(&self, expr: &Expr) -> Vec<u8> {
        let value = |frame: &Frame| frame.eval(expr).bools().spread(frame.n);
        let append = |all: &mut Vec<u8>, more| add(all, more, self.n);
        let values = self.evaluate(expr, value, append);
        values.unwrap_or_else(|_| vec![0; self.n])
    }

    /// A number for every row, as a float.
    pub fn numbers(&self, expr: &Expr) -> Vec<f64> {
        let value = |frame: &Frame| frame.eval(expr).floats().spread(frame.n);
        let append = |all: &mut Vec<f64>, more| add(all, more, self.n);
        let values = self.evaluate(expr, value, append);
        values.unwrap_or_else(|_| vec![0.0; self.n])
    }

    /// Evaluates at once, or block by block if there are many rows; an error with the first of them if the
    /// run has to end.
    fn evaluate<R>(
        &self,
        expr: &Expr,
        value: impl Fn(&Frame) -> R,
        mut append: impl FnMut(&mut R, R),
    ) -> Result<R, R> {
        let size = (BLOCK * PARTS / expr.parts().max(PARTS)).max(LEAST);
        let splits = self.n >= 2 * size && self.splits(expr);
        let shared = self.sharing(expr, splits);
        let frame = Frame { shared: shared.as_ref().or(self.shared), ..*self };
        if !splits {
            return Ok(value(&frame));
        }
        let reads = frame.reads(expr);
        let mut all = frame.part(0..size, &reads, &value);
        for rows in blocks(size..self.n, size) {
            if self.run.stop.is_due() {
                return Err(all);
            }
            append(&mut all, frame.part(rows, &reads, &value));
        }
        Ok(all)
    }

    /// Whether what an expression says of some of the rows can be put together. Blocks do not share the
    /// elements of lists that exist.
    fn splits(&self, expr: &Expr) -> bool {
        let mut splits = self.owners.len() == self.n || self.over_requests();
        if splits && matches!(expr.ty, Type::List(_) | Type::Vector(_)) {
            expr.walk(&mut |part| {
                let is_list = matches!(part.ty, Type::List(_) | Type::Vector(_));
                let made = matches!(
                    part.kind,
                    Kind::Read { .. }
                        | Kind::VectorOf { .. }
                        | Kind::List(_)
                        | Kind::If { .. }
                        | Kind::Call { .. }
                );
                splits &= made || !is_list;
            });
        }
        splits
    }

    /// Which bound columns an expression reads.
    pub(super) fn reads(&self, expr: &Expr) -> Vec<bool> {
        let mut reads = vec![false; self.bound.len()];
        expr.walk(&mut |part| {
            if let Kind::Bound(place) = part.kind
                && let Some(read) = reads.get_mut(place as usize)
            {
                *read = true;
            }
        });
        reads
    }

    /// Evaluates something over some of the rows; `reads` says which bound columns it reads.
    pub(super) fn part<R>(
        &self,
        rows: Range<usize>,
        reads: &[bool],
        value: impl FnOnce(&Frame) -> R,
    ) -> R {
        let part = |(column, &read): (&Column, &bool)| match read {
            true => column.slice(rows.clone()),
            false => Column::Bool(Vec::new()),
        };
        let bound: Vec<Column> = self.bound.iter().zip(reads).map(part).collect();
        value(&Frame {
            n: rows.len(),
            owners: self.owners.get(rows.clone()).unwrap_or(&[]),
            ids: self.ids.get(rows.clone()).unwrap_or(&[]),
            scores: self.scores.get(rows.clone()).unwrap_or(&[]),
            bound: &bound,
            first: self.first + rows.start,
            memo: None,
            ..*self
        })
    }
}

impl<'a> Frame<'a> {
    /// Computes what would otherwise be computed in each block, or for each part of the links.
    fn sharing(&self, expr: &Expr, splits: bool) -> Option<Shared<'a>> {
        let mut found = Found::default();
        found.look(self, expr, 0);
        if found.exprs.is_empty() || !(splits || found.over_links) {
            return None;
        }
        let value = |&part: &&Expr| {
            let value = match (&part.kind, self.link.and_then(|link| link.outer)) {
                (Kind::Outer(inner), Some(outer)) => self.of_outer(outer, inner),
                _ => {
                    let requests = Frame::requests(self.run);
                    match requests.n > AT_ONCE {
                        true => from_column(requests.column(part)),
                        false => requests.eval(part),
                    }
                }
            };
            (part.address(), value)
        };
        Some(Shared { values: found.exprs.iter().map(value).collect(), above: self.shared })
    }
}

/// The largest parts of an expression that can be shared.
#[derive(Default)]
struct Found<'e> {
    exprs: Vec<&'e Expr>,
    /// Whether links are looked at.
    over_links: bool,
    /// Where it was looked in a large expression.
    seen: HashSet<(usize, usize)>,
}

impl<'e> Found<'e> {
    /// `depth` scopes of links further in than the rows of the frame.
    fn look(&mut self, frame: &Frame, expr: &'e Expr, depth: usize) {
        if !expr.is_small() && !self.seen.insert((expr.address(), depth)) {
            return;
        }
        let over_requests = depth == 0 && frame.over_requests();
        let can_be_shared = match &expr.kind {
            Kind::Param(..) | Kind::Now | Kind::Viewer => return,
            Kind::OverSet { .. } => true,
            Kind::Outer(_) if depth == 0 => frame.link.is_some_and(|link| link.outer.is_some()),
            Kind::Outer(inner) => return self.look(frame, inner, depth - 1),
            _ => expr.level == Level::Request && !over_requests,
        };
        if can_be_shared {
            if frame.shared.is_none_or(|shared| shared.find(expr).is_none()) {
                self.exprs.push(expr);
            }
            return;
        }
        recurse(|| expr.each_child(&mut |child| self.look(frame, child, depth)));
        if let Kind::OverLinks(over) = &expr.kind {
            self.over_links = true;
            over.edge.each_expr(&mut |part| self.look(frame, part, depth + 1));
            for part in [&over.filter, &over.value].into_iter().flatten() {
                self.look(frame, part, depth + 1);
            }
        }
    }
}

/// Appends, with room for all that will come.
fn add<T>(all: &mut Vec<T>, more: Vec<T>, n: usize) {
    all.reserve(n - all.len());
    all.extend(more);
}
