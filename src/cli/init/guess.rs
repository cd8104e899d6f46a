//! What the columns of some tables are to each other: keys by uniqueness, references and ends of
//! edges by names and by the values that they share with keys, times and weights by name.

use super::table::Table;
use super::words::{self, Pair, identifier, is_among, is_index, plain, singular, thing};
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
            None => world
                .left
                .push((table, "no key, and no two columns of keys".to_owned())),
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

/// Entities without a table that no edge and no reference leads to have no rows.
fn drop_unused(world: &mut World) {
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
            let ends = [&mut edge.from, &mut edge.to]
                .into_iter()
                .chain(&mut edge.others);
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
fn distinct_names(world: &mut World) {
    const WORDS: [&str; 21] = [
        "and", "or", "not", "in", "is", "if", "else", "null", "true", "false", "def", "assert",
        "test", "query", "model", "value", "edge", "policy", "param", "import", "seen",
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

/// How well a column does as the key of its table.
struct Key<'a> {
    column: &'a Column,
    /// Rows that repeat the key of an earlier one, and rows without.
    flaws: usize,
}

/// A column whose values hardly ever come twice: in small tables only where its name says so.
fn as_key<'a>(column: &'a Column, table: &Table) -> Option<Key<'a>> {
    let rows = table.profile.rows;
    let ty = matches!(column.ty, Type::Int | Type::String | Type::Float);
    let different = column.values.len();
    let flaws = rows.saturating_sub(different);
    let called =
        words::is_bare_id(&column.name) || thing(&column.name).is_some_and(|t| t == stem(table));
    let told = table.key.as_deref() == Some(&column.name);
    let few = told || flaws == 0 || rows >= 20 && flaws * 20 <= rows || called && flaws * 4 <= rows;
    (ty && different > 0 && few).then_some(Key { column, flaws })
}

/// The thing that a table is called after: `movie` of `Movies`.
fn stem(table: &Table) -> String {
    singular(&identifier(&plain(&table.source.name)))
}

fn is_of(column: &Column, stem: &str) -> bool {
    let name = plain(&column.name);
    let of = |t: String| {
        t == stem
            || ends_with_word(stem, &t)
            || ends_with_word(&t, stem)
            || stem.starts_with(&format!("{t}_"))
    };
    words::is_bare_id(&column.name) || name == stem || thing(&column.name).is_some_and(of)
}

/// `movie` is the last word of `top_movie`.
fn ends_with_word(long: &str, short: &str) -> bool {
    long.strip_suffix(short)
        .is_some_and(|rest| rest.ends_with('_'))
}

/// Tables whose rows are things: one column is unique, and named as a key.
fn own_tables(tables: &[Table], left: &mut Vec<(usize, String)>) -> Vec<Entity> {
    let keys: Vec<Option<Key>> = (0..tables.len()).map(|at| key_of(tables, at)).collect();
    let mut order: Vec<usize> = (0..tables.len()).filter(|at| keys[*at].is_some()).collect();
    // of two tables with one key, the larger has the rows, or the one that is called after it
    let rank = |at: usize| {
        keys[at].as_ref().map(|k| {
            let stem = stem(&tables[at]);
            let called = thing(&k.column.name).is_some_and(|t| t == stem);
            (
                k.column.values.len(),
                called,
                tables[at].profile.columns.len(),
            )
        })
    };
    order.sort_by_key(|at| std::cmp::Reverse(rank(*at)));
    let mut entities: Vec<Entity> = Vec::new();
    for at in order {
        let Some(key) = &keys[at] else { continue };
        let (column, table) = (key.column, &tables[at]);
        let stem = stem(table);
        let name = match thing(&column.name) {
            Some(name) if !words::is_bare_id(&column.name) => name,
            _ => stem,
        };
        if let Some(other) = entities.iter().find(|e| e.name == name) {
            let file = other.table.map_or("", |t| &tables[t].source.pattern);
            left.push((
                at,
                format!("its rows have the keys of {file}: join its columns to that table"),
            ));
            continue;
        }
        entities.push(Entity {
            name,
            key: column.name.clone(),
            table: Some(at),
            keys: column.values.clone(),
            references: Vec::new(),
            time: None,
        });
    }
    entities.sort_by_key(|e| e.table);
    entities
}

