//! Text for a terminal. Data and programs may hold characters that move the cursor, change colours,
//! reorder what stands beside them or do not show at all; people get them as escapes of the language
//! (`\n`, `\u{1b}`), so that what is shown is what is there. Files and JSON keep the characters.

use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// Text within a line: every character that would act on the terminal, or not show, is escaped.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, false)
}

/// The same for text of several lines, which stay lines.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, true)
}

/// A text without the sequences that colour it.
pub fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Words in lines of at most that width, colours not counted.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let size = plain(word).width();
        if used > 0 && used + 1 + size > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += size;
    }
    out + "\n"
}

fn escaped(text: &str, lines: bool) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out: Option<String> = None;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let after = text[at + c.len_utf8()..].chars().next();
        let line = lines && (c == '\n' || c == '\r' && after == Some('\n'));
        let keeps = line || !is_hidden(c) || joins(before, c, after);
        match &mut out {
            None if keeps => {}
            out => {
                let out = out.get_or_insert_with(|| text[..at].to_owned());
                match (keeps, c) {
                    (true, c) => out.push(c),
                    (_, '\n' | '\r' | '\t') => out.extend(c.escape_default()),
                    (_, c) => out.extend(c.escape_unicode()),
                }
            }
        }
        before = Some(c);
    }
    out.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Controls, marks of direction, separators of lines, and what has no width: the characters that
/// Unicode calls ignorable, but for those that choose between forms of the one before.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A joiner within a word of another script, or within an emoji, is part of how it is written.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let foreign = |c: Option<char>| c.is_some_and(|c| c >= '\u{300}' && !is_hidden(c));
    matches!(c, '\u{200c}' | '\u{200d}') && foreign(before) && foreign(after)
}

#[cfg(test)]
mod tests {
    use super::{visible, visible_lines};

    #[test]
    fn what_acts_or_hides_is_escaped() {
        for (text, shown) in [
            ("a\u{1b}[2J\u{1b}]0;pwn\u{7}", "a\\u{1b}[2J\\u{1b}]0;pwn\\u{7}"),
            ("a\tb\r\nc\0\u{7f}\u{9b}31m", "a\\tb\\r\\nc\\u{0}\\u{7f}\\u{9b}31m"),
            ("pay\u{202e}lap\u{2066}x", "pay\\u{202e}lap\\u{2066}x"),
            ("ad\u{200b}min\u{feff} \u{200d}", "ad\\u{200b}min\\u{feff} \\u{200d}"),
            ("a\u{2028}b\u{85}c\u{e0041}", "a\\u{2028}b\\u{85}c\\u{e0041}"),
            ("a\u{200d}b", "a\\u{200d}b"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn what_is_written_so_stays() {
        for text in [
            "plain \\ text",
            "Straße, 東京, Ελλάς",
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "می\u{200c}خواهم",
        ] {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible_lines("a\nb\u{1b}\r\nc\r"), "a\nb\\u{1b}\r\nc\\r");
    }
}
