//! What the columns of some tables are to each other: keys by uniqueness, references and ends of
//! edges by names and by the values that they share with keys, times by name and range, lists by
//! their separator.

use super::Table;
use crate::catalog::config::Unit;
use crate::store::profile::{Column, Distinct};
use crate::types::Type;

/// An entity, with or without a table.
pub struct Entity {
    pub name: String,
    pub key: String,
    pub table: Option<usize>,
    /// All its keys, as far as they are known.
    pub keys: Distinct,
    /// Columns of its table that hold keys of others.
    pub references: Vec<Link>,
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
    /// Tables that fit nowhere.
    pub left: Vec<usize>,
    pub viewer: usize,
}

/// Names of who asks, the likeliest first.
const VIEWERS: [&str; 7] = [
    "user", "viewer", "customer", "member", "person", "reader", "account",
];
const WEIGHTS: [&str; 8] = [
    "rating",
    "weight",
    "stars",
    "strength",
    "plays",
    "playcount",
    "count",
    "value",
];
const TIMES: [&str; 10] = [
    "ts",
    "time",
    "timestamp",
    "date",
    "datetime",
    "created",
    "at",
    "when",
    "joined",
    "day",
];

pub fn guess(tables: &[Table]) -> World {
    let mut entities = own_tables(tables);
    let mut rest: Vec<usize> = (0..tables.len()).collect();
    rest.retain(|t| entities.iter().all(|e| e.table != Some(*t)));
    without_tables(tables, &rest, &mut entities);
    let viewer = viewer(&entities);
    let mut world = World {
        entities,
        edges: Vec::new(),
        left: Vec::new(),
        viewer,
    };
    for table in rest {
        match edge(tables, table, &world) {
            Some(edge) => world.edges.push(edge),
            None => world.left.push(table),
        }
    }
    for at in 0..world.entities.len() {
        world.entities[at].references = references(tables, at, &world.entities);
    }
    world
}

/// A name in small letters with `_` between its words: `userId` is `user_id`.
pub fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut low = false;
    for c in name.chars() {
        let word = c.is_alphanumeric();
        if (!word || (c.is_uppercase() && low)) && !out.ends_with('_') && !out.is_empty() {
            out.push('_');
        }
        if word {
            out.extend(c.to_lowercase());
        }
        low = c.is_lowercase() || c.is_numeric();
    }
    out.trim_matches('_').to_owned()
}

/// The thing that a column of ids is named after: `user` of `userId`; none for other columns.
fn thing(column: &str) -> Option<String> {
    let name = plain(column);
    let ends = ["_id", "_key", "_slug", "_uuid"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end));
    stem.filter(|s| !s.is_empty()).map(singular)
}

/// `movies` is of `movie`.
pub fn singular(name: &str) -> String {
    match name {
        "media" | "news" | "series" => name.to_owned(),
        _ if name.ends_with("ss") || name.len() < 4 => name.to_owned(),
        _ => match name.strip_suffix("ies") {
            Some(stem) if !["movies", "cookies"].contains(&name) => format!("{stem}y"),
            _ => name.strip_suffix('s').unwrap_or(name).to_owned(),
        },
    }
}

fn is_key(column: &Column, rows: usize) -> bool {
    let ty = matches!(column.ty, Type::Int | Type::String);
    ty && rows > 0 && column.nulls == 0 && column.values.len() == rows
}

/// Tables whose rows are things: one column is unique, and named as a key.
fn own_tables(tables: &[Table]) -> Vec<Entity> {
    let mut entities: Vec<Entity> = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let Some(column) = key_of(table) else {
            continue;
        };
        let stem = singular(&table.name);
        let name = match thing(&column.name) {
            Some(name) if stem.contains(&name) || name.contains(&stem) => name,
            _ => stem,
        };
        if entities.iter().any(|e| e.name == name) {
            continue;
        }
        entities.push(Entity {
            name,
            key: column.name.clone(),
            table: Some(at),
            keys: copied(&column.values),
            references: Vec::new(),
        });
    }
    entities
}

