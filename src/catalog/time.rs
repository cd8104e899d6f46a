//! Times as texts and as microseconds since 1970, UTC.

use crate::types::time::{civil, in_range, midnight, of_civil, of_local};
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// The times that data can have, for messages.
pub const RANGE: &str = "-9999-01-01 to 9999-12-31T23:59:59Z";

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    Malformed,
    /// It is one but for this name of a zone.
    UnknownZone(String),
    OutOfRange,
}

/// An ISO date, date and time, or time with an offset or zone; without one it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    parse_in(text, None).ok()
}

/// The same, where a text without offset and zone is of the clock of `zone`. Offsets and names of
/// zones may stand behind a blank: `2024-05-01 12:30:00 +0200`, `2024-05-01T12:30:00Europe/Rome`.
pub fn parse_in(text: &str, zone: Option<&TimeZone>) -> Result<i64, Fault> {
    if !looks_like(text.as_bytes()) {
        return Err(Fault::Malformed);
    }
    let (clock, suffix) = split_suffix(text);
    let at: DateTime = clock.parse().map_err(|_| Fault::Malformed)?;
    match suffix {
        "" => from_civil(at, zone),
        "Z" | "z" => from_civil(at, None),
        _ if suffix.starts_with(['+', '-']) => {
            // an offset says all: a zone behind it is for people
            let offset = suffix.split('[').next().unwrap_or(suffix);
            let offset = offset_seconds(offset.trim_ascii_end()).ok_or(Fault::Malformed)?;
            checked(of_civil(at) - offset * 1_000_000)
        }
        name => named(at, name.trim_matches(['[', ']']), zone),
    }
}

/// `2024-05-01...`: cheap enough to ask of every field of a text table.
fn looks_like(text: &[u8]) -> bool {
    let digits = |r: &[u8]| r.iter().all(u8::is_ascii_digit);
    let head = text.len() >= 10 && text[4] == b'-' && text[7] == b'-';
    head && text.len() <= 80
        && text.is_ascii()
        && digits(&text[..4])
        && digits(&text[5..7])
        && digits(&text[8..10])
}

/// Date and time of day, and what stands behind them.
fn split_suffix(text: &str) -> (&str, &str) {
    let rest = &text[10..];
    let of_clock = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',');
    let start = rest.strip_prefix(['T', 't', ' ']).map_or(0, |time| {
        match time.find(|c| !of_clock(c)).unwrap_or(time.len()) {
            0 => 0,
            length => length + 1,
        }
    });
    let (clock, suffix) = text.split_at(10 + start);
    (clock, suffix.trim_ascii())
}

fn checked(micros: i64) -> Result<i64, Fault> {
    match in_range(micros) {
        true => Ok(micros),
        false => Err(Fault::OutOfRange),
    }
}

/// `+02`, `-0530`, `+02:00`, `+02:00:00` in seconds.
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let shape: String = digits.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
    if !["dd", "dddd", "dd:dd", "dd:dd:dd"].contains(&shape.as_str()) {
        return None;
    }
    let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
    let pair = |at: usize| plain.get(at..at + 2).map_or(Some(0), |p| p.parse().ok());
    let (hours, minutes, seconds): (i64, i64, i64) = (pair(0)?, pair(2)?, pair(4)?);
    let fits = hours < 24 && minutes < 60 && seconds < 60;
    fits.then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// The clock of a zone. An hour that it skips is that of before, one that it has twice the first.
fn from_civil(at: DateTime, zone: Option<&TimeZone>) -> Result<i64, Fault> {
    match zone {
        None => checked(of_civil(at)),
        Some(zone) => of_local(at, zone).ok_or(Fault::OutOfRange),
    }
}

/// What the clock of a zone shows as a time in UTC: of times that were read as if they were UTC.
pub fn of_zone(micros: i64, zone: &TimeZone) -> Option<i64> {
    from_civil(civil(micros)?, Some(zone)).ok()
}

/// A time with the name of a zone: UTC and GMT, an abbreviation of the column's zone, or a name of
/// the IANA database.
fn named(at: DateTime, name: &str, own: Option<&TimeZone>) -> Result<i64, Fault> {
    if name.eq_ignore_ascii_case("UTC") || name.eq_ignore_ascii_case("GMT") {
        return from_civil(at, None);
    }
    if let Some(time) = own.and_then(|zone| abbreviated(at, name, zone)) {
        return Ok(time);
    }
    let zone = zone(name).ok_or_else(|| Fault::UnknownZone(name.to_owned()))?;
    from_civil(at, Some(&zone))
}

/// `CEST` in the column of a zone that says so in summer; it tells the two hours apart that the end
/// of summer makes of one.
fn abbreviated(at: DateTime, name: &str, zone: &TimeZone) -> Option<i64> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    let both = [ambiguous.earlier(), ambiguous.later()];
    let said = |t: &jiff::Timestamp| zone.to_offset_info(*t).abbreviation() == name;
    let time = both.into_iter().flatten().find(said)?;
    Some(time.as_microsecond())
}

