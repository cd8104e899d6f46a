//! Edges: directed links, stored or derived.

use super::walk::Seen;
use super::{Expr, Kind};
use crate::types::{EdgeId, EntityId, Type};

/// Directed links, stored or derived.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct EdgeExpr {
    pub kind: EdgeKind,
    pub from: EntityId,
    pub to: EntityId,
    pub has_time: bool,
    pub has_weight: bool,
    pub columns: Vec<(String, Type)>,
    /// As the program writes it, for explanations.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub enum EdgeKind {
    Table {
        edge: EdgeId,
        reverse: bool,
    },
    Reference {
        entity: EntityId,
        reference: u32,
        reverse: bool,
    },
    /// Links of `inner` for which `keep` is true.
    Filter {
        inner: Box<EdgeExpr>,
        keep: Expr,
    },
    Weight {
        inner: Box<EdgeExpr>,
        weight: Expr,
    },
    /// The links of each in turn. `columns[b][c]` is where branch `b` has column `c`.
    Union {
        branches: Vec<EdgeExpr>,
        columns: Vec<Vec<u32>>,
    },
    /// First one, then the other; time, weight and columns are those of `first` or of `second`.
    Chain {
        first: Box<EdgeExpr>,
        second: Box<EdgeExpr>,
        carries_second: bool,
    },
}

impl EdgeExpr {
    /// Whether no link leads over another row.
    pub(super) fn is_one_step(&self) -> bool {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => true,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => inner.is_one_step(),
            EdgeKind::Union { branches, .. } => branches.iter().all(EdgeExpr::is_one_step),
            EdgeKind::Chain { .. } => false,
        }
    }

    /// Whether no entity has links from two others, nor two links from one: the reverse of a
    /// reference, which each row holds once.
    pub fn is_one_to_many(&self) -> bool {
        match &self.kind {
            EdgeKind::Reference { reverse, .. } => *reverse,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
                inner.is_one_to_many()
            }
            _ => false,
        }
    }

    /// Calls `f` on every part of every expression in the edge.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.each_expr(&mut |part| part.walk(f));
    }

    /// How many edges it is made of, itself included, and how many aggregates over links its conditions and
    /// weights have, each once.
    pub fn size(&self) -> usize {
        let (mut size, mut seen) = (self.own_size(), Seen::everywhere());
        let mut count = |part: &Expr| size += usize::from(matches!(part.kind, Kind::OverLinks(_)));
        self.each_expr(&mut |part| part.walk_new(&mut seen, &mut count));
        size
    }

    fn own_size(&self) -> usize {
        1 + match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => 0,
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => inner.own_size(),
            EdgeKind::Union { branches, .. } => branches.iter().map(EdgeExpr::own_size).sum(),
            EdgeKind::Chain { first, second, .. } => first.own_size() + second.own_size(),
        }
    }

    /// Calls `f` on the tables of the edge, to put others in their places.
    pub fn each_table(&mut self, f: &mut dyn FnMut(&mut EdgeId)) {
        match &mut self.kind {
            EdgeKind::Table { edge, .. } => f(edge),
            EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => inner.each_table(f),
            EdgeKind::Union { branches, .. } => branches.iter_mut().for_each(|b| b.each_table(f)),
            EdgeKind::Chain { first, second, .. } => {
                first.each_table(f);
                second.each_table(f);
            }
        }
    }

    /// Calls `f` on the expressions of the edge, each whole.
    pub fn each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: own } | EdgeKind::Weight { inner, weight: own } => {
                inner.each_expr(f);
                f(own);
            }
            EdgeKind::Union { branches, .. } => branches.iter().for_each(|b| b.each_expr(f)),
            EdgeKind::Chain { first, second, .. } => {
                first.each_expr(f);
                second.each_expr(f);
            }
        }
    }

    /// The expressions of the edge, each whole, to put others in their places.
    pub fn exprs_mut(&mut self) -> Vec<&mut Expr> {
        let mut exprs = Vec::new();
        self.each_expr_mut(&mut |part| exprs.push(part));
        exprs
    }

    pub(super) fn each_expr_mut<'a>(&'a mut self, f: &mut dyn FnMut(&'a mut Expr)) {
        match &mut self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => {}
            EdgeKind::Filter { inner, keep: own } | EdgeKind::Weight { inner, weight: own } => {
                inner.each_expr_mut(f);
                f(own);
            }
            EdgeKind::Union { branches, .. } => {
                branches.iter_mut().for_each(|b| b.each_expr_mut(f));
            }
            EdgeKind::Chain { first, second, .. } => {
                first.each_expr_mut(f);
                second.each_expr_mut(f);
            }
        }
    }

    /// The same edge under another name: what `name` says of it, and of the edges that it is made of before.
    pub fn renamed(self, name: &dyn Fn(&EdgeExpr) -> String) -> EdgeExpr {
        let boxed = |inner: Box<EdgeExpr>| Box::new(inner.renamed(name));
        let kind = match self.kind {
            EdgeKind::Table { .. } | EdgeKind::Reference { .. } => self.kind,
            EdgeKind::Filter { inner, keep } => EdgeKind::Filter { inner: boxed(inner), keep },
            EdgeKind::Weight { inner, weight } => EdgeKind::Weight { inner: boxed(inner), weight },
            EdgeKind::Union { branches, columns } => {
                let branches = branches.into_iter().map(|branch| branch.renamed(name)).collect();
                EdgeKind::Union { branches, columns }
            }
            EdgeKind::Chain { first, second, carries_second } => {
                let (first, second) = (boxed(first), boxed(second));
                EdgeKind::Chain { first, second, carries_second }
            }
        };
        let edge = EdgeExpr { kind, ..self };
        let name = name(&edge);
        EdgeExpr { name, ..edge }
    }

    /// The same links from their other end.
    pub fn reversed(&self) -> EdgeExpr {
        let flip = |e: &Expr| e.clone().swapped_ends();
        let kind = match &self.kind {
            EdgeKind::Table { edge, reverse } => EdgeKind::Table { edge: *edge, reverse: !reverse },
            EdgeKind::Reference { entity, reference, reverse } => {
                EdgeKind::Reference { entity: *entity, reference: *reference, reverse: !reverse }
            }
            EdgeKind::Filter { inner, keep } => {
                EdgeKind::Filter { inner: Box::new(inner.reversed()), keep: flip(keep) }
            }
            EdgeKind::Weight { inner, weight } => {
                EdgeKind::Weight { inner: Box::new(inner.reversed()), weight: flip(weight) }
            }
            EdgeKind::Union { branches, columns } => EdgeKind::Union {
                branches: branches.iter().map(EdgeExpr::reversed).collect(),
                columns: columns.clone(),
            },
            EdgeKind::Chain { first, second, carries_second } => EdgeKind::Chain {
                first: Box::new(second.reversed()),
                second: Box::new(first.reversed()),
                carries_second: !carries_second,
            },
        };
        let name = match self.name.strip_prefix('~') {
            Some(plain) => plain.to_owned(),
            None if self.name.contains(' ') => format!("~({})", self.name),
            None => format!("~{}", self.name),
        };
        EdgeExpr { kind, from: self.to, to: self.from, name, ..self.clone() }
    }

    /// Where the column of that name is.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(n, _)| n == name)
    }
}
