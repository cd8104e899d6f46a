//! Aggregates over links of the past, answered from running sums ([`RunningLinks`]).
//!
//! That is possible where conditions and values are about the links alone, so that they are the same whoever asks
//! and whenever: they are evaluated once for every link of the edge. One condition may compare a value of the link
//! with one of the row (`where=to.kind == kind`), and a value may decay with time.

use super::aggregate::aggregate;
use crate::batch::Column;
use crate::expr::functions::{Comparison, Role};
use crate::expr::gather::{Degrees, Starts, gather};
use crate::expr::ir::{EdgeKind, Expr, Kind, LinkField, OverLinks, Scalar, Stat};
use crate::expr::key::KeyWriter;
use crate::expr::links::{Links, Needs};
use crate::expr::run::{
    Frame, Group, Late, LinkFrame, Run, Running, RunningLinks, Sums, added, halved,
};
use crate::expr::value::{Val, from_column};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};
use rayon::prelude::*;
use std::hash::Hash;

/// What an aggregate over links comes to for the examples of a training; none where links have to be looked at.
pub(super) fn answered<'a>(frame: &Frame<'a>, over: &OverLinks, ty: &Type) -> Option<Val<'a>> {
    let run = frame.run;
    let past = run.past.as_ref()?;
    if is_counted(run, over) {
        return None;
    }
    let plan = Plan::of(run, over)?;
    let links = past.running.get(plan.key(over), || plan.make(run, over))?;
    // who is seen before their time is seen by one request alone
    let alone: Vec<bool> = (0..run.requests()).map(|r| sees_somebody_early(run, r)).collect();
    let early: Vec<u32> =
        (0..frame.n).filter(|&row| alone[frame.owner(row)]).map(|row| row as u32).collect();
    if !early.is_empty() && frame.link.is_some() {
        return None;
    }
    let mut column = plan.answer(frame, over, &links, ty);
    if !early.is_empty() {
        put(&mut column, &early, &scan(frame, over, ty, &early));
    }
    Some(from_column(column))
}

/// Makes what expressions will be answered from, on all threads.
pub fn prepare(run: &Run, exprs: &[&Expr]) {
    let Some(past) = &run.past else { return };
    let mut wanted: Vec<(u128, &OverLinks)> = Vec::new();
    each_aggregate(exprs, &mut |over| {
        if let Some(plan) = Plan::of(run, over).filter(|_| !is_counted(run, over)) {
            let key = plan.key(over);
            if wanted.iter().all(|(known, _)| *known != key) {
                wanted.push((key, over));
            }
        }
    });
    wanted.par_iter().for_each(|(key, over)| {
        past.running.get(*key, || Plan::of(run, over)?.make(run, over));
    });
}

/// Whether an expression has an aggregate that looks at its links one by one.
pub fn scanned(run: &Run, running: &Running, expr: &Expr) -> bool {
    let mut scans = false;
    each_aggregate(&[expr], &mut |over| {
        scans |= !over.stat.is_of_newest()
            && !is_counted(run, over)
            && Plan::of(run, over).is_none_or(|plan| running.has_refused(plan.key(over)));
    });
    scans
}

fn each_aggregate<'e>(exprs: &[&'e Expr], f: &mut dyn FnMut(&'e OverLinks)) {
    for expr in exprs {
        expr.walk(&mut |part| {
            if let Kind::OverLinks(over) = &part.kind {
                f(over);
            }
        });
    }
}

/// Whether it is a number of stored links, which a search in their times says as it is.
fn is_counted(run: &Run, over: &OverLinks) -> bool {
    let unread = over.filter.is_none() && over.value.is_none() && over.to.is_none();
    let edge = &over.edge;
    unread
        && !over.stat.is_of_newest()
        && match edge.kind {
            EdgeKind::Table { .. } => run.snapshot.times(edge.to).is_none(),
            EdgeKind::Reference { reverse, .. } => reverse,
            _ => false,
        }
}

