//! The data that a program sees, as plain rows.

use super::value::Value;
use igql::catalog::schema::Metric;
use igql::types::{Key, Type};

/// Everything of a catalog. Built by hand, from a ```` ```world ```` block, at random or from a
/// snapshot.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub entities: Vec<Entity>,
    pub edges: Vec<Edge>,
    pub embeddings: Vec<Embedding>,
    /// Index of the entity that requests come from.
    pub viewer: usize,
    /// Edges that together are `seen`.
    pub seen: Vec<String>,
    pub required_policies: Vec<String>,
    /// Text of `prelude.igql`.
    pub prelude: String,
}

#[derive(Clone, Debug)]
pub struct Entity {
    pub name: String,
    /// Name of the key's column.
    pub key: String,
    pub string_keys: bool,
    pub keys: Vec<Key>,
    pub columns: Vec<Column>,
    pub references: Vec<Reference>,
    /// Name of the column from whose time on a row is visible.
    pub time: Option<String>,
    /// False: no table of its own; its rows are the ends of links and references.
    pub has_table: bool,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    /// One per row. References are `Value::Id`.
    pub values: Vec<Value>,
}

#[derive(Clone, Debug)]
pub struct Reference {
    pub name: String,
    pub column: String,
    pub entity: usize,
}

#[derive(Clone, Debug)]
pub struct Edge {
    pub name: String,
    pub from: usize,
    pub to: usize,
    /// Names of the ends, the time and the weight in the table.
    pub from_column: String,
    pub to_column: String,
    pub time_column: Option<String>,
    pub weight_column: Option<String>,
    /// Name and type of the other columns.
    pub columns: Vec<(String, Type)>,
    /// In the order of the file.
    pub links: Vec<EdgeLink>,
}

#[derive(Clone, Debug)]
pub struct EdgeLink {
    pub from: u32,
    pub to: u32,
    pub time: Option<i64>,
    /// Null in a weighted edge: a link without weight.
    pub weight: Option<f64>,
    pub columns: Vec<Value>,
}

#[derive(Clone, Debug)]
pub struct Embedding {
    pub name: String,
    pub metric: Metric,
    /// Stored as halves: then all numbers are such.
    pub halves: bool,
    /// Entity and the vectors of its rows.
    pub spaces: Vec<(usize, Vec<Option<Vec<f32>>>)>,
}

impl World {
    pub fn find_entity(&self, name: &str) -> Option<usize> {
        self.entities.iter().position(|e| e.name == name)
    }

    pub fn find_edge(&self, name: &str) -> Option<usize> {
        self.edges.iter().position(|e| e.name == name)
    }

    /// The entity of a type or an `all(E)`; `user` is the viewer whatever its name.
    pub fn entity_named(&self, name: &str) -> Option<usize> {
        self.find_entity(name).or((name == "user").then_some(self.viewer))
    }

    /// Dimension of an embedding: that of its first vector.
    pub fn dimension(&self, embedding: usize) -> usize {
        let spaces = &self.embeddings[embedding].spaces;
        spaces.iter().flat_map(|(_, v)| v).flatten().map(Vec::len).next().unwrap_or(1)
    }
}

impl Entity {
    pub fn find_column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    pub fn find_reference(&self, name: &str) -> Option<&Reference> {
        self.references.iter().find(|r| r.name == name)
    }

    pub fn row_of(&self, key: &Key) -> Option<u32> {
        self.keys.iter().position(|k| k == key).map(|i| i as u32)
    }

    /// Time from which a row is visible, if it has one.
    pub fn visible_from(&self, row: u32) -> Option<i64> {
        let column = self.find_column(self.time.as_deref()?)?;
        match column.values.get(row as usize) {
            Some(Value::Time(t)) => Some(*t),
            _ => None,
        }
    }
}
