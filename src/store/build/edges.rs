//! Edges: from tables to links between rows.

use super::entities::{Column, Entity, shown};
use super::keys::{DANGLING, Keys};
use super::tables::{Loaded, rows_skipped};
use crate::catalog::config::{Catalog, Edge as EdgeConfig, EdgeTime, OnError};
use crate::catalog::{DataError, DataWarning, time};
use crate::store::import::{Fault, Faults, Values, brief};
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

/// Makes links of a table. Ends that are null or point nowhere are errors, or their links are
/// left out.
pub fn edge(
    catalog: &Catalog,
    config: &EdgeConfig,
    mut loaded: Loaded,
    entities: &[Entity],
    warnings: &mut Vec<DataWarning>,
) -> Result<Edge, DataError> {
    let parts = time_of_parts(config, &mut loaded)?;
    warnings.extend(loaded.warnings(&config.table));
    let links = links(catalog, config, &loaded, entities)?;
    warnings.extend(links.warnings(config));
    let row = (!links.identity).then_some(links.row);
    let mut rest = columns(loaded, row.as_deref());
    let mut take = |name: &str| {
        rest.iter()
            .position(|c| c.name == name)
            .map(|i| rest.remove(i).values)
    };
    take(&config.from.column);
    take(&config.to.column);
    let time = match &config.time {
        Some(EdgeTime::Column(c)) => take(c),
        Some(EdgeTime::Parts(_)) => parts.map(|p| of_links(Values::Int(p), row.as_deref())),
        None => None,
    };
    let weight = config.weight.as_deref().and_then(take);
    Ok(Edge {
        from: links.from,
        to: links.to,
        time: time.and_then(ints),
        weight: weight.and_then(floats),
        columns: rest,
    })
}

fn ints(values: Values) -> Option<Vec<i64>> {
    if let Values::Int(v) = values {
        Some(v)
    } else {
        None
    }
}

fn floats(values: Values) -> Option<Vec<f64>> {
    if let Values::Float(v) = values {
        Some(v)
    } else {
        None
    }
}

fn of_links(values: Values, row: Option<&[u32]>) -> Values {
    match row {
        Some(rows) => values.gather(rows),
        None => values,
    }
}

fn columns(loaded: Loaded, row: Option<&[u32]>) -> Vec<Column> {
    let described = loaded
        .plan
        .names
        .into_iter()
        .zip(loaded.plan.wanted)
        .zip(loaded.table.columns);
    described
        .map(|((name, w), values)| Column {
            name,
            ty: w.how.ty,
            values: of_links(values, row),
        })
        .collect()
}

/// The times of rows that have them as year, month, day: null if a part is null. A date that does
/// not exist makes a bad row.
fn time_of_parts(config: &EdgeConfig, loaded: &mut Loaded) -> Result<Option<Vec<i64>>, DataError> {
    let Some(EdgeTime::Parts(names)) = &config.time else {
        return Ok(None);
    };
    let positions: Vec<usize> = names
        .iter()
        .filter_map(|n| loaded.plan.position(n))
        .collect();
    let mut faults = Faults::default();
    let mut times = Vec::with_capacity(loaded.table.rows);
    for row in 0..loaded.table.rows {
        let parts: Vec<i64> = positions
            .iter()
            .map(|&p| int_at(&loaded.table.columns[p], row))
            .collect();
        let time = if parts.contains(&NULL_INT) {
            Some(NULL_INT)
        } else {
            time::from_parts(&parts)
        };
        if time.is_none() {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            faults.push(
                row,
                Some(&names[0]),
                Fault::new(format!("there is no date `{}`", parts.join("-"))),
            );
        }
        times.push(time.unwrap_or(NULL_INT));
    }
    drop_bad_dates(config, loaded, &mut times, faults)?;
    Ok(Some(times))
}

fn int_at(values: &Values, row: usize) -> i64 {
    if let Values::Int(v) = values {
        v[row]
    } else {
        NULL_INT
    }
}

fn drop_bad_dates(
    config: &EdgeConfig,
    loaded: &mut Loaded,
    times: &mut Vec<i64>,
    faults: Faults,
) -> Result<(), DataError> {
    let Some((row, column, fault)) = faults.first else {
        return Ok(());
    };
    let error = loaded
        .table
        .origin
        .error(loaded.reader.as_ref(), row as usize, fault.message);
    let error = error
        .column(column.unwrap_or_default())
        .help("the columns are year, month, day in that order");
    if config.table.on_error == OnError::Error {
        return Err(error);
    }
    let mut bad = faults.rows.iter().peekable();
    let mut row = 0;
    times.retain(|_| {
        row += 1;
        bad.next_if(|b| **b + 1 == row).is_none()
    });
    loaded.table.drop_rows(&faults.rows, brief(&error));
    Ok(())
}