/// Whether a request sees its viewer, or the row that it is about, before others do.
fn sees_somebody_early(run: &Run, request: usize) -> bool {
    let viewer = run.snapshot.times(run.snapshot.schema().viewer);
    let viewer = viewer.and_then(|times| times.get(run.viewers[request] as usize));
    viewer.is_some_and(|&time| time > run.sees(request)) || run.sees_own_row(request)
}

/// The same aggregate, of some of the rows, from the links themselves.
fn scan(frame: &Frame, over: &OverLinks, ty: &Type, rows: &[u32]) -> Column {
    let owners: Vec<u32> = rows.iter().map(|&row| frame.owner(row as usize) as u32).collect();
    let at = |row: &u32| frame.ids.get(*row as usize).copied();
    let ids: Vec<u32> = rows.iter().filter_map(at).collect();
    let scores: Vec<f64> =
        rows.iter().filter_map(|&row| frame.scores.get(row as usize).copied()).collect();
    let bound: Vec<Column> = frame
        .bound
        .iter()
        .map(|column| match column.is_empty() {
            true => column.clone(),
            false => column.gather(rows),
        })
        .collect();
    let part = Frame {
        n: rows.len(),
        owners: &owners,
        ids: &ids,
        scores: &scores,
        bound: &bound,
        ..Frame::requests(frame.run)
    };
    aggregate(&part, over, ty).into_column(rows.len())
}

fn put(all: &mut Column, rows: &[u32], values: &Column) {
    for (place, &row) in rows.iter().enumerate() {
        match (&mut *all, values) {
            (Column::I64(all), Column::I64(values)) => all[row as usize] = values[place],
            (Column::F64(all), Column::F64(values)) => all[row as usize] = values[place],
            (Column::Bool(all), Column::Bool(values)) => all[row as usize] = values[place],
            _ => {}
        }
    }
}

/// How an aggregate is answered.
struct Plan<'e> {
    /// Conditions on links.
    conditions: Vec<&'e Expr>,
    /// A value of the link that has to be that of the row.
    same: Option<(&'e Expr, &'e Expr)>,
    value: Value<'e>,
}

