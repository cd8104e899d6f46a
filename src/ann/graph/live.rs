//! A graph that rows are added to and removed from, one at a time.
//!
//! An inserted row is searched for like a row of a build, linked to the neighbours that pruning leaves, and
//! they to it. The last row that is removed from a node leaves it behind: it is still walked through, but
//! nothing is found there. What a graph is like depends on the order of operations and on nothing else.
//! Codes keep the scale of the first build, and nodes without rows cost time, so that a graph of which
//! much has changed ([`LiveGraph::changed`]) is better built again.

use super::NONE;
use super::build::add;
use super::nodes::landmark_count;
use super::prune::{Measure, Pruner, Space};
use super::search::{Graph, Scratch, walk_or_scan, wanted};
use super::walk::{Field, Terms};
use crate::ann::codes::{Meaning, Quantizer, is_usable};
use crate::ann::simd::{Codes, Level};
use crate::ann::{GraphParams, Hit, Query, Vectors, bit};

/// A graph in memory that changes. [`Graph::to_live`] makes one.
pub struct LiveGraph {
    quantizer: Quantizer<'static>,
    params: GraphParams,
    codes: Vec<u8>,
    meanings: Vec<Meaning>,
    /// `room` per node.
    links: Vec<u32>,
    landmarks: Vec<u32>,
    landmark_codes: Vec<u8>,
    landmark_meanings: Vec<Meaning>,
    cells: Vec<u32>,
    /// Of each node, ascending; none where all were removed.
    rows: Vec<Vec<u32>>,
    /// Of each row: its node, or [`NONE`].
    node_of: Vec<u32>,
    /// The rows that are there, as bits.
    present: Vec<u64>,
    changed: usize,
    scratch: Scratch,
}

impl LiveGraph {
    /// An empty graph with the codes of another.
    pub(super) fn new(quantizer: Quantizer<'static>, params: GraphParams) -> LiveGraph {
        LiveGraph {
            quantizer,
            params,
            codes: Vec::new(),
            meanings: Vec::new(),
            links: Vec::new(),
            landmarks: Vec::new(),
            landmark_codes: Vec::new(),
            landmark_meanings: Vec::new(),
            cells: Vec::new(),
            rows: Vec::new(),
            node_of: Vec::new(),
            present: Vec::new(),
            changed: 0,
            scratch: Scratch::default(),
        }
    }

    /// Takes over a node with its rows and links.
    pub(super) fn push_node(&mut self, code: &[u8], step: f32, rows: &[u32], links: &[u32]) {
        let node = self.push_code(code, step);
        let list = &mut self.links[node as usize * self.params.room()..];
        list[..links.len()].copy_from_slice(links);
        for &row in rows {
            self.put(row, node);
        }
    }

    /// Takes over the landmarks, and the cells of the first of them.
    pub(super) fn set_landmarks(&mut self, landmarks: &[u32], cells: &[u32]) {
        landmarks.iter().for_each(|&node| self.push_landmark(node));
        self.cells = cells.to_vec();
    }

    /// Rows that a search can find.
    pub fn len(&self) -> usize {
        self.present.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether no row can be found.
    pub fn is_empty(&self) -> bool {
        self.present.iter().all(|&word| word == 0)
    }

    /// Whether a search can find a row.
    pub fn has(&self, row: u32) -> bool {
        bit(Some(&self.present), row as usize)
    }

    /// How many rows were inserted and removed.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// Lets a row be found by its vector. False if it can be found already, or if it has no vector that
    /// can be searched for, or one of another dimension or metric.
    pub fn insert(&mut self, vectors: &Vectors, row: u32) -> bool {
        if self.has(row) || !self.fits(vectors) || !is_usable(vectors, row) {
            return false;
        }
        let mut code = vec![0; self.quantizer.stride()];
        let vector = vectors.get(row).unwrap_or_default();
        let step = self.quantizer.encode(&vector, &mut code).step;
        let near = self.near(&code, step);
        let stride = code.len();
        let same = |node: &&u32| {
            let node = **node as usize;
            self.meanings[node].step == step && self.codes[node * stride..][..stride] == code
        };
        let node = match near.iter().find(same) {
            Some(&node) => node,
            None => self.add_node(&code, step, &near),
        };
        self.put(row, node);
        self.changed += 1;
        true
    }

    /// Lets a row not be found any more. False if it could not be found.
    pub fn remove(&mut self, row: u32) -> bool {
        if !self.has(row) {
            return false;
        }
        self.present[row as usize / 64] &= !(1 << (row % 64));
        let node = std::mem::replace(&mut self.node_of[row as usize], NONE);
        self.rows[node as usize].retain(|&other| other != row);
        self.changed += 1;
        true
    }

    /// Leaves about the `k` nearest rows of the query in `out`, as [`Graph::search`] does.
    pub fn search(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        scratch: &mut Scratch,
        out: &mut Vec<Hit>,
    ) {
        let walk = |scratch: &mut Scratch| self.fits(vectors) && self.walk(query, ef, scratch);
        walk_or_scan(vectors, query, Some(&self.present), walk, scratch, out);
    }

    fn walk(&self, query: &Query, ef: usize, scratch: &mut Scratch) -> bool {
        if self.rows.is_empty() {
            return true;
        }
        let Scratch { walk, probe, rows, .. } = scratch;
        self.quantizer.encode_query(query.vector, probe);
        let live = |node: u32| {
            let rows = self.rows[node as usize].iter().copied();
            rows.filter(|&row| !query.excludes(row))
        };
        let mut keep = |nodes: &[u32], kept: &mut Vec<bool>| {
            kept.clear();
            kept.extend(nodes.iter().map(|&node| live(node).next().is_some()));
        };
        let width = ef.max(wanted(query.k));
        walk.run_among(&self.field(false), probe, width, usize::MAX, false, &mut keep);
        rows.clear();
        for node in walk.pool.nodes() {
            if rows.len() >= wanted(query.k) {
                break;
            }
            rows.extend(live(node));
        }
        rows.len() >= query.k
    }

    fn fits(&self, vectors: &Vectors) -> bool {
        self.quantizer.dim == vectors.dim && self.quantizer.metric == vectors.metric
    }

    /// The graph as a walk sees it.
    fn field(&self, building: bool) -> Field<'_> {
        let stride = self.quantizer.stride();
        let each = self.quantizer.each;
        Field {
            level: Level::detect(),
            codes: Codes::new(&self.codes, stride),
            links: &self.links,
            degree: self.params.room(),
            landmarks: &self.landmarks,
            landmark_codes: Codes::new(&self.landmark_codes, stride),
            landmark_terms: Terms { meanings: each.then_some(&self.landmark_meanings) },
            cells: if building { &[] } else { &self.cells },
            terms: Terms { meanings: each.then_some(&self.meanings) },
        }
    }

