//! What a column holds that its file does not say: times and their units, lists, numbers with
//! commas, words for null, and the values that do not fit.

use super::words;
use crate::catalog::config::Unit;
use crate::catalog::time;
use crate::store::profile::{Column, How, Profile, is_grouped, plain_number};
use crate::types::Type;

/// What a column is to be read as.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// As the file has it.
    Plain,
    /// A text, whatever its values look like.
    Text,
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
    /// Values that are far from the others, but can be read, with how many rows have each.
    pub odd: Vec<(String, usize)>,
    /// Words that stand for null in this column alone.
    pub own_nulls: Vec<(String, usize)>,
    /// The sign before the fraction of its numbers, if it is to be told.
    pub decimal: Option<char>,
    /// What else a person should know, and the key of the column that says it.
    pub note: Option<(String, &'static str)>,
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
            odd: Vec::new(),
            own_nulls: Vec::new(),
            decimal: None,
            note: None,
        }
    }

    /// How the build reads the values; None as the file has them.
    fn how(&self) -> Option<How> {
        let mut how = How::plain(match &self.meaning {
            Meaning::Plain | Meaning::Text => return None,
            Meaning::Int => Type::Int,
            Meaning::Float => Type::Float,
            Meaning::Time(_) => Type::Time,
            Meaning::List { item, .. } => Type::List(Box::new(match *item {
                "int" => Type::Int,
                "float" => Type::Float,
                _ => Type::String,
            })),
            Meaning::Vector(dim) => Type::Vector(*dim as u32),
        });
        how.decimal = self.decimal;
        match &self.meaning {
            Meaning::Time(Written::Unit(unit)) => how.unit = Some(*unit),
            Meaning::Time(Written::Format(format)) => how.formats = vec![format.clone()],
            Meaning::List { separator, .. } => how.separator.clone_from(separator),
            _ => {}
        }
        Some(how)
    }

    /// Finds the values that cannot be read so, nulls aside.
    fn measure(&mut self, column: &Column) {
        let nulls: Vec<u32> =
            column.rows_with(usize::MAX, |t| self.nulls.iter().any(|(null, _)| null == t));
        let mut rows = match self.how() {
            Some(how) => [column.misfits(&how), column.broken.clone()].concat(),
            None => column.broken.clone(),
        };
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|row| nulls.binary_search(row).is_err());
        self.wrong_rows = rows.len();
        let first = rows.iter().take(SHOWN);
        self.wrong = first
            .map(|&row| (row, column.shown(row as usize).unwrap_or_default()))
            .collect();
    }

    /// Words for null that have to stay what they are elsewhere: here they are values that do not fit.
    pub fn without_nulls(&mut self, column: &Column, stays: impl Fn(&str) -> bool) {
        let before = self.nulls.len();
        self.nulls.retain(|(word, _)| !stays(word));
        if self.nulls.len() < before && self.meaning != Meaning::Plain {
            self.measure(column);
        }
    }

    pub fn is_time(&self) -> bool {
        matches!(self.meaning, Meaning::Time(_))
    }
}

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

fn list(item: &'static str, separator: Option<&str>, why: &str) -> Judged {
    let separator = separator.map(str::to_owned);
    Judged::new(Meaning::List { item, separator }, why)
}

/// A column of times, in which the first moment of 1970 among others of our age is a 0 that was one for
/// want of a time.
fn dated_from_zero(column: &Column) -> Judged {
    let times = column.numbers();
    let zeros = times.iter().filter(|time| **time == 0.0).count();
    let of_our_age = times.iter().filter(|t| is_of_our_age(**t, Unit::Micro));
    let mut judged = Judged::new(Meaning::Plain, "");
    if zeros > 0 && of_our_age.count() > 1.max(2 * zeros) {
        judged.odd = vec![("0".to_owned(), zeros)];
    }
    judged
}

/// A number that is a time, by its name and the years that it would be in.
fn number(column: &Column) -> Judged {
    let numbers: Vec<(f64, usize)> = column.numbers().into_iter().map(|n| (n, 1)).collect();
    counted(column, &numbers, numbers.len()).unwrap_or_else(|| Judged::new(Meaning::Plain, ""))
}

