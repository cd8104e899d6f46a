//! Building a snapshot: tables are read, keys become rows, links are sorted, and everything is
//! written in one go.

mod csr;
mod edges;
mod emit;
mod entities;
mod keys;
mod plan;
mod pool;
mod stats;
mod tables;
mod vectors;

use super::import::Values;
use super::layout::{FORMAT, Layout, Manifest, Source};
use super::progress::Progress;
use super::write::Writer;
use crate::catalog::config::Catalog;
use crate::catalog::schema::{self, Schema};
use crate::catalog::{DataError, DataWarning};
use crate::types::{EntityId, Type};
use edges::Edge;
use emit::Emit;
use entities::{Column, Entity};
use keys::Collected;
use pool::Pool;
use rayon::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tables::Loaded;
use vectors::{Job, Vectors};
use xxhash_rust::xxh3::Xxh3;

/// Everything in memory, ready to be written.
struct World {
    entities: Vec<Entity>,
    edges: Vec<Edge>,
    embeddings: Vec<Vec<Vectors>>,
    warnings: Vec<DataWarning>,
}

/// Reads all data of a catalog and writes the snapshot to `target`. `sources` are the files as
/// they were before anything was read.
pub fn build(
    catalog: &Catalog,
    folder: &Path,
    target: &Path,
    sources: Vec<Source>,
    progress: &dyn Progress,
) -> Result<Vec<DataWarning>, DataError> {
    let world = read(catalog, folder, progress)?;
    write(catalog, world, target, sources, progress)
}

fn read(catalog: &Catalog, folder: &Path, progress: &dyn Progress) -> Result<World, DataError> {
    let mut warnings = Vec::new();
    let (loaded_entities, loaded_edges, key_types) = load(catalog, folder, progress)?;
    let mut ids = collect(catalog, &loaded_entities, &loaded_edges);
    let mut entities = Vec::new();
    for (i, loaded) in loaded_entities.into_iter().enumerate() {
        entities.push(match loaded {
            Some(loaded) => entities::entity(&catalog.entities[i], loaded, &mut warnings)?,
            None => Entity::of_ids(std::mem::take(&mut ids[i]), &key_types[i]),
        });
    }
    resolve(catalog, &mut entities, &mut warnings)?;
    let edges = make_edges(catalog, loaded_edges, &entities, &mut warnings, progress)?;
    let embeddings = read_vectors(catalog, folder, &entities, &mut warnings, progress)?;
    Ok(World {
        entities,
        edges,
        embeddings,
        warnings,
    })
}

type AllLoaded = (Vec<Option<Loaded>>, Vec<Loaded>, Vec<Type>);

/// Reads all tables, in parallel.
fn load(catalog: &Catalog, folder: &Path, progress: &dyn Progress) -> Result<AllLoaded, DataError> {
    let total = (catalog.entities.len() + catalog.edges.len()) as u64;
    let done = AtomicU64::new(0);
    let step = |loaded| {
        progress.report(
            "reading tables",
            done.fetch_add(1, Ordering::Relaxed) + 1,
            total,
        );
        loaded
    };
    progress.report("reading tables", 0, total);
    let readers = tables::open(catalog, folder)?;
    let types = tables::key_types(catalog, &readers)?;
    let (entities, edges): (Vec<_>, Vec<_>) = rayon::join(
        || {
            let all = catalog
                .entities
                .par_iter()
                .zip(readers.entities)
                .zip(&types);
            let load = |reader, entity, own| {
                tables::load_entity(catalog, entity, reader, &types, own).map(step)
            };
            all.map(|((entity, reader), own)| reader.map(|r| load(r, entity, own)).transpose())
                .collect()
        },
        || {
            let all = catalog.edges.par_iter().zip(readers.edges);
            all.map(|(edge, reader)| tables::load_edge(catalog, edge, reader, &types).map(step))
                .collect()
        },
    );
    let entities = entities.into_iter().collect::<Result<_, _>>()?;
    Ok((
        entities,
        edges.into_iter().collect::<Result<_, _>>()?,
        types,
    ))
}

/// The ids of entities without a table, wherever they occur.
fn collect(catalog: &Catalog, entities: &[Option<Loaded>], edges: &[Loaded]) -> Vec<Collected> {
    let mut ids: Vec<Collected> = catalog
        .entities
        .iter()
        .map(|_| Collected::default())
        .collect();
    let mut add = |id: EntityId, column: &str, loaded: &Loaded| {
        let at = loaded.plan.position(column);
        if let Some(values) = at.filter(|_| catalog.entities[id.0 as usize].table.is_none()) {
            ids[id.0 as usize].add(&loaded.table.columns[values]);
        }
    };
    for (entity, loaded) in catalog.entities.iter().zip(entities) {
        let Some(loaded) = loaded else { continue };
        entity
            .references
            .iter()
            .for_each(|r| add(r.entity, &r.column, loaded));
    }
    for (edge, loaded) in catalog.edges.iter().zip(edges) {
        [&edge.from, &edge.to]
            .into_iter()
            .for_each(|end| add(end.entity, &end.column, loaded));
    }
    ids
}

fn resolve(
    catalog: &Catalog,
    entities: &mut [Entity],
    warnings: &mut Vec<DataWarning>,
) -> Result<(), DataError> {
    for id in 0..entities.len() {
        let resolved = entities::resolve(catalog, id, entities, warnings)?;
        for (at, rows) in resolved {
            let column = &mut entities[id].columns[at];
            let target = catalog.entities[id]
                .references
                .iter()
                .find(|r| r.column == column.name);
            column.ty = target.map_or(Type::Error, |r| Type::Id(r.entity));
            column.values = Values::Row(rows);
        }
    }
    Ok(())
}

