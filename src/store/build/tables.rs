//! Opening and reading the tables of the catalog.

use super::complaints::Complaints;
use super::plan::{Part, Place, Plan, edge_parts, formats_of, plan};
use crate::catalog::DataError;
use crate::catalog::config::{Catalog, Edge, Entity, Table as TableConfig};
use crate::catalog::schema::KeyType;
use crate::store::import::{self, Advice, Group, Kind, Reader, Table, Wanted};
use crate::types::{EntityId, Type};
use rayon::prelude::*;
use std::path::Path;

/// All tables, looked through but not read; None where there is none, or it cannot be opened.
pub struct Readers {
    pub entities: Vec<Option<Box<dyn Reader>>>,
    pub edges: Vec<Option<Box<dyn Reader>>>,
}

/// A table as read, with its plan and its reader (for places of errors).
pub struct Loaded {
    pub reader: Box<dyn Reader>,
    pub plan: Plan,
    pub table: Table,
    /// Rows are lacking because of an error that is told of: what leads to them is no other error.
    pub lost: bool,
}

/// Opens every table, in parallel.
pub fn open(catalog: &Catalog, folder: &Path, complaints: &mut Complaints) -> Readers {
    let open = |table: &TableConfig, named: &[&str]| {
        let mut named = named.to_vec();
        named.extend(table.columns.iter().map(|c| c.name.as_str()));
        import::open(table, folder, &catalog.path, &named)
    };
    let of_entity = |entity: &Entity| {
        let mut named = vec![entity.key.as_str()];
        named.extend(entity.time.as_deref());
        named.extend(entity.references.iter().map(|r| r.column.as_str()));
        entity.table.as_ref().map(|table| open(table, &named))
    };
    let of_edge = |edge: &Edge| {
        let parts = edge_parts(edge, Type::Null, Type::Null);
        let named: Vec<&str> = parts.iter().map(|p| p.column).collect();
        open(&edge.table, &named)
    };
    let entities: Vec<_> = catalog.entities.par_iter().map(of_entity).collect();
    let edges: Vec<_> = catalog.edges.par_iter().map(of_edge).collect();
    let mut known = |opened| complaints.note(opened);
    Readers {
        entities: entities.into_iter().map(|o| o.and_then(&mut known)).collect(),
        edges: edges.into_iter().map(&mut known).collect(),
    }
}

/// The type of each entity's key, int or string: as declared, as its table has it, or, without a
/// table, as the columns have it that hold its ids (strings if any does, or none has a value).
pub fn key_types(catalog: &Catalog, readers: &Readers, complaints: &mut Complaints) -> Vec<Type> {
    let mut of = |(i, entity): (usize, &Entity)| {
        let own = match (&entity.table, &readers.entities[i]) {
            (Some(table), Some(reader)) => {
                complaints.note(own_key(catalog, entity, table, reader.as_ref()))
            }
            _ => entity.key_type.map(KeyType::ty),
        };
        own.unwrap_or_else(|| key_of_ends(catalog, readers, EntityId(i as u16)))
    };
    catalog.entities.iter().enumerate().map(&mut of).collect()
}

fn own_key(
    catalog: &Catalog,
    entity: &Entity,
    table: &TableConfig,
    reader: &dyn Reader,
) -> Result<Type, DataError> {
    let declared = table.column(&entity.key).and_then(|c| c.ty.clone());
    match column_type(table, reader, &entity.key) {
        // ints that had nulls among them are often written as floats
        Some(Type::Float) if declared.is_none() => Ok(Type::Int),
        Some(ty @ (Type::Int | Type::String)) => Ok(ty),
        Some(Type::Null) | None => Ok(Type::String),
        Some(other) => {
            let message =
                format!("the key is {}, expected int or string", super::plan::name(&other));
            let error = DataError::new(&reader.files()[0].path, message).column(&entity.key);
            let file = crate::catalog::shown(&catalog.path);
            let ty = if other == Type::Float { "int" } else { "string" };
            Err(error.help(format!(
                "in {file}, `{} = {{ type = \"{ty}\" }}` in `[entity.{}.columns]` reads it so",
                crate::catalog::toml_key(&entity.key),
                entity.name
            )))
        }
    }
}