fn key_of<'a>(tables: &'a [Table], at: usize) -> Option<Key<'a>> {
    let table = &tables[at];
    if table.source.text.as_ref().is_some_and(|t| t.format.rest) {
        return None;
    }
    let columns = || table.profile.columns.iter();
    let stem = stem(table);
    let ids = |c: &&Column| thing(&c.name).is_some();
    let links = |c: &&Column| ids(c) && !is_of(c, &stem);
    let mut keys: Vec<Key> = columns().filter_map(|c| as_key(c, table)).collect();
    keys.sort_by_key(|k| k.flaws);
    let listed = |c: &Column| matches!(c.ty, Type::List(_)) && links(&c);
    let payload = |c: &Column| {
        !ids(&c) && !matches!(c.ty, Type::Int | Type::Time) && !is_among(&c.name, &words::WEIGHTS)
    };
    let first = columns().find(|c| !is_index(&c.name))?;
    if let Some(found) = keys.iter().position(|k| is_of(k.column, &stem)) {
        let key = &keys[found];
        // `friend_id` behind `user_id` in a table of friends is an end
        let others = || columns().filter(|c| c.name != key.column.name);
        let leads = key.column.name == first.name || others().any(payload);
        let event = is_event(table, key, &stem) && !is_referred_to(tables, at, key.column);
        if leads && !event && !columns().any(listed) {
            return Some(keys.swap_remove(found));
        }
        if event {
            return None;
        }
    }
    if columns().any(listed) {
        // a row is a bundle of links
        return None;
    }
    // a table of links may number its rows, and has little but ids
    let repeated = columns()
        .filter(ids)
        .filter(|c| as_key(c, table).is_none())
        .count();
    let things = repeated < 2 && (columns().filter(ids).count() < 2 || columns().any(payload));
    let telling = thing(&first.name).is_some()
        || matches!(first.ty, Type::String) && !is_among(&first.name, &words::TITLES)
        || words::is_bare_id(&first.name);
    let found = keys.iter().position(|k| k.column.name == first.name)?;
    let key = &keys[found];
    (things && telling && !is_event(table, key, &stem)).then(|| keys.swap_remove(found))
}

/// A row that tells what a user did: a number of its own does not make it a thing.
fn is_event(table: &Table, key: &Key, stem: &str) -> bool {
    let others = || {
        let columns = table.profile.columns.iter();
        columns.filter(|c| c.name != key.column.name && thing(&c.name).is_some() && !is_of(c, stem))
    };
    let repeated = |c: &&Column| as_key(c, table).is_none() || table.profile.rows < 4;
    let viewers =
        others().filter(|c| thing(&c.name).is_some_and(|t| words::VIEWERS.contains(&t.as_str())));
    let told = |c: &Column| is_among(&c.name, &words::WEIGHTS) || is_among(&c.name, &words::TIMES);
    let telling = table.profile.columns.iter().any(told);
    viewers.filter(repeated).count() > 0 && others().count() > 1 && telling
}

/// Whether another table has these keys in a column of that name.
fn is_referred_to(tables: &[Table], at: usize, key: &Column) -> bool {
    let (name, stem) = (plain(&key.name), stem(&tables[at]));
    let named = |c: &Column| match words::is_bare_id(&key.name) {
        true => thing(&c.name).is_some_and(|t| t == stem),
        false => plain(&c.name) == name,
    };
    let others = tables.iter().enumerate().filter(|(t, _)| *t != at);
    let mut columns = others.flat_map(|(_, t)| &t.profile.columns);
    columns.any(|c| named(c) && c.values.among(&key.values) > 0)
}

