//! Numbers as people write them.

/// A number in plain form: without the signs between thousands, a point before the fraction.
/// `decimal` stands before the fraction; the other of `.` and `,`, blanks and apostrophes group
/// thousands. None if the text is no such number.
pub fn plain(text: &str, decimal: char) -> Option<String> {
    let (sign, body) = match text.strip_prefix(['-', '+']) {
        Some(body) if text.starts_with('-') => ("-", body),
        Some(body) => ("", body),
        None => ("", text),
    };
    let (whole, fraction) = match body.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (body, None),
    };
    let groups = groups(whole, decimal)?;
    let (mantissa, exponent) = match fraction.map(|f| f.split_once(['e', 'E'])) {
        Some(Some((mantissa, exponent))) => (Some(mantissa), Some(exponent)),
        _ => (fraction, None),
    };
    let power = |text: &str| are_digits(text.strip_prefix(['-', '+']).unwrap_or(text));
    let group = |text: &&str| are_digits(text) || (whole.is_empty() && mantissa.is_some());
    let sound = groups.iter().all(group)
        && mantissa.is_none_or(|m| are_digits(m) || (m.is_empty() && !whole.is_empty()))
        && exponent.is_none_or(power);
    if !sound {
        return None;
    }
    let mut out = format!("{sign}{}", groups.concat());
    if let Some(mantissa) = mantissa {
        out = format!("{out}.{mantissa}");
    }
    if let Some(exponent) = exponent {
        out = format!("{out}e{exponent}");
    }
    Some(out)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The digits before the fraction, in groups; none if they are not grouped as numbers are.
fn groups(whole: &str, decimal: char) -> Option<Vec<&str>> {
    let groups_by = |c: char| {
        let other = if decimal == ',' { '.' } else { ',' };
        c == other || matches!(c, ' ' | '\'' | '’' | '\u{a0}' | '\u{202f}')
    };
    let groups: Vec<&str> = whole.split(groups_by).collect();
    let last = groups.len() - 1;
    let fits = |(at, group): (usize, &&str)| match at {
        0 => (1..=3).contains(&group.len()),
        // 12,34,567 is written as well
        _ if at < last => (2..=3).contains(&group.len()),
        _ => group.len() == 3,
    };
    (last == 0 || groups.iter().enumerate().all(fits)).then_some(groups)
}

/// Whether commas part a number into thousands: `1,234` and `45,000.5`, but not `1,6` and `0,500`.
pub fn is_grouped(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = body.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut groups = groups.peekable();
    groups.peek().is_some()
        && !first.starts_with('0')
        && groups.all(|g| g.len() == 3)
        && plain(text, '.').is_some()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn signs() {
        for (text, decimal, expected) in [
            ("1.234,5", ',', Some("1234.5")),
            ("-1.234.567", ',', Some("-1234567")),
            ("3,5", ',', Some("3.5")),
            ("1 234,5", ',', Some("1234.5")),
            ("1'234.5", '.', Some("1234.5")),
            ("1,234.5", '.', Some("1234.5")),
            ("12,34,567", '.', Some("1234567")),
            ("7", ',', Some("7")),
            (",5", ',', Some(".5")),
            ("1,5e-3", ',', Some("1.5e-3")),
            ("1,5", '.', None),
            ("1.5", ',', None),
            ("1,23,4", '.', None),
            ("1,234,5", ',', None),
            ("", ',', None),
            (",", ',', None),
            ("a", ',', None),
            ("1,2a", ',', None),
        ] {
            assert_eq!(plain(text, decimal).as_deref(), expected, "{text}");
        }
    }
}