    /// The nodes near a code.
    fn near(&mut self, code: &[u8], step: f32) -> Vec<u32> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let width = self.params.ef_construction.max(self.params.degree);
        let mut near = Vec::new();
        for &measure in Measure::of(self.quantizer.metric) {
            scratch.probe.set_row(code);
            scratch.probe.weight = match measure {
                Measure::Distance => 1.0 / step,
                Measure::Product => 0.0,
            };
            let field = self.field(true);
            scratch.walk.run(&field, &scratch.probe, width, width);
            near.extend(scratch.walk.pool.nodes());
        }
        self.scratch = scratch;
        near
    }

    /// A new node, linked with those near it.
    fn add_node(&mut self, code: &[u8], step: f32, near: &[u32]) -> u32 {
        let node = self.push_code(code, step);
        if landmark_count(self.rows.len()) > self.landmarks.len() {
            self.push_landmark(node);
        }
        let space = Space {
            level: Level::detect(),
            codes: Codes::new(&self.codes, code.len()),
            meanings: &self.meanings,
            metric: self.quantizer.metric,
        };
        let room = self.params.room();
        let mut pruner = Pruner::new(space, self.params.degree, self.params.alpha);
        let chosen = pruner.choose(node, near).to_vec();
        self.links[node as usize * room..][..chosen.len()].copy_from_slice(&chosen);
        for target in chosen {
            let list = &mut self.links[target as usize * room..][..room];
            let pair = u64::from(target) << 32 | u64::from(node);
            add(list, target, &[pair], &mut pruner);
        }
        node
    }

    fn push_code(&mut self, code: &[u8], step: f32) -> u32 {
        let node = self.rows.len() as u32;
        self.codes.extend(code);
        self.meanings.push(Meaning::of(code, step));
        self.rows.push(Vec::new());
        let room = self.params.room();
        self.links.resize(self.links.len() + room, NONE);
        node
    }

    fn push_landmark(&mut self, node: u32) {
        let stride = self.quantizer.stride();
        self.landmarks.push(node);
        self.landmark_meanings.push(self.meanings[node as usize]);
        let code = &self.codes[node as usize * stride..][..stride];
        self.landmark_codes.extend(code);
    }

    fn put(&mut self, row: u32, node: u32) {
        let rows = &mut self.rows[node as usize];
        let at = rows.partition_point(|&other| other < row);
        rows.insert(at, row);
        let place = row as usize;
        if self.node_of.len() <= place {
            self.node_of.resize(place + 1, NONE);
        }
        if self.present.len() <= place / 64 {
            self.present.resize(place / 64 + 1, 0);
        }
        self.node_of[place] = node;
        self.present[place / 64] |= 1 << (row % 64);
    }
}

impl Graph<'_> {
    /// The same graph in memory, to be changed. `params` are those of the build.
    pub fn to_live(&self, params: GraphParams) -> LiveGraph {
        let image = self.image();
        let quantizer = Quantizer {
            mean: image.quantizer.mean.to_vec().into(),
            metric: image.quantizer.metric,
            ..image.quantizer
        };
        let params = GraphParams { degree: image.degree, ..params };
        let mut live = LiveGraph::new(quantizer, params);
        let codes = image.codes.chunks_exact(image.stride.max(1));
        for (node, code) in codes.enumerate() {
            let links = &image.links[node * image.degree..][..image.degree];
            let step = image.meanings.get(node).map_or(1.0, |meaning| meaning.step);
            live.push_node(code, step, self.rows_of(node as u32).0, links);
        }
        live.set_landmarks(image.landmarks, image.cells);
        live
    }
}