/// Ids in tables of links that no table describes.
fn without_tables(tables: &[Table], rest: &[usize], entities: &mut Vec<Entity>) {
    for &at in rest {
        for column in &tables[at].profile.columns {
            let pair = pair(&tables[at], column);
            let Some(name) = called(pair.as_ref(), column, entities) else {
                continue;
            };
            // `review_id` numbers the rows of a table of reviews
            let number = name == stem(&tables[at]) && as_key(column, &tables[at]).is_some();
            if !is_id(column) || number && pair.is_none() {
                continue;
            }
            if let Some((Pair::Nameless, all)) = &pair
                && shared(all, entities).is_some()
            {
                continue;
            }
            let known = match &pair {
                None => entities.iter().position(|e| named(e, &column.name, &name)),
                Some(_) => entities.iter().position(|e| e.name == name),
            };
            match known.or_else(|| person(&name, entities)) {
                Some(at) if entities[at].table.is_none() => {
                    entities[at].keys.extend(&column.values)
                }
                Some(_) => {}
                None if pair.is_none() && by_values(column, entities).is_some() => {}
                None if name == "item" && only_thing(&column.values, entities).is_some() => {}
                None => entities.push(Entity {
                    key: match pair {
                        Some(_) => format!("{name}_id"),
                        None => identifier(&column.name),
                    },
                    name,
                    table: None,
                    keys: column.values.clone(),
                    references: Vec::new(),
                    time: None,
                }),
            }
        }
    }
}

/// The other end of a link between things of one kind, if a column is one, with the ids of both.
fn pair(table: &Table, column: &Column) -> Option<(Pair, Distinct)> {
    let others = table.profile.columns.iter();
    let mut others = others.filter(|c| c.name != column.name && is_id(c) && is_id(column));
    others.find_map(|other| {
        let pair = words::pair(&column.name, &other.name)?;
        let things = table.profile.columns.iter();
        let named = |c: &&Column| thing(&c.name).is_some();
        let things = things.filter(|c| named(c) && c.name != column.name && c.name != other.name);
        if pair == Pair::Nameless && things.count() > 1 {
            // then these are no ends
            return None;
        }
        let mut all = column.values.clone();
        all.extend(&other.values);
        Some((pair, all))
    })
}

/// What a column of ids is called after.
fn called(pair: Option<&(Pair, Distinct)>, column: &Column, entities: &[Entity]) -> Option<String> {
    match pair {
        None => thing(&column.name),
        Some((Pair::Of(name), _)) => Some(name.clone()),
        Some((Pair::Nameless, _)) => Some("node".to_owned()),
        Some((Pair::People, _)) => {
            let asks = |e: &&Entity| words::VIEWERS.contains(&e.name.as_str());
            let asks = entities.iter().find(asks).map(|e| e.name.clone());
            Some(asks.unwrap_or_else(|| "user".to_owned()))
        }
    }
}

/// Ids in tables of things that come again and again, and that no table describes.
fn referred_to(tables: &[Table], entities: &mut Vec<Entity>) {
    for at in 0..entities.len() {
        let Some(table) = entities[at].table.map(|t| &tables[t]) else {
            continue;
        };
        for column in &table.profile.columns {
            let Some(name) = thing(&column.name) else {
                continue;
            };
            let own = column.name == entities[at].key;
            let again = is_id(column)
                && !matches!(column.ty, Type::List(_) | Type::Null)
                && column.values.len() > 1
                && as_key(column, table).is_none();
            if own || !again || entities.iter().any(|e| named(e, &column.name, &name)) {
                continue;
            }
            if by_values(column, entities).is_none() {
                entities.push(Entity {
                    name,
                    key: identifier(&column.name),
                    table: None,
                    keys: column.values.clone(),
                    references: Vec::new(),
                    time: None,
                });
            }
        }
    }
}

/// Ids are ints (also as floats), texts, or lists of them.
fn is_id(column: &Column) -> bool {
    match &column.ty {
        Type::Int | Type::String | Type::Null => true,
        Type::Float => matches!(column.values, Distinct::Ints(_)),
        Type::List(item) => matches!(**item, Type::Int | Type::String | Type::Null),
        _ => false,
    }
}

/// Names tell too little: of the table with the most rows, the first two columns that are called after
/// things, or whose values are many and come again and again.
fn last_resort(tables: &[Table]) -> Vec<Entity> {
    let Some(table) = tables.iter().max_by_key(|t| t.profile.rows) else {
        return Vec::new();
    };
    let rows = table.profile.rows;
    let fits = |c: &&Column| {
        let mut texts = c.texts().into_iter().take(100);
        let words = texts.all(|(t, _)| t.len() <= 64 && !t.trim().contains(' '));
        let told = is_among(&c.name, &words::TIMES)
            || is_among(&c.name, &words::WEIGHTS)
            || is_index(&c.name);
        let many = c.values.len() > 2 && c.values.len() * 10 > rows.min(1_000) && words;
        let single = !matches!(c.ty, Type::List(_) | Type::Null);
        is_id(c) && single && !told && (many || thing(&c.name).is_some())
    };
    let found: Vec<&Column> = table.profile.columns.iter().filter(fits).take(2).collect();
    if found.len() < 2 {
        return Vec::new();
    }
    let entity = |c: &Column| Entity {
        name: thing(&c.name).unwrap_or_else(|| singular(&identifier(&plain(&c.name)))),
        key: identifier(&c.name),
        table: None,
        keys: c.values.clone(),
        references: Vec::new(),
        time: None,
    };
    found.into_iter().map(entity).collect()
}