fn make_edges(
    catalog: &Catalog,
    loaded: Vec<Loaded>,
    entities: &[Entity],
    warnings: &mut Vec<DataWarning>,
    progress: &dyn Progress,
) -> Result<Vec<Edge>, DataError> {
    let total = loaded.len() as u64;
    let mut edges = Vec::new();
    for (config, loaded) in catalog.edges.iter().zip(loaded) {
        progress.report("linking", edges.len() as u64, total);
        edges.push(edges::edge(catalog, config, loaded, entities, warnings)?);
    }
    Ok(edges)
}

fn read_vectors(
    catalog: &Catalog,
    folder: &Path,
    entities: &[Entity],
    warnings: &mut Vec<DataWarning>,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Vectors>>, DataError> {
    let mut all = Vec::new();
    for embedding in &catalog.embeddings {
        progress.report(
            "reading vectors",
            all.len() as u64,
            catalog.embeddings.len() as u64,
        );
        all.push(
            Job {
                catalog,
                folder,
                embedding,
                entities,
            }
            .read(warnings)?,
        );
    }
    Ok(all)
}

fn write(
    catalog: &Catalog,
    world: World,
    target: &Path,
    sources: Vec<Source>,
    progress: &dyn Progress,
) -> Result<Vec<DataWarning>, DataError> {
    let rows: Vec<u32> = world.entities.iter().map(|e| e.rows() as u32).collect();
    let configs = catalog.entities.iter();
    let times: Vec<_> = world
        .entities
        .iter()
        .zip(configs)
        .map(|(e, c)| e.times(c).map(<[i64]>::to_vec))
        .collect();
    let newest_link = world
        .edges
        .iter()
        .flat_map(|e| e.time.iter().flatten())
        .copied()
        .max();
    let pool = Pool::new(stored(&world));
    if pool.len() >= keys::DANGLING as usize {
        return Err(DataError::new(
            &catalog.path,
            "the data has more than 4 billion distinct strings",
        ));
    }
    let mut writer = Writer::new(target)?;
    let mut emit = Emit {
        writer: &mut writer,
        pool: &pool,
    };
    let mut layout = Layout {
        strings: emit.strings()?,
        ..Layout::default()
    };
    let mut schema = empty_schema(catalog);
    let total = (world.entities.len() + world.edges.len()) as u64;
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress.report("writing", done, total);
    };
    for (id, entity) in world.entities.into_iter().enumerate() {
        let (written, described) = emit.entity(catalog, id, entity, &rows, &times)?;
        layout.entities.push(written);
        schema.entities.push(described);
        step();
    }
    for (config, edge) in catalog.edges.iter().zip(world.edges) {
        let (written, described) = emit.edge(config, &edge, &rows, &times)?;
        layout.edges.push(written);
        schema.edges.push(described);
        step();
    }
    for (config, parts) in catalog.embeddings.iter().zip(&world.embeddings) {
        layout.embeddings.push(emit.embedding(parts)?);
        schema.embeddings.push(embedding_schema(config, parts));
    }
    let id = id_of(&schema, &writer);
    let (buffers, catalog, warnings) = (writer.buffers.clone(), catalog.hash, world.warnings);
    let manifest = Manifest {
        id,
        schema,
        layout,
        buffers,
        sources,
        catalog,
        warnings,
        newest_link,
    };
    writer.finish(&manifest)?;
    Ok(manifest.warnings)
}

/// All columns whose strings are kept, keys included.
fn stored(world: &World) -> impl Iterator<Item = pool::Strings<'_>> {
    fn of(columns: &[Column]) -> impl Iterator<Item = pool::Strings<'_>> {
        columns.iter().filter_map(|c| pool::Strings::of(&c.values))
    }
    let keys = world
        .entities
        .iter()
        .filter_map(|e| pool::Strings::of_keys(&e.keys));
    let entities = world.entities.iter().flat_map(|e| of(&e.columns));
    keys.chain(entities)
        .chain(world.edges.iter().flat_map(|e| of(&e.columns)))
}

fn empty_schema(catalog: &Catalog) -> Schema {
    Schema {
        name: catalog.name.clone(),
        viewer: catalog.viewer,
        entities: Vec::new(),
        edges: Vec::new(),
        embeddings: Vec::new(),
        defaults: catalog.defaults.clone(),
    }
}

fn embedding_schema(
    config: &crate::catalog::config::Embedding,
    parts: &[Vectors],
) -> schema::Embedding {
    schema::Embedding {
        name: config.name.clone(),
        entities: config.parts.iter().map(|p| p.entity).collect(),
        dim: parts.first().map_or(0, |p| p.dim as u32),
        metric: config.metric,
        neighbours: config.neighbours,
        ef: config.ef,
        storage: config.storage,
        missing: parts.iter().map(|p| p.missing).collect(),
    }
}

/// A hash of the contents alone: not of paths, times or the machine.
fn id_of(schema: &Schema, writer: &Writer) -> String {
    let mut hash = Xxh3::new();
    hash.update(&FORMAT.to_le_bytes());
    hash.update(&serde_json::to_vec(schema).unwrap_or_default());
    for buffer in &writer.buffers {
        hash.update(&buffer.len.to_le_bytes());
        hash.update(&buffer.xxh3.to_le_bytes());
    }
    format!("{:016x}", hash.digest())
}
