//! Lists written as text: JSON's and Python's notation, and numpy's, which parts by blanks.

use std::borrow::Cow;

/// An element of such a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'t> {
    Null,
    /// A number, true or false; with `bare`, any text.
    Bare(&'t str),
    Quoted(Cow<'t, str>),
}

/// The elements of a list in brackets; None if the text is none, or has lists in it. With `bare`,
/// elements that are texts need no quotes: `[drama, sci-fi]`.
pub fn items(text: &str, bare: bool) -> Option<Vec<Item<'_>>> {
    let inner = text.trim_ascii().strip_prefix('[')?.strip_suffix(']')?;
    let mut rest = inner.trim_ascii();
    let mut items = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (item, after) = match first {
            '"' | '\'' => quoted(rest, first)?,
            _ => unquoted(rest, bare)?,
        };
        items.push(item);
        let next = after.trim_ascii_start();
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_ascii_start(),
            None if next.is_empty() || next.len() < after.len() => next,
            None => return None,
        };
    }
    Some(items)
}

fn unquoted(text: &str, bare: bool) -> Option<(Item<'_>, &str)> {
    let ends = |c: char| c == ',' || (!bare && c.is_ascii_whitespace());
    let (word, after) = text.split_at(text.find(ends).unwrap_or(text.len()));
    let word = word.trim_ascii();
    let number = || word.parse::<f64>().is_ok_and(f64::is_finite);
    let item = match word {
        "null" | "None" | "nan" | "NaN" | "NaT" => Item::Null,
        "true" | "false" | "True" | "False" => Item::Bare(word),
        "" => return None,
        _ if number() => Item::Bare(word),
        _ if bare && !word.contains(['[', ']', '{', '}', '"', '\'']) => Item::Bare(word),
        _ => return None,
    };
    Some((item, after))
}

/// A text in quotes, and what stands behind it.
fn quoted(text: &str, quote: char) -> Option<(Item<'_>, &str)> {
    let inner = &text[1..];
    let end = inner.find(quote)?;
    if !inner[..end].contains('\\') {
        return Some((Item::Quoted(Cow::Borrowed(&inner[..end])), &inner[end + 1..]));
    }
    let mut out = String::new();
    let mut rest = inner;
    loop {
        let at = rest.find(['\\', quote])?;
        out.push_str(&rest[..at]);
        let found = &rest[at..];
        if found.starts_with(quote) {
            return Some((Item::Quoted(Cow::Owned(out)), &found[1..]));
        }
        rest = escape(&found[1..], &mut out)?;
    }
}

/// Appends what stands behind a backslash; the rest of the text.
fn escape<'t>(text: &'t str, out: &mut String) -> Option<&'t str> {
    let first = text.chars().next()?;
    let rest = &text[first.len_utf8()..];
    let digits = match first {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => {
            match first {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                '"' | '\'' | '\\' | '/' => out.push(first),
                // Python keeps the backslash before other letters
                other => out.extend(['\\', other]),
            }
            return Some(rest);
        }
    };
    let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
    let rest = &rest[digits..];
    // JSON writes letters beyond 16 bits as two halves
    if let Some(low) = rest.strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&code)) {
        let low = u32::from_str_radix(low.get(..4)?, 16).ok()?;
        let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        out.push(char::from_u32(0x10000 + ((code - 0xd800) << 10) + low)?);
        return Some(&rest[6..]);
    }
    out.push(char::from_u32(code)?);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, bare: bool) -> Option<String> {
        let shown = |item: Item| match item {
            Item::Null => "-".to_owned(),
            Item::Bare(text) => text.to_owned(),
            Item::Quoted(text) => format!("<{text}>"),
        };
        let items = items(text, bare)?.into_iter().map(shown);
        Some(items.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn notations() {
        for (text, expected) in [
            ("[]", ""),
            (" [ ] ", ""),
            (r#"["a", "b"]"#, "<a> <b>"),
            (r#"["a","b",null]"#, "<a> <b> -"),
            ("['b', 'c d']", "<b> <c d>"),
            ("['a' 'b']", "<a> <b>"),
            ("[1, 2.5, -3e2]", "1 2.5 -3e2"),
            ("[1. 2. nan]", "1. 2. -"),
            ("[True, None, false,]", "True - false"),
            (r#"["a\"b\\c\u00e9\ud83d\ude00", 'it\'s']"#, "<a\"b\\cé😀> <it's>"),
            (r#"["it's", 'a "b"']"#, "<it's> <a \"b\">"),
            (r"['\d']", "<\\d>"),
        ] {
            assert_eq!(read(text, false).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "[",
            "]",
            "a",
            "[a, b]",
            "[[1]]",
            "['a]",
            r#"["a"b]"#,
            "[,]",
            "[1,,2]",
            "[hd]|[live]",
            r#"["\u12"]"#,
            r#"["\ud800"]"#,
            "{'a': 1}",
        ] {
            assert_eq!(read(text, false), None, "{text}");
        }
        assert_eq!(read("[drama, sci fi , 3]", true).as_deref(), Some("drama sci fi 3"));
        assert_eq!(read("[a [b]]", true), None);
    }
}
