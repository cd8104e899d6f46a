//! Long evaluations in blocks: what is computed on the way stays in the cache, and a run that has to end
//! need not wait for all of it.

use super::eval::Frame;
use super::{Expr, Kind};
use crate::batch::{BLOCK, Column, blocks};
use crate::types::Type;
use std::ops::Range;

impl Frame<'_> {
    /// The value of an expression as a column of `n` rows.
    pub fn column(&self, expr: &Expr) -> Column {
        self.column_until(expr)
            .unwrap_or_else(|part| part.zeros(self.n))
    }

    /// The same; if the run has to end, an error with some of the first rows.
    pub fn column_until(&self, expr: &Expr) -> Result<Column, Column> {
        let value = |frame: &Frame| frame.eval(expr).into_column(frame.n);
        let append = |all: &mut Column, more| {
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
        append: impl Fn(&mut R, R),
    ) -> Result<R, R> {
        if !self.splits(expr) {
            return Ok(value(self));
        }
        let mut reads = vec![false; self.bound.len()];
        expr.walk(&mut |part| {
            if let Kind::Bound(place) = part.kind {
                reads[place as usize] = true;
            }
        });
        let mut all = self.block(0..BLOCK, &reads, &value);
        for rows in blocks(BLOCK..self.n, BLOCK) {
            if self.run.stop.is_due() {
                return Err(all);
            }
            append(&mut all, self.block(rows, &reads, &value));
        }
        Ok(all)
    }

    /// Whether there are many rows, and what an expression says of one does not depend on where it
    /// stands. Lists would have to be laid out anew.
    fn splits(&self, expr: &Expr) -> bool {
        let is_scalar = !matches!(expr.ty, Type::List(_) | Type::Vector(_));
        let is_long = self.n >= 2 * BLOCK && self.owners.len() == self.n && self.link.is_none();
        let mut splits = is_long && is_scalar;
        if splits {
            expr.walk(&mut |part| splits &= part.kind != Kind::Position);
        }
        splits
    }

    fn block<R>(&self, rows: Range<usize>, reads: &[bool], value: impl Fn(&Frame) -> R) -> R {
        let part = |(column, &read): (&Column, &bool)| match read {
            true => column.slice(rows.clone()),
            false => Column::Bool(Vec::new()),
        };
        let bound: Vec<Column> = self.bound.iter().zip(reads).map(part).collect();
        value(&Frame {
            n: rows.len(),
            owners: &self.owners[rows.clone()],
            ids: self.ids.get(rows.clone()).unwrap_or(&[]),
            scores: self.scores.get(rows).unwrap_or(&[]),
            bound: &bound,
            offsets: &[],
            ..*self
        })
    }
}

/// Appends, with room for all that will come.
fn add<T>(all: &mut Vec<T>, more: Vec<T>, n: usize) {
    all.reserve(n - all.len());
    all.extend(more);
}