enum Value<'e> {
    None,
    Plain(&'e Expr),
    /// A factor that is about the link, and the half-life of the other.
    Decaying(Option<&'e Expr>, f64),
}

impl<'e> Plan<'e> {
    fn of(run: &Run, over: &'e OverLinks) -> Option<Plan<'e>> {
        let mut of_links = !over.stat.is_of_newest();
        over.edge.each_expr(&mut |expr| of_links &= is_of_link(run, expr));
        if !of_links {
            return None;
        }
        let (mut conditions, mut same) = (Vec::new(), None);
        for condition in over.filter.iter().flat_map(Expr::conjuncts) {
            if is_of_link(run, condition) {
                conditions.push(condition);
            } else {
                let pair = same_value(run, condition).filter(|_| same.is_none())?;
                same = Some(pair);
            }
        }
        if same.is_some() && over.to.is_some() {
            return None;
        }
        let value = match &over.value {
            None => Value::None,
            Some(value) if is_of_link(run, value) => Value::Plain(value),
            Some(value) if matches!(over.stat, Stat::Sum | Stat::Mean) => decaying(run, value)?,
            Some(_) => return None,
        };
        Some(Plan { conditions, same, value })
    }

    fn key(&self, over: &OverLinks) -> u128 {
        let mut writer = KeyWriter::default();
        let shape = (over.stat, over.to.is_some(), over.within.is_some());
        (shape, &over.edge, &over.filter, &over.value).hash(&mut writer);
        writer.take()
    }

    /// Looks once at every link of the edge.
    fn make(&self, run: &Run, over: &OverLinks) -> Option<RunningLinks> {
        let everything = run.of_everything();
        let rows = run.snapshot.schema().entity(over.edge.from).rows;
        let ids: Vec<u32> = (0..rows).collect();
        let owners = vec![0u32; ids.len()];
        let starts = Starts { ids: &ids, owners: &owners, ends: None, any: false, shared: None };
        let mut maker = Maker::new(over, self.grouped(over), self.value.half_life());
        let degrees = Degrees::of(&everything, &over.edge);
        for (part, _) in degrees.parts(run.stop, &ids, ids.len()) {
            let starts = starts.part(part.clone());
            self.part(&everything, over, starts, &mut maker)?;
        }
        (maker.links.offsets.len() == ids.len() + 1 && !run.stop.is_due()).then_some(maker.links)
    }

    fn grouped(&self, over: &OverLinks) -> bool {
        over.to.is_some() || self.same.is_some()
    }

    /// The links of some rows.
    fn part(&self, run: &Run, over: &OverLinks, starts: Starts, maker: &mut Maker) -> Option<()> {
        let mut needs = Needs { time: true, since: true, ..Needs::of(&over.edge) };
        let value = self.value.expr();
        let same = self.same.map(|(of_link, _)| of_link);
        for expr in self.conditions.iter().copied().chain(value).chain(same) {
            needs = needs.and(expr);
        }
        let mut links = gather(run, &over.edge, starts, &needs);
        for condition in &self.conditions {
            let keep = in_links(run, &links, starts, |frame| frame.condition(condition));
            links = links.retain(&keep);
        }
        let links = links.listed(run.stop);
        let values = value.map(|v| in_links(run, &links, starts, |frame| frame.column(v)));
        let groups = match (same, &over.to) {
            (Some(same), _) => {
                let column = in_links(run, &links, starts, |frame| frame.column(same));
                groups_of(&column)
            }
            (None, Some(_)) => links.to.iter().map(|&to| Some(Group::from(to))).collect(),
            (None, None) => Vec::new(),
        };
        maker.add(starts.ids.len(), &links, &groups, values.as_ref())
    }

    /// The answer for every row of a frame.
    fn answer(&self, frame: &Frame, over: &OverLinks, links: &RunningLinks, ty: &Type) -> Column {
        let (run, n) = (frame.run, frame.n);
        let ids = frame.eval(&over.from).codes();
        let within = over.within.as_ref().map(|within| frame.eval(within).ints());
        let groups: Vec<Option<Group>> = match (self.same, &over.to) {
            (Some((_, of_row)), _) => groups_of(&frame.column(of_row)),
            (None, Some(to)) => groups_of(&Column::Code(frame.eval(to).codes().spread(n))),
            (None, None) => Vec::new(),
        };
        let mut made = Answers::new(over.stat, ty, n);
        for row in 0..n {
            let owner = frame.owner(row);
            let (now, seen) = (run.now[owner], run.sees(owner));
            let window = match &within {
                None => Some(i64::MIN),
                Some(within) => match within.get(row) {
                    NULL_INT => None,
                    // a null time is in no window
                    within => Some(now.saturating_sub(within).max(NULL_INT + 1)),
                },
            };
            let group = groups.get(row).copied();
            match (window, group, ids.get(row)) {
                (Some(from), None | Some(Some(_)), id) if id != NULL_CODE => {
                    made.push(links, id, group.flatten(), [from, seen, now]);
                }
                _ => made.push(links, NULL_CODE, None, [0, -1, now]),
            }
        }
        made.column
    }
}

impl<'e> Value<'e> {
    fn expr(&self) -> Option<&'e Expr> {
        match self {
            Value::None => None,
            Value::Plain(value) => Some(value),
            Value::Decaying(factor, _) => *factor,
        }
    }

    fn half_life(&self) -> Option<f64> {
        match self {
            Value::Decaying(_, half_life) => Some(*half_life),
            _ => None,
        }
    }
}

fn in_links<R>(run: &Run, links: &Links, starts: Starts, f: impl Fn(&Frame) -> R) -> R {
    let owners = starts.owners_of(links);
    let link = LinkFrame { links, from: starts.ids, outer: None };
    f(&Frame::links(run, &owners, link))
}

/// Whether an expression says the same of a link whoever asks, and whenever.
fn is_of_link(run: &Run, expr: &Expr) -> bool {
    let mut is = true;
    expr.walk(&mut |part| {
        is &= match &part.kind {
            Kind::Const(_) | Kind::Link(_) | Kind::Read { .. } | Kind::VectorOf { .. } => true,
            Kind::If { .. } | Kind::List(_) | Kind::Hash(_) | Kind::Extract { .. } => true,
            Kind::Call { kernel, .. } => !kernel.is_own(),
            Kind::Visible { entity, .. } => run.snapshot.times(*entity).is_none(),
            _ => false,
        };
    });
    is
}

/// `a == b` of a value of the link and one of the row, in this order.
fn same_value<'e>(run: &Run, condition: &'e Expr) -> Option<(&'e Expr, &'e Expr)> {
    let [a, b] = condition.as_call(Role::Compare(Comparison::Equal))? else { return None };
    let comparable = |e: &Expr| matches!(e.ty, Type::Id(_) | Type::Int | Type::Bool | Type::String);
    if !comparable(a) || a.ty != b.ty {
        return None;
    }
    let of_row = |e: &'e Expr| match &e.kind {
        Kind::Outer(row) => Some(row),
        _ => None,
    };
    match (of_row(a), of_row(b)) {
        (None, Some(row)) if is_of_link(run, a) => Some((a, row)),
        (Some(row), None) if is_of_link(run, b) => Some((b, row)),
        _ => None,
    }
}