fn named(entity: &Entity, column: &str, thing: &str) -> bool {
    plain(&entity.key) == plain(column) && !words::is_bare_id(column) || entity.name == thing
}

/// The entity that has nearly all of some values as keys, and few others: what a column is about
/// whose name does not say it.
fn shared(values: &Distinct, entities: &[Entity]) -> Option<usize> {
    let part = |e: &Entity| values.among(&e.keys) as f64 / e.keys.len().max(1) as f64;
    let close = |e: &Entity| values.among(&e.keys) * 100 >= values.len() * 99 && part(e) > 0.5;
    let fit = (0..entities.len()).filter(|&e| !values.is_empty() && close(&entities[e]));
    fit.max_by(|&a, &b| part(&entities[a]).total_cmp(&part(&entities[b])))
}

/// The entity whose keys a column has that is not called after it. Numbers that are keys of two things
/// say nothing: so it is what people are to a thing (`author_id`), what a thing is to others of its kind
/// (`parent_id`), an end without a name, or long texts that are nothing else.
fn by_values(column: &Column, entities: &[Entity]) -> Option<usize> {
    let at = shared(&column.values, entities)?;
    let entity = &entities[at];
    let asks = words::VIEWERS.contains(&entity.name.as_str());
    let told = match thing(&column.name) {
        Some(thing) => {
            words::ROLES.contains(&thing.as_str()) && asks || words::KIN.contains(&thing.as_str())
        }
        None => words::is_end(&column.name) && column.values.len() >= 20,
    };
    (told || are_telling(&column.values)).then_some(at)
}

/// Texts that are no short numbers or words: two columns do not share them by chance.
fn are_telling(values: &Distinct) -> bool {
    let Distinct::Texts(words) = values else {
        return false;
    };
    let long = |w: &&str| w.len() >= 6 && w.bytes().any(|b| b.is_ascii_digit() || b == b'-');
    let looked = words.iter().take(200);
    let (all, long) = looked.fold((0, 0), |(all, n), w| (all + 1, n + usize::from(long(&w))));
    let numbers = words.iter().take(200).all(|w| w.parse::<f64>().is_ok());
    all > 1 && long * 10 >= all * 9 && !numbers
}

/// A `friend` or `follower` is one of those who ask.
fn person(name: &str, entities: &[Entity]) -> Option<usize> {
    let asks = |e: &Entity| words::VIEWERS.contains(&e.name.as_str());
    words::PEOPLE
        .contains(&name)
        .then(|| entities.iter().position(asks))?
}

/// An `item` is the only thing with a table that has nearly all of its values, but for who asks.
fn only_thing(values: &Distinct, entities: &[Entity]) -> Option<usize> {
    let asks = |e: &Entity| words::VIEWERS.contains(&e.name.as_str());
    let mut fit = (0..entities.len()).filter(|&at| {
        let e = &entities[at];
        e.table.is_some() && !asks(e) && values.among(&e.keys) * 10 >= values.len() * 9
    });
    let first = fit.next()?;
    fit.next().is_none().then_some(first)
}

