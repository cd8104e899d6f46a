//! Which links are followed from some rows.

use super::{Order, Walk};
use crate::batch::{Held, Pace, RowBatch, blocks};
use crate::expr::eval::look_up;
use crate::expr::gather::{Degrees, Starts, gather, hold_links, over, recent};
use crate::expr::ir::EdgeKind;
use crate::expr::links::{Links, Needs};
use crate::expr::random::uniform;
use crate::expr::reads::End;
use crate::expr::value::from_column;
use crate::expr::{Expr, Frame};
use crate::ops::bind::Quantity;
use crate::ops::kit::fanout::{Contributions, Merging};
use crate::ops::kit::members::{Memberships, membership};
use crate::ops::{Exec, RunError};
use crate::store::Adjacency;
use crate::types::NULL_INT;
use std::ops::Range;

/// Rows whose links are looked at together.
pub(super) const BLOCK: usize = 1_024;
/// Links that are followed and merged together, of whole requests: they stay in the cache.
pub(super) const TOGETHER: usize = 1 << 16;
/// Rows of the first requests that are followed together, before it is known how many links they have.
const FIRST: usize = 256;

/// A walk from the rows of some requests.
pub(super) struct Reach<'r, 'a> {
    pub(super) walk: &'r Walk,
    pub(super) exec: &'r Exec<'a>,
    pub(super) input: &'r RowBatch,
    /// Of each request.
    pub(super) limits: Vec<u64>,
    pub(super) sets: Memberships<'r>,
    /// If the first of the stored links are those that are wanted.
    pub(super) adjacency: Option<Adjacency<'a>>,
}

impl<'r, 'a> Reach<'r, 'a> {
    pub(super) fn new(walk: &'r Walk, exec: &'r Exec<'a>, input: &'r RowBatch) -> Self {
        let adjacency = walk.plain_adjacency(exec);
        Reach {
            walk,
            exec,
            input,
            limits: walk.limit.per_request(exec.run),
            sets: Memberships::of_nodes(&walk.keep),
            adjacency,
        }
    }

    /// Follows the links and merges them, some whole requests at a time.
    pub(super) fn merge(&self, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        let (exec, input) = (self.exec, self.input);
        let mut held = exec.hold("walk", 0)?;
        let (mut found, mut next, mut rows) = (self.walk.no_links(), 0, FIRST);
        while next < input.requests() {
            let end = input.offsets[next] as usize + rows;
            let more = input.offsets[next + 1..].partition_point(|&o| o as usize <= end);
            let requests = next..next + more.max(1);
            found.clear();
            self.follow(requests.clone(), &mut found, &mut held)?;
            merging.add(&found, requests.clone())?;
            let followed = input.offsets[requests.end] - input.offsets[next];
            rows = TOGETHER * followed.max(1) as usize / found.ids.len().max(1);
            next = requests.end;
        }
        Ok(())
    }

    /// Adds the links that are followed for some requests, in order.
    pub(super) fn follow(
        &self,
        requests: Range<usize>,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        found.offsets.push(0);
        match &self.adjacency {
            Some(adjacency) => requests
                .into_iter()
                .try_for_each(|request| self.first_links(request, adjacency, found, held)),
            None => self.chosen_links(requests, found, held),
        }
    }

    /// The first visible links of every row of a request, as they are stored.
    fn first_links(
        &self,
        request: usize,
        adjacency: &Adjacency,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        let (exec, input) = (self.exec, self.input);
        let members = (!self.sets.is_empty()).then(|| self.sets.of(exec.run, request));
        let limit = usize::try_from(self.limits[request]).unwrap_or(usize::MAX);
        let before = found.ids.len();
        let now = exec.run.sees(request);
        let to = self.walk.edge.to;
        let stored_weight = adjacency.weight.filter(|_| self.walk.weight.is_none());
        let seen = |place: usize| {
            let time = adjacency.time.map_or(NULL_INT, |time| time[place]);
            time <= now && exec.run.visible(to, adjacency.target[place], request)
        };
        let known = |place: usize| stored_weight.is_none_or(|weight| !weight[place].is_nan());
        let all_visible = now >= adjacency.latest;
        let all = all_visible && stored_weight.is_none() && members.is_none();
        let weighted = adjacency.weight.is_some() || self.walk.weight.is_some();
        let pace = Pace::new(exec.run.stop);
        for parents in blocks(input.range(request), BLOCK) {
            let range = |&id: &u32| adjacency.range(id).len().min(limit);
            let more = input.ids[parents.clone()].iter().map(range).sum();
            found.reserve(exec, "walk", held, more, weighted)?;
            exec.check("walk", (found.ids.len() - before) as u64)?;
            let first = found.ids.len();
            for parent in parents {
                let range = adjacency.range(input.ids[parent]);
                if pace.is_due_before(5 * range.len().min(limit)) {
                    exec.check("walk", 0)?;
                }
                if all {
                    let end = range.end.min(range.start.saturating_add(limit));
                    let targets = &adjacency.target[range.start..end];
                    found.ids.extend_from_slice(targets);
                } else {
                    // a link without a weight is skipped, and does not count
                    let member = |place: usize| {
                        let members = members.as_ref();
                        members.is_none_or(|members| members.has(adjacency.target[place]))
                    };
                    let wanted = |&place: &usize| {
                        known(place) && (all_visible || seen(place)) && member(place)
                    };
                    for place in range.filter(wanted).take(limit) {
                        found.ids.push(adjacency.target[place]);
                        found.weights.extend(stored_weight.map(|weight| weight[place]));
                    }
                }
                found.parents.resize(found.ids.len(), parent as u32);
            }
            if let Some(weight) = &self.walk.weight {
                self.weigh(request, weight, first, found);
            }
        }
        found.offsets.push(found.ids.len() as u32);
        Ok(())
    }

