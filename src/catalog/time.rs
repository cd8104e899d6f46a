//! Times as texts and as microseconds since 1970, UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The points in time that can be written down: years -9999 to 9999.
pub fn in_range(micros: i64) -> bool {
    (Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond()).contains(&micros)
}

/// An ISO date, date and time, or time with an offset; without an offset it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    if !looks_like(text.as_bytes()) {
        return None;
    }
    let plain = || {
        let time: DateTime = text.parse().ok()?;
        Some(TimeZone::UTC.to_timestamp(time).ok()?.as_microsecond())
    };
    match text.parse::<Timestamp>() {
        Ok(time) => Some(time.as_microsecond()),
        Err(_) => plain(),
    }
}

/// `2024-05-01...`: cheap enough to ask of every field of a text table.
fn looks_like(text: &[u8]) -> bool {
    let digits = |r: &[u8]| r.iter().all(u8::is_ascii_digit);
    let head = text.len() >= 10 && text[4] == b'-' && text[7] == b'-';
    head && text.len() <= 40 && digits(&text[..4]) && digits(&text[5..7]) && !text.contains(&b'[')
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
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_microsecond())
}
