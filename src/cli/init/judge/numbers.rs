//! Texts that are numbers, with commas between thousands or before fractions.

use super::judged::{Judged, Meaning, rows_that};
use crate::store::profile::{is_grouped, plain_number};

/// A number in plain form, as the build reads it with a sign before fractions.
fn number_text(text: &str, decimal: Option<char>) -> Option<String> {
    let shape = |c: char| c.is_ascii_digit() || "-.,eE".contains(c);
    let digits = text.chars().all(shape) && text.chars().any(|c| c.is_ascii_digit());
    match decimal {
        _ if !digits => None,
        None => text.parse::<f64>().is_ok().then(|| text.to_owned()),
        Some('.') if text.contains(',') && !is_grouped(text) => None,
        Some(sign) => plain_number(text, sign),
    }
}

/// Whether a text has digits that a number would lose: `007`, `+49`, ids of twenty digits.
fn loses_digits(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    let digits = body.bytes().all(|b| b.is_ascii_digit());
    let padded = body.len() > 1 && body.starts_with('0') && body.as_bytes()[1].is_ascii_digit();
    let signed = body.strip_prefix('+').is_some_and(|b| b.parse::<f64>().is_ok());
    signed
        || padded && body.parse::<f64>().is_ok()
        || digits && text.len() > 15 && text.parse::<i64>().is_err()
}

/// Numbers with a few words among them, with commas between thousands or before a fraction.
pub(super) fn numeric(
    known: &[(&str, usize)],
    total: usize,
    separator: Option<&str>,
) -> Option<Judged> {
    let enough = |good: usize| good >= 2 && good * 10 >= total * 9 && (good == total || good >= 5);
    if rows_that(known, loses_digits) > 0 {
        // numbers of accounts, telephones, streets and towns
        return None;
    }
    let by = |decimal| rows_that(known, |t| number_text(t, decimal).is_some());
    if enough(by(None)) {
        return Some(numbers(known, None, "nearly all values are numbers"));
    }
    let example = known.iter().find(|(t, _)| t.contains(','))?.0;
    let (point, comma) = (by(Some('.')), by(Some(',')));
    let between = separator.is_none_or(|s| s == ",");
    if enough(point) && (point > comma || point == comma && separator != Some(";")) {
        let judged = numbers(known, Some('.'), "commas part thousands");
        return Some(match enough(comma) && !between {
            true => doubtful(judged, example, "a number of thousands", "a fraction"),
            false => judged,
        });
    }
    if !enough(comma) {
        return None;
    }
    // fields between commas have others: a range, or two numbers
    if between {
        let judged = Judged::new(Meaning::Plain, "");
        let fraction = "a number with a fraction";
        return Some(doubtful(judged, example, "a text", fraction));
    }
    let judged = numbers(known, Some(','), "commas stand before fractions");
    Some(match enough(point) {
        true => doubtful(judged, example, "a fraction", "a number of thousands"),
        false => judged,
    })
}

/// Ints, or floats where one has a fraction.
fn numbers(known: &[(&str, usize)], decimal: Option<char>, why: &str) -> Judged {
    let number = |t: &str| number_text(t, decimal);
    let ints = rows_that(known, |t| number(t).is_some_and(|n| n.parse::<i64>().is_ok()));
    let meaning = match ints == rows_that(known, |t| number(t).is_some()) {
        true => Meaning::Int,
        false => Meaning::Float,
    };
    Judged { decimal, ..Judged::new(meaning, why) }
}

pub(super) fn doubtful(judged: Judged, example: &str, read: &str, other: &str) -> Judged {
    let note = format!("`{example}` is read as {read}, and could be {other}");
    Judged { note: Some((note, "decimal")), ..judged }
}