/// Times counted from 1970, or written as `20240301`, in a column that is named as a time: most values
/// bear it out.
fn counted(column: &Column, numbers: &[(f64, usize)], total: usize) -> Option<Judged> {
    if !words::is_among(&column.name, &words::TIMES) {
        return None;
    }
    let rows = |fits: &dyn Fn(f64) -> bool| -> usize {
        let fit = numbers.iter().filter(|(number, _)| fits(*number));
        fit.map(|(_, rows)| rows).sum()
    };
    let enough = |good: usize| good > 0 && good * 3 >= total * 2 && (good == total || good > 1);
    let judged = |written| Judged::new(Meaning::Time(written), "by its name and values");
    let date = |n: f64| {
        let range = 19_000_101.0..=22_001_231.0;
        n.fract() == 0.0
            && range.contains(&n)
            && time::parse_as(&(n as i64).to_string(), "%Y%m%d", None).is_ok()
    };
    if enough(rows(&date)) {
        return Some(judged(Written::Format("%Y%m%d".to_owned())));
    }
    let units = Unit::ALL.iter().map(|(_, unit)| *unit);
    let unit = units.max_by_key(|unit| rows(&|n| is_of_our_age(n, *unit)))?;
    if !enough(rows(&|n| is_of_our_age(n, unit))) {
        return None;
    }
    let mut odd = std::collections::BTreeMap::<String, usize>::new();
    for (number, rows) in numbers.iter().filter(|(n, _)| !is_of_our_age(*n, unit)) {
        *odd.entry(number.to_string()).or_default() += rows;
    }
    Some(Judged {
        odd: odd.into_iter().collect(),
        ..judged(Written::Unit(unit))
    })
}

/// Whether a count of a unit lies in the years 1990 to 2100.
fn is_of_our_age(count: f64, unit: Unit) -> bool {
    let scale = unit.micros(1_000).unwrap_or_default() as f64 / 1_000.0;
    (631_152_000_000_000.0..4_102_444_800_000_000.0).contains(&(count * scale))
}

/// The unit that puts numbers into the years 1990 to 2100.
pub fn unit(column: &Column) -> Option<Unit> {
    let (first, last) = column.range?;
    let unit = Unit::likely(last.abs() as u64);
    (is_of_our_age(first, unit) && is_of_our_age(last, unit)).then_some(unit)
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
        let note = format!(
            "no value tells days from months: `{text}` is read as `{format}`, and could be `{other}`"
        );
        judged.note = Some((note, "format"));
    }
    Some(judged)
}

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
    let signed = body
        .strip_prefix('+')
        .is_some_and(|b| b.parse::<f64>().is_ok());
    signed
        || padded && body.parse::<f64>().is_ok()
        || digits && text.len() > 15 && text.parse::<i64>().is_err()
}

/// Numbers with a few words among them, with commas between thousands or before a fraction.
fn numeric(known: &[(&str, usize)], total: usize, separator: Option<&str>) -> Option<Judged> {
    let rows = |fits: &dyn Fn(&str) -> bool| -> usize {
        known
            .iter()
            .filter(|(t, _)| fits(t.trim()))
            .map(|(_, n)| n)
            .sum()
    };
    let enough = |good: usize| good >= 2 && good * 10 >= total * 9 && (good == total || good >= 5);
    if rows(&loses_digits) > 0 {
        // numbers of accounts, telephones, streets and towns
        return None;
    }
    let by = |decimal: Option<char>| rows(&|t| number_text(t, decimal).is_some());
    let of = |decimal: Option<char>, why: &str| {
        let int = |t: &str| number_text(t, decimal).is_some_and(|n| n.parse::<i64>().is_ok());
        let meaning = match rows(&int) == by(decimal) {
            true => Meaning::Int,
            false => Meaning::Float,
        };
        Judged {
            decimal,
            ..Judged::new(meaning, why)
        }
    };
    if enough(by(None)) {
        return Some(of(None, "nearly all values are numbers"));
    }
    let example = known.iter().find(|(t, _)| t.contains(','))?.0;
    let (point, comma) = (by(Some('.')), by(Some(',')));
    let between = separator.is_none_or(|s| s == ",");
    match () {
        () if enough(point) && (point > comma || point == comma && separator != Some(";")) => {
            let judged = of(Some('.'), "commas part thousands");
            Some(match enough(comma) && !between {
                true => doubtful(judged, example, "a number of thousands", "a fraction"),
                false => judged,
            })
        }
        // fields between commas have others: a range, or two numbers
        () if enough(comma) && between => {
            let judged = Judged::new(Meaning::Plain, "");
            Some(doubtful(
                judged,
                example,
                "a text",
                "a number with a fraction",
            ))
        }
        () if enough(comma) => {
            let judged = of(Some(','), "commas stand before fractions");
            Some(match enough(point) {
                true => doubtful(judged, example, "a fraction", "a number of thousands"),
                false => judged,
            })
        }
        () => None,
    }
}

