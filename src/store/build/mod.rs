//! Building a snapshot: tables are read, keys become rows, links are sorted, and everything is
//! written in one go.

mod complaints;
mod csr;
pub(super) use csr::Csr;
mod edges;
mod emit;
mod entities;
mod keys;
mod plan;
mod pool;
mod stats;
mod tables;
mod ties;
mod vectors;

use super::import::Values;
use super::layout::{FORMAT, Layout, Manifest, Source, Tie};
use super::progress::Progress;
use super::vectors::Vectors;
use super::write::Writer;
use crate::catalog::config::Catalog;
use crate::catalog::schema::{self, Schema};
use crate::catalog::{DataError, DataWarning};
use crate::types::{EntityId, NULL_INT, Type};
use complaints::Complaints;
use edges::Edge;
use emit::Emit;
use entities::{Column, Entity};
use keys::Collected;
use plan::Place;
use pool::Pool;
use rayon::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tables::Loaded;
use vectors::Job;
use xxhash_rust::xxh3::Xxh3;

/// Everything in memory, ready to be written.
struct World {
    entities: Vec<Entity>,
    edges: Vec<Edge>,
    embeddings: Vec<Vec<Vectors>>,
    warnings: Vec<DataWarning>,
}

/// Reads all data of a catalog and writes the snapshot to `target`; `good` looks at the file that
/// takes the place of the old one.
pub fn build(
    inputs: Inputs<'_>,
    target: &Path,
    progress: &dyn Progress,
    good: impl FnOnce(&Path) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut world = read(inputs.catalog, inputs.folder, progress)?;
    let (ties, loose) = ties::ties(&inputs);
    world.warnings.extend(loose);
    write(inputs, world, ties, target, progress, good)
}

/// What a snapshot is made of.
pub struct Inputs<'a> {
    pub catalog: &'a Catalog,
    /// That of the catalog.
    pub folder: &'a Path,
    /// The files as they were before anything was read.
    pub sources: Vec<Source>,
    /// Those of the snapshot before.
    pub ties: Vec<Tie>,
}

fn read(catalog: &Catalog, folder: &Path, progress: &dyn Progress) -> Result<World, DataError> {
    let mut complaints = Complaints::default();
    let (loaded_entities, loaded_edges, key_types) =
        load(catalog, folder, progress, &mut complaints);
    let mut ids = collect(catalog, &loaded_entities, &loaded_edges);
    let mut entities: Vec<Option<Entity>> = Vec::new();
    for (i, (config, loaded)) in catalog.entities.iter().zip(loaded_entities).enumerate() {
        entities.push(match &config.table {
            None => Some(Entity::of_ids(std::mem::take(&mut ids[i]), &key_types[i])),
            Some(table) => {
                let place = Place {
                    catalog: &catalog.path,
                    table,
                    section: &format!("entity.{}", config.name),
                    line: config.line,
                };
                loaded.and_then(|l| entities::entity(config, l, place, &mut complaints))
            }
        });
    }
    resolve(catalog, &mut entities, &mut complaints);
    let edges = make_edges(catalog, loaded_edges, &entities, &mut complaints, progress);
    let embeddings = read_vectors(catalog, folder, &entities, &mut complaints, progress);
    let warnings = complaints.finish()?;
    // what is lacking was told of
    let lacking = || DataError::new(&catalog.path, "its data cannot be read");
    Ok(World {
        entities: all(entities).ok_or_else(lacking)?,
        edges: all(edges).ok_or_else(lacking)?,
        embeddings: all(embeddings).ok_or_else(lacking)?,
        warnings,
    })
}

fn all<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}

/// Tables of entities and of edges, and the types of keys; None for what is not there or wrong.
type AllLoaded = (Vec<Option<Loaded>>, Vec<Option<Loaded>>, Vec<Type>);

