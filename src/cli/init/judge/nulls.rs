//! Words and numbers that stand for null, in one column and in the others.

use super::judged::{Judged, Meaning};
use crate::store::profile::{Column, Profile};
use crate::types::Type;

/// Words for null that other columns have as values: they would lose them, as such words hold for a
/// whole table. So numbers and times among which such a word stands have values that do not fit. Words
/// among ids are null all the same, and what the others lose is told.
pub fn keep_words(profile: &Profile, judged: &mut [Judged], whole: bool) {
    let clashes: Vec<Vec<String>> = (0..judged.len())
        .map(|at| {
            let words = judged[at].nulls.iter().map(|(word, _)| word);
            let lost = |word: &&String| !losses(profile, judged, word).is_empty();
            words.filter(lost).cloned().collect()
        })
        .collect();
    let columns = profile.columns.iter().zip(judged).zip(clashes);
    for ((column, judged), clashes) in columns {
        if whole {
            judged.without_nulls(column, |_| true);
        } else if judged.meaning != Meaning::Plain {
            judged.without_nulls(column, |word| clashes.iter().any(|c| c == word));
        }
    }
}

/// The columns that have a word as a value, with how many rows.
pub fn losses(profile: &Profile, judged: &[Judged], word: &str) -> Vec<(String, usize)> {
    let columns = profile.columns.iter().zip(judged);
    let others = columns.filter(|(_, j)| j.nulls.iter().all(|(null, _)| null != word));
    let has = |column: &Column| match &column.ty {
        Type::String => column.rows_with(usize::MAX, |t| t.trim() == word.trim()).len(),
        Type::Int | Type::Float => match word.trim().parse::<f64>() {
            Ok(number) => column.numbers().iter().filter(|n| **n == number).count(),
            Err(_) => 0,
        },
        _ => 0,
    };
    let found = others.map(|(column, _)| (column.name.clone(), has(column)));
    found.filter(|(_, rows)| *rows > 0).collect()
}

/// Times far from all others (0, -1) are nulls: of the whole table where that is a text and no other
/// column has such values, else of the column.
pub fn odd_times(profile: &Profile, judged: &mut [Judged], text: bool) {
    for at in 0..judged.len() {
        let how = judged[at].how();
        let column = &profile.columns[at];
        let odd = std::mem::take(&mut judged[at].odd);
        let Some(how) = how else {
            judged[at].own_nulls.extend(odd);
            continue;
        };
        for (word, rows) in odd {
            let number: f64 = word.parse().unwrap_or_default();
            let reads = column.reads(number, &how);
            let others = losses(profile, judged, &word);
            let free = others.iter().all(|(name, _)| *name == column.name);
            match () {
                () if !reads => {}
                () if text && column.ty != Type::Float && free => {
                    judged[at].nulls.push((word, rows));
                }
                () => judged[at].own_nulls.push((word, rows)),
            }
        }
    }
}

/// The words for null of all columns.
pub fn null_words(judged: &[Judged]) -> Vec<String> {
    let nulls = judged.iter().flat_map(|j| &j.nulls);
    let mut nulls: Vec<String> = nulls.map(|(n, _)| n.clone()).collect();
    nulls.sort();
    nulls.dedup();
    nulls
}