/// The declared type of a column, else that in the file.
fn column_type(table: &TableConfig, reader: &dyn Reader, column: &str) -> Option<Type> {
    let declared = table.column(column).and_then(|c| c.ty.clone());
    let found = || reader.found().iter().find(|f| f.name == column)?.ty.clone().ok();
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
        let Some(reader) = reader else { continue };
        let ends = [&edge.from, &edge.to].into_iter().filter(|e| e.entity == id);
        types.extend(ends.filter_map(|e| column_type(&edge.table, reader.as_ref(), &e.column)));
    }
    let element = |ty: Type| if let Type::List(item) = ty { *item } else { ty };
    let known = types.into_iter().map(element).filter(|t| *t != Type::Null);
    let known: Vec<Type> = known.collect();
    // Ints that had nulls among them are often written as floats. Where nothing is known yet, any
    // id will do, and texts can be all of them.
    if !known.is_empty() && known.iter().all(Type::is_number) { Type::Int } else { Type::String }
}

/// Reads an entity's table.
pub fn load_entity(
    catalog: &Catalog,
    entity: &Entity,
    reader: Box<dyn Reader>,
    key_types: &[Type],
    own: &Type,
    complaints: &mut Complaints,
) -> Option<Loaded> {
    let mut parts = vec![Part::key(&entity.key, own.clone())];
    parts.extend(entity.time.as_deref().map(|t| Part::new(t, "the entity's time", Type::Time)));
    for reference in &entity.references {
        let ty = key_types[reference.entity.0 as usize].clone();
        parts.push(Part::reference(&reference.column, ty));
    }
    let table = entity.table.as_ref()?;
    let place = Place {
        catalog: &catalog.path,
        table,
        section: &format!("entity.{}", entity.name),
        line: entity.line,
    };
    load(place, reader, &parts, complaints)
}

/// Reads an edge's table.
pub fn load_edge(
    catalog: &Catalog,
    edge: &Edge,
    reader: Box<dyn Reader>,
    key_types: &[Type],
    complaints: &mut Complaints,
) -> Option<Loaded> {
    let key = |id: EntityId| key_types[id.0 as usize].clone();
    let parts = edge_parts(edge, key(edge.from.entity), key(edge.to.entity));
    let place = Place {
        catalog: &catalog.path,
        table: &edge.table,
        section: &format!("edge.{}", edge.name),
        line: edge.line,
    };
    load(place, reader, &parts, complaints)
}

fn load(
    place: Place<'_>,
    reader: Box<dyn Reader>,
    parts: &[Part<'_>],
    complaints: &mut Complaints,
) -> Option<Loaded> {
    let warnings = reader.warnings().iter().cloned();
    complaints.warnings.extend(warnings.map(|w| place.about(w)));
    let plan = plan(reader.as_ref(), place, parts, complaints);
    let read = import::read_all(reader.as_ref(), &plan.wanted);
    let (mut table, mut groups) = complaints.note(read)?;
    for group in &mut groups {
        advise_format(reader.as_ref(), &plan.wanted, group);
    }
    let vital = |column: &str| parts.iter().any(|p| p.vital && p.column == column);
    let lost = place.faults(reader.as_ref(), &mut table, groups, vital, complaints);
    Some(Loaded { reader, plan, table, lost })
}

/// Texts that are no times as they stand may all be of one form.
fn advise_format(reader: &dyn Reader, wanted: &[Wanted], group: &mut Group) {
    let Some(name) = &group.column else { return };
    let column = wanted.iter().find(|w| reader.found()[w.column].name == *name);
    let time = |w: &&Wanted| w.how.ty == Type::Time && group.first.kind == Kind::Value;
    let Some(want) = column.filter(time) else {
        return;
    };
    let formats = formats_of(reader, want.column);
    let Some(first) = formats.first().filter(|_| group.first.advice.is_none()) else {
        return;
    };
    if formats.len() > 1 {
        let listed = formats.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>();
        group.first.help = Some(format!(
            "its texts are dates of the form {}: which, they do not tell",
            listed.join(" or ")
        ));
    }
    group.first.advice = Some(Advice::Column(format!("format = {first:?}")));
}
