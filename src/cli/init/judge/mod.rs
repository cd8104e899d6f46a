//! What a column holds that its file does not say: times and their units, lists, numbers with
//! commas, words for null, and the values that do not fit.

mod judged;
mod lists;
mod nulls;
mod numbers;
mod times;

use super::words;
use crate::catalog::time;
use crate::store::profile::Column;
use crate::types::Type;
use judged::rows_that;
pub use judged::{Judged, Meaning, SHOWN, Written};
pub use lists::vector_column;
use lists::{list, list_separator, vector_of_words, written_list};
pub use nulls::{keep_words, losses, null_words, odd_times};
use numbers::numeric;
pub use times::unit;
use times::{counted, dated, dated_from_zero};

/// Words for null in any column that is to hold numbers, times or ids.
const NULLS: [&str; 17] = [
    "na",
    "n/a",
    "#n/a",
    "null",
    "none",
    "nan",
    "nil",
    "-",
    "--",
    "---",
    "?",
    "\\n",
    "(null)",
    "<na>",
    "nat",
    "undefined",
    "#null!",
];

/// And in columns of numbers and times.
const NO_VALUES: [&str; 8] = [
    "unknown",
    "missing",
    "not available",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "tbd",
    ".",
    "empty",
];

/// What a column is, by its name and its values. `told` is what a header says of it, `text` whether its
/// file is text, whose lists have no fixed length, `separator` what stands between its fields. What
/// hardly any value bears out is withdrawn.
pub fn judge(column: &Column, told: Option<&str>, text: bool, separator: Option<&str>) -> Judged {
    let mut judged = guess(column, told, text, separator);
    judged.measure(column);
    let known = column.all_rows() - column.nulls;
    let nulls: usize = judged.nulls.iter().map(|(_, n)| n).sum();
    let most = match judged.meaning {
        Meaning::Plain if text => (known + column.broken.len()) / 10,
        Meaning::Plain => usize::MAX,
        Meaning::Time(_) => known.saturating_sub(nulls) / 3,
        _ => known.saturating_sub(nulls) / 10,
    };
    if judged.wrong_rows <= most {
        return judged;
    }
    match text && judged.meaning == Meaning::Plain {
        true => Judged::new(Meaning::Text, "its values are of no one type"),
        false => Judged::new(Meaning::Plain, ""),
    }
}

fn guess(column: &Column, told: Option<&str>, text: bool, separator: Option<&str>) -> Judged {
    match told {
        Some("token_seq") if words::is_among(&column.name, &words::TITLES) => {
            return Judged::new(Meaning::Plain, "");
        }
        Some("token_seq") => return list("string", Some(" "), "as the header says"),
        Some("float_seq") => {
            return vector_of_words(column)
                .unwrap_or_else(|| list("float", Some(" "), "as the header says"));
        }
        _ => {}
    }
    match &column.ty {
        Type::Time => dated_from_zero(column),
        Type::Int | Type::Float => number(column),
        Type::String => text_column(column, separator),
        Type::List(_) if text => match vector_column(column) {
            Some(dim) => Judged::new(Meaning::Vector(dim), "as many numbers in every row"),
            None => Judged::new(Meaning::Plain, ""),
        },
        _ => Judged::new(Meaning::Plain, ""),
    }
}

/// A number that is a time, by its name and the years that it would be in.
fn number(column: &Column) -> Judged {
    let numbers: Vec<(f64, usize)> = column.numbers().into_iter().map(|n| (n, 1)).collect();
    counted(column, &numbers, numbers.len()).unwrap_or_else(|| Judged::new(Meaning::Plain, ""))
}

fn text_column(column: &Column, separator: Option<&str>) -> Judged {
    let plain = || Judged::new(Meaning::Plain, "");
    let texts = column.texts();
    if texts.iter().all(|(_, n)| *n == 0) {
        return plain();
    }
    let is_id = words::thing(&column.name).is_some() || words::is_bare_id(&column.name);
    let (nulls, known): (Vec<_>, Vec<_>) = texts.iter().partition(|(text, _)| is_null(text, is_id));
    let with_nulls = |judged: Judged| Judged {
        nulls: nulls.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect(),
        ..judged
    };
    let total: usize = known.iter().map(|(_, n)| n).sum();
    if is_id {
        let ints = rows_that(&known, |t| t.parse::<i64>().is_ok());
        return match total > 0 && (ints == total || !nulls.is_empty()) {
            true => with_nulls(plain()),
            false => plain(),
        };
    }
    if let Some(judged) = timed(column, &known, total) {
        return with_nulls(judged);
    }
    if let Some(judged) = numeric(&known, total, separator) {
        return match judged.meaning {
            Meaning::Plain => judged,
            _ => with_nulls(judged),
        };
    }
    written_list(column, &known, total).unwrap_or_else(|| match list_separator(column) {
        Some(sign) => list("string", Some(sign), "values repeat between separators"),
        None => plain(),
    })
}

/// Whether a text stands for null; ids may be words like `unknown`.
fn is_null(text: &str, is_id: bool) -> bool {
    let word = text.trim().to_lowercase();
    NULLS.contains(&word.as_str()) || !is_id && NO_VALUES.contains(&word.as_str())
}

/// Times as texts or as numbers.
fn timed(column: &Column, known: &[(&str, usize)], total: usize) -> Option<Judged> {
    // bad values are few, and good ones cannot be so by chance
    let times = rows_that(known, |t| time::parse(t).is_some());
    if times >= 2 && times * 5 >= total * 4 {
        let meaning = Meaning::Time(Written::Iso);
        return Some(Judged::new(meaning, "nearly all values are times"));
    }
    let number = |(t, rows): &(&str, usize)| Some((t.trim().parse::<f64>().ok()?, *rows));
    let numbers: Vec<(f64, usize)> = known.iter().filter_map(number).collect();
    counted(column, &numbers, total).or_else(|| dated(column, known, total))
}
