//! Entities: keys checked, references turned into rows.

use super::keys::{BadKeys, Collected, DANGLING, Keys};
use super::tables::{Loaded, rows_skipped};
use crate::catalog::config::{self, Catalog, OnError};
use crate::catalog::{DataError, DataWarning};
use crate::store::import::{Origin, Reader, Values};
use crate::types::{NULL_CODE, Type};

/// An entity in memory.
pub struct Entity {
    pub keys: Keys,
    /// All but the key, which in the schema stands before them.
    pub columns: Vec<Column>,
    /// Where its rows are from, if it has a table.
    pub source: Option<(Origin, Box<dyn Reader>)>,
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
        Entity {
            keys,
            columns: Vec::new(),
            source: None,
        }
    }
}

/// Makes an entity of its table. Null and repeated keys are errors, or their rows are left out
/// (the first row with a key stays).
pub fn entity(
    config: &config::Entity,
    mut loaded: Loaded,
    warnings: &mut Vec<DataWarning>,
) -> Result<Entity, DataError> {
    let at = loaded.plan.position(&config.key).unwrap_or(0);
    let (mut keys, bad) = Keys::new(loaded.table.columns[at].clone());
    let table = config.table.as_ref();
    if let Some((rows, error)) = first_bad_key(&loaded, &config.key, at, &bad) {
        if table.is_none_or(|t| t.on_error == OnError::Error) {
            return Err(error);
        }
        loaded
            .table
            .drop_rows(&rows, crate::store::import::brief(&error));
        keys = Keys::new(loaded.table.columns[at].clone()).0;
    }
    warnings.extend(table.into_iter().flat_map(|t| loaded.warnings(t)));
    let Loaded {
        reader,
        plan,
        table,
    } = loaded;
    let described = plan
        .names
        .iter()
        .zip(&plan.wanted)
        .zip(table.columns)
        .enumerate();
    let others = described.filter(|(i, _)| *i != at);
    let columns = others.map(|(_, ((name, w), values))| Column {
        name: name.clone(),
        ty: w.how.ty.clone(),
        values,
    });
    Ok(Entity {
        keys,
        columns: columns.collect(),
        source: Some((table.origin, reader)),
    })
}

/// The rows with bad keys and the error for the first of them.
fn first_bad_key(
    loaded: &Loaded,
    key: &str,
    at: usize,
    bad: &BadKeys,
) -> Option<(Vec<u32>, DataError)> {
    let rows: Vec<u32> = bad
        .nulls
        .iter()
        .copied()
        .chain(bad.duplicates.iter().map(|d| d.0))
        .collect();
    let row = *rows.iter().min()? as usize;
    let (origin, reader) = (&loaded.table.origin, loaded.reader.as_ref());
    let error = match bad.duplicates.iter().find(|d| d.0 as usize == row) {
        Some((_, first)) => {
            let value = shown(&loaded.table.columns[at], row);
            let before = place(origin, reader, *first as usize);
            origin
                .error(
                    reader,
                    row,
                    format!("the key {value} is already that of {before}"),
                )
                .help("keys are unique")
        }
        None => origin
            .error(reader, row, "the key is null")
            .help("every row needs a key"),
    };
    Some((rows, error.column(key)))
}

/// `row 3 (line 4)`, with the file if there are several.
fn place(origin: &Origin, reader: &dyn Reader, row: usize) -> String {
    let (file, row) = origin.place(row);
    let line = reader
        .line(file, row)
        .map_or_else(String::new, |l| format!(" (line {l})"));
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

/// Turns the reference columns of an entity into rows. A key that no row has is an error, or
/// reads null.
pub fn resolve(
    catalog: &Catalog,
    id: usize,
    entities: &[Entity],
    warnings: &mut Vec<DataWarning>,
) -> Result<Vec<(usize, Vec<u32>)>, DataError> {
    let (config, entity) = (&catalog.entities[id], &entities[id]);
    let mut resolved = Vec::new();
    for reference in &config.references {
        let Some(at) = entity.position(&reference.column) else {
            continue;
        };
        let mut rows = entities[reference.entity.0 as usize]
            .keys
            .rows_of(&entity.columns[at].values);
        let target = &catalog.entities[reference.entity.0 as usize].name;
        if let Some((error, count)) = dangling(entity, at, &rows, target) {
            let Some(table) = config
                .table
                .as_ref()
                .filter(|t| t.on_error == OnError::Skip)
            else {
                return Err(error.and_more(count - 1));
            };
            let why = crate::store::import::brief(&error);
            let read = if count == 1 {
                "reference reads"
            } else {
                "references read"
            };
            let message = format!("{count} {read} null: {why}");
            warnings.push(DataWarning {
                message,
                ..rows_skipped(table, "", count)
            });
            rows.iter_mut()
                .filter(|r| **r == DANGLING)
                .for_each(|r| *r = NULL_CODE);
        }
        resolved.push((at, rows));
    }
    Ok(resolved)
}

fn dangling(entity: &Entity, at: usize, rows: &[u32], target: &str) -> Option<(DataError, u64)> {
    let row = rows.iter().position(|r| *r == DANGLING)?;
    let count = rows.iter().filter(|r| **r == DANGLING).count() as u64;
    let column = &entity.columns[at];
    let message = format!("no {target} has the key {}", shown(&column.values, row));
    let (origin, reader) = entity.source.as_ref()?;
    let error = origin
        .error(reader.as_ref(), row, message)
        .column(&column.name);
    Some((
        error.help("`on_error = \"skip\"` lets such references read null"),
        count,
    ))
}
