//! Lists and vectors, as texts and as columns of lists.

use super::judged::{Judged, Meaning};
use crate::store::profile::Column;
use crate::types::Type;
use std::collections::HashSet;

pub(super) fn list(item: &'static str, separator: Option<&str>, why: &str) -> Judged {
    let separator = separator.map(str::to_owned);
    Judged::new(Meaning::List { item, separator }, why)
}

/// Lists as JSON or Python write them.
pub(super) fn written_list(
    column: &Column,
    known: &[(&str, usize)],
    total: usize,
) -> Option<Judged> {
    let list_like = |t: &str| t.starts_with('[') && t.ends_with(']');
    let rows: usize = known.iter().filter(|(t, _)| list_like(t.trim())).map(|(_, n)| n).sum();
    if rows * 10 < total * 9 {
        return None;
    }
    if let Some(vector) = vector_of_words(column) {
        return Some(vector);
    }
    let inner = |t: &&(&str, usize)| {
        let t = t.0.trim();
        t.len() > 2
            && list_like(t)
            && t[1..t.len() - 1].split(',').all(|x| x.trim().parse::<i64>().is_ok())
    };
    let filled = known.iter().filter(|(t, _)| t.trim().len() > 2).count();
    let ints = filled > 0 && known.iter().filter(inner).count() == filled;
    Some(list(if ints { "int" } else { "string" }, None, "as its values are written"))
}

/// Lists of as many numbers in every row: vectors.
pub(super) fn vector_of_words(column: &Column) -> Option<Judged> {
    let texts = column.texts();
    let numbers = |t: &str| -> Option<usize> {
        let inner = t.trim().trim_start_matches('[').trim_end_matches(']');
        let mut parts = inner.split([',', ' ', '\n']).filter(|p| !p.is_empty());
        let count = parts.clone().count();
        parts.all(|p| p.parse::<f64>().is_ok()).then_some(count)
    };
    let dim = numbers(texts.first()?.0)?;
    let fraction = texts.iter().take(50).any(|(t, _)| t.contains('.'));
    let all = dim >= 3 && fraction && texts.iter().all(|(t, _)| numbers(t) == Some(dim));
    all.then(|| Judged::new(Meaning::Vector(dim), "as many numbers in every row"))
}

/// What parts the elements of a column of strings, if it holds lists.
pub(super) fn list_separator(column: &Column) -> Option<&'static str> {
    let texts = column.texts();
    let looks = |separator: &str| {
        let split = || texts.iter().filter(|(t, _)| t.contains(separator));
        let parts = texts.iter().flat_map(|(t, _)| t.split(separator));
        let parts: HashSet<&str> = parts.map(str::trim).collect();
        let all: usize = texts.iter().map(|(t, _)| t.split(separator).count()).sum();
        let few_words = |p: &&str| p.split_whitespace().count() <= 4 && p.len() <= 40;
        let words = parts.iter().all(few_words);
        // elements come again and again; words of a sentence part with a space behind
        let prose = || split().any(|(t, _)| t.contains(&format!("{separator} ")));
        // a stroke is hardly anything else
        let again = match separator {
            "|" => parts.len() < all,
            _ if prose() => parts.len() * 6 <= all,
            _ => parts.len() * 3 <= all,
        };
        split().count() * 5 >= texts.len().max(5) && again && words
    };
    ["|", ";", ","].into_iter().find(|s| looks(s))
}

/// A column of lists of numbers that are vectors: as many in every row.
pub fn vector_column(column: &Column) -> Option<usize> {
    match (&column.ty, column.lengths) {
        (Type::Vector(dim), _) => Some(*dim as usize),
        (Type::List(item), Some((least, most)))
            if **item == Type::Float && least == most && most >= 3 =>
        {
            Some(most)
        }
        _ => None,
    }
}
