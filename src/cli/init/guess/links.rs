//! Columns that lead to things: references and the ends of edges.

use super::keys::ends_with_word;
use super::things::{by_values, called, is_id, named, only_thing, pair, person, shared};
use super::world::{Edge, Entity, Link, Time, World};
use crate::cli::init::judge::{Judged, Meaning};
use crate::cli::init::table::Table;
use crate::cli::init::words::{self, Pair, is_among, plain, thing};
use crate::store::profile::Column;
use crate::types::Type;

/// The entity whose keys a column holds.
pub(super) fn link(table: &Table, column: &Column, entities: &[Entity]) -> Option<Link> {
    if !is_id(column) {
        return None;
    }
    let pair = pair(table, column);
    let (thing, name) = (called(pair.as_ref(), column, entities), plain(&column.name));
    let by_name = |e: &Entity| {
        thing.as_ref().is_some_and(|t| named(e, &column.name, t) || ends_with_word(t, &e.name))
            || name == e.name
            || plain(&e.key) == name && !words::is_bare_id(&column.name)
    };
    let exact = |e: &Entity| thing.as_deref() == Some(&e.name);
    let nameless = match &pair {
        Some((Pair::Nameless, all)) => shared(all, entities),
        _ => None,
    };
    let named = nameless
        .or_else(|| entities.iter().position(exact))
        .or_else(|| entities.iter().position(by_name))
        .or_else(|| person(thing.as_deref()?, entities));
    // where names say nothing, values may
    let by_value = || {
        let generic =
            || only_thing(&column.values, entities).filter(|_| thing.as_deref() == Some("item"));
        by_values(column, entities).or_else(generic)
    };
    // a name that no value bears out is another's
    let borne_out = |e: &usize| {
        entities[*e].keys.is_empty()
            || column.values.among(&entities[*e].keys) * 2 >= column.values.len()
    };
    let told = is_among(&column.name, &words::WEIGHTS) || is_among(&column.name, &words::TIMES);
    let entity = named.filter(borne_out).or_else(|| by_value().filter(|_| !told))?;
    let values = column.values.len();
    Some(Link {
        column: column.name.clone(),
        entity,
        dangling: values - column.values.among(&entities[entity].keys),
        values,
    })
}

pub(super) fn references(tables: &[Table], at: usize, entities: &[Entity]) -> Vec<Link> {
    let entity = &entities[at];
    let Some(table) = entity.table else {
        return Vec::new();
    };
    let columns = tables[table].profile.columns.iter();
    let others = columns.filter(|c| {
        c.name != entity.key && !matches!(c.ty, Type::List(_)) && thing(&c.name).is_some()
    });
    others.filter_map(|c| link(&tables[table], c, entities)).collect()
}

pub(super) fn visible_from(tables: &[Table], entity: &Entity) -> Option<String> {
    let table = &tables[entity.table?];
    let told = ["created", "published", "posted", "uploaded"];
    let visible = |(c, judged): &(&Column, &crate::cli::init::judge::Judged)| {
        let name = plain(&c.name);
        told.iter().any(|t| name.contains(t)) && (c.ty == Type::Time || judged.is_time())
    };
    let mut columns = table.profile.columns.iter().zip(&table.judged);
    columns.find(visible).map(|(c, _)| c.name.clone())
}

/// A table of links: two columns of keys, the viewer's first.
pub(super) fn edge(tables: &[Table], at: usize, world: &World) -> Option<Edge> {
    let table = &tables[at];
    let mut links = ends(table, world);
    if links.len() < 2 {
        return None;
    }
    let used: Vec<String> = links.iter().map(|l| l.column.clone()).collect();
    let others = links.split_off(2);
    let to = links.pop()?;
    let from = links.pop()?;
    let columns = table.profile.columns.iter().zip(&table.judged);
    let free: Vec<_> = columns.filter(|(c, _)| !used.contains(&c.name)).collect();
    let weighs = |(c, j): &&(&Column, &Judged)| {
        let float = matches!(j.meaning, Meaning::Int | Meaning::Float);
        let number = float || c.ty.is_number() && j.meaning == Meaning::Plain;
        number && is_among(&c.name, &words::WEIGHTS)
    };
    let weight = free.iter().find(weighs).map(|(c, _)| c.name.clone());
    let name = match table.source.name.as_str() {
        "data" if weight.is_some() => "ratings".to_owned(),
        "data" => "interactions".to_owned(),
        name => name.to_owned(),
    };
    Some(Edge { name, table: at, weight, from, to, others, time: time(&free) })
}

/// The columns that lead to things: the viewer's first, those that links are about before others.
fn ends(table: &Table, world: &World) -> Vec<Link> {
    let columns = table.profile.columns.iter();
    let links = columns.filter_map(|c| link(table, c, &world.entities));
    let mut links: Vec<Link> = links.collect();
    if let Some(first) = links.iter().position(|l| l.entity == world.viewer) {
        links[..=first].rotate_right(1);
    }
    // sessions and requests are of somebody; what they lead to is another thing
    let passing = |l: &Link| {
        let passing = ["session", "request", "query", "order", "device"];
        passing.contains(&world.entities[l.entity].name.as_str())
    };
    if links.len() > 2 && passing(&links[1]) && links[2..].iter().any(|l| !passing(l)) {
        links[1..].sort_by_key(passing);
    }
    links
}

/// When links were made, by the columns that lead nowhere.
fn time(free: &[(&Column, &Judged)]) -> Option<Time> {
    let columns: Vec<&Column> = free.iter().map(|(c, _)| *c).collect();
    if let Some(parts) = time_parts(&columns) {
        return Some(Time::Parts(parts));
    }
    let is_time = |c: &Column, j: &Judged| c.ty == Type::Time || j.is_time();
    let mut times = free.iter().filter(|(c, j)| is_time(c, j)).map(|(c, _)| *c);
    let first = times.clone().next();
    let usual = |c: &&Column| ["timestamp", "ts", "time"].contains(&plain(&c.name).as_str());
    let time = times.find(usual).or(first)?;
    Some(Time::Column(time.name.clone()))
}

/// Year, month and day in columns of their own.
fn time_parts(columns: &[&Column]) -> Option<Vec<String>> {
    let of = |part: &&str| columns.iter().find(|c| plain(&c.name) == **part && c.ty == Type::Int);
    let parts = ["year", "month", "day", "hour", "minute", "second"];
    let parts: Vec<String> = parts.iter().map_while(of).map(|c| c.name.clone()).collect();
    (parts.len() >= 3).then_some(parts)
}

/// Who asks: by its name; else what stands first in the largest table of links.
pub(super) fn viewer(tables: &[Table], rest: &[usize], entities: &[Entity]) -> usize {
    let named = |name: &str| entities.iter().position(|e| e.name == name);
    let links = || {
        let largest = rest.iter().max_by_key(|t| tables[**t].profile.rows)?;
        let table = &tables[*largest];
        let mut columns = table.profile.columns.iter();
        let first = columns.find_map(|c| link(table, c, entities));
        first.map(|l| l.entity)
    };
    words::VIEWERS.iter().find_map(|v| named(v)).or_else(links).unwrap_or(0)
}
