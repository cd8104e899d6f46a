//! Things that no table describes, and whose keys a column has.

use super::keys::{as_key, stem};
use super::world::Entity;
use crate::cli::init::table::Table;
use crate::cli::init::words::{self, Pair, identifier, is_among, is_index, plain, singular, thing};
use crate::store::profile::{Column, Distinct};
use crate::types::Type;

/// Ids in tables of links that no table describes.
pub(super) fn without_tables(tables: &[Table], rest: &[usize], entities: &mut Vec<Entity>) {
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
                    entities[at].keys.extend(&column.values);
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
pub(super) fn pair(table: &Table, column: &Column) -> Option<(Pair, Distinct)> {
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
pub(super) fn called(
    pair: Option<&(Pair, Distinct)>,
    column: &Column,
    entities: &[Entity],
) -> Option<String> {
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
pub(super) fn referred_to(tables: &[Table], entities: &mut Vec<Entity>) {
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
pub(super) fn is_id(column: &Column) -> bool {
    match &column.ty {
        Type::Int | Type::String | Type::Null => true,
        Type::Float => matches!(column.values, Distinct::Ints(_)),
        Type::List(item) => matches!(**item, Type::Int | Type::String | Type::Null),
        _ => false,
    }
}

/// Names tell too little: of the table with the most rows, the first two columns that are called after
/// things, or whose values are many and come again and again.
pub(super) fn last_resort(tables: &[Table]) -> Vec<Entity> {
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

pub(super) fn named(entity: &Entity, column: &str, thing: &str) -> bool {
    plain(&entity.key) == plain(column) && !words::is_bare_id(column) || entity.name == thing
}

/// The entity that has nearly all of some values as keys, and few others: what a column is about
/// whose name does not say it.
pub(super) fn shared(values: &Distinct, entities: &[Entity]) -> Option<usize> {
    let part = |e: &Entity| values.among(&e.keys) as f64 / e.keys.len().max(1) as f64;
    let close = |e: &Entity| values.among(&e.keys) * 100 >= values.len() * 99 && part(e) > 0.5;
    let fit = (0..entities.len()).filter(|&e| !values.is_empty() && close(&entities[e]));
    fit.max_by(|&a, &b| part(&entities[a]).total_cmp(&part(&entities[b])))
}

/// The entity whose keys a column has that is not called after it. Numbers that are keys of two things
/// say nothing: so it is what people are to a thing (`author_id`), what a thing is to others of its kind
/// (`parent_id`), an end without a name, or long texts that are nothing else.
pub(super) fn by_values(column: &Column, entities: &[Entity]) -> Option<usize> {
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
pub(super) fn person(name: &str, entities: &[Entity]) -> Option<usize> {
    let asks = |e: &Entity| words::VIEWERS.contains(&e.name.as_str());
    words::PEOPLE.contains(&name).then(|| entities.iter().position(asks))?
}

/// An `item` is the only thing with a table that has nearly all of its values, but for who asks.
pub(super) fn only_thing(values: &Distinct, entities: &[Entity]) -> Option<usize> {
    let asks = |e: &Entity| words::VIEWERS.contains(&e.name.as_str());
    let mut fit = (0..entities.len()).filter(|&at| {
        let e = &entities[at];
        e.table.is_some() && !asks(e) && values.among(&e.keys) * 10 >= values.len() * 9
    });
    let first = fit.next()?;
    fit.next().is_none().then_some(first)
}
