//! What a snapshot holds, as data: entities and edges with the types, ranges and examples of their
//! columns, degrees, embeddings, and what was left out when it was built. Drawing is for others.
//!
//! Counts, nulls and ranges were measured when the snapshot was built. What is looked at here is the
//! ends of links (for degrees) and the first rows of a column (for examples).

mod learned;
mod value;

pub use learned::Learned;

use crate::batch::ColumnView;
use crate::catalog::DataWarning;
use crate::catalog::schema::{self, Defaults, KeyType, Metric, Schema, Stats};
use crate::diag::suggest;
use crate::store::{Adjacency, Snapshot};
use crate::types::{EdgeId, EntityId, Type, Value};
use rayon::prelude::*;

/// A whole catalog.
#[derive(Clone, Debug)]
pub struct Description {
    pub name: String,
    /// Name of the entity that requests come from.
    pub viewer: String,
    pub defaults: Defaults,
    /// The largest time of a link, in microseconds since 1970, UTC.
    pub newest_link: Option<i64>,
    /// The time that `now = "latest"` comes after.
    pub latest: Option<i64>,
    /// Names the contents of the snapshot.
    pub snapshot: String,
    /// Bytes of the snapshot.
    pub size: u64,
    pub entities: Vec<Entity>,
    pub edges: Vec<Edge>,
    pub embeddings: Vec<Embedding>,
    pub learned: Vec<Learned>,
    /// Files derived from the snapshot, with their sizes in bytes.
    pub derived: Vec<(String, u64)>,
    /// What was left out or is doubtful, by file.
    pub skipped: Vec<DataWarning>,
}

#[derive(Clone, Debug)]
pub struct Entity {
    pub name: String,
    pub rows: u64,
    pub key_type: KeyType,
    /// The key is the first of them.
    pub columns: Vec<Column>,
    /// The column from whose time on a row is visible.
    pub time: Option<String>,
    pub references: Vec<Reference>,
}

/// A column of an entity or an edge.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// As programs write it: `list[string]`.
    pub ty: String,
    pub nulls: u64,
    /// Smallest and largest value of numbers, times and durations.
    pub range: Option<(Value, Value)>,
    /// The first values that differ, at most [`EXAMPLES`].
    pub examples: Vec<Value>,
}

/// A column that holds another entity's key.
#[derive(Clone, Debug)]
pub struct Reference {
    pub name: String,
    pub column: String,
    pub entity: String,
    /// Rows whose value is null or leads nowhere.
    pub nulls: u64,
    /// How many rows refer to each row there.
    pub degrees: Degrees,
}

#[derive(Clone, Debug)]
pub struct Edge {
    pub name: String,
    pub from: End,
    pub to: End,
    pub links: u64,
    /// Ends, time and weight aside.
    pub columns: Vec<Column>,
    /// The column of each link's time, and its range.
    pub time: Option<Column>,
    pub weight: Option<Column>,
}

/// One end of an edge.
#[derive(Clone, Debug)]
pub struct End {
    pub entity: String,
    pub column: String,
    /// How many links each row of the entity has.
    pub degrees: Degrees,
}

/// How many links the rows of an entity have, over those that have any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Degrees {
    /// Rows with a link.
    pub rows: u64,
    /// Rows without.
    pub without: u64,
    pub min: u32,
    /// The lower one of two middle ones.
    pub median: u32,
    pub max: u32,
}

#[derive(Clone, Debug)]
pub struct Embedding {
    pub name: String,
    pub dim: u32,
    pub metric: Metric,
    /// Neighbours of each entity that are found ahead; 0: none.
    pub neighbours: u32,
    pub parts: Vec<Part>,
}

/// The vectors of one entity.
#[derive(Clone, Debug)]
pub struct Part {
    pub entity: String,
    pub vectors: u64,
    /// Rows without a vector.
    pub missing: u64,
}

/// One thing of a catalog.
#[derive(Clone, Debug)]
pub enum Thing {
    Entity(Entity),
    Edge(Box<Edge>),
    Embedding(Embedding),
    Learned(Learned),
    /// With the entity or edge that it is of.
    Column(String, Column),
}

/// How many examples a column has at most.
pub const EXAMPLES: usize = 3;

