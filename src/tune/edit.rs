//! Writing values into the text of a program.

/// A number as it stands in a program: the shortest that reads back; a whole one has no point.
pub fn number(value: f64, whole: bool) -> String {
    match whole {
        true => format!("{value:.0}"),
        false => format!("{value:?}"),
    }
}

/// A text with other numbers at some ranges of bytes, which do not overlap; all else stays.
pub fn rewritten(text: &str, mut numbers: Vec<(std::ops::Range<usize>, String)>) -> String {
    numbers.sort_by_key(|(range, _)| range.start);
    let (mut new, mut done) = (String::with_capacity(text.len()), 0);
    for (range, number) in numbers {
        new.push_str(&text[done..range.start]);
        new.push_str(&number);
        done = range.end;
    }
    new + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_programs_write_them() {
        assert_eq!((number(2.0, true), number(2.0, false)), ("2".to_owned(), "2.0".to_owned()));
        assert_eq!(number(0.1 + 0.2, false), "0.30000000000000004");
        assert_eq!(number(1e18, true), "1000000000000000000");
        assert_eq!(number(-3.0, true), "-3");
    }

    #[test]
    fn all_else_stays() {
        let text = "tunable a in 0..9 = 1  # one\r\ntunable b in 0.0..1.0 = .5\n";
        let at = |part: &str| text.find(part).map(|start| start..start + part.len()).unwrap();
        let new =
            rewritten(text, vec![(at(".5"), "0.25".to_owned()), (at("1  "), "10  ".to_owned())]);
        assert_eq!(new, "tunable a in 0..9 = 10  # one\r\ntunable b in 0.0..1.0 = 0.25\n");
        assert_eq!(rewritten(text, Vec::new()), text);
    }
}
