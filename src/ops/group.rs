//! Groups of rows that share a key.

use crate::batch::Column;
use crate::expr::functions::list::{bits, elements};
use crate::expr::value::Val;
use std::collections::HashMap;

/// One part of a key: bits that are equal where values are; a null is a value of its own.
type Part = Option<u64>;

/// Per row the keys that it belongs to. A scalar column gives a row one key, a list one for each
/// distinct element (an empty or null list: the null key); several columns give all combinations.
pub fn keys_of(columns: &[Column], n: usize) -> Vec<Vec<Vec<Part>>> {
    let values: Vec<Val> = columns.iter().map(Val::borrow).collect();
    (0..n)
        .map(|row| combine(values.iter().map(|value| parts(value, row))))
        .collect()
}

/// The distinct parts of a row's key in one column, in order.
fn parts(value: &Val, row: usize) -> Vec<Part> {
    let Val::List(..) = value else {
        return vec![bits(value, row)];
    };
    let mut distinct = Vec::new();
    for element in elements(value, row).unwrap_or_default() {
        if !distinct.contains(&element) {
            distinct.push(element);
        }
    }
    if distinct.is_empty() {
        vec![None]
    } else {
        distinct
    }
}

fn combine(columns: impl Iterator<Item = Vec<Part>>) -> Vec<Vec<Part>> {
    columns.fold(vec![Vec::new()], |keys, parts| {
        let longer = |key: &Vec<Part>| {
            let key = key.clone();
            parts
                .clone()
                .into_iter()
                .map(move |part| key.iter().copied().chain([part]).collect::<Vec<_>>())
        };
        keys.iter().flat_map(longer).collect()
    })
}

/// Numbers the keys of rows in the order of their first use.
#[derive(Default)]
pub struct Numbering {
    known: HashMap<Vec<Part>, u32>,
}

impl Numbering {
    pub fn number(&mut self, key: &[Part]) -> u32 {
        if let Some(&number) = self.known.get(key) {
            return number;
        }
        let number = self.known.len() as u32;
        self.known.insert(key.to_vec(), number);
        number
    }

    /// How many different keys there were.
    pub fn len(&self) -> usize {
        self.known.len()
    }
}

/// Per row of `range` the numbers of its groups, and how many groups there are.
pub fn numbered(keys: &[Vec<Vec<Part>>], range: std::ops::Range<usize>) -> (Vec<Vec<u32>>, usize) {
    let mut numbering = Numbering::default();
    let groups = keys[range]
        .iter()
        .map(|keys| keys.iter().map(|key| numbering.number(key)).collect())
        .collect();
    (groups, numbering.len())
}
