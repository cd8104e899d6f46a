//! Links that are merged as they are stored.

use super::Walk;
use super::reach::{BLOCK, Reach, TOGETHER};
use crate::expr::eval::of_all;
use crate::expr::reads::End;
use crate::ops::bind::Quantity;
use crate::ops::kit::fanout::Merging;
use crate::ops::{Followed, Planning, RunError};
use crate::store::Adjacency;
use std::ops::Range;
use std::sync::Arc;

/// How many links there are at least for each entity of a table before all of these get their weight.
const SHARED: usize = 2;

impl<'a> Reach<'_, 'a> {
    /// The walk, if its links can be merged as they stand.
    pub(super) fn straight(&self) -> Option<Straight<'_, 'a>> {
        let (walk, run) = (self.walk, self.exec.run);
        let adjacency = self.adjacency?;
        let all_visible = run.all_see(adjacency.latest);
        if !all_visible || !self.sets.is_empty() || walk.edge.is_one_to_many() {
            return None;
        }
        let most = |request: usize| usize::try_from(self.limits[request]).unwrap_or(usize::MAX);
        let links = |request: usize| {
            let ids = self.input.ids[self.input.range(request)].iter();
            ids.map(|&id| adjacency.range(id).len().min(most(request))).sum()
        };
        let links: Vec<usize> = (0..self.input.requests()).map(links).collect();
        let weights = match (&walk.weight, adjacency.weight) {
            (Some(weight), _) => {
                let rows = run.snapshot.schema().entity(walk.edge.to).rows as usize;
                let worth = links.iter().sum::<usize>() >= SHARED * rows;
                let of_all = || of_all(run, weight, End::To, rows);
                Weights::OfEnd(worth.then(of_all).flatten()?)
            }
            // a link without a weight does not count, so those behind it may be among the first
            (None, Some(weight)) => {
                let all = matches!(walk.limit, Quantity::All | Quantity::AutoAll);
                all.then_some(Weights::Stored(weight))?
            }
            (None, None) => Weights::One,
        };
        Some(Straight { reach: self, adjacency, links, weights })
    }
}

/// A walk whose links are merged as they are stored, without a copy: the first of each row, all visible.
pub(super) struct Straight<'r, 'a> {
    reach: &'r Reach<'r, 'a>,
    adjacency: Adjacency<'a>,
    /// Of each request, at most.
    links: Vec<usize>,
    weights: Weights<'a>,
}

/// The weights of links; one that is null does not count.
enum Weights<'a> {
    One,
    /// By place of the link.
    Stored(&'a [f64]),
    /// By the entity that is reached.
    OfEnd(Arc<[f64]>),
}

impl Straight<'_, '_> {
    pub(super) fn merge(&self, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        (0..self.links.len()).try_for_each(|request| self.request(request, merging))
    }

    fn request(&self, request: usize, merging: &mut Merging<Walk>) -> Result<(), RunError> {
        let Reach { walk, exec, input, .. } = *self.reach;
        let limit = usize::try_from(self.reach.limits[request]).unwrap_or(usize::MAX);
        let auto = walk.auto();
        let mut followed = Followed::default();
        let alike = matches!(self.weights, Weights::One) && input.range(request).len() == 1;
        merging.begin(self.links[request], alike)?;
        let (mut pieces, mut links) = (Vec::with_capacity(BLOCK), 0);
        for parent in input.range(request) {
            let mut range = self.adjacency.range(input.ids[parent]);
            range.end = range.end.min(range.start.saturating_add(limit));
            followed.reached |= auto.is_some_and(|auto| range.len() as u64 >= auto);
            while !range.is_empty() {
                let piece = range.start..range.end.min(range.start + TOGETHER - links);
                (range.start, links) = (piece.end, links + piece.len());
                pieces.push((parent as u32, piece));
                if links == TOGETHER || pieces.len() == BLOCK {
                    followed.contributions += self.fold(&mut pieces, links, merging)?;
                    exec.check("walk", followed.contributions)?;
                    links = 0;
                }
            }
        }
        followed.contributions += self.fold(&mut pieces, links, merging)?;
        exec.check("walk", followed.contributions)?;
        merging.end(request, followed)
    }

    /// Merges pieces of the stored links, each of a parent; forgets them.
    fn fold(
        &self,
        pieces: &mut Vec<(u32, Range<usize>)>,
        links: usize,
        merging: &mut Merging<Walk>,
    ) -> Result<u64, RunError> {
        let (targets, scores) = (self.adjacency.target, &self.reach.input.scores);
        let pieces = pieces.drain(..).map(|(parent, piece)| {
            let score = scores[parent as usize];
            (parent, score, piece)
        });
        match &self.weights {
            Weights::One => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    targets[piece].iter().map(move |&to| (to, parent, score))
                };
                merging.fold(links, pieces.flat_map(each))
            }
            Weights::Stored(weights) => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    let links = targets[piece.clone()].iter().zip(&weights[piece]);
                    let known = links.filter(|(_, weight)| !weight.is_nan());
                    known.map(move |(&to, weight)| (to, parent, score * weight))
                };
                merging.fold(links, pieces.flat_map(each))
            }
            Weights::OfEnd(weights) => {
                let each = |(parent, score, piece): (u32, f64, Range<usize>)| {
                    let links = targets[piece].iter().map(|&to| (to, weights[to as usize]));
                    let known = links.filter(|(_, weight)| !weight.is_nan());
                    known.map(move |(to, weight)| (to, parent, score * weight))
                };
                merging.fold(links, pieces.flat_map(each))
            }
        }
    }
}
