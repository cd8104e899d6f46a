//! What one evaluation is over: rows with their ids, scores and bound columns, the links of such rows, or
//! the requests.

use super::{Memo, Run};
use crate::batch::{Column, RowBatch};
use crate::expr::functions::own::Scored;
use crate::expr::ir::Expr;
use crate::expr::links::Links;
use crate::expr::value::Val;

/// What an expression is evaluated over.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub run: &'a Run<'a>,
    /// Number of rows.
    pub n: usize,
    /// The request of every row; empty if the rows are the requests themselves.
    pub owners: &'a [u32],
    pub ids: &'a [u32],
    pub scores: &'a [f64],
    pub bound: &'a [Column],
    /// Places restart with each request: needed for `position` only.
    pub offsets: &'a [u32],
    pub link: Option<LinkFrame<'a>>,
    /// Number of the first row, where these are some of the rows, links or requests.
    pub first: usize,
    /// What does not change from row to row, or belongs to the rows whose links these are: computed once,
    /// however many blocks there are.
    pub shared: Option<&'a Shared<'a>>,
    /// Of these very rows: what shared parts of the expression that is evaluated come to. A frame
    /// of other rows has none of its own yet.
    pub memo: Option<&'a Memo>,
    /// What models gave for these rows: outputs of one are computed in one pass.
    pub scored: Option<&'a Scored>,
    /// Whether many links have the same ends, or many rows are the same entity.
    pub repeats: bool,
}

/// The links that a link expression is evaluated over.
#[derive(Clone, Copy)]
pub struct LinkFrame<'a> {
    pub links: &'a Links,
    /// Ids that the links start from, by `links.parent`.
    pub from: &'a [u32],
    /// The rows whose links these are, if an aggregate reads them.
    pub outer: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    /// One row per request, with nothing to read but the request.
    pub fn requests(run: &'a Run<'a>) -> Frame<'a> {
        Frame {
            run,
            n: run.requests(),
            owners: &[],
            ids: &[],
            scores: &[],
            bound: &[],
            offsets: &[],
            link: None,
            first: 0,
            shared: None,
            memo: None,
            scored: None,
            repeats: false,
        }
    }

    /// The rows of a candidate set; `owners` is [`RowBatch::owners`].
    pub fn rows(run: &'a Run<'a>, rows: &'a RowBatch, owners: &'a [u32]) -> Frame<'a> {
        Frame {
            run,
            n: rows.len(),
            owners,
            ids: &rows.ids,
            scores: &rows.scores,
            bound: &rows.columns,
            offsets: &rows.offsets,
            ..Frame::requests(run)
        }
    }

    /// Links; `owners` has the request of every link.
    pub fn links(run: &'a Run<'a>, owners: &'a [u32], link: LinkFrame<'a>) -> Frame<'a> {
        Frame {
            n: link.links.len(),
            owners,
            link: Some(link),
            repeats: true,
            ..Frame::requests(run)
        }
    }

    /// Whether the rows are requests.
    pub fn over_requests(&self) -> bool {
        let plain = self.owners.is_empty() && self.link.is_none() && self.ids.is_empty();
        plain && (self.n > 0 || self.run.requests() == 0)
    }

    /// The request of a row.
    pub fn owner(&self, row: usize) -> usize {
        if self.over_requests() {
            self.first + row
        } else {
            self.owners.get(row).map_or(0, |&r| r as usize)
        }
    }
}

/// Values that are computed once, however many blocks read them: what each request has of its own, and what
/// the rows have whose links are looked at.
#[derive(Default)]
pub struct Shared<'a> {
    /// By the node, which lives while it is evaluated.
    pub values: Vec<(usize, Val<'a>)>,
    /// What was computed before, for the rows that these are some of.
    pub above: Option<&'a Shared<'a>>,
}

impl<'a> Shared<'a> {
    /// The value of a node, if it was computed.
    pub fn find(&'a self, expr: &Expr) -> Option<&'a Val<'a>> {
        let own = self.values.iter().find(|(place, _)| *place == expr.address());
        match own {
            Some((_, value)) => Some(value),
            None => self.above?.find(expr),
        }
    }
}
