//! Choosing neighbours: near ones, but in different directions.

use crate::ann::simd::{CodedQuery, Codes, Level, dots};

/// Chosen neighbours compared with a candidate at once: near ones first, and they mostly decide.
const STEP: usize = 8;

/// The nodes and the geometry in which they are compared while building.
///
/// Under cosine and l2 that is the squared distance of codes. Under dot it is the negative product, as in
/// FAISS: not a distance, but the measure by which queries will walk (Morozov and Babenko, Non-metric
/// Similarity Graphs for Maximum Inner Product Search, 2018).
#[derive(Clone, Copy)]
pub struct Space<'a> {
    pub level: Level,
    pub codes: Codes<'a>,
    /// Squared length per node; none under dot.
    pub norms: Option<&'a [i32]>,
}

impl Space<'_> {
    pub fn aim(&self, probe: &mut CodedQuery, node: u32) {
        probe.set_row(self.codes.row(node));
    }

    /// How far `node`, which the probe is aimed at, is from `others`.
    fn distances(&self, probe: &CodedQuery, node: u32, others: &[u32], out: &mut Vec<i32>) {
        dots(self.level, probe, self.codes, others, out);
        for (out, &other) in out.iter_mut().zip(others) {
            *out = match self.norms {
                Some(norms) => norms[node as usize] + norms[other as usize] - 2 * *out,
                None => -*out,
            };
        }
    }
}

/// Scratch and settings of pruning.
pub struct Pruner<'a> {
    pub space: Space<'a>,
    pub degree: usize,
    /// A neighbour `s` covers candidate `c` of `p` if `alpha² |s - c|² <= |p - c|²`.
    /// Under dot `s` covers `c` if it is no farther than `p`.
    pub alpha_squared: f32,
    probe: CodedQuery,
    distances: Vec<i32>,
    candidates: Vec<(i32, u32)>,
    chosen: Vec<u32>,
}

impl<'a> Pruner<'a> {
    pub fn new(space: Space<'a>, degree: usize, alpha: f32) -> Pruner<'a> {
        Pruner {
            space,
            degree,
            alpha_squared: if space.norms.is_some() {
                alpha * alpha
            } else {
                1.0
            },
            probe: CodedQuery::default(),
            distances: Vec::new(),
            candidates: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Chooses at most `degree` of the candidates as neighbours of `node` (robust pruning of DiskANN):
    /// nearest first, without those that a chosen one covers.
    pub fn choose(&mut self, node: u32, candidates: &[u32]) -> &[u32] {
        self.space.aim(&mut self.probe, node);
        self.space
            .distances(&self.probe, node, candidates, &mut self.distances);
        self.candidates.clear();
        let pairs = self
            .distances
            .iter()
            .copied()
            .zip(candidates.iter().copied());
        self.candidates.extend(pairs.filter(|&(_, id)| id != node));
        self.candidates.sort_unstable();
        self.chosen.clear();
        for i in 0..self.candidates.len() {
            let (distance, id) = self.candidates[i];
            if self.chosen.len() == self.degree {
                break;
            }
            if !self.covered(id, distance) {
                self.chosen.push(id);
            }
        }
        &self.chosen
    }

    fn covered(&mut self, id: u32, distance: i32) -> bool {
        if self.chosen.is_empty() {
            return false;
        }
        self.space.aim(&mut self.probe, id);
        let bound = distance as f32 / self.alpha_squared;
        self.chosen.chunks(STEP).any(|some| {
            self.space
                .distances(&self.probe, id, some, &mut self.distances);
            self.distances.iter().any(|&d| d as f32 <= bound)
        })
    }
}
