//! Searches among some rows.
//!
//! Such a search walks as one among all where most pass, and keeps of what it finds the rows that do.
//! Where that is too little, it goes on through all nodes, and keeps those with a row that passes. It looks at
//! about `width / share` nodes, where `share` of the rows pass, so when few do, a scan of these is cheaper
//! ([`Graph::walks_among`]). A walk that takes as long as the scan gives up, and the scan decides: that
//! happens where the rows that pass are far from the query.

use super::search::{Found, Graph, MOST_WIDTH, Scratch, score, wanted};
use super::walk::{LANES, Lane, go_on_together};
use crate::ann::{Hit, Query, RowSet, Vectors};

/// Among which rows is searched.
#[derive(Clone, Copy)]
pub struct Among<'a> {
    /// How many rows pass, at most.
    pub most: usize,
    /// The rows that pass, if they are known: then so many pass, and it costs next to nothing to ask.
    pub known: Option<&'a RowSet>,
    /// Fills in for each of some rows whether it passes.
    pub passes: &'a (dyn Fn(&[u32], &mut Vec<bool>) + Sync),
}

/// Rows of nodes, and which of them pass.
#[derive(Default)]
pub(super) struct Asked {
    rows: Vec<u32>,
    /// Where the rows of each node end.
    ends: Vec<u32>,
    passes: Vec<bool>,
}

/// What it takes to score a row from its vector, in parts of what it takes to look at a node: so much, and
/// so much for each value (measured).
const ROW_COST: (f64, f64) = (0.04, 0.0002);
/// What it takes to ask whether a row passes, when all are asked, in the same measure.
const ASK_COST: f64 = 0.01;
/// Nodes that a walk may look at in any case.
const LEAST_BUDGET: usize = 256;
/// Which share of the rows is taken to pass where nobody knows, and from which on most do: a walk among all rows
/// then comes across enough of them.
const UNKNOWN_SHARE: f64 = 0.75;
const MOST: f64 = 0.5;
/// How many fewer of the rows that it came across may pass: where they are fewer, others are further away than it
/// has looked.
const FEWER: f64 = 0.8;
/// How much wider walks among all rows go on through nodes that pass.
const ONWARD: usize = 2;
/// How much wider a walk among some rows goes on where codes do not tell nodes apart.
const WIDER_AMONG: usize = 3;

