//! What rejects rows: a panel of queries, or a few queries one after another.

use super::best::{Best, REGULAR};
use crate::ann::simd::{BLOCK, DEPTH, Level, Measure, Panel, STREAMS, Single, TILE, Tile, square};
use crate::ann::{Hit, Metric, Vectors};
use crate::types::Floats;

/// Most queries that are faster one after another.
pub const FEW: usize = 4;
/// Tiles ahead of which scattered rows are asked for.
const AHEAD: usize = 2;
/// Values of halves that are decoded at once: they stay in the nearest cache.
const DECODED: usize = 4 << 10;

/// Queries with their best rows so far, and what rejects the others.
pub struct Filter<'a> {
    level: Level,
    vectors: Vectors<'a>,
    bests: Vec<Best<'a>>,
    how: How,
}

enum How {
    Together(Panel),
    Singly(Vec<Single>),
}

impl How {
    fn new(vectors: &Vectors, bests: &[Best]) -> How {
        let measure = match vectors.metric {
            Metric::L2 => Measure::NegativeSquare,
            Metric::Cosine | Metric::Dot => Measure::Product,
        };
        if bests.len() <= FEW {
            let single = |best: &Best| Single::new(best.values().collect(), measure, REGULAR);
            return How::Singly(bests.iter().map(single).collect());
        }
        let mut panel = Panel::new(bests.len(), vectors.dim, measure);
        for (j, best) in bests.iter().enumerate().filter(|(_, best)| best.alive) {
            panel.set(j, best.values());
        }
        How::Together(panel)
    }

    /// Sets what a query rejects.
    fn set(&mut self, j: usize, (slope, base): (f32, f32)) {
        match self {
            How::Together(panel) => (panel.slope[j], panel.base[j]) = (slope, base),
            How::Singly(singles) => (singles[j].slope, singles[j].base) = (slope, base),
        }
    }
}

impl<'a> Filter<'a> {
    pub fn new(level: Level, vectors: &Vectors<'a>, bests: Vec<Best<'a>>) -> Filter<'a> {
        let mut how = How::new(vectors, &bests);
        for (j, best) in bests.iter().enumerate().filter(|(_, best)| best.alive) {
            how.set(j, best.bound());
        }
        Filter { level, vectors: *vectors, bests, how }
    }

    /// Whether any query can find anything.
    pub fn can_find(&self) -> bool {
        self.bests.iter().any(|best| best.alive)
    }

    /// The best rows of each query.
    pub fn into_hits(self) -> Vec<Vec<Hit>> {
        let finish = |mut best: Best<'a>| {
            best.settle(&self.vectors);
            best.hits.sort_unstable_by(Hit::order);
            best.hits.shrink_to_fit();
            best.hits
        };
        self.bests.into_iter().map(finish).collect()
    }

    /// Scans rows; `scattered` if they do not lie together.
    pub fn scan(&mut self, rows: &[u32], scattered: bool) {
        match (&self.how, self.vectors.data) {
            (How::Together(_), _) => self.scan_together(rows, scattered),
            (How::Singly(_), Floats::Single(data)) => self.scan_singly(data, rows),
            (How::Singly(_), Floats::Half(_)) => self.scan_halves(rows),
        }
    }

    fn scan_singly(&mut self, data: &[f32], rows: &[u32]) {
        self.note_streams(data, rows, rows);
    }

    fn scan_halves(&mut self, rows: &[u32]) {
        let count = (DECODED / self.vectors.dim.max(1)).max(STREAMS);
        let places: Vec<u32> = (0..count as u32).collect();
        let (mut decoded, mut room) = (Vec::new(), Vec::new());
        for rows in rows.chunks(count) {
            decoded.clear();
            for row in rows.iter().filter_map(|&row| self.vectors.place(row)) {
                decoded.extend_from_slice(row.decode(&mut room));
            }
            self.note_streams(&decoded, &places[..rows.len()], rows);
        }
    }

    /// Compares rows with each query. They stand in `data` at `places`. A few that are left over when they
    /// are parted in streams are not rejected.
    fn note_streams(&mut self, data: &[f32], places: &[u32], rows: &[u32]) {
        let length = rows.len() / STREAMS;
        for start in (0..length).step_by(DEPTH) {
            let streams: [&[u32]; STREAMS] =
                std::array::from_fn(|s| &places[s * length + start..(s + 1) * length]);
            for j in 0..self.bests.len() {
                let How::Singly(singles) = &self.how else {
                    return;
                };
                if !self.bests[j].alive {
                    continue;
                }
                let mut kept = singles[j].survivors(self.level, data, streams);
                while kept != 0 {
                    let bit = kept.trailing_zeros() as usize;
                    kept &= kept - 1;
                    self.note(j, rows[bit % STREAMS * length + start + bit / STREAMS]);
                }
            }
        }
        for &row in &rows[length * STREAMS..] {
            (0..self.bests.len()).for_each(|j| self.note(j, row));
        }
    }

    fn scan_together(&mut self, eligible: &[u32], scattered: bool) {
        let mut rooms: [Vec<f32>; TILE] = Default::default();
        for (tile, rows) in eligible.chunks(TILE).enumerate() {
            if scattered {
                let ahead = (tile + AHEAD) * TILE;
                for &row in eligible.iter().skip(ahead).take(TILE) {
                    self.vectors.prefetch(row);
                }
            }
            let How::Together(panel) = &self.how else {
                return;
            };
            let mut next = rows.iter().chain(std::iter::repeat(&rows[rows.len() - 1]));
            let mut tile = Tile {
                rows: rooms.each_mut().map(|room| {
                    let row = next.next().and_then(|&row| self.vectors.place(row));
                    row.map_or(&[][..], |row| row.decode(room))
                }),
                lengths: [0.0; TILE],
            };
            let irregular = measure_lengths(self.level, panel.measure, &mut tile);
            let (survivors, blocks) = (tile.survivors(self.level, panel), panel.blocks());
            for (i, &row) in rows.iter().enumerate() {
                let forced = irregular >> i & 1 == 1;
                self.note_all(row, &survivors[i][..blocks], forced);
            }
        }
    }

    /// Lets the queries that did not reject `row` remember it.
    #[inline]
    fn note_all(&mut self, row: u32, survivors: &[u16], forced: bool) {
        for (block, &mask) in survivors.iter().enumerate() {
            let mut mask = if forced { u16::MAX } else { mask };
            while mask != 0 {
                let j = block * BLOCK + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                self.note(j, row);
            }
        }
    }

    #[inline]
    fn note(&mut self, j: usize, row: u32) {
        let Some(best) = self.bests.get_mut(j).filter(|best| best.alive) else {
            return;
        };
        if best.remember(row) {
            best.settle(&self.vectors);
            self.how.set(j, best.bound());
        }
    }
}

/// Fills in the lengths, and returns the bits of the rows that only exact scoring can judge.
fn measure_lengths(level: Level, measure: Measure, tile: &mut Tile) -> u32 {
    if measure == Measure::NegativeSquare {
        return 0; // the error of a squared distance is relative to itself
    }
    let mut irregular = 0;
    for i in 0..TILE {
        let square = square(level, tile.rows[i]);
        irregular |= u32::from(!REGULAR.contains(&square)) << i;
        tile.lengths[i] = square.sqrt();
    }
    irregular
}
