//! Links of several edges: of one or another, of one and then another.

use super::{Starts, gather};
use crate::batch::Column;
use crate::expr::ir::{EdgeExpr, EdgeKind};
use crate::expr::links::{LinkOrder, Links, Needs};
use crate::expr::run::Run;
use crate::types::NULL_INT;

/// How many links an edge lists in all: what the numbers in [`Links::listed`] stay below.
fn listed_links(run: &Run, edge: &EdgeExpr) -> u64 {
    match &edge.kind {
        EdgeKind::Table { edge, .. } => run.snapshot.schema().edge(*edge).links,
        EdgeKind::Reference { entity, .. } => u64::from(run.snapshot.schema().entity(*entity).rows),
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => listed_links(run, inner),
        EdgeKind::Union { branches, .. } => branches.iter().map(|b| listed_links(run, b)).sum(),
        EdgeKind::Chain { first, second, carries_second } => {
            listed_links(run, if *carries_second { second } else { first })
        }
    }
}

/// The links of each branch in turn, per start.
pub(super) fn union(
    run: &Run,
    edge: &EdgeExpr,
    branches: &[EdgeExpr],
    columns: &[Vec<u32>],
    starts: Starts,
    needs: &Needs,
) -> Links {
    let mut all = Links { columns: vec![None; edge.columns.len()], ..Links::default() };
    let mut parts: Vec<Vec<Column>> = vec![Vec::new(); edge.columns.len()];
    let mut base = 0;
    for (branch, places) in branches.iter().zip(columns) {
        let mut own = Needs { columns: vec![false; branch.columns.len()], ..needs.clone() };
        for (c, &place) in places.iter().enumerate() {
            own.columns[place as usize] = needs.columns[c];
        }
        let links = gather(run, branch, starts, &own);
        let n = links.len();
        if needs.time {
            extend_or_fill(&mut all.time, &links.time, n, NULL_INT);
        }
        if needs.since {
            extend_or_fill(&mut all.since, &links.since, n, NULL_INT);
        }
        if needs.weight {
            extend_or_fill(&mut all.weight, &links.weight, n, 1.0);
        }
        all.listed.extend(links.listed.iter().map(|l| l + base));
        all.parent.extend(links.parent);
        all.to.extend(links.to);
        for (c, &place) in places.iter().enumerate() {
            parts[c].extend(links.columns.get(place as usize).cloned().flatten());
        }
        base += listed_links(run, branch);
    }
    for (c, parts) in parts.iter().enumerate() {
        all.columns[c] = needs.columns[c].then(|| Column::concat(parts));
    }
    all.sorted_by(LinkOrder::Any, run.stop, |_| 0)
}

fn extend_or_fill<T: Copy>(all: &mut Vec<T>, more: &[T], n: usize, fill: T) {
    if more.is_empty() {
        all.resize(all.len() + n, fill);
    } else {
        all.extend_from_slice(more);
    }
}

/// Along one edge, then along the other. One of the two gives time, weight and columns.
pub(super) fn chain(
    run: &Run,
    first: &EdgeExpr,
    second: &EdgeExpr,
    carries_second: bool,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let (own, other) =
        (needs.clone(), |edge: &EdgeExpr| Needs { since: needs.since, ..Needs::of(edge) });
    let (near_needs, far_needs) =
        if carries_second { (other(first), own) } else { (own, other(second)) };
    let from = Starts { ends: None, any: false, ..starts };
    let near = gather(run, first, from, &near_needs);
    let owners = starts.owners_of(&near);
    let ends: Option<Vec<u32>> =
        starts.ends.map(|ends| near.parent.iter().map(|&p| ends[p as usize]).collect());
    let on = Starts {
        ids: &near.to,
        owners: &owners,
        ends: ends.as_deref(),
        any: starts.any,
        shared: starts.shared,
    };
    let far = gather(run, second, on, &far_needs);
    let parent = far.parent.iter().map(|&p| near.parent[p as usize]).collect();
    let since = match needs.since {
        true => {
            let both = far.parent.iter().zip(&far.since);
            both.map(|(&p, &since)| since.max(near.since[p as usize])).collect()
        }
        false => Vec::new(),
    };
    if carries_second {
        Links { parent, since, order: LinkOrder::Any, ..far }
    } else {
        let order = near.order;
        Links { to: far.to, since, ..near.select(&far.parent, order) }
    }
}
