//! The links that are examples, and what is read of them.

use crate::batch::Column;
use crate::expr::gather::{Degrees, Starts, gather, over};
use crate::expr::links::{Links, Needs};
use crate::expr::run::Run;
use crate::expr::value::Val;
use crate::expr::{EdgeExpr, Expr};
use crate::types::NULL_INT;
use rayon::prelude::*;

/// Links of an edge in the order of time, then as listed.
#[derive(Default)]
pub struct Found {
    pub viewers: Vec<u32>,
    pub rows: Vec<u32>,
    pub times: Vec<i64>,
    /// What expressions say of each link.
    pub columns: Vec<Column>,
    /// Links without a time, which are no examples.
    pub untimed: u64,
    /// Older links than those that are used.
    pub left_out: u64,
}

impl Found {
    /// The newest links that a request sees, with the values of some expressions over them.
    pub fn of(run: &Run, edge: &EdgeExpr, exprs: &[&Expr], most: u64) -> Found {
        let viewers: Vec<u32> = (0..run.snapshot.schema().entity(edge.from).rows).collect();
        let needs = Needs { time: true, ..Needs::of(edge) };
        let needs = exprs.iter().fold(needs, |needs, expr| needs.and(expr));
        let mut found = Found::default();
        let empty = |expr: &&Expr| Val::null(&expr.ty).into_column(0);
        found.columns = exprs.iter().map(empty).collect();
        let mut listed = Vec::new();
        if let Degrees::Stored(links) = Degrees::of(run, edge) {
            found.reserve(links.target.len());
            listed.reserve(links.target.len());
        }
        // links without times are all seen, and all later than what is seen
        let end = (!edge.has_time).then(|| run.now[0].saturating_add(1));
        let time = |links: &Links, link: usize| end.unwrap_or_else(|| time(links, link));
        each_part(run, edge, &viewers, &needs, |starts, links| {
            let owners = vec![0; starts.len()];
            let from =
                Starts { ids: starts, owners: &owners, ends: None, any: false, shared: None };
            let timed: Vec<u8> =
                (0..links.len()).map(|link| u8::from(time(links, link) != NULL_INT)).collect();
            let links = links.retain(&timed);
            found.untimed += timed.iter().filter(|&&timed| timed == 0).count() as u64;
            for (column, expr) in found.columns.iter_mut().zip(exprs) {
                column.append(&over(run, &links, from, |frame| frame.column(expr)));
            }
            found.viewers.extend(links.parent.iter().map(|&parent| starts[parent as usize]));
            found.rows.extend(&links.to);
            found.times.extend((0..links.len()).map(|link| time(&links, link)));
            listed.extend(&links.listed);
        });
        found.sorted(listed, most)
    }

    fn reserve(&mut self, links: usize) {
        self.viewers.reserve(links);
        self.rows.reserve(links);
        self.times.reserve(links);
    }

    /// In the order of time. What is sorted goes before the next is: there can be more than fits twice.
    fn sorted(self, listed: Vec<u64>, most: u64) -> Found {
        let mut order: Vec<u32> = (0..self.times.len() as u32).collect();
        order.par_sort_unstable_by_key(|&link| {
            let at = link as usize;
            (self.times[at], listed[at], self.viewers[at], self.rows[at], link)
        });
        drop(listed);
        let left_out = order.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let order = &order[left_out..];
        Found {
            viewers: at(self.viewers, order),
            rows: at(self.rows, order),
            times: at(self.times, order),
            columns: self.columns.into_iter().map(|column| column.gather(order)).collect(),
            untimed: self.untimed,
            left_out: left_out as u64,
        }
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }
}

/// Values in an order.
fn at<T: Copy>(values: Vec<T>, order: &[u32]) -> Vec<T> {
    order.iter().map(|&place| values[place as usize]).collect()
}

fn time(links: &Links, link: usize) -> i64 {
    links.time.get(link).copied().unwrap_or(NULL_INT)
}

/// Calls `f` with the links of an edge from some rows, as the only request of a run sees them: a part at a time, with
/// the rows that the part is about.
pub fn each_part(
    run: &Run,
    edge: &EdgeExpr,
    rows: &[u32],
    needs: &Needs,
    mut f: impl FnMut(&[u32], &Links),
) {
    let owners = vec![0; rows.len()];
    let starts = Starts { ids: rows, owners: &owners, ends: None, any: false, shared: None };
    let degrees = Degrees::of(run, edge);
    for (part, _) in degrees.parts(run.stop, rows, rows.len()) {
        let links = gather(run, edge, starts.part(part.clone()), needs);
        f(&rows[part], &links);
    }
}
