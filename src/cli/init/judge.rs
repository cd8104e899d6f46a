//! What a column holds that its file does not say: times and their units, lists, numbers with a
//! decimal comma, words for null, and the values that do not fit.

use super::words;
use crate::catalog::config::Unit;
use crate::catalog::time;
use crate::store::profile::{Column, Distinct, Profile};
use crate::types::Type;

/// What a column is to be read as.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// As the file has it.
    Plain,
    Int,
    Float,
    Time(Written),
    List {
        item: &'static str,
        separator: Option<String>,
    },
    Vector(usize),
}

/// How times are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Iso,
    Unit(Unit),
    Format(String),
}

/// A column as understood.
#[derive(Clone, Debug)]
pub struct Judged {
    pub meaning: Meaning,
    /// Why, if it was guessed.
    pub why: String,
    /// Values that it cannot be read from: rows and values of the first, and how many.
    pub wrong: Vec<(u32, String)>,
    pub wrong_rows: usize,
    /// Words that stand for null, with how many rows have each.
    pub nulls: Vec<(String, usize)>,
    /// Numbers have a comma before their fraction.
    pub comma: bool,
    /// What else a person should know.
    pub note: Option<String>,
}

/// How many rows of a doubt are shown.
pub const SHOWN: usize = 3;

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

impl Judged {
    fn new(meaning: Meaning, why: impl Into<String>) -> Judged {
        Judged {
            meaning,
            why: why.into(),
            wrong: Vec::new(),
            wrong_rows: 0,
            nulls: Vec::new(),
            comma: false,
            note: None,
        }
    }

    /// The values that do not fit, nulls aside.
    fn with_wrong(mut self, column: &Column, fits: impl Fn(&str) -> bool) -> Judged {
        let nulls: Vec<String> = self.nulls.iter().map(|(n, _)| n.clone()).collect();
        let wrong = |text: &str| !fits(text.trim()) && !nulls.iter().any(|n| n == text);
        self.wrong_rows = column
            .texts()
            .iter()
            .filter(|(t, _)| wrong(t))
            .map(|(_, n)| n)
            .sum();
        let rows = column.rows_with(SHOWN, wrong).into_iter();
        self.wrong = rows
            .map(|row| (row, column.shown(row as usize).unwrap_or_default()))
            .collect();
        self
    }

    pub fn nulls_are_wrong(&mut self) {
        if self.meaning != Meaning::Plain {
            self.wrong_rows += self.nulls.iter().map(|(_, count)| count).sum::<usize>();
        }
        self.nulls.clear();
        self.comma = false;
    }

    pub fn is_time(&self) -> bool {
        matches!(self.meaning, Meaning::Time(_))
    }
}

/// What a column is, by its name and its values. `told` is what a header says of it, `text` whether its
/// file is text, whose lists have no fixed length.
pub fn judge(column: &Column, told: Option<&str>, text: bool) -> Judged {
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
        Type::Time => Judged::new(Meaning::Plain, ""),
        Type::Int | Type::Float => number(column),
        Type::String => text_column(column),
        Type::List(_) if text => match vector_column(column) {
            Some(dim) => Judged::new(Meaning::Vector(dim), "as many numbers in every row"),
            None => Judged::new(Meaning::Plain, ""),
        },
        _ => Judged::new(Meaning::Plain, ""),
    }
}

fn list(item: &'static str, separator: Option<&str>, why: &str) -> Judged {
    let separator = separator.map(str::to_owned);
    Judged::new(Meaning::List { item, separator }, why)
}

/// A number that is a time, by its name and the years that it would be in.
fn number(column: &Column) -> Judged {
    if !words::is_among(&column.name, &words::TIMES) {
        return Judged::new(Meaning::Plain, "");
    }
    if let Some(unit) = unit(column) {
        return Judged::new(Meaning::Time(Written::Unit(unit)), "by its name and values");
    }
    let days = column
        .range
        .is_some_and(|(a, b)| a >= 19_000_101.0 && b <= 22_001_231.0);
    if let (Distinct::Ints(values), true) = (&column.values, days) {
        let format = "%Y%m%d";
        let date = |v: &i64| time::parse_as(&v.to_string(), format, None).is_ok();
        if values.iter().all(date) {
            return Judged::new(
                Meaning::Time(Written::Format(format.to_owned())),
                "by its name and values",
            );
        }
    }
    Judged::new(Meaning::Plain, "")
}

/// The unit that puts numbers into the years 1990 to 2100.
pub fn unit(column: &Column) -> Option<Unit> {
    let (first, last) = column.range?;
    let unit = Unit::likely(last.abs() as u64);
    let scale = unit.micros(1_000)? as f64 / 1_000.0;
    let years = 631_152_000_000_000.0..4_102_444_800_000_000.0;
    (years.contains(&(first * scale)) && years.contains(&(last * scale))).then_some(unit)
}

fn text_column(column: &Column) -> Judged {
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
        ))
        .with_wrong(column, iso);
    }
    if let Some(judged) = dated(column, &known, total) {
        return with_nulls(judged);
    }
    if let Some(judged) = numeric(&known, total) {
        let comma = judged.comma;
        return with_nulls(judged).with_wrong(column, |t| is_number(t, comma));
    }
    if let Some(judged) = written_list(column, &known, total) {
        return judged;
    }
    match list_separator(column) {
        Some(separator) => list(
            "string",
            Some(separator),
            "values come again between separators",
        ),
        None => plain(),
    }
}

