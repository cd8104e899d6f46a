//! Neighbours that are read from lists instead of searched.

use crate::ann::{Hit, Near};
use crate::batch::{Held, RowBatch};
use crate::ops::kit::allowed::Allowed;
use crate::ops::kit::fanout::Contributions;

/// Rows whose lists are on their way while one is read.
pub const AHEAD: usize = 4;

/// Neighbours of rows, one row after the other.
#[derive(Default)]
pub struct Read {
    /// Of each row of the input, the end of its neighbours.
    ends: Vec<u32>,
    ids: Vec<u32>,
    weights: Vec<f64>,
    /// Of each row of the input: 1 if what was found ahead is too little.
    pub is_short: Vec<u8>,
    passes: Vec<bool>,
}

impl Read {
    /// The first `k` neighbours of a row that are similar enough and allowed.
    pub fn add(&mut self, near: Near, k: u64, least: Option<f64>, allowed: Option<&Allowed>) {
        let similar = least.map_or(0..near.rows.len(), |least| near.at_least(least));
        let is_all = near.is_all || similar.len() < near.rows.len();
        let k = usize::try_from(k).unwrap_or(usize::MAX);
        let before = self.ids.len();
        match allowed {
            None => self.take(&near, similar.take(k)),
            Some(allowed) => {
                let mut passes = std::mem::take(&mut self.passes);
                allowed.passes(&near.rows[similar.clone()], &mut passes);
                self.take(&near, similar.filter(|&place| passes[place]).take(k));
                self.passes = passes;
            }
        }
        let is_short = self.ids.len() - before < k && !is_all;
        if is_short {
            self.ids.truncate(before);
            self.weights.truncate(before);
        }
        self.is_short.push(u8::from(is_short));
        self.ends.push(self.ids.len() as u32);
    }

    fn take(&mut self, near: &Near, places: impl Iterator<Item = usize>) {
        for place in places {
            self.ids.push(near.rows[place]);
            self.weights.push(near.similarity(place));
        }
    }

    /// How many rows were looked at.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many neighbours there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Makes room for more, charged first; false if they are too many.
    pub fn reserve(&mut self, held: &mut Held, more: usize) -> bool {
        held.reserve(&mut self.ids, more) && held.reserve(&mut self.weights, more)
    }

    pub fn contributions(self, input: &RowBatch) -> Contributions {
        let mut parents = vec![0; self.ids.len()];
        let mut start = 0;
        for (row, &end) in self.ends.iter().enumerate() {
            parents[start..end as usize].fill(row as u32);
            start = end as usize;
        }
        let end = |&row: &u32| (row as usize).checked_sub(1).map_or(0, |last| self.ends[last]);
        Contributions {
            offsets: input.offsets.iter().map(end).collect(),
            parents,
            ids: self.ids,
            weights: self.weights,
            distinct: false,
        }
    }

    /// The same with what was searched for the rows that are short, in their order.
    pub fn with<'h>(
        self,
        input: &RowBatch,
        mut searched: impl Iterator<Item = &'h [Hit]>,
    ) -> Contributions {
        let mut whole = Read::default();
        let mut start = 0;
        for (&end, &is_short) in self.ends.iter().zip(&self.is_short) {
            let range = start..end as usize;
            whole.ids.extend(&self.ids[range.clone()]);
            whole.weights.extend(&self.weights[range]);
            let hits = (is_short == 1).then(|| searched.next()).flatten();
            for hit in hits.unwrap_or_default() {
                whole.ids.push(hit.row);
                whole.weights.push(hit.similarity);
            }
            whole.ends.push(whole.ids.len() as u32);
            start = end as usize;
        }
        whole.contributions(input)
    }
}
