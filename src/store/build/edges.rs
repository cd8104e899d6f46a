//! Edges: from tables to links between rows.

use super::complaints::{Complaints, plural};
use super::entities::{Column, Entity, shown};
use super::keys::{DANGLING, Keys};
use super::plan::Place;
use super::tables::Loaded;
use crate::catalog::config::{Catalog, Edge as EdgeConfig, EdgeTime};
use crate::catalog::{DataError, DataWarning, time};
use crate::store::import::{Fault, Faults, Values, brief};
use crate::types::time::text as time_text;
use crate::types::{NULL_CODE, NULL_INT};

/// The links of an edge, as listed.
pub struct Edge {
    pub from: Vec<u32>,
    pub to: Vec<u32>,
    pub time: Option<Vec<i64>>,
    pub weight: Option<Vec<f64>>,
    /// The table's other columns, a value per link.
    pub columns: Vec<Column>,
}

/// Makes links of a table; None where an end cannot be had, which is told of already. Ends that are
/// null or point nowhere are errors, or their links are left out.
pub fn edge(
    catalog: &Catalog,
    config: &EdgeConfig,
    mut loaded: Loaded,
    entities: &[Option<Entity>],
    complaints: &mut Complaints,
) -> Option<Edge> {
    let place = Place {
        catalog: &catalog.path,
        table: &config.table,
        section: &format!("edge.{}", config.name),
        line: config.line,
    };
    let parts = time_of_parts(config, &mut loaded, place, complaints);
    let links = links(catalog, config, &loaded, entities, place, complaints)?;
    let row = (!links.identity).then_some(links.row);
    let mut rest = columns(loaded, row.as_deref());
    let mut take =
        |name: &str| rest.iter().position(|c| c.name == name).map(|i| rest.remove(i).values);
    take(&config.from.column);
    take(&config.to.column);
    let time = match &config.time {
        Some(EdgeTime::Column(c)) => take(c),
        Some(EdgeTime::Parts(_)) => parts.map(|p| of_links(Values::Int(p), row.as_deref())),
        None => None,
    };
    let weight = config.weight.as_deref().and_then(take);
    let time = time.and_then(ints);
    complaints.warnings.extend(time.as_deref().and_then(|times| to_come(times, place)));
    Some(Edge {
        from: links.from,
        to: links.to,
        time,
        weight: weight.and_then(floats),
        columns: rest,
    })
}

/// What to say of links that lie after the clock.
fn to_come(times: &[i64], place: Place<'_>) -> Option<DataWarning> {
    let now = now();
    let (newest, count) = times
        .iter()
        .filter(|t| **t > now)
        .fold((now, 0u64), |(newest, count), &t| (newest.max(t), count + 1));
    let newest = time_text(newest)?;
    let (links, lie) = plural(count, "link", "lies");
    let message = format!(
        "{count} {links} {lie} in the future, the newest at {newest}: requests do not see them before their time, and `now = \"latest\"` ignores them"
    );
    (count > 0).then(|| place.warning(message, count))
}

/// Microseconds since 1970.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |t| t.as_micros() as i64)
}

fn ints(values: Values) -> Option<Vec<i64>> {
    if let Values::Int(v) = values { Some(v) } else { None }
}

fn floats(values: Values) -> Option<Vec<f64>> {
    if let Values::Float(v) = values { Some(v) } else { None }
}

fn of_links(values: Values, row: Option<&[u32]>) -> Values {
    match row {
        Some(rows) => values.gather(rows),
        None => values,
    }
}

fn columns(loaded: Loaded, row: Option<&[u32]>) -> Vec<Column> {
    let described = loaded.plan.names.into_iter().zip(loaded.plan.wanted).zip(loaded.table.columns);
    described
        .map(|((name, w), values)| Column { name, ty: w.how.ty, values: of_links(values, row) })
        .collect()
}

/// The times of rows that have them as year, month, day: null if a part is null. A date that does
/// not exist makes a bad row.
fn time_of_parts(
    config: &EdgeConfig,
    loaded: &mut Loaded,
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Option<Vec<i64>> {
    let Some(EdgeTime::Parts(names)) = &config.time else {
        return None;
    };
    let positions = names.iter().map(|n| loaded.plan.position(n));
    let positions: Vec<usize> = positions.collect::<Option<_>>()?;
    let mut faults = Faults::default();
    let mut times = Vec::with_capacity(loaded.table.rows);
    for row in 0..loaded.table.rows {
        let parts = positions.iter().map(|&p| int_at(&loaded.table.columns[p], row));
        let parts: Vec<i64> = parts.collect();
        let time = match parts.contains(&NULL_INT) {
            true => Some(NULL_INT),
            false => time::from_parts(&parts),
        };
        if time.is_none() {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            let fault = Fault::new(format!("invalid date `{}`", parts.join("-")));
            let fault = fault.help("the columns are year, month, day in that order");
            faults.push(row, Some(&names[0]), fault);
        }
        times.push(time.unwrap_or(NULL_INT));
    }
    if faults.0.is_empty() {
        return Some(times);
    }
    // the times are left out with their rows
    loaded.table.columns.push(Values::Int(times));
    place.faults(loaded.reader.as_ref(), &mut loaded.table, faults.0, |_| false, complaints);
    loaded.table.columns.pop().and_then(ints)
}

fn int_at(values: &Values, row: usize) -> i64 {
    if let Values::Int(v) = values { v[row] } else { NULL_INT }
}

/// Links with the table rows they are from.
struct Links {
    from: Vec<u32>,
    to: Vec<u32>,
    row: Vec<u32>,
    /// Every row is one link, so that columns need not be rearranged.
    identity: bool,
}

/// One end of all links: the column, the rows that its keys (or elements) mean.
struct End<'a> {
    name: &'static str,
    column: &'a str,
    target: &'a str,
    /// Rows of the target are lacking because of an error that is told of.
    lost: bool,
    values: &'a Values,
    rows: Vec<u32>,
}