/// Reads all tables, in parallel.
fn load(
    catalog: &Catalog,
    folder: &Path,
    progress: &dyn Progress,
    complaints: &mut Complaints,
) -> AllLoaded {
    let total = (catalog.entities.len() + catalog.edges.len()) as u64;
    let done = AtomicU64::new(0);
    let step = |loaded: (Option<Loaded>, Complaints)| {
        progress.report("reading tables", done.fetch_add(1, Ordering::Relaxed) + 1, total);
        loaded
    };
    progress.report("reading tables", 0, total);
    let readers = tables::open(catalog, folder, complaints);
    let types = tables::key_types(catalog, &readers, complaints);
    let (entities, edges): (Vec<_>, Vec<_>) = rayon::join(
        || {
            let all = catalog.entities.par_iter().zip(readers.entities).zip(&types);
            all.map(|((entity, reader), own)| {
                let mut told = Complaints::default();
                let load = |r| tables::load_entity(catalog, entity, r, &types, own, &mut told);
                step((reader.and_then(load), told))
            })
            .collect()
        },
        || {
            let all = catalog.edges.par_iter().zip(readers.edges);
            all.map(|(edge, reader)| {
                let mut told = Complaints::default();
                let load = |r| tables::load_edge(catalog, edge, r, &types, &mut told);
                step((reader.and_then(load), told))
            })
            .collect()
        },
    );
    let mut apart = |(loaded, told): (Option<Loaded>, Complaints)| {
        complaints.absorb(told);
        loaded
    };
    let entities = entities.into_iter().map(&mut apart).collect();
    (entities, edges.into_iter().map(&mut apart).collect(), types)
}

/// The ids of entities without a table, wherever they occur.
fn collect(
    catalog: &Catalog,
    entities: &[Option<Loaded>],
    edges: &[Option<Loaded>],
) -> Vec<Collected> {
    let none = catalog.entities.iter().map(|_| Collected::default());
    let mut ids: Vec<Collected> = none.collect();
    let mut add = |id: EntityId, column: &str, loaded: &Loaded| {
        let at = loaded.plan.position(column);
        if let Some(values) = at.filter(|_| catalog.entities[id.0 as usize].table.is_none()) {
            ids[id.0 as usize].add(&loaded.table.columns[values]);
        }
    };
    for (entity, loaded) in catalog.entities.iter().zip(entities) {
        let Some(loaded) = loaded else { continue };
        for reference in &entity.references {
            add(reference.entity, &reference.column, loaded);
        }
    }
    for (edge, loaded) in catalog.edges.iter().zip(edges) {
        let Some(loaded) = loaded else { continue };
        for end in [&edge.from, &edge.to] {
            add(end.entity, &end.column, loaded);
        }
    }
    ids
}

fn resolve(catalog: &Catalog, entities: &mut [Option<Entity>], complaints: &mut Complaints) {
    for id in 0..entities.len() {
        let resolved = entities::resolve(catalog, id, entities, complaints);
        let Some(entity) = &mut entities[id] else {
            continue;
        };
        for (at, rows) in resolved {
            let column = &mut entity.columns[at];
            let target = catalog.entities[id].references.iter().find(|r| r.column == column.name);
            column.ty = target.map_or(Type::Error, |r| Type::Id(r.entity));
            column.values = Values::Row(rows);
        }
    }
}

fn make_edges(
    catalog: &Catalog,
    loaded: Vec<Option<Loaded>>,
    entities: &[Option<Entity>],
    complaints: &mut Complaints,
    progress: &dyn Progress,
) -> Vec<Option<Edge>> {
    let total = loaded.len() as u64;
    let mut edges = Vec::new();
    for (config, loaded) in catalog.edges.iter().zip(loaded) {
        progress.report("linking", edges.len() as u64, total);
        edges.push(loaded.and_then(|l| edges::edge(catalog, config, l, entities, complaints)));
    }
    edges
}

fn read_vectors(
    catalog: &Catalog,
    folder: &Path,
    entities: &[Option<Entity>],
    complaints: &mut Complaints,
    progress: &dyn Progress,
) -> Vec<Option<Vec<Vectors>>> {
    let mut all = Vec::new();
    for embedding in &catalog.embeddings {
        progress.report("reading vectors", all.len() as u64, catalog.embeddings.len() as u64);
        let job = Job { catalog, folder, embedding, entities };
        all.push(job.read(complaints));
    }
    all
}

