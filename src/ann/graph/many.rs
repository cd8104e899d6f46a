//! Several searches of one thread in turns.

use super::search::{Graph, Scratch};
use super::walk::{LANES, Lane, run_together};
use crate::ann::{Among, Hit, Query, Vectors};

impl Graph<'_> {
    /// What [`Graph::search`] finds for each query, `ef` from its `k`; faster where the graph does not fit
    /// into the cache. `scratches` grows as needed, and is used again. Once `is_due` says so, nothing is found.
    pub fn search_many(
        &self,
        vectors: &Vectors,
        queries: &[Query],
        ef: impl Fn(usize) -> usize,
        scratches: &mut Vec<Scratch>,
        is_due: &dyn Fn() -> bool,
    ) -> Vec<Vec<Hit>> {
        let lanes = LANES.min(queries.len());
        if scratches.len() < lanes {
            scratches.resize_with(lanes, Scratch::default);
        }
        let mut found = Vec::with_capacity(queries.len());
        for queries in queries.chunks(LANES) {
            if is_due() {
                found.resize(found.len() + queries.len(), Vec::new());
                continue;
            }
            let sound = self.fits(vectors) && queries.iter().all(|q| q.k > 0 && q.fits(vectors));
            if sound && !self.is_empty() {
                let width = |query: &Query| self.width(query, ef(query.k));
                self.walk_together(queries, width, scratches);
            }
            for (query, scratch) in queries.iter().zip(scratches.iter_mut()) {
                let mut hits = Vec::new();
                match sound && !self.is_empty() {
                    true => self.finish(vectors, query, ef(query.k), scratch, &mut hits),
                    false => self.search(vectors, query, ef(query.k), scratch, &mut hits),
                }
                found.push(hits);
            }
        }
        found
    }

    /// What [`Graph::search_among`] finds for each query, none where only the scan can tell; as
    /// [`Graph::search_many`] otherwise.
    pub fn search_many_among(
        &self,
        vectors: &Vectors,
        queries: &[Query],
        ef: impl Fn(usize) -> usize,
        among: &Among,
        scratches: &mut Vec<Scratch>,
        is_due: &dyn Fn() -> bool,
    ) -> Vec<Option<Vec<Hit>>> {
        let lanes = LANES.min(queries.len());
        if scratches.len() < lanes {
            scratches.resize_with(lanes, Scratch::default);
        }
        let mut found = Vec::with_capacity(queries.len());
        for queries in queries.chunks(LANES) {
            if is_due() {
                found.resize(found.len() + queries.len(), Some(Vec::new()));
                continue;
            }
            let width = |query: &Query| self.width_of_most(vectors, query, ef(query.k), among);
            let widths: Option<Vec<_>> = queries.iter().map(width).collect();
            let enough = widths.map(|widths| {
                let mut widths = widths.into_iter();
                self.walk_together(queries, |_| widths.next().unwrap_or_default(), scratches);
                self.settle_among(queries, &ef, among, scratches)
            });
            for (place, (query, scratch)) in queries.iter().zip(scratches.iter_mut()).enumerate() {
                let (ef, mut hits) = (ef(query.k), Vec::new());
                let is_found = match enough {
                    // a walk among few takes long enough to ask again
                    _ if is_due() => true,
                    Some(enough) => {
                        let walked = (enough[place], scratch);
                        self.finish_among(vectors, query, ef, among, walked, &mut hits)
                    }
                    None => self.search_among(vectors, query, ef, among, scratch, &mut hits),
                };
                found.push(is_found.then_some(hits));
            }
        }
        found
    }

    fn walk_together(
        &self,
        queries: &[Query],
        mut width: impl FnMut(&Query) -> (usize, usize),
        scratches: &mut [Scratch],
    ) {
        let mut lanes = Vec::with_capacity(LANES);
        for (query, scratch) in queries.iter().zip(scratches) {
            self.encode(query, &mut scratch.probe);
            let (width, reach) = width(query);
            lanes.push(Lane { walk: &mut scratch.walk, probe: &scratch.probe, width, reach });
        }
        run_together(&self.field(), &mut lanes);
    }
}