impl Graph<'_> {
    /// As [`Graph::search`], among the rows that pass. False if a scan of these is the better way, or if a
    /// walk did not find `k` of them in the time of the scan: then only the scan can tell what there is.
    /// What passes is asked of rows that the walk comes across, in blocks.
    pub fn search_among(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        among: &Among,
        scratch: &mut Scratch,
        out: &mut Vec<Hit>,
    ) -> bool {
        if let Some((width, reach)) = self.width_of_most(vectors, query, ef, among) {
            let Scratch { walk, probe, .. } = &mut *scratch;
            self.encode(query, probe);
            walk.run(&self.field(), probe, width, reach);
            let one = std::slice::from_mut(scratch);
            let [enough, ..] = self.settle_among(&[*query], |_| ef, among, one);
            return self.finish_among(vectors, query, ef, among, (enough, scratch), out);
        }
        out.clear();
        if query.k == 0 || !query.fits(vectors) {
            return true;
        }
        self.fits(vectors)
            && self.walks_among(query.k, ef, among.most)
            && self.walk_among(query, ef, among, false, scratch)
            && score(vectors, query, scratch, out)
    }

    /// How many nodes a walk among all rows keeps and expands that finds enough of those that pass, if such a
    /// walk is tried: where most pass it is as fast as a search that leaves out nothing.
    pub(super) fn width_of_most(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        among: &Among,
    ) -> Option<(usize, usize)> {
        let share = self.share(among);
        let sound = query.k > 0 && query.fits(vectors) && self.fits(vectors) && !self.is_empty();
        if share < MOST || !sound || !self.walks_among(query.k, ef, among.most) {
            return None;
        }
        let wanted = wanted(query.k) as f64;
        let deviations = 2.0 * (wanted * (1.0 - share)).sqrt();
        let more = ((wanted + deviations) / share - wanted).ceil() as usize;
        let (width, reach) = self.width(query, ef);
        let nodes = self.nodes();
        Some(((width + more).min(nodes), (reach + more).min(nodes)))
    }

    /// Which share of the rows passes, as far as that is known.
    fn share(&self, among: &Among) -> f64 {
        match among.known.is_some() {
            true => (among.most as f64 / self.len().max(1) as f64).min(1.0),
            false => UNKNOWN_SHARE,
        }
    }

    /// Leaves the rows that pass of what walks among all rows found in the scratches; whether they are enough.
    /// Where they are too few and it is known what passes, walks go on through nodes with a row that does: where a
    /// query is in the middle of rows that do not pass, their nodes would lead to more of the kind.
    pub(super) fn settle_among(
        &self,
        queries: &[Query],
        ef: impl Fn(usize) -> usize,
        among: &Among,
        scratches: &mut [Scratch],
    ) -> [bool; LANES] {
        let mut enough = [true; LANES];
        for ((query, scratch), enough) in queries.iter().zip(&mut *scratches).zip(&mut enough) {
            let is_all = scratch.walk.pool.len() == self.nodes();
            *enough = self.has_enough(query, among, is_all, scratch)
                && scratch.asked.share() >= FEWER * self.share(among);
        }
        let Some(known) = among.known else {
            return enough;
        };
        let lanes = queries.iter().zip(&mut *scratches).zip(&enough);
        let (short, mut lanes): (Vec<&Query>, Vec<Lane>) = lanes
            .filter(|(_, enough)| !**enough)
            .map(|((query, scratch), _)| {
                let width = ONWARD * self.width(query, ef(query.k)).0;
                let (walk, probe) = (&mut scratch.walk, &scratch.probe);
                (query, Lane { walk, probe, width, reach: width })
            })
            .unzip();
        go_on_together(&self.field(), &mut lanes, |lane, node| {
            let mut rows = self.rows_of(node).0.iter();
            rows.any(|&row| known.has(row) & !short[lane].excludes(row))
        });
        for ((query, scratch), enough) in queries.iter().zip(scratches).zip(&mut enough) {
            *enough = *enough || self.has_enough(query, among, false, scratch);
        }
        enough
    }

    /// Leaves the rows that pass of the pool in the scratch; whether they are enough.
    fn has_enough(
        &self,
        query: &Query,
        among: &Among,
        is_all: bool,
        scratch: &mut Scratch,
    ) -> bool {
        self.collect_passing(query, among, is_all, scratch) == Found::Enough
            && scratch.rows.len() >= wanted(query.k)
    }

    /// What a query finds among the rows that pass whose walk among all rows is done: where that is not enough, as
    /// [`Graph::search_among`] says.
    pub(super) fn finish_among(
        &self,
        vectors: &Vectors,
        query: &Query,
        ef: usize,
        among: &Among,
        (enough, scratch): (bool, &mut Scratch),
        out: &mut Vec<Hit>,
    ) -> bool {
        out.clear();
        let found = enough || self.walk_among(query, ef, among, true, scratch);
        found && score(vectors, query, scratch, out)
    }

    /// Whether a search for `k` among `passing` rows better walks than scans them, if they are spread
    /// evenly: a walk looks at so many nodes that enough of them pass. Of two that take about as long the
    /// scan is better, as it misses nothing.
    fn walks_among(&self, k: usize, ef: usize, passing: usize) -> bool {
        self.is_cheaper(self.width_among(k, ef, passing), passing)
    }

    /// Whether a walk that keeps `width` of the rows that pass takes less time than their scan.
    fn is_cheaper(&self, width: usize, passing: usize) -> bool {
        let looks = width as f64 * self.len() as f64 / passing.max(1) as f64;
        1.5 * looks < self.row_cost() * passing as f64
    }

    /// How many rows that pass a walk keeps. Where few do they lie in many places, and of a place between
    /// which and the others nothing is near a narrow walk never hears.
    fn width_among(&self, k: usize, ef: usize, passing: usize) -> usize {
        let width = ef.max(wanted(k));
        match passing < self.len() / 4 {
            true => 2 * width,
            false => width,
        }
    }

    fn row_cost(&self) -> f64 {
        ROW_COST.0 + ROW_COST.1 * self.image().quantizer.dim as f64
    }

    /// Most nodes that a walk looks at: as many as take twice the time of the scan, or where it is not
    /// known what passes, the time to find out.
    fn budget(&self, among: &Among) -> usize {
        let each = if among.known.is_some() { 2.0 * self.row_cost() } else { ASK_COST };
        (each * among.most as f64) as usize + LEAST_BUDGET
    }

    /// A walk that `goes_on` begins where the one before has been.
    fn walk_among(
        &self,
        query: &Query,
        ef: usize,
        among: &Among,
        mut goes_on: bool,
        scratch: &mut Scratch,
    ) -> bool {
        let mut width = self.width_among(query.k, ef, among.most);
        let budget = self.budget(among);
        self.encode(query, &mut scratch.probe);
        loop {
            let Scratch { walk, probe, asked, .. } = &mut *scratch;
            let mut keep = |nodes: &[u32], kept: &mut Vec<bool>| {
                self.ask(query, among, nodes, asked);
                kept.clear();
                kept.extend((0..nodes.len()).map(|node| asked.passing(node).next().is_some()));
            };
            if !walk.run_among(&self.field(), probe, width, budget, goes_on, &mut keep) {
                return false;
            }
            // a walk that ended by itself with room left over lacks nothing
            let is_all = walk.pool.len() < width;
            let found = self.collect_passing(query, among, is_all, scratch);
            width = width.saturating_mul(WIDER_AMONG);
            goes_on = true;
            if found != Found::Open || width > MOST_WIDTH || !self.is_cheaper(width, among.most) {
                return found == Found::Enough && scratch.rows.len() >= query.k;
            }
        }
    }

    /// As [`Graph::collect`], of the rows that pass.
    fn collect_passing(
        &self,
        query: &Query,
        among: &Among,
        is_all: bool,
        scratch: &mut Scratch,
    ) -> Found {
        let Scratch { walk, probe, rows, asked, .. } = scratch;
        let nodes: Vec<u32> = walk.pool.nodes().collect();
        self.ask(query, among, &nodes, asked);
        let add = |place: usize, node: u32, rows: &mut Vec<u32>| {
            let most = self.most_rows(query, node);
            rows.extend(asked.passing(place).take(most));
        };
        self.collect(query.k, is_all, &walk.pool, probe, rows, add)
    }

    /// Which rows of the nodes the query may find.
    fn ask(&self, query: &Query, among: &Among, nodes: &[u32], asked: &mut Asked) {
        asked.rows.clear();
        asked.ends.clear();
        for &node in nodes {
            let rows = self.rows_of(node).0.iter().copied();
            asked.rows.extend(rows.filter(|&row| !query.excludes(row)));
            asked.ends.push(asked.rows.len() as u32);
        }
        (among.passes)(&asked.rows, &mut asked.passes);
    }
}

impl Asked {
    /// Which share of the rows passes.
    fn share(&self) -> f64 {
        let passing = self.passes.iter().filter(|passes| **passes).count();
        passing as f64 / self.passes.len().max(1) as f64
    }

    /// The rows of the node at a place that pass.
    fn passing(&self, place: usize) -> impl Iterator<Item = u32> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start as usize..self.ends[place] as usize;
        let rows = self.rows[range.clone()].iter().zip(&self.passes[range]);
        rows.filter(|(_, passes)| **passes).map(|(&row, _)| row)
    }
}
