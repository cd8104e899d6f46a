//! Building: batches that double, each searched against the frozen graph and then linked in order.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::image::{GraphImage, Parts};
use super::nodes::Nodes;
use super::prune::{Measure, Pruner, Space};
use super::walk::{Field, Terms, Walk};
use super::{MAX_NODES, NONE};
use crate::ann::Vectors;
use crate::ann::codes::Meaning;
use crate::ann::simd::{CodedQuery, Codes, Level};

/// Nodes handled by one task.
const TASK: usize = 512;

/// Settings of [`build_graph`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphParams {
    /// Most neighbours of a node (4 bytes each).
    pub degree: usize,
    /// Nodes kept in the pool of the search that inserts a node.
    pub ef_construction: usize,
    /// How much nearer a neighbour must be to a candidate than the node, to cover it. At least 1; more
    /// gives longer lists that reach further.
    pub alpha: f32,
}

impl GraphParams {
    /// Room for neighbours of a node that changes: lists are pruned when it is used up, not at every link.
    pub(super) fn room(&self) -> usize {
        let degree = self.degree.max(2);
        degree + degree / 2
    }
}

impl Default for GraphParams {
    fn default() -> GraphParams {
        GraphParams { degree: 48, ef_construction: 128, alpha: 1.1 }
    }
}

/// Builds the graph of all rows that can be searched, on the current rayon pool; the image does not
/// depend on the pool, nor on the CPU. `progress` is called with (nodes done, nodes in all).
///
/// # Errors
/// If there are more rows than a graph can number (2^31).
pub fn build_graph(
    vectors: &Vectors,
    params: GraphParams,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<GraphImage, String> {
    if vectors.len() >= MAX_NODES {
        return Err(format!("a graph holds fewer than {MAX_NODES} rows, found {}", vectors.len()));
    }
    let mut nodes = Nodes::of(vectors);
    let mut builder = Builder::new(&nodes, params);
    builder.insert_all(progress);
    let (links, degree) = (builder.finished_links(), builder.degree);
    let landmarks = reachable_from(&links, degree, builder.landmarks());
    nodes.quantizer.error = nodes.error(vectors, &links, degree);
    Ok(GraphImage::write(&Parts {
        table_rows: vectors.len(),
        degree,
        landmarks: &landmarks,
        links: &links,
        meanings: if nodes.quantizer.each { &nodes.meanings } else { &[] },
        nodes: &nodes,
    }))
}

struct Builder<'a> {
    nodes: &'a Nodes,
    space: Space<'a>,
    landmark_codes: Vec<u8>,
    landmark_meanings: Vec<Meaning>,
    degree: usize,
    room: usize,
    width: usize,
    alpha: f32,
    /// `room` per node.
    links: Vec<u32>,
    walks: Shelf<(Walk, CodedQuery)>,
}

impl<'a> Builder<'a> {
    fn new(nodes: &'a Nodes, params: GraphParams) -> Builder<'a> {
        let stride = nodes.quantizer.stride();
        let codes = Codes::new(&nodes.codes, stride.max(1));
        let degree = params.degree.max(2);
        let room = params.room();
        let landmarks = &nodes.insertion[..nodes.landmarks];
        let of_landmarks = landmarks.iter().map(|&id| nodes.meanings[id as usize]);
        Builder {
            nodes,
            space: Space {
                level: Level::detect(),
                codes,
                meanings: &nodes.meanings,
                metric: nodes.quantizer.metric,
            },
            landmark_codes: landmarks.iter().flat_map(|&id| codes.row(id)).copied().collect(),
            landmark_meanings: of_landmarks.collect(),
            degree,
            room,
            width: params.ef_construction.max(degree),
            alpha: params.alpha.max(1.0),
            links: vec![NONE; nodes.len() * room],
            walks: Shelf::default(),
        }
    }

    fn landmarks(&self) -> &'a [u32] {
        &self.nodes.insertion[..self.nodes.landmarks]
    }

