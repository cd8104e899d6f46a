//! Candidate sets of many requests at once.

use super::Column;

/// An ordered list of rows per request, columns over all of them.
///
/// Request `r` has the rows `offsets[r]..offsets[r + 1]`, in order; each entity at most once.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// One more than there are requests; the first is 0.
    pub offsets: Vec<u32>,
    /// Row numbers of the entity's table.
    pub ids: Vec<u32>,
    /// NaN is null.
    pub scores: Vec<f64>,
    /// The bound columns, in the order of the node's shape.
    pub columns: Vec<Column>,
}

impl Rows {
    /// No rows for each of `requests` requests, with no columns.
    pub fn empty(requests: usize) -> Rows {
        Rows {
            offsets: vec![0; requests + 1],
            ..Rows::default()
        }
    }

    pub fn requests(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows of a request.
    pub fn range(&self, request: usize) -> std::ops::Range<usize> {
        self.offsets[request] as usize..self.offsets[request + 1] as usize
    }

    /// The request of every row.
    pub fn owners(&self) -> Vec<u32> {
        let mut owners = Vec::with_capacity(self.len());
        for r in 0..self.requests() {
            owners.resize(self.offsets[r + 1] as usize, r as u32);
        }
        owners
    }

    /// The rows at `places`, which are grouped by request as `offsets` says.
    pub fn select(&self, offsets: Vec<u32>, places: &[u32]) -> Rows {
        Rows {
            offsets,
            ids: places.iter().map(|&p| self.ids[p as usize]).collect(),
            scores: places.iter().map(|&p| self.scores[p as usize]).collect(),
            columns: self.columns.iter().map(|c| c.gather(places)).collect(),
        }
    }

    /// The rows for which `keep` is 1, in their order.
    pub fn retain(&self, keep: &[u8]) -> Rows {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        let mut places = Vec::with_capacity(self.len());
        offsets.push(0);
        for r in 0..self.requests() {
            places.extend(self.range(r).filter(|&i| keep[i] == 1).map(|i| i as u32));
            offsets.push(places.len() as u32);
        }
        self.select(offsets, &places)
    }

    /// Each request's rows in the order of `compare`, which is given places.
    pub fn sorted_by(&self, mut compare: impl FnMut(u32, u32) -> std::cmp::Ordering) -> Rows {
        let mut places: Vec<u32> = (0..self.len() as u32).collect();
        for r in 0..self.requests() {
            places[self.range(r)].sort_unstable_by(|&a, &b| compare(a, b));
        }
        self.select(self.offsets.clone(), &places)
    }

    /// By score: descending, null last, ties to the entity that stands earlier in its table.
    pub fn sorted_by_score(&self) -> Rows {
        self.sorted_by(|a, b| {
            let (a, b) = (a as usize, b as usize);
            by_score((self.scores[a], self.ids[a]), (self.scores[b], self.ids[b]))
        })
    }
}

/// The order of two rows by score: descending, null last, ties to the smaller id.
#[inline]
pub fn by_score(a: (f64, u32), b: (f64, u32)) -> std::cmp::Ordering {
    descending(a.0, b.0).then(a.1.cmp(&b.1))
}

/// Descending, null last; both zeros are equal.
#[inline]
pub fn descending(a: f64, b: f64) -> std::cmp::Ordering {
    b.partial_cmp(&a)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