/// The zone of a name of the IANA database.
pub fn zone(name: &str) -> Option<TimeZone> {
    let letters = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(letters);
    plain.then(|| TimeZone::get(name).ok()).flatten()
}

/// A time as a format of `strptime` has it; month and day are 1 where it has none, and an offset
/// or zone in it wins over `zone`.
pub fn parse_as(text: &str, format: &str, zone: Option<&TimeZone>) -> Result<i64, Fault> {
    let mut parts = BrokenDownTime::parse(format, text).map_err(|_| Fault::Malformed)?;
    if let Some(time) = parts.timestamp() {
        return checked(time.as_microsecond());
    }
    if parts.to_date().is_err() {
        let unset = parts.month().is_none() || parts.day().is_none();
        let month = parts.month().or(Some(1));
        let day = parts.day().or(Some(1));
        let filled = parts.set_month(month).is_ok() && parts.set_day(day).is_ok();
        if !unset || !filled {
            return Err(Fault::Malformed);
        }
    }
    let at = parts.to_datetime().map_err(|_| Fault::Malformed)?;
    match (parts.offset(), parts.iana_time_zone()) {
        (Some(offset), _) => checked(of_civil(at) - i64::from(offset.seconds()) * 1_000_000),
        (None, Some(name)) => named(at, name, zone),
        (None, None) => from_civil(at, zone),
    }
}

/// Whether a format can be read: what it writes, it reads.
pub fn is_format(format: &str) -> bool {
    let sample = jiff::civil::date(2024, 5, 17).at(13, 45, 58, 0);
    let Ok(sample) = sample.to_zoned(TimeZone::UTC) else {
        return false;
    };
    let written = jiff::fmt::strtime::format(format, &sample);
    written.is_ok_and(|text| text != format && parse_as(&text, format, None).is_ok())
}

/// Dates as people write them, days first where months could be.
const DATES: [&str; 18] = [
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y-%m",
];
const CLOCKS: [&str; 8] = [
    "",
    " %H:%M:%S",
    " %H:%M",
    " %H:%M:%S%.f",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %H:%M:%S",
    ", %H:%M",
];
const WHOLE: [&str; 10] = [
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%SZ",
    "%Y%m",
    "%Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%d/%b/%Y:%H:%M:%S %z",
];

/// The formats that fit most of some texts, if they fit nearly all: several where the texts do not
/// tell days from months.
pub fn formats(texts: &[&str]) -> Vec<String> {
    let dates = DATES.iter();
    let all = dates.flat_map(|date| CLOCKS.iter().map(move |clock| format!("{date}{clock}")));
    let all = all.chain(WHOLE.iter().map(|&f| f.to_owned()));
    let fit = |format: &String| {
        let good = |text: &&&str| parse_as(text.trim_ascii(), format, None).is_ok_and(plausible);
        texts.iter().filter(good).count()
    };
    let counted: Vec<(usize, String)> = all.map(|f| (fit(&f), f)).collect();
    let most = counted.iter().map(|c| c.0).max().unwrap_or(0);
    // a few wrong ones are wrong under any format
    if most == 0 || most * 10 < texts.len() * 9 {
        return Vec::new();
    }
    let best = counted.into_iter().filter(|c| c.0 == most).map(|c| c.1);
    let mut told_apart: Vec<(Vec<Option<i64>>, String)> = Vec::new();
    for format in best {
        let value = |text: &&str| parse_as(text.trim_ascii(), &format, None).ok();
        let values = texts.iter().map(value).collect();
        if told_apart.iter().all(|(others, _)| *others != values) {
            told_apart.push((values, format));
        }
    }
    told_apart.into_iter().map(|(_, format)| format).collect()
}

/// The years of data: what reads as another is read wrong.
fn plausible(micros: i64) -> bool {
    let year = |y| Date::new(y, 1, 1).map_or(0, midnight);
    (year(1900)..year(2200)).contains(&micros)
}

