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
    let texts = column.texts();
    let all: usize = texts.iter().map(|(_, n)| n).sum();
    let plain = || Judged::new(Meaning::Plain, "");
    if all == 0 {
        return plain();
    }
    let is_id = words::thing(&column.name).is_some() || words::is_bare_id(&column.name);
    let null = |text: &str| {
        let word = text.trim().to_lowercase();
        NULLS.contains(&word.as_str()) || !is_id && NO_VALUES.contains(&word.as_str())
    };
    let nulls: Vec<(String, usize)> = texts
        .iter()
        .filter(|(t, _)| null(t))
        .map(|(t, n)| ((*t).to_owned(), *n))
        .collect();
    let known: Vec<(&str, usize)> = texts.iter().filter(|(t, _)| !null(t)).copied().collect();
    let total: usize = known.iter().map(|(_, n)| n).sum();
    let good = |fits: &dyn Fn(&str) -> bool| -> usize {
        known
            .iter()
            .filter(|(t, _)| fits(t.trim()))
            .map(|(_, n)| n)
            .sum()
    };
    let with_nulls = |judged: Judged| Judged {
        nulls: nulls.clone(),
        ..judged
    };
    if is_id {
        let ints = good(&|t| t.parse::<i64>().is_ok());
        return match total > 0 && (ints == total || !nulls.is_empty()) {
            true => with_nulls(plain()),
            false => plain(),
        };
    }
    // bad values are few, and good ones cannot be so by chance
    let iso = |t: &str| time::parse(t).is_some();
    let times = good(&iso);
    if times >= 2 && times * 5 >= total * 4 {
        return with_nulls(Judged::new(
            Meaning::Time(Written::Iso),
            "nearly all values are times",
        ));
    }
    let number = |(t, rows): &(&str, usize)| Some((t.trim().parse::<f64>().ok()?, *rows));
    let numbers: Vec<(f64, usize)> = known.iter().filter_map(number).collect();
    if let Some(judged) = counted(column, &numbers, total) {
        return with_nulls(judged);
    }
    if let Some(judged) = dated(column, &known, total) {
        return with_nulls(judged);
    }
    if let Some(judged) = numeric(&known, total, separator) {
        return match judged.meaning {
            Meaning::Plain => judged,
            _ => with_nulls(judged),
        };
    }
    if let Some(judged) = written_list(column, &known, total) {
        return judged;
    }
    match list_separator(column) {
        Some(separator) => list(
            "string",
            Some(separator),
            "values repeat between separators",
        ),
        None => plain(),
    }
}
