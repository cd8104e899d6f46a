//! What some metrics know of rows beside the truth: how many users had them before, and their vectors.

use super::links::UserLinks;
use crate::engine::{Engine, Program};
use crate::store::{Snapshot, VectorsView};
use crate::types::{EntityId, NULL_INT};

/// When users first had a link to each row.
#[derive(Debug, Default)]
pub struct Popularity {
    /// By row, the times of its users, in order.
    first: Vec<Vec<i64>>,
    /// When users become visible, in order.
    users: Vec<i64>,
}

impl Popularity {
    /// Of the rows of an entity, over the links of all users.
    pub fn of(links: &UserLinks, snapshot: &Snapshot, entity: EntityId) -> Popularity {
        let schema = snapshot.schema();
        let mut first = vec![Vec::new(); schema.entity(entity).rows as usize];
        for user in 0..links.users() {
            let mut own: Vec<(u32, i64)> =
                links.of(user).iter().map(|link| (link.to, link.time)).collect();
            own.sort_unstable();
            own.dedup_by_key(|(row, _)| *row);
            own.into_iter().for_each(|(row, time)| first[row as usize].push(time));
        }
        first.iter_mut().for_each(|times| times.sort_unstable());
        let viewers = schema.entity(schema.viewer).rows as usize;
        let times = snapshot.times(schema.viewer).map(<[i64]>::to_vec);
        // who has no time was always there
        let mut users = times.unwrap_or_else(|| vec![NULL_INT; viewers]);
        users.sort_unstable();
        Popularity { first, users }
    }

    /// `-log2` of the share of users who had a link to a row by then, each count raised by one.
    pub fn surprise(&self, row: u32, time: i64) -> f64 {
        let until = |times: &[i64]| times.partition_point(|&t| t <= time) as f64;
        let had = self.first.get(row as usize).map_or(0.0, |times| until(times));
        -((had + 1.0) / (until(&self.users) + 1.0)).log2()
    }
}

/// The vectors of the embedding `default`.
#[derive(Default)]
pub struct DefaultVectors<'a>(Option<VectorsView<'a>>);

impl<'a> DefaultVectors<'a> {
    pub fn of(engine: &'a Engine, program: &Program, entity: EntityId) -> DefaultVectors<'a> {
        let embedding = engine.default_embedding(program, entity);
        DefaultVectors(embedding.and_then(|number| engine.snapshot().vectors(number, entity)))
    }

    /// Whether there are any.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The cosine of the vectors of two rows, in 64-bit; none where one has none, or its length is 0.
    pub fn cosine(&self, a: u32, b: u32) -> Option<f64> {
        let view = self.0.as_ref()?;
        let (left, right) = (view.get(a)?, view.get(b)?);
        let dot = |x: &[f32], y: &[f32]| -> f64 {
            x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        let length = (dot(&left, &left) * dot(&right, &right)).sqrt();
        (length > 0.0).then(|| dot(&left, &right) / length)
    }
}
