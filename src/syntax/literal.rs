//! Values of literals: numbers, durations, times, strings. Each function takes the literal as it
//! was written and answers with its value or with what is wrong and what to do.

use super::token::Token;

/// Why a literal has no value: the message and the help line.
#[derive(Debug)]
pub struct Malformed {
    pub message: String,
    pub help: String,
}

fn malformed<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed { message: message.into(), help: help.into() })
}

/// Units of durations and their length in microseconds, longest first.
pub const UNITS: &[(&str, i64)] = &[
    ("w", 7 * 86_400_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
];

/// The value of `30`, `1_000`, `0.2`, `1e-3`, `250ms`, `7d`.
pub fn number(text: &str) -> Result<Token<'static>, Malformed> {
    if text.starts_with('.') {
        return malformed(
            format!("`{text}` needs a digit before the decimal point"),
            format!("numbers have digits on both sides of the point: `0{text}`"),
        );
    }
    let tail = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    let head = &text[..text.len() - tail.len()];
    if underscores_stray(text) {
        return malformed(
            format!("`{text}` has an underscore that is not between two digits"),
            "underscores group digits: `1_000`",
        );
    }
    if tail.is_empty() {
        return integer(head);
    }
    if let Some(&(_, length)) = UNITS.iter().find(|u| u.0 == tail) {
        return duration(text, head, length);
    }
    if tail.starts_with(['.', 'e', 'E']) && is_float(text) {
        return float(text);
    }
    odd_number(text, head, tail)
}

fn underscores_stray(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    // Only underscores that touch a digit can have been meant to group digits.
    (0..bytes.len()).any(|i| {
        let (before, after) = (digit(i.checked_sub(1)), digit(Some(i + 1)));
        bytes[i] == b'_' && before != after && !bytes[..i].iter().any(u8::is_ascii_alphabetic)
            || bytes[i] == b'_' && bytes.get(i + 1) == Some(&b'_')
    })
}

fn integer(text: &str) -> Result<Token<'static>, Malformed> {
    match text.replace('_', "").parse() {
        Ok(value) => Ok(Token::Int(value)),
        Err(_) => malformed(
            format!("`{text}` is too large for an `int`"),
            format!("the largest is {}; a float is written with a point: `1e30`", i64::MAX),
        ),
    }
}

fn duration(text: &str, digits: &str, length: i64) -> Result<Token<'static>, Malformed> {
    let count = digits.replace('_', "").parse::<i64>().ok();
    match count.and_then(|n| n.checked_mul(length)) {
        Some(micros) => Ok(Token::Duration(micros)),
        None => malformed(
            format!("`{text}` is too large for a duration"),
            "the longest duration is about 292,000 years (`15_250_284w`)",
        ),
    }
}

/// Whether the text is digits, then a fraction or an exponent or both.
fn is_float(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|c| c.is_ascii_digit() || c == b'_');
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(i) => (&text[..i], Some(text[i + 1..].trim_start_matches(['+', '-']))),
        None => (text, None),
    };
    mantissa.splitn(2, '.').all(digits) && exponent.is_none_or(digits)
}

fn float(text: &str) -> Result<Token<'static>, Malformed> {
    match text.replace('_', "").parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Token::Float(value)),
        _ => malformed(
            format!("`{text}` is too large for a `float`"),
            format!("the largest is about {:e}", f64::MAX),
        ),
    }
}

/// What is wrong with digits followed by neither a fraction nor a unit.
fn odd_number(text: &str, head: &str, tail: &str) -> Result<Token<'static>, Malformed> {
    if tail == "." {
        return malformed(
            format!("`{text}` needs a digit after the decimal point"),
            format!("numbers have digits on both sides of the point: `{head}.0`"),
        );
    }
    if let Some(duration) = method_duration(head, tail) {
        return malformed(format!("invalid duration `{text}`"), format!("write `{duration}`"));
    }
    let unit = tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    if tail.starts_with('.') && UNITS.iter().any(|u| u.0 == unit) {
        return malformed(
            format!("the duration `{text}` is not a whole number of units"),
            "durations are whole numbers; a smaller unit says it: `90m` for an hour and a half",
        );
    }
    if let Some(unit) = usual_unit(tail) {
        return malformed(
            format!("invalid duration `{text}`"),
            format!("the units are `ms`, `s`, `m`, `h`, `d`, `w`: `{head}{unit}`"),
        );
    }
    if let Some(name) = tail.strip_prefix('.').filter(|name| is_word(name)) {
        return malformed(
            format!("`{text}` is neither a number nor a duration"),
            format!("if `{name}` follows a call, its bracket is missing: `{head}).{name}`"),
        );
    }
    malformed(
        format!("`{text}` is neither a number nor a duration"),
        "numbers are written `30` or `0.5`, durations `250ms`, `90s`, `15m`, `12h`, `7d`, `2w`",
    )
}

