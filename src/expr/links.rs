//! Links of stored and derived edges, gathered for many rows at once, and aggregates over them.

use crate::batch::{Column, ColumnView, Held, Pace, Stop, arrange, places, sort_key};
use crate::expr::blocks::Shared;
use crate::expr::eval::{Frame, LinkFrame, Run, fold};
use crate::expr::ir::{EdgeExpr, EdgeKind, Expr, Kind, LinkField, OverLinks, Stat};
use crate::expr::value::{Arg, Val, from_column};
use crate::store::Adjacency;
use crate::types::{EdgeId, EntityId, NULL_CODE, NULL_INT, Type};
use std::borrow::Cow;
use std::ops::Range;

/// Links of some rows, grouped by row in the rows' order.
#[derive(Debug, Default)]
pub struct Links {
    /// Place of the row that a link starts from.
    pub parent: Vec<u32>,
    pub to: Vec<u32>,
    /// Empty if not needed or if the edge has no time.
    pub time: Vec<i64>,
    /// Empty if not needed or if every weight is 1.
    pub weight: Vec<f64>,
    /// Smaller for a link that is listed earlier.
    pub listed: Vec<u64>,
    /// By [`EdgeExpr::columns`]; those that are not needed are absent.
    pub columns: Vec<Option<Column>>,
    pub order: LinkOrder,
}

/// Links that are gathered together, unless a single row has more.
const LINKS: usize = 1 << 14;
/// Bytes that a gathered link takes with what is made of it: its ends, time, weight and place, sorted and
/// filtered once, and a value.
const LINK_BYTES: usize = 96;

/// How the links of one row are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkOrder {
    #[default]
    Any,
    /// Newest first, null times last, ties as listed.
    Newest,
    Listed,
}

/// What of the links will be read.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub time: bool,
    pub weight: bool,
    pub columns: Vec<bool>,
}

impl Needs {
    /// Nothing yet, of an edge.
    pub fn of(edge: &EdgeExpr) -> Needs {
        Needs {
            time: false,
            weight: false,
            columns: vec![false; edge.columns.len()],
        }
    }

    /// And what a link expression reads.
    pub fn and(mut self, expr: &Expr) -> Needs {
        expr.walk(&mut |part| match part.kind {
            Kind::Link(LinkField::Time) => self.time = true,
            Kind::Link(LinkField::Weight) => self.weight = true,
            Kind::Link(LinkField::Column(i)) => {
                if let Some(need) = self.columns.get_mut(i as usize) {
                    *need = true;
                }
            }
            _ => {}
        });
        self
    }
}

/// Rows whose links are wanted: their ids, and the request of each.
#[derive(Clone, Copy)]
pub struct Starts<'a> {
    pub ids: &'a [u32],
    pub owners: &'a [u32],
    /// Where the links of each row have to lead to; none: anywhere.
    pub ends: Option<&'a [u32]>,
    /// One link of each row is enough.
    pub any: bool,
    /// What conditions on links need not compute again.
    pub shared: Option<&'a Shared<'a>>,
}

impl Starts<'_> {
    fn owner(&self, place: usize) -> usize {
        self.owners[place] as usize
    }

    /// Some of the rows.
    fn part(&self, rows: Range<usize>) -> Self {
        Starts {
            ids: &self.ids[rows.clone()],
            owners: &self.owners[rows.clone()],
            ends: self.ends.map(|ends| &ends[rows]),
            ..*self
        }
    }
}

impl Links {
    pub fn len(&self) -> usize {
        self.to.len()
    }

    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The links at `places`, in that order.
    pub fn select(&self, places: &[u32], order: LinkOrder) -> Links {
        fn at<T: Copy>(values: &[T], places: &[u32]) -> Vec<T> {
            if values.is_empty() {
                Vec::new()
            } else {
                places.iter().map(|&p| values[p as usize]).collect()
            }
        }
        Links {
            parent: at(&self.parent, places),
            to: at(&self.to, places),
            time: at(&self.time, places),
            weight: at(&self.weight, places),
            listed: at(&self.listed, places),
            columns: self
                .columns
                .iter()
                .map(|c| c.as_ref().map(|c| c.gather(places)))
                .collect(),
            order,
        }
    }

