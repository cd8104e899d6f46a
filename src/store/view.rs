//! What a snapshot hands out: arrays that borrow from the mapping.

use crate::types::Floats;
use std::borrow::Cow;
use std::ops::Range;

/// The links of every row of one entity, in one direction. Those of a row stand together, newest
/// first (null times last, ties as listed), or as listed if the edge has no time.
#[derive(Clone, Copy, Debug)]
pub struct Adjacency<'a> {
    /// Where the links of each row begin; one more at the end.
    pub offsets: &'a [u32],
    /// Row at the other end.
    pub target: &'a [u32],
    /// Number of the link in listed order, by which link columns are read. For the reverse of a
    /// reference: the row that holds it.
    pub link: &'a [u32],
    pub time: Option<&'a [i64]>,
    pub weight: Option<&'a [f64]>,
    /// No link, and no end of one, has a time after this: a `now` that is not before it sees all.
    pub latest: i64,
}

impl Adjacency<'_> {
    /// The places of a row's links in the arrays; none for a row that the entity does not have.
    pub fn range(&self, row: u32) -> Range<usize> {
        match self.offsets.get(row as usize..(row as usize).saturating_add(2)) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }

    pub fn degree(&self, row: u32) -> u32 {
        self.range(row).len() as u32
    }
}

/// The keys of an entity's rows.
#[derive(Clone, Copy, Debug)]
pub enum KeyView<'a> {
    Int(&'a [i64]),
    /// Codes of strings.
    Str(&'a [u32]),
}

impl KeyView<'_> {
    pub fn len(&self) -> usize {
        match self {
            KeyView::Int(k) => k.len(),
            KeyView::Str(k) => k.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The vectors of an entity's rows in one embedding.
#[derive(Clone, Copy, Debug)]
pub struct VectorsView<'a> {
    pub dim: usize,
    /// `dim` numbers a row, row after row; zeros where there is no vector.
    pub data: Floats<'a>,
    /// A bit per row that has a vector; None if all have.
    pub present: Option<&'a [u64]>,
}

impl<'a> VectorsView<'a> {
    /// The vector of a row, if it has one.
    pub fn get(&self, row: u32) -> Option<Cow<'a, [f32]>> {
        let row = row as usize;
        let has = self
            .present
            .is_none_or(|bits| bits.get(row / 64).is_some_and(|b| b >> (row % 64) & 1 == 1));
        self.data.get(row * self.dim..(row + 1) * self.dim).filter(|_| has).map(Cow::from)
    }
}
