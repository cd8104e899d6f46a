//! Names for the columns of a text without a header, by what they hold.

use super::{judge, words};
use crate::store::profile::{Column, Distinct, Profile};
use crate::types::Type;

/// A name for every column: ids of users and items, a time, a rating, a name; else `column_N`.
pub fn names(table: &str, profile: &Profile) -> Vec<String> {
    let columns = &profile.columns;
    let mut names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    let ids = ids(profile);
    let things = ids.first() == Some(&0) && is_unique(profile, 0) && columns.iter().any(is_text);
    let links = ids.len() > 1 && !things;
    if links {
        names[ids[0]] = "user_id".to_owned();
        names[target(columns, &ids)] = of_target(table).to_owned();
    } else if let Some(&first) = ids.first() {
        let thing = words::singular(table);
        let thing = thing.rsplit('_').next().unwrap_or(&thing);
        names[first] = format!("{thing}_id");
    }
    let free = |names: &[String], fits: &dyn Fn(&Column) -> bool| {
        let mut free = (0..columns.len()).filter(|at| names[*at].starts_with("column_"));
        free.find(|at| fits(&columns[*at]))
    };
    if let Some(at) = free(&names, &is_time) {
        names[at] = "timestamp".to_owned();
    }
    let telling = |c: &Column| is_text(c) && c.values.len() * 2 > profile.rows;
    if links {
        if let Some(at) = free(&names, &|c| c.ty.is_number())
            && let Some(name) = of_number(&columns[at])
        {
            names[at] = name.to_owned();
        }
    } else if let Some(at) = free(&names, &telling) {
        names[at] = "name".to_owned();
    }
    names
}

/// The columns of ids. Where there is one, titles may be others: texts that come again and again.
fn ids(profile: &Profile) -> Vec<usize> {
    let columns = &profile.columns;
    let all = 0..columns.len();
    let mut ids: Vec<usize> = all.clone().filter(|at| is_id(&columns[*at])).collect();
    if let &[one] = &ids[..]
        && !is_unique(profile, one)
    {
        let again = |at: &usize| {
            let c = &columns[*at];
            *at != one && is_text(c) && c.values.len() > 2 && c.values.len() * 2 <= profile.rows
        };
        ids.extend(all.filter(again).max_by_key(|at| columns[*at].values.len()));
    }
    ids
}

fn is_unique(profile: &Profile, at: usize) -> bool {
    profile.columns[at].values.len() == profile.rows && profile.rows > 0
}

/// Of ids behind the first, those of what the table is about: the next is a few numbers at times.
fn target(columns: &[Column], ids: &[usize]) -> usize {
    let rest = &ids[1..];
    let many = |at: &&usize| columns[**at].values.len() > 5 || !columns[**at].ty.is_number();
    *rest.iter().find(many).unwrap_or(&rest[0])
}

fn of_target(table: &str) -> &'static str {
    let table = table.to_lowercase();
    match words::SOCIAL.iter().any(|word| table.contains(word)) {
        true => "friend_id",
        false => "item_id",
    }
}

/// What the number of a link is called, if its range tells.
fn of_number(column: &Column) -> Option<&'static str> {
    let (least, most) = column.range?;
    match column.ty {
        _ if least >= -1.0 && most <= 10.0 => Some("rating"),
        Type::Int if least >= 0.0 => Some("count"),
        _ => None,
    }
}

fn is_time(column: &Column) -> bool {
    let epoch = |c: &Column| {
        let large = c.range.is_some_and(|(least, _)| least >= 5e8);
        matches!(c.ty, Type::Int | Type::Float) && large && judge::unit(c).is_some()
    };
    column.ty == Type::Time || epoch(column)
}

/// Ints that are no times and more than a few, or short texts without blanks.
fn is_id(column: &Column) -> bool {
    match (&column.ty, &column.values) {
        (Type::Int, Distinct::Ints(_)) => {
            !is_time(column) && column.range.is_some_and(|(a, b)| a >= 0.0 && b > 1.0)
        }
        (Type::String, Distinct::Texts(_)) => {
            let texts = column.texts();
            let id = |t: &str| {
                t.len() <= 64
                    && !t.contains(' ')
                    && (t.len() > 7 || t.bytes().any(|b| b.is_ascii_digit()))
            };
            !texts.is_empty()
                && texts.iter().take(200).all(|(t, _)| id(t))
                && !texts.iter().any(|(t, _)| t.contains("//"))
        }
        _ => false,
    }
}

fn is_text(column: &Column) -> bool {
    column.ty == Type::String && !is_id(column)
}