/// Everything that a snapshot holds.
pub fn describe(snapshot: &Snapshot) -> Description {
    let schema = snapshot.schema();
    let entities = (0..schema.entities.len()).into_par_iter();
    // those that were learnt come after the tables
    let edges = (0..schema.tables().count()).into_par_iter();
    Description {
        name: schema.name.clone(),
        viewer: schema.entity(schema.viewer).name.clone(),
        defaults: schema.defaults.clone(),
        newest_link: snapshot.newest_link(),
        latest: snapshot.latest(),
        snapshot: snapshot.id().to_owned(),
        size: snapshot.size(),
        entities: entities.map(|at| entity(snapshot, at)).collect(),
        edges: edges.map(|at| edge(snapshot, at)).collect(),
        embeddings: schema.spaces().map(|(_, e)| embedding(schema, e)).collect(),
        learned: learned::learned(snapshot),
        derived: snapshot.artifacts(),
        skipped: snapshot.warnings().to_vec(),
    }
}

/// The entity, edge, embedding, column (`media.created_at`) or what was learned of that name. A name that there is not
/// gives the one that was likely meant, if any.
pub fn find(snapshot: &Snapshot, name: &str) -> Result<Thing, Option<String>> {
    let schema = snapshot.schema();
    if let Some(id) = schema.find_entity(name) {
        return Ok(Thing::Entity(entity(snapshot, id.0 as usize)));
    }
    if let Some(id) = schema.find_edge(name.trim_start_matches('~')) {
        return Ok(Thing::Edge(Box::new(edge(snapshot, id.0 as usize))));
    }
    if let Some(found) = schema.embeddings.iter().find(|e| e.name == name) {
        return Ok(Thing::Embedding(embedding(schema, found)));
    }
    let mut learned = learned::learned(snapshot);
    if let Some(place) = learned.iter().position(|learned| learned.name == name) {
        return Ok(Thing::Learned(learned.swap_remove(place)));
    }
    let Some((of, column)) = name.split_once('.') else {
        let learned = learned.iter().map(|learned| learned.name.as_str());
        return Err(suggestion(schema, name, learned));
    };
    let columns = match (schema.find_entity(of), schema.find_edge(of)) {
        (Some(id), _) => entity(snapshot, id.0 as usize).columns,
        (None, Some(id)) => all_columns(edge(snapshot, id.0 as usize)),
        (None, None) => {
            let of = suggest::nearest(of, names(schema).into_iter());
            return Err(of.map(|of| format!("{of}.{column}")));
        }
    };
    let known: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    let found = columns.into_iter().find(|c| c.name == column);
    let found = found.map(|c| Thing::Column(of.to_owned(), c));
    found.ok_or_else(|| {
        let near = suggest::nearest(column, known.iter().map(String::as_str));
        near.map(|near| format!("{of}.{near}"))
    })
}

/// Time and weight first.
fn all_columns(edge: Edge) -> Vec<Column> {
    let own = edge.time.into_iter().chain(edge.weight);
    own.chain(edge.columns).collect()
}

/// The names of all entities, edges and embeddings.
pub fn names(schema: &Schema) -> Vec<&str> {
    let entities = schema.entities.iter().map(|e| e.name.as_str());
    let edges = schema.tables().map(|e| e.name.as_str());
    let embeddings = schema.spaces().map(|(_, e)| e.name.as_str());
    entities.chain(edges).chain(embeddings).collect()
}

/// A column alone is likely meant with its entity.
fn suggestion<'n>(
    schema: &'n Schema,
    name: &str,
    learned: impl Iterator<Item = &'n str>,
) -> Option<String> {
    let columns = || {
        let of_entities = schema.entities.iter().map(|e| (&e.name, &e.columns));
        let of_edges = schema.tables().map(|e| (&e.name, &e.columns));
        of_entities.chain(of_edges)
    };
    let has = |columns: &[schema::Column]| columns.iter().any(|c| c.name == name);
    if let Some((of, _)) = columns().find(|(_, c)| has(c)) {
        return Some(format!("{of}.{name}"));
    }
    let all: Vec<&str> = names(schema).into_iter().chain(learned).collect();
    suggest::nearest(name, all.into_iter()).map(str::to_owned)
}

fn entity(snapshot: &Snapshot, at: usize) -> Entity {
    let (schema, id) = (snapshot.schema(), EntityId(at as u16));
    let found = schema.entity(id);
    let columns = found.columns.par_iter().enumerate().map(|(at, c)| match at {
        0 => key_column(snapshot, id),
        _ => column(snapshot, c, snapshot.column(id, at)),
    });
    let reference = |(at, r): (usize, &schema::Reference)| Reference {
        name: r.name.clone(),
        column: found.columns[r.column].name.clone(),
        entity: schema.entity(r.entity).name.clone(),
        nulls: found.columns[r.column].stats.nulls,
        degrees: degrees(snapshot.referrers(id, at)),
    };
    Entity {
        name: found.name.clone(),
        rows: u64::from(found.rows),
        key_type: found.key_type,
        columns: columns.collect(),
        time: found.time.map(|at| found.columns[at].name.clone()),
        references: found.references.iter().enumerate().map(reference).collect(),
    }
}

