//! Tables whose rows are things, by a column that is their key.

use super::world::Entity;
use crate::cli::init::table::Table;
use crate::cli::init::words::{self, identifier, is_among, is_index, plain, singular, thing};
use crate::store::profile::Column;
use crate::types::Type;

/// How well a column does as the key of its table.
pub(super) struct Key<'a> {
    pub(super) column: &'a Column,
    /// Rows that repeat the key of an earlier one, and rows without.
    flaws: usize,
}

/// A column whose values hardly ever come twice: in small tables only where its name says so.
pub(super) fn as_key<'a>(column: &'a Column, table: &Table) -> Option<Key<'a>> {
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
pub(super) fn stem(table: &Table) -> String {
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
pub(super) fn ends_with_word(long: &str, short: &str) -> bool {
    long.strip_suffix(short).is_some_and(|rest| rest.ends_with('_'))
}

/// Tables whose rows are things: one column is unique, and named as a key.
pub(super) fn own_tables(tables: &[Table], left: &mut Vec<(usize, String)>) -> Vec<Entity> {
    let keys: Vec<Option<Key>> = (0..tables.len()).map(|at| key_of(tables, at)).collect();
    let mut order: Vec<usize> = (0..tables.len()).filter(|at| keys[*at].is_some()).collect();
    // of two tables with one key, the larger has the rows, or the one that is called after it
    let rank = |at: usize| {
        keys[at].as_ref().map(|k| {
            let stem = stem(&tables[at]);
            let called = thing(&k.column.name).is_some_and(|t| t == stem);
            (k.column.values.len(), called, tables[at].profile.columns.len())
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
    let repeated = columns().filter(ids).filter(|c| as_key(c, table).is_none()).count();
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
