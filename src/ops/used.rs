//! What others use of the rows of an operator: which columns, whether the order, how many rows.
//!
//! The rules of `optimize` ask operators what they use of their inputs ([`Rewriting::uses`](super::Rewriting::uses))
//! and put operators that give no more in their place ([`Rewriting::narrowed`](super::Rewriting::narrowed)).

use super::Quantity;
use crate::expr::{Expr, Kind, NodeId, Run};
use std::collections::BTreeSet;

/// What is used of the rows of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// Places of the columns that someone reads; none where it may be all of them. A column that
    /// nobody reads need not be there: it is empty, whatever the number of rows.
    pub columns: Option<BTreeSet<usize>>,
    pub part: Part,
}

/// What is used of a list of rows.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Part {
    /// Whether the order of the rows makes a difference.
    pub order: bool,
    /// No rows but the first, up to the end of the longest of these windows; none: all rows.
    pub rows: Option<Vec<Window>>,
}

/// So many rows after some that are skipped, and as many as there are in some sets: what these have may be
/// left out before.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Window {
    pub offset: Quantity,
    pub n: Quantity,
    pub left_out: Vec<NodeId>,
}

impl Default for Part {
    fn default() -> Self {
        Part::ALL
    }
}

impl Part {
    /// All rows, in their order.
    pub const ALL: Part = Part { order: true, rows: None };

    /// Most rows of each request that are used; none if all are.
    pub fn most(&self, run: &Run) -> Option<Vec<u64>> {
        let mut most = vec![0; run.requests()];
        for window in self.rows.as_ref()? {
            let (offset, n) = (window.offset.per_request(run), window.n.per_request(run));
            for (request, most) in most.iter_mut().enumerate() {
                let sets = window.left_out.iter().map(|&set| run.sets.rows(set));
                let left_out: usize = sets.map(|rows| rows.range(request).len()).sum();
                let end = n[request].saturating_add(offset[request]);
                *most = end.saturating_add(left_out as u64).max(*most);
            }
        }
        Some(most)
    }

    /// The same for rows whose order costs nothing.
    pub fn fewer(&self, used: &Used) -> Option<Part> {
        let rows = used.part.rows.clone().filter(|_| self.rows.is_none())?;
        let rows = Some(rows);
        Some(Part { rows, ..Part::ALL })
    }

    /// Whether who asks makes a difference to which rows these are.
    pub fn is_personal(&self) -> bool {
        self.sets().next().is_some() || self.exprs().any(Expr::is_personal)
    }

    /// The sets that have to be there to know which rows these are.
    pub fn sets(&self) -> impl Iterator<Item = NodeId> {
        let windows = self.rows.iter().flatten();
        windows.flat_map(|window| window.left_out.iter().copied())
    }

    /// What is evaluated to know which rows these are.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let windows = self.rows.iter().flatten();
        let numbers = windows.flat_map(|window| [&window.offset, &window.n]);
        numbers.filter_map(|number| match number {
            Quantity::PerRequest(expr) => Some(expr),
            _ => None,
        })
    }

    /// The part of it that is used; none if that is not less.
    pub fn narrowed(&self, used: &Used) -> Option<Part> {
        let part = Part {
            order: self.order && used.part.order,
            rows: self.rows.clone().or_else(|| used.part.rows.clone()),
        };
        (part != *self).then_some(part)
    }
}

impl Window {
    /// The same where what is in a set may be left out before.
    pub fn and(&self, set: NodeId) -> Window {
        let mut window = self.clone();
        window.left_out.push(set);
        window
    }

    /// Whether the numbers are those of the program or come with the request: a number that is
    /// made of rows is not known before they are.
    pub fn is_known_before(&self) -> bool {
        [&self.n, &self.offset].iter().all(|number| match number {
            Quantity::PerRequest(expr) => expr.sets().is_empty(),
            _ => true,
        })
    }
}

impl Used {
    /// Everything.
    pub const ALL: Used = Used { columns: None, part: Part::ALL };

    /// Which rows there are, but nothing of them and not in which order.
    pub fn members() -> Used {
        Used { columns: Some(BTreeSet::new()), part: Part { order: false, rows: None } }
    }

    /// Nothing at all: nobody has been asked yet.
    pub fn nothing() -> Used {
        Used { part: Part { order: false, rows: Some(Vec::new()) }, ..Used::members() }
    }

    pub fn is_read(&self, column: usize) -> bool {
        self.columns.as_ref().is_none_or(|c| c.contains(&column))
    }

    pub fn read(&mut self, column: usize) {
        self.columns.iter_mut().for_each(|columns| {
            columns.insert(column);
        });
    }

    pub fn unread(&mut self, column: usize) {
        self.columns.iter_mut().for_each(|columns| {
            columns.remove(&column);
        });
    }

    /// And what expressions over the rows read of them.
    pub fn reading<'e>(mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Used {
        for expr in exprs {
            expr.walk_bound(&mut |part| match part.kind {
                Kind::Bound(column) => self.read(column as usize),
                Kind::Position => self.part.order = true,
                _ => {}
            });
        }
        self
    }

    /// Of all rows, not only the first.
    pub fn of_all_rows(mut self) -> Used {
        self.part.rows = None;
        self
    }

    /// Of rows that will stand in another order, all of them.
    pub fn of_any_score(self) -> Used {
        self.of_all_rows().in_any_order()
    }

    pub fn in_any_order(mut self) -> Used {
        self.part.order = false;
        self
    }

    pub fn in_order(mut self) -> Used {
        self.part.order = true;
        self
    }

    /// The columns of an input that are at these places here.
    pub fn columns_from(&self, places: impl Iterator<Item = (usize, usize)>) -> Used {
        let read = places.filter(|(own, _)| self.is_read(*own));
        Used { columns: Some(read.map(|(_, input)| input).collect()), part: self.part.clone() }
    }

    /// And what another uses.
    pub fn add(&mut self, other: Used) {
        self.columns = match (self.columns.take(), other.columns) {
            (Some(mut own), Some(more)) => {
                own.extend(more);
                Some(own)
            }
            _ => None,
        };
        self.part.order |= other.part.order;
        self.part.rows = match (self.part.rows.take(), other.part.rows) {
            (Some(mut own), Some(more)) => {
                own.extend(
                    more.into_iter().filter(|window| !own.contains(window)).collect::<Vec<_>>(),
                );
                Some(own)
            }
            _ => None,
        };
    }
}