impl<'a> End<'a> {
    fn new(
        name: &'static str,
        column: &'a str,
        target: (&'a str, bool),
        values: &'a Values,
        keys: &Keys,
    ) -> Self {
        End { name, column, target: target.0, lost: target.1, values, rows: keys.rows_of(values) }
    }

    /// Places in `rows` of a table row's ends; a null list has none, a null key one that is bad.
    fn places(&self, row: usize) -> std::ops::Range<usize> {
        match self.values {
            Values::List { slots, .. } if slots[row][0] == NULL_CODE => 0..0,
            Values::List { slots, .. } => {
                slots[row][0] as usize..(slots[row][0] + slots[row][1]) as usize
            }
            _ => row..row + 1,
        }
    }

    fn is_bad(&self, place: usize) -> bool {
        self.rows[place] >= DANGLING
    }

    fn message(&self, place: usize) -> String {
        let values = if let Values::List { items, .. } = self.values { items } else { self.values };
        match self.rows[place] {
            NULL_CODE => format!("the end `{}` is null", self.name),
            _ => format!("no {} has the key {}", self.target, shown(values, place)),
        }
    }
}

fn links(
    catalog: &Catalog,
    config: &EdgeConfig,
    loaded: &Loaded,
    entities: &[Option<Entity>],
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Option<Links> {
    let make = |name: &'static str, end: &crate::catalog::config::End| {
        let id = end.entity.0 as usize;
        let at = loaded.plan.position(&end.column)?;
        let column = loaded.plan.names[at].as_str();
        let values = &loaded.table.columns[at];
        let entity = entities[id].as_ref()?;
        let target = (catalog.entities[id].name.as_str(), entity.lost);
        Some(End::new(name, column, target, values, &entity.keys))
    };
    let (from, to) = rayon::join(|| make("from", &config.from), || make("to", &config.to));
    let (from, to) = (from?, to?);
    let lists = [&from, &to].iter().any(|e| matches!(e.values, Values::List { .. }));
    let bad = [&from, &to].iter().any(|e| e.rows.iter().any(|r| *r >= DANGLING));
    let links = if lists || bad {
        product(loaded, &from, &to, place, complaints)
    } else {
        one_each(from, to)
    };
    if links.from.len() >= u32::MAX as usize {
        let file = &loaded.table.origin.files[0].path;
        let message = format!("{} links are too many for an edge", links.from.len());
        complaints.errors.push(DataError::new(file, message));
        return None;
    }
    Some(links)
}

fn one_each(from: End<'_>, to: End<'_>) -> Links {
    Links { from: from.rows, to: to.rows, row: Vec::new(), identity: true }
}

/// Every pair of ends of every row.
fn product(
    loaded: &Loaded,
    from: &End<'_>,
    to: &End<'_>,
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Links {
    let mut links = Links { from: vec![], to: vec![], row: vec![], identity: false };
    // of each end: links that it makes impossible by null keys, and by unknown ones
    let mut lost = [(); 4].map(|()| Lost::default());
    for row in 0..loaded.table.rows {
        for f in from.places(row) {
            for t in to.places(row) {
                let (at, end, place) = match (from.is_bad(f), to.is_bad(t)) {
                    (false, false) => {
                        links.from.push(from.rows[f]);
                        links.to.push(to.rows[t]);
                        links.row.push(row as u32);
                        continue;
                    }
                    (true, _) => (0, from, f),
                    (false, true) => (2, to, t),
                };
                let null = usize::from(end.rows[place] == NULL_CODE);
                lost[at + null].add(row as u32, place);
            }
        }
    }
    for (at, lost) in lost.iter().enumerate() {
        let end = if at < 2 { from } else { to };
        lost.tell(loaded, end, place, complaints);
    }
    links
}

/// Links that cannot be.
#[derive(Default)]
struct Lost {
    count: u64,
    rows: Vec<u32>,
    first: usize,
}

impl Lost {
    fn add(&mut self, row: u32, place: usize) {
        if self.count == 0 {
            self.first = place;
        }
        self.count += 1;
        self.rows.push(row);
    }

    fn tell(&self, loaded: &Loaded, end: &End<'_>, place: Place<'_>, complaints: &mut Complaints) {
        let Some(&row) = self.rows.first() else {
            return;
        };
        let origin = &loaded.table.origin;
        let error = origin
            .error(loaded.reader.as_ref(), row as usize, end.message(self.first))
            .column(end.column);
        match place.loss(true) {
            None if end.lost => {}
            None => {
                let error = origin.and_more(error, &self.rows);
                complaints.errors.push(error.help(format!(
                    "`on_error = \"skip\"` in `[{}]` skips such links and reports their number",
                    place.section
                )));
            }
            Some(_) => {
                let (links, _) = plural(self.count, "link", "");
                let message = format!("{} {links} skipped: {}", self.count, brief(&error));
                complaints.warnings.push(place.warning(message, self.count));
            }
        }
    }
}