    /// Gives the links of a request from the `first` on the weight that the entity decides which they reach;
    /// those without one are gone.
    fn weigh(&self, request: usize, weight: &Expr, first: usize, found: &mut Contributions) {
        let requests = Frame::requests(self.exec.run);
        let ids = &found.ids[first..];
        let weights = look_up(&requests, weight, End::To, ids, |_| request);
        let weights = from_column(weights).floats().spread(ids.len());
        let mut kept = first;
        for (place, weight) in (first..).zip(weights) {
            if !weight.is_nan() {
                found.ids[kept] = found.ids[place];
                found.parents[kept] = found.parents[place];
                found.weights.push(weight);
                kept += 1;
            }
        }
        found.ids.truncate(kept);
        found.parents.truncate(kept);
    }

    /// Links that satisfy every condition, ordered, then limited.
    fn chosen_links(
        &self,
        requests: Range<usize>,
        found: &mut Contributions,
        held: &mut Held,
    ) -> Result<(), RunError> {
        let (walk, exec, input) = (self.walk, self.exec, self.input);
        let offset = |request: usize| input.offsets[request] as usize;
        let rows = offset(requests.start)..offset(requests.end);
        let ids = &input.ids[rows.clone()];
        let of_request = |r: usize| std::iter::repeat_n(r as u32, input.range(r).len());
        let owners: Vec<u32> = requests.clone().flat_map(of_request).collect();
        let _owners = exec.hold("walk", ids.len() * 8)?;
        let mut ends = vec![0];
        let degrees = Degrees::of(exec.run, &walk.edge);
        for (part, links) in degrees.parts(exec.run.stop, ids, BLOCK) {
            exec.check("walk", 0)?;
            let _gathered = hold_links(exec.run, links);
            exec.check("walk", 0)?;
            let start = (rows.start + part.start) as u32;
            let starts = Starts {
                ids: &ids[part.clone()],
                owners: &owners[part.clone()],
                ends: None,
                any: false,
                shared: None,
            };
            let links = walk.weighted(exec, walk.matching(exec, starts), starts);
            let links = first(walk.ordered(exec, links, starts), starts.owners, &self.limits);
            let offsets = links.offsets(starts.ids.len());
            let before = found.ids.len() as u32;
            found.reserve(exec, "walk", held, links.len(), !links.weight.is_empty())?;
            ends.extend(offsets[1..].iter().map(|end| before + end));
            let parents = links.parent.iter().map(|parent| start + parent);
            found.parents.extend(parents);
            found.ids.extend(links.to);
            found.weights.extend(links.weight);
            // a request that makes too many ends before it has made them all
            let first = offset(owners[part.end - 1] as usize).max(rows.start) - rows.start;
            let made = found.ids.len() - ends[first.min(part.end)] as usize;
            exec.check("walk", made as u64)?;
        }
        exec.check("walk", 0)?;
        if ends.len() <= ids.len() {
            return Err(RunError::Stopped);
        }
        let ends = requests.map(|request| ends[offset(request + 1) - rows.start]);
        found.offsets.extend(ends);
        Ok(())
    }
}

