//! Entities: keys checked, references turned into rows.

use super::complaints::{Complaints, plural};
use super::keys::{BadKeys, Collected, DANGLING, Keys};
use super::plan::Place;
use super::tables::Loaded;
use crate::catalog::DataError;
use crate::catalog::config::{self, Catalog, Duplicates};
use crate::store::import::{Origin, Reader, Values, brief};
use crate::types::{NULL_CODE, Type};
use std::collections::HashMap;

/// An entity in memory.
pub struct Entity {
    pub keys: Keys,
    /// All but the key, which in the schema stands before them.
    pub columns: Vec<Column>,
    /// Where its rows are from, if it has a table.
    pub source: Option<(Origin, Box<dyn Reader>)>,
    /// Rows are lacking because of an error that is told of.
    pub lost: bool,
}

pub struct Column {
    pub name: String,
    pub ty: Type,
    pub values: Values,
}

impl Entity {
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The times from which on the rows are visible.
    pub fn times(&self, config: &config::Entity) -> Option<&[i64]> {
        match &self.columns[self.position(config.time.as_deref()?)?].values {
            Values::Int(times) => Some(times),
            _ => None,
        }
    }

    /// An entity without a table, with the ids that were found.
    pub fn of_ids(collected: Collected, key: &Type) -> Entity {
        let (keys, _) = Keys::new(collected.finish(*key == Type::String));
        Entity { keys, columns: Vec::new(), source: None, lost: false }
    }
}

