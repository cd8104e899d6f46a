//! Sets of rows, as bits.

/// The rows among which is searched.
#[derive(Clone, Debug, Default)]
pub struct RowSet {
    words: Vec<u64>,
    count: usize,
}

impl RowSet {
    /// Rows of a table of `len`, each given once.
    ///
    /// # Panics
    /// If a row is not of the table.
    pub fn new(len: usize, rows: impl Iterator<Item = u32>) -> RowSet {
        let mut set = RowSet { words: vec![0; len.div_ceil(64)], count: 0 };
        for row in rows {
            set.words[row as usize / 64] |= 1 << (row % 64);
            set.count += 1;
        }
        set
    }

    /// Every row of a table of `len`.
    pub fn all(len: usize) -> RowSet {
        let mut words = vec![u64::MAX; len / 64];
        if !len.is_multiple_of(64) {
            words.push(u64::MAX >> (64 - len % 64));
        }
        RowSet { words, count: len }
    }

    /// Takes a row away, if it is there.
    pub fn remove(&mut self, row: u32) {
        if self.has(row) {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.count -= 1;
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bit `row % 64` of word `row / 64` is 1 if it has the row.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    #[inline]
    pub fn has(&self, row: u32) -> bool {
        super::bit(Some(&self.words), row as usize)
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let words = self.words.iter().enumerate();
        words.flat_map(|(word, &bits)| ones(bits).map(move |bit| (word * 64) as u32 + bit))
    }
}

/// The places of the bits that are 1, ascending.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros())?;
        bits &= bits - 1;
        Some(place)
    })
}
