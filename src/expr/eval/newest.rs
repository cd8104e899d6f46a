//! What somebody did last: the newest links of rows along an edge, as the list of their targets, or as the vector that an
//! embedding finds for them.

use crate::batch::{Column, Slot};
use crate::catalog::schema::Folded;
use crate::expr::gather::{Degrees, Starts, gather, hold_links};
use crate::expr::ir::{EdgeExpr, EdgeKind, OverLinks, Stat};
use crate::expr::links::{Links, Needs};
use crate::expr::run::{Frame, Run};
use crate::expr::value::{Arg, Items, Numbers, Val};
use crate::learn::{AlsSettings, FoldIn, RegScale};
use crate::store::Adjacency;
use crate::types::{NULL_CODE, Type};
use foldhash::HashSet;
use std::borrow::Cow;
use std::sync::Arc;

/// What an expression about the newest links says of the rows of a frame; none of another one.
pub(super) fn newest<'a>(frame: &Frame<'a>, over: &OverLinks) -> Option<Val<'a>> {
    match over.stat {
        Stat::Newest(n) => {
            let wanted = Wanted { n: n as usize, weights: false };
            let found = links(frame, over, wanted);
            let slots = found.offsets.windows(2).map(|w| [w[0], w[1] - w[0]]).collect();
            Some(Val::List(Arg::Many(slots), Items::Made(Arc::new(Column::Code(found.ids)))))
        }
        Stat::FoldIn(embedding) => Some(folded_in(frame, over, embedding)),
        _ => None,
    }
}

/// What is read of the newest links.
#[derive(Clone, Copy)]
struct Wanted {
    n: usize,
    /// With weights parallel links stay apart; else each target stands once.
    weights: bool,
}

/// The newest links of rows: those of a row are at `offsets[i]..offsets[i + 1]`, newest first. Along an edge without
/// times the last listed comes first, and the row that an example is about is left out, because nothing says that it was
/// not there before.
struct Newest {
    wanted: Wanted,
    offsets: Vec<u32>,
    ids: Vec<u32>,
    weights: Vec<f64>,
    /// Of the row that is looked at.
    seen: HashSet<u32>,
    start: usize,
}

impl Newest {
    /// Adds a link; false once there are enough.
    fn add(&mut self, id: u32, weight: f64) -> bool {
        let is_full = |ids: &Vec<u32>, start| ids.len() - start >= self.wanted.n;
        if !is_full(&self.ids, self.start) {
            if self.wanted.weights {
                self.ids.push(id);
                self.weights.push(weight);
            } else if self.seen.insert(id) {
                self.ids.push(id);
            }
        }
        !is_full(&self.ids, self.start)
    }

    fn next_row(&mut self) {
        self.seen.clear();
        self.start = self.ids.len();
        self.offsets.push(self.ids.len() as u32);
    }
}

fn links(frame: &Frame, over: &OverLinks, wanted: Wanted) -> Newest {
    let (run, edge, n) = (frame.run, &over.edge, frame.n);
    let ids = frame.eval(&over.from).codes().spread(n);
    let owners: Vec<u32> = (0..n).map(|row| frame.owner(row) as u32).collect();
    let mut found = Newest {
        wanted,
        offsets: vec![0],
        ids: Vec::new(),
        weights: Vec::new(),
        seen: HashSet::default(),
        start: 0,
    };
    if let EdgeKind::Table { edge: id, reverse } = edge.kind
        && edge.has_time
        && !wanted.weights
    {
        let adjacency = run.snapshot.adjacency(id, reverse);
        for (&from, &owner) in ids.iter().zip(&owners) {
            stored(run, &adjacency, edge, (from, owner as usize), &mut found);
        }
    } else {
        gathered(run, edge, (&ids, &owners), &mut found);
    }
    // where the run has to end, the others have none
    found.offsets.resize(n + 1, found.ids.len() as u32);
    found
}