fn key_of(table: &Table) -> Option<&Column> {
    let rows = table.profile.rows;
    let listed = |c: &Column| matches!(c.ty, Type::List(_)) && thing(&c.name).is_some();
    if table.profile.columns.iter().any(listed) {
        // a row is a bundle of links
        return None;
    }
    let unique: Vec<&Column> = table
        .profile
        .columns
        .iter()
        .filter(|c| is_key(c, rows))
        .collect();
    let stem = singular(&table.name);
    let named = |c: &&&Column| {
        let name = plain(&c.name);
        name == "id"
            || name == stem
            || thing(&c.name).is_some_and(|t| stem.contains(&t) || t.contains(&stem))
    };
    let ids = |c: &&Column| thing(&c.name).is_some();
    let columns = || table.profile.columns.iter();
    let payload = |c: &Column| !ids(&c) && !matches!(c.ty, Type::Int | Type::Time);
    let first = columns().next()?;
    // `friend_id` behind `user_id` in a table of friends is an end
    let leads = |c: &&&Column| c.name == first.name || columns().any(payload);
    if let Some(found) = unique.iter().filter(leads).find(named) {
        return Some(found);
    }
    // a table of links may number its rows, and has little but ids
    let repeated = columns().filter(ids).filter(|c| !is_key(c, rows)).count();
    let things = repeated < 2 && (columns().filter(ids).count() < 2 || columns().any(payload));
    let fits = things && unique.iter().any(|c| c.name == first.name);
    let telling = thing(&first.name).is_some() || matches!(first.ty, Type::String);
    (fits && telling).then_some(first)
}

fn copied(values: &Distinct) -> Distinct {
    match values {
        Distinct::Ints(v) => Distinct::Ints(v.clone()),
        Distinct::Texts(v) => Distinct::Texts(v.clone()),
        Distinct::Other => Distinct::Other,
    }
}

/// Ids in tables of links that no table describes.
fn without_tables(tables: &[Table], rest: &[usize], entities: &mut Vec<Entity>) {
    for &at in rest {
        for column in &tables[at].profile.columns {
            let Some(name) = thing(&column.name).filter(|_| !column.values.is_empty()) else {
                continue;
            };
            match entities.iter().position(|e| named(e, &column.name, &name)) {
                Some(at) if entities[at].table.is_none() => {
                    entities[at].keys.extend(&column.values)
                }
                Some(_) => {}
                None if shared(&column.values, entities).is_some() => {}
                None => entities.push(Entity {
                    name,
                    key: identifier(&column.name),
                    table: None,
                    keys: copied(&column.values),
                    references: Vec::new(),
                }),
            }
        }
    }
}

/// A name as it is, if programs can say it.
fn identifier(name: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    match starts && name.chars().all(word) {
        true => name.to_owned(),
        false => plain(name),
    }
}

fn named(entity: &Entity, column: &str, thing: &str) -> bool {
    plain(&entity.key) == plain(column) || entity.name == thing
}

/// The entity that has nearly all of some values as keys, and few others: what a column is about
/// whose name does not say it.
fn shared(values: &Distinct, entities: &[Entity]) -> Option<usize> {
    let part = |e: &Entity| values.among(&e.keys) as f64 / e.keys.len().max(1) as f64;
    let close = |e: &Entity| values.among(&e.keys) * 100 >= values.len() * 99 && part(e) > 0.5;
    let fit = (0..entities.len()).filter(|&e| close(&entities[e]));
    fit.max_by(|&a, &b| part(&entities[a]).total_cmp(&part(&entities[b])))
}

/// The entity whose keys a column holds.
fn link(column: &Column, entities: &[Entity]) -> Option<Link> {
    if column.values.is_empty() {
        return None;
    }
    let thing = thing(&column.name);
    let by_name = entities.iter().position(|e| {
        let name = plain(&column.name);
        thing.as_ref().is_some_and(|t| named(e, &column.name, t))
            || name == e.name
            || plain(&e.key) == name
    });
    let by_value = || shared(&column.values, entities).filter(|_| thing.is_some());
    // a name that no value bears out is another's
    let borne_out = |e: &usize| column.values.among(&entities[*e].keys) * 2 >= column.values.len();
    let entity = by_name.filter(borne_out).or_else(by_value)?;
    let values = column.values.len();
    Some(Link {
        column: column.name.clone(),
        entity,
        dangling: values - column.values.among(&entities[entity].keys),
        values,
    })
}

