//! A scalar function of a Rust program: how far two strings are from each other.

use igql::Type;
use igql::extend::{Column, ColumnBuilder, Failure, Function, Signature};

/// `levenshtein(a, b)`: how many characters have to be put in, taken out or exchanged to make one string of the
/// other (Levenshtein 1966). Null if either is; never below 0.
pub struct Levenshtein(Signature);

impl Levenshtein {
    pub fn new() -> Levenshtein {
        let params = [("a", Type::String), ("b", Type::String)];
        Levenshtein(
            Signature::new("levenshtein", &params, Type::Int)
                .doc("how many characters have to change to make one string of the other")
                .range(0.0, f64::INFINITY),
        )
    }
}

impl Function for Levenshtein {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn eval(&self, args: &[Column], out: &mut ColumnBuilder) -> Result<(), Failure> {
        for row in 0..args[0].len() {
            // the function is strict: it sees no nulls
            let both = args[0].text(row).zip(args[1].text(row));
            out.push_int(both.map(|(a, b)| distance(a, b)));
        }
        Ok(())
    }
}

/// Row by row of the table of Wagner and Fischer (1974), of which one row is kept.
fn distance(a: &str, b: &str) -> i64 {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<i64> = (0..=b.len() as i64).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i as i64 + 1);
        for (j, &y) in b.iter().enumerate() {
            let exchanged = diagonal + i64::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