    /// The request of every link.
    pub fn owners(&self, starts: Starts) -> Vec<u32> {
        self.parent
            .iter()
            .map(|&p| starts.owners[p as usize])
            .collect()
    }

    /// Start of each row's links, and the end of the last.
    pub fn offsets(&self, rows: usize) -> Vec<u32> {
        let mut offsets = vec![0u32; rows + 1];
        self.parent
            .iter()
            .for_each(|&p| offsets[p as usize + 1] += 1);
        (0..rows).for_each(|i| offsets[i + 1] += offsets[i]);
        offsets
    }

    /// Links for which `keep` is 1, in their order.
    pub fn retain(&self, keep: &[u8]) -> Links {
        let places: Vec<u32> = (0..self.len() as u32)
            .filter(|&i| keep[i as usize] == 1)
            .collect();
        self.select(&places, self.order)
    }

    /// Each row's links in ascending order of a number of theirs; ties stay as they are. If the run has to
    /// end, some of them.
    pub fn sorted_by(&self, order: LinkOrder, stop: Stop, number: impl Fn(usize) -> u64) -> Links {
        let key = |link: usize| {
            let (parent, number) = (self.parent[link], number(link));
            u128::from(parent) << 96 | u128::from(number) << 32 | link as u128
        };
        let mut keys = Vec::new();
        arrange((0..self.len()).map(key), None, &mut keys, stop);
        let places: Vec<u32> = places(&keys, stop).collect();
        self.select(&places, order)
    }

    /// Each row's links as listed.
    pub fn listed(self, stop: Stop) -> Links {
        if self.order == LinkOrder::Listed {
            return self;
        }
        self.sorted_by(LinkOrder::Listed, stop, |link| self.listed[link])
    }

    /// Each row's links newest first, null times last, ties as listed; as listed without times.
    pub fn newest(self, stop: Stop) -> Links {
        if self.order == LinkOrder::Newest {
            return self;
        }
        let links = self.listed(stop);
        if links.time.is_empty() {
            return links;
        }
        // NULL_INT is the smallest, so that null times come last
        let descending = |link: usize| !(links.time[link] as u64 ^ 1 << 63);
        links.sorted_by(LinkOrder::Newest, stop, descending)
    }

    /// Each row's links by a number of theirs, descending, ties as listed.
    pub fn strongest(self, stop: Stop, number: impl Fn(&Links, usize) -> f64) -> Links {
        let links = self.listed(stop);
        let descending = |link: usize| (sort_key(number(&links, link), 0, 0) >> 64) as u64;
        links.sorted_by(LinkOrder::Any, stop, descending)
    }
}

