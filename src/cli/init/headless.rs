//! Names for the columns of a text without a header, by what they hold.

use super::{judge, words};
use crate::store::profile::{Column, Distinct, Profile};
use crate::types::Type;

/// A name for every column: ids of users and items, a time, a rating, a name; else `column_N`.
pub fn names(table: &str, profile: &Profile) -> Vec<String> {
    let columns = &profile.columns;
    let mut names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    let mut ids: Vec<usize> = (0..columns.len())
        .filter(|at| is_id(&columns[*at]))
        .collect();
    let unique = |at: usize| columns[at].values.len() == profile.rows && profile.rows > 0;
    if let (&[one], false) = (&ids[..], ids.first().is_some_and(|at| unique(*at))) {
        // titles can be ids, too: texts that come again and again
        let again = |at: &usize| {
            let c = &columns[*at];
            *at != one && is_text(c) && c.values.len() > 2 && c.values.len() * 2 <= profile.rows
        };
        let titles = (0..columns.len()).filter(again);
        ids.extend(titles.max_by_key(|at| columns[*at].values.len()));
    }
    let texts = columns.iter().any(is_text);
    let things = ids.first() == Some(&0) && unique(0) && texts;
    let links = ids.len() > 1 && !things;
    if links {
        names[ids[0]] = "user_id".to_owned();
        let rest = ids[1..].iter().copied();
        // the one with the most values is what it is about, where the next is a few numbers
        let to = rest
            .clone()
            .find(|at| columns[*at].values.len() > 5 || !columns[*at].ty.is_number());
        let social = words::SOCIAL
            .iter()
            .any(|w| table.to_lowercase().contains(w));
        let other = if social { "friend_id" } else { "item_id" };
        names[to.or(rest.clone().next()).unwrap_or(ids[0])] = other.to_owned();
    } else if let Some(&first) = ids.first() {
        let thing = words::singular(table);
        let thing = thing.rsplit('_').next().unwrap_or(&thing).to_owned();
        names[first] = format!("{thing}_id");
    }
    let free = |names: &[String], at: usize| names[at].starts_with("column_");
    if let Some(at) = (0..columns.len()).find(|at| free(&names, *at) && is_time(&columns[*at])) {
        names[at] = "timestamp".to_owned();
    }
    if !links {
        let telling = |c: &Column| is_text(c) && c.values.len() * 2 > profile.rows;
        let title = (0..columns.len()).find(|at| free(&names, *at) && telling(&columns[*at]));
        if let Some(at) = title {
            names[at] = "name".to_owned();
        }
        return names;
    }
    let grade =
        |c: &Column| c.ty.is_number() && c.range.is_some_and(|(a, b)| a >= -1.0 && b <= 10.0);
    let count = |c: &Column| c.ty == Type::Int && c.range.is_some_and(|(a, _)| a >= 0.0);
    if let Some(at) = (0..columns.len()).find(|at| free(&names, *at) && columns[*at].ty.is_number())
    {
        match &columns[at] {
            c if grade(c) => names[at] = "rating".to_owned(),
            c if count(c) => names[at] = "count".to_owned(),
            _ => {}
        }
    }
    names
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
