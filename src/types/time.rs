//! The times that there are: microseconds since 1970, UTC, of the years -9999 to 9999. What would
//! lie beyond is null wherever it is computed, and refused where it is read, so that every time
//! can be printed.

use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// -9999-01-01T00:00:00Z.
pub const FIRST: i64 = -377_705_116_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
pub const LAST: i64 = 253_402_300_799_999_999;

/// Whether a count of microseconds is a time.
#[inline]
pub fn in_range(micros: i64) -> bool {
    (FIRST..=LAST).contains(&micros)
}

const EPOCH: DateTime = DateTime::from_parts(date(1970, 1, 1), Time::midnight());

/// What a clock in UTC shows at a time; None if it is none.
pub fn civil(micros: i64) -> Option<DateTime> {
    let since = SignedDuration::from_micros(micros);
    EPOCH.checked_add(since).ok().filter(|_| in_range(micros))
}

/// The time at which a clock in UTC shows this; parts of microseconds are cut off.
pub fn of_civil(at: DateTime) -> i64 {
    let since = at.duration_since(EPOCH);
    // within the calendar, so within 64 bits
    since.as_secs() * 1_000_000 + i64::from(since.subsec_nanos()).div_euclid(1_000)
}

/// What a clock in a zone shows at a time; None where that is beyond the calendar.
pub fn local(micros: i64, zone: &TimeZone) -> Option<DateTime> {
    // the last hours of the calendar are beyond those that zones know
    let near = micros.div_euclid(1_000_000);
    let near = near.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let at = Timestamp::from_second(near).ok()?;
    let offset = i64::from(zone.to_offset(at).seconds()) * 1_000_000;
    civil(micros).and_then(|_| civil(micros + offset))
}

/// The time at which the clock of a zone shows this, an hour that it skips as that of before, one that
/// it has twice as the first; None where that is beyond the calendar.
pub fn of_local(at: DateTime, zone: &TimeZone) -> Option<i64> {
    if let Ok(time) = zone.to_timestamp(at) {
        return Some(time.as_microsecond());
    }
    let end = if at.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    let offset = i64::from(zone.to_offset(end).seconds()) * 1_000_000;
    Some(of_civil(at) - offset).filter(|t| in_range(*t))
}

/// ISO 8601 text, as `2024-05-01T12:30:00Z`; None if it is no time.
pub fn text(micros: i64) -> Option<String> {
    if let Ok(at) = Timestamp::from_microsecond(micros) {
        return Some(at.to_string());
    }
    civil(micros).map(|at| format!("{at}Z"))
}

/// Midnight of a day, UTC.
pub fn midnight(day: Date) -> i64 {
    of_civil(day.to_datetime(Time::midnight()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_calendar_have_a_text() {
        assert_eq!(text(FIRST).as_deref(), Some("-009999-01-01T00:00:00Z"));
        assert_eq!(text(LAST).as_deref(), Some("9999-12-31T23:59:59.999999Z"));
        assert_eq!((text(FIRST - 1), text(LAST + 1)), (None, None));
        assert_eq!((text(i64::MIN), text(i64::MAX)), (None, None));
        assert_eq!(text(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        for at in [FIRST, -1, 0, 1_709_283_600_500_000, LAST] {
            assert_eq!(civil(at).map(of_civil), Some(at));
        }
    }

    #[test]
    fn zones_reach_to_the_ends() {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        assert_eq!(local(LAST, &zone), None);
        assert_eq!(local(0, &zone).unwrap().hour(), 9);
        assert_eq!(local(LAST, &TimeZone::UTC).unwrap().day(), 31);
        for zone in [zone, TimeZone::UTC] {
            let late = local(LAST - 86_400_000_000, &zone).unwrap();
            assert_eq!(of_local(late, &zone), Some(LAST - 86_400_000_000));
        }
    }
}
