//! From rows to nodes: distinct codes, an order of insertion, and numbers that follow the landmarks.
//!
//! Codes sorted by their hash are in an order that is random and yet a function of the data alone. The
//! first of them are the landmarks, and all are inserted in this order. Node *numbers* are another
//! matter: nodes with the same nearest landmark get numbers in sequence, and so lie together.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::walk::Terms;
use crate::ann::Vectors;
use crate::ann::codes::{Quantizer, is_usable};
use crate::ann::simd::{CodedQuery, Codes, Level, dots};

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
    /// Squared length per node.
    pub norms: Vec<i32>,
}

/// Rows of equal codes: a range of the sorted rows.
type Group = std::ops::Range<usize>;

impl Nodes {
    pub fn of(vectors: &Vectors) -> Nodes {
        let all = (0..vectors.len() as u32).into_par_iter();
        let rows: Vec<u32> = all.filter(|&row| is_usable(vectors, row)).collect();
        let quantizer = Quantizer::fit(vectors, &rows);
        let stride = quantizer.stride().max(1);
        let mut row_codes = vec![0; rows.len() * stride];
        row_codes
            .par_chunks_mut(stride)
            .zip(&rows)
            .for_each_init(Vec::new, |room, (out, &row)| {
                quantizer.encode(vectors.read(row, room).unwrap_or(&[]), out);
            });
        let sorted = sort_by_code(&row_codes, stride);
        let code = |i: u32| &row_codes[i as usize * stride..][..stride];
        let groups = group(&sorted, code);
        let landmarks = landmark_count(groups.len());
        let by_rank = gather(&groups, stride, |group| code(sorted[group.start]));
        let (order, cells) = number(&by_rank, stride, landmarks);

        let mut insertion = vec![0; groups.len()];
        for (node, &rank) in order.iter().enumerate() {
            insertion[rank as usize] = node as u32;
        }
        let groups: Vec<Group> = order
            .iter()
            .map(|&rank| groups[rank as usize].clone())
            .collect();
        let codes = gather(&order, stride, |&rank| {
            &by_rank[rank as usize * stride..][..stride]
        });
        let (offsets, rows) = spread(vectors, &groups, &sorted, &rows);
        let norms = squared_lengths(&codes, stride);
        Nodes {
            quantizer,
            codes,
            offsets,
            rows,
            insertion,
            landmarks,
            cells,
            norms,
        }
    }

    pub fn len(&self) -> usize {
        self.insertion.len()
    }
}

/// How many landmarks a graph has: scanning them, and the nodes around one, cost about the same.
pub fn landmark_count(nodes: usize) -> usize {
    (2.0 * (nodes as f64).sqrt()).ceil().min(nodes as f64) as usize
}

/// Positions of codes sorted by hash, then code, then position.
fn sort_by_code(codes: &[u8], stride: usize) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = codes
        .par_chunks_exact(stride)
        .enumerate()
        .map(|(i, code)| (xxh3_64(code), i as u32))
        .collect();
    let code = |i: u32| &codes[i as usize * stride..][..stride];
    keyed.par_sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| code(a.1).cmp(code(b.1)))
            .then(a.1.cmp(&b.1))
    });
    keyed.into_iter().map(|(_, i)| i).collect()
}

fn group<'a>(sorted: &[u32], code: impl Fn(u32) -> &'a [u8]) -> Vec<Group> {
    let mut start = 0;
    sorted
        .chunk_by(|&a, &b| code(a) == code(b))
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
    out.par_chunks_mut(stride)
        .zip(items)
        .for_each(|(out, item)| out.copy_from_slice(code(item)));
    out
}

/// Ranks in the order of node numbers (by nearest landmark, then rank), and where each landmark's begin.
fn number(by_rank: &[u8], stride: usize, landmarks: usize) -> (Vec<u32>, Vec<u32>) {
    let norms = squared_lengths(by_rank, stride);
    let codes = Codes::new(by_rank, stride);
    let ids: Vec<u32> = (0..landmarks as u32).collect();
    let terms = Terms {
        norms: Some(&norms),
    };
    let nearest = |rank: u32, probe: &mut CodedQuery, products: &mut Vec<i32>| {
        probe.set_row(codes.row(rank));
        dots(Level::detect(), probe, codes, &ids, products);
        let scores = products.iter().zip(&ids);
        scores
            .map(|(&p, &id)| (terms.score(p, id), std::cmp::Reverse(id)))
            .max()
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
        let uniform = rows[start..]
            .windows(2)
            .all(|pair| same(vectors, pair[0], pair[1]));
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

fn squared_lengths(codes: &[u8], stride: usize) -> Vec<i32> {
    let square = |code: &[u8]| code.iter().map(|&c| (i32::from(c) - 128).pow(2)).sum();
    codes.par_chunks_exact(stride).map(square).collect()
}