/// A date from its parts, in microseconds; `parts` are year, month, day, hour, minute, second.
pub fn from_parts(parts: &[i64]) -> Option<i64> {
    let part = |i: usize, least: i64| parts.get(i).copied().unwrap_or(least);
    let small = |i: usize, least: i64| i8::try_from(part(i, least)).ok();
    let year = i16::try_from(part(0, 1970)).ok()?;
    let time = DateTime::new(
        year,
        small(1, 1)?,
        small(2, 1)?,
        small(3, 0)?,
        small(4, 0)?,
        small(5, 0)?,
        0,
    )
    .ok()?;
    checked(of_civil(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(at: i64) -> String {
        crate::types::time::text(at).unwrap_or_default()
    }

    fn read(at: &str) -> String {
        parse(at).map_or_else(|| "none".to_owned(), text)
    }

    #[test]
    fn offsets_and_zones_with_and_without_a_blank() {
        for suffix in ["Z", " Z", "UTC", " UTC", " GMT", " +00:00", "+0000", "+00", "[UTC]", ""] {
            let at = read(&format!("2024-03-01 08:00:00{suffix}"));
            assert_eq!(at, "2024-03-01T08:00:00Z", "{suffix}");
        }
        for (at, expected) in [
            ("2024-03-01 08:00:00 +0200", "2024-03-01T06:00:00Z"),
            ("2024-03-01T08:00-05:00", "2024-03-01T13:00:00Z"),
            ("2024-03-01 08:00:00.5 -05", "2024-03-01T13:00:00.5Z"),
            ("2024-03-01 08:00:00,25 Z", "2024-03-01T08:00:00.25Z"),
            ("2024-07-01 08:00:00 Europe/Rome", "2024-07-01T06:00:00Z"),
            ("2024-07-01T08:00:00+02:00[Europe/Rome]", "2024-07-01T06:00:00Z"),
            ("2024-07-01T08:00:00[Asia/Tokyo]", "2024-06-30T23:00:00Z"),
            ("2024-07-01", "2024-07-01T00:00:00Z"),
            ("2024-07-01Z", "2024-07-01T00:00:00Z"),
            ("2024-07-01 UTC", "2024-07-01T00:00:00Z"),
            ("9999-12-31", "9999-12-31T00:00:00Z"),
            ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(read(at), expected, "{at}");
        }
        for at in [
            "2024-03-01 08:00:00 +2",
            "2024-03-01 25:00",
            "2024-02-30",
            "2024-03-01 x:00",
            "2024-03",
            "2024-03-01T08:00:00 +24:00",
            "2024-03-01 08:00 é",
            "2024-03-01 +",
        ] {
            assert!(parse(at).is_none(), "{at}");
        }
        let unknown = parse_in("2024-03-01 08:00:00 PST", None);
        assert_eq!(unknown, Err(Fault::UnknownZone("PST".to_owned())));
        assert_eq!(parse_in("9999-12-31T23:00:00-05:00", None), Err(Fault::OutOfRange));
    }

    #[test]
    fn local_times() {
        let rome = zone("Europe/Rome").unwrap();
        let read = |at| parse_in(at, Some(&rome)).map(text);
        assert_eq!(read("2024-07-01 08:00").unwrap(), "2024-07-01T06:00:00Z");
        assert_eq!(read("2024-07-01 08:00 Z").unwrap(), "2024-07-01T08:00:00Z");
        // the hour that comes twice
        assert_eq!(read("2024-10-27 02:30 CEST").unwrap(), "2024-10-27T00:30:00Z");
        assert_eq!(read("2024-10-27 02:30 CET").unwrap(), "2024-10-27T01:30:00Z");
        assert_eq!(read("2024-10-27 02:30").unwrap(), "2024-10-27T00:30:00Z");
        assert!(zone("Mars/Olympus").is_none() && zone("../etc").is_none());
    }

    #[test]
    fn formats_read_and_are_found() {
        let read = |at, format| parse_as(at, format, None).map(text);
        assert_eq!(read("03/01/2024", "%d/%m/%Y").unwrap(), "2024-01-03T00:00:00Z");
        assert_eq!(read("20240301", "%Y%m%d").unwrap(), "2024-03-01T00:00:00Z");
        assert_eq!(read("2024", "%Y").unwrap(), "2024-01-01T00:00:00Z");
        assert_eq!(read("202403", "%Y%m").unwrap(), "2024-03-01T00:00:00Z");
        assert_eq!(read("1:05 PM 3/1/24", "%I:%M %p %m/%d/%y").unwrap(), "2024-03-01T13:05:00Z");
        assert_eq!(
            read("01/Mar/2024:10:00:00 +0200", "%d/%b/%Y:%H:%M:%S %z").unwrap(),
            "2024-03-01T08:00:00Z"
        );
        assert!(read("31/02/2024", "%d/%m/%Y").is_err() && read("1/2/2024 x", "%d/%m/%Y").is_err());
        for (texts, found) in [
            (&["13/01/2024", "01/02/2024"][..], &["%d/%m/%Y"][..]),
            (&["01/13/2024"], &["%m/%d/%Y"]),
            (&["01/02/2024"], &["%d/%m/%Y", "%m/%d/%Y"]),
            (&["20240301", "20241231"], &["%Y%m%d"]),
            (&["2024", "1999"], &["%Y"]),
            (&["20240301120000"], &["%Y%m%d%H%M%S"]),
            (&["1.2.2024 13:45"], &["%d.%m.%Y %H:%M"]),
            (&["Mar 5, 2024"], &["%b %d, %Y"]),
            (&["1-Mar-24"], &["%d-%b-%y"]),
            (&["1-Mar-2024"], &["%d-%b-%Y"]),
            (&["Fri, 01 Mar 2024 08:00:00 GMT"], &["%a, %d %b %Y %H:%M:%S GMT"]),
            (&["Wed May 23 06:01:13 +0000 2007"], &["%a %b %d %H:%M:%S %z %Y"]),
            (&["hello", "you"], &[]),
            (&["1709280000"], &[]),
        ] {
            assert_eq!(formats(texts), found, "{texts:?}");
        }
        assert!(is_format("%d/%m/%Y") && is_format("%s") && !is_format("dd/mm/yyyy"));
        assert!(!is_format("%H:%M") && !is_format("%"));
    }
}
