//! What is doubtful about the tables of a catalog, with its rows and what lets the rest load.

use super::guess::{Link, World};
use super::judge::{self, Judged, SHOWN};
use super::table::{Doubt, Repair, Table};
use crate::store::profile::{Column, Profile};

/// Words that stand for null.
pub fn null_doubts(profile: &Profile, all: &[Judged]) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let place = |row| {
        let place = profile.place(row);
        let line = place.line.map(|l| format!(" (line {l})"));
        format!("row {}{}", place.row, line.unwrap_or_default())
    };
    for (column, judged) in profile.columns.iter().zip(all) {
        let values = |word: &str, count: usize| {
            let (values, are) = (some(count, profile.rows, "value"), verb(count, "is", "are"));
            format!("{values} of `{}` {are} `{word}`", column.name)
        };
        for (word, count) in &judged.own_nulls {
            let values = values(word, *count);
            doubts.push(Doubt {
                message: format!("{values}, far from the other times, which is read as null"),
                rows: column.rows_of(word, SHOWN).into_iter().map(place).collect(),
                count: *count,
                repair: format!("columns.{}.null", column.name),
            });
        }
        for (word, count) in &judged.nulls {
            let mut rows = column.rows_with(SHOWN, |t| t == word);
            if rows.is_empty() {
                rows = column.rows_of(word, SHOWN);
            }
            let (values, lost) = (values(word, *count), lost(profile, all, word));
            doubts.push(Doubt {
                message: format!("{values}, which is read as null{lost}"),
                rows: rows.into_iter().map(place).collect(),
                count: *count,
                repair: "`null` of `format`".to_owned(),
            });
        }
    }
    doubts
}

/// What a word for null costs other columns.
fn lost(profile: &Profile, all: &[Judged], word: &str) -> String {
    let lost = judge::losses(profile, all, word).into_iter();
    let lost: Vec<String> = lost.map(|(name, rows)| format!("{rows} of `{name}`")).collect();
    match lost.join(", ").as_str() {
        "" => String::new(),
        lost => format!("; so are {lost}, as the word holds for the whole table"),
    }
}

/// `3 of 600 rows`, and the form of a verb that goes with it.
fn some(count: usize, all: usize, what: &str) -> String {
    let many = if all == 1 { "" } else { "s" };
    format!("{count} of {all} {what}{many}")
}

fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// The doubts about the table alone, without those about others.
pub fn own_doubts(table: &mut Table) {
    table.repairs.clear();
    table.doubts.truncate(table.noted);
    wrong_values(table);
    if let Some((why, row, value)) = table.forced.clone() {
        let (becomes, key) = match value {
            true => ("such values are read as null", "null"),
            false => ("such rows are left out", "skip"),
        };
        table.doubts.push(Doubt {
            message: format!("{why}; {becomes}"),
            rows: vec![row],
            count: 1,
            repair: format!("on_error = {key:?}"),
        });
        table.on_error(key, why);
    }
}

/// Rows that the catalog deals with by `on_error`.
fn handled(table: &mut Table, value: &str, why: String, rows: Vec<String>, count: usize) {
    let becomes = match value {
        "null" => "read as null",
        _ => "left out",
    };
    table.doubts.push(Doubt {
        message: format!("{why}; {becomes}"),
        rows,
        count,
        repair: format!("on_error = {value:?}"),
    });
    table.on_error(value, why);
}

/// Values that a column's type does not fit, and rows that could not be read at all.
fn wrong_values(table: &mut Table) {
    for at in 0..table.judged.len() {
        if let Some((note, key)) = &table.judged[at].note {
            let name = &table.profile.columns[at].name;
            table.doubts.push(Doubt {
                message: format!("`{name}`: {note}"),
                rows: Vec::new(),
                count: 0,
                repair: format!("columns.{name}.{key}"),
            });
        }
        if table.judged[at].wrong_rows > 0 {
            wrong_values_of(table, at);
        }
    }
    if let Some((rows, why)) = &table.profile.broken {
        let (count, all) = (rows.len(), table.rows_in_files());
        let why = format!("{} cannot be read: {why}", some(count, all, "row"));
        let rows = places(table, rows);
        handled(table, "skip", why, rows, count);
    }
}

/// Where the first of some rows are.
fn places(table: &Table, rows: &[u32]) -> Vec<String> {
    let shown = rows.iter().take(SHOWN);
    shown.map(|row| table.place(*row)).collect()
}

