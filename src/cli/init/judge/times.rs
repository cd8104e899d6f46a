//! Numbers and texts that are times.

use super::judged::{Judged, Meaning, Written, rows_that};
use crate::catalog::config::Unit;
use crate::catalog::time;
use crate::cli::init::words;
use crate::store::profile::Column;

/// A column of times, in which the first moment of 1970 among others of our age is a 0 that was one for
/// want of a time.
pub(super) fn dated_from_zero(column: &Column) -> Judged {
    let times = column.numbers();
    let zeros = times.iter().filter(|time| **time == 0.0).count();
    let of_our_age = times.iter().filter(|t| is_of_our_age(**t, Unit::Micro));
    let mut judged = Judged::new(Meaning::Plain, "");
    if zeros > 0 && of_our_age.count() > 1.max(2 * zeros) {
        judged.odd = vec![("0".to_owned(), zeros)];
    }
    judged
}

/// Times counted from 1970, or written as `20240301`, in a column that is named as a time: most values
/// bear it out.
pub(super) fn counted(column: &Column, numbers: &[(f64, usize)], total: usize) -> Option<Judged> {
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
    Some(Judged { odd: odd.into_iter().collect(), ..judged(Written::Unit(unit)) })
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

/// Dates of another form than ISO's.
pub(super) fn dated(column: &Column, known: &[(&str, usize)], total: usize) -> Option<Judged> {
    let sample: Vec<&str> = known.iter().map(|(t, _)| t.trim()).take(400).collect();
    let digits = |t: &&&str| t.bytes().filter(u8::is_ascii_digit).count() >= 4 && t.len() <= 40;
    if sample.iter().filter(digits).count() * 10 < sample.len() * 8 {
        return None;
    }
    let named = words::is_among(&column.name, &words::TIMES)
        || words::is_among(&column.name, &["year", "month"]);
    // a few wrong ones are wrong under any form
    let some = sample.into_iter().filter(|t| t.bytes().any(|b| b.is_ascii_digit()));
    let formats = time::formats(&some.collect::<Vec<&str>>());
    let telling = |f: &&String| named || f.matches('%').count() >= 3 && !f.starts_with("%Y%m%d");
    let formats: Vec<&String> = formats.iter().filter(telling).collect();
    let format = (*formats.first()?).clone();
    let fits = |t: &str| time::parse_as(t, &format, None).is_ok();
    let good = rows_that(known, fits);
    if good < 2 || good * 5 < total * 4 {
        return None;
    }
    let meaning = Meaning::Time(Written::Format(format.clone()));
    let mut judged = Judged::new(meaning, "by its values");
    let differ = |other: &str, text: &str| {
        let read = |f: &str| time::parse_as(text.trim(), f, None).ok();
        read(&format) != read(other)
    };
    let doubtful = formats.iter().skip(1).find_map(|other| {
        let mut fitting = known.iter().filter(|(t, _)| fits(t.trim()));
        Some((other, fitting.find(|(t, _)| differ(other, t))?.0))
    });
    if let Some((other, text)) = doubtful {
        let note = format!(
            "ambiguous day and month: `{text}` is read as `{format}`, but could be `{other}`"
        );
        judged.note = Some((note, "format"));
    }
    Some(judged)
}