/// Makes an entity of its table; None without a key. Null and repeated keys are errors, or their
/// rows are left out.
pub fn entity(
    config: &config::Entity,
    mut loaded: Loaded,
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Option<Entity> {
    let at = loaded.plan.position(&config.key)?;
    let (mut keys, bad) = Keys::new(loaded.table.columns[at].clone());
    let dropped = bad_keys(config, &loaded, at, bad, place, complaints);
    if loaded.table.drop_rows(&dropped) > 0 {
        keys = Keys::new(loaded.table.columns[at].clone()).0;
    }
    let Loaded { reader, plan, table, lost } = loaded;
    let described = plan.names.iter().zip(&plan.wanted).zip(table.columns).enumerate();
    let others = described.filter(|(i, _)| *i != at);
    let columns = others.map(|(_, ((name, w), values))| Column {
        name: name.clone(),
        ty: w.how.ty.clone(),
        values,
    });
    Some(Entity { keys, columns: columns.collect(), source: Some((table.origin, reader)), lost })
}

/// Tells of bad keys; the rows that do not stay.
fn bad_keys(
    config: &config::Entity,
    loaded: &Loaded,
    at: usize,
    bad: BadKeys,
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Vec<u32> {
    let (origin, reader) = (&loaded.table.origin, loaded.reader.as_ref());
    if let Some(&first) = bad.nulls.first() {
        let error = origin.error(reader, first as usize, "the key is null");
        let error = error.column(&config.key);
        match place.loss(true) {
            // what could not be read has left with its row
            None => {
                let error = origin.and_more(error, &bad.nulls);
                let error = error.help("every row needs a key");
                complaints.errors.push(error.or_help(place.way_out(true)));
            }
            Some(_) => {
                let warning = place.rows_skipped(&brief(&error), bad.nulls.len() as u64);
                complaints.warnings.push(warning);
            }
        }
    }
    let again = repeated_keys(config, loaded, at, &bad, place, complaints);
    [bad.nulls, again].concat()
}

/// Tells of keys that several rows have; the rows that do not stay.
fn repeated_keys(
    config: &config::Entity,
    loaded: &Loaded,
    at: usize,
    bad: &BadKeys,
    place: Place<'_>,
    complaints: &mut Complaints,
) -> Vec<u32> {
    let (origin, reader) = (&loaded.table.origin, loaded.reader.as_ref());
    let Some(&(row, before)) = bad.duplicates.first() else {
        return Vec::new();
    };
    let value = shown(&loaded.table.columns[at], row as usize);
    let before = self::place(origin, reader, before as usize);
    let message = format!("duplicate key {value}, also in {before}");
    let error = origin.error(reader, row as usize, message);
    let error = error.column(&config.key);
    let rows: Vec<u32> = match config.duplicates {
        Some(Duplicates::Last) => all_but_last(&bad.duplicates),
        _ => bad.duplicates.iter().map(|d| d.0).collect(),
    };
    if config.duplicates.is_none() && place.loss(true).is_none() {
        let way = format!(
            "`duplicates = \"first\"` in `[{}]`, or `\"last\"`, keeps one row of each key and reports how many are left out",
            place.section
        );
        let error = origin.and_more(error, &rows).help("keys are unique");
        complaints.errors.push(error.or_help(way));
    } else {
        let warning = place.rows_skipped(&brief(&error), rows.len() as u64);
        complaints.warnings.push(warning);
    }
    rows
}

/// Of rows with one key all but the last, from later rows with the first of their key.
fn all_but_last(duplicates: &[(u32, u32)]) -> Vec<u32> {
    let mut last: HashMap<u32, u32> = HashMap::new();
    let mut dropped = Vec::with_capacity(duplicates.len());
    for &(row, first) in duplicates {
        dropped.push(last.insert(first, row).unwrap_or(first));
    }
    dropped
}

/// `row 3 (line 4)`, with the file if there are several.
fn place(origin: &Origin, reader: &dyn Reader, row: usize) -> String {
    let (file, row) = origin.place(row);
    let line = reader.line(file, row).map_or_else(String::new, |l| format!(" (line {l})"));
    let path = &origin.files[file].path;
    let file = if origin.files.len() > 1 {
        format!(" of {}", crate::catalog::shown(path))
    } else {
        String::new()
    };
    format!("row {}{line}{file}", row + 1)
}

/// A key as it stands in the data.
pub fn shown(values: &Values, row: usize) -> String {
    match values {
        Values::Int(v) => format!("`{}`", v[row]),
        Values::Word { codes, words } => format!("`{}`", words.get(codes[row])),
        _ => "of another type".to_owned(),
    }
}

/// Tells of references that lead nowhere.
fn read_null(
    entity: &Entity,
    place: Place<'_>,
    error: DataError,
    wrong: &[u32],
    complaints: &mut Complaints,
) {
    if let (None, Some((origin, _))) = (place.loss(false), &entity.source) {
        let error = origin.and_more(error, wrong);
        complaints.errors.push(error.help(format!(
            "`on_error = \"skip\"` in `[{}]` lets such references read null and reports how many",
            place.section
        )));
        return;
    }
    let count = wrong.len() as u64;
    let (references, read) = plural(count, "reference", "reads");
    let message = format!("{count} {references} {read} null: {}", brief(&error));
    complaints.warnings.push(place.warning(message, count));
}

/// Turns the reference columns of an entity into rows. A key that no row has is an error, or
/// reads null. Entities that are not there are of tables that are wrong themselves.
pub fn resolve(
    catalog: &Catalog,
    id: usize,
    entities: &[Option<Entity>],
    complaints: &mut Complaints,
) -> Vec<(usize, Vec<u32>)> {
    let config = &catalog.entities[id];
    let (Some(entity), Some(table)) = (&entities[id], &config.table) else {
        return Vec::new();
    };
    let place = Place {
        catalog: &catalog.path,
        table,
        section: &format!("entity.{}", config.name),
        line: config.line,
    };
    let mut resolved = Vec::new();
    for reference in &config.references {
        let target = &entities[reference.entity.0 as usize];
        let (Some(at), Some(target)) = (entity.position(&reference.column), target) else {
            continue;
        };
        let mut rows = target.keys.rows_of(&entity.columns[at].values);
        let name = &catalog.entities[reference.entity.0 as usize].name;
        if let Some((error, wrong)) = dangling(entity, at, &rows, name) {
            wrong.iter().for_each(|&row| rows[row as usize] = NULL_CODE);
            if place.loss(false).is_some() || !target.lost {
                read_null(entity, place, error, &wrong, complaints);
            }
        }
        resolved.push((at, rows));
    }
    resolved
}

/// The rows whose keys no row of the target has, and the error for the first.
fn dangling(
    entity: &Entity,
    at: usize,
    rows: &[u32],
    target: &str,
) -> Option<(DataError, Vec<u32>)> {
    let wrong = rows.iter().enumerate().filter(|(_, r)| **r == DANGLING);
    let wrong: Vec<u32> = wrong.map(|(row, _)| row as u32).collect();
    let row = *wrong.first()? as usize;
    let column = &entity.columns[at];
    let message = format!("no {target} has the key {}", shown(&column.values, row));
    let (origin, reader) = entity.source.as_ref()?;
    let error = origin.error(reader.as_ref(), row, message);
    Some((error.column(&column.name), wrong))
}
