//! The schema of a snapshot: entities, edges, embeddings with their types and statistics.
//! It is what the checker sees of the data, and is written into the snapshot.

use super::degrees::Degrees;
use crate::types::{EdgeId, EntityId, Type};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the data of a catalog consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The name of the catalog.
    pub name: String,
    /// The entity that requests come from.
    pub viewer: EntityId,
    /// By [`EntityId`].
    pub entities: Vec<Entity>,
    /// By [`EdgeId`].
    pub edges: Vec<Edge>,
    /// Vector spaces.
    pub embeddings: Vec<Embedding>,
    /// What programs need not say.
    pub defaults: Defaults,
}

/// The type of an entity's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyType {
    /// 64-bit ints.
    Int,
    /// Strings.
    String,
}

impl KeyType {
    /// As the type of a value.
    pub fn ty(self) -> Type {
        match self {
            KeyType::Int => Type::Int,
            KeyType::String => Type::String,
        }
    }
}

/// A kind of thing. Column 0 is its key, of type `id[itself]`, and is not stored: a row's key is
/// the row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// As programs have it.
    pub name: String,
    /// Name of the key.
    pub key: String,
    /// Type of the key.
    pub key_type: KeyType,
    /// Number of rows.
    pub rows: u32,
    /// The first is the key.
    pub columns: Vec<Column>,
    /// Columns that hold keys of entities.
    pub references: Vec<Reference>,
    /// The column from whose time on a row is visible.
    pub time: Option<usize>,
}

/// A column of an entity or edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// As programs have it.
    pub name: String,
    /// Type of its values.
    pub ty: Type,
    /// What its values are like.
    pub stats: Stats,
    /// Whether the catalog says that its values never change, so that they were the same at any time before.
    #[serde(default)]
    pub fixed: bool,
}

/// Measured when the snapshot was built, over the non-null values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// How many values are null.
    pub nulls: u64,
    /// Smallest value of numbers, times and durations.
    pub min: Option<f64>,
    /// Largest value of them.
    pub max: Option<f64>,
}

/// A column that holds another entity's key: also a 1:1 edge under its own name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The name of the column and of the edge.
    pub name: String,
    /// Index into the entity's columns; that column has type `id[entity]`.
    pub column: usize,
    /// The entity whose keys it holds.
    pub entity: EntityId,
    /// How many rows refer to each row.
    pub degrees: Degrees,
}

/// A kind of link between two entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// As programs have it.
    pub name: String,
    /// The entity that links come from.
    pub from: EntityId,
    /// The entity that they go to.
    pub to: EntityId,
    /// Number of links.
    pub links: u64,
    /// Whether each has a time.
    pub has_time: bool,
    /// Whether each has a weight.
    pub has_weight: bool,
    /// Name under which the table has the `from` end; in link expressions both mean the same.
    pub from_column: String,
    /// The same of the `to` end.
    pub to_column: String,
    /// Name of the column with times, if that is not `time`.
    pub time_column: Option<String>,
    /// Name of the column with weights, if that is not `weight`.
    pub weight_column: Option<String>,
    /// The other columns of the table.
    pub columns: Vec<Column>,
    /// How many links go from each row.
    pub out_degrees: Degrees,
    /// How many links go to each row.
    pub in_degrees: Degrees,
    /// Of the weights, if there are some.
    pub weight: Stats,
    /// Of the times, if there are some.
    pub time: Stats,
    /// Whether it was learnt: then its name is that of a version, `similar@3`, and no table has it.
    #[serde(skip)]
    pub learned: bool,
    /// Of one that was learnt, what it was learnt as: the name and the hash of the declaration.
    #[serde(skip)]
    pub declared: Option<String>,
}

impl Edge {
    /// What declarations call it that read it: versions of one declaration are the same to them.
    pub fn meaning(&self) -> &str {
        self.declared.as_deref().unwrap_or(&self.name)
    }

    /// How many links go from each row; with `reverse`, to each row.
    pub fn degrees(&self, reverse: bool) -> &Degrees {
        if reverse { &self.in_degrees } else { &self.out_degrees }
    }
}

/// What makes two vectors near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine of the angle.
    Cosine,
    /// Inner product.
    Dot,
    /// Euclidean distance.
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
    /// 32-bit floats.
    #[default]
    F32,
    /// Rounded to halves (IEEE 754 binary16): the vectors are the rounded ones.
    F16,
}

/// A vector space over one or more entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// As programs have it.
    pub name: String,
    /// The entities that have vectors in it.
    pub entities: Vec<EntityId>,
    /// Numbers of a vector.
    pub dim: u32,
    /// What makes two vectors near.
    pub metric: Metric,
    /// Nearest neighbours of each entity that are found ahead; 0: none.
    pub neighbours: u32,
    /// How many nodes a search of the index expands; 0: as it finds right.
    #[serde(default)]
    pub ef: u32,
    /// How the numbers are kept.
    pub storage: Storage,
    /// Per entity of `entities`: rows without a vector.
    pub missing: Vec<u64>,
    /// What was learnt from data, and how it is searched: then the name is that of a version, `ig2vec@3`.
    #[serde(skip)]
    pub learned: Option<Learned>,
    /// The number of the embedding with the vectors of what stands around its entities, if it has learnt both.
    #[serde(skip)]
    pub output: Option<u32>,
    /// Of one that was learnt, what it was learnt as: the name and the hash of the declaration.
    #[serde(skip)]
    pub declared: Option<String>,
    /// The number of the embedding of the same vectors that are compared by their angles, if these are not.
    #[serde(skip)]
    pub normalized: Option<u32>,
    /// Of one whose viewers have vectors that are found from their links when they ask.
    #[serde(skip)]
    pub folded: Option<Folded>,
}

