//! The vectors that searches start from: stored ones, and of the viewer the one that is found when a request is made.

use crate::ann::Vectors;
use crate::batch::Column;
use crate::expr::value::Val;
use crate::expr::{Expr, Frame, Run};
use crate::types::Floats;
use std::borrow::Cow;

/// The vectors of rows of an entity.
pub struct Own<'r, 'a> {
    run: &'r Run<'r>,
    pub stored: &'r Vectors<'a>,
    /// Of the viewer of each request, where these are not stored.
    viewers: Option<Column>,
}

impl<'r, 'a> Own<'r, 'a> {
    pub fn new(run: &'r Run, stored: &'r Vectors<'a>, viewer: Option<&Expr>) -> Own<'r, 'a> {
        let viewers = viewer.map(|viewer| Frame::requests(run).column(viewer));
        Own { run, stored, viewers }
    }

    /// Whether it is a vector that belongs to the request.
    pub fn is_found(&self, request: usize, id: u32) -> bool {
        self.viewers.is_some() && self.run.viewers[request] == id
    }

    /// The vector of a row.
    pub fn get(&self, request: usize, id: u32) -> Option<Cow<'a, [f32]>> {
        match self.viewers.as_ref().filter(|_| self.run.viewers[request] == id).map(Val::borrow) {
            Some(Val::Vector(slots, numbers)) => {
                numbers.at(slots.get(request)).map(|vector| vector.to_vec().into())
            }
            _ => self.stored.get(id),
        }
    }

    /// The vectors of rows by their places, if the viewer is one of them and has one of its own.
    pub fn with_viewer(&self, request: usize, ids: &[u32]) -> Option<Gathered> {
        let is_there = ids.iter().any(|&id| self.is_found(request, id));
        is_there.then(|| {
            let (dim, metric) = (self.stored.dim, self.stored.metric);
            let mut numbers = vec![0.0; ids.len() * dim];
            let mut present = vec![0u64; ids.len().div_ceil(64)];
            for (place, (&id, to)) in ids.iter().zip(numbers.chunks_exact_mut(dim)).enumerate() {
                if let Some(vector) = self.get(request, id) {
                    to.copy_from_slice(&vector);
                    present[place / 64] |= 1 << (place % 64);
                }
            }
            Gathered { numbers, present, dim, metric }
        })
    }
}

/// Vectors of some rows.
pub struct Gathered {
    numbers: Vec<f32>,
    present: Vec<u64>,
    dim: usize,
    metric: crate::ann::Metric,
}

impl Gathered {
    /// As they are compared.
    pub fn vectors(&self) -> Vectors<'_> {
        let (dim, metric) = (self.dim, self.metric);
        Vectors { data: Floats::Single(&self.numbers), dim, metric, present: Some(&self.present) }
    }
}