/// A product of `decay(time, half_life)` and what is about the link alone, or the decay itself.
fn decaying<'e>(run: &Run, value: &'e Expr) -> Option<Value<'e>> {
    if let Some(half_life) = half_life(value) {
        return Some(Value::Decaying(None, half_life));
    }
    let Kind::Call { kernel, args } = &value.kind else { return None };
    let [a, b] = &args[..] else { return None };
    if kernel.function.name != "*" || value.ty != Type::Float {
        return None;
    }
    match (half_life(a), half_life(b)) {
        (Some(half_life), None) if is_of_link(run, b) => Some(Value::Decaying(Some(b), half_life)),
        (None, Some(half_life)) if is_of_link(run, a) => Some(Value::Decaying(Some(a), half_life)),
        _ => None,
    }
}

/// The half-life of `decay(time, half_life)` of the link's time.
fn half_life(expr: &Expr) -> Option<f64> {
    let Kind::Call { kernel, args } = &expr.kind else { return None };
    match &args[..] {
        [time, half, now]
            if kernel.function.name == "decay"
                && time.kind == Kind::Link(LinkField::Time)
                && now.kind == Kind::Now =>
        {
            match half.as_const() {
                Some(Scalar::I64(half)) if *half > 0 => Some(*half as f64),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Values as groups; none for null, which nothing equals.
fn groups_of(column: &Column) -> Vec<Option<Group>> {
    match column {
        Column::I64(v) => v.iter().map(|&x| (x != NULL_INT).then_some(x as u64)).collect(),
        Column::Bool(v) => v.iter().map(|&x| (x != NULL_BOOL).then_some(u64::from(x))).collect(),
        Column::Code(v) => v.iter().map(|&x| (x != NULL_CODE).then_some(u64::from(x))).collect(),
        _ => vec![None; column.len()],
    }
}

/// Makes running links row by row.
struct Maker {
    stat: Stat,
    /// Whether links are asked for by their own time, too.
    windowed: bool,
    grouped: bool,
    half_life: Option<f64>,
    links: RunningLinks,
}

/// One link.
struct One {
    parent: u32,
    group: Group,
    time: i64,
    since: i64,
    place: usize,
}

impl Maker {
    fn new(over: &OverLinks, grouped: bool, half_life: Option<f64>) -> Maker {
        let links = RunningLinks { offsets: vec![0], ..RunningLinks::default() };
        Maker { stat: over.stat, windowed: over.within.is_some(), grouped, half_life, links }
    }

    /// Adds the links of the next rows, as listed; none if they cannot be summed.
    fn add(
        &mut self,
        rows: usize,
        links: &Links,
        groups: &[Option<Group>],
        values: Option<&Column>,
    ) -> Option<()> {
        let first = self.links.offsets.len() - 1;
        self.begin(values)?;
        let mut all: Vec<One> = Vec::with_capacity(links.len());
        for place in 0..links.len() {
            let group = match groups.get(place) {
                Some(None) => continue,
                Some(Some(group)) => *group,
                None => 0,
            };
            let time = links.time.get(place).copied().unwrap_or(NULL_INT);
            let skipped = (self.windowed || self.half_life.is_some()) && time == NULL_INT;
            if skipped || !self.counts(values, place) {
                continue;
            }
            let one =
                One { parent: links.parent[place], group, time, since: links.since[place], place };
            match self.windowed && one.since > one.time {
                true => self.late(first, &one, values)?,
                false => all.push(one),
            }
        }
        all.sort_by_key(|one| (one.parent, one.group, one.since, one.place));
        let mut next = 0;
        for row in 0..rows {
            while next < all.len() && all[next].parent as usize == row {
                let same = next > 0
                    && all[next - 1].parent == all[next].parent
                    && all[next - 1].group == all[next].group;
                self.push(&all[next], same, values);
                next += 1;
            }
            self.links.offsets.push(self.links.times.len());
        }
        Some(())
    }

    /// What is summed, by the values there are; none for others.
    fn begin(&mut self, values: Option<&Column>) -> Option<()> {
        if self.links.offsets.len() > 1 {
            return Some(());
        }
        let largest = self.stat == Stat::Max;
        self.links.sums = match (self.stat, values) {
            (Stat::Sum | Stat::Mean, _) if self.half_life.is_some() => {
                Sums::Decaying { half_life: self.half_life?, sums: Vec::new() }
            }
            (Stat::Sum | Stat::Mean, Some(Column::F64(_))) => Sums::Floats(Vec::new()),
            (Stat::Sum, Some(Column::I64(_))) => Sums::Ints(Vec::new()),
            (Stat::Min | Stat::Max, Some(Column::F64(_))) => {
                Sums::Extreme { largest, values: Vec::new(), running: Vec::new() }
            }
            (Stat::Min | Stat::Max, Some(Column::I64(_))) => {
                Sums::ExtremeInts { largest, values: Vec::new(), running: Vec::new() }
            }
            (Stat::Sum | Stat::Mean | Stat::Min | Stat::Max, _) => return None,
            _ => Sums::Count,
        };
        Some(())
    }

    /// Whether a link counts by its value.
    fn counts(&self, values: Option<&Column>, place: usize) -> bool {
        match (self.stat, values) {
            (_, None) => true,
            (Stat::Any | Stat::Exists | Stat::None, Some(Column::Bool(v))) => v[place] == 1,
            // those that keep it from being true
            (Stat::All, Some(Column::Bool(v))) => v[place] != 1,
            (_, Some(Column::Bool(v))) => v[place] != NULL_BOOL,
            (_, Some(Column::I64(v))) => v[place] != NULL_INT,
            (_, Some(Column::F64(v))) => !v[place].is_nan(),
            (_, Some(Column::Code(v))) => v[place] != NULL_CODE,
            (_, Some(Column::List { slots, .. } | Column::Vector { slots, .. })) => {
                slots[place][0] != NULL_CODE
            }
        }
    }

    fn push(&mut self, one: &One, same: bool, values: Option<&Column>) {
        let int = |values: Option<&Column>| match values {
            Some(Column::I64(v)) => v[one.place],
            _ => 1,
        };
        let float = |values: Option<&Column>| match values {
            Some(Column::F64(v)) => v[one.place],
            _ => 1.0,
        };
        let before = same.then(|| self.links.times.last().copied()).flatten();
        match &mut self.links.sums {
            Sums::Count => {}
            Sums::Ints(sums) => {
                let sum = if same { *sums.last().unwrap_or(&0) } else { 0 };
                sums.push(sum + i128::from(int(values)));
            }
            Sums::Floats(sums) => {
                let sum = if same { *sums.last().unwrap_or(&[0.0; 2]) } else { [0.0; 2] };
                sums.push(added(sum, float(values)));
            }
            Sums::Extreme { largest, values: all, running } => {
                let value = float(values);
                let so_far = running.last().copied().filter(|_| same).unwrap_or(value);
                running.push(if *largest { so_far.max(value) } else { so_far.min(value) });
                all.push(value);
            }
            Sums::ExtremeInts { largest, values: all, running } => {
                let value = int(values);
                let so_far = running.last().copied().filter(|_| same).unwrap_or(value);
                running.push(if *largest { so_far.max(value) } else { so_far.min(value) });
                all.push(value);
            }
            Sums::Decaying { half_life, sums } => {
                let sum = match (before, sums.last()) {
                    (Some(then), Some(sum)) => sum * halved(then, one.since, *half_life),
                    _ => 0.0,
                };
                sums.push(sum + float(values) * halved(one.time, one.since, *half_life));
            }
        }
        self.links.times.push(one.since);
        if self.grouped {
            self.links.groups.push(one.group);
        }
    }

    /// Notes a link that is seen later than its time; none where it cannot be told apart from a sum.
    fn late(&mut self, first: usize, one: &One, values: Option<&Column>) -> Option<()> {
        let (mut int, mut float) = (1, 1.0);
        match (&self.links.sums, values) {
            (Sums::Count, _) => {}
            (Sums::Ints(_), Some(Column::I64(v))) => int = v[one.place],
            (Sums::Floats(_), Some(Column::F64(v))) => float = v[one.place],
            _ => return None,
        }
        let late = Late { group: one.group, time: one.time, since: one.since, int, float };
        self.links.late.entry(first as u32 + one.parent).or_default().push(late);
        Some(())
    }
}

/// Answers, row by row.
struct Answers {
    stat: Stat,
    column: Column,
}

impl Answers {
    fn new(stat: Stat, ty: &Type, n: usize) -> Answers {
        let column = match ty {
            Type::Bool => Column::Bool(Vec::with_capacity(n)),
            Type::Float => Column::F64(Vec::with_capacity(n)),
            _ => Column::I64(Vec::with_capacity(n)),
        };
        Answers { stat, column }
    }

    /// The answer for the links of a row between two times, as of a third.
    fn push(&mut self, links: &RunningLinks, row: u32, group: Option<Group>, when: [i64; 3]) {
        let [from, until, now] = when;
        let found = links.find(row, group, from, until);
        let (mut count, mut late_int, mut late_float) = (found.count() as i64, 0i128, 0.0);
        if !links.late.is_empty() {
            for late in links.late(row, group, from, until) {
                count += 1;
                late_int += i128::from(late.int);
                late_float += late.float;
            }
        }
        let float = |x: f64| if x.is_finite() { x } else { NULL_FLOAT };
        match (self.stat, &mut self.column) {
            (Stat::Count, Column::I64(v)) => v.push(count),
            (Stat::Exists | Stat::Any, Column::Bool(v)) => v.push(u8::from(count > 0)),
            (_, Column::Bool(v)) => v.push(u8::from(count == 0)),
            (Stat::Sum, Column::I64(v)) => {
                let sum = links.ints(&found) + late_int;
                v.push(i64::try_from(sum).unwrap_or(NULL_INT));
            }
            (Stat::Sum, Column::F64(v)) => v.push(float(links.floats(&found, now) + late_float)),
            (Stat::Mean, Column::F64(v)) => {
                v.push(float((links.floats(&found, now) + late_float) / count as f64));
            }
            (_, Column::F64(v)) => v.push(links.extreme(&found).unwrap_or(NULL_FLOAT)),
            (_, Column::I64(v)) => v.push(links.extreme_int(&found).unwrap_or(NULL_INT)),
            _ => {}
        }
    }
}
