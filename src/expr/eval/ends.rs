//! What expressions say of the ends of links: computed once in a run for each entity, however many links
//! lead there. `1.0 / count(~likes(to)) ** 0.5` is the same for every link to one media.

use crate::batch::{BLOCK, Column};
use crate::expr::ir::{Expr, Kind, Level, OverLinks};
use crate::expr::links::Links;
use crate::expr::reads::End;
use crate::expr::run::{EndValues, Frame, LinkFrame, Run, lock};
use crate::expr::value::{Val, from_column};
use crate::types::Type;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes that a value takes with its place.
const VALUE_BYTES: usize = 40;

/// The value of an expression that reads nothing of its row but `end`, for links or rows many of which have
/// the same one.
pub(super) fn of_ends<'a>(frame: &Frame<'a>, expr: &Expr, end: End) -> Val<'a> {
    let ids = ids(frame, end);
    from_column(look_up(frame, expr, end, &ids, |row| frame.owner(row)))
}

/// An aggregate over the links of what rows lead to, as the author of each: many rows lead to the same. None of one that
/// reads more of its row, or is looked up.
pub(super) fn of_led<'a>(frame: &Frame<'a>, over: &OverLinks, ty: &Type) -> Option<Val<'a>> {
    let leads = over.from.level == Level::Row && over.from.kind != Kind::It && over.to.is_none();
    let of_rows = frame.link.is_none() && frame.run.past.is_none();
    let of_link = |part: &Option<Expr>| part.as_ref().is_none_or(|part| !part.reads_outer);
    let steady = over.within.as_ref().is_none_or(|within| within.level < Level::Row);
    if !(leads && of_rows && steady && of_link(&over.filter) && of_link(&over.value)) {
        return None;
    }
    let from = Expr::new(Kind::It, over.from.ty.clone());
    let over_it = OverLinks { from, ..over.clone() };
    let of_it = Expr::new(Kind::OverLinks(Box::new(over_it)), ty.clone());
    of_it.of_one_end().filter(|&end| end == End::It)?;
    let ids = frame.eval(&over.from).codes().spread(frame.n);
    Some(from_column(look_up(frame, &of_it, End::It, &ids, |row| frame.owner(row))))
}

/// The value for each of some ends; `owner` says of which request each is. Of the frame only what all rows
/// share is read. If the run has to end, any values.
pub fn look_up(
    frame: &Frame,
    expr: &Expr,
    end: End,
    ids: &[u32],
    owner: impl Fn(usize) -> usize,
) -> Column {
    let run = frame.run;
    let known = run.ends.of(expr);
    // no evaluation waits for other threads, so it may hold the lock
    let mut known = lock(&known);
    let EndValues { differs, places, values, .. } = &mut *known;
    let alike = (!*differs).then(|| run.alike());
    let (mut new, mut owners) = (Vec::new(), Vec::new());
    let place = |(row, &id): (usize, &u32)| {
        let request = owner(row) as u32;
        let request = alike.map_or(request, |alike| alike[request as usize]);
        let (place, is_new) = places.of(request, id);
        if is_new {
            new.push(id);
            owners.push(request);
        }
        place
    };
    let all: Vec<u32> = ids.iter().enumerate().map(place).collect();
    if !new.is_empty() {
        let made = evaluate(frame, expr, end, &new, &owners);
        let table = places.wanted();
        let bytes = new.len() * VALUE_BYTES + table.unwrap_or(0) * size_of::<u32>();
        if !run.ends.charge(bytes) || run.stop.is_due() {
            // what was computed may be anything, and is not kept
            *known = EndValues::new(expr);
            return made.zeros(ids.len());
        }
        if let Some(length) = table {
            places.widen(length);
        }
        match values {
            Some(values) => values.append(&made),
            None => *values = Some(made),
        }
    }
    let found = values.as_ref().map(|values| values.gather(&all));
    found.unwrap_or_else(|| Val::null(&expr.ty).into_column(0))
}

/// The number for every row of a table; none if it may differ among the requests of the run, or if there is
/// no room for so many.
pub fn of_all(run: &Run, expr: &Expr, end: End, rows: usize) -> Option<Arc<[f64]>> {
    let known = run.ends.of(expr);
    let mut known = lock(&known);
    if known.differs || run.alike().iter().any(|&request| request != 0) {
        return None;
    }
    if known.all.is_none() && run.ends.charge(rows * size_of::<f64>()) {
        let mut all = Vec::with_capacity(rows);
        for start in (0..rows).step_by(BLOCK) {
            let ids: Vec<u32> = (start..rows.min(start + BLOCK)).map(|id| id as u32).collect();
            let made = evaluate(&Frame::requests(run), expr, end, &ids, &vec![0; ids.len()]);
            all.extend(from_column(made).floats().spread(ids.len()));
            if run.stop.is_due() {
                return None;
            }
        }
        known.all = Some(all.into());
    }
    known.all.clone()
}

/// The value for links, or rows, of which each has another end.
fn evaluate(frame: &Frame, expr: &Expr, end: End, ids: &[u32], owners: &[u32]) -> Column {
    let shared = frame.shared;
    if end == End::It {
        let rows = Frame { n: ids.len(), owners, ids, shared, ..Frame::requests(frame.run) };
        return rows.column(expr);
    }
    let links =
        Links { parent: (0..ids.len() as u32).collect(), to: ids.to_vec(), ..Links::default() };
    let link = LinkFrame { links: &links, from: ids, outer: None };
    let links = Frame { shared, repeats: false, ..Frame::links(frame.run, owners, link) };
    links.column(expr)
}

fn ids<'a>(frame: &Frame<'a>, end: End) -> Cow<'a, [u32]> {
    let own = frame.first..frame.first + frame.n;
    match (end, frame.link) {
        (End::To, Some(link)) => Cow::Borrowed(&link.links.to[own]),
        (End::From, Some(link)) => {
            let parents = link.links.parent[own].iter();
            parents.map(|&parent| link.from[parent as usize]).collect()
        }
        _ => Cow::Borrowed(frame.ids),
    }
}
