//! Neighbour lists: of every row the rows nearest to it, searched once for all and read ever after.
//!
//! What is read costs a few cache lines instead of a walk. A list holds what a search from the row's own
//! vector finds, with the similarities that the search gives, the row itself left out.

use super::{Hit, Query, Vectors};
use std::ops::Range;

const MAGIC: [u32; 2] = [u32::from_le_bytes(*b"IGQL"), u32::from_le_bytes(*b"near")];
const VERSION: u32 = 1;
/// 32-bit words of the header: a cache line.
const HEADER: usize = 16;
/// Ends a list that is shorter than others.
const NONE: u32 = u32::MAX;
/// Values of a list, so that each begins on a cache line.
const LINE: usize = 8;
/// Searches between two reports of progress.
const CHUNK: usize = 4_096;

/// The neighbours of every row of a table, borrowed from the bytes that [`build_lists`] made.
pub struct Lists<'a> {
    length: usize,
    rows: usize,
    /// Of each row `stride` rows, nearest first, then the bits of their similarities.
    blocks: &'a [u32],
}

/// The neighbours of one row, nearest first.
#[derive(Clone, Copy, Debug)]
pub struct Near<'a> {
    pub rows: &'a [u32],
    similarities: &'a [u32],
    /// Whether there are no others.
    pub is_all: bool,
}

impl Near<'_> {
    /// The similarity of the neighbour at `place`.
    #[inline]
    pub fn similarity(&self, place: usize) -> f64 {
        f64::from(f32::from_bits(self.similarities[place]))
    }

    /// The places of the neighbours that are at least so similar.
    pub fn at_least(&self, least: f64) -> Range<usize> {
        let below = |&bits: &u32| f64::from(f32::from_bits(bits)) >= least;
        0..self.similarities.partition_point(below)
    }
}

impl<'a> Lists<'a> {
    /// Reads the head of what was built.
    ///
    /// # Errors
    /// If it is no neighbour lists, of another version, cut off, or does not lie at a multiple of 4 bytes.
    pub fn open(bytes: &'a [u8]) -> Result<Lists<'a>, String> {
        // SAFETY: any bytes are numbers
        let (before, words, after) = unsafe { bytes.align_to::<u32>() };
        if !before.is_empty() || !after.is_empty() || words.len() < HEADER {
            return Err("these are no neighbour lists: they are cut off or not aligned".into());
        }
        let (head, blocks) = words.split_at(HEADER);
        if head[..2] != MAGIC || head[2] != VERSION {
            return Err("these are no neighbour lists of this version".into());
        }
        let (rows, length) = (head[3] as usize, head[4] as usize);
        let expected = rows.checked_mul(2 * stride(length));
        if expected != Some(blocks.len()) {
            return Err(format!(
                "expected the neighbours of {rows} rows, found {} bytes",
                bytes.len()
            ));
        }
        Ok(Lists { length, rows, blocks })
    }

    /// Neighbours of each row at most.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The neighbours of a row; none for a row that the table does not have.
    pub fn of(&self, row: u32) -> Near<'a> {
        let stride = stride(self.length);
        let block = match (row as usize) < self.rows {
            true => &self.blocks[row as usize * 2 * stride..][..2 * stride],
            false => &[],
        };
        let (rows, similarities) = block.split_at(block.len() / 2);
        let known = rows.partition_point(|&row| row != NONE);
        Near {
            rows: &rows[..known],
            similarities: &similarities[..known],
            is_all: known < self.length,
        }
    }

    /// Asks the memory for the beginning of a list that will be read soon.
    #[inline]
    pub fn prefetch(&self, row: u32) {
        let stride = stride(self.length);
        let start = row as usize * 2 * stride;
        for line in (0..2 * stride).step_by(2 * LINE) {
            super::simd::prefetch(self.blocks, start + line);
        }
    }
}

fn stride(length: usize) -> usize {
    length.next_multiple_of(LINE)
}

/// The lists of all rows of `vectors`, each of `length` rows at most, as bytes for a file.
///
/// `order` says in which order rows are searched from: near ones one after the other are faster. `search`
/// finds the nearest rows of each query.
pub fn build_lists(
    vectors: &Vectors,
    length: usize,
    order: &[u32],
    search: impl Fn(&[Query]) -> Vec<Vec<Hit>>,
    progress: &dyn Fn(u64, u64),
) -> Vec<u8> {
    let block = 2 * stride(length);
    let mut words = vec![NONE; HEADER + vectors.len() * block];
    words[..HEADER].fill(0);
    words[..2].copy_from_slice(&MAGIC);
    words[2..5].copy_from_slice(&[VERSION, vectors.len() as u32, length as u32]);
    for (done, rows) in order.chunks(CHUNK).enumerate() {
        progress((done * CHUNK) as u64, order.len() as u64);
        let own: Vec<_> = rows.iter().map(|&row| vectors.get(row)).collect();
        let queries: Vec<Query> = rows
            .iter()
            .zip(&own)
            .map(|(row, own)| Query {
                vector: own.as_deref().unwrap_or(&[]),
                exclude: std::slice::from_ref(row),
                k: length,
                min_similarity: None,
            })
            .collect();
        for (&row, hits) in rows.iter().zip(search(&queries)) {
            let block = &mut words[HEADER + row as usize * block..][..block];
            let (ids, similarities) = block.split_at_mut(stride(length));
            for ((id, similarity), hit) in ids.iter_mut().zip(similarities).zip(hits) {
                (*id, *similarity) = (hit.row, (hit.similarity as f32).to_bits());
            }
        }
    }
    progress(order.len() as u64, order.len() as u64);
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ann::{Metric, exact_search, testing::Random};
    use crate::types::Floats;

    #[test]
    fn a_list_is_what_a_search_finds() {
        for metric in Metric::ALL {
            let data = Random::new(5).clustered(300, 12, 6);
            let vectors = Vectors { data: Floats::Single(&data), dim: 12, metric, present: None };
            let order: Vec<u32> = (0..300).rev().collect();
            let search = |queries: &[Query]| exact_search(&vectors, queries, None);
            let bytes = build_lists(&vectors, 10, &order, search, &|_, _| {});
            let lists = Lists::open(&bytes).unwrap();
            for row in 0..300 {
                let query = Query {
                    vector: &vectors.get(row).unwrap(),
                    exclude: &[row],
                    k: 10,
                    min_similarity: None,
                };
                let near = lists.of(row);
                let stored = (0..near.rows.len())
                    .map(|place| Hit { row: near.rows[place], similarity: near.similarity(place) });
                assert_eq!(stored.collect::<Vec<_>>(), search(&[query])[0]);
                let least = near.similarity(4);
                assert!(near.at_least(least).len() >= 5);
                assert!(!near.is_all);
            }
            assert!(lists.of(300).rows.is_empty());
        }
    }

    #[test]
    fn what_is_cut_off_is_no_list() {
        let vectors = Vectors {
            data: Floats::Single(&[1.0, 0.0, 0.0, 1.0]),
            dim: 2,
            metric: Metric::Cosine,
            present: None,
        };
        let search = |queries: &[Query]| exact_search(&vectors, queries, None);
        let bytes = build_lists(&vectors, 3, &[0, 1], search, &|_, _| {});
        let near = Lists::open(&bytes).unwrap();
        assert_eq!((near.of(0).rows, near.of(0).is_all), (&[1][..], true));
        assert!(Lists::open(&bytes[..bytes.len() - 4]).is_err());
        assert!(Lists::open(&[0; 64]).is_err());
        assert!(Lists::open(&[]).is_err());
    }
}
