//! Aggregates over links, for few links at a time.

use super::fold::fold;
use crate::batch::{Column, Pace};
use crate::expr::gather::{Degrees, Starts, gather, hold_links, is_within, recent};
use crate::expr::ir::{EdgeExpr, EdgeKind, OverLinks, Stat};
use crate::expr::links::{Links, Needs};
use crate::expr::run::{Frame, LinkFrame, Run};
use crate::expr::value::{Arg, Val, from_column};
use crate::types::Type;

/// An aggregate over the links of every row of a frame, for few links at a time.
pub(super) fn aggregate<'a>(frame: &Frame<'a>, over: &OverLinks, ty: &Type) -> Val<'a> {
    let (run, n) = (frame.run, frame.n);
    let ids = frame.eval(&over.from).codes().spread(n);
    let owners: Vec<u32> = (0..n).map(|i| frame.owner(i) as u32).collect();
    let ends = over.to.as_ref().map(|to| frame.eval(to).codes().spread(n));
    let unread = over.filter.is_none() && over.value.is_none();
    let starts = Starts {
        ids: &ids,
        owners: &owners,
        ends: ends.as_deref(),
        any: unread && over.within.is_none() && over.stat == Stat::Exists,
        shared: frame.shared,
    };
    let within = over.within.as_ref().map(|within| frame.eval(within).ints());
    if unread
        && ends.is_none()
        && let Some(counts) = counts(run, &over.edge, starts, within.as_ref())
    {
        return counted(over.stat, counts);
    }
    let degrees = Degrees::of(run, &over.edge);
    let reads = [&over.from].into_iter().chain(&over.within).chain(&over.filter).chain(&over.value);
    let reads = reads.fold(vec![false; frame.bound.len()], |mut all, part| {
        let own = frame.reads(part);
        all.iter_mut().zip(own).for_each(|(all, own)| *all |= own);
        all
    });
    let mut all: Option<Column> = None;
    for (rows, links) in degrees.parts(run.stop, &ids, n) {
        let _held = hold_links(run, links);
        let starts = starts.part(rows.clone());
        let column = match rows.len() == n {
            true => of_links(frame, over, starts, ty),
            false => frame.part(rows, &reads, |frame| of_links(frame, over, starts, ty)),
        };
        match &mut all {
            None => all = Some(column),
            Some(all) => all.append(&column),
        }
    }
    let mut all = all.unwrap_or_else(|| Val::null(ty).into_column(0));
    // where the run has to end, the others say anything
    all.append(&all.zeros(n - all.len()));
    from_column(all)
}

/// Whether no request has more than `most` links along an edge from where an aggregate begins, which is the
/// same for all rows of a request.
pub fn degree_within(run: &Run, over: &OverLinks, most: usize) -> bool {
    let frame = Frame::requests(run);
    let ids = frame.eval(&over.from).codes().spread(frame.n);
    let degrees = Degrees::of(run, &over.edge);
    let pace = Pace::new(run.stop);
    ids.iter().all(|&id| degrees.count(id, &pace) <= most)
}

/// Of every request, the rows that a membership is true of, ascending (see [`OverLinks::is_membership`]). If the
/// run has to end, any.
pub fn members(run: &Run, over: &OverLinks) -> Vec<Vec<u32>> {
    let frame = Frame::requests(run);
    let ids = frame.eval(&over.from).codes().spread(frame.n);
    let owners: Vec<u32> = (0..frame.n as u32).collect();
    let degrees = Degrees::of(run, &over.edge);
    let starts = Starts { ids: &ids, owners: &owners, ends: None, any: false, shared: None };
    let mut members = vec![Vec::new(); frame.n];
    for (rows, links) in degrees.parts(run.stop, &ids, frame.n) {
        let _held = hold_links(run, links);
        if run.stop.is_over() {
            break;
        }
        let starts = starts.part(rows.clone());
        let links = frame.part(rows.clone(), &[], |frame| matching(frame, over, starts));
        for (&parent, &to) in links.parent.iter().zip(&links.to) {
            members[rows.start + parent as usize].push(to);
        }
    }
    for ids in &mut members {
        ids.sort_unstable();
        ids.dedup();
    }
    members
}