/// The key, which has no column of its own: a row's key is the row.
fn key_column(snapshot: &Snapshot, id: EntityId) -> Column {
    let entity = snapshot.schema().entity(id);
    let range = match snapshot.keys(id) {
        crate::store::KeyView::Int(keys) => value::ints(keys, &Type::Int),
        crate::store::KeyView::Str(_) => None,
    };
    let rows = 0..entity.rows.min(EXAMPLES as u32);
    let key = |row| snapshot.key(id, row).plain();
    Column {
        name: entity.key.clone(),
        ty: match entity.key_type {
            KeyType::Int => "int".to_owned(),
            KeyType::String => "string".to_owned(),
        },
        nulls: 0,
        range,
        examples: rows.map(key).collect(),
    }
}

fn column(snapshot: &Snapshot, column: &schema::Column, view: ColumnView) -> Column {
    Column {
        name: column.name.clone(),
        ty: snapshot.schema().type_name(&column.ty),
        nulls: column.stats.nulls,
        range: range(&column.stats, &column.ty, view),
        examples: value::examples(snapshot, view, &column.ty),
    }
}

/// Statistics are floats: beyond 53 bits the ints themselves are looked at.
fn range(stats: &Stats, ty: &Type, view: ColumnView) -> Option<(Value, Value)> {
    const EXACT: f64 = (1u64 << 53) as f64;
    let (min, max) = (stats.min?, stats.max?);
    let exact = match view {
        ColumnView::I64(values) if min < -EXACT || max > EXACT => value::ints(values, ty),
        _ => None,
    };
    exact.or_else(|| Some((value::number(min, ty), value::number(max, ty))))
}

fn edge(snapshot: &Snapshot, at: usize) -> Edge {
    let (schema, id) = (snapshot.schema(), EdgeId(at as u16));
    let found = schema.edge(id);
    let end = |entity: EntityId, column: &str, reverse: bool| End {
        entity: schema.entity(entity).name.clone(),
        column: column.to_owned(),
        degrees: degrees(snapshot.adjacency(id, reverse)),
    };
    let own = |has: bool, name: &Option<String>, plain: &str, stats: &Stats, ty: &Type| {
        has.then(|| Column {
            name: name.clone().unwrap_or_else(|| plain.to_owned()),
            ty: schema.type_name(ty),
            nulls: stats.nulls,
            range: range(stats, ty, ColumnView::I64(&[])),
            examples: Vec::new(),
        })
    };
    let columns = found.columns.par_iter().enumerate();
    Edge {
        name: found.name.clone(),
        from: end(found.from, &found.from_column, false),
        to: end(found.to, &found.to_column, true),
        links: found.links,
        columns: columns.map(|(at, c)| column(snapshot, c, snapshot.link_column(id, at))).collect(),
        time: own(found.has_time, &found.time_column, "time", &found.time, &Type::Time),
        weight: own(found.has_weight, &found.weight_column, "weight", &found.weight, &Type::Float),
    }
}

fn degrees(links: Adjacency) -> Degrees {
    let mut degrees: Vec<u32> = links.offsets.windows(2).map(|w| w[1] - w[0]).collect();
    let all = degrees.len();
    degrees.retain(|&degree| degree > 0);
    let (rows, middle) = (degrees.len(), degrees.len().saturating_sub(1) / 2);
    if rows == 0 {
        return Degrees { without: all as u64, ..Degrees::default() };
    }
    let (below, median, above) = degrees.select_nth_unstable(middle);
    Degrees {
        rows: rows as u64,
        without: (all - rows) as u64,
        min: below.iter().min().copied().unwrap_or(*median),
        median: *median,
        max: above.iter().max().copied().unwrap_or(*median),
    }
}

fn embedding(schema: &Schema, found: &schema::Embedding) -> Embedding {
    let parts = found.entities.iter().zip(&found.missing);
    let part = |(&id, &missing): (&EntityId, &u64)| Part {
        entity: schema.entity(id).name.clone(),
        vectors: u64::from(schema.entity(id).rows).saturating_sub(missing),
        missing,
    };
    Embedding {
        name: found.name.clone(),
        dim: found.dim,
        metric: found.metric,
        neighbours: found.neighbours,
        parts: parts.map(part).collect(),
    }
}