/// The entity whose keys a column holds.
fn link(table: &Table, column: &Column, entities: &[Entity]) -> Option<Link> {
    if !is_id(column) {
        return None;
    }
    let pair = pair(table, column);
    let (thing, name) = (called(pair.as_ref(), column, entities), plain(&column.name));
    let by_name = |e: &Entity| {
        thing
            .as_ref()
            .is_some_and(|t| named(e, &column.name, t) || ends_with_word(t, &e.name))
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
    let entity = named
        .filter(borne_out)
        .or_else(|| by_value().filter(|_| !told))?;
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
    let others = columns.filter(|c| {
        c.name != entity.key && !matches!(c.ty, Type::List(_)) && thing(&c.name).is_some()
    });
    others
        .filter_map(|c| link(&tables[table], c, entities))
        .collect()
}

fn visible_from(tables: &[Table], entity: &Entity) -> Option<String> {
    let table = &tables[entity.table?];
    let told = ["created", "published", "posted", "uploaded"];
    let visible = |(c, judged): &(&Column, &super::judge::Judged)| {
        let name = plain(&c.name);
        told.iter().any(|t| name.contains(t)) && (c.ty == Type::Time || judged.is_time())
    };
    let mut columns = table.profile.columns.iter().zip(&table.judged);
    columns.find(visible).map(|(c, _)| c.name.clone())
}

/// A table of links: two columns of keys, the viewer's first.
fn edge(tables: &[Table], at: usize, world: &World) -> Option<Edge> {
    let table = &tables[at];
    let columns = table.profile.columns.iter();
    let mut links: Vec<Link> = columns
        .filter_map(|c| link(table, c, &world.entities))
        .collect();
    if links.len() < 2 {
        return None;
    }
    if let Some(first) = links.iter().position(|l| l.entity == world.viewer) {
        let first = links.remove(first);
        links.insert(0, first);
    }
    // sessions and requests are of somebody; what they lead to is another thing
    let passing = |l: &Link| {
        ["session", "request", "query", "order", "device"]
            .contains(&world.entities[l.entity].name.as_str())
    };
    if links.len() > 2 && passing(&links[1]) && links[2..].iter().any(|l| !passing(l)) {
        links[1..].sort_by_key(passing);
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
    let free = || {
        let columns = table.profile.columns.iter().zip(&table.judged);
        columns.filter(|(c, _)| !used(&c.name))
    };
    let parts = time_parts(&free().map(|(c, _)| c).collect::<Vec<_>>());
    let time = parts.map(Time::Parts).or_else(|| {
        let times = || free().filter(|(c, j)| c.ty == Type::Time || j.is_time());
        let named =
            |(c, _): &(&Column, _)| ["timestamp", "ts", "time"].contains(&plain(&c.name).as_str());
        let time = times().find(named).or_else(|| times().next());
        time.map(|(c, _)| Time::Column(c.name.clone()))
    });
    let number = |c: &Column, j: &super::judge::Judged| {
        use super::judge::Meaning;
        matches!(j.meaning, Meaning::Int | Meaning::Float)
            || c.ty.is_number() && j.meaning == Meaning::Plain
    };
    let weighs = |(c, j): &(&Column, &super::judge::Judged)| {
        number(c, j) && is_among(&c.name, &words::WEIGHTS)
    };
    let weight = free().find(weighs).map(|(c, _)| c.name.clone());
    let name = match table.source.name.as_str() {
        "data" if weight.is_some() => "ratings".to_owned(),
        "data" => "interactions".to_owned(),
        name => name.to_owned(),
    };
    Some(Edge {
        name,
        table: at,
        weight,
        from,
        to,
        others,
        time,
    })
}

/// Year, month and day in columns of their own.
fn time_parts(columns: &[&Column]) -> Option<Vec<String>> {
    let of = |part: &&str| {
        columns
            .iter()
            .find(|c| plain(&c.name) == **part && c.ty == Type::Int)
    };
    let parts = ["year", "month", "day", "hour", "minute", "second"];
    let parts: Vec<String> = parts.iter().map_while(of).map(|c| c.name.clone()).collect();
    (parts.len() >= 3).then_some(parts)
}

/// Who asks: by its name; else what stands first in the largest table of links.
fn viewer(tables: &[Table], rest: &[usize], entities: &[Entity]) -> usize {
    let named = |name: &str| entities.iter().position(|e| e.name == name);
    let links = || {
        let largest = rest.iter().max_by_key(|t| tables[**t].profile.rows)?;
        let table = &tables[*largest];
        let mut columns = table.profile.columns.iter();
        let first = columns.find_map(|c| link(table, c, entities));
        first.map(|l| l.entity)
    };
    words::VIEWERS
        .iter()
        .find_map(|v| named(v))
        .or_else(links)
        .unwrap_or(0)
}