/// Links with the table rows they are from.
struct Links {
    from: Vec<u32>,
    to: Vec<u32>,
    row: Vec<u32>,
    /// Every row is one link, so that columns need not be rearranged.
    identity: bool,
    /// Left out, and why the first was.
    skipped: u64,
    why: Option<String>,
}

impl Links {
    fn warnings(&self, config: &EdgeConfig) -> Option<DataWarning> {
        let why = self.why.as_ref()?;
        let links = if self.skipped == 1 { "link" } else { "links" };
        let message = format!("{} {links} skipped: {why}", self.skipped);
        Some(DataWarning {
            message,
            ..rows_skipped(&config.table, "", self.skipped)
        })
    }
}

/// One end of all links: the column, the rows that its keys (or elements) mean.
struct End<'a> {
    name: &'static str,
    column: &'a str,
    target: &'a str,
    values: &'a Values,
    rows: Vec<u32>,
}

impl<'a> End<'a> {
    fn new(
        name: &'static str,
        column: &'a str,
        target: &'a str,
        values: &'a Values,
        keys: &Keys,
    ) -> Self {
        End {
            name,
            column,
            target,
            values,
            rows: keys.rows_of(values),
        }
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
        let values = if let Values::List { items, .. } = self.values {
            items
        } else {
            self.values
        };
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
    entities: &[Entity],
) -> Result<Links, DataError> {
    let end = |name, end: &'_ crate::catalog::config::End| {
        let id = end.entity.0 as usize;
        let at = loaded.plan.position(&end.column).unwrap_or(0);
        (name, id, at)
    };
    let make = |(name, id, at): (&'static str, usize, usize)| {
        let column = loaded.plan.names[at].as_str();
        End::new(
            name,
            column,
            &catalog.entities[id].name,
            &loaded.table.columns[at],
            &entities[id].keys,
        )
    };
    let (from, to) = rayon::join(
        || make(end("from", &config.from)),
        || make(end("to", &config.to)),
    );
    let lists = [&from, &to]
        .iter()
        .any(|e| matches!(e.values, Values::List { .. }));
    let bad = [&from, &to]
        .iter()
        .any(|e| e.rows.iter().any(|r| *r >= DANGLING));
    let links = if lists || bad {
        product(config, loaded, &from, &to)?
    } else {
        one_each(from, to)
    };
    if links.from.len() >= u32::MAX as usize {
        let file = &loaded.table.origin.files[0].path;
        return Err(DataError::new(
            file,
            format!("{} links are more than an edge can have", links.from.len()),
        ));
    }
    Ok(links)
}

fn one_each(from: End<'_>, to: End<'_>) -> Links {
    Links {
        from: from.rows,
        to: to.rows,
        row: Vec::new(),
        identity: true,
        skipped: 0,
        why: None,
    }
}

/// Every pair of ends of every row.
fn product(
    config: &EdgeConfig,
    loaded: &Loaded,
    from: &End<'_>,
    to: &End<'_>,
) -> Result<Links, DataError> {
    let mut links = Links {
        from: vec![],
        to: vec![],
        row: vec![],
        identity: false,
        skipped: 0,
        why: None,
    };
    let mut first = None;
    for row in 0..loaded.table.rows {
        for f in from.places(row) {
            for t in to.places(row) {
                if from.is_bad(f) || to.is_bad(t) {
                    links.skipped += 1;
                    first.get_or_insert((row, f, t));
                    continue;
                }
                links.from.push(from.rows[f]);
                links.to.push(to.rows[t]);
                links.row.push(row as u32);
            }
        }
    }
    if let Some((row, f, t)) = first {
        let (end, place) = if from.is_bad(f) { (from, f) } else { (to, t) };
        let error = bad_end(loaded, row, end, place);
        if config.table.on_error == OnError::Error {
            return Err(error.and_more(links.skipped - 1));
        }
        links.why = Some(brief(&error));
    }
    Ok(links)
}

fn bad_end(loaded: &Loaded, row: usize, end: &End<'_>, place: usize) -> DataError {
    let error = loaded
        .table
        .origin
        .error(loaded.reader.as_ref(), row, end.message(place))
        .column(end.column);
    error.help("`on_error = \"skip\"` leaves such links out and reports how many")
}