fn write(
    inputs: Inputs<'_>,
    mut world: World,
    ties: Vec<Tie>,
    target: &Path,
    progress: &dyn Progress,
    good: impl FnOnce(&Path) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let catalog = inputs.catalog;
    let times = creation_times(catalog, &world);
    let links = world.edges.iter().flat_map(|e| e.time.iter().flatten());
    let newest_link = links.copied().max();
    let latest = latest(&world, &times);
    let pool = Pool::new(stored(&world));
    if pool.len() >= keys::DANGLING as usize {
        let message = "the data has more than 4 billion distinct strings";
        return Err(DataError::new(&catalog.path, message));
    }
    let warnings = std::mem::take(&mut world.warnings);
    let mut writer = Writer::new(target)?;
    let emit = Emit { writer: &mut writer, pool: &pool };
    let (schema, layout) = write_world(emit, catalog, world, &times, progress)?;
    let manifest = Manifest {
        id: id_of(&schema, &writer),
        schema,
        layout,
        buffers: writer.buffers.clone(),
        sources: inputs.sources,
        catalog: catalog.hash,
        warnings,
        newest_link,
        latest,
        ties,
    };
    writer.finish(&manifest, good)
}

/// When the rows of each entity were created, where it has a column for that.
fn creation_times(catalog: &Catalog, world: &World) -> Vec<Option<Vec<i64>>> {
    let entities = world.entities.iter().zip(&catalog.entities);
    let times = entities.map(|(e, config)| e.times(config).map(<[i64]>::to_vec));
    times.collect()
}

/// Writes strings, entities, edges and embeddings: what is where.
fn write_world(
    mut emit: Emit<'_>,
    catalog: &Catalog,
    world: World,
    times: &[Option<Vec<i64>>],
    progress: &dyn Progress,
) -> Result<(Schema, Layout), DataError> {
    let rows: Vec<u32> = world.entities.iter().map(|e| e.rows() as u32).collect();
    let total = (world.entities.len() + world.edges.len()) as u64;
    let mut layout = Layout { strings: emit.strings()?, ..Layout::default() };
    let mut schema = empty_schema(catalog);
    for (done, entity) in (1..).zip(world.entities) {
        let (written, described) =
            emit.entity(catalog, schema.entities.len(), entity, &rows, times)?;
        layout.entities.push(written);
        schema.entities.push(described);
        progress.report("writing", done, total);
    }
    let entities = schema.entities.len() as u64;
    for (done, (config, edge)) in (entities + 1..).zip(catalog.edges.iter().zip(world.edges)) {
        let (written, described) = emit.edge(config, &edge, &rows, times)?;
        layout.edges.push(written);
        schema.edges.push(described);
        progress.report("writing", done, total);
    }
    for (config, parts) in catalog.embeddings.iter().zip(&world.embeddings) {
        layout.embeddings.push(emit.embedding(parts)?);
        schema.embeddings.push(embedding_schema(config, parts));
    }
    Ok((schema, layout))
}

/// What `now = "latest"` comes after: the newest link, or where none has a time the newest row. Times
/// after the clock are of plans and of mistakes.
fn latest(world: &World, rows: &[Option<Vec<i64>>]) -> Option<i64> {
    let now = edges::now();
    let newest = |times: &[i64]| {
        let past = times.iter().filter(|t| **t <= now && **t != NULL_INT);
        past.max().copied()
    };
    let links = world.edges.iter().filter_map(|e| newest(e.time.as_deref()?)).max();
    links.or_else(|| rows.iter().filter_map(|times| newest(times.as_deref()?)).max())
}

/// All columns whose strings are kept, keys included.
fn stored(world: &World) -> impl Iterator<Item = pool::Strings<'_>> {
    fn of(columns: &[Column]) -> impl Iterator<Item = pool::Strings<'_>> {
        columns.iter().filter_map(|c| pool::Strings::of(&c.values))
    }
    let keys = world.entities.iter().filter_map(|e| pool::Strings::of_keys(&e.keys));
    let entities = world.entities.iter().flat_map(|e| of(&e.columns));
    keys.chain(entities).chain(world.edges.iter().flat_map(|e| of(&e.columns)))
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
        learned: None,
        output: None,
        declared: None,
        folded: None,
        normalized: None,
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