    fn pruner(&self) -> Pruner<'a> {
        Pruner::new(self.space, self.degree, self.alpha)
    }

    fn insert_all(&mut self, progress: &(dyn Fn(u64, u64) + Sync)) {
        let all = self.nodes.len();
        let mut done = all.min(1); // the first has nothing to link to
        while done < all {
            let end = (done + batch_size(done)).min(all);
            let mut batch = self.nodes.insertion[done..end].to_vec();
            batch.sort_unstable(); // nodes that lie together search together, in warm caches
            let found = self.neighbours(&batch, done);
            self.link(&batch, &found);
            done = end;
            progress(done as u64, all as u64);
        }
    }

    /// The neighbours of each node of the batch among the first `inserted`: `degree` per node.
    fn neighbours(&self, batch: &[u32], inserted: usize) -> Vec<u32> {
        let known = self.nodes.landmarks.min(inserted);
        let stride = self.nodes.quantizer.stride();
        let each = self.nodes.quantizer.each;
        let field = Field {
            level: self.space.level,
            codes: self.space.codes,
            links: &self.links,
            degree: self.room,
            landmarks: &self.nodes.insertion[..known],
            landmark_codes: Codes::new(&self.landmark_codes[..known * stride], stride),
            landmark_terms: Terms { meanings: each.then_some(&self.landmark_meanings) },
            cells: &[],
            terms: Terms { meanings: each.then_some(&self.nodes.meanings) },
        };
        let mut found = vec![NONE; batch.len() * self.degree];
        let tasks = found.par_chunks_mut(TASK * self.degree).zip(batch.par_chunks(TASK));
        tasks.for_each(|(found, batch)| {
            let (mut walk, mut probe) = self.walks.take();
            let mut pruner = self.pruner();
            let mut candidates = Vec::new();
            for (&node, found) in batch.iter().zip(found.chunks_mut(self.degree)) {
                candidates.clear();
                for &measure in Measure::of(self.space.metric) {
                    self.space.aim(&mut probe, node, measure);
                    walk.run(&field, &probe, self.width, self.width);
                    candidates.extend(walk.pool.nodes());
                }
                let chosen = pruner.choose(node, &candidates);
                found[..chosen.len()].copy_from_slice(chosen);
            }
            self.walks.put((walk, probe));
        });
        found
    }

    /// Writes the lists of the batch, and the links back.
    fn link(&mut self, batch: &[u32], found: &[u32]) {
        let back = links_back(batch, found, self.degree);
        let (space, degree, room, alpha) = (self.space, self.degree, self.room, self.alpha);
        let blocks = self.links.par_chunks_mut(TASK * room).enumerate();
        blocks.for_each(|(block, links)| {
            let first = (block * TASK) as u32;
            let nodes = first..first + (links.len() / room) as u32;
            for i in within(batch, &nodes, |&node| node) {
                let list = &found[i * degree..][..degree];
                links[(batch[i] - first) as usize * room..][..degree].copy_from_slice(list);
            }
            let mut pruner = Pruner::new(space, degree, alpha);
            let back = &back[within(&back, &nodes, |&pair| target_of(pair))];
            for group in back.chunk_by(|&a, &b| target_of(a) == target_of(b)) {
                let target = target_of(group[0]);
                let list = &mut links[(target - first) as usize * room..][..room];
                add(list, target, group, &mut pruner);
            }
        });
    }

    /// All lists, pruned to `degree`.
    fn finished_links(&self) -> Vec<u32> {
        let mut out = vec![NONE; self.nodes.len() * self.degree];
        let tasks =
            out.par_chunks_mut(TASK * self.degree).zip(self.links.par_chunks(TASK * self.room));
        tasks.enumerate().for_each(|(task, (out, links))| {
            let mut pruner = self.pruner();
            let lists = out.chunks_mut(self.degree).zip(links.chunks(self.room));
            for (i, (out, list)) in lists.enumerate() {
                let list = &list[..length(list)];
                if list.len() <= self.degree {
                    out[..list.len()].copy_from_slice(list);
                } else {
                    let chosen = pruner.choose((task * TASK + i) as u32, list);
                    out[..chosen.len()].copy_from_slice(chosen);
                }
            }
        });
        out
    }
}

/// Doubling, but never more than a fiftieth of what is there once that is much: nodes of a batch do not
/// see each other.
fn batch_size(inserted: usize) -> usize {
    (inserted / 50).max(inserted.min(1_024))
}

/// Pairs of target and source of all lists of the batch, in order.
fn links_back(batch: &[u32], found: &[u32], degree: usize) -> Vec<u64> {
    let lists = batch.par_iter().zip(found.par_chunks(degree));
    let mut back: Vec<u64> = lists
        .flat_map_iter(|(&source, list)| {
            let targets = list.iter().take_while(|&&target| target != NONE);
            targets.map(move |&target| u64::from(target) << 32 | u64::from(source))
        })
        .collect();
    back.par_sort_unstable();
    back
}

/// The places of the sorted items whose nodes are in the range.
fn within<T>(items: &[T], nodes: &Range<u32>, node: impl Fn(&T) -> u32) -> Range<usize> {
    let start = items.partition_point(|item| node(item) < nodes.start);
    start..items.partition_point(|item| node(item) < nodes.end)
}

fn target_of(pair: u64) -> u32 {
    (pair >> 32) as u32
}

fn length(list: &[u32]) -> usize {
    list.iter().position(|&id| id == NONE).unwrap_or(list.len())
}

/// Adds the sources of `group` (pairs of target and source) to the list of `target`, pruning it if they do
/// not fit.
pub fn add(list: &mut [u32], target: u32, group: &[u64], pruner: &mut Pruner) {
    let old = length(list);
    let sources = group.iter().map(|&pair| pair as u32);
    if old + group.len() <= list.len() {
        for (slot, source) in list[old..].iter_mut().zip(sources) {
            *slot = source;
        }
        return;
    }
    let candidates: Vec<u32> = list[..old].iter().copied().chain(sources).collect();
    let chosen = pruner.choose(target, &candidates);
    list.fill(NONE);
    list[..chosen.len()].copy_from_slice(chosen);
}

/// The landmarks, and one node of every part of the graph that they do not reach.
fn reachable_from(links: &[u32], degree: usize, landmarks: &[u32]) -> Vec<u32> {
    let mut reached = vec![false; links.len() / degree];
    let mut starts = landmarks.to_vec();
    let mut stack = Vec::new();
    let mut visit = |start: u32, reached: &mut Vec<bool>| {
        stack.push(start);
        reached[start as usize] = true;
        while let Some(node) = stack.pop() {
            let list = &links[node as usize * degree..][..degree];
            for &next in &list[..length(list)] {
                if !std::mem::replace(&mut reached[next as usize], true) {
                    stack.push(next);
                }
            }
        }
    };
    for &start in landmarks {
        visit(start, &mut reached);
    }
    for node in 0..reached.len() {
        if !reached[node] {
            starts.push(node as u32);
            visit(node as u32, &mut reached);
        }
    }
    starts
}

/// Scratch that tasks take and put back.
struct Shelf<T>(Mutex<Vec<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Shelf<T> {
        Shelf(Mutex::new(Vec::new()))
    }
}

impl<T: Default> Shelf<T> {
    fn take(&self) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        taken.unwrap_or_default()
    }

    fn put(&self, item: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}