/// `7.days`, `7.days.ago`.
fn method_duration(number: &str, tail: &str) -> Option<String> {
    let mut words = tail.strip_prefix('.')?.split('.');
    let unit = usual_unit(words.next()?)?;
    match (words.next(), words.next()) {
        (None, _) => Some(format!("{number}{unit}")),
        (Some("ago"), None) => Some(format!("now - {number}{unit}")),
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The unit that a word means, as the language writes it or in full.
pub fn unit_of(word: &str) -> Option<&'static str> {
    let units = ["ms", "s", "m", "h", "d", "w"];
    let exact = units.into_iter().find(|unit| *unit == word);
    exact.or_else(|| usual_unit(word))
}

/// The duration that a text like `7d` or `7 days` means, as the language writes it.
pub fn duration_in(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let unit = unit_of(unit.trim())?;
    (!number.is_empty() && number.parse::<f64>().is_ok()).then(|| format!("{number}{unit}"))
}

/// The time that a text like `2024-05-01` or `2024-05-01 12:30:00` means, as the language writes it.
pub fn time_in(text: &str) -> Option<String> {
    let written = format!("@{}", text.trim().replacen(' ', "T", 1));
    time(&written).is_ok().then_some(written)
}

/// The unit that someone who wrote `30min` or `7days` meant.
fn usual_unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "week" | "weeks" | "wk" => "w",
        "msec" | "millis" => "ms",
        _ => return None,
    })
}

/// The value of `@2024-05-01` or `@2024-05-01T12:30:00Z`, in microseconds since 1970.
///
/// Seconds may be left out, a fraction is cut to microseconds, an offset (`+02:00`) may stand in
/// the place of `Z`; without either the time is UTC.
pub fn time(text: &str) -> Result<Token<'static>, Malformed> {
    let body = &text[1..];
    let (date, clock) = match body.find(['T', 't']) {
        Some(i) => (&body[..i], Some(&body[i + 1..])),
        None => (body, None),
    };
    let help = "times are written `@2024-05-01` or `@2024-05-01T12:30:00Z`";
    if !shaped(date, "dddd-dd-dd") {
        return malformed(format!("invalid time `{text}`"), help);
    }
    let Ok(date) = date.parse::<jiff::civil::Date>() else {
        let help = "a date is year, month and day: `@2024-05-01`";
        return malformed(format!("there is no day `{date}`"), help);
    };
    let (clock, offset) = split_offset(clock.unwrap_or("00:00Z"));
    let Some(clock) = clock_time(clock) else {
        return malformed(format!("`{text}` has no such time of day"), help);
    };
    let Some(offset) = offset_seconds(offset) else {
        let help = "a time ends in `Z` or in an offset such as `+02:00`";
        return malformed(format!("`{text}` ends in an unknown offset"), help);
    };
    Ok(Token::Time(micros(date.to_datetime(clock)) - offset * 1_000_000))
}

/// Whether the text has digits where the shape has `d`, and the same characters elsewhere.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(
            |(c, s)| {
                if s == b'd' { c.is_ascii_digit() } else { c == s }
            },
        )
}

fn split_offset(clock: &str) -> (&str, &str) {
    clock.split_at(
        clock.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(clock.len()),
    )
}

fn clock_time(text: &str) -> Option<jiff::civil::Time> {
    let seconds = text.get(..8).is_some_and(|t| shaped(t, "dd:dd:dd"));
    // Second 60 is a leap second, which this calendar does not have.
    if !(shaped(text, "dd:dd") || seconds) || text.get(6..8) == Some("60") {
        return None;
    }
    let cut = text.len().min("00:00:00.000000000".len());
    text[..cut].parse().ok()
}

fn offset_seconds(text: &str) -> Option<i64> {
    let pair = |at: usize| text.get(at..at + 2)?.parse::<i64>().ok();
    let sign = match text.chars().next() {
        None | Some('Z' | 'z') => return (text.len() < 2).then_some(0),
        Some('+') => 1,
        Some('-') => -1,
        _ => return None,
    };
    let minutes = match &text[1..] {
        t if shaped(t, "dd") => 0,
        t if shaped(t, "dddd") => pair(3)?,
        t if shaped(t, "dd:dd") => pair(4)?,
        _ => return None,
    };
    let hours = pair(1)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Microseconds since 1970 of a time of day in UTC; four-digit years always fit.
fn micros(at: jiff::civil::DateTime) -> i64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i64::from(epoch.until(at.date()).map_or(0, |span| span.get_days()));
    let clock = at.time();
    let seconds =
        i64::from(clock.hour()) * 3600 + i64::from(clock.minute()) * 60 + i64::from(clock.second());
    (days * 86_400 + seconds) * 1_000_000 + i64::from(clock.subsec_nanosecond()) / 1_000
}

/// The text of a string literal (with its quotes), escapes resolved, or the byte range of the
/// first bad escape in the literal.
pub fn string(literal: &str) -> Result<String, std::ops::Range<usize>> {
    let inner = &literal[1..literal.len() - 1];
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(i) = rest.find('\\') {
        out.push_str(&rest[..i]);
        let start = 1 + inner.len() - rest.len() + i;
        match escape(&rest[i + 1..]) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[i + 1 + length..];
            }
            None => {
                let width = rest[i + 1..].chars().next().map_or(0, char::len_utf8);
                return Err(start..start + 1 + width);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The character that an escape stands for, and its length after the backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().first()? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'0' => '\0',
        b'\\' => '\\',
        b'"' => '"',
        b'\'' => '\'',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((c, 1))
}

/// `u{1F600}` or `u00e9`.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let (digits, length) = match text.strip_prefix("u{") {
        Some(rest) => (rest.split_once('}')?.0, rest.find('}')? + 3),
        None => (text.get(1..5)?, 5),
    };
    let hex = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex)?;
    Some((char::from_u32(code)?, length))
}
