//! What somebody did last: the newest distinct targets of an edge from the viewer of each request.

use crate::expr::gather::{Degrees, Starts, gather};
use crate::expr::ir::{EdgeExpr, EdgeKind};
use crate::expr::links::{Links, Needs};
use crate::expr::run::Run;
use crate::store::Adjacency;
use foldhash::HashSet;

/// The targets of each request, newest first: those of a request are `ids[offsets[i]..offsets[i + 1]]`. Along an edge
/// without times the last listed comes first, and the row that an example is about is left out, because nothing says
/// that it was not there before.
pub fn history(run: &Run, edge: &EdgeExpr, n: usize) -> (Vec<u32>, Vec<u32>) {
    let mut lists = Lists { offsets: vec![0], ids: Vec::new(), seen: HashSet::default(), n };
    if let EdgeKind::Table { edge: id, reverse } = edge.kind
        && edge.has_time
    {
        let adjacency = run.snapshot.adjacency(id, reverse);
        (0..run.requests()).for_each(|request| stored(run, &adjacency, edge, request, &mut lists));
    } else {
        gathered(run, edge, &mut lists);
    }
    // where the run has to end, the others have none
    lists.offsets.resize(run.requests() + 1, lists.ids.len() as u32);
    (lists.offsets, lists.ids)
}

struct Lists {
    offsets: Vec<u32>,
    ids: Vec<u32>,
    /// Of the request that is looked at.
    seen: HashSet<u32>,
    n: usize,
}

impl Lists {
    /// Adds a target; false once there are enough.
    fn add(&mut self, id: u32) -> bool {
        if self.seen.len() < self.n && self.seen.insert(id) {
            self.ids.push(id);
        }
        self.seen.len() < self.n
    }

    fn next_request(&mut self) {
        self.seen.clear();
        self.offsets.push(self.ids.len() as u32);
    }
}

/// From stored links, which stand newest first: no more are looked at than are needed.
fn stored(run: &Run, links: &Adjacency, edge: &EdgeExpr, request: usize, lists: &mut Lists) {
    let range = links.range(run.viewers[request]);
    let seen = run.sees(request);
    let times = links.time.map_or(&[][..], |times| &times[range.clone()]);
    let first = range.start + times.partition_point(|&time| time > seen);
    for place in first..range.end {
        let id = links.target[place];
        if run.visible(edge.to, id, request) && !lists.add(id) {
            break;
        }
    }
    lists.next_request();
}

fn gathered(run: &Run, edge: &EdgeExpr, lists: &mut Lists) {
    let owners: Vec<u32> = (0..run.requests() as u32).collect();
    let (ids, ends) = (&run.viewers, None);
    let starts = Starts { ids, owners: &owners, ends, any: false, shared: None };
    let needs = Needs { time: true, ..Needs::of(edge) };
    let degrees = Degrees::of(run, edge);
    for (part, _) in degrees.parts(run.stop, ids, ids.len()) {
        let links = gather(run, edge, starts.part(part.clone()), &needs);
        let links = if edge.has_time { links.newest(run.stop) } else { links.listed(run.stop) };
        let offsets = links.offsets(part.len());
        for (place, request) in part.enumerate() {
            let of_request = offsets[place] as usize..offsets[place + 1] as usize;
            match edge.has_time {
                true => add_all(run, edge, request, &links, of_request, lists),
                false => add_all(run, edge, request, &links, of_request.rev(), lists),
            }
            lists.next_request();
        }
    }
}

fn add_all(
    run: &Run,
    edge: &EdgeExpr,
    request: usize,
    links: &Links,
    mut places: impl Iterator<Item = usize>,
    lists: &mut Lists,
) {
    let own = |id| {
        let past = run.past.as_ref().filter(|_| !edge.has_time);
        past.is_some_and(|past| past.is_row(edge.to, id, request))
    };
    // `all` ends where there are enough
    let _ = places.all(|place| own(links.to[place]) || lists.add(links.to[place]));
}
