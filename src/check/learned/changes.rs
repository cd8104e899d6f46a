//! What has changed between two texts of a declaration, as far as a person wants to read it.

use std::fmt::Write;

/// Lines that are shown.
const LINES: usize = 8;
/// Characters of a line, and those that are kept before the first one that differs.
const WIDE: usize = 88;
const BEFORE: usize = 24;

/// What two texts of a declaration have that differs: `k=100` became `k=200`; of more than that the first lines, with `-`
/// what is gone and with `+` what is new.
pub(super) fn changes(was: &str, is: &str) -> String {
    let (was, is) = (arguments(was), arguments(is));
    let parts = |all: &[String]| all.iter().flat_map(|part| entries(part)).collect::<Vec<_>>();
    let of_parts = differing(&parts(&was), &parts(&is));
    pairs(&differing(&was, &is)).or_else(|| pairs(&of_parts)).unwrap_or_else(|| lines(&of_parts))
}

/// What is gone, and what is new.
fn differing(was: &[String], is: &[String]) -> (Vec<String>, Vec<String>) {
    (without(was, is), without(is, was))
}

/// What is gone and what is new, side by side: of few words, and as many as became others.
fn pairs((gone, new): &(Vec<String>, Vec<String>)) -> Option<String> {
    let length: usize = gone.iter().chain(new).map(|part| part.chars().count()).sum();
    if gone.is_empty() || gone.len() != new.len() || length > WIDE {
        return None;
    }
    let pairs = gone.iter().zip(new).map(|(a, b)| format!("`{a}` is now `{b}`"));
    Some(pairs.collect::<Vec<_>>().join(", "))
}

/// The parts that others do not have; one that is there twice has to be there twice.
fn without(parts: &[String], others: &[String]) -> Vec<String> {
    let (mut left, mut found) = (others.to_vec(), Vec::new());
    for part in parts {
        match left.iter().position(|other| other == part) {
            Some(place) => drop(left.swap_remove(place)),
            None => found.push(part.clone()),
        }
    }
    found
}

/// What is gone and what is new, in turn.
fn lines((gone, new): &(Vec<String>, Vec<String>)) -> String {
    let mut all = Vec::new();
    for place in 0..gone.len().max(new.len()) {
        let (old, new) = (gone.get(place), new.get(place));
        let same = old.zip(new).map_or(0, |(old, new)| common(old, new));
        all.extend(old.map(|old| format!("- {}", clipped(old, same))));
        all.extend(new.map(|new| format!("+ {}", clipped(new, same))));
    }
    let mut text = "what differs:".to_owned();
    for line in all.iter().take(LINES) {
        let _ = write!(text, "\n{line}");
    }
    if all.len() > LINES {
        let _ = write!(text, "\n… {} more lines", all.len() - LINES);
    }
    text
}

/// How many characters two texts begin with in common.
fn common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

/// A text from a little before the character that differs.
fn clipped(text: &str, differs: usize) -> String {
    let all = text.chars().count();
    let start = if all <= WIDE { 0 } else { differs.saturating_sub(BEFORE) };
    let shown: String = text.chars().skip(start).take(WIDE).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if start + WIDE < all { "…" } else { "" };
    format!("{before}{shown}{after}")
}

/// Of an argument that is a list each entry, behind the argument's name.
fn entries(argument: &str) -> Vec<String> {
    let whole = || vec![argument.to_owned()];
    let Some((name, value)) = argument.split_once('=') else { return whole() };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let inside = [('[', ']'), ('{', '}')]
        .into_iter()
        .find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close));
    match inside {
        Some(inside) if is_name && !inside.is_empty() => {
            let entries = split(inside).into_iter().filter(|entry| !entry.is_empty());
            entries.map(|entry| format!("{name}: {entry}")).collect()
        }
        _ => whole(),
    }
}

/// The learner, and its arguments.
fn arguments(text: &str) -> Vec<String> {
    let Some(open) = text.find('(') else { return vec![text.to_owned()] };
    let inside = text[open + 1..].strip_suffix(')').unwrap_or(&text[open + 1..]);
    let parts = std::iter::once(&text[..open]).chain(split(inside));
    // a comma may stand behind the last
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Parts between commas that no bracket and no string holds.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped, mut start) = (0usize, false, false, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told() {
        let (was, is) = (
            "itemknn(edge=(likes where f(a, b)), k=100)",
            "itemknn(edge=(likes where f(a, b)), k=200)",
        );
        assert_eq!(changes(was, is), "`k=100` is now `k=200`");
        let other = "ease(edge=likes, k=1, l2=2.0)";
        assert_eq!(changes("ease(edge=likes, k=1)", other), "what differs:\n+ l2=2.0");
        let knn = "itemknn(edge=likes, k=1)";
        assert_eq!(changes("ease(edge=likes, k=1)", knn), "`ease` is now `itemknn`");
    }

    #[test]
    fn of_a_list_the_entries_that_differ_are_told() {
        let other = "sum(likes(it), decay(time, 1d)) / (count(likes(it)) + 20)";
        let was = format!(r#"mlp(dense=[{other}, "x, y", count(likes(it))], lr=0.1)"#);
        let is = format!(r#"mlp(dense=[{other}, count(views(it)), "x, y"], lr=0.1)"#);
        let told = "`dense: count(likes(it))` is now `dense: count(views(it))`";
        assert_eq!(changes(&was, &is), told);
    }

    #[test]
    fn long_texts_are_told_in_few_lines() {
        let long = |end: &str| format!("mlp(dense=[{} + {end}])", "abc + ".repeat(40));
        let told = changes(&long("x"), &long("y"));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 3, "{told}");
        assert!(lines[1].starts_with("- …") && lines[1].ends_with("+ x"), "{told}");
        assert!(lines[2].starts_with("+ …") && lines[2].ends_with("+ y"), "{told}");
        let many = |of: &str| {
            let all: Vec<String> = (0..30).map(|i| format!("{of}{i}")).collect();
            format!("mlp(dense=[{}])", all.join(", "))
        };
        let told = changes(&many("a"), &many("b"));
        assert_eq!(told.lines().count(), 1 + LINES + 1, "{told}");
        assert!(told.ends_with("… 52 more lines"), "{told}");
    }
}