impl Embedding {
    /// The version that its vectors are of, if it is learnt: `ig2vec@3` of `normalized(ig2vec@3)`, too.
    pub fn version(&self) -> &str {
        match self.learned {
            Some(Learned::Normalized) => {
                self.name.strip_prefix("normalized(").and_then(|name| name.strip_suffix(')'))
            }
            _ => None,
        }
        .unwrap_or(&self.name)
    }

    /// What declarations call it that read it: versions of one declaration are the same to them.
    pub fn meaning(&self) -> &str {
        self.declared.as_deref().unwrap_or(&self.name)
    }
}

/// How the vector of a viewer is found from the vectors that its links lead to (Hu, Koren and Volinsky 2008): as
/// training would have found it beside them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldIn {
    /// Penalty of squared lengths.
    pub reg: f64,
    /// Whether that is scaled by the number of links.
    pub by_count: bool,
    /// How much more a link counts than a missing one, by unit of weight.
    pub alpha: f64,
    /// Whether weights are read.
    pub weighted: bool,
    /// Links that are read at most: the newest.
    pub newest: u32,
}

/// How viewers are folded into an embedding, with what all of them share.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The parameters.
    pub how: FoldIn,
    /// The squared lengths of all vectors of the other entity along each dimension, which is a principal axis.
    pub gram: Arc<[f64]>,
}

/// How a learned embedding is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// As others are.
    Newest,
    /// There is a newer version of the same declaration: no index is made for it.
    Superseded,
    /// It has the vectors of another, compared by their angles: its index is made when it is first searched.
    Normalized,
}

/// The section `[defaults]` of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Defaults {
    /// These edges together are the edge `seen`.
    pub seen: Vec<String>,
    /// The edge of what was shown to users.
    pub impressions: Option<String>,
    /// Policies that every query has to apply.
    pub required_policies: Vec<String>,
    /// The time of a request that has none.
    pub now: Now,
}

/// What `now` is when a request does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Now {
    /// The clock of the machine.
    #[default]
    Clock,
    /// Just after the newest link.
    Latest,
    /// Microseconds since 1970, UTC.
    At(i64),
}

impl Schema {
    /// A type as tables that are written hold it: with the keys of entities as what they are.
    pub fn plain(&self, ty: &Type) -> Type {
        match ty {
            Type::Id(entity) => self.entity(*entity).key_type.ty(),
            Type::List(item) => Type::List(Box::new(self.plain(item))),
            Type::Null | Type::Error => Type::String,
            other => other.clone(),
        }
    }

    /// The keys of a column that has those of any entity: texts, unless all are ints.
    pub fn any_key(&self) -> KeyType {
        match self.entities.iter().all(|entity| entity.key_type == KeyType::Int) {
            true => KeyType::Int,
            false => KeyType::String,
        }
    }

    /// The entity of an id of this schema.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    /// The edge of an id of this schema.
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

    /// The entity of that name.
    pub fn find_entity(&self, name: &str) -> Option<EntityId> {
        self.entities.iter().position(|e| e.name == name).map(|i| EntityId(i as u16))
    }

    /// The edges that are tables of the catalog.
    pub fn tables(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| !edge.learned)
    }

    /// The embeddings that programs can name: those that were learnt have names of versions.
    pub fn spaces(&self) -> impl Iterator<Item = (u32, &Embedding)> {
        (0..).zip(&self.embeddings).filter(|(_, embedding)| embedding.learned.is_none())
    }

    /// The number of the learned embedding whose tower a function is: such are called by entities and version,
    /// `user+media.near@3`.
    pub fn tower(&self, function: &str) -> Option<u32> {
        let (of, label) = function.rsplit_once('.')?;
        let is_it = |embedding: &Embedding| {
            let entities = embedding.entities.iter().map(|&e| self.entity(e).name.as_str());
            embedding.learned.is_some() && embedding.name == label && entities.eq(of.split('+'))
        };
        self.embeddings.iter().position(is_it).map(|number| number as u32)
    }

    /// The edge of that name.
    pub fn find_edge(&self, name: &str) -> Option<EdgeId> {
        self.edges.iter().position(|e| e.name == name).map(|i| EdgeId(i as u16))
    }
}

impl Entity {
    /// The number of the column of that name.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The number of the reference of that name.
    pub fn find_reference(&self, name: &str) -> Option<usize> {
        self.references.iter().position(|r| r.name == name)
    }
}
