//! The parts of an expression, one step down.

use super::{Expr, Kind};

impl Expr {
    /// Calls `f` on every direct part of the expression that is evaluated for the same row
    /// (not on what is evaluated per link or per row of another set).
    pub fn each_child<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            Kind::Read { id, .. }
            | Kind::Visible { id, .. }
            | Kind::VectorOf { id, .. }
            | Kind::ToId { key: id, .. }
            | Kind::InSet { id, .. }
            | Kind::OfSet { id, .. }
            | Kind::Outer(id) => f(id),
            Kind::Call { args, .. } | Kind::List(args) | Kind::Hash(args) => {
                args.iter().for_each(f);
            }
            Kind::Uniform { salt, ids } => {
                f(salt);
                ids.iter().for_each(f);
            }
            Kind::Extract { text, .. } => f(text),
            Kind::If { condition, then, otherwise } => {
                f(condition);
                f(then);
                f(otherwise);
            }
            Kind::OverLinks(over) => {
                f(&over.from);
                over.to.iter().chain(&over.within).for_each(f);
            }
            _ => {}
        }
    }
}

/// Calls `f` on every direct part, and tells how many link scopes further in it stands (`Outer` leads
/// one out). Written once for parts to look at and for parts to replace.
macro_rules! each_part {
    ($kind:expr, $f:expr, $each_expr:ident, $iter:ident $(, $mutable:tt)?) => {
        match $kind {
            Kind::Read { id, .. }
            | Kind::Visible { id, .. }
            | Kind::VectorOf { id, .. }
            | Kind::ToId { key: id, .. }
            | Kind::InSet { id, .. }
            | Kind::OfSet { id, .. }
            | Kind::Extract { text: id, .. } => $f(id, 0),
            Kind::Outer(row) => $f(row, -1),
            Kind::Call { args, .. } | Kind::List(args) | Kind::Hash(args) => {
                args.$iter().for_each(|part| $f(part, 0))
            }
            Kind::Uniform { salt, ids } => {
                $f(salt, 0);
                ids.$iter().for_each(|part| $f(part, 0));
            }
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                $f(condition, 0);
                $f(then, 0);
                $f(otherwise, 0);
            }
            Kind::OverSet { value, .. } => value.$iter().for_each(|part| $f(part, 1)),
            Kind::OverLinks(over) => {
                let over = & $($mutable)? **over;
                $f(& $($mutable)? over.from, 0);
                over.to.$iter().for_each(|part| $f(part, 0));
                over.edge.$each_expr(&mut |part| $f(part, 1));
                over.within.$iter().for_each(|part| $f(part, 0));
                over.filter.$iter().for_each(|part| $f(part, 1));
                over.value.$iter().for_each(|part| $f(part, 1));
            }
            Kind::Const(_)
            | Kind::Param(..)
            | Kind::Now
            | Kind::Viewer
            | Kind::It
            | Kind::Score
            | Kind::Position
            | Kind::Bound(_)
            | Kind::Link(_) => {}
        }
    };
}

impl Kind {
    /// Calls `f` on every direct part and tells how many link scopes further in it stands.
    pub(super) fn each_part<'a>(&'a self, f: &mut dyn FnMut(&'a Expr, i32)) {
        each_part!(self, f, each_expr, iter);
    }

    /// The same, to put other parts in their places.
    pub(super) fn each_part_mut(&mut self, f: &mut dyn FnMut(&mut Expr, i32)) {
        each_part!(self, f, each_expr_mut, iter_mut, mut);
    }
}
