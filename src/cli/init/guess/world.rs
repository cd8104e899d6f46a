//! What is guessed: entities, edges and what was left, and their names.

use crate::store::profile::Distinct;

/// An entity, with or without a table.
pub struct Entity {
    pub name: String,
    pub key: String,
    pub table: Option<usize>,
    /// All its keys, as far as they are known.
    pub keys: Distinct,
    /// Columns of its table that hold keys of others.
    pub references: Vec<Link>,
    /// The column from whose time on a row is visible.
    pub time: Option<String>,
}

/// A column that holds keys of an entity.
#[derive(Clone, Debug)]
pub struct Link {
    pub column: String,
    pub entity: usize,
    /// Values that are no key there, of how many.
    pub dangling: usize,
    pub values: usize,
}

pub struct Edge {
    pub name: String,
    pub table: usize,
    pub from: Link,
    pub to: Link,
    /// Columns that hold keys as well, which an edge has no place for.
    pub others: Vec<Link>,
    pub time: Option<Time>,
    pub weight: Option<String>,
}

/// When a link came about.
pub enum Time {
    Column(String),
    Parts(Vec<String>),
}

pub struct World {
    pub entities: Vec<Entity>,
    pub edges: Vec<Edge>,
    /// Tables that fit nowhere, and why.
    pub left: Vec<(usize, String)>,
    pub viewer: usize,
    /// Tables of one thing with the same columns.
    pub parts: Vec<Parts>,
}

/// Two tables that are parts of one.
pub struct Parts {
    pub tables: (usize, usize),
    pub name: String,
    pub key: String,
}

/// Entities without a table that no edge and no reference leads to have no rows.
pub(super) fn drop_unused(world: &mut World) {
    let mut at = 0;
    while at < world.entities.len() {
        let ends = world.edges.iter().flat_map(|e| [&e.from, &e.to]);
        let references = world.entities.iter().flat_map(|e| &e.references);
        let used = ends.chain(references).any(|l| l.entity == at);
        if used || world.entities[at].table.is_some() {
            at += 1;
            continue;
        }
        world.entities.remove(at);
        let down = |entity: &mut usize| *entity -= usize::from(*entity > at);
        for edge in &mut world.edges {
            edge.others.retain(|l| l.entity != at);
            let ends = [&mut edge.from, &mut edge.to].into_iter().chain(&mut edge.others);
            ends.for_each(|l| down(&mut l.entity));
        }
        let references = world.entities.iter_mut().flat_map(|e| &mut e.references);
        references.for_each(|l| down(&mut l.entity));
        match world.viewer == at {
            true => world.viewer = 0,
            false => down(&mut world.viewer),
        }
    }
}

/// An edge is not called as an entity is, nor by a word of the language.
pub(super) fn distinct_names(world: &mut World) {
    const WORDS: [&str; 22] = [
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "null",
        "true",
        "false",
        "def",
        "assert",
        "test",
        "query",
        "model",
        "value",
        "edge",
        "policy",
        "param",
        "experiment",
        "import",
        "seen",
    ];
    let mut taken: Vec<String> = WORDS.map(str::to_owned).to_vec();
    let entities = world.entities.iter_mut().map(|e| (&mut e.name, "_entity"));
    let edges = world.edges.iter_mut().map(|e| (&mut e.name, "_links"));
    for (name, more) in entities.chain(edges) {
        if taken.contains(name) {
            name.push_str(more);
        }
        let plain = name.clone();
        let mut number = 2;
        while taken.contains(name) {
            *name = format!("{plain}_{number}");
            number += 1;
        }
        taken.push(name.clone());
    }
}
