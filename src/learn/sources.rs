//! Work on blocks of sources on all threads: what is made of a block depends on nothing but the block, and the blocks
//! are put together in their order.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::strongest::link;
use super::{Edges, Stopped, Watch};

/// Sources of a block, at most.
const MOST: usize = 1_024;
/// Steps of work of a block, at most, unless a single source has more.
const STEPS: u64 = 1 << 22;

/// Cuts sources into blocks of about as much work, from the steps that each needs.
pub fn blocks(sources: usize, steps: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for source in 0..sources {
        let more = steps(source);
        let full = source - start >= MOST || sum.saturating_add(more) > STEPS;
        if source > start && full {
            blocks.push(start..source);
            (start, sum) = (source, 0);
        }
        sum = sum.saturating_add(more);
    }
    if start < sources {
        blocks.push(start..sources);
    }
    blocks
}

/// What `work` makes of each block, in order of the blocks. `scratch` makes what a thread reuses from block to block.
pub fn each_block<S, R: Send + Sync>(
    blocks: &[Range<usize>],
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> R + Sync,
    (stage, watch): (&'static str, &dyn Watch),
) -> Result<Vec<R>, Stopped> {
    let of = blocks.last().map_or(0, |last| last.end) as u64;
    let made: Vec<OnceLock<R>> = blocks.iter().map(|_| OnceLock::new()).collect();
    let (next, done, stopped) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let threads = rayon::current_num_threads().min(blocks.len());
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
        let mut scratch = scratch();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(block) = blocks.get(at) else { return };
            if stopped.load(Ordering::Relaxed)
                || !watch.go_on(stage, done.load(Ordering::Relaxed), of)
            {
                return stopped.store(true, Ordering::Relaxed);
            }
            let _ = made[at].set(work(&mut scratch, block.clone()));
            done.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
    });
    // a missing block is one before which the watch said no
    made.into_iter().map(|made| made.into_inner().ok_or(Stopped)).collect()
}

/// The links of a block of sources.
#[derive(Default)]
pub struct Block {
    counts: Vec<u32>,
    ends: Vec<u32>,
    weights: Vec<f32>,
}

impl Block {
    /// Adds the links of the next source.
    pub fn push(&mut self, keys: impl Iterator<Item = u64>) {
        let before = self.ends.len();
        for (end, weight) in keys.map(link) {
            self.ends.push(end);
            self.weights.push(weight);
        }
        self.counts.push((self.ends.len() - before) as u32);
    }
}

/// Learned links from the blocks of all sources, in order.
pub fn edges(blocks: Vec<Block>) -> Edges {
    let links = blocks.iter().map(|block| block.ends.len()).sum();
    let sources: usize = blocks.iter().map(|block| block.counts.len()).sum();
    let mut edges = Edges {
        offsets: Vec::with_capacity(sources + 1),
        ends: Vec::with_capacity(links),
        weights: Vec::with_capacity(links),
    };
    edges.offsets.push(0);
    let mut end = 0;
    for block in blocks {
        for count in block.counts {
            end += u64::from(count);
            edges.offsets.push(end);
        }
        edges.ends.extend(block.ends);
        edges.weights.extend(block.weights);
    }
    edges
}
