//! From rows to nodes: distinct codes, an order of insertion, and numbers that follow the landmarks.
//!
//! Codes sorted by their hash are in an order that is random and yet a function of the data alone. The
//! first of them are the landmarks, and all are inserted in this order. Node *numbers* are another
//! matter: nodes with the same nearest landmark get numbers in sequence, and so lie together.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::NONE;
use super::walk::Terms;
use crate::ann::codes::{Meaning, Quantizer, distance_variance, is_usable, product_variance};
use crate::ann::simd::{CodedQuery, Codes, Level, dots};
use crate::ann::{Metric, Vectors};

/// Nodes, and links of each, by which the error of codes is measured.
const SAMPLE: usize = 512;
const SAMPLE_LINKS: usize = 8;
/// Largest error that is reckoned with, in multiples of that of independent ones.
const MOST_ERROR: f64 = 32.0;

/// Set in an offset if all rows of the node have the same vector to the bit.
pub const UNIFORM: u32 = 1 << 31;

/// Nodes in their numbering.
pub struct Nodes {
    pub quantizer: Quantizer<'static>,
    /// `stride` bytes per node.
    pub codes: Vec<u8>,
    /// Node `i` stands for `rows[offsets[i]..offsets[i + 1]]`, ascending (less the mark [`UNIFORM`]).
    pub offsets: Vec<u32>,
    pub rows: Vec<u32>,
    /// Node numbers in order of insertion; the first `landmarks` are the landmarks.
    pub insertion: Vec<u32>,
    pub landmarks: usize,
    /// Where the nodes nearest to each landmark begin, and at last where they end.
    pub cells: Vec<u32>,
    /// What the codes of each node stand for.
    pub meanings: Vec<Meaning>,
}

/// Rows of equal codes: a range of the sorted rows.
type Group = std::ops::Range<usize>;

impl Nodes {
    pub fn of(vectors: &Vectors) -> Nodes {
        let all = (0..vectors.len() as u32).into_par_iter();
        let rows: Vec<u32> = all.filter(|&row| is_usable(vectors, row)).collect();
        let quantizer = Quantizer::fit_each(vectors, &rows);
        let stride = quantizer.stride().max(1);
        let mut row_codes = vec![0; rows.len() * stride];
        let mut of_rows = vec![Meaning::default(); rows.len()];
        row_codes.par_chunks_mut(stride).zip(&mut of_rows).zip(&rows).for_each_init(
            Vec::new,
            |room, ((out, meaning), &row)| {
                *meaning = quantizer.encode(vectors.read(row, room).unwrap_or(&[]), out);
            },
        );
        let code = |i: u32| &row_codes[i as usize * stride..][..stride];
        let same = |a: u32, b: u32| {
            code(a) == code(b) && of_rows[a as usize].step == of_rows[b as usize].step
        };
        let sorted = sort_by_code(&row_codes, stride, &of_rows);
        let groups = group(&sorted, same);
        let landmarks = landmark_count(groups.len());
        let by_rank = gather(&groups, stride, |group| code(sorted[group.start]));
        let of_ranks: Vec<Meaning> =
            groups.iter().map(|group| of_rows[sorted[group.start] as usize]).collect();
        let (order, cells) = number(&by_rank, stride, &of_ranks, landmarks);

        let mut insertion = vec![0; groups.len()];
        for (node, &rank) in order.iter().enumerate() {
            insertion[rank as usize] = node as u32;
        }
        let groups: Vec<Group> = order.iter().map(|&rank| groups[rank as usize].clone()).collect();
        let codes = gather(&order, stride, |&rank| &by_rank[rank as usize * stride..][..stride]);
        let (offsets, rows) = spread(vectors, &groups, &sorted, &rows);
        let meanings = order.iter().map(|&rank| of_ranks[rank as usize]).collect();
        Nodes { quantizer, codes, offsets, rows, insertion, landmarks, cells, meanings }
    }

    pub fn len(&self) -> usize {
        self.insertion.len()
    }

    /// By how much errors of codes are larger than independent ones, in the mean over some links: where
    /// values of a vector depend on each other their errors may add up, and some may have been cut off.
    pub fn error(&self, vectors: &Vectors, links: &[u32], degree: usize) -> f32 {
        let step = self.len().div_ceil(SAMPLE).max(1);
        let (mut sum, mut count) = (0.0, 0);
        for node in (0..self.len()).step_by(step) {
            let list = &links[node * degree..][..degree.min(SAMPLE_LINKS)];
            for &other in list.iter().take_while(|&&other| other != NONE) {
                let share = self.error_of(vectors, node, other as usize);
                sum += share.filter(|share| share.is_finite()).unwrap_or(0.0);
                count += 1;
            }
        }
        f64::max(sum / f64::from(count.max(1)), 1.0).sqrt().min(MOST_ERROR) as f32
    }