/// How many links rows have, before they are gathered.
pub enum Degrees<'a> {
    Stored(Adjacency<'a>),
    /// The rows that a reference leads to.
    Referred(&'a [u32]),
    Sum(Vec<Degrees<'a>>),
    Chain(Box<Degrees<'a>>, Box<Degrees<'a>>),
}

impl<'a> Degrees<'a> {
    /// Of an edge. Links that a condition leaves out count.
    pub fn of(run: &'a Run, edge: &EdgeExpr) -> Degrees<'a> {
        match &edge.kind {
            EdgeKind::Table { edge, reverse } => {
                Degrees::Stored(run.snapshot.adjacency(*edge, *reverse))
            }
            EdgeKind::Reference {
                entity,
                reference,
                reverse: true,
            } => Degrees::Stored(run.snapshot.referrers(*entity, *reference as usize)),
            EdgeKind::Reference {
                entity, reference, ..
            } => {
                let column =
                    run.snapshot.schema().entity(*entity).references[*reference as usize].column;
                match run.snapshot.column(*entity, column) {
                    ColumnView::Code(ids) => Degrees::Referred(ids),
                    _ => Degrees::Referred(&[]),
                }
            }
            EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => {
                Degrees::of(run, inner)
            }
            EdgeKind::Union { branches, .. } => {
                Degrees::Sum(branches.iter().map(|b| Degrees::of(run, b)).collect())
            }
            EdgeKind::Chain { first, second, .. } => Degrees::Chain(
                Box::new(Degrees::of(run, first)),
                Box::new(Degrees::of(run, second)),
            ),
        }
    }

    /// How many links a row has, those on the way included. If the run has to end, any number.
    pub fn count(&self, id: u32, pace: &Pace) -> usize {
        match self {
            Degrees::Stored(adjacency) => adjacency.range(id).len(),
            Degrees::Referred(_) => 1,
            Degrees::Sum(parts) => parts.iter().map(|part| part.count(id, pace)).sum(),
            Degrees::Chain(first, second) => {
                let mut sum = first.count(id, pace);
                first.each(id, pace, &mut |to| sum += second.count(to, pace));
                sum
            }
        }
    }

    /// Calls `f` with every row that a link leads to.
    fn each(&self, id: u32, pace: &Pace, f: &mut dyn FnMut(u32)) {
        match self {
            Degrees::Stored(adjacency) => {
                let targets = adjacency.target[adjacency.range(id)].iter();
                targets
                    .take_while(|_| !pace.is_due_before(5))
                    .for_each(|&to| f(to));
            }
            Degrees::Referred(ids) => ids.get(id as usize).into_iter().for_each(|&to| f(to)),
            Degrees::Sum(parts) => parts.iter().for_each(|part| part.each(id, pace, f)),
            Degrees::Chain(first, second) => {
                first.each(id, pace, &mut |to| second.each(to, pace, f));
            }
        }
    }

    /// Rows in parts with few links each, or of a single row: their places, and how many links they have.
    /// No more parts come when the run has to end.
    pub fn parts<'s>(
        &'s self,
        stop: Stop<'s>,
        ids: &'s [u32],
        most_rows: usize,
    ) -> impl Iterator<Item = (Range<usize>, usize)> + 's {
        let pace = Pace::new(stop);
        let (mut next, mut ahead) = (0, None);
        std::iter::from_fn(move || {
            let start = next;
            let mut links = 0;
            while next < ids.len().min(start + most_rows) {
                let more = ahead.take().unwrap_or_else(|| self.count(ids[next], &pace));
                if next > start && links + more > LINKS {
                    ahead = Some(more);
                    break;
                }
                links += more;
                next += 1;
            }
            let ends = next == start || pace.is_due_before(10 * links);
            (!ends).then_some((start..next, links))
        })
    }
}

/// Charges what gathered links take.
pub fn hold_links<'a>(run: &Run<'a>, links: usize) -> Held<'a> {
    run.stop.hold(links * LINK_BYTES)
}

/// The links of an edge from each start that the start's request can see.
pub fn gather(run: &Run, edge: &EdgeExpr, starts: Starts, needs: &Needs) -> Links {
    match &edge.kind {
        EdgeKind::Table { edge: id, reverse } => table(run, *id, *reverse, edge.to, starts, needs),
        EdgeKind::Reference {
            entity,
            reference,
            reverse: true,
        } => {
            let adjacency = run.snapshot.referrers(*entity, *reference as usize);
            let links = stored(run, &adjacency, edge.to, starts, needs);
            leading(links, starts)
        }
        EdgeKind::Reference {
            entity,
            reference,
            reverse: false,
        } => leading(
            referred(run, *entity, *reference as usize, edge.to, starts, needs),
            starts,
        ),
        EdgeKind::Filter { inner, keep } => {
            let starts = Starts {
                any: false,
                ..starts
            };
            let links = gather(run, inner, starts, &needs.clone().and(keep));
            let keep = over(run, &links, starts, |frame| frame.condition(keep));
            links.retain(&keep)
        }
        EdgeKind::Weight { inner, weight } => {
            let needs = Needs {
                weight: false,
                ..needs.clone()
            }
            .and(weight);
            let mut links = gather(run, inner, starts, &needs);
            links.weight = over(run, &links, starts, |frame| frame.numbers(weight));
            links
        }
        EdgeKind::Union { branches, columns } => union(run, edge, branches, columns, starts, needs),
        EdgeKind::Chain {
            first,
            second,
            carries_second,
        } => chain(run, first, second, *carries_second, starts, needs),
    }
}

/// Evaluates something over links that belong to no row.
pub fn over<R>(run: &Run, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = links.owners(starts);
    let link = LinkFrame {
        links,
        from: starts.ids,
        outer: None,
    };
    f(&Frame {
        shared: starts.shared,
        ..Frame::links(run, &owners, link)
    })
}