fn doubtful(judged: Judged, example: &str, read: &str, other: &str) -> Judged {
    let note = format!("`{example}` is read as {read}, and could be {other}");
    Judged {
        note: Some((note, "decimal")),
        ..judged
    }
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

/// Words for null that other columns have as values: they would lose them, as such words hold for a
/// whole table. So numbers and times among which such a word stands have values that do not fit. Words
/// among ids are null all the same, and what the others lose is told.
pub fn keep_words(profile: &Profile, judged: &mut [Judged], whole: bool) {
    let clashes: Vec<Vec<String>> = (0..judged.len())
        .map(|at| {
            let words = judged[at].nulls.iter().map(|(word, _)| word);
            let lost = |word: &&String| !losses(profile, judged, word).is_empty();
            words.filter(lost).cloned().collect()
        })
        .collect();
    let columns = profile.columns.iter().zip(judged).zip(clashes);
    for ((column, judged), clashes) in columns {
        if whole {
            judged.without_nulls(column, |_| true);
        } else if judged.meaning != Meaning::Plain {
            judged.without_nulls(column, |word| clashes.iter().any(|c| c == word));
        }
    }
}

/// The columns that have a word as a value, with how many rows.
pub fn losses(profile: &Profile, judged: &[Judged], word: &str) -> Vec<(String, usize)> {
    let columns = profile.columns.iter().zip(judged);
    let others = columns.filter(|(_, j)| j.nulls.iter().all(|(null, _)| null != word));
    let has = |column: &Column| match &column.ty {
        Type::String => column
            .rows_with(usize::MAX, |t| t.trim() == word.trim())
            .len(),
        Type::Int | Type::Float => match word.trim().parse::<f64>() {
            Ok(number) => column.numbers().iter().filter(|n| **n == number).count(),
            Err(_) => 0,
        },
        _ => 0,
    };
    let found = others.map(|(column, _)| (column.name.clone(), has(column)));
    found.filter(|(_, rows)| *rows > 0).collect()
}

/// Times far from all others (0, -1) are nulls: of the whole table where that is a text and no other
/// column has such values, else of the column.
pub fn odd_times(profile: &Profile, judged: &mut [Judged], text: bool) {
    for at in 0..judged.len() {
        let how = judged[at].how();
        let column = &profile.columns[at];
        let odd = std::mem::take(&mut judged[at].odd);
        let Some(how) = how else {
            judged[at].own_nulls.extend(odd);
            continue;
        };
        for (word, rows) in odd {
            let number: f64 = word.parse().unwrap_or_default();
            let reads = column.reads(number, &how);
            let others = losses(profile, judged, &word);
            let free = others.iter().all(|(name, _)| *name == column.name);
            match () {
                () if !reads => {}
                () if text && column.ty != Type::Float && free => {
                    judged[at].nulls.push((word, rows));
                }
                () => judged[at].own_nulls.push((word, rows)),
            }
        }
    }
}

/// The words for null of all columns.
pub fn null_words(judged: &[Judged]) -> Vec<String> {
    let nulls = judged.iter().flat_map(|j| &j.nulls);
    let mut nulls: Vec<String> = nulls.map(|(n, _)| n.clone()).collect();
    nulls.sort();
    nulls.dedup();
    nulls
}
