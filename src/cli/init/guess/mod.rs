//! What the columns of some tables are to each other: keys by uniqueness, references and ends of
//! edges by names and by the values that they share with keys, times and weights by name.

mod keys;
mod links;
mod things;
mod world;

use super::table::Table;
use keys::own_tables;
use links::{edge, references, viewer, visible_from};
use things::{last_resort, referred_to, without_tables};
pub use world::{Edge, Entity, Link, Time, World};
use world::{Parts, distinct_names, drop_unused};

pub fn guess(tables: &[Table]) -> World {
    let mut left = Vec::new();
    let mut entities = own_tables(tables, &mut left);
    let mut rest: Vec<usize> = (0..tables.len()).collect();
    rest.retain(|t| entities.iter().all(|e| e.table != Some(*t)));
    without_tables(tables, &rest, &mut entities);
    referred_to(tables, &mut entities);
    let things = entities.iter().any(|e| e.table.is_some());
    let parts = parts(tables, &entities, &left);
    let mut world = world(tables, &rest, entities, left);
    world.parts = parts;
    match things || !world.edges.is_empty() {
        true => world,
        false => self::world(tables, &rest, last_resort(tables), Vec::new()),
    }
}

/// Tables that were left to the one of the same thing, and have its columns.
fn parts(tables: &[Table], entities: &[Entity], left: &[(usize, String)]) -> Vec<Parts> {
    let alike = |a: &Table, b: &Table| {
        let names = |t: &Table| -> Vec<String> {
            let columns = t.profile.columns.iter();
            columns.map(|c| c.name.clone()).collect()
        };
        names(a) == names(b) && a.text == b.text && a.source.json == b.source.json
    };
    let part = |at: usize| {
        let owner = entities.iter().find_map(|e| {
            let table = e.table.filter(|t| alike(&tables[*t], &tables[at]))?;
            Some((e, table))
        });
        let (entity, table) = owner?;
        Some(Parts {
            tables: (at.min(table), at.max(table)),
            name: entity.name.clone(),
            key: entity.key.clone(),
        })
    };
    left.iter().filter_map(|(at, _)| part(*at)).collect()
}

/// The edges and references that lead to some entities.
fn world(
    tables: &[Table],
    rest: &[usize],
    entities: Vec<Entity>,
    left: Vec<(usize, String)>,
) -> World {
    let mut world = World {
        viewer: viewer(tables, rest, &entities),
        entities,
        edges: Vec::new(),
        left,
        parts: Vec::new(),
    };
    for &table in rest {
        match edge(tables, table, &world) {
            Some(edge) => world.edges.push(edge),
            None if world.left.iter().any(|(t, _)| *t == table) => {}
            None => {
                let why = "neither a key nor two key columns".to_owned();
                world.left.push((table, why));
            }
        }
    }
    for at in 0..world.entities.len() {
        world.entities[at].references = references(tables, at, &world.entities);
        world.entities[at].time = visible_from(tables, &world.entities[at]);
    }
    drop_unused(&mut world);
    distinct_names(&mut world);
    world
}
