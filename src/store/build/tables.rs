//! Opening and reading the tables of the catalog.

use super::plan::{Part, Place, Plan, edge_parts, plan};
use crate::catalog::config::{Catalog, Edge, Entity, Table as TableConfig};
use crate::catalog::{DataError, DataWarning};
use crate::store::import::{self, Reader, Table};
use crate::types::{EntityId, Type};
use rayon::prelude::*;
use std::path::Path;

/// All tables, looked through but not read.
pub struct Readers {
    /// None for entities without a table.
    pub entities: Vec<Option<Box<dyn Reader>>>,
    pub edges: Vec<Box<dyn Reader>>,
}

/// A table as read, with its plan and its reader (for places of errors).
pub struct Loaded {
    pub reader: Box<dyn Reader>,
    pub plan: Plan,
    pub table: Table,
}

impl Loaded {
    /// What reading left out.
    pub fn warnings(&self, config: &TableConfig) -> Vec<DataWarning> {
        let skipped = self
            .table
            .skipped
            .iter()
            .map(|(why, count)| rows_skipped(config, why, *count));
        self.plan.warnings.iter().cloned().chain(skipped).collect()
    }
}

/// The warning for rows that were left out.
pub fn rows_skipped(config: &TableConfig, why: &str, count: u64) -> DataWarning {
    let rows = if count == 1 { "row" } else { "rows" };
    DataWarning {
        file: config.pattern.clone(),
        message: format!("{count} {rows} skipped: {why}"),
        count,
    }
}

/// Opens every table, in parallel.
pub fn open(catalog: &Catalog, folder: &Path) -> Result<Readers, DataError> {
    let open = |table: &TableConfig| import::open(table, folder, &catalog.path);
    let entities: Vec<_> = catalog
        .entities
        .par_iter()
        .map(|e| e.table.as_ref().map(open).transpose())
        .collect();
    let edges: Vec<_> = catalog.edges.par_iter().map(|e| open(&e.table)).collect();
    Ok(Readers {
        entities: entities.into_iter().collect::<Result<_, _>>()?,
        edges: edges.into_iter().collect::<Result<_, _>>()?,
    })
}

/// The type of each entity's key, int or string: as declared, as its table has it, or, without a
/// table, as the columns have it that hold its ids (strings if any does).
pub fn key_types(catalog: &Catalog, readers: &Readers) -> Result<Vec<Type>, DataError> {
    let of = |(i, entity): (usize, &Entity)| match (&entity.table, &readers.entities[i]) {
        (Some(table), Some(reader)) => own_key(catalog, entity, table, reader.as_ref()),
        _ => Ok(key_of_ends(catalog, readers, EntityId(i as u16))),
    };
    catalog.entities.iter().enumerate().map(of).collect()
}

fn own_key(
    catalog: &Catalog,
    entity: &Entity,
    table: &TableConfig,
    reader: &dyn Reader,
) -> Result<Type, DataError> {
    match column_type(table, reader, &entity.key) {
        Some(ty @ (Type::Int | Type::String)) => Ok(ty),
        Some(Type::Null) | None => Ok(Type::String),
        Some(other) => {
            let message = format!(
                "the key is {}, expected int or string",
                super::plan::name(&other)
            );
            let error = DataError::new(&reader.files()[0].path, message).column(&entity.key);
            let file = crate::catalog::shown(&catalog.path);
            let ty = if other == Type::Float {
                "int"
            } else {
                "string"
            };
            Err(error.help(format!(
                "in {file}, the column `{} = {{ type = \"{ty}\" }}` reads it so",
                entity.key
            )))
        }
    }
}

/// The declared type of a column, else that in the file.
fn column_type(table: &TableConfig, reader: &dyn Reader, column: &str) -> Option<Type> {
    let declared = table.column(column).and_then(|c| c.ty.clone());
    let found = || {
        reader
            .found()
            .iter()
            .find(|f| f.name == column)?
            .ty
            .clone()
            .ok()
    };
    declared.or_else(found)
}

fn key_of_ends(catalog: &Catalog, readers: &Readers, id: EntityId) -> Type {
    let mut types = Vec::new();
    for (entity, reader) in catalog.entities.iter().zip(&readers.entities) {
        let (Some(table), Some(reader)) = (&entity.table, reader) else {
            continue;
        };
        let references = entity.references.iter().filter(|r| r.entity == id);
        types.extend(references.filter_map(|r| column_type(table, reader.as_ref(), &r.column)));
    }
    for (edge, reader) in catalog.edges.iter().zip(&readers.edges) {
        let ends = [&edge.from, &edge.to]
            .into_iter()
            .filter(|e| e.entity == id);
        types.extend(ends.filter_map(|e| column_type(&edge.table, reader.as_ref(), &e.column)));
    }
    let element = |ty: Type| if let Type::List(item) = ty { *item } else { ty };
    let known = types.into_iter().map(element).filter(|t| *t != Type::Null);
    // Ints that had nulls among them are often written as floats.
    if known.into_iter().all(|t| t.is_number()) {
        Type::Int
    } else {
        Type::String
    }
}

/// Reads an entity's table.
pub fn load_entity(
    catalog: &Catalog,
    entity: &Entity,
    reader: Box<dyn Reader>,
    key_types: &[Type],
    own: &Type,
) -> Result<Loaded, DataError> {
    let mut parts = vec![Part::new(&entity.key, "the key", own.clone())];
    parts.extend(
        entity
            .time
            .as_deref()
            .map(|t| Part::new(t, "the entity's time", Type::Time)),
    );
    for reference in &entity.references {
        let ty = key_types[reference.entity.0 as usize].clone();
        parts.push(Part::new(&reference.column, "a reference", ty));
    }
    let section = format!("entity.{}", entity.name);
    load(
        catalog,
        entity.table.as_ref(),
        &section,
        entity.line,
        reader,
        &parts,
    )
}

/// Reads an edge's table.
pub fn load_edge(
    catalog: &Catalog,
    edge: &Edge,
    reader: Box<dyn Reader>,
    key_types: &[Type],
) -> Result<Loaded, DataError> {
    let key = |id: EntityId| key_types[id.0 as usize].clone();
    let parts = edge_parts(edge, key(edge.from.entity), key(edge.to.entity));
    load(
        catalog,
        Some(&edge.table),
        &format!("edge.{}", edge.name),
        edge.line,
        reader,
        &parts,
    )
}

fn load(
    catalog: &Catalog,
    table: Option<&TableConfig>,
    section: &str,
    line: u64,
    reader: Box<dyn Reader>,
    parts: &[Part<'_>],
) -> Result<Loaded, DataError> {
    let lacks = || DataError::new(&catalog.path, format!("`[{section}]` has no table")).line(line);
    let config = table.ok_or_else(lacks)?;
    let plan = plan(
        reader.as_ref(),
        Place {
            catalog: &catalog.path,
            table: config,
            section,
            line,
        },
        parts,
    )?;
    let table = import::read(reader.as_ref(), &plan.wanted, config.on_error)?;
    Ok(Loaded {
        reader,
        plan,
        table,
    })
}
