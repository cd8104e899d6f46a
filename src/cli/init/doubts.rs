//! What is doubtful about the tables of a catalog, with its rows and what lets the rest load.

use super::guess::{Link, World};
use super::judge::{self, Judged, SHOWN};
use super::table::{Doubt, Repair, Table};
use crate::store::profile::Profile;

/// Words that stand for null.
pub fn null_doubts(profile: &Profile, all: &[Judged]) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let place = |row| {
        let place = profile.place(row);
        let line = place
            .line
            .map_or_else(String::new, |l| format!(" (line {l})"));
        format!("row {}{line}", place.row)
    };
    for (column, judged) in profile.columns.iter().zip(all) {
        for (word, count) in &judged.own_nulls {
            doubts.push(Doubt {
                message: format!(
                    "{} of `{}` {} `{word}`, far from the other times, which is read as null",
                    some(*count, profile.rows, "value"),
                    column.name,
                    verb(*count, "is", "are")
                ),
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
            let rows = rows.into_iter();
            let lost: Vec<String> = judge::losses(profile, all, word)
                .into_iter()
                .map(|(name, rows)| format!("{rows} of `{name}`"))
                .collect();
            let lost = match lost.is_empty() {
                true => String::new(),
                false => format!(
                    "; so are {}, as the word holds for the whole table",
                    lost.join(", ")
                ),
            };
            doubts.push(Doubt {
                message: format!(
                    "{} of `{}` {} `{word}`, which is read as null{lost}",
                    some(*count, profile.rows, "value"),
                    column.name,
                    verb(*count, "is", "are")
                ),
                rows: rows.map(place).collect(),
                count: *count,
                repair: "`null` of `format`".to_owned(),
            });
        }
    }
    doubts
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

/// Values that a column's type does not fit, and rows that could not be read at all.
fn wrong_values(table: &mut Table) {
    for at in 0..table.judged.len() {
        let judged = &table.judged[at];
        let name = table.profile.columns[at].name.clone();
        if let Some((note, key)) = &judged.note {
            table.doubts.push(Doubt {
                message: format!("`{name}`: {note}"),
                rows: Vec::new(),
                count: 0,
                repair: format!("columns.{name}.{key}"),
            });
        }
        let judged = &table.judged[at];
        if judged.wrong_rows == 0 {
            continue;
        }
        let count = judged.wrong_rows;
        let what = match judged.meaning {
            judge::Meaning::Time(_) => verb(count, "is not a time", "are not times"),
            judge::Meaning::List { .. } => verb(count, "is not a list", "are not lists"),
            judge::Meaning::Vector(_) => verb(count, "is an invalid vector", "are invalid vectors"),
            judge::Meaning::Plain => verb(count, "cannot be read", "cannot be read"),
            _ => verb(count, "is not a number", "are not numbers"),
        };
        let column = &table.profile.columns[at];
        let first = match column.broken.is_empty() {
            true => String::new(),
            false => format!(": {}", column.why),
        };
        let why = format!(
            "{} of `{name}` {what}{first}",
            some(count, table.profile.rows, "value")
        );
        let rows = judged
            .wrong
            .iter()
            .map(|(row, value)| match value.is_empty() {
                // its text is not what the file has
                true => table.place(*row),
                false => format!("{} `{value}`", table.place(*row)),
            });
        let doubt = Doubt {
            message: format!("{why}; read as null"),
            rows: rows.collect(),
            count,
            repair: "on_error = \"null\"".to_owned(),
        };
        table.doubts.push(doubt);
        table.on_error("null", why);
    }
    if let Some((rows, why)) = &table.profile.broken {
        let (count, all) = (rows.len(), table.rows_in_files());
        let why = format!("{} cannot be read: {why}", some(count, all, "row"));
        let rows = rows
            .iter()
            .take(SHOWN)
            .map(|row| table.place(*row))
            .collect();
        table.doubts.push(Doubt {
            message: format!("{why}; left out"),
            rows,
            count,
            repair: "on_error = \"skip\"".to_owned(),
        });
        table.on_error("skip", why);
    }
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

fn key_doubts(table: &mut Table, key: &str) {
    let Some(column) = table.profile.column(key) else {
        return;
    };
    let all = table.profile.rows;
    // rows that could not be read are null in every column
    let broken: Vec<u32> = table
        .profile
        .broken
        .as_ref()
        .map_or_else(Vec::new, |(rows, _)| rows.clone());
    let mut nulls = column.null_rows(usize::MAX);
    nulls.retain(|row| broken.binary_search(row).is_err());
    let (pairs, count) = column.repeated(SHOWN);
    let shown = |row: u32| column.shown(row as usize).unwrap_or_default();
    let twice = pairs.iter().map(|(row, first)| {
        format!(
            "{} `{}`, as in {}",
            table.place(*row),
            shown(*row),
            table.place(*first)
        )
    });
    let twice: Vec<String> = twice.collect();
    let empty: Vec<String> = nulls
        .iter()
        .take(SHOWN)
        .map(|row| table.place(*row))
        .collect();
    if count > 0 {
        let why = format!(
            "{} {} a key",
            some(count, all, "row"),
            verb(count, "repeats", "repeat")
        );
        table.doubts.push(Doubt {
            message: format!("{why} of `{key}`; the first row of each is kept"),
            rows: twice,
            count,
            repair: "duplicates = \"first\"".to_owned(),
        });
        table.repairs.push(Repair {
            key: "duplicates",
            value: "first".to_owned(),
            why,
        });
    }
    if !nulls.is_empty() {
        let why = format!(
            "{} {} no key",
            some(nulls.len(), all, "row"),
            verb(nulls.len(), "has", "have")
        );
        table.doubts.push(Doubt {
            message: format!("{why} (`{key}`); left out"),
            rows: empty,
            count: nulls.len(),
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
    let entity = &world.entities[link.entity];
    let all = table.profile.rows;
    let (strangers, count) = match entity.table {
        Some(_) => column.strangers(&entity.keys, SHOWN),
        None => (Vec::new(), 0),
    };
    let broken: Vec<u32> = table
        .profile
        .broken
        .as_ref()
        .map_or_else(Vec::new, |(rows, _)| rows.clone());
    let mut nulls = if end {
        column.null_rows(usize::MAX)
    } else {
        Vec::new()
    };
    nulls.retain(|row| broken.binary_search(row).is_err());
    let nowhere = strangers
        .iter()
        .map(|(row, value)| format!("{} `{value}`", table.place(*row)));
    let nowhere: Vec<String> = nowhere.collect();
    let empty: Vec<String> = nulls
        .iter()
        .take(SHOWN)
        .map(|row| table.place(*row))
        .collect();
    let (becomes, value) = match end {
        true => ("left out", "skip"),
        false => ("read as null", "null"),
    };
    for (count, rows, what) in [
        (count, nowhere, format!("no {} has", entity.name)),
        (nulls.len(), empty, "are null".to_owned()),
    ] {
        if count == 0 {
            continue;
        }
        let has = verb(count, "has", "have");
        let why = match what.as_str() {
            "are null" => format!("{} {has} no `{}`", some(count, all, "row"), link.column),
            _ => format!(
                "{} {has} a `{}` that {what}",
                some(count, all, "row"),
                link.column
            ),
        };
        table.doubts.push(Doubt {
            message: format!("{why}; {becomes}"),
            rows,
            count,
            repair: format!("on_error = {value:?}"),
        });
        table.on_error(value, why);
    }
}