fn wrong_values_of(table: &mut Table, at: usize) {
    let (judged, column) = (&table.judged[at], &table.profile.columns[at]);
    let count = judged.wrong_rows;
    let what = match judged.meaning {
        judge::Meaning::Time(_) => verb(count, "is not a time", "are not times"),
        judge::Meaning::List { .. } => verb(count, "is not a list", "are not lists"),
        judge::Meaning::Vector(_) => verb(count, "is an invalid vector", "are invalid vectors"),
        judge::Meaning::Plain => verb(count, "cannot be read", "cannot be read"),
        _ => verb(count, "is not a number", "are not numbers"),
    };
    let first = match column.broken.is_empty() {
        true => String::new(),
        false => format!(": {}", column.why),
    };
    let values = some(count, table.profile.rows, "value");
    let why = format!("{values} of `{}` {what}{first}", column.name);
    let row = |(row, value): &(u32, String)| match value.is_empty() {
        // its text is not what the file has
        true => table.place(*row),
        false => format!("{} `{value}`", table.place(*row)),
    };
    let rows = judged.wrong.iter().map(row).collect();
    handled(table, "null", why, rows, count);
}

/// Keys that are null or come twice, ends and references that lead nowhere.
pub fn doubts(tables: &mut [Table], world: &World) {
    for entity in &world.entities {
        let Some(at) = entity.table else { continue };
        key_doubts(&mut tables[at], &entity.key);
        for link in &entity.references {
            link_doubts(&mut tables[at], link, world, false);
        }
    }
    for edge in &world.edges {
        for link in [&edge.from, &edge.to] {
            link_doubts(&mut tables[edge.table], link, world, true);
        }
    }
}

/// Rows where a column is null; not those that could not be read, which are null in every column.
fn null_rows(table: &Table, column: &Column) -> Vec<u32> {
    let broken = table.profile.broken.as_ref();
    let broken = broken.map_or(&[][..], |(rows, _)| rows);
    let mut nulls = column.null_rows(usize::MAX);
    nulls.retain(|row| broken.binary_search(row).is_err());
    nulls
}

fn key_doubts(table: &mut Table, key: &str) {
    let Some(column) = table.profile.column(key) else {
        return;
    };
    let all = table.profile.rows;
    let nulls = null_rows(table, column);
    let (pairs, count) = column.repeated(SHOWN);
    let twice = pairs.iter().map(|(row, first)| {
        let key = column.shown(*row as usize).unwrap_or_default();
        let (row, first) = (table.place(*row), table.place(*first));
        format!("{row} `{key}`, as in {first}")
    });
    let (twice, empty): (Vec<String>, _) = (twice.collect(), places(table, &nulls));
    if count > 0 {
        let (rows, repeat) = (some(count, all, "row"), verb(count, "repeats", "repeat"));
        let why = format!("{rows} {repeat} a key");
        table.doubts.push(Doubt {
            message: format!("{why} of `{key}`; the first row of each is kept"),
            rows: twice,
            count,
            repair: "duplicates = \"first\"".to_owned(),
        });
        table.repairs.push(Repair { key: "duplicates", value: "first".to_owned(), why });
    }
    if !nulls.is_empty() {
        let count = nulls.len();
        let why = format!("{} {} no key", some(count, all, "row"), verb(count, "has", "have"));
        table.doubts.push(Doubt {
            message: format!("{why} (`{key}`); left out"),
            rows: empty,
            count,
            repair: "on_error = \"skip\"".to_owned(),
        });
        table.on_error("skip", why);
    }
}

/// Keys that their entity does not have. References read null there, and so links without an end go.
fn link_doubts(table: &mut Table, link: &Link, world: &World, end: bool) {
    let Some(column) = table.profile.column(&link.column) else {
        return;
    };
    let (entity, all) = (&world.entities[link.entity], table.profile.rows);
    let (strangers, count) = match entity.table {
        Some(_) => column.strangers(&entity.keys, SHOWN),
        None => (Vec::new(), 0),
    };
    let nowhere = strangers.iter();
    let nowhere = nowhere.map(|(row, value)| format!("{} `{value}`", table.place(*row)));
    let nowhere: Vec<String> = nowhere.collect();
    let (nulls, value) = match end {
        true => (null_rows(table, column), "skip"),
        false => (Vec::new(), "null"),
    };
    let empty = places(table, &nulls);
    let rows_have = |count| format!("{} {}", some(count, all, "row"), verb(count, "has", "have"));
    if count > 0 {
        let (rows, name) = (rows_have(count), &entity.name);
        let why = format!("{rows} a `{}` that no {name} has", link.column);
        handled(table, value, why, nowhere, count);
    }
    if !nulls.is_empty() {
        let why = format!("{} no `{}`", rows_have(nulls.len()), link.column);
        handled(table, value, why, empty, nulls.len());
    }
}