/// Dates of another form than ISO's.
fn dated(column: &Column, known: &[(&str, usize)], total: usize) -> Option<Judged> {
    let sample: Vec<&str> = known.iter().map(|(t, _)| t.trim()).take(400).collect();
    let digits = |t: &&&str| t.bytes().filter(u8::is_ascii_digit).count() >= 4 && t.len() <= 40;
    if sample.iter().filter(digits).count() * 10 < sample.len() * 8 {
        return None;
    }
    let named = words::is_among(&column.name, &words::TIMES)
        || words::is_among(&column.name, &["year", "month"]);
    // a few wrong ones are wrong under any form
    let some: Vec<&str> = sample
        .iter()
        .copied()
        .filter(|t| t.bytes().any(|b| b.is_ascii_digit()))
        .collect();
    let formats = time::formats(&some);
    let telling = |f: &&String| named || f.matches('%').count() >= 3 && !f.starts_with("%Y%m%d");
    let formats: Vec<&String> = formats.iter().filter(telling).collect();
    let format = (*formats.first()?).clone();
    let fits = |t: &str| time::parse_as(t, &format, None).is_ok();
    let good: usize = known
        .iter()
        .filter(|(t, _)| fits(t.trim()))
        .map(|(_, n)| n)
        .sum();
    if good < 2 || good * 5 < total * 4 {
        return None;
    }
    let mut judged = Judged::new(
        Meaning::Time(Written::Format(format.clone())),
        "by its values",
    );
    let differ = |other: &str, text: &str| {
        let read = |f: &str| time::parse_as(text.trim(), f, None).ok();
        read(&format) != read(other)
    };
    let doubtful = formats.iter().skip(1).find_map(|other| {
        let text = known
            .iter()
            .find(|(t, _)| fits(t.trim()) && differ(other, t))?;
        Some((other, text.0))
    });
    if let Some((other, text)) = doubtful {
        judged.note = Some(format!(
            "no value tells days from months: `{text}` is read as `{format}`, and could be `{other}`"
        ));
    }
    Some(judged.with_wrong(column, fits))
}

fn is_number(text: &str, comma: bool) -> bool {
    let shape = |c: char| c.is_ascii_digit() || "+-.,eE".contains(c);
    if !text.chars().all(shape) || !text.chars().any(|c| c.is_ascii_digit()) {
        return false;
    }
    match comma {
        false => text.parse::<f64>().is_ok(),
        true => text
            .replace('.', "")
            .replacen(',', ".", 1)
            .parse::<f64>()
            .is_ok(),
    }
}

/// Numbers with a few words among them, or with a decimal comma.
fn numeric(known: &[(&str, usize)], total: usize) -> Option<Judged> {
    let rows = |fits: &dyn Fn(&str) -> bool| -> usize {
        known
            .iter()
            .filter(|(t, _)| fits(t.trim()))
            .map(|(_, n)| n)
            .sum()
    };
    let enough = |good: usize| good >= 2 && good * 10 >= total * 9 && (good == total || good >= 5);
    let padded =
        |t: &str| t.len() > 1 && t.starts_with('0') && t.bytes().all(|b| b.is_ascii_digit());
    if rows(&padded) > 0 {
        // numbers of accounts, streets and towns
        return None;
    }
    let plain = rows(&|t| is_number(t, false));
    if enough(plain) {
        let ints = rows(&|t| t.parse::<i64>().is_ok());
        let meaning = if ints == plain {
            Meaning::Int
        } else {
            Meaning::Float
        };
        return Some(Judged::new(meaning, "nearly all values are numbers"));
    }
    let comma = rows(&|t| is_number(t, true));
    let has = known.iter().any(|(t, _)| t.contains(','));
    (has && enough(comma)).then(|| Judged {
        comma: true,
        ..Judged::new(Meaning::Plain, "")
    })
}

/// Lists as JSON or Python write them.
fn written_list(column: &Column, known: &[(&str, usize)], total: usize) -> Option<Judged> {
    let list_like = |t: &str| t.starts_with('[') && t.ends_with(']');
    let rows: usize = known
        .iter()
        .filter(|(t, _)| list_like(t.trim()))
        .map(|(_, n)| n)
        .sum();
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
            && t[1..t.len() - 1]
                .split(',')
                .all(|x| x.trim().parse::<i64>().is_ok())
    };
    let filled = known.iter().filter(|(t, _)| t.trim().len() > 2).count();
    let ints = filled > 0 && known.iter().filter(inner).count() == filled;
    Some(list(
        if ints { "int" } else { "string" },
        None,
        "as its values are written",
    ))
}

/// Lists of as many numbers in every row: vectors.
fn vector_of_words(column: &Column) -> Option<Judged> {
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
fn list_separator(column: &Column) -> Option<&'static str> {
    let texts = column.texts();
    let looks = |separator: &str| {
        let split = || texts.iter().filter(|(t, _)| t.contains(separator));
        let parts: std::collections::HashSet<&str> = texts
            .iter()
            .flat_map(|(t, _)| t.split(separator))
            .map(str::trim)
            .collect();
        let all: usize = texts.iter().map(|(t, _)| t.split(separator).count()).sum();
        let words = parts
            .iter()
            .all(|p| p.split_whitespace().count() <= 4 && p.len() <= 40);
        // elements come again and again; words of a sentence part with a space behind
        let prose = || {
            split()
                .filter(|(t, _)| t.contains(&format!("{separator} ")))
                .count()
                > 0
        };
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

/// Words for null and a decimal comma that hold for a whole table: it has to be read again with them.
pub fn whole_table(profile: &Profile, judged: &[Judged]) -> (Vec<String>, bool) {
    let mut nulls: Vec<String> = judged
        .iter()
        .flat_map(|j| &j.nulls)
        .map(|(n, _)| n.clone())
        .collect();
    nulls.sort();
    nulls.dedup();
    let commas = profile.columns.iter().zip(judged).any(|(_, j)| j.comma);
    (nulls, commas)
}