fn references(tables: &[Table], at: usize, entities: &[Entity]) -> Vec<Link> {
    let entity = &entities[at];
    let Some(table) = entity.table else {
        return Vec::new();
    };
    let columns = tables[table].profile.columns.iter();
    let others = columns.filter(|c| c.name != entity.key && !matches!(c.ty, Type::List(_)));
    others.filter_map(|c| link(c, entities)).collect()
}

/// A table of links: two columns of keys, the viewer's first.
fn edge(tables: &[Table], at: usize, world: &World) -> Option<Edge> {
    let table = &tables[at];
    let links = table.profile.columns.iter();
    let mut links: Vec<Link> = links.filter_map(|c| link(c, &world.entities)).collect();
    if links.len() < 2 {
        return None;
    }
    if let Some(first) = links.iter().position(|l| l.entity == world.viewer) {
        let first = links.remove(first);
        links.insert(0, first);
    }
    let others = links.split_off(2);
    let to = links.pop()?;
    let from = links.pop()?;
    let used = |name: &str| {
        [&from, &to]
            .into_iter()
            .chain(&others)
            .any(|l| l.column == name)
    };
    let free: Vec<&Column> = table
        .profile
        .columns
        .iter()
        .filter(|c| !used(&c.name))
        .collect();
    let time = time_of(&free);
    let weight = free.iter().find(|c| {
        let name = plain(&c.name);
        c.ty.is_number()
            && WEIGHTS
                .iter()
                .any(|w| name == *w || name.ends_with(&format!("_{w}")))
    });
    Some(Edge {
        name: table.name.clone(),
        table: at,
        weight: weight.map(|c| c.name.clone()),
        from,
        to,
        others,
        time,
    })
}

fn time_of(columns: &[&Column]) -> Option<Time> {
    let of = |part: &&str| {
        columns
            .iter()
            .find(|c| plain(&c.name) == **part && c.ty == Type::Int)
    };
    let parts = ["year", "month", "day", "hour", "minute", "second"];
    let parts: Vec<String> = parts.iter().map_while(of).map(|c| c.name.clone()).collect();
    if parts.len() >= 3 {
        return Some(Time::Parts(parts));
    }
    let time = columns
        .iter()
        .find(|c| c.ty == Type::Time || unit(c).is_some());
    time.map(|c| Time::Column(c.name.clone()))
}

/// The unit of a column of ints that is likely a time: its name and the years it would be in.
pub fn unit(column: &Column) -> Option<Unit> {
    let Distinct::Ints(values) = &column.values else {
        return None;
    };
    let name = plain(&column.name);
    let told = |t: &str| {
        name == t || name.ends_with(&format!("_{t}")) || name.starts_with(&format!("{t}_"))
    };
    let (first, last) = (*values.first()?, *values.last()?);
    // 1990 to 2100
    let years = 631_152_000_000_000..4_102_444_800_000_000;
    let unit = Unit::likely(last.unsigned_abs());
    let within = |v: i64| unit.micros(v).is_some_and(|t| years.contains(&t));
    (column.ty == Type::Int && TIMES.iter().any(|t| told(t)) && within(first) && within(last))
        .then_some(unit)
}

/// What parts the elements of a column of strings, if it holds lists.
pub fn list_separator(column: &Column) -> Option<&'static str> {
    let Distinct::Texts(texts) = &column.values else {
        return None;
    };
    let looks = |separator: &str| {
        let split = || texts.iter().filter(|t| t.contains(separator));
        let parts: std::collections::HashSet<&str> =
            texts.iter().flat_map(|t| t.split(separator)).collect();
        let all: usize = texts.iter().map(|t| t.split(separator).count()).sum();
        // elements come again and again; words of a sentence part with a space behind
        split().count() * 5 >= texts.len().max(5)
            && parts.len() * 3 <= all
            && !split().any(|t| t.contains(&format!("{separator} ")))
    };
    ["|", ";", ","]
        .into_iter()
        .find(|s| column.ty == Type::String && looks(s))
}

fn viewer(entities: &[Entity]) -> usize {
    let named = |name: &str| entities.iter().position(|e| e.name == name);
    VIEWERS.iter().find_map(|v| named(v)).unwrap_or(0)
}
