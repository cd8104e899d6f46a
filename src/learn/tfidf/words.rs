//! Words of texts, told apart without regard to case.

use unicode_segmentation::UnicodeSegmentation;

/// Calls `each` with every word of a text, with its case folded: the parts between the word boundaries of UAX #29 that
/// have a letter or a digit. `folded` is what is reused from one word to the next.
pub fn each_word(text: &str, folded: &mut String, mut each: impl FnMut(&str)) {
    for word in text.unicode_words() {
        folded.clear();
        if word.is_ascii() {
            folded.push_str(word);
            folded.make_ascii_lowercase();
        } else {
            folded.extend(word.chars().map(fold));
        }
        each(folded);
    }
}

/// One letter for all that differ in case only, as Unicode's simple case folding has it (`ς` and `Σ` are `σ`, `ß`
/// stays). The standard library knows upper and lower case; the exceptions are those where folding is not the lower
/// case of the upper case.
fn fold(c: char) -> char {
    match c {
        // its upper case is that of `i`
        'ı' => c,
        // equal pairs whose upper case is more than a letter
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        '\u{fb05}' => '\u{fb06}',
        _ => only(only(c, c.to_uppercase()), only(c, c.to_uppercase()).to_lowercase()),
    }
}

/// What a letter becomes, if that is one letter; else itself.
fn only(c: char, mut becomes: impl Iterator<Item = char>) -> char {
    match (becomes.next(), becomes.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_word(text, &mut String::new(), |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn words_are_those_of_the_annex() {
        assert_eq!(words(""), [""; 0]);
        assert_eq!(words(" 🎉🎉 — !? \u{0} "), [""; 0]);
        assert_eq!(
            words("The quick (“brown”) fox can’t jump 32.3 feet, right?"),
            ["the", "quick", "brown", "fox", "can’t", "jump", "32.3", "feet", "right"]
        );
        assert_eq!(words("don't stop@example.com"), ["don't", "stop", "example.com"]);
        assert_eq!(words("Straße STRASSE ΟΔΟΣ οδος"), ["straße", "strasse", "οδοσ", "οδοσ"]);
        assert_eq!(words("#rock🎸Roll 你好"), ["rock", "roll", "你", "好"]);
        assert_eq!(words(&"X".repeat(100_000)), ["x".repeat(100_000)]);
    }

    /// The regex crate has the table of simple case folding, perhaps of another version of Unicode.
    #[test]
    fn letters_are_equal_where_they_differ_in_case_only() {
        let all = || (0..=0x10_ffff).filter_map(char::from_u32);
        let has_case =
            |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]) || fold(*c) != *c;
        let unassigned = Regex::new(r"\p{Cn}").unwrap();
        let known = |c: &char| !unassigned.is_match(c.encode_utf8(&mut [0; 4]));
        let cased: Vec<char> = all().filter(has_case).filter(known).collect();
        assert!(cased.len() > 2_800);
        let text: String = cased.iter().collect();
        for &c in &cased {
            let any_case = Regex::new(&format!("(?i){}", regex::escape(&c.to_string()))).unwrap();
            let equal: String = any_case.find_iter(&text).map(|found| found.as_str()).collect();
            let folded: String = cased.iter().filter(|d| fold(**d) == fold(c)).collect();
            assert_eq!(folded, equal, "{c:?}");
        }
    }
}