impl Walk {
    /// The stored links, if the first of them in stored order are those that are wanted.
    fn plain_adjacency<'a>(&self, exec: &Exec<'a>) -> Option<Adjacency<'a>> {
        let all = matches!(self.limit, Quantity::All | Quantity::AutoAll);
        // a link without a weight does not count, so those behind it may be among the first
        let of_end = |weight: &Expr| all && weight.of_one_end() == Some(End::To);
        let free = self.within.is_none()
            && self.filter.is_none()
            && self.weight.as_ref().is_none_or(of_end)
            && self.keep.iter().all(|e| membership(e).is_some());
        if !free {
            return None;
        }
        let adjacency = match &self.edge.kind {
            EdgeKind::Table { edge, reverse } => exec.run.snapshot.adjacency(*edge, *reverse),
            EdgeKind::Reference { entity, reference, reverse: true } => {
                exec.run.snapshot.referrers(*entity, *reference as usize)
            }
            _ => return None,
        };
        let stored = if adjacency.time.is_some() { Order::Newest } else { Order::Listed };
        let any_order = all && self.order == Order::Newest;
        (self.order == stored || any_order).then_some(adjacency)
    }

    /// Links that pass `within` and the conditions.
    fn matching(&self, exec: &Exec, starts: Starts) -> Links {
        let run = exec.run;
        let mut needs = Needs::of(&self.edge);
        needs.time = self.edge.has_time && (self.within.is_some() || self.order == Order::Newest);
        needs.weight = self.edge.has_weight && self.weight.is_none();
        for part in [&self.filter, &self.weight].into_iter().flatten() {
            needs = needs.and(part);
        }
        let mut links = gather(run, &self.edge, starts, &needs);
        if let Some(within) = &self.within {
            let within = Frame::requests(run).eval(within).ints();
            let keep = recent(run, &links, starts, |link| {
                within.get(starts.owners[links.parent[link] as usize] as usize)
            });
            links = links.retain(&keep);
        }
        if let Some(filter) = &self.filter {
            let keep = over(run, &links, starts, |frame| frame.condition(filter));
            links = links.retain(&keep);
        }
        for condition in &self.keep {
            let keep = reached(exec, &links, starts, |frame| frame.condition(condition));
            links = links.retain(&keep);
        }
        links
    }

    /// With the final weights; links whose weight is null are gone.
    fn weighted(&self, exec: &Exec, mut links: Links, starts: Starts) -> Links {
        if let Some(weight) = &self.weight {
            links.weight = over(exec.run, &links, starts, |frame| frame.numbers(weight));
        }
        if links.weight.iter().any(|w| w.is_nan()) {
            let keep: Vec<u8> = links.weight.iter().map(|w| u8::from(!w.is_nan())).collect();
            links = links.retain(&keep);
        }
        links
    }

    fn ordered(&self, exec: &Exec, links: Links, starts: Starts) -> Links {
        let stop = exec.run.stop;
        match self.order {
            Order::Newest => links.newest(stop),
            Order::Listed => links.listed(stop),
            Order::Strongest if links.weight.is_empty() => links.listed(stop),
            Order::Strongest => links.strongest(stop, |links, link| links.weight[link]),
            Order::Random => {
                let links = links.listed(stop);
                let draws = self.draws(exec, &links, starts);
                links.strongest(stop, |_, link| draws[link])
            }
        }
    }

    /// A uniform number per link, of the keys of both ends; parallel links tie.
    fn draws(&self, exec: &Exec, links: &Links, starts: Starts) -> Vec<f64> {
        let keys = &exec.run.keys;
        let pace = Pace::new(exec.run.stop);
        let draw = |link: usize| {
            if pace.is_due_before(300) {
                return 0.0;
            }
            let parent = links.parent[link] as usize;
            let request = starts.owners[parent] as usize;
            let viewer = keys.key(exec.run.snapshot.schema().viewer, exec.run.viewers[request]);
            let from = keys.key(self.edge.from, starts.ids[parent]);
            let to = keys.key(self.edge.to, links.to[link]);
            uniform(exec.run.seeds[request], viewer.as_ref(), "", &[from.as_ref(), to.as_ref()])
        };
        (0..links.len()).map(draw).collect()
    }
}

/// The first links of each row, as many as its request wants.
fn first(links: Links, owners: &[u32], limits: &[u64]) -> Links {
    let mut keep = vec![0u8; links.len()];
    let offsets = links.offsets(owners.len());
    for (parent, &owner) in owners.iter().enumerate() {
        let (start, end) = (offsets[parent] as usize, offsets[parent + 1] as usize);
        let limit = usize::try_from(limits[owner as usize]).unwrap_or(usize::MAX);
        keep[start..end.min(start.saturating_add(limit))].fill(1);
    }
    match keep.contains(&0) {
        true => links.retain(&keep),
        false => links,
    }
}

/// Evaluates something over the entities that links reach.
fn reached<R>(exec: &Exec, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = starts.owners_of(links);
    f(&Frame {
        n: links.len(),
        owners: &owners,
        ids: &links.to,
        repeats: true,
        ..Frame::requests(exec.run)
    })
}