    /// The squared error of the score between two nodes' first rows, as a multiple of its variance.
    fn error_of(&self, vectors: &Vectors, a: usize, b: usize) -> Option<f64> {
        let values = |node: usize| -> Option<Vec<f64>> {
            let row = self.rows[(self.offsets[node] & !UNIFORM) as usize];
            Some(self.quantizer.values(&vectors.get(row)?).collect())
        };
        let stride = self.quantizer.stride();
        let coded = |node: usize| {
            let step = self.step(node);
            let codes = &self.codes[node * stride..][..self.quantizer.dim];
            codes.iter().map(move |&c| (f64::from(c) - 128.0) * step)
        };
        let (x, y) = (values(a)?, values(b)?);
        let is_product = self.quantizer.metric == Metric::Dot;
        let score = |x: f64, y: f64| if is_product { x * y } else { (x - y).powi(2) };
        let truth: f64 = x.iter().zip(&y).map(|(x, y)| score(*x, *y)).sum();
        let found: f64 = coded(a).zip(coded(b)).map(|(x, y)| score(x, y)).sum();
        let steps = [a, b].map(|node| self.step(node) as f32);
        let variance = if is_product {
            product_variance(self.meanings[a], self.meanings[b])
        } else {
            distance_variance(found as f32, steps, self.quantizer.dim)
        };
        Some((truth - found).powi(2) / f64::from(variance))
    }

    /// The value of one code of a node.
    fn step(&self, node: usize) -> f64 {
        match self.quantizer.each {
            true => f64::from(self.meanings[node].step),
            false => 1.0 / f64::from(self.quantizer.scale),
        }
    }
}

/// How many landmarks a graph has: scanning them, and the nodes around one, cost about the same.
pub fn landmark_count(nodes: usize) -> usize {
    (2.0 * (nodes as f64).sqrt()).ceil().min(nodes as f64) as usize
}

/// Positions of codes sorted by hash, then code, then step, then position.
fn sort_by_code(codes: &[u8], stride: usize, meanings: &[Meaning]) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = codes
        .par_chunks_exact(stride)
        .zip(meanings)
        .enumerate()
        .map(|(i, (code, meaning))| {
            let seed = u64::from(meaning.step.to_bits());
            (xxh3_64_with_seed(code, seed), i as u32)
        })
        .collect();
    let code = |i: u32| &codes[i as usize * stride..][..stride];
    let step = |i: u32| meanings[i as usize].step;
    keyed.par_sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| code(a.1).cmp(code(b.1)))
            .then_with(|| step(a.1).total_cmp(&step(b.1)))
            .then(a.1.cmp(&b.1))
    });
    keyed.into_iter().map(|(_, i)| i).collect()
}

fn group(sorted: &[u32], same: impl Fn(u32, u32) -> bool) -> Vec<Group> {
    let mut start = 0;
    sorted
        .chunk_by(|&a, &b| same(a, b))
        .map(|chunk| {
            let group = start..start + chunk.len();
            start = group.end;
            group
        })
        .collect()
}

/// Rows of codes, copied together.
fn gather<'a, T: Sync>(
    items: &[T],
    stride: usize,
    code: impl Fn(&T) -> &'a [u8] + Sync,
) -> Vec<u8> {
    let mut out = vec![0; items.len() * stride];
    out.par_chunks_mut(stride).zip(items).for_each(|(out, item)| out.copy_from_slice(code(item)));
    out
}

/// Ranks in the order of node numbers (by nearest landmark, then rank), and where each landmark's begin.
fn number(
    by_rank: &[u8],
    stride: usize,
    meanings: &[Meaning],
    landmarks: usize,
) -> (Vec<u32>, Vec<u32>) {
    let codes = Codes::new(by_rank, stride);
    let ids: Vec<u32> = (0..landmarks as u32).collect();
    // by distance under every metric
    let terms = Terms { meanings: Some(meanings) };
    let nearest = |rank: u32, probe: &mut CodedQuery, products: &mut Vec<i32>| {
        probe.set_row(codes.row(rank));
        dots(Level::detect(), probe, codes, &ids, products);
        let weight = 1.0 / meanings[rank as usize].step;
        let scores = products.iter().zip(&ids);
        scores.map(|(&p, &id)| (terms.score(p, id, weight), std::cmp::Reverse(id))).max()
    };
    let mut keyed: Vec<(u32, u32)> = (0..codes.len() as u32)
        .into_par_iter()
        .with_min_len(256)
        .map_init(Default::default, |(probe, products), rank| {
            let landmark = nearest(rank, probe, products).map_or(0, |(_, id)| id.0);
            (landmark, rank)
        })
        .collect();
    keyed.par_sort_unstable();
    let begin = |landmark: u32| keyed.partition_point(|&(other, _)| other < landmark) as u32;
    let cells = (0..=landmarks as u32).map(begin).collect();
    (keyed.into_iter().map(|(_, rank)| rank).collect(), cells)
}

/// Offsets and rows of the nodes.
fn spread(
    vectors: &Vectors,
    groups: &[Group],
    sorted: &[u32],
    usable: &[u32],
) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = Vec::with_capacity(groups.len() + 1);
    let mut rows = Vec::with_capacity(sorted.len());
    for group in groups {
        let start = rows.len();
        rows.extend(sorted[group.clone()].iter().map(|&i| usable[i as usize]));
        let uniform = rows[start..].windows(2).all(|pair| same(vectors, pair[0], pair[1]));
        offsets.push(start as u32 | if uniform { UNIFORM } else { 0 });
    }
    offsets.push(rows.len() as u32);
    (offsets, rows)
}

fn same(vectors: &Vectors, a: u32, b: u32) -> bool {
    match (vectors.stored(a), vectors.stored(b)) {
        (Some(a), Some(b)) => a.is_same(&b),
        _ => false,
    }
}