/// An aggregate over the links of the rows of a frame, which are its starts.
fn of_links(frame: &Frame, over: &OverLinks, starts: Starts, ty: &Type) -> Column {
    if frame.run.stop.is_over() {
        return Val::null(ty).into_column(0).zeros(frame.n);
    }
    let links = matching(frame, over, starts);
    let values =
        over.value.as_ref().map(|value| in_links(frame, &links, starts, |f| f.column(value)));
    fold(over.stat, &links.offsets(frame.n), values.as_ref(), ty)
}

fn counted(stat: Stat, counts: Vec<i64>) -> Val<'static> {
    from_column(match stat {
        Stat::Exists => Column::Bool(counts.iter().map(|&c| u8::from(c > 0)).collect()),
        _ => Column::I64(counts),
    })
}

/// How many links each start has, without looking at them: from the numbers of stored links, where
/// all are seen, and from a search in their times, which are in order. None where that does not do.
fn counts(
    run: &Run,
    edge: &EdgeExpr,
    starts: Starts,
    within: Option<&Arg<i64>>,
) -> Option<Vec<i64>> {
    let adjacency = match &edge.kind {
        EdgeKind::Table { edge, reverse } => run.snapshot.adjacency(*edge, *reverse),
        EdgeKind::Reference { entity, reference, reverse: true } => {
            run.snapshot.referrers(*entity, *reference as usize)
        }
        EdgeKind::Weight { inner, .. } => return counts(run, inner, starts, within),
        EdgeKind::Union { branches, .. } => {
            let mut sum = vec![0; starts.ids.len()];
            for branch in branches {
                let counts = counts(run, branch, starts, within)?;
                sum.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
            return Some(sum);
        }
        _ => return None,
    };
    let reverse_reference = matches!(edge.kind, EdgeKind::Reference { .. });
    let all_seen = run.all_see(adjacency.latest);
    // a link of a reversed reference has the time of the row that it leads to
    let by_time = reverse_reference || run.all_visible(edge.to);
    let Some(times) = adjacency.time.filter(|_| all_seen || by_time) else {
        return (all_seen || (by_time && adjacency.time.is_none())).then(|| {
            let degree = |&id: &u32| match within {
                Some(_) => 0,
                None => adjacency.range(id).len() as i64,
            };
            starts.ids.iter().map(degree).collect()
        });
    };
    let count = |(row, &id): (usize, &u32)| {
        let owner = starts.owner(row);
        let (now, seen) = (run.now[owner], run.sees(owner));
        // newest first, null times last
        let times = &times[adjacency.range(id)];
        let known = &times[times.partition_point(|&time| time > seen)..];
        let Some(within) = within.map(|within| within.get(row)) else {
            return known.len() as i64;
        };
        let fresh = |&time: &i64| is_within(time, now, within);
        known.partition_point(fresh) as i64
    };
    Some(starts.ids.iter().enumerate().map(count).collect())
}

/// The links that an aggregate is over, as listed.
fn matching(frame: &Frame, over: &OverLinks, starts: Starts) -> Links {
    let mut needs = Needs::of(&over.edge);
    needs.time = over.within.is_some();
    for part in [&over.filter, &over.value].into_iter().flatten() {
        needs = needs.and(part);
    }
    let mut links = gather(frame.run, &over.edge, starts, &needs);
    if let Some(within) = &over.within {
        let within = frame.eval(within).ints();
        let within = |link: usize| within.get(links.parent[link] as usize);
        links = links.retain(&recent(frame.run, &links, starts, within));
    }
    if let Some(filter) = &over.filter {
        let keep = in_links(frame, &links, starts, |f| f.condition(filter));
        links = links.retain(&keep);
    }
    links.listed(frame.run.stop)
}

fn in_links<R>(outer: &Frame, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = starts.owners_of(links);
    let link = LinkFrame { links, from: starts.ids, outer: Some(outer) };
    f(&Frame { shared: outer.shared, ..Frame::links(outer.run, &owners, link) })
}
