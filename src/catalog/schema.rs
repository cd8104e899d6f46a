//! The schema of a snapshot: entities, edges, embeddings with their types and statistics.
//! It is what the checker sees of the data, and is written into the snapshot.

use super::degrees::Degrees;
use crate::types::{EdgeId, EntityId, Type};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    pub name: String,
    pub viewer: EntityId,
    pub entities: Vec<Entity>,
    pub edges: Vec<Edge>,
    pub embeddings: Vec<Embedding>,
    pub defaults: Defaults,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyType {
    Int,
    String,
}

/// A kind of thing. Column 0 is its key, of type `id[itself]`, and is not stored: a row's key is
/// the row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    pub name: String,
    pub key: String,
    pub key_type: KeyType,
    /// Number of rows.
    pub rows: u32,
    pub columns: Vec<Column>,
    pub references: Vec<Reference>,
    /// The column from whose time on a row is visible.
    pub time: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub stats: Stats,
}

/// Measured when the snapshot was built, over the non-null values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub nulls: u64,
    /// Smallest and largest value of numbers, times and durations.
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// A column that holds another entity's key: also a 1:1 edge under its own name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub name: String,
    /// Index into the entity's columns; that column has type `id[entity]`.
    pub column: usize,
    pub entity: EntityId,
    /// How many rows refer to each row.
    pub degrees: Degrees,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    pub name: String,
    pub from: EntityId,
    pub to: EntityId,
    pub links: u64,
    pub has_time: bool,
    pub has_weight: bool,
    /// Names under which the table has the ends, time and weight, if they differ from the
    /// built-in names; in link expressions they mean the same.
    pub from_column: String,
    pub to_column: String,
    pub time_column: Option<String>,
    pub weight_column: Option<String>,
    /// The other columns of the table.
    pub columns: Vec<Column>,
    /// How many links go from each row, and to each row.
    pub out_degrees: Degrees,
    pub in_degrees: Degrees,
    /// Smallest and largest weight, if weighted.
    pub weight: Stats,
    pub time: Stats,
}

impl Edge {
    /// How many links go from each row; with `reverse`, to each row.
    pub fn degrees(&self, reverse: bool) -> &Degrees {
        if reverse {
            &self.in_degrees
        } else {
            &self.out_degrees
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    Cosine,
    Dot,
    L2,
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Metric::Cosine => "cosine",
            Metric::Dot => "dot",
            Metric::L2 => "l2",
        })
    }
}

/// How the numbers of vectors are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    #[default]
    F32,
    /// Rounded to halves (IEEE 754 binary16): the vectors are the rounded ones.
    F16,
}

/// A vector space over one or more entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    pub name: String,
    pub entities: Vec<EntityId>,
    pub dim: u32,
    pub metric: Metric,
    /// Nearest neighbours of each entity that are found ahead; 0: none.
    pub neighbours: u32,
    /// How many nodes a search of the index expands; 0: as it finds right.
    #[serde(default)]
    pub ef: u32,
    pub storage: Storage,
    /// Per entity of `entities`: rows without a vector.
    pub missing: Vec<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Defaults {
    /// These edges together are the edge `seen`.
    pub seen: Vec<String>,
    pub impressions: Option<String>,
    pub required_policies: Vec<String>,
    pub now: Now,
}

/// What `now` is when a request does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Now {
    #[default]
    Clock,
    /// Just after the newest link.
    Latest,
    /// Microseconds since 1970, UTC.
    At(i64),
}

impl Schema {
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    /// A type as a program writes it: `list[id[media]]`.
    pub fn type_name(&self, ty: &Type) -> String {
        match ty {
            Type::Int => "int".to_owned(),
            Type::Float => "float".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::String => "string".to_owned(),
            Type::Time => "time".to_owned(),
            Type::Duration => "duration".to_owned(),
            Type::Id(entity) => format!("id[{}]", self.entity(*entity).name),
            Type::List(item) => format!("list[{}]", self.type_name(item)),
            Type::Vector(dim) => format!("vector[{dim}]"),
            Type::Null => "null".to_owned(),
            Type::Error => "?".to_owned(),
        }
    }

    pub fn find_entity(&self, name: &str) -> Option<EntityId> {
        self.entities
            .iter()
            .position(|e| e.name == name)
            .map(|i| EntityId(i as u16))
    }

    pub fn find_edge(&self, name: &str) -> Option<EdgeId> {
        self.edges
            .iter()
            .position(|e| e.name == name)
            .map(|i| EdgeId(i as u16))
    }
}

impl Entity {
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    pub fn find_reference(&self, name: &str) -> Option<usize> {
        self.references.iter().position(|r| r.name == name)
    }
}
