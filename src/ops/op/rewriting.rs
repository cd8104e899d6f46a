//! What the rewrites ask of an operator.

use super::{Effect, Instance, Op};
use crate::expr::Expr;
use crate::ops::Used;
use std::sync::Arc;

/// When an operator may move, shrink or go.
pub trait Rewriting: Op {
    /// The conditions of a filter.
    fn as_filter(&self) -> Option<&[Expr]> {
        None
    }

    /// A fan-out whose quantity is `auto` can search under a condition on what it finds. Gives the
    /// operator that does, or none if a filter has to stay behind it.
    fn absorb(&self, _condition: &Expr) -> Option<Arc<dyn Instance>> {
        None
    }

    /// Whether what narrows the rows behind it, by their entity alone, means the same before it
    /// (`let`, `filter`, `-`, `&`). Where it reads positions it does not: there would be others.
    fn lets_filters_pass(&self) -> bool {
        false
    }

    /// Whether what narrows the rows behind it, by their entity alone, means the same before it in each
    /// of its inputs (`|`).
    fn hands_filters_on(&self) -> bool {
        false
    }

    /// The operator with other expressions; none if it has none.
    fn mapped(&self, _f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        None
    }

    /// The operator without what makes no difference to its rows and their scores: names that the program chooses, places
    /// of columns, columns that are only bound, the order of conditions. None if it has nothing of the kind.
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        None
    }

    /// Whether it stands in the place of an operator that never returns a row.
    fn is_nothing(&self) -> bool {
        false
    }

    /// What it comes to where its constants decide, or that there is nothing in some of its inputs
    /// (`empty` says in which); none if the data has to be asked.
    fn becomes(&self, empty: &[bool]) -> Option<Becomes> {
        let without_rows = self.effect() != Effect::Other && empty.first() == Some(&true);
        without_rows.then_some(Becomes::Nothing)
    }

    /// What it uses of the rows of an input, given what is used of its own: what it hands on, and
    /// what its expressions read.
    fn uses(&self, _input: usize, _own: &Used) -> Used {
        Used::ALL
    }

    /// Whether it takes rows of the first input away that are in the second, and no others.
    fn leaves_out(&self) -> bool {
        false
    }

    /// The operator for those who use no more of its rows than that; none if it saves nothing.
    fn narrowed(&self, _used: &Used) -> Option<Arc<dyn Instance>> {
        None
    }
}

/// What an operator comes to that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// No rows for any request.
    Nothing,
    /// The rows of that input as they are.
    Input(usize),
    /// The rows of that input, in other columns.
    Rows(usize),
}

/// A copy of an operator with other expressions, wherever it has some.
pub fn mapped<T: Instance + Clone + 'static>(
    op: &T,
    exprs: impl for<'a> FnOnce(&'a mut T) -> Vec<&'a mut Expr>,
    f: &mut dyn FnMut(Expr) -> Expr,
) -> Option<Arc<dyn Instance>> {
    let mut op = op.clone();
    for expr in exprs(&mut op) {
        *expr = f(std::mem::replace(expr, Expr::error()));
    }
    Some(Arc::new(op))
}