/// From stored links, which stand newest first: no more are looked at than are needed.
fn stored(
    run: &Run,
    links: &Adjacency,
    edge: &EdgeExpr,
    (from, request): (u32, usize),
    found: &mut Newest,
) {
    let range = links.range(from);
    let seen = run.sees(request);
    let times = links.time.map_or(&[][..], |times| &times[range.clone()]);
    let first = range.start + times.partition_point(|&time| time > seen);
    for place in first..range.end {
        let id = links.target[place];
        if run.visible(edge.to, id, request) && !found.add(id, 1.0) {
            break;
        }
    }
    found.next_row();
}

fn gathered(run: &Run, edge: &EdgeExpr, (ids, owners): (&[u32], &[u32]), found: &mut Newest) {
    let starts = Starts { ids, owners, ends: None, any: false, shared: None };
    let needs = Needs { time: true, weight: found.wanted.weights, ..Needs::of(edge) };
    let degrees = Degrees::of(run, edge);
    for (part, links) in degrees.parts(run.stop, ids, ids.len()) {
        let _held = hold_links(run, links);
        let links = gather(run, edge, starts.part(part.clone()), &needs);
        let links = if edge.has_time { links.newest(run.stop) } else { links.listed(run.stop) };
        let offsets = links.offsets(part.len());
        for (place, row) in part.enumerate() {
            let of_row = offsets[place] as usize..offsets[place + 1] as usize;
            let request = owners[row] as usize;
            match edge.has_time {
                true => add_all(run, edge, request, &links, of_row, found),
                false => add_all(run, edge, request, &links, of_row.rev(), found),
            }
            found.next_row();
        }
    }
}

fn add_all(
    run: &Run,
    edge: &EdgeExpr,
    request: usize,
    links: &Links,
    mut places: impl Iterator<Item = usize>,
    found: &mut Newest,
) {
    let own = |id| {
        let past = run.past.as_ref().filter(|_| !edge.has_time);
        past.is_some_and(|past| past.is_row(edge.to, id, request))
    };
    let weight = |place| links.weight.get(place).copied().unwrap_or(1.0);
    // `all` ends where there are enough
    let _ = places.all(|place| own(links.to[place]) || found.add(links.to[place], weight(place)));
}

/// The vector of each row from its links, beside the vectors of what they lead to; none without such a link.
fn folded_in<'a>(frame: &Frame<'a>, over: &OverLinks, embedding: u32) -> Val<'a> {
    let (run, to) = (frame.run, over.edge.to);
    let space = &run.snapshot.schema().embeddings[embedding as usize];
    let vectors = run.snapshot.vectors(embedding as usize, to);
    let (Some(folded), Some(vectors)) = (&space.folded, vectors) else {
        return Val::null(&Type::Vector(space.dim));
    };
    let wanted = Wanted { n: folded.how.newest as usize, weights: folded.how.weighted };
    let links = links(frame, over, wanted);
    let (dim, settings) = (space.dim as usize, settings(space.dim, folded));
    let mut fold = FoldIn::new(&settings, &folded.gram);
    let of_row = |id: u32| match vectors.get(id)? {
        Cow::Borrowed(vector) => Some(vector),
        Cow::Owned(_) => None,
    };
    let mut numbers = vec![0.0; frame.n * dim];
    let slot = |(row, to): (usize, &mut [f32])| -> Slot {
        let places = links.offsets[row] as usize..links.offsets[row + 1] as usize;
        let weights = folded.how.weighted.then(|| &links.weights[places.clone()]);
        let has = !run.stop.is_over() && fold.vector(&links.ids[places], weights, of_row, to);
        [if has { row as u32 } else { NULL_CODE }, dim as u32]
    };
    let slots = numbers.chunks_exact_mut(dim).enumerate().map(slot).collect();
    Val::Vector(Arg::Many(slots), Numbers::Made(Arc::new(numbers)))
}

fn settings(dim: u32, folded: &Folded) -> AlsSettings {
    let how = &folded.how;
    AlsSettings {
        dim: dim as usize,
        reg: how.reg,
        reg_scale: if how.by_count { RegScale::Count } else { RegScale::None },
        alpha: how.alpha,
        weighted: how.weighted,
        ..AlsSettings::default()
    }
}