fn table(
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
fn leading(links: Links, starts: Starts) -> Links {
    let Some(ends) = starts.ends else {
        return links;
    };
    let pairs = links.to.iter().zip(&links.parent);
    let keep: Vec<u8> = pairs
        .map(|(&to, &parent)| u8::from(to == ends[parent as usize]))
        .collect();
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
        let (list, range, wanted) = if here.len() <= there.len() {
            (onward, here, end)
        } else {
            (back, there, from)
        };
        let all = run.now[request] >= list.latest;
        if range.is_empty() || !(all || run.visible(to, end, request)) {
            continue;
        }
        if pace.is_due_before(2 * range.len()) {
            break;
        }
        for place in range {
            let time = list.time.map_or(NULL_INT, |time| time[place]);
            if list.target[place] != wanted || !(all || time <= run.now[request]) {
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
fn stored(run: &Run, adjacency: &Adjacency, to: EntityId, starts: Starts, needs: &Needs) -> Links {
    let mut links = Links {
        order: LinkOrder::Newest,
        ..Links::default()
    };
    let mut places = Vec::new();
    let pace = Pace::new(run.stop);
    for (parent, &id) in starts.ids.iter().enumerate() {
        if pace.is_due_before(20 * adjacency.range(id).len()) {
            break;
        }
        let before = places.len();
        visible_places(run, adjacency, to, id, starts.owner(parent), &mut places);
        links
            .parent
            .resize(links.parent.len() + places.len() - before, parent as u32);
    }
    links.to = places
        .iter()
        .map(|&p| adjacency.target[p as usize])
        .collect();
    links.listed = places
        .iter()
        .map(|&p| u64::from(adjacency.link[p as usize]))
        .collect();
    match adjacency.time {
        Some(time) if needs.time => links.time = places.iter().map(|&p| time[p as usize]).collect(),
        Some(_) => {}
        None => links.order = LinkOrder::Listed,
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
    if run.now[request] >= adjacency.latest {
        places.extend(range.map(|place| place as u32));
        return;
    }
    let seen = |&place: &usize| {
        let time = adjacency.time.map_or(NULL_INT, |time| time[place]);
        time <= run.now[request] && run.visible(to, adjacency.target[place], request)
    };
    places.extend(range.filter(seen).map(|place| place as u32));
}

/// The link of each start along a reference, with the time of the start.
fn referred(
    run: &Run,
    entity: EntityId,
    reference: usize,
    to: EntityId,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let column = run.snapshot.schema().entity(entity).references[reference].column;
    let ids = Val::read(
        run.snapshot.column(entity, column),
        &Arg::Many(Cow::Borrowed(starts.ids)),
    );
    let ids = ids.codes().spread(starts.ids.len());
    let mut links = Links {
        order: LinkOrder::Newest,
        ..Links::default()
    };
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
        links.time = links
            .listed
            .iter()
            .map(|&row| times[row as usize])
            .collect();
    }
    links
}

/// How many links an edge lists in all: what the numbers in [`Links::listed`] stay below.
fn listed_links(run: &Run, edge: &EdgeExpr) -> u64 {
    match &edge.kind {
        EdgeKind::Table { edge, .. } => run.snapshot.schema().edge(*edge).links,
        EdgeKind::Reference { entity, .. } => u64::from(run.snapshot.schema().entity(*entity).rows),
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => listed_links(run, inner),
        EdgeKind::Union { branches, .. } => branches.iter().map(|b| listed_links(run, b)).sum(),
        EdgeKind::Chain {
            first,
            second,
            carries_second,
        } => listed_links(run, if *carries_second { second } else { first }),
    }
}

/// The links of each branch in turn, per start.
fn union(
    run: &Run,
    edge: &EdgeExpr,
    branches: &[EdgeExpr],
    columns: &[Vec<u32>],
    starts: Starts,
    needs: &Needs,
) -> Links {
    let mut all = Links {
        columns: vec![None; edge.columns.len()],
        ..Links::default()
    };
    let mut parts: Vec<Vec<Column>> = vec![Vec::new(); edge.columns.len()];
    let mut base = 0;
    for (branch, places) in branches.iter().zip(columns) {
        let mut own = Needs {
            columns: vec![false; branch.columns.len()],
            ..needs.clone()
        };
        for (c, &place) in places.iter().enumerate() {
            own.columns[place as usize] = needs.columns[c];
        }
        let links = gather(run, branch, starts, &own);
        let n = links.len();
        if needs.time {
            extend_or_fill(&mut all.time, &links.time, n, NULL_INT);
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
        all.resize(all.len() + n, fill)
    } else {
        all.extend_from_slice(more)
    }
}

/// Along one edge, then along the other. One of the two gives time, weight and columns.
fn chain(
    run: &Run,
    first: &EdgeExpr,
    second: &EdgeExpr,
    carries_second: bool,
    starts: Starts,
    needs: &Needs,
) -> Links {
    let (own, other) = (needs.clone(), |edge: &EdgeExpr| Needs::of(edge));
    let (near_needs, far_needs) = if carries_second {
        (other(first), own)
    } else {
        (own, other(second))
    };
    let from = Starts {
        ends: None,
        any: false,
        ..starts
    };
    let near = gather(run, first, from, &near_needs);
    let owners = near.owners(starts);
    let ends: Option<Vec<u32>> = starts
        .ends
        .map(|ends| near.parent.iter().map(|&p| ends[p as usize]).collect());
    let on = Starts {
        ids: &near.to,
        owners: &owners,
        ends: ends.as_deref(),
        any: starts.any,
        shared: starts.shared,
    };
    let far = gather(run, second, on, &far_needs);
    let parent = far
        .parent
        .iter()
        .map(|&p| near.parent[p as usize])
        .collect();
    if carries_second {
        Links {
            parent,
            order: LinkOrder::Any,
            ..far
        }
    } else {
        let order = near.order;
        Links {
            to: far.to,
            ..near.select(&far.parent, order)
        }
    }
}

/// An aggregate over the links of every row of a frame, for few links at a time.
pub fn aggregate<'a>(frame: &Frame<'a>, over: &OverLinks, ty: &Type) -> Val<'a> {
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
    let reads = [&over.from]
        .into_iter()
        .chain(&over.within)
        .chain(&over.filter)
        .chain(&over.value);
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
    let starts = Starts {
        ids: &ids,
        owners: &owners,
        ends: None,
        any: false,
        shared: None,
    };
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
    let values = over
        .value
        .as_ref()
        .map(|value| in_links(frame, &links, starts, |f| f.column(value)));
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
        EdgeKind::Reference {
            entity,
            reference,
            reverse: true,
        } => run.snapshot.referrers(*entity, *reference as usize),
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
    let all_seen = run.now.iter().all(|&now| now >= adjacency.latest);
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
        let now = run.now[starts.owner(row)];
        // newest first, null times last
        let times = &times[adjacency.range(id)];
        let seen = &times[times.partition_point(|&time| time > now)..];
        let Some(within) = within.map(|within| within.get(row)) else {
            return seen.len() as i64;
        };
        let fresh = |&time: &i64| is_within(time, now, within);
        seen.partition_point(fresh) as i64
    };
    Some(starts.ids.iter().enumerate().map(count).collect())
}

/// Whether a link is no older than a duration; a null time never is.
#[inline]
fn is_within(time: i64, now: i64, within: i64) -> bool {
    time != NULL_INT && within != NULL_INT && now.saturating_sub(time) <= within
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

/// Which links are no older than a duration that is given per link; a null time never is.
pub fn recent(run: &Run, links: &Links, starts: Starts, within: impl Fn(usize) -> i64) -> Vec<u8> {
    let fresh = |link: usize| {
        let (time, within) = (
            links.time.get(link).copied().unwrap_or(NULL_INT),
            within(link),
        );
        let now = run.now[starts.owner(links.parent[link] as usize)];
        is_within(time, now, within)
    };
    (0..links.len()).map(|link| u8::from(fresh(link))).collect()
}

fn in_links<R>(outer: &Frame, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = links.owners(starts);
    let link = LinkFrame {
        links,
        from: starts.ids,
        outer: Some(outer),
    };
    f(&Frame {
        shared: outer.shared,
        ..Frame::links(outer.run, &owners, link)
    })
}
