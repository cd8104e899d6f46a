//! Links that are stored: of tables, and along references.

use super::Starts;
use crate::batch::Pace;
use crate::expr::links::{LinkOrder, Links, Needs};
use crate::expr::run::Run;
use crate::expr::value::{Arg, Val};
use crate::store::Adjacency;
use crate::types::{EdgeId, EntityId, NULL_CODE, NULL_INT};
use std::borrow::Cow;

/// Those of a table, with the columns that are needed.
pub(super) fn table(
    run: &Run,
    id: EdgeId,
    reverse: bool,
    to: EntityId,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let adjacency = run.snapshot.adjacency(id, reverse);
    let mut links = match starts.ends {
        Some(ends) => {
            let back = run.snapshot.adjacency(id, !reverse);
            between(run, [&adjacency, &back], to, starts, ends, needs)
        }
        None => stored(run, &adjacency, to, starts, needs),
    };
    let rows: Vec<u32> = links.listed.iter().map(|&l| l as u32).collect();
    links.columns = (0..needs.columns.len())
        .map(|i| {
            let view = || run.snapshot.link_column(id, i);
            needs.columns[i].then(|| {
                Val::read(view(), &Arg::Many(Cow::Borrowed(&rows))).into_column(rows.len())
            })
        })
        .collect();
    links
}

/// Links that lead to where they have to.
pub(super) fn leading(links: Links, starts: Starts) -> Links {
    let Some(ends) = starts.ends else {
        return links;
    };
    let pairs = links.to.iter().zip(&links.parent);
    let keep: Vec<u8> = pairs.map(|(&to, &parent)| u8::from(to == ends[parent as usize])).collect();
    links.retain(&keep)
}

/// The links between each start and its end. The list of the one with fewer links is searched:
/// those of the start in the edge, or those of the end in its reverse.
fn between(
    run: &Run,
    [onward, back]: [&Adjacency; 2],
    to: EntityId,
    starts: Starts,
    ends: &[u32],
    needs: &Needs,
) -> Links {
    let mut links = Links::default();
    let pace = Pace::new(run.stop);
    for (parent, (&from, &end)) in starts.ids.iter().zip(ends).enumerate() {
        let request = starts.owner(parent);
        let (here, there) = (onward.range(from), back.range(end));
        let (list, range, wanted) =
            if here.len() <= there.len() { (onward, here, end) } else { (back, there, from) };
        let all = run.sees(request) >= list.latest;
        if range.is_empty() || !(all || run.visible(to, end, request)) {
            continue;
        }
        if pace.is_due_before(2 * range.len()) {
            break;
        }
        for place in range {
            let time = list.time.map_or(NULL_INT, |time| time[place]);
            if list.target[place] != wanted || !(all || time <= run.sees(request)) {
                continue;
            }
            links.parent.push(parent as u32);
            links.to.push(end);
            links.listed.push(u64::from(list.link[place]));
            if needs.time && list.time.is_some() {
                links.time.push(time);
            }
            if needs.weight
                && let Some(weight) = list.weight
            {
                links.weight.push(weight[place]);
            }
            if starts.any {
                break;
            }
        }
    }
    links
}

/// Links from an adjacency.
pub(super) fn stored(
    run: &Run,
    adjacency: &Adjacency,
    to: EntityId,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let mut links = Links { order: LinkOrder::Newest, ..Links::default() };
    let mut places = Vec::new();
    let pace = Pace::new(run.stop);
    for (parent, &id) in starts.ids.iter().enumerate() {
        if pace.is_due_before(20 * adjacency.range(id).len()) {
            break;
        }
        let before = places.len();
        visible_places(run, adjacency, to, id, starts.owner(parent), &mut places);
        links.parent.resize(links.parent.len() + places.len() - before, parent as u32);
    }
    links.to = places.iter().map(|&p| adjacency.target[p as usize]).collect();
    links.listed = places.iter().map(|&p| u64::from(adjacency.link[p as usize])).collect();
    match adjacency.time {
        Some(time) if needs.time => links.time = places.iter().map(|&p| time[p as usize]).collect(),
        Some(_) => {}
        None => links.order = LinkOrder::Listed,
    }
    if needs.since {
        let own = |&place: &u32| adjacency.time.map_or(NULL_INT, |time| time[place as usize]);
        links.since = seen_since(run, to, &links.to, places.iter().map(own));
    }
    if needs.weight
        && let Some(weight) = adjacency.weight
    {
        links.weight = places.iter().map(|&p| weight[p as usize]).collect();
    }
    links
}

/// Adds the places of the links of `id` that a request can see.
pub fn visible_places(
    run: &Run,
    adjacency: &Adjacency,
    to: EntityId,
    id: u32,
    request: usize,
    places: &mut Vec<u32>,
) {
    let range = adjacency.range(id);
    if run.sees(request) >= adjacency.latest {
        places.extend(range.map(|place| place as u32));
        return;
    }
    let seen = |&place: &usize| {
        let time = adjacency.time.map_or(NULL_INT, |time| time[place]);
        time <= run.sees(request) && run.visible(to, adjacency.target[place], request)
    };
    places.extend(range.filter(seen).map(|place| place as u32));
}

/// The link of each start along a reference, with the time of the start.
pub(super) fn referred(
    run: &Run,
    entity: EntityId,
    reference: usize,
    to: EntityId,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let column = run.snapshot.schema().entity(entity).references[reference].column;
    let ids = Val::read(run.snapshot.column(entity, column), &Arg::Many(Cow::Borrowed(starts.ids)));
    let ids = ids.codes().spread(starts.ids.len());
    let mut links = Links { order: LinkOrder::Newest, ..Links::default() };
    for (parent, &id) in ids.iter().enumerate() {
        if id != NULL_CODE && run.visible(to, id, starts.owner(parent)) {
            links.parent.push(parent as u32);
            links.to.push(id);
            links.listed.push(u64::from(starts.ids[parent]));
        }
    }
    if needs.time
        && let Some(times) = run.snapshot.times(entity)
    {
        links.time = links.listed.iter().map(|&row| times[row as usize]).collect();
    }
    if needs.since {
        links.since = seen_since(run, to, &links.to, std::iter::repeat(NULL_INT));
    }
    links
}

/// From when links are seen that lead to some rows, by their own times.
fn seen_since(run: &Run, to: EntityId, ids: &[u32], own: impl Iterator<Item = i64>) -> Vec<i64> {
    let times = run.snapshot.times(to);
    let end = |id: u32| times.and_then(|times| times.get(id as usize)).copied().unwrap_or(NULL_INT);
    ids.iter().zip(own).map(|(&id, own)| own.max(end(id))).collect()
}
